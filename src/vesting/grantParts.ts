import type { Place } from "./jsonText.ts";
import type { Category, GrantEntry } from "./scheduleSchema.ts";

/** A grant, and where it was written down. */
export type PlacedGrant = Omit<GrantEntry, "revocation"> & {
  revocation: NonNullable<GrantEntry["revocation"]> | null;
  /** Of an entry of this grant; `beneficiary` for example. */
  placeOf: (entry: string) => Place;
};

/** A part of a grant that unlocks by one rule: a future record of the book, or a liquid amount. */
export type GrantPart = {
  /** Of the grant; with " (upfront)" behind it for the part that is free at once beside tranches. */
  name: string;
  grant: PlacedGrant;
  /** Paid out at the launch: nothing of it is ever locked. */
  liquid: boolean;
  firstTranche: number;
  tranches: number;
  amountWei: bigint;
};

/** The parts of all grants, in their order; empty ones are left out. */
export function grantParts(categories: readonly Category[], grants: readonly PlacedGrant[]): GrantPart[] {
  return grants.flatMap((grant) => {
    const { firstTrancheMonth, tranches } = categories.find(({ id }) => id === grant.category) as Category;
    const liquid = tranches === 0;
    const once = { grant, liquid, firstTranche: 0, tranches: 1, amountWei: grant.upfrontWei };
    const upfront = { ...once, name: liquid ? grant.id : `${grant.id} (upfront)` };
    const amountWei = grant.totalWei - grant.upfrontWei;
    const later = { name: grant.id, grant, liquid: false, firstTranche: firstTrancheMonth, tranches, amountWei };
    return [upfront, later].filter((part) => part.amountWei > 0n);
  });
}
