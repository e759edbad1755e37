import { setTimeout } from "node:timers/promises";
import { z } from "zod";

/** A transaction whose hash Ignition does not know: the run that sent it ended before it could note it. */
export type LostTransaction = { sender: string; nonce: number };

/** A chain, as EIP-1193 speaks to it. */
export type Rpc = { request(call: { method: string; params: unknown[] }): Promise<unknown> };

const TRANSACTION_LOST = 10410;

const lostError = z.object({
  number: z.literal(TRANSACTION_LOST),
  messageArguments: z.object({ sender: z.string(), nonce: z.coerce.number().int().min(0) }),
});

const quantity = z.string().transform(Number);
const blockSchema = z.object({
  transactions: z.array(z.object({ hash: z.string(), from: z.string(), nonce: quantity })),
});

/** What a failed deployment misses, when that is why it failed. */
export function lostTransactionOf(error: unknown): LostTransaction | undefined {
  return lostError.safeParse(error).data?.messageArguments;
}

/** The hash of an account's transaction with a nonce, mined or waiting; undefined when the chain does not have it. */
export async function findTransaction(rpc: Rpc, { sender, nonce }: LostTransaction): Promise<string | undefined> {
  const at = await blockOf(rpc, { sender, nonce });
  const { transactions } = blockSchema.parse(await rpc.request({ method: "eth_getBlockByNumber", params: [at, true] }));
  const own = transactions.filter(({ from }) => from.toLowerCase() === sender.toLowerCase());
  return own.find((transaction) => transaction.nonce === nonce)?.hash;
}

/** How long a transaction that a killed run handed over may take to show, and how often that is asked for. */
const SHOWS_WITHIN_MS = 2000;
const ASK_EVERY_MS = 250;

/** As {@link findTransaction}, waiting for one that is still on its way to the node. */
export async function awaitTransaction(rpc: Rpc, lost: LostTransaction): Promise<string | undefined> {
  const until = Date.now() + SHOWS_WITHIN_MS;
  for (;;) {
    const hash = await findTransaction(rpc, lost);
    if (hash || Date.now() > until) return hash;
    await setTimeout(ASK_EVERY_MS);
  }
}

/** The first block after which the account has sent more than `nonce` transactions. */
async function blockOf(rpc: Rpc, { sender, nonce }: LostTransaction): Promise<string> {
  const ask = async (method: string, ...params: unknown[]) => quantity.parse(await rpc.request({ method, params }));
  const sentBy = (block: number) => ask("eth_getTransactionCount", sender, hex(block));
  let after = await ask("eth_blockNumber");
  if ((await sentBy(after)) <= nonce) return "pending";
  let before = 0;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if ((await sentBy(middle)) > nonce) after = middle;
    else before = middle;
  }
  return hex(after);
}

const hex = (block: number) => `0x${block.toString(16)}`;
