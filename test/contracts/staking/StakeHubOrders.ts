import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { ACTIVATION, ALL, EPOCH, LIMITS, openHub, PERIOD, UNBONDING } from "../../helpers/stake.ts";
import { Refused, StakeModel } from "../../helpers/stakeModel.ts";

/** Of six different operations, in every order: 6 + 6·5 + … + 6!. */
const SEQUENCES = 1_956;
const FULL = 720;

const OPERATIONS = [
  "alice leaves",
  "bob leaves a third",
  "bob delegates",
  "reward",
  "slash",
  "the owner leaves with half",
] as const;
type Operation = (typeof OPERATIONS)[number];

/*
StakeHub in all orders of up to six operations of an owner and two delegators, all in one period or one in each
├── after each: it should answer as the model does, and hold, owe, count and let vote what the model says
└── after six: all can leave and withdraw, and less than twenty nano are left
*/
describe("StakeHub in all orders", () => {
  const BOND = 1000n * OPG + 7n;
  const REWARD = 12_345_678_901n;
  const SLASH = (13n * BOND) / 10n;
  const ADDED = BOND / 3n;
  const [OWNER, ALICE, BOB] = [1, 4, 5];
  let protocol: Protocol;
  before(async () => {
    protocol = await deployProtocol();
  });

  for (const apart of [1, PERIOD]) {
    it(`holds what the model holds, ${SEQUENCES} sequences, ${apart} s apart`, async function () {
      this.timeout(900_000);
      const { networkHelpers, ethers } = protocol;
      const { time } = networkHelpers;
      const world = await openHub(protocol);
      const { hub, opg, owner, slasher, alice, bob } = world;
      const deployedAt = (await hub.deploymentTransaction()?.getBlock())?.timestamp ?? 0;
      const start = (Math.floor((await time.latest()) / UNBONDING) + 1) * UNBONDING;
      const from = start + 2 * UNBONDING;

      const begun = () => {
        const model = new StakeModel(
          { epochLength: BigInt(EPOCH), stakeActivation: BigInt(ACTIVATION), unbonding: BigInt(UNBONDING) },
          {
            eventPpm: BigInt(LIMITS.eventPpm),
            windowPpm: BigInt(LIMITS.windowPpm),
            delegationPerSelf: BigInt(LIMITS.delegationPerSelf),
            maxCommissionPpm: BigInt(LIMITS.maxCommissionPpm),
          },
          BigInt(deployedAt),
        );
        for (const who of [1, 2]) model.register(who);
        model.to(BigInt(start));
        model.bond(1, BOND);
        model.delegateTo(1, ALICE, 3n * BOND);
        model.delegateTo(1, BOB, BOND + 1n);
        model.to(BigInt(from - 2));
        model.setVoting(1, ALICE, true);
        model.setBondVoting(1, OWNER, true);
        return model;
      };
      /** An operation in the model, and on the chain. */
      const actsOf = (model: StakeModel, operation: Operation, now: number) => {
        const operator = model.get(1);
        switch (operation) {
          case "alice leaves": {
            const { shares } = model.position(operator, ALICE);
            return [() => model.undelegate(1, ALICE, shares), () => hub.connect(alice).undelegate(1, ALL, 0)] as const;
          }
          case "bob leaves a third": {
            const part = model.position(operator, BOB).shares / 3n;
            return [() => model.undelegate(1, BOB, part), () => hub.connect(bob).undelegate(1, part, 0)] as const;
          }
          case "bob delegates":
            return [() => model.delegateTo(1, BOB, ADDED), () => hub.connect(bob).delegateTo(1, ADDED)] as const;
          case "reward":
            return [() => model.reward(1, REWARD), () => hub.reward(1, REWARD)] as const;
          case "slash": {
            // Of this second: who left in an earlier period is spared.
            const order = { operator: 1, amountNano: SLASH, evidenceId: ethers.toBeHex(now, 32), faultAt: now };
            const nobody = { harmed: slasher.address, harmedNano: 0, reporter: slasher.address, reporterNano: 0 };
            return [
              () => model.slash(1, SLASH, BigInt(now)),
              () => hub.connect(slasher).slash({ ...order, ...nobody }),
            ] as const;
          }
          case "the owner leaves with half": {
            const half = operator.self / 2n;
            return [
              () => model.requestUnbond(1, OWNER, half),
              () => hub.connect(owner).requestUnbond(1, half),
            ] as const;
          }
        }
      };
      /** The model after a sequence, and how the last operation ends. */
      const replay = (sequence: readonly Operation[]) => {
        const model = begun();
        let send: ReturnType<typeof actsOf>[1] | undefined;
        let refusal: string | undefined;
        for (const [i, operation] of sequence.entries()) {
          const now = from + (i + 1) * apart;
          model.to(BigInt(now));
          const [inModel, onChain] = actsOf(model, operation, now);
          [send, refusal] = [onChain, undefined];
          try {
            inModel();
          } catch (error) {
            if (!(error instanceof Refused)) throw error;
            refusal = error.message;
          }
        }
        return { model, send: send as ReturnType<typeof actsOf>[1], refusal };
      };

      // All in which something can have left.
      const last = Math.floor((from + (OPERATIONS.length + 3) * apart) / PERIOD);
      const first = Math.floor(from / PERIOD);
      const periods = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      const compare = async (model: StakeModel, what: string) => {
        const operator = model.get(1);
        const [stake, pool, votes, ownerVotes, effective, balance] = await Promise.all([
          hub.getStake(1),
          hub.getPool(1),
          hub.getVotes(alice.address),
          hub.getVotes(owner.address),
          hub.effectiveStake(1),
          opg.balanceOf(hub.target),
        ]);
        const is = [stake.selfNano, stake.delegatedNano, pool.shares, votes, ownerVotes, effective, balance];
        const should = [
          ...[operator.self, operator.delegated, operator.shares, model.votes(ALICE), model.votes(OWNER)],
          ...[model.effectiveStake(1), model.balance * WEI_PER_NANO],
        ];
        expect(is, what).to.deep.equal(should);
        const buckets = await Promise.all(periods.map((period) => hub.getBucket(1, period)));
        for (const [i, { nano, shares, lost }] of buckets.entries()) {
          const wanted = operator.buckets.get(BigInt(first + i)) ?? { nano: 0n, shares: 0n, lost: 0n };
          expect([nano, shares, lost], what).to.deep.equal([wanted.nano, wanted.shares, wanted.lost]);
        }
      };

      await time.setNextBlockTimestamp(start);
      await mined(hub.bond(1, BOND));
      await mined(hub.connect(alice).delegateTo(1, 3n * BOND));
      await mined(hub.connect(bob).delegateTo(1, BOND + 1n));
      await time.setNextBlockTimestamp(from - 2);
      await mined(hub.roll(1));
      await mined(hub.connect(alice).setVoting(1, true));
      await mined(hub.connect(owner).setBondVoting(1, true));

      let [sequences, full] = [0, 0];
      async function follow(done: readonly Operation[]): Promise<void> {
        const snapshot = await networkHelpers.takeSnapshot();
        for (const next of OPERATIONS.filter((operation) => !done.includes(operation))) {
          const sequence = [...done, next];
          const { model, send, refusal } = replay(sequence);
          await time.setNextBlockTimestamp(from + sequence.length * apart);
          if (refusal === undefined) await mined(send());
          else await expect(send(), sequence.join()).to.be.revertedWithCustomError(hub, refusal);
          await compare(model, sequence.join());
          sequences++;
          if (sequence.length < OPERATIONS.length) await follow(sequence);
          else {
            await leaveAll(sequence.join());
            full++;
          }
          await snapshot.restore();
        }
      }
      async function leaveAll(what: string): Promise<void> {
        await mined(hub.connect(bob).cancelDelegation(1));
        await mined(hub.connect(bob).undelegate(1, ALL, 0));
        const { selfNano } = await hub.getStake(1);
        if (selfNano !== 0n) await mined(hub.connect(owner).requestUnbond(1, selfNano));
        await time.increase(UNBONDING + PERIOD);
        for (const period of periods) {
          for (const { address } of [bob, alice]) {
            if ((await hub.getLeaving(1, address, period)) !== 0n) await mined(hub.withdraw(1, address, period));
          }
          if ((await hub.getBondBucket(1, period)) !== 0n) await mined(hub.withdrawBond(1, period));
        }
        expect((await opg.balanceOf(hub.target)) < 20n * WEI_PER_NANO, `dust of ${what}`).to.equal(true);
      }
      await follow([]);
      expect([sequences, full]).to.deep.equal([SEQUENCES, FULL]);
    });
  }
});
