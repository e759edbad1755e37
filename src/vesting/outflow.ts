import { type Interface, id, zeroPadValue } from "ethers";
import { BaseError } from "../core/errors.ts";
import type { Claim } from "./reportTypes.ts";
import { type Block, type Log, logsOf } from "./rpc.ts";
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
  /** An earlier scan's state, when its block still stands; one of later blocks than the vault's head is not used. */
  state?: ScanState | undefined;
  /** Called after each piece. */
  onProgress?: ((state: ScanState) => void | Promise<void>) | undefined;
};

const LARGEST = 10_000;

/** Reads all events up to the vault's head, in pieces that shrink when the endpoint refuses them. */
export async function scanOutflow(
  { rpc, vault, token, head }: Vault,
  block: (number: number) => Promise<Block>,
  { from, state: earlier, onProgress }: ScanOptions,
): Promise<Outflow> {
  const state = earlier && earlier.scanned.number <= head.number ? earlier : undefined;
  const outflow: Outflow = state ? structuredClone(state.outflow) : { claims: [], transferredWei: 0n };
  let next = state ? state.scanned.number + 1 : from;
  let size = LARGEST;
  const claimedTopic = id("Claimed(uint256,address,uint256,uint256)");
  const outOfVault = [id("Transfer(address,address,uint256)"), zeroPadValue(vault, 32)];
  while (next <= head.number) {
    const to = Math.min(next + size - 1, head.number);
    let claimed: Log[];
    let moved: Log[];
    try {
      claimed = await logsOf(rpc, { address: vault, topics: [claimedTopic] }, next, to);
      moved = await logsOf(rpc, { address: token, topics: outOfVault }, next, to);
    } catch (error) {
      // Endpoints bound a request by blocks or by results, each in its own words.
      if (to === next) throw error;
      size = Math.ceil((to - next + 1) / 4);
      continue;
    }
    for (const log of claimed) outflow.claims.push(await toClaim(log, block));
    for (const log of moved) outflow.transferredWei += argsOf(tokenAbi, log).value as bigint;
    size = Math.min(LARGEST, size * 2);
    next = to + 1;
    await onProgress?.({ scanned: await block(to), outflow });
  }
  return outflow;
}

async function toClaim(log: Log, block: (number: number) => Promise<Block>): Promise<Claim> {
  const number = Number(log.blockNumber);
  const args = argsOf(vaultAbi, log);
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

function argsOf(abi: Interface, log: Log) {
  try {
    const event = abi.parseLog(log);
    if (event) return event.args;
  } catch {
    // Its topic is right, the rest is not.
  }
  throw new BaseError("A contract has an event of another form", {
    code: "bad_answer",
    facts: { address: log.address, transaction: log.transactionHash },
  });
}
