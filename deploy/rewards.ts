import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { attestationModule } from "./attestation.ts";
import type { launcherModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import type { registryModule } from "./registry.ts";
import type { stakingModule } from "./staking.ts";
import type { tokenModule } from "./token.ts";

type Needs = {
  token: ReturnType<typeof tokenModule>;
  launcher: ReturnType<typeof launcherModule>;
  registry: ReturnType<typeof registryModule>;
  attestation: ReturnType<typeof attestationModule>;
  staking: ReturnType<typeof stakingModule>;
};

/** Rewards, what governs them, the purses of stakers and the datasets; then names the rewards as the budget's consumer. */
export function rewardsModule({ rewards, governance, reserve, times }: Parameters, needs: Needs) {
  return buildModule("rewards", (m) => {
    const { opg } = m.useModule(needs.token);
    const { timelock, emissionBudget } = m.useModule(needs.launcher);
    const { nodeRegistry } = m.useModule(needs.registry);
    const { teeRegistry } = m.useModule(needs.attestation);
    const { stakeHub } = m.useModule(needs.staking);

    const { leastWindow, leastBondNano, ...parameters } = rewards.roots;
    const epochRewards = m.contract("EpochRewards", [
      {
        token: opg,
        nodes: nodeRegistry,
        teeRegistry,
        reserve,
        governance: timelock,
        parameterDelay: times.parameterDelay,
        leastWindow,
        leastBondNano,
        parameters,
      },
    ]);
    const rewardPolicy = m.contract("RewardPolicy", [
      timelock,
      times.parameterDelay,
      rewards.epochLength,
      sharesOf(rewards.shares),
    ]);
    const stakePurses = m.contract("StakePurses", [opg, stakeHub]);
    const datasetRegistry = m.contract("DatasetRegistry", [
      opg,
      rewardPolicy,
      times,
      rewards.datasets.leastBondNano,
      timelock,
      governance.guardian,
      reserve,
    ]);
    // The account that deployed the budget: the one that runs both phases.
    m.call(emissionBudget, "setConsumer", [epochRewards]);
    return { epochRewards, rewardPolicy, stakePurses, datasetRegistry };
  });
}

/** As the contract takes them: streams in the order of `IRewardPolicy.sol`. */
export function sharesOf({ streamPpm: of, feePpm, ...shares }: Parameters["rewards"]["shares"]) {
  const usage = (part: typeof feePpm) => [
    part.workers,
    part.verifiers,
    part.publishers,
    part.contributors,
    part.keepers,
  ];
  return { ...shares, streamPpm: [of.stakers, ...usage(of)], feePpm: usage(feePpm) };
}
