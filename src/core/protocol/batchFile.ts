import { z } from "zod";
import { InputError } from "../errors.ts";
import { equalBytes, toHex } from "../hashing/hex.ts";
import { encodeTree } from "./batch.ts";
import {
  anyBytes,
  bytes32,
  evidenceSchema,
  receiptBytes,
  requestSchema,
  signature65,
  termsSchema,
  toJson,
  u32,
  u64,
  voucherSchema,
  windowSchema,
} from "./json.ts";
import { buildTree, type MerkleTree, merklePath, splitLeaves } from "./merkle.ts";
import type { Evidence, Request, Terms, Voucher, Window } from "./messages.ts";

/** One window in a batch. Whole: its root is a node of the batch tree. Else its receipts of this batch are nodes themselves. */
export type BatchWindow = {
  window: Window;
  signature: Uint8Array;
  /** All leaf hashes of the window, joined, whether their receipts are of this batch or not. */
  leaves: Uint8Array;
  /** Positions within the window whose receipts are of this batch, ascending; null for all. */
  part: number[] | null;
};

export type BatchReceipt = { receipt: Uint8Array; request: Request; evidence: Evidence | null };

/** A receipt of an earlier batch, with its proof under that batch's header. */
export type CommittedReceipt = {
  receipt: Uint8Array;
  path: Uint8Array[];
  number: bigint;
  prevHash: Uint8Array;
  restHash: Uint8Array;
};

/** The voucher that allows most of what a batch debits of a reservation. */
export type BatchVoucher = {
  reservation: number;
  terms: Terms;
  voucher: Voucher;
  signature: Uint8Array;
  /** Shows what was spent, where no receipt of this batch does: inferences end in another order than they begin. */
  earlier: CommittedReceipt | null;
};

/** Everything that signers and auditors of a batch need. The SHA-256 of its bytes is `data` of an OFFCHAIN batch. */
export type BatchFile = {
  version: 1;
  settler: number;
  number: bigint;
  windows: BatchWindow[];
  /** In the order of the leaves: window by window. */
  receipts: BatchReceipt[];
  vouchers: BatchVoucher[];
  debits: Uint8Array;
  credits: Uint8Array;
};

const committedReceiptSchema = z.strictObject({
  receipt: receiptBytes,
  path: z.array(bytes32).max(40),
  number: u64,
  prevHash: bytes32,
  restHash: bytes32,
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  settler: u32,
  number: u64,
  windows: z.array(
    z.strictObject({
      window: windowSchema,
      signature: signature65,
      leaves: anyBytes,
      part: z.array(z.int().min(0)).nullable(),
    }),
  ),
  receipts: z.array(
    z.strictObject({ receipt: receiptBytes, request: requestSchema, evidence: evidenceSchema.nullable() }),
  ),
  vouchers: z.array(
    z.strictObject({
      reservation: u32,
      terms: termsSchema,
      voucher: voucherSchema,
      signature: signature65,
      earlier: committedReceiptSchema.nullable(),
    }),
  ),
  debits: anyBytes,
  credits: anyBytes,
});

/** The bytes of a batch file: JSON without spaces, so that the same batch always is the same bytes. */
export function encodeBatchFile(file: BatchFile): Uint8Array {
  return Buffer.from(JSON.stringify(toJson(file)));
}

/** Reads a batch file. Throws an `InputError` when it is malformed. */
export function decodeBatchFile(bytes: Uint8Array): BatchFile {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new InputError("A batch file is not JSON", { code: "bad_batch", cause });
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data as BatchFile;
  const issue = parsed.error.issues[0];
  throw new InputError("A batch file is malformed", {
    code: "bad_batch",
    facts: { field: issue?.path.join("."), reason: issue?.message },
  });
}

/** The number of nodes, and of leaves in each, is two bytes. */
const MAX_NODES = 0xffff;

/** The tree of a batch over its windows' nodes, and where each receipt's leaf stands. */
export type BatchTree = {
  root: Uint8Array;
  count: number;
  /** Leaf hashes of the batch's receipts, in the order of the file's receipts. */
  leaves: Uint8Array[];
  /** From the `index`-th receipt's leaf to the batch's root. */
  path(index: number): Uint8Array[];
  /** As `commitBatch` takes it under a CALLDATA policy. */
  encoded: Uint8Array;
};

/**
 * Builds the tree of a batch. Throws an `InputError` when a window's leaves do not give its signed root, a part is not
 * in order, or nothing is left to build on.
 */
export function batchTree(windows: readonly BatchWindow[]): BatchTree {
  const groups: Group[] = [];
  for (const { window, leaves: joined, part } of windows) {
    const leaves = splitLeaves(joined);
    const whole = joined.length === 32 * window.count && window.count > 0 && window.count <= MAX_NODES;
    const tree = whole ? buildTree(leaves) : undefined;
    if (!tree || !equalBytes(tree.root, window.root)) {
      const facts = { window: toHex(window.root), bytes: joined.length, count: window.count };
      throw malformed("A window's leaves do not give its root", facts);
    }
    if (part === null) groups.push({ leaves, tree });
    else groups.push(...partOf(leaves, part, window.root));
  }
  return treeOf(groups);
}

/**
 * The tree that stands in the calldata of a commit under a CALLDATA policy: see {@link BatchTree.encoded}. Throws an
 * `InputError` when it is not one.
 */
export function calldataTree(encoded: Uint8Array): BatchTree {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const nodes = bytes.length < 2 ? 0 : bytes.readUInt16BE();
  const groups: Group[] = [];
  let offset = 2 + 2 * nodes;
  for (let i = 0; i < nodes && offset <= bytes.length; i++) {
    const end = offset + 32 * bytes.readUInt16BE(2 + 2 * i);
    const leaves = splitLeaves(encoded.slice(offset, end));
    if (end > bytes.length || leaves.length === 0) break;
    groups.push({ leaves, tree: buildTree(leaves) });
    offset = end;
  }
  if (groups.length !== nodes || offset !== bytes.length) {
    throw malformed("A tree in calldata is malformed", { nodes, bytes: bytes.length });
  }
  return treeOf(groups);
}

/** A node of a batch: leaves of a window, or one of them. */
type Group = { leaves: Uint8Array[]; tree: MerkleTree };

function treeOf(groups: readonly Group[]): BatchTree {
  if (groups.length === 0 || groups.length > MAX_NODES) {
    throw malformed("A batch has no nodes, or too many", { nodes: groups.length, most: MAX_NODES });
  }
  const top = buildTree(groups.map(({ tree }) => tree.root));
  const places = groups.flatMap(({ leaves }, group) => leaves.map((_, index) => ({ group, index })));
  return {
    root: top.root,
    count: places.length,
    leaves: groups.flatMap(({ leaves }) => leaves),
    path(receipt) {
      const { group, index } = places[receipt] as (typeof places)[number];
      return [...merklePath((groups[group] as (typeof groups)[number]).tree, index), ...merklePath(top, group)];
    },
    encoded: encodeTree(groups.map(({ leaves }) => leaves)),
  };
}

/** Each leaf of a part is a node of its own. */
function partOf(leaves: readonly Uint8Array[], part: readonly number[], window: Uint8Array) {
  return part.map((index, i) => {
    const leaf = leaves[index];
    const ascending = i === 0 || index > (part[i - 1] as number);
    if (!leaf || !ascending)
      throw malformed("A part does not name its window's leaves in order", { window: toHex(window) });
    return { leaves: [leaf], tree: buildTree([leaf]) };
  });
}

function malformed(what: string, facts: Record<string, unknown>): InputError {
  return new InputError(what, { code: "bad_batch", facts });
}
