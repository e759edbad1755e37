import { getAddress, id, ZeroAddress } from "ethers";
import { InputError } from "../core/errors.ts";
import { fromHex, type Hex, toHex } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { U64_MAX, WEI_PER_NANO } from "../core/units.ts";

/** Where a tree counts: a leaf says all three. */
export type RewardDomain = { chainId: bigint; rewards: string; epoch: number };

/** What an account has earned since the beginning. */
export type Entry = {
  account: string;
  /** Whole nano. */
  cumulativeWei: bigint;
  /** 32 bytes: the hash of the receipts that it rests on. */
  receiptsHash: string;
};

/** As the contract takes it. */
export type Leaf = Entry & { index: number };

/** A node of the tree: its hash and the sum of the leaves under it. */
export type SumNode = { hash: Uint8Array; sumWei: bigint };

/** Level 0 is the leaves; right of a level's last node stand {@link emptyNode}s. */
export type SumTree = {
  domain: RewardDomain;
  leaves: readonly Leaf[];
  levels: readonly (readonly SumNode[])[];
  root: Hex;
  totalWei: bigint;
};

export type Witness = { leaf: Leaf; proof: Hex };

export const MAX_LEAVES = 2 ** 24;

/** Stands in a tree with nothing, so that there is one also when nobody has earned anything yet. */
export const NOBODY = ZeroAddress;

const LEAF_TYPEHASH = id(
  "RewardLeaf(uint256 chainId,address rewards,uint32 epoch,address account,uint96 cumulativeWei,uint32 index,bytes32 receiptsHash)",
);

/**
 * The tree of `contracts/rewards/SumTree.sol` over the entries, in whatever order they come. Throws when there are none or
 * too many, when an account comes twice, and when an amount is not positive, not of whole nano, or makes the sum reach 2^96. The
 * amount of {@link NOBODY} is 0.
 */
export function buildSumTree(domain: RewardDomain, entries: readonly Entry[]): SumTree {
  if (entries.length === 0 || entries.length > MAX_LEAVES) {
    throw new InputError(`A reward tree has 1 to ${MAX_LEAVES} leaves`, {
      code: "bad_reward_tree",
      facts: { leaves: entries.length },
    });
  }
  const sorted = entries
    .map((entry) => ({ ...entry, account: getAddress(entry.account.toLowerCase()) }))
    .sort((a, b) => (a.account.toLowerCase() < b.account.toLowerCase() ? -1 : 1));
  sorted.forEach((entry, i) => {
    checkEntry(entry, sorted[i - 1]);
  });
  const leaves = sorted.map((entry, index): Leaf => ({ ...entry, index }));
  return joinLeaves(domain, leaves);
}

/** The tree over leaves as they are, unchecked: tests build wrong trees with it. */
export function joinLeaves(domain: RewardDomain, leaves: readonly Leaf[]): SumTree {
  return joinNodes(
    domain,
    leaves,
    leaves.map((leaf) => ({ hash: leafHash(domain, leaf), sumWei: leaf.cumulativeWei })),
  );
}

/** The tree over nodes that stand for the leaves, unchecked. */
export function joinNodes(domain: RewardDomain, leaves: readonly Leaf[], nodes: readonly SumNode[]): SumTree {
  const levels: SumNode[][] = [[...nodes]];
  while ((levels.at(-1) as SumNode[]).length > 1)
    levels.push(levelAbove(levels.at(-1) as SumNode[], levels.length - 1));
  const [top] = levels.at(-1) as [SumNode];
  const { hash, sumWei } = top;
  if (sumWei >= 2n ** 96n) {
    throw new InputError("The sum of a reward tree is below 2^96", { code: "bad_reward_tree", facts: { sumWei } });
  }
  return { domain, leaves, levels, root: toHex(hash), totalWei: sumWei };
}

/** keccak256 twice, so that no inner node passes for a leaf. */
export function leafHash({ chainId, rewards, epoch }: RewardDomain, leaf: Leaf): Uint8Array {
  const { account, cumulativeWei, index, receiptsHash } = leaf;
  const words = [LEAF_TYPEHASH, chainId, rewards, epoch, account, cumulativeWei, index, receiptsHash];
  // As abi.encode does; the coder of ethers takes ten times as long.
  return keccak256(keccak256(fromHex(`0x${words.map(wordOf).join("")}`)));
}

