import { getAddress, keccak256, type Provider } from "ethers";
import type { Parameters } from "../../deploy/parameters.ts";
import { connectContracts } from "../../src/core/chain/contracts.ts";
import { addressesOf, type Deployment } from "../../src/core/chain/deployment.ts";
import { BaseError } from "../../src/core/errors.ts";
import { chainTableHash } from "../../src/vesting/chainTable.ts";
import { OPGGovernor__factory } from "../../typechain-types/factories/governance/OPGGovernor__factory.ts";

/** Everything points to everything else as it should; a deployment that does not is not written down. */
export async function checkWiring(provider: Provider, deployment: Deployment, parameters: Parameters): Promise<void> {
  const { contracts, vesting } = deployment;
  const connected = connectContracts(addressesOf(deployment), provider);
  const { settlement, stakeHub, court, opg, teeRegistry, vestVault, scheduleLens, emissionBudget } = connected;
  const { epochRewards, rewardPolicy, stakePurses, datasetRegistry, nodeRegistry } = connected;
  const { timelock, vestBook } = contracts;
  const governor = OPGGovernor__factory.connect(contracts.governor.address, provider);
  // Before the first claims the balance is all of it; later it is what is not paid yet.
  const [heldWei, paidWei] = [await opg.balanceOf(vestVault.target), await scheduleLens.paidWei()];
  const expected: [string, unknown, unknown][] = [
    ["settlement.court", await settlement.court(), court.target],
    ["stakeHub.slasher", await stakeHub.slasher(), court.target],
    ["settlement.stakeHub", await settlement.stakeHub(), stakeHub.target],
    ["court.stakeHub", await court.stakeHub(), stakeHub.target],
    ["stakeHub.token", await stakeHub.token(), opg.target],
    ["stakeHub.nodes", await stakeHub.nodes(), contracts.nodeRegistry.address],
    ["stakeHub.reserve", await stakeHub.reserve(), getAddress(parameters.reserve)],
    ["stakeHub.epochLength", await stakeHub.epochLength(), BigInt(parameters.staking.epochLength)],
    ["stakeHub.unbonding", await stakeHub.unbonding(), BigInt(parameters.times.unbonding)],
    ["stakeHub.stakeActivation", await stakeHub.stakeActivation(), BigInt(parameters.times.stakeActivation)],
    ["settlement.token", await settlement.token(), opg.target],
    ["settlement.governance", await settlement.governance(), timelock.address],
    ["teeRegistry.governance", await teeRegistry.governance(), timelock.address],
    ["stakeHub.governance", await stakeHub.governance(), timelock.address],
    ["governor.token", await governor.token(), stakeHub.target],
    ["governor.timelock", await governor.timelock(), timelock.address],
    ["governor.proposalGuardian", await governor.proposalGuardian(), getAddress(parameters.governance.guardian)],
    ["opg.totalSupply", await opg.totalSupply(), 10n ** 27n],
    ["settlement.policyCount", await settlement.policyCount(), BigInt(parameters.settlement.policies.length)],
    ["vestVault.token", await vestVault.token(), opg.target],
    ["vestVault.book", await vestVault.book(), vestBook.address],
    ["vestVault.isSealed", await vestVault.isSealed(), true],
    ["vestVault.totalWei", (await vestVault.totalWei()).toString(), vesting.lockedWei],
    ["vestVault's balance covers what is locked", heldWei + paidWei >= BigInt(vesting.lockedWei), true],
    ["keccak256 of the book's code", keccak256(await provider.getCode(vestBook.address)), vesting.bookHash],
    ["scheduleLens.vault", await scheduleLens.vault(), vestVault.target],
    ["the unlock table of scheduleLens", await chainTableHash(scheduleLens), vesting.tableHash],
    ["emissionBudget.token", await emissionBudget.token(), opg.target],
    ["emissionBudget.vault", await emissionBudget.vault(), vestVault.target],
    ["emissionBudget.governance", await emissionBudget.governance(), timelock.address],
    ["emissionBudget.consumer", await emissionBudget.consumer(), epochRewards.target],
    ["epochRewards.token", await epochRewards.token(), opg.target],
    ["epochRewards.nodes", await epochRewards.nodes(), nodeRegistry.target],
    ["epochRewards.teeRegistry", await epochRewards.teeRegistry(), teeRegistry.target],
    ["epochRewards.reserve", await epochRewards.reserve(), getAddress(parameters.reserve)],
    ["epochRewards.governance", await epochRewards.governance(), timelock.address],
    ["rewardPolicy.governance", await rewardPolicy.governance(), timelock.address],
    ["rewardPolicy.epochLength", await rewardPolicy.epochLength(), BigInt(parameters.rewards.epochLength)],
    ["stakePurses.token", await stakePurses.token(), opg.target],
    ["stakePurses.hub", await stakePurses.hub(), stakeHub.target],
    ["datasetRegistry.token", await datasetRegistry.token(), opg.target],
    ["datasetRegistry.calendar", await datasetRegistry.calendar(), rewardPolicy.target],
    ["datasetRegistry.reserve", await datasetRegistry.reserve(), getAddress(parameters.reserve)],
    ["datasetRegistry.governance", await datasetRegistry.governance(), timelock.address],
  ];
  for (const [what, got, wanted] of expected) {
    if (got === wanted) continue;
    throw new BaseError("The contracts are not wired as they should be", {
      code: "wrong_wiring",
      facts: { what, got, expected: wanted },
      hint: "Run the same command again; if it stays so, do not use this deployment",
    });
  }
}
