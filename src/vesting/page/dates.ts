import { formatTime } from "../calendar.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 1782000000 → `"21 Jun 2026"`, UTC. */
export function longDate(unix: number): string {
  const date = new Date(unix * 1000);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** 1782000000 → `"2026-06-21"`, UTC. */
export const isoDate = (unix: number) => formatTime(unix).slice(0, 10);

/** 1782000000 → `"00:00:00"`, UTC. */
export const isoClock = (unix: number) => formatTime(unix).slice(11, 19);

export type Tick = { unix: number; text: string };

/** First days of the years in between, every `step`-th. */
export function yearTicks(from: number, to: number, step: number): Tick[] {
  const first = new Date(from * 1000).getUTCFullYear() + 1;
  const last = new Date(to * 1000).getUTCFullYear();
  const ticks: Tick[] = [];
  for (let year = first; year <= last; year += step) ticks.push({ unix: Date.UTC(year, 0) / 1000, text: `${year}` });
  return ticks;
}

/** At most `limit` of the moments, the first always, evenly apart. */
export function momentTicks(moments: number[], limit: number): Tick[] {
  const step = Math.ceil(moments.length / limit);
  return moments.filter((_, i) => i % step === 0).map((unix) => ({ unix, text: longDate(unix) }));
}
