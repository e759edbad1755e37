import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { commitmentOf, NO_ROOT, versionOf } from "../../../src/rewards/root.ts";
import { buildSumTree, type Entry, joinLeaves, witnessOf } from "../../../src/rewards/tree.ts";
import type { HostileToken } from "../../../typechain-types/index.ts";
import { openEconomy } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { accountOf, entriesOf } from "../../helpers/rewardEntries.ts";
import {
  activateRoot,
  addRewards,
  attestRoot,
  checkBooks,
  claimOf,
  domainOf,
  FUNDED,
  planRoot,
  postRoot,
  type RewardsWorld,
  runRoot,
  type Signer,
} from "../../helpers/rewards.ts";

/*
RewardClaims
├── sync: counts what arrived, once; less than a nano waits; anybody may call
│  └── given the contract holds less than its books say: Rewards_BalanceShort
├── deposit, withdraw: the caller's own; never rewards, never more than there is
├── claim
│  ├── given no root is active: Rewards_NotActive
│  ├── pays the account, whoever calls, and changes nothing else (case 56)
│  ├── pays the sum of the leaves, to the wei, and no more; nobody where the total is off (case 12)
│  ├── the same again: Rewards_NothingDue
│  ├── under a newer root the difference; the older root is no longer paid (case 52)
│  ├── a leaf changed in any field, a proof of another root, another version: Rewards_NotActive (case 53)
│  ├── an index beyond the count, a proof of another length: refused (cases 49, 54)
│  ├── given a root with less for an account: Rewards_NothingDue, others are paid (case 51)
│  ├── given two leaves for one account: the higher one at most (case 50)
│  ├── given roots that together promise more than their total: Rewards_TotalExceeded
│  └── given an amount that is not whole nano: Rewards_NotWholeNano
├── claimMany: passes over those with nothing due; reverts when one is not in the root; lists of one length
└── a token that lies or calls back: nothing is paid twice, nothing is lost
*/
describe("RewardClaims", () => {
  let protocol: Protocol;
  let load: Load;
  let economy: Awaited<ReturnType<typeof openEconomy>>;
  before(async () => {
    protocol = await deployProtocol();
    economy = await openEconomy(protocol, { verifiers: 4 });
    load = await fixturesOn(protocol);
  });
  const [alice, bob, carol] = [1, 2, 3].map(accountOf) as [string, string, string];

  const opened = () => addRewards(protocol, economy.verifiers);

  /** Alice 10, Bob 20, Carol 30.000000001 OPG. */
  const ENTRIES = entriesOf([
    [alice, 10],
    [bob, 20],
    [carol, 30.000000001],
  ]);
  async function active() {
    const world = await opened();
    return { ...world, first: await runRoot(world, ENTRIES) };
  }
  const heldBy = ({ contracts }: RewardsWorld, account: string) => contracts.opg.balanceOf(account);
  const wei = (opg: number) => BigInt(Math.round(opg * 1e9)) * WEI_PER_NANO;

  describe("sync", () => {
    it("counts what arrived, once, in whole nano", async () => {
      const world = await load(opened);
      const { rewards, contracts, stranger } = world;
      await expect(rewards.connect(stranger).sync()).not.to.emit(rewards, "Funded");
      await mined(contracts.opg.transfer(rewards.target, 5n * WEI_PER_NANO - 1n));
      await expect(rewards.connect(stranger).sync())
        .to.emit(rewards, "Funded")
        .withArgs(4n, FUNDED + 4n);
      await mined(contracts.opg.transfer(rewards.target, 1n));
      await expect(rewards.sync())
        .to.emit(rewards, "Funded")
        .withArgs(1n, FUNDED + 5n);
      expect(await rewards.unpromisedNano()).to.equal(FUNDED + 5n);
      await checkBooks(world);
    });

    it("case 41: counts no deposit, and what was paid only once", async () => {
      const world = await load(active);
      const { rewards, rival, first } = world;
      await mined(rewards.claim(...claimOf(first, alice)));
      await mined(rewards.connect(rival).deposit(7n));
      await expect(rewards.sync()).not.to.emit(rewards, "Funded");
      expect((await checkBooks(world)).fundedNano).to.equal(FUNDED);
    });
  });

  describe("deposit, withdraw", () => {
    it("are of the caller only, and leave rewards alone", async () => {
      const world = await load(opened);
      const { rewards, rival, stranger } = world;
      const before = await checkBooks(world);
      await expect(rewards.connect(rival).deposit(5n)).to.emit(rewards, "Deposited").withArgs(rival.address, 5n);
      await expect(rewards.connect(stranger).withdraw(1n))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooMuch")
        .withArgs(1n, 0n);
      const all = await rewards.depositOf(rival.address);
      await expect(rewards.connect(rival).withdraw(all + 1n))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooMuch")
        .withArgs(all + 1n, all);
      await expect(rewards.connect(rival).withdraw(all)).to.emit(rewards, "Withdrawn").withArgs(rival.address, all);
      const after = await checkBooks(world);
      expect(after.heldNano).to.equal(before.heldNano + 5n - all);
      expect(after.fundedNano).to.equal(before.fundedNano);
      for (const call of [rewards.deposit(0n), rewards.withdraw(0n)]) {
        await expect(call).to.be.revertedWithCustomError(rewards, "Rewards_ZeroAmount");
      }
    });
  });

  describe("claim", () => {
    it("reverts while no root is active, also for a root that waits", async () => {
      const world = await load(opened);
      const posted = await postRoot(world, await planRoot(world, ENTRIES));
      await attestRoot(world, posted);
      await expect(world.rewards.claim(...claimOf(posted, alice)))
        .to.be.revertedWithCustomError(world.rewards, "Rewards_NotActive")
        .withArgs(commitmentOf(posted.content), NO_ROOT);
    });

    it("case 56: pays the account, whoever calls, and changes nothing else", async () => {
      const world = await load(active);
      const { rewards, contracts, stranger, first } = world;
      const before = await heldBy(world, stranger.address);
      await expect(rewards.connect(stranger).claim(...claimOf(first, alice)))
        .to.emit(rewards, "Claimed")
        .withArgs(alice, wei(10))
        .and.to.emit(contracts.opg, "Transfer")
        .withArgs(rewards.target, alice, wei(10));
      expect(await heldBy(world, alice)).to.equal(wei(10));
      expect(await heldBy(world, stranger.address)).to.equal(before);
      expect(await rewards.claimed(alice)).to.equal(wei(10));
      expect(await rewards.depositOf(alice)).to.equal(0n);
      await checkBooks(world);
    });

    it("case 12: pays exactly the total when everybody has claimed", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      let sum = 0n;
      for (const account of [carol, alice, bob]) {
        await mined(rewards.claim(...claimOf(first, account)));
        sum += await heldBy(world, account);
      }
      expect(sum).to.equal(first.tree.totalWei);
      const books = await checkBooks(world);
      expect(books.paidNano).to.equal(books.promisedNano);
      expect(books.promisedNano * WEI_PER_NANO).to.equal(sum);
    });

    it("case 12: pays nobody under a root whose total is not the sum of its leaves", async () => {
      const world = await load(opened);
      const { rewards, poster } = world;
      const tree = buildSumTree(await domainOf(world), ENTRIES);
      const oneWei = await planRoot(world, tree, { change: { totalWei: tree.totalWei + 1n } });
      await expect(rewards.connect(poster).post(oneWei.content)).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotWholeNano",
      );
      for (const off of [WEI_PER_NANO, -WEI_PER_NANO]) {
        const snapshot = await world.networkHelpers.takeSnapshot();
        const planned = await planRoot(world, tree, { change: { totalWei: tree.totalWei + off } });
        const posted = await postRoot(world, planned);
        await attestRoot(world, posted);
        await activateRoot(world, posted);
        await expect(rewards.claim(...claimOf(posted, alice))).to.be.revertedWithCustomError(
          rewards,
          "Rewards_NotActive",
        );
        await snapshot.restore();
      }
    });

    it("pays nothing twice", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      await mined(rewards.claim(...claimOf(first, alice)));
      await expect(rewards.claim(...claimOf(first, alice)))
        .to.be.revertedWithCustomError(rewards, "Rewards_NothingDue")
        .withArgs(alice, wei(10), wei(10));
    });

    it("case 52: pays the difference under a newer root, and the older one no more", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      await mined(rewards.claim(...claimOf(first, alice)));
      const second = await runRoot(
        world,
        entriesOf([
          [alice, 15],
          [bob, 20],
          [carol, 31],
        ]),
      );
      for (const account of [alice, bob]) {
        await expect(rewards.claim(...claimOf(first, account)))
          .to.be.revertedWithCustomError(rewards, "Rewards_NotActive")
          .withArgs(commitmentOf(first.content), commitmentOf(second.content));
      }
      for (const account of [alice, bob, carol]) await mined(rewards.claim(...claimOf(second, account)));
      expect(await heldBy(world, alice)).to.equal(wei(15));
      expect(await heldBy(world, bob)).to.equal(wei(20));
      expect(await heldBy(world, carol)).to.equal(wei(31));
      await checkBooks(world);
    });

    it("case 53: refuses a leaf, a proof or a version that is changed anywhere", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      const [version, leaf, proof] = claimOf(first, bob);
      const flipped = `${proof.slice(0, -1)}${proof.endsWith("0") ? "1" : "0"}`;
      const flippedSum = `0x01${proof.slice(4)}`;
      const other = leaf.index === 0 ? 1 : 0;
      const wrong: [bigint, typeof leaf, string][] = [
        [version, { ...leaf, account: alice }, proof],
        [version, { ...leaf, cumulativeWei: leaf.cumulativeWei + WEI_PER_NANO }, proof],
        [version, { ...leaf, index: other }, proof],
        [version, { ...leaf, receiptsHash: ZeroHash }, proof],
        [version, leaf, flipped],
        [version, leaf, flippedSum],
        [version + (1n << 32n), leaf, proof],
        [versionOf({ epoch: 1, leafCount: 4 }), leaf, proof],
        [0n, leaf, proof],
      ];
      for (const [badVersion, badLeaf, badProof] of wrong) {
        const error = badVersion === 0n ? "SumTree_IndexTooHigh" : "Rewards_NotActive";
        await expect(rewards.claim(badVersion, badLeaf, badProof)).to.be.revertedWithCustomError(rewards, error);
      }
      await mined(rewards.claim(version, leaf, proof));
    });

    it("cases 49, 54: refuses an index beyond the count and proofs of another length", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      const [version, leaf, proof] = claimOf(first, bob);
      for (const index of [3, 4 + leaf.index, 2 ** 32 - 1]) {
        await expect(rewards.claim(version, { ...leaf, index }, proof))
          .to.be.revertedWithCustomError(rewards, "SumTree_IndexTooHigh")
          .withArgs(index, 3);
      }
      for (const bad of ["0x", proof.slice(0, -88), proof.slice(0, -2), `${proof}00`, `${proof}${"00".repeat(44)}`]) {
        await expect(rewards.claim(version, leaf, bad))
          .to.be.revertedWithCustomError(rewards, "SumTree_WrongProofLength")
          .withArgs((bad.length - 2) / 2, 2);
      }
      // Dirty bits above a field are not another leaf.
      const data = rewards.interface.encodeFunctionData("claim", [version, leaf, proof]);
      const dirty = `${data.slice(0, 10 + 64)}01${data.slice(10 + 66)}`;
      await expect(world.stranger.call({ to: rewards.target, data: dirty })).to.be.revert(world.ethers);
    });

    it("case 51: reverts cleanly for an account that a newer root gives less", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      await mined(rewards.claim(...claimOf(first, alice)));
      const second = await runRoot(
        world,
        entriesOf([
          [alice, 9],
          [bob, 21],
          [carol, 31],
        ]),
      );
      await expect(rewards.claim(...claimOf(second, alice)))
        .to.be.revertedWithCustomError(rewards, "Rewards_NothingDue")
        .withArgs(alice, wei(9), wei(10));
      await mined(rewards.claim(...claimOf(second, bob)));
      // What Alice got too much is missing at the end: 61 OPG were promised, and 10 + 21 are paid.
      await expect(rewards.claim(...claimOf(second, carol)))
        .to.be.revertedWithCustomError(rewards, "Rewards_TotalExceeded")
        .withArgs(wei(10 + 21 + 31) / WEI_PER_NANO, wei(61) / WEI_PER_NANO);
      await checkBooks(world);
    });

    it("case 50: pays an account that has two leaves the higher one at most", async () => {
      const world = await load(opened);
      const { rewards } = world;
      const domain = await domainOf(world);
      const entries: Entry[] = entriesOf([
        [alice, 10],
        [alice, 25],
      ]);
      const tree = joinLeaves(
        domain,
        entries.map((entry, index) => ({ ...entry, index })),
      );
      const posted = await runRoot(world, tree);
      const version = versionOf(posted.content);
      for (const index of [0, 1]) {
        const { leaf, proof } = witnessOf(tree, index);
        await mined(rewards.claim(version, leaf, proof));
      }
      expect(await heldBy(world, alice)).to.equal(wei(25));
      await checkBooks(world);
    });

    it("never pays more than the total of the active root, whatever roots before it said", async () => {
      const world = await load(active);
      const { rewards, first } = world;
      for (const account of [alice, bob, carol]) await mined(rewards.claim(...claimOf(first, account)));
      const dave = accountOf(4);
      const second = await runRoot(world, entriesOf([[dave, 61]]));
      await expect(rewards.claim(...claimOf(second, dave)))
        .to.be.revertedWithCustomError(rewards, "Rewards_TotalExceeded")
        .withArgs(wei(121.000000001) / WEI_PER_NANO, wei(61) / WEI_PER_NANO);
      await checkBooks(world);
    });

    it("pays whole nano only", async () => {
      const world = await load(opened);
      const entries = [
        { ...(entriesOf([[alice, 1]])[0] as Entry), cumulativeWei: WEI_PER_NANO - 1n, index: 0 },
        { ...(entriesOf([[bob, 1]])[0] as Entry), cumulativeWei: 1n, index: 1 },
      ];
      const tree = joinLeaves(await domainOf(world), entries);
      await runRoot(world, tree);
      const { leaf, proof } = witnessOf(tree, 0);
      await expect(world.rewards.claim(versionOf({ epoch: 1, leafCount: 2 }), leaf, proof))
        .to.be.revertedWithCustomError(world.rewards, "Rewards_NotWholeNano")
        .withArgs(WEI_PER_NANO - 1n);
    });
  });

  describe("claimMany", () => {
    it("pays all that are due and passes over the others", async () => {
      const world = await load(active);
      const { rewards, first, stranger } = world;
      await mined(rewards.claim(...claimOf(first, bob)));
      const claims = [carol, bob, alice, carol].map((account) => claimOf(first, account));
      const leaves = claims.map(([, leaf]) => leaf);
      const proofs = claims.map(([, , proof]) => proof);
      const [[version]] = claims as [(typeof claims)[0]];
      const paid = await rewards.claimMany.staticCall(version, leaves, proofs);
      expect(paid).to.equal(wei(40.000000001));
      await mined(rewards.connect(stranger).claimMany(version, leaves, proofs));
      expect(await heldBy(world, carol)).to.equal(wei(30.000000001));
      expect(await heldBy(world, alice)).to.equal(wei(10));
      expect(await heldBy(world, bob)).to.equal(wei(20));
      expect(await rewards.claimMany.staticCall(version, leaves, proofs)).to.equal(0n);
      expect(await rewards.claimMany.staticCall(version, [], [])).to.equal(0n);
      await checkBooks(world);
    });

    it("reverts when one is not in the root, or the lists differ in length", async () => {
      const { rewards, first } = await load(active);
      const [version, leaf, proof] = claimOf(first, alice);
      const [, other, otherProof] = claimOf(first, bob);
      await expect(rewards.claimMany(version, [leaf, other], [proof, proof])).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotActive",
      );
      await expect(rewards.claimMany(version, [leaf, other], [proof]))
        .to.be.revertedWithCustomError(rewards, "Rewards_LengthsDiffer")
        .withArgs(2, 1);
      await mined(rewards.claimMany(version, [leaf, other], [proof, otherProof]));
    });
  });

  describe("a hostile token", () => {
    async function hostile() {
      const { ethers, signers } = protocol;
      const token = (await ethers.deployContract("HostileToken")) as unknown as HostileToken;
      const reenterer = await ethers.deployContract("Reenterer");
      await mined(token.mint((signers[0] as Signer).address, 10n ** 27n));
      const world = await addRewards(protocol, economy.verifiers, { token });
      const first = await runRoot(world, ENTRIES);
      return { ...world, first, token, reenterer };
    }

    it("that refuses: nothing is paid and nothing is counted as paid", async () => {
      const world = await load(hostile);
      const { rewards, token, first, rival } = world;
      await mined(token.setRefuses(true));
      await expect(rewards.claim(...claimOf(first, alice))).to.be.revertedWithCustomError(
        rewards,
        "SafeERC20FailedOperation",
      );
      await expect(rewards.connect(rival).withdraw(1n)).to.be.revertedWithCustomError(
        rewards,
        "SafeERC20FailedOperation",
      );
      expect(await rewards.claimed(alice)).to.equal(0n);
      await checkBooks(world, token);
    });

    it("that calls back in the middle of a claim: no second payment, no second counting", async () => {
      const world = await load(hostile);
      const { rewards, token, first, reenterer } = world;
      const calls = {
        claim: rewards.interface.encodeFunctionData("claim", [...claimOf(first, alice)]),
        sync: rewards.interface.encodeFunctionData("sync"),
        withdraw: rewards.interface.encodeFunctionData("withdraw", [1n]),
      };
      await mined(token.setHook(reenterer.target));
      for (const [name, account] of [
        ["claim", alice],
        ["sync", bob],
        ["withdraw", carol],
      ] as const) {
        await mined(reenterer.plan(rewards.target, calls[name]));
        await mined(rewards.claim(...claimOf(first, account)));
        expect(await reenterer.succeeded(), name).to.equal(name === "sync");
      }
      expect(await token.balanceOf(alice)).to.equal(wei(10));
      expect((await checkBooks(world, token)).fundedNano).to.equal(FUNDED);
    });

    it("that took tokens away: sync says so", async () => {
      const world = await load(hostile);
      const { rewards, token, first } = world;
      await mined(token.setSkew(1n));
      await mined(rewards.claim(...claimOf(first, alice)));
      const balanceWei = await token.balanceOf(rewards.target);
      await expect(rewards.sync())
        .to.be.revertedWithCustomError(rewards, "Rewards_BalanceShort")
        .withArgs(balanceWei, balanceWei + 1n);
    });
  });

  it("activates no root twice", async () => {
    const world = await load(active);
    await expect(activateRoot(world, world.first)).to.be.revertedWithCustomError(world.rewards, "Rewards_NotPending");
  });
});
