import { expect } from "chai";
import { ZeroAddress } from "ethers";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
BondHub
├── constructor
│  └── without a reserve, or with times that contradict each other: it should revert
├── setSlasher: the deployer once, the timelock from then on, never nobody
├── bond: anybody for any operator that exists
├── requestUnbond
│  ├── when the caller is not the owner, or asks for nothing or too much: an error for each
│  └── else: the part stops answering for new debits and waits, from the last request on
├── withdraw
│  ├── given nothing is leaving, or the time has not passed: BondHub_NothingLeaving, BondHub_NotYet
│  └── else: pays the owner of that moment
└── slash
   ├── when the caller is not the slasher, or the evidence was used: StakeHub_NotSlasher, StakeHub_EvidenceUsed
   └── else: takes active before leaving stake; harmed first, then reporter, the rest to the reserve
*/
describe("BondHub", () => {
  const RESERVE = "0x00000000000000000000000000000000000beef1";
  const UNBONDING = 3600;
  const BOND = 100n * OPG;
  const [harmed, reporter] = [walletOf("harmed").address, walletOf("reporter").address];
  const evidence = (n: number) => `0x${n.toString(16).padStart(64, "0")}`;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters: Parameters) => ({ ...parameters, reserve: RESERVE }));
    load = await fixturesOn(protocol);
  });
  type Signer = Protocol["signers"][number];

  /** Operator 1 with a bond of 100 OPG, paid by somebody else; the slasher is an account of the test. */
  async function bonded() {
    const { contracts, signers, networkHelpers, ethers } = protocol;
    const [payer, owner, stranger] = signers as [Signer, Signer, Signer];
    const { stakeHub: hub, opg, nodeRegistry, court } = contracts;
    await mined(nodeRegistry.connect(owner).registerOperator());
    await mined(opg.approve(hub.target, 1000n * OPG * WEI_PER_NANO));
    await mined(hub.bond(1, BOND));
    const slasher = String(court.target);
    await networkHelpers.impersonateAccount(slasher);
    await networkHelpers.setBalance(slasher, 10n ** 18n);
    return { hub, opg, nodeRegistry, payer, owner, stranger, slasher: await ethers.getSigner(slasher) };
  }
  type World = Awaited<ReturnType<typeof bonded>>;

  const stakes = async ({ hub }: World) => [await hub.effectiveStake(1), await hub.slashableStake(1)];
  const heldNano = async ({ opg }: World, who: string) => (await opg.balanceOf(who)) / WEI_PER_NANO;

  const order = (change: object = {}) => ({
    operator: 1,
    amountNano: 10n * OPG,
    harmed,
    harmedNano: 6n * OPG,
    reporter,
    reporterNano: 1n * OPG,
    evidenceId: evidence(1),
    faultAt: 0,
    ...change,
  });

  describe("constructor", () => {
    async function deploy(reserve: string, change: Partial<Parameters["times"]> = {}) {
      const { contracts, parameters, ethers } = protocol;
      const { opg, nodeRegistry, timelock } = contracts;
      const factory = await ethers.getContractFactory("BondHub");
      const times = { ...parameters.times, ...change };
      return factory.deploy(opg.target, nodeRegistry.target, times, timelock.target, ZeroAddress, reserve);
    }

    it("reverts without a reserve", async () => {
      const { stakeHub } = protocol.contracts;
      await expect(deploy(ZeroAddress)).to.be.revertedWithCustomError(stakeHub, "BondHub_NoReserve");
    });

    it("reverts when times contradict each other, in every relation", async () => {
      const { stakeHub } = protocol.contracts;
      // The local times: horizon 600, answer 300, dispute 1800, earnings 1200, release 1800, lag 600, pause 600.
      const relations: [string, Partial<Parameters["times"]>, number, number][] = [
        ["claimHorizon >= 1", { claimHorizon: 0 }, 0, 1],
        ["answerTime >= 1", { answerTime: 0 }, 0, 1],
        ["longestDispute >= claimHorizon + 2 * answerTime", { longestDispute: 1199 }, 1199, 1200],
        ["7 days >= longestDispute", { longestDispute: 604_801 }, 604_800, 604_801],
        ["earningsDelay > claimHorizon + answerTime", { earningsDelay: 900 }, 900, 900],
        ["earningsDelay >= auditTimeout", { auditTimeout: 1201 }, 1200, 1201],
        ["releaseDelay > maxPause + settleLag", { releaseDelay: 1200 }, 1200, 1200],
        ["1 days >= maxPause", { maxPause: 86_401, releaseDelay: 100_000 }, 86_400, 86_401],
        ["pauseInterval >= 7 * maxPause", { pauseInterval: 4199 }, 4199, 4200],
        ["measurementDelay > releaseDelay", { measurementDelay: 1800 }, 1800, 1800],
        ["stakeActivation >= claimHorizon + longestDispute", { stakeActivation: 2399 }, 2399, 2400],
        ["unbonding >= claimHorizon + longestDispute", { unbonding: 2399 }, 2399, 2400],
        ["parameterDelay > unbonding", { parameterDelay: 3600 }, 3600, 3600],
        ["parameterDelay > releaseDelay", { releaseDelay: 4200, measurementDelay: 4201 }, 4200, 4200],
        ["parameterDelay > earningsDelay", { earningsDelay: 4200 }, 4200, 4200],
      ];
      for (const [relation, change, left, right] of relations) {
        await expect(deploy(RESERVE, change), relation)
          .to.be.revertedWithCustomError(stakeHub, "ProtocolTimes_BrokenRelation")
          .withArgs(relation, left, right);
      }
      await deploy(RESERVE);
    });
  });

  describe("setSlasher", () => {
    it("is the deployer's until a slasher is named, and the timelock's from then on", async () => {
      const { ethers, contracts, parameters } = protocol;
      const { payer, stranger } = await load(bonded);
      const { opg, nodeRegistry, timelock, stakeHub } = contracts;
      const factory = await ethers.getContractFactory("BondHub");
      const deployed = await factory.deploy(
        ...[opg.target, nodeRegistry.target, parameters.times, timelock.target, ZeroAddress, RESERVE],
      );
      const fresh = stakeHub.attach(String(deployed.target)) as typeof stakeHub;
      await expect(fresh.connect(stranger).setSlasher(stranger.address))
        .to.be.revertedWithCustomError(fresh, "BondHub_NotDeployer")
        .withArgs(stranger.address);
      await expect(fresh.connect(payer).setSlasher(harmed)).to.emit(fresh, "SlasherSet").withArgs(harmed);
      await expect(fresh.connect(payer).setSlasher(reporter))
        .to.be.revertedWithCustomError(fresh, "Governed_NotGovernance")
        .withArgs(payer.address, timelock.target);
      const data = fresh.interface.encodeFunctionData("setSlasher", [reporter]);
      await expect(govern(protocol, fresh, data))
        .to.emit(fresh, "SlasherSet")
        .withArgs(reporter);
      expect(await fresh.slasher()).to.equal(reporter);
    });

    it("never names nobody, which would make it the deployer's again", async () => {
      const { hub, slasher } = await load(bonded);
      const data = hub.interface.encodeFunctionData("setSlasher", [ZeroAddress]);
      await expect(govern(protocol, hub, data)).to.be.revertedWithCustomError(hub, "BondHub_NoSlasher");
      expect(await hub.slasher()).to.equal(slasher.address);
    });
  });

  describe("bond", () => {
    it("adds to the stake of an operator, whoever pays", async () => {
      const world = await load(bonded);
      const { hub, opg, payer } = world;
      await expect(hub.bond(1, 5n)).to.emit(hub, "Bonded").withArgs(1, payer.address, 5);
      expect(await stakes(world)).to.deep.equal([BOND + 5n, BOND + 5n]);
      expect(await opg.balanceOf(hub.target)).to.equal((BOND + 5n) * WEI_PER_NANO);
    });

    it("reverts for an operator that does not exist, for nothing, and without the money", async () => {
      const world = await load(bonded);
      const { hub, opg, stranger } = world;
      for (const operator of [0, 2]) {
        await expect(hub.bond(operator, 1))
          .to.be.revertedWithCustomError(hub, "BondHub_UnknownOperator")
          .withArgs(operator);
      }
      await expect(hub.bond(1, 0)).to.be.revertedWithCustomError(hub, "BondHub_ZeroAmount");
      await expect(hub.connect(stranger).bond(1, 1))
        .to.be.revertedWithCustomError(opg, "ERC20InsufficientAllowance")
        .withArgs(hub.target, 0, WEI_PER_NANO);
      expect(await stakes(world)).to.deep.equal([BOND, BOND]);
    });
  });

  describe("requestUnbond and withdraw", () => {
    it("let a part go after the unbonding time, to the owner, whoever asks", async () => {
      const world = await load(bonded);
      const { hub, owner, stranger } = world;
      const { time } = protocol.networkHelpers;
      const now = (await time.latest()) + 10;
      await time.setNextBlockTimestamp(now);
      await expect(hub.connect(owner).requestUnbond(1, 30n * OPG))
        .to.emit(hub, "UnbondRequested")
        .withArgs(1, 30n * OPG, now + UNBONDING);
      expect(await stakes(world)).to.deep.equal([70n * OPG, BOND]);

      await time.setNextBlockTimestamp(now + UNBONDING - 1);
      await expect(hub.withdraw(1))
        .to.be.revertedWithCustomError(hub, "BondHub_NotYet")
        .withArgs(1, now + UNBONDING);
      await time.setNextBlockTimestamp(now + UNBONDING);
      await expect(hub.connect(stranger).withdraw(1))
        .to.emit(hub, "Unbonded")
        .withArgs(1, owner.address, 30n * OPG);
      expect(await stakes(world)).to.deep.equal([70n * OPG, 70n * OPG]);
      expect(await heldNano(world, owner.address)).to.equal(30n * OPG);
      expect(await heldNano(world, String(hub.target))).to.equal(70n * OPG);
      await expect(hub.withdraw(1)).to.be.revertedWithCustomError(hub, "BondHub_NothingLeaving").withArgs(1);
    });

    it("start the time anew for all that leaves with a further request", async () => {
      const world = await load(bonded);
      const { hub, owner } = world;
      const { time } = protocol.networkHelpers;
      await mined(hub.connect(owner).requestUnbond(1, OPG));
      await time.increase(UNBONDING);
      await mined(hub.connect(owner).requestUnbond(1, BOND - OPG));
      const { leavesAt, leavingNano } = await hub.getBond(1);
      expect([Number(leavesAt), leavingNano]).to.deep.equal([(await time.latest()) + UNBONDING, BOND]);
      await expect(hub.withdraw(1)).to.be.revertedWithCustomError(hub, "BondHub_NotYet").withArgs(1, leavesAt);
    });

    it("pay whoever owns the operator by then", async () => {
      const world = await load(bonded);
      const { hub, owner, stranger, nodeRegistry } = world;
      await mined(hub.connect(owner).requestUnbond(1, BOND));
      await mined(nodeRegistry.connect(owner).proposeOwner(1, stranger.address));
      await mined(nodeRegistry.connect(stranger).acceptOwner(1));
      await protocol.networkHelpers.time.increase(UNBONDING);
      await mined(hub.withdraw(1));
      expect([await heldNano(world, owner.address), await heldNano(world, stranger.address)]).to.deep.equal([0n, BOND]);
    });

    it("revert for another caller, for nothing and for more than is active", async () => {
      const world = await load(bonded);
      const { hub, owner, stranger } = world;
      await expect(hub.connect(stranger).requestUnbond(1, 1))
        .to.be.revertedWithCustomError(hub, "BondHub_NotOwner")
        .withArgs(1, stranger.address);
      const by = hub.connect(owner);
      await expect(by.requestUnbond(1, 0)).to.be.revertedWithCustomError(hub, "BondHub_ZeroAmount");
      await mined(by.requestUnbond(1, OPG));
      await expect(by.requestUnbond(1, BOND - OPG + 1n))
        .to.be.revertedWithCustomError(hub, "BondHub_TooMuch")
        .withArgs(1, BOND - OPG + 1n, BOND - OPG);
      await expect(by.requestUnbond(2, 1)).to.be.revertedWithCustomError(hub, "BondHub_NotOwner");
      expect(await stakes(world)).to.deep.equal([BOND - OPG, BOND]);
    });
  });

  describe("slash", () => {
    type Case = [what: string, change: object, taken: bigint, paid: bigint, reported: bigint, given?: bigint];
    const cases: Case[] = [
      ["the harmed, the reporter, the rest to the reserve", {}, 10n * OPG, 6n * OPG, 1n * OPG],
      ["the harmed only, when nothing is left", { harmedNano: 20n * OPG }, 10n * OPG, 10n * OPG, 0n],
      ["the reporter what is left of its part", { harmedNano: 10n * OPG - 1n }, 10n * OPG, 10n * OPG - 1n, 1n],
      ["nobody more than there is", { amountNano: 500n * OPG, harmedNano: 500n * OPG }, BOND, BOND, 0n],
      ["the reserve alone", { harmedNano: 0n, reporterNano: 0n, harmed: ZeroAddress }, 10n * OPG, 0n, 0n],
      ["nobody anything", { amountNano: 0n }, 0n, 0n, 0n],
    ];
    for (const [what, change, taken, paid, reported] of cases) {
      it(`pays ${what}`, async () => {
        const world = await load(bonded);
        const { hub, slasher } = world;
        const by = hub.connect(slasher);
        expect([...(await by.slash.staticCall(order(change)))]).to.deep.equal([taken, paid]);
        await expect(by.slash(order(change)))
          .to.emit(hub, "Slashed")
          .withArgs(1, evidence(1), taken, paid, reported);
        expect(await stakes(world)).to.deep.equal([BOND - taken, BOND - taken]);
        expect(await heldNano(world, harmed)).to.equal(paid);
        expect(await heldNano(world, reporter)).to.equal(reported);
        expect(await heldNano(world, RESERVE)).to.equal(taken - paid - reported);
        expect(await heldNano(world, String(hub.target))).to.equal(BOND - taken);
      });
    }

    it("takes active stake before stake that is leaving, and of that what is needed", async () => {
      const world = await load(bonded);
      const { hub, owner, slasher } = world;
      await mined(hub.connect(owner).requestUnbond(1, 95n * OPG));
      await mined(hub.connect(slasher).slash(order()));
      const { activeNano, leavingNano } = await hub.getBond(1);
      expect([activeNano, leavingNano]).to.deep.equal([0n, 90n * OPG]);
    });

    it("takes what has waited long enough but was not withdrawn", async () => {
      const world = await load(bonded);
      const { hub, owner, slasher } = world;
      await mined(hub.connect(owner).requestUnbond(1, BOND));
      await protocol.networkHelpers.time.increase(10 * UNBONDING);
      await mined(hub.connect(slasher).slash(order({ amountNano: 2n * BOND })));
      expect(await stakes(world)).to.deep.equal([0n, 0n]);
      await expect(hub.withdraw(1)).to.be.revertedWithCustomError(hub, "BondHub_NothingLeaving").withArgs(1);
    });

    it("reverts for everybody but the slasher", async () => {
      const world = await load(bonded);
      const { hub, payer, owner, slasher } = world;
      for (const by of [payer, owner]) {
        await expect(hub.connect(by).slash(order()))
          .to.be.revertedWithCustomError(hub, "StakeHub_NotSlasher")
          .withArgs(by.address, slasher.address);
      }
      expect(await stakes(world)).to.deep.equal([BOND, BOND]);
      expect(await hub.evidenceUsed(evidence(1))).to.equal(false);
    });

    it("reverts when the evidence was used, against whomever", async () => {
      const world = await load(bonded);
      const { hub, slasher } = world;
      await mined(hub.connect(slasher).slash(order({ operator: 9, amountNano: 0 })));
      await expect(hub.connect(slasher).slash(order()))
        .to.be.revertedWithCustomError(hub, "StakeHub_EvidenceUsed")
        .withArgs(evidence(1));
      await mined(hub.connect(slasher).slash(order({ evidenceId: evidence(2) })));
    });
  });
});
