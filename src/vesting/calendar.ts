import { InputError } from "../core/errors.ts";

/** Where a book's months are anchored: 00:00:00 UTC on a day of the month; above 28 the last day of a shorter month. */
export type Anchor = {
  /** Of month 0: year × 12 + (month − 1). */
  startMonth: number;
  /** 1 to 31. */
  day: number;
};

/** The first month of 1970: nothing is anchored before it. */
export const EPOCH_MONTH = 1970 * 12;

/** Unix timestamp, in seconds, of the anchor `k` months after month 0. */
export function anniversary({ startMonth, day }: Anchor, k: number): number {
  const month = startMonth + k;
  const lastDay = new Date(utc(month + 1, 0) * 1000).getUTCDate();
  return utc(month, Math.min(day, lastDay));
}

/** Anchors at or before a Unix timestamp in seconds, that of month 0 included. */
export function elapsed(anchor: Anchor, timestamp: number): number {
  const date = new Date(timestamp * 1000);
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth();
  const k = month - anchor.startMonth;
  if (k < 0) return 0;
  return timestamp < anniversary(anchor, k) ? k : k + 1;
}

/** `"2026-06-21T00:00:00Z"` → 1782000000. Throws when the day does not exist, the form is another or a time zone is meant. */
export function parseTime(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text);
  const date = match && new Date(text);
  if (date && !Number.isNaN(date.getTime()) && formatTime(date.getTime() / 1000) === text) return date.getTime() / 1000;
  throw new InputError("Not a moment in UTC", {
    code: "bad_time",
    facts: { value: text },
    hint: "Write an existing moment as 2026-06-21T00:00:00Z: UTC, to the second, no offset",
  });
}

/** 1782000000 → `"2026-06-21T00:00:00Z"`. */
export function formatTime(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

function utc(month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(Math.floor(month / 12), month % 12, day);
  return date.getTime() / 1000;
}
