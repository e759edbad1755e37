import { expect } from "chai";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { addBond, rollStakes } from "../../../src/staking/deposit.ts";
import {
  ANSWER_TIME,
  answerBy,
  at,
  BOND,
  books,
  CLAIM_HORIZON,
  type CourtWorld,
  claimDebit,
  commitDebit,
  DEBIT,
  drain,
  evidenceOf,
  FEE,
  moved,
  PENALTY_DELAY,
  penaltyOf,
  reportRuin,
  STAKE,
  signerPenaltyOf,
  useCourt,
} from "../../helpers/court.ts";
import { OPG } from "../../helpers/economy.ts";
import { ALL, deployHub } from "../../helpers/stake.ts";

/*
Court, who answers for a batch
├── constructor: when the hub forgets faults before they can be punished: Court_SlashWindowTooShort
├── a refund and a penalty
│  ├── take of who left after the batch, and of who stayed
│  ├── take nothing of who left before it or came after it
│  └── are in time when claim, end and penalty each come as late as they may
└── given nobody came in the slash window
   ├── a refund ends the claim with the settler's earnings alone; other payees can be asked
   ├── an unopened sequence ends
   └── a penalty is refused: it is too late
*/
describe("Court, who answers for a batch", () => {
  const { world, load } = useCourt();
  const PART = 10_000n * OPG;
  const SLASH_WINDOW = 2400;
  const idOf = (number: number) => evidenceOf("debit", world.settler, number);

  it("is not made over a hub that forgets faults before they can be punished", async () => {
    const { ethers, opg, settlement, teeRegistry, modelRegistry, parameters, court } = world;
    const shorter = { claimHorizon: 300, answerTime: 150, longestDispute: 1800, stakeActivation: 2399 };
    const hub = await deployHub(world, { times: { ...shorter, unbonding: 2399 } });
    const { bondNano, ...table } = parameters.court;
    const factory = await ethers.getContractFactory("Court");
    const times = parameters.times;
    const config = { token: opg, settlement, stakeHub: hub, teeRegistry, modelRegistry, times, table, bondNano };
    await expect(factory.deploy(config))
      .to.be.revertedWithCustomError(court, "Court_SlashWindowTooShort")
      .withArgs(2399, SLASH_WINDOW);
  });

  type Holder = CourtWorld["signers"][number];
  type Holders = { early: Holder; leaver: Holder; stayer: Holder; late: Holder };

  /**
   * The settler has three nano of its own; three delegators of 10,000 OPG each. One left a period before the batch, one after
   * it, one stayed; a fourth came after the batch.
   */
  async function robbed(payee: number) {
    const { opg, stakeHub, settler, signers, networkHelpers, contracts } = world;
    const [early, leaver, stayer, late] = signers.slice(10, 14) as [Holder, Holder, Holder, Holder];
    for (const holder of [early, leaver, stayer, late]) {
      await mined(opg.transfer(holder.address, PART * WEI_PER_NANO));
      await mined(opg.connect(holder).approve(stakeHub.target, PART * WEI_PER_NANO));
    }
    for (const holder of [early, leaver, stayer]) await mined(stakeHub.connect(holder).delegateTo(settler, PART));
    await networkHelpers.time.increase(2700);
    await rollStakes(contracts, signers[0] as Holder, [settler]);
    const periodOf = async (holder: Holder) => {
      const left = await mined(stakeHub.connect(holder).undelegate(settler, ALL, 0));
      return eventOf(left, stakeHub, "Left").args.period as bigint;
    };
    const before = await periodOf(early);
    await networkHelpers.time.increase(300);

    const committed = await commitDebit(world, payee, { spentNano: 0n });
    const after = await periodOf(leaver);
    await mined(stakeHub.connect(late).delegateTo(settler, PART));
    const { selfNano } = await stakeHub.getStake(settler);
    await drain(world, settler, (await stakeHub.slashableStake(settler)) - selfNano + 3n);
    await mined(claimDebit(world, committed));
    return { committed, holders: { early, leaver, stayer, late }, before, after };
  }

  /** What each of them has lost. */
  async function losses({ holders, before, after }: { holders: Holders; before: bigint; after: bigint }) {
    const { stakeHub, settler } = world;
    const { position } = await stakeHub.getPosition(settler, holders.late.address);
    return {
      early: PART - (await stakeHub.getBucket(settler, before)).nano,
      leaver: PART - (await stakeHub.getBucket(settler, after)).nano,
      stayer: PART - (await stakeHub.getPosition(settler, holders.stayer.address)).worthNano,
      late: PART - position.joiningNano,
    };
  }

  it("takes a refund of who left after the batch and of who stayed, and of nobody else", async () => {
    const { court, settlement, settler, reservation } = world;
    const made = await load(() => robbed(world.workerPayee));
    expect(made.before < made.after).to.equal(true);
    await world.networkHelpers.time.increaseTo(await answerBy(world));
    const held = await books(world);
    await expect(court.refundDebit(1, made.committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
    expect(moved(held, await books(world))).to.deep.equal({ court: -BOND, stakeHub: -DEBIT, challenger: BOND });
    expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(100n * OPG);
    const { early, leaver, stayer, late } = await losses(made);
    expect([early, late]).to.deep.equal([0n, 0n]);
    // Half each of what the own bond lacks; worth is rounded down.
    const each = (DEBIT - 3n) / 2n;
    for (const lost of [leaver, stayer]) expect(lost >= each && lost <= each + 2n, `${lost}`).to.equal(true);
  });

  it("takes a penalty of who left after the batch and of who stayed, and of nobody else", async () => {
    const { court, stakeHub, settler } = world;
    const made = await load(async () => {
      const { committed, ...rest } = await robbed(world.settlerPayee);
      // Earnings pay all but the fee, so most of what is lost is the penalty.
      await world.networkHelpers.time.increaseTo(await answerBy(world));
      await mined(world.court.refundDebit(1, committed.signers));
      return { committed, ...rest };
    });
    const { dueAt, faultAt } = await court.getPenalty(idOf(1));
    expect(Number(faultAt)).to.equal(made.committed.batch.commitment.committedAt);
    await at(world, Number(dueAt) + 1);
    const refunded = await losses(made);
    const answering = await stakeHub.slashableFor(settler, faultAt);
    // What left before the batch answers for older faults only, and is not counted.
    expect(answering < (await stakeHub.slashableStake(settler))).to.equal(true);
    const sent = await mined(court.punish(idOf(1), made.committed.signers));
    const slashed = sent.logs
      .map((log) => stakeHub.interface.parseLog(log))
      .find((log) => log?.name === "Slashed" && log.args.operator === BigInt(settler));
    expect(slashed?.args.takenNano).to.equal(penaltyOf(answering));
    const lost = await losses(made);
    expect([lost.early, lost.late]).to.deep.equal([0n, 0n]);
    for (const who of ["leaver", "stayer"] as const) {
      const more = lost[who] - refunded[who];
      expect(more > penaltyOf(answering) / 2n - 10n && more < penaltyOf(answering) / 2n + 10n, who).to.equal(true);
    }
    expect(refunded.leaver + refunded.stayer >= FEE - 3n).to.equal(true);
  });

  it("takes nothing of a bond that came after the batch", async () => {
    const { court, stakeHub, settler, contracts, signers, settlerOwner } = world;
    const committed = await load(async () => {
      const made = await commitDebit(world, world.workerPayee, { spentNano: 0n });
      await addBond(contracts, signers[0] as Holder, settler, STAKE);
      await drain(world, settler);
      await mined(claimDebit(world, made));
      return made;
    });
    const { committedAt } = committed.batch.commitment;
    await at(world, committedAt + SLASH_WINDOW);
    await mined(court.refundDebit(1, committed.signers));
    await world.networkHelpers.time.increase(600);
    await mined(stakeHub.roll(settler));
    expect((await stakeHub.getStake(settler)).selfNano).to.equal(STAKE);
    await mined(stakeHub.connect(settlerOwner).requestUnbond(settler, STAKE));
  });

  it("is in time when claim, end and penalty each come as late as they may", async () => {
    const { court, stakeHub, settler, verifiers } = world;
    const committed = await load(() => commitDebit(world, world.workerPayee, { spentNano: 0n }));
    const { committedAt } = committed.batch.commitment;
    await at(world, committedAt + CLAIM_HORIZON);
    await mined(claimDebit(world, committed));
    // An answer time for whoever ends the claim, and for whoever takes the penalty.
    const ended = (await answerBy(world)) + ANSWER_TIME;
    await at(world, ended);
    await mined(court.refundDebit(1, committed.signers));
    const { dueAt } = await court.getPenalty(idOf(1));
    expect(Number(dueAt)).to.equal(ended + PENALTY_DELAY);
    await at(world, Number(dueAt) + ANSWER_TIME);
    expect(Number(dueAt) + ANSWER_TIME).to.equal(committedAt + SLASH_WINDOW);
    await mined(court.punish(idOf(1), committed.signers));
    const left = STAKE - DEBIT;
    expect((await stakeHub.getStake(settler)).selfNano).to.equal(left - penaltyOf(left));
    for (const { operator } of verifiers) {
      expect((await stakeHub.getStake(operator)).selfNano).to.equal(STAKE - signerPenaltyOf(STAKE));
    }
  });

  describe("given nobody came in the slash window", () => {
    const late = async (payee: number) => {
      const committed = await commitDebit(world, payee, { spentNano: 0n });
      await mined(claimDebit(world, committed));
      return { committed, until: committed.batch.commitment.committedAt + SLASH_WINDOW };
    };
    const toWorker = () => late(world.workerPayee);
    const toSettler = () => late(world.settlerPayee);

    it("takes stake in the last second of it, and none a second later", async () => {
      const { court } = world;
      for (const [seconds, refunded] of [
        [0, DEBIT],
        [1, 0n],
      ] as const) {
        const { committed, until } = await load(toWorker);
        const held = await books(world);
        await at(world, until + seconds);
        await expect(court.refundDebit(1, committed.signers))
          .to.emit(court, "DebitRefunded")
          .withArgs(1, refunded, DEBIT - refunded);
        expect(moved(held, await books(world)).stakeHub ?? 0n).to.equal(-refunded);
      }
    });

    it("ends a claim all the same: bond back, earnings free, the rest from other payees", async () => {
      const { court, settlement, settler, settlerPayee } = world;
      const { committed, until } = await load(toSettler);
      await at(world, until + 1_000_000);
      await expect(court.refundDebit(1, committed.signers))
        .to.emit(court, "DebitRefunded")
        .withArgs(1, DEBIT - FEE, FEE);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);
      expect((await court.getClaim(1)).missingNano).to.equal(FEE);
    });

    it("ends a claim of a sequence all the same", async () => {
      const { court, challenger, settler } = world;
      const { committed, until } = await load(async () => {
        const made = await commitDebit(world, world.workerPayee);
        await mined(world.court.connect(challenger).claimSequence(made.batch, made.batch.body.firstSequence));
        return { committed: made, until: made.batch.commitment.committedAt + SLASH_WINDOW };
      });
      await at(world, until + 1);
      await mined(court.endSequence(1));
      expect(await court.openClaims(settler, committed.ref.number)).to.equal(0n);
    });

    it("refuses a penalty, which nobody has to end", async () => {
      const { court, stakeHub, networkHelpers } = world;
      const id = await load(() => reportRuin(world));
      const { faultAt } = await court.getPenalty(id);
      const late = Number(faultAt) + SLASH_WINDOW + 1;
      await at(world, late);
      await expect(court.punish(id, "0x"))
        .to.be.revertedWithCustomError(stakeHub, "StakeHub_FaultOutOfTime")
        .withArgs(faultAt, late - SLASH_WINDOW, late);
      expect((await court.getPenalty(id)).done).to.equal(false);
      await networkHelpers.mine();
    });
  });
});
