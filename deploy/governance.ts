import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { Parameters } from "./parameters.ts";

const ANYBODY = "0x0000000000000000000000000000000000000000";

/** The timelock that owns every parameter. Anybody may execute what was proposed and has waited; it has no admin. */
export function governanceModule({ governance, times }: Parameters) {
  return buildModule("governance", (m) => ({
    timelock: m.contract("ProtocolTimelock", [times.parameterDelay, governance.proposers, [ANYBODY]]),
  }));
}
