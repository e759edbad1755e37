import { expect } from "chai";
import { AbiCoder, keccak256 } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { decodeRows, encodeRows, type Row, rowsHash } from "../../../../src/core/protocol/rows.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { failure } from "../../../helpers/failure.ts";

/*
rows
├── encodeRows
│  ├── it should write 12 bytes a row, sorted, and leave its input as it is
│  └── when an index or an amount is out of range, or an index stands twice: bad_rows
├── decodeRows
│  ├── it should give back what was encoded
│  └── when the length is no multiple of 12: bad_rows
└── rowsHash
   └── it should tell debits from credits
*/
describe("rows", () => {
  const row = (index: number, amountNano: bigint): Row => ({ index, amountNano });

  describe("encodeRows", () => {
    it("writes index and amount, big endian", () => {
      expect(toHex(encodeRows([row(0x01020304, 0x05060708090a0b0cn)]))).to.equal("0x0102030405060708090a0b0c");
    });

    for (const [what, rows] of [
      ["no rows", []],
      ["the least row", [row(0, 1n)]],
      ["the largest row", [row(U32_MAX, U64_MAX)]],
      ["lane neighbours", [3, 4, 5, 7, 8].map((index) => row(index, BigInt(index)))],
      ["the same amount twice", [row(1, 5n), row(2, 5n)]],
    ] as const) {
      it(`gives back ${what}`, () => {
        const bytes = encodeRows(rows);
        expect(bytes.length).to.equal(12 * rows.length);
        expect(decodeRows(bytes)).to.deep.equal(rows);
      });
    }

    it("sorts by number, and leaves its input as it is", () => {
      const rows = [row(10, 1n), row(U32_MAX, 2n), row(9, 3n), row(0, 4n)];
      const before = [...rows];
      expect(decodeRows(encodeRows(rows)).map(({ index }) => index)).to.deep.equal([0, 9, 10, U32_MAX]);
      expect(rows).to.deep.equal(before);
    });

    for (const [reason, rows] of [
      ["index out of range", [row(-1, 1n)]],
      ["index out of range", [row(U32_MAX + 1, 1n)]],
      ["index out of range", [row(1.5, 1n)]],
      ["index out of range", [row(Number.NaN, 1n)]],
      ["amount out of range", [row(1, 0n)]],
      ["amount out of range", [row(1, -1n)]],
      ["amount out of range", [row(1, U64_MAX + 1n)]],
      ["index stands twice", [row(1, 1n), row(2, 1n), row(1, 2n)]],
    ] as const) {
      it(`refuses ${rows.map(({ index, amountNano }) => `${index}:${amountNano}`).join(" ")}`, async () => {
        const error = await failure(() => encodeRows(rows));
        expect(error).to.include({ name: "InputError", code: "bad_rows" });
        expect(error.facts.reason).to.equal(reason);
      });
    }
  });

  describe("decodeRows", () => {
    for (const bytes of [1, 11, 13, 23]) {
      it(`refuses ${bytes} bytes`, async () => {
        const error = await failure(() => decodeRows(new Uint8Array(bytes)));
        expect(error).to.include({ name: "InputError", code: "bad_rows" });
        expect(error.facts.bytes).to.equal(bytes);
      });
    }

    it("reads out of the middle of a buffer", () => {
      const bytes = Buffer.concat([Buffer.alloc(5), encodeRows([row(7, 8n)])]);
      expect(decodeRows(bytes.subarray(5))).to.deep.equal([row(7, 8n)]);
    });
  });

  it("rowsHash tells debits from credits", () => {
    const [a, b] = [encodeRows([row(1, 1n)]), encodeRows([row(2, 2n)])];
    const expected = (x: Uint8Array, y: Uint8Array) =>
      keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [keccak256(x), keccak256(y)]));
    expect(toHex(rowsHash(a, b))).to.equal(expected(a, b));
    expect(toHex(rowsHash(b, a))).to.equal(expected(b, a));
    expect(toHex(rowsHash(new Uint8Array(), new Uint8Array()))).to.equal(expected(new Uint8Array(), new Uint8Array()));
  });
});
