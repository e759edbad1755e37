import { expect } from "chai";
import type { z } from "zod";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import {
  address,
  anyBytes,
  bytes32,
  encodeHeader,
  evidenceSchema,
  paymentSchema,
  receiptBytes,
  signature65,
  signedReceiptSchema,
  toJson,
  u32,
  u64,
  windowSchema,
} from "../../../../src/core/protocol/json.ts";
import { encodeReceipt } from "../../../../src/core/protocol/receipt.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { EVIDENCE, REQUEST, receiptWith, TERMS, VOUCHER, word } from "../../../helpers/samples.ts";

/*
json
├── values: each kind takes its range, one past is refused
├── messages: what is written is read back; what is absent, unknown or doubled is refused
└── toJson, encodeHeader: bytes become hex, bigints decimal strings
*/
describe("json", () => {
  const hex = (bytes: number) => `0x${"aB".repeat(bytes)}`;

  describe("values", () => {
    for (const [name, schema, taken, refused] of [
      ["bytes32", bytes32, [hex(32)], [hex(31), hex(33), "0x", 5, `${hex(31)}a`, `${hex(31)}zz`, hex(32).slice(2)]],
      ["signature65", signature65, [hex(65)], [hex(64), hex(66)]],
      ["receiptBytes", receiptBytes, [hex(288)], [hex(287), hex(289)]],
      ["anyBytes", anyBytes, ["0x", hex(1), hex(1000)], ["", "0xa", "0xgg", "ab", "0x ab", "0xab\n", null]],
      ["address", address, [hex(20)], [hex(19), hex(21), "0x"]],
      [
        "u64",
        u64,
        ["0", "007", String(U64_MAX)],
        [String(U64_MAX + 1n), "-1", "+1", "1.0", "", "0x1", 1, "1".repeat(21)],
      ],
      ["u32", u32, [0, U32_MAX], [-1, U32_MAX + 1, 0.5, "1", Number.NaN]],
    ] as [string, z.ZodType, unknown[], unknown[]][]) {
      for (const value of taken) {
        it(`${name} takes ${String(value).slice(0, 20)}`, () => expect(schema.safeParse(value).success).to.equal(true));
      }
      for (const value of refused) {
        it(`${name} refuses ${JSON.stringify(value)?.slice(0, 20)}`, () => {
          expect(schema.safeParse(value).success).to.equal(false);
        });
      }
    }

    it("are read as bytes, lower-case addresses and bigints", () => {
      expect(bytes32.parse(hex(32))).to.deep.equal(word(0xab));
      expect(address.parse(hex(20))).to.equal(hex(20).toLowerCase());
      expect(u64.parse("007")).to.equal(7n);
      expect(anyBytes.parse("0x")).to.deep.equal(new Uint8Array());
    });
  });

  describe("messages", () => {
    const signature = new Uint8Array(65).fill(1);
    const window = { settler: 3, verifier: 6, root: word(1), count: 2, signedAtMs: 1_790_000_000_000 };
    const payment = { terms: TERMS, request: REQUEST, voucher: VOUCHER, signature, salt: word(2) };
    const path = [word(3), word(4)];
    const signed = { receipt: encodeReceipt(receiptWith()), path, window, signature, evidence: EVIDENCE };

    for (const [name, schema, value] of [
      ["payment", paymentSchema, payment],
      ["evidence", evidenceSchema, EVIDENCE],
      ["window", windowSchema, window],
      ["signed receipt", signedReceiptSchema, signed],
    ] as [string, z.ZodType, Record<string, unknown>][]) {
      it(`${name} is read back`, () => {
        expect(schema.parse(JSON.parse(JSON.stringify(toJson(value))))).to.deep.equal(value);
      });

      it(`${name} is refused with a field more, or one less`, () => {
        const json = toJson(value) as Record<string, unknown>;
        expect(schema.safeParse({ ...json, more: 1 }).success).to.equal(false);
        for (const field of Object.keys(json)) {
          expect(schema.safeParse({ ...json, [field]: undefined }).success, field).to.equal(false);
        }
      });
    }

    it("a path is at most 40 long", () => {
      const long = (length: number) => toJson({ ...signed, path: new Array(length).fill(word(1)) });
      expect(signedReceiptSchema.safeParse(long(40)).success).to.equal(true);
      expect(signedReceiptSchema.safeParse(long(41)).success).to.equal(false);
    });

    it("a window holds a receipt", () => {
      expect(windowSchema.safeParse(toJson({ ...window, count: 0 })).success).to.equal(false);
    });
  });

  it("toJson writes bytes as hex and bigints as text, however deep, and leaves the rest", () => {
    const value = { a: [1n, { b: Buffer.from([1, 2]) }], c: null, d: undefined, e: "x", f: true };
    expect(toJson(value)).to.deep.equal({ a: ["1", { b: "0x0102" }], c: null, d: undefined, e: "x", f: true });
    expect(toJson(U64_MAX)).to.equal("18446744073709551615");
  });

  it("encodeHeader is base64url of the JSON", () => {
    const header = encodeHeader({ a: word(0xff), b: "ü?" });
    expect(header).to.match(/^[A-Za-z0-9_-]+$/);
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).to.deep.equal({ a: toHex(word(0xff)), b: "ü?" });
  });
});
