import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { LaunchPlan } from "../src/vesting/launchPlan.ts";
import { attestationModule } from "./attestation.ts";
import { governorModule, LOCAL_GOVERNOR, PUBLIC_GOVERNOR } from "./governor.ts";
import { LOCAL_CHAIN_ID } from "./guard.ts";
import { type Launcher, launcherModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import { registryModule } from "./registry.ts";
import { rewardsModule } from "./rewards.ts";
import { settlementModule } from "./settlement.ts";
import { stakingModule } from "./staking.ts";
import { tokenModule } from "./token.ts";

/** The second phase: the token, its vault and every contract of the protocol, wired. */
export function protocolModule(parameters: Parameters, addresses: Launcher, plan: LaunchPlan) {
  const launcher = launcherModule(addresses);
  const token = tokenModule(addresses, plan, launcher);
  const registry = registryModule();
  const attestation = attestationModule(parameters, { launcher, registry });
  const staking = stakingModule(parameters, { token, launcher, registry });
  const settlement = settlementModule(parameters, { token, launcher, registry, attestation, staking });
  const rewards = rewardsModule(parameters, { token, launcher, registry, attestation, staking });
  const governor = governorModule(
    parameters.chainId === LOCAL_CHAIN_ID ? LOCAL_GOVERNOR : PUBLIC_GOVERNOR,
    (m) => ({
      votes: m.useModule(staking).stakeHub,
      timelock: m.useModule(launcher).timelock,
      settlement: m.useModule(settlement).settlement,
      teeRegistry: m.useModule(attestation).teeRegistry,
      emissionBudget: m.useModule(launcher).emissionBudget,
      datasetRegistry: m.useModule(rewards).datasetRegistry,
    }),
    { guardian: parameters.governance.guardian, leastTimelockDelay: parameters.times.parameterDelay },
  );
  return buildModule("protocol", (m) => ({
    ...m.useModule(launcher),
    ...m.useModule(token),
    ...m.useModule(registry),
    ...m.useModule(attestation),
    ...m.useModule(staking),
    ...m.useModule(settlement),
    ...m.useModule(rewards),
    ...m.useModule(governor),
  }));
}
