import { InputError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { WEI_PER_NANO } from "../core/units.ts";
import { type AccountReward, NO_HASH, noNano, receiptsHashOf, type Source, sortSources, subjectOf } from "./account.ts";
import { splitAmong } from "./contributors.ts";
import { buildReceiptsTree, type ReceiptsTree } from "./receipts.ts";
import { checkShares, partDown, type Shares, STREAMS, type Stream, type UsageStream } from "./streams.ts";
import { type Counted, type CountedBatch, createTally, type DatasetUse, type Tallied } from "./tally.ts";
import { buildSumTree, type Entry, NOBODY, type RewardDomain, type SumTree } from "./tree.ts";

/** What stands in the active root for one account. */
export type FormerLeaf = { account: string; cumulativeNano: bigint; receiptsHash: Hex };

/** Everything but the batches that an epoch's rewards are made of: plain data, in whatever order. */
export type EpochInput = {
  /** Where the root counts, and of which epoch it is. */
  domain: RewardDomain;
  /** Whose receipts count. */
  settlement: Domain;
  shares: Shares;
  /** Counted by the rewards contract until the end of the epoch, since the beginning. */
  fundedNano: bigint;
  /** The root of the epoch before; empty for the first. */
  previous: readonly FormerLeaf[];
  /** At the start of the epoch. `purse` is where an operator's rewards are compounded from. */
  stakes: readonly { operator: number; purse: string; stakeNano: bigint }[];
  /** Owner of each node's operator, at the end of the epoch. */
  nodeOwners: ReadonlyMap<number, string>;
  /** Owner of each operator, at the end of the epoch. */
  operatorOwners: ReadonlyMap<number, string>;
  versions: ReadonlyMap<Hex, { publisher: string; datasets: readonly DatasetUse[] }>;
  /** The contributors files of datasets that count in this epoch, as far as was known at `asOf`. */
  datasets: ReadonlyMap<Hex, Uint8Array>;
  /** The block, after the epoch, whose suspensions of datasets count. */
  asOf: { block: number; hash: Hex };
  /** Batches that would count if anybody had their file. */
  withheld: readonly BatchName[];
};

export type BatchName = { settler: number; number: bigint };

export type StreamResult = {
  /** The most that the stream could give. */
  poolNano: bigint;
  /** What receipts would give before scaling; of stakers the pool. */
  usedNano: bigint;
  givenNano: bigint;
};

export type EpochResult = {
  input: Pick<EpochInput, "domain" | "shares" | "fundedNano" | "asOf" | "withheld">;
  /** What the epoch could give in all. */
  budgetNano: bigint;
  givenNano: bigint;
  streams: Record<Stream, StreamResult>;
  tally: Pick<Tallied, "receipts" | "batches" | "feeNano">;
  /** Accounts that the epoch gave something, or would have without the cap, in ascending order. */
  rewards: AccountReward[];
  tree: SumTree;
  receipts: ReceiptsTree;
};

/** Adds up what every stream counted of an account. */
type Book = Map<Hex, { counted: Record<Stream, bigint>; sources: Source[] }>;

/**
 * An epoch's rewards: a pure function of its input. Amounts are nano, every division rounds down, and what is not given
 * stays in the funds. Throws when the input contradicts itself.
 */
export async function computeEpoch(
  input: EpochInput,
  batches: Iterable<CountedBatch> | AsyncIterable<CountedBatch>,
): Promise<EpochResult> {
  const { domain, settlement, shares, fundedNano } = input;
  checkShares(shares);
  const former = formerOf(input.previous);
  const promisedNano = [...former.values()].reduce((sum, { cumulativeNano }) => sum + cumulativeNano, 0n);
  if (promisedNano > fundedNano) {
    throw new InputError("More is promised than funded", {
      code: "bad_epoch_input",
      facts: { epoch: domain.epoch, promisedNano, fundedNano },
    });
  }
  const budgetNano = (fundedNano - promisedNano) / BigInt(shares.spreadEpochs);
  const tally = createTally(settlement, shares.feePpm, (version) => input.versions.get(version)?.datasets ?? []);
  for await (const batch of batches) tally.add(batch);
  const tallied = tally.finish();

  const poolOf = (stream: Stream) => partDown(budgetNano, shares.streamPpm[stream]);
  const book: Book = new Map();
  const usedNano = { stakers: poolOf("stakers"), ...tallied.usedNano };
  countStakers(book, input.stakes);
  countUsage(book, input, tallied);

  const stakedNano = input.stakes.reduce((sum, { stakeNano }) => sum + stakeNano, 0n);
  const given = (stream: Stream, countedNano: bigint) => {
    const poolNano = poolOf(stream);
    if (stream === "stakers") return ratio(countedNano, poolNano, stakedNano);
    return ratio(countedNano, poolNano, max(poolNano, usedNano[stream]));
  };
  const capNano = partDown(poolOf("contributors"), shares.accountCapPpm);
  const rewards = [...book]
    .map(([account, { counted, sources }]) => {
      const givenNano = noNano();
      for (const stream of STREAMS) givenNano[stream] = given(stream, counted[stream]);
      const cappedNano = max(givenNano.contributors - capNano, 0n);
      givenNano.contributors -= cappedNano;
      const of = former.get(account);
      const cumulativeNano = (of?.cumulativeNano ?? 0n) + total(givenNano);
      const previousHash = of?.receiptsHash ?? NO_HASH;
      return { account, cumulativeNano, previousHash, givenNano, cappedNano, sources: sortSources(sources) };
    })
    .filter(({ givenNano, cappedNano }) => total(givenNano) + cappedNano > 0n)
    .sort((a, b) => (a.account < b.account ? -1 : 1));

  const tree = buildSumTree(domain, entriesOf(domain, former, rewards));
  return {
    input: { domain, shares, fundedNano, asOf: input.asOf, withheld: sortBatches(input.withheld) },
    budgetNano,
    givenNano: rewards.reduce((sum, { givenNano }) => sum + total(givenNano), 0n),
    streams: Object.fromEntries(
      STREAMS.map((stream) => [
        stream,
        {
          poolNano: poolOf(stream),
          usedNano: usedNano[stream],
          givenNano: rewards.reduce((sum, { givenNano }) => sum + givenNano[stream], 0n),
        },
      ]),
    ) as Record<Stream, StreamResult>,
    tally: { receipts: tallied.receipts, batches: tallied.batches, feeNano: tallied.feeNano },
    rewards,
    tree,
    receipts: buildReceiptsTree(tree.leaves.map(({ receiptsHash }) => receiptsHash)),
  };
}

/** What stays unpromised after the epoch. */
export function rolledOverNano({ input, tree }: Pick<EpochResult, "input" | "tree">): bigint {
  return input.fundedNano - tree.totalWei / WEI_PER_NANO;
}

/** In ascending order of settler and number. */
export function sortBatches<T extends BatchName>(batches: readonly T[]): T[] {
  return [...batches].sort((a, b) => a.settler - b.settler || (a.number < b.number ? -1 : 1));
}

function formerOf(leaves: readonly FormerLeaf[]): Map<Hex, FormerLeaf> {
  const former = new Map(leaves.map((leaf) => [lower(leaf.account), leaf]));
  if (former.size === leaves.length) return former;
  throw new InputError("An account of the former root comes twice", { code: "bad_epoch_input" });
}

function countStakers(book: Book, stakes: EpochInput["stakes"]): void {
  for (const { operator, purse, stakeNano } of stakes) {
    if (stakeNano === 0n) continue;
    const id = subjectOf(operator);
    const source = { kind: "operator", subject: id, receipts: 0, countedNano: stakeNano, root: NO_HASH } as const;
    note(book, purse, { stream: "stakers", ...source });
  }
}

function countUsage(book: Book, input: EpochInput, tallied: Tallied): void {
  const { nodeOwners, operatorOwners, versions, datasets } = input;
  const ofOwner = <Id>(stream: UsageStream, kind: Source["kind"], owner: (id: Id) => string | undefined) => {
    for (const { id, ...counted } of tallied[stream] as unknown as Counted<Id>[]) {
      const account = owner(id);
      if (!account || /^0x0{40}$/.test(account)) continue;
      note(book, account, { stream, kind, subject: subjectFrom(id), ...withHexRoot(counted) });
    }
  };
  ofOwner<number>("workers", "node", (node) => nodeOwners.get(node));
  ofOwner<number>("verifiers", "node", (node) => nodeOwners.get(node));
  ofOwner<number>("keepers", "operator", (operator) => operatorOwners.get(operator));
  ofOwner<Hex>("publishers", "version", (version) => versions.get(version)?.publisher);
  for (const { id, countedNano, ...counted } of tallied.contributors) {
    const file = datasets.get(id);
    if (!file) continue;
    for (const [account, partNano] of splitAmong(file, countedNano)) {
      const source = withHexRoot({ ...counted, countedNano: partNano });
      note(book, account, { stream: "contributors", kind: "dataset", subject: id, ...source });
    }
  }
}

function note(book: Book, to: string, { stream, kind, subject, receipts, countedNano, root }: Source): void {
  const account = lower(to);
  const entry = book.get(account) ?? { counted: noNano(), sources: [] };
  book.set(account, entry);
  entry.counted[stream] += countedNano;
  // In one order of fields, which is that of the published file.
  entry.sources.push({ stream, kind, subject, receipts, countedNano, root });
}

/** Every account of the former root with at least what it had, and the one that stands for nobody. */
function entriesOf(domain: RewardDomain, former: Map<Hex, FormerLeaf>, rewards: readonly AccountReward[]): Entry[] {
  const nobody = { account: lower(NOBODY), previousHash: NO_HASH, givenNano: noNano(), cappedNano: 0n, sources: [] };
  const receiptsHash = receiptsHashOf(domain.epoch, nobody);
  const entries = new Map<Hex, Entry>([[nobody.account, { account: NOBODY, cumulativeWei: 0n, receiptsHash }]]);
  for (const [account, { cumulativeNano, receiptsHash }] of former) {
    entries.set(account, { account, cumulativeWei: cumulativeNano * WEI_PER_NANO, receiptsHash });
  }
  for (const reward of rewards) {
    if (reward.cumulativeNano === 0n) continue;
    const { account, cumulativeNano } = reward;
    const receiptsHash = receiptsHashOf(domain.epoch, reward);
    entries.set(account, { account, cumulativeWei: cumulativeNano * WEI_PER_NANO, receiptsHash });
  }
  return [...entries.values()];
}

const ratio = (amount: bigint, numerator: bigint, denominator: bigint) =>
  denominator === 0n ? 0n : (amount * numerator) / denominator;
const max = (a: bigint, b: bigint) => (a > b ? a : b);
const total = (parts: Record<string, bigint>) => Object.values(parts).reduce((sum, part) => sum + part, 0n);
const lower = (account: string) => account.toLowerCase() as Hex;
const subjectFrom = (id: number | unknown): Hex => (typeof id === "number" ? subjectOf(id) : (id as Hex));
const withHexRoot = <T extends { root: Uint8Array }>(counted: T) => ({ ...counted, root: toHex(counted.root) });
