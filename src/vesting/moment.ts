import { parseTime } from "./calendar.ts";
import { badSchedule, type Place } from "./jsonText.ts";

/** Unix seconds of a moment in a schedule. */
export function momentOf(text: string, place: Place): number {
  try {
    return parseTime(text);
  } catch {
    const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text);
    if (form && /[+-]\d\d:?\d\d$/.test(text)) throw badSchedule(place, "in UTC, without a time-zone offset", text);
    if (form && text.endsWith("Z")) throw badSchedule(place, "there is no such moment", text);
    throw badSchedule(place, "a moment as 2026-06-21T00:00:00Z", text);
  }
}
