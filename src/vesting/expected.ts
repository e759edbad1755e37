import { formatWei } from "./amount.ts";
import type { Book } from "./book.ts";
import { type Anchor, anniversary, elapsed, formatTime } from "./calendar.ts";
import { grantParts, type PlacedGrant } from "./grantParts.ts";
import { badSchedule, type Path, type Place } from "./jsonText.ts";
import { momentOf } from "./moment.ts";
import { type Category, EXPECTED_AMOUNTS, type ExpectedAmount, type ExpectedRow } from "./scheduleSchema.ts";
import { unlockedByCategory } from "./table.ts";

type Given = { anchor: Anchor; categories: Category[]; grants: PlacedGrant[] };

const STAKING = "staking-rewards";

/** Which categories an amount means, and whether it is what unlocks at the moment or all that is unlocked by then. */
const MEANT: Record<ExpectedAmount, { at: boolean; counts: (category: string) => boolean }> = {
  circulatingExcludingStakingRewards: { at: false, counts: (category) => category !== STAKING },
  circulatingWithStakingRewards: { at: false, counts: () => true },
  unlockedByEcosystemAndFoundation: { at: true, counts: (category) => /^(ecosystem|foundation)$/.test(category) },
  unlockedWithStakingRewards: { at: true, counts: () => true },
  unlockedExcludingStakingRewards: { at: true, counts: (category) => category !== STAKING },
};

/**
 * Every amount that a file expects is what its grants give, to the wei. A row without `unix` names the first moment at
 * which its amounts hold: a slip in the year cannot hide behind months that unlock the same. Throws `bad_schedule`.
 */
export function checkExpected(rows: readonly ExpectedRow[], given: Given, placeOf: (path: Path) => Place): void {
  const book = everything(given);
  rows.forEach((row, i) => {
    const place = (entry: string) => placeOf(["expected", i, entry]);
    const unix = momentOf(row.at, place("at"));
    if (row.unix !== undefined && row.unix !== unix) {
      throw badSchedule(place("unix"), "another moment than `at`", row.unix, { said: row.unix, computed: unix });
    }
    const month = elapsed(given.anchor, unix) - 1;
    if (month < 0 || anniversary(given.anchor, month) !== unix) {
      throw badSchedule(place("at"), "nothing unlocks at this moment: it is no anchor of the schedule", row.at);
    }
    const names = EXPECTED_AMOUNTS.filter((name) => row[name] !== undefined);
    if (names.length === 0) throw badSchedule(placeOf(["expected", i]), "the row expects nothing", row.at);
    for (const name of names) {
      const said = row[name] as string;
      const computedWei = amountAt(book, name, month);
      if (computedWei !== toWei(said)) {
        const computed = formatWei(computedWei);
        throw badSchedule(place(name), "the schedule gives another amount", said, { said, computed });
      }
      const first = Array.from({ length: month }, (_, k) => k).find((k) => amountAt(book, name, k) === computedWei);
      if (row.unix !== undefined || first === undefined) continue;
      const holds = formatTime(anniversary(given.anchor, first));
      throw badSchedule(place("at"), `this holds from ${holds} on: name that moment, or give unix too`, row.at);
    }
  });
}

/** All parts as a book, liquid ones too: what is free at once unlocks in month 0. */
function everything({ anchor, categories, grants }: Given): Book {
  const parts = grantParts(categories, grants);
  return {
    anchor,
    schedules: parts.map(({ grant, firstTranche, tranches }) => {
      return { category: grant.category, firstTranche, tranches, revocation: null };
    }),
    grants: parts.map(({ amountWei }, schedule) => ({ beneficiary: "", schedule, totalWei: amountWei })),
  };
}

function amountAt(book: Book, name: ExpectedAmount, month: number): bigint {
  const { at, counts } = MEANT[name];
  const names = [...new Set(book.schedules.map(({ category }) => category))];
  const upTo = (unix: number) =>
    unlockedByCategory(book, unix).reduce((sum, wei, i) => (counts(names[i] as string) ? sum + wei : sum), 0n);
  const unix = anniversary(book.anchor, month);
  return at ? upTo(unix) - upTo(unix - 1) : upTo(unix);
}

/** `"1.5"` → 1500000000000000000n. */
function toWei(opg: string): bigint {
  const [whole = "", decimals = ""] = opg.split(".");
  return BigInt(whole + decimals.padEnd(18, "0"));
}
