import type { Log, Provider } from "ethers";
import { chainError } from "./revert.ts";

const LARGEST = 10_000;

/** Events in pieces that shrink when the endpoint refuses them: each bounds requests in its own way and words. */
export async function logsBetween(provider: Provider, filter: object, from: number, to: number): Promise<Log[]> {
  const logs: Log[] = [];
  let size = LARGEST;
  for (let next = from; next <= to; ) {
    const end = Math.min(next + size - 1, to);
    try {
      logs.push(...(await provider.getLogs({ ...filter, fromBlock: next, toBlock: end })));
    } catch (error) {
      if (end === next) throw chainError("The chain's events cannot be read", error);
      size = Math.ceil((end - next + 1) / 4);
      continue;
    }
    next = end + 1;
    size = Math.min(LARGEST, size * 2);
  }
  return logs;
}
