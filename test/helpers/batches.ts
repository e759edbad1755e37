import { fromHex, type Hex, toHex, ZERO32 } from "../../src/core/hashing/hex.ts";
import { keccak256 } from "../../src/core/hashing/keccak.ts";
import { secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import { bodyStruct, packOperators, signersHash } from "../../src/core/protocol/batch.ts";
import { type Domain, typedDigest } from "../../src/core/protocol/domain.ts";
import { buildTree, merklePath } from "../../src/core/protocol/merkle.ts";
import {
  bodyHash,
  innerHash,
  restHash,
  type Terms,
  termsHash,
  type Voucher,
  voucherHash,
} from "../../src/core/protocol/messages.ts";
import {
  encodeReceipt,
  leafHasher,
  Mode,
  type Receipt,
  receiptStruct,
  Status,
} from "../../src/core/protocol/receipt.ts";
import { encodeRows, type Row } from "../../src/core/protocol/rows.ts";
import { commitArguments, type Economy, nextBody, walletOf } from "./economy.ts";
import type { Protocol } from "./protocol.ts";

/** A complete receipt from what a test cares about. */
export function receiptOf(given: Pick<Receipt, "sequence" | "settler"> & Partial<Receipt>): Receipt {
  return {
    reservation: 0,
    worker: 1,
    verifier: 2,
    mode: Mode.TEE,
    status: Status.OK,
    priceNano: given.spentNano ?? 0n,
    valueAtRiskNano: 0n,
    inputUnits: 1,
    outputUnits: 1,
    startedAtMs: 1,
    firstOutputAtMs: 2,
    finishedAtMs: 3,
    spentNano: 0n,
    requestId: keccak256(Buffer.from(`request ${given.sequence}`)),
    modelVersion: ZERO32,
    inputHash: ZERO32,
    outputHash: ZERO32,
    evidenceHash: ZERO32,
    memoryRoot: ZERO32,
    ...given,
  };
}

export type Shown = { receipt: ReturnType<typeof receiptStruct>; path: Hex[] };

/** A committed batch, in every form in which contracts ask for it. */
export type Committed = {
  /** The whole batch, for claims. */
  batch: {
    body: ReturnType<typeof bodyStruct>;
    commitment: { signersHash: Hex; committedAt: number; committedIn: number };
    prevHash: string;
    later: Hex[];
  };
  /** Where it stands, for proofs. */
  ref: { number: bigint; prevHash: string; restHash: Hex; later: Hex[] };
  /** What the batch after it is linked with, for `later`. */
  inner: Hex;
  debits: Hex;
  credits: Hex;
  debitsHash: Hex;
  creditsHash: Hex;
  /** The operators that signed, packed. */
  signers: Hex;
  /** Each receipt with its path to the root. */
  shown: Shown[];
};

/** Commits the settler's next batch, signed by all verifiers, over exactly these receipts. */
export async function commitReceipts(
  protocol: Protocol,
  { settler, domain, verifiers }: Pick<Economy, "settler" | "domain" | "verifiers">,
  {
    receipts,
    debits,
    credits,
    count,
    policy = 1,
    leavesFor = domain,
    data,
    tree: calldata = new Uint8Array(),
  }: {
    receipts: Receipt[];
    debits: Row[];
    credits: Row[];
    count?: number;
    policy?: number;
    /** For which contract the leaves are made, if not for this one. */
    leavesFor?: Domain;
    /** Of the body: what its file or the sizes of its tree hash to. */
    data?: Uint8Array;
    /** As it stands in the calldata under a CALLDATA policy. */
    tree?: Uint8Array;
  },
): Promise<Committed> {
  const { settlement } = protocol.contracts;
  const encoded = receipts.map(encodeReceipt);
  const tree = buildTree(encoded.map(leafHasher(leavesFor).ofEncoded));
  const plan = { debits, credits, root: tree.root, count: count ?? receipts.length, policy, ...(data && { data }) };
  const body = await nextBody(protocol, settler, plan);
  const prevHash = await settlement.headerHash(settler, body.number - 1n);
  const sent = await settlement.commitBatch(...commitArguments(domain, body, plan, verifiers, calldata));
  const block = await (await sent.wait())?.getBlock();
  if (!block) throw new Error("The batch was not mined");

  const operators = verifiers.map(({ operator }) => operator);
  const commitment = {
    signersHash: signersHash(operators),
    committedAt: BigInt(block.timestamp),
    committedIn: BigInt(block.number),
  };
  const rest = restHash(bodyHash(body), commitment);
  const rows = [encodeRows(debits), encodeRows(credits)] as const;
  return {
    batch: {
      body: bodyStruct(body),
      commitment: {
        signersHash: toHex(commitment.signersHash),
        committedAt: block.timestamp,
        committedIn: block.number,
      },
      prevHash,
      later: [],
    },
    ref: { number: body.number, prevHash, restHash: toHex(rest), later: [] },
    inner: toHex(innerHash(body.root, rest)),
    debits: toHex(rows[0]),
    credits: toHex(rows[1]),
    debitsHash: toHex(keccak256(rows[0])),
    creditsHash: toHex(keccak256(rows[1])),
    signers: toHex(packOperators(operators)),
    shown: encoded.map((bytes, i) => ({ receipt: receiptStruct(bytes), path: merklePath(tree, i).map(toHex) })),
  };
}

/** A voucher as contracts take it, and its signature. */
export function signVoucher(
  domain: Domain,
  terms: Terms,
  given: Pick<Voucher, "settler" | "reservation" | "cumulativeNano"> & Partial<Voucher>,
  key = walletOf("voucher"),
) {
  const voucher: Voucher = { termsHash: termsHash(terms), requestHash: ZERO32, expiry: 0n, ...given };
  const signature = secp256k1.sign(typedDigest(domain, voucherHash(voucher)), fromHex(key.privateKey));
  const { cumulativeNano: cumulative, ...rest } = voucher;
  return {
    voucher: {
      ...rest,
      cumulative,
      termsHash: toHex(voucher.termsHash),
      requestHash: toHex(voucher.requestHash),
    },
    signature: toHex(signature),
  };
}
