import { expect } from "chai";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
MeasurementPolicy, seen through TeeRegistry
├── genesis: active from the first block
├── proposeMeasurement
│  ├── when the caller is not the timelock: Governed_NotGovernance
│  ├── given the image is active without an end: MeasurementPolicy_AlreadyActive
│  └── else: a new entry, active after the delay and not a second earlier
├── deprecateMeasurement
│  ├── when the caller is neither guardian nor timelock, or the entry unknown: an error for each
│  ├── when the end is none, or not earlier than the standing one: MeasurementPolicy_EndNotEarlier
│  └── else: active up to its last second and never again
└── revokeMeasurement
   ├── when the caller is neither guardian nor timelock, or the entry unknown or revoked: an error for each
   └── else: over at once and for good
*/
describe("MeasurementPolicy", () => {
  const GENESIS = 1;
  const DELAY = 2400;
  const IMAGE = `0x${"aa".repeat(32)}`;
  const KIND = "0x41424344";
  const guardianWallet = walletOf("guardian");

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters: Parameters) => ({
      ...parameters,
      governance: { ...parameters.governance, guardian: guardianWallet.address },
    }));
    load = await fixturesOn(protocol);
  });

  async function open() {
    const { contracts, ethers, signers, networkHelpers } = protocol;
    await networkHelpers.setBalance(guardianWallet.address, 10n ** 18n);
    const guardian = guardianWallet.connect(ethers.provider);
    return { ...contracts, registry: contracts.teeRegistry, guardian, stranger: signers[5] as (typeof signers)[0] };
  }

  const propose = (id = IMAGE) => {
    const { teeRegistry } = protocol.contracts;
    const data = teeRegistry.interface.encodeFunctionData("proposeMeasurement", [id, KIND, "commit 1, build 2"]);
    return govern(protocol, teeRegistry, data);
  };

  /** Entry 2, proposed and not yet active. */
  async function proposed() {
    const world = await open();
    await mined(propose());
    const { activeFrom } = await world.registry.getMeasurement(2);
    return { ...world, activeFrom: Number(activeFrom) };
  }
  async function active() {
    const world = await proposed();
    await protocol.networkHelpers.time.increaseTo(world.activeFrom);
    return world;
  }

  const later = async (seconds: number) => (await protocol.networkHelpers.time.latest()) + seconds;
  const isActive = (index: number) => protocol.contracts.teeRegistry.isMeasurementActive(index);

  it("starts with the images it was deployed with, active at once", async () => {
    const { registry } = await load(open);
    expect(await registry.measurementCount()).to.equal(1n);
    expect(await isActive(GENESIS)).to.equal(true);
    expect(await isActive(0)).to.equal(false);
    expect(await isActive(2)).to.equal(false);
    const { teeType, activeUntil, revokedAt } = await registry.getMeasurement(GENESIS);
    expect([teeType, activeUntil, revokedAt]).to.deep.equal(["0x44455631", 0n, 0n]);
  });

  describe("proposeMeasurement", () => {
    it("makes an entry that is active after the delay, and not a second earlier", async () => {
      const { registry } = await load(open);
      const sent = await propose();
      const now = await protocol.networkHelpers.time.latest();
      await expect(sent)
        .to.emit(registry, "MeasurementProposed")
        .withArgs(2, IMAGE, KIND, now + DELAY, "commit 1, build 2");
      expect([...(await registry.getMeasurement(2))]).to.deep.equal([KIND, BigInt(now + DELAY), 0n, 0n]);
      expect(await registry.measurementIndex(IMAGE)).to.equal(2n);
      const { time } = protocol.networkHelpers;
      await time.increaseTo(now + DELAY - 1);
      expect(await isActive(2)).to.equal(false);
      await time.increaseTo(now + DELAY);
      expect(await isActive(2)).to.equal(true);
    });

    it("reverts for everybody but the timelock", async () => {
      const { registry, guardian, stranger, timelock } = await load(open);
      const [deployer] = protocol.signers as [typeof stranger];
      for (const caller of [stranger, guardian, deployer]) {
        await expect(registry.connect(caller).proposeMeasurement(IMAGE, KIND, ""))
          .to.be.revertedWithCustomError(registry, "Governed_NotGovernance")
          .withArgs(caller.address, timelock.target);
      }
      expect(await registry.measurementCount()).to.equal(1n);
    });

    it("reverts while the image is active without an end", async () => {
      const { registry } = await load(active);
      await expect(propose())
        .to.be.revertedWithCustomError(registry, "MeasurementPolicy_AlreadyActive")
        .withArgs(IMAGE, 2);
      expect(await registry.measurementCount()).to.equal(2n);
    });

    it("gives an image with an end, or a revoked one, a new entry that waits as long", async () => {
      for (const end of ["deprecated", "revoked"] as const) {
        const { registry, guardian } = await load(active);
        const by = registry.connect(guardian);
        await mined(end === "revoked" ? by.revokeMeasurement(2) : by.deprecateMeasurement(2, await later(100_000)));
        await mined(propose());
        // The standing entry counts until the new one does.
        expect(await registry.measurementIndex(IMAGE)).to.equal(end === "deprecated" ? 2n : 3n);
        expect([await isActive(2), await isActive(3)]).to.deep.equal([end === "deprecated", false]);
        await protocol.networkHelpers.time.increase(DELAY);
        expect(await registry.measurementIndex(IMAGE)).to.equal(3n);
        expect([await isActive(2), await isActive(3)]).to.deep.equal([end === "deprecated", true]);
      }
    });

    it("starts the wait anew when an image is proposed again before it is active", async () => {
      const { registry, timelock, activeFrom } = await load(proposed);
      const { networkHelpers, ethers } = protocol;
      await networkHelpers.impersonateAccount(String(timelock.target));
      await networkHelpers.setBalance(String(timelock.target), 10n ** 18n);
      // Operations of the timelock itself are further apart than this wait.
      const governance = await ethers.getSigner(String(timelock.target));
      await mined(registry.connect(governance).proposeMeasurement(IMAGE, KIND, "again"));
      expect(await registry.measurementIndex(IMAGE)).to.equal(3n);
      const second = Number((await registry.getMeasurement(3)).activeFrom);
      expect(second).to.equal((await networkHelpers.time.latest()) + DELAY);
      expect(second).to.be.greaterThan(activeFrom);
    });
  });

  describe("deprecateMeasurement", () => {
    it("keeps the entry to its last second, and never longer", async () => {
      const { registry, guardian } = await load(active);
      const { time } = protocol.networkHelpers;
      const end = await later(500);
      await expect(registry.connect(guardian).deprecateMeasurement(2, end))
        .to.emit(registry, "MeasurementDeprecated")
        .withArgs(2, end);
      await time.increaseTo(end);
      expect(await isActive(2)).to.equal(true);
      await time.increaseTo(end + 1);
      expect(await isActive(2)).to.equal(false);
      await expect(registry.connect(guardian).deprecateMeasurement(2, end + 1000))
        .to.be.revertedWithCustomError(registry, "MeasurementPolicy_EndNotEarlier")
        .withArgs(2, end + 1000, end);
      expect(await isActive(2)).to.equal(false);
    });

    it("brings an end forward, also into the past, and never puts it off", async () => {
      const { registry, guardian } = await load(active);
      const by = registry.connect(guardian);
      const refused = (end: number, standing: number) =>
        expect(by.deprecateMeasurement(2, end))
          .to.be.revertedWithCustomError(registry, "MeasurementPolicy_EndNotEarlier")
          .withArgs(2, end, standing);
      await refused(0, 0);
      const end = await later(500);
      await mined(by.deprecateMeasurement(2, end));
      for (const other of [0, end, end + 1]) await refused(other, end);
      await mined(by.deprecateMeasurement(2, 1));
      expect(await isActive(2)).to.equal(false);
      await refused(1, 1);
    });

    it("ends an entry before it was ever active", async () => {
      const { registry, guardian, activeFrom } = await load(proposed);
      await mined(registry.connect(guardian).deprecateMeasurement(2, activeFrom - 1));
      await protocol.networkHelpers.time.increaseTo(activeFrom);
      expect(await isActive(2)).to.equal(false);
    });

    it("can be done by the timelock too", async () => {
      const { registry } = await load(active);
      const end = await later(100_000);
      const data = registry.interface.encodeFunctionData("deprecateMeasurement", [2, end]);
      await expect(govern(protocol, registry, data)).to.emit(registry, "MeasurementDeprecated");
    });
  });

  describe("revokeMeasurement", () => {
    it("ends an entry at once and for good", async () => {
      const { registry, guardian } = await load(active);
      const now = await later(10);
      await protocol.networkHelpers.time.setNextBlockTimestamp(now);
      await expect(registry.connect(guardian).revokeMeasurement(2)).to.emit(registry, "MeasurementRevoked").withArgs(2);
      expect(await isActive(2)).to.equal(false);
      await expect(registry.connect(guardian).revokeMeasurement(2))
        .to.be.revertedWithCustomError(registry, "MeasurementPolicy_Revoked")
        .withArgs(2, now);
      await protocol.networkHelpers.time.increase(10 * DELAY);
      expect(await isActive(2)).to.equal(false);
      expect(await isActive(GENESIS)).to.equal(true);
    });

    it("ends an entry before it was ever active", async () => {
      const { registry, guardian, activeFrom } = await load(proposed);
      await mined(registry.connect(guardian).revokeMeasurement(2));
      await protocol.networkHelpers.time.increaseTo(activeFrom);
      expect(await isActive(2)).to.equal(false);
    });

    it("can be done by the timelock too", async () => {
      const { registry } = await load(active);
      const data = registry.interface.encodeFunctionData("revokeMeasurement", [2]);
      await expect(govern(protocol, registry, data)).to.emit(registry, "MeasurementRevoked");
    });
  });

  describe("both removals", () => {
    it("revert for everybody but guardian and timelock", async () => {
      const { registry, stranger } = await load(active);
      const [deployer] = protocol.signers as [typeof stranger];
      for (const caller of [stranger, deployer]) {
        const by = registry.connect(caller);
        for (const call of [by.revokeMeasurement(2), by.deprecateMeasurement(2, 1)]) {
          await expect(call)
            .to.be.revertedWithCustomError(registry, "Governed_NotGuardian")
            .withArgs(caller.address, guardianWallet.address);
        }
      }
      expect(await isActive(2)).to.equal(true);
    });

    it("revert for an entry that does not exist", async () => {
      const { registry, guardian } = await load(active);
      const by = registry.connect(guardian);
      for (const index of [0, 3]) {
        for (const call of [by.revokeMeasurement(index), by.deprecateMeasurement(index, 1)]) {
          await expect(call).to.be.revertedWithCustomError(registry, "MeasurementPolicy_Unknown").withArgs(index);
        }
      }
    });
  });
});
