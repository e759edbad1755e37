import { expect } from "chai";
import type { RegisteredModel } from "../../../src/core/chain/models.ts";
import { type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { addressOf, publicKeyOf, secp256k1 } from "../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { outputCommitment } from "../../../src/core/protocol/commitments.ts";
import { typedDigest } from "../../../src/core/protocol/domain.ts";
import { buildTree, merklePath } from "../../../src/core/protocol/merkle.ts";
import {
  evidenceHash,
  type Request,
  requestHash,
  resultHash,
  type Window,
  windowHash,
} from "../../../src/core/protocol/messages.ts";
import { encodeReceipt, leafHasher, Mode, type Receipt, Status } from "../../../src/core/protocol/receipt.ts";
import {
  checkAgainstRequest,
  type HandedReceipt,
  ReceiptError,
  type VerifyContext,
  verifyReceipt,
} from "../../../src/sdk/verify.ts";
import { failure } from "../../helpers/failure.ts";
import { DOMAIN, EVIDENCE, word } from "../../helpers/samples.ts";

const [ENCLAVE, WORKER, STRANGER] = [sha256("enclave"), sha256("worker"), sha256("stranger")];
const addressOfKey = (key: Uint8Array) => addressOf(publicKeyOf(key));
const STARTED_MS = 1_790_000_000_000;
const SALT = word(0x51);
const DIGEST = sha256("the answer's bytes");
const REQUEST: Request = {
  modelVersion: word(0x22),
  inputHash: word(0x33),
  minMode: Mode.SIGNED,
  maxPriceNano: 1_000n,
  valueAtRiskNano: 5n,
  nonce: word(0x44),
};

/** What the registries say; a test changes it. */
const chain = {
  enclave: { node: 6, operator: 60 } as { node: number; operator: number } | undefined,
  enclaveThen: { node: 6, operator: 60 } as { node: number; operator: number } | undefined,
  worker: { node: 5, from: 1, until: 0 } as { node: number; from: number; until: number } | undefined,
  model: true,
};
const context: VerifyContext = {
  domain: DOMAIN,
  view: {
    teeKey: async (address) => (address === addressOfKey(ENCLAVE) ? chain.enclave : undefined),
    teeKeyAt: async (address) => (address === addressOfKey(ENCLAVE) ? chain.enclaveThen : undefined),
    nodeKey: async (address) => (address === addressOfKey(WORKER) ? chain.worker : undefined),
    model: async () =>
      chain.model ? ({ prices: { inputPriceNano: 0n, outputPriceNano: 10n } } as RegisteredModel) : undefined,
  },
};

type Change = {
  receipt?: Partial<Receipt>;
  window?: Partial<Window>;
  windowKey?: Uint8Array;
  workerKey?: Uint8Array;
  handed?: Partial<HandedReceipt>;
};

/** A receipt that holds, with something changed before it is signed. */
function handed({ receipt: changed, window: changedWindow, windowKey, workerKey, handed: last }: Change = {}) {
  const outputHash = outputCommitment(SALT, DIGEST);
  const { modelVersion, inputHash } = REQUEST;
  const result = {
    requestId: requestHash(REQUEST),
    modelVersion,
    inputHash,
    outputHash,
    traceRoot: EVIDENCE.traceRoot,
  };
  const workerSignature = secp256k1.sign(typedDigest(DOMAIN, resultHash(result)), workerKey ?? WORKER);
  const evidence = { ...EVIDENCE, workerSignature };
  const receipt = encodeReceipt({
    sequence: 7n,
    settler: 3,
    reservation: 9,
    worker: 5,
    verifier: 6,
    mode: Mode.SIGNED,
    status: Status.OK,
    priceNano: 340n,
    valueAtRiskNano: 5n,
    inputUnits: 12,
    outputUnits: 34,
    startedAtMs: STARTED_MS,
    firstOutputAtMs: STARTED_MS + 1,
    finishedAtMs: STARTED_MS + 2,
    spentNano: 340n,
    requestId: result.requestId,
    modelVersion,
    inputHash,
    outputHash,
    evidenceHash: evidenceHash(evidence),
    memoryRoot: new Uint8Array(32),
    ...changed,
  });
  const tree = buildTree([leafHasher(DOMAIN).ofEncoded(receipt), word(1), word(2)]);
  const window = { settler: 3, verifier: 6, root: tree.root, count: 3, signedAtMs: STARTED_MS, ...changedWindow };
  const signature = secp256k1.sign(typedDigest(DOMAIN, windowHash(window)), windowKey ?? ENCLAVE);
  return { receipt, path: merklePath(tree, 0), window, signature, evidence, ...last };
}

/*
verifyReceipt
├── when all holds: gives the fields
├── when it is not under the signed root, or the window is of others: not_in_window, wrong_window
├── when the window's key does not count: not_attested; for receipts of the past, its time counts
├── when worker, evidence, model or price do not hold: wrong_worker, wrong_evidence, unknown_model, too_dear
└── when a price is asked without a worker's signature: no_evidence
checkAgainstRequest
├── when any field is not what was asked for: wrong_request, with the field
└── when the bytes are others: wrong_output
*/
describe("verifyReceipt", () => {
  const standing = structuredClone(chain);
  afterEach(() => Object.assign(chain, structuredClone(standing)));

  it("gives the fields of a receipt that holds", async () => {
    const receipt = await verifyReceipt(context, handed());
    expect(receipt).to.include({ sequence: 7n, settler: 3, worker: 5, verifier: 6, priceNano: 340n });
  });

  for (const [what, code, change] of [
    ["another path", "not_in_window", { handed: { path: [word(1), word(3)] } }],
    ["too long a path", "not_in_window", { handed: { path: Array.from({ length: 41 }, () => word(1)) } }],
    ["a window of another verifier", "wrong_window", { window: { verifier: 8 } }],
    ["a window of another settler", "wrong_window", { window: { settler: 4 } }],
    ["a window by a key of nobody", "not_attested", { windowKey: STRANGER }],
    ["a malformed signature", "not_attested", { handed: { signature: new Uint8Array(65) } }],
    ["an answer by another worker's key", "wrong_worker", { workerKey: STRANGER }],
    ["another worker's name", "wrong_worker", { receipt: { worker: 4 } }],
    ["an answer that the worker did not sign", "wrong_worker", { receipt: { outputHash: word(0x77) } }],
    ["evidence that it does not commit to", "wrong_evidence", { receipt: { evidenceHash: word(0x77) } }],
    ["a price above the list", "too_dear", { receipt: { priceNano: 341n } }],
    ["a price for what failed", "too_dear", { receipt: { status: Status.FAILED } }],
    ["a price without a worker", "no_evidence", { handed: { evidence: null } }],
  ] as [string, string, Change][]) {
    it(`refuses ${what}`, async () => {
      const error = await failure(() => verifyReceipt(context, handed(change)));
      expect(error).to.be.instanceOf(ReceiptError);
      expect(error.code).to.equal(`receipt_${code}`);
    });
  }

  it("refuses a byte that was changed after it was signed", async () => {
    const whole = handed();
    const changed = { ...whole, receipt: Uint8Array.from(whole.receipt, (byte, i) => (i === 39 ? byte ^ 1 : byte)) };
    expect((await failure(() => verifyReceipt(context, changed))).code).to.equal("receipt_not_in_window");
  });

  it("takes a key that ended for receipts of the past only", async () => {
    chain.enclave = undefined;
    expect((await failure(() => verifyReceipt(context, handed()))).code).to.equal("receipt_not_attested");
    expect(await verifyReceipt(context, handed(), "signing")).to.include({ sequence: 7n });
    chain.enclaveThen = undefined;
    expect((await failure(() => verifyReceipt(context, handed(), "signing"))).code).to.equal("receipt_not_attested");
  });

  it("judges the worker's key by when the work began", async () => {
    const began = Math.floor(STARTED_MS / 1000);
    chain.worker = { node: 5, from: 1, until: began - 6 };
    expect((await failure(() => verifyReceipt(context, handed()))).code).to.equal("receipt_wrong_worker");
    chain.worker = { node: 5, from: 1, until: began };
    expect(await verifyReceipt(context, handed())).to.include({ worker: 5 });
  });

  it("refuses a model that is not registered", async () => {
    chain.model = false;
    expect((await failure(() => verifyReceipt(context, handed()))).code).to.equal("receipt_unknown_model");
  });

  it("takes a receipt of nothing without a worker", async () => {
    const nothing = { status: Status.ABORTED, priceNano: 0n, worker: 0, evidenceHash: new Uint8Array(32) };
    expect(await verifyReceipt(context, handed({ receipt: nothing, handed: { evidence: null } }))).to.include({
      priceNano: 0n,
    });
  });
});

describe("checkAgainstRequest", () => {
  const expected = { request: REQUEST, settler: 3, reservation: 9, output: { salt: SALT, digest: DIGEST } };

  for (const [field, change] of [
    ["requestId", { requestId: word(1) }],
    ["modelVersion", { modelVersion: word(1) }],
    ["inputHash", { inputHash: word(1) }],
    ["reservation", { reservation: 8 }],
    ["reservation", { settler: 4 }],
    ["price", { priceNano: 1_001n }],
    ["valueAtRisk", { valueAtRiskNano: 4n }],
  ] as [string, Partial<Receipt>][]) {
    it(`refuses another ${field}: ${Object.keys(change)[0]}`, async () => {
      const receipt = { ...(await verifyReceipt(context, handed())), ...change };
      const error = await failure(() => checkAgainstRequest(receipt, expected));
      expect([error.code, error.facts.field]).to.deep.equal(["receipt_wrong_request", field]);
    });
  }

  it("refuses a mode weaker than was asked for", async () => {
    const receipt = await verifyReceipt(context, handed());
    const request = { ...REQUEST, minMode: Mode.TEE };
    const asked = { ...receipt, requestId: requestHash(request) };
    const error = await failure(() => checkAgainstRequest(asked, { ...expected, request }));
    expect(error.facts.field).to.equal("mode");
  });

  it("refuses other bytes, and another salt", async () => {
    const receipt = await verifyReceipt(context, handed());
    checkAgainstRequest(receipt, expected);
    for (const output of [
      { salt: SALT, digest: sha256("other bytes") },
      { salt: word(0x52), digest: DIGEST },
    ]) {
      const error = await failure(() => checkAgainstRequest(receipt, { ...expected, output }));
      expect(error.code, toHex(output.digest as Uint8Array) as Hex).to.equal("receipt_wrong_output");
    }
  });
});
