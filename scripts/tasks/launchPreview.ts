import { accountOf, UNKNOWN } from "../../deploy/deploy.ts";
import { formatWeiGrouped } from "../../src/vesting/amount.ts";
import { bookHash, encodeBook, type Schedule } from "../../src/vesting/book.ts";
import { anniversary, formatTime } from "../../src/vesting/calendar.ts";
import { planLaunch } from "../../src/vesting/launchPlan.ts";
import type { LaunchSchedule } from "../../src/vesting/scheduleFile.ts";
import { tableHash } from "../../src/vesting/table.ts";

/** One record of the book to come. Times are ISO 8601 in UTC, amounts wei as strings. */
export type LockedRow = {
  grant: string;
  /** Null for the emission budget before it stands. */
  beneficiary: string | null;
  category: string;
  totalWei: string;
  firstUnlock: string;
  lastUnlock: string;
  tranches: number;
  revocation: { revoker: string | null; remainderTo: string | null; noticeMonths: number } | null;
};

export type LaunchPreview = {
  network: string;
  chainId: number;
  deployer: string;
  locked: LockedRow[];
  liquid: { grant: string; category: string; to: string | null; amountWei: string }[];
  lockedWei: string;
  liquidWei: string;
  /** `hash` is null while the book names an address that is not known yet. */
  book: { bytes: number; hash: string | null; tableHash: string };
};

type Who = { network: string; chainId: number; deployer: string };

/** What a deployment would launch. `emissionBudget` is null as long as it does not stand. */
export function launchPreview(who: Who, schedule: LaunchSchedule, emissionBudget: string | null): LaunchPreview {
  const plan = planLaunch(schedule, (account) => accountOf(account, who.deployer, emissionBudget ?? UNKNOWN));
  const { anchor, schedules, grants } = plan.book;
  const known = (address: string) => (address === UNKNOWN ? null : address);
  const file = encodeBook(plan.book);
  const all = [
    ...grants.map(({ beneficiary }) => beneficiary),
    ...schedules.flatMap(({ revocation }) => (revocation ? [revocation.revoker, revocation.remainderTo] : [])),
  ];
  return {
    ...who,
    locked: grants.map(({ beneficiary, schedule, totalWei }, i) => {
      const { category, firstTranche, tranches, revocation } = schedules[schedule] as Schedule;
      return {
        grant: plan.names[i] as string,
        beneficiary: known(beneficiary),
        category,
        totalWei: totalWei.toString(),
        firstUnlock: formatTime(anniversary(anchor, firstTranche)),
        lastUnlock: formatTime(anniversary(anchor, firstTranche + tranches - 1)),
        tranches,
        revocation: revocation && {
          revoker: known(revocation.revoker),
          remainderTo: known(revocation.remainderTo),
          noticeMonths: revocation.noticeMonths,
        },
      };
    }),
    liquid: plan.liquid.map(({ id, category, to, amountWei }) => {
      return { grant: id, category, to: known(to), amountWei: amountWei.toString() };
    }),
    lockedWei: plan.lockedWei.toString(),
    liquidWei: plan.liquid.reduce((sum, { amountWei }) => sum + amountWei, 0n).toString(),
    book: {
      bytes: file.length,
      hash: all.every((address) => known(address) !== null) ? bookHash(file) : null,
      tableHash: tableHash(plan.book),
    },
  };
}

/** The preview as tables for a terminal. */
export function printLaunch({ locked, liquid, lockedWei, liquidWei, book, ...who }: LaunchPreview): string {
  const account = (address: string | null) => address ?? "emission budget (known at deployment)";
  const revocable = ({ revocation }: LockedRow) => {
    if (!revocation) return "nobody";
    return `${account(revocation.revoker)}, notice ${revocation.noticeMonths}, rest to ${account(revocation.remainderTo)}`;
  };
  const lockedTable = locked.map((row) => [
    ...[row.grant, account(row.beneficiary), row.category, formatWeiGrouped(BigInt(row.totalWei))],
    ...[row.firstUnlock, row.lastUnlock, revocable(row)],
  ]);
  const liquidTable = liquid.map(({ grant, to, amountWei }) => [
    grant,
    account(to),
    formatWeiGrouped(BigInt(amountWei)),
  ]);
  return [
    `Nothing is sent. ${who.network} (chain ${who.chainId}), deployer ${who.deployer}`,
    "",
    "Locked in the vault",
    ...columns([
      ["grant", "beneficiary", "category", "OPG", "first unlock", "last unlock", "revocable by"],
      ...lockedTable,
    ]),
    "",
    "Liquid at launch",
    ...columns([["grant", "recipient", "OPG"], ...liquidTable]),
    "",
    ...columns([
      ["locked", `${formatWeiGrouped(BigInt(lockedWei))} OPG`],
      ["liquid", `${formatWeiGrouped(BigInt(liquidWei))} OPG`],
      ["supply", `${formatWeiGrouped(BigInt(lockedWei) + BigInt(liquidWei))} OPG`],
      ["book", `${book.bytes} bytes, keccak256 ${book.hash ?? "known at deployment"}`],
      ["unlock table", `keccak256 ${book.tableHash}`],
    ]),
    "",
  ].join("\n");
}

function columns(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join("  ")
      .trimEnd(),
  );
}
