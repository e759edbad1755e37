import { expect } from "chai";
import { Hono } from "hono";
import { BaseError, InputError, UnavailableError } from "../../../../src/core/errors.ts";
import { errorBody, errorHandler } from "../../../../src/core/http/errors.ts";
import { type Logger, silentLogger } from "../../../../src/core/logger.ts";

/*
errorBody
├── the status follows from the code, else from the kind of error
├── the body has what OpenAI clients read, and what to do next
└── an error that nobody expected tells nothing of itself
errorHandler
├── it should answer with the body, and `retry-after` where trying again may help
└── it should log what is our fault, and nothing else
*/
describe("errorBody", () => {
  for (const [error, status] of [
    [new InputError("x"), 400],
    [new InputError("x", { code: "bad_request" }), 400],
    [new InputError("x", { code: "voucher_too_low" }), 402],
    [new InputError("x", { code: "not_found" }), 404],
    [new InputError("x", { code: "request_replayed" }), 409],
    [new InputError("x", { code: "model_retired" }), 410],
    [new InputError("x", { code: "too_large" }), 413],
    [new BaseError("x", { code: "too_busy", retryable: true }), 429],
    [new BaseError("x", { code: "timeout" }), 504],
    [new UnavailableError("x"), 503],
    [new BaseError("x", { retryable: true }), 503],
    [new BaseError("x"), 500],
    [new Error("x"), 500],
    ["x", 500],
  ] as const) {
    const code = error instanceof BaseError ? error.code : "no code";
    it(`${status} for ${(error as Error).name ?? "a text"} (${code})`, () => {
      const answer = errorBody(error);
      expect(answer.status).to.equal(status);
      expect(answer.body.error.type).to.equal(status < 500 ? "invalid_request_error" : "server_error");
    });
  }

  it("says what happened, with which values, and what to do next", () => {
    const facts = { nano: 5n, hash: Uint8Array.of(1), gone: undefined };
    const error = new InputError("Short", { code: "some", facts, hint: "Do", cause: new Error("SECRET") });
    expect(JSON.parse(JSON.stringify(errorBody(error).body))).to.deep.equal({
      error: {
        code: "some",
        message: "Short",
        type: "invalid_request_error",
        hint: "Do",
        facts: { nano: "5", hash: "0x01" },
        retryable: false,
      },
    });
  });

  it("tells nothing of an error that nobody expected", () => {
    const text = JSON.stringify(errorBody(new Error("postgres://user:SECRET@host")));
    expect(text).to.include('"internal"').and.not.to.include("SECRET");
  });
});

describe("errorHandler", () => {
  const logged: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (fields: unknown) => logged.push(fields) } as unknown as Logger;
  const app = new Hono();
  app.onError(errorHandler(logger));
  const thrown: Record<string, Error> = {
    input: new InputError("x", { code: "not_found" }),
    busy: new BaseError("x", { code: "too_busy", retryable: true }),
    down: new UnavailableError("x", { code: "rpc_unavailable" }),
    broken: new Error("x"),
  };
  app.get("/:what", (c) => {
    throw thrown[c.req.param("what")] as Error;
  });
  beforeEach(() => logged.splice(0));

  for (const [what, status, code, retryAfter, logs] of [
    ["input", 404, "not_found", null, 0],
    ["busy", 429, "too_busy", null, 0],
    ["down", 503, "rpc_unavailable", "1", 1],
    ["broken", 500, "internal", null, 1],
  ] as const) {
    it(`answers ${status} when ${what}`, async () => {
      const response = await app.request(`/${what}`);
      expect([response.status, response.headers.get("retry-after"), logged.length]).to.deep.equal([
        status,
        retryAfter,
        logs,
      ]);
      expect(((await response.json()) as { error: { code: string } }).error.code).to.equal(code);
    });
  }
});
