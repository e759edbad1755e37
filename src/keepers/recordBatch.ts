import { type Log, toBeHex } from "ethers";
import type { Chain } from "../core/chain/open.ts";
import { chainError } from "../core/chain/revert.ts";
import { signersOf } from "../core/chain/signers.ts";
import { BaseError } from "../core/errors.ts";
import { equalBytes, fromHex, type Hex, toHex } from "../core/hashing/hex.ts";
import type { Logger } from "../core/logger.ts";
import { signersHash } from "../core/protocol/batch.ts";
import { bodyHash, headerHash, innerHash, restHash } from "../core/protocol/messages.ts";
import { type BatchStore, readBody, type StoredBatch } from "../settler/batches.ts";

type Deps = { chain: Chain; batches: BatchStore; settler: number; logger: Logger };

/** How many blocks one query for a log spans, and how many such spans are searched. */
const SPAN = 5_000;
const MAX_SPANS = 200;

/**
 * Records a batch that the chain has: its block, its neighbours' hashes, its transaction. Recomputes the header and
 * compares it with the contract's. Throws `foreign_batch` when the chain has another batch of that number.
 */
export async function recordBatch({ chain, batches, settler, logger }: Deps, batch: StoredBatch): Promise<void> {
  const body = readBody(batch);
  const log = await findCommit(chain, settler, batch.number);
  if (!log) return;
  const { settlement } = chain.contracts;
  const event = settlement.interface.parseLog(log);
  if (event?.args.root !== toHex(body.root)) {
    await batches.drop(settler, batch.number);
    throw new BaseError("The chain has another batch of this number", {
      code: "foreign_batch",
      facts: { settler, number: batch.number, onChain: event?.args.root, here: toHex(body.root) },
      hint: "Another database serves the same settler: point all of its processes at one DATABASE_URL",
    });
  }
  const read = { transaction: log.transactionHash, block: log.blockNumber };
  const [transaction, mined, block, prevHash, onChain] = await Promise.all([
    chain.provider.getTransaction(log.transactionHash),
    chain.provider.getTransactionReceipt(log.transactionHash),
    chain.provider.getBlock(log.blockNumber),
    batch.number === 1n ? new Uint8Array(32) : onChainHeader(chain, settler, batch.number - 1n),
    onChainHeader(chain, settler, batch.number),
  ]).catch((error: unknown) => {
    throw chainError("A committed batch cannot be read", error);
  });
  if (!transaction || !mined || !block)
    throw new BaseError("A committed batch is gone", { facts: read, retryable: true });

  const { signatures } = chain.contracts.settlement.interface.decodeFunctionData("commitBatch", transaction.data);
  const signers = await signersOf(chain, body, fromHex(signatures as Hex));
  const commitment = {
    signersHash: signersHash(signers),
    committedAt: BigInt(block.timestamp),
    committedIn: BigInt(block.number),
  };
  const computed = headerHash(prevHash, innerHash(body.root, restHash(bodyHash(body), commitment)));
  if (!equalBytes(computed, onChain)) {
    throw new BaseError("A committed batch's header is not what it should be", {
      code: "header_mismatch",
      facts: { number: batch.number, computed: toHex(computed), onChain: toHex(onChain) },
      retryable: true,
    });
  }
  await batches.update(settler, batch.number, {
    ...commitment,
    state: "committed",
    txHash: log.transactionHash,
    gasUsed: mined.gasUsed,
    prevHash,
    headerHash: computed,
  });
  await batches.mark(settler, batch.number, body, true);
  logger.info({ settler, number: String(batch.number), txHash: log.transactionHash }, "settle.committed");
}

/** The contract's header hash of a batch, zero when it does not keep it. */
export async function onChainHeader({ contracts }: Chain, settler: number, number: bigint): Promise<Uint8Array> {
  const hash = await contracts.settlement.headerHash(settler, number).catch((error: unknown) => {
    throw chainError("A header cannot be read", error);
  });
  return fromHex(hash, 32);
}

/** Looks for a batch's event, from the latest block backwards. */
async function findCommit(
  { contracts, provider, deployment }: Chain,
  settler: number,
  number: bigint,
): Promise<Log | undefined> {
  const { settlement } = contracts;
  const topics = [settlement.interface.getEvent("BatchCommitted").topicHash, toBeHex(settler, 32), toBeHex(number, 32)];
  try {
    let to = await provider.getBlockNumber();
    for (let span = 0; span < MAX_SPANS && to >= deployment.block; span++) {
      const fromBlock = Math.max(to - SPAN + 1, 0);
      const logs = await provider.getLogs({ address: String(settlement.target), topics, fromBlock, toBlock: to });
      if (logs[0]) return logs[0];
      to = fromBlock - 1;
    }
    return undefined;
  } catch (error) {
    throw chainError("The chain's events cannot be read", error);
  }
}
