import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { launcherModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import type { registryModule } from "./registry.ts";
import type { tokenModule } from "./token.ts";

type Needs = {
  token: ReturnType<typeof tokenModule>;
  launcher: ReturnType<typeof launcherModule>;
  registry: ReturnType<typeof registryModule>;
};

export function stakingModule({ governance, reserve, staking, times }: Parameters, needs: Needs) {
  return buildModule("staking", (m) => {
    const { opg } = m.useModule(needs.token);
    const { timelock } = m.useModule(needs.launcher);
    const { nodeRegistry } = m.useModule(needs.registry);
    const { epochLength, limits } = staking;
    return {
      stakeHub: m.contract("StakeHub", [
        ...[opg, nodeRegistry, times, epochLength, limits],
        ...[timelock, governance.guardian, reserve],
      ]),
    };
  });
}
