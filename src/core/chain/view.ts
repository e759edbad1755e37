import type { Clock } from "../clock.ts";
import { type Hex, toHex } from "../hashing/hex.ts";
import type { CommittedReceipt } from "../protocol/batchFile.ts";
import { receiptStruct } from "../protocol/receipt.ts";
import type { Split } from "../protocol/split.ts";
import type { Contracts } from "./contracts.ts";
import { type RegisteredModel, readModel } from "./models.ts";
import { chainError } from "./revert.ts";

export type NodeRecord = {
  operator: number;
  class: number;
  payee: number;
  key: Hex;
  endpoint: string;
  /** Unix seconds; 0 while it serves. */
  retiredAt: number;
};

export type PolicyRecord = Split & {
  quorum: number;
  dataMode: "OFFCHAIN" | "CALLDATA";
  windowMs: number;
  retiredAt: number;
};

export type ReservationRecord = {
  balanceNano: bigint;
  /** Deposits less releases; less the balance it is what was debited. */
  netNano: bigint;
  /** High 192 bits of the hash of its terms; 0n: there is none. */
  termsHash192: bigint;
  /** What a pending release may take; 0n when none is pending. */
  releaseNano: bigint;
  /** Unix seconds; 0n when none is pending. */
  releaseDueAt: bigint;
};

export type SettlerRecord = {
  payee: number;
  reservations: number;
  nextSequence: bigint;
  batches: bigint;
  /** How much a batch may debit now: half of the stake less what has not drained of earlier debits, in nano. */
  roomNano: bigint;
};

export type TeeKeyRecord = { operator: number; node: number };

/** The node that a key spoke for, and from when to when: Unix seconds, `until` 0 while it does. */
export type NodeKeyRecord = { node: number; from: number; until: number };

/**
 * What the chain says, read through short-lived caches. When the RPC fails, an answer stays good for `maxStaleMs`, then
 * the error comes through: a stalled RPC never turns into wrong money.
 */
export type ChainView = {
  node(id: number): Promise<NodeRecord | undefined>;
  model(id: Hex): Promise<RegisteredModel | undefined>;
  policy(id: number): Promise<PolicyRecord | undefined>;
  reservation(settler: number, reservation: number): Promise<ReservationRecord>;
  /** The address that speaks for a settler, lower case; the zero address when there is none. */
  committer(settler: number): Promise<Hex>;
  /** Never cached. */
  settler(settler: number): Promise<SettlerRecord>;
  /** What the operator of a node answers with now, in nano; 0 when there is no such node. */
  stakeOfNode(id: number): Promise<bigint>;
  /** The operator and node of an enclave key that counts now; undefined when it does not. */
  teeKey(address: Hex): Promise<TeeKeyRecord | undefined>;
  /** The same, unless it had ended by a moment in the past, Unix milliseconds. */
  teeKeyAt(address: Hex, atMs: number): Promise<TeeKeyRecord | undefined>;
  /** Undefined when no node ever had the key. */
  nodeKey(address: Hex): Promise<NodeKeyRecord | undefined>;
  payeeCount(): Promise<number>;
  /** Whether a receipt is under a batch that its settler committed. Never cached. */
  isCommitted(committed: CommittedReceipt): Promise<boolean>;
  /** The chain's own clock, Unix seconds. */
  timestamp(): Promise<bigint>;
};

export type ChainViewOptions = { contracts: Contracts; clock: Clock; freshMs?: number; maxStaleMs?: number };

