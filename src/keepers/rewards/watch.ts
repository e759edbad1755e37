import { encodeBytes32String } from "ethers";
import { BaseError, InputError } from "../../core/errors.ts";
import { publishedFile } from "../../rewards/chain/epoch.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import { activeRoot, type PostedRoot } from "../../rewards/chain/roots.ts";
import { type EpochFile, leavesTree } from "../../rewards/epochFile.ts";
import { compareRoot, type Difference } from "../../rewards/recompute.ts";
import { findRefutation, type Refutation } from "../../rewards/refute.ts";
import type { SumTree } from "../../rewards/tree.ts";
import { nowOf, type RewardsDeps, type Sent, sendCall } from "./deps.ts";
import { ensureDeposit, pendingRoot } from "./epoch.ts";

export type RootOutcome =
  | { outcome: "idle" }
  | { outcome: "right"; epoch: number; root: string }
  | { outcome: "frozen"; epoch: number; root: string }
  /** Wrong, and nothing can be done about it now. */
  | { outcome: "wrong"; epoch: number; root: string; difference: Difference | null; reason: string }
  | (Sent & { outcome: "refuted"; epoch: number; root: string; function: string; because: string })
  | (Sent & { outcome: "challenged"; epoch: number; root: string; difference: Difference | null; reason: string });

/**
 * One pass: computes the root that waits again. One that is wrong is refuted where the contract can see it by itself, else challenged
 * while its window is open. A root whose leaves nobody publishes is challenged too: nobody could claim under it.
 */
export async function watchOnce(deps: RewardsDeps): Promise<RootOutcome> {
  const reader = await deps.openReader();
  const root = await pendingRoot(deps, reader);
  if (!root) return { outcome: "idle" };
  const { content } = root.posting;
  const named = { epoch: content.epoch, root: content.root };
  const file = await publishedFile(reader, root.posting).catch((error: unknown) => {
    if (error instanceof BaseError) return undefined;
    throw error;
  });
  // Before anything is computed: what the contract can see needs no receipts.
  const refutation = file && (await refutationOf(reader, root, file).catch(noTree));
  if (refutation) return refute(deps, root, refutation);
  const { difference, reason } = await judge(deps, reader, root, file);
  if (!difference && !reason) return { outcome: "right", ...named };
  if (root.state === "frozen") return { outcome: "frozen", ...named };
  if (!difference && !file && !(await isLate(deps))) {
    return { outcome: "wrong", ...named, difference, reason: "leaves not found yet" };
  }
  return challenge(deps, root, difference, reason ?? "wrong amounts");
}

/** Leaves of which no tree can be made: then the root is of something else. */
function noTree(error: unknown): undefined {
  if (error instanceof InputError) return undefined;
  throw error;
}

/** Whether half of the window is over: whoever publishes leaves has done so by then. */
async function isLate(deps: RewardsDeps): Promise<boolean> {
  const { epochRewards } = deps.chain.contracts;
  const [{ activeFrom }, { challengeWindow }] = await Promise.all([
    epochRewards.getPending(),
    epochRewards.getParameters(),
  ]);
  return BigInt(await nowOf(deps)) > activeFrom - challengeWindow / 2n;
}

/** What is wrong with a root, by computing it again. */
async function judge(deps: RewardsDeps, reader: EpochReader, root: PostedRoot, file: EpochFile | undefined) {
  try {
    const { compared } = await compareRoot(reader, root, deps);
    const reason = file ? undefined : "leaves not published";
    return { difference: compared.difference ?? null, reason };
  } catch (error) {
    // What its file names cannot be: a block of another chain, batches that are not withheld.
    const lying = ["bad_as_of", "bad_withheld", "not_withheld"];
    if (error instanceof BaseError && lying.includes(error.code)) return { difference: null, reason: error.code };
    throw error;
  }
}

/** A fault that the contract sees by itself. */
export async function refutationOf(
  reader: EpochReader,
  root: PostedRoot,
  file: EpochFile,
): Promise<Refutation | undefined> {
  const { content } = root.posting;
  const { chainId, epochRewards } = { chainId: reader.domain.chainId, ...reader.addresses };
  const tree = leavesTree({ chainId, rewards: epochRewards, epoch: content.epoch }, file.leaves);
  return findRefutation({ content, tree }, await formerTree(reader, content.epoch));
}

/** The active root's tree; undefined for the first, and where nobody has its leaves. */
async function formerTree(reader: EpochReader, epoch: number): Promise<SumTree | undefined> {
  const active = epoch > 1 ? await activeRoot(reader, epoch - 1) : undefined;
  if (!active) return undefined;
  const file = await publishedFile(reader, active.posting).catch(() => undefined);
  if (!file) return undefined;
  const domain = { chainId: file.chainId, rewards: file.rewards, epoch: file.epoch };
  const tree = leavesTree(domain, file.leaves);
  return tree.root === active.posting.content.root ? tree : undefined;
}

export async function refute(deps: RewardsDeps, root: PostedRoot, refutation: Refutation): Promise<RootOutcome> {
  const { epochRewards } = deps.chain.contracts;
  const { epoch, root: hash } = root.posting.content;
  const args = [root.posting, ...refutation.args];
  deps.logger.warn(
    { epoch, root: hash, function: refutation.function, because: refutation.because },
    "rewards.refuting",
  );
  const sent = await sendCall(deps, `${refutation.function} ${root.id}`, epochRewards, refutation.function, args);
  return { outcome: "refuted", epoch, root: hash, function: refutation.function, because: refutation.because, ...sent };
}

export async function challenge(
  deps: RewardsDeps,
  root: PostedRoot,
  difference: Difference | null,
  reason: string,
): Promise<RootOutcome> {
  const { epochRewards } = deps.chain.contracts;
  const { posting, id } = root;
  const { epoch, root: hash } = posting.content;
  const wrong = { epoch, root: hash, difference };
  deps.logger.warn({ ...wrong, reason }, "rewards.wrong_root");
  const { activeFrom } = await epochRewards.getPending();
  if (root.state === "waits") return { outcome: "wrong", ...wrong, reason: "no quorum has attested it yet" };
  if (root.state === "frozen") return { outcome: "wrong", ...wrong, reason: "it is challenged already" };
  if ((await nowOf(deps)) >= activeFrom) return { outcome: "wrong", ...wrong, reason: "its window is over" };
  const steps = await ensureDeposit(deps, posting.bondNano, epoch);
  if (!deps.queue && steps.length > 0)
    return { outcome: "challenged", ...wrong, reason, transaction: null, gasUsed: null };
  const args = [posting, encodeBytes32String(reason)];
  const sent = await sendCall(deps, `challenge ${id}`, epochRewards, "challenge", args);
  return { outcome: "challenged", ...wrong, reason, ...sent };
}
