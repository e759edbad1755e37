import { and, eq, ne, sql } from "drizzle-orm";
import { type JsonRpcProvider, keccak256, Transaction, type TransactionReceipt, type Wallet } from "ethers";
import { chainError } from "./chain/revert.ts";
import type { Clock } from "./clock.ts";
import type { Database } from "./db/open.ts";
import { transactions } from "./db/transactions.ts";
import { BaseError, UnavailableError } from "./errors.ts";
import type { Logger } from "./logger.ts";

/** EIP-7825: no transaction may ask for more. */
export const MAX_TRANSACTION_GAS = 16_777_216n;

/** Nodes drop larger transactions. */
export const MAX_TRANSACTION_BYTES = 131_072;

export type TxRequest = { to: string; data: string };

export type TxQueue = {
  /** The address that pays. */
  signer: string;
  /**
   * Sends a transaction and waits until it is mined. `id` says what it does: after a crash the same id finds the
   * transaction that was signed before and sends that one again, byte for byte.
   * Throws a `BaseError`: final when it reverted or is too large, retryable when the RPC failed.
   */
  send(id: string, request: TxRequest): Promise<TransactionReceipt>;
};

export type TxQueueOptions = {
  db: Database;
  provider: JsonRpcProvider;
  wallet: Wallet;
  chainId: number;
  clock: Clock;
  logger: Logger;
  confirmations?: number;
  /** When a transaction is not mined for so long, it is sent again with a higher fee. */
  replaceAfterMs?: number;
  signal?: AbortSignal;
};

const POLL_MS = 150;

/** One queue per signer: signs, stores, then sends. What is stored can be sent again and never is doubled. */
export function createTxQueue(options: TxQueueOptions): TxQueue {
  const { wallet } = options;
  let tail: Promise<unknown> = Promise.resolve();
  return {
    signer: wallet.address,
    send(id, request) {
      const result = tail.then(() => sendOne(options, id, request));
      tail = result.catch(() => undefined);
      return result;
    },
  };
}

type Stored = typeof transactions.$inferSelect;

async function sendOne(options: TxQueueOptions, id: string, request: TxRequest): Promise<TransactionReceipt> {
  await resumeOthers(options, id);
  const stored = (await find(options, id)) ?? (await prepare(options, id, request));
  options.logger.info({ id, hash: stored.hash, nonce: stored.nonce }, "tx.send");
  return waitFor(options, stored);
}

async function find({ db }: { db: Pick<Database, "select"> }, id: string): Promise<Stored | undefined> {
  const [row] = await db
    .select()
    .from(transactions)
    .where(and(eq(transactions.id, id), eq(transactions.state, "sending")));
  return row;
}

/** A transaction that a dead process left behind would hold up every later nonce: send it again or note its end. */
async function resumeOthers(options: TxQueueOptions, id: string): Promise<void> {
  const { db, provider, wallet, chainId } = options;
  const left = await db
    .select()
    .from(transactions)
    .where(
      and(
        eq(transactions.signer, wallet.address),
        eq(transactions.chainId, chainId),
        eq(transactions.state, "sending"),
        ne(transactions.id, id),
      ),
    );
  if (left.length === 0) return;
  const onChain = await ask(() => provider.getTransactionCount(wallet.address, "latest"));
  for (const row of left) {
    if (row.nonce >= onChain) await broadcast(options, row);
    else
      await setState(
        options,
        row.id,
        (await ask(() => provider.getTransactionReceipt(row.hash))) ? "mined" : "replaced",
      );
  }
}

/** Fixes nonce, fees and gas, signs and stores. Other processes with the same key wait here for their turn. */
async function prepare(options: TxQueueOptions, id: string, request: TxRequest): Promise<Stored> {
  const { db, provider, wallet, chainId, clock } = options;
  if ((request.data.length - 2) / 2 > MAX_TRANSACTION_BYTES - 1024) {
    throw new BaseError("A transaction is too large", {
      code: "tx_too_large",
      facts: { id, bytes: (request.data.length - 2) / 2, limit: MAX_TRANSACTION_BYTES },
    });
  }
  const from = wallet.address;
  const gas = await provider.estimateGas({ from, ...request }).catch((error: unknown) => {
    throw chainError(`Transaction ${id} would fail`, error);
  });
  const gasLimit = (gas * 12n) / 10n;
  if (gas > MAX_TRANSACTION_GAS) {
    throw new BaseError("A transaction needs too much gas", {
      code: "tx_too_large",
      facts: { id, gas, limit: MAX_TRANSACTION_GAS },
    });
  }
  const fees = await feesOf(provider);
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`tx ${chainId} ${id}`}))`);
    // Another process, with this key or its own, may have signed the same meanwhile.
    const twin = await find({ db: tx }, id);
    if (twin) return twin;
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`tx ${chainId} ${from}`}))`);
    const onChain = await provider.getTransactionCount(from, "latest").catch((error: unknown) => {
      throw chainError("The nonce cannot be read", error);
    });
    const waiting = await tx
      .select({ nonce: transactions.nonce })
      .from(transactions)
      .where(and(eq(transactions.signer, from), eq(transactions.chainId, chainId), eq(transactions.state, "sending")));
    const nonce = waiting.reduce((next, row) => Math.max(next, row.nonce + 1), onChain);
    const limit = gasLimit > MAX_TRANSACTION_GAS ? MAX_TRANSACTION_GAS : gasLimit;
    const raw = await wallet.signTransaction({ ...request, ...fees, type: 2, chainId, nonce, gasLimit: limit });
    const row = {
      id,
      signer: from,
      chainId,
      nonce,
      raw,
      hash: keccak256(raw),
      state: "sending" as const,
      createdAtMs: clock(),
    };
    await tx.delete(transactions).where(eq(transactions.id, id));
    await tx.insert(transactions).values(row);
    return row;
  });
}

