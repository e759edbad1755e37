import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  answerBy,
  at,
  BOND,
  books,
  type CourtWorld,
  CREDIT,
  claimDebit,
  commitDebit,
  DEBIT,
  emptySigners,
  evidenceOf,
  FEE,
  moved,
  OTHER_POLICY,
  penaltyOf,
  proveDebit,
  punishLater,
  RESERVED,
  refundIdOf,
  reportRuin,
  STAKE,
  shownAt,
  useCourt,
} from "../../helpers/court.ts";
import { openReservation } from "../../helpers/economy.ts";
import { govern } from "../../helpers/governance.ts";

/*
Court, after governance named another one
├── given its time is not over
│  ├── when it ends or punishes what it began: it should, as before
│  └── when a claim is opened there: Settlement_NotCourt; of sequences, receipts and policies Court_Replaced
├── given its time is over: it should touch neither earnings nor stake
├── given both courts judge one batch: their evidence does not collide
└── setCourt, setSlasher
   ├── when nobody is named: Settlement_NoCourt, StakeHub_NoSlasher
   └── when the last replacement is too recent: Settlement_CourtReplacedTooRecently, and the hub's
*/
describe("Court, after its replacement", () => {
  const { world, load } = useCourt();
  const LONGEST_DISPUTE = 1800;

  async function deployCourt(): Promise<CourtWorld["court"]> {
    const { ethers, opg, settlement, stakeHub, teeRegistry, modelRegistry, parameters } = world;
    const factory = await ethers.getContractFactory("Court");
    const { bondNano, ...table } = parameters.court;
    const next = await factory.deploy({
      token: opg.target,
      settlement: settlement.target,
      stakeHub: stakeHub.target,
      teeRegistry: teeRegistry.target,
      modelRegistry: modelRegistry.target,
      times: parameters.times,
      table,
      bondNano,
    });
    return next as unknown as CourtWorld["court"];
  }

  const setCourt = (next: string) => world.settlement.interface.encodeFunctionData("setCourt", [next]);
  const setSlasher = (next: string) => world.stakeHub.interface.encodeFunctionData("setSlasher", [next]);

  /** Names a new court everywhere. `meanwhile` runs right before that, when the timelock's delay is over. */
  async function replace<T>(meanwhile: () => Promise<T>) {
    const { settlement, stakeHub, opg, challenger } = world;
    const next = await deployCourt();
    await mined(opg.connect(challenger).approve(next.target, 10n * BOND * WEI_PER_NANO));
    let before: T | undefined;
    const slasher = () =>
      mined(
        govern(world, stakeHub, setSlasher(String(next.target)), async () => {
          before = await meanwhile();
        }),
      );
    await mined(govern(world, settlement, setCourt(String(next.target)), async () => void (await slasher())));
    return {
      before: before as T,
      next: { ...world, court: next },
      courtUntil: Number(await settlement.formerCourtUntil()),
      slasherUntil: Number(await stakeHub.formerSlasherUntil()),
    };
  }

  /** A debit that was claimed at the court before it was replaced, credited to the settler. */
  async function claimed() {
    return replace(async () => {
      const committed = await commitDebit(world, world.settlerPayee);
      await mined(claimDebit(world, committed));
      return { committed, until: await answerBy(world) };
    });
  }

  describe("given its time is not over", () => {
    it("is the former court for the longest dispute", async () => {
      const { next, courtUntil, slasherUntil } = await load(claimed);
      const { settlement, stakeHub, court } = world;
      expect([await settlement.court(), await stakeHub.slasher()]).to.deep.equal([
        next.court.target,
        next.court.target,
      ]);
      expect([await settlement.formerCourt(), await stakeHub.formerSlasher()]).to.deep.equal([
        court.target,
        court.target,
      ]);
      expect(courtUntil).to.equal((await world.networkHelpers.time.latest()) + LONGEST_DISPUTE);
      expect(slasherUntil).to.be.lessThanOrEqual(courtUntil);
    });

    it("takes an answer", async () => {
      const { before } = await load(claimed);
      const held = await books(world);
      await at(world, before.until);
      await expect(proveDebit(world, before.committed)).to.emit(world.court, "DebitProven");
      expect(moved(held, await books(world))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
      expect((await world.settlement.getPayee(world.settlerPayee)).frozenNano).to.equal(0n);
    });

    it("refunds from earnings and stake, and punishes", async () => {
      const { before } = await load(claimed);
      const { court, settlement, stakeHub, settler, reservation } = world;
      const { signers } = before.committed;
      const held = await books(world);
      await at(world, before.until + 1);
      await expect(court.refundDebit(1, signers)).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED);
      expect(moved(held, await books(world))).to.deep.equal({ court: -BOND, stakeHub: -FEE, challenger: BOND });
      await punishLater(world, evidenceOf("debit", settler, 1), signers);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - FEE - penaltyOf(STAKE - FEE));
    });

    it("refunds in the last second", async () => {
      const { before, slasherUntil } = await load(claimed);
      await at(world, slasherUntil);
      await expect(world.court.refundDebit(1, before.committed.signers))
        .to.emit(world.court, "DebitRefunded")
        .withArgs(1, DEBIT, 0);
    });

    it("has the time to punish for what was claimed right before its replacement", async () => {
      const { before, slasherUntil } = await load(claimed);
      const { court, settler } = world;
      await at(world, before.until + 1);
      await mined(court.refundDebit(1, before.committed.signers));
      const { dueAt } = await court.getPenalty(evidenceOf("debit", settler, 1));
      expect(Number(dueAt)).to.be.lessThan(slasherUntil);
      await at(world, slasherUntil);
      await expect(court.punish(evidenceOf("debit", settler, 1), before.committed.signers)).to.emit(
        world.stakeHub,
        "Slashed",
      );
    });

    it("opens no claim, which the new court does", async () => {
      const { next } = await load(claimed);
      const { court, settlement } = world;
      const committed = await commitDebit(world, world.workerPayee);
      await expect(claimDebit(world, committed))
        .to.be.revertedWithCustomError(settlement, "Settlement_NotCourt")
        .withArgs(court.target, next.court.target);
      expect(await court.openClaims(world.settler, 2)).to.equal(0n);
      await expect(claimDebit(next, committed)).to.emit(next.court, "DebitClaimed");
    });
  });

  it("opens no sequence and judges no receipt or policy, which the new court does", async () => {
    const { next } = await load(claimed);
    const { court, settler, reservation, terms, challenger } = world;
    const receipts = [receiptOf({ sequence: 1n, settler, reservation, priceNano: 1n })];
    const debits = [{ index: reservation, amountNano: DEBIT }];
    const credits = [{ index: world.workerPayee, amountNano: CREDIT }];
    const committed = await commitReceipts(world, world, { receipts, debits, credits, policy: OTHER_POLICY });
    const { receipt, path } = shownAt(committed);
    const calls = async (at: CourtWorld["court"]) => {
      const by = at.connect(challenger);
      await mined(by.showDebit(committed.batch, committed.debits, committed.creditsHash, 0));
      return [
        () => by.claimSequence(committed.batch, 1),
        () => by.reportPrice(receipt, path, committed.batch),
        () => by.reportPolicy(terms, committed.batch, reservation),
      ];
    };
    for (const call of await calls(court)) {
      await expect(call()).to.be.revertedWithCustomError(court, "Court_Replaced").withArgs(next.court.target);
    }
    for (const call of await calls(next.court)) await mined(call());
  });

  describe("given its time is over", () => {
    it("refunds nothing more", async () => {
      const { before, next, courtUntil } = await load(claimed);
      const { court, settlement } = world;
      await at(world, courtUntil + 1);
      const held = await books(world);
      await expect(court.refundDebit(1, before.committed.signers))
        .to.be.revertedWithCustomError(settlement, "Settlement_NotCourt")
        .withArgs(court.target, next.court.target);
      expect(moved(held, await books(world))).to.deep.equal({});
    });

    it("punishes nobody", async () => {
      const { next, before, slasherUntil } = await load(() => replace(() => reportRuin(world)));
      const { court, stakeHub, settler } = world;
      await at(world, slasherUntil + 1);
      await expect(court.punish(before, "0x"))
        .to.be.revertedWithCustomError(stakeHub, "StakeHub_NotSlasher")
        .withArgs(court.target, next.court.target);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE);
    });

    it("takes nothing from payees", async () => {
      const { before, next, courtUntil } = await load(async () => {
        await emptySigners(world);
        return replace(async () => {
          const committed = await commitDebit(world, world.workerPayee);
          await mined(claimDebit(world, committed));
          await punishLater(world, await reportRuin(world));
          await mined(world.court.refundDebit(1, committed.signers));
          return committed;
        });
      });
      const { court, settlement, workerPayee } = world;
      const ask = () => court.refundFromPayees(1, before.debitsHash, before.credits, 1);
      await at(world, courtUntil + 1);
      await expect(ask())
        .to.be.revertedWithCustomError(settlement, "Settlement_NotCourt")
        .withArgs(court.target, next.court.target);
      expect(await settlement.earningsOf(workerPayee)).to.equal(DEBIT - FEE);
      await at(world, courtUntil);
      await expect(ask())
        .to.emit(court, "DebitRefunded")
        .withArgs(1, DEBIT - FEE, FEE);
    });
  });

  describe("given both courts judge one batch", () => {
    /** Two payers of one batch; the first debit is claimed at the former court, the second one at the new court. */
    async function shared() {
      const { settler, signers, reservation, workerPayee } = world;
      const other = await openReservation(world, settler, signers[10] as (typeof signers)[0], RESERVED);
      const replaced = await replace(async () => {
        const committed = await commitReceipts(world, world, {
          receipts: [receiptOf({ sequence: 0n, settler })],
          debits: [reservation, other.reservation].map((index) => ({ index, amountNano: DEBIT })),
          credits: [{ index: workerPayee, amountNano: 2n * (DEBIT - FEE) }],
        });
        await mined(claimDebit(world, committed));
        return committed;
      });
      await mined(claimDebit(replaced.next, replaced.before, 1));
      await world.networkHelpers.time.increaseTo(await answerBy(replaced.next));
      return { ...replaced, committed: replaced.before satisfies Committed, other };
    }

    it("refunds both claims, though both have the number 1", async () => {
      const { next, committed, other } = await load(shared);
      const { settlement, stakeHub, settler, reservation } = world;
      for (const { court } of [world, next]) {
        await expect(court.refundDebit(1, committed.signers))
          .to.emit(stakeHub, "Slashed")
          .withArgs(settler, refundIdOf(court.target, 1, settler), DEBIT, DEBIT, 0);
      }
      for (const index of [reservation, other.reservation]) {
        expect((await settlement.getReservation(settler, index)).balanceNano).to.equal(RESERVED);
      }
    });

    it("punishes at both, each by what is left", async () => {
      const { next, committed } = await load(shared);
      const { stakeHub, settler } = world;
      const id = evidenceOf("debit", settler, 1);
      for (const { court } of [world, next]) await mined(court.refundDebit(1, committed.signers));
      let left = STAKE - 2n * DEBIT;
      for (const each of [world, next]) {
        await punishLater(each, id, committed.signers);
        left -= penaltyOf(left);
        expect(await stakeHub.slashableStake(settler)).to.equal(left);
      }
    });
  });

  describe("given the former court refunded a debit that is claimed again at the new one", () => {
    it("ends the claim without paying the payer twice", async () => {
      const { next, committed } = await load(async () => {
        const { before, ...rest } = await replace(async () => {
          const debit = await commitDebit(world, world.workerPayee);
          await mined(claimDebit(world, debit));
          return debit;
        });
        await world.networkHelpers.time.increaseTo(await answerBy(world));
        await mined(world.court.refundDebit(1, before.signers));
        await mined(claimDebit(rest.next, before));
        await world.networkHelpers.time.increaseTo(await answerBy(rest.next));
        return { ...rest, committed: before };
      });
      const { settlement, stakeHub, settler, settlerPayee, reservation } = world;
      const held = await books(next);
      await expect(next.court.refundDebit(1, committed.signers)).to.emit(next.court, "DebitRefunded").withArgs(1, 0, 0);
      expect(moved(held, await books(next))).to.deep.equal({ court: -BOND, challenger: BOND });
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - DEBIT);
    });
  });

  describe("setCourt, setSlasher", () => {
    it("are refused for nobody", async () => {
      const { settlement, stakeHub, court } = world;
      await load(async () => undefined);
      await expect(govern(world, settlement, setCourt(ZeroAddress))).to.be.revertedWithCustomError(
        settlement,
        "Settlement_NoCourt",
      );
      await expect(govern(world, stakeHub, setSlasher(ZeroAddress))).to.be.revertedWithCustomError(
        stakeHub,
        "StakeHub_NoSlasher",
      );
      expect([await settlement.court(), await stakeHub.slasher()]).to.deep.equal([court.target, court.target]);
    });

    for (const [name, error] of [
      ["setCourt", "Settlement_CourtReplacedTooRecently"],
      ["setSlasher", "StakeHub_SlasherReplacedTooRecently"],
    ] as const) {
      it(`${name} is refused while the one before has time left`, async () => {
        const { settlement, stakeHub, timelock, ethers } = world;
        const [first, second] = [`0x${"01".repeat(20)}`, `0x${"02".repeat(20)}`] as const;
        const [target, data] = name === "setCourt" ? [settlement, setCourt] : [stakeHub, setSlasher];
        const now = async () => (name === "setCourt" ? settlement.court() : stakeHub.slasher());
        const salt = ethers.ZeroHash;
        await load(async () => {
          await mined(timelock.schedule(target.target, 0, data(second), salt, salt, await timelock.getMinDelay()));
          await mined(govern(world, target, data(first)));
        });
        const until = name === "setCourt" ? await settlement.formerCourtUntil() : await stakeHub.formerSlasherUntil();
        const execute = () => timelock.execute(target.target, 0, data(second), salt, salt);
        for (const [at_, late] of [
          [until - 10n, false],
          [until, false],
          [until + 1n, true],
        ] as const) {
          await at(world, Number(at_));
          if (late) await mined(execute());
          else await expect(execute()).to.be.revertedWithCustomError(target, error).withArgs(until);
        }
        expect(await now()).to.equal(second);
      });
    }
  });
});
