import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { governanceModule } from "./governance.ts";
import type { Parameters } from "./parameters.ts";

/** Where the first phase put what the published file must name, and what launches. */
export type Launcher = { timelock: string; tokenLaunch: string; emissionBudget: string };

/** What must stand before the published file can be written: the file names the emission budget. */
export function launchModule(parameters: Parameters) {
  const { governance, times, emission } = parameters;
  const governed = governanceModule(parameters);
  return buildModule("launch", (m) => {
    const { timelock } = m.useModule(governed);
    const tokenLaunch = m.contract("TokenLaunch");
    const emissionBudget = m.contract("EmissionBudget", [
      tokenLaunch,
      timelock,
      governance.guardian,
      times.parameterDelay,
      emission.successorDelay,
    ]);
    return { timelock, tokenLaunch, emissionBudget };
  });
}

/** The same contracts, for the modules of the second phase. */
export function launcherModule({ timelock, tokenLaunch, emissionBudget }: Launcher) {
  return buildModule("launcher", (m) => ({
    timelock: m.contractAt("ProtocolTimelock", timelock),
    tokenLaunch: m.contractAt("TokenLaunch", tokenLaunch),
    emissionBudget: m.contractAt("EmissionBudget", emissionBudget),
  }));
}
