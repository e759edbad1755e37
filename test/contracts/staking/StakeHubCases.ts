import { expect } from "chai";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { ordersOf } from "../../helpers/orders.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import {
  ACTIVATION,
  ALL,
  EPOCH,
  LIMITS,
  openHub,
  PERIOD,
  RESERVE,
  type Signer,
  UNBONDING,
  type World,
} from "../../helpers/stake.ts";

/*
Known failures of other staking contracts, against StakeHub; further ones stand in StakeHub.ts and StakeVotes.ts, all of them in
docs/contracts/cases.md.
*/
describe("StakeHub: failures of others", () => {
  const BOND = 1000n * OPG;
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
  const hubNano = (world: World) => heldNano(world, String(world.hub.target));
  const worthOf = async ({ hub }: World, who: Signer, operator = 1) =>
    (await hub.getPosition(operator, who.address)).worthNano;
  const freshHub = () => openHub(protocol);

  /** Operator 1 has 1,000 OPG of its own, and 4,000 and 1,000 of two delegators; a period begins. */
  async function staked() {
    const world = await freshHub();
    const { hub, alice, bob } = world;
    await mined(hub.bond(1, BOND));
    await mined(hub.connect(alice).delegateTo(1, 4n * BOND));
    await mined(hub.connect(bob).delegateTo(1, BOND));
    await pass(ACTIVATION + EPOCH);
    await at((Math.floor((await latest()) / PERIOD) + 1) * PERIOD);
    await mined(hub.roll(1));
    return world;
  }
  /** Also the second operator, with 1,000 of its own and 5,000 of a delegator. */
  async function bothStaked() {
    const world = await staked();
    await mined(world.hub.bond(2, BOND));
    await mined(world.hub.connect(world.carol).delegateTo(2, 5n * BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(world.hub.roll(2));
    return world;
  }

  let evidences = 0;
  const orderOf = (amountNano: bigint, faultAt: number, change: object = {}) => ({
    operator: 1,
    amountNano,
    harmed: walletOf("harmed").address,
    harmedNano: 0n,
    reporter: walletOf("reporter").address,
    reporterNano: 0n,
    evidenceId: protocol.ethers.toBeHex(++evidences, 32),
    faultAt,
    ...change,
  });
  /** Slashes for a fault of the same second, or of another; returns what was taken. */
  async function slash({ hub, slasher }: World, amountNano: bigint, fault?: number) {
    const now = (await latest()) + 1;
    await at(now);
    const receipt = await mined(hub.connect(slasher).slash(orderOf(amountNano, fault ?? now)));
    return eventOf(receipt, hub, "Slashed").args.takenNano as bigint;
  }
  async function leave({ hub }: World, who: Signer, shares = ALL) {
    const receipt = await mined(hub.connect(who).undelegate(1, shares, 0));
    return eventOf(receipt, hub, "Left").args.period as bigint;
  }
  const half = async ({ hub }: World, who: Signer) => (await hub.getPosition(1, who.address)).position.shares / 2n;

  /** All parts that answer at operator 1, of these periods and of what is active. */
  async function partsOf({ hub }: World, periods: readonly bigint[]) {
    const { selfNano, delegatedNano } = await hub.getStake(1);
    const bonds = await Promise.all(periods.map((period) => hub.getBondBucket(1, period)));
    const buckets = await Promise.all(periods.map(async (period) => (await hub.getBucket(1, period)).nano));
    return [selfNano, ...bonds, delegatedNano, ...buckets];
  }
  const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n);

  it("case 7: takes what is asked, down to a nano, of bond and delegators, and pays out exactly that", async () => {
    const world = await load(staked);
    const all = await hubNano(world);
    let taken = 0n;
    for (const nano of [1n, 2n, BOND - 4n, 2n, 1n, 1n, 3n]) {
      expect(await slash(world, nano)).to.equal(nano);
      taken += nano;
      expect(await heldNano(world, RESERVE)).to.equal(taken);
      expect(await hubNano(world)).to.equal(all - taken);
    }
    const { selfNano, delegatedNano } = await world.hub.getStake(1);
    expect([selfNano, delegatedNano]).to.deep.equal([0n, 5n * BOND - 6n]);
  });

  it("case 8: many slashes of a nano cost what they took, and leave room for a large one", async () => {
    const world = await load(staked);
    await slash(world, BOND);
    for (let i = 0; i < 40; i++) expect(await slash(world, 1n)).to.equal(1n);
    const [alices, bobs] = [await worthOf(world, world.alice), await worthOf(world, world.bob)];
    expect(4n * BOND - alices <= 33n && BOND - bobs <= 9n, `${alices} and ${bobs}`).to.equal(true);
    expect(await slash(world, 100n * BOND)).to.equal((5n * BOND - 40n) / 10n);
  });

  it("case 9: after slashes of any size all can withdraw, in each of 120 orders, and dust is never owed", async function () {
    this.timeout(600_000);
    const world = await load(staked);
    const { hub, owner, alice, bob } = world;
    const first = await leave(world, alice, await half(world, alice));
    await leave(world, bob, await half(world, bob));
    await mined(hub.connect(owner).requestUnbond(1, BOND / 2n));
    const fault = await latest();
    for (const nano of [3n, 1n, 777_777_777n, BOND]) await slash(world, nano, fault);
    await pass(PERIOD);
    const second = await leave(world, alice);
    await leave(world, bob);
    for (const nano of [1n, 100n * BOND, 5n]) await slash(world, nano, fault);
    await mined(hub.bond(1, 1n));
    await pass(UNBONDING + 2 * PERIOD);
    await mined(hub.bond(1, 1n));
    const parts = [
      () => hub.withdraw(1, alice.address, first),
      () => hub.withdraw(1, bob.address, first),
      () => hub.withdraw(1, alice.address, second),
      () => hub.withdraw(1, bob.address, second),
      () => hub.connect(owner).cancelBond(1),
    ];
    const snapshot = await protocol.networkHelpers.takeSnapshot();
    const sums = new Set<string>();
    for (const order of ordersOf(parts)) {
      for (const part of order) await mined(part());
      const [owed, left] = [sum(await partsOf(world, [first, second])), await hubNano(world)];
      // The bond that joined meanwhile is a nano.
      expect(left).to.equal(owed);
      expect(left <= 6n, `${left} left`).to.equal(true);
      sums.add(`${await heldNano(world, alice.address)} ${await heldNano(world, bob.address)}`);
      await snapshot.restore();
    }
    // Who comes last gets the odd nano.
    expect(sums.size <= 9, [...sums].join()).to.equal(true);
  });

  it("case 10: what the parts lose is what was taken, whatever was asked for of which moment", async () => {
    const world = await load(staked);
    const { hub, owner, alice } = world;
    const periods: bigint[] = [];
    const faults: number[] = [];
    for (let i = 0; i < 4; i++) {
      await mined(hub.connect(owner).requestUnbond(1, 100n * OPG + BigInt(i)));
      periods.push(await leave(world, alice, (await half(world, alice)) / 3n));
      faults.push(await latest());
      await pass(PERIOD);
    }
    for (const nano of [1n, 99n * OPG, 7n, 500n * OPG, BOND, 123_456_789_123n, 2n, 100n * BOND, 100n * BOND]) {
      for (const fault of [faults[0], faults[2], undefined]) {
        const before = await partsOf(world, periods);
        const taken = await slash(world, nano, fault);
        const after = await partsOf(world, periods);
        expect(sum(before) - sum(after)).to.equal(taken);
        expect(before.every((part, i) => part >= (after[i] ?? 0n))).to.equal(true);
        expect(await hubNano(world)).to.equal(sum(after));
      }
    }
  });

  it("case 19: to make roundings take from deposits costs their makers a million times as much", async () => {
    const world = await load(freshHub);
    const { hub, alice, bob } = world;
    await mined(hub.bond(1, 1n));
    await mined(hub.connect(alice).delegateTo(1, OPG));
    await pass(ACTIVATION + EPOCH);
    // Alice, who is the operator too, makes each share dear: by rewards, and by leaving with all but the least that may stay.
    const REWARD = 1_000_000n * OPG;
    let spentNano = OPG + 1n;
    for (let i = 0; i < 3; i++) {
      await mined(hub.reward(1, REWARD));
      spentNano += REWARD;
      if (i === 2) break;
      const { position } = await hub.getPosition(1, alice.address);
      const stays = (OPG * position.shares) / (await worthOf(world, alice)) + 1n;
      const left = await mined(hub.connect(alice).undelegate(1, position.shares - stays, 0));
      spentNano -= eventOf(left, hub, "Left").args.amountNano;
    }
    const { shares } = (await hub.getPosition(1, alice.address)).position;
    const sharePriceNano = (await worthOf(world, alice)) / shares;
    // Nearly one share more than it becomes.
    const depositNano = (OPG / sharePriceNano + 2n) * sharePriceNano - 2n;
    await mined(hub.connect(bob).delegateTo(1, depositNano));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    const lostNano = depositNano - (await worthOf(world, bob));
    const costNano = spentNano - (await worthOf(world, alice)) - (await hub.getStake(1)).selfNano;
    expect(costNano >= 500_000n * lostNano, `${costNano} to take ${lostNano} of ${depositNano}`).to.equal(true);
  });

  it("case 22: two exits of a period, before and after a fault, share a bucket and both answer", async () => {
    const world = await load(staked);
    const { hub, bob } = world;
    const first = await leave(world, bob, await half(world, bob));
    const fault = (await latest()) + 1;
    await at(fault);
    await mined(hub.roll(1));
    expect(await leave(world, bob)).to.equal(first);
    await pass(PERIOD);
    expect(await slash(world, 100n * BOND, fault)).to.equal(BOND + (5n * BOND) / 10n);
    expect((await hub.getBucket(1, first)).nano).to.equal((BOND * 9n) / 10n);
    expect(await slash(world, 100n * BOND), "a later fault").to.equal((4n * BOND * 9n) / 100n);
    expect((await hub.getBucket(1, first)).nano).to.equal((BOND * 9n) / 10n);
  });

  for (const slashFirst of [true, false]) {
    it(`case 23: at maturity, in one block with a slash that comes ${slashFirst ? "first" : "second"}, all is paid`, async () => {
      const world = await load(staked);
      const { hub, alice, bob, slasher } = world;
      const period = await leave(world, alice);
      const from = Number(period + 1n) * PERIOD + UNBONDING;
      await at(from - 1);
      await expect(hub.withdraw(1, alice.address, period)).to.be.revertedWithCustomError(hub, "StakePools_NotYet");
      const before = await heldNano(world, alice.address);
      await protocol.ethers.provider.send("evm_setAutomine", [false]);
      await at(from);
      const [dear, cheap] = [10n ** 11n, 10n ** 10n];
      const gas = (early: boolean) => ({ gasLimit: 1_000_000, gasPrice: early ? dear : cheap });
      const order = orderOf(100n * BOND, from - ACTIVATION);
      const sent = [
        await hub.connect(slasher).slash(order, gas(slashFirst)),
        await hub.connect(bob).withdraw(1, alice.address, period, gas(!slashFirst)),
      ];
      await protocol.networkHelpers.mine();
      await protocol.ethers.provider.send("evm_setAutomine", [true]);
      const receipts = await Promise.all(sent.map((one) => one.wait()));
      expect(receipts.map((one) => [one?.status, one?.index])).to.deep.equal([
        [1, slashFirst ? 0 : 1],
        [1, slashFirst ? 1 : 0],
      ]);
      expect((await heldNano(world, alice.address)) - before).to.equal(4n * BOND);
      expect(await heldNano(world, RESERVE)).to.equal(BOND + BOND / 10n);
    });
  }

  it("case 26: three hops to other operators move nothing that answers, and only that is slashed", async () => {
    const world = await load(bothStaked);
    const { hub, alice, carol } = world;
    const fault = await latest();
    const period = await leave(world, alice);
    await mined(hub.connect(alice).delegateTo(2, BOND));
    await mined(hub.connect(alice).cancelDelegation(2));
    await mined(hub.connect(alice).delegateTo(1, BOND));
    await pass(PERIOD);
    expect(await slash(world, 100n * BOND, fault)).to.equal(BOND + (5n * BOND) / 10n);
    expect((await hub.getBucket(1, period)).nano).to.equal((4n * BOND * 9n) / 10n);
    expect((await hub.getPosition(1, alice.address)).position.joiningNano).to.equal(BOND);
    expect(await worthOf(world, carol, 2)).to.equal(5n * BOND);
    await pass(UNBONDING);
    const before = await heldNano(world, alice.address);
    await mined(hub.withdraw(1, alice.address, period));
    expect((await heldNano(world, alice.address)) - before).to.equal((4n * BOND * 9n) / 10n);
  });

  it("case 29: two offences take the same in both orders; where the bond ends between them, but for one order's part", async () => {
    const world = await load(staked);
    const { hub, owner, alice } = world;
    const fault = await latest();
    await leave(world, alice, await half(world, alice));
    await mined(hub.connect(owner).requestUnbond(1, 300n * OPG));
    await pass(PERIOD);
    const snapshot = await protocol.networkHelpers.takeSnapshot();
    const inOrder = async (offences: readonly (readonly [bigint, number | undefined])[]) => {
      let taken = 0n;
      for (const [nano, when] of offences) taken += await slash(world, nano, when);
      await snapshot.restore();
      return taken;
    };
    const pairs: [[bigint, number | undefined], [bigint, number | undefined], bigint][] = [
      [[100n * OPG, fault], [200n * OPG, undefined], 0n],
      [[100n * BOND, fault], [100n * BOND, fault], 0n],
      [[100n * BOND, fault], [100n * BOND, undefined], 1n],
      [[700n * OPG, undefined], [400n * OPG, fault], 1n],
      [[500n * OPG, fault], [3n * BOND, fault], (5n * BOND) / 10n],
    ];
    for (const [one, other, slack] of pairs) {
      const [a, b] = [await inOrder([one, other]), await inOrder([other, one])];
      expect(a > b ? a - b <= slack : b - a <= slack, `${one} and ${other}: ${a} or ${b}`).to.equal(true);
    }
  });

  it("case 31: what was rewarded is slashed as stake is; where no bond is left nothing can be rewarded", async () => {
    const world = await load(staked);
    const { hub, payer } = world;
    await mined(hub.reward(1, 600n * OPG));
    expect(await slash(world, 100n * BOND)).to.equal(1100n * OPG + 550n * OPG);
    const before = await heldNano(world, payer.address);
    await expect(hub.reward(1, OPG)).to.be.revertedWithCustomError(hub, "StakeHub_NoActiveStake").withArgs(1);
    expect(await heldNano(world, payer.address)).to.equal(before);
  });

  it("case 32: harmed, reporter and reserve get what was taken in every corner, never more", async () => {
    const world = await load(staked);
    const { hub, slasher } = world;
    const snapshot = await protocol.networkHelpers.takeSnapshot();
    const MOST = 2n ** 64n - 1n;
    for (const amountNano of [0n, 1n, BOND, BOND + 1n, MOST]) {
      for (const harmedNano of [0n, 1n, MOST]) {
        for (const reporterNano of [0n, 1n, MOST]) {
          const own = { harmed: slasher.address, harmedNano, reporter: slasher.address, reporterNano };
          const [mine, all] = [await heldNano(world, slasher.address), await hubNano(world)];
          const receipt = await mined(hub.connect(slasher).slash(orderOf(amountNano, await latest(), own)));
          const { takenNano } = eventOf(receipt, hub, "Slashed").args;
          expect(takenNano).to.equal(amountNano === MOST ? (15n * BOND) / 10n : amountNano);
          expect(await hubNano(world)).to.equal(all - takenNano);
          const won = (await heldNano(world, slasher.address)) - mine;
          expect(won + (await heldNano(world, RESERVE))).to.equal(takenNano);
          await snapshot.restore();
        }
      }
    }
  });

  it("cases 35, 38: nothing that governance, guardian or slasher may do delays an exit", async () => {
    const world = await load(staked);
    const { hub, alice, owner, payer, other } = world;
    // All that changes something. There is no pause, and no setter of times.
    const writes = hub.interface.fragments.flatMap((f) =>
      "stateMutability" in f && "name" in f && !["view", "pure"].includes(String(f.stateMutability)) ? [f.name] : [],
    );
    expect(writes.sort()).to.deep.equal(
      [
        ["announceCommission", "bond", "cancelBond", "cancelDelegation", "delegateTo", "requestUnbond", "reward"],
        ["roll", "setBondVoting", "setGuardian", "setLimits", "setSlasher", "setVoting", "slash", "undelegate"],
        ["withdraw", "withdrawBond"],
      ].flat(),
    );
    const period = await leave(world, alice);
    await mined(hub.connect(owner).requestUnbond(1, BOND));
    const from = Number(period + 1n) * PERIOD + UNBONDING;
    const timelock = await protocol.ethers.getImpersonatedSigner(String(protocol.contracts.timelock.target));
    await protocol.networkHelpers.setBalance(timelock.address, 10n ** 18n);
    const none = { eventPpm: 0, windowPpm: 0, delegationPerSelf: 0, maxCommissionPpm: 0 };
    await pass(ACTIVATION);
    await mined(hub.connect(timelock).setLimits(none));
    await mined(hub.connect(timelock).setSlasher(other.address));
    await mined(hub.connect(timelock).setGuardian(other.address));
    for (const guardian of [payer, other]) {
      await expect(hub.connect(guardian).setLimits(LIMITS)).to.be.revertedWithCustomError(
        hub,
        "Governed_NotGovernance",
      );
    }
    await at(from);
    await mined(hub.withdraw(1, alice.address, period));
    await mined(hub.withdrawBond(1, period));
    expect(await heldNano(world, owner.address)).to.equal(BOND);
  });

  it("case 34: a slasher that was replaced ends what it began, by the limits of then", async () => {
    const world = await load(staked);
    const { hub, other, slasher } = world;
    const fault = await latest();
    const { timelock } = protocol.contracts;
    const none = { ...LIMITS, eventPpm: 0, windowPpm: 0 };
    // Both have waited in the timelock, whose delay is longer than what leaves is slashable.
    expect((await hub.parameterDelay()) > BigInt(UNBONDING)).to.equal(true);
    await protocol.networkHelpers.setBalance(String(timelock.target), 10n ** 18n);
    const governance = await protocol.ethers.getImpersonatedSigner(String(timelock.target));
    await mined(hub.connect(governance).setLimits(none));
    await mined(hub.connect(governance).setSlasher(other.address));
    await mined(hub.connect(slasher).slash(orderOf(BOND + OPG, fault)));
    expect(await heldNano(world, RESERVE)).to.equal(BOND + OPG);
  });

  it("case 44: delegations beyond the cap count for nothing, and take nothing from others' count", async () => {
    const world = await load(bothStaked);
    const { hub, dave } = world;
    await mined(hub.connect(dave).delegateTo(1, 3n * BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    const [full, others] = [await hub.effectiveStake(1), await hub.effectiveStake(2)];
    await mined(hub.connect(dave).delegateTo(1, 500n * BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    expect((await hub.getStake(1)).delegatedNano).to.equal(508n * BOND);
    expect([await hub.effectiveStake(1), await hub.effectiveStake(2)]).to.deep.equal([full, others]);
  });
});
