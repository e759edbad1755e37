import { expect } from "chai";
import { BaseError, errorMessage, InputError, UnavailableError } from "../../../src/core/errors.ts";

/*
errors
├── it should say what happened, with which values, and what to do next
├── it should have defaults that a machine can rely on
├── an InputError is final, an UnavailableError retryable unless it says otherwise
└── errorMessage gives one line, without the values
*/
describe("errors", () => {
  it("say what happened, with which values, and what to do next", () => {
    const cause = new Error("why");
    const error = new BaseError("No money", {
      code: "no_money",
      facts: { nano: 5n, who: undefined },
      hint: "Pay",
      cause,
    });
    expect(error.message).to.equal("No money\n  nano: 5\n  who: undefined\n  next: Pay");
    expect(error).to.include({ name: "BaseError", code: "no_money", hint: "Pay", shortMessage: "No money", cause });
  });

  it("have defaults", () => {
    const error = new BaseError("It broke");
    expect(error).to.include({ message: "It broke", code: "error", hint: undefined, retryable: false });
    expect(error.facts).to.deep.equal({});
  });

  for (const [error, name, retryable] of [
    [new InputError("x"), "InputError", false],
    [new UnavailableError("x"), "UnavailableError", true],
    [new UnavailableError("x", { retryable: false }), "UnavailableError", false],
  ] as const) {
    it(`${name} is ${retryable ? "retryable" : "final"}`, () => {
      expect(error).to.be.instanceOf(BaseError);
      expect(error).to.include({ name, retryable });
    });
  }

  for (const [error, message] of [
    [new InputError("Short", { facts: { secret: "k" } }), "Short"],
    [new Error("plain"), "plain"],
    ["text", "text"],
    [undefined, "undefined"],
  ] as const) {
    it(`errorMessage of ${String(error).split("\n")[0]}`, () => expect(errorMessage(error)).to.equal(message));
  }
});
