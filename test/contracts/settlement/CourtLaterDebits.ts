import { expect } from "chai";
import { AbiCoder, keccak256 } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  ANSWER_TIME,
  type Answer,
  answerBy,
  at,
  BOND,
  books,
  claimDebit,
  commitDebit,
  DEBIT,
  emptySigners,
  moved,
  proveDebit,
  RESERVED,
  reportRuin,
  showDebit,
  useCourt,
  voucherFor,
} from "../../helpers/court.ts";
import { OPG, openReservation } from "../../helpers/economy.ts";

/*
Court, when a reservation was debited again after the claimed batch
├── showDebit
│  ├── when the batch is not the committed one, the rows are others, or there is no such row: an error for each
│  └── when all is well: it should remember the debit, by anybody and for ever
└── proveDebit
   ├── when later batches are not later and ascending, or their debit was not shown: Court_NotLater, Court_NotShown
   ├── when a later debit without a voucher is shown: its signers answer for it, earlier ones do not
   ├── when it is not shown, or only some are: Court_VoucherTooLow, Court_ReceiptTooLow
   ├── given the later debit was refunded, before the claim or after it: it is left out once, not twice
   └── given it was refunded in part: only what is missing is left out
*/
describe("Court, later debits", () => {
  const { world, load } = useCourt();

  /** A fair batch, then one that debits the same reservation without a voucher. */
  async function twoBatches() {
    const fair = await commitDebit(world, world.workerPayee);
    const unfair = await commitDebit(world, world.workerPayee);
    return { ...world, fair: { ...fair, batch: { ...fair.batch, later: [unfair.inner] } }, unfair };
  }

  describe("showDebit", () => {
    it("remembers a debit, whoever shows it, and long after its horizon too", async () => {
      const { court, settler, reservation, fair, unfair } = await load(twoBatches);
      expect(await court.shownNano(settler, 2, reservation)).to.equal(0n);
      await expect(showDebit(world, unfair)).to.emit(court, "DebitShown").withArgs(settler, 2, reservation, DEBIT);
      expect(await court.shownNano(settler, 2, reservation)).to.equal(DEBIT);
      expect(await court.shownNano(settler, 1, reservation)).to.equal(0n);

      await world.networkHelpers.time.increase(1_000_000);
      await expect(showDebit(world, fair)).to.emit(court, "DebitShown").withArgs(settler, 1, reservation, DEBIT);
      await mined(showDebit(world, fair));
      expect(await court.shownNano(settler, 1, reservation)).to.equal(DEBIT);
    });

    it("shows any row of a batch", async () => {
      const { court, settler, reservation, signers, workerPayee } = world;
      const second = await load(async () => {
        const other = await openReservation(world, settler, signers[10] as (typeof signers)[0], RESERVED);
        const debits = [
          { index: reservation, amountNano: 1n },
          { index: other.reservation, amountNano: 2n * OPG },
        ];
        const credits = [{ index: workerPayee, amountNano: (2n * OPG * 95n) / 100n }];
        const receipts = [receiptOf({ sequence: 0n, settler })];
        return { ...other, committed: await commitReceipts(world, world, { receipts, debits, credits }) };
      });
      await expect(showDebit(world, second.committed, 1))
        .to.emit(court, "DebitShown")
        .withArgs(settler, 1, second.reservation, 2n * OPG);
      expect(await court.shownNano(settler, 1, reservation)).to.equal(0n);
      await expect(showDebit(world, second.committed, 2))
        .to.be.revertedWithCustomError(court, "Court_NoSuchRow")
        .withArgs(2);
    });

    it("reverts when the batch is not the committed one", async () => {
      const { court, settler, unfair } = await load(twoBatches);
      const { batch } = unfair;
      for (const changed of [
        { ...batch, body: { ...batch.body, number: 3n } },
        { ...batch, prevHash: `0x${"01".repeat(32)}` },
        { ...batch, commitment: { ...batch.commitment, committedAt: 1 } },
      ]) {
        await expect(showDebit(world, { ...unfair, batch: changed }))
          .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
          .withArgs(settler, changed.body.number);
      }
    });

    it("reverts when the rows are others", async () => {
      const { court, unfair } = await load(twoBatches);
      const changed: Committed = { ...unfair, creditsHash: unfair.debitsHash };
      const coded = AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [unfair.debitsHash, unfair.debitsHash]);
      await expect(showDebit(world, changed))
        .to.be.revertedWithCustomError(court, "Court_WrongRows")
        .withArgs(keccak256(coded), unfair.batch.body.rowsHash);
    });
  });

  /** The first batch is claimed, so that its signers lose stake for what they never signed. */
  async function claimedFair() {
    const batches = await twoBatches();
    await mined(claimDebit(world, batches.fair));
    return batches;
  }
  type Batches = Awaited<ReturnType<typeof twoBatches>>;

  /** An answer for the first batch: its own receipt, through the header behind it. */
  const prove = ({ fair, unfair }: Batches, change: Partial<Answer> = {}) =>
    proveDebit(world, fair, { ref: { ...fair.ref, later: [unfair.inner] }, ...change });

  const tooLow = (batches: Batches, debitedNano: bigint, change: Partial<Answer> = {}) =>
    expect(prove(batches, change))
      .to.be.revertedWithCustomError(world.court, "Court_VoucherTooLow")
      .withArgs(DEBIT, debitedNano);

  describe("proveDebit", () => {
    it("lets signers answer for their batch when a later one debits without a voucher", async () => {
      const batches = await load(claimedFair);
      const { court } = world;
      const before = await books(world);
      await tooLow(batches, 2n * DEBIT);
      await mined(showDebit(world, batches.unfair));
      await tooLow(batches, 2n * DEBIT);
      await expect(prove(batches, { later: [2] })).to.emit(court, "DebitProven");
      expect(moved(before, await books(world))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
    });

    it("refunds the later debit, which nobody can prove", async () => {
      const batches = await load(claimedFair);
      const { court, settlement, settler, reservation } = world;
      await mined(showDebit(world, batches.unfair));
      await mined(prove(batches, { later: [2] }));
      await mined(claimDebit(world, batches.unfair));
      // The receipt of the later batch does not help without a voucher.
      await expect(proveDebit(world, batches.unfair, { claim: 2 }))
        .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
        .withArgs(DEBIT, 2n * DEBIT);
      await at(world, (await answerBy(world, 2)) + 1);
      await expect(court.refundDebit(2, batches.unfair.signers)).to.emit(court, "DebitRefunded").withArgs(2, DEBIT, 0);
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED - DEBIT);
    });

    it("does not leave out the claimed debit or an earlier one, though it was shown", async () => {
      const { court, fair, unfair } = await load(claimedFair);
      await mined(showDebit(world, fair));
      await mined(showDebit(world, unfair));
      await mined(claimDebit(world, unfair));
      for (const [claim, number, given] of [
        [1, 1, 1],
        [1, 1, 0],
        [2, 2, 2],
        [2, 2, 1],
      ] as const) {
        await expect(proveDebit(world, fair, { claim, later: [given] }))
          .to.be.revertedWithCustomError(court, "Court_NotLater")
          .withArgs(number, given);
      }
    });

    it("reverts when later batches are doubled, descending or their debit was not shown", async () => {
      const { court, settler, reservation, fair } = await load(async () => {
        const batches = await claimedFair();
        await mined(showDebit(world, batches.unfair));
        await mined(showDebit(world, await commitDebit(world, world.workerPayee)));
        return batches;
      });
      for (const [later, after, given] of [
        [[2, 2], 2, 2],
        [[3, 2], 3, 2],
        [[2, 3, 3], 3, 3],
      ] as const) {
        await expect(proveDebit(world, fair, { later: [...later] }))
          .to.be.revertedWithCustomError(court, "Court_NotLater")
          .withArgs(after, given);
      }
      for (const number of [4n, 2n ** 64n - 1n]) {
        await expect(proveDebit(world, fair, { later: [2, number] }))
          .to.be.revertedWithCustomError(court, "Court_NotShown")
          .withArgs(settler, number, reservation);
      }
      await commitDebit(world, world.workerPayee);
      await expect(proveDebit(world, fair, { later: [2, 3, 4] }))
        .to.be.revertedWithCustomError(court, "Court_NotShown")
        .withArgs(settler, 4, reservation);
    });

    it("leaves out several later debits, and asks for each that is not shown", async () => {
      const { fair, unfair, third } = await load(async () => {
        const batches = await claimedFair();
        const next = await commitDebit(world, world.workerPayee);
        const shown = { ...batches.unfair, batch: { ...batches.unfair.batch, later: [next.inner] } };
        await mined(showDebit(world, shown));
        await mined(showDebit(world, next));
        return { ...batches, third: next };
      });
      const ref = { ...fair.ref, later: [unfair.inner, third.inner] };
      for (const later of [[2], [3]]) {
        await expect(proveDebit(world, fair, { ref, later }))
          .to.be.revertedWithCustomError(world.court, "Court_VoucherTooLow")
          .withArgs(DEBIT, 2n * DEBIT);
      }
      // A voucher for two debits is no receipt for two.
      await expect(proveDebit(world, fair, { ref, later: [2], ...voucherFor(world, 2n * DEBIT) }))
        .to.be.revertedWithCustomError(world.court, "Court_ReceiptTooLow")
        .withArgs(DEBIT, 2n * DEBIT);
      await expect(proveDebit(world, fair, { ref, later: [2, 3] })).to.emit(world.court, "DebitProven");
    });

    it("asks for earlier debits, which no answer leaves out", async () => {
      const { unfair } = await load(twoBatches);
      await mined(claimDebit(world, unfair));
      await expect(proveDebit(world, unfair))
        .to.be.revertedWithCustomError(world.court, "Court_VoucherTooLow")
        .withArgs(DEBIT, 2n * DEBIT);
    });

    it("takes less after an earlier debit was refunded", async () => {
      const { court, fair, unfair } = await load(claimedFair);
      await at(world, (await answerBy(world)) - 10);
      await mined(claimDebit(world, unfair));
      await at(world, (await answerBy(world)) + 1);
      await mined(court.refundDebit(1, fair.signers));
      await expect(proveDebit(world, unfair, { claim: 2 })).to.emit(court, "DebitProven");
    });
  });

  /** Refunds the later debit, and claims the earlier one before or after that. */
  const refunded = (when: "before" | "after", open: () => Promise<Batches> = twoBatches) =>
    async function refundLater() {
      const batches = await open();
      await mined(showDebit(world, batches.unfair));
      await mined(claimDebit(world, batches.unfair));
      const until = await answerBy(world);
      if (when === "after") {
        // Late enough that the refund comes while it waits for an answer.
        await at(world, until - ANSWER_TIME / 2);
        await mined(claimDebit(world, batches.fair));
      }
      await at(world, until + 1);
      await mined(world.court.refundDebit(1, batches.unfair.signers));
      if (when === "before") await mined(claimDebit(world, batches.fair));
      return batches;
    };

  /** The refund of the later debit lacks 6 of 10 OPG: only the settler's earnings are left to pay it. */
  async function poorSettler() {
    await emptySigners(world);
    const ruin = await reportRuin(world);
    const { dueAt } = await world.court.getPenalty(ruin);
    await world.networkHelpers.time.increaseTo(Number(dueAt) - 20);
    const { settler, reservation, settlerPayee, workerPayee } = world;
    const fair = await commitDebit(world, workerPayee);
    const unfair = await commitReceipts(world, world, {
      receipts: [receiptOf({ sequence: 2n, settler, reservation })],
      debits: [{ index: reservation, amountNano: DEBIT }],
      credits: [
        { index: settlerPayee, amountNano: 4n * OPG },
        { index: workerPayee, amountNano: DEBIT - DEBIT / 20n - 4n * OPG },
      ].sort((a, b) => a.index - b.index),
    });
    await world.networkHelpers.time.increaseTo(dueAt);
    await mined(world.court.punish(ruin, "0x"));
    return { ...world, fair: { ...fair, batch: { ...fair.batch, later: [unfair.inner] } }, unfair };
  }

  for (const when of ["before", "after"] as const) {
    const fixture = refunded(when);
    const partly = refunded(when, poorSettler);

    describe(`when the later debit is refunded ${when === "before" ? "before" : "after"} the claim`, () => {
      it("takes the answer, whether the later debit is shown or not", async () => {
        for (const later of [[], [2]]) {
          const batches = await load(fixture);
          await expect(prove(batches, { claim: 2, later }), String(later)).to.emit(world.court, "DebitProven");
        }
      });

      it("asks for what was debited up to the batch, to the nano", async () => {
        const batches = await load(fixture);
        for (const later of [[], [2]]) {
          await expect(prove(batches, { claim: 2, later, ...voucherFor(world, DEBIT - 1n) }))
            .to.be.revertedWithCustomError(world.court, "Court_VoucherTooLow")
            .withArgs(DEBIT - 1n, DEBIT);
        }
      });

      it("leaves out what is missing of a refund, and no more", async () => {
        const batches = await load(partly);
        const { court } = world;
        const { number } = batches.unfair.ref;
        const missing = 6n * OPG;
        expect((await court.getClaim(1)).missingNano).to.equal(missing);
        await tooLow(batches, DEBIT + missing, { claim: 2 });
        await expect(prove(batches, { claim: 2, later: [number], ...voucherFor(world, DEBIT - 1n) }))
          .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
          .withArgs(DEBIT - 1n, DEBIT);
        await expect(prove(batches, { claim: 2, later: [number] })).to.emit(court, "DebitProven");
      });

      it("leaves out less when payees made a part of it good", async () => {
        const batches = await load(partly);
        const { court } = world;
        const { unfair } = batches;
        const credited = DEBIT - DEBIT / 20n - 4n * OPG; // the worker's row
        await mined(court.refundFromPayees(1, unfair.debitsHash, unfair.credits, 9));
        const missing = 6n * OPG - credited;
        expect((await court.getClaim(1)).missingNano).to.equal(missing);
        await tooLow(batches, DEBIT + missing, { claim: 2 });
        await expect(prove(batches, { claim: 2, later: [unfair.ref.number] })).to.emit(court, "DebitProven");
      });
    });
  }
});
