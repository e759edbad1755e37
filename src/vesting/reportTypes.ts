/** One unlock: what the published file said, and what the chain shows. Amounts in wei, times in Unix seconds. */
export type ReportRow = {
  month: number;
  /** ISO 8601, UTC. */
  at: string;
  unix: number;
  /** What unlocks at this moment, by the file. */
  saidWei: bigint;
  /** What the chain's own book unlocks at this moment. */
  shownWei: bigint;
  /** Up to this moment, it included, by the file. */
  cumulativeWei: bigint;
  /** Greatest deviation, without its sign, of all that was compared for this unlock. */
  differenceWei: bigint;
  /** First block at or after the moment; null when the chain is not there yet. */
  block: number | null;
  /** Seconds between the moment and that block. */
  latenessSeconds: number | null;
};

/** A payment out of the vault. */
export type Claim = { grant: number; to: string; amountWei: bigint; block: number; unix: number; transaction: string };
