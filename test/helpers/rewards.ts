import {
  type BaseContract,
  type ContractTransactionResponse,
  id as hashOf,
  Signature,
  toBeHex,
  ZeroHash,
} from "ethers";
import { eventOf, mined } from "../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { buildReceiptsTree, type Placed, type ReceiptsTree } from "../../src/rewards/receipts.ts";
import { contentOf, type EpochRoot, rootTypedData, versionOf } from "../../src/rewards/root.ts";
import {
  buildSumTree,
  type Entry,
  type RewardDomain,
  type SumTree,
  type Witness,
  witnessOf,
} from "../../src/rewards/tree.ts";
import type { EpochRewards, OPG as Token } from "../../typechain-types/index.ts";
import type { PostingStruct } from "../../typechain-types/rewards/IEpochRewards.ts";
import { OPG, openEconomy, type VerifierActor } from "./economy.ts";
import { deployProtocol, type Protocol } from "./protocol.ts";

export const RESERVE = "0x00000000000000000000000000000000000beef1";
export const FUNDED = 1_000_000n * OPG; // in nano
export const WINDOW = 1_200;
export const GRACE = 600;
export const VERDICT_TIME = 12_000;
export const LEAST_WINDOW = 600;

export const PARAMETERS = {
  quorum: 2,
  challengeWindow: WINDOW,
  graceTime: GRACE,
  verdictTime: VERDICT_TIME,
  bondFloorNano: 100n * OPG,
  bondPpm: 20_000, // 2 %
  winnerPpm: 200_000, // 20 %
  winnerCapNano: 1_000n * OPG,
  lapsePpm: 100_000, // 10 %
};

export type Signer = Protocol["signers"][number];

export type RewardsWorld = Protocol & {
  rewards: EpochRewards;
  /** Owns an operator and has a deposit. */
  poster: Signer;
  /** Owns no operator and has a deposit. */
  rival: Signer;
  stranger: Signer;
  verifiers: VerifierActor[];
  posterOperator: number;
  chainId: bigint;
};

type Options = { token?: BaseContract; parameters?: Partial<typeof PARAMETERS> };

/** A protocol with three verifiers besides the poster's, and rewards that hold {FUNDED}. */
export async function openRewards(options: Options = {}): Promise<RewardsWorld> {
  const protocol = await deployProtocol();
  const { verifiers } = await openEconomy(protocol, { verifiers: 4 });
  return addRewards(protocol, verifiers, options);
}

/** Rewards on a protocol with verifiers, the first of them being the poster's. */
export async function addRewards(
  protocol: Protocol,
  verifiers: VerifierActor[],
  { token, parameters = {} }: Options = {},
): Promise<RewardsWorld> {
  const { contracts, signers, ethers } = protocol;
  const { chainId } = await ethers.provider.getNetwork();
  const [, , , poster] = signers as [Signer, Signer, Signer, Signer];
  const [rival, stranger] = [signers[10], signers[11]] as [Signer, Signer];
  const rewards = await deployRewards(protocol, token ?? contracts.opg, parameters);
  const [own] = verifiers as [VerifierActor];
  const coin = (token ?? contracts.opg) as unknown as Token;
  await mined(coin.transfer(rewards.target, FUNDED * WEI_PER_NANO));
  await mined(rewards.sync());
  for (const who of [poster, rival, signers[4] as Signer]) {
    await mined(coin.transfer(who.address, 100_000n * OPG * WEI_PER_NANO));
    await mined((coin.connect(who) as Token).approve(rewards.target, 2n ** 256n - 1n));
    await mined(rewards.connect(who).deposit(50_000n * OPG));
  }
  return {
    ...protocol,
    rewards,
    poster,
    rival,
    stranger,
    verifiers,
    posterOperator: own.operator,
    chainId,
  };
}

export async function deployRewards(
  { contracts, ethers, parameters: { times } }: Protocol,
  token: BaseContract,
  parameters: Partial<typeof PARAMETERS> = {},
  setup: object = {},
): Promise<EpochRewards> {
  const contract = await ethers.deployContract("EpochRewards", [
    {
      token: token.target,
      nodes: contracts.nodeRegistry.target,
      teeRegistry: contracts.teeRegistry.target,
      reserve: RESERVE,
      governance: contracts.timelock.target,
      parameterDelay: times.parameterDelay,
      leastWindow: LEAST_WINDOW,
      leastBondNano: OPG,
      parameters: { ...PARAMETERS, ...parameters },
      ...setup,
    },
  ]);
  return contract as unknown as EpochRewards;
}

export async function domainOf({ rewards, chainId }: Pick<RewardsWorld, "rewards" | "chainId">): Promise<RewardDomain> {
  const { epoch } = await rewards.getBooks();
  return { chainId, rewards: String(rewards.target), epoch: Number(epoch) + 1 };
}

export type Planned = { tree: SumTree; receipts: ReceiptsTree; content: EpochRoot };
export type Posted = Planned & { posting: PostingStruct; id: string };

