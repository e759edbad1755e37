import { id, toBeHex, zeroPadValue } from "ethers";
import type { Claim } from "./reportTypes.ts";
import { ask, type Block, type Rpc } from "./rpc.ts";
import { tokenAbi, type Vault, vaultAbi } from "./vault.ts";

/** What left a vault up to a block. */
export type Outflow = {
  claims: Claim[];
  /** Sum of the token's Transfer events out of the vault, in wei. */
  transferredWei: bigint;
};

/** What a scan has found so far; kept between runs, so that a long scan goes on where it stopped. */
export type ScanState = { scanned: Block; outflow: Outflow };

export type ScanOptions = {
  /** First block to look at. */
  from: number;
  /** An earlier scan's state, when its block still stands. */
  state?: ScanState | undefined;
  /** Called after each piece. */
  onProgress?: ((state: ScanState) => void | Promise<void>) | undefined;
};

type Log = { topics: string[]; data: string; blockNumber: string; transactionHash: string };

const LARGEST = 10_000;

/** Reads all events up to the vault's head, in pieces that shrink when the endpoint refuses them. */
export async function scanOutflow(
  { rpc, vault, token, head }: Vault,
  block: (number: number) => Promise<Block>,
  { from, state, onProgress }: ScanOptions,
): Promise<Outflow> {
  const outflow: Outflow = state ? structuredClone(state.outflow) : { claims: [], transferredWei: 0n };
  let next = state ? state.scanned.number + 1 : from;
  let size = LARGEST;
  const outOfVault = [id("Transfer(address,address,uint256)"), zeroPadValue(vault, 32)];
  while (next <= head.number) {
    const to = Math.min(next + size - 1, head.number);
    try {
      const claimed = await logs(
        rpc,
        { address: vault, topics: [id("Claimed(uint256,address,uint256,uint256)")] },
        next,
        to,
      );
      const moved = await logs(rpc, { address: token, topics: outOfVault }, next, to);
      for (const log of claimed) outflow.claims.push(await toClaim(log, block));
      for (const log of moved) outflow.transferredWei += tokenAbi.parseLog(log)?.args.value as bigint;
    } catch (error) {
      // Endpoints bound a request by blocks or by results, each in its own words.
      if (size === 1) throw error;
      size = Math.max(1, Math.floor(size / 4));
      continue;
    }
    size = Math.min(LARGEST, size * 2);
    next = to + 1;
    await onProgress?.({ scanned: await block(to), outflow });
  }
  return outflow;
}

async function logs(rpc: Rpc, filter: object, from: number, to: number): Promise<Log[]> {
  return (await ask(rpc, "eth_getLogs", [{ ...filter, fromBlock: hex(from), toBlock: hex(to) }])) as Log[];
}

const hex = (value: number) => toBeHex(value).replace(/^0x0+(?=.)/, "0x");

async function toClaim(log: Log, block: (number: number) => Promise<Block>): Promise<Claim> {
  const number = Number(log.blockNumber);
  const { args } = vaultAbi.parseLog(log) ?? { args: {} as Record<string, never> };
  const { unix } = await block(number);
  return {
    grant: Number(args.id),
    to: String(args.to),
    amountWei: args.amountWei as bigint,
    block: number,
    unix,
    transaction: log.transactionHash,
  };
}
