import { InputError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { hashPair } from "../core/protocol/merkle.ts";
import { leafHasher, RECEIPT_BYTES, Status } from "../core/protocol/receipt.ts";
import type { Row } from "../core/protocol/rows.ts";
import { encodeWords } from "../core/protocol/words.ts";
import { createColumns, type Subject } from "./receiptColumns.ts";
import { partDown, type Shares, USAGE_STREAMS, type UsageStream } from "./streams.ts";

/** A batch that counts in an epoch. */
export type CountedBatch = {
  settler: number;
  number: bigint;
  /** What it paid to the network. */
  feeNano: bigint;
  debits: readonly Row[];
  /** Nine words each, joined. */
  receipts: Uint8Array;
};

/** A dataset that a model version was made from, and its weight in it. */
export type DatasetUse = { dataset: Hex; weightPpm: number };

/** What was counted of one worker, verifier, settler, version or dataset. */
export type Counted<Id> = {
  id: Id;
  receipts: number;
  /** Parts of network fees, before scaling. */
  countedNano: bigint;
  /** Of the leaves of the receipts in ascending order of settler and sequence; of a dataset the hash of its versions'. */
  root: Uint8Array;
};

export type Tallied = {
  /** How many receipts count, in how many batches, and what they paid to the network. */
  receipts: number;
  batches: number;
  feeNano: bigint;
  /** What the receipts would give each stream, before scaling. */
  usedNano: Record<UsageStream, bigint>;
  /** By node. */
  workers: Counted<number>[];
  verifiers: Counted<number>[];
  /** By the settler's operator. */
  keepers: Counted<number>[];
  /** By version. */
  publishers: Counted<Hex>[];
  contributors: Counted<Hex>[];
};

export type Tally = {
  /** Counts a batch. Throws when it was counted before, or is malformed. */
  add(batch: CountedBatch): void;
  finish(): Tallied;
};

type Version = { id: Hex; uses: readonly DatasetUse[]; publishersNano: bigint; datasetsNano: bigint[] };

/** Counts receipts in whatever order their batches come. `usesOf` gives the datasets of a version. */
export function createTally(
  domain: Domain,
  feePpm: Shares["feePpm"],
  usesOf: (version: Hex) => readonly DatasetUse[],
): Tally {
  const columns = createColumns();
  const hasher = leafHasher(domain);
  const [workers, verifiers, settlers] = [createSums(), createSums(), createSums()];
  const versions: Version[] = [];
  const versionIndex = new Map<Hex, number>();
  const seen = new Set<string>();
  const usedNano = Object.fromEntries(USAGE_STREAMS.map((stream) => [stream, 0n])) as Record<UsageStream, bigint>;
  let feeNano = 0n;

  function versionAt(id: Hex): number {
    const known = versionIndex.get(id);
    if (known !== undefined) return known;
    const uses = usesOf(id);
    versionIndex.set(id, versions.length);
    return versions.push({ id, uses, publishersNano: 0n, datasetsNano: uses.map(() => 0n) }) - 1;
  }

  function count(encoded: Uint8Array, view: DataView, at: number, settler: number, paidNano: bigint): void {
    const part = (stream: UsageStream) => {
      const nano = partDown(paidNano, feePpm[stream]);
      usedNano[stream] += nano;
      return nano;
    };
    const worker = workers.add(view.getUint32(at + 16), part("workers"));
    const verifier = verifiers.add(view.getUint32(at + 20), part("verifiers"));
    const settlerIndex = settlers.add(settler, part("keepers"));
    const index = versionAt(toHex(encoded.subarray(128, 160)));
    const version = versions[index] as Version;
    version.publishersNano += part("publishers");
    const contributed = part("contributors");
    version.uses.forEach(({ weightPpm }, i) => {
      version.datasetsNano[i] = (version.datasetsNano[i] as bigint) + partDown(contributed, weightPpm);
    });
    feeNano += paidNano;
    const sequence = view.getBigUint64(at);
    const leaf = hasher.ofEncoded(encoded);
    columns.push({ settler, sequence, worker, verifier, settlerIndex, version: index, leaf });
  }

  return {
    add(batch) {
      const { settler, number, receipts } = batch;
      const name = `${settler}/${number}`;
      if (seen.has(name)) throw new InputError("A batch comes twice", { code: "bad_batch", facts: { batch: name } });
      seen.add(name);
      const view = new DataView(receipts.buffer, receipts.byteOffset, receipts.byteLength);
      const shareOf = feeShares(batch, view);
      for (let at = 0; at < receipts.length; at += RECEIPT_BYTES) {
        const own = view.getUint32(at + 8) === settler;
        if (!own || view.getUint8(at + 25) !== Status.OK || view.getBigUint64(at + 32) === 0n) continue;
        const share = shareOf.get(view.getUint32(at + 12));
        if (!share) continue;
        const paidNano = (view.getBigUint64(at + 32) * share.numerator) / share.denominator;
        count(receipts.subarray(at, at + RECEIPT_BYTES), view, at, settler, paidNano);
      }
    },

    finish() {
      const sorted = columns.sorted();
      const roots = (key: Subject, keys: number) =>
        Array.from(columns.grouped(sorted, key, keys), ({ leaves, count: receipts }) => ({
          receipts,
          root: rootOfLeaves(leaves),
        }));
      const counted = (key: Subject, { ids, sums }: Sums): Counted<number>[] =>
        roots(key, ids.length).map((of, i) => ({
          id: ids[i] as number,
          countedNano: sums[i] as bigint,
          ...of,
        }));
      const ofVersions = roots("version", versions.length).map((of, i) => ({ ...of, ...(versions[i] as Version) }));
      return {
        receipts: columns.count,
        batches: seen.size,
        feeNano,
        usedNano,
        workers: counted("worker", workers),
        verifiers: counted("verifier", verifiers),
        keepers: counted("settlerIndex", settlers),
        publishers: ofVersions.map(({ id, publishersNano: countedNano, receipts, root }) => ({
          id,
          receipts,
          countedNano,
          root,
        })),
        contributors: countedDatasets(ofVersions),
      };
    },
  };
}

/**
 * What part of its price each reservation's receipts paid to the network: debit × fee / (owed × total). Where all debits are
 * whole this is fee / total; a receipt whose payer's money had left has no part in the fee that others paid.
 */
function feeShares({ settler, number, feeNano, debits, receipts }: CountedBatch, view: DataView) {
  if (receipts.length === 0 || receipts.length % RECEIPT_BYTES !== 0) {
    throw new InputError("Receipts are not nine words each", {
      code: "bad_batch",
      facts: { batch: `${settler}/${number}`, bytes: receipts.length },
    });
  }
  const owedNano = new Map<number, bigint>();
  for (let at = 0; at < receipts.length; at += RECEIPT_BYTES) {
    const reservation = view.getUint32(at + 12);
    owedNano.set(reservation, (owedNano.get(reservation) ?? 0n) + view.getBigUint64(at + 32));
  }
  const totalNano = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  const shares = new Map<number, { numerator: bigint; denominator: bigint }>();
  for (const { index, amountNano } of debits) {
    const owed = owedNano.get(index) ?? 0n;
    if (owed === 0n || amountNano === 0n) continue;
    const paid = amountNano < owed ? amountNano : owed;
    shares.set(index, { numerator: paid * feeNano, denominator: owed * totalNano });
  }
  return shares;
}

type Sums = { ids: number[]; sums: bigint[]; add(id: number, nano: bigint): number };

/** Sums by id; `add` gives the id's position. */
function createSums(): Sums {
  const index = new Map<number, number>();
  const ids: number[] = [];
  const sums: bigint[] = [];
  return {
    ids,
    sums,
    add(id, nano) {
      let at = index.get(id);
      if (at === undefined) {
        at = ids.push(id) - 1;
        index.set(id, at);
        sums.push(0n);
      }
      sums[at] = (sums[at] as bigint) + nano;
      return at;
    },
  };
}

/** The root of a Merkle tree over joined leaves, as `buildTree` has it; overwrites them. */
export function rootOfLeaves(leaves: Uint8Array): Uint8Array {
  const at = (i: number) => leaves.subarray(32 * i, 32 * i + 32);
  let count = leaves.length / 32;
  while (count > 1) {
    const pairs = count >> 1;
    for (let i = 0; i < pairs; i++) leaves.set(hashPair(at(2 * i), at(2 * i + 1)), 32 * i);
    if (count % 2 === 1) leaves.copyWithin(32 * pairs, 32 * (count - 1), 32 * count);
    count = pairs + (count % 2);
  }
  return leaves.slice(0, 32);
}

type CountedVersion = Version & { receipts: number; root: Uint8Array };

function countedDatasets(versions: readonly CountedVersion[]): Counted<Hex>[] {
  const parts = new Map<Hex, { version: CountedVersion; use: DatasetUse; nano: bigint }[]>();
  for (const version of versions) {
    version.uses.forEach((use, i) => {
      const of = parts.get(use.dataset) ?? [];
      parts.set(use.dataset, of);
      of.push({ version, use, nano: version.datasetsNano[i] as bigint });
    });
  }
  return [...parts].map(([id, of]) => {
    of.sort((a, b) => compareText(a.version.id, b.version.id) || a.use.weightPpm - b.use.weightPpm);
    const words = of.flatMap(({ version, use, nano }) => [
      BigInt(version.id),
      use.weightPpm,
      version.receipts,
      nano,
      version.root,
    ]);
    return {
      id,
      receipts: of.reduce((sum, { version }) => sum + version.receipts, 0),
      countedNano: of.reduce((sum, { nano }) => sum + nano, 0n),
      root: keccak256(encodeWords(words)),
    };
  });
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
