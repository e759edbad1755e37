import { expect } from "chai";
import { ZeroAddress, ZeroHash } from "ethers";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import type { Receipt } from "../../../src/core/protocol/receipt.ts";
import { encodeRows, type Row } from "../../../src/core/protocol/rows.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf, signVoucher } from "../../helpers/batches.ts";
import { OPG, openEconomy, openReservation, type VerifierActor, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
Court
├── constructor
│  └── when an entry of the slash table is too high, or two times contradict each other: it should revert
├── claimDebit
│  ├── when the batch is not the committed one, in any field: Court_UnknownBatch
│  ├── when the horizon has passed: Court_TooLate
│  ├── when the rows are others or there is no such row: Court_WrongRows, Court_NoSuchRow
│  ├── given the debit was claimed before: Court_AlreadyClaimed
│  ├── when the caller does not pay the bond: it should revert and change nothing
│  └── when all is well: it should take the bond, freeze the amount and say until when to answer
├── proveDebit
│  ├── given the claim is not open, or its time has passed: Court_NotOpen, Court_AnswerTooLate
│  ├── when terms, voucher, key, amount, receipt or its proof are wrong: an error for each
│  └── when the debit was fair: the challenger's bond goes to whoever answered
├── refundDebit
│  ├── given an answer is still possible, or the claim is decided: Court_AnswerStillPossible, Court_NotOpen
│  ├── when the signers are others: Court_WrongSigners
│  └── given nobody answered: refunded from earnings, then stake, then signers; all are slashed
├── refundFromPayees
│  ├── when nothing is missing, or the rows are others: Court_NothingMissing, Court_WrongRows
│  └── given something is missing: taken from payee after payee, from none more than the batch gave it
├── reportDoubledSequence
│  ├── when batches, receipts, sequences or paths do not show a fault: an error for each
│  └── when two receipts of one settler have one sequence: slashed once
└── reportOutOfRange
   ├── when the receipt is in range or not of the batch: Court_InRange, Court_NotCommitted
   └── when its sequence or its settler is not the batch's: slashed once
*/
describe("Court", () => {
  const RESERVE = "0x00000000000000000000000000000000000beef1";
  const STAKE = 1_000n * OPG + 7n; // does not divide evenly, so that rounding shows
  const DEBIT = 10n * OPG;
  const FEE = DEBIT / 20n;
  const BOND = 1n * OPG;
  const SIGNER_PPM = 50_000n;

  /** Rates that differ from each other, and a reserve that is nobody else. */
  const withTable = (parameters: Parameters): Parameters => ({
    ...parameters,
    reserve: RESERVE,
    court: { ...parameters.court, signerPpm: Number(SIGNER_PPM), sequencePpm: 1_000_000 },
  });
  /** Rounded up, as the contract does. */
  const part = (amountNano: bigint, ppm: bigint) => (amountNano * ppm + 999_999n) / 1_000_000n;
  const PENALTY = part(STAKE, 100_000n);
  const SIGNER_PENALTY = part(STAKE, SIGNER_PPM);
  const rewardOf = (penaltyNano: bigint) => part(penaltyNano, 100_000n);

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol(withTable);
    load = await fixturesOn(protocol);
  });

  /** One payer with 100 OPG at one settler; a challenger with two bonds. */
  async function openCourt() {
    const economy = await openEconomy(protocol, { bondNano: STAKE });
    const { contracts, signers } = protocol;
    const [challenger, payer] = signers.slice(-2) as [(typeof signers)[0], (typeof signers)[0]];
    const { reservation, terms } = await openReservation(protocol, economy.settler, payer, 100n * OPG);
    await mined(contracts.opg.transfer(challenger.address, 5n * BOND * WEI_PER_NANO));
    await mined(contracts.opg.connect(challenger).approve(contracts.court.target, 5n * BOND * WEI_PER_NANO));
    return { ...contracts, ...economy, challenger, payer, reservation, terms };
  }
  type World = Awaited<ReturnType<typeof openCourt>>;

  /** A batch that debits 10 OPG, credited to `payee`. Its only receipt shows that much, unless told otherwise. */
  async function commitDebit(world: World, payee: number, spentNano = DEBIT): Promise<Committed> {
    const { settler, settlement, reservation } = world;
    const sequence = (await settlement.getSettler(settler)).nextSequence;
    return commitReceipts(protocol, world, {
      receipts: [receiptOf({ sequence, settler, reservation, spentNano })],
      debits: [{ index: reservation, amountNano: DEBIT }],
      credits: [{ index: payee, amountNano: DEBIT - FEE }],
    });
  }

  const claimOf = ({ court, challenger }: World, committed: Committed, row = 0) =>
    court.connect(challenger).claimDebit(committed.batch, committed.debits, committed.creditsHash, row);

  /** A claim against a debit that is fair: voucher and receipt cover it. */
  async function openFairClaim() {
    const world = await openCourt();
    const committed = await commitDebit(world, world.workerPayee);
    await mined(claimOf(world, committed));
    const { settler, reservation, domain, terms } = world;
    const word = { settler, reservation, cumulativeNano: DEBIT };
    return { ...world, committed, word, ...signVoucher(domain, terms, word), answerBy: await answerBy(world) };
  }
  type FairClaim = Awaited<ReturnType<typeof openFairClaim>>;

  const answerBy = async ({ court }: World) => Number((await court.getClaim(1)).answerBy);

  const at = (timestamp: number) => protocol.networkHelpers.time.setNextBlockTimestamp(timestamp);

  /** Answers claim 1 as it should be answered, or with parts of the answer changed. */
  function prove(claim: FairClaim, change: Partial<Answer> = {}) {
    const { court, terms, voucher, signature, committed } = claim;
    const [{ receipt, path }] = committed.shown as [Committed["shown"][0]];
    const a: Answer = { claim: 1, terms, voucher, signature, receipt, path, ref: committed.ref, ...change };
    return court
      .connect(claim.settlerOwner)
      .proveDebit(a.claim, a.terms, a.voucher, a.signature, a.receipt, a.path, a.ref);
  }
  type Answer = {
    claim: number;
    terms: FairClaim["terms"];
    voucher: FairClaim["voucher"];
    signature: string;
    receipt: Committed["shown"][0]["receipt"];
    path: string[];
    ref: Committed["ref"];
  };

  /** What each contract and person holds, in nano; the laws of both invariants are checked on the way. */
  async function books({ opg, settlement, court, stakeHub, challenger, settlerOwner, settler }: World) {
    const held = async (account: { target: unknown } | { address: string } | string) => {
      const address = typeof account === "string" ? account : "target" in account ? account.target : account.address;
      const wei = await opg.balanceOf(String(address));
      expect(wei % WEI_PER_NANO).to.equal(0n);
      return wei / WEI_PER_NANO;
    };
    let owed = (await settlement.seizedNano()) + (await settlement.getSettler(settler)).feesNano;
    const { reservations } = await settlement.getSettler(settler);
    for (let i = 0n; i < reservations; i++) owed += (await settlement.getReservation(settler, i)).balanceNano;
    for (let i = 1n; i <= (await settlement.payeeCount()); i++) {
      owed += (await settlement.earningsOf(i)) + (await settlement.getPayee(i)).pendingNano;
    }
    expect(await held(settlement), "solvency of the settlement contract").to.equal(owed);
    return {
      court: await held(court),
      stakeHub: await held(stakeHub),
      reserve: await held(RESERVE),
      challenger: await held(challenger),
      settlerOwner: await held(settlerOwner),
    };
  }
  type Books = Awaited<ReturnType<typeof books>>;

  function moved(before: Books, after: Books): Partial<Books> {
    const entries = Object.entries(after) as [keyof Books, bigint][];
    return Object.fromEntries(
      entries.map(([who, nano]) => [who, nano - before[who]]).filter(([, nano]) => nano !== 0n),
    );
  }

  describe("constructor", () => {
    async function deploy(table: Record<string, number>, times: Partial<Parameters["times"]> = {}) {
      const { opg, settlement, stakeHub } = protocol.contracts;
      const { parameters, ethers } = protocol;
      const full = { unprovenDebitPpm: 0, signerPpm: 0, sequencePpm: 0, reporterPpm: 0, ...table };
      const factory = await ethers.getContractFactory("Court");
      return factory.deploy(
        opg.target,
        settlement.target,
        stakeHub.target,
        { ...parameters.times, ...times },
        full,
        BOND,
      );
    }

    for (const [name, limit] of [
      ["unprovenDebitPpm", 1_000_000],
      ["signerPpm", 1_000_000],
      ["sequencePpm", 1_000_000],
      ["reporterPpm", 100_000],
    ] as const) {
      it(`takes a ${name} of ${limit} and no more`, async () => {
        const { court } = protocol.contracts;
        const highest = await deploy({ [name]: limit });
        expect(await (highest as unknown as typeof court)[name]()).to.equal(BigInt(limit));
        await expect(deploy({ [name]: limit + 1 }))
          .to.be.revertedWithCustomError(court, "Court_BadTable")
          .withArgs(limit + 1, limit);
      });
    }

    it("reverts when two times contradict each other", async () => {
      await expect(deploy({}, { answerTime: 1801 }))
        .to.be.revertedWithCustomError(protocol.contracts.court, "ProtocolTimes_BrokenRelation")
        .withArgs("longestDispute >= answerTime", 1800, 1801);
    });
  });

  describe("claimDebit", () => {
    async function debited() {
      const world = await openCourt();
      return { ...world, committed: await commitDebit(world, world.settlerPayee) };
    }

    it("takes the bond, freezes the amount and names the last second of an answer", async () => {
      const world = await load(debited);
      const { court, settlement, committed, settler, reservation, challenger, settlerPayee } = world;
      const before = await books(world);
      const now = committed.batch.commitment.committedAt + 100;
      await at(now);
      await expect(claimOf(world, committed))
        .to.emit(court, "DebitClaimed")
        .withArgs(1, settler, reservation, 1, challenger.address, DEBIT, now + 300);

      expect(moved(before, await books(world))).to.deep.equal({ court: BOND, challenger: -BOND });
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(DEBIT);
      expect(await court.openClaims(settler, 1)).to.equal(1n);
      const { rowsHash } = committed.batch.body;
      const { signersHash } = committed.batch.commitment;
      const ids = [1n, BigInt(settler), BigInt(reservation), challenger.address, 1n];
      expect([...(await court.getClaim(1))]).to.deep.equal([
        ...ids,
        ...[DEBIT, DEBIT, BigInt(now + 300), 0n, 0n, rowsHash, signersHash],
      ]);
    });

    it("asks for all that was debited by now, not for the batch's part", async () => {
      const world = await load(debited);
      await commitDebit(world, world.workerPayee);
      await mined(claimOf(world, world.committed));
      const { amountNano, debitedNano } = await world.court.getClaim(1);
      expect([amountNano, debitedNano]).to.deep.equal([DEBIT, 2n * DEBIT]);
    });

    it("keeps what is frozen from leaving, and lets it leave after an answer", async () => {
      const world = await load(debited);
      const { settlement, settlerOwner, settlerPayee, court, domain, terms, settler, reservation } = world;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, DEBIT - FEE));
      await protocol.networkHelpers.time.increase(500);
      await mined(claimOf(world, world.committed));
      await protocol.networkHelpers.time.increase(250);
      const { voucher, signature } = signVoucher(domain, terms, { settler, reservation, cumulativeNano: DEBIT });
      const [{ receipt, path }] = world.committed.shown as [Committed["shown"][0]];
      const { dueAt } = await settlement.getWithdrawal(settlerPayee, 1);
      // The horizon is shorter than the earnings delay, so a claim is decided before money can leave.
      expect(Number(dueAt)).to.be.greaterThan(Number((await court.getClaim(1)).answerBy));
      await mined(court.proveDebit(1, terms, voucher, signature, receipt, path, world.committed.ref));
      await at(Number(dueAt));
      await expect(settlement.withdraw(settlerPayee, 1))
        .to.emit(settlement, "Withdrawn")
        .withArgs(settlerPayee, 1, settlerOwner.address, DEBIT - FEE);
    });

    it("keeps a claimed debit's earnings even when nobody ends the claim", async () => {
      const world = await load(debited);
      const { settlement, settlerOwner, settlerPayee } = world;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, DEBIT - FEE));
      await mined(claimOf(world, world.committed));
      await protocol.networkHelpers.time.increase(10_000);
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
        await expect(claimOf(world, { ...world.committed, batch: changed }))
          .to.be.revertedWithCustomError(world.court, "Court_UnknownBatch")
          .withArgs(changed.body.settler, changed.body.number);
      }
      expect(await world.court.claimCount()).to.equal(0n);
    });

    it("accepts the last second of the horizon and no later one", async () => {
      const world = await load(debited);
      const until = world.committed.batch.commitment.committedAt + 600;
      await at(until + 1);
      await expect(claimOf(world, world.committed))
        .to.be.revertedWithCustomError(world.court, "Court_TooLate")
        .withArgs(until);

      const again = await load(debited);
      await at(again.committed.batch.commitment.committedAt + 600);
      await expect(claimOf(again, again.committed)).to.emit(again.court, "DebitClaimed");
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
        const { keccak256, AbiCoder } = protocol.ethers;
        const given = keccak256(
          AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32"], [keccak256(changed.debits), changed.creditsHash]),
        );
        await expect(claimOf(world, changed), what)
          .to.be.revertedWithCustomError(court, "Court_WrongRows")
          .withArgs(given, committed.batch.body.rowsHash);
      }
    });

    it("reverts when there is no such row", async () => {
      const world = await load(debited);
      for (const row of [1n, 2n ** 255n]) {
        await expect(claimOf(world, world.committed, row as never))
          .to.be.revertedWithCustomError(world.court, "Court_NoSuchRow")
          .withArgs(row);
      }
    });

    it("reverts when the debit was claimed before, also after the claim's end", async () => {
      const world = await load(openFairClaim);
      const again = () =>
        expect(claimOf(world, world.committed))
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
      await expect(claimOf(world, { ...world.committed, batch })).to.emit(world.court, "DebitClaimed");
    });
  });

  describe("proveDebit", () => {
    it("gives the bond to whoever answered, at the last second too, and ends the claim", async () => {
      const claim = await load(openFairClaim);
      const { court, settlement, settlerOwner, settler, settlerPayee } = claim;
      const before = await books(claim);
      await at(claim.answerBy);
      await expect(prove(claim)).to.emit(court, "DebitProven").withArgs(1, settlerOwner.address);
      expect(moved(before, await books(claim))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
      expect((await court.getClaim(1)).state).to.equal(2n);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);

      await expect(prove(claim)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 2);
      await protocol.networkHelpers.time.increase(10_000);
      await expect(court.refundDebit(1, claim.committed.signers))
        .to.be.revertedWithCustomError(court, "Court_NotOpen")
        .withArgs(1, 2);
    });

    it("reverts one second after the time to answer", async () => {
      const claim = await load(openFairClaim);
      await at(claim.answerBy + 1);
      await expect(prove(claim))
        .to.be.revertedWithCustomError(claim.court, "Court_AnswerTooLate")
        .withArgs(1, claim.answerBy);
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
      const next = await commitDebit(claim, claim.workerPayee, 2n * DEBIT);
      const ref = { ...claim.committed.ref, later: [next.inner] };
      await mined(prove(claim, { ref }));

      const other = await load(openFairClaim);
      const later = await commitDebit(other, other.workerPayee, 2n * DEBIT);
      await mined(prove(other, { ...(later.shown[0] as Committed["shown"][0]), ref: later.ref }));
    });

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

    it("reverts when the terms are not the reservation's, in any field", async () => {
      const claim = await load(openFairClaim);
      const { court, settlement, settler, reservation, terms, domain, word } = claim;
      const { termsHash192 } = await settlement.getReservation(settler, reservation);
      const other = walletOf("other").address.toLowerCase() as `0x${string}`;
      for (const change of [{ payer: other }, { voucherKey: other }, { policy: 2 }]) {
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
          .withArgs(recovered, protocol.ethers.getAddress(terms.voucherKey));
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
      const batch = await commitReceipts(protocol, claim, { receipts, debits: [], credits: [] });
      const answer = (i: number) => prove(claim, { ...(batch.shown[i] as Committed["shown"][0]), ref: batch.ref });
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
      const [{ receipt, path }] = committed.shown as [Committed["shown"][0]];
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
        const world = await openCourt();
        const committed = await commitDebit(world, world[payee], 0n);
        await mined(claimOf(world, committed));
        const until = await answerBy(world);
        return { ...world, committed, until };
      };
    const paidToSettler = unanswered("settlerPayee");
    const paidToWorker = unanswered("workerPayee");
    const ready = async (fixture: typeof paidToSettler) => {
      const world = await load(fixture);
      await at(world.until + 1);
      return world;
    };
    const reward = rewardOf(PENALTY) + 2n * rewardOf(SIGNER_PENALTY);
    const penalties = PENALTY + 2n * SIGNER_PENALTY;

    it("reverts while an answer is possible, its last second included", async () => {
      const world = await load(paidToSettler);
      await at(world.until);
      await expect(world.court.refundDebit(1, world.committed.signers))
        .to.be.revertedWithCustomError(world.court, "Court_AnswerStillPossible")
        .withArgs(1, world.until);
    });

    it("reverts when the signers are others", async () => {
      const world = await ready(paidToSettler);
      const { keccak256 } = protocol.ethers;
      for (const given of ["0x", world.committed.signers.slice(0, 10), `${world.committed.signers}00000009`]) {
        await expect(world.court.refundDebit(1, given))
          .to.be.revertedWithCustomError(world.court, "Court_WrongSigners")
          .withArgs(keccak256(given), world.committed.batch.commitment.signersHash);
      }
    });

    it("takes the settler's earnings first, the rest from its stake, and slashes settler and signers", async () => {
      const world = await ready(paidToSettler);
      const { court, settlement, settler, reservation, settlerPayee, stakeHub, verifiers } = world;
      const before = await books(world);
      const refund = court.refundDebit(1, world.committed.signers);
      await expect(refund).to.emit(court, "DebitRefunded").withArgs(1, DEBIT, 0);
      await expect(refund)
        .to.emit(settlement, "Seized")
        .withArgs(settlerPayee, DEBIT - FEE);
      await expect(refund).to.emit(settlement, "Restored").withArgs(settler, reservation, DEBIT);

      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(100n * OPG);
      expect(await settlement.earningsOf(settlerPayee)).to.equal(0n);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - PENALTY - FEE);
      for (const { operator } of verifiers) {
        expect(await stakeHub.slashableStake(operator)).to.equal(STAKE - SIGNER_PENALTY);
      }
      expect(moved(before, await books(world))).to.deep.equal({
        court: -BOND,
        stakeHub: -(penalties + FEE),
        challenger: BOND + reward,
        reserve: penalties - reward,
      });
      expect((await court.getClaim(1)).state).to.equal(3n);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await settlement.getPayee(settlerPayee)).frozenNano).to.equal(0n);
      await expect(court.refundDebit(1, world.committed.signers))
        .to.be.revertedWithCustomError(court, "Court_NotOpen")
        .withArgs(1, 3);
    });

    it("takes all of it from the settler's stake when it has no earnings, and leaves the worker alone", async () => {
      const world = await ready(paidToWorker);
      const { court, settlement, settler, reservation, workerPayee, stakeHub } = world;
      const before = await books(world);
      await mined(court.refundDebit(1, world.committed.signers));
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(100n * OPG);
      expect(await settlement.earningsOf(workerPayee)).to.equal(DEBIT - FEE);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - PENALTY - DEBIT);
      expect(moved(before, await books(world))).to.deep.equal({
        court: -BOND,
        stakeHub: -(penalties + DEBIT),
        challenger: BOND + reward,
        reserve: penalties - reward,
      });
    });

    it("takes earnings that are on their way out, and the withdrawal pays that much less", async () => {
      const world = await load(paidToSettler);
      const { court, settlement, settlerOwner, settlerPayee, stakeHub, settler } = world;
      await mined(settlement.connect(settlerOwner).requestWithdrawal(settlerPayee, DEBIT - FEE - 1n));
      await at(world.until + 1);
      await mined(court.refundDebit(1, world.committed.signers));
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - PENALTY - FEE);
      const { pendingNano, seizedNano } = await settlement.getPayee(settlerPayee);
      expect([pendingNano, seizedNano]).to.deep.equal([0n, DEBIT - FEE - 1n]);
      await protocol.networkHelpers.time.increase(1200);
      await expect(settlement.withdraw(settlerPayee, 1))
        .to.emit(settlement, "Withdrawn")
        .withArgs(settlerPayee, 1, settlerOwner.address, 0);
      await books(world);
    });

    it("slashes stake that is leaving", async () => {
      const world = await load(paidToWorker);
      const { stakeHub, settlerOwner, settler, court } = world;
      await mined(stakeHub.connect(settlerOwner).requestUnbond(settler, STAKE));
      await at(world.until + 1);
      await mined(court.refundDebit(1, world.committed.signers));
      const { activeNano, leavingNano } = await stakeHub.getBond(settler);
      expect([activeNano, leavingNano]).to.deep.equal([0n, STAKE - PENALTY - DEBIT]);
    });

    it("asks the signers' stake when the settler's is gone, the first signer first", async () => {
      const world = await load(brokeSettler);
      const { court, settlement, stakeHub, settler, reservation, verifiers, committed } = world;
      const before = await books(world);
      await mined(court.refundDebit(1, committed.signers));
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(100n * OPG);
      const [first, second] = verifiers as [VerifierActor, VerifierActor];
      expect(await stakeHub.slashableStake(first.operator)).to.equal(STAKE - SIGNER_PENALTY - DEBIT);
      expect(await stakeHub.slashableStake(second.operator)).to.equal(STAKE - SIGNER_PENALTY);
      expect(moved(before, await books(world))).to.deep.equal({
        court: -BOND,
        stakeHub: -(2n * SIGNER_PENALTY + DEBIT),
        challenger: BOND + 2n * rewardOf(SIGNER_PENALTY),
        reserve: 2n * (SIGNER_PENALTY - rewardOf(SIGNER_PENALTY)),
      });
    });

    it("refunds what there is when nobody has anything, and says what is missing", async () => {
      const world = await load(brokeWorld);
      const { court, settlement, settler, reservation, committed } = world;
      const before = await books(world);
      await expect(court.refundDebit(1, committed.signers)).to.emit(court, "DebitRefunded").withArgs(1, 0, DEBIT);
      expect((await settlement.getReservation(settler, reservation)).balanceNano).to.equal(100n * OPG - 2n * DEBIT);
      expect((await court.getClaim(1)).missingNano).to.equal(DEBIT);
      expect(moved(before, await books(world))).to.deep.equal({ court: -BOND, challenger: BOND });
    });
  });

  /** A report that takes the settler's whole stake: a receipt far outside of its batch. */
  async function ruinSettler(world: World): Promise<void> {
    const { court, settler, challenger } = world;
    const receipts = [receiptOf({ sequence: 1_000n, settler })];
    const { shown, batch } = await commitReceipts(protocol, world, { receipts, debits: [], credits: [] });
    const [{ receipt, path }] = shown as [Committed["shown"][0]];
    await mined(court.connect(challenger).reportOutOfRange(receipt, path, batch));
  }

  /** A claim to be refunded by somebody whose stake is gone; the signers have theirs. */
  async function brokeSettler() {
    const world = await openCourt();
    const committed = await commitDebit(world, world.workerPayee, 0n);
    await mined(claimOf(world, committed));
    await ruinSettler(world);
    await protocol.networkHelpers.time.increaseTo((await answerBy(world)) + 1);
    return { ...world, committed };
  }

  /** Two payers' claims on one batch that credited three payees, when neither settler nor signers have anything left. */
  async function brokeWorld() {
    const world = await openCourt();
    const { contracts, signers, networkHelpers } = protocol;
    const { settler, verifiers, workerPayee, settlement, stakeHub, reservation } = world;
    for (const [i, { operator }] of verifiers.entries()) {
      await mined(stakeHub.connect(signers[3 + i]).requestUnbond(operator, STAKE));
    }
    await networkHelpers.time.increase(3600);
    for (const { operator } of verifiers) await mined(stakeHub.withdraw(operator));
    const second = await openReservation(protocol, settler, signers[10] as (typeof signers)[0], 100n * OPG);
    // The worker has honest earnings of another batch beside those in doubt.
    await commitDebit(world, workerPayee);
    const debits: Row[] = [reservation, second.reservation].map((index) => ({ index, amountNano: DEBIT }));
    const credits: Row[] = [
      { index: workerPayee, amountNano: 4n * OPG },
      { index: workerPayee + 1, amountNano: 9n * OPG },
      { index: workerPayee + 2, amountNano: 6n * OPG },
    ];
    const sequence = (await settlement.getSettler(settler)).nextSequence;
    const committed = await commitReceipts(protocol, world, {
      receipts: [receiptOf({ sequence, settler })],
      debits,
      credits,
    });
    await mined(claimOf(world, committed));
    await mined(claimOf(world, committed, 1));
    await ruinSettler(world);
    await networkHelpers.time.increaseTo((await answerBy(world)) + 2);
    return { ...world, committed, contracts, second };
  }

  describe("refundFromPayees", () => {
    async function missing() {
      const world = await brokeWorld();
      for (const claim of [1, 2]) await mined(world.court.refundDebit(claim, world.committed.signers));
      return world;
    }
    type Missing = Awaited<ReturnType<typeof missing>>;
    const ask = ({ court, committed }: Missing, rows: number, claim = 1) =>
      court.refundFromPayees(claim, committed.debitsHash, committed.credits, rows);
    const earnings = async ({ settlement, workerPayee }: Missing) =>
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

      const world = await load(missing);
      await mined(ask(world, 3));
      await expect(ask(world, 3)).to.be.revertedWithCustomError(world.court, "Court_NothingMissing").withArgs(1);
    });

    it("reverts when the rows are others", async () => {
      const world = await load(missing);
      const { court, committed } = world;
      for (const [debitsHash, credits] of [
        [committed.debitsHash, committed.debits],
        [committed.creditsHash, committed.credits],
      ] as const) {
        const { keccak256, AbiCoder } = protocol.ethers;
        const coder = AbiCoder.defaultAbiCoder();
        const given = keccak256(coder.encode(["bytes32", "bytes32"], [debitsHash, keccak256(credits)]));
        await expect(court.refundFromPayees(1, debitsHash, credits, 3))
          .to.be.revertedWithCustomError(court, "Court_WrongRows")
          .withArgs(given, committed.batch.body.rowsHash);
      }
    });

    it("takes from payee after payee, in steps, until nothing is missing", async () => {
      const world = await load(missing);
      const { court, settlement, settler, reservation } = world;
      const balance = async () => (await settlement.getReservation(settler, reservation)).balanceNano;
      const start = 100n * OPG - 2n * DEBIT;
      expect(await balance()).to.equal(start);
      const honest = DEBIT - FEE;
      const steps: [rows: number, nextRow: bigint, refunded: bigint, missing: bigint, left: bigint[]][] = [
        [0, 0n, 0n, DEBIT, [honest + 4n * OPG, 9n * OPG, 6n * OPG]],
        [1, 1n, 4n * OPG, 6n * OPG, [honest, 9n * OPG, 6n * OPG]],
        [100, 2n, 6n * OPG, 0n, [honest, 3n * OPG, 6n * OPG]],
      ];
      let sum = 0n;
      for (const [rows, nextRow, refunded, rest, left] of steps) {
        await expect(ask(world, rows)).to.emit(court, "DebitRefunded").withArgs(1, refunded, rest);
        sum += refunded;
        expect(await balance()).to.equal(start + sum);
        expect((await court.getClaim(1)).nextRow).to.equal(nextRow);
        expect(await earnings(world)).to.deep.equal(left);
        await books(world);
      }
    });

    it("takes no more from a payee than the batch gave it, over all claims", async () => {
      const world = await load(missing);
      const { court, settlement, settler, second } = world;
      await mined(ask(world, 3));
      // 19 of 20 OPG were credited; the fee's one is nobody's to give back.
      await expect(ask(world, 3, 2))
        .to.emit(court, "DebitRefunded")
        .withArgs(2, 9n * OPG, 1n * OPG);
      expect(await earnings(world)).to.deep.equal([DEBIT - FEE, 0n, 0n]);
      const { balanceNano } = await settlement.getReservation(settler, second.reservation);
      expect(balanceNano).to.equal(100n * OPG - 1n * OPG);
      await books(world);
    });

    it("gives nothing twice when all rows were asked", async () => {
      const world = await load(missing);
      await mined(ask(world, 3));
      await mined(ask(world, 3, 2));
      const left = await earnings(world);
      await expect(ask(world, 3, 2))
        .to.emit(world.court, "DebitRefunded")
        .withArgs(2, 0, 1n * OPG);
      expect(await earnings(world)).to.deep.equal(left);
    });
  });

  /** Three batches: sequences [0, 1], [0 again, 3], and one of another settler's number. */
  async function doubled() {
    const world = await openCourt();
    const { settler } = world;
    const other = new Uint8Array(32).fill(9);
    const batch = (receipts: Receipt[]) => commitReceipts(protocol, world, { receipts, debits: [], credits: [] });
    const first = await batch([receiptOf({ sequence: 0n, settler }), receiptOf({ sequence: 1n, settler })]);
    const second = await batch([
      receiptOf({ sequence: 0n, settler, memoryRoot: other }),
      receiptOf({ sequence: 3n, settler }),
    ]);
    return { ...world, first, second };
  }
  const shownAt = (committed: Committed, index: number) => committed.shown[index] as Committed["shown"][0];

  describe("reportDoubledSequence", () => {
    type Doubled = Awaited<ReturnType<typeof doubled>>;
    function report(
      { court, challenger, first, second }: Doubled,
      a: { at?: number; batch?: Committed["batch"]; of?: Committed; path?: string[] } = {},
      b: typeof a = {},
    ) {
      const one = shownAt(a.of ?? first, a.at ?? 0);
      const two = shownAt(b.of ?? second, b.at ?? 0);
      return court
        .connect(challenger)
        .reportDoubledSequence(
          one.receipt,
          a.path ?? one.path,
          a.batch ?? (a.of ?? first).batch,
          two.receipt,
          b.path ?? two.path,
          b.batch ?? (b.of ?? second).batch,
        );
    }

    it("slashes the settler, pays the reporter its part and the reserve the rest", async () => {
      const world = await load(doubled);
      const { court, stakeHub, settler, challenger } = world;
      const before = await books(world);
      const { keccak256, AbiCoder } = protocol.ethers;
      const coded = AbiCoder.defaultAbiCoder().encode(["string", "uint32", "uint64"], ["sequence", settler, 0]);
      await expect(report(world))
        .to.emit(court, "SequenceFault")
        .withArgs(settler, 0, keccak256(coded), challenger.address);
      expect(await stakeHub.slashableStake(settler)).to.equal(0n);
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -STAKE,
        challenger: rewardOf(STAKE),
        reserve: STAKE - rewardOf(STAKE),
      });
      await expect(report(world))
        .to.be.revertedWithCustomError(stakeHub, "StakeHub_EvidenceUsed")
        .withArgs(keccak256(coded));
    });

    it("reverts when both are the same receipt", async () => {
      const world = await load(doubled);
      const leaf = await protocol.contracts.receiptVerifier.leafOf(shownAt(world.first, 0).receipt);
      await expect(report(world, {}, { of: world.first }))
        .to.be.revertedWithCustomError(world.court, "Court_SameReceipt")
        .withArgs(leaf);
    });

    it("reverts when the sequences differ", async () => {
      const world = await load(doubled);
      await expect(report(world, { at: 1 }))
        .to.be.revertedWithCustomError(world.court, "Court_SequencesDiffer")
        .withArgs(1, 0);
    });

    it("reverts when a receipt is not of its batch, on either side", async () => {
      const world = await load(doubled);
      const { requestId } = shownAt(world.first, 0).receipt;
      for (const [a, b] of [
        [{ batch: world.second.batch }, {}],
        [{}, { batch: world.first.batch }],
        [{ path: [] }, {}],
        [{}, { path: Array<string>(41).fill(ZeroHash) }],
      ]) {
        await expect(report(world, a, b))
          .to.be.revertedWithCustomError(world.court, "Court_NotCommitted")
          .withArgs(requestId);
      }
    });

    it("reverts when a batch is unknown or beyond the horizon, on either side", async () => {
      const world = await load(doubled);
      const { court, settler, first, second } = world;
      const fake = { ...first.batch, prevHash: `0x${"01".repeat(32)}` };
      for (const [a, b] of [
        [{ batch: fake }, {}],
        [{}, { batch: fake }],
      ]) {
        await expect(report(world, a, b))
          .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
          .withArgs(settler, 1);
      }
      const until = first.batch.commitment.committedAt + 600;
      expect(second.batch.commitment.committedAt).to.be.greaterThan(until - 600);
      await at(until + 1);
      await expect(report(world)).to.be.revertedWithCustomError(court, "Court_TooLate").withArgs(until);
    });

    it("reverts when the batches are of two settlers", async () => {
      const world = await load(doubled);
      const foreign = await commitForeign(world, [receiptOf({ sequence: 0n, settler: world.settler })]);
      await expect(report(world, {}, { of: foreign.committed }))
        .to.be.revertedWithCustomError(world.court, "Court_WrongReceipt")
        .withArgs(foreign.settler, 0);
    });
  });

  /** A batch of a second settler, the worker's operator, signed by the same verifiers. */
  async function commitForeign(world: World, receipts: Receipt[]) {
    const { settlement, nodeRegistry, workerOwner, workerPayee, domain, verifiers } = world;
    const settler = Number(await nodeRegistry.operatorOwnedBy(workerOwner.address));
    await mined(settlement.connect(workerOwner).openSettler(settler, workerPayee));
    const economy = { settler, domain, verifiers };
    return { settler, committed: await commitReceipts(protocol, economy, { receipts, debits: [], credits: [] }) };
  }

  describe("reportOutOfRange", () => {
    type Doubled = Awaited<ReturnType<typeof doubled>>;
    const report = ({ court, challenger }: Doubled, of: Committed, index: number, change: Partial<Committed> = {}) => {
      const { receipt, path } = shownAt(of, index);
      return court.connect(challenger).reportOutOfRange(receipt, path, { ...of, ...change }.batch);
    };

    for (const [where, sequence] of [
      ["below", 3n],
      ["above", 5n],
    ] as const) {
      it(`slashes for a sequence ${where} the batch by one`, async () => {
        const world = await load(doubled);
        const { court, stakeHub, settler, challenger } = world;
        const receipts = [receiptOf({ sequence, settler })];
        const committed = await commitReceipts(protocol, world, { receipts, debits: [], credits: [] });
        expect(committed.batch.body).to.include({ firstSequence: 4n, count: 1 });
        const { keccak256, AbiCoder } = protocol.ethers;
        const types = ["string", "uint32", "uint64"];
        const evidence = keccak256(AbiCoder.defaultAbiCoder().encode(types, ["sequence", settler, sequence]));
        await expect(report(world, committed, 0))
          .to.emit(court, "SequenceFault")
          .withArgs(settler, sequence, evidence, challenger.address);
        expect(await stakeHub.slashableStake(settler)).to.equal(0n);
      });
    }

    it("slashes for a receipt of another settler inside the range", async () => {
      const world = await load(doubled);
      const { court, stakeHub, settler } = world;
      const { settler: foreign, committed } = await commitForeign(world, [receiptOf({ sequence: 0n, settler })]);
      await mined(protocol.contracts.opg.approve(stakeHub.target, OPG * WEI_PER_NANO));
      await mined(stakeHub.bond(foreign, OPG));
      await expect(report(world, committed, 0)).to.emit(court, "SequenceFault");
      expect(await stakeHub.slashableStake(foreign)).to.equal(0n);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE);
    });

    it("reverts when the receipt is in range, at both ends", async () => {
      const world = await load(doubled);
      for (const [index, sequence] of [
        [0, 0],
        [1, 1],
      ] as const) {
        await expect(report(world, world.first, index))
          .to.be.revertedWithCustomError(world.court, "Court_InRange")
          .withArgs(sequence, 0, 2);
      }
      expect(await world.stakeHub.slashableStake(world.settler)).to.equal(STAKE);
    });

    it("reverts when the receipt is not of the batch, or the batch unknown or too old", async () => {
      const world = await load(doubled);
      const { court, first, second, settler } = world;
      await expect(report(world, second, 0, { batch: first.batch }))
        .to.be.revertedWithCustomError(court, "Court_NotCommitted")
        .withArgs(shownAt(second, 0).receipt.requestId);
      const batch = { ...second.batch, body: { ...second.batch.body, firstSequence: 0n } };
      await expect(report(world, second, 0, { batch }))
        .to.be.revertedWithCustomError(court, "Court_UnknownBatch")
        .withArgs(settler, 2);
      const until = second.batch.commitment.committedAt + 600;
      await at(until + 1);
      await expect(report(world, second, 0))
        .to.be.revertedWithCustomError(court, "Court_TooLate")
        .withArgs(until);
    });

    it("slashes once for one sequence, however it is shown", async () => {
      const world = await load(doubled);
      const { court, stakeHub, first, second, challenger } = world;
      await mined(report(world, second, 0));
      const [a, b] = [shownAt(first, 0), shownAt(second, 0)];
      await expect(
        court
          .connect(challenger)
          .reportDoubledSequence(a.receipt, a.path, first.batch, b.receipt, b.path, second.batch),
      ).to.be.revertedWithCustomError(stakeHub, "StakeHub_EvidenceUsed");
    });
  });
});
