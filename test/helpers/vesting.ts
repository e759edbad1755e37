import { type Book, bookHash, encodeBook, type Grant, type Schedule, vestedAt } from "../../src/vesting/book.ts";
import { formatTime, parseTime } from "../../src/vesting/calendar.ts";
import type { ExportInput, Liquid } from "../../src/vesting/exports/types.ts";
import type { PageReport } from "../../src/vesting/page/types.ts";
import type { Claim, ReportRow } from "../../src/vesting/reportTypes.ts";
import { tableHash, unlockTable } from "../../src/vesting/table.ts";

const DAY = 86_400;

const OPG = 10n ** 18n;
const MILLION = 1_000_000n * OPG;

/** Category, locked, free at launch (both in millions of OPG), first tranche (months after launch), tranches. */
const CATEGORIES: [string, bigint, bigint, number, number][] = [
  ["ecosystem", 360n, 40n, 1, 60],
  ["foundation", 100n, 50n, 1, 48],
  ["core-contributors", 150n, 0n, 13, 36],
  ["investors", 100n, 0n, 13, 36],
  ["staking-rewards", 100n, 0n, 1, 96],
];

const beneficiary = (index: number) => `0x${(0xb0b00 + index).toString(16).padStart(40, "0")}`;

/** The published schedule: what is free at launch is a grant of one tranche at month 0. */
export function publishedBook(): { book: Book; names: string[]; liquid: Liquid[] } {
  const schedules: Schedule[] = [];
  const grants: Grant[] = [];
  const names: string[] = [];
  CATEGORIES.forEach(([category, locked, upfront, firstTranche, tranches], i) => {
    const add = (totalWei: bigint, name: string, terms: Pick<Schedule, "firstTranche" | "tranches">) => {
      grants.push({ beneficiary: beneficiary(i), schedule: schedules.length, totalWei });
      schedules.push({ category, ...terms, revocation: null });
      names.push(name);
    };
    if (upfront > 0n) add(upfront * MILLION, `${category} at launch`, { firstTranche: 0, tranches: 1 });
    add(locked * MILLION, category, { firstTranche, tranches });
  });
  return {
    book: { anchor: { startMonth: 2026 * 12 + 3, day: 21 }, schedules, grants },
    names,
    liquid: [
      { category: "liquidity", amountWei: 60n * MILLION },
      { category: "airdrop", amountWei: 40n * MILLION },
    ],
  };
}

const address = (digit: string) => `0x${digit.repeat(40)}`;

/** The published schedule as if it stood on Base. */
export function publishedInput(): ExportInput {
  const published = publishedBook();
  return {
    ...published,
    bookHash: bookHash(encodeBook(published.book)),
    tableHash: tableHash(published.book),
    source: {
      chainId: 8453,
      token: address("1"),
      vault: address("2"),
      book: address("3"),
      lens: address("4"),
      compiler: "solc 0.8.37",
      commit: "0123456789abcdef0123456789abcdef01234567",
    },
  };
}

/**
 * A report on the published schedule up to 2026-11-20: every unlock as the file has it, the first block two seconds late at
 * most, and each grant claimed some days after its unlocks, but the last of them not yet.
 */
export function publishedReport(): PageReport {
  const { book } = publishedBook();
  const head = { block: 45_120_000, unix: parseTime("2026-11-20T12:00:00Z") };
  const { unlocks } = unlockTable(book);
  const blockAt = (unix: number) => Math.floor((unix - 1_686_789_347) / 2);
  const rows = unlocks.map(({ month, unix, amountWei, cumulativeWei }): ReportRow => {
    const passed = unix <= head.unix;
    return {
      month,
      at: formatTime(unix),
      unix,
      saidWei: amountWei,
      shownWei: passed ? amountWei : 0n,
      cumulativeWei,
      differenceWei: 0n,
      block: passed ? blockAt(unix) + 1 : null,
      latenessSeconds: passed ? 1 : null,
    };
  });
  const paid = book.grants.map(() => 0n);
  const claims = unlocks
    .filter(({ unix }) => unix <= head.unix)
    .flatMap(({ unix }, round) =>
      book.grants.flatMap((grant, id): Claim[] => {
        const at = unix + (2 + 5 * id) * DAY + 5_400 * round;
        const amountWei = vestedAt(book, grant, at) - (paid[id] as bigint);
        if (at > head.unix || amountWei === 0n || (round + id) % 3 === 2) return [];
        paid[id]! += amountWei;
        const transaction = `0x${(round * 100 + id + 1).toString(16).padStart(64, "0")}`;
        return [{ grant: id, to: grant.beneficiary, amountWei, block: blockAt(at), unix: at, transaction }];
      }),
    );
  return { rows, claims, head };
}
