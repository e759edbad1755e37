import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import type { Receipt } from "../../../src/core/protocol/receipt.ts";
import { addBond } from "../../../src/staking/deposit.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  at,
  books,
  CLAIM_HORIZON,
  evidenceOf,
  FAULT,
  keptOf,
  moved,
  PENALTY_DELAY,
  punishLater,
  rewardOf,
  STAKE,
  shownAt,
  useCourt,
} from "../../helpers/court.ts";
import { OPG } from "../../helpers/economy.ts";

/*
Court, faults of sequences
├── reportDoubledSequence
│  ├── when batches, receipts, sequences or paths do not show a fault: an error for each
│  ├── when two receipts of one settler have one sequence, or one request and a price each: a penalty is scheduled
│  └── given the batch was reported: Court_AlreadyReported
└── reportOutOfRange
   ├── when the receipt is in range or not of the batch: Court_InRange, Court_NotCommitted
   ├── when its sequence or its settler is not the batch's: a penalty is scheduled
   └── given the batch was reported: Court_AlreadyReported
*/
describe("Court, faults of sequences", () => {
  const { world, load } = useCourt();
  const OTHER = new Uint8Array(32).fill(9);

  const batchOf = (receipts: Receipt[]) => commitReceipts(world, world, { receipts, debits: [], credits: [] });

  /** Two batches: sequences [0, 1], [0 again, 3]. */
  async function doubled() {
    const { settler } = world;
    const first = await batchOf([receiptOf({ sequence: 0n, settler }), receiptOf({ sequence: 1n, settler })]);
    const second = await batchOf([
      receiptOf({ sequence: 0n, settler, memoryRoot: OTHER }),
      receiptOf({ sequence: 3n, settler }),
    ]);
    return { ...world, first, second };
  }

  /** A batch of a second settler, the worker's operator, signed by the same verifiers. */
  async function commitForeign(receipts: Receipt[]) {
    const { settlement, nodeRegistry, workerOwner, workerPayee, domain, verifiers, signers } = world;
    const settler = Number(await nodeRegistry.operatorOwnedBy(workerOwner.address));
    const committer = (signers[0] as (typeof signers)[0]).address;
    await mined(settlement.connect(workerOwner).openSettler(settler, workerPayee, committer));
    const economy = { settler, domain, verifiers };
    return { settler, committed: await commitReceipts(world, economy, { receipts, debits: [], credits: [] }) };
  }

  describe("reportDoubledSequence", () => {
    type Side = { at?: number; of: Committed; batch?: Committed["batch"]; path?: string[] };
    function report(a: Side, b: Side, reporter = world.challenger) {
      const [one, two] = [shownAt(a.of, a.at), shownAt(b.of, b.at)];
      return world.court
        .connect(reporter)
        .reportDoubledSequence(
          one.receipt,
          a.path ?? one.path,
          a.batch ?? a.of.batch,
          two.receipt,
          b.path ?? two.path,
          b.batch ?? b.of.batch,
        );
    }

    it("schedules a penalty of the settler, of which the reporter gets its part and the reserve the rest", async () => {
      const { court, stakeHub, settler, challenger, first, second, ethers } = await load(doubled);
      const before = await books(world);
      const now = second.batch.commitment.committedAt + 10;
      const id = evidenceOf("sequence", settler, 1);
      await at(world, now);
      const sent = report({ of: first }, { of: second });
      await expect(sent).to.emit(court, "SequenceFault").withArgs(settler, 0, id, challenger.address);
      await expect(sent)
        .to.emit(court, "PenaltyScheduled")
        .withArgs(id, settler, challenger.address, now + PENALTY_DELAY);
      expect([...(await court.getPenalty(id))]).to.deep.equal([
        challenger.address,
        BigInt(settler),
        BigInt(now + PENALTY_DELAY),
        false,
        FAULT.SEQUENCE,
        keptOf(ethers.keccak256("0x")),
        BigInt(first.batch.commitment.committedAt),
      ]);
      expect(moved(before, await books(world))).to.deep.equal({});

      await at(world, now + PENALTY_DELAY);
      await expect(court.punish(id, "0x"))
        .to.be.revertedWithCustomError(court, "Court_PenaltyNotDue")
        .withArgs(id, now + PENALTY_DELAY);
      await at(world, now + PENALTY_DELAY + 1);
      await mined(court.punish(id, "0x"));
      expect(await stakeHub.slashableStake(settler)).to.equal(0n);
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -STAKE,
        challenger: rewardOf(STAKE),
        reserve: STAKE - rewardOf(STAKE),
      });
      await expect(court.punish(id, "0x")).to.be.revertedWithCustomError(court, "Court_NoPenalty").withArgs(id);
    });

    it("counts against the batch of the receipt that is shown first", async () => {
      const { court, settler, first, second, payer } = await load(doubled);
      await mined(report({ of: second }, { of: first }));
      expect((await court.getPenalty(evidenceOf("sequence", settler, 2))).dueAt).not.to.equal(0n);
      expect((await court.getPenalty(evidenceOf("sequence", settler, 1))).dueAt).to.equal(0n);
      await expect(report({ of: second }, { of: first }, payer))
        .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
        .withArgs(settler, 2);
    });

    it("finds two receipts of one sequence in one batch", async () => {
      const { court, settler } = world;
      const batch = await load(() =>
        batchOf([receiptOf({ sequence: 0n, settler }), receiptOf({ sequence: 0n, settler, memoryRoot: OTHER })]),
      );
      await expect(report({ of: batch }, { of: batch, at: 1 })).to.emit(court, "SequenceFault");
    });

    /** One request under sequences 0 and 1, with these prices, in one batch each. */
    const billed = (firstNano: bigint, secondNano: bigint) => async () => {
      const { settler } = world;
      const { requestId } = receiptOf({ sequence: 7n, settler });
      const of = (sequence: bigint, priceNano: bigint) =>
        batchOf([receiptOf({ sequence, settler, requestId, priceNano })]);
      return { first: await of(0n, firstNano), second: await of(1n, secondNano) };
    };

    it("finds one request that was billed twice under two sequences", async () => {
      const { court, settler, challenger } = world;
      const { first, second } = await load(billed(1n, 2n));
      await expect(report({ of: first }, { of: second }))
        .to.emit(court, "SequenceFault")
        .withArgs(settler, 0, evidenceOf("sequence", settler, 1), challenger.address);
    });

    for (const [firstNano, secondNano] of [
      [0n, 1n],
      [1n, 0n],
      [0n, 0n],
    ] as const) {
      it(`lets one request be tried twice, at prices of ${firstNano} and ${secondNano}`, async () => {
        const { first, second } = await load(billed(firstNano, secondNano));
        await expect(report({ of: first }, { of: second }))
          .to.be.revertedWithCustomError(world.court, "Court_SequencesDiffer")
          .withArgs(0, 1);
      });
    }

    it("lets two requests have a price each", async () => {
      const { court, settler } = world;
      const batch = await load(() =>
        batchOf([0n, 1n].map((sequence) => receiptOf({ sequence, settler, priceNano: 5n }))),
      );
      await expect(report({ of: batch, at: 1 }, { of: batch }))
        .to.be.revertedWithCustomError(court, "Court_SequencesDiffer")
        .withArgs(1, 0);
    });

    it("reverts when both are the same receipt, free or with a price", async () => {
      const { court, receiptVerifier } = world;
      for (const fixture of [doubled, billed(1n, 2n)]) {
        const { first } = await load<{ first: Committed }>(fixture);
        await expect(report({ of: first }, { of: first }))
          .to.be.revertedWithCustomError(court, "Court_SameReceipt")
          .withArgs(await receiptVerifier.leafOf(shownAt(first).receipt));
      }
    });

    it("reverts when a receipt is not of its batch, on either side", async () => {
      const { court, first, second } = await load(doubled);
      const { requestId } = shownAt(first).receipt;
      const cases: [Partial<Side>, Partial<Side>][] = [
        [{ batch: second.batch }, {}],
        [{}, { batch: first.batch }],
        [{ path: [] }, {}],
        [{}, { path: Array<string>(41).fill(ZeroHash) }],
      ];
      for (const [a, b] of cases) {
        await expect(report({ of: first, ...a }, { of: second, ...b }))
          .to.be.revertedWithCustomError(court, "Court_NotCommitted")
          .withArgs(requestId);
      }
    });

    it("reverts when a batch is unknown or beyond the horizon, on either side", async () => {
      const { court, settler, first, second } = await load(doubled);
      const fake = { ...first.batch, prevHash: `0x${"01".repeat(32)}` };
      const cases: [Partial<Side>, Partial<Side>][] = [
        [{ batch: fake }, {}],
        [{}, { batch: fake }],
      ];
      for (const [a, b] of cases) {
        await expect(report({ of: first, ...a }, { of: second, ...b }))
          .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
          .withArgs(settler, 1);
      }
      const until = first.batch.commitment.committedAt + CLAIM_HORIZON;
      expect(second.batch.commitment.committedAt + CLAIM_HORIZON).to.be.greaterThan(until);
      for (const [a, b] of [
        [first, second],
        [second, first],
      ] as const) {
        await at(world, until + 1); // still inside the second one's
        await expect(report({ of: a }, { of: b }))
          .to.be.revertedWithCustomError(court, "Court_TooLate")
          .withArgs(until);
      }
    });

    it("accepts the last second of the horizon", async () => {
      const { court, first, second } = await load(doubled);
      await at(world, first.batch.commitment.committedAt + CLAIM_HORIZON);
      await expect(report({ of: first }, { of: second })).to.emit(court, "SequenceFault");
    });

    it("reverts when the batches are of two settlers", async () => {
      const { court, settler, first } = await load(doubled);
      const foreign = await commitForeign([receiptOf({ sequence: 0n, settler })]);
      await expect(report({ of: first }, { of: foreign.committed }))
        .to.be.revertedWithCustomError(court, "Court_WrongReceipt")
        .withArgs(foreign.settler, 0);
    });
  });

  describe("reportOutOfRange", () => {
    const report = (of: Committed, index: number, change: Partial<Committed> = {}) => {
      const { receipt, path } = shownAt(of, index);
      return world.court.connect(world.challenger).reportOutOfRange(receipt, path, { ...of, ...change }.batch);
    };

    for (const [where, sequence] of [
      ["below", 3n],
      ["above", 5n],
    ] as const) {
      it(`schedules a penalty for a sequence ${where} the batch by one`, async () => {
        const { settler, challenger, court } = await load(doubled);
        const committed = await batchOf([receiptOf({ sequence, settler })]);
        expect(committed.batch.body).to.include({ firstSequence: 4n, count: 1 });
        const id = evidenceOf("sequence", settler, 3);
        const sent = report(committed, 0);
        await expect(sent).to.emit(court, "SequenceFault").withArgs(settler, sequence, id, challenger.address);
        await expect(sent).to.emit(court, "PenaltyScheduled");
        expect((await court.getPenalty(id)).reporter).to.equal(challenger.address);
      });
    }

    it("punishes for a receipt of another settler inside the range, and nobody but the batch's settler", async () => {
      const { court, stakeHub, settler, nodeRegistry, workerOwner, signers } = await load(doubled);
      const operator = Number(await nodeRegistry.operatorOwnedBy(workerOwner.address));
      const payer = signers[0] as (typeof signers)[0];
      const { countsAt } = await addBond(world.contracts, payer, operator, OPG);
      await world.networkHelpers.time.increaseTo(countsAt);
      const { settler: foreign, committed } = await commitForeign([receiptOf({ sequence: 0n, settler })]);
      await expect(report(committed, 0)).to.emit(court, "SequenceFault");
      await punishLater(world, evidenceOf("sequence", foreign, 1));
      expect(await stakeHub.slashableStake(foreign)).to.equal(0n);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE);
    });

    it("reverts when the receipt is in range, at both ends", async () => {
      const { court, first } = await load(doubled);
      for (const [index, sequence] of [
        [0, 0],
        [1, 1],
      ] as const) {
        await expect(report(first, index))
          .to.be.revertedWithCustomError(court, "Court_InRange")
          .withArgs(sequence, 0, 2);
      }
    });

    it("reverts when the receipt is not of the batch, or the batch unknown or too old", async () => {
      const { court, first, second, settler } = await load(doubled);
      await expect(report(second, 0, { batch: first.batch }))
        .to.be.revertedWithCustomError(court, "Court_NotCommitted")
        .withArgs(shownAt(second).receipt.requestId);
      const batch = { ...second.batch, body: { ...second.batch.body, firstSequence: 0n } };
      await expect(report(second, 0, { batch }))
        .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
        .withArgs(settler, 2);
      const until = second.batch.commitment.committedAt + CLAIM_HORIZON;
      await at(world, until + 1);
      await expect(report(second, 0)).to.be.revertedWithCustomError(court, "Court_TooLate").withArgs(until);
    });

    it("reverts when the batch was reported, whatever was shown of it", async () => {
      const { court, settler, first, second, challenger } = await load(doubled);
      await mined(report(second, 0));
      await expect(report(second, 0))
        .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
        .withArgs(settler, 2);
      const [a, b] = [shownAt(second), shownAt(first)];
      await expect(
        court
          .connect(challenger)
          .reportDoubledSequence(a.receipt, a.path, second.batch, b.receipt, b.path, first.batch),
      )
        .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
        .withArgs(settler, 2);
    });
  });
});
