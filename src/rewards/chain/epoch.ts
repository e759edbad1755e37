import { BaseError, InputError, UnavailableError } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import { type Block, checkStands } from "../../vesting/rpc.ts";
import {
  type BatchName,
  computeEpoch,
  type EpochInput,
  type EpochResult,
  type FormerLeaf,
  sortBatches,
} from "../compute.ts";
import { decodeEpochFile, type EpochFile, encodeEpochFile, rootOfResult, treeOfFile } from "../epochFile.ts";
import type { EpochRoot } from "../root.ts";
import type { CountedBatch } from "../tally.ts";
import { batchesOf, type CommittedBatch, keyOf } from "./batches.ts";
import { countedOf, type ReceiptCache, receiptsOf, versionsIn } from "./batchFiles.ts";
import { blocksOf, sharesOf } from "./calendar.ts";
import { findFile } from "./files.ts";
import { datasetsOf, versionsOf } from "./models.ts";
import { nodesOf, ownersOf, stakesOf } from "./nodes.ts";
import { type EpochReader, read } from "./reader.ts";
import { activeRoot, type PostedRoot } from "./roots.ts";

/** What the chain does not say of an epoch, but its published file. */
export type EpochChoice = Pick<EpochInput, "asOf" | "withheld">;

export type ComputedEpoch = { result: EpochResult; content: EpochRoot; file: Uint8Array };

export type ComputeOptions = {
  /** Keeps receipts of batches that were read before. */
  cacheDirectory: string;
  /** As of the reader's head and with no batch left out, unless given. */
  choice?: EpochChoice;
  /** Looks for the files of batches that are named as withheld. Throws `not_withheld` when one is found. */
  seekWithheld?: boolean;
};

/**
 * An epoch's rewards from the chain and published files. The published file is kept in the reader's store. Throws when the epoch is
 * not over, the root before is not active, a file is missing, or the chain was reorganised meanwhile.
 */
export async function computeFromChain(
  reader: EpochReader,
  epoch: number,
  options: ComputeOptions,
): Promise<ComputedEpoch> {
  const at = await blocksOf(reader, epoch);
  const asOf = await asOfBlock(reader, at.end, options.choice);
  const withheld = options.choice?.withheld ?? [];
  const [shares, former, stakes, owners, [books], batches] = await Promise.all([
    sharesOf(reader, epoch),
    previousLeaves(reader, epoch, options),
    stakesOf(reader, at.start),
    ownersOf(reader, at.end),
    read(reader, "epochRewards", "getBooks", [], at.end),
    batchesOf(reader, at),
  ]);
  const named = onlyCounting(batches, withheld);
  const left = new Set(withheld.map(keyOf));
  const counted = sortBatches(batches.filter((batch) => !left.has(keyOf(batch))));
  const cache = { directory: options.cacheDirectory };
  if (options.seekWithheld) {
    for (const batch of batches.filter((one) => left.has(keyOf(one)))) await checkMissing(reader, cache, batch);
  }
  const used = new Set<Hex>();
  const readable: CommittedBatch[] = [];
  for (const batch of counted) {
    const receipts = await receiptsOf(reader, cache, batch);
    if (!receipts) continue;
    readable.push(batch);
    for (const version of versionsIn(receipts)) used.add(version);
  }
  const versions = await versionsOf(reader, used, at.end);
  const datasets = await datasetsOf(reader, versions, epoch, asOf);

  async function* stream(): AsyncGenerator<CountedBatch> {
    for (const batch of readable) {
      const receipts = await receiptsOf(reader, cache, batch);
      if (receipts) yield countedOf(batch, receipts);
    }
  }
  const { epochRewards } = reader.addresses;
  const input: EpochInput = {
    domain: { chainId: reader.domain.chainId, rewards: epochRewards, epoch },
    settlement: reader.domain,
    shares,
    // Of an epoch whose root came late more may be promised by now than was there at its end.
    fundedNano: max(books.fundedNano as bigint, sum(former)),
    previous: former,
    stakes,
    ...owners,
    versions,
    datasets,
    asOf: { block: asOf.number, hash: asOf.hash as Hex },
    withheld: named,
  };
  const result = await computeEpoch(input, stream());
  await Promise.all([checkStands(reader.rpc, reader.head), checkStands(reader.rpc, asOf)]);
  const file = encodeEpochFile(result);
  await reader.files.store.put(file);
  return { result, content: rootOfResult(result, file), file };
}

