import type { Interface } from "ethers";
import { DatasetRegistry__factory } from "../../../typechain-types/factories/registry/DatasetRegistry__factory.ts";
import { ModelRegistry__factory } from "../../../typechain-types/factories/registry/ModelRegistry__factory.ts";
import { NodeRegistry__factory } from "../../../typechain-types/factories/registry/NodeRegistry__factory.ts";
import { EpochRewards__factory } from "../../../typechain-types/factories/rewards/EpochRewards__factory.ts";
import { RewardPolicy__factory } from "../../../typechain-types/factories/rewards/RewardPolicy__factory.ts";
import { StakePurses__factory } from "../../../typechain-types/factories/rewards/StakePurses__factory.ts";
import { Court__factory } from "../../../typechain-types/factories/settlement/Court__factory.ts";
import { Settlement__factory } from "../../../typechain-types/factories/settlement/Settlement__factory.ts";
import { IStakeHub__factory } from "../../../typechain-types/factories/staking/IStakeHub__factory.ts";
import type { Addresses } from "../../core/chain/contracts.ts";
import { addressesOf, type Deployment } from "../../core/chain/deployment.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { type Domain, settlementDomain } from "../../core/protocol/domain.ts";
import { type BlockFinder, createBlockFinder } from "../../vesting/blocks.ts";
import { type Block, blockAt, headOf, type Rpc, view } from "../../vesting/rpc.ts";
import type { FileFinder } from "./files.ts";

export const ABI = {
  epochRewards: EpochRewards__factory.createInterface(),
  rewardPolicy: RewardPolicy__factory.createInterface(),
  stakePurses: StakePurses__factory.createInterface(),
  datasetRegistry: DatasetRegistry__factory.createInterface(),
  nodeRegistry: NodeRegistry__factory.createInterface(),
  modelRegistry: ModelRegistry__factory.createInterface(),
  settlement: Settlement__factory.createInterface(),
  court: Court__factory.createInterface(),
  stakeHub: IStakeHub__factory.createInterface(),
} satisfies Partial<Record<keyof Addresses, Interface>>;

/** What an epoch is read from: one deployment, as one RPC has it, up to one block. */
export type EpochReader = {
  rpc: Rpc;
  deployment: Deployment;
  addresses: Addresses;
  domain: Domain;
  /** The newest block that counts as settled. */
  head: Block;
  blocks: BlockFinder;
  files: FileFinder;
  logger: Logger;
};

export type ReaderOptions = {
  rpc: Rpc;
  deployment: Deployment;
  files: FileFinder;
  /** Blocks on top of those that are read; 1 reads up to the newest. */
  confirmations: number;
  logger: Logger;
};

/** Fixes the block up to which everything is read, so that all of it is of one chain. */
export async function openReader({
  rpc,
  deployment,
  files,
  confirmations,
  logger,
}: ReaderOptions): Promise<EpochReader> {
  const newest = await headOf(rpc);
  const number = newest.number - (confirmations - 1);
  if (number < 0) {
    throw new UnavailableError("The chain is shorter than the confirmations asked for", {
      code: "not_confirmed",
      facts: { block: newest.number, confirmations },
    });
  }
  const head = confirmations > 1 ? await blockAt(rpc, number) : newest;
  return {
    rpc,
    deployment,
    addresses: addressesOf(deployment),
    domain: settlementDomain(BigInt(deployment.chainId), deployment.contracts.settlement.address),
    head,
    blocks: createBlockFinder(rpc, head),
    files,
    logger,
  };
}

/** A view of a contract of the deployment at a block. */
export function read(reader: EpochReader, contract: keyof typeof ABI, name: string, args: unknown[], block: Block) {
  return view(reader.rpc, ABI[contract], reader.addresses[contract], name, args, block);
}

const AT_ONCE = 16;

/** Results in the order of `items`; so many asked for at once that an endpoint is neither idle nor flooded. */
export async function mapSome<T, R>(items: readonly T[], ask: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map((item, i) => ask(item, from + i)))));
  }
  return results;
}
