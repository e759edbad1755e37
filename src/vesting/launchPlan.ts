import { getAddress, isAddress } from "ethers";
import type { Book, Schedule } from "./book.ts";
import { type GrantPart, grantParts, type PlacedGrant } from "./grantParts.ts";
import { badSchedule } from "./jsonText.ts";
import type { LaunchSchedule } from "./scheduleFile.ts";

/** What a launch mints: the book for the vault, and who gets the rest. */
export type LaunchPlan = {
  book: Book;
  /** Minted directly; `id` is that of the grant. */
  liquid: { id: string; category: string; to: string; amountWei: bigint }[];
  /** Sum of the book's grants. */
  lockedWei: bigint;
  /** Of the book's grants, in their order: `"ecosystem"`, `"ecosystem (upfront)"`. */
  names: string[];
};

/**
 * The address of an account: of a name or an address in the schedule; null in the place of a name where the schedule
 * leaves it open. Returns null when it is not known.
 */
export type Resolve = (account: string | null, grantId: string) => string | null;

/**
 * The launch that a schedule asks for. Categories without tranches are liquid; of the others, what is upfront is a record of
 * its own that nobody can revoke. Throws `bad_schedule` where an account is not known.
 */
export function planLaunch({ anchor, categories, grants }: LaunchSchedule, resolve: Resolve): LaunchPlan {
  const plan: LaunchPlan = { book: { anchor, schedules: [], grants: [] }, liquid: [], lockedWei: 0n, names: [] };
  for (const part of grantParts(categories, grants)) {
    const { name, grant, liquid, amountWei } = part;
    const beneficiary = addressOf(grant, "beneficiary", grant.beneficiary, resolve);
    if (liquid) {
      plan.liquid.push({ id: name, category: grant.category, to: beneficiary, amountWei });
      continue;
    }
    const schedule = indexIn(plan.book.schedules, scheduleOf(part, resolve));
    plan.book.grants.push({ beneficiary, schedule, totalWei: amountWei });
    plan.names.push(name);
    plan.lockedWei += amountWei;
  }
  return plan;
}

function scheduleOf({ grant, firstTranche, tranches }: GrantPart, resolve: Resolve): Schedule {
  const { category, revocation: said } = grant;
  if (!said || firstTranche === 0) return { category, firstTranche, tranches, revocation: null };
  const revoker = addressOf(grant, "revocation.revoker", said.revoker, resolve);
  const remainderTo = addressOf(grant, "revocation.remainderTo", said.remainderTo, resolve);
  return { category, firstTranche, tranches, revocation: { revoker, remainderTo, noticeMonths: said.noticeMonths } };
}

/** Index of an equal schedule; it is added where there is none. */
function indexIn(schedules: Schedule[], wanted: Schedule): number {
  const key = JSON.stringify(wanted);
  const found = schedules.findIndex((schedule) => JSON.stringify(schedule) === key);
  return found < 0 ? schedules.push(wanted) - 1 : found;
}

function addressOf(grant: PlacedGrant, entry: string, account: string | null, resolve: Resolve): string {
  const address = resolve(account, grant.id);
  if (address !== null && isAddress(address)) return getAddress(address);
  throw badSchedule(grant.placeOf(entry), "fill this in first", account, { grant: grant.id });
}
