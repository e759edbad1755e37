import type { Contracts } from "../core/chain/contracts.ts";

/** How the hub counts time, in seconds. */
export type HubTimes = {
  epochLength: number;
  periodLength: number;
  stakeActivation: number;
  unbonding: number;
  slashWindow: number;
  /** The chain's clock, Unix seconds. */
  now: number;
};

export async function readTimes({ stakeHub }: Pick<Contracts, "stakeHub">): Promise<HubTimes> {
  const [epochLength, periodLength, stakeActivation, unbonding, slashWindow, block] = await Promise.all([
    stakeHub.epochLength(),
    stakeHub.periodLength(),
    stakeHub.stakeActivation(),
    stakeHub.unbonding(),
    stakeHub.slashWindow(),
    stakeHub.runner?.provider?.getBlock("latest"),
  ]);
  const [epoch, period, activation, wait, window] = [
    epochLength,
    periodLength,
    stakeActivation,
    unbonding,
    slashWindow,
  ].map(Number) as [number, number, number, number, number];
  return {
    epochLength: epoch,
    periodLength: period,
    stakeActivation: activation,
    unbonding: wait,
    slashWindow: window,
    now: block?.timestamp ?? 0,
  };
}

/** When a deposit of `now` begins to count: the first epoch that begins after the activation time. */
export function countsFrom({ epochLength, stakeActivation, now }: HubTimes): number {
  return (Math.floor((now + stakeActivation) / epochLength) + 1) * epochLength;
}

/** When what left in a period is paid. */
export function payableFrom({ periodLength, unbonding }: HubTimes, period: number): number {
  return (period + 1) * periodLength + unbonding;
}

/** When what leaves now is paid. */
export function leavesBy(times: HubTimes): number {
  return payableFrom(times, Math.floor(times.now / times.periodLength));
}
