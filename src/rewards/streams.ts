import { InputError } from "../core/errors.ts";
import { PPM } from "../core/units.ts";

/** Who is rewarded, in the order of `RewardPolicy.Shares.streamPpm`. */
export const STREAMS = ["stakers", "workers", "verifiers", "publishers", "contributors", "keepers"] as const;
export type Stream = (typeof STREAMS)[number];

/** Those that are paid by what was used, in the order of `feePpm`. */
export const USAGE_STREAMS = ["workers", "verifiers", "publishers", "contributors", "keepers"] as const;
export type UsageStream = (typeof USAGE_STREAMS)[number];

/** What governance sets for an epoch; see docs/contracts/rewards.md. */
export type Shares = {
  /** An epoch may give one part in so many of the funds that nothing was promised of. */
  spreadEpochs: number;
  /** Parts of that, for each stream, parts per million. */
  streamPpm: Record<Stream, number>;
  /** The most that a receipt's network fee gives each stream, parts per million of the fee. */
  feePpm: Record<UsageStream, number>;
  /** The most that one account gets of the contributors' part, parts per million. */
  accountCapPpm: number;
};

/** What receipts give at most of the network fee they paid, parts per million: whoever plays every role loses the rest. */
export const MAX_USAGE_PPM = 900_000;

/** Throws when shares are not such as the contract takes. */
export function checkShares({ spreadEpochs, streamPpm, feePpm, accountCapPpm }: Shares): void {
  const sum = (parts: Record<string, number>) => Object.values(parts).reduce((total, part) => total + part, 0);
  check("spreadEpochs", spreadEpochs, 1, 520);
  for (const stream of STREAMS) check(`streamPpm.${stream}`, streamPpm[stream], 0, Number(PPM));
  for (const stream of USAGE_STREAMS) check(`feePpm.${stream}`, feePpm[stream], 0, MAX_USAGE_PPM);
  check("sum of streamPpm", sum(streamPpm), 0, Number(PPM));
  check("sum of feePpm", sum(feePpm), 0, MAX_USAGE_PPM);
  check("accountCapPpm", accountCapPpm, 0, Number(PPM));
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new InputError("A share is out of range", { code: "bad_shares", facts: { name, value, least, most } });
}

/** floor(amount × ppm / 1,000,000). */
export function partDown(amountNano: bigint, ppm: number): bigint {
  return (amountNano * BigInt(ppm)) / PPM;
}
