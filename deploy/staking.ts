import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { governanceModule } from "./governance.ts";
import type { Parameters } from "./parameters.ts";
import type { registryModule } from "./registry.ts";
import type { tokenModule } from "./token.ts";

type Needs = {
  token: ReturnType<typeof tokenModule>;
  governance: ReturnType<typeof governanceModule>;
  registry: ReturnType<typeof registryModule>;
};

export function stakingModule({ governance, reserve, times }: Parameters, needs: Needs) {
  return buildModule("staking", (m) => {
    const { opg } = m.useModule(needs.token);
    const { timelock } = m.useModule(needs.governance);
    const { nodeRegistry } = m.useModule(needs.registry);
    return { stakeHub: m.contract("BondHub", [opg, nodeRegistry, times, timelock, governance.guardian, reserve]) };
  });
}
