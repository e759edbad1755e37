import { and, asc, eq } from "drizzle-orm";
import type { BlobStore } from "../core/blobStore.ts";
import type { OpenDatabase } from "../core/db/open.ts";
import { BaseError, UnavailableError } from "../core/errors.ts";
import { fromHex, type Hex } from "../core/hashing/hex.ts";
import { batchTree, type CommittedReceipt, decodeBatchFile } from "../core/protocol/batchFile.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { buildTree, merklePath, splitLeaves } from "../core/protocol/merkle.ts";
import { bodyHash, restHash, type Window } from "../core/protocol/messages.ts";
import { leafHasher } from "../core/protocol/receipt.ts";
import { placeInFile, readBody, type StoredBatch } from "./batches.ts";
import { batches, inferences, windows } from "./schema.ts";
import type { StoredInference } from "./store.ts";
import type { WindowLeaves } from "./windowLeaves.ts";

/** A committed receipt's proof, with what a reader wants to know of its batch. */
export type BatchProof = CommittedReceipt & {
  root: Uint8Array;
  count: number;
  txHash: string | null;
  committedAt: bigint;
  committedIn: bigint;
  headerHash: Uint8Array;
};

/** What opens a sequence number before the court: the receipt under its batch, and under a window that a verifier signed. */
export type SequenceProof = {
  committed: CommittedReceipt;
  window: Window;
  signature: Uint8Array;
  /** From the receipt's leaf to the window's root. */
  windowPath: Uint8Array[];
};

export type ReceiptProofs = {
  /** From a receipt's leaf to the root of its window. */
  windowPath(row: StoredInference): Promise<Uint8Array[]>;
  /** From a receipt's leaf to the root of its batch; undefined until the batch is committed. */
  batchProof(row: StoredInference): Promise<BatchProof | undefined>;
  /** Of a settler's number; undefined until its batch is committed. */
  sequenceProof(settler: number, sequence: bigint): Promise<SequenceProof | undefined>;
};

type Options = { database: OpenDatabase; blobs: BlobStore; domain: Domain; leavesOf: WindowLeaves };

export function createProofs({ database: { db }, blobs, domain, leavesOf }: Options): ReceiptProofs {
  const proofs: ReceiptProofs = {
    async windowPath(row) {
      const members = await db
        .select({ receipt: inferences.receipt })
        .from(inferences)
        .where(eq(inferences.window, row.window as string))
        .orderBy(asc(inferences.leafIndex));
      const [window] = await db
        .select()
        .from(windows)
        .where(eq(windows.root, row.window as string));
      const hasher = leafHasher(domain);
      const known = members.map(({ receipt }) => hasher.ofEncoded(receipt as Uint8Array));
      const root = fromHex(row.window as string, 32);
      const all = known.length === window?.count ? known : await leavesOf({ root, verifier: window?.verifier ?? 0 });
      if (!all) {
        throw new UnavailableError("A window's receipts are not all here, and its verifier does not tell", {
          code: "window_incomplete",
          facts: { window: row.window, here: known.length, count: window?.count },
        });
      }
      return merklePath(buildTree(all), row.leafIndex as number);
    },

    async batchProof(row) {
      if (row.state !== "batched" || row.batch === null) return undefined;
      const [batch] = await db
        .select()
        .from(batches)
        .where(and(eq(batches.settler, row.settler), eq(batches.number, row.batch)));
      if (batch?.state !== "committed") return undefined;
      const body = readBody(batch);
      const bytes = batch.fileHash && (await blobs.get(batch.fileHash));
      if (!bytes)
        throw new BaseError("A batch's file is missing", { code: "storage_damaged", facts: { batch: row.batch } });
      const file = decodeBatchFile(bytes);
      return {
        receipt: row.receipt as Uint8Array,
        path: batchTree(file.windows).path(placeInFile(file, row.requestId as Hex)),
        number: body.number,
        prevHash: batch.prevHash as Uint8Array,
        restHash: restHash(bodyHash(body), commitmentOf(batch)),
        root: body.root,
        count: body.count,
        txHash: batch.txHash,
        committedAt: batch.committedAt as bigint,
        committedIn: batch.committedIn as bigint,
        headerHash: batch.headerHash as Uint8Array,
      };
    },

    async sequenceProof(settler, sequence) {
      const [row] = await db
        .select()
        .from(inferences)
        .where(and(eq(inferences.settler, settler), eq(inferences.sequence, sequence)));
      const committed = row && (await proofs.batchProof(row));
      if (!committed) return undefined;
      const [batch] = await db
        .select({ fileHash: batches.fileHash })
        .from(batches)
        .where(and(eq(batches.settler, settler), eq(batches.number, committed.number)));
      const bytes = batch && (await blobs.get(batch.fileHash));
      if (!bytes) return undefined;
      // From the file and not from the windows' verifiers: it has all leaves, and nobody has to be asked.
      const { windows: inFile, ...file } = decodeBatchFile(bytes);
      let index = placeInFile({ windows: inFile, ...file }, row.requestId as Hex);
      for (const { window, signature, leaves, part } of inFile) {
        const count = part?.length ?? window.count;
        if (index < count) {
          const tree = buildTree(splitLeaves(leaves));
          return { committed, window, signature, windowPath: merklePath(tree, part?.[index] ?? index) };
        }
        index -= count;
      }
      return undefined;
    },
  };
  return proofs;
}

/** What the contract added to a recorded batch. */
export function commitmentOf(batch: StoredBatch) {
  return {
    signersHash: batch.signersHash as Uint8Array,
    committedAt: batch.committedAt as bigint,
    committedIn: batch.committedIn as bigint,
  };
}
