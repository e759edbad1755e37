import ical, { ICalCalendarMethod, ICalEventTransparency } from "ical-generator";
import { formatWeiGrouped } from "../amount.ts";
import { anniversary } from "../calendar.ts";
import { unlockTable } from "../table.ts";
import type { ExportInput } from "./types.ts";

/**
 * iCalendar (RFC 5545), one event without duration for each unlock. An event's UID is made of the book and the month, and
 * its DTSTAMP is month 0: a calendar that reads the file twice has each event once.
 */
export function exportIcs({ book, bookHash }: ExportInput): string {
  const { categories, unlocks } = unlockTable(book);
  const stamp = toDate(anniversary(book.anchor, 0));
  const calendar = ical({
    name: "OPG unlocks",
    prodId: { company: "OPG", product: "vesting", language: "EN" },
    method: ICalCalendarMethod.PUBLISH,
  });
  for (const { month, unix, amountWei, cumulativeWei, byCategoryWei } of unlocks) {
    const amounts = categories.flatMap((category, i) => {
      const wei = byCategoryWei[i] as bigint;
      return wei > 0n ? [`${category}: ${formatWeiGrouped(wei)} OPG`] : [];
    });
    calendar.createEvent({
      id: `${bookHash}-${month}@opg.vesting`,
      stamp,
      start: toDate(unix),
      summary: `OPG unlock: ${formatWeiGrouped(amountWei, 2)} OPG`,
      description: [
        ...amounts,
        `all: ${formatWeiGrouped(amountWei)} OPG`,
        `unlocked so far: ${formatWeiGrouped(cumulativeWei)} OPG`,
        `book: ${bookHash}`,
      ].join("\n"),
      transparency: ICalEventTransparency.TRANSPARENT,
    });
  }
  return `${calendar.toString()}\r\n`;
}

const toDate = (unix: number) => new Date(unix * 1000);
