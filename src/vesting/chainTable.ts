import { hashOfTable } from "./table.ts";

/** What a lens says of every month; a `ScheduleLens` of ethers is one. */
export type ChainTable = {
  lastMonth(): Promise<bigint>;
  calendar(fromMonth: number, count: number): Promise<readonly { timestamp: bigint; cumulativeWei: bigint }[]>;
};

/** A full book takes some ten million gas a page. */
const MONTHS_A_PAGE = 12;
/** The greatest that a book can have: two bytes to the first tranche, and 255 tranches. */
const LAST_MONTH = 65_535 + 254;

/**
 * The hash of the table that a lens computes, read page by page: for a full book one call of `ScheduleLens.tableHash` takes
 * more gas than an RPC gives.
 */
export async function chainTableHash(lens: ChainTable): Promise<string> {
  const last = Math.min(Number(await lens.lastMonth()), LAST_MONTH);
  const rows: [bigint, bigint][] = [];
  for (let from = 0; from <= last; from += MONTHS_A_PAGE) {
    const page = await lens.calendar(from, Math.min(MONTHS_A_PAGE, last + 1 - from));
    rows.push(...page.map(({ timestamp, cumulativeWei }): [bigint, bigint] => [timestamp, cumulativeWei]));
  }
  return hashOfTable(rows);
}
