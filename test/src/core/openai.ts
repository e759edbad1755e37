import { expect } from "chai";
import {
  chunk,
  completion,
  messageText,
  parseChatRequest,
  SSE_DONE,
  sseEvent,
  usageOf,
} from "../../../src/core/openai.ts";
import { failure } from "../../helpers/failure.ts";

/*
openai
├── parseChatRequest
│  ├── when the body is a request: its fields, unknown ones as they came
│  └── when it is not UTF-8, not JSON, or a field is wrong: bad_request, naming the field
├── messageText: a text, its parts joined, or nothing
└── answers: in the shape that OpenAI clients read, an event a `data:` line
*/
describe("openai", () => {
  const user = { role: "user", content: "x" };
  const request = { model: "m", messages: [user] };
  const parse = (value: unknown) => parseChatRequest(Buffer.from(JSON.stringify(value)));

  describe("parseChatRequest", () => {
    for (const [what, value] of [
      ["the least there is", request],
      ["unknown fields", { ...request, tools: [{ a: 1 }], messages: [{ ...user, name: "n" }] }],
      [
        "nulls",
        {
          ...request,
          stream: null,
          n: null,
          stop: null,
          max_tokens: null,
          messages: [{ role: "assistant", content: null }],
        },
      ],
      ["every field", { ...request, stream: true, temperature: 2, seed: -1, stop: ["a", "b"], n: 1, max_tokens: 1 }],
    ] as const) {
      it(`takes ${what}`, () => expect(parse(value)).to.deep.equal(value));
    }

    for (const [field, value] of [
      ["body", 5],
      ["body", null],
      ["model", { ...request, model: "" }],
      ["model", { ...request, model: "m".repeat(201) }],
      ["messages", { model: "m" }],
      ["messages", { ...request, messages: [] }],
      ["messages", { ...request, messages: new Array(1001).fill(user) }],
      ["messages.0.role", { ...request, messages: [{ role: "boss", content: "x" }] }],
      ["messages.0.content", { ...request, messages: [{ role: "user", content: [{ type: "image_url" }] }] }],
      ["stream", { ...request, stream: "yes" }],
      ["max_tokens", { ...request, max_tokens: 0 }],
      ["max_completion_tokens", { ...request, max_completion_tokens: 1.5 }],
      ["temperature", { ...request, temperature: 2.01 }],
      ["seed", { ...request, seed: 2 ** 53 }],
      ["stop", { ...request, stop: ["a", "b", "c", "d", "e"] }],
      ["n", { ...request, n: 2 }],
    ] as const) {
      it(`refuses a wrong ${field}: ${JSON.stringify(value).slice(0, 60)}`, async () => {
        const error = await failure(() => parse(value));
        expect(error).to.include({ name: "InputError", code: "bad_request" });
        expect(error.facts).to.have.property(field);
      });
    }

    for (const [what, bytes] of [
      ["nothing", Buffer.from("")],
      ["half a document", Buffer.from('{"model":"m"')],
      ["what is not UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
    ] as const) {
      it(`refuses ${what}`, async () => {
        expect(await failure(() => parseChatRequest(bytes))).to.include({ name: "InputError", code: "bad_request" });
      });
    }
  });

  for (const [content, text] of [
    ["hi", "hi"],
    [
      [
        { type: "text" as const, text: "a" },
        { type: "text" as const, text: "b" },
      ],
      "ab",
    ],
    [[], ""],
    [null, ""],
    [undefined, ""],
  ] as const) {
    it(`messageText of ${JSON.stringify(content)}`, () => expect(messageText(content as never)).to.equal(text));
  }

  it("answers in the shape that OpenAI clients read", () => {
    const frame = { id: "i", created: 5, model: "m" };
    expect(chunk(frame, { content: "x" }, null)).to.deep.equal({
      ...frame,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta: { content: "x" }, finish_reason: null }],
    });
    expect(completion(frame, "x", "stop", usageOf(2, 3))).to.deep.equal({
      ...frame,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: "x" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    });
  });

  it("writes events as they go over the wire", () => {
    expect(Buffer.from(sseEvent({ a: "ü\n" })).toString()).to.equal('data: {"a":"ü\\n"}\n\n');
    expect(SSE_DONE.toString()).to.equal("data: [DONE]\n\n");
  });
});
