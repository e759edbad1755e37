import { type Anchor, anniversary, EPOCH_MONTH } from "./calendar.ts";
import { checkExpected } from "./expected.ts";
import type { PlacedGrant } from "./grantParts.ts";
import { badSchedule, type JsonText, type Path, type Place, parseJsonText, pathText } from "./jsonText.ts";
import { momentOf } from "./moment.ts";
import { type Category, type GrantEntry, reasonOfKey, scheduleSchema } from "./scheduleSchema.ts";

/** A schedule that holds together: every sum is exact, every name is known. */
export type LaunchSchedule = {
  /** Unix timestamp, seconds: the anchor of month 0. */
  tge: number;
  anchor: Anchor;
  categories: Category[];
  /** In the order in which they were written down. */
  grants: PlacedGrant[];
};

/** Grants that stand in another file than the categories: a network's parameters. */
export type OtherGrants = { entries: readonly GrantEntry[]; file: string; path: Path };

const LAST_MONTH = 0xffff;

/**
 * Reads a schedule file. Without grants of its own each category is one grant; `other` takes the place of the file's.
 * `expected` is checked against what the file itself says. Throws `bad_schedule`: file, line, path, reason and value.
 */
export function parseSchedule(file: string, bytes: Uint8Array, other?: OtherGrants): LaunchSchedule {
  const json = parseJsonText(file, bytes);
  const said = shapeOf(json);
  const { placeOf } = json;
  const { tge, anchor } = calendarOf(said, placeOf);
  checkCategories(said.categories, BigInt(said.token.totalSupplyWei), placeOf);
  const own = said.grants
    ? placed(said.grants, (i, entry) => placeOf(["grants", i, ...entryPath(entry)]))
    : said.categories.map((category, i) => whole(category, () => placeOf(["categories", i])));
  checkGrants(said.categories, own, placeOf(["grants"]));
  checkExpected(said.expected ?? [], { anchor, categories: said.categories, grants: own }, placeOf);
  if (!other) return { tge, anchor, categories: said.categories, grants: own };

  const placeOther = (path: Path): Place => ({ file: other.file, path: pathText([...other.path, ...path]) });
  const grants = placed(other.entries, (i, entry) => placeOther([i, ...entryPath(entry)]));
  checkGrants(said.categories, grants, placeOther([]));
  return { tge, anchor, categories: said.categories, grants };
}

function shapeOf({ value, placeOf }: JsonText) {
  const parsed = scheduleSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const refusals = parsed.error.issues.map((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
    const path = [...issue.path, ...keys.slice(0, 1)] as Path;
    const known = keys[0] === undefined;
    return { known, place: placeOf(path), path, reason: known ? issue.message : reasonOfKey(keys[0] as string) };
  });
  // What does not belong says more than what is missing for it.
  refusals.sort((a, b) => Number(a.known) - Number(b.known) || (a.place.line ?? 0) - (b.place.line ?? 0));
  const { place, path, reason } = refusals[0] as (typeof refusals)[number];
  throw badSchedule(place, reason, path.reduce(entryOf, value));
}

const entryOf = (value: unknown, part: string | number): unknown => (value as Record<string, unknown> | null)?.[part];

type Said = ReturnType<typeof shapeOf>;
type PlaceOf = (path: Path) => Place;

function calendarOf({ tge: text, anchor: said }: Said, placeOf: PlaceOf): { tge: number; anchor: Anchor } {
  const { dayOfMonth: day, clampToMonthEnd: clamped } = said;
  if (day > 28 && !clamped) {
    const reason = "not every month has this day: add clampToMonthEnd: true, or take a day up to 28";
    throw badSchedule(placeOf(["anchor", "dayOfMonth"]), reason, day);
  }
  if (day <= 28 && clamped) {
    throw badSchedule(placeOf(["anchor", "clampToMonthEnd"]), "every month has this day: leave it out", clamped);
  }
  const tge = momentOf(text, placeOf(["tge"]));
  const date = new Date(tge * 1000);
  const anchor = { startMonth: date.getUTCFullYear() * 12 + date.getUTCMonth(), day };
  if (anchor.startMonth < EPOCH_MONTH || anchor.startMonth > LAST_MONTH) {
    throw badSchedule(placeOf(["tge"]), "a year from 1970 to 5460", text);
  }
  if (anniversary(anchor, 0) !== tge) {
    throw badSchedule(placeOf(["tge"]), `not 00:00:00 UTC on the anchor's day, ${day}`, text);
  }
  return { tge, anchor };
}

