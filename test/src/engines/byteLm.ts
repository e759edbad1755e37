import { expect } from "chai";
import { sample } from "../../../src/engines/byteLm.ts";

/*
sample
├── at temperature 0: the first of the likeliest tokens, whatever the seed
└── else: by chance that follows from seed and position alone, in the proportions of the logits
*/
describe("sample", () => {
  for (const [what, logits, token] of [
    ["one token", [5], 0],
    ["the largest", [1, 3, 2], 1],
    ["the first of equals", [1, 3, 3], 1],
    ["what is least negative", [-5, -1, -3], 1],
    ["the last", [0, 0, 0.5], 2],
  ] as [string, number[], number][]) {
    it(`at temperature 0 is ${what}`, () => {
      for (const seed of [0n, 1n, 2n ** 64n - 1n]) {
        expect(sample(Float32Array.from(logits), 0, seed, 3)).to.equal(token);
      }
    });
  }

  const even = new Float32Array(257);

  it("is the same again, and differs by seed and by position", () => {
    const drawn = (seed: bigint, from: number) =>
      Array.from({ length: 20 }, (_, i) => sample(even, 1, seed, from + i)).join();
    expect(drawn(1n, 0)).to.equal(drawn(1n, 0));
    expect(new Set([drawn(1n, 0), drawn(2n, 0), drawn(1n, 20), drawn(-1n, 0)]).size).to.equal(4);
  });

  it("takes a seed as 64 bits", () => {
    expect(sample(even, 1, -1n, 0)).to.equal(sample(even, 1, 2n ** 64n - 1n, 0));
  });

  it("draws in the proportions of the logits, sharper when it is colder", () => {
    const logits = Float32Array.from([Math.log(1), Math.log(3)]);
    const ofSecond = (temperature: number) =>
      Array.from({ length: 4000 }, (_, i) => sample(logits, temperature, 7n, i)).reduce((a, b) => a + b);
    expect(ofSecond(1)).to.be.closeTo(3000, 120);
    expect(ofSecond(0.5)).to.be.closeTo(3600, 120);
  });

  it("never draws what cannot be", () => {
    const logits = Float32Array.from([-Infinity, 0, -1000]);
    expect(new Set(Array.from({ length: 200 }, (_, i) => sample(logits, 2, 1n, i)))).to.deep.equal(new Set([1]));
  });
});
