import { expect } from "chai";
import { Signature, ZeroAddress } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { termsHash } from "../../../src/core/protocol/messages.ts";
import { U64_MAX, WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import {
  booksOf,
  commitTo,
  payerOf,
  RESERVED_NANO,
  type Reserved,
  refuses,
  type SettlementTest,
  useSettlement,
} from "../../helpers/settlement.ts";

/*
Reservations
├── openSettler
│  ├── when the caller does not own the operator, the payee is not its own, or it is open: reverts
│  └── when all is well: opens it, once
├── setCommitter
│  ├── when the caller does not own the operator or it is not open: reverts
│  └── when all is well: replaces the committer at once
├── reserve, reserveWithPermit, reserveWithAuthorization
│  ├── when amount, voucher key, policy or settler is wrong: reverts
│  ├── given the contract is paused or the policy retired: reverts
│  ├── when the money is not there or not allowed: reverts
│  ├── when a permit or authorization was signed for something else, by somebody else, is late, or is used: reverts
│  ├── given somebody else submitted the permit before: reserves all the same
│  └── when all is well: money, record and lane, each reservation with an index of its own
├── topUp
│  ├── when the amount is zero or too much, or there is no such reservation: reverts
│  └── when all is well: adds, whoever pays
├── requestRelease, cancelRelease
│  ├── when the terms are others or the caller is not the payer: reverts
│  └── when all is well: starts, restarts, ends the delay, also while paused
└── release
   ├── given none is pending or the delay has not passed: reverts
   └── when it is due: pays min(asked, left) to the payer, whoever calls, once, while paused, with the settler gone
*/
describe("Reservations", () => {
  const test = useSettlement({ payers: 2 });
  const KEY = walletOf("voucher").address;
  const AMOUNT_NANO = 5n * OPG;
  const AMOUNT_WEI = AMOUNT_NANO * WEI_PER_NANO;

  const settlement = () => test.contracts.settlement;
  const opg = () => test.contracts.opg;
  const payer = () => payerOf(test, 0);
  const stranger = () => payerOf(test, 8);
  const first = () => test.reserved[0] as Reserved;

  /** Gives the payer what it wants to reserve. */
  async function fund(amountNano = AMOUNT_NANO): Promise<void> {
    await mined(opg().transfer(payer().address, amountNano * WEI_PER_NANO));
  }

  async function allow(amountNano = AMOUNT_NANO): Promise<void> {
    await fund(amountNano);
    await mined(
      opg()
        .connect(payer())
        .approve(settlement().target, amountNano * WEI_PER_NANO),
    );
  }

  /** The reservation after the two of the fixture: all of the amount, under the payer's terms. */
  async function reservedNew(reservation = 2): Promise<void> {
    const { balanceNano, netNano, termsHash192 } = await settlement().getReservation(test.settler, reservation);
    const terms = { payer: payer().address.toLowerCase(), voucherKey: KEY.toLowerCase(), policy: 1 };
    const hash = BigInt(toHex(termsHash(terms as Reserved["terms"])));
    expect([balanceNano, netNano, termsHash192]).to.deep.equal([AMOUNT_NANO, AMOUNT_NANO, hash >> 64n]);
    expect((await settlement().getSettler(test.settler)).reservations).to.equal(BigInt(reservation + 1));
    expect(await opg().balanceOf(payer().address)).to.equal(0n);
    await booksOf(test);
  }

  describe("setCommitter", () => {
    it("refuses whoever does not own the operator, and an operator that is not open", async () => {
      const set = (from: ReturnType<typeof stranger>, operator: number) => () =>
        settlement().connect(from).setCommitter(operator, stranger().address);
      for (const operator of [test.settler, 0, 99]) {
        const args = [operator, stranger().address];
        await refuses(test, set(stranger(), operator), "Settlement_NotOperatorOwner", args);
      }
      await refuses(test, set(test.workerOwner, 2), "Settlement_UnknownSettler", [2]);
    });

    it("replaces the committer at once, by nobody as well", async () => {
      for (const committer of [stranger().address, ZeroAddress]) {
        await expect(settlement().connect(test.settlerOwner).setCommitter(test.settler, committer))
          .to.emit(settlement(), "CommitterSet")
          .withArgs(test.settler, committer);
        expect((await settlement().getSettler(test.settler)).committer).to.equal(committer);
      }
    });
  });

  describe("openSettler", () => {
    const WORKER = 2; // the operator of the worker's owner, not open

    it("refuses whoever does not own the operator", async () => {
      for (const operator of [WORKER, 0, 99]) {
        await refuses(
          test,
          () => settlement().connect(stranger()).openSettler(operator, test.workerPayee, stranger().address),
          "Settlement_NotOperatorOwner",
          [operator, stranger().address],
        );
      }
    });

    it("refuses a payee that is not the caller's own: refunds would come out of somebody else's earnings", async () => {
      for (const payee of [0, 99, 1, test.settlerPayee]) {
        const open = () => settlement().connect(test.workerOwner).openSettler(WORKER, payee, stranger().address);
        await refuses(test, open, "Settlement_NotPayee", [payee, test.workerOwner.address]);
      }
    });

    it("opens an operator, once", async () => {
      const open = () =>
        settlement().connect(test.workerOwner).openSettler(WORKER, test.workerPayee, stranger().address);
      const opened = await open();
      await expect(opened).to.emit(settlement(), "SettlerOpened").withArgs(WORKER, test.workerPayee);
      await expect(opened).to.emit(settlement(), "CommitterSet").withArgs(WORKER, stranger().address);
      const openedAt = BigInt(await test.networkHelpers.time.latest());
      const state = [...(await settlement().getSettler(WORKER))];
      expect(state).to.deep.equal([BigInt(test.workerPayee), 0n, 0n, 0n, 0n, openedAt, 0n, stranger().address]);
      await refuses(test, open, "Settlement_AlreadyOpen", [WORKER]);
      expect([...(await settlement().getSettler(WORKER))]).to.deep.equal(state);
    });
  });

  /** How money may come in: each takes the same arguments and leads to the same reservation. */
  type Way = {
    /** Gets the money ready, as much as this way needs. */
    prepare(): Promise<void>;
    reserve(settler: number, voucherKey: string, policy: number, amountNano: bigint): Promise<unknown>;
  };
  const ways: Record<string, Way> = {
    reserve: {
      prepare: () => allow(),
      reserve: (...terms) =>
        settlement()
          .connect(payer())
          .reserve(...terms),
    },
    reserveWithPermit: {
      prepare: () => fund(),
      reserve: async (settler, voucherKey, policy, amountNano) => {
        const { deadline, v, r, s } = await permit(test, { amountNano });
        return settlement()
          .connect(payer())
          .reserveWithPermit(settler, voucherKey, policy, amountNano, deadline, v, r, s);
      },
    },
    reserveWithAuthorization: {
      prepare: () => fund(),
      reserve: async (settler, voucherKey, policy, amountNano) =>
        relay(await authorize(test, { settler, voucherKey, policy, amountNano })),
    },
  };

  type Authorization = Awaited<ReturnType<typeof authorize>>;

  /** Submits an authorization from an account that has no part in it. */
  const relay = (a: Authorization) =>
    settlement()
      .connect(stranger())
      .reserveWithAuthorization(
        a.payer,
        a.settler,
        a.voucherKey,
        a.policy,
        a.amountNano,
        a.validAfter,
        a.validBefore,
        a.salt,
        a.v,
        a.r,
        a.s,
      );

  for (const [name, way] of Object.entries(ways)) {
    describe(name, () => {
      const refused = (
        error: string,
        args: readonly unknown[],
        { settler = test.settler, key = KEY, policy = 1, amountNano = AMOUNT_NANO } = {},
      ) => refuses(test, () => way.reserve(settler, key, policy, amountNano), error, args);

      beforeEach(() => way.prepare());

      it("refuses nothing as an amount", () => refused("Settlement_ZeroAmount", [], { amountNano: 0n }));

      it("refuses no voucher key", () => refused("Settlement_NoVoucherKey", [], { key: `0x${"00".repeat(20)}` }));

      for (const policy of [0, 3, 65_535]) {
        it(`refuses policy ${policy}, which is not registered`, () =>
          refused("Settlement_UnknownPolicy", [policy], { policy }));
      }

      it("refuses a policy that was retired, and only that one", async () => {
        await mined(settlement().retirePolicy(2));
        const { retiredAt } = await settlement().getPolicy(2);
        await refused("Settlement_PolicyRetired", [2, retiredAt], { policy: 2 });
        await way.reserve(test.settler, KEY, 1, AMOUNT_NANO);
        await reservedNew();
      });

      for (const settler of [0, 2, 99]) {
        it(`refuses settler ${settler}, which is not open`, () =>
          refused("Settlement_UnknownSettler", [settler], { settler }));
      }

      it("refuses while paused, up to the pause's last second", async () => {
        await mined(settlement().pause());
        const until = await settlement().pausedUntil();
        await test.networkHelpers.time.setNextBlockTimestamp(until);
        await refused("Settlement_Paused", [until]);
        await test.networkHelpers.time.setNextBlockTimestamp(until + 1n);
        await way.reserve(test.settler, KEY, 1, AMOUNT_NANO);
        await reservedNew();
      });

      it("refuses more than the payer has", async () => {
        await mined(opg().connect(payer()).transfer(stranger().address, 1n));
        const error = [payer().address, AMOUNT_WEI - 1n, AMOUNT_WEI];
        const reserve = () => way.reserve(test.settler, KEY, 1, AMOUNT_NANO);
        await refuses(test, reserve, "ERC20InsufficientBalance", error, opg());
      });

      it("takes money, opens a lane and says so", async () => {
        await expect(way.reserve(test.settler, KEY, 1, AMOUNT_NANO))
          .to.emit(settlement(), "Reserved")
          .withArgs(test.settler, 2, payer().address, KEY, 1, AMOUNT_NANO);
        await reservedNew();
      });

      it("gives each reservation an index and a lane of its own, also across slots", async () => {
        for (const reservation of [2, 3, 4]) {
          await way.reserve(test.settler, KEY, 1, AMOUNT_NANO);
          await reservedNew(reservation);
          await way.prepare();
        }
        const { lanes } = await booksOf(test);
        expect(lanes.map(([balance]) => BigInt(balance as string))).to.deep.equal([
          RESERVED_NANO,
          RESERVED_NANO,
          AMOUNT_NANO,
          AMOUNT_NANO,
          AMOUNT_NANO,
        ]);
      });

      it("counts reservations of each settler on their own", async () => {
        await mined(settlement().connect(test.workerOwner).openSettler(2, test.workerPayee, stranger().address));
        const before = await settlement().getReservation(test.settler, 0);
        await way.reserve(2, KEY, 1, AMOUNT_NANO);
        expect((await settlement().getReservation(2, 0)).balanceNano).to.equal(AMOUNT_NANO);
        expect(await settlement().getReservation(test.settler, 0)).to.deep.equal(before);
        expect((await settlement().getSettler(test.settler)).reservations).to.equal(2n);
      });
    });
  }

  describe("reserve", () => {
    it("refuses more than the payer allowed", async () => {
      await allow(AMOUNT_NANO);
      await mined(
        opg()
          .connect(payer())
          .approve(settlement().target, AMOUNT_WEI - 1n),
      );
      const reserve = () => settlement().connect(payer()).reserve(test.settler, KEY, 1, AMOUNT_NANO);
      const args = [settlement().target, AMOUNT_WEI - 1n, AMOUNT_WEI];
      await refuses(test, reserve, "ERC20InsufficientAllowance", args, opg());
    });

    it("refuses an amount of 2^64 - 1 nano, which nobody has", async () => {
      await allow();
      const reserve = () => settlement().connect(payer()).reserve(test.settler, KEY, 1, U64_MAX);
      const args = [settlement().target, AMOUNT_WEI, U64_MAX * WEI_PER_NANO];
      await refuses(test, reserve, "ERC20InsufficientAllowance", args, opg());
    });
  });

  describe("reserveWithPermit", () => {
    beforeEach(() => fund());
    const allowed = async () => opg().allowance(payer().address, settlement().target);
    type Permit = Awaited<ReturnType<typeof permit>>;
    const reserve = ({ deadline, v, r, s }: Permit, from = payer()) =>
      settlement().connect(from).reserveWithPermit(test.settler, KEY, 1, AMOUNT_NANO, deadline, v, r, s);

    const cases: [string, () => Promise<Permit>][] = [
      ["for less", () => permit(test, { amountNano: AMOUNT_NANO - 1n })],
      ["for more", () => permit(test, { amountNano: AMOUNT_NANO + 1n })],
      ["for another spender", () => permit(test, { spender: test.contracts.court.target as string })],
      ["that is late", async () => permit(test, { deadline: BigInt(await test.networkHelpers.time.latest()) })],
      ["of another nonce", () => permit(test, { nonce: 7n })],
      ["by another key", () => permit(test, { signer: stranger() })],
    ];
    for (const [what, sign] of cases) {
      it(`refuses a permit ${what}, when nothing else allows it`, async () => {
        const bad = await sign();
        const args = [settlement().target, await allowed(), AMOUNT_WEI];
        await refuses(test, () => reserve(bad), "ERC20InsufficientAllowance", args, opg());
        expect(await allowed()).to.equal(0n);
      });
    }

    it("refuses the payer's permit in the hands of another: it would be another's reservation", async () => {
      const signed = await permit(test, {});
      const args = [settlement().target, 0n, AMOUNT_WEI];
      await refuses(test, () => reserve(signed, stranger()), "ERC20InsufficientAllowance", args, opg());
    });

    it("does no harm when somebody else submitted the permit first", async () => {
      const { deadline, v, r, s } = await permit(test, {});
      await mined(
        opg().connect(stranger()).permit(payer().address, settlement().target, AMOUNT_WEI, deadline, v, r, s),
      );
      await reserve({ deadline, v, r, s } as Permit);
      await reservedNew();
    });

    it("leaves no allowance behind, and cannot be used again", async () => {
      const signed = await permit(test, {});
      await reserve(signed);
      expect(await allowed()).to.equal(0n);
      await fund();
      const args = [settlement().target, 0n, AMOUNT_WEI];
      await refuses(test, () => reserve(signed), "ERC20InsufficientAllowance", args, opg());
    });
  });

  describe("reserveWithAuthorization", () => {
    beforeEach(() => fund());

    /** A relay that changes any of the arguments asks for another nonce than was signed. */
    const changes: [string, () => Partial<Authorization>][] = [
      ["the settler", () => ({ settler: 2 })],
      ["the voucher key", () => ({ voucherKey: stranger().address })],
      ["the policy", () => ({ policy: 2 })],
      ["the amount", () => ({ amountNano: AMOUNT_NANO - 1n })],
      ["the salt", () => ({ salt: `0x${"01".repeat(32)}` })],
      ["the first second", () => ({ validAfter: 1n })],
      ["the last second", () => ({ validBefore: 2n ** 40n })],
      ["the payer", () => ({ payer: payerOf(test, 1).address })],
    ];
    for (const [what, change] of changes) {
      it(`refuses a relay that changes ${what}`, async () => {
        await mined(settlement().connect(test.workerOwner).openSettler(2, test.workerPayee, stranger().address));
        const signed = await authorize(test, {});
        await refuses(test, () => relay({ ...signed, ...change() }), "ERC3009InvalidSignature", [], opg());
        await relay(signed);
        await reservedNew();
      });
    }

    it("refuses one by another key", async () => {
      const signed = await authorize(test, { signer: stranger() });
      await refuses(test, () => relay(signed), "ERC3009InvalidSignature", [], opg());
    });

    it("refuses one that was used", async () => {
      const signed = await authorize(test, {});
      await relay(signed);
      await fund();
      const nonce = await settlement().authorizationNonce(test.settler, KEY, 1, AMOUNT_NANO, signed.salt);
      await refuses(test, () => relay(signed), "ERC3009UsedAuthorization", [payer().address, nonce], opg());
    });

    it("refuses one that the payer cancelled", async () => {
      const signed = await authorize(test, {});
      const nonce = await settlement().authorizationNonce(test.settler, KEY, 1, AMOUNT_NANO, signed.salt);
      const types = {
        CancelAuthorization: [
          { name: "authorizer", type: "address" },
          { name: "nonce", type: "bytes32" },
        ],
      };
      const signature = await payer().signTypedData(await tokenDomain(test), types, {
        authorizer: payer().address,
        nonce,
      });
      const { v, r, s } = Signature.from(signature);
      await mined(opg().connect(stranger()).cancelAuthorization(payer().address, nonce, v, r, s));
      await refuses(test, () => relay(signed), "ERC3009UsedAuthorization", [payer().address, nonce], opg());
    });

    it("refuses one before its time and after it", async () => {
      const now = BigInt(await test.networkHelpers.time.latest());
      const signed = await authorize(test, { validAfter: now + 100n, validBefore: now + 200n });
      const args = [now + 100n, now + 200n];
      for (const at of [now + 100n, now + 200n]) {
        await test.networkHelpers.time.setNextBlockTimestamp(at);
        await refuses(test, () => relay(signed), "ERC3009InvalidAuthorizationTime", args, opg());
      }
      await test.networkHelpers.time.setNextBlockTimestamp(now + 199n);
      await relay(signed);
      await reservedNew();
    });

    it("cannot be taken by whoever gives it to the token itself", async () => {
      const { payer: from, validAfter, validBefore, salt, v, r, s } = await authorize(test, {});
      const nonce = await settlement().authorizationNonce(test.settler, KEY, 1, AMOUNT_NANO, salt);
      const receive = () =>
        opg()
          .connect(stranger())
          .receiveWithAuthorization(from, settlement().target, AMOUNT_WEI, validAfter, validBefore, nonce, v, r, s);
      await refuses(test, receive, "ERC20InvalidReceiver", [settlement().target], opg());
    });
  });

  describe("topUp", () => {
    const topUp = (amountNano: bigint, reservation = 0, settler = test.settler) =>
      settlement().connect(payer()).topUp(settler, reservation, amountNano);
    beforeEach(() => allow());

    it("refuses nothing as an amount", () => refuses(test, () => topUp(0n), "Settlement_ZeroAmount"));

    it("refuses a reservation that is not there", async () => {
      for (const [settler, reservation] of [
        [test.settler, 2],
        [2, 0],
      ] as const) {
        const error = [settler, reservation];
        await refuses(test, () => topUp(1n, reservation, settler), "Settlement_UnknownReservation", error);
      }
    });

    it("refuses while paused", async () => {
      await mined(settlement().pause());
      await refuses(test, () => topUp(1n), "Settlement_Paused", [await settlement().pausedUntil()]);
    });

    it("refuses what would overflow the lane, and does not touch the terms above it", async () => {
      for (const amountNano of [U64_MAX - RESERVED_NANO + 1n, U64_MAX]) {
        const args = [0, RESERVED_NANO, amountNano];
        await refuses(test, () => topUp(amountNano), "Settlement_LaneOverflow", args);
      }
      // Where some was debited, the record overflows before the lane does.
      await commitTo(test, test.workerPayee, 100n * OPG);
      const amountNano = U64_MAX - RESERVED_NANO + 1n;
      await refuses(test, () => topUp(amountNano), "Settlement_LaneOverflow", [0, RESERVED_NANO, amountNano]);
      const largest = U64_MAX - RESERVED_NANO; // fits the lane, but nobody has it
      const args = [settlement().target, AMOUNT_WEI, largest * WEI_PER_NANO];
      await refuses(test, () => topUp(largest), "ERC20InsufficientAllowance", args, opg());
    });

    it("refuses what was not allowed", async () => {
      const args = [settlement().target, AMOUNT_WEI, AMOUNT_WEI + WEI_PER_NANO];
      await refuses(test, () => topUp(AMOUNT_NANO + 1n), "ERC20InsufficientAllowance", args, opg());
    });

    it("adds to record and lane, whoever pays", async () => {
      await commitTo(test, test.workerPayee, 7n * OPG);
      const before = await booksOf(test);
      await expect(topUp(AMOUNT_NANO, 1))
        .to.emit(settlement(), "ToppedUp")
        .withArgs(test.settler, 1, payer().address, AMOUNT_NANO);
      await allow();
      await mined(topUp(AMOUNT_NANO, 0));
      const { lanes } = await booksOf(test);
      const added = (index: number) => {
        const [balance, net, hash] = before.lanes[index] as string[];
        return [String(BigInt(balance as string) + AMOUNT_NANO), String(BigInt(net as string) + AMOUNT_NANO), hash];
      };
      expect(lanes).to.deep.equal([added(0), added(1)]);
    });

    it("works under a policy that was retired", async () => {
      await mined(settlement().retirePolicy(1));
      await mined(topUp(AMOUNT_NANO));
      expect((await settlement().getReservation(test.settler, 0)).balanceNano).to.equal(RESERVED_NANO + AMOUNT_NANO);
    });
  });

  describe("terms", () => {
    /** The three calls that take terms, each as it would be right for reservation 0 if its terms were. */
    const calls = {
      requestRelease: (terms: Reserved["terms"], from = payer(), reservation = 0) =>
        settlement().connect(from).requestRelease(test.settler, reservation, terms, 1n),
      cancelRelease: (terms: Reserved["terms"], from = payer(), reservation = 0) =>
        settlement().connect(from).cancelRelease(test.settler, reservation, terms),
      release: (terms: Reserved["terms"], from = payer(), reservation = 0) =>
        settlement().connect(from).release(test.settler, reservation, terms),
    };
    const otherTerms: [string, () => Partial<Reserved["terms"]>][] = [
      ["payer", () => ({ payer: stranger().address as never })],
      ["voucher key", () => ({ voucherKey: stranger().address as never })],
      ["policy", () => ({ policy: 2 })],
    ];
    beforeEach(async () => {
      await mined(calls.requestRelease(first().terms));
      await test.networkHelpers.time.increase(await settlement().releaseDelay());
    });

    for (const [name, call] of Object.entries(calls)) {
      for (const [what, change] of otherTerms) {
        it(`of another ${what} are refused by ${name}`, async () => {
          const terms = { ...first().terms, ...change() };
          const given = toHex(termsHash(terms));
          await refuses(test, () => call(terms, stranger()), "Settlement_WrongTerms", [test.settler, 0, given]);
          await mined(call(first().terms));
        });
      }

      it(`of another reservation are refused by ${name}`, async () => {
        const { terms } = test.reserved[1] as Reserved;
        const args = [test.settler, 0, toHex(termsHash(terms))];
        await refuses(test, () => call(terms, payerOf(test, 1)), "Settlement_WrongTerms", args);
      });

      it(`of a reservation that is not there are refused by ${name}`, () =>
        refuses(test, () => call(first().terms, payer(), 2), "Settlement_UnknownReservation", [test.settler, 2]));
    }

    for (const name of ["requestRelease", "cancelRelease"] as const) {
      it(`are no leave for another than the payer to ${name}`, () =>
        refuses(test, () => calls[name](first().terms, stranger()), "Settlement_NotPayer", [
          stranger().address,
          payer().address,
        ]));
    }
  });

  describe("release", () => {
    const asPayer = () => settlement().connect(payer());
    const request = (amountNano: bigint) => asPayer().requestRelease(test.settler, 0, first().terms, amountNano);
    const release = () => settlement().connect(stranger()).release(test.settler, 0, first().terms);
    const pending = async () => [...(await settlement().getRelease(test.settler, 0))];
    const wait = async () => test.networkHelpers.time.increase(await settlement().releaseDelay());

    /** What the payer got. */
    async function paid(call: () => Promise<unknown>): Promise<bigint> {
      const before = await opg().balanceOf(payer().address);
      await call();
      return ((await opg().balanceOf(payer().address)) - before) / WEI_PER_NANO;
    }

    it("refuses a request for nothing", () => refuses(test, () => request(0n), "Settlement_ZeroAmount"));

    it("refuses to pay or to cancel what was not asked for", async () => {
      await refuses(test, release, "Settlement_NoRelease", [test.settler, 0]);
      const cancel = () => asPayer().cancelRelease(test.settler, 0, first().terms);
      await refuses(test, cancel, "Settlement_NoRelease", [test.settler, 0]);
    });

    it("starts the delay, tells of it, and pays from its last second on", async () => {
      const at = BigInt(await test.networkHelpers.time.latest()) + 5n;
      const dueAt = at + (await settlement().releaseDelay());
      await test.networkHelpers.time.setNextBlockTimestamp(at);
      await expect(request(AMOUNT_NANO))
        .to.emit(settlement(), "ReleaseRequested")
        .withArgs(test.settler, 0, AMOUNT_NANO, dueAt);
      expect(await pending()).to.deep.equal([AMOUNT_NANO, dueAt]);

      await test.networkHelpers.time.setNextBlockTimestamp(dueAt - 1n);
      await refuses(test, release, "Settlement_ReleaseNotDue", [test.settler, 0, dueAt]);
      await test.networkHelpers.time.setNextBlockTimestamp(dueAt);
      await expect(release()).to.emit(settlement(), "Released").withArgs(test.settler, 0, payer().address, AMOUNT_NANO);
      expect(await opg().balanceOf(payer().address)).to.equal(AMOUNT_WEI);
      const left = RESERVED_NANO - AMOUNT_NANO;
      const { balanceNano, netNano, termsHash192 } = await settlement().getReservation(test.settler, 0);
      expect([balanceNano, netNano]).to.deep.equal([left, left]);
      expect(termsHash192).to.equal(BigInt(toHex(termsHash(first().terms))) >> 64n);
      await refuses(test, release, "Settlement_NoRelease", [test.settler, 0]);
    });

    it("starts anew with a second request, which replaces the first", async () => {
      await mined(request(AMOUNT_NANO));
      await wait();
      await mined(request(2n));
      const { dueAt } = await settlement().getRelease(test.settler, 0);
      await refuses(test, release, "Settlement_ReleaseNotDue", [test.settler, 0, dueAt]);
      await wait();
      expect(await paid(release)).to.equal(2n);
    });

    it("does not pay what was cancelled", async () => {
      await mined(request(AMOUNT_NANO));
      await wait();
      await expect(asPayer().cancelRelease(test.settler, 0, first().terms))
        .to.emit(settlement(), "ReleaseCancelled")
        .withArgs(test.settler, 0);
      expect(await pending()).to.deep.equal([0n, 0n]);
      await refuses(test, release, "Settlement_NoRelease", [test.settler, 0]);
    });

    for (const [what, askedNano] of [
      ["more than was ever there", U64_MAX],
      ["what was there before the batch", RESERVED_NANO],
    ] as const) {
      it(`pays what is left when asked for ${what}`, async () => {
        await mined(request(askedNano));
        await commitTo(test, test.workerPayee, 40n * OPG);
        await wait();
        expect(await paid(release)).to.equal(RESERVED_NANO - 40n * OPG);
        const { balanceNano, netNano } = await settlement().getReservation(test.settler, 0);
        expect([balanceNano, netNano]).to.deep.equal([0n, 40n * OPG]);
        await booksOf(test);
      });
    }

    it("pays nothing of an empty reservation, and it stays one", async () => {
      await mined(request(U64_MAX));
      await wait();
      await mined(release());
      await mined(request(1n));
      await wait();
      await expect(release()).to.emit(settlement(), "Released").withArgs(test.settler, 0, payer().address, 0);
      await allow();
      await mined(asPayer().topUp(test.settler, 0, AMOUNT_NANO));
      const { balanceNano, netNano } = await settlement().getReservation(test.settler, 0);
      expect([balanceNano, netNano]).to.deep.equal([AMOUNT_NANO, AMOUNT_NANO]);
    });

    it("goes on while paused", async () => {
      await mined(request(AMOUNT_NANO));
      const { dueAt } = await settlement().getRelease(test.settler, 0);
      await test.networkHelpers.time.increaseTo(dueAt);
      await mined(settlement().pause());
      expect(await paid(release)).to.equal(AMOUNT_NANO);
      await mined(request(1n));
      await mined(asPayer().cancelRelease(test.settler, 0, first().terms));
      expect((await settlement().pausedUntil()) > BigInt(await test.networkHelpers.time.latest())).to.equal(true);
    });

    it("pays all of it when settler, verifiers and guardian are gone and every policy is retired", async () => {
      const { teeRegistry, stakeHub, nodeRegistry } = test.contracts;
      const { selfNano } = await stakeHub.getStake(test.settler);
      await mined(stakeHub.connect(test.settlerOwner).requestUnbond(test.settler, selfNano));
      await mined(teeRegistry.revokeMeasurement(1));
      await mined(nodeRegistry.connect(test.settlerOwner).proposeOwner(test.settler, stranger().address));
      await mined(nodeRegistry.connect(stranger()).acceptOwner(test.settler));
      await mined(settlement().retirePolicy(1));
      await mined(settlement().retirePolicy(2));
      await mined(request(U64_MAX));
      await wait();
      expect(await paid(release)).to.equal(RESERVED_NANO);
    });

    it("takes nothing of the other lanes in the slot", async () => {
      const before = await booksOf(test);
      await mined(request(U64_MAX));
      await wait();
      await mined(release());
      expect((await booksOf(test)).lanes[1]).to.deep.equal(before.lanes[1]);
    });
  });
});

async function tokenDomain({ contracts }: SettlementTest) {
  const [, name, version, chainId, verifyingContract] = await contracts.opg.eip712Domain();
  return { name, version, chainId, verifyingContract };
}

type PermitOptions = {
  amountNano?: bigint;
  deadline?: bigint;
  nonce?: bigint;
  spender?: string;
  signer?: SettlementTest["signers"][number];
};

/** An ERC-2612 permit of payer 0 for the settlement contract, signed by it or by `signer`. */
async function permit(test: SettlementTest, { amountNano = 5n * OPG, spender, signer, ...rest }: PermitOptions) {
  const { opg, settlement } = test.contracts;
  const owner = payerOf(test, 0);
  const deadline = rest.deadline ?? BigInt(await test.networkHelpers.time.latest()) + 10_000n;
  const types = {
    Permit: [
      { name: "owner", type: "address" },
      { name: "spender", type: "address" },
      { name: "value", type: "uint256" },
      { name: "nonce", type: "uint256" },
      { name: "deadline", type: "uint256" },
    ],
  };
  const signature = await (signer ?? owner).signTypedData(await tokenDomain(test), types, {
    owner: owner.address,
    spender: spender ?? settlement.target,
    value: amountNano * WEI_PER_NANO,
    nonce: rest.nonce ?? (await opg.nonces(owner.address)),
    deadline,
  });
  const { v, r, s } = Signature.from(signature);
  return { deadline, v, r, s };
}

type AuthorizeOptions = {
  settler?: number;
  voucherKey?: string;
  policy?: number;
  amountNano?: bigint;
  validAfter?: bigint;
  validBefore?: bigint;
  signer?: SettlementTest["signers"][number];
};

let salts = 0;

/** An ERC-3009 authorization of payer 0 for a reservation, with everything it was made of. */
async function authorize(test: SettlementTest, options: AuthorizeOptions) {
  const { settlement } = test.contracts;
  const payer = payerOf(test, 0);
  const {
    settler = test.settler,
    voucherKey = walletOf("voucher").address,
    policy = 1,
    amountNano = 5n * OPG,
    validAfter = 0n,
    validBefore = BigInt(await test.networkHelpers.time.latest()) + 10_000n,
  } = options;
  const salt = `0x${(++salts).toString(16).padStart(64, "f")}`;
  const types = {
    ReceiveWithAuthorization: [
      { name: "from", type: "address" },
      { name: "to", type: "address" },
      { name: "value", type: "uint256" },
      { name: "validAfter", type: "uint256" },
      { name: "validBefore", type: "uint256" },
      { name: "nonce", type: "bytes32" },
    ],
  };
  const signature = await (options.signer ?? payer).signTypedData(await tokenDomain(test), types, {
    from: payer.address,
    to: settlement.target,
    value: amountNano * WEI_PER_NANO,
    validAfter,
    validBefore,
    nonce: await settlement.authorizationNonce(settler, voucherKey, policy, amountNano, salt),
  });
  const { v, r, s } = Signature.from(signature);
  return { payer: payer.address, settler, voucherKey, policy, amountNano, validAfter, validBefore, salt, v, r, s };
}
