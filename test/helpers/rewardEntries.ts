import { getAddress, id as hashOf } from "ethers";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import type { Entry } from "../../src/rewards/tree.ts";

/** An account of a test: different ones for different numbers. */
export const accountOf = (n: number): string => getAddress(`0x${hashOf(`reward account ${n}`).slice(-40)}`);

export const receiptsHashOf = (account: string, epoch: number): string =>
  hashOf(`receipts ${account.toLowerCase()} ${epoch}`);

/** Entries in OPG. */
export function entriesOf(amounts: readonly (readonly [account: string, opg: number])[], epoch = 1): Entry[] {
  return amounts.map(([account, opg]) => ({
    account,
    cumulativeWei: BigInt(Math.round(opg * 1e9)) * WEI_PER_NANO,
    receiptsHash: receiptsHashOf(account, epoch),
  }));
}
