import { getAddress, isAddress, ZeroAddress } from "ethers";
import { z } from "zod";

/** The published formula. A file that writes it down writes down exactly this. */
export const RULE =
  "vested(k) = upfront + floor((total - upfront) * min(max(k - firstTrancheMonth + 1, 0), tranches) / tranches), " +
  "where k counts the 21sts 00:00 UTC that have passed since April 2026";

/** Names that stand for an account which is known only when everything is deployed. */
export const ACCOUNT_NAMES = ["deployer", "emission-budget"] as const;

const weiText = /^(0|[1-9]\d{0,27})$/;

/** Whole wei as a string of digits → bigint. */
const wei = z
  .string("whole wei as a string of digits, never a JSON number")
  .regex(weiText, "whole wei as a string of digits: no sign, point, exponent or leading zero")
  .transform(BigInt);

const positiveWei = wei.refine((amount) => amount > 0n, "above zero");

const months = (least: number, most: number) =>
  z.int(`whole months, ${least} to ${most}`).min(least, `at least ${least}`).max(most, `at most ${most}`);

/** An account: an address, or a name of `ACCOUNT_NAMES`; null stands for one that must be filled in. */
const account = z
  .string('an address, "deployer" or "emission-budget"')
  .refine(isAccount, 'an address with a correct checksum, "deployer" or "emission-budget"')
  .nullable();

const id = z.string().regex(/^[\x21-\x7e]{1,64}$/, "1 to 64 printable ASCII characters without spaces");

/** One grant: of a file, or of a network's parameters. */
export const grantSchema = z.strictObject({
  id,
  category: z.string(),
  beneficiary: account,
  totalWei: positiveWei,
  /** Part of `totalWei` that is free at once. */
  upfrontWei: wei,
  /** Who may redirect future tranches, to whom, and how many tranches stay in any case. */
  revocation: z.strictObject({ revoker: account, remainderTo: account, noticeMonths: months(0, 255) }).optional(),
});

const categorySchema = z.strictObject({
  id: z.string().regex(/^[\x21-\x7e]{1,32}$/, "1 to 32 printable ASCII characters without spaces"),
  totalWei: positiveWei,
  upfrontWei: wei,
  firstTrancheMonth: months(0, 65_535),
  tranches: months(0, 255),
});

const opg = z
  .string("OPG as a decimal string, never a JSON number")
  .regex(/^(0|[1-9]\d{0,9})(\.\d{1,18})?$/, "OPG as a decimal string with at most 18 decimals");

/** Amounts that a row of `expected` may state, in OPG. */
export const EXPECTED_AMOUNTS = [
  "circulatingExcludingStakingRewards",
  "circulatingWithStakingRewards",
  "unlockedByEcosystemAndFoundation",
  "unlockedWithStakingRewards",
  "unlockedExcludingStakingRewards",
] as const;

export type ExpectedAmount = (typeof EXPECTED_AMOUNTS)[number];

const expectedSchema = z.strictObject({
  at: z.string(),
  /** The same moment in Unix seconds. */
  unix: z.int().optional(),
  note: z.string().optional(),
  circulatingExcludingStakingRewards: opg.optional(),
  circulatingWithStakingRewards: opg.optional(),
  unlockedByEcosystemAndFoundation: opg.optional(),
  unlockedWithStakingRewards: opg.optional(),
  unlockedExcludingStakingRewards: opg.optional(),
});

const SUPPLY = "1000000000000000000000000000";

/** The shape of a schedule file; what the entries mean together is checked after it. */
export const scheduleSchema = z.strictObject({
  token: z.strictObject({
    name: z.literal("OpenGradient", "the token is OpenGradient"),
    symbol: z.literal("OPG", "the token is OPG"),
    decimals: z.literal(18, "the token has 18 decimals"),
    totalSupplyWei: z.literal(SUPPLY, `the supply is "${SUPPLY}" wei`),
  }),
  source: z.string().optional(),
  tge: z.string(),
  anchor: z.strictObject({
    dayOfMonth: z.int("a day of the month, 1 to 31").min(1, "at least 1").max(31, "at most 31"),
    timeOfDayUtc: z.literal("00:00:00", "unlocks are at 00:00:00 UTC"),
    note: z.string().optional(),
    /** Exactly where `dayOfMonth` is above 28: the last day of a shorter month stands for it. */
    clampToMonthEnd: z.literal(true, "true, or left out").optional(),
  }),
  categories: z.array(categorySchema).min(1, "at least one category"),
  grants: z.array(grantSchema).min(1, "at least one grant, or no such entry").optional(),
  rule: z.literal(RULE, "not the published rule, word for word").optional(),
  expected: z.array(expectedSchema).optional(),
});

export type GrantEntry = z.infer<typeof grantSchema>;
export type Category = z.infer<typeof categorySchema>;
export type ExpectedRow = z.infer<typeof expectedSchema>;

/** Why a key that the schema does not have is refused. */
export function reasonOfKey(key: string): string {
  if (/ppm|percent|pct|bps|basis|ratio|fraction|share/i.test(key)) return "give exact wei, never a ratio";
  if (/second|minute|hour|day|week|period|duration|interval/i.test(key)) {
    return "give months: 30-day periods are not calendar months";
  }
  return "there is no such entry";
}

function isAccount(text: string): boolean {
  if (ACCOUNT_NAMES.some((name) => name === text)) return true;
  return /^0x/.test(text) && isAddress(text) && getAddress(text) !== ZeroAddress;
}
