import { ceilDiv, PPM } from "../core/units.ts";

/** What delegators can lose, in parts per million of what is slashable of them. */
export type LossLimits = { eventPpm: bigint; windowPpm: bigint };

/** A fault and what it costs of what answers for it, in parts per million. */
export type FaultCost = { fault: string; ppm: bigint };

export type FaultLoss = {
  fault: string;
  penaltyNano: bigint;
  ofSelfNano: bigint;
  ofDelegatorsNano: bigint;
  /** Of that, what the asked holder loses. */
  mineNano: bigint;
};

export type Risk = {
  /** The operator's own bond can be lost as a whole. */
  selfNano: bigint;
  /** Most that all delegators lose to one order, and in two unbonding times. */
  delegatorsEventNano: bigint;
  delegatorsWindowNano: bigint;
  mineEventNano: bigint;
  mineWindowNano: bigint;
  /** A penalty of each kind, from nothing taken before; refunds of payers come on top, inside the same limits. */
  faults: FaultLoss[];
};

/**
 * What a fault of now can cost. The own bond is hit first; delegators lose together at most what the limits leave, each in
 * proportion to its stake. Upper bounds: slashes of the past lower what is left of a window.
 */
export function riskOf(
  stake: { selfNano: bigint; delegatedNano: bigint },
  mineNano: bigint,
  { eventPpm, windowPpm }: LossLimits,
  faults: readonly FaultCost[],
): Risk {
  const { selfNano, delegatedNano } = stake;
  const part = (nano: bigint, ppm: bigint) => (nano * ppm) / PPM;
  const mineOf = (nano: bigint) => (delegatedNano === 0n ? 0n : ceilDiv(nano * mineNano, delegatedNano));
  const delegatorsEventNano = part(delegatedNano, eventPpm);
  const delegatorsWindowNano = part(delegatedNano, windowPpm);
  return {
    selfNano,
    delegatorsEventNano,
    delegatorsWindowNano,
    mineEventNano: mineOf(delegatorsEventNano),
    mineWindowNano: mineOf(delegatorsWindowNano),
    faults: faults.map(({ fault, ppm }) => {
      const penaltyNano = ceilDiv((selfNano + delegatorsEventNano) * ppm, PPM);
      const ofSelfNano = penaltyNano < selfNano ? penaltyNano : selfNano;
      const ofDelegatorsNano = penaltyNano - ofSelfNano;
      return { fault, penaltyNano, ofSelfNano, ofDelegatorsNano, mineNano: mineOf(ofDelegatorsNano) };
    }),
  };
}
