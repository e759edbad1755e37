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
    ...(report ? ["Difference (wei)", "Late (s)"] : []),
    ...categories.map(categoryLabel),
    "Cumulative",
    "% of supply",
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
  const compared = input.report ? [number(...difference(row)), number(...late(row))] : [];
  const cells = [
    number(amountHtml(amountWei), "sum"),
    ...compared,
    ...byCategoryWei.map((wei) => (wei > 0n ? number(amountHtml(wei)) : number("–", "none"))),
    number(amountHtml(cumulativeWei)),
    number(formatPercent(cumulativeWei, supplyWei(input), 4)),
  ];
  const date = `<time datetime="${formatTime(unix)}">${isoDate(unix)}<br><small>${isoClock(unix)}</small></time>`;
  const mark = state && ` <span class="state">${state}</span>`;
  return `<tr class="${`unlock ${state}`.trim()}"><th scope="row">${date}${mark}</th>${cells.join("")}</tr>`;
}

function difference(row: ReportRow | undefined): [html: string, name: string] {
  if (!row || row.block === null) return ["–", "none"];
  return row.differenceWei === 0n ? ["0", "good"] : [`${row.differenceWei}`, "bad"];
}

function late(row: ReportRow | undefined): [html: string, name: string] {
  return row?.latenessSeconds == null ? ["–", "none"] : [`${row.latenessSeconds}`, ""];
}
