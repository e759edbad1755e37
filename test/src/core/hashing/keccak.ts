import { expect } from "chai";
import { keccak256 as reference } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { keccak256, keccak256Js } from "../../../../src/core/hashing/keccak.ts";

/*
keccak256
├── it should be what ethers makes, around every block boundary
└── it should give a digest of its own, which later ones leave alone
*/
describe("keccak256", () => {
  for (const length of [0, 1, 31, 32, 64, 135, 136, 137, 271, 272, 320, 100_000]) {
    it(`of ${length} bytes`, () => {
      const data = new Uint8Array(length).map((_, i) => i % 251);
      expect(toHex(keccak256(data))).to.equal(reference(data));
      expect(toHex(keccak256Js(data))).to.equal(reference(data));
    });
  }

  it("gives a digest that later ones leave alone", () => {
    const first = keccak256(Uint8Array.of(1));
    keccak256(Uint8Array.of(2));
    expect(toHex(first)).to.equal(reference(Uint8Array.of(1)));
  });
});
