import { AbiCoder, keccak256 } from "ethers";
import { type Book, categoriesOf, lastMonthOf, vestedAt } from "./book.ts";
import { anniversary } from "./calendar.ts";

/** What falls due at one moment. */
export type Unlock = {
  /** Months after month 0. */
  month: number;
  /** Unix timestamp, seconds. */
  unix: number;
  /** At this moment. */
  amountWei: bigint;
  /** Up to this moment, it included. */
  cumulativeWei: bigint;
  /** Of `amountWei`, in the order of the table's categories. */
  byCategoryWei: bigint[];
};

/** The published unlocks of a book, in order; months in which nothing unlocks are left out. */
export type UnlockTable = { categories: string[]; unlocks: Unlock[] };

/** What the whole book has unlocked at a Unix timestamp in seconds, by category, in wei. */
export function unlockedByCategory(book: Book, timestamp: number): bigint[] {
  const categories = categoriesOf(book);
  const sums = categories.map(() => 0n);
  for (const grant of book.grants) {
    const { category } = book.schedules[grant.schedule] as Book["schedules"][number];
    sums[categories.indexOf(category)]! += vestedAt(book, grant, timestamp);
  }
  return sums;
}

/** What the whole book has unlocked at a Unix timestamp in seconds, in wei. */
export function unlockedAt(book: Book, timestamp: number): bigint {
  return sum(unlockedByCategory(book, timestamp));
}

export function unlockTable(book: Book): UnlockTable {
  const unlocks: Unlock[] = [];
  let before = categoriesOf(book).map(() => 0n);
  for (let month = 0; month <= lastMonthOf(book); month++) {
    const unix = anniversary(book.anchor, month);
    const now = unlockedByCategory(book, unix);
    const byCategoryWei = now.map((wei, i) => wei - (before[i] as bigint));
    const amountWei = sum(byCategoryWei);
    before = now;
    if (amountWei > 0n) unlocks.push({ month, unix, amountWei, cumulativeWei: sum(now), byCategoryWei });
  }
  return { categories: categoriesOf(book), unlocks };
}

/** keccak256 over all months of timestamp and cumulative wei, as `ScheduleLens.tableHash` has it. */
export function tableHash(book: Book): string {
  const rows = Array.from({ length: lastMonthOf(book) + 1 }, (_, month): [bigint, bigint] => {
    const unix = anniversary(book.anchor, month);
    return [BigInt(unix), unlockedAt(book, unix)];
  });
  return hashOfTable(rows);
}

/** The same of rows that are there: timestamp and cumulative wei of every month. */
export function hashOfTable(rows: readonly [unix: bigint, cumulativeWei: bigint][]): string {
  const values = rows.flat();
  const coder = AbiCoder.defaultAbiCoder();
  return keccak256(
    coder.encode(
      values.map(() => "uint256"),
      values,
    ),
  );
}

const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
