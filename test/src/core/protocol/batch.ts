import { expect } from "chai";
import { concat, keccak256, Signature, toBeHex, Wallet } from "ethers";
import { fromHex, toHex } from "../../../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import {
  batchFee,
  bodyDigest,
  bodyStruct,
  encodeTree,
  headerStruct,
  packOperators,
  packSignatures,
  signerOf,
  signersHash,
  sizesHash,
} from "../../../../src/core/protocol/batch.ts";
import type { BatchBody } from "../../../../src/core/protocol/messages.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { failure } from "../../../helpers/failure.ts";
import { DOMAIN, word } from "../../../helpers/samples.ts";

/*
batch
├── batchFee: total × rate, rounded up
├── packSignatures, packOperators, signersHash: ascending by operator, whatever the order given
├── encodeTree: count, sizes, leaves; sizesHash covers the sizes alone
├── headerStruct, bodyStruct: what the contracts take
└── signerOf: the key that signed the body, no other; nobody when the signature is malformed
*/
describe("batch", () => {
  const body: BatchBody = {
    settler: 3,
    number: 8n,
    root: word(1),
    rowsHash: word(2),
    firstSequence: 100n,
    count: 12,
    totalNano: 1_000n,
    feeNano: 25n,
    data: word(3),
    policy: 1,
    deadline: 1_790_000_600n,
  };

  for (const [total, ppm, fee] of [
    [0n, 25_000, 0n],
    [1n, 0, 0n],
    [1n, 1, 1n],
    [40n, 25_000, 1n],
    [41n, 25_000, 2n],
    [1_000n, 25_000, 25n],
    [U64_MAX, 1_000_000, U64_MAX],
    [U64_MAX, 1, 18_446_744_073_710n],
  ] as const) {
    it(`the fee of ${total} at ${ppm} ppm is ${fee}`, () => expect(batchFee(total, ppm)).to.equal(fee));
  }

  describe("signatures", () => {
    const keys = [1, 2, 3].map((i) => sha256(`key ${i}`));
    const signed = keys.map((key, i) => ({
      operator: 256 ** i,
      signature: secp256k1.sign(bodyDigest(DOMAIN, body), key),
    }));
    const compact = signed.map(({ signature }) => Signature.from(toHex(signature)).compactSerialized);

    it("are packed by operator, as ERC-2098 has them", () => {
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ]) {
        const given = order.map((i) => signed[i] as (typeof signed)[number]);
        expect(toHex(packSignatures(given))).to.equal(concat(compact));
        expect(given[0]).to.equal(signed[order[0] as number]);
      }
      expect(packSignatures([])).to.deep.equal(new Uint8Array());
    });

    it("leave the signatures that were packed as they are", () => {
      const before = signed.map(({ signature }) => toHex(signature));
      packSignatures(signed.map(({ operator, signature }) => ({ operator, signature: Buffer.from(signature) })));
      const buffers = signed.map(({ operator, signature }) => ({ operator, signature: Buffer.from(signature) }));
      packSignatures(buffers);
      expect(buffers.map(({ signature }) => toHex(signature))).to.deep.equal(before);
    });

    it("come from operators whose ids are hashed in the same order, by number", () => {
      const ids = [U32_MAX, 2, 10];
      const packed = concat([toBeHex(2, 4), toBeHex(10, 4), toBeHex(U32_MAX, 4)]);
      expect(toHex(packOperators(ids))).to.equal(packed);
      expect(toHex(signersHash(ids))).to.equal(keccak256(packed));
      expect(ids).to.deep.equal([U32_MAX, 2, 10]);
    });

    it("name their signer, and no other for another body", async () => {
      const key = toHex(keys[0] as Uint8Array);
      const signature = toHex((signed[0] as (typeof signed)[number]).signature);
      const address = new Wallet(key).address.toLowerCase();
      expect(signerOf(DOMAIN, body, signature)).to.equal(address);
      expect(signerOf(DOMAIN, { ...body, feeNano: 26n }, signature)).not.to.equal(address);
      expect(signerOf(DOMAIN, body, `0x${"00".repeat(65)}`)).to.equal(undefined);
      expect(await failure(() => signerOf(DOMAIN, body, signature.slice(0, -2)))).to.include({ code: "bad_hex" });
    });
  });

  describe("encodeTree", () => {
    for (const [what, windows, encoded] of [
      ["no windows", [], "0x0000"],
      ["one leaf", [[word(1)]], concat(["0x00010001", word(1)])],
      ["two windows", [[word(1), word(2)], [word(3)]], concat(["0x000200020001", word(1), word(2), word(3)])],
    ] as const) {
      it(`writes ${what}`, () => expect(toHex(encodeTree(windows))).to.equal(encoded));
    }

    it("has sizes that are hashed alone", () => {
      const tree = encodeTree([[word(1), word(2)], [word(3)]]);
      expect(toHex(sizesHash(tree))).to.equal(keccak256("0x00020001"));
      expect(toHex(sizesHash(encodeTree([])))).to.equal(keccak256("0x"));
    });

    it("refuses a window of more leaves than two bytes count", async () => {
      const leaves = new Array(0x10000).fill(word(1));
      expect(await failure(() => encodeTree([leaves]))).to.be.instanceOf(RangeError);
      expect(encodeTree([leaves.slice(1)]).length).to.equal(4 + 32 * 0xffff);
    });
  });

  it("headerStruct is what commitBatch takes, bodyStruct all of the body", () => {
    const header = {
      settler: 3,
      number: 8n,
      root: toHex(word(1)),
      count: 12,
      data: toHex(word(3)),
      policy: 1,
      deadline: 1_790_000_600n,
    };
    expect(headerStruct(body)).to.deep.equal(header);
    expect(bodyStruct(body)).to.deep.equal({
      ...header,
      rowsHash: toHex(word(2)),
      firstSequence: 100n,
      total: 1_000n,
      fee: 25n,
    });
    expect(fromHex(header.root)).to.deep.equal(body.root);
  });
});
