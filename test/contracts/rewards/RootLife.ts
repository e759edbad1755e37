import { expect } from "chai";
import { id as hashOf, Wallet, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type EpochRoot, rootDigest } from "../../../src/rewards/root.ts";
import { OPG, openEconomy } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { accountOf, entriesOf } from "../../helpers/rewardEntries.ts";
import {
  activateRoot,
  addRewards,
  attestRoot,
  checkBooks,
  claimOf,
  deployRewards,
  FUNDED,
  GRACE,
  LEAST_WINDOW,
  PARAMETERS,
  type Posted,
  planRoot,
  postedIn,
  postRoot,
  RESERVE,
  type RewardsWorld,
  runRoot,
  type Signer,
  signRoot,
  VERDICT_TIME,
  WINDOW,
} from "../../helpers/rewards.ts";

/*
RootLife
├── constructor, setParameters: governance only, each parameter within its bounds, at both ends
├── post
│  ├── takes max(floor, part of what is newly promised) from the deposit of an operator's owner
│  ├── a wrong epoch, an empty root (case 48), a bad leaf count, an odd total, a lower total than before (case 51),
│  │   a total above what was funded, too small a deposit: an error for each
│  ├── when the caller owns no operator: Rewards_NotOperator
│  └── given a root waits: Rewards_RootPending
├── attest
│  ├── opens the window with the signatures of a quorum; anybody may send them
│  ├── too few, too many, badly cut, unsorted signatures; one operator twice; the poster's own operator; an unknown key;
│  │   a revoked key; another content, another contract: an error for each (case 53)
│  └── after its time, or a second time: Rewards_AttestTooLate, Rewards_AlreadyAttested
├── activate: after the window and not before, with a quorum that still stands; the bond comes back
├── displace: a root with a quorum takes the place of one without; the other loses a part only when its time was over
├── challenge: only in the window, with a bond; freezes
├── verdict: governance only, in time
│  ├── stands: the challenger's bond goes to poster and reserve; the root can be activated
│  └── falls: the poster's bond goes to challenger and reserve; the challenger's comes back; the root never returns
├── drop: not attested: a part is lost; not activated, or no verdict: all bonds come back; the former root is paid all the time
└── rootDigest: EIP-712, as src/rewards makes it; binds the active root
*/
describe("RootLife", () => {
  let protocol: Protocol;
  let load: Load;
  let economy: Awaited<ReturnType<typeof openEconomy>>;
  before(async () => {
    protocol = await deployProtocol();
    economy = await openEconomy(protocol, { verifiers: 4 });
    load = await fixturesOn(protocol);
  });
  const [alice, bob] = [accountOf(1), accountOf(2)];
  const ENTRIES = entriesOf([
    [alice, 1000],
    [bob, 19_000],
  ]);
  const LATER = entriesOf(
    [
      [alice, 1500],
      [bob, 19_500],
    ],
    2,
  );
  const FLOOR = PARAMETERS.bondFloorNano;
  const part = (nano: bigint, ppm: number) => (nano * BigInt(ppm)) / 1_000_000n;
  const winningsOf = (bond: bigint) => part(bond, PARAMETERS.winnerPpm);

  const opened = () => addRewards(protocol, economy.verifiers);
  const active = async () => {
    const world = await opened();
    return { ...world, first: await runRoot(world, ENTRIES) };
  };
  const posted = async () => {
    const world = await active();
    return { ...world, next: await postRoot(world, await planRoot(world, LATER)) };
  };
  const attested = async () => {
    const world = await posted();
    await attestRoot(world, world.next);
    return world;
  };
  const frozen = async () => {
    const world = await attested();
    await mined(world.rewards.connect(world.rival).challenge(world.next.posting, hashOf("reason")));
    return world;
  };
  const bondOf = (root: Posted) => BigInt(root.posting.bondNano);
  const reserveNano = async ({ contracts }: RewardsWorld) => (await contracts.opg.balanceOf(RESERVE)) / WEI_PER_NANO;
  const idOf = async ({ rewards }: RewardsWorld) => (await rewards.getPending()).id;

  describe("constructor, setParameters", () => {
    const bounds: [keyof typeof PARAMETERS, bigint, bigint | null][] = [
      ["quorum", 2n, 16n],
      ["challengeWindow", BigInt(LEAST_WINDOW), 30n * 86_400n],
      ["graceTime", 600n, 7n * 86_400n],
      ["verdictTime", 4200n + 600n, 90n * 86_400n],
      ["bondFloorNano", OPG, null],
      ["bondPpm", 10_000n, 200_000n],
      ["winnerPpm", 50_000n, 500_000n],
      ["winnerCapNano", part(FLOOR, PARAMETERS.winnerPpm), null],
      ["lapsePpm", 10_000n, 500_000n],
    ];

    it("takes each parameter at both ends of its bounds and refuses it beyond", async () => {
      const { rewards, contracts, networkHelpers, ethers } = await load(opened);
      const timelock = String(contracts.timelock.target);
      await networkHelpers.impersonateAccount(timelock);
      await networkHelpers.setBalance(timelock, 10n ** 18n);
      const governance = rewards.connect(await ethers.getSigner(timelock));
      for (const [name, least, most] of bounds) {
        const change = (value: bigint) => ({
          ...PARAMETERS,
          verdictTime: 90 * 86_400,
          winnerCapNano: 10n ** 18n,
          [name]: value,
        });
        await expect(governance.setParameters(change(least))).to.emit(rewards, "ParametersSet");
        await expect(governance.setParameters(change(least - 1n)))
          .to.be.revertedWithCustomError(rewards, "Rewards_BadParameter")
          .withArgs(name, least - 1n, least);
        if (most === null) continue;
        await mined(governance.setParameters(change(most)));
        await expect(governance.setParameters(change(most + 1n)))
          .to.be.revertedWithCustomError(rewards, "Rewards_BadParameter")
          .withArgs(name, most + 1n, most);
      }
    });

    it("is governance's only, through the timelock", async () => {
      const world = await load(opened);
      const { rewards, contracts, stranger } = world;
      await expect(rewards.connect(stranger).setParameters(PARAMETERS))
        .to.be.revertedWithCustomError(rewards, "Governed_NotGovernance")
        .withArgs(stranger.address, contracts.timelock.target);
      const parameters = { ...PARAMETERS, quorum: 3 };
      await mined(govern(world, rewards, rewards.interface.encodeFunctionData("setParameters", [parameters])));
      expect((await rewards.getParameters()).quorum).to.equal(3n);
    });

    it("refuses parameters beyond bounds, no reserve, no least bond", async () => {
      const world = await load(opened);
      const { rewards, contracts } = world;
      await expect(deployRewards(protocol, contracts.opg, { quorum: 1 }))
        .to.be.revertedWithCustomError(rewards, "Rewards_BadParameter")
        .withArgs("quorum", 1, 2);
      await expect(deployRewards(protocol, contracts.opg, {}, { reserve: ZeroAddress }))
        .to.be.revertedWithCustomError(rewards, "Rewards_BadReserve")
        .withArgs(ZeroAddress);
      await expect(deployRewards(protocol, contracts.opg, {}, { leastBondNano: 0 })).to.be.revertedWithCustomError(
        rewards,
        "Rewards_ZeroAmount",
      );
    });
  });

  describe("post", () => {
    it("takes the part of what is newly promised, and at least the floor", async () => {
      const world = await load(opened);
      const { rewards, poster, posterOperator } = world;
      const planned = await planRoot(world, ENTRIES);
      const deposit = await rewards.depositOf(poster.address);
      const bond = part(20_000n * OPG, PARAMETERS.bondPpm);
      expect(await rewards.bondFor(planned.content.totalWei)).to.equal(bond);
      expect(await rewards.bondFor(1n)).to.equal(FLOOR);
      const root = await postRoot(world, planned);
      expect(root.posting).to.include({ poster: poster.address, operator: BigInt(posterOperator), bondNano: bond });
      expect(await idOf(world)).to.equal(root.id);
      expect(await rewards.depositOf(poster.address)).to.equal(deposit - bond);
      await attestRoot(world, root);
      await activateRoot(world, root);
      expect(await rewards.depositOf(poster.address)).to.equal(deposit);
      // A further 1,000 OPG: the floor.
      expect(await rewards.bondFor(21_000n * OPG * WEI_PER_NANO)).to.equal(FLOOR);
      await checkBooks(world);
    });

    it("refuses contents that cannot be right", async () => {
      const world = await load(active);
      const { rewards, poster } = world;
      const { content } = await planRoot(world, LATER);
      const promised = 20_000n * OPG * WEI_PER_NANO;
      const funded = FUNDED * WEI_PER_NANO;
      const wrong: [Partial<EpochRoot>, string, unknown[]][] = [
        [{ epoch: 1 }, "Rewards_WrongEpoch", [1, 2]],
        [{ epoch: 3 }, "Rewards_WrongEpoch", [3, 2]],
        [{ root: ZeroHash }, "Rewards_EmptyRoot", []],
        [{ leafCount: 0 }, "Rewards_BadLeafCount", [0, 2 ** 24]],
        [{ leafCount: 2 ** 24 + 1 }, "Rewards_BadLeafCount", [2 ** 24 + 1, 2 ** 24]],
        [{ totalWei: promised + 1n }, "Rewards_NotWholeNano", [promised + 1n]],
        [{ totalWei: promised - WEI_PER_NANO }, "Rewards_TotalFell", [promised - WEI_PER_NANO, promised]],
        [{ totalWei: funded + WEI_PER_NANO }, "Rewards_NotFunded", [funded + WEI_PER_NANO, funded]],
      ];
      for (const [change, error, args] of wrong) {
        await expect(rewards.connect(poster).post({ ...content, ...change }))
          .to.be.revertedWithCustomError(rewards, error)
          .withArgs(...args);
      }
      for (const totalWei of [promised, funded])
        await rewards.connect(poster).post.staticCall({ ...content, totalWei });
    });

    it("is for owners of operators with the deposit, one at a time", async () => {
      const world = await load(opened);
      const { rewards, rival, poster, signers } = world;
      const { content } = await planRoot(world, ENTRIES);
      await expect(rewards.connect(rival).post(content))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotOperator")
        .withArgs(rival.address);
      const poor = signers[5] as Signer;
      const bond = await rewards.bondFor(content.totalWei);
      await expect(rewards.connect(poor).post(content))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooMuch")
        .withArgs(bond, 0);
      await mined(rewards.connect(poster).post(content));
      await expect(rewards.connect(poster).post(content))
        .to.be.revertedWithCustomError(rewards, "Rewards_RootPending")
        .withArgs(await idOf(world));
    });
  });

  describe("attest", () => {
    it("opens the window with the signatures of a quorum, whoever sends them", async () => {
      const world = await load(posted);
      const { rewards, next, stranger, networkHelpers } = world;
      const signatures = await signRoot(world, next.content);
      const at = (await networkHelpers.time.latest()) + 10;
      await networkHelpers.time.setNextBlockTimestamp(at);
      await expect(rewards.connect(stranger).attest(next.posting, signatures))
        .to.emit(rewards, "Attested")
        .withArgs(2, next.id, at + WINDOW);
      expect((await rewards.getPending()).activeFrom).to.equal(BigInt(at + WINDOW));
      await expect(rewards.attest(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Rewards_AlreadyAttested")
        .withArgs(next.id);
    });

    it("refuses what is no quorum", async () => {
      const world = await load(posted);
      const { rewards, next, verifiers, posterOperator } = world;
      const [own, one, two] = verifiers as [(typeof verifiers)[0], (typeof verifiers)[0], (typeof verifiers)[0]];
      const sign = (signers: typeof verifiers) => signRoot(world, next.content, signers);
      const attest = (signatures: string) => rewards.attest(next.posting, signatures);
      const unknown = Wallet.createRandom() as unknown as Wallet;
      const good = await sign([one, two]);
      const swapped = `0x${good.slice(2 + 128)}${good.slice(2, 2 + 128)}`;
      const cases: [string, string, unknown[] | null][] = [
        ["0x", "Quorum_TooFew", [0, 2]],
        [await sign([one]), "Quorum_TooFew", [1, 2]],
        [`${good}${good.slice(2).repeat(8)}`, "Quorum_TooMany", [18, 16]],
        [`${good}${good.slice(2).repeat(7)}`, "Quorum_NotDistinct", [two.operator, one.operator]],
        [`${good}00`, "Quorum_BadLength", [129]],
        [await sign([one, one]), "Quorum_NotDistinct", [one.operator, one.operator]],
        [swapped, "Quorum_NotDistinct", [two.operator, one.operator]],
        [await sign([own, one]), "Quorum_SignerExcluded", [posterOperator]],
        [await sign([one, { ...two, key: unknown }]), "Quorum_SignerNotActive", [unknown.address]],
        [`0x${"00".repeat(128)}`, "Quorum_SignerNotActive", [ZeroAddress]],
      ];
      for (const [signatures, error, args] of cases) {
        const expected = expect(attest(signatures)).to.be.revertedWithCustomError(rewards, error);
        await (args ? expected.withArgs(...args) : expected);
      }
      for (const change of [
        { totalWei: next.content.totalWei + WEI_PER_NANO },
        { receiptsRoot: ZeroHash },
        { dataHash: ZeroHash },
        { epoch: 3 },
      ]) {
        const other = await signRoot(world, { ...next.content, ...change });
        await expect(attest(other)).to.be.revertedWithCustomError(rewards, "Quorum_SignerNotActive");
      }
      await mined(attest(good));
    });

    it("counts no second key of the same operator", async () => {
      const world = await load(posted);
      const { rewards, next, verifiers } = world;
      const [, one, two] = verifiers as [(typeof verifiers)[0], (typeof verifiers)[0], (typeof verifiers)[0]];
      // The registry says that the second key is of the first operator.
      const registry = new Map([
        [one.key.address, one.operator],
        [two.key.address, one.operator],
      ]);
      expect(registry.get(two.key.address)).to.equal(one.operator);
      const slotOf = async (key: string) => {
        for (let slot = 0n; slot < 12n; slot++) {
          const place = protocol.ethers.solidityPackedKeccak256(["uint256", "uint256"], [key, slot]);
          const value = await protocol.ethers.provider.getStorage(world.contracts.teeRegistry.target, place);
          if (BigInt(value) !== 0n) return { place, value: BigInt(value) };
        }
        throw new Error("The key has no record");
      };
      const { place, value } = await slotOf(two.key.address);
      const bent = value - (value & 0xffff_ffffn) + BigInt(one.operator);
      await world.networkHelpers.setStorageAt(String(world.contracts.teeRegistry.target), place, bent);
      expect(await world.contracts.teeRegistry.activeOperator(two.key.address)).to.equal(BigInt(one.operator));
      await expect(rewards.attest(next.posting, await signRoot(world, next.content, [one, two])))
        .to.be.revertedWithCustomError(rewards, "Quorum_NotDistinct")
        .withArgs(one.operator, one.operator);
    });

    it("counts no revoked key", async () => {
      const world = await load(posted);
      const { rewards, next, verifiers, contracts, signers } = world;
      const signatures = await signRoot(world, next.content);
      const [, , two] = verifiers as [unknown, unknown, (typeof verifiers)[0]];
      await mined(contracts.teeRegistry.connect(signers[5]).revokeKey(two.key.address));
      await expect(rewards.attest(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Quorum_SignerNotActive")
        .withArgs(two.key.address);
    });

    it("ends with its time", async () => {
      const world = await load(posted);
      const { rewards, next, networkHelpers } = world;
      const signatures = await signRoot(world, next.content);
      await networkHelpers.time.increaseTo(BigInt(next.posting.attestBy));
      await expect(rewards.attest(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Rewards_AttestTooLate")
        .withArgs(next.posting.attestBy);
    });
  });

  describe("activate", () => {
    it("waits for the window, and needs the quorum again", async () => {
      const world = await load(attested);
      const { rewards, next, contracts, signers, verifiers, networkHelpers, first } = world;
      const signatures = await signRoot(world, next.content);
      const { activeFrom } = await rewards.getPending();
      await networkHelpers.time.setNextBlockTimestamp(activeFrom - 1n);
      await expect(rewards.activate(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotYet")
        .withArgs(activeFrom);
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      const snapshot = await networkHelpers.takeSnapshot();
      const [, , two, three] = verifiers as [
        unknown,
        (typeof verifiers)[0],
        (typeof verifiers)[0],
        (typeof verifiers)[0],
      ];
      await mined(contracts.teeRegistry.connect(signers[5]).revokeKey(two.key.address));
      await expect(rewards.activate(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Quorum_SignerNotActive")
        .withArgs(two.key.address);
      // Another quorum will do.
      const others = await signRoot(world, next.content, [verifiers[1] as (typeof verifiers)[0], three]);
      await mined(rewards.claim(...claimOf(first, alice)));
      await mined(rewards.activate(next.posting, others));
      expect((await rewards.getBooks()).epoch).to.equal(2n);
      await snapshot.restore();
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await expect(rewards.connect(world.stranger).activate(next.posting, signatures))
        .to.emit(rewards, "Activated")
        .withArgs(2, next.id, next.content.root, next.content.totalWei, 2);
      expect(await idOf(world)).to.equal(ZeroHash);
      await checkBooks(world);
    });

    it("reverts before the attestation and while frozen", async () => {
      const world = await load(posted);
      const { rewards, next } = world;
      const signatures = await signRoot(world, next.content);
      await expect(rewards.activate(next.posting, signatures))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotAttested")
        .withArgs(next.id);
      const ice = await load(frozen);
      await ice.networkHelpers.time.increase(WINDOW);
      await expect(ice.rewards.activate(ice.next.posting, await signRoot(ice, ice.next.content)))
        .to.be.revertedWithCustomError(rewards, "Rewards_Frozen")
        .withArgs(ice.next.id, ice.rival.address);
    });
  });

  describe("displace", () => {
    for (const late of [false, true]) {
      it(`puts a root with a quorum in the place of one without, ${late ? "after" : "before"} its time is over`, async () => {
        const world = await load(posted);
        const { rewards, next, poster, signers, networkHelpers } = world;
        const better = await planRoot(world, LATER, { change: { dataHash: hashOf("better") } });
        const signatures = await signRoot(world, better.content, [world.verifiers[0], world.verifiers[2]] as never);
        const before = await rewards.depositOf(poster.address);
        const reserve = await reserveNano(world);
        if (late) await networkHelpers.time.increase(GRACE + 1);
        const lost = late ? part(bondOf(next), PARAMETERS.lapsePpm) : 0n;
        const other = rewards.connect(signers[4] as Signer);
        await expect(other.displace.staticCall(next.posting, better.content, "0x")).to.be.revertedWithCustomError(
          rewards,
          "Quorum_TooFew",
        );
        const sent = other.displace(next.posting, better.content, signatures);
        await expect(sent).to.emit(rewards, "Dropped").withArgs(next.id, lost);
        const { id } = await postedIn(world, better, sent);
        expect(await rewards.depositOf(poster.address)).to.equal(before + bondOf(next) - lost);
        expect(await reserveNano(world)).to.equal(reserve + lost);
        const pending = await rewards.getPending();
        expect([pending.id, pending.activeFrom > 0n]).to.deep.equal([id, true]);
        await checkBooks(world);
      });
    }

    it("does not touch a root that a quorum attested", async () => {
      const world = await load(attested);
      const { rewards, next, signers } = world;
      const better = await planRoot(world, LATER, { change: { dataHash: hashOf("better") } });
      await expect(rewards.connect(signers[4]).displace(next.posting, better.content, "0x"))
        .to.be.revertedWithCustomError(rewards, "Rewards_AlreadyAttested")
        .withArgs(next.id);
    });
  });

  describe("challenge", () => {
    it("takes as large a bond, and freezes the root for a verdict", async () => {
      const world = await load(attested);
      const { rewards, next, rival, stranger, networkHelpers } = world;
      const deposit = await rewards.depositOf(rival.address);
      await expect(rewards.connect(stranger).challenge(next.posting, ZeroHash))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooMuch")
        .withArgs(bondOf(next), 0);
      const at = (await networkHelpers.time.latest()) + 5;
      await networkHelpers.time.setNextBlockTimestamp(at);
      await expect(rewards.connect(rival).challenge(next.posting, hashOf("why")))
        .to.emit(rewards, "Challenged")
        .withArgs(next.id, rival.address, at + VERDICT_TIME, hashOf("why"));
      expect(await rewards.depositOf(rival.address)).to.equal(deposit - bondOf(next));
      await expect(rewards.connect(rival).challenge(next.posting, ZeroHash))
        .to.be.revertedWithCustomError(rewards, "Rewards_Frozen")
        .withArgs(next.id, rival.address);
    });

    it("comes neither before the attestation nor after the window", async () => {
      const world = await load(posted);
      const { rewards, next, rival, networkHelpers } = world;
      await expect(rewards.connect(rival).challenge(next.posting, ZeroHash))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotAttested")
        .withArgs(next.id);
      await attestRoot(world, next);
      const { activeFrom } = await rewards.getPending();
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await expect(rewards.connect(rival).challenge(next.posting, ZeroHash))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooLate")
        .withArgs(activeFrom);
    });
  });

  describe("verdict", () => {
    const judge = (world: RewardsWorld & { next: Posted }, stands: boolean) =>
      govern(world, world.rewards, world.rewards.interface.encodeFunctionData("verdict", [world.next.posting, stands]));

    it("for the root: poster and reserve get the challenger's bond, and the root can be activated", async () => {
      const world = await load(frozen);
      const { rewards, next, rival, poster } = world;
      const [mine, theirs, reserve] = [
        await rewards.depositOf(poster.address),
        await rewards.depositOf(rival.address),
        await reserveNano(world),
      ];
      const bond = bondOf(next);
      await expect(judge(world, true)).to.emit(rewards, "ChallengeRejected").withArgs(next.id, rival.address);
      expect(await rewards.depositOf(poster.address)).to.equal(mine + winningsOf(bond));
      expect(await rewards.depositOf(rival.address)).to.equal(theirs);
      expect(await reserveNano(world)).to.equal(reserve + bond - winningsOf(bond));
      const { challenger, verdictBy } = await rewards.getPending();
      expect([challenger, verdictBy]).to.deep.equal([ZeroAddress, 0n]);
      // The time to activate it begins with the verdict.
      await expect(rewards.drop(next.posting)).to.be.revertedWithCustomError(rewards, "Rewards_NotYet");
      await mined(rewards.activate(next.posting, await signRoot(world, next.content)));
      expect(await rewards.depositOf(poster.address)).to.equal(mine + winningsOf(bond) + bond);
      await checkBooks(world);
    });

    it("against it: challenger and reserve get the poster's bond, the root never returns, the former one is paid", async () => {
      const world = await load(frozen);
      const { rewards, next, rival, poster, first } = world;
      const [mine, theirs, reserve] = [
        await rewards.depositOf(poster.address),
        await rewards.depositOf(rival.address),
        await reserveNano(world),
      ];
      const bond = bondOf(next);
      await mined(rewards.claim(...claimOf(first, alice)));
      await expect(judge(world, false))
        .to.emit(rewards, "Refuted")
        .withArgs(next.id, rival.address, 6, winningsOf(bond));
      expect(await rewards.depositOf(poster.address)).to.equal(mine);
      expect(await rewards.depositOf(rival.address)).to.equal(theirs + bond + winningsOf(bond));
      expect(await reserveNano(world)).to.equal(reserve + bond - winningsOf(bond));
      await mined(rewards.claim(...claimOf(first, bob)));
      await expect(rewards.connect(poster).post(next.content)).to.be.revertedWithCustomError(
        rewards,
        "Rewards_RefutedBefore",
      );
      await checkBooks(world);
    });

    it("is governance's only, of a frozen root, in time", async () => {
      const world = await load(attested);
      const { rewards, next, contracts, rival, networkHelpers, ethers } = world;
      await expect(rewards.verdict(next.posting, true)).to.be.revertedWithCustomError(
        rewards,
        "Governed_NotGovernance",
      );
      const timelock = String(contracts.timelock.target);
      await networkHelpers.impersonateAccount(timelock);
      await networkHelpers.setBalance(timelock, 10n ** 18n);
      const governance = rewards.connect(await ethers.getSigner(timelock));
      await expect(governance.verdict(next.posting, true))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotFrozen")
        .withArgs(next.id);
      await mined(rewards.connect(rival).challenge(next.posting, ZeroHash));
      const { verdictBy } = await rewards.getPending();
      await networkHelpers.time.setNextBlockTimestamp(verdictBy + 1n);
      await expect(governance.verdict(next.posting, true))
        .to.be.revertedWithCustomError(rewards, "Rewards_TooLate")
        .withArgs(verdictBy);
    });
  });

  describe("drop", () => {
    it("of a root that no quorum attested: a part of the bond is lost", async () => {
      const world = await load(posted);
      const { rewards, next, poster, stranger, networkHelpers } = world;
      const deposit = await rewards.depositOf(poster.address);
      const until = BigInt(next.posting.attestBy);
      await networkHelpers.time.setNextBlockTimestamp(until);
      await expect(rewards.drop(next.posting))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotYet")
        .withArgs(until + 1n);
      await networkHelpers.time.setNextBlockTimestamp(until + 1n);
      const lost = part(bondOf(next), PARAMETERS.lapsePpm);
      await expect(rewards.connect(stranger).drop(next.posting)).to.emit(rewards, "Dropped").withArgs(next.id, lost);
      expect(await rewards.depositOf(poster.address)).to.equal(deposit + bondOf(next) - lost);
      expect(await idOf(world)).to.equal(ZeroHash);
      await checkBooks(world);
      // The same root may come again: it was not wrong.
      await mined(rewards.connect(poster).post(next.content));
    });

    it("of a root that nobody activated: nothing is lost", async () => {
      const world = await load(attested);
      const { rewards, next, poster, networkHelpers } = world;
      const deposit = await rewards.depositOf(poster.address);
      const { activeFrom } = await rewards.getPending();
      const until = activeFrom + BigInt(GRACE);
      await networkHelpers.time.setNextBlockTimestamp(until);
      await expect(rewards.drop(next.posting))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotYet")
        .withArgs(until + 1n);
      await networkHelpers.time.setNextBlockTimestamp(until + 1n);
      await expect(rewards.drop(next.posting)).to.emit(rewards, "Dropped").withArgs(next.id, 0);
      expect(await rewards.depositOf(poster.address)).to.equal(deposit + bondOf(next));
      await checkBooks(world);
    });

    it("of a root without a verdict: both bonds come back, and the former root was paid all the time", async () => {
      const world = await load(frozen);
      const { rewards, next, poster, rival, networkHelpers, first } = world;
      const [mine, theirs] = [await rewards.depositOf(poster.address), await rewards.depositOf(rival.address)];
      await mined(rewards.claim(...claimOf(first, alice)));
      const { verdictBy } = await rewards.getPending();
      await networkHelpers.time.setNextBlockTimestamp(verdictBy);
      await expect(rewards.drop(next.posting))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotYet")
        .withArgs(verdictBy + 1n);
      await networkHelpers.time.setNextBlockTimestamp(verdictBy + 1n);
      await expect(rewards.drop(next.posting)).to.emit(rewards, "Dropped").withArgs(next.id, 0);
      expect(await rewards.depositOf(poster.address)).to.equal(mine + bondOf(next));
      expect(await rewards.depositOf(rival.address)).to.equal(theirs + bondOf(next));
      await mined(rewards.claim(...claimOf(first, bob)));
      await checkBooks(world);
    });
  });

  it("rootDigest is EIP-712 as src/rewards makes it, and binds the active root", async () => {
    const world = await load(opened);
    const { rewards, chainId } = world;
    const { content } = await planRoot(world, ENTRIES);
    const of = { chainId, rewards: String(rewards.target) };
    const before = (await rewards.getActive()).commitment;
    expect(await rewards.rootDigest(content)).to.equal(rootDigest(of, content, before));
    await runRoot(world, ENTRIES);
    const after = (await rewards.getActive()).commitment;
    expect(after).not.to.equal(before);
    expect(await rewards.rootDigest(content)).to.equal(rootDigest(of, content, after));
  });
});
