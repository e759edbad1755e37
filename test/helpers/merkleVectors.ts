import { type Hex, toHex } from "../../src/core/hashing/hex.ts";
import { encodeTree, sizesHash } from "../../src/core/protocol/batch.ts";
import { settlementDomain } from "../../src/core/protocol/domain.ts";
import { buildTree, merklePath } from "../../src/core/protocol/merkle.ts";
import { leafHasher } from "../../src/core/protocol/receipt.ts";
import { receiptsOf } from "./receipts.ts";

export type MerkleVectors = {
  domain: { chainId: string; settlement: string; separator: Hex };
  /** The nine words of the first receipts and their leaves. */
  receipts: { words: Hex; leaf: Hex }[];
  /** One tree over the leaves of that many receipts. */
  trees: { leaves: number; root: Hex; paths: { index: number; path: Hex[] }[] }[];
  /** A tree over windows of these sizes, as a batch has it. `data` is keccak256 of the sizes. */
  batches: { windows: number[]; root: Hex; data: Hex }[];
};

const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 1_025];
const WINDOWS = [[1], [2], [1, 1], [3], [2, 1], [1, 2, 3], [5, 1, 4, 1, 2], [512, 512, 1], [1_025]];

/** The golden vectors of receipts, leaves and trees, as the TypeScript side makes them. */
export function merkleVectors(): MerkleVectors {
  const domain = settlementDomain(31337n, `0x${"5e".repeat(20)}`);
  const hasher = leafHasher(domain);
  const receipts = receiptsOf(1, Math.max(...SIZES));
  const leaves = receipts.map((receipt) => hasher.ofEncoded(receipt));
  return {
    domain: { chainId: String(domain.chainId), settlement: domain.settlement, separator: toHex(domain.separator) },
    receipts: receipts
      .slice(0, 3)
      .map((receipt, i) => ({ words: toHex(receipt), leaf: toHex(leaves[i] as Uint8Array) })),
    trees: SIZES.map((size) => {
      const tree = buildTree(leaves.slice(0, size));
      const indices = [...new Set([0, size >> 1, size - 1])];
      const paths = indices.map((index) => ({ index, path: merklePath(tree, index).map(toHex) }));
      return { leaves: size, root: toHex(tree.root), paths };
    }),
    batches: WINDOWS.map((windows) => {
      const split = splitBy(leaves, windows);
      const { root } = buildTree(split.map((window) => buildTree(window).root));
      return { windows, root: toHex(root), data: toHex(sizesHash(encodeTree(split))) };
    }),
  };
}

/** The first leaves, in windows of these sizes. */
export function splitBy(leaves: readonly Uint8Array[], sizes: readonly number[]): Uint8Array[][] {
  let from = 0;
  return sizes.map((size) => {
    from += size;
    return leaves.slice(from - size, from);
  });
}
