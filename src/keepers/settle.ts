import type { BlobStore } from "../core/blobStore.ts";
import type { Chain } from "../core/chain/open.ts";
import type { ChainView } from "../core/chain/view.ts";
import { BaseError, UnavailableError } from "../core/errors.ts";
import { equalBytes, toHex } from "../core/hashing/hex.ts";
import type { Logger } from "../core/logger.ts";
import { headerStruct } from "../core/protocol/batch.ts";
import { type BatchBody, bodyHash } from "../core/protocol/messages.ts";
import type { SettlerIdentity } from "../core/protocol/settlerRequest.ts";
import type { TxQueue } from "../core/txQueue.ts";
import { type BatchStore, batchRow, type Plan, readBody, type StoredBatch } from "../settler/batches.ts";
import { collectSignatures } from "./collectSignatures.ts";
import { onChainHeader, recordBatch } from "./recordBatch.ts";
import { rollStake } from "./rollStake.ts";

export type SettleDeps = {
  chain: Chain;
  view: ChainView;
  batches: BatchStore;
  blobs: BlobStore;
  settler: number;
  /** Plans the next batch from what the database has; undefined when there is nothing to settle. */
  plan(): Promise<Plan | undefined>;
  identity: SettlerIdentity;
  verifierUrls: readonly string[];
  quorum: number;
  queue: TxQueue;
  logger: Logger;
  /** Plan, but have nothing signed and send nothing. */
  dryRun?: boolean;
};

export type SettleOutcome =
  | { outcome: "idle" }
  | { outcome: "planned"; body: BatchBody }
  | { outcome: "committed"; body: BatchBody; txHash: string; gasUsed: bigint; bytes: number };

/**
 * One pass: lets due stake count, records what the chain has, then plans, has signed and commits the next batch. What is on the chain decides;
 * the database only remembers what was meant. Running it again, or beside another one, settles nothing twice.
 */
export async function settleOnce(deps: SettleDeps): Promise<SettleOutcome> {
  const { view, batches, settler, logger, chain } = deps;
  if (!deps.dryRun) await rollStake(deps);
  const { batches: onChain, nextSequence } = await view.settler(settler);
  await undoReorged(deps, onChain);
  for (const batch of await batches.unrecorded(settler, onChain)) await recordBatch(deps, batch);

  const stored = await currentPlan(deps, onChain + 1n, nextSequence);
  if (!stored) {
    logger.debug({ settler, batches: String(onChain) }, "settle.idle");
    return { outcome: "idle" };
  }
  const body = readBody(stored);
  if (deps.dryRun) return { outcome: "planned", body };

  const signatures = stored.signatures ?? (await collectSignatures(deps, stored, body));
  const { settlement } = chain.contracts;
  const data = settlement.interface.encodeFunctionData("commitBatch", [
    headerStruct(body),
    toHex(stored.debits),
    toHex(stored.credits),
    toHex(signatures),
    toHex(stored.tree),
  ]);
  const id = `commit/${settler}/${body.number}/${toHex(bodyHash(body)).slice(2, 18)}`;
  const receipt = await deps.queue.send(id, { to: String(settlement.target), data }).catch(async (error: unknown) => {
    await dropIfRefused(deps, body.number, error);
    throw error;
  });
  await recordBatch(deps, stored);
  return { outcome: "committed", body, txHash: receipt.hash, gasUsed: receipt.gasUsed, bytes: (data.length - 2) / 2 };
}

/** Batches that the chain no longer has, or has under another header, are not committed (any more). */
async function undoReorged({ chain, batches, settler, logger }: SettleDeps, onChain: bigint): Promise<void> {
  for await (const batch of batches.committed(settler)) {
    const header = batch.number <= onChain ? await onChainHeader(chain, settler, batch.number) : undefined;
    if (header && batch.headerHash && equalBytes(header, batch.headerHash)) return;
    logger.warn({ settler, number: String(batch.number) }, "settle.reorged");
    await batches.update(settler, batch.number, { state: "signed", txHash: null });
    await batches.mark(settler, batch.number, readBody(batch), false);
  }
}

/** The stored plan of that number while it can still be committed, else a new one. */
async function currentPlan(
  { batches, settler, view, logger, dryRun, plan: makePlan, blobs }: SettleDeps,
  number: bigint,
  nextSequence: bigint,
): Promise<StoredBatch | undefined> {
  const stored = await batches.get(settler, number);
  if (stored) {
    const { deadline, firstSequence } = readBody(stored);
    if (deadline >= (await view.timestamp()) && firstSequence === nextSequence) return stored;
    logger.warn({ number: String(number), deadline: String(deadline) }, "settle.plan_stale");
    await batches.drop(settler, number);
  }
  const plan = await makePlan();
  if (!plan) return undefined;
  const { root, count, totalNano } = plan.body;
  logger.info({ number: String(number), root: toHex(root), count, totalNano: String(totalNano) }, "settle.planned");
  if (dryRun) return batchRow(plan);
  await blobs.put(plan.file);
  return batches.insert(plan);
}

/** A plan that the contract refuses is made anew; one that lost a race is recorded by the next pass, so that may pass. */
async function dropIfRefused({ batches, settler, logger, view }: SettleDeps, number: bigint, error: unknown) {
  if (!(error instanceof BaseError) || error.code !== "reverted") return;
  if ((await view.settler(settler)).batches >= number) {
    throw new UnavailableError("Another keeper committed this batch first", { code: "lost_race", facts: { number } });
  }
  logger.warn({ number: String(number), reason: error.shortMessage }, "settle.plan_refused");
  await batches.drop(settler, number);
}
