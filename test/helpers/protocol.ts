import { network } from "hardhat";
import { type Parameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { protocolModule } from "../../deploy/protocol.ts";
import type { Contracts } from "../../src/core/chain/contracts.ts";
import type { DevelopmentTeeVerifier, ProtocolTimelock } from "../../typechain-types/index.ts";

export type Deployed = Contracts & { timelock: ProtocolTimelock; developmentTeeVerifier: DevelopmentTeeVerifier };

/** A fresh local chain with the whole protocol on it, deployed through the same modules as everywhere. */
export async function deployProtocol(change: (parameters: Parameters) => Parameters = (same) => same, start?: Date) {
  const connection = await network.create(start ? { override: { initialDate: start } } : {});
  const { ethers, ignition } = connection;
  const signers = await ethers.getSigners();
  const parameters = change(withDeployer(await readParameters("local"), (signers[0] as (typeof signers)[0]).address));
  const deployed = await ignition.deploy(protocolModule(parameters), { config: { requiredConfirmations: 1 } });
  return { ...connection, signers, parameters, contracts: deployed as unknown as Deployed };
}

export type Protocol = Awaited<ReturnType<typeof deployProtocol>>;
