import { expect } from "chai";
import { concat, keccak256 } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import {
  decodeReceipt,
  encodeReceipt,
  leafHasher,
  Mode,
  RECEIPT_BYTES,
  type Receipt,
  receiptStruct,
  Status,
  writeReceipt,
} from "../../../../src/core/protocol/receipt.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { failure } from "../../../helpers/failure.ts";
import { DOMAIN, receiptWith, word } from "../../../helpers/samples.ts";

/*
receipt
├── encodeReceipt
│  └── it should put each field where the layout says, and nothing else
├── decodeReceipt
│  ├── it should give back what was encoded, at both ends of every range
│  └── when the length, a mode, a status, a spare bit or a count is wrong: bad_receipt
├── receiptStruct
│  └── it should be the nine words
└── leafHasher
   └── it should be keccak256(keccak256(separator ‖ nine words)), whatever it hashed before
*/
describe("receipt", () => {
  const receipt = receiptWith();
  const encoded = encodeReceipt(receipt);

  /** Where each field stands: offset and bytes. */
  const layout: Record<keyof Receipt, [number, number]> = {
    sequence: [0, 8],
    settler: [8, 4],
    reservation: [12, 4],
    worker: [16, 4],
    verifier: [20, 4],
    mode: [24, 1],
    status: [25, 1],
    priceNano: [32, 8],
    valueAtRiskNano: [40, 8],
    inputUnits: [48, 8],
    outputUnits: [56, 8],
    startedAtMs: [64, 8],
    firstOutputAtMs: [72, 8],
    finishedAtMs: [80, 8],
    spentNano: [88, 8],
    requestId: [96, 32],
    modelVersion: [128, 32],
    inputHash: [160, 32],
    outputHash: [192, 32],
    evidenceHash: [224, 32],
    memoryRoot: [256, 32],
  };

  describe("encodeReceipt", () => {
    it("fills nine words and leaves the spare bits", () => {
      expect(encoded.length).to.equal(RECEIPT_BYTES);
      const used = Object.values(layout).reduce((sum, [, bytes]) => sum + bytes, 0);
      expect(RECEIPT_BYTES - used).to.equal(6);
      expect(encoded.slice(26, 32)).to.deep.equal(new Uint8Array(6));
    });

    for (const [field, [offset, bytes]] of Object.entries(layout)) {
      it(`puts ${field} at ${offset}`, () => {
        const value = receipt[field as keyof Receipt];
        const expected = value instanceof Uint8Array ? BigInt(toHex(value)) : BigInt(value);
        expect(BigInt(toHex(encoded.slice(offset, offset + bytes)))).to.equal(expected);
      });
    }

    it("writes at an offset and touches nothing around", () => {
      const bytes = new Uint8Array(RECEIPT_BYTES + 20).fill(0xee);
      writeReceipt(new DataView(bytes.buffer), bytes, 10, receipt);
      expect(bytes.slice(10, -10)).to.deep.equal(encoded);
      expect(bytes.slice(0, 10)).to.deep.equal(new Uint8Array(10).fill(0xee));
      expect(bytes.slice(-10)).to.deep.equal(new Uint8Array(10).fill(0xee));
    });
  });

  describe("decodeReceipt", () => {
    const ends = (most: boolean): Receipt =>
      Object.fromEntries(
        Object.entries(receipt).map(([field, value]) => {
          if (field === "mode") return [field, most ? Mode.ZK : Mode.SIGNED];
          if (field === "status") return [field, most ? Status.ABORTED : Status.OK];
          if (value instanceof Uint8Array) return [field, word(most ? 0xff : 0)];
          if (typeof value === "bigint") return [field, most ? U64_MAX : 0n];
          const bytes = (layout[field as keyof Receipt] as [number, number])[1];
          return [field, most ? (bytes === 4 ? U32_MAX : Number.MAX_SAFE_INTEGER) : 0];
        }),
      ) as Receipt;

    for (const [what, value] of [
      ["usual values", receipt],
      ["the least values", ends(false)],
      ["the largest values", ends(true)],
    ] as const) {
      it(`gives back ${what}`, () => expect(decodeReceipt(encodeReceipt(value))).to.deep.equal(value));
    }

    for (const mode of Object.values(Mode)) {
      for (const status of Object.values(Status)) {
        it(`gives back mode ${mode} with status ${status}`, () => {
          expect(decodeReceipt(encodeReceipt(receiptWith({ mode, status })))).to.include({ mode, status });
        });
      }
    }

    it("reads out of the middle of a buffer", () => {
      const bytes = new Uint8Array(RECEIPT_BYTES + 7);
      bytes.set(encoded, 7);
      expect(decodeReceipt(bytes.subarray(7))).to.deep.equal(receipt);
    });

    const refused = async (bytes: Uint8Array) => {
      const error = await failure(() => decodeReceipt(bytes));
      expect(error).to.include({ name: "InputError", code: "bad_receipt", retryable: false });
    };

    for (const length of [0, 1, RECEIPT_BYTES - 1, RECEIPT_BYTES + 1, 2 * RECEIPT_BYTES]) {
      it(`refuses ${length} bytes`, () => refused(new Uint8Array(length)));
    }

    for (const [what, offset, value] of [
      ["mode 0", 24, 0],
      ["mode 6", 24, 6],
      ["mode 255", 24, 255],
      ["status 0", 25, 0],
      ["status 5", 25, 5],
      ...[26, 27, 28, 29, 30, 31].flatMap((spare) => [
        [`the lowest spare bit of byte ${spare}`, spare, 1] as const,
        [`the highest spare bit of byte ${spare}`, spare, 0x80] as const,
      ]),
      ...(["inputUnits", "outputUnits", "startedAtMs", "firstOutputAtMs", "finishedAtMs"] as const).flatMap((field) => [
        // 2^53 + what stands in the lower bytes, and far beyond.
        [`${field} just over 2^53`, layout[field][0] + 1, 0x20] as const,
        [`${field} over 2^63`, layout[field][0], 0x80] as const,
      ]),
    ] as const) {
      it(`refuses ${what}`, async () => {
        const bytes = encoded.slice();
        bytes[offset] = value;
        await refused(bytes);
      });
    }

    it("refuses a count of exactly 2^53", async () => {
      const bytes = encodeReceipt(receiptWith({ inputUnits: 0 }));
      bytes[49] = 0x20;
      await refused(bytes);
    });
  });

  it("receiptStruct is the nine words", () => {
    const struct = receiptStruct(encoded);
    const words = Object.values(struct).map((value) => BigInt(value));
    const expected = Array.from({ length: 9 }, (_, i) => BigInt(toHex(encoded.slice(32 * i, 32 * i + 32))));
    expect(words).to.deep.equal(expected);
    expect(Object.keys(struct).slice(3)).to.deep.equal(Object.keys(layout).slice(15));
  });

  describe("leafHasher", () => {
    const leafOf = (bytes: Uint8Array) => keccak256(keccak256(concat([DOMAIN.separator, bytes])));
    const hasher = leafHasher(DOMAIN);

    it("hashes the separator and the nine words twice, from either form", () => {
      expect(toHex(hasher.ofReceipt(receipt))).to.equal(leafOf(encoded));
      expect(toHex(hasher.ofEncoded(encoded))).to.equal(leafOf(encoded));
    });

    it("keeps nothing of what it hashed before", () => {
      const first = hasher.ofReceipt(receipt);
      const other = encodeReceipt(receiptWith({ sequence: U64_MAX, memoryRoot: word(0xff) }));
      expect(toHex(hasher.ofEncoded(other))).to.equal(leafOf(other));
      expect(toHex(first)).to.equal(leafOf(encoded));
      expect(toHex(hasher.ofReceipt(receipt))).to.equal(leafOf(encoded));
    });

    for (const length of [0, RECEIPT_BYTES - 1, RECEIPT_BYTES + 1]) {
      it(`refuses ${length} bytes`, async () => {
        expect(await failure(() => hasher.ofEncoded(new Uint8Array(length)))).to.include({ code: "bad_receipt" });
      });
    }
  });
});
