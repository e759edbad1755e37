import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { govern } from "../../helpers/governance.ts";
import { payerOf, refuses, useSettlement } from "../../helpers/settlement.ts";

/*
Policies
├── registerPolicy
│  ├── when the caller is not the timelock: reverts
│  ├── when the timelock's delay was lowered below the bound: reverts
│  ├── when a share, the quorum or the window is out of bounds: reverts
│  ├── given there are 64: reverts
│  └── when all is well: an id of its own, never retired from the start, paused if everything is
├── retirePolicy
│  ├── when the caller is neither guardian nor governance, it is unknown, or it is retired: reverts
│  └── when all is well: retired from now on
├── pause
│  ├── when the caller is neither guardian nor governance, or it is too soon after the last: reverts
│  └── when all is well: for the longest pause, under each policy
└── the constructor
   └── when a policy or the times are wrong: reverts
*/
describe("Policies", () => {
  const test = useSettlement({ payers: 0 });
  const settlement = () => test.contracts.settlement;
  const deployer = () => test.signers[0] as (typeof test.signers)[0];
  const stranger = () => payerOf(test, 8);
  const GOOD = {
    feePpm: 100_000,
    workerPpm: 700_000,
    verifierPpm: 100_000,
    maxRoyaltyPpm: 100_000, // the shares come to one whole
    quorum: 32,
    dataMode: 1,
    windowMs: 1_000,
    retiredAt: 0,
    pausedUntil: 0,
  };
  type Policy = typeof GOOD;

  const encode = (policy: Policy) => settlement().interface.encodeFunctionData("registerPolicy", [policy]);
  const register = (policy: Policy) => govern(test, settlement(), encode(policy));

  /** Every policy, as the contract tells it. */
  async function policies(): Promise<unknown[][]> {
    const count = Number(await settlement().policyCount());
    return Promise.all(Array.from({ length: count }, async (_, i) => [...(await settlement().getPolicy(i + 1))]));
  }

  const bounds: [string, Partial<Policy>, string, number, number][] = [
    ["a fee above 10 %", { feePpm: 100_001, workerPpm: 0 }, "feePpm", 100_001, 100_000],
    ["shares above one whole by the worker's", { workerPpm: 700_001 }, "sum of shares", 1_000_001, 1_000_000],
    ["shares above one whole by the verifier's", { verifierPpm: 100_001 }, "sum of shares", 1_000_001, 1_000_000],
    ["shares above one whole by the royalty", { maxRoyaltyPpm: 100_001 }, "sum of shares", 1_000_001, 1_000_000],
    [
      "shares that overflow 24 bits",
      { feePpm: 0, workerPpm: 2 ** 24 - 1, verifierPpm: 1, maxRoyaltyPpm: 0 },
      "sum of shares",
      2 ** 24,
      1_000_000,
    ],
    ["no quorum", { quorum: 0 }, "quorum", 0, 32],
    ["a quorum above 32", { quorum: 33 }, "quorum", 33, 32],
    ["no window", { windowMs: 0 }, "windowMs", 0, 1_000],
    ["a window above a second", { windowMs: 1_001 }, "windowMs", 1_001, 1_000],
  ];

  describe("registerPolicy", () => {
    it("is the timelock's alone: not the guardian's, not the proposer's, not a stranger's", async () => {
      for (const caller of [deployer(), stranger()]) {
        const args = [caller.address, test.contracts.timelock.target];
        const call = () => settlement().connect(caller).registerPolicy(GOOD);
        await refuses(test, call, "Governed_NotGovernance", args);
      }
      expect(await settlement().policyCount()).to.equal(2n);
    });

    for (const [what, change, field, given, limit] of bounds) {
      it(`refuses ${what}`, async () => {
        const before = await policies();
        await refuses(test, () => register({ ...GOOD, ...change }), "Settlement_BadPolicy", [field, given, limit]);
        expect(await policies()).to.deep.equal(before);
      });
    }

    it("waits as long as users were promised: the timelock's delay can grow, and never fall below where it began", async () => {
      const { timelock } = test.contracts;
      const bound = await settlement().parameterDelay();
      const update = (delay: bigint) =>
        govern(test, timelock, timelock.interface.encodeFunctionData("updateDelay", [delay]));
      await expect(update(bound - 1n))
        .to.be.revertedWithCustomError(timelock, "ProtocolTimelock_BelowFloor")
        .withArgs(bound - 1n, bound);
      await update(bound + 100n);
      await update(bound);
      await register(GOOD);
      expect(await settlement().policyCount()).to.equal(3n);
    });

    it("takes the bounds themselves and gives the next id", async () => {
      const before = await policies();
      const values = Object.values(GOOD).map(BigInt);
      await expect(register(GOOD)).to.emit(settlement(), "PolicyRegistered").withArgs(3, values);
      await register({ ...GOOD, feePpm: 0, workerPpm: 0, verifierPpm: 0, maxRoyaltyPpm: 0, quorum: 1, windowMs: 1 });
      expect(await policies()).to.deep.equal([...before, values, [0n, 0n, 0n, 0n, 1n, 1n, 1n, 0n, 0n]]);
    });

    it("does not take over that it is retired or paused", async () => {
      await register({ ...GOOD, retiredAt: 1, pausedUntil: 2 ** 40 - 1 });
      const { retiredAt, pausedUntil } = await settlement().getPolicy(3);
      expect([retiredAt, pausedUntil]).to.deep.equal([0n, 0n]);
    });

    it("takes over the pause that goes on", async () => {
      await govern(test, settlement(), encode(GOOD), async () => {
        await mined(settlement().pause());
      });
      const until = await settlement().pausedUntil();
      expect((await settlement().getPolicy(3)).pausedUntil).to.equal(until);
      const reserve = () => settlement().reserve(test.settler, walletOf("voucher").address, 3, 1n);
      await refuses(test, reserve, "Settlement_Paused", [until]);
    });

    it("takes 64 and no more, and a pause reaches the last of them", async () => {
      for (let id = 3; id <= 64; id++) await register(GOOD);
      await refuses(test, () => register(GOOD), "Settlement_BadPolicy", ["number", 65, 64]);
      await mined(settlement().pause());
      const until = await settlement().pausedUntil();
      expect((await policies()).map((policy) => policy[8])).to.deep.equal(Array.from({ length: 64 }, () => until));
    });
  });

  describe("retirePolicy", () => {
    const retire = (id: number, from = deployer()) => settlement().connect(from).retirePolicy(id);

    it("refuses a stranger", () =>
      refuses(test, () => retire(1, stranger()), "Governed_NotGuardian", [stranger().address, deployer().address]));

    for (const id of [0, 3, 65_535]) {
      it(`refuses policy ${id}, which is not registered`, () =>
        refuses(test, () => retire(id), "Settlement_UnknownPolicy", [id]));
    }

    it("ends one policy for new reservations, once, and changes nothing else of it", async () => {
      const [first, second] = await policies();
      await expect(retire(2)).to.emit(settlement(), "PolicyRetired").withArgs(2);
      const retiredAt = BigInt(await test.networkHelpers.time.latest());
      const retired = [...(second as unknown[])];
      retired[7] = retiredAt;
      expect(await policies()).to.deep.equal([first, retired]);
      await refuses(test, () => retire(2), "Settlement_PolicyRetired", [2, retiredAt]);
      expect(await policies()).to.deep.equal([first, retired]);
    });

    it("is governance's too", async () => {
      await govern(test, settlement(), settlement().interface.encodeFunctionData("retirePolicy", [1]));
      expect((await settlement().getPolicy(1)).retiredAt).to.equal(BigInt(await test.networkHelpers.time.latest()));
    });
  });

  describe("pause", () => {
    it("refuses a stranger", async () => {
      const args = [stranger().address, deployer().address];
      await refuses(test, () => settlement().connect(stranger()).pause(), "Governed_NotGuardian", args);
      expect(await settlement().pausedUntil()).to.equal(0n);
    });

    it("lasts the longest pause under each policy, and cannot be longer or come again too soon", async () => {
      const { maxPause, pauseInterval } = test.parameters.times;
      const at = BigInt(await test.networkHelpers.time.latest()) + 10n;
      await test.networkHelpers.time.setNextBlockTimestamp(at);
      const until = at + BigInt(maxPause);
      await expect(settlement().pause()).to.emit(settlement(), "Paused").withArgs(until);
      expect(await settlement().pausedUntil()).to.equal(until);
      expect((await policies()).map((policy) => policy[8])).to.deep.equal([until, until]);

      const notBefore = at + BigInt(pauseInterval);
      for (const early of [at + 1n, until, until + 1n, notBefore - 1n]) {
        await test.networkHelpers.time.setNextBlockTimestamp(early);
        await refuses(test, () => settlement().pause(), "Settlement_PausedTooRecently", [notBefore]);
      }
      await test.networkHelpers.time.setNextBlockTimestamp(notBefore);
      await expect(settlement().pause())
        .to.emit(settlement(), "Paused")
        .withArgs(notBefore + BigInt(maxPause));
    });

    it("is governance's too, and nobody's once governance has taken the guardian away", async () => {
      const zero = `0x${"00".repeat(20)}`;
      const setGuardian = settlement().interface.encodeFunctionData("setGuardian", [zero]);
      await expect(govern(test, settlement(), setGuardian))
        .to.emit(settlement(), "GuardianSet")
        .withArgs(zero);
      await refuses(test, () => settlement().pause(), "Governed_NotGuardian", [deployer().address, zero]);
      await govern(test, settlement(), settlement().interface.encodeFunctionData("pause"));
      expect((await settlement().pausedUntil()) > BigInt(await test.networkHelpers.time.latest())).to.equal(true);
    });

    it("lets a reservation in again by itself, with nobody ending it", async () => {
      await mined(settlement().pause());
      await test.networkHelpers.time.increase(test.parameters.times.maxPause + 1);
      await mined(test.contracts.opg.approve(settlement().target, OPG * WEI_PER_NANO));
      await mined(settlement().reserve(test.settler, walletOf("voucher").address, 1, OPG));
      expect((await settlement().getSettler(test.settler)).reservations).to.equal(1n);
    });
  });

  describe("the constructor", () => {
    /** Deploys a settlement contract beside the one of the suite. */
    async function deploy({ policy = GOOD, times = {} as Partial<typeof test.parameters.times>, ringSize = 512 } = {}) {
      const { opg, nodeRegistry, teeRegistry, stakeHub, timelock } = test.contracts;
      const factory = await test.ethers.getContractFactory("Settlement");
      const config = {
        token: opg,
        nodes: nodeRegistry,
        teeRegistry,
        stakeHub,
        governance: timelock,
        guardian: deployer().address,
        treasury: stranger().address,
        ringSize,
        times: { ...test.parameters.times, ...times },
      };
      return factory.deploy(config, [policy]);
    }
    const factory = () => test.ethers.getContractFactory("Settlement");

    for (const [what, change, field, given, limit] of bounds) {
      it(`refuses ${what}`, async () => {
        await expect(deploy({ policy: { ...GOOD, ...change } }))
          .to.be.revertedWithCustomError(await factory(), "Settlement_BadPolicy")
          .withArgs(field, given, limit);
      });
    }

    it("refuses times in the wrong relation", async () => {
      const { answerTime, claimHorizon, maxPause, settleLag } = test.parameters.times;
      const wrong: [Partial<typeof test.parameters.times>, string, number, number][] = [
        [
          { earningsDelay: claimHorizon + answerTime },
          "earningsDelay > claimHorizon + answerTime",
          claimHorizon + answerTime,
          claimHorizon + answerTime,
        ],
        [
          { releaseDelay: maxPause + settleLag },
          "releaseDelay > maxPause + settleLag",
          maxPause + settleLag,
          maxPause + settleLag,
        ],
        [{ pauseInterval: 7 * maxPause - 1 }, "pauseInterval >= 7 * maxPause", 7 * maxPause - 1, 7 * maxPause],
      ];
      for (const [times, relation, left, right] of wrong) {
        await expect(deploy({ times }))
          .to.be.revertedWithCustomError(await factory(), "ProtocolTimes_BrokenRelation")
          .withArgs(relation, left, right);
      }
    });

    it("takes what is right, and only its deployer names the first court", async () => {
      const fresh = await deploy();
      expect([await fresh.policyCount(), await fresh.payeeCount()]).to.deep.equal([1n, 1n]);
      expect((await fresh.getPayee(1)).account).to.equal(stranger().address);
      await expect(fresh.connect(stranger()).setCourt(stranger().address))
        .to.be.revertedWithCustomError(fresh, "Settlement_NotDeployer")
        .withArgs(stranger().address);
      await expect(fresh.setCourt(test.contracts.court.target))
        .to.emit(fresh, "CourtSet")
        .withArgs(test.contracts.court.target);
      await expect(fresh.setCourt(stranger().address)).to.be.revertedWithCustomError(fresh, "Governed_NotGovernance");
    });
  });
});
