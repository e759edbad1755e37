import { expect } from "chai";
import { keccak256, toUtf8Bytes, ZeroHash } from "ethers";
import { Hono } from "hono";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { type HttpServer, serveApp } from "../../../src/core/http/serve.ts";
import { parseChatRequest } from "../../../src/core/openai.ts";
import type { DriverEnd, DriverEvent } from "../../../src/engines/driver.ts";
import { type OpenAiHttpOptions, openaiHttp } from "../../../src/engines/openaiHttp.ts";
import { failure } from "../../helpers/failure.ts";

/*
openaiHttp
├── sends on what was asked, with the server's name of the model, a limit, a seed, and usage when streamed
├── passes the answer on byte for byte, in one piece or event by event, without [DONE]
├── takes units from the server's usage, nothing without it
├── when the payer leaves: an end with what was said so far
└── when the server is absent, refuses, sends no JSON, or stops sending: a typed error
*/
const engine = {
  engine: "e",
  version: "1",
  imageDigest: ZeroHash,
  dtype: "f",
  deviceClass: "gpu",
  determinism: "none",
};
const event = (value: unknown) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const delta = (content: string, finish_reason: string | null = null) => ({
  choices: [{ delta: { content }, finish_reason }],
});
const usage = { choices: [], usage: { prompt_tokens: 11, completion_tokens: 22 } };

