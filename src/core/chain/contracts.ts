import type { ContractRunner } from "ethers";
import { DevelopmentTeeVerifier__factory } from "../../../typechain-types/factories/attestation/DevelopmentTeeVerifier__factory.ts";
import { TeeRegistry__factory } from "../../../typechain-types/factories/attestation/TeeRegistry__factory.ts";
import { OPGGovernor__factory } from "../../../typechain-types/factories/governance/OPGGovernor__factory.ts";
import { ProtocolTimelock__factory } from "../../../typechain-types/factories/governance/ProtocolTimelock__factory.ts";
import { DatasetRegistry__factory } from "../../../typechain-types/factories/registry/DatasetRegistry__factory.ts";
import { ModelRegistry__factory } from "../../../typechain-types/factories/registry/ModelRegistry__factory.ts";
import { NodeRegistry__factory } from "../../../typechain-types/factories/registry/NodeRegistry__factory.ts";
import { EmissionBudget__factory } from "../../../typechain-types/factories/rewards/EmissionBudget.sol/EmissionBudget__factory.ts";
import { EpochRewards__factory } from "../../../typechain-types/factories/rewards/EpochRewards__factory.ts";
import { RewardPolicy__factory } from "../../../typechain-types/factories/rewards/RewardPolicy__factory.ts";
import { StakePurses__factory } from "../../../typechain-types/factories/rewards/StakePurses__factory.ts";
import { Court__factory } from "../../../typechain-types/factories/settlement/Court__factory.ts";
import { ReceiptVerifier__factory } from "../../../typechain-types/factories/settlement/ReceiptVerifier__factory.ts";
import { Settlement__factory } from "../../../typechain-types/factories/settlement/Settlement__factory.ts";
import { StakeHub__factory } from "../../../typechain-types/factories/staking/StakeHub__factory.ts";
import { OPG__factory } from "../../../typechain-types/factories/token/OPG__factory.ts";
import { ScheduleLens__factory } from "../../../typechain-types/factories/vesting/ScheduleLens__factory.ts";
import { TokenLaunch__factory } from "../../../typechain-types/factories/vesting/TokenLaunch__factory.ts";
import { VestVault__factory } from "../../../typechain-types/factories/vesting/VestVault__factory.ts";
import type {
  Court,
  DatasetRegistry,
  EmissionBudget,
  EpochRewards,
  ModelRegistry,
  NodeRegistry,
  OPG,
  ReceiptVerifier,
  RewardPolicy,
  ScheduleLens,
  Settlement,
  StakeHub,
  StakePurses,
  TeeRegistry,
  VestVault,
} from "../../../typechain-types/index.ts";

/** Where the contracts of one deployment are. */
export type Addresses = Record<keyof Contracts, string>;

export type Contracts = {
  opg: OPG;
  vestVault: VestVault;
  scheduleLens: ScheduleLens;
  emissionBudget: EmissionBudget;
  nodeRegistry: NodeRegistry;
  modelRegistry: ModelRegistry;
  teeRegistry: TeeRegistry;
  stakeHub: StakeHub;
  settlement: Settlement;
  court: Court;
  receiptVerifier: ReceiptVerifier;
  epochRewards: EpochRewards;
  rewardPolicy: RewardPolicy;
  stakePurses: StakePurses;
  datasetRegistry: DatasetRegistry;
};

/** The contracts of a deployment, typed, speaking through `runner`. */
export function connectContracts(addresses: Addresses, runner: ContractRunner): Contracts {
  return {
    opg: OPG__factory.connect(addresses.opg, runner),
    vestVault: VestVault__factory.connect(addresses.vestVault, runner),
    scheduleLens: ScheduleLens__factory.connect(addresses.scheduleLens, runner),
    emissionBudget: EmissionBudget__factory.connect(addresses.emissionBudget, runner),
    nodeRegistry: NodeRegistry__factory.connect(addresses.nodeRegistry, runner),
    modelRegistry: ModelRegistry__factory.connect(addresses.modelRegistry, runner),
    teeRegistry: TeeRegistry__factory.connect(addresses.teeRegistry, runner),
    stakeHub: StakeHub__factory.connect(addresses.stakeHub, runner),
    settlement: Settlement__factory.connect(addresses.settlement, runner),
    court: Court__factory.connect(addresses.court, runner),
    receiptVerifier: ReceiptVerifier__factory.connect(addresses.receiptVerifier, runner),
    epochRewards: EpochRewards__factory.connect(addresses.epochRewards, runner),
    rewardPolicy: RewardPolicy__factory.connect(addresses.rewardPolicy, runner),
    stakePurses: StakePurses__factory.connect(addresses.stakePurses, runner),
    datasetRegistry: DatasetRegistry__factory.connect(addresses.datasetRegistry, runner),
  };
}

/** Every custom error that our contracts can revert with, for decoding. */
export const errorInterfaces = [
  Settlement__factory,
  Court__factory,
  TeeRegistry__factory,
  NodeRegistry__factory,
  ModelRegistry__factory,
  StakeHub__factory,
  OPG__factory,
  TokenLaunch__factory,
  VestVault__factory,
  EmissionBudget__factory,
  EpochRewards__factory,
  RewardPolicy__factory,
  StakePurses__factory,
  DatasetRegistry__factory,
  DevelopmentTeeVerifier__factory,
  OPGGovernor__factory,
  ProtocolTimelock__factory,
].map((factory) => factory.createInterface());
