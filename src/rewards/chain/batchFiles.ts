import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../core/errors.ts";
import { equalBytes, fromHex, type Hex, toHex } from "../../core/hashing/hex.ts";
import { type BatchFile, batchTree, decodeBatchFile } from "../../core/protocol/batchFile.ts";
import { leafHasher, RECEIPT_BYTES } from "../../core/protocol/receipt.ts";
import { decodeRows } from "../../core/protocol/rows.ts";
import type { CountedBatch } from "../tally.ts";
import { type CommittedBatch, keyOf } from "./batches.ts";
import { baseOf, findFile, firstFrom } from "./files.ts";
import { nodesOf } from "./nodes.ts";
import type { EpochReader } from "./reader.ts";

/** What was read of batch files before, in a directory: the receipts of a batch by its root. */
export type ReceiptCache = { directory: string };

/** Its receipts in the order of the leaves; undefined when the file that the batch names is not of its root. */
export type BatchReceipts = Uint8Array | undefined;

/**
 * The receipts of a batch, nine words each, out of its file: checked leaf by leaf against the root on chain. Throws
 * `file_missing` when nobody has the file. A file that the batch names and that is not of its root gives no receipts, today
 * and for ever.
 */
export async function receiptsOf(
  reader: EpochReader,
  { directory }: ReceiptCache,
  batch: CommittedBatch,
): Promise<BatchReceipts> {
  const path = join(directory, `${batch.root.slice(2)}.receipts`);
  const kept = await readFile(path).catch(() => undefined);
  // A file of another length was cut off while it was written.
  if (kept?.length === RECEIPT_BYTES * batch.count) return new Uint8Array(kept);
  const bases = await endpointsFor(reader, batch.settler);
  const receipts = batch.inCalldata
    ? receiptsIn(reader, batch, await findCalldataFile(reader, batch, bases))
    : receiptsIn(reader, batch, await findFile(reader.files, { name: nameOf(batch), sha256: batch.data, bases }));
  if (!receipts) {
    reader.logger.warn({ batch: keyOf(batch), root: batch.root }, "rewards.foreign_file");
    return undefined;
  }
  await mkdir(directory, { recursive: true });
  await writeFile(path, receipts);
  return receipts;
}

/** A batch as the calculation takes it. */
export function countedOf(batch: CommittedBatch, receipts: Uint8Array): CountedBatch {
  const [debits, credits] = [decodeRows(fromHex(batch.debits)), decodeRows(fromHex(batch.credits))];
  const sum = (rows: typeof debits) => rows.reduce((total, { amountNano }) => total + amountNano, 0n);
  // The contract took the batch only because debits are credits and fee.
  return { settler: batch.settler, number: batch.number, feeNano: sum(debits) - sum(credits), debits, receipts };
}

const nameOf = (batch: CommittedBatch) => `file of batch ${keyOf(batch)} (root ${batch.root})`;

/** The file of a batch whose leaves are on chain: no hash names it, so that it is asked for by number and checked by root. */
async function findCalldataFile(
  reader: EpochReader,
  batch: CommittedBatch,
  bases: readonly string[],
): Promise<Uint8Array> {
  const { dataUrls } = reader.files;
  const urls = [...new Set([...dataUrls, ...bases].map(baseOf))].filter((base) => base !== undefined);
  return firstFrom(
    urls.map((base) => `${base}/v1/batches/${batch.settler}/${batch.number}`),
    (bytes) => receiptsIn(reader, batch, bytes) !== undefined,
    { name: nameOf(batch) },
  );
}

/** The receipts in a file, when it is of this batch. */
function receiptsIn({ domain }: EpochReader, batch: CommittedBatch, bytes: Uint8Array): BatchReceipts {
  try {
    const file: BatchFile = decodeBatchFile(bytes);
    const tree = batchTree(file.windows);
    const hasher = leafHasher(domain);
    const right =
      toHex(tree.root) === batch.root.toLowerCase() &&
      tree.count === batch.count &&
      file.receipts.length === batch.count &&
      file.receipts.every(({ receipt }, i) => equalBytes(hasher.ofEncoded(receipt), tree.leaves[i] as Uint8Array));
    return right ? new Uint8Array(Buffer.concat(file.receipts.map(({ receipt }) => receipt))) : undefined;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Where a settler's files may be: its own nodes first, then everybody's, as verifiers keep what they sign. */
async function endpointsFor(reader: EpochReader, settler: number): Promise<string[]> {
  const nodes = await nodesOf(reader, reader.head);
  const own = nodes.filter(({ operator }) => operator === settler);
  const others = nodes.filter(({ operator }) => operator !== settler);
  return [...own, ...others].map(({ endpoint }) => endpoint).filter((endpoint) => endpoint !== "");
}

/** The model versions that receipts are of. */
export function versionsIn(receipts: Uint8Array): Set<Hex> {
  const versions = new Set<Hex>();
  for (let at = 0; at < receipts.length; at += RECEIPT_BYTES)
    versions.add(toHex(receipts.subarray(at + 128, at + 160)));
  return versions;
}
