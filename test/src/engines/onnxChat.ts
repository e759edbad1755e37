import { expect } from "chai";
import { keccak256, solidityPacked, ZeroHash } from "ethers";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { parseChatRequest } from "../../../src/core/openai.ts";
import type { ByteLm } from "../../../src/engines/byteLm.ts";
import type { DriverEnd, DriverEvent } from "../../../src/engines/driver.ts";
import { chatPrompt, onnxChat } from "../../../src/engines/onnxChat.ts";
import { failure } from "../../helpers/failure.ts";

/*
onnxChat
├── chatPrompt: `role: text` a line, then the role that answers
├── inputUnitsAtMost
│  ├── the bytes of the prompt, while one byte of output has room
│  └── when they do not fit: context_length_exceeded
└── run
   ├── gives what the model says, in one piece or as events, characters whole
   ├── asks for what the request wants, no more than is paid for, 256 unless told
   ├── stops at a stop text
   └── when the payer leaves: what was made so far
*/
const engine = { engine: "e", version: "1", imageDigest: ZeroHash, dtype: "f32", deviceClass: "cpu", determinism: "d" };

/** A model that says `says`, and notes what it was asked for. */
function modelOf(says: string) {
  const asked: { prompt: string; maxTokens: number; temperature: number; seed: bigint }[] = [];
  const model: ByteLm = {
    context: 64,
    async *generate(prompt, sampling) {
      asked.push({ prompt: Buffer.from(prompt).toString(), ...sampling });
      const tokens = [...Buffer.from(says)].slice(0, sampling.maxTokens);
      yield* tokens;
      return tokens.length === Buffer.byteLength(says) ? "stop" : "length";
    },
    close: async () => undefined,
  };
  return { model, asked };
}

const bodyOf = (more: object = {}, content = "hi") =>
  parseChatRequest(Buffer.from(JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...more })));

async function run(says: string, more: object = {}, maxOutputUnits = 1000, abortAfter = Number.POSITIVE_INFINITY) {
  const { model, asked } = modelOf(says);
  const abort = new AbortController();
  const request = { body: bodyOf(more), frame: { id: "i", created: 1, model: "m" }, maxOutputUnits, seed: 9n };
  const events: DriverEvent[] = [];
  if (abortAfter === 0) abort.abort();
  for await (const event of onnxChat(model, engine).run(request, abort.signal)) {
    events.push(event);
    if (events.length === abortAfter) abort.abort();
  }
  const end = events.pop() as DriverEnd;
  const bytes = events.map((event) => Buffer.from((event as { bytes: Uint8Array }).bytes).toString());
  const chunks = "stream" in more ? bytes.map((event) => JSON.parse(event.replace(/^data: /, "")).choices[0]) : [];
  return { bytes, chunks, end, asked: asked[0] as (typeof asked)[number] };
}

const idsOf = (text: string) => {
  const tokens = [...Buffer.from(text)];
  return keccak256(
    solidityPacked(
      tokens.map(() => "uint32"),
      tokens,
    ),
  );
};

describe("onnxChat", () => {
  it("chatPrompt is a line a message, then the role that answers", () => {
    const messages = [
      { role: "system", content: "Be ü." },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ];
    expect(Buffer.from(chatPrompt(bodyOf({ messages }))).toString()).to.equal("system: Be ü.\nuser: ab\nassistant: ");
  });

  describe("inputUnitsAtMost", () => {
    const units = (bytes: number) =>
      onnxChat(modelOf("").model, engine).inputUnitsAtMost(bodyOf({}, "x".repeat(bytes)));
    const around = "user: \nassistant: ".length;

    it("is the bytes of the prompt while one more has room", () => {
      expect(units(0)).to.equal(around);
      expect(units(63 - around)).to.equal(63);
    });

    for (const bytes of [64 - around, 10_000]) {
      it(`refuses ${bytes + around} bytes`, async () => {
        const error = await failure(() => units(bytes));
        expect(error).to.include({ name: "InputError", code: "context_length_exceeded" });
        expect(error.facts).to.deep.equal({ bytes: bytes + around, context: 64 });
      });
    }
  });

  describe("run", () => {
    it("answers in one piece", async () => {
      const { bytes, end } = await run("héllo");
      expect(bytes.length).to.equal(1);
      const answer = JSON.parse(bytes[0] as string);
      expect(answer.choices[0]).to.deep.equal({
        index: 0,
        message: { role: "assistant", content: "héllo" },
        finish_reason: "stop",
      });
      expect(answer.usage).to.deep.equal({ prompt_tokens: 20, completion_tokens: 6, total_tokens: 26 });
      expect(end).to.include({ finishReason: "stop", inputUnits: 20, outputUnits: 6, seed: 9n });
      expect(toHex(end.outputIds)).to.equal(idsOf("héllo"));
    });

    it("answers as events, each character whole", async () => {
      const { chunks, end } = await run("hé€", { stream: true });
      const deltas = chunks.map(({ delta }) => delta);
      const pieces = ["h", "é", "€"].map((content) => ({ content }));
      expect(deltas).to.deep.equal([{ role: "assistant", content: "" }, ...pieces, {}]);
      expect(chunks.at(-1).finish_reason).to.equal("stop");
      expect(end.outputUnits).to.equal(6);
    });

    it("gives a character that was cut as the mark for it", async () => {
      const { chunks, end } = await run("a€", { stream: true }, 2);
      expect(chunks.map(({ delta }) => delta.content).join("")).to.equal("a\ufffd");
      expect(end).to.include({ finishReason: "length", outputUnits: 2 });
      expect(JSON.parse((await run("a€", {}, 2)).bytes[0] as string).choices[0].message.content).to.equal("a\ufffd");
    });

    for (const [more, paid, maxTokens] of [
      [{}, 1000, 256],
      [{}, 10, 10],
      [{ max_tokens: 5 }, 1000, 5],
      [{ max_tokens: 500 }, 400, 400],
      [{ max_tokens: 500, max_completion_tokens: 3 }, 1000, 3],
      [{ max_tokens: null }, 1000, 256],
    ] as [object, number, number][]) {
      it(`asks for ${maxTokens} with ${JSON.stringify(more)} where ${paid} are paid for`, async () => {
        expect((await run("", more, paid)).asked.maxTokens).to.equal(maxTokens);
      });
    }

    it("hands on temperature and seed, greedy unless told", async () => {
      expect((await run("")).asked).to.include({ temperature: 0, seed: 9n });
      expect((await run("", { temperature: 0.7 })).asked.temperature).to.equal(0.7);
    });

    for (const stop of ["lo", ["x", "lo"]]) {
      it(`stops at ${JSON.stringify(stop)}`, async () => {
        const { end } = await run("hello world", { stop });
        expect(end).to.include({ finishReason: "stop", outputUnits: 5 });
        expect(toHex(end.outputIds)).to.equal(idsOf("hello"));
      });
    }

    it("ends early when the payer leaves, with what was made so far", async () => {
      const { chunks, end } = await run("hello", { stream: true }, 1000, 3);
      expect(chunks.map(({ delta }) => delta.content ?? "").join("")).to.equal("he");
      expect(end).to.include({ finishReason: "abort", outputUnits: 2 });
      expect(toHex(end.outputIds)).to.equal(idsOf("he"));
      expect((await run("hello", {}, 1000, 0)).end).to.include({ finishReason: "abort", outputUnits: 1 });
    });

    it("gives nothing when the model says nothing", async () => {
      expect((await run("")).end).to.include({ finishReason: "stop", outputUnits: 0 });
    });
  });
});
