import { and, asc, between, desc, eq, gte, inArray, lt, lte } from "drizzle-orm";
import { collectableOf, sharesOf } from "../core/chain/shares.ts";
import type { ChainView, PolicyRecord } from "../core/chain/view.ts";
import type { OpenDatabase } from "../core/db/open.ts";
import { BaseError, UnavailableError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { sha256 } from "../core/hashing/sha256.ts";
import { batchFee, sizesHash } from "../core/protocol/batch.ts";
import {
  type BatchFile,
  type BatchTree,
  type BatchVoucher,
  type BatchWindow,
  batchTree,
  type CommittedReceipt,
  encodeBatchFile,
} from "../core/protocol/batchFile.ts";
import { batchBodySchema } from "../core/protocol/batchRequest.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { toJson } from "../core/protocol/json.ts";
import type { BatchBody } from "../core/protocol/messages.ts";
import { decodeReceipt, leafHasher, type Receipt } from "../core/protocol/receipt.ts";
import { encodeRows, type Row, rowsHash } from "../core/protocol/rows.ts";
import { creditRows, debitRows, owedOf, paidPrices } from "../core/protocol/split.ts";
import { committedReceipt, voucherOf } from "./debitProof.ts";
import { batches, inferences, windows } from "./schema.ts";
import { readEvidence, readPayment, type StoredInference } from "./store.ts";
import type { WindowLeaves } from "./windowLeaves.ts";

export type StoredBatch = typeof batches.$inferSelect;

/** A batch that is ready to be signed: its body, its file's bytes, and what `commitBatch` takes. */
export type Plan = { body: BatchBody; file: Uint8Array; debits: Uint8Array; credits: Uint8Array; tree: Uint8Array };

export type PlanLimits = {
  /** Receipts in a batch, at most. */
  maxReceipts: number;
  /** Distinct payers in a batch, at most: each costs gas. */
  maxDebits: number;
};

/**
 * Receipts in a batch whose leaves are calldata, at most: with 34 bytes of tree, one debit and three credits of 12 bytes
 * each they come to 123,000 bytes, and a transaction has room for 131,072.
 */
export const MAX_CALLDATA_RECEIPTS = 1_500;

export type PlanContext = {
  database: OpenDatabase;
  view: ChainView;
  domain: Domain;
  settler: number;
  policy: number;
  /** Seconds from the plan to the last second it can be committed. */
  deadlineSeconds: number;
  limits: PlanLimits;
  /** A receipt of a committed batch with its proof. */
  proofOf(row: StoredInference): Promise<CommittedReceipt | undefined>;
  leavesOf: WindowLeaves;
};

type Row1 = StoredInference & { receipt: Uint8Array; window: string; leafIndex: number };

/**
 * Plans the settler's next batch from the receipts that follow what the chain has, up to the first one that is not
 * signed yet. Undefined when there is none.
 */
export async function planBatch(context: PlanContext): Promise<Plan | undefined> {
  const { view, settler, policy: policyId } = context;
  const [state, policy] = await Promise.all([view.settler(settler), view.policy(policyId)]);
  if (!policy) throw new BaseError("The policy is not registered", { code: "bad_policy", facts: { policy: policyId } });
  const limits = { ...context.limits, maxReceipts: receiptLimit(policy, context.limits) };
  const rows = await prefix({ ...context, limits }, state.nextSequence, state.roomNano);
  if (rows.length === 0) return undefined;

  const batchWindows = await windowsOf(context, rows);
  const tree = batchTree(batchWindows);
  const ordered = inTreeOrder(rows, batchWindows);
  const receipts = ordered.map(({ receipt }) => decodeReceipt(receipt));
  const deadline = (await view.timestamp()) + BigInt(context.deadlineSeconds);
  const owed = owedOf(receipts);
  const rowsOwed = debitRows(owed, await collectableOf(view, settler, owed.keys(), deadline));
  const debits = encodeRows(rowsOwed);
  const shares = await sharesOf(view, receipts, paidPrices(receipts, rowsOwed));
  const credits = encodeRows(creditRows(policy, state.payee, shares));
  const file = encodeBatchFile({
    version: 1,
    settler,
    number: state.batches + 1n,
    windows: batchWindows,
    receipts: ordered.map((row) => ({
      receipt: row.receipt,
      request: readPayment(row).request,
      evidence: readEvidence(row),
    })),
    vouchers: await vouchersFor(context, rowsOwed, receipts),
    debits,
    credits,
  });
  const totalNano = rowsOwed.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  const body: BatchBody = {
    settler,
    number: state.batches + 1n,
    root: tree.root,
    rowsHash: rowsHash(debits, credits),
    firstSequence: state.nextSequence,
    count: receipts.length,
    totalNano,
    feeNano: batchFee(totalNano, policy.feePpm),
    data: dataOf(policy, file, tree),
    policy: policyId,
    deadline,
  };
  return { body, file, debits, credits, tree: policy.dataMode === "CALLDATA" ? tree.encoded : new Uint8Array() };
}

function dataOf(policy: PolicyRecord, file: Uint8Array, tree: BatchTree): Uint8Array {
  return policy.dataMode === "OFFCHAIN" ? sha256(file) : sizesHash(tree.encoded);
}

/** How many receipts a batch of this policy may have. */
export function receiptLimit({ dataMode }: Pick<PolicyRecord, "dataMode">, { maxReceipts }: PlanLimits): number {
  return dataMode === "CALLDATA" ? Math.min(maxReceipts, MAX_CALLDATA_RECEIPTS) : maxReceipts;
}

/**
 * Signed receipts from `first` on without a gap, within the limits and within what the settler's stake covers now. The
 * rest waits for a later batch.
 */
async function prefix({ database, settler, limits }: PlanContext, first: bigint, roomNano: bigint): Promise<Row1[]> {
  const candidates = await database.db
    .select()
    .from(inferences)
    .where(and(eq(inferences.settler, settler), gte(inferences.sequence, first)))
    .orderBy(asc(inferences.sequence))
    .limit(limits.maxReceipts);
  const payers = new Set<number>();
  let totalNano = 0n;
  const rows: Row1[] = [];
  for (const row of candidates) {
    if (row.sequence !== first + BigInt(rows.length) || row.state === "open" || row.state === "finished") break;
    payers.add(row.reservation);
    totalNano += decodeReceipt(row.receipt as Uint8Array).priceNano;
    if (totalNano > roomNano && rows.length === 0) throw noCover(settler, roomNano, totalNano);
    if (payers.size > limits.maxDebits || totalNano > roomNano) break;
    rows.push(row as Row1);
  }
  return rows;
}

function noCover(settler: number, roomNano: bigint, priceNano: bigint): UnavailableError {
  return new UnavailableError("The settler's stake covers no further debit now", {
    code: "cover_exhausted",
    facts: { settler, roomNano, priceNano },
    hint: "Bond more, or wait until earlier debits are beyond doubt",
  });
}

/** The windows that the rows are in, each whole where all its receipts are among them. */
async function windowsOf(context: PlanContext, rows: readonly Row1[]): Promise<BatchWindow[]> {
  const { database, domain, leavesOf } = context;
  const roots = [...new Set(rows.map(({ window }) => window))];
  const [stored, members] = await Promise.all([
    database.db.select().from(windows).where(inArray(windows.root, roots)),
    database.db
      .select()
      .from(inferences)
      .where(inArray(inferences.window, roots))
      .orderBy(asc(inferences.window), asc(inferences.leafIndex)),
  ]);
  const hasher = leafHasher(domain);
  const inBatch = new Set(rows.map(({ sequence }) => sequence));
  const made = stored.map(async ({ root, settler, verifier, count, signedAtMs, signature }) => {
    const window = { root: Buffer.from(root.slice(2), "hex"), settler, verifier, count, signedAtMs };
    const receipts = members.filter((row) => row.window === root);
    const known = receipts.map((row) => hasher.ofEncoded(row.receipt as Uint8Array));
    const leaves = receipts.length === count ? known : await leavesOf(window);
    if (!leaves) throw incomplete(root, receipts.length, count);
    const part = receipts.flatMap((row) => (inBatch.has(row.sequence) ? [row.leafIndex as number] : []));
    return { window, signature, leaves: Buffer.concat(leaves), part: part.length === count ? null : part };
  });
  const ready = await Promise.all(made);
  return ready.sort(
    (a, b) => a.window.signedAtMs - b.window.signedAtMs || Buffer.compare(a.window.root, b.window.root),
  );
}

function incomplete(window: string, here: number, count: number): UnavailableError {
  return new UnavailableError("A window's receipts are not all here, and its verifier does not tell", {
    code: "window_incomplete",
    facts: { window, here, count },
    hint: "Start the verifier that signed it again; it has them in its ledger",
  });
}

function inTreeOrder(rows: readonly Row1[], batchWindows: readonly BatchWindow[]): Row1[] {
  const order = new Map(batchWindows.map(({ window }, i) => [toHex(window.root) as string, i]));
  const place = (row: Row1) => order.get(row.window) as number;
  return [...rows].sort((a, b) => place(a) - place(b) || a.leafIndex - b.leafIndex);
}

async function vouchersFor(
  context: PlanContext,
  debits: readonly Row[],
  receipts: readonly Receipt[],
): Promise<BatchVoucher[]> {
  const { view, settler } = context;
  return Promise.all(
    debits.map(async ({ index: reservation, amountNano }) => {
      const stored = await voucherOf(context, reservation);
      if (!stored) {
        throw new BaseError("A reservation's voucher is missing", { code: "storage_damaged", facts: { reservation } });
      }
      const { balanceNano, netNano } = await view.reservation(settler, reservation);
      const debited = netNano - balanceNano + amountNano;
      const shown = receipts.some((receipt) => receipt.reservation === reservation && receipt.spentNano >= debited);
      const earlier = shown ? null : ((await committedReceipt(context, reservation, debited)) ?? null);
      return { reservation, ...stored, earlier };
    }),
  );
}

/** Batches in this database. */
export type BatchStore = {
  get(settler: number, number: bigint): Promise<StoredBatch | undefined>;
  /** Stores a plan unless one of that number is there; gives what is there then. */
  insert(plan: Plan): Promise<StoredBatch>;
  update(settler: number, number: bigint, values: Partial<StoredBatch>): Promise<void>;
  drop(settler: number, number: bigint): Promise<void>;
  /** Marks the receipts of a committed batch, or takes the mark back when the chain no longer has it. */
  mark(settler: number, number: bigint, body: BatchBody, committed: boolean): Promise<void>;
  /** Batches that this database thinks committed, the latest first. */
  committed(settler: number): AsyncGenerator<StoredBatch>;
  /** Batches up to `number` that the chain has and this database has not recorded. */
  unrecorded(settler: number, number: bigint): Promise<StoredBatch[]>;
};

export function readBody(batch: Pick<StoredBatch, "body">): BatchBody {
  return batchBodySchema.parse(batch.body);
}

/** A plan as it is stored. */
export function batchRow({ body, file, debits, credits, tree }: Plan): StoredBatch {
  return {
    settler: body.settler,
    number: body.number,
    state: "planned",
    body: toJson(body),
    debits,
    credits,
    tree,
    fileHash: sha256(file),
    signatures: null,
    signersHash: null,
    txHash: null,
    gasUsed: null,
    committedAt: null,
    committedIn: null,
    prevHash: null,
    headerHash: null,
  };
}

export function createBatchStore({ db }: OpenDatabase): BatchStore {
  const is = (settler: number, number: bigint) => and(eq(batches.settler, settler), eq(batches.number, number));
  const get = async (settler: number, number: bigint) => {
    const [row] = await db.select().from(batches).where(is(settler, number));
    return row;
  };
  return {
    get,
    async insert(plan) {
      const row = batchRow(plan);
      await db.insert(batches).values(row).onConflictDoNothing();
      return (await get(row.settler, row.number)) as StoredBatch;
    },
    async update(settler, number, values) {
      await db.update(batches).set(values).where(is(settler, number));
    },
    async drop(settler, number) {
      await db.delete(batches).where(is(settler, number));
    },
    async mark(settler, number, { firstSequence, count }, committed) {
      await db
        .update(inferences)
        .set(committed ? { state: "batched", batch: number } : { state: "signed", batch: null })
        .where(
          and(
            eq(inferences.settler, settler),
            between(inferences.sequence, firstSequence, firstSequence + BigInt(count) - 1n),
          ),
        );
    },
    async *committed(settler) {
      for (let below: bigint | undefined; ; ) {
        const [row] = await db
          .select()
          .from(batches)
          .where(
            and(
              eq(batches.settler, settler),
              eq(batches.state, "committed"),
              below === undefined ? undefined : lt(batches.number, below),
            ),
          )
          .orderBy(desc(batches.number))
          .limit(1);
        if (!row) return;
        yield row;
        below = row.number;
      }
    },
    unrecorded: (settler, number) =>
      db
        .select()
        .from(batches)
        .where(
          and(eq(batches.settler, settler), lte(batches.number, number), inArray(batches.state, ["planned", "signed"])),
        )
        .orderBy(asc(batches.number)),
  };
}

/** The place of a receipt in its batch's file. */
export function placeInFile(file: BatchFile, requestId: Hex): number {
  return file.receipts.findIndex(({ receipt }) => toHex(decodeReceipt(receipt).requestId) === requestId);
}
