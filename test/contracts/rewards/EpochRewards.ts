import { expect } from "chai";
import { id as hashOf, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { buildReceiptsTree, hashNeighbours, joinHashes, type Placed, placedAt } from "../../../src/rewards/receipts.ts";
import {
  buildSumTree,
  type Entry,
  emptyNode,
  joinLeaves,
  joinNodes,
  joinPair,
  leafHash,
  neighboursOf,
  proofOf,
  type SumNode,
  type SumTree,
  type Witness,
  witnessOf,
} from "../../../src/rewards/tree.ts";
import { OPG, openEconomy } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { accountOf, entriesOf, receiptsHashOf } from "../../helpers/rewardEntries.ts";
import {
  addRewards,
  attestRoot,
  checkBooks,
  domainOf,
  formerOf,
  NO_PLACE,
  NO_WITNESS,
  PARAMETERS,
  type Posted,
  planRoot,
  postRoot,
  RESERVE,
  type RewardsWorld,
  runRoot,
} from "../../helpers/rewards.ts";

/*
EpochRewards: refutations of a root that waits, after a root of five accounts
├── each removes the root, pays the caller a part of the bond and the reserve the rest; the root cannot come back
│  ├── refuteOrder: two leaves of one account (case 50), next to each other and apart; two in the wrong order
│  ├── refuteOmission: in the middle, before the first leaf, after the last
│  ├── refuteDecrease: less than under the active root (case 51)
│  ├── refuteNode: a node, and the root, whose sums do not add up (case 12); a node where a leaf should be (case 46)
│  ├── refuteLeaf: another sum, another index, above the leaves, not whole nano
│  ├── refutePadding: nothing where a leaf should be; a hash, or a sum, where nothing should be
│  └── refuteReceipts: between two receipts, before the first, after the last
├── in any state: before the quorum, in the window, after it, and frozen: the challenger gets its bond back
├── what is right is refuted by none of them: Rewards_NoFault
├── what is not in the root is refused: Rewards_NotInRoot, Rewards_NotActive, Rewards_WrongNeighbour, shapes
└── another root than the pending one: Rewards_NotPending
*/
describe("EpochRewards", () => {
  let protocol: Protocol;
  let load: Load;
  let economy: Awaited<ReturnType<typeof openEconomy>>;
  before(async () => {
    protocol = await deployProtocol();
    economy = await openEconomy(protocol, { verifiers: 4 });
    load = await fixturesOn(protocol);
  });

  /** In ascending order. */
  const accounts = Array.from({ length: 7 }, (_, n) => accountOf(n)).sort((x, y) =>
    x.toLowerCase() < y.toLowerCase() ? -1 : 1,
  );
  const [lowest, a, b, c, d, e, highest] = accounts as [string, string, string, string, string, string, string];
  const BEFORE = entriesOf([
    [a, 10],
    [b, 20],
    [c, 30],
    [d, 40],
    [e, 50],
  ]);
  const AFTER = entriesOf(
    [
      [a, 11],
      [b, 20],
      [c, 33],
      [d, 44],
      [e, 50],
    ],
    2,
  );
  type World = RewardsWorld & { first: Posted };
  async function opened(): Promise<World> {
    const world = await addRewards(protocol, economy.verifiers);
    return { ...world, first: await runRoot(world, BEFORE) };
  }

  const without = (entries: Entry[], account: string) => entries.filter((entry) => entry.account !== account);
  const indexed = (entries: Entry[]) => entries.map((entry, index) => ({ ...entry, index }));
  const leafNodes = (domain: SumTree["domain"], entries: Entry[]): SumNode[] =>
    indexed(entries).map((leaf) => ({ hash: leafHash(domain, leaf), sumWei: leaf.cumulativeWei }));
  const bondOf = ({ posting }: Posted) => BigInt(posting.bondNano);
  const winningsOf = (bond: bigint) => (bond * BigInt(PARAMETERS.winnerPpm)) / 1_000_000n;

  /** Posts a wrong root, has it refuted and looks who got what. */
  async function refuted(
    world: World,
    posted: Posted,
    call: (rewards: World["rewards"]) => Promise<unknown>,
    fault: number,
  ) {
    const { rewards, contracts, stranger, poster } = world;
    const bond = bondOf(posted);
    const before = {
      reserve: await contracts.opg.balanceOf(RESERVE),
      stranger: await rewards.depositOf(stranger.address),
      poster: await rewards.depositOf(poster.address),
      active: await rewards.getActive(),
    };
    await expect(call(rewards.connect(stranger)))
      .to.emit(rewards, "Refuted")
      .withArgs(posted.id, stranger.address, fault, winningsOf(bond));
    expect((await rewards.getPending()).id).to.equal(ZeroHash);
    expect(await rewards.depositOf(stranger.address)).to.equal(before.stranger + winningsOf(bond));
    expect(await rewards.depositOf(poster.address)).to.equal(before.poster);
    const lost = (bond - winningsOf(bond)) * WEI_PER_NANO;
    expect(await contracts.opg.balanceOf(RESERVE)).to.equal(before.reserve + lost);
    expect([...(await rewards.getActive())]).to.deep.equal([...before.active]);
    await checkBooks(world);
    await expect(rewards.connect(poster).post(posted.content)).to.be.revertedWithCustomError(
      rewards,
      "Rewards_RefutedBefore",
    );
  }
  const ORDER = 0;
  const OMISSION = 1;
  const DECREASE = 2;
  const SUM = 3;
  const SHAPE = 4;
  const RECEIPTS = 5;

  async function postTree(world: World, tree: SumTree, options: Parameters<typeof planRoot>[2] = {}): Promise<Posted> {
    return postRoot(world, await planRoot(world, tree, options));
  }

  describe("refuteOrder", () => {
    for (const [name, order, first, second] of [
      ["two leaves of one account, next to each other", [a, b, b, c, d, e], 1, 2],
      ["two leaves of one account, apart", [a, b, c, d, e, b], 1, 5],
      ["two accounts in the wrong order", [a, c, b, d, e], 1, 2],
    ] as const) {
      it(`case 50: removes a root with ${name}`, async () => {
        const world = await load(opened);
        const entries = order.map((account) => AFTER.find((entry) => entry.account === account) as Entry);
        const tree = joinLeaves(await domainOf(world), indexed(entries));
        const posted = await postTree(world, tree);
        const [one, two] = [witnessOf(tree, first), witnessOf(tree, second)];
        await refuted(world, posted, (rewards) => rewards.refuteOrder(posted.posting, one, two), ORDER);
      });
    }

    it("refuses leaves that are in order, one leaf twice, and two the other way round", async () => {
      const world = await load(opened);
      const posted = await postRoot(world, await planRoot(world, AFTER));
      const [one, two] = [witnessOf(posted.tree, 1), witnessOf(posted.tree, 2)];
      for (const [x, y] of [
        [one, two],
        [one, one],
        [two, one],
      ] as const) {
        await expect(world.rewards.refuteOrder(posted.posting, x, y))
          .to.be.revertedWithCustomError(world.rewards, "Rewards_NoFault")
          .withArgs(ORDER);
      }
      // Leaves that are invented: each is looked for in the root.
      const invented = ({ leaf, proof }: Witness, account: string) => ({ leaf: { ...leaf, account }, proof });
      for (const [x, y] of [
        [invented(one, highest), two],
        [one, invented(two, lowest)],
      ] as const) {
        await expect(world.rewards.refuteOrder(posted.posting, x, y)).to.be.revertedWithCustomError(
          world.rewards,
          "Rewards_NotInRoot",
        );
      }
      const longer = { ...one, proof: `${one.proof}00` };
      await expect(world.rewards.refuteOrder(posted.posting, longer, two)).to.be.revertedWithCustomError(
        world.rewards,
        "SumTree_WrongProofLength",
      );
    });
  });

  describe("refuteOmission", () => {
    for (const [name, account] of [
      ["in the middle", c],
      ["before the first leaf", a],
      ["after the last", e],
    ] as const) {
      it(`removes a root that leaves out an account ${name}`, async () => {
        const world = await load(opened);
        // As much is promised as before.
        const entries = without(AFTER, account).map((entry, i) => ({
          ...entry,
          cumulativeWei: entry.cumulativeWei + (i === 0 ? 100n * OPG * WEI_PER_NANO : 0n),
        }));
        const posted = await postRoot(world, await planRoot(world, entries));
        const { gap, left = NO_WITNESS, right = NO_WITNESS } = neighboursOf(posted.tree, account);
        const former = formerOf(world.first, account);
        await refuted(
          world,
          posted,
          (rewards) => rewards.refuteOmission(posted.posting, former, gap, left, right),
          OMISSION,
        );
      });
    }

    it("refuses accounts that are there, that never were, and neighbours that are none", async () => {
      const world = await load(opened);
      const { rewards, first } = world;
      const posted = await postRoot(world, await planRoot(world, [...AFTER, ...entriesOf([[highest, 1]], 2)]));
      const { posting, tree } = posted;
      const w = (index: number) => witnessOf(tree, index);
      const former = formerOf(first, c); // stands at 2
      const call = (gap: number, left = NO_WITNESS, right = NO_WITNESS, who = former) =>
        rewards.refuteOmission(posting, who, gap, left, right);
      // Neighbours of its place: itself is one of them.
      for (const [gap, left, right] of [
        [2, w(1), w(2)],
        [3, w(2), w(3)],
        [0, NO_WITNESS, w(0)],
        [6, w(5), NO_WITNESS],
      ] as const) {
        await expect(call(gap, left, right))
          .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
          .withArgs(OMISSION);
      }
      await expect(call(2, w(1), w(3)))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour")
        .withArgs(3, 2);
      await expect(call(3, w(1), w(3)))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour")
        .withArgs(1, 2);
      await expect(call(0, NO_WITNESS, w(3)))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour")
        .withArgs(3, 0);
      await expect(call(6, w(2)))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour")
        .withArgs(2, 5);
      // Neighbours that are invented: each is looked for in the root.
      const invented = (index: number, account: string) => ({ ...w(index), leaf: { ...w(index).leaf, account } });
      for (const [gap, left, right] of [
        [3, invented(2, lowest), w(3)],
        [2, w(1), invented(2, highest)],
        [0, NO_WITNESS, invented(0, highest)],
        [6, invented(5, lowest), NO_WITNESS],
      ] as const) {
        await expect(call(gap, left, right)).to.be.revertedWithCustomError(rewards, "Rewards_NotInRoot");
      }
      for (const gap of [7, 2 ** 32 - 1]) {
        await expect(call(gap, w(5), w(5))).to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour");
      }
      // An account that the active root does not have: from another tree, or from the pending one.
      const strangers = buildSumTree({ ...tree.domain, epoch: 1 }, entriesOf([[lowest, 5]]));
      await expect(call(0, NO_WITNESS, w(0), formerOf({ tree: strangers }, lowest))).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotActive",
      );
      await expect(call(6, w(5), NO_WITNESS, formerOf(posted, highest))).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotActive",
      );
    });
  });

  describe("refuteDecrease", () => {
    it("case 51: removes a root under which an account has less", async () => {
      const world = await load(opened);
      const entries = AFTER.map((entry) =>
        entry.account === b ? { ...entry, cumulativeWei: entry.cumulativeWei - WEI_PER_NANO } : entry,
      );
      const posted = await postRoot(world, await planRoot(world, entries));
      const witness = witnessOf(posted.tree, 1);
      const former = formerOf(world.first, b);
      await refuted(world, posted, (rewards) => rewards.refuteDecrease(posted.posting, former, witness), DECREASE);
    });

    it("refuses an account with as much, with more, and another account", async () => {
      const world = await load(opened);
      const { rewards, first } = world;
      const { posting, tree } = await postRoot(world, await planRoot(world, AFTER));
      for (const [account, index] of [
        [b, 1],
        [a, 0],
        [e, 0],
      ] as const) {
        await expect(rewards.refuteDecrease(posting, formerOf(first, account), witnessOf(tree, index)))
          .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
          .withArgs(DECREASE);
      }
      const bent = witnessOf(tree, 1);
      const less = { ...bent, leaf: { ...bent.leaf, cumulativeWei: 1n } };
      await expect(rewards.refuteDecrease(posting, formerOf(first, b), less)).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotInRoot",
      );
      const { version, witness } = formerOf(first, b);
      const more = { ...witness, leaf: { ...witness.leaf, cumulativeWei: 10n ** 24n } };
      await expect(
        rewards.refuteDecrease(posting, { version, witness: more }, witnessOf(tree, 1)),
      ).to.be.revertedWithCustomError(rewards, "Rewards_NotActive");
    });
  });

  /** What `refuteNode` takes. */
  const nodeOf = (left: SumNode, right: SumNode) => ({
    left: toHex(left.hash),
    leftSumWei: left.sumWei,
    right: toHex(right.hash),
    rightSumWei: right.sumWei,
  });

  describe("refuteNode", () => {
    /** Five leaves; the node over the third and the fourth is stated with another sum than it has. */
    function bentTree(domain: SumTree["domain"], entries: Entry[], statedWei: bigint) {
      const nodes = leafNodes(domain, entries) as [SumNode, SumNode, SumNode, SumNode, SumNode];
      const left = joinPair(nodes[0], nodes[1]);
      const right = { ...joinPair(nodes[2], nodes[3]), sumWei: statedWei };
      const rest = joinPair(joinPair(nodes[4], emptyNode(0)), emptyNode(1));
      const high = joinPair(left, right);
      // As the contract would cut it.
      const four = { ...high, sumWei: high.sumWei % 2n ** 96n };
      const root = joinPair(four, rest);
      const levels = [nodes, [left, right, joinPair(nodes[4], emptyNode(0))], [four, rest], [root]];
      const tree: SumTree = { domain, leaves: indexed(entries), levels, root: toHex(root.hash), totalWei: root.sumWei };
      return { tree, nodes, left, right, four };
    }

    for (const skew of [WEI_PER_NANO, -WEI_PER_NANO]) {
      it(`case 12: removes a root with a node stated ${skew} wei beside its children's sum`, async () => {
        const world = await load(opened);
        const statedWei = 77n * OPG * WEI_PER_NANO + skew;
        const { tree, nodes } = bentTree(await domainOf(world), AFTER, statedWei);
        const posted = await postTree(world, tree);
        const node = nodeOf(nodes[2] as SumNode, nodes[3] as SumNode);
        const proof = proofOf(tree, 1, 1);
        await refuted(
          world,
          posted,
          (rewards) => rewards.refuteNode(posted.posting, 1, 1, node, statedWei, proof),
          SUM,
        );
      });
    }

    it("case 54: removes a root with a sum that overflowed 2^96", async () => {
      const world = await load(opened);
      const entries = AFTER.map((entry) => (entry.account === a ? { ...entry, cumulativeWei: 10n ** 21n } : entry));
      // With the left sum of 1,020 OPG it comes to 2^96 and 108 OPG.
      const statedWei = 2n ** 96n - 912n * OPG * WEI_PER_NANO;
      const { tree, left, right, four } = bentTree(await domainOf(world), entries, statedWei);
      expect(four.sumWei).to.equal(108n * OPG * WEI_PER_NANO);
      const posted = await postTree(world, tree);
      const proof = proofOf(tree, 0, 2);
      await refuted(
        world,
        posted,
        (rewards) => rewards.refuteNode(posted.posting, 2, 0, nodeOf(left, right), four.sumWei, proof),
        SUM,
      );
    });

    it("case 12: removes a root whose total is another than that of its children", async () => {
      const world = await load(opened);
      const tree = buildSumTree(await domainOf(world), AFTER);
      const posted = await postTree(world, tree, { change: { totalWei: tree.totalWei + WEI_PER_NANO } });
      const [left, right] = tree.levels[2] as [SumNode, SumNode];
      const stated = tree.totalWei + WEI_PER_NANO;
      const node = nodeOf(left, right);
      await refuted(world, posted, (rewards) => rewards.refuteNode(posted.posting, 3, 0, node, stated, "0x"), SUM);
    });

    it("case 46: removes a root with a node where a leaf should be", async () => {
      const world = await load(opened);
      const domain = await domainOf(world);
      const nodes = leafNodes(domain, AFTER) as [SumNode, SumNode, SumNode, SumNode, SumNode];
      const tree = joinNodes(domain, indexed(AFTER.slice(0, 2)), [
        joinPair(nodes[0], nodes[1]),
        joinPair(nodes[2], joinPair(nodes[3], nodes[4])),
      ]);
      const posted = await postTree(world, tree);
      const [first] = tree.levels[0] as [SumNode];
      const proof = proofOf(tree, 0);
      const node = nodeOf(nodes[0], nodes[1]);
      await refuted(
        world,
        posted,
        (rewards) => rewards.refuteNode(posted.posting, 0, 0, node, first.sumWei, proof),
        SHAPE,
      );
    });

    it("refuses every node of a right tree, and nodes that are not in it", async () => {
      const world = await load(opened);
      const { rewards } = world;
      const { posting, tree } = await postRoot(world, await planRoot(world, AFTER));
      for (let level = 1; level <= 3; level++) {
        for (let position = 0; position < 2 ** (3 - level); position++) {
          const below = tree.levels[level - 1] as SumNode[];
          const left = below[2 * position] ?? emptyNode(level - 1);
          const right = below[2 * position + 1] ?? emptyNode(level - 1);
          const { sumWei } = joinPair(left, right);
          const proof = proofOf(tree, position, level);
          await expect(rewards.refuteNode(posting, level, position, nodeOf(left, right), sumWei, proof))
            .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
            .withArgs(SUM);
          await expect(
            rewards.refuteNode(posting, level, position, nodeOf(left, right), sumWei + 1n, proof),
          ).to.be.revertedWithCustomError(rewards, "Rewards_NotInRoot");
        }
      }
      const [left, right] = tree.levels[2] as [SumNode, SumNode];
      const root = nodeOf(left, right);
      await expect(rewards.refuteNode(posting, 4, 0, root, tree.totalWei, "0x"))
        .to.be.revertedWithCustomError(rewards, "SumTree_WrongProofLength")
        .withArgs(0, 3);
      await expect(rewards.refuteNode(posting, 2, 0, root, tree.totalWei, "0x"))
        .to.be.revertedWithCustomError(rewards, "SumTree_WrongProofLength")
        .withArgs(0, 3);
      for (const position of [1, 2 ** 32 - 1]) {
        await expect(rewards.refuteNode(posting, 3, position, root, tree.totalWei, "0x"))
          .to.be.revertedWithCustomError(rewards, "SumTree_IndexTooHigh")
          .withArgs(position, 1);
      }
      await expect(rewards.refuteNode(posting, 3, 0, root, tree.totalWei + 1n, "0x")).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotInRoot",
      );
    });
  });

  describe("refuteLeaf", () => {
    it("removes a root with a leaf of another sum, another index, or not of whole nano", async () => {
      const world = await load(opened);
      const { networkHelpers } = world;
      const domain = await domainOf(world);
      const leaves = indexed(AFTER);
      const [, leaf] = leaves as [(typeof leaves)[0], (typeof leaves)[0]];
      const odd = { ...leaf, cumulativeWei: leaf.cumulativeWei + 1n };
      const cases = [
        { shown: leaf, sumWei: leaf.cumulativeWei + WEI_PER_NANO, fault: SUM },
        { shown: { ...leaf, index: 3 }, sumWei: leaf.cumulativeWei, fault: SHAPE },
        { shown: odd, sumWei: leaf.cumulativeWei, fault: SHAPE },
      ];
      for (const { shown, sumWei, fault } of cases) {
        const snapshot = await networkHelpers.takeSnapshot();
        const nodes = leafNodes(domain, AFTER);
        nodes[1] = { hash: leafHash(domain, shown), sumWei };
        const tree = joinNodes(domain, leaves, nodes);
        const posted = await postTree(world, tree);
        const proof = proofOf(tree, 1);
        await refuted(
          world,
          posted,
          (rewards) => rewards.refuteLeaf(posted.posting, 0, 1, shown, sumWei, proof),
          fault,
        );
        await snapshot.restore();
      }
    });

    it("removes a root with a leaf where a node should be", async () => {
      const world = await load(opened);
      const domain = await domainOf(world);
      const nodes = leafNodes(domain, AFTER) as [SumNode, SumNode, SumNode, SumNode, SumNode];
      const high = nodes[0];
      const right = joinPair(nodes[2], nodes[3]);
      const root = joinPair(high, right);
      const leaves = indexed(AFTER.slice(0, 4));
      const tree: SumTree = {
        domain,
        leaves,
        levels: [nodes.slice(0, 4), [high, right], [root]],
        root: toHex(root.hash),
        totalWei: root.sumWei,
      };
      const planned = await planRoot(world, tree, { change: { totalWei: root.sumWei } });
      // Below what is promised the root is not even taken.
      await expect(world.rewards.connect(world.poster).post(planned.content)).to.be.revertedWithCustomError(
        world.rewards,
        "Rewards_TotalFell",
      );
      const rich = entriesOf([[a, 500]], 2);
      const one = { ...(rich[0] as Entry), index: 0 };
      const top = { hash: leafHash(domain, one), sumWei: one.cumulativeWei };
      const bent = joinPair(top, right);
      const posted = await postTree(world, {
        ...tree,
        levels: [nodes.slice(0, 4), [top, right], [bent]],
        root: toHex(bent.hash),
        totalWei: bent.sumWei,
      });
      const proof = proofOf(posted.tree, 0, 1);
      await refuted(
        world,
        posted,
        (rewards) => rewards.refuteLeaf(posted.posting, 1, 0, one, one.cumulativeWei, proof),
        SHAPE,
      );
    });

    it("refuses every leaf of a right tree", async () => {
      const world = await load(opened);
      const { rewards } = world;
      const { posting, tree } = await postRoot(world, await planRoot(world, AFTER));
      for (const leaf of tree.leaves) {
        const { proof } = witnessOf(tree, leaf.index);
        await expect(rewards.refuteLeaf(posting, 0, leaf.index, leaf, leaf.cumulativeWei, proof))
          .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
          .withArgs(SUM);
        await expect(
          rewards.refuteLeaf(posting, 0, leaf.index, leaf, leaf.cumulativeWei + 1n, proof),
        ).to.be.revertedWithCustomError(rewards, "Rewards_NotInRoot");
      }
    });
  });

  describe("refutePadding", () => {
    it("removes a root with nothing where a leaf should be, and with something where nothing should be", async () => {
      const world = await load(opened);
      const { networkHelpers } = world;
      const domain = await domainOf(world);
      const nodes = leafNodes(domain, AFTER);
      const [first] = nodes as [SumNode];
      const cases = [
        // [nodes at the leaves' places, leaf count, position]
        [[...nodes, emptyNode(0)], 6, 5],
        [[...nodes, first], 5, 5],
        [[...nodes, { ...emptyNode(0), sumWei: WEI_PER_NANO }], 5, 5],
        [[...nodes, { ...first, sumWei: 0n }], 5, 5],
      ] as const;
      for (const [places, leafCount, position] of cases) {
        const snapshot = await networkHelpers.takeSnapshot();
        const tree = joinNodes(domain, indexed(AFTER), places);
        const posted = await postTree(world, tree, { change: { leafCount } });
        const { hash, sumWei } = places[position] as SumNode;
        const proof = proofOf(tree, position);
        await refuted(
          world,
          posted,
          (rewards) => rewards.refutePadding(posted.posting, position, toHex(hash), sumWei, proof),
          SHAPE,
        );
        await snapshot.restore();
      }
    });

    it("refuses leaves and padding of a right tree", async () => {
      const world = await load(opened);
      const { rewards } = world;
      const { posting, tree } = await postRoot(world, await planRoot(world, AFTER));
      for (let position = 0; position < 8; position++) {
        const { hash, sumWei } = tree.levels[0]?.[position] ?? emptyNode(0);
        await expect(rewards.refutePadding(posting, position, toHex(hash), sumWei, proofOf(tree, position)))
          .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
          .withArgs(SHAPE);
        await expect(
          rewards.refutePadding(posting, position, hashOf("other"), sumWei, proofOf(tree, position)),
        ).to.be.revertedWithCustomError(rewards, "Rewards_NotInRoot");
      }
      await expect(rewards.refutePadding(posting, 8, ZeroHash, 0, proofOf(tree, 0)))
        .to.be.revertedWithCustomError(rewards, "SumTree_IndexTooHigh")
        .withArgs(8, 8);
    });
  });

  describe("refuteReceipts", () => {
    const own = receiptsHashOf(c, 2);
    const others = AFTER.filter(({ account }) => account !== c).map(({ receiptsHash }) => receiptsHash);
    const beyond = (side: "above" | "below") => others.filter((hash) => (side === "above" ? hash > own : hash < own));

    for (const [name, hashes] of [
      ["between two", others],
      ["before the first", [...beyond("above"), `0x${"ff".repeat(32)}`]],
      ["after the last", [...beyond("below"), ZeroHash]],
    ] as const) {
      it(`removes a root with a leaf whose receipts are none of the receipts root: ${name}`, async () => {
        const world = await load(opened);
        const receipts = buildReceiptsTree([
          ...hashes,
          ...(name === "between two" ? [ZeroHash, `0x${"ff".repeat(32)}`] : []),
        ]);
        const posted = await postRoot(world, await planRoot(world, AFTER, { receipts }));
        const { gap, left = NO_PLACE, right = NO_PLACE } = hashNeighbours(receipts, own);
        const witness = witnessOf(posted.tree, 2);
        await refuted(
          world,
          posted,
          (rewards) => rewards.refuteReceipts(posted.posting, witness, receipts.hashes.length, gap, left, right),
          RECEIPTS,
        );
      });
    }

    it("always finds two neighbours, also where receipts are not sorted", async () => {
      const world = await load(opened);
      const receipts = joinHashes([`0x${"ff".repeat(32)}`, ...others, ZeroHash]);
      const posted = await postRoot(world, await planRoot(world, AFTER, { receipts }));
      const gap = receipts.hashes.findIndex(
        (hash, i) => i > 0 && hash > own && (receipts.hashes[i - 1] as string) < own,
      );
      const witness = witnessOf(posted.tree, 2);
      if (gap === -1) {
        // It lies after the last.
        await mined(world.rewards.refuteReceipts(posted.posting, witness, 6, 6, placedAt(receipts, 5), NO_PLACE));
      } else {
        const [left, right] = [placedAt(receipts, gap - 1), placedAt(receipts, gap)];
        await mined(world.rewards.refuteReceipts(posted.posting, witness, 6, gap, left, right));
      }
    });

    it("refuses receipts that are there, another count, and neighbours that are none", async () => {
      const world = await load(opened);
      const { rewards } = world;
      const { posting, tree, receipts } = await postRoot(world, await planRoot(world, AFTER));
      const witness = witnessOf(tree, 2);
      const at = receipts.hashes.indexOf(own);
      const p = (index: number) => placedAt(receipts, index);
      const call = (count: number, gap: number, left = NO_PLACE, right = NO_PLACE) =>
        rewards.refuteReceipts(posting, witness, count, gap, left, right);
      for (let gap = 0; gap <= 5; gap++) {
        const [left, right] = [gap > 0 ? p(gap - 1) : NO_PLACE, gap < 5 ? p(gap) : NO_PLACE];
        await expect(call(5, gap, left, right))
          .to.be.revertedWithCustomError(rewards, "Rewards_NoFault")
          .withArgs(RECEIPTS);
      }
      const [low, high] = [p(Math.max(at - 1, 0)), p(Math.min(at + 1, 4))];
      await expect(call(5, high.index, low, high)).to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour");
      const invented = (index: number, hash: string) => ({ ...p(index), hash });
      const [LEAST, MOST] = [ZeroHash, `0x${"ff".repeat(32)}`];
      const sides: [number, Placed, Placed][] = [
        [at + 1, invented(at, LEAST), at + 1 < 5 ? p(at + 1) : NO_PLACE],
        [at, at > 0 ? p(at - 1) : NO_PLACE, invented(at, MOST)],
      ];
      for (const [gap, left, right] of sides) {
        await expect(call(5, gap, left, right)).to.be.revertedWithCustomError(rewards, "SortedTree_NotIncluded");
      }
      await expect(call(5, 1, p(0), p(2)))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongNeighbour")
        .withArgs(2, 1);
      const unproven = { ...witness, leaf: { ...witness.leaf, receiptsHash: hashOf("none of it") } };
      await expect(rewards.refuteReceipts(posting, unproven, 5, 0, NO_PLACE, p(0))).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotInRoot",
      );
      await expect(call(4, 4, p(3))).to.be.revertedWithCustomError(rewards, "SortedTree_WrongPathLength");
      await expect(call(6, 6, p(4))).to.be.revertedWithCustomError(rewards, "SortedTree_NotIncluded");
      await expect(call(8, 5, p(4), p(0))).to.be.revertedWithCustomError(rewards, "SortedTree_NotIncluded");
      await expect(call(0, 0)).to.be.revertedWithCustomError(rewards, "Rewards_NoFault").withArgs(RECEIPTS);
    });
  });

  it("takes refutations before the quorum, in the window, after it, and of a frozen root", async () => {
    const world = await load(opened);
    const { rewards, rival, networkHelpers } = world;
    const entries = AFTER.map((entry) => (entry.account === b ? { ...entry, cumulativeWei: WEI_PER_NANO } : entry));
    for (const state of ["posted", "attested", "after the window", "frozen"] as const) {
      const snapshot = await networkHelpers.takeSnapshot();
      const posted = await postRoot(
        world,
        await planRoot(
          world,
          entries.map((entry, i) => (i === 0 ? { ...entry, cumulativeWei: entry.cumulativeWei * 9n } : entry)),
        ),
      );
      const deposit = await rewards.depositOf(rival.address);
      if (state !== "posted") await attestRoot(world, posted);
      if (state === "after the window") await networkHelpers.time.increase(PARAMETERS.challengeWindow + 1);
      if (state === "frozen") {
        await mined(rewards.connect(rival).challenge(posted.posting, hashOf("wrong")));
        expect(await rewards.depositOf(rival.address)).to.equal(deposit - bondOf(posted));
      }
      const witness = witnessOf(posted.tree, 1);
      await refuted(
        world,
        posted,
        (contract) => contract.refuteDecrease(posted.posting, formerOf(world.first, b), witness),
        DECREASE,
      );
      expect(await rewards.depositOf(rival.address)).to.equal(deposit);
      await snapshot.restore();
    }
  });

  it("refuses every refutation of another root than the pending one", async () => {
    const world = await load(opened);
    const { rewards, first } = world;
    const posted = await postRoot(world, await planRoot(world, AFTER));
    const other = { ...posted.posting, bondNano: bondOf(posted) - 1n };
    const witness = witnessOf(posted.tree, 0);
    const former = formerOf(first, a);
    const node = nodeOf(emptyNode(0), emptyNode(0));
    for (const call of [
      rewards.refuteOrder(other, witness, witness),
      rewards.refuteOmission(other, former, 0, witness, witness),
      rewards.refuteDecrease(other, former, witness),
      rewards.refuteNode(other, 0, 0, node, 0, "0x"),
      rewards.refuteLeaf(other, 0, 0, witness.leaf, 0, "0x"),
      rewards.refutePadding(other, 0, ZeroHash, 0, "0x"),
      rewards.refuteReceipts(other, witness, 1, 0, NO_PLACE, NO_PLACE),
    ]) {
      await expect(call).to.be.revertedWithCustomError(rewards, "Rewards_NotPending");
    }
  });
});
