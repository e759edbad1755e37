import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { attestationModule } from "./attestation.ts";
import { governanceModule } from "./governance.ts";
import type { Parameters } from "./parameters.ts";
import { registryModule } from "./registry.ts";
import { settlementModule } from "./settlement.ts";
import { stakingModule } from "./staking.ts";
import { tokenModule } from "./token.ts";

/** Every contract of the protocol, wired. */
export function protocolModule(parameters: Parameters) {
  const token = tokenModule(parameters);
  const governance = governanceModule(parameters);
  const registry = registryModule();
  const attestation = attestationModule(parameters, { governance, registry });
  const staking = stakingModule(parameters, { token, governance, registry });
  const settlement = settlementModule(parameters, { token, governance, registry, attestation, staking });
  return buildModule("protocol", (m) => ({
    ...m.useModule(token),
    ...m.useModule(governance),
    ...m.useModule(registry),
    ...m.useModule(attestation),
    ...m.useModule(staking),
    ...m.useModule(settlement),
  }));
}
