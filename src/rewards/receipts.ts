import { AbiCoder, getBytes } from "ethers";
import { InputError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";

/** A hash at its position, as the contract takes it. */
export type Placed = { hash: string; index: number; path: Hex[] };

/** The tree of `contracts/rewards/SortedTree.sol`. `treeRoot` binds the count too. */
export type ReceiptsTree = {
  hashes: readonly string[];
  levels: readonly (readonly Uint8Array[])[];
  treeRoot: Hex;
};

const coder = AbiCoder.defaultAbiCoder();

/** The tree over the hashes, whatever their order; one that comes twice counts once. Throws when there are none. */
export function buildReceiptsTree(hashes: readonly string[]): ReceiptsTree {
  return joinHashes([...new Set(hashes.map((hash) => hash.toLowerCase()))].sort());
}

/** The tree over hashes as they are, unchecked. */
export function joinHashes(hashes: readonly string[]): ReceiptsTree {
  if (hashes.length === 0) throw new InputError("A receipts tree has at least one hash", { code: "no_receipts" });
  const leaves = hashes.map((hash, i) => keccak256(keccak256(encode(["uint256", "bytes32"], [i, hash]))));
  const levels: Uint8Array[][] = [leaves];
  const empty: Uint8Array[] = [new Uint8Array(32)];
  while ((levels.at(-1) as Uint8Array[]).length > 1) {
    const below = levels.at(-1) as Uint8Array[];
    const nothing = empty.at(-1) as Uint8Array;
    levels.push(
      Array.from({ length: Math.ceil(below.length / 2) }, (_, i) =>
        joinPair(below[2 * i] as Uint8Array, below[2 * i + 1] ?? nothing),
      ),
    );
    empty.push(joinPair(nothing, nothing));
  }
  const [root] = levels.at(-1) as [Uint8Array];
  return { hashes, levels, treeRoot: toHex(keccak256(encode(["uint256", "bytes32"], [hashes.length, root]))) };
}

/** A hash of the tree with its path. */
export function placedAt({ hashes, levels }: ReceiptsTree, index: number): Placed {
  const hash = hashes[index];
  if (hash === undefined) throw new RangeError(`The tree has ${hashes.length} hashes, none at ${index}`);
  let nothing: Uint8Array = new Uint8Array(32);
  const path = levels.slice(0, -1).map((nodes, level) => {
    const sibling = nodes[(index >> level) ^ 1] ?? nothing;
    nothing = joinPair(nothing, nothing);
    return toHex(sibling);
  });
  return { hash, index, path };
}

/** What shows that a hash is not in the tree: the hashes beside its place, where there are any. */
export function hashNeighbours(tree: ReceiptsTree, hash: string): { gap: number; left?: Placed; right?: Placed } {
  const wanted = hash.toLowerCase();
  if (tree.hashes.includes(wanted)) {
    throw new InputError("The hash is in the tree", { code: "hash_present", facts: { hash } });
  }
  const above = tree.hashes.findIndex((other) => other > wanted);
  const gap = above === -1 ? tree.hashes.length : above;
  return {
    gap,
    ...(gap > 0 && { left: placedAt(tree, gap - 1) }),
    ...(gap < tree.hashes.length && { right: placedAt(tree, gap) }),
  };
}

function joinPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(64);
  both.set(left);
  both.set(right, 32);
  return keccak256(both);
}

const encode = (types: string[], values: unknown[]) => getBytes(coder.encode(types, values));
