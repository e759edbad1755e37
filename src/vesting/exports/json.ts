import { formatWei } from "../amount.ts";
import type { Schedule } from "../book.ts";
import { anniversary, formatTime } from "../calendar.ts";
import { type Unlock, unlockTable } from "../table.ts";
import { liquidWei, lockedWei, supplyWei } from "./releases.ts";
import type { ScheduleExport } from "./schema.ts";
import type { ExportInput } from "./types.ts";

/** `schedule.json`, as `scheduleExportSchema` has it. */
export function exportJson(input: ExportInput): string {
  return `${JSON.stringify(scheduleOf(input), null, 2)}\n`;
}

function scheduleOf(input: ExportInput): ScheduleExport {
  const { book, names, source, liquid } = input;
  const { categories, unlocks } = unlockTable(book);
  const span = ({ firstTranche, tranches }: Pick<Schedule, "firstTranche" | "tranches">) => ({
    firstUnlock: moment(anniversary(book.anchor, firstTranche)),
    lastUnlock: moment(anniversary(book.anchor, firstTranche + tranches - 1)),
  });
  return {
    format: "opg-vesting-schedule/1",
    bookHash: input.bookHash,
    tableHash: input.tableHash,
    chainId: source.chainId ?? null,
    addresses: {
      token: source.token ?? null,
      vault: source.vault ?? null,
      book: source.book ?? null,
      lens: source.lens ?? null,
    },
    compiler: source.compiler ?? null,
    commit: source.commit ?? null,
    launch: moment(anniversary(book.anchor, 0)),
    ...spanOf(unlocks),
    supply: amount(supplyWei(input)),
    locked: amount(lockedWei(input)),
    liquid: liquid.map(({ category, amountWei }) => ({ category, ...amount(amountWei) })),
    categories: categories.map((category, i) => {
      const own = unlocks.filter(({ byCategoryWei }) => (byCategoryWei[i] as bigint) > 0n);
      const total = own.reduce((sum, { byCategoryWei }) => sum + (byCategoryWei[i] as bigint), 0n);
      return { category, total: amount(total), ...spanOf(own) };
    }),
    unlocks: unlocks.map(({ month, unix, amountWei, cumulativeWei, byCategoryWei }) => ({
      month,
      ...moment(unix),
      ...amount(amountWei),
      byCategory: categories.flatMap((category, i) => {
        const wei = byCategoryWei[i] as bigint;
        return wei > 0n ? [{ category, ...amount(wei) }] : [];
      }),
      cumulative: amount(cumulativeWei),
      released: amount(cumulativeWei + liquidWei(input)),
    })),
    grants: book.grants.map(({ beneficiary, schedule, totalWei }, id) => {
      const { category, firstTranche, tranches, revocation } = book.schedules[schedule] as Schedule;
      const terms = { firstTranche, tranches };
      const total = amount(totalWei);
      return { id, name: names[id] || null, beneficiary, category, total, ...terms, ...span(terms), revocation };
    }),
  };
}

const spanOf = (unlocks: Unlock[]) => ({
  firstUnlock: moment(unlocks[0]?.unix ?? 0),
  lastUnlock: moment(unlocks.at(-1)?.unix ?? 0),
});

const moment = (unix: number) => ({ at: formatTime(unix), unix });
const amount = (wei: bigint) => ({ wei: wei.toString(), amount: formatWei(wei) });
