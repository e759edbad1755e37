import { BaseError } from "../../core/errors.ts";
import { WEI_PER_NANO } from "../../core/units.ts";
import { publishedFile } from "../../rewards/chain/epoch.ts";
import { mapSome } from "../../rewards/chain/reader.ts";
import { activeCommitment, activeRoot } from "../../rewards/chain/roots.ts";
import { treeOfFile } from "../../rewards/epochFile.ts";
import { versionOf } from "../../rewards/root.ts";
import { findAccount, type SumTree, witnessOf } from "../../rewards/tree.ts";
import { type RewardsDeps, type Sent, sendCall } from "./deps.ts";

export type CompoundOutcome = Sent &
  (
    | { outcome: "claimed"; accounts: number; amountNano: bigint }
    | { outcome: "compounded"; operator: number; amountNano: bigint }
    /** The stake hub takes nothing for this operator now; the money waits in its purse. */
    | { outcome: "refused"; operator: number; amountNano: bigint; reason: string }
  );

const CLAIMS_AT_ONCE = 50;

/** One pass: has the purses of operators paid what they are due, and adds what they have to their stake, where it is worth the gas. */
export async function compoundOnce(deps: RewardsDeps, leastNano: bigint): Promise<CompoundOutcome[]> {
  const reader = await deps.openReader();
  const { nodeRegistry, stakePurses, opg } = deps.chain.contracts;
  const count = Number(await nodeRegistry.operatorCount());
  const operators = Array.from({ length: count }, (_, i) => i + 1);
  const purses = await mapSome(operators, async (operator) => {
    const purse = await stakePurses.purseOf(operator);
    return { operator, purse, hasNano: (await opg.balanceOf(purse)) / WEI_PER_NANO };
  });
  const { epoch } = await activeCommitment(reader);
  const root = epoch > 0 ? await activeRoot(reader, epoch) : undefined;
  const tree = root && treeOfFile(await publishedFile(reader, root.posting));
  const due = tree ? await dueOf(deps, tree, purses, leastNano) : [];
  const outcomes: CompoundOutcome[] = [];
  for (let from = 0; tree && from < due.length; from += CLAIMS_AT_ONCE) {
    outcomes.push(await claimAll(deps, tree, due.slice(from, from + CLAIMS_AT_ONCE)));
  }
  const claimed = new Map(due.map(({ operator, dueNano }) => [operator, dueNano]));
  for (const { operator, hasNano } of purses) {
    const amountNano = hasNano + (claimed.get(operator) ?? 0n);
    if (amountNano >= leastNano) outcomes.push(await compound(deps, operator, amountNano));
  }
  return outcomes;
}

type Due = { operator: number; index: number; dueNano: bigint };

async function dueOf(
  { chain }: RewardsDeps,
  tree: SumTree,
  purses: readonly { operator: number; purse: string; hasNano: bigint }[],
  leastNano: bigint,
): Promise<Due[]> {
  const standing = purses.map((of) => ({ ...of, ...findAccount(tree, of.purse) })).filter(({ found }) => found);
  const all = await mapSome(standing, async ({ operator, index, purse, hasNano }) => {
    const cumulativeWei = tree.leaves[index]?.cumulativeWei ?? 0n;
    const dueNano = (cumulativeWei - (await chain.contracts.epochRewards.claimed(purse))) / WEI_PER_NANO;
    return { operator, index, dueNano, hasNano };
  });
  return all.filter(({ dueNano, hasNano }) => dueNano > 0n && dueNano + hasNano >= leastNano);
}

async function claimAll(deps: RewardsDeps, tree: SumTree, due: readonly Due[]): Promise<CompoundOutcome> {
  const { epochRewards } = deps.chain.contracts;
  const witnesses = due.map(({ index }) => witnessOf(tree, index));
  const version = versionOf({ epoch: tree.domain.epoch, leafCount: tree.leaves.length });
  const args = [version, witnesses.map(({ leaf }) => leaf), witnesses.map(({ proof }) => proof)];
  const id = `claim ${tree.domain.epoch} ${due.map(({ operator }) => operator).join(",")}`;
  const sent = await sendCall(deps, id, epochRewards, "claimMany", args);
  const amountNano = due.reduce((sum, { dueNano }) => sum + dueNano, 0n);
  return { outcome: "claimed", accounts: due.length, amountNano, ...sent };
}

async function compound(deps: RewardsDeps, operator: number, amountNano: bigint): Promise<CompoundOutcome> {
  const { stakePurses } = deps.chain.contracts;
  if (!deps.queue) return { outcome: "compounded", operator, amountNano, transaction: null, gasUsed: null };
  try {
    const sent = await sendCall(deps, `compound ${operator} ${amountNano}`, stakePurses, "compound", [operator]);
    return { outcome: "compounded", operator, amountNano, ...sent };
  } catch (error) {
    if (!(error instanceof BaseError) || error.code !== "reverted") throw error;
    deps.logger.info(
      { operator, amountNano: String(amountNano), reason: error.shortMessage },
      "rewards.not_compounded",
    );
    return { outcome: "refused", operator, amountNano, reason: error.shortMessage, transaction: null, gasUsed: null };
  }
}
