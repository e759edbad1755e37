import { formatPercent } from "../amount.ts";
import { formatTime } from "../calendar.ts";
import { supplyWei } from "../exports/releases.ts";
import { categoryLabel } from "../exports/trackers.ts";
import type { ReportRow } from "../reportTypes.ts";
import { type Unlock, unlockTable } from "../table.ts";
import { isoClock, isoDate } from "./dates.ts";
import { amountHtml, escapeHtml } from "./html.ts";
import { nowUnixOf } from "./supply.ts";
import type { PageInput } from "./types.ts";

/** The calendar as a table: a row for each unlock, grouped by year, exact to the wei. */
export function unlocksHtml(input: PageInput): string {
  const { categories, unlocks } = unlockTable(input.book);
  const { report } = input;
  const rows = new Map(report?.rows.map((row) => [row.month, row]));
  const now = nowUnixOf(input);
  const next = now === null ? undefined : unlocks.find(({ unix }) => unix > now);
  const columns = [
    "Unlocks",
    ...categories.map(categoryLabel),
    "Cumulative",
    "% of supply",
    ...(report ? ["Difference, wei", "Late, s"] : []),
  ];
  const years = Map.groupBy(unlocks, ({ unix }) => isoDate(unix).slice(0, 4));
  const bodies = [...years].map(([year, members]) => {
    const lines = members.map((unlock) => {
      const state = now === null ? "" : unlock === next ? "next" : unlock.unix <= now ? "unlocked" : "locked";
      return unlockRow(input, unlock, state, report && rows.get(unlock.month));
    });
    const heading = `<tr class="year"><th colspan="${columns.length + 1}" scope="rowgroup"><span>${year}</span></th></tr>`;
    return `<tbody>\n${heading}\n${lines.join("\n")}\n</tbody>`;
  });
  return `<div class="scroll" role="region" aria-label="Unlock calendar, scrolls sideways" tabindex="0">
<table>
<caption>All amounts in OPG, exact to 18 decimals; times in UTC. Cumulative counts what the book unlocks; the percentage is its part of ${amountHtml(supplyWei(input))} OPG, rounded down.</caption>
<thead>
<tr><th scope="col">Date</th>${columns.map((column) => `<th scope="col" class="n">${escapeHtml(column)}</th>`).join("")}</tr>
</thead>
${bodies.join("\n")}
</table>
</div>`;
}

function unlockRow(input: PageInput, unlock: Unlock, state: string, row: ReportRow | undefined): string {
  const { unix, amountWei, cumulativeWei, byCategoryWei } = unlock;
  const number = (html: string, name = "") => `<td class="${`n ${name}`.trim()}">${html}</td>`;
  const cells = [
    number(amountHtml(amountWei), "sum"),
    ...byCategoryWei.map((wei) => number(wei > 0n ? amountHtml(wei) : "–", wei > 0n ? "" : "none")),
    number(amountHtml(cumulativeWei)),
    number(formatPercent(cumulativeWei, supplyWei(input), 4)),
  ];
  if (input.report)
    cells.push(number(...difference(row)), number(late(row), row?.latenessSeconds == null ? "none" : ""));
  const date = `<time datetime="${formatTime(unix)}">${isoDate(unix)}<small>${isoClock(unix)}</small></time>`;
  const mark = state && ` <span class="state">${state}</span>`;
  return `<tr class="${`unlock ${state}`.trim()}"><th scope="row">${date}${mark}</th>${cells.join("")}</tr>`;
}

function difference(row: ReportRow | undefined): [html: string, name: string] {
  if (!row || row.block === null) return ["–", "none"];
  return row.differenceWei === 0n ? ["0", "good"] : [`${row.differenceWei}`, "bad"];
}

const late = (row: ReportRow | undefined) => (row?.latenessSeconds == null ? "–" : `${row.latenessSeconds}`);