function checkCategories(categories: Category[], supplyWei: bigint, placeOf: PlaceOf): void {
  const at = (i: number, entry: string) => placeOf(["categories", i, entry]);
  categories.forEach(({ id, totalWei, upfrontWei, firstTrancheMonth, tranches }, i) => {
    if (categories.findIndex((other) => other.id === id) < i) throw badSchedule(at(i, "id"), "this id is taken", id);
    if (upfrontWei > totalWei) throw badSchedule(at(i, "upfrontWei"), "more than the total", upfrontWei, { totalWei });
    if (tranches === 0) {
      if (upfrontWei !== totalWei) {
        throw badSchedule(at(i, "tranches"), "without tranches everything is upfront", tranches, {
          upfrontWei,
          totalWei,
        });
      }
      if (firstTrancheMonth !== 0) {
        throw badSchedule(at(i, "firstTrancheMonth"), "0 where there are no tranches", firstTrancheMonth);
      }
      return;
    }
    if (firstTrancheMonth === 0) {
      throw badSchedule(at(i, "firstTrancheMonth"), "1 to 65535 where there are tranches", firstTrancheMonth);
    }
    if (upfrontWei === totalWei) throw badSchedule(at(i, "upfrontWei"), "nothing is left for the tranches", upfrontWei);
  });
  const sumWei = sum(categories.map(({ totalWei }) => totalWei));
  if (sumWei !== supplyWei) {
    const reason = "the categories do not add up to the supply";
    throw badSchedule(placeOf(["categories"]), reason, sumWei, { supplyWei });
  }
}

function checkGrants(categories: Category[], grants: PlacedGrant[], place: Place): void {
  grants.forEach(({ id, category: name, totalWei, upfrontWei, revocation, placeOf }, i) => {
    if (grants.findIndex((other) => other.id === id) < i) throw badSchedule(placeOf("id"), "this id is taken", id);
    const category = categories.find((one) => one.id === name);
    if (!category) throw badSchedule(placeOf("category"), "there is no such category", name);
    if (upfrontWei > totalWei)
      throw badSchedule(placeOf("upfrontWei"), "more than the total", upfrontWei, { totalWei });
    if (category.tranches > 0) return;
    if (upfrontWei !== totalWei) {
      throw badSchedule(placeOf("upfrontWei"), "its category has no tranches: everything is upfront", upfrontWei);
    }
    if (revocation) throw badSchedule(placeOf("revocation"), "its category has no tranches that could be revoked", id);
  });
  for (const { id, totalWei, upfrontWei } of categories) {
    const of = grants.filter(({ category }) => category === id);
    const where = of[0]?.placeOf("id") ?? place;
    const check = (what: string, sumWei: bigint, categoryWei: bigint) => {
      if (sumWei === categoryWei) return;
      const reason = `the grants of "${id}" do not add up to the ${what} of their category`;
      throw badSchedule(where, reason, sumWei, { categoryWei });
    };
    check("total", sum(of.map((grant) => grant.totalWei)), totalWei);
    check("upfront amount", sum(of.map((grant) => grant.upfrontWei)), upfrontWei);
  }
}

function placed(entries: readonly GrantEntry[], placeOf: (index: number, entry: string) => Place): PlacedGrant[] {
  return entries.map((entry, i) => ({
    ...entry,
    revocation: entry.revocation ?? null,
    placeOf: (name) => placeOf(i, name),
  }));
}

const whole = ({ id, totalWei, upfrontWei }: Category, placeOf: () => Place): PlacedGrant => {
  return { id, category: id, beneficiary: null, totalWei, upfrontWei, revocation: null, placeOf };
};

const entryPath = (entry: string): Path => entry.split(".");

const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
