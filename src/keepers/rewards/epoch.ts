import { ZeroHash } from "ethers";
import { BaseError, UnavailableError } from "../../core/errors.ts";
import { WEI_PER_NANO } from "../../core/units.ts";
import { lastEpochOver } from "../../rewards/chain/calendar.ts";
import { type ComputedEpoch, computeFromChain, publishedBytes } from "../../rewards/chain/epoch.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import { type PostedRoot, rootsOf } from "../../rewards/chain/roots.ts";
import { compareRoot } from "../../rewards/recompute.ts";
import { nowOf, type PosterDeps, type RewardsDeps, type Sent, sendCall } from "./deps.ts";
import { type Funding, fundRewards } from "./fund.ts";
import { collectRootSignatures } from "./signatures.ts";

export type EpochOutcome =
  | Funding
  | (Sent & {
      outcome: "deposited" | "posted" | "displaced" | "attested" | "activated" | "dropped";
      epoch: number;
      root?: string;
    })
  | { outcome: "waiting" | "foreign"; epoch: number; until: number; root: string }
  | { outcome: "idle"; epoch: number };

/**
 * One pass: funds the rewards, and takes the next epoch's root one step further, from nothing to active. What is on the chain
 * decides; running it again, or beside others, posts nothing twice.
 */
export async function epochOnce(deps: PosterDeps): Promise<EpochOutcome[]> {
  const funded = await fundRewards(deps, await deps.openReader());
  // What was funded counts from the block that it is in.
  const reader = await deps.openReader();
  const pending = await pendingRoot(deps, reader);
  const steps = pending ? await bringOn(deps, reader, pending) : await postNext(deps, reader);
  return [...funded, ...steps];
}

/** The root that waits; undefined when none does. Throws when the reader does not see it yet. */
export async function pendingRoot(
  deps: Pick<RewardsDeps, "chain">,
  reader: EpochReader,
): Promise<PostedRoot | undefined> {
  const { id } = await deps.chain.contracts.epochRewards.getPending();
  if (id === ZeroHash) return undefined;
  const found = (await rootsOf(reader)).find((root) => root.id === id);
  if (found) return found;
  throw new UnavailableError("The root that waits is not confirmed yet", { code: "not_confirmed", facts: { id } });
}

async function postNext(deps: PosterDeps, reader: EpochReader): Promise<EpochOutcome[]> {
  const { epoch: active } = await deps.chain.contracts.epochRewards.getBooks();
  const epoch = Number(active) + 1;
  if (epoch > (await lastEpochOver(reader))) return [{ outcome: "idle", epoch }];
  return postEpoch(deps, reader, await computeFromChain(reader, epoch, deps));
}

/** Posts a computed epoch with its quorum: signatures first, so that no bond waits for verifiers. */
export async function postEpoch(
  deps: PosterDeps,
  reader: EpochReader,
  computed: ComputedEpoch,
): Promise<EpochOutcome[]> {
  const { content } = computed;
  const { epoch, root } = content;
  const { epochRewards } = deps.chain.contracts;
  const signatures = await collectRootSignatures(deps, reader, computed, deps.identity.operator);
  const steps: EpochOutcome[] = await depositBond(deps, computed);
  // Without its bond the root would be refused, which says nothing about it.
  const bonded = deps.queue || steps.length === 0;
  const sent = bonded
    ? await sendCall(deps, `post ${epoch} ${content.dataHash}`, epochRewards, "post", [content]).catch((error) =>
        overtaken(deps, error, { id: ZeroHash, epoch }),
      )
    : { transaction: null, gasUsed: null };
  steps.push({ outcome: "posted", epoch, root, ...sent });
  if (!deps.queue) return steps;
  const pending = await pendingRoot(deps, await deps.openReader()).catch((error: unknown) => {
    // With confirmations the next pass attests.
    if (error instanceof BaseError && error.code === "not_confirmed") return undefined;
    throw error;
  });
  if (pending?.posting.content.dataHash !== content.dataHash) return steps;
  const args = [pending.posting, signatures];
  const attested = await sendCall(deps, `attest ${pending.id}`, epochRewards, "attest", args).catch((error) =>
    overtaken(deps, error, { id: pending.id, epoch }),
  );
  return [...steps, { outcome: "attested", epoch, root, ...attested }];
}

/** What waited, and until when, when a step was decided on. */
type Seen = { id: string; epoch: number; activeFrom?: bigint };

/**
 * A step that is refused because the chain has moved on: by another keeper, or by what a killed one had signed. Throws a
 * retryable `lost_race`, and `error` itself when all is as it was.
 */
