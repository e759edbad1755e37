import { expect } from "chai";
import { Hono } from "hono";
import { z } from "zod";
import { parseHeader, parseJson, readBody } from "../../../../src/core/http/body.ts";
import { errorHandler } from "../../../../src/core/http/errors.ts";
import { silentLogger } from "../../../../src/core/logger.ts";
import { encodeHeader } from "../../../../src/core/protocol/json.ts";
import { failure } from "../../../helpers/failure.ts";

/*
readBody
├── when the body is within the limit: its bytes, none at all too
├── when it says that it is longer: too_large, before a byte is read
└── when it is longer without saying so, or says less: too_large, before the rest is read
parseJson, parseHeader
└── when the text is not JSON, or a field is wrong: bad_request, naming up to 20 fields
*/
describe("readBody", () => {
  const LIMIT = 10;
  const app = new Hono();
  app.onError(errorHandler(silentLogger));
  app.post("/", async (c) => c.body(new Uint8Array(await readBody(c, LIMIT)).buffer));

  /** A body in pieces, which counts those that were asked for. */
  function pieces(...sizes: number[]) {
    const state = { read: 0, cancelled: false };
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const size = sizes[state.read++];
          if (size === undefined) controller.close();
          else controller.enqueue(new Uint8Array(size).fill(state.read));
        },
        cancel() {
          state.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    return { body, state };
  }
  const post = (body: Uint8Array<ArrayBuffer> | ReadableStream | null, headers: Record<string, string> = {}) =>
    app.request("/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
  const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;

  for (const length of [0, 1, LIMIT]) {
    it(`gives ${length} bytes`, async () => {
      const bytes = new Uint8Array(length).fill(7);
      const response = await post(bytes);
      expect(response.status).to.equal(200);
      expect(new Uint8Array(await response.arrayBuffer())).to.deep.equal(bytes);
    });
  }

  it("gives nothing when there is no body", async () => {
    expect((await (await post(null)).arrayBuffer()).byteLength).to.equal(0);
  });

  it("joins pieces in order", async () => {
    const { body } = pieces(2, 0, 3);
    expect(new Uint8Array(await (await post(body)).arrayBuffer())).to.deep.equal(Uint8Array.of(1, 1, 3, 3, 3));
  });

  it("refuses what says that it is longer, before a byte is read", async () => {
    const { body, state } = pieces(1);
    const response = await post(body, { "content-length": String(LIMIT + 1) });
    expect([response.status, await codeOf(response), state.read]).to.deep.equal([413, "too_large", 0]);
  });

  for (const headers of [{}, { "content-length": "3" }, { "content-length": "many" }] as Record<string, string>[]) {
    it(`refuses what is longer and says ${headers["content-length"] ?? "nothing"}, before the rest is read`, async () => {
      const { body, state } = pieces(6, 5, 5, 5);
      const response = await post(body, headers);
      expect([response.status, await codeOf(response)]).to.deep.equal([413, "too_large"]);
      expect(state).to.deep.equal({ read: 2, cancelled: true });
    });
  }
});

describe("parseJson", () => {
  const schema = z.strictObject({ a: z.int(), b: z.object({ c: z.string() }) });

  it("gives the value", () => {
    expect(parseJson(schema, '{"a":1,"b":{"c":"x"}}', "It")).to.deep.equal({ a: 1, b: { c: "x" } });
  });

  for (const text of ["", "{", "undefined", '{"a":1']) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      const error = await failure(() => parseJson(schema, text, "It"));
      expect(error).to.include({ name: "InputError", code: "bad_request", shortMessage: "It is not JSON" });
    });
  }

  it("names every wrong field", async () => {
    const error = await failure(() => parseJson(schema, '{"a":1.5,"b":{}}', "It"));
    expect(error).to.include({ name: "InputError", code: "bad_request", shortMessage: "It is malformed" });
    expect(Object.keys(error.facts)).to.deep.equal(["a", "b.c"]);
    expect((await failure(() => parseJson(schema, "5", "It"))).facts).to.have.all.keys("body");
  });

  it("names no more than 20", async () => {
    const text = JSON.stringify(new Array(100).fill("x"));
    expect(Object.keys((await failure(() => parseJson(z.array(z.int()), text, "It"))).facts).length).to.equal(20);
  });
});

describe("parseHeader", () => {
  const schema = z.strictObject({ a: z.string() });

  it("gives what was encoded", () => {
    expect(parseHeader(schema, encodeHeader({ a: "ü" }), "x-it")).to.deep.equal({ a: "ü" });
  });

  for (const value of ["", "%%%", "e30x", encodeHeader({ b: 1 })]) {
    it(`refuses ${JSON.stringify(value)}`, async () => {
      const error = await failure(() => parseHeader(schema, value, "x-it"));
      expect(error).to.include({ name: "InputError", code: "bad_request" });
      expect(error.shortMessage).to.include("x-it");
    });
  }
});
