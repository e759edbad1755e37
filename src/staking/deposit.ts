import type { Signer } from "ethers";
import type { Contracts } from "../core/chain/contracts.ts";
import { eventOf, mined } from "../core/chain/events.ts";
import { WEI_PER_NANO } from "../core/units.ts";

/** When stake begins to count: at the start of an epoch, Unix seconds. */
export type Joining = { epoch: number; countsAt: number };

/** Adds to an operator's own bond, approving exactly that much. */
export async function addBond(
  contracts: Contracts,
  signer: Signer,
  operator: number,
  amountNano: bigint,
): Promise<Joining> {
  const { opg, stakeHub } = contracts;
  await mined(opg.connect(signer).approve(stakeHub.target, amountNano * WEI_PER_NANO));
  const receipt = await mined(stakeHub.connect(signer).bond(operator, amountNano));
  const { epoch } = eventOf(receipt, stakeHub, "BondDeposited").args;
  return { epoch: Number(epoch), countsAt: Number(epoch * (await stakeHub.epochLength())) };
}

/** Lets what is due join, so that it counts as stake; anybody may. */
export async function rollStakes({ stakeHub }: Contracts, signer: Signer, operators: readonly number[]): Promise<void> {
  for (const operator of operators) await mined(stakeHub.connect(signer).roll(operator));
}
