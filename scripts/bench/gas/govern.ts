import { NANO_PER_OPG } from "../../../src/core/units.ts";
import {
  hashedArguments,
  proposalId,
  proposeArguments,
  protectedDescription,
} from "../../../src/governance/proposal.ts";
import { walletOf } from "../../../test/helpers/economy.ts";
import { openGovernor, proposalOf } from "../../../test/helpers/governor.ts";
import { measure, type Row } from "./row.ts";
import type { Bench } from "./setup.ts";

/** Figures of OpenZeppelin 5.7's Governor with ERC20Votes, measured in the same way. */
const PEERS = { propose: 75_288, "vote-first": 82_992, "vote-later": 65_892, queue: 145_064, execute: 96_360 };

/** A proposal of one call from proposal to execution. The last group: it hands the timelock over and moves the clock. */
export async function governRows({ protocol }: Bench): Promise<Row[]> {
  const { contracts, networkHelpers, signers } = protocol;
  const { governor, votes } = await openGovernor(protocol, { guardian: walletOf("guardian").address });
  const [proposer, second] = signers.slice(1, 3) as [(typeof signers)[number], (typeof signers)[number]];
  for (const { address } of [proposer, second]) await votes.setVotes(address, 30_000_000n * NANO_PER_OPG);
  await networkHelpers.mine();

  const data = contracts.stakeHub.interface.encodeFunctionData("setGuardian", [walletOf("next").address]);
  const description = protectedDescription("Another guardian", proposer.address);
  const proposal = proposalOf(description, [contracts.stakeHub.target, data]);
  const id = proposalId(proposal);
  const proposed = await measure(governor.connect(proposer).propose(...proposeArguments(proposal)));
  await networkHelpers.time.increaseTo((await governor.proposalSnapshot(id)) + 1n);
  const first = await measure(governor.connect(proposer).castVote(id, 1));
  const later = await measure(governor.connect(second).castVote(id, 1));
  await networkHelpers.time.increaseTo((await governor.proposalDeadline(id)) + 1n);
  const queued = await measure(governor.queue(...hashedArguments(proposal)));
  await networkHelpers.time.increaseTo(await governor.proposalEta(id));
  const executed = await measure(governor.execute(...hashedArguments(proposal)));

  const row = (step: keyof typeof PEERS, measured: { gasUsed: number; bytes: number }, limit: number): Row => ({
    name: `gov/${step}`,
    ...measured,
    perUnit: null,
    limit,
    perUnitLimit: null,
    peer: { name: "OpenZeppelin", gasUsed: PEERS[step] },
  });
  return [
    row("propose", proposed, 110_000),
    row("vote-first", first, 130_000),
    row("vote-later", later, 90_000),
    row("queue", queued, 160_000),
    row("execute", executed, 120_000),
  ];
}
