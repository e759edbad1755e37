import { mined } from "../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import type { ComputedEpoch } from "../../src/rewards/chain/epoch.ts";
import { rootsOf } from "../../src/rewards/chain/roots.ts";
import { encodeEpochFile, rootOfResult } from "../../src/rewards/epochFile.ts";
import { buildReceiptsTree } from "../../src/rewards/receipts.ts";
import { buildSumTree, type Entry } from "../../src/rewards/tree.ts";
import { type EpochChain, readerOf } from "./epochChain.ts";

/** A root as its poster likes it, and the file that shows it. */
export type BentRoot = Pick<ComputedEpoch, "content" | "file">;

/** The epoch with other leaves than were computed. */
export function withLeaves({ result }: Pick<ComputedEpoch, "result">, leaves: readonly Entry[]): BentRoot {
  const tree = buildSumTree(result.tree.domain, leaves);
  const receipts = buildReceiptsTree(tree.leaves.map(({ receiptsHash }) => receiptsHash));
  const bent = { ...result, tree, receipts, rewards: [] };
  const file = encodeEpochFile(bent);
  return { content: rootOfResult(bent, file), file };
}

export function withoutLeaf(computed: Pick<ComputedEpoch, "result">, left: string): BentRoot {
  const { leaves } = computed.result.tree;
  return withLeaves(
    computed,
    leaves.filter(({ account }) => account.toLowerCase() !== left.toLowerCase()),
  );
}

/** Publishes the file, deposits the bond and posts; nobody attests. */
export async function postRoot(world: EpochChain, index: number, { content, file }: BentRoot) {
  const { contracts, signers, published } = world;
  const poster = signers[index] as (typeof signers)[0];
  await published.put(file);
  const rewards = contracts.epochRewards.connect(poster);
  const bondNano = await rewards.bondFor(content.totalWei);
  await mined(contracts.opg.connect(poster).approve(rewards.target, bondNano * WEI_PER_NANO));
  await mined(rewards.deposit(bondNano));
  await mined(rewards.post(content));
  const root = (await rootsOf(await readerOf(world), content.epoch)).find(({ state }) => state === "waits");
  if (!root) throw new Error("The root was not posted");
  return root;
}
