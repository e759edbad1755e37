import type { Interface, LogDescription } from "ethers";
import type { Block, Log } from "../../vesting/rpc.ts";
import { logsOf } from "../../vesting/rpc.ts";
import { ABI, type EpochReader } from "./reader.ts";

/** An event of a contract, with where it stands. */
export type Event = { name: string; args: LogDescription["args"]; block: number; transaction: string };

/** Another contract than the deployment's, another first block, indexed arguments. */
type Narrower = { address?: string; from?: number; topics?: readonly string[] };

const SPAN = 5_000;

/** Events of these names from the deployment up to a block, oldest first. */
export async function eventsOf(
  { rpc, addresses, deployment }: Pick<EpochReader, "rpc" | "addresses" | "deployment">,
  contract: keyof typeof ABI,
  names: readonly string[],
  until: Block,
  { address = addresses[contract], from = deployment.block, topics: more = [] }: Narrower = {},
): Promise<Event[]> {
  const abi: Interface = ABI[contract];
  const topics = names.map((name) => abi.getEvent(name)?.topicHash);
  const events: Event[] = [];
  for (let low = Math.min(from, until.number); low <= until.number; low += SPAN) {
    const high = Math.min(low + SPAN - 1, until.number);
    const logs = await logsOf(rpc, { address, topics: [topics, ...more] }, low, high);
    events.push(...logs.map((log) => eventOf(contract, log)));
  }
  return events;
}

function eventOf(contract: keyof typeof ABI, log: Log): Event {
  const { name, args } = ABI[contract].parseLog(log) as LogDescription;
  return { name, args, block: Number(log.blockNumber), transaction: log.transactionHash };
}
