import type { BaseContract } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { chainError } from "../../core/chain/revert.ts";
import type { Logger } from "../../core/logger.ts";
import type { TxQueue } from "../../core/txQueue.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import type { PosterIdentity } from "../../rewards/rootRequest.ts";

/** What everybody who deals with roots needs. */
export type RewardsDeps = {
  chain: Chain;
  /** Fixes the newest confirmed block; one pass reads up to it. */
  openReader(): Promise<EpochReader>;
  /** Receipts of batches that were read before. */
  cacheDirectory: string;
  /** The account that sends, in lower case. */
  account: string;
  /** Sends; absent when nothing may be sent. */
  queue?: TxQueue | undefined;
  logger: Logger;
};

/** Beside that, who posts roots and asks for signatures. */
export type PosterDeps = RewardsDeps & {
  identity: PosterIdentity;
  /** Where verifiers are asked first, before those of the registry. */
  verifierUrls: readonly string[];
  /** How long one verifier may take to compute a root. */
  patienceMs?: number;
};

/** One transaction of a pass; `transaction` is null where nothing was sent. */
export type Sent = { transaction: string | null; gasUsed: bigint | null };

/** Sends a call through the queue; without one it only simulates. `id` says what it does, so that nothing is doubled. */
export async function sendCall(
  { queue, account, chain }: RewardsDeps,
  id: string,
  contract: BaseContract,
  name: string,
  args: readonly unknown[],
): Promise<Sent> {
  const data = contract.interface.encodeFunctionData(name, args);
  const request = { to: String(contract.target), data };
  if (!queue) {
    await chain.provider.call({ from: account, ...request }).catch((error: unknown) => {
      throw chainError(`${name} would fail`, error);
    });
    return { transaction: null, gasUsed: null };
  }
  const receipt = await queue.send(`rewards ${queue.signer} ${id}`, request);
  return { transaction: receipt.hash, gasUsed: receipt.gasUsed };
}

/** The chain's clock, Unix seconds. */
export async function nowOf({ chain }: Pick<RewardsDeps, "chain">): Promise<number> {
  const block = await chain.provider.getBlock("latest").catch((error: unknown) => {
    throw chainError("The chain cannot be read", error);
  });
  return block?.timestamp ?? 0;
}