/** The next root over entries, or over a tree that a test has bent. */
export async function planRoot(
  world: RewardsWorld,
  from: readonly Entry[] | SumTree,
  { receipts, change = {} }: { receipts?: ReceiptsTree; change?: Partial<EpochRoot> } = {},
): Promise<Planned> {
  const tree = "levels" in from ? from : buildSumTree(await domainOf(world), from);
  const hashes = receipts ?? buildReceiptsTree(tree.leaves.map(({ receiptsHash }) => receiptsHash));
  return { tree, receipts: hashes, content: { ...contentOf(tree, hashes, hashOf("data")), ...change } };
}

/** Of a root, by these verifiers, packed as the contract takes them. */
export async function signRoot(world: RewardsWorld, content: EpochRoot, signers = quorumOf(world)): Promise<string> {
  const { rewards, chainId } = world;
  const { commitment } = await rewards.getActive();
  const { domain, types, message } = rootTypedData({ chainId, rewards: String(rewards.target) }, content, commitment);
  const sorted = [...signers].sort((a, b) => a.operator - b.operator);
  const signatures = await Promise.all(sorted.map(({ key }) => key.signTypedData(domain, types, message)));
  return `0x${signatures.map((signature) => Signature.from(signature).compactSerialized.slice(2)).join("")}`;
}

/** Two verifiers that are not of the poster's operator. */
export const quorumOf = ({ verifiers }: RewardsWorld) => verifiers.slice(1, 3);

export async function postRoot(world: RewardsWorld, planned: Planned, from = world.poster): Promise<Posted> {
  return postedIn(world, planned, world.rewards.connect(from).post(planned.content));
}

/** The posting that a transaction made. */
export async function postedIn(
  { rewards }: Pick<RewardsWorld, "rewards">,
  planned: Planned,
  sent: Promise<ContractTransactionResponse>,
): Promise<Posted> {
  const { args } = eventOf(await mined(sent), rewards, "Posted");
  return { ...planned, posting: args.posting.toObject(true), id: args.id };
}

export async function attestRoot(world: RewardsWorld, posted: Posted): Promise<void> {
  await mined(world.rewards.attest(posted.posting, await signRoot(world, posted.content)));
}

/** Waits out the window and activates. */
export async function activateRoot(world: RewardsWorld, posted: Posted): Promise<void> {
  const signatures = await signRoot(world, posted.content);
  const { activeFrom } = await world.rewards.getPending();
  const now = BigInt(await world.networkHelpers.time.latest());
  if (now + 1n < activeFrom) await world.networkHelpers.time.increaseTo(activeFrom - 1n);
  await mined(world.rewards.activate(posted.posting, signatures));
}

/** A root from its posting to its activity. */
export async function runRoot(world: RewardsWorld, from: readonly Entry[] | SumTree): Promise<Posted> {
  const posted = await postRoot(world, await planRoot(world, from));
  await attestRoot(world, posted);
  await activateRoot(world, posted);
  return posted;
}

/** The arguments of `claim` for an account. */
export function claimOf({ tree }: Pick<Posted, "tree">, account: string) {
  const index = tree.leaves.findIndex((leaf) => leaf.account.toLowerCase() === account.toLowerCase());
  const { leaf, proof } = witnessOf(tree, index);
  return [versionOf({ epoch: tree.domain.epoch, leafCount: tree.leaves.length }), leaf, proof] as const;
}

/** An account of a former root, as refutations take it. */
export function formerOf({ tree }: Pick<Posted, "tree">, account: string) {
  const [version, leaf, proof] = claimOf({ tree }, account);
  return { version, witness: { leaf, proof } };
}

export const NO_WITNESS: Witness = {
  leaf: { account: `0x${"00".repeat(20)}`, cumulativeWei: 0n, index: 0, receiptsHash: ZeroHash },
  proof: "0x",
};

export const NO_PLACE: Placed = { hash: toBeHex(0, 32), index: 0, path: [] };

/** The contract's money, and that it holds what its books say. */
export async function checkBooks(
  { rewards, contracts }: Pick<RewardsWorld, "rewards" | "contracts">,
  token?: BaseContract,
) {
  const [books, { paidNano }] = await Promise.all([rewards.getBooks(), rewards.getActive()]);
  const coin = (token ?? contracts.opg) as unknown as Token;
  const balanceWei = await coin.balanceOf(rewards.target);
  const bookedWei = (books.fundedNano + books.heldNano - paidNano) * WEI_PER_NANO;
  const lawful = paidNano <= books.promisedNano && books.promisedNano <= books.fundedNano && bookedWei <= balanceWei;
  if (!lawful) throw new Error(`Books broken: paid ${paidNano}, ${books}, balance ${balanceWei}, booked ${bookedWei}`);
  const { fundedNano, promisedNano, heldNano, epoch } = books;
  return { fundedNano, promisedNano, heldNano, epoch, paidNano, balanceWei };
}
