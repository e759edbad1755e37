import { WEI_PER_NANO } from "../../core/units.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import { openVault, readGrants } from "../../vesting/vault.ts";
import { type RewardsDeps, type Sent, sendCall } from "./deps.ts";

export type Funding = Sent & { outcome: "claimed" | "forwarded" | "synced"; amountWei: bigint };

/** More grants than fit into a transaction are claimed by later passes. */
const GRANTS_AT_ONCE = 50;

/** Moves what the schedule released into the rewards: claims the budget's grants, forwards, and has it counted. */
export async function fundRewards(deps: RewardsDeps, reader: EpochReader): Promise<Funding[]> {
  const { emissionBudget, epochRewards, opg, scheduleLens } = deps.chain.contracts;
  const done: Funding[] = [];
  const budget = String(emissionBudget.target).toLowerCase();
  const vault = await openVault(reader.rpc, String(scheduleLens.target));
  const due = (await readGrants(vault))
    .filter(({ beneficiary, dueWei }) => beneficiary.toLowerCase() === budget && dueWei > 0n)
    .slice(0, GRANTS_AT_ONCE);
  if (due.length > 0) {
    const amountWei = due.reduce((sum, { dueWei }) => sum + dueWei, 0n);
    const ids = due.map(({ id }) => id);
    const what = `fund claim ${due.map(({ id, vestedWei }) => `${id}:${vestedWei}`).join(",")}`;
    done.push({ outcome: "claimed", amountWei, ...(await sendCall(deps, what, emissionBudget, "claim", [ids])) });
  }
  const held = await opg.balanceOf(budget);
  if (held > 0n) {
    const what = `fund forward ${await emissionBudget.forwardedWei()}`;
    done.push({
      outcome: "forwarded",
      amountWei: held,
      ...(await sendCall(deps, what, emissionBudget, "forward", [])),
    });
  }
  const [books, { paidNano }, balance] = await Promise.all([
    epochRewards.getBooks(),
    epochRewards.getActive(),
    opg.balanceOf(epochRewards.target),
  ]);
  const newWei = balance - (books.fundedNano + books.heldNano - paidNano) * WEI_PER_NANO;
  if (newWei >= WEI_PER_NANO) {
    const what = `fund sync ${books.fundedNano} ${newWei}`;
    done.push({ outcome: "synced", amountWei: newWei, ...(await sendCall(deps, what, epochRewards, "sync", [])) });
  }
  return done;
}
