import type { ContractRunner } from "ethers";
import { DevelopmentTeeVerifier__factory } from "../../../typechain-types/factories/attestation/DevelopmentTeeVerifier__factory.ts";
import { TeeRegistry__factory } from "../../../typechain-types/factories/attestation/TeeRegistry__factory.ts";
import { ModelRegistry__factory } from "../../../typechain-types/factories/registry/ModelRegistry__factory.ts";
import { NodeRegistry__factory } from "../../../typechain-types/factories/registry/NodeRegistry__factory.ts";
import { Court__factory } from "../../../typechain-types/factories/settlement/Court__factory.ts";
import { ReceiptVerifier__factory } from "../../../typechain-types/factories/settlement/ReceiptVerifier__factory.ts";
import { Settlement__factory } from "../../../typechain-types/factories/settlement/Settlement__factory.ts";
import { BondHub__factory } from "../../../typechain-types/factories/staking/BondHub__factory.ts";
import { OPG__factory } from "../../../typechain-types/factories/token/OPG__factory.ts";
import type {
  BondHub,
  Court,
  ModelRegistry,
  NodeRegistry,
  OPG,
  ReceiptVerifier,
  Settlement,
  TeeRegistry,
} from "../../../typechain-types/index.ts";

/** Where the contracts of one deployment are. */
export type Addresses = Record<keyof Contracts, string>;

export type Contracts = {
  opg: OPG;
  nodeRegistry: NodeRegistry;
  modelRegistry: ModelRegistry;
  teeRegistry: TeeRegistry;
  stakeHub: BondHub;
  settlement: Settlement;
  court: Court;
  receiptVerifier: ReceiptVerifier;
};

/** The contracts of a deployment, typed, speaking through `runner`. */
export function connectContracts(addresses: Addresses, runner: ContractRunner): Contracts {
  return {
    opg: OPG__factory.connect(addresses.opg, runner),
    nodeRegistry: NodeRegistry__factory.connect(addresses.nodeRegistry, runner),
    modelRegistry: ModelRegistry__factory.connect(addresses.modelRegistry, runner),
    teeRegistry: TeeRegistry__factory.connect(addresses.teeRegistry, runner),
    stakeHub: BondHub__factory.connect(addresses.stakeHub, runner),
    settlement: Settlement__factory.connect(addresses.settlement, runner),
    court: Court__factory.connect(addresses.court, runner),
    receiptVerifier: ReceiptVerifier__factory.connect(addresses.receiptVerifier, runner),
  };
}

/** Every custom error that our contracts can revert with, for decoding. */
export const errorInterfaces = [
  Settlement__factory,
  Court__factory,
  TeeRegistry__factory,
  NodeRegistry__factory,
  ModelRegistry__factory,
  BondHub__factory,
  OPG__factory,
  DevelopmentTeeVerifier__factory,
].map((factory) => factory.createInterface());
