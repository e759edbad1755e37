import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { ACTIVATION, ALL, EPOCH, LIMITS, openHub, PERIOD, UNBONDING } from "../../helpers/stake.ts";
import { StakeModel } from "../../helpers/stakeModel.ts";

const at = (timestamp: number) => BigInt(timestamp);

/*
StakeHub in all orders of five operations of an owner and two delegators
└── in each of the 120 orders, all in one period or one in each
   ├── it should hold what the model holds
   └── all can leave and withdraw, and less than twenty nano are left
*/
describe("StakeHub in all orders", () => {
  const BOND = 1000n * OPG + 7n;
  const OPERATIONS = ["alice leaves", "bob leaves a third", "slash", "reward", "the owner leaves with half"] as const;
  let protocol: Protocol;
  before(async () => {
    protocol = await deployProtocol();
  });

  function* ordersOf<T>(values: readonly T[]): Generator<T[]> {
    if (values.length === 0) yield [];
    for (const [i, value] of values.entries()) {
      for (const rest of ordersOf(values.filter((_, j) => j !== i))) yield [value, ...rest];
    }
  }

  for (const apart of [1, PERIOD]) {
    it(`holds what the model holds, ${apart} s apart`, async function () {
      this.timeout(600_000);
      const { networkHelpers, ethers } = protocol;
      const { time } = networkHelpers;
      const world = await openHub(protocol);
      const { hub, opg, owner, slasher, alice, bob } = world;
      const limits = Object.fromEntries(Object.entries(LIMITS).map(([name, value]) => [name, BigInt(value)]));
      const times = { epochLength: EPOCH, stakeActivation: ACTIVATION, unbonding: UNBONDING };
      const [alices, bobs] = [4, 5];
      const openModel = (since: number) =>
        new StakeModel(
          Object.fromEntries(Object.entries(times).map(([name, value]) => [name, at(value)])) as never,
          limits as never,
          at(since),
        );
      const deployedAt = (await hub.deploymentTransaction()?.getBlock())?.timestamp ?? 0;
      const start = (Math.floor((await time.latest()) / UNBONDING) + 1) * UNBONDING;
      await time.setNextBlockTimestamp(start);
      await mined(hub.bond(1, BOND));
      await mined(hub.connect(alice).delegateTo(1, 3n * BOND));
      await mined(hub.connect(bob).delegateTo(1, BOND + 1n));
      const from = start + 2 * UNBONDING;
      await time.setNextBlockTimestamp(from - 1);
      await mined(hub.roll(1));
      const snapshot = await networkHelpers.takeSnapshot();

      for (const order of ordersOf(OPERATIONS)) {
        await snapshot.restore();
        const model = openModel(deployedAt);
        for (const who of [1, 2]) model.register(who);
        model.to(at(start));
        model.bond(1, BOND);
        model.delegateTo(1, alices, 3n * BOND);
        model.delegateTo(1, bobs, BOND + 1n);
        let now = from;
        for (const name of order) {
          now += apart;
          await time.setNextBlockTimestamp(now);
          model.to(at(now));
          const operator = model.get(1);
          if (name === "alice leaves") {
            await mined(hub.connect(alice).undelegate(1, ALL, 0));
            model.undelegate(1, alices, model.position(operator, alices).shares);
          } else if (name === "bob leaves a third") {
            const part = model.position(operator, bobs).shares / 3n;
            await mined(hub.connect(bob).undelegate(1, part, 0));
            model.undelegate(1, bobs, part);
          } else if (name === "reward" && operator.self === 0n) {
            await expect(hub.reward(1, 1)).to.be.revertedWithCustomError(hub, "StakeHub_NoActiveStake");
          } else if (name === "reward") {
            await mined(hub.reward(1, 12_345_678_901n));
            model.reward(1, 12_345_678_901n);
          } else if (name === "slash") {
            const [harmed, reporter, evidenceId] = [slasher.address, slasher.address, ethers.id(order.join())];
            // Of this second: who left in an earlier period is spared.
            const faultAt = now;
            const money = { amountNano: (13n * BOND) / 10n, harmedNano: 0, reporterNano: 0 };
            await mined(hub.connect(slasher).slash({ operator: 1, harmed, reporter, evidenceId, faultAt, ...money }));
            model.slash(1, (13n * BOND) / 10n, at(faultAt));
          } else {
            const half = operator.self / 2n;
            if (half === 0n) continue;
            await mined(hub.connect(owner).requestUnbond(1, half));
            model.requestUnbond(1, 1, half);
          }
        }
        const operator = model.get(1);
        const { selfNano, delegatedNano } = await hub.getStake(1);
        expect([selfNano, delegatedNano], order.join()).to.deep.equal([operator.self, operator.delegated]);
        expect(await opg.balanceOf(hub.target), order.join()).to.equal(model.balance * WEI_PER_NANO);

        await mined(hub.connect(bob).undelegate(1, ALL, 0));
        if (selfNano !== 0n) await mined(hub.connect(owner).requestUnbond(1, selfNano));
        await time.increase(UNBONDING + PERIOD);
        const last = Math.floor((await time.latest()) / PERIOD);
        for (let period = Math.floor(from / PERIOD); period <= last; period++) {
          for (const { address } of [bob, alice]) {
            if ((await hub.getLeaving(1, address, period)) !== 0n) await mined(hub.withdraw(1, address, period));
          }
          if ((await hub.getBondBucket(1, period)) !== 0n) await mined(hub.withdrawBond(1, period));
        }
        expect((await opg.balanceOf(hub.target)) < 20n * WEI_PER_NANO, `dust of ${order.join()}`).to.equal(true);
      }
    });
  }
});
