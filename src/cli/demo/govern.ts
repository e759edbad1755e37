import { eventOf, mined } from "../../core/chain/events.ts";
import type { Chain } from "../../core/chain/open.ts";
import { BaseError } from "../../core/errors.ts";
import { openGovernance, standingOf } from "../../governance/chain.ts";
import { batchOf, handOverOf } from "../../governance/handOver.ts";
import { hashedArguments, type Proposal, proposeArguments, protectedDescription } from "../../governance/proposal.ts";
import { advanceTo, localAccount } from "./chain.ts";
import { holderOf } from "./stake.ts";

export type DemoGovernance = {
  governor: string;
  /** All voting stake, now. */
  votingNano: string;
  quorumFloorNano: string;
  /** Whether the governor is the timelock's only proposer. */
  handedOver: boolean;
  /** With `--with governance`: what was proposed, voted, queued and executed. */
  proposal: {
    id: string;
    state: string;
    forNano: string;
    changed: { parameter: string; from: string; to: string };
  } | null;
};

/** Reads where governance stands. */
export async function readGovernance(chain: Chain): Promise<DemoGovernance> {
  const open = await openGovernance(chain.provider, chain.deployment.contracts.governor.address);
  const now = (await chain.provider.getBlock("latest"))?.timestamp ?? 1;
  return {
    governor: String(open.governor.target),
    votingNano: String(await chain.contracts.stakeHub.getPastTotalSupply(now - 1)),
    quorumFloorNano: String(await open.governor.quorumFloor()),
    handedOver: (await handOverOf(open)).state === "done",
    proposal: null,
  };
}

/** Hands the timelock over, then proposes, votes, queues and executes a change of the governor's own threshold. */
export async function passProposal(chain: Chain, say: (line: string) => void): Promise<DemoGovernance> {
  const open = await openGovernance(chain.provider, chain.deployment.contracts.governor.address);
  const { governor, timelock } = open;
  const deployer = localAccount(chain, 0);
  const { calls } = await handOverOf(open);
  const batch = batchOf(calls);
  await mined(timelock.connect(deployer).scheduleBatch(...batch, await timelock.getMinDelay()));
  await advanceTo(chain, Number((await handOverOf(open)).executableFrom));
  await mined(timelock.connect(deployer).executeBatch(...batch));
  say("the governor is the timelock's only proposer");

  const holder = holderOf(chain);
  const from = await governor.proposalThreshold();
  const to = from / 2n;
  const proposal: Proposal = {
    description: protectedDescription("Halve what it takes to propose", holder.address),
    calls: [
      {
        target: String(governor.target),
        value: 0n,
        data: governor.interface.encodeFunctionData("setProposalThreshold", [to]),
      },
    ],
  };
  const proposed = await mined(governor.connect(holder).propose(...proposeArguments(proposal)));
  const id: bigint = eventOf(proposed, governor, "ProposalCreated").args.proposalId;
  await advanceTo(chain, (await standingOf(open, id)).snapshot + 1);
  await mined(governor.connect(holder).castVote(id, 1));
  say("voted for");
  await advanceTo(chain, (await standingOf(open, id)).deadline + 1);
  await mined(governor.connect(holder).queue(...hashedArguments(proposal)));
  await advanceTo(chain, (await standingOf(open, id)).executableFrom ?? 0);
  await mined(governor.connect(deployer).execute(...hashedArguments(proposal)));
  const { state, forNano } = await standingOf(open, id);
  if ((await governor.proposalThreshold()) !== to) {
    throw new BaseError("The proposal did not change the parameter", { code: "demo_failed", facts: { id, state } });
  }
  say(`executed: the threshold is ${to} nano`);
  const changed = { parameter: "proposalThreshold", from: String(from), to: String(to) };
  return { ...(await readGovernance(chain)), proposal: { id: String(id), state, forNano: String(forNano), changed } };
}
