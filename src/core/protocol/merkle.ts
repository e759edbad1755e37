import { keccak256 } from "../hashing/keccak.ts";

/** Window path and batch path together are at most this long. */
export const MAX_PATH = 40;

/** A tree over 32-byte leaves: pairs are sorted, an odd node moves up as it is. Level 0 is the leaves. */
export type MerkleTree = { levels: readonly (readonly Uint8Array[])[]; root: Uint8Array };

const pair = new Uint8Array(64);

/** keccak256 of the two nodes, the smaller first. */
export function hashPair(a: Uint8Array, b: Uint8Array): Uint8Array {
  const sorted = isBelow(a, b);
  pair.set(sorted ? a : b);
  pair.set(sorted ? b : a, 32);
  return keccak256(pair);
}

/** Hashes differ in their first bytes: a loop is faster than a call out of JavaScript. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    if (a[i] !== b[i]) return (a[i] as number) < (b[i] as number);
  }
  return false;
}

/** Throws on no leaves. */
export function buildTree(leaves: readonly Uint8Array[]): MerkleTree {
  if (leaves.length === 0) throw new RangeError("A tree needs at least one leaf");
  const levels: Uint8Array[][] = [[...leaves]];
  for (let level = levels[0] as Uint8Array[]; level.length > 1; level = levels.at(-1) as Uint8Array[]) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      next.push(hashPair(level[i] as Uint8Array, level[i + 1] as Uint8Array));
    }
    if (level.length % 2 === 1) next.push(level.at(-1) as Uint8Array);
    levels.push(next);
  }
  return { levels, root: (levels.at(-1) as Uint8Array[])[0] as Uint8Array };
}

/** Siblings from leaf `index` up to the root. */
export function merklePath(tree: MerkleTree, index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let position = index;
  for (const level of tree.levels.slice(0, -1)) {
    const sibling = level[position ^ 1];
    if (sibling) path.push(sibling);
    position >>= 1;
  }
  return path;
}

/** The root that `leaf` leads to along `path`. */
export function rootOfPath(leaf: Uint8Array, path: readonly Uint8Array[]): Uint8Array {
  return path.reduce(hashPair, leaf);
}

/** Leaf hashes that were joined into one value, 32 bytes each. */
export function splitLeaves(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: joined.length / 32 }, (_, i) => joined.slice(32 * i, 32 * i + 32));
}
