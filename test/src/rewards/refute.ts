import { expect } from "chai";
import { buildReceiptsTree } from "../../../src/rewards/receipts.ts";
import { findRefutation } from "../../../src/rewards/refute.ts";
import {
  type Entry,
  joinLeaves,
  joinNodes,
  joinPair,
  type Leaf,
  leafHash,
  type SumNode,
  type SumTree,
} from "../../../src/rewards/tree.ts";
import { openEconomy } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { accountOf, entriesOf } from "../../helpers/rewardEntries.ts";
import {
  addRewards,
  domainOf,
  type Posted,
  planRoot,
  postRoot,
  type RewardsWorld,
  runRoot,
} from "../../helpers/rewards.ts";

/*
findRefutation, after a root of five accounts: the contract takes what it finds
├── an account twice, and accounts in the wrong order
├── an account left out: in the middle, before the first, after the last
├── an account with less
├── a leaf with another sum, another index, a fraction of a nano
├── nothing where a leaf should be, something where nothing should be
├── a node whose children do not add up to it
├── receipts that are not in the receipts root
└── nothing in a right root, and in a tree that is not the posted root's
*/
describe("findRefutation", () => {
  let protocol: Protocol;
  let load: Load;
  let economy: Awaited<ReturnType<typeof openEconomy>>;

  before(async () => {
    protocol = await deployProtocol();
    economy = await openEconomy(protocol, { verifiers: 4 });
    load = await fixturesOn(protocol);
  });

  const sorted = Array.from({ length: 7 }, (_, n) => accountOf(n)).sort((x, y) =>
    x.toLowerCase() < y.toLowerCase() ? -1 : 1,
  );
  const [lowest, ...rest] = sorted as [string, ...string[]];
  const accounts = rest.slice(0, 5);
  const highest = rest[5] as string;
  const BEFORE = entriesOf(accounts.map((account, i) => [account, 10 * (i + 1)] as const));
  const AFTER = entriesOf(
    accounts.map((account, i) => [account, 10 * (i + 1) + 1] as const),
    2,
  );

  type World = RewardsWorld & { first: Posted };
  async function opened(): Promise<World> {
    const world = await addRewards(protocol, economy.verifiers);
    return { ...world, first: await runRoot(world, BEFORE) };
  }

  const indexed = (entries: readonly Entry[]): Leaf[] => entries.map((entry, index) => ({ ...entry, index }));
  const nodesOf = (domain: SumTree["domain"], leaves: readonly Leaf[]): SumNode[] =>
    leaves.map((leaf) => ({ hash: leafHash(domain, leaf), sumWei: leaf.cumulativeWei }));
  const swapped = [...AFTER.slice(0, 2).reverse(), ...AFTER.slice(2)];
  const changed = (i: number, change: Partial<Leaf>): Leaf[] =>
    indexed(AFTER).map((leaf, at) => (at === i ? { ...leaf, ...change } : leaf));

  const bent: [string, string, (domain: SumTree["domain"]) => SumTree][] = [
    ["an account twice", "refuteOrder", (domain) => joinLeaves(domain, indexed([AFTER[0] as Entry, ...AFTER]))],
    ["the wrong order", "refuteOrder", (domain) => joinLeaves(domain, indexed(swapped))],
    [
      "an account less",
      "refuteDecrease",
      (domain) => joinLeaves(domain, changed(2, { cumulativeWei: (BEFORE[2]?.cumulativeWei ?? 0n) - 10n ** 9n })),
    ],
    ...[0, 2, 4].map((missing): (typeof bent)[number] => [
      `account ${missing} left out`,
      "refuteOmission",
      (domain) =>
        joinLeaves(
          domain,
          indexed([
            ...entriesOf([[lowest, 1]]),
            ...AFTER.filter((_, i) => i !== missing),
            ...entriesOf([[highest, 500]]),
          ]),
        ),
    ]),
    ["a leaf with another index", "refuteLeaf", (domain) => joinLeaves(domain, changed(3, { index: 7 }))],
    [
      "a fraction of a nano",
      "refuteLeaf",
      (domain) =>
        joinLeaves(domain, [
          ...changed(0, { cumulativeWei: (AFTER[0]?.cumulativeWei ?? 0n) + 5n }).slice(0, 1),
          ...changed(1, { cumulativeWei: (AFTER[1]?.cumulativeWei ?? 0n) + 999_999_995n }).slice(1),
        ]),
    ],
    [
      "a leaf with another sum",
      "refuteLeaf",
      (domain) => {
        const nodes = nodesOf(domain, indexed(AFTER));
        const [first] = nodes as [SumNode];
        return joinNodes(domain, indexed(AFTER), [{ ...first, sumWei: first.sumWei + 10n ** 9n }, ...nodes.slice(1)]);
      },
    ],
    [
      "a node that does not add up",
      "refuteNode",
      (domain) => {
        const tree = joinLeaves(domain, indexed(AFTER));
        const [leaves, pairs] = tree.levels as [SumNode[], SumNode[]];
        const [first] = pairs as [SumNode];
        const lying = [{ ...first, sumWei: first.sumWei + 10n ** 9n }, ...pairs.slice(1)];
        const above = joinNodes(domain, indexed(AFTER), lying);
        // Three pairs and a node of nothing.
        const nothing = joinPair({ hash: new Uint8Array(32), sumWei: 0n }, { hash: new Uint8Array(32), sumWei: 0n });
        const [left, right] = [
          joinPair(lying[0] as SumNode, lying[1] as SumNode),
          joinPair(lying[2] as SumNode, nothing),
        ];
        const levels = [leaves, lying, [left, right], [joinPair(left, right)]];
        const [top] = levels[3] as [SumNode];
        return { ...above, levels, root: `0x${Buffer.from(top.hash).toString("hex")}`, totalWei: top.sumWei };
      },
    ],
  ];

  const callOf = async (
    world: World,
    posted: Posted,
    { function: name, args }: { function: string; args: unknown[] },
  ) => {
    const rewards = world.rewards.connect(world.stranger) as unknown as Record<
      string,
      (...given: unknown[]) => Promise<unknown>
    >;
    return (rewards[name] as (typeof rewards)[string])(posted.posting, ...args);
  };

  for (const [what, name, treeOf] of bent) {
    it(`shows ${what}`, async () => {
      const world = await load(opened);
      const tree = treeOf(await domainOf(world));
      const posted = await postRoot(world, await planRoot(world, tree));
      const found = findRefutation({ content: posted.content, tree }, world.first.tree);
      expect(found?.function).to.equal(name);
      await expect(callOf(world, posted, found as NonNullable<typeof found>)).to.emit(world.rewards, "Refuted");
    });
  }

  for (const [leafCount, entries] of [
    [6, AFTER],
    [5, [...AFTER, ...entriesOf([[highest, 500]])]],
  ] as const) {
    it(`shows that of ${leafCount} leaves there are ${entries.length}`, async () => {
      const world = await load(opened);
      const tree = joinLeaves(await domainOf(world), indexed(entries));
      const posted = await postRoot(world, await planRoot(world, tree, { change: { leafCount } }));
      const found = findRefutation({ content: posted.content, tree }, world.first.tree);
      expect(found?.function).to.equal("refutePadding");
      await expect(callOf(world, posted, found as NonNullable<typeof found>)).to.emit(world.rewards, "Refuted");
    });
  }

  it("shows receipts that are not in the receipts root", async () => {
    const world = await load(opened);
    const tree = joinLeaves(await domainOf(world), indexed(AFTER));
    const receipts = buildReceiptsTree(AFTER.slice(1).map(({ receiptsHash }) => receiptsHash));
    const posted = await postRoot(world, await planRoot(world, tree, { receipts }));
    const suspect = { content: posted.content, tree, receipts };
    const found = findRefutation(suspect, world.first.tree);
    expect(found?.function).to.equal("refuteReceipts");
    await expect(callOf(world, posted, found as NonNullable<typeof found>)).to.emit(world.rewards, "Refuted");
  });

  it("finds nothing in a right root, nor in a tree that is another", async () => {
    const world = await load(opened);
    const right = await planRoot(world, AFTER);
    expect(findRefutation(right, world.first.tree)).to.equal(undefined);
    const other = joinLeaves(await domainOf(world), indexed(swapped));
    expect(findRefutation({ content: right.content, tree: other }, world.first.tree)).to.equal(undefined);
  });
});
