import { expect } from "chai";
import { secondsOf } from "../../../src/core/clock.ts";

/*
secondsOf
└── it should be the last whole second
*/
describe("secondsOf", () => {
  for (const [ms, seconds] of [
    [0, 0n],
    [999, 0n],
    [1000, 1n],
    [1_790_000_000_999, 1_790_000_000n],
  ] as const) {
    it(`of ${ms} ms is ${seconds}`, () => expect(secondsOf(() => ms)).to.equal(seconds));
  }
});
