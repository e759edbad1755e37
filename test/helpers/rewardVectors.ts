import { id as hashOf } from "ethers";
import { toHex } from "../../src/core/hashing/hex.ts";
import { buildReceiptsTree, placedAt } from "../../src/rewards/receipts.ts";
import { commitmentOf, contentOf, NO_ROOT, rootDigest } from "../../src/rewards/root.ts";
import { buildSumTree, type Entry, emptyNode, leafHash, witnessOf } from "../../src/rewards/tree.ts";
import { accountOf, receiptsHashOf } from "./rewardEntries.ts";

/** The chain and the contract that the vectors are of. */
export const VECTOR_DOMAIN = { chainId: 31337n, rewards: `0x${"5e".repeat(20)}`, epoch: 7 };

const SIZES = [1, 2, 3, 4, 5, 8, 9, 33];

/** Accounts with amounts from one nano to 2^80 nano-wei, so that sums have leading zeros and none. */
export function vectorEntries(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    account: accountOf(i),
    cumulativeWei: 1_000_000_000n << BigInt((7 * i) % 48),
    receiptsHash: receiptsHashOf(accountOf(i), 7),
  }));
}

/** The golden vectors of reward trees, as the TypeScript side makes them. */
export function rewardVectors() {
  return {
    domain: { ...VECTOR_DOMAIN, chainId: String(VECTOR_DOMAIN.chainId) },
    emptyNodes: Array.from({ length: 4 }, (_, level) => toHex(emptyNode(level).hash)),
    trees: SIZES.map((size) => {
      const tree = buildSumTree(VECTOR_DOMAIN, vectorEntries(size));
      const receipts = buildReceiptsTree(tree.leaves.map(({ receiptsHash }) => receiptsHash));
      const content = contentOf(tree, receipts, hashOf("data"));
      return {
        leaves: size,
        root: tree.root,
        totalWei: String(tree.totalWei),
        commitment: commitmentOf(content),
        receiptsRoot: receipts.treeRoot,
        digest: rootDigest(VECTOR_DOMAIN, content, NO_ROOT),
        witnesses: [...new Set([0, size >> 1, size - 1])].map((index) => {
          const { leaf, proof } = witnessOf(tree, index);
          const hash = toHex(leafHash(VECTOR_DOMAIN, leaf));
          return { leaf: { ...leaf, cumulativeWei: String(leaf.cumulativeWei) }, hash, proof };
        }),
        placed: placedAt(receipts, size - 1),
      };
    }),
  };
}
