import { expect } from "chai";
import { ceilDiv, formatOpg, parseOpg, U64_MAX } from "../../../src/core/units.ts";
import { failure } from "../../helpers/failure.ts";

/*
units
├── parseOpg
│  ├── when the text is a decimal number: exact nano, also of the whole supply
│  └── when it is anything else: bad_amount
├── formatOpg
│  └── it should be the shortest exact text, and parse back
└── ceilDiv
   └── it should round up, and leave exact quotients
*/
describe("units", () => {
  const exact: [string, bigint][] = [
    ["0", 0n],
    ["0.000000001", 1n],
    ["0.1", 100_000_000n],
    ["1", 1_000_000_000n],
    ["12.5", 12_500_000_000n],
    ["1.000000001", 1_000_000_001n],
    ["1000000000", 10n ** 18n],
    ["9999999999.999999999", 9_999_999_999_999_999_999n],
  ];

  describe("parseOpg", () => {
    for (const [text, nano] of exact) it(`reads ${text}`, () => expect(parseOpg(text)).to.equal(nano));

    it("reads leading zeros, filled decimals and blanks around", () => {
      expect(["007", "1.500000000", " 2 ", "2\n"].map(parseOpg)).to.deep.equal([
        7_000_000_000n,
        1_500_000_000n,
        2_000_000_000n,
        2_000_000_000n,
      ]);
    });

    for (const text of [
      "",
      " ",
      ".",
      "1.",
      ".5",
      "-1",
      "+1",
      "1e3",
      "0x10",
      "1,5",
      "1_0",
      "NaN",
      "1.0000000001",
      "12345678901",
      "١",
    ]) {
      it(`refuses ${JSON.stringify(text)}`, async () => {
        const error = await failure(() => parseOpg(text));
        expect(error).to.include({ name: "InputError", code: "bad_amount", retryable: false });
        expect(error.facts.value).to.equal(text);
      });
    }
  });

  describe("formatOpg", () => {
    for (const [text, nano] of exact) it(`writes ${text}`, () => expect(formatOpg(nano)).to.equal(text));

    it("writes what is negative, and the largest amount", () => {
      expect(formatOpg(-1n)).to.equal("-0.000000001");
      expect(formatOpg(-1_500_000_000n)).to.equal("-1.5");
      expect(formatOpg(U64_MAX)).to.equal("18446744073.709551615");
    });
  });

  describe("ceilDiv", () => {
    for (const [a, b, result] of [
      [0n, 3n, 0n],
      [1n, 3n, 1n],
      [3n, 3n, 1n],
      [4n, 3n, 2n],
      [U64_MAX, 1n, U64_MAX],
      [U64_MAX, 2n, 2n ** 63n],
    ] as const) {
      it(`of ${a} and ${b} is ${result}`, () => expect(ceilDiv(a, b)).to.equal(result));
    }
  });
});
