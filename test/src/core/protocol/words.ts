import { expect } from "chai";
import { AbiCoder, id, keccak256 } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { encodeWords, hashWords, typeHash } from "../../../../src/core/protocol/words.ts";
import { word } from "../../../helpers/samples.ts";

/*
words
├── encodeWords: numbers and short bytes stand at the right of their word, as the ABI has them
└── hashWords, typeHash: keccak256 of that
*/
describe("words", () => {
  const abi = (types: string[], values: unknown[]) => AbiCoder.defaultAbiCoder().encode(types, values);

  for (const value of [0n, 1n, 255n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 128n + 5n, 2n ** 192n - 1n, 2n ** 256n - 1n]) {
    it(`writes ${value}`, () => expect(toHex(encodeWords([value]))).to.equal(abi(["uint256"], [value])));
  }

  it("writes numbers, short bytes and whole words side by side", () => {
    const address = new Uint8Array(20).fill(0xab);
    expect(toHex(encodeWords([7, address, word(0xcd), Number.MAX_SAFE_INTEGER]))).to.equal(
      abi(["uint256", "address", "bytes32", "uint256"], [7, toHex(address), word(0xcd), Number.MAX_SAFE_INTEGER]),
    );
  });

  it("writes nothing for no words", () => expect(encodeWords([])).to.deep.equal(new Uint8Array()));

  it("hashes", () => {
    expect(toHex(hashWords([1n, word(2)]))).to.equal(keccak256(abi(["uint256", "bytes32"], [1n, word(2)])));
    expect(toHex(typeHash("T(uint8 a)"))).to.equal(id("T(uint8 a)"));
  });
});
