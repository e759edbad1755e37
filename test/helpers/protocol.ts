import { network } from "hardhat";
import { deployAll } from "../../deploy/deploy.ts";
import { type Parameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { readSchedule } from "../../deploy/schedule.ts";
import type { Contracts } from "../../src/core/chain/contracts.ts";
import type {
  DevelopmentTeeVerifier,
  OPGGovernor,
  ProtocolTimelock,
  TokenLaunch,
} from "../../typechain-types/index.ts";

export type Deployed = Contracts & {
  timelock: ProtocolTimelock;
  tokenLaunch: TokenLaunch;
  developmentTeeVerifier: DevelopmentTeeVerifier;
  governor: OPGGovernor;
};

/** A fresh local chain with the whole protocol on it, deployed through the same modules as everywhere. */
export async function deployProtocol(change: (parameters: Parameters) => Parameters = (same) => same, start?: Date) {
  const connection = await network.create(start ? { override: { initialDate: start } } : {});
  const { ethers, ignition } = connection;
  const signers = await ethers.getSigners();
  const deployer = (signers[0] as (typeof signers)[0]).address;
  const parameters = change(withDeployer(await readParameters("local"), deployer));
  const schedule = await readSchedule(parameters, "deploy/parameters/local.json5");
  const { contracts, plan } = await deployAll(deployer, parameters, schedule, (_phase, module) =>
    ignition.deploy(module, { config: { requiredConfirmations: 1 } }),
  );
  return { ...connection, signers, parameters, plan, contracts: contracts as unknown as Deployed };
}

export type Protocol = Awaited<ReturnType<typeof deployProtocol>>;
