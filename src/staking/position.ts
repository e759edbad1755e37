import type { Log } from "ethers";
import { logsBetween } from "../core/chain/logs.ts";
import type { Chain } from "../core/chain/open.ts";
import { InputError } from "../core/errors.ts";
import { countsFrom, type HubTimes, leavesBy, payableFrom, readTimes } from "./times.ts";

type Source = Pick<Chain, "contracts" | "provider" | "deployment">;

/** On its way in: begins to count at `countsAt`, Unix seconds. */
export type Joining = { amountNano: bigint; countsAt: number };
/** On its way out: paid from `payableAt` on, Unix seconds. */
export type Leaving = { period: number; amountNano: bigint; payableAt: number };

export type OperatorStake = {
  operator: number;
  owner: string;
  selfNano: bigint;
  delegatedNano: bigint;
  /** What its debits are covered by, and what jobs it may take. */
  effectiveNano: bigint;
  slashableNano: bigint;
  /** What is due and counts with the next call, for example `opg stake roll`. */
  dueNano: bigint;
  joining: Joining[];
  leaving: Leaving[];
  commissionPpm: number;
  maxCommissionPpm: number;
};

export type HolderStake = {
  operator: number;
  holder: string;
  activeNano: bigint;
  shares: bigint;
  voting: boolean;
  joining: Joining[];
  leaving: Leaving[];
  /** Brought in less taken back while it waited, and what was paid out: over its whole life. */
  depositedNano: bigint;
  withdrawnNano: bigint;
  /** Rewards less slashes since the first deposit. */
  earnedNano: bigint;
};

export type StakeView = { times: HubTimes; countsIfNow: number; leavesIfNow: number; stake: OperatorStake };

/** An operator's stake: what counts, what waits, what leaves. Throws `no_operator`. */
export async function readOperator(source: Source, operator: number): Promise<StakeView> {
  const { stakeHub, nodeRegistry } = source.contracts;
  const times = await readTimes(source.contracts);
  const owner = await nodeRegistry.ownerOf(operator);
  if (/^0x0{40}$/.test(owner)) {
    throw new InputError("There is no such operator", { code: "no_operator", facts: { operator } });
  }
  const [stake, bond, pool, effectiveNano, slashableNano, commission, limits] = await Promise.all([
    stakeHub.getStake(operator),
    stakeHub.getBond(operator),
    stakeHub.getPool(operator),
    stakeHub.effectiveStake(operator),
    stakeHub.slashableStake(operator),
    stakeHub.commissionOf(operator),
    stakeHub.limits(),
  ]);
  const ofBond = await waiting(bond, (epoch) => stakeHub.getBondJoin(operator, epoch));
  const ofPool = await waiting(pool, async (epoch) => (await stakeHub.getJoin(operator, epoch)).nano);
  const begun = Math.floor(times.now / times.epochLength);
  const periods = await eventsOf(source, "BondLeft", [operator]);
  return {
    times,
    countsIfNow: countsFrom(times),
    leavesIfNow: leavesBy(times),
    stake: {
      operator,
      owner,
      selfNano: stake.selfNano,
      delegatedNano: stake.delegatedNano,
      effectiveNano,
      slashableNano,
      dueNano: sum([...ofBond, ...ofPool].filter(({ epoch }) => epoch <= begun).map(({ nano }) => nano)),
      joining: ofBond
        .filter(({ epoch }) => epoch > begun)
        .map(({ epoch, nano }) => ({ amountNano: nano, countsAt: epoch * times.epochLength })),
      leaving: await leavingOf(times, periods, (period) => stakeHub.getBondBucket(operator, period)),
      commissionPpm: Number(commission),
      maxCommissionPpm: Number(limits.maxCommissionPpm),
    },
  };
}

/** What a holder delegates to an operator, and what came of it. */
export async function readHolder(
  source: Source,
  times: HubTimes,
  operator: number,
  holder: string,
): Promise<HolderStake> {
  const { stakeHub } = source.contracts;
  const [{ position, worthNano }, delegated, cancelled, left, withdrawn] = await Promise.all([
    stakeHub.getPosition(operator, holder),
    eventsOf(source, "Delegated", [operator, holder]),
    eventsOf(source, "DelegationCancelled", [operator, holder]),
    eventsOf(source, "Left", [operator, holder]),
    eventsOf(source, "Withdrawn", [operator, holder]),
  ]);
  const leaving = await leavingOf(times, left, async (period) => {
    const [shares, bucket] = await Promise.all([
      stakeHub.getLeaving(operator, holder, period),
      stakeHub.getBucket(operator, period),
    ]);
    return shares === 0n ? 0n : (shares * bucket.nano) / bucket.shares;
  });
  const total = (events: readonly Event[]) => sum(events.map(({ args }) => args.amountNano as bigint));
  const depositedNano = total(delegated) - total(cancelled);
  const withdrawnNano = total(withdrawn);
  const { joiningNano, joinEpoch, shares, voting } = position;
  const heldNano = worthNano + joiningNano + sum(leaving.map(({ amountNano }) => amountNano));
  return {
    operator,
    holder,
    activeNano: worthNano,
    shares,
    voting,
    joining: joiningNano === 0n ? [] : [{ amountNano: joiningNano, countsAt: Number(joinEpoch) * times.epochLength }],
    leaving,
    depositedNano,
    withdrawnNano,
    earnedNano: heldNano + withdrawnNano - depositedNano,
  };
}

/** What joins with each epoch that nobody has let in yet. */
async function waiting(
  { joinedThrough, lastJoin }: { joinedThrough: bigint; lastJoin: bigint },
  read: (epoch: number) => Promise<bigint>,
): Promise<{ epoch: number; nano: bigint }[]> {
  const first = Number(joinedThrough) + 1;
  const epochs = Array.from({ length: Math.max(0, Number(lastJoin) - first + 1) }, (_, i) => first + i);
  const joins = await Promise.all(epochs.map(async (epoch) => ({ epoch, nano: await read(epoch) })));
  return joins.filter(({ nano }) => nano !== 0n);
}

async function leavingOf(
  times: HubTimes,
  left: readonly Event[],
  read: (period: number) => Promise<bigint>,
): Promise<Leaving[]> {
  const periods = [...new Set(left.map(({ args }) => Number(args.period)))].sort((a, b) => a - b);
  const all = await Promise.all(
    periods.map(async (period) => ({ period, amountNano: await read(period), payableAt: payableFrom(times, period) })),
  );
  return all.filter(({ amountNano }) => amountNano !== 0n);
}

type Event = { args: Record<string, unknown> };

/** The hub's events of a name and indexed arguments, since it was deployed. */
async function eventsOf(
  { contracts, provider, deployment }: Source,
  name: string,
  indexed: unknown[],
): Promise<Event[]> {
  const { stakeHub } = contracts;
  const topics = stakeHub.interface.encodeFilterTopics(name as "Left", indexed as never);
  const filter = { address: String(stakeHub.target), topics };
  const logs = await logsBetween(provider, filter, deployment.block, await provider.getBlockNumber());
  return logs.map((log: Log) => {
    const parsed = stakeHub.interface.parseLog(log);
    const names = parsed?.fragment.inputs.map((input) => input.name) ?? [];
    return { args: Object.fromEntries(names.map((key, i) => [key, parsed?.args[i]])) };
  });
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, nano) => total + nano, 0n);
}
