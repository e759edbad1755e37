import type { Wallet } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { NANO_PER_OPG } from "../../core/units.ts";
import { sendToHub } from "../../staking/send.ts";
import { countsFrom, readTimes } from "../../staking/times.ts";
import { localAccount } from "./chain.ts";
import { fund, type Staked } from "./network.ts";

/** More than the governor's floor, so that it can decide alone. */
export const DELEGATED_NANO = 6_000_000n * NANO_PER_OPG;

const HOLDER = 12;

export type DemoStaking = {
  /** To which the holder delegated. */
  operator: number;
  selfNano: string;
  delegatedNano: string;
  /** What settlement counts on. */
  effectiveNano: string;
  holder: string;
  holderWorthNano: string;
  holderVotesNano: string;
};

/** Whoever delegates in the demo, votes and proposes. */
export const holderOf = (chain: Chain): Wallet => localAccount(chain, HOLDER) as unknown as Wallet;

/** Delegates to an operator; tells when it begins to count. */
export async function delegate(chain: Chain, operator: number): Promise<Staked> {
  const holder = holderOf(chain);
  await fund(chain, holder.address, DELEGATED_NANO);
  const args = [operator, DELEGATED_NANO];
  await sendToHub(chain.contracts, holder, { method: "delegateTo", args, paysNano: DELEGATED_NANO }, false);
  return { operator, countsAt: countsFrom(await readTimes(chain.contracts)) };
}

/** Lets the delegation vote, once it counts, and reads what stands. */
export async function readStaking(chain: Chain, operator: number): Promise<DemoStaking> {
  const { stakeHub } = chain.contracts;
  const holder = holderOf(chain);
  await sendToHub(chain.contracts, holder, { method: "setVoting", args: [operator, true] }, false);
  const [stake, effectiveNano, [, worthNano], votesNano] = await Promise.all([
    stakeHub.getStake(operator),
    stakeHub.effectiveStake(operator),
    stakeHub.getPosition(operator, holder.address),
    stakeHub.getVotes(holder.address),
  ]);
  return {
    operator,
    selfNano: String(stake.selfNano),
    delegatedNano: String(stake.delegatedNano),
    effectiveNano: String(effectiveNano),
    holder: holder.address,
    holderWorthNano: String(worthNano),
    holderVotesNano: String(votesNano),
  };
}
