import { expect } from "chai";
import { TypedDataEncoder } from "ethers";
import { network } from "hardhat";
import { type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../src/core/hashing/keccak.ts";
import { bodyStruct } from "../../../src/core/protocol/batch.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import {
  type BatchBody,
  bodyHash,
  headerHash,
  innerHash,
  type Request,
  requestHash,
  restHash,
  termsHash,
  type Voucher,
  voucherHash,
  type Window,
  windowHash,
} from "../../../src/core/protocol/messages.ts";
import { leafHasher, receiptStruct } from "../../../src/core/protocol/receipt.ts";
import { encodeRows, rowsHash } from "../../../src/core/protocol/rows.ts";
import type { MessagesHarness } from "../../../typechain-types/index.ts";
import { receiptsOf } from "../../helpers/receipts.ts";

/*
Messages: three hands hash each message and agree: the contracts, our TypeScript, ethers' EIP-712
├── Terms, Voucher, Request, Window, BatchBody: small, large and plain values of each field
├── receipt leaves, row hashes, headers
└── hashing a body leaves memory as it was
*/
describe("Messages", () => {
  let harness: MessagesHarness;
  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("MessagesHarness");
  });

  const word = (name: string) => keccak256(Buffer.from(name));
  const ones = new Uint8Array(32).fill(0xff);
  const zeros = new Uint8Array(32);
  const account = (byte: string): Hex => `0x${byte.repeat(20)}`;

  /** Plain values, all zeros, all ones: a field that is cut, swapped or left out shows in one of them. */
  const U32 = [7, 0, 2 ** 32 - 1];
  const U64 = [123_456_789n, 0n, 2n ** 64n - 1n];
  const WORDS = [word("a"), zeros, ones];

  for (const [i, kind] of ["plain values", "zeros", "the largest values"].entries()) {
    const u32 = U32[i] as number;
    const u64 = U64[i] as bigint;
    const bytes32 = WORDS[i] as Uint8Array;
    const hex32 = toHex(bytes32);
    const policy = [2, 0, 65_535][i] as number;

    it(`Terms of ${kind}`, async () => {
      const address = account(["1a", "00", "ff"][i] as string);
      const terms = { payer: address, voucherKey: account(["2b", "00", "ff"][i] as string), policy };
      const fields = "address payer,address voucherKey,uint16 policy";
      await agree(await harness.termsHash(terms), termsHash(terms), "Terms", fields, terms);
    });

    it(`a Voucher of ${kind}`, async () => {
      const voucher: Voucher = {
        settler: u32,
        reservation: i === 0 ? 8 : u32,
        termsHash: bytes32,
        cumulativeNano: u64,
        requestHash: i === 0 ? word("b") : bytes32,
        expiry: i === 0 ? 1_750_000_000n : u64,
      };
      const { cumulativeNano, ...rest } = voucher;
      const struct = {
        ...rest,
        termsHash: hex32,
        requestHash: toHex(voucher.requestHash),
        cumulative: cumulativeNano,
      };
      const fields =
        "uint32 settler,uint32 reservation,bytes32 termsHash,uint64 cumulative,bytes32 requestHash,uint64 expiry";
      await agree(await harness.voucherHash(struct), voucherHash(voucher), "Voucher", fields, struct);
    });

    it(`a Request of ${kind}`, async () => {
      const request: Request = {
        modelVersion: bytes32,
        inputHash: i === 0 ? word("b") : bytes32,
        minMode: [2, 0, 255][i] as number,
        maxPriceNano: u64,
        valueAtRiskNano: i === 0 ? 5n : u64,
        nonce: i === 0 ? word("c") : bytes32,
      };
      const struct = {
        modelVersion: hex32,
        inputHash: toHex(request.inputHash),
        minMode: request.minMode,
        maxPrice: request.maxPriceNano,
        valueAtRisk: request.valueAtRiskNano,
        nonce: toHex(request.nonce),
      };
      const fields =
        "bytes32 modelVersion,bytes32 inputHash,uint8 minMode,uint64 maxPrice,uint64 valueAtRisk,bytes32 nonce";
      await agree(await harness.requestHash(struct), requestHash(request), "Request", fields, struct);
    });

    it(`a Window of ${kind}`, async () => {
      const signedAtMs = [1_750_000_000_123, 0, Number.MAX_SAFE_INTEGER][i] as number;
      const window: Window = {
        settler: u32,
        verifier: i === 0 ? 9 : u32,
        root: bytes32,
        count: i === 0 ? 50 : u32,
        signedAtMs,
      };
      const { signedAtMs: signedAt, ...rest } = window;
      const struct = { ...rest, root: hex32, signedAt };
      const fields = "uint32 settler,uint32 verifier,bytes32 root,uint32 count,uint64 signedAt";
      await agree(await harness.windowHash(struct), windowHash(window), "Window", fields, struct);
    });

    it(`a BatchBody of ${kind}, and memory stays as it was`, async () => {
      const body: BatchBody = {
        settler: u32,
        number: u64,
        root: bytes32,
        rowsHash: i === 0 ? word("b") : bytes32,
        firstSequence: i === 0 ? 10n : u64,
        count: i === 0 ? 11 : u32,
        totalNano: i === 0 ? 12n : u64,
        feeNano: i === 0 ? 13n : u64,
        data: i === 0 ? word("c") : bytes32,
        policy,
        deadline: i === 0 ? 1_750_000_000n : u64,
      };
      const struct = bodyStruct(body);
      const { hash, again } = await harness.bodyHash(struct);
      expect(again).to.equal(hash);
      const fields =
        "uint32 settler,uint64 number,bytes32 root,bytes32 rowsHash,uint64 firstSequence,uint32 count,uint64 total," +
        "uint64 fee,bytes32 data,uint16 policy,uint64 deadline";
      await agree(hash, bodyHash(body), "BatchBody", fields, struct);
    });
  }

  it("leaves of receipts", async () => {
    const domain = settlementDomain(31337n, account("5e"));
    const receipts = receiptsOf(3, 5);
    for (const receipt of receipts) {
      const leaf = toHex(leafHasher(domain).ofEncoded(receipt));
      expect(await harness.leaf(toHex(domain.separator), receiptStruct(receipt))).to.equal(leaf);
    }
    expect(new Set(receipts.map((receipt) => toHex(receipt))).size).to.equal(receipts.length);
  });

  it("rows", async () => {
    const debits = encodeRows([{ index: 3, amountNano: 5n }]);
    const credits = encodeRows([
      { index: 1, amountNano: 2n },
      { index: 2 ** 32 - 1, amountNano: 2n ** 64n - 1n },
    ]);
    for (const [a, b] of [
      [debits, credits],
      [credits, debits],
      [new Uint8Array(), credits],
      [new Uint8Array(), new Uint8Array()],
    ] as const) {
      expect(await harness.rowsHash(toHex(a), toHex(b))).to.equal(toHex(rowsHash(a, b)));
    }
    expect(toHex(rowsHash(debits, credits))).not.to.equal(toHex(rowsHash(credits, debits)));
  });

  it("headers", async () => {
    const [previous, root, body] = [word("previous"), word("root"), word("body")];
    const commitment = { signersHash: word("signers"), committedAt: 1_750_000_000n, committedIn: 77n };
    const given = { ...commitment, signersHash: toHex(commitment.signersHash) };
    const expected = headerHash(previous, innerHash(root, restHash(body, commitment)));
    expect(await harness.headerHash(toHex(previous), toHex(root), toHex(body), given)).to.equal(toHex(expected));
  });
});

/** All three hashes are the same. `fields` are the members as EIP-712 writes them. */
async function agree(
  onChain: string,
  ours: Uint8Array,
  name: string,
  fields: string,
  struct: Record<string, unknown>,
): Promise<void> {
  const types = {
    [name]: fields.split(",").map((field) => {
      const [type, member] = field.split(" ") as [string, string];
      return { type, name: member };
    }),
  };
  expect(onChain, "on chain").to.equal(TypedDataEncoder.hashStruct(name, types, struct));
  expect(toHex(ours), "in TypeScript").to.equal(onChain);
}
