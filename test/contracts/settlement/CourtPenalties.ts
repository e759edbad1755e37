import { expect } from "chai";
import { ZeroAddress, ZeroHash, zeroPadBytes } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  answerBy,
  at,
  BOND,
  books,
  CLAIM_HORIZON,
  claimDebit,
  commitDebit,
  DEBIT,
  drain,
  evidenceOf,
  FAULT,
  FEE,
  keptOf,
  leftBy,
  moved,
  PENALTY_DELAY,
  penaltyIdOf,
  penaltyOf,
  punishLater,
  reportRuin,
  rewardOf,
  STAKE,
  signerPenaltyOf,
  useCourt,
} from "../../helpers/court.ts";
import { OPG, openReservation, type VerifierActor } from "../../helpers/economy.ts";

/*
Court, penalties
├── refundDebit
│  ├── given the first unproven debit of a batch: it should schedule a penalty for the challenger
│  └── given another one of the same batch: it should leave that penalty as it is
└── punish
   ├── given there is none, or it was taken: Court_NoPenalty
   ├── given it is not due, the last second included: Court_PenaltyNotDue
   ├── when the signers are others: Court_WrongSigners
   ├── given it is due: settler and signers lose their parts, reporter and reserve share them
   └── given many claims on one batch: every payer is refunded in full before anything else is taken
*/
describe("Court, penalties", () => {
  const { world, load } = useCourt();
  const NOTHING = [ZeroAddress, 0n, 0n, false, 0n, keptOf(ZeroHash), 0n];
  const keptWord = (signersHash: string) => zeroPadBytes(keptOf(signersHash), 32);
  const idOf = (number: number | bigint) => evidenceOf("debit", world.settler, number);

  /** An unproven debit of batch 1, refunded: 9.5 OPG from the settler's earnings, the fee from its stake. */
  async function refunded() {
    const committed = await commitDebit(world, world.settlerPayee, { spentNano: 0n });
    await mined(claimDebit(world, committed));
    const refundedAt = (await answerBy(world)) + 1;
    await at(world, refundedAt);
    const refund = await world.court.refundDebit(1, committed.signers);
    return { ...world, committed, refund, refundedAt, dueAt: refundedAt + PENALTY_DELAY, id: idOf(1) };
  }

  describe("refundDebit", () => {
    it("schedules the penalty for after the last claim that could follow", async () => {
      const { court, settler, challenger, committed, refund, dueAt, id } = await load(refunded);
      await expect(refund).to.emit(court, "PenaltyScheduled").withArgs(id, settler, challenger.address, dueAt);
      const { signersHash, committedAt } = committed.batch.commitment;
      expect([...(await court.getPenalty(id))]).to.deep.equal([
        challenger.address,
        BigInt(settler),
        BigInt(dueAt),
        false,
        FAULT.DEBIT,
        keptOf(signersHash),
        BigInt(committedAt),
      ]);
    });

    it("leaves the first one as it is when another debit of the batch is refunded", async () => {
      const { court, challenger, payer, opg } = world;
      const two = await load(twoDebits);
      await mined(opg.transfer(payer.address, BOND * WEI_PER_NANO));
      await mined(opg.connect(payer).approve(court.target, BOND * WEI_PER_NANO));
      await mined(claimDebit(world, two, 1));
      await mined(court.connect(payer).claimDebit(two.batch, two.debits, two.creditsHash, 0));
      await world.networkHelpers.time.increaseTo(await answerBy(world, 2));
      await expect(court.refundDebit(1, two.signers)).to.emit(court, "PenaltyScheduled");
      const first = [...(await court.getPenalty(idOf(1)))];
      await world.networkHelpers.time.increase(100);
      await expect(court.refundDebit(2, two.signers)).not.to.emit(court, "PenaltyScheduled");
      expect([...(await court.getPenalty(idOf(1)))]).to.deep.equal(first);
      expect(first[0]).to.equal(challenger.address);

      await punishLater(world, idOf(1), two.signers);
      await world.networkHelpers.time.increase(100_000);
      await expect(court.punish(idOf(1), two.signers))
        .to.be.revertedWithCustomError(court, "Court_NoPenalty")
        .withArgs(idOf(1));
    });
  });

  /** One batch that debits two payers. */
  async function twoDebits() {
    const { settler, signers, reservation, workerPayee } = world;
    const other = await openReservation(world, settler, signers[10] as (typeof signers)[0], 100n * OPG);
    return commitReceipts(world, world, {
      receipts: [receiptOf({ sequence: 0n, settler })],
      debits: [reservation, other.reservation].map((index) => ({ index, amountNano: DEBIT })),
      credits: [{ index: workerPayee, amountNano: 2n * (DEBIT - FEE) }],
    });
  }

  describe("punish", () => {
    it("reverts when there is no such penalty", async () => {
      const { court, committed, settler } = await load(refunded);
      for (const id of [ZeroHash, idOf(0), idOf(2), evidenceOf("sequence", settler, 1)]) {
        expect([...(await court.getPenalty(id))]).to.deep.equal(NOTHING);
        await expect(court.punish(id, committed.signers))
          .to.be.revertedWithCustomError(court, "Court_NoPenalty")
          .withArgs(id);
      }
    });

    it("reverts when it is not due, its last second included", async () => {
      const { court, committed, id, dueAt, refundedAt } = await load(refunded);
      for (const now of [refundedAt + 1, dueAt]) {
        await at(world, now);
        await expect(court.punish(id, committed.signers))
          .to.be.revertedWithCustomError(court, "Court_PenaltyNotDue")
          .withArgs(id, dueAt);
      }
    });

    it("reverts when the signers are others", async () => {
      const { court, committed, id, dueAt, ethers } = await load(refunded);
      await at(world, dueAt + 1);
      for (const given of ["0x", committed.signers.slice(0, 10), `${committed.signers}00000009`]) {
        await expect(court.punish(id, given))
          .to.be.revertedWithCustomError(court, "Court_WrongSigners")
          .withArgs(ethers.keccak256(given), keptWord(committed.batch.commitment.signersHash));
      }
    });

    it("takes parts of what settler and signers have left, a second after it is due, once", async () => {
      const { court, stakeHub, committed, id, dueAt, settler, verifiers, challenger, payer } = await load(refunded);
      const before = await books(world);
      await at(world, dueAt + 1);
      const punish = court.connect(payer).punish(id, committed.signers);
      const penalty = penaltyOf(STAKE - FEE);
      await expect(punish)
        .to.emit(stakeHub, "Slashed")
        .withArgs(settler, penaltyIdOf(court.target, id, settler), penalty, 0, rewardOf(penalty));
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - FEE - penalty);
      const signerPenalty = signerPenaltyOf(STAKE);
      for (const { operator } of verifiers) {
        await expect(punish)
          .to.emit(stakeHub, "Slashed")
          .withArgs(operator, penaltyIdOf(court.target, id, operator), signerPenalty, 0, rewardOf(signerPenalty));
        expect(await stakeHub.slashableStake(operator)).to.equal(STAKE - signerPenalty);
      }
      const reward = rewardOf(penalty) + 2n * rewardOf(signerPenalty);
      const sum = penalty + 2n * signerPenalty;
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -sum,
        challenger: reward,
        reserve: sum - reward,
      });

      const due = await court.getPenalty(id);
      expect([due.done, due.reporter]).to.deep.equal([true, challenger.address]);
      await expect(court.punish(id, committed.signers))
        .to.be.revertedWithCustomError(court, "Court_NoPenalty")
        .withArgs(id);
    });

    it("counts in whole nano, rounded up", () => {
      const penalty = penaltyOf(STAKE - FEE);
      expect(penalty).to.equal(99_950_000_001n); // a tenth of 999.500000007
      expect(rewardOf(penalty)).to.equal(9_995_000_001n);
      expect(signerPenaltyOf(STAKE)).to.equal(50_000_000_001n); // a twentieth of 1000.000000007
    });

    it("takes stake that is leaving", async () => {
      const { court, stakeHub, committed, id, settler, settlerOwner, dueAt } = await load(refunded);
      const request = await mined(stakeHub.connect(settlerOwner).requestUnbond(settler, STAKE - FEE));
      await at(world, dueAt + 1);
      await mined(court.punish(id, committed.signers));
      expect((await stakeHub.getStake(settler)).selfNano).to.equal(0n);
      expect(await leftBy(world, request)).to.equal(STAKE - FEE - penaltyOf(STAKE - FEE));
    });

    it("takes what there is when a signer has nothing", async () => {
      const { court, stakeHub, committed, id, verifiers, dueAt } = await load(refunded);
      const [{ operator }] = verifiers as [VerifierActor];
      await drain(world, operator);
      await at(world, dueAt + 1);
      const before = await books(world);
      await expect(court.punish(id, committed.signers))
        .to.emit(stakeHub, "Slashed")
        .withArgs(operator, penaltyIdOf(court.target, id, operator), 0, 0, 0);
      const sum = penaltyOf(STAKE - FEE) + signerPenaltyOf(STAKE);
      expect(moved(before, await books(world)).stakeHub).to.equal(-sum);
    });

    it("is for each batch, and for each kind of fault", async () => {
      const { court, stakeHub, settler, settlerPayee } = world;
      const third = await load(async () => {
        const batches: Committed[] = [];
        for (let i = 0; i < 2; i++) {
          const committed = await commitDebit(world, settlerPayee, { spentNano: 0n });
          await mined(claimDebit(world, committed));
          batches.push(committed);
        }
        await world.networkHelpers.time.increaseTo(await answerBy(world, 2));
        for (const [i, { signers }] of batches.entries()) await mined(court.refundDebit(i + 1, signers));
        return { batches, ruin: await reportRuin(world) };
      });
      const [first, second] = third.batches as [Committed, Committed];
      let left = await stakeHub.slashableStake(settler);
      await punishLater(world, idOf(1), first.signers);
      left -= penaltyOf(left);
      expect(await stakeHub.slashableStake(settler)).to.equal(left);
      await punishLater(world, idOf(2), second.signers);
      left -= penaltyOf(left);
      expect(await stakeHub.slashableStake(settler)).to.equal(left);
      expect(third.ruin).to.equal(evidenceOf("sequence", settler, 3));
      const before = await books(world);
      await punishLater(world, third.ruin);
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -left,
        challenger: rewardOf(left),
        reserve: left - rewardOf(left),
      });
    });

    it("takes nobody's stake but the settler's for a fault of sequences, and accepts no signers", async () => {
      const { court, stakeHub, verifiers, ethers, settler } = world;
      const id = await load(() => reportRuin(world));
      const { dueAt } = await court.getPenalty(id);
      await world.networkHelpers.time.increaseTo(dueAt);
      const given = `0x${(verifiers[0] as VerifierActor).operator.toString(16).padStart(8, "0")}`;
      await expect(court.punish(id, given))
        .to.be.revertedWithCustomError(court, "Court_WrongSigners")
        .withArgs(ethers.keccak256(given), keptWord(ethers.keccak256("0x")));
      await expect(court.punish(id, "0x"))
        .to.emit(stakeHub, "Slashed")
        .withArgs(settler, penaltyIdOf(court.target, id, settler), STAKE, 0, rewardOf(STAKE));
      expect(await stakeHub.slashableStake(settler)).to.equal(0n);
      for (const { operator } of verifiers) expect(await stakeHub.slashableStake(operator)).to.equal(STAKE);
    });
  });

  describe("given 22 unproven debits in one batch that come to half the stake", () => {
    const PAYERS = 22;
    const HALF = STAKE / 2n;

    /** As much as cover allows, taken from 22 payers and credited to the worker. */
    async function robbery() {
      const { settler, signers, reservation, workerPayee } = world;
      const payer = signers[10] as (typeof signers)[0];
      const reservations = [reservation];
      while (reservations.length < PAYERS) {
        reservations.push((await openReservation(world, settler, payer, 100n * OPG)).reservation);
      }
      const each = HALF / BigInt(PAYERS);
      const debits = reservations.map((index, i) => ({
        index,
        amountNano: i === 0 ? HALF - each * BigInt(PAYERS - 1) : each,
      }));
      const fee = (HALF + 19n) / 20n;
      const committed = await commitReceipts(world, world, {
        receipts: [receiptOf({ sequence: 0n, settler })],
        debits,
        credits: [{ index: workerPayee, amountNano: HALF - fee }],
      });
      return { ...world, committed, reservations };
    }

    it("refunds every payer in full from the settler's stake before it takes any penalty", async () => {
      const { court, settlement, stakeHub, settler, committed, reservations, verifiers } = await load(robbery);
      const { committedAt } = committed.batch.commitment;
      const before = await books(world);
      // All but the last are claimed and refunded as early as can be; the last one as late as can be.
      for (let row = 1; row < PAYERS; row++) await mined(claimDebit(world, committed, row));
      await world.networkHelpers.time.increaseTo(await answerBy(world, PAYERS - 1));
      for (let claim = 1; claim < PAYERS; claim++) {
        await mined(court.refundDebit(claim, committed.signers));
      }
      const { dueAt } = await court.getPenalty(idOf(1));
      const early = async () =>
        expect(court.punish(idOf(1), committed.signers))
          .to.be.revertedWithCustomError(court, "Court_PenaltyNotDue")
          .withArgs(idOf(1), dueAt);
      await early();

      await at(world, committedAt + CLAIM_HORIZON);
      await mined(claimDebit(world, committed, 0));
      const last = (await answerBy(world, PAYERS)) + 1;
      expect(Number(dueAt)).to.be.greaterThan(last);
      await at(world, last - 1);
      await early();
      await at(world, last);
      await mined(court.refundDebit(PAYERS, committed.signers));

      for (const reservation of reservations) {
        const { balanceNano } = await settlement.getReservation(settler, reservation);
        expect(balanceNano).to.equal(100n * OPG);
      }
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - HALF);
      for (const { operator } of verifiers) expect(await stakeHub.slashableStake(operator)).to.equal(STAKE);
      expect(moved(before, await books(world))).to.deep.equal({ stakeHub: -HALF });

      await punishLater(world, idOf(1), committed.signers);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - HALF - penaltyOf(STAKE - HALF));
    });

    it("costs one penalty, not one for each debit", async () => {
      const { court, stakeHub, committed, settler, verifiers } = await load(robbery);
      for (let row = 0; row < PAYERS; row++) await mined(claimDebit(world, committed, row));
      await world.networkHelpers.time.increaseTo(await answerBy(world, PAYERS));
      for (let claim = 1; claim <= PAYERS; claim++) await mined(court.refundDebit(claim, committed.signers));
      const before = await books(world);
      await punishLater(world, idOf(1), committed.signers);
      const left = STAKE - HALF;
      const [penalty, signerPenalty] = [penaltyOf(left), signerPenaltyOf(STAKE)];
      expect(await stakeHub.slashableStake(settler)).to.equal(left - penalty);
      for (const { operator } of verifiers) {
        expect(await stakeHub.slashableStake(operator)).to.equal(STAKE - signerPenalty);
      }
      const reward = rewardOf(penalty) + 2n * rewardOf(signerPenalty);
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -(penalty + 2n * signerPenalty),
        challenger: reward,
        reserve: penalty + 2n * signerPenalty - reward,
      });
    });
  });
});
