import { AbiCoder, concat, keccak256, ZeroHash } from "ethers";

export type Contributor = { account: string; source: string; quality: number };

/** The tree of a contributors file as `contracts/registry/ContributorTree.sol` says, level by level, leaves first. */
export function contributorTree(entries: readonly Contributor[]): string[][] {
  const depth = Math.ceil(Math.log2(entries.length));
  const leaves = Array.from({ length: 2 ** depth }, (_, i) => {
    const entry = entries[i];
    return entry ? leafOf(i, entry) : ZeroHash;
  });
  const levels = [leaves];
  for (let below = leaves; below.length > 1; below = levels.at(-1) as string[]) {
    levels.push(Array.from({ length: below.length / 2 }, (_, i) => keccak256(concat(below.slice(2 * i, 2 * i + 2)))));
  }
  return levels;
}

export const contributorPath = (levels: readonly string[][], index: number) =>
  levels.slice(0, -1).map((level, up) => level[(index >> up) ^ 1] as string);

function leafOf(index: number, { account, source, quality }: Contributor): string {
  const types = ["uint32", "address", "bytes32", "uint32"];
  return keccak256(keccak256(AbiCoder.defaultAbiCoder().encode(types, [index, account, source, quality])));
}
