import Table from "cli-table3";
import { formatWei, formatWeiGrouped } from "../../vesting/amount.ts";
import { formatTime } from "../../vesting/calendar.ts";
import type { Report } from "../../vesting/report.ts";
import type { ReportRow } from "../../vesting/reportTypes.ts";
import type { Unlock } from "../../vesting/table.ts";

/** One unlock on one line; the independent checker prints the same. */
export function reportLine({ at, unix, saidWei, shownWei, differenceWei, latenessSeconds }: ReportRow): string {
  const block = latenessSeconds === null ? "no block yet" : `first block +${latenessSeconds} s`;
  return `${at} (${unix})  schedule said ${formatWei(saidWei)} OPG; chain shows ${formatWei(shownWei)}; difference ${differenceWei} wei; ${block}`;
}

export function reportText(report: Report, publishedFrom: string | null): string {
  const { head, paid } = report;
  const yes = (is: boolean) => (is ? "yes" : "NO");
  const facts = [
    ["chain", `${report.chainId}, read at block ${head.number} (${formatTime(head.unix)})`],
    ["token", report.token],
    ["vault", report.vault],
    ["made by TokenLaunch", report.launch ?? "NO"],
    ["published file", publishedFrom ?? "none was given: give it with --book"],
    [publishedFrom ? "its hash" : "hash of the book on chain", report.bookHash],
    ["book on chain is that file", publishedFrom ? yes(report.bookHashMatches) : "not compared"],
    ["table of unlocks is the same", yes(report.tableHashMatches)],
    [
      "code is this checkout's",
      `vault ${yes(report.vaultCodeMatches)}, lens ${yes(report.lensCodeMatches)}, token ${yes(report.tokenCodeMatches)}`,
    ],
    ["unlocks checked", String(report.unlocks.length)],
    ["greatest difference", `${report.maxDifferenceWei} wei`],
    [
      "paid out",
      `${formatWei(paid.slotsWei)} OPG in ${report.claims.length} payments, the same by events and transfers: ${yes(paid.slotsWei === paid.eventsWei && paid.slotsWei === paid.transfersWei)}`,
    ],
    ["balance", `${formatWei(report.balanceWei)} OPG, owed ${formatWei(report.owedWei)}`],
  ] as const;
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    ...report.unlocks.map(reportLine),
    "",
    ...facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    "",
    ...(report.ok
      ? [
          publishedFrom
            ? "Everything is as published."
            : "The chain agrees with its own book. Whether that is the published file was NOT checked.",
        ]
      : ["NOT as published:", ...report.problems.map((text) => `- ${text}`)]),
  ].join("\n");
}

/** A table of unlocks by category, in OPG with two decimals; the exact wei are in --json and the exports. */
export function calendarText(categories: string[], unlocks: Unlock[]): string {
  if (unlocks.length === 0) return "Nothing is left to unlock.";
  // Categories with nothing in these rows would only take room.
  const shown = categories.map((_, i) => i).filter((i) => unlocks.some(({ byCategoryWei }) => byCategoryWei[i] !== 0n));
  const table = new Table({
    head: ["unlock (UTC)", "OPG", ...shown.map((i) => categories[i] as string), "unlocked by then"],
    style: { head: [], border: [] },
    colAligns: ["left", ...Array.from({ length: shown.length + 2 }, () => "right" as const)],
  });
  const opg = (wei: bigint) => (wei === 0n ? "" : formatWeiGrouped(wei, 2));
  for (const { unix, amountWei, byCategoryWei, cumulativeWei } of unlocks) {
    table.push([
      formatTime(unix),
      opg(amountWei),
      ...shown.map((i) => opg(byCategoryWei[i] as bigint)),
      opg(cumulativeWei),
    ]);
  }
  return table.toString();
}
