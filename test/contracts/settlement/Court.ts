import { expect } from "chai";
import { AbiCoder, getAddress, keccak256, ZeroAddress, ZeroHash } from "ethers";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import { encodeRows, type Row } from "../../../src/core/protocol/rows.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf, signVoucher } from "../../helpers/batches.ts";
import {
  ANSWER_TIME,
  type Answer,
  answerBy,
  at,
  BOND,
  books,
  CLAIM_HORIZON,
  type CourtWorld,
  CREDIT,
  claimDebit,
  commitDebit,
  DEBIT,
  drain,
  emptySigners,
  evidenceOf,
  FEE,
  keptOf,
  leftBy,
  moved,
  OTHER_POLICY,
  PENALTY_DELAY,
  proveDebit,
  punishLater,
  RESERVED,
  refundIdOf,
  reportRuin,
  STAKE,
  shownAt,
  useCourt,
  voucherFor,
} from "../../helpers/court.ts";
import { OPG, openReservation, type VerifierActor, walletOf } from "../../helpers/economy.ts";

/*
Court
├── constructor
│  ├── when an entry of the slash table is too high, or two times contradict each other: it should revert
│  └── when its times are not the settlement contract's: Court_OtherTimes
├── claimDebit
│  ├── when the batch is not the committed one, in any field: Court_UnknownBatch
│  ├── when the horizon has passed: Court_TooLate
│  ├── when the rows are others or there is no such row: Court_WrongRows, Court_NoSuchRow
│  ├── given the debit was claimed before: Court_AlreadyClaimed
│  ├── when the caller does not pay the bond: it should revert and change nothing
│  └── when all is well: it should take the bond, freeze the amount and say until when to answer
├── proveDebit
│  ├── given the claim is not open, or its time has passed: Court_NotOpen, Court_AnswerTooLate
│  ├── when policy, terms, voucher, key, amount, receipt or its proof are wrong: an error for each
│  └── when the debit was fair: the settler gets the challenger's bond, whoever answered
├── refundDebit
│  ├── given an answer is still possible, or the claim is decided: Court_AnswerStillPossible, Court_NotOpen
│  ├── when the signers are others: Court_WrongSigners
│  └── given nobody answered: refunded from earnings, then stake, then signers; the penalty is put off
└── refundFromPayees
   ├── when nothing is missing, or the rows are others: Court_NothingMissing, Court_WrongRows
   └── given something is missing: taken from payee after payee, from none more than the batch gave it

Later debits are in CourtLaterDebits.ts, penalties and faults of sequences in CourtPenalties.ts.
*/
describe("Court", () => {
  const { world, load } = useCourt();

  /** A claim against a debit that is fair: voucher and receipt cover it. */
  async function openFairClaim() {
    const committed = await commitDebit(world, world.workerPayee);
    await mined(claimDebit(world, committed));
    const { settler, reservation } = world;
    const word = { settler, reservation, cumulativeNano: DEBIT };
    return { ...world, committed, word, ...voucherFor(world, DEBIT), until: await answerBy(world) };
  }
  type FairClaim = Awaited<ReturnType<typeof openFairClaim>>;

  /** Answers claim 1 as it should be answered, or with parts of the answer changed. */
  const prove = (claim: FairClaim, change: Partial<Answer> = {}, sender = claim.settlerOwner) =>
    proveDebit(claim, claim.committed, change, sender);

  const NO_PENALTY = [ZeroAddress, 0n, 0n, false, 0n, keptOf(ZeroHash), 0n];
  const rowsHashOf = (debitsHash: string, creditsHash: string) =>
    keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [debitsHash, creditsHash]));

  describe("constructor", () => {
    async function deploy(table: Record<string, number>, times: Partial<Parameters["times"]> = {}) {
      const { opg, settlement, stakeHub, teeRegistry, modelRegistry, parameters, ethers } = world;
      const none = { unprovenDebitPpm: 0, signerPpm: 0, sequencePpm: 0, unopenedPpm: 0, receiptPpm: 0, reporterPpm: 0 };
      const factory = await ethers.getContractFactory("Court");
      return factory.deploy({
        token: opg.target,
        settlement: settlement.target,
        stakeHub: stakeHub.target,
        teeRegistry: teeRegistry.target,
        modelRegistry: modelRegistry.target,
        times: { ...parameters.times, ...times },
        table: { ...none, ...table },
        bondNano: BOND,
      });
    }

    for (const [name, limit] of [
      ["unprovenDebitPpm", 1_000_000],
      ["signerPpm", 1_000_000],
      ["sequencePpm", 1_000_000],
      ["unopenedPpm", 1_000_000],
      ["receiptPpm", 1_000_000],
      ["reporterPpm", 100_000],
    ] as const) {
      it(`takes a ${name} of ${limit} and no more`, async () => {
        const { court } = world;
        const highest = await deploy({ [name]: limit });
        expect(await (highest as unknown as typeof court)[name]()).to.equal(BigInt(limit));
        await expect(deploy({ [name]: limit + 1 }))
          .to.be.revertedWithCustomError(court, "Court_BadTable")
          .withArgs(limit + 1, limit);
      });
    }

    it("reverts when two times contradict each other", async () => {
      await expect(deploy({}, { answerTime: 601 }))
        .to.be.revertedWithCustomError(world.court, "ProtocolTimes_BrokenRelation")
        .withArgs("longestDispute >= claimHorizon + 4 * answerTime", 1800, 3004);
    });

    it("reverts when horizon or cover period are not the settlement contract's", async () => {
      await expect(deploy({}, { claimHorizon: CLAIM_HORIZON - 4, answerTime: ANSWER_TIME + 1 }))
        .to.be.revertedWithCustomError(world.court, "Court_OtherTimes")
        .withArgs(CLAIM_HORIZON - 4, CLAIM_HORIZON);
      await expect(deploy({}, { answerTime: ANSWER_TIME - 1 }))
        .to.be.revertedWithCustomError(world.court, "Court_OtherTimes")
        .withArgs(PENALTY_DELAY - 1, PENALTY_DELAY);
    });

    it("keeps what it was given", async () => {
      const { court, settlement, parameters } = world;
      const { unprovenDebitPpm, signerPpm, sequencePpm, reporterPpm, bondNano } = parameters.court;
      expect([
        await court.unprovenDebitPpm(),
        await court.signerPpm(),
        await court.sequencePpm(),
        await court.reporterPpm(),
        await court.bondNano(),
        await court.claimHorizon(),
        await court.answerTime(),
        await court.penaltyDelay(),
        await court.domainSeparator(),
      ]).to.deep.equal([
        ...[unprovenDebitPpm, signerPpm, sequencePpm, reporterPpm, bondNano].map(BigInt),
        ...[CLAIM_HORIZON, ANSWER_TIME, PENALTY_DELAY].map(BigInt),
        await settlement.domainSeparator(),
      ]);
    });
  });

  describe("claimDebit", () => {
    async function debited() {
      return { ...world, committed: await commitDebit(world, world.settlerPayee) };
    }

    it("takes the bond, freezes the amount and names the last second of an answer", async () => {
      const world = await load(debited);
      const { court, settlement, committed, settler, reservation, challenger, settlerPayee } = world;
      const before = await books(world);
      const now = committed.batch.commitment.committedAt + 100;
      await at(world, now);
      await expect(claimDebit(world, committed))
        .to.emit(court, "DebitClaimed")
        .withArgs(1, settler, reservation, 1, challenger.address, DEBIT, now + ANSWER_TIME);

      expect(moved(before, await books(world))).to.deep.equal({ court: BOND, challenger: -BOND });
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(DEBIT);
      expect(await court.openClaims(settler, 1)).to.equal(1n);
      const { rowsHash } = committed.batch.body;
      const { signersHash } = committed.batch.commitment;
      const ids = [1n, BigInt(settler), BigInt(reservation), challenger.address, 1n];
      expect([...(await court.getClaim(1))]).to.deep.equal([
        ...ids,
        ...[DEBIT, BigInt(now + ANSWER_TIME), 1n, 0n, 0n, BigInt(now - 100), rowsHash, signersHash],
      ]);
      expect(await court.claimOf(settler, 1, reservation)).to.equal(1n);
      expect(await court.claimCount()).to.equal(1n);
    });

    it("keeps what is frozen from leaving, and lets it leave after an answer", async () => {
      const world = await load(debited);
      const { settlement, settlerOwner, settlerPayee } = world;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, CREDIT));
      await world.networkHelpers.time.increase(500);
      await mined(claimDebit(world, world.committed));
      await world.networkHelpers.time.increase(250);
      const { dueAt } = await settlement.getWithdrawal(settlerPayee, 1);
      // The horizon is shorter than the earnings delay, so a claim is decided before money can leave.
      expect(Number(dueAt)).to.be.greaterThan(await answerBy(world));
      await mined(proveDebit(world, world.committed));
      await at(world, Number(dueAt));
      await expect(settlement.withdraw(settlerPayee, 1))
        .to.emit(settlement, "Withdrawn")
        .withArgs(settlerPayee, 1, settlerOwner.address, CREDIT);
    });

    it("keeps a claimed debit's earnings even when nobody ends the claim", async () => {
      const world = await load(debited);
      const { settlement, settlerOwner, settlerPayee } = world;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, CREDIT));
      await mined(claimDebit(world, world.committed));
      await world.networkHelpers.time.increase(10_000);
      await expect(settlement.withdraw(settlerPayee, 1))
        .to.be.revertedWithCustomError(settlement, "Settlement_EarningsFrozen")
        .withArgs(settlerPayee, 0, DEBIT);
    });

    it("reverts when any field of the batch is another than was committed", async () => {
      const world = await load(debited);
      const { batch } = world.committed;
      const other = `0x${"ee".repeat(32)}` as const;
      const bodies = { number: 0n, root: other, rowsHash: other, firstSequence: 1n, count: 2, total: 1n, fee: 1n };
      const rest = { data: other, policy: 2, deadline: 1n };
      const changes = [
        ...Object.entries({ ...bodies, ...rest }).map(([k, v]) => ({ ...batch, body: { ...batch.body, [k]: v } })),
        ...Object.entries({ signersHash: other, committedAt: 1, committedIn: 1 }).map(([k, v]) => ({
          ...batch,
          commitment: { ...batch.commitment, [k]: v },
        })),
        { ...batch, prevHash: other },
        { ...batch, later: [other] },
        { ...batch, later: Array(256).fill(other) },
        { ...batch, body: { ...batch.body, number: 2n } },
        { ...batch, body: { ...batch.body, settler: world.settler + 1 } },
      ];
      expect(changes).to.have.length(18);
      for (const changed of changes) {
        await expect(claimDebit(world, { ...world.committed, batch: changed }))
          .to.be.revertedWithCustomError(world.court, "Court_UnknownBatch")
          .withArgs(changed.body.settler, changed.body.number);
      }
      expect(await world.court.claimCount()).to.equal(0n);
    });

    it("accepts the last second of the horizon and no later one", async () => {
      const world = await load(debited);
      const until = world.committed.batch.commitment.committedAt + CLAIM_HORIZON;
      await at(world, until + 1);
      await expect(claimDebit(world, world.committed))
        .to.be.revertedWithCustomError(world.court, "Court_TooLate")
        .withArgs(until);

      const again = await load(debited);
      await at(world, again.committed.batch.commitment.committedAt + CLAIM_HORIZON);
      await expect(claimDebit(again, again.committed)).to.emit(again.court, "DebitClaimed");
    });

    it("reverts when the rows are others", async () => {
      const world = await load(debited);
      const { court, committed } = world;
      const debits = toHex(encodeRows([{ index: 0, amountNano: DEBIT + 1n }]));
      const cases: [Committed, string][] = [
        [{ ...committed, debits }, "other debits"],
        [{ ...committed, debits: "0x" }, "no debits"],
        [{ ...committed, creditsHash: committed.debitsHash }, "other credits"],
      ];
      for (const [changed, what] of cases) {
        const given = rowsHashOf(keccak256(changed.debits), changed.creditsHash);
        await expect(claimDebit(world, changed), what)
          .to.be.revertedWithCustomError(court, "Court_WrongRows")
          .withArgs(given, committed.batch.body.rowsHash);
      }
    });

    it("reverts when there is no such row", async () => {
      const world = await load(debited);
      for (const row of [1n, 2n ** 255n]) {
        await expect(claimDebit(world, world.committed, row as never))
          .to.be.revertedWithCustomError(world.court, "Court_NoSuchRow")
          .withArgs(row);
      }
    });

    it("reverts when the debit was claimed before, also after the claim's end", async () => {
      const world = await load(openFairClaim);
      const again = () =>
        expect(claimDebit(world, world.committed))
          .to.be.revertedWithCustomError(world.court, "Court_AlreadyClaimed")
          .withArgs(world.settler, 1, world.reservation);
      await again();
      await mined(prove(world));
      await again();
    });

    it("reverts without the bond, and leaves no claim and nothing frozen", async () => {
      const world = await load(debited);
      const { court, settlement, opg, payer, committed, settlerPayee, settler } = world;
      await mined(opg.connect(payer).approve(court.target, 0));
      await expect(court.connect(payer).claimDebit(committed.batch, committed.debits, committed.creditsHash, 0))
        .to.be.revertedWithCustomError(opg, "ERC20InsufficientAllowance")
        .withArgs(court.target, 0, BOND * WEI_PER_NANO);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);
    });

    it("accepts an older batch through the headers behind it", async () => {
      const world = await load(debited);
      const next = await commitDebit(world, world.workerPayee);
      const batch = { ...world.committed.batch, later: [next.inner] };
      await expect(claimDebit(world, { ...world.committed, batch })).to.emit(world.court, "DebitClaimed");
    });
  });

  describe("proveDebit", () => {
    it("gives the settler the bond, at the last second too, and ends the claim", async () => {
      const claim = await load(openFairClaim);
      const { court, settlement, settlerOwner, settler, settlerPayee } = claim;
      const before = await books(claim);
      await at(world, claim.until);
      await expect(prove(claim)).to.emit(court, "DebitProven").withArgs(1, settlerOwner.address);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
      expect((await court.getClaim(1)).state).to.equal(2n);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);
      expect([...(await court.getPenalty(evidenceOf("debit", settler, 1)))]).to.deep.equal(NO_PENALTY);

      await expect(prove(claim)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 2);
      await world.networkHelpers.time.increase(10_000);
      await expect(court.refundDebit(1, claim.committed.signers))
        .to.be.revertedWithCustomError(court, "Court_NotOpen")
        .withArgs(1, 2);
    });

    it("gives the settler the bond too when the challenger copies the answer", async () => {
      const claim = await load(openFairClaim);
      const { court, challenger } = claim;
      const before = await books(claim);
      await expect(prove(claim, {}, challenger))
        .to.emit(court, "DebitProven")
        .withArgs(1, challenger.address);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
    });

    it("takes a voucher whose expiry has passed", async () => {
      const claim = await load(openFairClaim);
      await expect(prove(claim, reworded(claim, { expiry: 1n }))).to.emit(claim.court, "DebitProven");
    });

    it("reverts one second after the time to answer", async () => {
      const claim = await load(openFairClaim);
      await at(world, claim.until + 1);
      await expect(prove(claim))
        .to.be.revertedWithCustomError(claim.court, "Court_AnswerTooLate")
        .withArgs(1, claim.until);
    });

    it("reverts for a claim that was never opened", async () => {
      const claim = await load(openFairClaim);
      for (const id of [0, 2]) {
        await expect(prove(claim, { claim: id }))
          .to.be.revertedWithCustomError(claim.court, "Court_NotOpen")
          .withArgs(id, 0);
      }
    });

    it("takes a receipt of a later batch, and of an earlier one through the headers behind it", async () => {
      const claim = await load(openFairClaim);
      const next = await showReceipt(claim, DEBIT);
      const ref = { ...claim.committed.ref, later: [next.inner] };
      await mined(prove(claim, { ref }));

      const other = await load(openFairClaim);
      const later = await showReceipt(other, DEBIT);
      await mined(prove(other, { ...shownAt(later), ref: later.ref }));
    });

    it("asks for all that is debited when it is answered, more deposits or not", async () => {
      const claim = await load(openFairClaim);
      const { settlement, opg, payer, settler, reservation, court } = claim;
      await mined(opg.transfer(payer.address, OPG * WEI_PER_NANO));
      await mined(opg.connect(payer).approve(settlement.target, OPG * WEI_PER_NANO));
      await mined(settlement.connect(payer).topUp(settler, reservation, OPG));
      const next = await commitDebit(claim, claim.workerPayee, { spentNano: 2n * DEBIT });
      const highest = { ...shownAt(next), ref: next.ref };
      await expect(prove(claim, highest))
        .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
        .withArgs(DEBIT, 2n * DEBIT);
      await expect(prove(claim, { ...highest, ...voucherFor(claim, 2n * DEBIT - 1n) }))
        .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
        .withArgs(2n * DEBIT - 1n, 2n * DEBIT);
      await expect(prove(claim, { ...highest, ...voucherFor(claim, 2n * DEBIT) })).to.emit(court, "DebitProven");
    });

    it("reverts when the batch was committed under another policy than the payer's, whatever terms are shown", async () => {
      const { court, settlement, settler, reservation, domain, terms } = world;
      const otherPolicy = async () => {
        const committed = await commitDebit(world, world.workerPayee, { policy: OTHER_POLICY });
        await mined(claimDebit(world, committed));
        return committed;
      };
      const committed = await load(otherPolicy);
      await expect(proveDebit(world, committed))
        .to.be.revertedWithCustomError(court, "Court_WrongPolicy")
        .withArgs(OTHER_POLICY, 1);
      const given = { ...terms, policy: OTHER_POLICY };
      const signed = signVoucher(domain, given, { settler, reservation, cumulativeNano: DEBIT });
      const { termsHash192 } = await settlement.getReservation(settler, reservation);
      await expect(proveDebit(world, committed, { terms: given, ...signed }))
        .to.be.revertedWithCustomError(court, "Court_WrongTerms")
        .withArgs(signed.voucher.termsHash, termsHash192);

      await at(world, (await answerBy(world)) + 1);
      await expect(court.refundDebit(1, committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
    });

    /** A batch that debits nothing; its receipt shows what was spent before it. */
    async function showReceipt(claim: FairClaim, spentNano: bigint): Promise<Committed> {
      const { settler, reservation, settlement } = claim;
      const sequence = (await settlement.getSettler(settler)).nextSequence;
      const receipts = [receiptOf({ sequence, settler, reservation, spentNano })];
      return commitReceipts(claim, claim, { receipts, debits: [], credits: [] });
    }

    /** The voucher with fields changed before it is signed. */
    const reworded = ({ domain, terms, word }: FairClaim, change: object) =>
      signVoucher(domain, terms, { ...word, ...change });

    it("reverts when the voucher allows one nano less", async () => {
      const claim = await load(openFairClaim);
      await expect(prove(claim, reworded(claim, { cumulativeNano: DEBIT - 1n })))
        .to.be.revertedWithCustomError(claim.court, "Court_VoucherTooLow")
        .withArgs(DEBIT - 1n, DEBIT);
    });

    it("reverts when the voucher is of another settler or reservation, or names other terms", async () => {
      const claim = await load(openFairClaim);
      const { court, settler, reservation, voucher } = claim;
      const termsHash = new Uint8Array(32).fill(7);
      for (const [change, args] of [
        [{ settler: 9 }, [9, reservation, voucher.termsHash]],
        [{ reservation: 9 }, [settler, 9, voucher.termsHash]],
        [{ termsHash }, [settler, reservation, toHex(termsHash)]],
      ] as const) {
        await expect(prove(claim, reworded(claim, change)))
          .to.be.revertedWithCustomError(court, "Court_WrongVoucher")
          .withArgs(...args);
      }
    });

    it("reverts when the terms are not the reservation's, in payer or key", async () => {
      const claim = await load(openFairClaim);
      const { court, settlement, settler, reservation, terms, domain, word } = claim;
      const { termsHash192 } = await settlement.getReservation(settler, reservation);
      const other = walletOf("other").address.toLowerCase() as `0x${string}`;
      for (const change of [{ payer: other }, { voucherKey: other }]) {
        const changed = { ...terms, ...change };
        const { voucher, signature } = signVoucher(domain, changed, word, walletOf("other"));
        await expect(prove(claim, { terms: changed, voucher, signature }))
          .to.be.revertedWithCustomError(court, "Court_WrongTerms")
          .withArgs(voucher.termsHash, termsHash192);
      }
    });

    it("reverts when the voucher is signed by another key, for another chain or contract, or not at all", async () => {
      const claim = await load(openFairClaim);
      const { court, domain, terms, word, settlement } = claim;
      const otherKey = walletOf("other");
      const signed = [
        signVoucher(domain, terms, word, otherKey).signature,
        signVoucher(settlementDomain(1n, String(settlement.target)), terms, word).signature,
        signVoucher(settlementDomain(31337n, String(court.target)), terms, word).signature,
        "0x",
        `0x${"00".repeat(65)}`,
        claim.signature.slice(0, -2),
      ];
      for (const [i, signature] of signed.entries()) {
        const recovered = i === 0 ? otherKey.address : i < 3 ? isAddress : ZeroAddress;
        await expect(prove(claim, { signature }))
          .to.be.revertedWithCustomError(court, "Court_WrongVoucherKey")
          .withArgs(recovered, getAddress(terms.voucherKey));
      }
    });
    const isAddress = (value: unknown) => value !== ZeroAddress && String(value).startsWith("0x");

    it("reverts when the receipt is of another settler or reservation, or shows one nano less", async () => {
      const claim = await load(openFairClaim);
      const { court, settler, reservation } = claim;
      const shown = [
        { reservation: 7, spentNano: DEBIT },
        { settler: 9, spentNano: DEBIT },
        { reservation, spentNano: DEBIT - 1n },
      ];
      const receipts = shown.map((given, i) => receiptOf({ sequence: BigInt(i + 1), settler, reservation, ...given }));
      const batch = await commitReceipts(claim, claim, { receipts, debits: [], credits: [] });
      const answer = (i: number) => prove(claim, { ...shownAt(batch, i), ref: batch.ref });
      await expect(answer(0)).to.be.revertedWithCustomError(court, "Court_WrongReceipt").withArgs(settler, 7);
      await expect(answer(1)).to.be.revertedWithCustomError(court, "Court_WrongReceipt").withArgs(9, reservation);
      await expect(answer(2))
        .to.be.revertedWithCustomError(court, "Court_ReceiptTooLow")
        .withArgs(DEBIT - 1n, DEBIT);
    });

    it("reverts when the receipt is not under a batch that was committed", async () => {
      const claim = await load(openFairClaim);
      const { committed, court } = claim;
      const { ref } = committed;
      const { receipt, path } = shownAt(committed);
      const other = ZeroHash as `0x${string}`;
      const changes: Partial<Answer>[] = [
        { receipt: { ...receipt, memoryRoot: `0x${"01".repeat(32)}` } },
        { path: [...path, other] },
        { path: Array(41).fill(other) },
        { ref: { ...ref, number: 0n } },
        { ref: { ...ref, number: 2n } },
        { ref: { ...ref, number: 2n ** 64n - 1n, later: [other] } },
        { ref: { ...ref, prevHash: `0x${"01".repeat(32)}` } },
        { ref: { ...ref, restHash: other } },
        { ref: { ...ref, later: [other] } },
        { ref: { ...ref, later: Array(256).fill(other) } },
      ];
      for (const change of changes) {
        await expect(prove(claim, change))
          .to.be.revertedWithCustomError(court, "Court_NotCommitted")
          .withArgs(receipt.requestId);
      }
    });
  });

  describe("refundDebit", () => {
    /** A claim that nobody answers: `payee` was credited, the receipt shows nothing. */
    const unanswered = (payee: "settlerPayee" | "workerPayee") =>
      async function openUnfairClaim() {
        const committed = await commitDebit(world, world[payee], { spentNano: 0n });
        await mined(claimDebit(world, committed));
        return { ...world, committed, until: await answerBy(world) };
      };
    const paidToSettler = unanswered("settlerPayee");
    const paidToWorker = unanswered("workerPayee");
    const ready = async (fixture: typeof paidToSettler) => {
      const claim = await load(fixture);
      await at(claim, claim.until + 1);
      return claim;
    };

    it("reverts while an answer is possible, its last second included", async () => {
      const { court, until, committed } = await load(paidToSettler);
      await at(world, until);
      await expect(court.refundDebit(1, committed.signers))
        .to.be.revertedWithCustomError(court, "Court_AnswerStillPossible")
        .withArgs(1, until);
    });

    it("reverts for a claim that was never opened", async () => {
      const { court, committed } = await ready(paidToSettler);
      for (const id of [0, 2]) {
        await expect(court.refundDebit(id, committed.signers))
          .to.be.revertedWithCustomError(court, "Court_NotOpen")
          .withArgs(id, 0);
      }
    });

    it("reverts when the signers are others", async () => {
      const { court, committed } = await ready(paidToSettler);
      for (const given of ["0x", committed.signers.slice(0, 10), `${committed.signers}00000009`]) {
        await expect(court.refundDebit(1, given))
          .to.be.revertedWithCustomError(court, "Court_WrongSigners")
          .withArgs(keccak256(given), committed.batch.commitment.signersHash);
      }
    });

    it("takes the settler's earnings first, the rest from its stake, and puts the penalty off", async () => {
      const claim = await ready(paidToSettler);
      const { court, settlement, settler, reservation, settlerPayee, stakeHub, verifiers, committed } = claim;
      const before = await books(claim);
      const refund = court.refundDebit(1, committed.signers);
      await expect(refund).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      await expect(refund).to.emit(settlement, "Seized").withArgs(settlerPayee, CREDIT);
      await expect(refund).to.emit(settlement, "Restored").withArgs(settler, reservation, DEBIT);
      await expect(refund)
        .to.emit(stakeHub, "Slashed")
        .withArgs(settler, refundIdOf(court.target, 1, settler), FEE, FEE, 0);

      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED);
      expect(await settlement.earningsOf(settlerPayee)).to.equal(0n);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - FEE);
      for (const { operator } of verifiers) expect(await stakeHub.slashableStake(operator)).to.equal(STAKE);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, stakeHub: -FEE, challenger: BOND });
      expect((await court.getClaim(1)).state).to.equal(3n);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);

      await expect(court.refundDebit(1, committed.signers))
        .to.be.revertedWithCustomError(court, "Court_NotOpen")
        .withArgs(1, 3);
      await expect(proveDebit(claim, committed)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 3);
    });

    it("takes all of it from the settler's stake when it has no earnings, and leaves the worker alone", async () => {
      const claim = await ready(paidToWorker);
      const { court, settlement, settler, reservation, workerPayee, stakeHub, committed } = claim;
      const before = await books(claim);
      await mined(court.refundDebit(1, committed.signers));
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED);
      expect(await settlement.earningsOf(workerPayee)).to.equal(CREDIT);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - DEBIT);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, stakeHub: -DEBIT, challenger: BOND });
    });

    it("takes nothing from any stake when the earnings are enough", async () => {
      const claim = await load(paidToSettler);
      const { court, settlement, stakeHub, settler, settlerPayee } = claim;
      await commitDebit(claim, settlerPayee);
      await at(claim, claim.until + 1);
      const before = await books(claim);
      await expect(court.refundDebit(1, claim.committed.signers)).not.to.emit(stakeHub, "Slashed");
      expect(await settlement.earningsOf(settlerPayee)).to.equal(2n * CREDIT - DEBIT);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, challenger: BOND });
    });

    it("takes earnings that are on their way out, and the withdrawal pays that much less", async () => {
      const claim = await load(paidToSettler);
      const { court, settlement, settlerOwner, settlerPayee, stakeHub, settler } = claim;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, CREDIT - 1n));
      await at(claim, claim.until + 1);
      await mined(court.refundDebit(1, claim.committed.signers));
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - FEE);
      const { pendingNano, seizedNano } = await settlement.getPayee(settlerPayee);
      expect([pendingNano, seizedNano]).to.deep.equal([0n, CREDIT - 1n]);
      await world.networkHelpers.time.increase(1200);
      await expect(settlement.withdraw(settlerPayee, 1))
        .to.emit(settlement, "Withdrawn")
        .withArgs(settlerPayee, 1, settlerOwner.address, 0);
      await books(claim);
    });

    it("takes stake that is leaving", async () => {
      const { stakeHub, settlerOwner, settler, court, until, committed } = await load(paidToWorker);
      const request = await mined(stakeHub.connect(settlerOwner).requestUnbond(settler, STAKE));
      await at(world, until + 1);
      await mined(court.refundDebit(1, committed.signers));
      expect((await stakeHub.getStake(settler)).selfNano).to.equal(0n);
      expect(await leftBy(world, request)).to.equal(STAKE - DEBIT);
    });

    it("asks the signers' stake when the settler's is gone, the first signer first", async () => {
      const claim = await load(brokeSettler);
      const { court, settlement, stakeHub, settler, reservation, verifiers, committed } = claim;
      const [first, second] = verifiers as [VerifierActor, VerifierActor];
      const before = await books(claim);
      const refund = court.refundDebit(1, committed.signers);
      await expect(refund).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      await expect(refund)
        .to.emit(stakeHub, "Slashed")
        .withArgs(first.operator, refundIdOf(court.target, 1, first.operator), DEBIT, DEBIT, 0);
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED);
      expect(await stakeHub.slashableStake(first.operator)).to.equal(STAKE - DEBIT);
      expect(await stakeHub.slashableStake(second.operator)).to.equal(STAKE);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, stakeHub: -DEBIT, challenger: BOND });
    });

    it("goes on to the second signer with what the first one lacks", async () => {
      const claim = await load(poorFirstSigner);
      const { court, stakeHub, verifiers, committed } = claim;
      const [first, second] = verifiers as [VerifierActor, VerifierActor];
      const before = await books(claim);
      await expect(court.refundDebit(1, committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      expect(await stakeHub.slashableStake(first.operator)).to.equal(0n);
      expect(await stakeHub.slashableStake(second.operator)).to.equal(STAKE - DEBIT + 3n);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, stakeHub: -DEBIT, challenger: BOND });
    });

    it("refunds what there is when nobody has anything, and says what is missing", async () => {
      const claim = await load(brokeWorld);
      const { court, settlement, settler, reservation, committed } = claim;
      const before = await books(claim);
      await expect(court.refundDebit(1, committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, 0, DEBIT);
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(RESERVED - 2n * DEBIT);
      expect((await court.getClaim(1)).missingNano).to.equal(DEBIT);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, challenger: BOND });
    });
  });

  /** A claim to be refunded by somebody whose stake is gone; the signers have theirs. */
  async function brokeSettler() {
    const committed = await commitDebit(world, world.workerPayee, { spentNano: 0n });
    await mined(claimDebit(world, committed));
    await punishLater(world, await reportRuin(world));
    return { ...world, committed };
  }

  /** As before, and the first signer has three nano. */
  async function poorFirstSigner() {
    const claim = await brokeSettler();
    const [{ operator }] = world.verifiers as [VerifierActor];
    await drain(world, operator, 3n);
    return claim;
  }

  /** Two payers' claims on one batch that credited three payees, when neither settler nor signers have anything left. */
  async function brokeWorld() {
    await emptySigners(world);
    const { settler, signers, workerPayee, settlement, reservation } = world;
    const second = await openReservation(world, settler, signers[10] as (typeof signers)[0], RESERVED);
    // The worker has honest earnings of another batch beside those in doubt.
    await commitDebit(world, workerPayee);
    const debits: Row[] = [reservation, second.reservation].map((index) => ({ index, amountNano: DEBIT }));
    const credits: Row[] = [
      { index: workerPayee, amountNano: 4n * OPG },
      { index: workerPayee + 1, amountNano: 9n * OPG },
      { index: workerPayee + 2, amountNano: 6n * OPG },
    ];
    const sequence = (await settlement.getSettler(settler)).nextSequence;
    const committed = await commitReceipts(world, world, {
      receipts: [receiptOf({ sequence, settler })],
      debits,
      credits,
    });
    await mined(claimDebit(world, committed));
    await mined(claimDebit(world, committed, 1));
    await punishLater(world, await reportRuin(world));
    return { ...world, committed, second };
  }

  describe("refundFromPayees", () => {
    async function missing() {
      const claims = await brokeWorld();
      for (const claim of [1, 2]) await mined(world.court.refundDebit(claim, claims.committed.signers));
      return claims;
    }
    type Missing = Awaited<ReturnType<typeof missing>>;
    const ask = ({ court, committed }: Missing, rows: number, claim = 1) =>
      court.refundFromPayees(claim, committed.debitsHash, committed.credits, rows);
    const earnings = async ({ settlement, workerPayee }: CourtWorld) =>
      Promise.all([0, 1, 2].map((i) => settlement.earningsOf(workerPayee + i)));

    it("reverts when nothing is missing: no claim, an open one, one that was answered or made good", async () => {
      const claim = await load(openFairClaim);
      const nothing = (id: number) =>
        expect(claim.court.refundFromPayees(id, claim.committed.debitsHash, claim.committed.credits, 1))
          .to.be.revertedWithCustomError(claim.court, "Court_NothingMissing")
          .withArgs(id);
      await nothing(0);
      await nothing(1);
      await mined(prove(claim));
      await nothing(1);

      const broke = await load(missing);
      await mined(ask(broke, 3));
      await expect(ask(broke, 3)).to.be.revertedWithCustomError(broke.court, "Court_NothingMissing").withArgs(1);
    });

    it("reverts when the rows are others", async () => {
      const { court, committed } = await load(missing);
      for (const [debitsHash, credits] of [
        [committed.debitsHash, committed.debits],
        [committed.creditsHash, committed.credits],
      ] as const) {
        await expect(court.refundFromPayees(1, debitsHash, credits, 3))
          .to.be.revertedWithCustomError(court, "Court_WrongRows")
          .withArgs(rowsHashOf(debitsHash, keccak256(credits)), committed.batch.body.rowsHash);
      }
    });

    it("takes from payee after payee, in steps, until nothing is missing", async () => {
      const claim = await load(missing);
      const { court, settlement, settler, reservation } = claim;
      const balance = async () => (await settlement.getReservation(settler, reservation)).balanceNano;
      const start = RESERVED - 2n * DEBIT;
      expect(await balance()).to.equal(start);
      const steps: [rows: number, refunded: bigint, missing: bigint, nextRow: bigint, left: bigint[]][] = [
        [0, 0n, DEBIT, 0n, [CREDIT + 4n * OPG, 9n * OPG, 6n * OPG]],
        [1, 4n * OPG, 6n * OPG, 1n, [CREDIT, 9n * OPG, 6n * OPG]],
        [2 ** 32 - 1, 6n * OPG, 0n, 2n, [CREDIT, 3n * OPG, 6n * OPG]],
      ];
      let sum = 0n;
      const before = await books(claim);
      for (const [rows, refunded, rest, nextRow, left] of steps) {
        await expect(ask(claim, rows)).to.emit(court, "DebitRefunded").withArgs(1, refunded, rest);
        sum += refunded;
        expect(await balance()).to.equal(start + sum);
        expect(await earnings(claim)).to.deep.equal(left);
        const current = await court.getClaim(1);
        expect([current.missingNano, current.nextRow]).to.deep.equal([rest, nextRow]);
        expect(moved(before, await books(claim))).to.deep.equal({});
      }
    });

    it("takes no more from a payee than the batch gave it, over all claims", async () => {
      const claims = await load(missing);
      const { court, settlement, settler, second } = claims;
      await mined(ask(claims, 3));
      // 19 of 20 OPG were credited; the fee's one is nobody's to give back.
      await expect(ask(claims, 3, 2))
        .to.emit(court, "DebitRefunded")
        .withArgs(2, 9n * OPG, 1n * OPG);
      expect(await earnings(claims)).to.deep.equal([CREDIT, 0n, 0n]);
      const { balanceNano } = await settlement.getReservation(settler, second.reservation);
      expect(balanceNano).to.equal(RESERVED - 1n * OPG);
      await books(claims);
    });

    it("takes what is on its way out, and what is left when a payee has less than its credit", async () => {
      const claims = await load(missing);
      const { court, settlement, signers, workerOwner, workerPayee } = claims;
      await mined(settlement.connect(workerOwner).requestWithdrawal(workerPayee, CREDIT + 3n * OPG));
      await world.networkHelpers.time.increase(1200);
      await mined(settlement.withdraw(workerPayee, 1));
      await mined(settlement.connect(signers[3]).requestWithdrawal(workerPayee + 1, 9n * OPG));
      await expect(ask(claims, 3)).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      expect(await earnings(claims)).to.deep.equal([0n, 0n, 6n * OPG]);
      const { pendingNano, seizedNano } = await settlement.getPayee(workerPayee + 1);
      expect([pendingNano, seizedNano]).to.deep.equal([0n, 9n * OPG]);
      await books(claims);
    });

    it("gives nothing twice when all rows were asked", async () => {
      const claims = await load(missing);
      await mined(ask(claims, 3));
      await mined(ask(claims, 3, 2));
      const left = await earnings(claims);
      for (const rows of [0, 1, 3]) {
        await expect(ask(claims, rows, 2))
          .to.emit(claims.court, "DebitRefunded")
          .withArgs(2, 0, 1n * OPG);
      }
      expect(await earnings(claims)).to.deep.equal(left);
    });
  });
});
