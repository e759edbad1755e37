import { anniversary } from "../calendar.ts";
import { categoryLabel } from "../exports/trackers.ts";
import { unlockTable } from "../table.ts";
import { type Point, type StepChart, stepChart } from "./chart.ts";
import { longDate, momentTicks, yearTicks } from "./dates.ts";
import { bookColour, liquidColour } from "./palette.ts";
import type { PageInput } from "./types.ts";

const OPG = 10 ** 18;
const DAY = 86_400;

/** One layer of the supply curve; its amount in wei. */
export type Layer = { label: string; colour: string; wei: bigint; liquid: boolean };

/** Layers from the lowest: liquid at launch, then the book's categories. */
export function layersOf({ book, liquid }: PageInput): Layer[] {
  const { categories, unlocks } = unlockTable(book);
  return [
    ...liquid.map(({ category, amountWei }, i) => {
      return { label: categoryLabel(category), colour: liquidColour(i).light, wei: amountWei, liquid: true };
    }),
    ...categories.map((category, i) => {
      const wei = unlocks.reduce((sum, { byCategoryWei }) => sum + (byCategoryWei[i] as bigint), 0n);
      return { label: categoryLabel(category), colour: bookColour(i).light, wei, liquid: false };
    }),
  ];
}

/** Released supply over the book's whole life, in two widths. */
export function supplyChart(input: PageInput): string {
  const { book, liquid, report } = input;
  const launch = anniversary(book.anchor, 0);
  const last = unlockTable(book).unlocks.at(-1)?.unix ?? launch;
  const to = last + Math.max(30 * DAY, Math.round((last - launch) / 40));
  const base = liquid.reduce((sum, { amountWei }) => sum + Number(amountWei) / OPG, 0);
  const shared = {
    label: `Supply curve: released OPG by category from ${longDate(launch)} to ${longDate(last)}, in steps${report ? ", and what was claimed" : ""}`,
    from: launch,
    to,
    areas: [
      ...liquid.map(({ amountWei }, i) => {
        const opg = Number(amountWei) / OPG;
        return { colour: liquidColour(i).light, points: timesOf(input, to).map((unix): Point => [unix, opg]) };
      }),
      ...bookAreas(input, to),
    ],
    line: claimedLine(input, base),
    now: nowOf(input),
  };
  return both("supply", shared, (step) => yearTicks(launch, to, step));
}

/** What was unlocked and what was claimed, up to the second unlock after the report; empty without a report. */
export function claimsChart(input: PageInput): string {
  const { book, report } = input;
  if (!report) return "";
  const launch = anniversary(book.anchor, 0);
  const { unlocks } = unlockTable(book);
  const to = unlocks.filter(({ unix }) => unix > report.head.unix).at(1)?.unix ?? report.head.unix + 60 * DAY;
  const moments = unlocks.map(({ unix }) => unix).filter((unix) => unix < to);
  const shared = {
    label: `Unlocked by category and claimed OPG from ${longDate(launch)} to ${longDate(report.head.unix)}`,
    from: launch,
    to,
    areas: bookAreas(input, to),
    line: claimedLine(input, 0),
    now: nowOf(input),
  };
  return both("claims", shared, (step) => momentTicks(moments, step === 1 ? 9 : 3));
}

function bookAreas({ book }: PageInput, to: number) {
  const { categories, unlocks } = unlockTable(book);
  return categories.map((_, i) => {
    const points: Point[] = [];
    let wei = 0n;
    for (const { unix, byCategoryWei } of unlocks.filter(({ unix }) => unix < to)) {
      wei += byCategoryWei[i] as bigint;
      points.push([unix, Number(wei) / OPG]);
    }
    const launch = anniversary(book.anchor, 0);
    if (points[0]?.[0] !== launch) points.unshift([launch, 0]);
    if (points.at(-1)?.[0] !== to) points.push([to, Number(wei) / OPG]);
    return { colour: bookColour(i).light, points };
  });
}

const timesOf = (input: PageInput, to: number) => (bookAreas(input, to)[0]?.points ?? []).map(([unix]) => unix);

function claimedLine({ book, report }: PageInput, base: number): Point[] {
  if (!report) return [];
  const points: Point[] = [[anniversary(book.anchor, 0), base]];
  let wei = 0n;
  for (const { unix, amountWei } of report.claims.toSorted((a, b) => a.unix - b.unix)) {
    wei += amountWei;
    points.push([unix, base + Number(wei) / OPG]);
  }
  return [...points, [report.head.unix, base + Number(wei) / OPG]];
}

/** The moment that divides past from future; null when everything is to come. */
export const nowUnixOf = ({ nowUnix, report }: PageInput) => nowUnix ?? report?.head.unix ?? null;

function nowOf(input: PageInput) {
  const unix = nowUnixOf(input);
  return unix === null ? null : { unix, text: longDate(unix) };
}

type Shared = Pick<StepChart, "label" | "from" | "to" | "areas" | "line" | "now">;

function both(id: string, shared: Shared, ticks: (step: 1 | 2) => StepChart["ticks"]): string {
  const wide = stepChart({ ...shared, id: `${id}-wide`, width: 1120, height: 400, ticks: ticks(1) });
  const phone = stepChart({ ...shared, id: `${id}-phone`, width: 358, height: 280, ticks: ticks(2) });
  return `<div class="wide">${wide}</div>\n<div class="phone">${phone}</div>`;
}
