import { expect } from "chai";
import { AbiCoder, id, keccak256, ZeroHash } from "ethers";
import { engineId } from "../../../src/core/engine.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";

/*
engineId
├── it should be the hash of the ABI encoding of the six fields, in order
└── it should change with each of them
*/
describe("engineId", () => {
  const tuple = {
    engine: "e",
    version: "1",
    imageDigest: ZeroHash,
    dtype: "int8",
    deviceClass: "cpu",
    determinism: "d",
  };

  it("is the hash of a tuple of five texts and a digest", () => {
    const types = ["tuple(string,string,bytes32,string,string,string)"];
    const encoded = AbiCoder.defaultAbiCoder().encode(types, [["e", "1", ZeroHash, "int8", "cpu", "d"]]);
    expect(toHex(engineId(tuple))).to.equal(keccak256(encoded));
  });

  for (const field of Object.keys(tuple)) {
    it(`changes with ${field}`, () => {
      const changed = { ...tuple, [field]: field === "imageDigest" ? id("x") : "x" };
      expect(toHex(engineId(changed))).not.to.equal(toHex(engineId(tuple)));
    });
  }
});
