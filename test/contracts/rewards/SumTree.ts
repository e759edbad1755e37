import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { buildReceiptsTree, placedAt } from "../../../src/rewards/receipts.ts";
import { commitmentOf, versionOf } from "../../../src/rewards/root.ts";
import { buildSumTree, joinPair, leafHash, proofOf, type SumNode, witnessOf } from "../../../src/rewards/tree.ts";
import type { RewardTreesHarness } from "../../../typechain-types/index.ts";
import { seededRandom } from "../../helpers/random.ts";
import { accountOf, receiptsHashOf } from "../../helpers/rewardEntries.ts";
import { rewardVectors, VECTOR_DOMAIN, vectorEntries } from "../../helpers/rewardVectors.ts";

/*
SumTree, SortedTree
├── golden vectors: leaves, roots, totals, commitments and paths of trees of 1 to 33 leaves (case 55)
├── 60 random trees: both sides agree on every leaf; with and without assembly
├── sums: the sum of the leaves, to the wei (case 12)
├── shape
│  ├── one leaf: an empty proof (case 48)
│  ├── an index beyond the count: SumTree_IndexTooHigh (case 49)
│  └── a proof that is too long, too short, or has a tail: SumTree_WrongProofLength (case 54)
├── an inner node offered as a leaf leads elsewhere (case 46); zeros lead nowhere (case 47)
├── a sum that overflows 2^96 never passes for a lower one (case 54)
├── another chain, contract or epoch is another leaf (case 53)
└── SortedTree: refuses a wrong position, count, path or hash
*/
describe("SumTree", () => {
  let harness: RewardTreesHarness;
  before(async () => {
    const { ethers, networkHelpers } = await network.create();
    const deployed = await ethers.deployContract("RewardTreesHarness");
    // The vectors are of one address.
    await networkHelpers.setCode(VECTOR_DOMAIN.rewards, await ethers.provider.getCode(deployed.target));
    harness = (await ethers.getContractAt(
      "RewardTreesHarness",
      VECTOR_DOMAIN.rewards,
    )) as unknown as RewardTreesHarness;
  });

  const treeOf = (count: number) => buildSumTree(VECTOR_DOMAIN, vectorEntries(count));

  it("case 55: has the published vectors", async () => {
    const file = new URL("../../vectors/rewards.json", import.meta.url);
    const published: ReturnType<typeof rewardVectors> = JSON.parse(await readFile(file, "utf8"));
    expect(published).to.deep.equal(JSON.parse(JSON.stringify(rewardVectors())));
    for (const { leaves, root, totalWei, commitment, receiptsRoot, witnesses, placed } of published.trees) {
      const version = versionOf({ epoch: 7, leafCount: leaves });
      for (const hash of [
        await harness.commitment(version, root, totalWei),
        await harness.plainCommitment(version, root, totalWei),
      ]) {
        expect(hash.slice(0, 50)).to.equal(commitment);
      }
      await harness.checkPlaced(receiptsRoot, leaves, placed);
      for (const { leaf, hash, proof } of witnesses) {
        expect(await harness.leafHash(7, leaf)).to.equal(hash);
        expect(await harness.plainLeafHash(7, leaf)).to.equal(hash);
        expect([...(await harness.rootOf(7, leaves, leaf, proof))]).to.deep.equal([root, BigInt(totalWei)]);
        expect([...(await harness.plainRootOf(7, leaf, proof))]).to.deep.equal([root, BigInt(totalWei)]);
      }
    }
  });

  const SEED = 20260621;
  it(`agrees with src/rewards on 60 random trees, whatever the order of the entries (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    for (let round = 0; round < 60; round++) {
      const count = 1 + random(round < 30 ? 9 : 200);
      const first = random(1_000_000);
      const entries = Array.from({ length: count }, (_, i) => ({
        account: accountOf(first + i),
        cumulativeWei: (1n + BigInt(random(2 ** 31))) * 1_000_000_000n * 10n ** BigInt(random(7)),
        receiptsHash: receiptsHashOf(accountOf(first + i), round),
      }));
      const tree = buildSumTree(VECTOR_DOMAIN, entries);
      const shuffled = [...entries]
        .sort(() => random(3) - 1)
        .map((e) => ({ ...e, account: e.account.toUpperCase().replace("0X", "0x") }));
      expect(buildSumTree(VECTOR_DOMAIN, shuffled).root).to.equal(tree.root);
      expect(tree.totalWei).to.equal(entries.reduce((sum, { cumulativeWei }) => sum + cumulativeWei, 0n));
      for (const index of new Set([0, random(count), random(count), count - 1])) {
        const { leaf, proof } = witnessOf(tree, index);
        const expected = [tree.root, tree.totalWei];
        expect([...(await harness.rootOf(7, count, leaf, proof))]).to.deep.equal(expected);
        expect([...(await harness.plainRootOf(7, leaf, proof))]).to.deep.equal(expected);
      }
      const receipts = buildReceiptsTree(entries.map(({ receiptsHash }) => receiptsHash));
      await harness.checkPlaced(receipts.treeRoot, count, placedAt(receipts, random(count)));
      expect(await harness.depthOf(count)).to.equal(BigInt(tree.levels.length - 1));
    }
  });

  it("case 48: takes an empty proof for one leaf only", async () => {
    const { leaf, proof } = witnessOf(treeOf(1), 0);
    expect(proof).to.equal("0x");
    await harness.rootOf(7, 1, leaf, proof);
    await expect(harness.rootOf(7, 2, leaf, proof))
      .to.be.revertedWithCustomError(harness, "SumTree_WrongProofLength")
      .withArgs(0, 1);
  });

  it("case 49: refuses an index beyond the count, and with it the same leaf under two indices", async () => {
    const tree = treeOf(5);
    const { leaf, proof } = witnessOf(tree, 2);
    for (const index of [5, 7, 8 + 2, 2 ** 32 - 1]) {
      await expect(harness.rootOf(7, 5, { ...leaf, index }, proof))
        .to.be.revertedWithCustomError(harness, "SumTree_IndexTooHigh")
        .withArgs(index, 5);
    }
    // The index is in the leaf: another one is another leaf.
    const [root] = await harness.rootOf(7, 5, { ...leaf, index: 3 }, proof);
    expect(root).not.to.equal(tree.root);
  });

  it("case 54: refuses proofs of any other length than the depth's", async () => {
    const { leaf, proof } = witnessOf(treeOf(5), 2);
    const wrong = ["0x", proof.slice(0, -88), `${proof}${"00".repeat(44)}`, proof.slice(0, -2), `${proof}00`];
    for (const bad of wrong) {
      await expect(harness.rootOf(7, 5, leaf, bad))
        .to.be.revertedWithCustomError(harness, "SumTree_WrongProofLength")
        .withArgs((bad.length - 2) / 2, 3);
    }
    for (const [count, depth] of [
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 2],
      [5, 3],
      [2 ** 24, 24],
    ] as const) {
      expect(await harness.depthOf(count)).to.equal(BigInt(depth));
      await harness.rootOf(7, count, { ...leaf, index: 0 }, `0x${"00".repeat(44 * depth)}`);
    }
  });

  it("cases 46, 47: leads nowhere from an inner node offered as a leaf, or from zeros", async () => {
    const tree = treeOf(4);
    const inner = tree.levels[1]?.[0] as SumNode;
    // What would have to be hashed for the node is 88 bytes; for a leaf, 32.
    const asLeaf = { account: accountOf(0), cumulativeWei: inner.sumWei, index: 0, receiptsHash: toHex(inner.hash) };
    const [root] = await harness.rootOf(7, 2, asLeaf, proofOf(tree, 0, 1));
    expect(root).not.to.equal(tree.root);
    const zero = { account: `0x${"00".repeat(20)}`, cumulativeWei: 0n, index: 0, receiptsHash: ZeroHash };
    for (const depth of [0, 1, 2]) {
      const [empty] = await harness.rootOf(7, 2 ** depth, zero, `0x${"00".repeat(44 * depth)}`);
      expect(empty).not.to.equal(ZeroHash);
    }
  });

  it("case 54: never takes a sum of 2^96 or more for a lower one", async () => {
    const entry = { account: accountOf(1), cumulativeWei: 1_000_000_000n, index: 0, receiptsHash: ZeroHash };
    const own = { hash: leafHash(VECTOR_DOMAIN, entry), sumWei: entry.cumulativeWei };
    const most = { hash: new Uint8Array(32).fill(9), sumWei: 2n ** 96n - 1n };
    const proof = proofOf({ levels: [[own, most], [joinPair(own, most)]] }, 0);
    const [, totalWei] = await harness.rootOf(7, 2, entry, proof);
    expect(totalWei).to.equal(2n ** 96n - 1n + entry.cumulativeWei);
  });

  it("case 53: binds chain, contract and epoch", async () => {
    const { leaf } = witnessOf(treeOf(2), 0);
    const hash = toHex(leafHash(VECTOR_DOMAIN, leaf));
    expect(await harness.leafHash(7, leaf)).to.equal(hash);
    expect(await harness.leafHash(8, leaf)).not.to.equal(hash);
    for (const change of [{ chainId: 1n }, { rewards: accountOf(3) }, { epoch: 8 }]) {
      expect(toHex(leafHash({ ...VECTOR_DOMAIN, ...change }, leaf))).not.to.equal(hash);
    }
    const content = { epoch: 7, leafCount: 2, root: hash, totalWei: 5n };
    expect((await harness.commitment(versionOf(content), hash, 5)).slice(0, 50)).to.equal(commitmentOf(content));
    for (const change of [{ epoch: 8 }, { leafCount: 3 }, { totalWei: 6n }]) {
      expect(commitmentOf({ ...content, ...change })).not.to.equal(commitmentOf(content));
    }
  });

  it("SortedTree refuses a wrong position, count, path or hash", async () => {
    const receipts = buildReceiptsTree(Array.from({ length: 5 }, (_, i) => receiptsHashOf(accountOf(i), 1)));
    const placed = placedAt(receipts, 2);
    const { treeRoot } = receipts;
    await harness.checkPlaced(treeRoot, 5, placed);
    await expect(harness.checkPlaced(treeRoot, 5, { ...placed, index: 5 }))
      .to.be.revertedWithCustomError(harness, "SortedTree_IndexTooHigh")
      .withArgs(5, 5);
    await expect(harness.checkPlaced(treeRoot, 5, { ...placed, path: placed.path.slice(1) }))
      .to.be.revertedWithCustomError(harness, "SortedTree_WrongPathLength")
      .withArgs(2, 3);
    for (const [count, bad] of [
      [6, placed],
      [5, { ...placed, index: 3 }],
      [5, { ...placed, hash: ZeroHash }],
    ] as const) {
      await expect(harness.checkPlaced(treeRoot, count, bad))
        .to.be.revertedWithCustomError(harness, "SortedTree_NotIncluded")
        .withArgs(bad.hash, bad.index);
    }
  });
});