async function overtaken(deps: PosterDeps, error: unknown, { id, epoch, activeFrom = 0n }: Seen): Promise<never> {
  const now = await deps.chain.contracts.epochRewards.getPending();
  if (now.id === id && now.activeFrom === activeFrom) throw error;
  throw new UnavailableError("Somebody else took this step first", {
    code: "lost_race",
    facts: { epoch, was: id, is: now.id },
    hint: "The next pass goes on from what is on the chain",
  });
}

/** The next step of a root that waits, whoever posted it. */
async function bringOn(deps: PosterDeps, reader: EpochReader, root: PostedRoot): Promise<EpochOutcome[]> {
  const { epochRewards } = deps.chain.contracts;
  const { posting, id } = root;
  const { epoch } = posting.content;
  const now = await nowOf(deps);
  const [{ graceTime }, { verdictBy, activeFrom }] = await Promise.all([
    epochRewards.getParameters(),
    epochRewards.getPending(),
  ]);
  const waiting = (until: number) => [{ outcome: "waiting" as const, epoch, until, root: posting.content.root }];
  const send = async (outcome: "attested" | "activated" | "dropped", name: string, args: unknown[]) => [
    {
      outcome,
      epoch,
      root: posting.content.root,
      ...(await sendCall(deps, `${name} ${id}`, epochRewards, name, args).catch((error) =>
        overtaken(deps, error, { id, epoch, activeFrom }),
      )),
    },
  ];
  if (root.state === "frozen") {
    return now > Number(verdictBy) ? send("dropped", "drop", [posting]) : waiting(Number(verdictBy));
  }
  if (root.state === "window" && now < activeFrom) return waiting(Number(activeFrom));
  const late = root.state === "waits" ? posting.attestBy : Number(activeFrom + graceTime);
  if (now > late) return send("dropped", "drop", [posting]);

  const { ours, compared } = await compareRoot(reader, root, deps);
  if (compared.difference) return displace(deps, reader, root, ours, late);
  const file = await publishedBytes(reader, posting.content);
  const signatures = await collectRootSignatures(deps, reader, { content: posting.content, file }, posting.operator);
  if (root.state === "waits") return send("attested", "attest", [posting, signatures]);
  return send("activated", "activate", [posting, signatures]);
}

/** A wrong root keeps nobody out while no quorum has attested it. One with a quorum is the watcher's matter. */
async function displace(
  deps: PosterDeps,
  reader: EpochReader,
  root: PostedRoot,
  ours: ComputedEpoch,
  until: number,
): Promise<EpochOutcome[]> {
  const { content } = ours;
  const { epoch } = content;
  deps.logger.warn({ epoch, theirs: root.posting.content.root, ours: content.root }, "rewards.foreign_root");
  if (root.state !== "waits") return [{ outcome: "foreign", epoch, until, root: root.posting.content.root }];
  const signatures = await collectRootSignatures(deps, reader, ours, deps.identity.operator);
  const steps = await depositBond(deps, ours);
  const { epochRewards } = deps.chain.contracts;
  const args = [root.posting, content, signatures];
  const sent = await sendCall(deps, `displace ${root.id} ${content.dataHash}`, epochRewards, "displace", args).catch(
    (error) => overtaken(deps, error, { id: root.id, epoch }),
  );
  return [...steps, { outcome: "displaced", epoch, root: content.root, ...sent }];
}

/** Adds to the deposit what is lacking of the bond. */
async function depositBond(deps: PosterDeps, { content }: ComputedEpoch): Promise<EpochOutcome[]> {
  const { epochRewards } = deps.chain.contracts;
  const needed = await epochRewards.bondFor(content.totalWei);
  return ensureDeposit(deps, needed, content.epoch);
}

/** Deposits so much that the account can put up a bond. */
export async function ensureDeposit(deps: RewardsDeps, neededNano: bigint, epoch: number) {
  const { epochRewards, opg } = deps.chain.contracts;
  // Read before the deposit: a lost bond brings the same amounts again, and only the nonce tells a new deposit from the one before.
  const turn = await deps.chain.provider.getTransactionCount(deps.account);
  const has = await epochRewards.depositOf(deps.account);
  if (has >= neededNano) return [];
  const lacking = neededNano - has;
  const approvedWei = await opg.allowance(deps.account, epochRewards.target);
  if (approvedWei < lacking * WEI_PER_NANO) {
    const args = [epochRewards.target, lacking * WEI_PER_NANO];
    await sendCall(deps, `approve ${epoch} ${lacking} ${turn}`, opg, "approve", args);
    // Nothing was approved, so what follows would fail.
    if (!deps.queue) return [{ outcome: "deposited" as const, epoch, transaction: null, gasUsed: null }];
  }
  const sent = await sendCall(deps, `deposit ${epoch} ${lacking} ${turn}`, epochRewards, "deposit", [lacking]);
  return [{ outcome: "deposited" as const, epoch, ...sent }];
}
