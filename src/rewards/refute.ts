import { ZeroAddress } from "ethers";
import { toHex, ZERO32 } from "../core/hashing/hex.ts";
import { WEI_PER_NANO } from "../core/units.ts";
import { hashNeighbours, type Placed, type ReceiptsTree } from "./receipts.ts";
import { type EpochRoot, versionOf } from "./root.ts";
import {
  emptyNode,
  findAccount,
  joinPair,
  type Leaf,
  leafHash,
  neighboursOf,
  proofOf,
  type SumNode,
  type SumTree,
  type Witness,
  witnessOf,
} from "./tree.ts";

/** A call of the rewards contract that removes a wrong root, less the posting that comes first. */
export type Refutation = {
  function:
    | "refuteOrder"
    | "refuteOmission"
    | "refuteDecrease"
    | "refuteNode"
    | "refuteLeaf"
    | "refutePadding"
    | "refuteReceipts";
  /** Which account or place is wrong, in words. */
  because: string;
  args: unknown[];
};

/** What is known of a wrong root: its tree as it stands, and its receipts where they are known. */
export type Suspect = {
  content: Pick<EpochRoot, "epoch" | "leafCount" | "root" | "totalWei" | "receiptsRoot">;
  tree: SumTree;
  receipts?: ReceiptsTree | undefined;
};

const NO_WITNESS: Witness = {
  leaf: { account: ZeroAddress, cumulativeWei: 0n, index: 0, receiptsHash: toHex(ZERO32) },
  proof: "0x",
};
const NO_PLACE: Placed = { hash: toHex(ZERO32), index: 0, path: [] };

/**
 * A fault of a posted root that the contract sees by itself; undefined where there is none, also when the tree is another than
 * the posted root's, so that nothing in it can be shown. `former` is the active root's.
 */
export function findRefutation(suspect: Suspect, former: SumTree | undefined): Refutation | undefined {
  const { content, tree } = suspect;
  if (tree.root !== content.root || tree.totalWei !== content.totalWei) return undefined;
  return (
    shapeFault(suspect) ??
    sumFault(tree) ??
    orderFault(tree) ??
    (former && (decrease(tree, former) ?? omission(tree, former))) ??
    receiptsFault(suspect)
  );
}

/** Something at a place at the bottom that is not the leaf that belongs there. */
function shapeFault({ content, tree }: Suspect): Refutation | undefined {
  const [bottom] = tree.levels as [readonly SumNode[]];
  const width = 2 ** (tree.levels.length - 1);
  for (let position = 0; position < width; position++) {
    const node = bottom[position] ?? emptyNode(0);
    const empty = node.hash.every((byte) => byte === 0);
    const wrong = position < content.leafCount ? empty : !empty || node.sumWei !== 0n;
    if (wrong) {
      const args = [position, toHex(node.hash), node.sumWei, proofOf(tree, position)];
      return { function: "refutePadding", because: `place ${position} of ${content.leafCount} leaves`, args };
    }
    // Where both are empty, so is all behind.
    if (position >= bottom.length && position >= content.leafCount) break;
    const leaf = tree.leaves[position];
    if (!leaf || empty || toHex(node.hash) !== toHex(leafHash(tree.domain, leaf))) continue;
    const fraction = leaf.cumulativeWei % WEI_PER_NANO !== 0n;
    if (fraction || leaf.index !== position || leaf.cumulativeWei !== node.sumWei) {
      const args = [0, position, leaf, node.sumWei, proofOf(tree, position)];
      return { function: "refuteLeaf", because: `the leaf of ${leaf.account}`, args };
    }
  }
  return undefined;
}

/** A node whose children do not add up to it. */
function sumFault(tree: SumTree): Refutation | undefined {
  for (let level = 1; level < tree.levels.length; level++) {
    const below = tree.levels[level - 1] as readonly SumNode[];
    for (const [position, stated] of (tree.levels[level] as readonly SumNode[]).entries()) {
      const left = below[2 * position] ?? emptyNode(level - 1);
      const right = below[2 * position + 1] ?? emptyNode(level - 1);
      const { sumWei, hash } = joinPair(left, right);
      if (toHex(hash) !== toHex(stated.hash) || sumWei === stated.sumWei) continue;
      const node = {
        leftSumWei: left.sumWei,
        left: toHex(left.hash),
        rightSumWei: right.sumWei,
        right: toHex(right.hash),
      };
      const args = [level, position, node, stated.sumWei, proofOf(tree, position, level)];
      return { function: "refuteNode", because: `node ${position} of level ${level}`, args };
    }
  }
  return undefined;
}

function orderFault(tree: SumTree): Refutation | undefined {
  const index = tree.leaves.findIndex((leaf, i) => i > 0 && lower(tree.leaves[i - 1] as Leaf) >= lower(leaf));
  if (index === -1) return undefined;
  const args = [witnessOf(tree, index - 1), witnessOf(tree, index)];
  return { function: "refuteOrder", because: `${tree.leaves[index]?.account} at ${index}`, args };
}

function decrease(tree: SumTree, former: SumTree): Refutation | undefined {
  for (const leaf of former.leaves) {
    const { found, index } = findAccount(tree, leaf.account);
    if (!found || (tree.leaves[index] as Leaf).cumulativeWei >= leaf.cumulativeWei) continue;
    const args = [formerWitness(former, leaf), witnessOf(tree, index)];
    return { function: "refuteDecrease", because: leaf.account, args };
  }
  return undefined;
}

function omission(tree: SumTree, former: SumTree): Refutation | undefined {
  const leaf = former.leaves.find(({ account }) => !findAccount(tree, account).found);
  if (!leaf) return undefined;
  const { gap, left = NO_WITNESS, right = NO_WITNESS } = neighboursOf(tree, leaf.account);
  return {
    function: "refuteOmission",
    because: leaf.account,
    args: [formerWitness(former, leaf), gap, left, right],
  };
}

function receiptsFault({ content, tree, receipts }: Suspect): Refutation | undefined {
  if (receipts?.treeRoot !== content.receiptsRoot) return undefined;
  const known = new Set(receipts.hashes);
  const leaf = tree.leaves.find(({ receiptsHash }) => !known.has(receiptsHash.toLowerCase()));
  if (!leaf) return undefined;
  const { gap, left = NO_PLACE, right = NO_PLACE } = hashNeighbours(receipts, leaf.receiptsHash);
  const args = [witnessOf(tree, leaf.index), receipts.hashes.length, gap, left, right];
  return { function: "refuteReceipts", because: leaf.account, args };
}

function formerWitness(former: SumTree, leaf: Leaf) {
  const version = versionOf({ epoch: former.domain.epoch, leafCount: former.leaves.length });
  return { version, witness: witnessOf(former, leaf.index) };
}

const lower = ({ account }: Leaf) => account.toLowerCase();
