import { expect } from "chai";
import { formatPercent, formatWei, formatWeiGrouped, formatWeiTrimmed } from "../../../src/vesting/amount.ts";

/*
amount
├── formatWei
│  └── it should have 18 decimals, exact
├── formatWeiTrimmed
│  └── it should leave out trailing zeros only
├── formatWeiGrouped
│  ├── when no decimals are asked for: exact, trailing zeros left out
│  └── when decimals are asked for: that many, to the nearest
└── formatPercent
   ├── it should round down, with a fixed number of decimals
   └── when the whole is zero: zero
*/
describe("amount", () => {
  const cases: [wei: bigint, fixed: string, trimmed: string, grouped: string, two: string][] = [
    [0n, "0.000000000000000000", "0", "0", "0.00"],
    [1n, "0.000000000000000001", "0.000000000000000001", "0.000000000000000001", "0.00"],
    [-1n, "-0.000000000000000001", "-0.000000000000000001", "-0.000000000000000001", "0.00"],
    [10n ** 18n, "1.000000000000000000", "1", "1", "1.00"],
    [999n * 10n ** 18n, "999.000000000000000000", "999", "999", "999.00"],
    [1_000n * 10n ** 18n, "1000.000000000000000000", "1000", "1,000", "1,000.00"],
    [10n ** 27n, "1000000000.000000000000000000", "1000000000", "1,000,000,000", "1,000,000,000.00"],
    [
      8_083_333_333333333333333333n,
      "8083333.333333333333333333",
      "8083333.333333333333333333",
      "8,083,333.333333333333333333",
      "8,083,333.33",
    ],
    [
      9_124_999_999999999999999999n,
      "9124999.999999999999999999",
      "9124999.999999999999999999",
      "9,124,999.999999999999999999",
      "9,125,000.00",
    ],
    [-1_234_500000000000000000n, "-1234.500000000000000000", "-1234.5", "-1,234.5", "-1,234.50"],
    [5n * 10n ** 15n, "0.005000000000000000", "0.005", "0.005", "0.01"],
    [-5n * 10n ** 15n, "-0.005000000000000000", "-0.005", "-0.005", "-0.01"],
  ];
  for (const [wei, fixed, trimmed, grouped, two] of cases) {
    it(`writes ${wei}`, () => {
      expect(formatWei(wei)).to.equal(fixed);
      expect(formatWeiTrimmed(wei)).to.equal(trimmed);
      expect(formatWeiGrouped(wei)).to.equal(grouped);
      expect(formatWeiGrouped(wei, 2)).to.equal(two);
    });
  }

  it("rounds to whole OPG and to all decimals", () => {
    expect(formatWeiGrouped(1_999_500000000000000000n, 0)).to.equal("2,000");
    expect(formatWeiGrouped(1_999_499999999999999999n, 0)).to.equal("1,999");
    expect(formatWeiGrouped(10n ** 18n, 18)).to.equal("1.000000000000000000");
  });

  it("writes percentages, rounded down", () => {
    expect(formatPercent(1n, 3n, 4)).to.equal("33.3333");
    expect(formatPercent(2n, 3n, 4)).to.equal("66.6666");
    expect(formatPercent(1n, 1n, 2)).to.equal("100.00");
    expect(formatPercent(1n, 10n ** 27n, 18)).to.equal("0.000000000000000000");
    expect(formatPercent(9_912_499999999999999999999n, 10n ** 27n, 18)).to.equal("0.991249999999999999");
  });

  it("writes nothing of nothing as zero", () => expect(formatPercent(0n, 0n, 2)).to.equal("0.00"));
});