/** keccak256(left sum ‖ left ‖ right sum ‖ right). */
export function joinPair(left: SumNode, right: SumNode): SumNode {
  const both = new Uint8Array(88);
  both.set(packNode(left));
  both.set(packNode(right), 44);
  return { hash: keccak256(both), sumWei: left.sumWei + right.sumWei };
}

/** The root of the empty subtree that is `level` levels high. */
export function emptyNode(level: number): SumNode {
  for (let next = emptyNodes.length; next <= level; next++) {
    const below = emptyNodes[next - 1] as SumNode;
    emptyNodes.push(joinPair(below, below));
  }
  return emptyNodes[level] as SumNode;
}
const emptyNodes: SumNode[] = [{ hash: new Uint8Array(32), sumWei: 0n }];

/** The siblings of a node from its level upwards, 44 bytes each. */
export function proofOf({ levels }: Pick<SumTree, "levels">, position: number, level = 0): Hex {
  const siblings = levels.slice(level, -1).map((nodes, up) => {
    const sibling = (position >> up) ^ 1;
    return packNode(nodes[sibling] ?? emptyNode(level + up));
  });
  return toHex(Buffer.concat(siblings));
}

/** A leaf with its path, as the contract takes it. */
export function witnessOf(tree: SumTree, index: number): Witness {
  const leaf = tree.leaves[index];
  if (!leaf) throw new RangeError(`The tree has ${tree.leaves.length} leaves, none at ${index}`);
  return { leaf, proof: proofOf(tree, index) };
}

/** The leaf of an account, or the position that it would have: that of the first account above it. */
export function findAccount({ leaves }: Pick<SumTree, "leaves">, account: string): { index: number; found: boolean } {
  const wanted = account.toLowerCase();
  let [low, high] = [0, leaves.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((leaves[middle] as Leaf).account.toLowerCase() < wanted) low = middle + 1;
    else high = middle;
  }
  return { index: low, found: leaves[low]?.account.toLowerCase() === wanted };
}

/** What shows that an account is not in the tree: the leaves beside its place, where there are any. */
export function neighboursOf(tree: SumTree, account: string): { gap: number; left?: Witness; right?: Witness } {
  const { index, found } = findAccount(tree, account);
  if (found) throw new InputError("The account is in the tree", { code: "account_present", facts: { account } });
  return {
    gap: index,
    ...(index > 0 && { left: witnessOf(tree, index - 1) }),
    ...(index < tree.leaves.length && { right: witnessOf(tree, index) }),
  };
}

function levelAbove(nodes: readonly SumNode[], level: number): SumNode[] {
  return Array.from({ length: Math.ceil(nodes.length / 2) }, (_, i) =>
    joinPair(nodes[2 * i] as SumNode, nodes[2 * i + 1] ?? emptyNode(level)),
  );
}

/** The sum in twelve bytes and the hash; of a higher sum the lowest twelve, as on the chain. */
function packNode({ hash, sumWei }: SumNode): Uint8Array {
  const packed = Buffer.alloc(44);
  packed.writeUInt32BE(Number((sumWei >> 64n) & 0xffff_ffffn), 0);
  packed.writeBigUInt64BE(sumWei & U64_MAX, 4);
  packed.set(hash, 12);
  return packed;
}

/** 32 bytes in hexadecimal digits, right-aligned. */
function wordOf(value: string | number | bigint): string {
  return (typeof value === "string" ? value.slice(2).toLowerCase() : value.toString(16)).padStart(64, "0");
}

function checkEntry({ account, cumulativeWei, receiptsHash }: Entry, before: Entry | undefined): void {
  const bad = (reason: string) =>
    new InputError(reason, { code: "bad_reward_entry", facts: { account, cumulativeWei } });
  if (before?.account === account) throw bad("An account comes twice");
  if (account === NOBODY) {
    if (cumulativeWei !== 0n) throw bad("The zero address gets no rewards");
  } else if (cumulativeWei <= 0n || cumulativeWei % WEI_PER_NANO !== 0n)
    throw bad("An amount is not positive whole nano");
  if (!/^0x[0-9a-f]{64}$/i.test(receiptsHash)) throw bad("A receipts hash is not 32 bytes");
}
