import { expect } from "chai";
import { ZeroAddress, ZeroHash } from "ethers";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
Governed, in each contract that inherits it
├── setGuardian
│  ├── when the caller is not the timelock: Governed_NotGovernance
│  ├── given the timelock's delay is below the bound: Governed_DelayTooShort
│  └── else: the new guardian counts, the old one does not
└── the timelock: proposed by a proposer, executed by anybody, after its delay and not before; nobody administers it
*/
describe("Governed", () => {
  const DELAY = 4200;
  const guardianWallet = walletOf("guardian");
  const next = walletOf("next guardian").address;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters: Parameters) => ({
      ...parameters,
      governance: { ...parameters.governance, guardian: guardianWallet.address },
    }));
    load = await fixturesOn(protocol);
  });
  type Signer = Protocol["signers"][number];

  async function open() {
    const { contracts, signers, networkHelpers, ethers } = protocol;
    await networkHelpers.setBalance(guardianWallet.address, 10n ** 18n);
    const [deployer, stranger] = signers as [Signer, Signer];
    return { ...contracts, deployer, stranger, guardian: guardianWallet.connect(ethers.provider) };
  }

  /** Slot of `_minDelay` in OpenZeppelin's TimelockController. */
  const MIN_DELAY_SLOT = 2;

  /** A timelock without our floor, as a wrong deployment would have it. */
  async function withDelay(delay: number) {
    const world = await open();
    const { timelock } = world;
    await protocol.networkHelpers.setStorageAt(String(timelock.target), MIN_DELAY_SLOT, delay);
    expect(await timelock.getMinDelay()).to.equal(BigInt(delay));
    return world;
  }
  const shortDelay = () => withDelay(DELAY - 1);

  for (const name of ["settlement", "teeRegistry", "stakeHub"] as const) {
    describe(name, () => {
      const contract = () => protocol.contracts[name];
      const setGuardian = (guardian: string) =>
        govern(protocol, contract(), contract().interface.encodeFunctionData("setGuardian", [guardian]));

      it("knows its timelock, its bound and its guardian", async () => {
        const { timelock } = await load(open);
        const governed = contract();
        expect(await governed.governance()).to.equal(timelock.target);
        expect(await governed.parameterDelay()).to.equal(BigInt(DELAY));
        expect(await governed.guardian()).to.equal(guardianWallet.address);
      });

      it("gets another guardian through the timelock only", async () => {
        const { timelock, deployer, stranger, guardian } = await load(open);
        for (const by of [deployer, stranger, guardian]) {
          await expect(contract().connect(by).setGuardian(next))
            .to.be.revertedWithCustomError(contract(), "Governed_NotGovernance")
            .withArgs(by.address, timelock.target);
        }
        await expect(setGuardian(next)).to.emit(contract(), "GuardianSet").withArgs(next);
        expect(await contract().guardian()).to.equal(next);
      });

      it("refuses the timelock while its delay is one second below the bound", async () => {
        await load(shortDelay);
        await expect(setGuardian(next))
          .to.be.revertedWithCustomError(contract(), "Governed_DelayTooShort")
          .withArgs(DELAY - 1, DELAY);
        expect(await contract().guardian()).to.equal(guardianWallet.address);
      });
    });
  }

  it("accepts the timelock again once its delay is back", async () => {
    const { timelock, stakeHub } = await load(shortDelay);
    const data = timelock.interface.encodeFunctionData("updateDelay", [DELAY]);
    await mined(govern(protocol, timelock, data));
    const set = stakeHub.interface.encodeFunctionData("setGuardian", [next]);
    await mined(govern(protocol, stakeHub, set));
    expect(await stakeHub.guardian()).to.equal(next);
  });

  it("refuses every other call of the timelock too while its delay is too short", async () => {
    const { settlement, stakeHub, teeRegistry } = await load(shortDelay);
    const policy = await settlement.getPolicy(1);
    const actions = [
      [settlement, settlement.interface.encodeFunctionData("setCourt", [next])],
      [settlement, settlement.interface.encodeFunctionData("registerPolicy", [[...policy] as never])],
      [stakeHub, stakeHub.interface.encodeFunctionData("setSlasher", [next])],
      [teeRegistry, teeRegistry.interface.encodeFunctionData("setVerifier", ["0x41424344", next])],
      [teeRegistry, teeRegistry.interface.encodeFunctionData("proposeMeasurement", [ZeroHash, "0x41424344", ""])],
    ] as const;
    for (const [target, data] of actions) {
      await expect(govern(protocol, target, data))
        .to.be.revertedWithCustomError(settlement, "Governed_DelayTooShort")
        .withArgs(DELAY - 1, DELAY);
    }
  });

  it("lets the timelock remove all the same: taking trust away never waits for a bound", async () => {
    const { settlement } = await load(shortDelay);
    const data = settlement.interface.encodeFunctionData("retirePolicy", [1]);
    await expect(govern(protocol, settlement, data))
      .to.emit(settlement, "PolicyRetired")
      .withArgs(1);
  });

  it("leaves the old guardian nothing, and with no guardian the timelock everything", async () => {
    const { settlement, guardian } = await load(open);
    const data = settlement.interface.encodeFunctionData("setGuardian", [ZeroAddress]);
    await mined(govern(protocol, settlement, data));
    await expect(settlement.connect(guardian).pause())
      .to.be.revertedWithCustomError(settlement, "Governed_NotGuardian")
      .withArgs(guardian.address, ZeroAddress);
    await mined(govern(protocol, settlement, settlement.interface.encodeFunctionData("pause")));
    expect(await settlement.pausedUntil()).not.to.equal(0n);
  });

  describe("the timelock", () => {
    const action = () => {
      const { stakeHub, timelock } = protocol.contracts;
      const data = stakeHub.interface.encodeFunctionData("setGuardian", [next]);
      const call = [stakeHub.target, 0, data, ZeroHash, ZeroHash] as const;
      return { timelock, call };
    };

    it("takes proposals of its proposers only, and with no shorter delay", async () => {
      const { stranger, guardian } = await load(open);
      const { timelock, call } = action();
      for (const by of [stranger, guardian]) {
        await expect(timelock.connect(by).schedule(...call, DELAY))
          .to.be.revertedWithCustomError(timelock, "AccessControlUnauthorizedAccount")
          .withArgs(by.address, await timelock.PROPOSER_ROLE());
      }
      await expect(timelock.schedule(...call, DELAY - 1))
        .to.be.revertedWithCustomError(timelock, "TimelockInsufficientDelay")
        .withArgs(DELAY - 1, DELAY);
    });

    it("lets anybody execute what has waited, not a second earlier, and only once", async () => {
      const { stranger, stakeHub } = await load(open);
      const { timelock, call } = action();
      const unready = (sent: Promise<unknown>) =>
        expect(sent).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState");
      await unready(timelock.execute(...call));
      await mined(timelock.schedule(...call, DELAY));
      const due = (await protocol.networkHelpers.time.latest()) + DELAY;
      await protocol.networkHelpers.time.setNextBlockTimestamp(due - 1);
      await unready(timelock.connect(stranger).execute(...call));
      await protocol.networkHelpers.time.setNextBlockTimestamp(due);
      await mined(timelock.connect(stranger).execute(...call));
      expect(await stakeHub.guardian()).to.equal(next);
      await unready(timelock.execute(...call));
    });

    it("forgets what its proposer took back", async () => {
      const { stranger } = await load(open);
      const { timelock, call } = action();
      await mined(timelock.schedule(...call, DELAY));
      const id = await timelock.hashOperation(...call);
      await expect(timelock.connect(stranger).cancel(id)).to.be.revertedWithCustomError(
        timelock,
        "AccessControlUnauthorizedAccount",
      );
      await mined(timelock.cancel(id));
      await protocol.networkHelpers.time.increase(DELAY);
      await expect(timelock.execute(...call)).to.be.revertedWithCustomError(
        timelock,
        "TimelockUnexpectedOperationState",
      );
    });

    it("is administered by itself alone, and changes its delay only through itself", async () => {
      const { deployer, guardian } = await load(open);
      const { timelock } = protocol.contracts;
      const admin = await timelock.DEFAULT_ADMIN_ROLE();
      for (const who of [deployer.address, guardian.address, ZeroAddress]) {
        expect(await timelock.hasRole(admin, who)).to.equal(false);
      }
      expect(await timelock.hasRole(admin, timelock.target)).to.equal(true);
      await expect(timelock.updateDelay(DELAY))
        .to.be.revertedWithCustomError(timelock, "TimelockUnauthorizedCaller")
        .withArgs(deployer.address);
    });
  });
});
