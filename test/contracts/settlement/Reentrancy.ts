import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { batchFee, headerStruct } from "../../../src/core/protocol/batch.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import type { Terms } from "../../../src/core/protocol/messages.ts";
import { U64_MAX, WEI_PER_NANO } from "../../../src/core/units.ts";
import { addBond, rollStakes } from "../../../src/staking/deposit.ts";
import type { HostileToken, OPG as OpgContract, Reenterer, Settlement } from "../../../typechain-types/index.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import {
  booksOf,
  planCommit,
  rawRows,
  refuses,
  type SettlementTest,
  sendCommit,
  useSettlement,
} from "../../helpers/settlement.ts";

/*
Settlement with a hostile token, and an account that is payer, payee and court at once
├── when it calls out in the middle of a transfer
│  ├── each call that moves money refuses to be entered from within each other
│  ├── a request to leave from within a release pays nothing twice
│  ├── a request to withdraw from within a payment finds the lane as it is
│  └── a batch from within a deposit stands or falls with the deposit
├── when it moves another amount than asked: each deposit reverts
├── when it returns false: deposits and payments revert
└── when there is more of it than fits: no sum overflows
*/
describe("Reentrancy", () => {
  const base = useSettlement({ payers: 0 });
  const AMOUNT_NANO = 100n * OPG;
  const AMOUNT_WEI = AMOUNT_NANO * WEI_PER_NANO;
  const KEY = walletOf("voucher").address;
  const PAYEE = 2; // the actor's, which is the settler's too
  const DEBITED_NANO = 40n * OPG;
  const EARNED_NANO = 38n * OPG;

  /** The suite's chain, with a settlement contract over the hostile token in place of the first one. */
  let test: SettlementTest;
  let token: HostileToken;
  let actor: Reenterer;
  let settlement: Settlement;
  let terms: Terms;

  /**
   * The actor has reservations 0 to 3; of 0 and 1 a release is due. Of 2 some was debited and credited to it, in
   * withdrawals 1 and 2, which are due, and a rest.
   */
  beforeEach(async () => {
    const { ethers, contracts, signers, networkHelpers, parameters } = base;
    const deployer = signers[0] as (typeof signers)[0];
    token = await ethers.deployContract("HostileToken");
    actor = await ethers.deployContract("Reenterer");
    const config = {
      token,
      nodes: contracts.nodeRegistry,
      teeRegistry: contracts.teeRegistry,
      stakeHub: contracts.stakeHub,
      governance: contracts.timelock,
      guardian: deployer.address,
      treasury: deployer.address,
      ringSize: 512,
      times: parameters.times,
    };
    const policy = await contracts.settlement.getPolicy(1);
    settlement = (await ethers.deployContract("Settlement", [config, [[...policy]]])) as unknown as Settlement;
    await mined(settlement.setCourt(actor));
    await mined(settlement.registerPayee(actor));
    const { settlerOwner, settler } = base;
    await mined(settlement.registerPayee(settlerOwner.address));
    await mined(settlement.connect(settlerOwner).openSettler(settler, PAYEE + 1, deployer.address));
    await mined(token.setHook(actor));
    await mined(token.mint(actor, 100n * AMOUNT_WEI));
    await mined(token.mint(deployer, AMOUNT_WEI));
    const { chainId } = await ethers.provider.getNetwork();
    test = {
      ...base,
      contracts: { ...contracts, settlement, opg: token as unknown as OpgContract },
      domain: settlementDomain(chainId, String(settlement.target)),
    };

    const address = (await actor.getAddress()).toLowerCase() as Terms["payer"];
    terms = { payer: address, voucherKey: KEY.toLowerCase() as Terms["voucherKey"], policy: 1 };
    for (let i = 0; i < 4; i++) await act(calls.reserve());
    for (const reservation of [0, 1]) {
      await act(encode("requestRelease", [test.settler, reservation, terms, U64_MAX]));
    }
    await commit(2, DEBITED_NANO);
    for (const amountNano of [10n * OPG, 20n * OPG]) await act(encode("requestWithdrawal", [PAYEE, amountNano]));
    await networkHelpers.time.increase(Math.max(parameters.times.releaseDelay, parameters.times.earningsDelay));
  });

  const encode = (name: string, args: readonly unknown[]) =>
    settlement.interface.encodeFunctionData(name as "reserve", args as never);
  /** The actor calls the settlement contract. */
  const act = (data: string) => actor.execute(settlement, data);

  const planDebit = (index: number, amountNano: bigint) =>
    planCommit(test, {
      debits: [{ index, amountNano }],
      credits: [{ index: PAYEE, amountNano: amountNano - batchFee(amountNano, 50_000) }],
    });
  const commit = async (index: number, amountNano: bigint) =>
    mined(sendCommit(test, await planDebit(index, amountNano)));

  /** Every call that moves money. `which` tells two of a kind apart, so that one can be made inside the other. */
  type Call = (which?: number) => string;
  const calls = {
    reserve: () => encode("reserve", [test.settler, KEY, 1, AMOUNT_NANO]),
    reserveWithPermit: () =>
      encode("reserveWithPermit", [test.settler, KEY, 1, AMOUNT_NANO, U64_MAX, 27, ZeroHash, ZeroHash]),
    reserveWithAuthorization: () =>
      encode("reserveWithAuthorization", [
        terms.payer,
        test.settler,
        KEY,
        1,
        AMOUNT_NANO,
        0,
        U64_MAX,
        ZeroHash,
        27,
        ZeroHash,
        ZeroHash,
      ]),
    topUp: () => encode("topUp", [test.settler, 3, AMOUNT_NANO]),
    release: (which = 0) => encode("release", [test.settler, which, terms]),
    withdraw: (which = 0) => encode("withdraw", [PAYEE, which + 1]),
    restore: () => encode("restore", [test.settler, 2, 0, OPG]),
  } satisfies Record<string, Call>;

  describe("a call in the middle of a transfer", () => {
    for (const [outer, outerCall] of Object.entries<Call>(calls)) {
      it(`from within ${outer} moves no money by itself`, async () => {
        const restore = await base.networkHelpers.takeSnapshot();
        for (const [inner, innerCall] of Object.entries<Call>(calls)) {
          const before = await booksOf(test);
          await mined(actor.plan(settlement, innerCall(1)));
          await mined(act(outerCall(0)));
          expect(await actor.calls(), inner).to.equal(1n);
          expect(await actor.succeeded(), inner).to.equal(false);
          expect(await actor.answer(), inner).to.equal(
            settlement.interface.getError("ReentrancyGuardReentrantCall")?.selector,
          );
          expect(await booksOf(test), `${outer} itself`).not.to.deep.equal(before);
          // It was the place that was wrong, and nothing else: the same call goes through after the other.
          await mined(act(innerCall(1)));
          await booksOf(test);
          await restore.restore();
        }
      });
    }

    it("to leave, from within a release, pays nothing twice", async () => {
      await mined(actor.plan(settlement, encode("requestRelease", [test.settler, 0, terms, U64_MAX])));
      const before = await token.balanceOf(actor);
      await mined(act(calls.release(0)));
      expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([1n, true]);
      await base.networkHelpers.time.increase(base.parameters.times.releaseDelay);
      await expect(act(calls.release(0)))
        .to.emit(settlement, "Released")
        .withArgs(test.settler, 0, actor.target, 0);
      expect((await token.balanceOf(actor)) - before).to.equal(AMOUNT_WEI);
      await booksOf(test);
    });

    it("to cancel, from within a release, finds that there is none any more", async () => {
      await mined(actor.plan(settlement, encode("cancelRelease", [test.settler, 0, terms])));
      await mined(act(calls.release(0)));
      expect(await actor.answer()).to.equal(
        settlement.interface.encodeErrorResult("Settlement_NoRelease", [test.settler, 0]),
      );
    });

    it("to withdraw more, from within a payment, finds the lane as it is", async () => {
      const leftNano = EARNED_NANO - 30n * OPG;
      expect(await settlement.earningsOf(PAYEE)).to.equal(leftNano);
      await mined(actor.plan(settlement, encode("requestWithdrawal", [PAYEE, leftNano + 1n])));
      await mined(act(calls.withdraw(0)));
      expect(await actor.answer()).to.equal(
        settlement.interface.encodeErrorResult("Settlement_EarningsShort", [PAYEE, leftNano, leftNano + 1n]),
      );
      await booksOf(test);
    });

    /** The arguments of a batch that debits the reservation that is just being opened. */
    async function commitOfNext(): Promise<string> {
      const { reservations } = await settlement.getSettler(test.settler);
      const { body, debits, credits, signatures } = await planDebit(Number(reservations), AMOUNT_NANO);
      return encode("commitBatch", [headerStruct(body), toHex(debits), toHex(credits), toHex(signatures), "0x"]);
    }

    it("to commit a batch, from within the deposit that it debits, leaves the books right", async () => {
      await mined(settlement.connect(test.settlerOwner).setCommitter(test.settler, actor));
      await mined(actor.plan(settlement, await commitOfNext()));
      await mined(act(calls.reserve()));
      expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([1n, true]);
      const { lanes, settler } = await booksOf(test);
      expect(lanes[4]?.slice(0, 2)).to.deep.equal(["0", String(AMOUNT_NANO)]);
      expect(settler[3]).to.equal(2n);
    });

    it("to commit a batch, from within a deposit that brings too little, falls with the deposit", async () => {
      await mined(actor.plan(settlement, await commitOfNext()));
      await mined(token.setSkew(-1));
      const args = [AMOUNT_WEI - 1n, AMOUNT_WEI];
      await refuses(test, () => act(calls.reserve()), "Settlement_TokenMoved", args, settlement);
      expect((await settlement.getSettler(test.settler)).batches).to.equal(1n);
    });

    it("to send a little more, from within a deposit, makes it another amount than asked", async () => {
      await mined(actor.plan(token, token.interface.encodeFunctionData("transfer", [settlement.target as string, 1])));
      const args = [AMOUNT_WEI + 1n, AMOUNT_WEI];
      await refuses(test, () => act(calls.reserve()), "Settlement_TokenMoved", args, settlement);
    });
  });

  describe("a token that moves another amount than asked", () => {
    const deposits = ["reserve", "reserveWithPermit", "reserveWithAuthorization", "topUp", "restore"] as const;
    for (const name of deposits) {
      it(`is refused by ${name}`, async () => {
        const askedWei = name === "restore" ? OPG * WEI_PER_NANO : AMOUNT_WEI;
        for (const skewWei of [-askedWei, -1n, 1n, askedWei]) {
          await mined(token.setSkew(skewWei));
          const args = [askedWei + skewWei, askedWei];
          await refuses(test, () => act(calls[name]()), "Settlement_TokenMoved", args, settlement);
        }
        await mined(token.setSkew(0));
        await mined(act(calls[name]()));
        await booksOf(test);
      });
    }
  });

  describe("a token that returns false", () => {
    for (const [name, call] of Object.entries<Call>(calls)) {
      it(`is refused by ${name}`, async () => {
        await mined(token.setRefuses(true));
        // An authorization returns nothing: there it shows in what was moved.
        const [error, args] =
          name === "reserveWithAuthorization"
            ? ["Settlement_TokenMoved", [0n, AMOUNT_WEI]]
            : ["SafeERC20FailedOperation", [token.target]];
        await refuses(test, () => act(call(0)), error as string, args as unknown[], settlement);
        await mined(token.setRefuses(false));
        await mined(act(call(0)));
      });
    }
  });

  describe("a token of which there is more than fits", () => {
    const LOTS_NANO = U64_MAX - AMOUNT_NANO;
    beforeEach(async () => {
      await mined(token.mint(actor, 8n * U64_MAX * WEI_PER_NANO));
      for (const reservation of [0, 1, 3]) await act(encode("topUp", [test.settler, reservation, LOTS_NANO]));
    });

    it("cannot make the sum of the debits overflow", async () => {
      const good = await planDebit(2, 1n * OPG);
      const debits = rawRows([
        [0, U64_MAX],
        [1, 1n],
      ]);
      const over = { ...good, debits };
      await refuses(test, () => sendCommit(test, over), "Settlement_TotalTooHigh", [U64_MAX + 1n], settlement);
    });

    it("cannot make a payee's lane overflow", async () => {
      const hasNano = await settlement.earningsOf(PAYEE);
      const creditNano = U64_MAX - hasNano;
      const good = await planDebit(2, 1n * OPG);
      const over = { ...good, debits: rawRows([[0, U64_MAX]]), credits: rawRows([[PAYEE, creditNano]]) };
      const args = [PAYEE, hasNano, creditNano];
      await refuses(test, () => sendCommit(test, over), "Settlement_LaneOverflow", args, settlement);
    });

    it("cannot make a lane overflow by a top-up", async () => {
      const call = () => act(encode("topUp", [test.settler, 0, 1]));
      await refuses(test, call, "Settlement_LaneOverflow", [0, U64_MAX, 1], settlement);
    });

    it("cannot make a settler's fees overflow their 60 bits", async () => {
      const { ethers, signers, contracts, networkHelpers } = base;
      // As if all tranches had been paid: a smaller bond would take hundreds of batches.
      const vault = String(contracts.vestVault.target);
      await networkHelpers.impersonateAccount(vault);
      await networkHelpers.setBalance(vault, 10n ** 18n);
      const locked = await contracts.opg.balanceOf(vault);
      await mined(contracts.opg.connect(await ethers.getSigner(vault)).transfer(signers[0]?.address ?? "", locked));
      const coverPeriod = await settlement.coverPeriod();
      const bonded = await contracts.stakeHub.effectiveStake(test.settler);
      const bondNano = 900_000_000n * OPG;
      const payer = signers[0] as (typeof signers)[0];
      const { countsAt } = await addBond(contracts, payer, test.settler, bondNano - bonded);
      await networkHelpers.time.increaseTo(countsAt);
      await rollStakes(contracts, payer, [test.settler]);
      const totalNano = bondNano / 2n;
      const feeNano = batchFee(totalNano, 50_000);
      let { feesNano } = await settlement.getSettler(test.settler);
      let batches = 0;
      for (; feesNano + feeNano < 2n ** 60n; feesNano += feeNano, batches++) {
        await networkHelpers.time.increase(coverPeriod);
        // From and to two lanes in turns, because one would not hold all of it.
        const turn = batches % 2;
        const plan = await planCommit(test, {
          debits: [{ index: turn, amountNano: totalNano }],
          credits: [{ index: 1 + turn, amountNano: totalNano - feeNano }],
        });
        await mined(sendCommit(test, plan));
      }
      expect(batches).to.be.greaterThan(20);
      await networkHelpers.time.increase(coverPeriod);
      const over = await planDebit(3, totalNano);
      await refuses(test, () => sendCommit(test, over), "Settlement_TotalTooHigh", [totalNano], settlement);
      expect((await settlement.getSettler(test.settler)).feesNano).to.equal(feesNano);
      await mined(settlement.collectFees(test.settler));
      await mined(sendCommit(test, over));
      await booksOf(test);
    });
  });
});
