import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { seededRandom } from "../../helpers/random.ts";
import { ACTIVATION, EPOCH, LIMITS, openHub, PERIOD, UNBONDING } from "../../helpers/stake.ts";
import { Refused, StakeModel } from "../../helpers/stakeModel.ts";

const STEPS = Number(process.env.STAKE_STEPS ?? 3_000);
const SEED = Number(process.env.STAKE_SEED ?? 20_260_621);
const HOLDERS = 8;

/*
StakeHub against a plain model
└── whatever is done, in whatever order, to the second
   ├── it should answer as the model does, with the same error, and hold what the model holds
   ├── what the effective stake was at a moment can be taken for a fault of that moment, less what was taken since
   ├── delegators keep nine tenths of each slash, and three quarters of all in two unbonding times
   ├── nobody's shares are worth a nano less but by a slash
   └── at the end everybody can withdraw everything, and dust is left
*/
describe("StakeHub against a plain model", () => {
  let protocol: Protocol;
  before(async () => {
    protocol = await deployProtocol();
  });

  it(`agrees over ${STEPS} random steps, seed ${SEED}`, async function () {
    this.timeout(900_000);
    const { networkHelpers, signers, ethers, contracts } = protocol;
    const world = await openHub(protocol);
    const { hub, opg, nodeRegistry } = world;
    // Two owners more can take an operator over.
    const timelock = String(contracts.timelock.target);
    await networkHelpers.impersonateAccount(timelock);
    await networkHelpers.setBalance(timelock, 10n ** 20n);
    const governance = await ethers.getSigner(timelock);
    const signer = (holder: number) => signers[holder] as (typeof signers)[number];
    const deployedAt = (await hub.deploymentTransaction()?.getBlock())?.timestamp ?? 0;
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
    for (const owner of [1, 2]) model.register(owner);

    const random = seededRandom(SEED);
    const amount = () => BigInt(random(10) === 0 ? random(5) : random(2_000_000_000)) * 10n ** BigInt(random(5));
    let now = await networkHelpers.time.latest();
    let evidence = 0n;
    const done = new Map<string, number>();
    /** Effective stake of a moment, and what was taken since. */
    let covers: { id: number; at: bigint; effective: bigint; taken: bigint }[] = [];

    /** From the data of the revert, not from what Hardhat makes of it, for which it needs to know the code. */
    const errorNameOf = (error: unknown) => {
      const { data } = error as { data?: unknown };
      return typeof data === "string" ? hub.interface.parseError(data)?.name : undefined;
    };

    async function step(name: string, act: () => Promise<unknown>, expected: () => unknown, seconds: number) {
      now += seconds;
      await networkHelpers.time.setNextBlockTimestamp(now);
      model.to(BigInt(now));
      let refusal: string | undefined;
      try {
        expected();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refusal = error.message;
      }
      let message: string | undefined;
      try {
        await act();
      } catch (error) {
        message = errorNameOf(error) ?? (error as Error).message;
      }
      expect(message, name).to.equal(refusal);
      const key = refusal ?? name;
      done.set(key, (done.get(key) ?? 0) + 1);
    }

    const keeps = [1, 2, 3].map(() => new Map<number, number>());
    const gasLimit = 2_000_000;
    for (let i = 0; i < STEPS; i++) {
      const id = 1 + random(2);
      const operator = model.get(id);
      const by = random(10) === 0 ? random(HOLDERS) : operator.owner;
      const holder = 4 + random(4);
      const seconds = random(12) === 0 ? 1 + random(4000) : random(3) === 0 ? 1 + random(400) : 1;
      const nano = amount();
      const position = model.position(operator, holder);
      const own = hub.connect(signer(by));
      const others = hub.connect(signer(holder));
      // Rates before, so that only slashes lower them.
      const worthBefore = new Map([...operator.positions].map(([who, p]) => [who, model.worth(operator, p.shares)]));
      const sharesBefore = new Map([...operator.positions].map(([who, p]) => [who, p.shares]));
      let lowers = false;
      switch (random(19)) {
        case 0:
        case 1:
          await step(
            "bond",
            () => hub.bond(id, nano, { gasLimit }),
            () => model.bond(id, nano),
            seconds,
          );
          break;
        case 2:
        case 3:
        case 4:
          await step(
            "delegate",
            () => others.delegateTo(id, nano, { gasLimit }),
            () => model.delegateTo(id, holder, nano),
            seconds,
          );
          break;
        case 5:
          if (random(3) === 0)
            await step(
              "cancelBond",
              () => own.cancelBond(id, { gasLimit }),
              () => model.cancelBond(id, by),
              seconds,
            );
          break;
        case 6:
          await step(
            "cancelDelegation",
            () => others.cancelDelegation(id, { gasLimit }),
            () => model.cancelDelegation(id, holder),
            seconds,
          );
          break;
        case 7: {
          const part = random(5) === 0 ? operator.self : (operator.self * BigInt(random(1100))) / 1000n;
          await step(
            "requestUnbond",
            () => own.requestUnbond(id, part, { gasLimit }),
            () => model.requestUnbond(id, by, part),
            seconds,
          );
          break;
        }
        case 8:
        case 9: {
          const part = random(4) === 0 ? position.shares : (position.shares * BigInt(random(1100))) / 1000n;
          await step(
            "undelegate",
            () => others.undelegate(id, part, 0, { gasLimit }),
            () => model.undelegate(id, holder, part),
            seconds,
          );
          break;
        }
        case 10: {
          const periods = [...operator.bondBuckets.keys()];
          const period = periods[random(periods.length)] ?? BigInt(Math.floor(now / PERIOD) - 20);
          await step(
            "withdrawBond",
            () => hub.withdrawBond(id, period, { gasLimit }),
            () => model.withdrawBond(id, period),
            seconds,
          );
          break;
        }
        case 11:
        case 12: {
          const periods = [...operator.buckets].filter(([, { nano, of }]) => nano !== 0n && of.has(holder));
          const period = periods[random(periods.length)]?.[0];
          if (period === undefined) break;
          await step(
            "withdraw",
            () => hub.withdraw(id, signer(holder).address, period, { gasLimit }),
            () => model.withdraw(id, holder, period),
            seconds,
          );
          break;
        }
        case 13:
          await step(
            "reward",
            () => hub.reward(id, nano, { gasLimit }),
            () => model.reward(id, nano),
            seconds,
          );
          break;
        case 14:
        case 15: {
          lowers = true;
          const faultAt = BigInt(now + seconds - (random(8) === 0 ? ACTIVATION : random(ACTIVATION + 20)));
          const base = model.takeable(id, faultAt);
          const want = random(4) === 0 ? nano : (base * BigInt(random(1200))) / 1000n;
          const order = {
            operator: id,
            amountNano: want,
            harmed: RESERVED,
            harmedNano: 0,
            reporter: RESERVED,
            reporterNano: 0,
            evidenceId: ethers.toBeHex(++evidence, 32),
            faultAt,
          };
          let taken = 0n;
          const active = operator.delegated;
          await step(
            "slash",
            () => hub.connect(world.slasher).slash(order, { gasLimit }),
            () => {
              taken = model.slash(id, want, faultAt);
            },
            seconds,
          );
          for (const cover of covers) if (cover.id === id) cover.taken += taken;
          const left = active < OPG ? 1 : Number(operator.delegated) / Number(active);
          expect(left >= 0.9 - 1e-9, "a tenth an order").to.equal(true);
          const kept = keeps[id] as Map<number, number>;
          const window = Math.floor(now / UNBONDING);
          kept.set(window, (kept.get(window) ?? 1) * left);
          const both = (kept.get(window) ?? 1) * (kept.get(window - 1) ?? 1);
          expect(both >= 0.75 - 1e-8, "a quarter in two windows").to.equal(true);
          break;
        }
        case 16: {
          const voting = random(3) !== 0;
          await step(
            "setVoting",
            () => others.setVoting(id, voting, { gasLimit }),
            () => model.setVoting(id, holder, voting),
            seconds,
          );
          break;
        }
        case 17: {
          if (random(4) === 0) {
            // An address owns one operator at most, so owners are 1, 2 and two without one.
            const to = [0, 1, 2, 3].filter((who) => [...model.operators.values()].every(({ owner }) => owner !== who));
            const next = to[random(to.length)] as number;
            await mined(nodeRegistry.connect(signer(operator.owner)).proposeOwner(id, signer(next).address));
            await mined(nodeRegistry.connect(signer(next)).acceptOwner(id));
            now = await networkHelpers.time.latest();
            model.handover(id, next);
            break;
          }
          const voting = random(3) !== 0;
          await step(
            "setBondVoting",
            () => own.setBondVoting(id, voting, { gasLimit }),
            () => model.setBondVoting(id, by, voting),
            seconds,
          );
          break;
        }
        default: {
          if (random(3) === 0) {
            const eventPpm = random(100_001);
            const limits = {
              eventPpm,
              windowPpm: eventPpm + random(250_001 - eventPpm),
              delegationPerSelf: random(21),
              maxCommissionPpm: random(500_001),
            };
            await step(
              "setLimits",
              () => hub.connect(governance).setLimits(limits, { gasLimit }),
              () =>
                model.setLimits({
                  eventPpm: BigInt(limits.eventPpm),
                  windowPpm: BigInt(limits.windowPpm),
                  delegationPerSelf: BigInt(limits.delegationPerSelf),
                  maxCommissionPpm: BigInt(limits.maxCommissionPpm),
                }),
              seconds,
            );
            break;
          }
          const ppm = model.commissionOf(id) + BigInt(random(120_001)) - 60_000n;
          if (ppm < 0n) break;
          await step(
            "announceCommission",
            () => own.announceCommission(id, ppm, { gasLimit }),
            () => model.announceCommission(id, by, ppm),
            seconds,
          );
        }
      }
      if (!lowers) {
        for (const [who, worth] of worthBefore) {
          const { shares } = model.position(operator, who);
          if (shares < (sharesBefore.get(who) ?? 0n)) continue;
          expect(model.worth(operator, shares) >= worth - 1n, "only slashes lower what shares are worth").to.equal(
            true,
          );
        }
      }
      // What was the effective stake can still be taken.
      covers = covers.filter(({ at }) => at >= model.now - model.slashWindow);
      for (const cover of covers) {
        const left = model.takeable(cover.id, cover.at) + cover.taken;
        expect(left >= cover.effective, `cover of ${cover.at} at ${now}`).to.equal(true);
      }
      // What joins between two calls is not counted before the next one.
      if (i % 3 === 0)
        await step(
          "roll",
          () => hub.roll(id),
          () => model.roll(id),
          1,
        );
      if (i % 3 === 0) {
        const effective = await hub.effectiveStake(id);
        expect(effective, "effective").to.equal(model.effectiveStake(id));
        covers.push({ id, at: BigInt(now), effective, taken: 0n });
        const stake = await hub.getStake(id);
        expect([stake.selfNano, stake.delegatedNano]).to.deep.equal([operator.self, operator.delegated]);
        expect((await hub.getPool(id)).shares, "shares").to.equal(operator.shares);
        const [read, worth] = await hub.getPosition(id, signer(holder).address);
        expect([read.shares, read.joiningNano, worth], "position").to.deep.equal([
          position.shares,
          model.joining(operator, holder),
          model.worth(operator, position.shares),
        ]);
      }
      expect(await hub.slashableStake(id), "slashable").to.equal(model.takeable(id, BigInt(now) - model.slashWindow));
      if (i % 10 === 0) await compareAll();
    }
    await compareAll();

    async function compareAll() {
      for (const id of [1, 2])
        await step(
          "roll",
          () => hub.roll(id),
          () => model.roll(id),
          1,
        );
      expect(await opg.balanceOf(hub.target)).to.equal(model.balance * WEI_PER_NANO);
      let votes = 0n;
      for (let holder = 0; holder < HOLDERS; holder++) {
        const of = await hub.getVotes(signer(holder).address);
        expect(of, `votes of ${holder}`).to.equal(model.votes(holder));
        votes += of;
      }
      // Of this second: what joins with the next one has no votes yet.
      const expected = model.totalVotes();
      await networkHelpers.time.setNextBlockTimestamp(++now);
      await networkHelpers.mine();
      model.to(BigInt(now));
      const total = await hub.getPastTotalSupply(now - 1);
      expect(total).to.equal(expected);
      expect(total >= votes, "votes").to.equal(true);
    }

    // Everything ends: all leave, wait and withdraw, and what is left is dust.
    now += 2 * ACTIVATION;
    for (const [id, operator] of model.operators) {
      await step(
        "roll",
        () => hub.roll(id),
        () => model.roll(id),
        1,
      );
      const { owner } = operator;
      const own = hub.connect(signer(owner));
      const all = operator.self;
      await step(
        "leave",
        () => own.requestUnbond(id, all),
        () => model.requestUnbond(id, owner, all),
        1,
      );
      for (let holder = 4; holder < HOLDERS; holder++) {
        const { shares } = model.position(operator, holder);
        const by = hub.connect(signer(holder));
        await step(
          "leave",
          () => by.undelegate(id, shares, 0),
          () => model.undelegate(id, holder, shares),
          1,
        );
      }
    }
    now += 2 * UNBONDING;
    for (const [id, { bondBuckets, buckets }] of model.operators) {
      for (const period of [...bondBuckets.keys()]) {
        await step(
          "last",
          () => hub.withdrawBond(id, period),
          () => model.withdrawBond(id, period),
          1,
        );
      }
      for (const [period, { of, nano }] of buckets) {
        for (const holder of nano === 0n ? [] : [...of.keys()]) {
          const { address } = signer(holder);
          await step(
            "last",
            () => hub.withdraw(id, address, period),
            () => model.withdraw(id, holder, period),
            1,
          );
        }
      }
    }
    expect(await opg.balanceOf(hub.target)).to.equal(model.balance * WEI_PER_NANO);
    expect(model.balance < (100n * OPG) / 10n ** 6n, `dust of ${model.balance} nano`).to.equal(true);
    for (const name of ["bond", "delegate", "undelegate", "withdraw", "withdrawBond", "reward", "slash", "setVoting"]) {
      expect(done.get(name) ?? 0, `${name} of ${JSON.stringify([...done])}`).to.be.greaterThan(STEPS / 200);
    }
    if (process.env.STAKE_SHOW) process.stderr.write(`${JSON.stringify([...done])} dust ${model.balance}\n`);
  });
});

const RESERVED = "0x00000000000000000000000000000000000beef2";
