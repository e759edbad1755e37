import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { Profile } from "../../../src/core/chain/models.ts";
import { fromHex, toHex } from "../../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import { type Request, requestHash } from "../../../src/core/protocol/messages.ts";
import { Mode, type Receipt, Status } from "../../../src/core/protocol/receipt.ts";
import { U64_MAX, WEI_PER_NANO } from "../../../src/core/units.ts";
import { addBond } from "../../../src/staking/deposit.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  answerBy,
  at,
  books,
  CLAIM_HORIZON,
  CREDIT,
  claimDebit,
  commitDebit,
  DEBIT,
  drain,
  emptySigners,
  evidenceOf,
  FAULT,
  keptOf,
  moved,
  OTHER_POLICY,
  PENALTY_DELAY,
  penaltyOf,
  proveDebit,
  punishLater,
  RESERVED,
  receiptPenaltyOf,
  rewardOf,
  STAKE,
  showDebit,
  shownAt,
  signerPenaltyOf,
  useCourt,
  voucherFor,
} from "../../helpers/court.ts";
import { OPG } from "../../helpers/economy.ts";

/*
Court, what receipts show by themselves
├── reportRequest
│  ├── when the request is another, or the receipt is neither weaker nor dearer: Court_WrongRequest, Court_AsRequested
│  ├── when it is dearer: what is above the highest price is in excess, a penalty is scheduled
│  ├── when it is weaker in any field: the whole price
│  ├── when it is weaker and free: a penalty, no money
│  └── when receipt or batch cannot be judged: an error for each
├── reportPrice
│  ├── when it costs what its units come to: Court_PriceAllowed
│  ├── when it costs more: the difference; without an answer, evidence or version: all
│  └── when more is shown of a receipt than before: the difference counts, once
├── reportPolicy
│  ├── when nobody showed the debit, the terms are others, or they agree: an error for each
│  └── when the payer agreed to another policy: the whole debit
├── refundExcess
│  ├── when nothing is owed, the debit was not shown, or the signers are others: an error for each
│  ├── earnings first, then the settler's stake, then the signers'; what nobody has is missing
│  ├── never more than the debit, also with claims against it, upheld before or after
│  └── an answer has to show it all the same; of a later debit it is left out once
└── punish: settler and signers, once a batch, whatever was shown; reporting oneself loses money
*/
describe("Court, receipts", () => {
  const { world, load } = useCourt();

  const UNITS = { inputUnits: 10, outputUnits: 20 };
  /** What these units come to. */
  const LIST = 5n * OPG;
  const PRICES = { inputPriceNano: OPG / 10n, outputPriceNano: OPG / 5n };
  const EVIDENCE = new Uint8Array(32).fill(7);
  const OTHER = new Uint8Array(32).fill(9);

  let modelVersion: Uint8Array;
  const publish = async (prices = PRICES) => {
    const { modelRegistry } = world;
    await mined(
      modelRegistry.publish({
        name: "model",
        version: "1",
        artifactSha256: `0x${"02".repeat(32)}`,
        format: "onnx",
        uri: "",
        engines: [
          { engine: "e", version: "1", imageDigest: ZeroHash, dtype: "int8", deviceClass: "cpu", determinism: "" },
        ],
        profile: Profile.EXACT_INT8,
        licence: "",
        unit: "token",
        royaltyPpm: 0,
        payee: 0,
        datasets: [],
        circuit: ZeroHash,
        ...prices,
      }),
    );
    return fromHex(await modelRegistry.versionAt((await modelRegistry.versionCount()) - 1n), 32);
  };

  const requestOf = (change: Partial<Request> = {}): Request => ({
    modelVersion,
    inputHash: new Uint8Array(32).fill(3),
    minMode: Mode.TEE,
    maxPriceNano: 6n * OPG,
    valueAtRiskNano: 40n,
    nonce: OTHER,
    ...change,
  });
  const requestStruct = ({ maxPriceNano: maxPrice, valueAtRiskNano: valueAtRisk, minMode, ...hashes }: Request) => ({
    modelVersion: toHex(hashes.modelVersion),
    inputHash: toHex(hashes.inputHash),
    nonce: toHex(hashes.nonce),
    minMode,
    maxPrice,
    valueAtRisk,
  });

  /** What a fair receipt of that request looks like, with a change. */
  const answerTo = (request: Request, change: Partial<Receipt> = {}, sequence = 0n) =>
    receiptOf({
      sequence,
      settler: world.settler,
      reservation: world.reservation,
      mode: Mode.TEE,
      ...UNITS,
      priceNano: LIST,
      spentNano: LIST,
      valueAtRiskNano: request.valueAtRiskNano,
      requestId: requestHash(request),
      modelVersion: request.modelVersion,
      inputHash: request.inputHash,
      evidenceHash: EVIDENCE,
      ...change,
    });

  /** A batch that debits 10 OPG for these receipts, credited to `payee`. */
  const commit = (receipts: Receipt[], payee = world.settlerPayee) =>
    commitReceipts(world, world, {
      receipts,
      debits: [{ index: world.reservation, amountNano: DEBIT }],
      credits: [{ index: payee, amountNano: CREDIT }],
    });

  const published = async () => {
    modelVersion = await publish();
  };
  /** One receipt with a change, in a batch. */
  const changed =
    (change: Partial<Receipt>, payee = world.settlerPayee) =>
    async () => {
      await published();
      return commit([answerTo(requestOf(), change)], payee);
    };
  /** Asked for at most 6 OPG, by the list 5, costs 8. */
  const dear = () => changed({ priceNano: 8n * OPG, spentNano: DEBIT })();

  const reportRequest = (of: Committed, { request = requestOf(), index = 0, batch = of.batch, path = [""] } = {}) => {
    const shown = shownAt(of, index);
    const { court, challenger } = world;
    const given = path[0] === "" ? shown.path : path;
    return court.connect(challenger).reportRequest(requestStruct(request), shown.receipt, given, batch);
  };
  const reportPrice = (of: Committed, index = 0, reporter = world.challenger) => {
    const { receipt, path } = shownAt(of, index);
    return world.court.connect(reporter).reportPrice(receipt, path, of.batch);
  };
  const refundExcess = ({ ref, signers }: Committed, change: Partial<{ signers: string; reservation: number }> = {}) =>
    world.court
      .connect(world.payer)
      .refundExcess(world.settler, ref.number, change.reservation ?? world.reservation, change.signers ?? signers);
  const excessOf = async ({ ref }: Committed) => {
    const { chargedNano, settledNano } = await world.court.getExcess(world.settler, ref.number, world.reservation);
    return [chargedNano, settledNano];
  };
  const balance = async () =>
    (await world.settlement.getReservation(world.settler, world.reservation)).balanceNano - (RESERVED - DEBIT);

  describe("reportRequest", () => {
    it("counts what is above the highest price, and schedules a penalty of settler and signers", async () => {
      const { court, settler, reservation, challenger, receiptVerifier } = world;
      const committed = await load(dear);
      const id = evidenceOf("receipt", settler, 1);
      const now = committed.batch.commitment.committedAt + 10;
      const before = await books(world);
      await at(world, now);
      const sent = reportRequest(committed);
      const leaf = await receiptVerifier.leafOf(shownAt(committed).receipt);
      await expect(sent)
        .to.emit(court, "ExcessShown")
        .withArgs(settler, 1, reservation, leaf, 2n * OPG, challenger.address);
      await expect(sent)
        .to.emit(court, "PenaltyScheduled")
        .withArgs(id, settler, challenger.address, now + PENALTY_DELAY);
      const { signersHash, committedAt } = committed.batch.commitment;
      expect([...(await court.getPenalty(id))]).to.deep.equal([
        challenger.address,
        BigInt(settler),
        BigInt(now + PENALTY_DELAY),
        false,
        FAULT.RECEIPT,
        keptOf(signersHash),
        BigInt(committedAt),
      ]);
      expect([...(await court.getExcess(settler, 1, reservation))]).to.deep.equal([
        ...[2n * OPG, 0n, BigInt(committedAt), signersHash],
      ]);
      expect(moved(before, await books(world))).to.deep.equal({});
    });

    for (const [what, change] of [
      ["mode", { mode: Mode.SIGNED }],
      ["value at risk", { valueAtRiskNano: 39n }],
      ["model", { modelVersion: OTHER }],
      ["input", { inputHash: OTHER }],
    ] as const) {
      it(`counts the whole price when it is weaker or another one: ${what}`, async () => {
        const committed = await load(changed(change));
        await mined(reportRequest(committed));
        expect(await excessOf(committed)).to.deep.equal([LIST, 0n]);
      });
    }

    it("schedules a penalty and counts no money when it is weaker and free", async () => {
      const { court, settler, reservation } = world;
      const committed = await load(changed({ mode: Mode.SIGNED, priceNano: 0n, status: Status.FAILED }));
      await expect(reportRequest(committed)).to.emit(court, "PenaltyScheduled");
      await expect(reportRequest(committed))
        .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
        .withArgs(settler, 1);
      await mined(showDebit(world, committed));
      await expect(refundExcess(committed))
        .to.be.revertedWithCustomError(court, "Court_NothingOwed")
        .withArgs(settler, 1, reservation);
    });

    it("lets a receipt be exactly what was asked for, and stronger or cheaper", async () => {
      const { court } = world;
      for (const change of [
        { priceNano: 6n * OPG },
        { mode: Mode.ZK, valueAtRiskNano: 41n, priceNano: 0n },
        { status: Status.FAILED, priceNano: 0n, evidenceHash: new Uint8Array(32) },
      ]) {
        const committed = await load(changed(change));
        await expect(reportRequest(committed))
          .to.be.revertedWithCustomError(court, "Court_AsRequested")
          .withArgs(toHex(requestHash(requestOf())));
      }
    });

    it("reverts when the request is another one", async () => {
      const committed = await load(dear);
      for (const change of [{ maxPriceNano: 1n }, { minMode: Mode.ZK }, { nonce: EVIDENCE }]) {
        const request = requestOf(change);
        await expect(reportRequest(committed, { request }))
          .to.be.revertedWithCustomError(world.court, "Court_WrongRequest")
          .withArgs(toHex(requestHash(request)), toHex(requestHash(requestOf())));
      }
    });

    it("reverts when the receipt is not of the batch, or the batch unknown or too old", async () => {
      const { court, settler } = world;
      const committed = await load(dear);
      await expect(reportRequest(committed, { path: [ZeroHash] }))
        .to.be.revertedWithCustomError(court, "Court_NotCommitted")
        .withArgs(shownAt(committed).receipt.requestId);
      const fake = { ...committed.batch, body: { ...committed.batch.body, policy: 2 } };
      await expect(reportRequest(committed, { batch: fake }))
        .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
        .withArgs(settler, 1);
      const until = committed.batch.commitment.committedAt + CLAIM_HORIZON;
      await at(world, until + 1);
      await expect(reportRequest(committed)).to.be.revertedWithCustomError(court, "Court_TooLate").withArgs(until);
    });

    it("accepts the last second of the horizon", async () => {
      const committed = await load(dear);
      await at(world, committed.batch.commitment.committedAt + CLAIM_HORIZON);
      await expect(reportRequest(committed)).to.emit(world.court, "ExcessShown");
    });

    it("reverts when the leaf was made for another chain or contract", async () => {
      const { court, settlement, opg } = world;
      const { chainId } = await world.ethers.provider.getNetwork();
      for (const leavesFor of [
        settlementDomain(chainId + 1n, String(settlement.target)),
        settlementDomain(chainId, String(opg.target)),
      ]) {
        const committed = await load(async () => {
          await published();
          const receipts = [answerTo(requestOf(), { priceNano: 8n * OPG })];
          return commitReceipts(world, world, { receipts, debits: [], credits: [], leavesFor });
        });
        await expect(reportRequest(committed))
          .to.be.revertedWithCustomError(court, "Court_NotCommitted")
          .withArgs(shownAt(committed).receipt.requestId);
      }
    });

    it("reverts when the receipt is of another settler than the batch", async () => {
      const { court, reservation, settler } = world;
      const committed = await load(changed({ settler: 77, priceNano: 8n * OPG }));
      expect(settler).not.to.equal(77);
      await expect(reportRequest(committed))
        .to.be.revertedWithCustomError(court, "Court_WrongReceipt")
        .withArgs(77, reservation);
    });
  });

  describe("reportPrice", () => {
    it("counts what is above the price of the units, by anybody, the settler included", async () => {
      const { settlerOwner } = world;
      const committed = await load(changed({ priceNano: LIST + 1n }));
      await mined(reportPrice(committed, 0, settlerOwner));
      expect(await excessOf(committed)).to.deep.equal([1n, 0n]);
    });

    it("lets it cost that much, also when the payer left half-way or the version was retired", async () => {
      const { court, modelRegistry } = world;
      for (const change of [{}, { status: Status.ABORTED }, { priceNano: 0n, status: Status.FAILED }]) {
        const committed = await load(changed(change));
        await mined(modelRegistry.retire(toHex(modelVersion)));
        const { priceNano = LIST } = change as Partial<Receipt>;
        await expect(reportPrice(committed))
          .to.be.revertedWithCustomError(court, "Court_PriceAllowed")
          .withArgs(priceNano, priceNano === 0n ? 0n : LIST);
      }
    });

    for (const [what, change] of [
      ["it failed", { status: Status.FAILED }],
      ["it is empty", { status: Status.EMPTY }],
      ["nothing came out", { outputUnits: 0 }],
      ["the payer left before anything came out", { status: Status.ABORTED, outputUnits: 0 }],
      ["no worker stands behind it", { evidenceHash: new Uint8Array(32) }],
      ["the version is not registered", { modelVersion: new Uint8Array(32).fill(9) }],
    ] as const) {
      it(`counts the whole price when ${what}`, async () => {
        const committed = await load(changed(change));
        await mined(reportPrice(committed));
        expect(await excessOf(committed)).to.deep.equal([LIST, 0n]);
      });
    }

    it("does not overflow", async () => {
      const committed = await load(async () => {
        modelVersion = await publish({ inputPriceNano: U64_MAX, outputPriceNano: U64_MAX });
        const units = { inputUnits: Number.MAX_SAFE_INTEGER, outputUnits: Number.MAX_SAFE_INTEGER };
        return commit([answerTo(requestOf(), { ...units, priceNano: U64_MAX })]);
      });
      await expect(reportPrice(committed))
        .to.be.revertedWithCustomError(world.court, "Court_PriceAllowed")
        .withArgs(U64_MAX, 2n * BigInt(Number.MAX_SAFE_INTEGER) * U64_MAX);
    });

    it("counts a receipt with the most that was shown of it, and never twice", async () => {
      const { court, settler } = world;
      const committed = await load(dear);
      await mined(reportRequest(committed));
      expect(await excessOf(committed)).to.deep.equal([2n * OPG, 0n]);
      await expect(reportPrice(committed)).not.to.emit(court, "PenaltyScheduled");
      expect(await excessOf(committed)).to.deep.equal([3n * OPG, 0n]);
      for (const again of [reportPrice, reportRequest]) {
        await expect(again(committed))
          .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
          .withArgs(settler, 1);
      }
    });

    it("adds up the receipts of a reservation, whatever their prices say", async () => {
      const committed = await load(async () => {
        await published();
        return commit([0n, 1n, 2n].map((sequence) => answerTo(requestOf(), { priceNano: U64_MAX }, sequence)));
      });
      for (let i = 0; i < 3; i++) await mined(reportPrice(committed, i));
      expect(await excessOf(committed)).to.deep.equal([3n * (U64_MAX - LIST), 0n]);
      await mined(showDebit(world, committed));
      await mined(refundExcess(committed));
      expect(await balance()).to.equal(DEBIT);
    });
  });

  describe("reportPolicy", () => {
    const other = async () => {
      const committed = await commitDebit(world, world.settlerPayee, { policy: OTHER_POLICY });
      await mined(showDebit(world, committed));
      return committed;
    };
    const report = ({ batch }: Committed, { terms = world.terms, reservation = world.reservation } = {}) =>
      world.court.connect(world.challenger).reportPolicy(terms, batch, reservation);

    it("counts the whole debit, as an unproven one", async () => {
      const { court, settler, reservation } = world;
      const committed = await load(other);
      await expect(report(committed)).to.emit(court, "PenaltyScheduled");
      const { fault, signersHash } = await court.getPenalty(evidenceOf("debit", settler, 1));
      expect([fault, signersHash]).to.deep.equal([FAULT.DEBIT, keptOf(committed.batch.commitment.signersHash)]);
      await expect(refundExcess(committed))
        .to.emit(court, "ExcessRefunded")
        .withArgs(settler, 1, reservation, DEBIT, 0);
      expect(await balance()).to.equal(DEBIT);
      await expect(report(committed))
        .to.be.revertedWithCustomError(court, "Court_AlreadyReported")
        .withArgs(settler, 1);
      await expect(refundExcess(committed)).to.be.revertedWithCustomError(court, "Court_NothingOwed");
    });

    it("gives nothing back twice when the debit is claimed too, and costs one penalty", async () => {
      const { court, settler, stakeHub } = world;
      const committed = await load(other);
      await mined(claimDebit(world, committed));
      await mined(report(committed));
      await mined(refundExcess(committed));
      await world.networkHelpers.time.increaseTo(await answerBy(world));
      await expect(court.refundDebit(1, committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, 0, 0);
      expect(await balance()).to.equal(DEBIT);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      const left = await stakeHub.slashableStake(settler);
      await punishLater(world, evidenceOf("debit", settler, 1), committed.signers);
      expect(await stakeHub.slashableStake(settler)).to.equal(left - penaltyOf(left));
    });

    it("reverts when the debit was not shown, the terms are others, or they name the batch's policy", async () => {
      const { court, settler, reservation, terms } = world;
      const committed = await load(other);
      await expect(report(committed, { reservation: 5 }))
        .to.be.revertedWithCustomError(court, "Court_NotShown")
        .withArgs(settler, 1, 5);
      await expect(report(committed, { terms: { ...terms, policy: 2 } })).to.be.revertedWithCustomError(
        court,
        "Court_WrongTerms",
      );
      const fair = await commitDebit(world, world.settlerPayee);
      await expect(report(fair))
        .to.be.revertedWithCustomError(court, "Court_NotShown")
        .withArgs(settler, 2, reservation);
      await mined(showDebit(world, fair));
      await expect(report(fair)).to.be.revertedWithCustomError(court, "Court_PolicyAgreed").withArgs(1);
      const fake = { ...fair, batch: { ...fair.batch, body: { ...fair.batch.body, policy: 2 } } };
      await expect(report(fake)).to.be.revertedWithCustomError(court, "Court_UnknownBatch").withArgs(settler, 2);
      const until = fair.batch.commitment.committedAt + CLAIM_HORIZON;
      await at(world, until + 1);
      await expect(report(fair)).to.be.revertedWithCustomError(court, "Court_TooLate").withArgs(until);
    });
  });

  describe("refundExcess", () => {
    /** Three OPG in excess, the debit shown. */
    const shownDear = (payee: () => number, change: Partial<Receipt> = {}) =>
      async function fixture() {
        const committed = await changed({ priceNano: 8n * OPG, spentNano: DEBIT, ...change }, payee())();
        await mined(reportPrice(committed));
        await mined(showDebit(world, committed));
        return committed;
      };
    const fromEarnings = shownDear(() => world.settlerPayee);
    const fromStake = shownDear(() => world.workerPayee);

    it("takes it from the settler's earnings first", async () => {
      const { court, settlement, settlerPayee, settler, reservation } = world;
      const committed = await load(fromEarnings);
      const before = await books(world);
      await expect(refundExcess(committed))
        .to.emit(court, "ExcessRefunded")
        .withArgs(settler, 1, reservation, 3n * OPG, 0);
      expect(await balance()).to.equal(3n * OPG);
      expect(await settlement.earningsOf(settlerPayee)).to.equal(CREDIT - 3n * OPG);
      expect(moved(before, await books(world))).to.deep.equal({});
      expect(await excessOf(committed)).to.deep.equal([3n * OPG, 3n * OPG]);
    });

    it("then from the settler's stake, and nobody else's earnings", async () => {
      const { stakeHub, settlement, settler, workerPayee } = world;
      const committed = await load(fromStake);
      const before = await books(world);
      await mined(refundExcess(committed));
      expect(moved(before, await books(world))).to.deep.equal({ stakeHub: -3n * OPG });
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - 3n * OPG);
      expect(await settlement.earningsOf(workerPayee)).to.equal(CREDIT);
    });

    /** The settler's stake is 1 OPG, when the verdict falls. */
    async function poorSettler() {
      const committed = await fromStake();
      await drain(world, world.settler, OPG);
      return committed;
    }

    it("then from the signers' stake, in the order of their ids", async () => {
      const { stakeHub, verifiers, settler } = world;
      const committed = await load(poorSettler);
      await mined(refundExcess(committed));
      expect(await stakeHub.slashableStake(settler)).to.equal(0n);
      const stakes = await Promise.all(verifiers.map(({ operator }) => stakeHub.slashableStake(operator)));
      expect(stakes).to.deep.equal([STAKE - 2n * OPG, STAKE]);
      expect(await balance()).to.equal(3n * OPG);
    });

    it("says what nobody could give back", async () => {
      const { court, settler, reservation } = world;
      const committed = await load(poorSettler);
      await emptySigners(world);
      await expect(refundExcess(committed))
        .to.emit(court, "ExcessRefunded")
        .withArgs(settler, 1, reservation, OPG, 2n * OPG);
      await expect(refundExcess(committed)).to.be.revertedWithCustomError(court, "Court_NothingOwed");
    });

    it("reverts when nothing is owed, the debit was not shown, or the signers are others", async () => {
      const { court, settler, reservation } = world;
      const committed = await load(dear);
      await expect(refundExcess(committed))
        .to.be.revertedWithCustomError(court, "Court_NothingOwed")
        .withArgs(settler, 1, reservation);
      await mined(reportPrice(committed));
      await expect(refundExcess(committed))
        .to.be.revertedWithCustomError(court, "Court_NotShown")
        .withArgs(settler, 1, reservation);
      await mined(showDebit(world, committed));
      for (const signers of ["0x", `${committed.signers}00000009`]) {
        await expect(refundExcess(committed, { signers }))
          .to.be.revertedWithCustomError(court, "Court_WrongSigners")
          .withArgs(world.ethers.keccak256(signers), committed.batch.commitment.signersHash);
      }
      await mined(refundExcess(committed));
      await expect(refundExcess(committed)).to.be.revertedWithCustomError(court, "Court_NothingOwed");
    });

    it("works after the horizon, and goes on when more is shown", async () => {
      const committed = await load(async () => {
        const made = await dear();
        await mined(reportRequest(made));
        await mined(showDebit(world, made));
        return made;
      });
      await mined(refundExcess(committed));
      expect(await balance()).to.equal(2n * OPG);
      await mined(reportPrice(committed));
      await world.networkHelpers.time.increase(10_000);
      await mined(refundExcess(committed));
      expect(await balance()).to.equal(3n * OPG);
    });

    /** Claimed, never answered; the batch's receipt shows less than was debited. */
    const upheld = async () => {
      const committed = await fromEarnings();
      await mined(claimDebit(world, committed));
      return committed;
    };

    it("gives the rest only when the debit was refunded before", async () => {
      const { court, settler, reservation } = world;
      const committed = await load(upheld);
      await world.networkHelpers.time.increaseTo(await answerBy(world));
      await mined(court.refundDebit(1, committed.signers));
      expect(await balance()).to.equal(DEBIT);
      const before = await books(world);
      await expect(refundExcess(committed)).to.emit(court, "ExcessRefunded").withArgs(settler, 1, reservation, 0, 0);
      expect(moved(before, await books(world))).to.deep.equal({});
    });

    it("leaves the rest to a claim that is upheld later", async () => {
      const { court } = world;
      const committed = await load(upheld);
      await mined(refundExcess(committed));
      await world.networkHelpers.time.increaseTo(await answerBy(world));
      await expect(court.refundDebit(1, committed.signers))
        .to.emit(court, "DebitRefunded")
        .withArgs(1, DEBIT - 3n * OPG, 0);
      expect(await balance()).to.equal(DEBIT);
    });

    it("is taken off what a claim still misses, before other payees are asked", async () => {
      const { court, settler, settlement, workerPayee, networkHelpers } = world;
      const { committed, countsAt } = await load(async () => {
        // On its way when the batch is committed, so it answers for it; active when the rest is asked for.
        const payer = world.signers[0] as (typeof world.signers)[0];
        const joining = await addBond(world.contracts, payer, settler, OPG);
        await networkHelpers.time.increase(1500);
        const made = await fromStake();
        await mined(claimDebit(world, made));
        await drain(world, settler);
        await emptySigners(world);
        await networkHelpers.time.increaseTo(await answerBy(world));
        await mined(court.refundDebit(1, made.signers));
        return { committed: made, ...joining };
      });
      expect((await court.getClaim(1)).missingNano).to.equal(DEBIT);
      await networkHelpers.time.increaseTo(countsAt);
      await expect(refundExcess(committed))
        .to.emit(court, "ExcessRefunded")
        .withArgs(settler, 1, world.reservation, OPG, 2n * OPG);
      expect((await court.getClaim(1)).missingNano).to.equal(DEBIT - OPG);
      await mined(court.refundFromPayees(1, committed.debitsHash, committed.credits, 1));
      expect(await settlement.earningsOf(workerPayee)).to.equal(CREDIT - (DEBIT - OPG));
      expect(await balance()).to.equal(DEBIT);
    });

    it("has to be shown by an answer all the same: giving it back proves nothing of the rest", async () => {
      const { court, settler, payer } = world;
      const committed = await load(upheld);
      await mined(refundExcess(committed));
      await expect(proveDebit(world, committed, voucherFor(world, DEBIT - 1n)))
        .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
        .withArgs(DEBIT - 1n, DEBIT);
      await mined(proveDebit(world, committed, voucherFor(world, DEBIT), payer));
      expect(await court.openClaims(settler, 1)).to.equal(0n);
    });

    it("is not given back twice when the claim was answered before", async () => {
      const committed = await load(upheld);
      await mined(proveDebit(world, committed));
      await mined(refundExcess(committed));
      expect(await balance()).to.equal(3n * OPG);
      await expect(refundExcess(committed)).to.be.revertedWithCustomError(world.court, "Court_NothingOwed");
    });

    it("is left out once when the debit is a later one", async () => {
      const { court } = world;
      const { fair, unfair } = await load(async () => {
        const first = await commitDebit(world, world.workerPayee);
        await published();
        const second = await commit([answerTo(requestOf(), { priceNano: 8n * OPG, spentNano: 2n * DEBIT }, 1n)]);
        await mined(reportPrice(second));
        await mined(showDebit(world, second));
        await mined(refundExcess(second));
        return { fair: { ...first, batch: { ...first.batch, later: [second.inner] } }, unfair: second };
      });
      await mined(claimDebit(world, fair));
      const ref = { ...fair.ref, later: [unfair.inner] };
      await expect(proveDebit(world, fair, { ref, later: [2], ...voucherFor(world, DEBIT - 1n) }))
        .to.be.revertedWithCustomError(court, "Court_VoucherTooLow")
        .withArgs(DEBIT - 1n, DEBIT);
      await expect(proveDebit(world, fair, { ref, later: [2] })).to.emit(court, "DebitProven");
    });
  });

  describe("punish", () => {
    it("takes parts of the stakes of settler and signers, once a batch, whatever was shown of it", async () => {
      const { court, stakeHub, settler, verifiers, challenger } = world;
      const committed = await load(async () => {
        await published();
        const two = [0n, 1n].map((sequence) => answerTo(requestOf(), { priceNano: 8n * OPG }, sequence));
        const made = await commit(two, world.workerPayee);
        for (const i of [0, 1]) await mined(reportPrice(made, i));
        return made;
      });
      const id = evidenceOf("receipt", settler, 1);
      const before = await books(world);
      await punishLater(world, id, committed.signers);
      const [penalty, signerPenalty] = [receiptPenaltyOf(STAKE), signerPenaltyOf(STAKE)];
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - penalty);
      for (const { operator } of verifiers) {
        expect(await stakeHub.slashableStake(operator)).to.equal(STAKE - signerPenalty);
      }
      const [sum, reward] = [penalty + 2n * signerPenalty, rewardOf(penalty) + 2n * rewardOf(signerPenalty)];
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -sum,
        challenger: reward,
        reserve: sum - reward,
      });
      await expect(court.punish(id, committed.signers)).to.be.revertedWithCustomError(court, "Court_NoPenalty");
      expect(challenger.address).to.equal((await court.getPenalty(id)).reporter);
    });

    it("leaves a settler that reports itself with less", async () => {
      const { settler, settlerOwner, stakeHub, opg } = world;
      const committed = await load(() => changed({ priceNano: LIST + 1n }, world.workerPayee)());
      const held = await opg.balanceOf(settlerOwner.address);
      await mined(reportPrice(committed, 0, settlerOwner));
      await punishLater(world, evidenceOf("receipt", settler, 1), committed.signers);
      const lost = STAKE - (await stakeHub.slashableStake(settler));
      const signersLost = 2n * signerPenaltyOf(STAKE);
      const gained = ((await opg.balanceOf(settlerOwner.address)) - held) / WEI_PER_NANO;
      expect(gained).to.equal(rewardOf(lost) + 2n * rewardOf(signersLost / 2n));
      expect(gained < lost).to.equal(true);
    });
  });
});