/** The published file of a root, from whoever has it. */
export async function publishedFile(reader: EpochReader, { content }: { content: EpochRoot }): Promise<EpochFile> {
  return decodeEpochFile(await publishedBytes(reader, content));
}

export async function publishedBytes(reader: EpochReader, { epoch, dataHash }: EpochRoot): Promise<Uint8Array> {
  const nodes = await nodesOf(reader, reader.head);
  return findFile(reader.files, {
    name: `leaves of epoch ${epoch}`,
    sha256: dataHash as Hex,
    bases: nodes.map(({ endpoint }) => endpoint),
  });
}

/** What the root before promised to whom: out of its published file, or computed again where nobody has that. */
async function previousLeaves(reader: EpochReader, epoch: number, options: ComputeOptions): Promise<FormerLeaf[]> {
  if (epoch === 1) return [];
  const active = await activeRoot(reader, epoch - 1);
  if (!active) {
    throw new UnavailableError("The root of the epoch before is not active yet", {
      code: "previous_not_active",
      facts: { epoch, before: epoch - 1 },
      hint: "One root waits at a time: post and activate the one before first",
    });
  }
  const { content } = active.posting;
  const file = await publishedFile(reader, active.posting).catch((error: unknown) => {
    reader.logger.warn({ epoch: epoch - 1, reason: (error as Error).message.split("\n")[0] }, "rewards.recomputing");
    return undefined;
  });
  if (file && treeOfFile(file).root === content.root) return file.leaves;
  const { cacheDirectory } = options;
  const again = await computeFromChain(reader, epoch - 1, { cacheDirectory });
  if (again.content.root === content.root) return decodeEpochFile(again.file).leaves;
  throw unknownFormer(active);
}

const unknownFormer = ({ posting: { content } }: PostedRoot) =>
  new UnavailableError("Nobody has the leaves of the active root", {
    code: "file_missing",
    facts: { epoch: content.epoch, sha256: content.dataHash },
    hint: "Name who has the file with --data-url",
  });

/** The block that suspensions of datasets count at. Throws when it is not of this chain, or of before the epoch's end. */
async function asOfBlock(reader: EpochReader, end: Block, choice: EpochChoice | undefined): Promise<Block> {
  if (!choice) return reader.head;
  const { block, hash } = choice.asOf;
  const bad = (reason: string) =>
    new InputError("The published file names a block that cannot be", {
      code: "bad_as_of",
      facts: { block, hash, reason },
    });
  if (block < end.number) throw bad("it is before the epoch's end");
  if (block > reader.head.number) throw bad("it is not confirmed yet");
  const found = await reader.blocks.get(block);
  if (found.hash !== hash) throw bad(`the chain has ${found.hash} there`);
  return found;
}

/** Throws when anybody has the file of a batch that is said to be withheld. */
async function checkMissing(reader: EpochReader, cache: ReceiptCache, batch: CommittedBatch): Promise<void> {
  const found = await receiptsOf(reader, cache, batch).then(
    () => true,
    (error: unknown) => {
      if (error instanceof BaseError && error.code === "file_missing") return false;
      throw error;
    },
  );
  if (!found) return;
  throw new InputError("A batch is named as withheld whose file can be had", {
    code: "not_withheld",
    facts: { batch: keyOf(batch) },
  });
}

/** Throws when a batch is named as withheld that would not count anyhow. */
function onlyCounting(batches: readonly CommittedBatch[], withheld: readonly BatchName[]): BatchName[] {
  const names = new Set(batches.map(keyOf));
  const strange = withheld.find((batch) => !names.has(keyOf(batch)));
  if (!strange) return withheld.map(({ settler, number }) => ({ settler, number }));
  throw new InputError("A batch that does not count is named as withheld", {
    code: "bad_withheld",
    facts: { batch: keyOf(strange) },
  });
}

const sum = (leaves: readonly FormerLeaf[]) => leaves.reduce((total, { cumulativeNano }) => total + cumulativeNano, 0n);
const max = (a: bigint, b: bigint) => (a > b ? a : b);
