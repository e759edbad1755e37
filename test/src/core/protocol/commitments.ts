import { createHash } from "node:crypto";
import { expect } from "chai";
import { concat, keccak256, toUtf8Bytes } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import { inputCommitment, outputCommitment } from "../../../../src/core/protocol/commitments.ts";
import { word } from "../../../helpers/samples.ts";

/*
commitments
├── it should be keccak256(tag ‖ salt ‖ sha256(bytes))
└── it should tell input from output, and one salt from another
*/
describe("commitments", () => {
  const salt = word(7);
  const reference = (tag: string, bytes: Uint8Array) =>
    keccak256(concat([toUtf8Bytes(tag), salt, createHash("sha256").update(bytes).digest()]));

  for (const bytes of [new Uint8Array(), Buffer.from("abc"), new Uint8Array(1000).fill(1)]) {
    it(`of ${bytes.length} bytes`, () => {
      expect(toHex(inputCommitment(salt, bytes))).to.equal(reference("OPG input", bytes));
      expect(toHex(outputCommitment(salt, sha256(bytes)))).to.equal(reference("OPG output", bytes));
    });
  }

  it("differ by salt and by bytes", () => {
    const abc = Buffer.from("abc");
    const all = [
      inputCommitment(salt, abc),
      inputCommitment(word(8), abc),
      inputCommitment(salt, Buffer.from("abd")),
      outputCommitment(salt, sha256(abc)),
    ];
    expect(new Set(all.map(toHex)).size).to.equal(all.length);
  });
});
