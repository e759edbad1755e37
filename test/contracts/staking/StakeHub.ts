import { expect } from "chai";
import { ZeroAddress } from "ethers";
import type { Parameters } from "../../../deploy/parameters.ts";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import {
  ACTIVATION,
  ALL,
  deployHub,
  EPOCH,
  LIMITS,
  openHub,
  PERIOD,
  RESERVE,
  type Signer,
  signerOf,
  UNBONDING,
  type World,
} from "../../helpers/stake.ts";

/*
StakeHub (numbers are those of the checklist of known failures of others)
├── constructor
│  └── without a reserve, with times that contradict each other, with limits out of bounds: it should revert
├── setSlasher: the deployer once, the timelock from then on, never nobody; the former one ends what it began (34)
├── setLimits: the timelock, inside bounds, not again while older faults can be slashed; faults keep their limits (34)
├── bond
│  ├── when there is no such operator or no amount: it should revert
│  ├── it should count from the first epoch that begins after the activation time, however late it is rolled
│  ├── it should not put off what another paid before (37)
│  └── cancelBond: all that waits goes to the owner; what joined stays
├── requestUnbond and withdrawBond: to the second (23), whoever owns the operator by then
├── delegateTo
│  ├── below 1 OPG, to nobody, to a pool that slashes wore out: it should revert (14, 19)
│  ├── it should join as a deposit does, and wait anew when more comes
│  ├── it should not lower what others have by more than a nano (6)
│  └── cancelDelegation: what waits, once
├── undelegate
│  ├── more than there is, leaving dust, less than asked for: it should revert (20)
│  └── it should move into the bucket of the period, two of one period into the same (22)
├── withdraw: to the second (23), to the holder, in any order (9)
├── a pool's life
│  ├── the first delegator cannot rob the next by rewards (13, 15), a plain transfer changes nothing (18)
│  └── a pool that everybody left starts anew, and who left gets what is his (17)
├── reward
│  ├── nothing, or without a bond of its own: it should revert (16, 39)
│  ├── it should share by stake, less commission, nothing lost to rounding (11, 40)
│  └── who joins with the next epoch gets nothing of it (42)
├── announceCommission: bounded, in steps, after a notice (43), cut when the limit falls
├── slash
│  ├── by another, twice for one evidence (27), too old, from the future: it should revert; at the edge of the window it works (24)
│  ├── the harmed, the reporter, the reserve; exactly what was asked for (7, 10)
│  ├── own bond first, what left first of it; then delegators, at most a part an order and a window (28, 29)
│  ├── stake that left after the fault (21), or in its period before it (22), pays; that joined after it does not (25)
│  ├── nothing dodges by laziness: joins that nobody rolled, exits of the same block, a withdrawal that is due (33)
│  ├── after everything was taken the operator is as new, and what left before gets nothing (16, 30)
│  ├── after many slashes everything can be withdrawn, in both orders (8, 9)
│  └── a self-slash loses (32); rewards that came before are slashed as stake is (31)
└── effectiveStake: what a slash could take for a fault of now, whatever was taken, left or changed

Of the checklist these do not apply: 12 and 46 to 56 (no Merkle trees here), 26 (there is no redelegation: stake leaves and joins again, and
answers in its bucket meanwhile), 35 (the hub has no pause), 38 (the unbonding time is immutable), 41 (no streams: a reward is paid in
full when it is booked), 44 (beyond the cap delegations do not count as effective; rewards by effective stake are the
calculator's), 45 (EmissionBudget's tests). 36 is a row of the gas table.
*/
describe("StakeHub", () => {
  const BOND = 1000n * OPG;
  /** The effective stake leaves out a nano for each part that could round. */
  const ODD = 32n;
  const [harmed, reporter] = [walletOf("harmed").address, walletOf("reporter").address];
  const evidence = (n: number) => `0x${n.toString(16).padStart(64, "0")}`;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  const latest = () => protocol.networkHelpers.time.latest();
  const at = (timestamp: number) => protocol.networkHelpers.time.setNextBlockTimestamp(timestamp);
  const pass = (seconds: number) => protocol.networkHelpers.time.increase(seconds);
  const heldNano = async ({ opg }: World, who: string) => (await opg.balanceOf(who)) / WEI_PER_NANO;
  const joinsFrom = (timestamp: number) => (Math.floor((timestamp + ACTIVATION) / EPOCH) + 1) * EPOCH;
  const freshHub = () => openHub(protocol);

  /** Operator 1 has 1,000 OPG of its own, and 4,000 and 1,000 of two delegators; all of it active. */
  async function staked() {
    const world = await freshHub();
    const { hub, alice, bob } = world;
    await mined(hub.bond(1, BOND));
    await mined(hub.connect(alice).delegateTo(1, 4n * BOND));
    await mined(hub.connect(bob).delegateTo(1, BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    return world;
  }

  let evidences = 1_000;
  const order = (change: object = {}) => ({
    operator: 1,
    amountNano: 10n * OPG,
    harmed,
    harmedNano: 0n,
    reporter,
    reporterNano: 0n,
    evidenceId: evidence(++evidences),
    faultAt: 0,
    ...change,
  });
  /** Slashes for a fault of the same second. */
  async function slash({ hub, slasher }: World, amountNano: bigint, change: { faultAt?: number } = {}) {
    const now = (await latest()) + 1;
    await at(now);
    const receipt = await mined(hub.connect(slasher).slash(order({ amountNano, faultAt: now, ...change })));
    return eventOf(receipt, hub, "Slashed").args.takenNano as bigint;
  }
  async function leave({ hub }: World, who: Signer, shares = ALL, operator = 1) {
    const receipt = await mined(hub.connect(who).undelegate(operator, shares, 0));
    const { period, amountNano } = eventOf(receipt, hub, "Left").args;
    return { period: period as bigint, amountNano: amountNano as bigint };
  }
  const worthOf = async ({ hub }: World, who: Signer) => (await hub.getPosition(1, who.address)).worthNano;
  const fill = async (world: World, periods: number) => {
    for (let i = 0; i < periods; i++) {
      await mined(world.hub.connect(world.owner).requestUnbond(1, OPG));
      const { position } = await world.hub.getPosition(1, world.alice.address);
      await leave(world, world.alice, position.shares / 20n);
      await pass(PERIOD);
    }
  };

  describe("constructor", () => {
    it("reverts without a reserve, and with limits out of bounds", async () => {
      const { hub } = await load(freshHub);
      await expect(deployHub(protocol, { reserve: ZeroAddress })).to.be.revertedWithCustomError(
        hub,
        "StakeHub_NoReserve",
      );
      const cases: [object, string, number, number][] = [
        [{ eventPpm: 100_001 }, "eventPpm", 100_001, 100_000],
        [{ windowPpm: 250_001 }, "windowPpm", 250_001, 250_000],
        [{ windowPpm: 99_999 }, "eventPpm <= windowPpm", 100_000, 99_999],
        [{ delegationPerSelf: 21 }, "delegationPerSelf", 21, 20],
        [{ maxCommissionPpm: 500_001 }, "maxCommissionPpm", 500_001, 500_000],
      ];
      for (const [limits, name, value, bound] of cases) {
        await expect(deployHub(protocol, { limits }), name)
          .to.be.revertedWithCustomError(hub, "StakeHub_LimitOutOfBounds")
          .withArgs(name, value, bound);
      }
    });

    it("reverts when epochs, activation and unbonding do not fit each other", async () => {
      const { hub } = await load(freshHub);
      // An unbonding time of 14 periods of 14 seconds is the shortest.
      const short = { claimHorizon: 1, answerTime: 1, longestDispute: 5, stakeActivation: 300 };
      const cases: [number, Partial<Parameters["times"]>][] = [
        [0, {}],
        [38, {}], // 2400 / 38 + 2 epochs ahead
        [UNBONDING + 1, {}],
        [EPOCH * 16, { stakeActivation: 16 * UNBONDING }],
        [20, { ...short, unbonding: 195 }],
      ];
      for (const [epochLength, times] of cases) {
        await expect(deployHub(protocol, { epochLength, times })).to.be.revertedWithCustomError(
          hub,
          "StakePools_BadTimes",
        );
      }
      await expect(deployHub(protocol, { times: { claimHorizon: 0 } })).to.be.revertedWithCustomError(
        hub,
        "ProtocolTimes_BrokenRelation",
      );
      await deployHub(protocol, { epochLength: 39 });
      expect(
        await (await deployHub(protocol, { epochLength: 20, times: { ...short, unbonding: 196 } })).periodLength(),
      ).to.equal(14n);
    });
  });

  describe("setSlasher", () => {
    it("is the deployer's once, then the timelock's, and never names nobody", async () => {
      const { slasher, payer, other } = await load(freshHub);
      const hub = await deployHub(protocol);
      await expect(hub.connect(other).setSlasher(other.address))
        .to.be.revertedWithCustomError(hub, "StakeHub_NotDeployer")
        .withArgs(other.address);
      await expect(hub.setSlasher(ZeroAddress)).to.be.revertedWithCustomError(hub, "StakeHub_NoSlasher");
      await expect(hub.setSlasher(slasher.address)).to.emit(hub, "SlasherSet").withArgs(slasher.address);
      await expect(hub.setSlasher(payer.address)).to.be.revertedWithCustomError(hub, "Governed_NotGovernance");
      const zero = hub.interface.encodeFunctionData("setSlasher", [ZeroAddress]);
      await expect(govern(protocol, hub, zero)).to.be.revertedWithCustomError(hub, "StakeHub_NoSlasher");
    });

    it("case 34: lets the former slasher end what it began, and no third come in meanwhile", async () => {
      const world = await load(staked);
      const { hub, other, slasher } = world;
      const data = hub.interface.encodeFunctionData("setSlasher", [other.address]);
      await mined(govern(protocol, hub, data));
      const until = Number(await hub.formerSlasherUntil());
      await at(until);
      await mined(hub.connect(slasher).slash(order({ faultAt: until - 10 })));
      await at(until + 1);
      await expect(hub.connect(slasher).slash(order({ faultAt: until })))
        .to.be.revertedWithCustomError(hub, "StakeHub_NotSlasher")
        .withArgs(slasher.address, other.address);
      await mined(hub.connect(other).slash(order({ faultAt: until })));
    });

    it("waits for the former slasher's time before a third", async () => {
      const { hub, other, payer, slasher } = await load(staked);
      const first = hub.interface.encodeFunctionData("setSlasher", [other.address]);
      const second = hub.interface.encodeFunctionData("setSlasher", [payer.address]);
      // Both have waited in the timelock.
      const act = govern(protocol, hub, first, async () => undefined);
      await mined(act);
      const timelock = await protocol.ethers.getImpersonatedSigner(String(protocol.contracts.timelock.target));
      await protocol.networkHelpers.setBalance(timelock.address, 10n ** 18n);
      await expect(timelock.sendTransaction({ to: hub.target, data: second })).to.be.revertedWithCustomError(
        hub,
        "StakeHub_SlasherReplacedTooRecently",
      );
      expect(await hub.formerSlasher()).to.equal(slasher.address);
    });
  });

  describe("setLimits", () => {
    it("is the timelock's, inside bounds, and not while older faults can be slashed", async () => {
      const { hub, payer } = await load(freshHub);
      const low = { ...LIMITS, eventPpm: 10_000, windowPpm: 20_000 };
      await expect(hub.setLimits(low))
        .to.be.revertedWithCustomError(hub, "Governed_NotGovernance")
        .withArgs(payer.address, protocol.contracts.timelock.target);
      const data = hub.interface.encodeFunctionData("setLimits", [low]);
      await expect(govern(protocol, hub, data))
        .to.emit(hub, "LimitsSet")
        .withArgs(Object.values(low));
      expect([...(await hub.limits())].map(Number)).to.deep.equal(Object.values(low));
      const timelock = await protocol.ethers.getImpersonatedSigner(String(protocol.contracts.timelock.target));
      await protocol.networkHelpers.setBalance(timelock.address, 10n ** 18n);
      const changedAt = await latest();
      await at(changedAt + ACTIVATION);
      await expect(hub.connect(timelock).setLimits(LIMITS))
        .to.be.revertedWithCustomError(hub, "StakeHub_LimitsChangedTooRecently")
        .withArgs(changedAt + ACTIVATION);
      await protocol.networkHelpers.time.increaseTo(changedAt + ACTIVATION + 1);
      await mined(hub.connect(timelock).setLimits(LIMITS));
    });

    it("case 34: judges a fault by the limits of its time, so that what covered a debit still does", async () => {
      const world = await load(staked);
      const { hub } = world;
      const before = await hub.effectiveStake(1);
      expect(before).to.equal(BOND + (5n * BOND) / 10n - ODD);
      const none = { ...LIMITS, eventPpm: 0, windowPpm: 0 };
      await mined(govern(protocol, hub, hub.interface.encodeFunctionData("setLimits", [none])));
      const changedAt = await latest();
      expect(await hub.effectiveStake(1), "of that second").to.equal(before);
      await protocol.networkHelpers.mine();
      expect(await hub.effectiveStake(1)).to.equal(BOND);
      expect(await slash(world, 10n * BOND, { faultAt: changedAt + 1 })).to.equal(BOND);
      expect(await slash(world, 10n * BOND, { faultAt: changedAt })).to.equal((5n * BOND) / 10n);
    });
  });

  describe("bond", () => {
    it("reverts for nobody, for nothing, and without the money", async () => {
      const { hub, opg, other } = await load(freshHub);
      for (const operator of [0, 3]) {
        await expect(hub.bond(operator, 1))
          .to.be.revertedWithCustomError(hub, "StakeHub_UnknownOperator")
          .withArgs(operator);
      }
      await expect(hub.bond(1, 0)).to.be.revertedWithCustomError(hub, "StakeHub_TooLittle").withArgs(0, 1);
      await expect(hub.connect(other).bond(1, 1)).to.be.revertedWithCustomError(opg, "ERC20InsufficientBalance");
    });

    it("counts from the first epoch that begins after the activation time", async () => {
      const { hub, payer } = await load(freshHub);
      const now = (await latest()) + 10;
      await at(now);
      const from = joinsFrom(now);
      await expect(hub.bond(1, BOND))
        .to.emit(hub, "BondDeposited")
        .withArgs(1, payer.address, BOND, from / EPOCH);
      expect(from > now + ACTIVATION && from <= now + ACTIVATION + EPOCH).to.equal(true);
      await at(from - 1);
      await mined(hub.roll(1));
      expect(await hub.effectiveStake(1)).to.equal(0n);
      await at(from);
      await expect(hub.roll(1)).to.emit(hub, "BondJoined").withArgs(1, BOND);
      expect(await hub.effectiveStake(1)).to.equal(BOND);
    });

    it("counts however late it is rolled", async () => {
      const { hub } = await load(freshHub);
      await mined(hub.bond(1, BOND));
      await pass(EPOCH * 5);
      await mined(hub.bond(1, BOND));
      await pass(40 * 365 * 86_400);
      expect(await hub.effectiveStake(1)).to.equal(0n);
      expect(await hub.slashableStake(1)).to.equal(2n * BOND);
      const receipt = await mined(hub.bond(1, BOND));
      expect(receipt.gasUsed < 200_000n).to.equal(true);
      expect(await hub.effectiveStake(1)).to.equal(2n * BOND);
    });

    it("case 37: does not put off what another paid before", async () => {
      const { hub } = await load(freshHub);
      await mined(hub.bond(1, BOND));
      const from = joinsFrom(await latest());
      for (let i = 1; i <= 4; i++) {
        await pass(EPOCH);
        await mined(hub.bond(1, 1));
      }
      await at(from);
      await mined(hub.roll(1));
      expect(await hub.effectiveStake(1)).to.equal(BOND);
    });

    it("goes back to the owner while it waits, with what others paid, and only that", async () => {
      const world = await load(freshHub);
      const { hub, owner, other } = world;
      await mined(hub.bond(1, BOND));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.bond(1, 5n));
      await pass(EPOCH);
      await mined(hub.bond(1, 7n));
      await expect(hub.connect(other).cancelBond(1))
        .to.be.revertedWithCustomError(hub, "StakeHub_NotOwner")
        .withArgs(1, other.address);
      await expect(hub.connect(owner).cancelBond(1)).to.emit(hub, "BondCancelled").withArgs(1, owner.address, 12);
      expect(await heldNano(world, owner.address)).to.equal(12n);
      await expect(hub.connect(owner).cancelBond(1)).to.be.revertedWithCustomError(hub, "StakePools_NothingJoining");
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect(await hub.effectiveStake(1)).to.equal(BOND);
    });
  });

  describe("requestUnbond and withdrawBond", () => {
    it("case 23: let a part go after the unbonding time from the end of its period, to the second", async () => {
      const world = await load(staked);
      const { hub, owner, bob } = world;
      await mined(hub.connect(owner).requestUnbond(1, 30n * OPG));
      const period = Math.floor((await latest()) / PERIOD);
      const from = (period + 1) * PERIOD + UNBONDING;
      expect((await hub.getStake(1)).selfNano).to.equal(BOND - 30n * OPG);
      expect(await hub.getBondBucket(1, period)).to.equal(30n * OPG);
      await at(from - 1);
      await expect(hub.withdrawBond(1, period))
        .to.be.revertedWithCustomError(hub, "StakePools_NotYet")
        .withArgs(period, from);
      await at(from);
      await expect(hub.connect(bob).withdrawBond(1, period))
        .to.emit(hub, "BondWithdrawn")
        .withArgs(1, period, owner.address, 30n * OPG);
      expect(await heldNano(world, owner.address)).to.equal(30n * OPG);
      await expect(hub.withdrawBond(1, period)).to.be.revertedWithCustomError(hub, "StakePools_NothingLeaving");
    });

    it("put all of a period into one bucket, to whoever owns the operator by then", async () => {
      const world = await load(staked);
      const { hub, owner, bob, nodeRegistry } = world;
      await at((Math.floor((await latest()) / PERIOD) + 1) * PERIOD);
      await mined(hub.connect(owner).requestUnbond(1, OPG));
      await mined(hub.connect(owner).requestUnbond(1, BOND - OPG));
      const period = Math.floor((await latest()) / PERIOD);
      expect(await hub.effectiveStake(1), "delegations without a bond count for nothing").to.equal(0n);
      await mined(nodeRegistry.connect(owner).proposeOwner(1, bob.address));
      await mined(nodeRegistry.connect(bob).acceptOwner(1));
      await pass(UNBONDING + PERIOD);
      const before = await heldNano(world, bob.address);
      await mined(hub.withdrawBond(1, period));
      expect((await heldNano(world, bob.address)) - before).to.equal(BOND);
    });

    it("revert for another caller, for nothing and for more than is active", async () => {
      const { hub, owner, other } = await load(staked);
      await expect(hub.connect(other).requestUnbond(1, 1)).to.be.revertedWithCustomError(hub, "StakeHub_NotOwner");
      await expect(hub.connect(owner).requestUnbond(1, 0))
        .to.be.revertedWithCustomError(hub, "StakeHub_TooLittle")
        .withArgs(0, 1);
      await expect(hub.connect(owner).requestUnbond(1, BOND + 1n))
        .to.be.revertedWithCustomError(hub, "StakePools_NotThatMuch")
        .withArgs(1, BOND + 1n, BOND);
      await expect(hub.withdrawBond(1, ALL)).to.be.revertedWithPanic(0x11);
    });
  });

  describe("delegateTo", () => {
    it("case 14: reverts below 1 OPG and to nobody", async () => {
      const { hub, alice } = await load(freshHub);
      await expect(hub.connect(alice).delegateTo(1, OPG - 1n))
        .to.be.revertedWithCustomError(hub, "StakeHub_TooLittle")
        .withArgs(OPG - 1n, OPG);
      await expect(hub.connect(alice).delegateTo(3, OPG)).to.be.revertedWithCustomError(
        hub,
        "StakeHub_UnknownOperator",
      );
    });

    it("joins with its epoch, and waits anew when more comes", async () => {
      const { hub, alice, bob } = await load(freshHub);
      await mined(hub.connect(alice).delegateTo(1, OPG));
      await mined(hub.connect(bob).delegateTo(1, OPG));
      const first = joinsFrom(await latest());
      await pass(EPOCH);
      await mined(hub.connect(alice).delegateTo(1, 2n * OPG));
      const second = joinsFrom(await latest());
      await at(first);
      await mined(hub.roll(1));
      expect((await hub.getStake(1)).delegatedNano).to.equal(OPG);
      await at(second);
      await expect(hub.roll(1))
        .to.emit(hub, "Joined")
        .withArgs(1, second / EPOCH, 3n * OPG, 3_000_000n * OPG);
      const [position, worth] = await hub.getPosition(1, alice.address);
      expect([position.shares, position.joiningNano, worth]).to.deep.equal([3_000_000n * OPG, 0n, 3n * OPG]);
    });

    it("case 6: does not lower what others have by more than a nano", async () => {
      const world = await load(staked);
      const { hub, carol, alice } = world;
      await mined(hub.reward(1, 123_456_789_123n));
      let worth = await worthOf(world, alice);
      for (let i = 0; i < 20; i++) {
        await mined(hub.connect(carol).delegateTo(1, OPG + BigInt(i)));
        await pass(ACTIVATION + EPOCH);
        await mined(hub.roll(1));
        const now = await worthOf(world, alice);
        expect(now >= worth - 1n).to.equal(true);
        worth = now;
      }
    });

    it("is refused where years of slashes left less than a thousandth, until all have left", async function () {
      this.timeout(300_000);
      const world = await load(staked);
      const { hub, alice, bob, carol } = world;
      const worn = async () => {
        const [{ delegatedNano }, { shares }] = [await hub.getStake(1), await hub.getPool(1)];
        return shares + 1_000_000n > (delegatedNano + 1n) * 10n ** 9n;
      };
      let windows = 0;
      while (!(await worn())) {
        await mined(hub.connect(carol).delegateTo(1, OPG));
        for (let i = 0; i < 3; i++) await slash(world, 100n * BOND);
        await mined(hub.connect(carol).cancelDelegation(1));
        await pass(2 * UNBONDING);
        windows += 2;
      }
      expect(windows >= 46, `${windows} unbonding times`).to.equal(true);
      await expect(hub.connect(carol).delegateTo(1, OPG))
        .to.be.revertedWithCustomError(hub, "StakePools_WornOut")
        .withArgs(1);
      for (const who of [alice, bob]) await leave(world, who);
      await mined(hub.connect(carol).delegateTo(1, OPG));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect((await worthOf(world, carol)) >= OPG - 1n).to.equal(true);
    });

    it("is taken back while it waits, once, and not when it joined", async () => {
      const world = await load(freshHub);
      const { hub, carol } = world;
      const before = await heldNano(world, carol.address);
      await mined(hub.connect(carol).delegateTo(1, OPG));
      await expect(hub.connect(carol).cancelDelegation(1))
        .to.emit(hub, "DelegationCancelled")
        .withArgs(1, carol.address, OPG);
      expect(await heldNano(world, carol.address)).to.equal(before);
      const again = () => hub.connect(carol).cancelDelegation(1);
      await expect(again()).to.be.revertedWithCustomError(hub, "StakePools_NothingJoining").withArgs(1, carol.address);
      await mined(hub.connect(carol).delegateTo(1, OPG));
      await at(joinsFrom(await latest()));
      await expect(again()).to.be.revertedWithCustomError(hub, "StakePools_NothingJoining");
      await mined(hub.connect(carol).undelegate(1, ALL, OPG));
    });
  });

  describe("undelegate and withdraw", () => {
    it("case 20: revert for too much, for nothing, for dust that would stay, and for less than asked", async () => {
      const world = await load(staked);
      const { hub, bob, carol } = world;
      const { shares } = (await hub.getPosition(1, bob.address)).position;
      const by = hub.connect(bob);
      await expect(by.undelegate(1, shares + 1n, 0))
        .to.be.revertedWithCustomError(hub, "StakePools_NotThatMuch")
        .withArgs(1, shares + 1n, shares);
      await expect(by.undelegate(1, 0, 0)).to.be.revertedWithCustomError(hub, "StakePools_WorthNothing");
      await expect(hub.connect(carol).undelegate(1, ALL, 0)).to.be.revertedWithCustomError(
        hub,
        "StakePools_WorthNothing",
      );
      await expect(by.undelegate(1, shares - 1_000_000n * OPG + 1n, 0))
        .to.be.revertedWithCustomError(hub, "StakePools_TooLittleStays")
        .withArgs(1, OPG - 1n, OPG);
      await slash(world, BOND + OPG);
      await expect(by.undelegate(1, ALL, BOND)).to.be.revertedWithCustomError(hub, "StakeHub_LessThanAsked");
    });

    it("cases 22, 23: move into the bucket of the period, twice into the same, and pay its holder to the second", async () => {
      const world = await load(staked);
      const { hub, bob, payer } = world;
      await at((Math.floor((await latest()) / PERIOD) + 1) * PERIOD);
      const half = (await hub.getPosition(1, bob.address)).position.shares / 2n;
      const first = await leave(world, bob, half);
      const second = await leave(world, bob);
      expect([first.period, first.amountNano + second.amountNano]).to.deep.equal([second.period, BOND]);
      const from = (Number(first.period) + 1) * PERIOD + UNBONDING;
      const before = await heldNano(world, bob.address);
      await at(from - 1);
      await expect(hub.withdraw(1, bob.address, first.period)).to.be.revertedWithCustomError(hub, "StakePools_NotYet");
      await at(from);
      await expect(hub.connect(payer).withdraw(1, bob.address, first.period))
        .to.emit(hub, "Withdrawn")
        .withArgs(1, bob.address, first.period, BOND);
      expect((await heldNano(world, bob.address)) - before).to.equal(BOND);
      await expect(hub.withdraw(1, bob.address, first.period)).to.be.revertedWithCustomError(
        hub,
        "StakePools_NothingLeaving",
      );
    });
  });

  describe("a pool's life", () => {
    it("cases 13, 14, 15: does not let the first delegator rob the next", async () => {
      const world = await load(freshHub);
      const { hub, alice, bob, carol } = world;
      await mined(hub.bond(1, 1));
      await mined(hub.connect(alice).delegateTo(1, OPG));
      await pass(ACTIVATION + EPOCH);
      // A million OPG on top of one.
      await mined(hub.reward(1, 1_000_000n * OPG));
      await mined(hub.connect(bob).delegateTo(1, 1_000_000n * OPG));
      // The least is as little as before.
      await mined(hub.connect(carol).delegateTo(1, OPG));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect((await worthOf(world, carol)) >= (OPG * 999_999n) / 1_000_000n).to.equal(true);
      const worth = await worthOf(world, bob);
      expect(1_000_000n * OPG - worth < OPG, `lost ${1_000_000n * OPG - worth} nano`).to.equal(true);
    });

    it("case 15: gives rewards to nobody's roundings, so that a pool that was left cannot be inflated", async () => {
      const world = await load(staked);
      const { hub, alice, bob } = world;
      await slash(world, BOND + 7n);
      await mined(hub.bond(1, 1));
      await pass(ACTIVATION + EPOCH);
      await leave(world, alice);
      await leave(world, bob);
      const { delegatedNano } = await hub.getStake(1);
      expect(delegatedNano < 10n).to.equal(true);
      await expect(hub.reward(1, BOND)).to.emit(hub, "Rewarded").withArgs(1, BOND, 0, 0);
    });

    it("case 18: is not moved by a plain transfer", async () => {
      const world = await load(staked);
      const { hub, opg, alice } = world;
      const worth = await worthOf(world, alice);
      await mined(opg.transfer(hub.target, 5n * BOND * WEI_PER_NANO));
      expect(await worthOf(world, alice)).to.equal(worth);
      expect(await hub.effectiveStake(1)).to.equal(BOND + BOND / 2n - ODD);
    });

    it("case 17: starts anew when everybody left, and who left gets what is theirs", async () => {
      const world = await load(staked);
      const { hub, alice, bob, carol } = world;
      const gone = [await leave(world, alice), await leave(world, bob)];
      expect((await hub.getPool(1)).shares).to.equal(0n);
      await mined(hub.connect(carol).delegateTo(1, BOND));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect(await worthOf(world, carol)).to.equal(BOND);
      await pass(UNBONDING + PERIOD);
      const before = await heldNano(world, alice.address);
      await mined(hub.withdraw(1, alice.address, gone[0]?.period ?? 0n));
      expect((await heldNano(world, alice.address)) - before).to.equal(4n * BOND);
      expect(await worthOf(world, carol)).to.equal(BOND);
    });
  });

  describe("reward", () => {
    it("cases 16, 39: reverts for nothing, and where nothing answers", async () => {
      const { hub, owner } = await load(staked);
      await expect(hub.reward(1, 0)).to.be.revertedWithCustomError(hub, "StakeHub_TooLittle").withArgs(0, 1);
      await expect(hub.reward(2, 1)).to.be.revertedWithCustomError(hub, "StakeHub_NoActiveStake").withArgs(2);
      await mined(hub.connect(owner).requestUnbond(1, BOND));
      await expect(hub.reward(1, 1)).to.be.revertedWithCustomError(hub, "StakeHub_NoActiveStake").withArgs(1);
    });

    it("cases 11, 40: shares by stake, less commission, to the nano", async () => {
      const world = await load(staked);
      const { hub, owner, alice, bob } = world;
      await expect(hub.reward(1, 601n)).to.emit(hub, "Rewarded").withArgs(1, 101, 0, 500);
      for (let i = 0; i < 5; i++) await mined(hub.reward(1, 1n));
      const { selfNano, delegatedNano } = await hub.getStake(1);
      expect(selfNano + delegatedNano).to.equal(6n * BOND + 606n);
      await mined(hub.connect(owner).announceCommission(1, 50_000));
      await pass(ACTIVATION);
      await expect(hub.reward(1, 600n * OPG)).to.emit(hub, "Rewarded");
      const stake = await hub.getStake(1);
      expect(stake.selfNano - selfNano - 125n * OPG < 200n).to.equal(true);
      const [a, b] = [await worthOf(world, alice), await worthOf(world, bob)];
      expect(a + b <= stake.delegatedNano && stake.delegatedNano - a - b < 4n).to.equal(true);
    });

    it("case 42: gives nothing to who joins with the next epoch, or comes just in time", async () => {
      const world = await load(staked);
      const { hub, carol } = world;
      await mined(hub.connect(carol).delegateTo(1, 5n * BOND));
      const from = joinsFrom(await latest());
      await at(from - 1);
      await mined(hub.reward(1, 60n * OPG));
      await at(from);
      await mined(hub.roll(1));
      const worth = await worthOf(world, carol);
      expect(5n * BOND - worth <= 1n).to.equal(true);
    });

    it("pays what waits nothing, however late somebody rolls", async () => {
      const world = await load(staked);
      const { hub, carol } = world;
      await mined(hub.connect(carol).delegateTo(1, 5n * BOND));
      // Nobody rolled, but the epoch has begun: the reward is for it too.
      await at(joinsFrom(await latest()));
      await mined(hub.reward(1, 110n * OPG));
      expect((await worthOf(world, carol)) - 5n * BOND >= 50n * OPG - 2n).to.equal(true);
    });
  });

  describe("announceCommission", () => {
    it("case 43: changes by at most a step, after a notice, and old work is paid at the old rate", async () => {
      const { hub, owner, other } = await load(staked);
      const by = hub.connect(owner);
      await expect(hub.connect(other).announceCommission(1, 0)).to.be.revertedWithCustomError(hub, "StakeHub_NotOwner");
      await expect(by.announceCommission(1, 200_001))
        .to.be.revertedWithCustomError(hub, "StakeHub_CommissionTooHigh")
        .withArgs(200_001, 200_000);
      await expect(by.announceCommission(1, 50_001))
        .to.be.revertedWithCustomError(hub, "StakeHub_CommissionChangesTooFast")
        .withArgs(0, 50_001, 50_000);
      const now = (await latest()) + 1;
      await at(now);
      await expect(by.announceCommission(1, 50_000))
        .to.emit(hub, "CommissionAnnounced")
        .withArgs(1, 50_000, now + ACTIVATION);
      await at(now + ACTIVATION - 1);
      await mined(hub.roll(1));
      expect(await hub.commissionOf(1)).to.equal(0n);
      await expect(by.announceCommission(1, 100_000), "it counts now").to.emit(hub, "CommissionAnnounced");
      expect(await hub.commissionOf(1)).to.equal(50_000n);
      await pass(ACTIVATION);
      await mined(by.announceCommission(1, 60_000));
      expect(await hub.commissionOf(1), "not raised by lowering").to.equal(100_000n);
    });

    it("is cut when governance lowers the limit", async () => {
      const { hub, owner } = await load(staked);
      await mined(hub.connect(owner).announceCommission(1, 50_000));
      const data = hub.interface.encodeFunctionData("setLimits", [{ ...LIMITS, maxCommissionPpm: 30_000 }]);
      await mined(govern(protocol, hub, data));
      expect(await hub.commissionOf(1)).to.equal(30_000n);
      await expect(hub.reward(1, 600n)).to.emit(hub, "Rewarded").withArgs(1, 100, 15, 485);
    });
  });

  describe("slash", () => {
    type Case = [what: string, change: object, taken: bigint, paid: bigint, reported: bigint];
    const cases: Case[] = [
      ["the harmed, the reporter, the rest to the reserve", {}, 10n * OPG, 6n * OPG, OPG],
      ["the harmed only, when nothing is left", { harmedNano: 20n * OPG }, 10n * OPG, 10n * OPG, 0n],
      ["the reporter what is left of its part", { harmedNano: 10n * OPG - 1n }, 10n * OPG, 10n * OPG - 1n, 1n],
      ["the reserve alone", { harmedNano: 0n, reporterNano: 0n, harmed: ZeroAddress }, 10n * OPG, 0n, 0n],
      ["a single nano", { amountNano: 1n, harmedNano: 1n }, 1n, 1n, 0n],
      ["a part of the delegators", { amountNano: 100n * BOND, harmedNano: 0n }, (15n * BOND) / 10n, 0n, OPG],
      ["nobody anything", { amountNano: 0n }, 0n, 0n, 0n],
    ];
    for (const [what, change, taken, paid, reported] of cases) {
      it(`pays ${what}`, async () => {
        const world = await load(staked);
        const { hub, slasher } = world;
        const faultAt = await latest();
        const sent = order({ harmedNano: 6n * OPG, reporterNano: OPG, faultAt, evidenceId: evidence(1), ...change });
        await expect(hub.connect(slasher).slash(sent))
          .to.emit(hub, "Slashed")
          .withArgs(1, evidence(1), taken, paid, reported);
        expect(await heldNano(world, harmed)).to.equal(paid);
        expect(await heldNano(world, reporter)).to.equal(reported);
        expect(await heldNano(world, RESERVE)).to.equal(taken - paid - reported);
        expect(await heldNano(world, String(hub.target))).to.equal(6n * BOND - taken);
        expect(await hub.evidenceUsed(evidence(1))).to.equal(true);
      });
    }

    it("case 27: reverts for everybody but the slasher, and twice for one evidence", async () => {
      const { hub, slasher, payer, owner } = await load(staked);
      const faultAt = await latest();
      for (const by of [payer, owner]) {
        await expect(hub.connect(by).slash(order({ faultAt })))
          .to.be.revertedWithCustomError(hub, "StakeHub_NotSlasher")
          .withArgs(by.address, slasher.address);
      }
      await mined(hub.connect(slasher).slash(order({ faultAt, evidenceId: evidence(2) })));
      await expect(hub.connect(slasher).slash(order({ faultAt, operator: 2, evidenceId: evidence(2) })))
        .to.be.revertedWithCustomError(hub, "StakeHub_EvidenceUsed")
        .withArgs(evidence(2));
    });

    it("case 24: works at the edge of its window, and not a second beyond or before the fault", async () => {
      const { hub, slasher } = await load(staked);
      const now = (await latest()) + 100;
      await at(now);
      await expect(hub.connect(slasher).slash(order({ faultAt: now - ACTIVATION - 1 })))
        .to.be.revertedWithCustomError(hub, "StakeHub_FaultOutOfTime")
        .withArgs(now - ACTIVATION - 1, now - ACTIVATION, now);
      await at(now + 1);
      await expect(hub.connect(slasher).slash(order({ faultAt: now + 2 }))).to.be.revertedWithCustomError(
        hub,
        "StakeHub_FaultOutOfTime",
      );
      await at(now + 2);
      await mined(hub.connect(slasher).slash(order({ faultAt: now + 2 - ACTIVATION })));
    });

    it("takes what left of the own bond first, because it answers for the fewest faults", async () => {
      const world = await load(staked);
      const { hub, owner } = world;
      const faultAt = await latest();
      await mined(hub.connect(owner).requestUnbond(1, 600n * OPG));
      const period = Math.floor((await latest()) / PERIOD);
      await pass(2 * PERIOD);
      const effective = await hub.effectiveStake(1);
      expect(await slash(world, 1n, { faultAt })).to.equal(1n);
      expect(await hub.getBondBucket(1, period), "down to a nano").to.equal(600n * OPG - 1n);
      expect(await slash(world, 600n * OPG - 1n, { faultAt })).to.equal(600n * OPG - 1n);
      expect(await hub.getBondBucket(1, period)).to.equal(0n);
      // What covers debits of after the exit is untouched.
      expect(await hub.effectiveStake(1)).to.equal(effective);
    });

    it("case 28: takes of delegators at most a part an order, and a part in two unbonding times", async () => {
      const world = await load(staked);
      const { hub, alice, carol } = world;
      await mined(hub.connect(carol).delegateTo(1, 20n * BOND));
      expect(await slash(world, BOND)).to.equal(BOND);
      const losses = [];
      for (let i = 0; i < 4; i++) losses.push(await slash(world, 100n * BOND));
      expect(losses[0]).to.equal((5n * BOND) / 10n);
      expect(losses[1]).to.equal((45n * BOND) / 100n);
      expect(losses.reduce((a, b) => a + b)).to.equal((5n * BOND) / 4n);
      expect(losses[3]).to.equal(0n);
      // Who comes later brings no room for what the others would lose.
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect(await slash(world, 100n * BOND)).to.equal(0n);
      expect(await worthOf(world, alice)).to.equal(3n * BOND);
      await pass(2 * UNBONDING);
      expect(await slash(world, 100n * BOND)).to.equal(2375n * OPG);
    });

    it("cases 21, 22: hits what left after the fault, or in its period before it, and not what left before", async () => {
      const world = await load(staked);
      const { hub, alice, bob } = world;
      await at((Math.floor((await latest()) / PERIOD) + 1) * PERIOD);
      await leave(world, bob);
      await pass(PERIOD);
      const early = await leave(world, alice, 2_000_000n * BOND);
      const faultAt = (await latest()) + 1;
      await pass(PERIOD);
      expect(await slash(world, 100n * BOND, { faultAt })).to.equal(BOND + (4n * BOND) / 10n);
      expect((await hub.getBucket(1, early.period)).nano).to.equal(2n * BOND - (2n * BOND) / 10n);
      expect((await hub.getBucket(1, early.period - 1n)).nano).to.equal(BOND);
    });

    it("case 25: spares what was deposited after the fault", async () => {
      const world = await load(staked);
      const { hub, carol } = world;
      const faultAt = (await latest()) + 1;
      await at(faultAt);
      await mined(hub.connect(carol).delegateTo(1, 5n * BOND));
      await mined(hub.bond(1, BOND));
      // The last second in which the fault can be slashed: nothing that came after it is active.
      await at(faultAt + ACTIVATION - 1);
      await mined(hub.roll(1));
      expect(await slash(world, 100n * BOND, { faultAt })).to.equal(BOND + (5n * BOND) / 10n);
      await pass(2 * EPOCH);
      await mined(hub.roll(1));
      expect((await worthOf(world, carol)) >= 5n * BOND - 1n).to.equal(true);
      expect((await hub.getStake(1)).selfNano).to.equal(BOND);
    });

    it("case 33: finds joins that nobody rolled, and exits of the same block", async () => {
      const world = await load(freshHub);
      const { hub, alice, owner, slasher } = world;
      await mined(hub.bond(1, BOND));
      await mined(hub.connect(alice).delegateTo(1, BOND));
      await pass(ACTIVATION + EPOCH);
      expect(await hub.slashableStake(1)).to.equal(BOND + BOND / 10n);
      const now = (await latest()) + 1;
      await protocol.ethers.provider.send("evm_setAutomine", [false]);
      await at(now);
      const gasLimit = 1_000_000;
      const exits = [
        await hub.connect(owner).requestUnbond(1, BOND, { gasLimit, gasPrice: 10n ** 11n }),
        await hub.connect(alice).undelegate(1, ALL, 0, { gasLimit, gasPrice: 10n ** 11n }),
      ];
      const sent = order({ amountNano: 100n * BOND, faultAt: now });
      const slashed = await hub.connect(slasher).slash(sent, { gasLimit, gasPrice: 10n ** 10n });
      await protocol.networkHelpers.mine();
      await protocol.ethers.provider.send("evm_setAutomine", [true]);
      for (const exit of exits) expect((await exit.wait())?.status).to.equal(1);
      const receipt = await slashed.wait();
      if (!receipt) throw new Error("Not mined");
      expect(eventOf(receipt, hub, "Slashed").args.takenNano).to.equal(BOND + BOND / 10n);
    });

    it("case 23: comes too late for what is due, which nobody need wait for, and takes it until then", async () => {
      const world = await load(staked);
      const { hub, alice } = world;
      const { period } = await leave(world, alice);
      const from = (Number(period) + 1) * PERIOD + UNBONDING;
      // What left can be withdrawn only when no fault of its time can be slashed.
      await at(from);
      await expect(
        hub.connect(world.slasher).slash(order({ faultAt: Number(period + 1n) * PERIOD - 1 })),
      ).to.be.revertedWithCustomError(hub, "StakeHub_FaultOutOfTime");
      const before = await heldNano(world, alice.address);
      await mined(hub.withdraw(1, alice.address, period));
      expect((await heldNano(world, alice.address)) - before).to.equal(4n * BOND);
    });

    it("cases 16, 30: leaves an operator that can begin anew when it took everything", async () => {
      const world = await load(staked);
      const { hub, owner, alice } = world;
      await mined(hub.connect(owner).requestUnbond(1, BOND / 2n));
      const period = Math.floor((await latest()) / PERIOD);
      expect(await slash(world, BOND)).to.equal(BOND);
      expect(await hub.effectiveStake(1)).to.equal(0n);
      await mined(hub.bond(1, BOND));
      await mined(hub.connect(alice).delegateTo(1, BOND));
      await pass(UNBONDING + PERIOD);
      await mined(hub.roll(1));
      await expect(hub.withdrawBond(1, period)).to.be.revertedWithCustomError(hub, "StakePools_NothingLeaving");
      expect(await hub.effectiveStake(1)).to.equal(BOND + (6n * BOND) / 10n - ODD);
    });

    it("cases 16, 30: never empties a bucket of delegators, however small, so that nobody's part of it is another's", async () => {
      const world = await load(staked);
      const { hub, alice, bob } = world;
      await at((Math.floor((await latest()) / PERIOD) + 1) * PERIOD);
      const { period, amountNano } = await leave(world, bob, 1_000_000n);
      expect(amountNano).to.equal(1n);
      expect(await slash(world, BOND + 1n)).to.equal(BOND + 1n);
      expect((await hub.getBucket(1, period)).nano).to.equal(1n);
      const left = await leave(world, alice);
      expect(left.period).to.equal(period);
      await pass(UNBONDING + PERIOD);
      await expect(hub.withdraw(1, bob.address, period))
        .to.emit(hub, "Withdrawn")
        .withArgs(1, bob.address, period, 1);
      await expect(hub.withdraw(1, alice.address, period))
        .to.emit(hub, "Withdrawn")
        .withArgs(1, alice.address, period, left.amountNano);
    });

    it("leaves the room of whoever lost least to all who left in one period", async () => {
      const world = await load(staked);
      const { hub, bob } = world;
      const window = (Math.floor((await latest()) / UNBONDING) + 1) * UNBONDING;
      await protocol.networkHelpers.time.increaseTo(window);
      for (let i = 0; i < 2; i++) await slash(world, 100n * BOND);
      // What was lost counts for one exit, and a second later no more, within one period.
      const ends = window + 2 * UNBONDING;
      expect(ends % PERIOD).to.not.equal(0);
      const half = (await hub.getPosition(1, bob.address)).position.shares / 2n;
      await at(ends - 1);
      const { period } = await leave(world, bob, half);
      expect((await hub.getBucket(1, period)).lost > 18n * 10n ** 16n).to.equal(true);
      await at(ends);
      expect((await leave(world, bob)).period).to.equal(period);
      const { nano, lost } = await hub.getBucket(1, period);
      expect(lost).to.equal(0n);
      await slash(world, 100n * BOND);
      expect((await hub.getBucket(1, period)).nano).to.equal(nano - nano / 10n);
    });

    it("case 33: reaches those who left for an older fault, whatever later faults used up of the window", async () => {
      const world = await load(staked);
      const { hub, alice, owner } = world;
      await mined(hub.connect(owner).requestUnbond(1, BOND - OPG));
      const faultAt = await latest();
      const covered = (await hub.effectiveStake(1)) - OPG;
      // Nearly all leave, and the operator has the rest slashed as often as it can.
      await leave(world, alice);
      await pass(PERIOD);
      for (let i = 0; i < 5; i++) await slash(world, 100n * BOND);
      expect(await slash(world, 100n * BOND), "nothing left of those who stayed").to.equal(0n);
      expect((await slash(world, 100n * BOND, { faultAt })) >= BOND - OPG + (4n * BOND) / 10n).to.equal(true);
      expect(covered < BOND).to.equal(true);
    });

    it("cases 8, 9: leaves nothing that cannot be withdrawn, in both orders", async () => {
      for (const backwards of [false, true]) {
        const world = await load(staked);
        const { hub, owner, alice, bob } = world;
        await fill(world, 6);
        for (const nano of [1n, 3n, BOND / 3n, 7n, BOND + 1n, 5n]) await slash(world, nano);
        const parts: (() => Promise<unknown>)[] = [];
        for (const who of [alice, bob]) await leave(world, who);
        const { selfNano } = await hub.getStake(1);
        if (selfNano !== 0n) await mined(hub.connect(owner).requestUnbond(1, selfNano));
        const last = Math.floor((await latest()) / PERIOD);
        await pass(UNBONDING + PERIOD);
        for (let period = last - 10; period <= last; period++) {
          if ((await hub.getBondBucket(1, period)) !== 0n) parts.push(() => mined(hub.withdrawBond(1, period)));
          for (const { address } of [alice, bob]) {
            const shares = await hub.getLeaving(1, address, period);
            if (shares !== 0n) parts.push(() => mined(hub.withdraw(1, address, period)));
          }
        }
        expect(parts.length >= 8).to.equal(true);
        for (const part of backwards ? parts.reverse() : parts) await part();
        expect((await heldNano(world, String(hub.target))) <= 20n).to.equal(true);
      }
    });

    it("cases 31, 32: loses money for who slashes itself, and takes rewards as it takes stake", async () => {
      const world = await load(staked);
      const { hub, slasher } = world;
      await mined(hub.reward(1, 600n * OPG));
      const faultAt = await latest();
      const before = await hub.slashableStake(1);
      expect(before).to.equal(1100n * OPG + 550n * OPG);
      const sent = order({ amountNano: before, harmedNano: OPG, reporterNano: OPG, faultAt });
      const receipt = await mined(hub.connect(slasher).slash(sent));
      const { takenNano, harmedNano, reporterNano } = eventOf(receipt, hub, "Slashed").args;
      expect([takenNano, harmedNano, reporterNano]).to.deep.equal([before, OPG, OPG]);
    });
  });

  describe("effectiveStake", () => {
    it("counts delegations up to a multiple of the own bond, and of them what an order takes", async () => {
      const world = await load(staked);
      const { hub, owner, alice } = world;
      expect(await hub.effectiveStake(1)).to.equal(BOND + (5n * BOND) / 10n - ODD);
      await mined(hub.connect(alice).delegateTo(1, 5n * BOND));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect(await hub.effectiveStake(1), "8 for each of its own").to.equal(BOND + (8n * BOND) / 10n - ODD);
      await mined(hub.connect(owner).requestUnbond(1, BOND / 2n));
      expect(await hub.effectiveStake(1)).to.equal(BOND / 2n + (4n * BOND) / 10n - ODD);
    });

    it("is what is left of a window, and whole again after two", async () => {
      const world = await load(staked);
      const { hub } = world;
      // To the start of a window, so that all of it is in one.
      await at((Math.floor((await latest()) / UNBONDING) + 1) * UNBONDING);
      for (let i = 0; i < 2; i++) await slash(world, 100n * BOND);
      await mined(hub.bond(1, BOND));
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      const left = (5n * BOND * 90n * 90n) / 10_000n - (5n * BOND * 3n) / 4n;
      expect(await hub.effectiveStake(1)).to.equal(BOND + left - ODD);
      await pass(2 * UNBONDING);
      await protocol.networkHelpers.mine();
      expect(await hub.effectiveStake(1)).to.equal(BOND + (5n * BOND * 81n) / 1000n - ODD);
    });

    it("is nothing for an operator without stake", async () => {
      const { hub } = await load(freshHub);
      expect([await hub.effectiveStake(1), await hub.slashableStake(9)]).to.deep.equal([0n, 0n]);
    });
  });

  describe("views", () => {
    it("show what waits", async () => {
      const { hub, alice } = await load(freshHub);
      await mined(hub.bond(1, 5n));
      await mined(hub.connect(alice).delegateTo(1, OPG));
      const epoch = joinsFrom(await latest()) / EPOCH;
      expect(await hub.getBondJoin(1, epoch)).to.equal(5n);
      expect((await hub.getJoin(1, epoch)).nano).to.equal(OPG);
      expect(Number((await hub.getBond(1)).lastJoin)).to.equal(epoch);
      expect(await signerOf(protocol, 0).getAddress()).to.equal(await hub.guardian());
      const { position } = await hub.getPosition(1, alice.address);
      expect(position.joiningNano).to.equal(OPG);
    });
  });
});