async function waitFor(options: TxQueueOptions, first: Stored): Promise<TransactionReceipt> {
  const { provider, confirmations = 1, replaceAfterMs = 60_000, clock, signal } = options;
  let stored = first;
  let sentAt = clock();
  await broadcast(options, stored);
  for (;;) {
    const receipt = await ask(() => provider.getTransactionReceipt(stored.hash));
    if (receipt && (await ask(() => receipt.confirmations())) >= confirmations) return finish(options, stored, receipt);
    if (!receipt) {
      const mined = await ask(() => provider.getTransactionCount(stored.signer, "latest"));
      if (mined > stored.nonce && !(await ask(() => provider.getTransactionReceipt(stored.hash)))) {
        await setState(options, stored.id, "replaced");
        throw new UnavailableError("Another transaction took the nonce", {
          code: "tx_replaced",
          facts: { id: stored.id, nonce: stored.nonce },
        });
      }
      if (stored.signer === options.wallet.address && clock() - sentAt > replaceAfterMs) {
        stored = await raiseFees(options, stored);
        sentAt = clock();
        await broadcast(options, stored);
      }
    }
    if (signal?.aborted) throw new UnavailableError("Stopped while a transaction was under way", { code: "stopped" });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function finish(options: TxQueueOptions, stored: Stored, receipt: TransactionReceipt) {
  await setState(options, stored.id, "mined");
  options.logger.info({ id: stored.id, hash: receipt.hash, gasUsed: String(receipt.gasUsed) }, "tx.mined");
  if (receipt.status === 1) return receipt;
  throw new BaseError("A transaction reverted", { code: "reverted", facts: { id: stored.id, hash: receipt.hash } });
}

async function setState({ db }: TxQueueOptions, id: string, state: Stored["state"]): Promise<void> {
  await db.update(transactions).set({ state }).where(eq(transactions.id, id));
}

/** A node that knows the transaction already, or has mined it, is as good as one that takes it now. */
async function broadcast({ provider, logger }: TxQueueOptions, stored: Stored): Promise<void> {
  await provider.send("eth_sendRawTransaction", [stored.raw]).catch((error: unknown) => {
    logger.debug({ id: stored.id, kind: String((error as { code?: unknown }).code) }, "tx.broadcast_refused");
  });
}

async function raiseFees(options: TxQueueOptions, stored: Stored): Promise<Stored> {
  const { db, provider, wallet, logger } = options;
  const current = await feesOf(provider);
  const old = Transaction.from(stored.raw);
  // Nodes ask for an eighth more before they replace a transaction.
  const raise = (now: bigint, before: bigint | null) => ((now > (before ?? 0n) ? now : (before ?? 0n)) * 5n) / 4n + 1n;
  const raw = await wallet.signTransaction({
    to: old.to,
    data: old.data,
    type: 2,
    chainId: old.chainId,
    nonce: old.nonce,
    gasLimit: old.gasLimit,
    maxFeePerGas: raise(current.maxFeePerGas, old.maxFeePerGas),
    maxPriorityFeePerGas: raise(current.maxPriorityFeePerGas, old.maxPriorityFeePerGas),
  });
  const next = { ...stored, raw, hash: keccak256(raw) };
  await db.update(transactions).set({ raw, hash: next.hash }).where(eq(transactions.id, stored.id));
  logger.warn({ id: stored.id, nonce: stored.nonce, hash: next.hash }, "tx.fee_raised");
  return next;
}

async function feesOf(provider: JsonRpcProvider) {
  const fees = await ask(() => provider.getFeeData());
  const maxPriorityFeePerGas = fees.maxPriorityFeePerGas ?? 1_000_000_000n;
  return { maxPriorityFeePerGas, maxFeePerGas: fees.maxFeePerGas ?? maxPriorityFeePerGas * 2n };
}

async function ask<T>(call: () => Promise<T>): Promise<T> {
  return call().catch((error: unknown) => {
    throw chainError("The chain cannot be read", error);
  });
}
