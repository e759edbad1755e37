import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { network } from "hardhat";
import { fromHex, toHex } from "../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../src/core/hashing/keccak.ts";
import { encodeTree, sizesHash } from "../../../src/core/protocol/batch.ts";
import { buildTree, merklePath } from "../../../src/core/protocol/merkle.ts";
import { leafHasher, receiptStruct } from "../../../src/core/protocol/receipt.ts";
import type { MerkleBatchHarness, MessagesHarness } from "../../../typechain-types/index.ts";
import { type MerkleVectors, merkleVectors, splitBy } from "../../helpers/merkleVectors.ts";
import { seededRandom } from "../../helpers/random.ts";
import { receiptsOf } from "../../helpers/receipts.ts";

/*
MerkleBatch
├── when the tree is too short, too long, of no windows, or has an empty window: reverts
├── when it is whole: root, count and hash of the sizes
│  ├── as TypeScript has them, for any windows
│  └── as the golden vectors have them
└── every leaf of it has a proof that leads to that root
*/
describe("MerkleBatch", () => {
  let harness: MerkleBatchHarness;
  let messages: MessagesHarness;
  let golden: MerkleVectors;
  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("MerkleBatchHarness");
    messages = await ethers.deployContract("MessagesHarness");
    golden = JSON.parse(await readFile(new URL("../../vectors/merkle.json", import.meta.url), "utf8"));
  });

  const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => keccak256(Buffer.from(`leaf ${i}`)));
  const rootOf = async (tree: Uint8Array) => [...(await harness.rootOf(toHex(tree)))];

  describe("refuses a tree", () => {
    const [a, b, c] = leavesOf(3) as [Uint8Array, Uint8Array, Uint8Array];
    const tree = encodeTree([[a, b], [c]]); // 2 + 2 * 2 + 3 * 32 bytes
    const cases: [string, Uint8Array, string, number[]][] = [
      ["of nothing", tree.slice(0, 0), "MerkleBatch_WrongLength", [0, 2]],
      ["of one byte", tree.slice(0, 1), "MerkleBatch_WrongLength", [1, 2]],
      ["of no windows", new Uint8Array(2), "MerkleBatch_WrongLength", [2, 2]],
      ["of no windows and a rest", new Uint8Array(34), "MerkleBatch_WrongLength", [34, 2]],
      ["without its last size", tree.slice(0, 5), "MerkleBatch_WrongLength", [5, 6]],
      ["of sizes without leaves", tree.slice(0, 6), "MerkleBatch_WrongLength", [6, 70]],
      ["without its last leaf", tree.slice(0, 70), "MerkleBatch_WrongLength", [70, 102]],
      ["without its last byte", tree.slice(0, -1), "MerkleBatch_WrongLength", [101, 102]],
      ["with a byte more", Buffer.concat([tree, new Uint8Array(1)]), "MerkleBatch_WrongLength", [103, 102]],
      ["with a leaf more", Buffer.concat([tree, a]), "MerkleBatch_WrongLength", [134, 102]],
      ["of 65,535 windows that are not there", fromHex("0xffff"), "MerkleBatch_WrongLength", [2, 131_072]],
      ["with a first window that is empty", encodeTree([[], [a]]), "MerkleBatch_EmptyWindow", [0]],
      ["with a last window that is empty", encodeTree([[a], []]), "MerkleBatch_EmptyWindow", [1]],
    ];
    for (const [what, bad, error, args] of cases) {
      it(what, async () => {
        await expect(harness.rootOf(toHex(bad)))
          .to.be.revertedWithCustomError(harness, error)
          .withArgs(...args);
      });
    }
  });

  describe("reads a tree", () => {
    it("of one window with any number of leaves up to 40", async () => {
      const leaves = leavesOf(40);
      for (let count = 1; count <= leaves.length; count++) {
        const tree = encodeTree([leaves.slice(0, count)]);
        const { root } = buildTree(leaves.slice(0, count));
        expect(await rootOf(tree)).to.deep.equal([toHex(root), BigInt(count), toHex(sizesHash(tree))]);
      }
    });

    it("of any windows", async () => {
      const random = seededRandom(7);
      for (let round = 0; round < 40; round++) {
        const sizes = Array.from({ length: 1 + random(12) }, () => 1 + random(9));
        const windows = splitBy(leavesOf(108), sizes);
        const tree = encodeTree(windows);
        const { root } = buildTree(windows.map((leaves) => buildTree(leaves).root));
        const count = sizes.reduce((sum, size) => sum + size, 0);
        expect(await rootOf(tree)).to.deep.equal([toHex(root), BigInt(count), toHex(sizesHash(tree))]);
      }
    });
  });

  it("proves each leaf of each tree, and no leaf with the path of another", async () => {
    for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 17]) {
      const leaves = leavesOf(count);
      const tree = buildTree(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = merklePath(tree, index).map(toHex);
        expect(await harness.processProof(path, toHex(leaf))).to.equal(toHex(tree.root));
        if (count === 1) continue; // there is no other leaf
        const other = leaves[(index + 1) % count] as Uint8Array;
        expect(await harness.processProof(path, toHex(other))).not.to.equal(toHex(tree.root));
      }
    }
  });

  describe("golden vectors", () => {
    it("are what TypeScript makes", () => {
      expect(merkleVectors()).to.deep.equal(golden);
    });

    it("have the leaves that the contracts make of the receipts", async () => {
      expect(golden.receipts.length).to.equal(3);
      for (const { words, leaf } of golden.receipts) {
        const struct = receiptStruct(fromHex(words, 288));
        expect(await messages.leaf(golden.domain.separator, struct)).to.equal(leaf);
      }
    });

    it("have the roots that the contracts recompute, and paths that they accept", async () => {
      const separator = fromHex(golden.domain.separator, 32);
      const hasher = leafHasher({ chainId: 0n, settlement: "", separator });
      const leaves = receiptsOf(1, 1_025).map((receipt) => hasher.ofEncoded(receipt));
      expect(leaves.slice(0, 3).map(toHex)).to.deep.equal(golden.receipts.map(({ leaf }) => leaf));
      for (const { leaves: count, root, paths } of golden.trees) {
        expect((await rootOf(encodeTree([leaves.slice(0, count)]))).slice(0, 2)).to.deep.equal([root, BigInt(count)]);
        for (const { index, path } of paths) {
          expect(await harness.processProof(path, toHex(leaves[index] as Uint8Array))).to.equal(root);
        }
      }
      for (const { windows, root, data } of golden.batches) {
        const [recomputed, , sizes] = await rootOf(encodeTree(splitBy(leaves, windows)));
        expect([recomputed, sizes]).to.deep.equal([root, data]);
      }
      expect(golden.trees.map((tree) => tree.leaves)).to.include.members([1, 2, 3, 1_025]);
    });
  });
});
