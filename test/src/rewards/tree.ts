import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { InputError } from "../../../src/core/errors.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { buildReceiptsTree, hashNeighbours, placedAt } from "../../../src/rewards/receipts.ts";
import { NO_ROOT, versionOf } from "../../../src/rewards/root.ts";
import {
  buildSumTree,
  type Entry,
  emptyNode,
  findAccount,
  joinPair,
  neighboursOf,
  witnessOf,
} from "../../../src/rewards/tree.ts";
import { accountOf, entriesOf } from "../../helpers/rewardEntries.ts";
import { rewardVectors, VECTOR_DOMAIN, vectorEntries } from "../../helpers/rewardVectors.ts";

/*
src/rewards: trees
├── the published vectors (case 55)
├── one tree whatever the order and the case of the entries; the entries stay as they were
├── refuses no entries, an account twice in any case, the zero address with more than nothing, amounts of zero, below it or not whole nano, a
│   hash that is none, a sum of 2^96
├── witnesses and neighbours: of every account, and of accounts between, before and after
└── receipts: a set, sorted; neighbours of what is not in it
*/
describe("src/rewards", () => {
  const tree = (entries: readonly Entry[]) => buildSumTree(VECTOR_DOMAIN, entries);

  it("has the published vectors (case 55)", async () => {
    const published = JSON.parse(await readFile(new URL("../../vectors/rewards.json", import.meta.url), "utf8"));
    expect(JSON.parse(JSON.stringify(rewardVectors()))).to.deep.equal(published);
  });

  it("makes one tree of the same entries", () => {
    const entries = vectorEntries(9);
    const copy = structuredClone(entries);
    const { root } = tree(entries);
    expect(tree([...entries].reverse()).root).to.equal(root);
    expect(tree(entries.map((e) => ({ ...e, account: e.account.toLowerCase() }))).root).to.equal(root);
    expect(entries).to.deep.equal(copy);
    expect(tree(vectorEntries(8)).root).not.to.equal(root);
  });

  it("refuses entries that the contract would not pay", () => {
    const [entry] = vectorEntries(1) as [Entry];
    const wrong: Entry[][] = [
      [],
      [entry, { ...entry, account: entry.account.toLowerCase() }],
      [{ ...entry, account: `0x${"00".repeat(20)}` }],
      [{ ...entry, cumulativeWei: 0n }],
      [{ ...entry, cumulativeWei: -1_000_000_000n }],
      [{ ...entry, cumulativeWei: 1_000_000_001n }],
      [{ ...entry, receiptsHash: "0x12" }],
      [{ ...entry, cumulativeWei: 10n ** 9n * 2n ** 90n }],
    ];
    for (const entries of wrong) expect(() => tree(entries)).to.throw(InputError);
  });

  it("finds every account, and the neighbours of those that are not there", () => {
    const all = Array.from({ length: 11 }, (_, n) => accountOf(n)).sort((a, b) =>
      a.toLowerCase() < b.toLowerCase() ? -1 : 1,
    );
    const inside = all.filter((_, i) => i % 2 === 1);
    const built = tree(entriesOf(inside.map((account) => [account, 1])));
    inside.forEach((account, index) => {
      expect(findAccount(built, account.toLowerCase())).to.deep.equal({ index, found: true });
      expect(witnessOf(built, index).leaf.account).to.equal(account);
      expect(() => neighboursOf(built, account)).to.throw(InputError);
    });
    all.forEach((account, i) => {
      if (i % 2 === 1) return;
      const { gap, left, right } = neighboursOf(built, account);
      expect(gap).to.equal(i / 2);
      expect(left?.leaf.account).to.equal(all[i - 1]);
      expect(right?.leaf.account).to.equal(all[i + 1]);
    });
    expect(() => witnessOf(built, 5)).to.throw(RangeError);
  });

  it("pads with the root of nothing", () => {
    const [zero, one] = [emptyNode(0), emptyNode(1)];
    expect(toHex(one.hash)).to.equal(toHex(joinPair(zero, zero).hash));
    expect(one.sumWei).to.equal(0n);
  });

  it("keeps receipts as a sorted set", () => {
    const hashes = [3, 1, 2].map((n) => `0x${String(n).repeat(64)}`);
    const receipts = buildReceiptsTree([...hashes, ...hashes]);
    expect(receipts.hashes).to.deep.equal([...hashes].sort());
    expect(placedAt(receipts, 2)).to.include({ hash: hashes[0], index: 2 });
    expect(placedAt(receipts, 2).path).to.have.length(2);
    const between = hashNeighbours(receipts, `0x${"15".repeat(32)}`);
    expect([between.gap, between.left?.index, between.right?.index]).to.deep.equal([1, 0, 1]);
    expect(hashNeighbours(receipts, `0x${"00".repeat(32)}`).left).to.equal(undefined);
    expect(hashNeighbours(receipts, `0x${"ff".repeat(32)}`).right).to.equal(undefined);
    expect(() => hashNeighbours(receipts, hashes[1] as string)).to.throw(InputError);
    expect(() => buildReceiptsTree([])).to.throw(InputError);
  });

  it("names a root by epoch and leaf count", () => {
    expect(versionOf({ epoch: 7, leafCount: 33 })).to.equal(7n * 2n ** 32n + 33n);
    expect(NO_ROOT).to.have.length(50);
  });
});
