import { anniversary } from "../calendar.ts";
import { unlockTable } from "../table.ts";
import type { ExportInput } from "./types.ts";

/** What becomes free of one category at one moment: by the book, or at launch. */
export type Release = { month: number; unix: number; category: string; amountWei: bigint };

/** What was liquid at launch (month 0), then all that the book unlocks, in order of time and category. */
export function releases({ book, liquid }: ExportInput): Release[] {
  const { categories, unlocks } = unlockTable(book);
  const launch = anniversary(book.anchor, 0);
  const atLaunch = liquid.map(({ category, amountWei }) => ({ month: 0, unix: launch, category, amountWei }));
  const unlocked = unlocks.flatMap(({ month, unix, byCategoryWei }) =>
    categories.map((category, i) => ({ month, unix, category, amountWei: byCategoryWei[i] as bigint })),
  );
  return [...atLaunch, ...unlocked].filter(({ amountWei }) => amountWei > 0n);
}

/** Sum of the grants, in wei. */
export const lockedWei = ({ book }: Pick<ExportInput, "book">) =>
  book.grants.reduce((sum, { totalWei }) => sum + totalWei, 0n);

/** What was liquid at launch, in wei. */
export const liquidWei = ({ liquid }: Pick<ExportInput, "liquid">) =>
  liquid.reduce((sum, { amountWei }) => sum + amountWei, 0n);

/** Sum of the grants and of what was liquid at launch, in wei. */
export const supplyWei = (input: Pick<ExportInput, "book" | "liquid">) => lockedWei(input) + liquidWei(input);
