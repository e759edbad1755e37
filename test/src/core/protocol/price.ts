import { expect } from "chai";
import { affordableOutput, chargeOf, priceOf } from "../../../../src/core/protocol/price.ts";
import { Status } from "../../../../src/core/protocol/receipt.ts";
import { U64_MAX } from "../../../../src/core/units.ts";

/*
price
├── priceOf: units × price, exactly
├── chargeOf
│  ├── when the answer is complete: the whole price
│  ├── when the payer left: what was delivered, and nothing before the first output
│  └── when nothing came, or the network broke: nothing
└── affordableOutput
   ├── the most units whose price is within the limit, never one more
   └── when the input is not paid: undefined
*/
describe("price", () => {
  const prices = { inputPriceNano: 3n, outputPriceNano: 7n };
  const units = (inputUnits: number, outputUnits: number) => ({ inputUnits, outputUnits });

  for (const [inputUnits, outputUnits, nano] of [
    [0, 0, 0n],
    [1, 0, 3n],
    [0, 1, 7n],
    [10, 20, 170n],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 90_071_992_547_409_910n],
  ] as const) {
    it(`priceOf ${inputUnits} and ${outputUnits} units`, () => {
      expect(priceOf(prices, units(inputUnits, outputUnits))).to.equal(nano);
    });
  }

  describe("chargeOf", () => {
    for (const [name, outputUnits, nano] of [
      ["OK", 20, 170n],
      ["OK", 0, 30n],
      ["EMPTY", 0, 0n],
      ["EMPTY", 20, 0n],
      ["FAILED", 20, 0n],
      ["ABORTED", 0, 0n],
      ["ABORTED", 1, 37n],
      ["ABORTED", 20, 170n],
    ] as const) {
      it(`${name} after ${outputUnits} units costs ${nano}`, () => {
        expect(chargeOf(Status[name], prices, units(10, outputUnits))).to.equal(nano);
      });
    }
  });

  describe("affordableOutput", () => {
    for (const [inputUnits, maxPriceNano, most] of [
      [0, 0n, 0],
      [1, 2n, undefined],
      [1, 3n, 0],
      [1, 9n, 0],
      [1, 10n, 1],
      [1, 16n, 1],
      [1, 17n, 2],
      [0, U64_MAX, Number.MAX_SAFE_INTEGER],
    ] as const) {
      it(`${inputUnits} units of input and at most ${maxPriceNano}: ${most}`, () => {
        expect(affordableOutput(prices, inputUnits, maxPriceNano)).to.equal(most);
      });
    }

    it("is without bound where output is free, if the input is paid", () => {
      const free = { inputPriceNano: 3n, outputPriceNano: 0n };
      expect(affordableOutput(free, 1, 3n)).to.equal(Number.MAX_SAFE_INTEGER);
      expect(affordableOutput(free, 1, 2n)).to.equal(undefined);
    });

    it("never affords more than the limit, and always one unit less than too many", () => {
      for (let maxPriceNano = 30n; maxPriceNano < 100n; maxPriceNano++) {
        const most = affordableOutput(prices, 10, maxPriceNano) as number;
        expect(priceOf(prices, units(10, most)) <= maxPriceNano).to.equal(true);
        expect(priceOf(prices, units(10, most + 1)) > maxPriceNano).to.equal(true);
      }
    });
  });
});
