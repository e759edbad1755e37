import type { ScheduleLens } from "../../typechain-types/index.ts";
import { hashOfTable } from "./table.ts";

/** A full book takes some ten million gas a page. */
const MONTHS_A_PAGE = 12;

/**
 * The hash of the table that a lens computes, read page by page: for a full book one call of `ScheduleLens.tableHash` takes
 * more gas than an RPC gives.
 */
export async function chainTableHash(lens: ScheduleLens): Promise<string> {
  const last = Number(await lens.lastMonth());
  const rows: [bigint, bigint][] = [];
  for (let from = 0; from <= last; from += MONTHS_A_PAGE) {
    const page = await lens.calendar(from, Math.min(MONTHS_A_PAGE, last + 1 - from));
    rows.push(...page.map(({ timestamp, cumulativeWei }): [bigint, bigint] => [timestamp, cumulativeWei]));
  }
  return hashOfTable(rows);
}
