import { getAddress, type Interface } from "ethers";
import { TeeRegistry__factory } from "../../typechain-types/factories/attestation/TeeRegistry__factory.ts";
import { OPGGovernor__factory } from "../../typechain-types/factories/governance/OPGGovernor__factory.ts";
import { ProtocolTimelock__factory } from "../../typechain-types/factories/governance/ProtocolTimelock__factory.ts";
import { DatasetRegistry__factory } from "../../typechain-types/factories/registry/DatasetRegistry__factory.ts";
import { ModelRegistry__factory } from "../../typechain-types/factories/registry/ModelRegistry__factory.ts";
import { NodeRegistry__factory } from "../../typechain-types/factories/registry/NodeRegistry__factory.ts";
import { EmissionBudget__factory } from "../../typechain-types/factories/rewards/EmissionBudget.sol/EmissionBudget__factory.ts";
import { EpochRewards__factory } from "../../typechain-types/factories/rewards/EpochRewards__factory.ts";
import { RewardPolicy__factory } from "../../typechain-types/factories/rewards/RewardPolicy__factory.ts";
import { StakePurses__factory } from "../../typechain-types/factories/rewards/StakePurses__factory.ts";
import { Court__factory } from "../../typechain-types/factories/settlement/Court__factory.ts";
import { Settlement__factory } from "../../typechain-types/factories/settlement/Settlement__factory.ts";
import { StakeHub__factory } from "../../typechain-types/factories/staking/StakeHub__factory.ts";
import { OPG__factory } from "../../typechain-types/factories/token/OPG__factory.ts";
import { VestVault__factory } from "../../typechain-types/factories/vesting/VestVault__factory.ts";

/** By the names that deployment files give them. */
const ABIS: Record<string, Interface> = {
  governor: OPGGovernor__factory.createInterface(),
  timelock: ProtocolTimelock__factory.createInterface(),
  opg: OPG__factory.createInterface(),
  vestVault: VestVault__factory.createInterface(),
  emissionBudget: EmissionBudget__factory.createInterface(),
  nodeRegistry: NodeRegistry__factory.createInterface(),
  modelRegistry: ModelRegistry__factory.createInterface(),
  teeRegistry: TeeRegistry__factory.createInterface(),
  stakeHub: StakeHub__factory.createInterface(),
  settlement: Settlement__factory.createInterface(),
  court: Court__factory.createInterface(),
  epochRewards: EpochRewards__factory.createInterface(),
  rewardPolicy: RewardPolicy__factory.createInterface(),
  stakePurses: StakePurses__factory.createInterface(),
  datasetRegistry: DatasetRegistry__factory.createInterface(),
};

/** A contract that a proposal can call, as far as we know it. */
export type KnownContract = { name: string; address: string; abi: Interface };

/** Contracts by name or address. */
export type Known = {
  byName(name: string): KnownContract | undefined;
  byAddress(address: string): KnownContract | undefined;
  names: string[];
};

/** Names that a call can give as its `abi`. */
export const abiNames = Object.keys(ABIS);
export const abiOf = (name: string): Interface | undefined => (Object.hasOwn(ABIS, name) ? ABIS[name] : undefined);

/** The contracts at these addresses; names without an ABI of ours are left out. */
export function knownContracts(addresses: Record<string, string | undefined>): Known {
  const all = Object.entries(addresses).flatMap(([name, address]): KnownContract[] => {
    const abi = abiOf(name);
    return abi && address ? [{ name, address: getAddress(address), abi }] : [];
  });
  return {
    byName: (name) => all.find((one) => one.name === name),
    byAddress: (address) => all.find((one) => one.address.toLowerCase() === address.toLowerCase()),
    names: all.map(({ name }) => name),
  };
}
