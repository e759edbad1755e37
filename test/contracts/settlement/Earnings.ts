import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { U64_MAX, WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { govern } from "../../helpers/governance.ts";
import { booksOf, commitTo, payerOf, RESERVED_NANO, refuses, useSettlement } from "../../helpers/settlement.ts";

/*
Earnings
├── registerPayee
│  ├── when the account is zero: reverts
│  └── when it is not: opens an account with an id and a lane of its own
├── requestWithdrawal
│  ├── when the caller is not the account, the amount is zero or more than there is: reverts
│  └── when all is well: moves the amount out of the lane at once
├── withdraw
│  ├── given there is none, it was paid, or the delay has not passed: reverts
│  ├── given earnings are frozen: reverts while less would be left than is frozen
│  ├── given some was seized: pays that much less, and each nano only once
│  └── when it is due: pays the account, whoever calls, also while paused
└── freeze, unfreeze, seize, restore, setCourt
   ├── when the caller is not the court: reverts
   └── when it is: keeps, takes and gives back, never more than there is
*/
describe("Earnings", () => {
  const EARNED_NANO = 95n * OPG; // of a debit of 100 OPG
  const test = useSettlement({ payers: 2 });
  const settlement = () => test.contracts.settlement;
  const opg = () => test.contracts.opg;
  const payee = () => test.workerPayee;
  const stranger = () => payerOf(test, 8);
  const asWorker = () => settlement().connect(test.workerOwner);
  const request = (amountNano: bigint) => asWorker().requestWithdrawal(payee(), amountNano);
  const withdraw = (id: number) => settlement().connect(stranger()).withdraw(payee(), id);
  const wait = async () => test.networkHelpers.time.increase(await settlement().earningsDelay());
  const earnings = () => settlement().earningsOf(payee());
  const record = async () => {
    const { pendingNano, seizedNano, frozenNano, withdrawals } = await settlement().getPayee(payee());
    return { pendingNano, seizedNano, frozenNano, withdrawals };
  };

  /** What the worker's account got, in nano. */
  async function paid(call: () => Promise<unknown>): Promise<bigint> {
    const before = await opg().balanceOf(test.workerOwner.address);
    await call();
    return ((await opg().balanceOf(test.workerOwner.address)) - before) / WEI_PER_NANO;
  }

  describe("registerPayee", () => {
    it("refuses account zero", async () => {
      const zero = `0x${"00".repeat(20)}`;
      await refuses(test, () => settlement().registerPayee(zero), "Settlement_NotPayee", [0, zero]);
    });

    it("opens an account with an id of its own, whoever calls, also twice for one account", async () => {
      const before = await booksOf(test);
      for (const id of [6, 7, 8]) {
        await expect(settlement().connect(stranger()).registerPayee(test.workerOwner.address))
          .to.emit(settlement(), "PayeeRegistered")
          .withArgs(id, test.workerOwner.address);
      }
      const after = await booksOf(test);
      expect(after.payees).to.equal(8n);
      expect(after.earnings).to.deep.equal([...before.earnings, 0n, 0n, 0n]);
      expect(after.records.slice(5).map(([account]) => account)).to.deep.equal(
        Array.from({ length: 3 }, () => test.workerOwner.address),
      );
    });

    it("knows the treasury as the first, and nobody else before", async () => {
      expect((await settlement().getPayee(1)).account).to.equal(test.parameters.treasury);
      for (const nobody of [0, 6, 2 ** 32 - 1]) {
        expect(await settlement().earningsOf(nobody)).to.equal(0n);
        expect((await settlement().getPayee(nobody)).account).to.equal(`0x${"00".repeat(20)}`);
      }
    });
  });

  describe("requestWithdrawal", () => {
    beforeEach(() => commitTo(test, test.workerPayee, 100n * OPG));

    it("refuses whoever is not the payee's account", async () => {
      const ask = (id: number) => () => settlement().connect(stranger()).requestWithdrawal(id, 1n);
      for (const id of [payee(), 0, 6]) await refuses(test, ask(id), "Settlement_NotPayee", [id, stranger().address]);
      await refuses(test, () => asWorker().requestWithdrawal(test.settlerPayee, 1n), "Settlement_NotPayee", [
        test.settlerPayee,
        test.workerOwner.address,
      ]);
    });

    it("refuses nothing as an amount", () => refuses(test, () => request(0n), "Settlement_ZeroAmount"));

    for (const amountNano of [EARNED_NANO + 1n, U64_MAX]) {
      it(`refuses ${amountNano}, which is more than there is`, () =>
        refuses(test, () => request(amountNano), "Settlement_EarningsShort", [payee(), EARNED_NANO, amountNano]));
    }

    it("moves the amount out of the lane, to the last nano, in as many parts as asked", async () => {
      const before = await booksOf(test);
      const delay = await settlement().earningsDelay();
      const parts = [30n * OPG, 1n, EARNED_NANO - 30n * OPG - 1n];
      let leftNano = EARNED_NANO;
      for (const [i, amountNano] of parts.entries()) {
        const at = BigInt(await test.networkHelpers.time.latest()) + 5n;
        await test.networkHelpers.time.setNextBlockTimestamp(at);
        await expect(request(amountNano))
          .to.emit(settlement(), "WithdrawalRequested")
          .withArgs(payee(), i + 1, amountNano, at + delay);
        leftNano -= amountNano;
        expect([...(await settlement().getWithdrawal(payee(), i + 1))]).to.deep.equal([amountNano, at + delay]);
        expect(await earnings()).to.equal(leftNano);
      }
      await refuses(test, () => request(1n), "Settlement_EarningsShort", [payee(), 0, 1]);
      const after = await booksOf(test);
      expect(await record()).to.deep.equal({
        pendingNano: EARNED_NANO,
        seizedNano: 0n,
        frozenNano: 0n,
        withdrawals: 3n,
      });
      const others = (all: readonly bigint[]) => all.filter((_, index) => index !== payee() - 1);
      expect(others(after.earnings)).to.deep.equal(others(before.earnings));
    });

    it("leaves an emptied account registered: it can earn again", async () => {
      await mined(request(EARNED_NANO));
      await commitTo(test, payee(), 20n);
      expect(await earnings()).to.equal(19n);
    });
  });

  describe("withdraw", () => {
    beforeEach(async () => {
      await commitTo(test, test.workerPayee, 100n * OPG);
      await mined(request(60n * OPG));
    });

    it("refuses what was never asked for", async () => {
      for (const [id, withdrawal] of [
        [payee(), 0],
        [payee(), 2],
        [test.settlerPayee, 1],
        [0, 1],
      ] as const) {
        const call = () => settlement().withdraw(id, withdrawal);
        await refuses(test, call, "Settlement_NoWithdrawal", [id, withdrawal]);
      }
    });

    it("pays the account from the delay's last second on, whoever calls, and only once", async () => {
      const { dueAt } = await settlement().getWithdrawal(payee(), 1);
      await test.networkHelpers.time.setNextBlockTimestamp(dueAt - 1n);
      await refuses(test, () => withdraw(1), "Settlement_WithdrawalNotDue", [payee(), 1, dueAt]);
      await test.networkHelpers.time.setNextBlockTimestamp(dueAt);
      const amountNano = await paid(() =>
        expect(withdraw(1))
          .to.emit(settlement(), "Withdrawn")
          .withArgs(payee(), 1, test.workerOwner.address, 60n * OPG),
      );
      expect(amountNano).to.equal(60n * OPG);
      expect((await record()).pendingNano).to.equal(0n);
      expect(await earnings()).to.equal(35n * OPG);
      await refuses(test, () => withdraw(1), "Settlement_NoWithdrawal", [payee(), 1]);
    });

    it("pays each in its own time, in any order", async () => {
      await test.networkHelpers.time.increase(100);
      await mined(request(10n * OPG));
      await wait();
      expect(await paid(() => withdraw(2))).to.equal(10n * OPG);
      expect((await record()).pendingNano).to.equal(60n * OPG);
      expect(await paid(() => withdraw(1))).to.equal(60n * OPG);
      await booksOf(test);
    });

    it("goes on while paused", async () => {
      await wait();
      await mined(settlement().pause());
      expect(await paid(() => withdraw(1))).to.equal(60n * OPG);
    });

    it("takes longer than a claim can take to be made", async () => {
      expect((await settlement().earningsDelay()) > (await settlement().claimHorizon())).to.equal(true);
    });
  });

  describe("the court", () => {
    /** The test's own court: an account in its place. */
    const court = () => settlement().connect(test.signers[15] as (typeof test.signers)[0]);

    beforeEach(async () => {
      await commitTo(test, test.workerPayee, 100n * OPG);
      await becomeCourt();
    });

    /** Puts an account in the court's place, in the way that governance would. */
    async function becomeCourt(): Promise<void> {
      const account = test.signers[15] as (typeof test.signers)[0];
      await govern(test, settlement(), settlement().interface.encodeFunctionData("setCourt", [account.address]));
      expect(await settlement().court()).to.equal(account.address);
    }

    it("can be replaced by governance only, the deployer included from the second time on", async () => {
      for (const caller of [stranger(), test.signers[0] as (typeof test.signers)[0]]) {
        const call = () => settlement().connect(caller).setCourt(caller.address);
        const args = [caller.address, test.contracts.timelock.target];
        await refuses(test, call, "Governed_NotGovernance", args);
        expect(await settlement().court()).to.equal(test.signers[15]?.address);
      }
    });

    const calls: [string, (from: ReturnType<typeof court>) => Promise<unknown>][] = [
      ["freeze", (from) => from.freeze(payee(), 1n)],
      ["unfreeze", (from) => from.unfreeze(payee(), 0n)],
      ["seize", (from) => from.seize(payee(), 1n)],
      ["restore", (from) => from.restore(test.settler, 0, 0n, 0n)],
    ];
    for (const [name, call] of calls) {
      it(`alone may ${name}: not the former one${name === "freeze" ? "" : " for long"}, not governance's proposer, not the payee`, async () => {
        if (name !== "freeze") {
          await test.networkHelpers.time.increaseTo((await settlement().formerCourtUntil()) + 1n);
        }
        await test.networkHelpers.impersonateAccount(String(test.contracts.court.target));
        await test.networkHelpers.setBalance(String(test.contracts.court.target), 10n ** 18n);
        const old = await test.ethers.getSigner(String(test.contracts.court.target));
        for (const caller of [old, test.signers[0] as (typeof test.signers)[0], test.workerOwner]) {
          const args = [caller.address, await settlement().court()];
          await refuses(test, () => call(settlement().connect(caller)), "Settlement_NotCourt", args);
        }
        await call(court());
      });
    }

    it("keeps what it froze from leaving, pending earnings included, and no more than that", async () => {
      await mined(request(60n * OPG));
      await mined(request(35n * OPG));
      await wait();
      await expect(court().freeze(payee(), 40n * OPG))
        .to.emit(settlement(), "Frozen")
        .withArgs(payee(), 40n * OPG);
      await refuses(test, () => withdraw(1), "Settlement_EarningsFrozen", [payee(), 35n * OPG, 40n * OPG]);
      expect(await paid(() => withdraw(2))).to.equal(35n * OPG);
      await expect(court().unfreeze(payee(), 39n * OPG))
        .to.emit(settlement(), "Unfrozen")
        .withArgs(payee(), 39n * OPG);
      await refuses(test, () => withdraw(1), "Settlement_EarningsFrozen", [payee(), 0, 1n * OPG]);
      await mined(court().unfreeze(payee(), 1n * OPG));
      expect(await paid(() => withdraw(1))).to.equal(60n * OPG);
    });

    it("lets out what leaves exactly as much as is frozen", async () => {
      await mined(request(60n * OPG));
      await mined(court().freeze(payee(), 35n * OPG + 1n));
      await wait();
      await refuses(test, () => withdraw(1), "Settlement_EarningsFrozen", [payee(), 35n * OPG, 35n * OPG + 1n]);
      await mined(court().unfreeze(payee(), 1n));
      expect(await paid(() => withdraw(1))).to.equal(60n * OPG);
    });

    it("cannot unfreeze more than it froze", async () => {
      await mined(court().freeze(payee(), 5n));
      await refuses(test, () => court().unfreeze(payee(), 6n), "Settlement_NotFrozen", [payee(), 5, 6]);
    });

    it("takes from the lane first, then from what is pending, and what is there at most", async () => {
      await mined(request(60n * OPG));
      await expect(court().seize(payee(), 30n * OPG))
        .to.emit(settlement(), "Seized")
        .withArgs(payee(), 30n * OPG);
      expect([await earnings(), (await record()).pendingNano]).to.deep.equal([5n * OPG, 60n * OPG]);
      await expect(court().seize(payee(), 15n * OPG))
        .to.emit(settlement(), "Seized")
        .withArgs(payee(), 15n * OPG);
      expect(await record()).to.include({ pendingNano: 50n * OPG, seizedNano: 10n * OPG });
      await expect(court().seize(payee(), U64_MAX))
        .to.emit(settlement(), "Seized")
        .withArgs(payee(), 50n * OPG);
      expect(await record()).to.include({ pendingNano: 0n, seizedNano: 60n * OPG });
      expect([await earnings(), await settlement().seizedNano()]).to.deep.equal([0n, EARNED_NANO]);
      await wait();
      expect(await paid(() => withdraw(1))).to.equal(0n);
      expect(await record()).to.include({ pendingNano: 0n, seizedNano: 0n });
      await booksOf(test);
    });

    it("takes what is pending out of whichever withdrawals come first", async () => {
      for (const amountNano of [30n, 40n, 25n]) await mined(request(amountNano * OPG));
      await mined(court().seize(payee(), 50n * OPG));
      await wait();
      expect(await paid(() => withdraw(2))).to.equal(0n);
      expect(await record()).to.include({ pendingNano: 45n * OPG, seizedNano: 10n * OPG });
      expect(await paid(() => withdraw(3))).to.equal(15n * OPG);
      expect(await paid(() => withdraw(1))).to.equal(30n * OPG);
      expect(await record()).to.include({ pendingNano: 0n, seizedNano: 0n });
      await booksOf(test);
    });

    it("takes nothing of a payee that is not registered", async () => {
      const before = await booksOf(test);
      await mined(court().seize(6, U64_MAX));
      expect(await booksOf(test)).to.deep.equal(before);
    });

    it("gives back what it seized or brings, and never more than was debited", async () => {
      await mined(court().seize(payee(), 60n * OPG));
      await mined(opg().transfer(await settlement().court(), 100n * OPG * WEI_PER_NANO));
      const allow = opg().connect(test.signers[15] as (typeof test.signers)[0]);
      await mined(allow.approve(settlement().target, 100n * OPG * WEI_PER_NANO));
      const restore = (seizedNano: bigint, pulledNano: bigint, reservation = 0) =>
        court().restore(test.settler, reservation, seizedNano, pulledNano);

      await refuses(test, () => restore(60n * OPG, 40n * OPG + 1n), "Settlement_LaneOverflow", [
        0,
        RESERVED_NANO - 100n * OPG,
        100n * OPG + 1n,
      ]);
      await refuses(test, () => restore(1n, 0n, 1), "Settlement_LaneOverflow", [1, RESERVED_NANO, 1]);
      await refuses(test, () => restore(0n, 1n, 2), "Settlement_LaneOverflow", [2, 0, 1]);
      // More than was seized: the sum of what was seized cannot go below zero.
      const before = await booksOf(test);
      await expect(restore(60n * OPG + 1n, 0n)).to.be.revertedWithPanic(0x11);
      expect(await booksOf(test)).to.deep.equal(before);

      await expect(restore(60n * OPG, 40n * OPG))
        .to.emit(settlement(), "Restored")
        .withArgs(test.settler, 0, 100n * OPG);
      expect((await settlement().getReservation(test.settler, 0)).balanceNano).to.equal(RESERVED_NANO);
      expect(await settlement().seizedNano()).to.equal(0n);
      await booksOf(test);
      await refuses(test, () => restore(0n, 1n), "Settlement_LaneOverflow", [0, RESERVED_NANO, 1]);
    });
  });

  describe("the treasury's fees", () => {
    it("go the way of all earnings: collected, asked for, waited for, paid", async () => {
      await commitTo(test, test.workerPayee, 100n * OPG);
      await mined(settlement().connect(stranger()).collectFees(test.settler));
      await mined(settlement().requestWithdrawal(1, 5n * OPG)); // the treasury is the deployer
      await wait();
      const before = await opg().balanceOf(test.parameters.treasury);
      await mined(settlement().connect(stranger()).withdraw(1, 1));
      expect(await opg().balanceOf(test.parameters.treasury)).to.equal(before + 5n * OPG * WEI_PER_NANO);
      await booksOf(test);
    });
  });
});