export function createChainView({
  contracts,
  clock,
  freshMs = 2000,
  maxStaleMs = 60_000,
}: ChainViewOptions): ChainView {
  const { nodeRegistry, receiptVerifier, settlement, stakeHub, teeRegistry } = contracts;
  const cached = <K, V>(read: (key: K) => Promise<V>) => cachedRead({ read, clock, freshMs, maxStaleMs });

  const node = cached(async (id: number): Promise<NodeRecord | undefined> => {
    if (id === 0 || id > Number(await nodeRegistry.nodeCount())) return undefined;
    const n = await nodeRegistry.getNode(id);
    return {
      operator: Number(n.operator),
      class: Number(n.class),
      payee: Number(n.payee),
      key: n.key.toLowerCase() as Hex,
      endpoint: n.endpoint,
      retiredAt: Number(n.retiredAt),
    };
  });
  const stake = cached((operator: number) => stakeHub.effectiveStake(operator));
  const policy = cached(async (id: number): Promise<PolicyRecord | undefined> => {
    const p = await settlement.getPolicy(id);
    if (p.quorum === 0n) return undefined;
    return {
      feePpm: Number(p.feePpm),
      workerPpm: Number(p.workerPpm),
      verifierPpm: Number(p.verifierPpm),
      maxRoyaltyPpm: Number(p.maxRoyaltyPpm),
      quorum: Number(p.quorum),
      dataMode: p.dataMode === 0n ? "OFFCHAIN" : "CALLDATA",
      windowMs: Number(p.windowMs),
      retiredAt: Number(p.retiredAt),
    };
  });
  const reservation = cached(async (key: string): Promise<ReservationRecord> => {
    const [settler, index] = key.split("/").map(Number) as [number, number];
    const [r, release] = await Promise.all([
      settlement.getReservation(settler, index),
      settlement.getRelease(settler, index),
    ]);
    return {
      balanceNano: r.balanceNano,
      netNano: r.netNano,
      termsHash192: r.termsHash192,
      releaseNano: release.dueAt === 0n ? 0n : release.amountNano,
      releaseDueAt: release.dueAt,
    };
  });
  const teeKey = cached(async (address: Hex): Promise<TeeKeyRecord | undefined> => {
    const [operator, record] = await Promise.all([teeRegistry.activeOperator(address), teeRegistry.getKey(address)]);
    return operator === 0n ? undefined : { operator: Number(operator), node: Number(record.node) };
  });
  const teeKeyRecord = cached(async (address: Hex) => {
    const key = await teeRegistry.getKey(address);
    return { key, measurement: await teeRegistry.getMeasurement(key.measurement) };
  });
  const nodeKey = cached(async (address: Hex): Promise<NodeKeyRecord | undefined> => {
    const record = await nodeRegistry.keyRecord(address);
    if (record.node === 0n) return undefined;
    return { node: Number(record.node), from: Number(record.validFrom), until: Number(record.validUntil) };
  });
  const model = cached((id: Hex) => readModel(contracts, id));
  const committer = cached(async (id: number) => (await settlement.getSettler(id)).committer.toLowerCase() as Hex);
  const coverPeriod = cached(async () => settlement.coverPeriod());
  const timestamp = async () => {
    const block = await read(() => nodeRegistry.runner?.provider?.getBlock("latest") ?? Promise.resolve(null));
    return BigInt(block?.timestamp ?? 0);
  };
  const payeeCount = cached(async () => Number(await settlement.payeeCount()));

  return {
    node,
    model,
    policy,
    reservation: (settler, index) => reservation(`${settler}/${index}`),
    committer,
    async settler(id) {
      const [s, stakeNano, periodSeconds, now] = await Promise.all([
        read(() => settlement.getSettler(id)),
        read(() => stakeHub.effectiveStake(id)),
        coverPeriod(undefined),
        timestamp(),
      ]);
      return {
        payee: Number(s.payee),
        reservations: Number(s.reservations),
        nextSequence: s.nextSequence,
        batches: s.batches,
        roomNano: room(s, stakeNano, periodSeconds, now),
      };
    },
    async stakeOfNode(id) {
      const record = await node(id);
      return record ? stake(record.operator) : 0n;
    },
    teeKey,
    async teeKeyAt(address, atMs) {
      const { key, measurement } = await teeKeyRecord(address);
      const at = BigInt(Math.floor(atMs / 1000));
      const ended = (until: bigint, revokedAt: bigint) =>
        (until !== 0n && at > until) || (revokedAt !== 0n && at >= revokedAt);
      if (key.operator === 0n || ended(key.validUntil, key.revokedAt)) return undefined;
      if (ended(measurement.activeUntil, measurement.revokedAt)) return undefined;
      return { operator: Number(key.operator), node: Number(key.node) };
    },
    nodeKey,
    payeeCount: () => payeeCount(undefined),
    isCommitted: ({ receipt, path, number, prevHash, restHash }) =>
      read(() =>
        receiptVerifier.isCommitted(receiptStruct(receipt), path.map(toHex), {
          number,
          prevHash: toHex(prevHash),
          restHash: toHex(restHash),
          later: [],
        }),
      ),
    timestamp,
  };
}

/** As `Batches.sol` has it: a level that drains at half the stake per cover period and may not exceed half the stake. */
function room(
  s: { levelNano: bigint; levelAt: bigint },
  stakeNano: bigint,
  periodSeconds: bigint,
  now: bigint,
): bigint {
  const elapsed = now > s.levelAt ? now - s.levelAt : 0n;
  const drained = (stakeNano * elapsed) / (2n * periodSeconds);
  const level = s.levelNano > drained ? s.levelNano - drained : 0n;
  return stakeNano / 2n > level ? stakeNano / 2n - level : 0n;
}

async function read<T>(call: () => Promise<T>): Promise<T> {
  return call().catch((error: unknown) => {
    throw chainError("The chain cannot be read", error);
  });
}

type CachedReadOptions<K, V> = { read: (key: K) => Promise<V>; clock: Clock; freshMs: number; maxStaleMs: number };

/** One read at a time per key; fresh answers from memory, stale ones only while reading fails. */
export function cachedRead<K, V>(options: CachedReadOptions<K, V>): (key: K) => Promise<V> {
  const { clock, freshMs, maxStaleMs } = options;
  const entries = new Map<K, { at: number; value: V }>();
  const pending = new Map<K, Promise<V>>();
  return async (key) => {
    const entry = entries.get(key);
    if (entry && clock() - entry.at <= freshMs) return entry.value;
    const started = pending.get(key);
    if (started) return started;
    const reading = options
      .read(key)
      .then((value) => {
        entries.set(key, { at: clock(), value });
        return value;
      })
      .catch((error: unknown) => {
        if (entry && clock() - entry.at <= maxStaleMs) return entry.value;
        throw chainError("The chain cannot be read", error);
      })
      .finally(() => pending.delete(key));
    pending.set(key, reading);
    return reading;
  };
}