describe("openaiHttp", () => {
  let server: HttpServer;
  let asked: { path: string; authorization: string | undefined; body: Record<string, unknown> };
  let answer: () => Response | Promise<Response>;
  before(async () => {
    const app = new Hono();
    app.post("*", async (c) => {
      asked = { path: c.req.path, authorization: c.req.header("authorization"), body: await c.req.json() };
      return answer();
    });
    server = await serveApp(app);
  });
  after(() => server.close());

  /** A stream of these pieces; it stays open when `open` is set. */
  const streamed = (pieces: (string | Uint8Array)[], open = false) =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const piece of pieces) controller.enqueue(Buffer.from(piece));
          if (!open) controller.close();
        },
      }),
    );

  async function run(
    more: object = {},
    options: Partial<OpenAiHttpOptions> = {},
    onData?: (abort: AbortController) => void,
  ) {
    const driver = openaiHttp({ baseUrl: `${server.url}/v1`, model: "upstream", engine, ...options });
    const text = JSON.stringify({ model: "ours", messages: [{ role: "user", content: "hi" }], ...more });
    const abort = new AbortController();
    const events: DriverEvent[] = [];
    const request = {
      body: parseChatRequest(Buffer.from(text)),
      frame: { id: "i", created: 1, model: "ours" },
      maxOutputUnits: 100,
      seed: 2n ** 63n + 5n,
    };
    for await (const one of driver.run(request, abort.signal)) {
      events.push(one);
      onData?.(abort);
    }
    const end = events.pop() as DriverEnd;
    return { end, bytes: events.map((one) => Buffer.from((one as { bytes: Uint8Array }).bytes).toString()) };
  }

  const whole = { choices: [{ message: { content: "hello" }, finish_reason: "stop" }], usage: usage.usage };

  describe("asks", () => {
    beforeEach(() => {
      answer = () => Response.json(whole);
    });

    it("for the server's model, with what the payer sent", async () => {
      await run(
        { temperature: 0.5, tools: [1], messages: [{ role: "user", content: "hi", name: "n" }] },
        { apiKey: "k" },
      );
      expect(asked).to.deep.include({ path: "/v1/chat/completions", authorization: "Bearer k" });
      expect(asked.body).to.deep.include({ model: "upstream", temperature: 0.5, tools: [1] });
      expect(asked.body.messages).to.deep.equal([{ role: "user", content: "hi", name: "n" }]);
    });

    it("without a key when there is none", async () => {
      await run();
      expect(asked.authorization).to.equal(undefined);
      expect(asked.body).not.to.have.property("stream_options");
    });

    for (const [more, most] of [
      [{}, 100],
      [{ max_tokens: 5 }, 5],
      [{ max_tokens: 500 }, 100],
      [{ max_tokens: 50, max_completion_tokens: 7 }, 7],
    ] as [object, number][]) {
      it(`for at most ${most} units with ${JSON.stringify(more)}`, async () => {
        await run(more);
        expect(asked.body).to.include({ max_tokens: most }).and.not.have.property("max_completion_tokens");
      });
    }

    it("with the payer's seed, or 31 bits of ours", async () => {
      await run({ seed: 77 });
      expect(asked.body.seed).to.equal(77);
      await run();
      expect(asked.body.seed).to.equal(5);
    });

    it("for usage when streamed", async () => {
      answer = () => streamed([event("[DONE]")]);
      await run({ stream: true, stream_options: { more: 1 } });
      expect(asked.body.stream_options).to.deep.equal({ more: 1, include_usage: true });
    });
  });

  describe("passes on", () => {
    it("an answer in one piece, byte for byte", async () => {
      const text = JSON.stringify(whole, null, 3);
      answer = () => new Response(text);
      const { bytes, end } = await run();
      expect(bytes).to.deep.equal([text]);
      expect(end).to.include({ finishReason: "stop", inputUnits: 11, outputUnits: 22, seed: 2n ** 63n + 5n });
      expect(toHex(end.outputIds)).to.equal(keccak256(toUtf8Bytes("hello")));
    });

    const sent = [event(delta("he")), ": a comment\n\n", event(delta("€", "length")), event(usage)];
    for (const [what, pieces] of [
      ["event by event", [...sent, event("[DONE]")]],
      ["in one piece", [[...sent, event("[DONE]")].join("")]],
      ["byte by byte", [...Buffer.from([...sent, event("[DONE]")].join(""))].map((byte) => Uint8Array.of(byte))],
      ["without an end", sent],
      ["with something after the end", [...sent, event("[DONE]"), event(delta("more"))]],
    ] as [string, (string | Uint8Array)[]][]) {
      it(`events that come ${what}`, async () => {
        answer = () => streamed(pieces);
        const { bytes, end } = await run({ stream: true });
        expect(bytes).to.deep.equal(sent);
        expect(end).to.include({ finishReason: "length", inputUnits: 11, outputUnits: 22 });
        expect(toHex(end.outputIds)).to.equal(keccak256(toUtf8Bytes("he€")));
      });
    }

    it("events with carriage returns, and one without its blank line", async () => {
      const pieces = [event(delta("a")).replaceAll("\n", "\r\n"), event(usage).trimEnd()];
      answer = () => streamed(pieces);
      const { bytes, end } = await run({ stream: true });
      expect(bytes).to.deep.equal(pieces);
      expect(end.outputUnits).to.equal(22);
    });

    it("an answer without usage, at nothing", async () => {
      answer = () => Response.json({ choices: [{ message: { content: "x" } }] });
      expect((await run()).end).to.include({ inputUnits: 0, outputUnits: 0, finishReason: "stop" });
    });
  });

  it("ends with what was said when the payer leaves", async () => {
    answer = () => streamed([event(delta("so far"))], true);
    const { bytes, end } = await run({ stream: true }, {}, (abort) => abort.abort());
    expect(bytes.length).to.equal(1);
    expect(end).to.include({ finishReason: "abort" });
    expect(toHex(end.outputIds)).to.equal(keccak256(toUtf8Bytes("so far")));
  });

  describe("fails", () => {
    for (const [status, retryable] of [
      [400, false],
      [401, false],
      [429, true],
      [500, true],
      [503, true],
    ] as const) {
      it(`when the server answers ${status}, ${retryable ? "for now" : "for good"}`, async () => {
        answer = () => new Response("SECRET", { status });
        const error = await failure(() => run());
        expect(error).to.include({ name: "UnavailableError", code: "upstream_refused", retryable });
        expect(error.facts.status).to.equal(status);
        expect(error.message).not.to.include("SECRET");
      });
    }

    it("when the server is not there", async () => {
      const error = await failure(() => run({}, { baseUrl: "http://127.0.0.1:1/v1" }));
      expect(error).to.include({ name: "UnavailableError", code: "upstream_unavailable", retryable: true });
    });

    it("when the server stops sending", async () => {
      answer = () => streamed([event(delta("a"))], true);
      const error = await failure(() => run({ stream: true }, { idleTimeoutMs: 20 }));
      expect(error).to.include({ name: "UnavailableError", code: "upstream_stalled", retryable: true });
    });

    for (const [what, more, respond] of [
      ["an answer", {}, () => new Response("<html>")],
      ["an event", { stream: true }, () => streamed([event("{")])],
    ] as [string, object, () => Response][]) {
      it(`when ${what} is not what it should be`, async () => {
        answer = respond;
        const error = await failure(() => run(more));
        expect(error).to.include({ name: "UnavailableError", code: "upstream_malformed", retryable: true });
      });
    }
  });

  it("counts a byte as a token at most, and a template a message", () => {
    const driver = openaiHttp({ baseUrl: "http://127.0.0.1:1/v1", model: "m", engine });
    const messages = [
      { role: "user", content: "é" },
      { role: "assistant", content: null },
    ];
    const body = parseChatRequest(Buffer.from(JSON.stringify({ model: "m", messages })));
    expect(driver.inputUnitsAtMost(body)).to.equal(16 + 2 + 16 + 16);
  });
});
