import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { AbiCoder, keccak256 } from "ethers";
import type { launcherModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import type { registryModule } from "./registry.ts";

type Needs = { launcher: ReturnType<typeof launcherModule>; registry: ReturnType<typeof registryModule> };

const DEVELOPMENT_TYPE = "0x44455631"; // "DEV1"

/** The id that the development verifier gives an image hash. */
export function developmentMeasurementId(measurement: string): string {
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(["bytes4", "uint8", "bytes32"], [DEVELOPMENT_TYPE, 1, measurement]),
  );
}

/** The TEE registry; with the development verifier only where a development root is given. */
export function attestationModule({ attestation, governance, times }: Parameters, needs: Needs) {
  return buildModule("attestation", (m) => {
    const { timelock } = m.useModule(needs.launcher);
    const { nodeRegistry } = m.useModule(needs.registry);
    const root = attestation.developmentRoot;
    const verifier = root && m.contract("DevelopmentTeeVerifier", [root.x, root.y]);
    const genesis = verifier
      ? attestation.measurements.map(({ measurement, note }) => ({
          verifier,
          measurementId: developmentMeasurementId(measurement),
          note,
        }))
      : [];
    const teeRegistry = m.contract("TeeRegistry", [
      nodeRegistry,
      times,
      attestation.keyLifetime,
      timelock,
      governance.guardian,
      genesis,
    ]);
    return verifier ? { teeRegistry, developmentTeeVerifier: verifier } : { teeRegistry };
  });
}
