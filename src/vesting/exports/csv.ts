import { stringify } from "csv-stringify/sync";
import { formatPercent, formatWei } from "../amount.ts";
import { formatTime } from "../calendar.ts";
import { unlockTable } from "../table.ts";
import { supplyWei } from "./releases.ts";
import type { ExportInput } from "./types.ts";

const COLUMNS = ["date", "unix", "category", "amount_wei", "amount", "cumulative_wei", "percent_of_supply"];

/** Decimals of `percent_of_supply`. */
export const PERCENT_DECIMALS = 18;

/**
 * RFC 4180, one line for each category of each unlock. `cumulative_wei` runs over the whole book from line to line, this
 * line included; `percent_of_supply` is that sum's part of the supply, rounded down.
 */
export function exportCsv(input: ExportInput): string {
  const { categories, unlocks } = unlockTable(input.book);
  const supply = supplyWei(input);
  let cumulative = 0n;
  const lines = unlocks.flatMap(({ unix, byCategoryWei }) =>
    categories.flatMap((category, i) => {
      const wei = byCategoryWei[i] as bigint;
      if (wei === 0n) return [];
      cumulative += wei;
      const percent = formatPercent(cumulative, supply, PERCENT_DECIMALS);
      return [[formatTime(unix), unix, category, wei, formatWei(wei), cumulative, percent].map(String)];
    }),
  );
  return stringify([COLUMNS, ...lines], { record_delimiter: "windows" });
}
