import { expect } from "chai";
import { AbiCoder, keccak256, TypedDataEncoder } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { type Domain, settlementDomain, typedDigest } from "../../../../src/core/protocol/domain.ts";
import {
  type BatchBody,
  bodyHash,
  evidenceHash,
  headerHash,
  innerHash,
  requestHash,
  restHash,
  resultHash,
  termsHash,
  voucherHash,
  type Window,
  windowHash,
} from "../../../../src/core/protocol/messages.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { DOMAIN, EVIDENCE, REQUEST, SETTLEMENT, TERMS, VOUCHER, word } from "../../../helpers/samples.ts";

/*
messages
├── the digest of each message is what ethers' TypedDataEncoder makes of it
│  ├── with usual values, zeros and the largest values
│  └── under any chain and contract
├── the digest changes with each field, and with the domain
└── rest, inner and header are hashes of static ABI words
*/
type Field = { name: string; type: string };
const fields = (text: string): Field[] =>
  text.split(",").map((field) => {
    const [type, name] = field.split(" ") as [string, string];
    return { type, name };
  });

const WINDOW: Window = { settler: 3, verifier: 6, root: word(0xcc), count: 12, signedAtMs: 1_790_000_000_000 };
const BODY: BatchBody = {
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
const RESULT = {
  requestId: word(1),
  modelVersion: word(2),
  inputHash: word(3),
  outputHash: word(4),
  traceRoot: word(5),
};

/** What stands in TypeScript under another name than in the signed type. */
const RENAMED: Record<string, string> = {
  cumulative: "cumulativeNano",
  maxPrice: "maxPriceNano",
  valueAtRisk: "valueAtRiskNano",
  signedAt: "signedAtMs",
  total: "totalNano",
  fee: "feeNano",
};

type Message = Record<string, bigint | number | string | Uint8Array>;
const MESSAGES: [string, Field[], Message, (message: never) => Uint8Array][] = [
  ["Terms", fields("address payer,address voucherKey,uint16 policy"), TERMS, termsHash],
  [
    "Voucher",
    fields("uint32 settler,uint32 reservation,bytes32 termsHash,uint64 cumulative,bytes32 requestHash,uint64 expiry"),
    VOUCHER,
    voucherHash,
  ],
  [
    "Request",
    fields("bytes32 modelVersion,bytes32 inputHash,uint8 minMode,uint64 maxPrice,uint64 valueAtRisk,bytes32 nonce"),
    REQUEST,
    requestHash,
  ],
  [
    "WorkerResult",
    fields("bytes32 requestId,bytes32 modelVersion,bytes32 inputHash,bytes32 outputHash,bytes32 traceRoot"),
    RESULT,
    resultHash,
  ],
  [
    "Evidence",
    fields(
      "bytes32 engine,uint64 seed,uint64 inputUnits,uint64 outputUnits,bytes32 traceRoot,bytes32 outputIds,bytes workerSignature",
    ),
    EVIDENCE,
    evidenceHash,
  ],
  ["Window", fields("uint32 settler,uint32 verifier,bytes32 root,uint32 count,uint64 signedAt"), WINDOW, windowHash],
  [
    "BatchBody",
    fields(
      "uint32 settler,uint64 number,bytes32 root,bytes32 rowsHash,uint64 firstSequence,uint32 count,uint64 total,uint64 fee,bytes32 data,uint16 policy,uint64 deadline",
    ),
    BODY,
    bodyHash,
  ],
];

const keyOf = (name: string) => RENAMED[name] ?? name;

/** Ethers' digest of a message. */
function reference(chainId: bigint, contract: string, name: string, types: Field[], message: Message): string {
  const domain = { name: "OPG Settlement", version: "1", chainId, verifyingContract: contract };
  const value = Object.fromEntries(types.map((field) => [field.name, message[keyOf(field.name)]]));
  return TypedDataEncoder.hash(domain, { [name]: types }, value);
}

/** The message with every number at its most, or at 0, and every hash at its most, or empty. */
function extreme(types: Field[], message: Message, most: boolean): Message {
  return Object.fromEntries(
    types.map(({ name, type }) => {
      const key = keyOf(name);
      const usual = message[key];
      if (type === "address") return [key, `0x${(most ? "f" : "0").repeat(40)}`];
      if (type === "bytes") return [key, new Uint8Array(most ? 65 : 0).fill(0xff)];
      if (type === "bytes32") return [key, word(most ? 0xff : 0)];
      const bits = Number(type.slice(4));
      if (typeof usual === "bigint") return [key, most ? U64_MAX : 0n];
      return [key, most ? Math.min(2 ** bits - 1, Number.MAX_SAFE_INTEGER) : 0];
    }),
  );
}

function changed(value: Message[string]): Message[string] {
  if (typeof value === "bigint") return value + 1n;
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return `${value.slice(0, -1)}0`;
  const bytes = value.slice();
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  return bytes;
}

describe("messages", () => {
  const other = settlementDomain(2n ** 53n + 1n, "0x000000000000000000000000000000000000dEaD");

  for (const [name, types, message, hash] of MESSAGES) {
    describe(name, () => {
      const digest = (domain: Domain, value: Message) => toHex(typedDigest(domain, hash(value as never)));

      for (const [what, value] of [
        ["usual values", message],
        ["zeros", extreme(types, message, false)],
        ["the largest values", extreme(types, message, true)],
      ] as const) {
        it(`is what ethers makes of ${what}`, () => {
          expect(digest(DOMAIN, value)).to.equal(reference(31337n, SETTLEMENT, name, types, value));
        });
      }

      it("is what ethers makes of it under another chain and contract", () => {
        const expected = reference(other.chainId, other.settlement, name, types, message);
        expect(digest(other, message)).to.equal(expected);
        expect(expected).not.to.equal(digest(DOMAIN, message));
      });

      for (const field of types) {
        it(`changes with ${field.name}`, () => {
          const key = keyOf(field.name);
          const value = { ...message, [key]: changed(message[key] as Message[string]) };
          expect(digest(DOMAIN, value)).not.to.equal(digest(DOMAIN, message));
        });
      }
    });
  }

  describe("batch header", () => {
    const abi = (types: string[], values: unknown[]) => keccak256(AbiCoder.defaultAbiCoder().encode(types, values));

    for (const [committedAt, committedIn] of [
      [0n, 0n],
      [1_790_000_000n, 123n],
      [U64_MAX, BigInt(U32_MAX)],
    ] as const) {
      it(`rest of a batch committed at ${committedAt} in ${committedIn}`, () => {
        const commitment = { signersHash: word(9), committedAt, committedIn };
        expect(toHex(restHash(word(8), commitment))).to.equal(
          abi(["bytes32", "bytes32", "uint64", "uint64"], [word(8), word(9), committedAt, committedIn]),
        );
      });
    }

    it("inner is of root and rest, header of the hash before and inner", () => {
      const two = abi(["bytes32", "bytes32"], [word(1), word(2)]);
      expect(toHex(innerHash(word(1), word(2)))).to.equal(two);
      expect(toHex(headerHash(word(1), word(2)))).to.equal(two);
      expect(toHex(innerHash(word(2), word(1)))).not.to.equal(two);
    });
  });
});
