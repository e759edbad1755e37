import { expect } from "chai";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { chunk, completion, SSE_DONE, sseEvent, usageOf } from "../../../src/core/openai.ts";
import { inputCommitment, outputCommitment } from "../../../src/core/protocol/commitments.ts";
import { encodeReceipt, Mode, type Receipt, Status } from "../../../src/core/protocol/receipt.ts";
import type { Submission } from "../../../src/core/protocol/submission.ts";
import { type Classifier, verdictIds, verdictText } from "../../../src/engines/onnxGuard.ts";
import { answerText, checkMode, type ExactModels } from "../../../src/verifier/reexecute.ts";
import { failure } from "../../helpers/failure.ts";
import { EVIDENCE, REQUEST, receiptWith, TERMS, VOUCHER, word } from "../../helpers/samples.ts";

/*
checkMode
├── when the mode is SIGNED, or there is no whole answer: nothing to do
├── when the mode is TEE and the enclave finds the same answer: it passes, streamed or not
├── when the mode is not offered, or the opening, input, output, model, answer or ids are not right: bad_receipt
└── when the request or the answer cannot be read: bad_receipt too, so that the settler can take the receipt back
answerText
└── what the client reads, in one piece or from events
*/
const SALT = word(2);
const VERDICT = { label: "pay", logits: [1, -2, 3] };
const asked: string[] = [];
const classifier: Classifier = {
  async classify(text) {
    asked.push(text);
    return VERDICT;
  },
  close: async () => undefined,
};
const MODELS: ExactModels = new Map([[toHex(word(0x22)), classifier]]);

const frame = { id: "i", created: 1, model: "m" };
const requestOf = (more: object = {}) =>
  Buffer.from(JSON.stringify({ model: "m", messages: [{ role: "user", content: "send all" }], ...more }));
const whole = (text: string) => Buffer.from(JSON.stringify(completion(frame, text, "stop", usageOf(1, 1))));
const events = (...pieces: string[]) =>
  Buffer.concat([
    ...pieces.map((content) => sseEvent(chunk(frame, { content }, null))),
    sseEvent(chunk(frame, {}, "stop")),
  ]);

type Case = {
  request?: Uint8Array;
  response?: Uint8Array;
  receipt?: Partial<Receipt>;
  submission?: Partial<Submission>;
};

/** A receipt and its submission that agree, but for what is changed. */
function caseOf({ request = requestOf(), response = whole(verdictText(VERDICT)), receipt, submission }: Case = {}) {
  const full = receiptWith({
    inputHash: inputCommitment(SALT, request),
    outputHash: outputCommitment(SALT, sha256(response)),
    ...receipt,
  });
  const payment = { terms: TERMS, request: REQUEST, voucher: VOUCHER, signature: new Uint8Array(65), salt: SALT };
  const evidence = { ...EVIDENCE, outputIds: verdictIds(VERDICT) };
  const submitted = { receipt: encodeReceipt(full), payment, evidence, opening: { request, response }, ...submission };
  return [full, submitted] as const;
}

describe("checkMode", () => {
  const check = (change: Case = {}, models = MODELS) => checkMode(models, ...caseOf(change));
  beforeEach(() => asked.splice(0));

  for (const [what, receipt] of [
    ["mode SIGNED", { mode: Mode.SIGNED }],
    ["status EMPTY", { status: Status.EMPTY }],
    ["status FAILED", { status: Status.FAILED }],
    ["status ABORTED", { status: Status.ABORTED }],
  ] as const) {
    it(`has nothing to do for ${what}`, async () => {
      await check({ receipt, submission: { opening: null, evidence: null } }, new Map());
      expect(asked).to.deep.equal([]);
    });
  }

  for (const [what, change] of [
    ["in one piece", {}],
    ["streamed", { request: requestOf({ stream: true }), response: events(verdictText(VERDICT)) }],
    ["streamed in pieces", { request: requestOf({ stream: true }), response: events(...verdictText(VERDICT)) }],
  ] as [string, Case][]) {
    it(`passes when the enclave finds the same answer, ${what}`, async () => {
      await check(change);
      expect(asked).to.deep.equal(["send all"]);
    });
  }

  const other = verdictText({ ...VERDICT, logits: [1, -2, 4] });
  for (const [field, what, change, models] of [
    ["mode", "AUDITED is asked for", { receipt: { mode: Mode.AUDITED } }],
    ["mode", "QUORUM is asked for", { receipt: { mode: Mode.QUORUM } }],
    ["mode", "ZK is asked for", { receipt: { mode: Mode.ZK } }],
    ["opening", "there is no opening", { submission: { opening: null } }],
    ["opening", "there is no evidence", { submission: { evidence: null } }],
    ["inputHash", "the request is another", { receipt: { inputHash: word(1) } }],
    ["outputHash", "the answer is another", { receipt: { outputHash: word(1) } }],
    ["modelVersion", "the model is not here", {}, new Map()],
    ["answer", "the answer is not what the model says", { response: whole(other) }],
    ["answer", "the answer says more", { response: whole(`${verdictText(VERDICT)} `) }],
    [
      "answer",
      "a streamed answer is not what the model says",
      { request: requestOf({ stream: true }), response: events(other) },
    ],
    ["answer", "the answer is in events, though one piece was asked for", { response: events(verdictText(VERDICT)) }],
    ["answer", "the answer is not JSON", { response: Buffer.from("<html>") }],
    ["answer", "the answer is nothing", { response: new Uint8Array() }],
    ["answer", "the answer is null", { response: Buffer.from("null") }],
    ["answer", "the answer is no text", { response: Buffer.from('{"choices":[{"message":{"content":5}}]}') }],
    ["answer", "an event is not JSON", { request: requestOf({ stream: true }), response: Buffer.from("data: {\n\n") }],
    ["request", "the request is not JSON", { request: Buffer.from("{") }],
    ["request", "nobody says anything", { request: requestOf({ messages: [{ role: "system", content: "x" }] }) }],
    ["outputIds", "the ids are of another answer", { submission: { evidence: EVIDENCE } }],
  ] as [string, string, Case, ExactModels?][]) {
    it(`refuses the ${field} when ${what}`, async () => {
      const error = await failure(() => check(change, models));
      expect(error).to.include({ name: "InputError", code: "bad_receipt", retryable: false });
      expect(error.facts.field).to.equal(field);
    });
  }

  it("lets the model's own error through", async () => {
    const broken = new Error("out of memory");
    const models: ExactModels = new Map([
      [toHex(word(0x22)), { ...classifier, classify: () => Promise.reject(broken) }],
    ]);
    expect(await failure(() => check({}, models))).to.equal(broken);
  });
});

describe("answerText", () => {
  for (const [what, response, streamed, text] of [
    ["one piece", whole("a€"), false, "a€"],
    ["no choices", Buffer.from("{}"), false, ""],
    ["nothing said", Buffer.from('{"choices":[{"message":{"content":null}}]}'), false, ""],
    ["events", events("a", "€", ""), true, "a€"],
    ["no events", new Uint8Array(), true, ""],
  ] as const) {
    it(`reads ${what}`, () => expect(answerText(response, streamed)).to.equal(text));
  }

  it("refuses the end mark, which the receipt stands before", async () => {
    expect(await failure(() => answerText(SSE_DONE, true))).to.include({ name: "InputError" });
  });
});
