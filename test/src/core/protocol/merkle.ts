import { expect } from "chai";
import { concat, keccak256 } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import {
  buildTree,
  hashPair,
  MAX_PATH,
  merklePath,
  rootOfPath,
  splitLeaves,
} from "../../../../src/core/protocol/merkle.ts";
import { failure } from "../../../helpers/failure.ts";
import { word } from "../../../helpers/samples.ts";

/*
merkle
├── hashPair: keccak256 of the two, the smaller first
├── buildTree
│  ├── for every size of 1 to 70: the root of a plain recursive twin, and every leaf's path leads to it
│  ├── a path fits no other leaf, nor another place
│  └── when there is no leaf: an error
└── splitLeaves: 32 bytes each
*/
describe("merkle", () => {
  const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => sha256(`leaf ${i}`));
  const pairOf = (a: string, b: string) => keccak256(BigInt(a) < BigInt(b) ? concat([a, b]) : concat([b, a]));

  /** A plain twin: level by level, over hex. */
  function rootOf(level: string[]): string {
    if (level.length === 1) return level[0] as string;
    const next: string[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [a, b] = [level[i] as string, level[i + 1]];
      next.push(b === undefined ? a : pairOf(a, b));
    }
    return rootOf(next);
  }

  it("hashPair sorts, by the first byte as by the last", () => {
    const last = word(1);
    last[31] = 2;
    for (const [a, b] of [
      [word(1), word(2)],
      [word(1), last],
      [word(0x7f), word(0x80)],
      [word(3), word(3)],
    ] as const) {
      expect(toHex(hashPair(a, b))).to.equal(pairOf(toHex(a), toHex(b)));
      expect(toHex(hashPair(b, a))).to.equal(toHex(hashPair(a, b)));
    }
  });

  for (let count = 1; count <= 70; count++) {
    it(`${count} leaves: the twin's root, and every path leads there`, () => {
      const leaves = leavesOf(count);
      const tree = buildTree(leaves);
      expect(toHex(tree.root)).to.equal(rootOf(leaves.map(toHex)));
      leaves.forEach((leaf, i) => {
        const path = merklePath(tree, i);
        expect(path.length).to.be.at.most(Math.ceil(Math.log2(count)));
        expect(toHex(rootOfPath(leaf, path))).to.equal(toHex(tree.root));
        expect(toHex(rootOfPath(leaves[(i + 1) % count] as Uint8Array, path)) === toHex(tree.root)).to.equal(
          count === 1,
        );
      });
    });
  }

  for (const [count, longest] of [
    [1, 0],
    [2, 1],
    [3, 2],
    [1024, 10],
    [1025, 11],
    [16_384, 14],
  ] as const) {
    it(`paths of ${count} leaves are at most ${longest} long, of the last leaf as long as its promotions leave`, () => {
      const tree = buildTree(leavesOf(count));
      expect(merklePath(tree, 0).length).to.equal(longest);
      expect(longest).to.be.at.most(MAX_PATH);
      const last = leavesOf(count).at(-1) as Uint8Array;
      expect(toHex(rootOfPath(last, merklePath(tree, count - 1)))).to.equal(toHex(tree.root));
    });
  }

  it("moves an odd leaf up as it is", () => {
    const tree = buildTree(leavesOf(1025));
    expect(merklePath(tree, 1024).length).to.equal(1);
  });

  it("does not touch the leaves, and gives another root in another order of pairs", () => {
    const leaves = leavesOf(4);
    const before = leaves.map(toHex);
    const [a, b, c, d] = leaves as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const { root } = buildTree(leaves);
    expect(leaves.map(toHex)).to.deep.equal(before);
    expect(toHex(buildTree([b, a, d, c]).root)).to.equal(toHex(root));
    expect(toHex(buildTree([a, c, b, d]).root)).not.to.equal(toHex(root));
  });

  it("refuses no leaves", async () => expect(await failure(() => buildTree([]))).to.be.instanceOf(RangeError));

  it("splitLeaves is 32 bytes each", () => {
    expect(splitLeaves(Buffer.concat([word(1), word(2)])).map(toHex)).to.deep.equal([word(1), word(2)].map(toHex));
    expect(splitLeaves(new Uint8Array())).to.deep.equal([]);
  });
});
