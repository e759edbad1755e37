import { expect } from "chai";
import { jsonOf } from "../../../src/core/jsonOf.ts";
import { failure } from "../../helpers/failure.ts";

/*
jsonOf
├── it should give the value of a JSON text
└── when the text is not JSON: the given error, with its cause
*/
describe("jsonOf", () => {
  const malformed = (cause: unknown) => new Error("mine", { cause });

  for (const [text, value] of [
    ["null", null],
    ['{"a":[1]}', { a: [1] }],
  ] as const) {
    it(`reads ${text}`, () => expect(jsonOf(text, malformed)).to.deep.equal(value));
  }

  for (const text of ["", "{", "undefined"]) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      const error = await failure(() => jsonOf(text, malformed));
      expect(error.message).to.equal("mine");
      expect(error.cause).to.be.instanceOf(SyntaxError);
    });
  }
});
