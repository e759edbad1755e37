import { type GovernorParameters, governorModule, LOCAL_GOVERNOR } from "../../deploy/governor.ts";
import { mined } from "../../src/core/chain/events.ts";
import { batchOf, handOverCalls } from "../../src/governance/handOver.ts";
import type { Proposal } from "../../src/governance/proposal.ts";
import type { OPGGovernor } from "../../typechain-types/index.ts";
import type { Protocol } from "./protocol.ts";

/** A governor over the protocol's own timelock, as its only proposer, with votes that a test sets. */
export async function openGovernor(
  protocol: Protocol,
  { guardian, parameters = LOCAL_GOVERNOR }: { guardian: string; parameters?: GovernorParameters },
) {
  const { contracts, ethers, ignition, networkHelpers, signers } = protocol;
  const votes = await ethers.deployContract("VotesMock", [0]);
  const { timelock, settlement, teeRegistry, emissionBudget, datasetRegistry } = contracts;
  const addresses = {
    votes: String(votes.target),
    timelock: String(timelock.target),
    settlement: String(settlement.target),
    teeRegistry: String(teeRegistry.target),
    emissionBudget: String(emissionBudget.target),
    datasetRegistry: String(datasetRegistry.target),
  };
  const leastTimelockDelay = protocol.parameters.times.parameterDelay;
  const module = governorModule(parameters, () => addresses, { guardian, leastTimelockDelay });
  const deployed = await ignition.deploy(module, { config: { requiredConfirmations: 1 } });
  const governor = deployed.governor as unknown as OPGGovernor;

  const deployer = (signers[0] as (typeof signers)[number]).address;
  const former = { PROPOSER_ROLE: [deployer], CANCELLER_ROLE: [deployer] };
  const batch = batchOf(handOverCalls(addresses.timelock, String(governor.target), former));
  const delay = await timelock.getMinDelay();
  await mined(timelock.scheduleBatch(...batch, delay));
  await networkHelpers.time.increase(delay);
  await mined(timelock.executeBatch(...batch));
  return { governor, votes, timelock };
}

/** A proposal of one call each. */
export function proposalOf(description: string, ...calls: [target: unknown, data: string][]): Proposal {
  return { description, calls: calls.map(([target, data]) => ({ target: String(target), value: 0n, data })) };
}
