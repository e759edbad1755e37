import { expect } from "chai";
import {
  AbiCoder,
  type BaseContract,
  type Interface,
  keccak256,
  type Result,
  toBeHex,
  ZeroAddress,
  ZeroHash,
} from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import type { DatasetRegistry, HostileToken, Reenterer } from "../../../typechain-types/index.ts";
import type { DatasetStruct } from "../../../typechain-types/registry/IDatasetRegistry.ts";
import { type Contributor, contributorPath, contributorTree } from "../../helpers/contributors.ts";
import { OPG } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
DatasetRegistry
├── constructor: without a reserve, with times that contradict each other, or a least bond out of bounds: an error for each
├── register
│  ├── when a field is empty or too long, or the bond too low: an error for each
│  ├── given the caller registered exactly this: DatasetRegistry_AlreadyRegistered, also when its bond is gone
│  └── when all is well: every field as it was given, under the hash of all of them; the bond is here
├── retire: by the owner, once
├── withdraw
│  ├── given it is not retired, the time has not passed, or the bond is gone: an error for each
│  ├── given it is suspended: not before the slash time is over
│  └── else: pays the owner, whoever calls
├── suspend
│  ├── when not by guardian or governance, for epoch 0, or later than from the next epoch on: an error for each
│  └── given it is suspended: only an earlier epoch, which holds the bond no longer
├── resume, slashBond, setLeastBond: by governance; only what is suspended, only with a bond, only within bounds
├── countsFor: by registration, retirement and all suspensions
├── isContributor: every entry in its place, and nothing else
└── with a token that calls back, refuses or moves another amount: no bond is paid twice
*/
describe("DatasetRegistry", () => {
  const RESERVE = "0x00000000000000000000000000000000000beef1";
  const REASON = toBeHex(0xbad, 32);
  const BOND = 25n * OPG;
  const word = (n: number) => toBeHex(n, 32);
  const DATASET: DatasetStruct = {
    contentHash: word(1),
    fileHash: word(2),
    contributorsRoot: word(3),
    contributorCount: 4,
    licence: "CC-BY-4.0",
    uri: "https://data.example/set.jsonl",
  };

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters) => ({ ...parameters, reserve: RESERVE }));
    load = await fixturesOn(protocol);
  });
  type Signer = Protocol["signers"][number];

  async function open() {
    const { contracts, signers } = protocol;
    const [guardian, owner, other, stranger] = signers as [Signer, Signer, Signer, Signer];
    const { datasetRegistry: registry, rewardPolicy: policy, opg } = contracts;
    for (const who of [owner, other]) {
      await mined(opg.transfer(who.address, 1_000n * OPG * WEI_PER_NANO));
      await mined(opg.connect(who).approve(registry, 2n ** 255n));
    }
    const [unbonding, slashTime] = [Number(await registry.unbonding()), Number(await registry.slashTime())];
    return { registry, policy, opg, guardian, owner, other, stranger, unbonding, slashTime };
  }
  type World = Awaited<ReturnType<typeof open>>;

  async function registered() {
    const world = await open();
    const { registry, owner } = world;
    await mined(registry.connect(owner).register(DATASET, BOND));
    return { ...world, id: await registry.datasetId(owner.address, DATASET) };
  }

  async function retired() {
    const world = await registered();
    await mined(world.registry.connect(world.owner).retire(world.id));
    return { ...world, retiredAt: await protocol.networkHelpers.time.latest() };
  }

  async function suspended() {
    const world = await registered();
    await mined(world.registry.suspend(world.id, 1, REASON));
    return { ...world, suspendedAt: await protocol.networkHelpers.time.latest() };
  }

  const governed = ({ registry }: Pick<World, "registry">, name: string, args: unknown[]) =>
    govern(
      protocol,
      registry as BaseContract,
      registry.interface.encodeFunctionData(name as "resume", args as [string]),
    );
  const heldNano = async ({ opg }: Pick<World, "opg">, who: string | BaseContract) =>
    (await opg.balanceOf(who as string)) / WEI_PER_NANO;
  const statusOf = async ({ registry }: Pick<World, "registry">, id: string) =>
    ((await registry.statusOf(id)) as unknown as Result).toObject();
  const at = (time: number) => protocol.networkHelpers.time.setNextBlockTimestamp(time);
  const now = async () => BigInt(await protocol.networkHelpers.time.latest());
  const epochNow = async ({ policy }: Pick<World, "policy">) => Number(await policy.epochAt(await now()));

  function deploy(change: { reserve?: string; times?: object; leastBondNano?: bigint; token?: BaseContract } = {}) {
    const { ethers, contracts, parameters, signers } = protocol;
    return ethers.deployContract("DatasetRegistry", [
      change.token ?? contracts.opg.target,
      contracts.rewardPolicy.target,
      { ...parameters.times, ...change.times },
      change.leastBondNano ?? OPG,
      contracts.timelock.target,
      (signers[0] as Signer).address,
      change.reserve ?? RESERVE,
    ]) as unknown as Promise<DatasetRegistry>;
  }

  it("is refused without a reserve, with times that contradict each other, or with a least bond out of bounds", async () => {
    const { registry } = await load(open);
    await expect(deploy({ reserve: ZeroAddress }))
      .to.be.revertedWithCustomError(registry, "DatasetRegistry_BadReserve")
      .withArgs(ZeroAddress);
    await expect(deploy({ times: { unbonding: 1 } })).to.be.revertedWithCustomError(
      ...([registry, "ProtocolTimes_BrokenRelation"] as const),
    );
    for (const [bad, bound] of [
      [OPG - 1n, OPG],
      [100_000n * OPG + 1n, 100_000n * OPG],
    ] as const) {
      await expect(deploy({ leastBondNano: bad }))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_LeastBondOutOfBounds")
        .withArgs(bad, bound);
      expect(await (await deploy({ leastBondNano: bound })).leastBondNano()).to.equal(bound);
    }
  });

  describe("register", () => {
    it("keeps every field under the hash of all of them, and takes the bond", async () => {
      const world = await load(open);
      const { registry, owner, opg } = world;
      const type = "tuple(bytes32,bytes32,bytes32,uint32,string,string)";
      const encoded = AbiCoder.defaultAbiCoder().encode(["address", type], [owner.address, Object.values(DATASET)]);
      const id = keccak256(encoded);
      expect(await registry.datasetId(owner.address, DATASET)).to.equal(id);
      await expect(registry.connect(owner).register(DATASET, BOND))
        .to.emit(registry, "DatasetRegistered")
        .withArgs(id, owner.address, DATASET.contentHash, Object.values(DATASET), BOND);
      expect([...(await registry.getDataset(id))]).to.deep.equal([
        ...Object.values({ ...DATASET, contributorCount: 4n }),
      ]);
      expect(await statusOf(world, id)).to.deep.equal({
        ...{ owner: owner.address, registeredAt: await now(), retiredAt: 0n, bondNano: BOND, suspendedAt: 0n },
      });
      expect([await registry.datasetCount(), await registry.datasetAt(0)]).to.deep.equal([1n, id]);
      expect(await opg.balanceOf(registry)).to.equal(BOND * WEI_PER_NANO);
    });

    it("gives another id for every field that differs, and to another owner", async () => {
      const { registry, owner, other, id } = await load(registered);
      const changes: Partial<DatasetStruct>[] = [
        ...(["contentHash", "fileHash", "contributorsRoot"] as const).map((field) => ({ [field]: word(99) })),
        ...(["licence", "uri"] as const).map((field) => ({ [field]: "other" })),
        { contributorCount: 5 },
      ];
      for (const change of changes) await mined(registry.connect(owner).register({ ...DATASET, ...change }, BOND));
      await mined(registry.connect(other).register(DATASET, BOND));
      const count = Number(await registry.datasetCount());
      expect(count).to.equal(changes.length + 2);
      const ids = await Promise.all(Array.from({ length: count }, (_, i) => registry.datasetAt(i)));
      expect(new Set(ids).size).to.equal(count);
      expect(ids[0]).to.equal(id);
    });

    it("reverts for what the caller registered before, also when its bond is gone", async () => {
      const { registry, owner, id, unbonding } = await load(registered);
      const again = () =>
        expect(registry.connect(owner).register(DATASET, BOND))
          .to.be.revertedWithCustomError(registry, "DatasetRegistry_AlreadyRegistered")
          .withArgs(id);
      await again();
      await mined(registry.connect(owner).retire(id));
      await protocol.networkHelpers.time.increase(unbonding);
      await mined(registry.withdraw(id));
      await again();
    });

    type Case = [
      what: string,
      bad: Partial<DatasetStruct>,
      error: string,
      args: unknown[],
      good: Partial<DatasetStruct>,
    ];
    const cases: Case[] = [
      ...["contentHash", "fileHash", "contributorsRoot"].map((field): Case => {
        return [`there is no ${field}`, { [field]: ZeroHash }, "Empty", [field], { [field]: word(9) }];
      }),
      ["nobody contributed", { contributorCount: 0 }, "Empty", ["contributorCount"], { contributorCount: 1 }],
      [
        "too many contributed",
        { contributorCount: 2 ** 20 + 1 },
        "TooMany",
        ["contributorCount", 2 ** 20 + 1, 2 ** 20],
        { contributorCount: 2 ** 20 },
      ],
      ["there is no licence", { licence: "" }, "Empty", ["licence"], { licence: "x" }],
      [
        "the licence is too long",
        { licence: "x".repeat(65) },
        "TooMany",
        ["licence", 65, 64],
        { licence: "x".repeat(64) },
      ],
      ["there is no uri", { uri: "" }, "Empty", ["uri"], { uri: "x" }],
      ["the uri is too long", { uri: "x".repeat(257) }, "TooMany", ["uri", 257, 256], { uri: "x".repeat(256) }],
    ];
    for (const [what, bad, error, args, good] of cases) {
      it(`reverts when ${what}`, async () => {
        const { registry, owner } = await load(open);
        const by = registry.connect(owner);
        await expect(by.register({ ...DATASET, ...bad }, BOND))
          .to.be.revertedWithCustomError(registry, `DatasetRegistry_${error}`)
          .withArgs(...args);
        expect(await registry.datasetCount()).to.equal(0n);
        await mined(by.register({ ...DATASET, ...good }, BOND));
      });
    }

    it("reverts for a bond a nano below the least, and takes the least", async () => {
      const { registry, owner } = await load(open);
      const least = await registry.leastBondNano();
      expect(least).to.equal(protocol.parameters.rewards.datasets.leastBondNano);
      await expect(registry.connect(owner).register(DATASET, least - 1n))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_BondTooLow")
        .withArgs(least - 1n, least);
      await mined(registry.connect(owner).register(DATASET, least));
    });
  });

  describe("retire and withdraw", () => {
    it("retire is the owner's, once", async () => {
      const world = await load(registered);
      const { registry, owner, guardian, stranger, id } = world;
      for (const by of [guardian, stranger]) {
        await expect(registry.connect(by).retire(id))
          .to.be.revertedWithCustomError(registry, "DatasetRegistry_NotOwner")
          .withArgs(id, by.address);
      }
      await expect(registry.connect(owner).retire(id)).to.emit(registry, "DatasetRetired").withArgs(id);
      const retiredAt = await now();
      expect((await statusOf(world, id)).retiredAt).to.equal(retiredAt);
      await expect(registry.connect(owner).retire(id))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_AlreadyRetired")
        .withArgs(id, retiredAt);
    });

    it("withdraw pays the owner from the second on at which it may, whoever calls, once", async () => {
      const world = await load(retired);
      const { registry, owner, stranger, id, retiredAt, unbonding } = world;
      const from = retiredAt + unbonding;
      await at(from - 1);
      await expect(registry.withdraw(id))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_NotYet")
        .withArgs(id, from);
      const before = await heldNano(world, owner.address);
      await at(from);
      await expect(registry.connect(stranger).withdraw(id))
        .to.emit(registry, "BondWithdrawn")
        .withArgs(id, owner.address, BOND);
      expect(await heldNano(world, owner.address)).to.equal(before + BOND);
      expect(await heldNano(world, registry)).to.equal(0n);
      await expect(registry.withdraw(id))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_NoBond")
        .withArgs(id);
    });

    it("withdraw reverts for what is not retired", async () => {
      const { registry, id } = await load(registered);
      await expect(registry.withdraw(id))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_NotRetired")
        .withArgs(id);
    });

    it("withdraw waits for the slash time of a suspension, and no longer", async () => {
      const world = await load(suspended);
      const { registry, owner, id, suspendedAt, slashTime, unbonding, policy } = world;
      await mined(registry.connect(owner).retire(id));
      expect(slashTime > unbonding).to.equal(true);
      await protocol.networkHelpers.time.increaseTo(suspendedAt + slashTime - 5);
      // Nor can it be suspended again to hold the bond.
      await expect(registry.suspend(id, await epochNow({ policy }), REASON))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_AlreadySuspended")
        .withArgs(id, 1);
      await at(suspendedAt + slashTime - 1);
      await expect(registry.withdraw(id))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_NotYet")
        .withArgs(id, suspendedAt + slashTime);
      await at(suspendedAt + slashTime);
      await mined(registry.withdraw(id));
      expect(await heldNano(world, registry)).to.equal(0n);
    });
  });

  describe("suspend", () => {
    it("is for guardian and governance, from the next epoch at the latest", async () => {
      const world = await load(registered);
      const { registry, policy, owner, stranger, guardian, id } = world;
      for (const by of [owner, stranger]) {
        await expect(registry.connect(by).suspend(id, 1, REASON))
          .to.be.revertedWithCustomError(registry, "Governed_NotGuardian")
          .withArgs(by.address, guardian.address);
      }
      await expect(registry.suspend(id, 0, REASON))
        .to.be.revertedWithCustomError(registry, "RewardPolicy_NoEpoch")
        .withArgs(0);
      await at(Number(await policy.startOf(3)));
      await expect(registry.suspend(id, 5, REASON))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_EpochTooLate")
        .withArgs(5, 4);
      await expect(registry.suspend(id, 4, REASON))
        .to.emit(registry, "DatasetSuspended")
        .withArgs(id, 4, REASON);
      expect((await statusOf(world, id)).suspendedAt).to.equal(await now());
      expect((await registry.suspensionsOf(id)).map((one) => [...one])).to.deep.equal([[4n, 0n]]);
      // Governance may what the guardian may; earlier epochs, and only those, without holding the bond longer.
      const since = (await statusOf(world, id)).suspendedAt;
      await mined(governed(world, "suspend", [id, 2, REASON]));
      expect((await registry.suspensionsOf(id)).map((one) => [...one])).to.deep.equal([[2n, 0n]]);
      expect((await statusOf(world, id)).suspendedAt).to.equal(since);
      for (const epoch of [2, 3]) {
        await expect(registry.suspend(id, epoch, REASON))
          .to.be.revertedWithCustomError(registry, "DatasetRegistry_AlreadySuspended")
          .withArgs(id, 2);
      }
    });
  });

  describe("resume, slashBond and setLeastBond", () => {
    it("are for governance only", async () => {
      const world = await load(suspended);
      const { registry, guardian, owner, id } = world;
      const { timelock } = protocol.contracts;
      for (const by of [guardian, owner]) {
        const as = registry.connect(by);
        for (const send of [() => as.resume(id), () => as.slashBond(id, ZeroAddress, 0), () => as.setLeastBond(OPG)]) {
          await expect(send())
            .to.be.revertedWithCustomError(registry, "Governed_NotGovernance")
            .withArgs(by.address, timelock);
        }
      }
    });

    it("revert for what is not suspended", async () => {
      const world = await load(registered);
      const { registry, id } = world;
      for (const [name, args] of [
        ["resume", [id]],
        ["slashBond", [id, ZeroAddress, 0]],
      ] as const) {
        await expect(governed(world, name, [...args]))
          .to.be.revertedWithCustomError(registry, "DatasetRegistry_NotSuspended")
          .withArgs(id);
      }
    });

    it("resume lets it count from the next epoch on, and be suspended again", async () => {
      const world = await load(suspended);
      const { registry, policy, id } = world;
      await protocol.networkHelpers.time.increaseTo(await policy.startOf(5));
      const sent = governed(world, "resume", [id]);
      await mined(sent);
      const until = (await epochNow(world)) + 1;
      await expect(sent).to.emit(registry, "DatasetResumed").withArgs(id, until);
      expect((await statusOf(world, id)).suspendedAt).to.equal(0n);
      await mined(registry.suspend(id, until, REASON));
      expect((await registry.suspensionsOf(id)).map((one) => [...one])).to.deep.equal([
        [1n, BigInt(until)],
        [BigInt(until), 0n],
      ]);
    });

    for (const [ppm, reporterNano] of [
      [0, 0n],
      [100_000, BOND / 10n],
      [33_333, (BOND * 33_333n) / 1_000_000n],
    ] as const) {
      it(`slashBond with ${ppm} ppm for the reporter takes the whole bond, once`, async () => {
        const world = await load(suspended);
        const { registry, stranger, id } = world;
        const reporter = ppm === 0 ? ZeroAddress : stranger.address;
        const before = ppm === 0 ? 0n : await heldNano(world, reporter);
        await expect(governed(world, "slashBond", [id, reporter, ppm]))
          .to.emit(registry, "BondSlashed")
          .withArgs(id, reporter, reporterNano, BOND - reporterNano);
        if (ppm !== 0) expect(await heldNano(world, reporter)).to.equal(before + reporterNano);
        expect(await heldNano(world, RESERVE)).to.equal(BOND - reporterNano);
        expect(await heldNano(world, registry)).to.equal(0n);
        for (const [name, args] of [
          ["slashBond", [id, reporter, ppm]],
          ["resume", [id]],
        ] as const) {
          await expect(governed(world, name, [...args]))
            .to.be.revertedWithCustomError(registry, "DatasetRegistry_NoBond")
            .withArgs(id);
        }
      });
    }

    it("slashBond reverts for a reporter's part above its limit", async () => {
      const world = await load(suspended);
      const { registry, stranger, id } = world;
      await expect(governed(world, "slashBond", [id, stranger.address, 100_001]))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_ReporterPartTooHigh")
        .withArgs(100_001, 100_000);
      expect((await statusOf(world, id)).bondNano).to.equal(BOND);
    });

    it("slashBond reaches a bond that its owner retired the moment it was suspended", async () => {
      const world = await load(suspended);
      const { registry, owner, id, unbonding } = world;
      await mined(registry.connect(owner).retire(id));
      await protocol.networkHelpers.time.increase(unbonding);
      await mined(governed(world, "slashBond", [id, ZeroAddress, 0]));
      expect(await heldNano(world, RESERVE)).to.equal(BOND);
    });

    it("setLeastBond holds for datasets to come, within its bounds", async () => {
      const world = await load(registered);
      const { registry, other, id } = world;
      for (const [bad, bound] of [
        [OPG - 1n, OPG],
        [100_000n * OPG + 1n, 100_000n * OPG],
      ] as const) {
        await expect(governed(world, "setLeastBond", [bad]))
          .to.be.revertedWithCustomError(registry, "DatasetRegistry_LeastBondOutOfBounds")
          .withArgs(bad, bound);
      }
      await expect(governed(world, "setLeastBond", [BOND + 1n]))
        .to.emit(registry, "LeastBondSet")
        .withArgs(BOND + 1n);
      await expect(registry.connect(other).register(DATASET, BOND))
        .to.be.revertedWithCustomError(registry, "DatasetRegistry_BondTooLow")
        .withArgs(BOND, BOND + 1n);
      expect(await registry.countsFor(id, (await epochNow(world)) + 1)).to.equal(true);
    });
  });

  describe("countsFor", () => {
    const counted = async ({ registry }: World, id: string, epochs: number) =>
      (await Promise.all(Array.from({ length: epochs }, (_, i) => registry.countsFor(id, i + 1)))).flatMap((yes, i) =>
        yes ? [i + 1] : [],
      );

    it("says from which epoch on a dataset counts, and until when, to the second", async () => {
      const world = await load(open);
      const { registry, policy, owner } = world;
      const start = async (epoch: number) => Number(await policy.startOf(epoch));
      const dataset = (n: number) => ({ ...DATASET, contentHash: word(n) });
      const ids = await Promise.all([10, 11].map((n) => registry.datasetId(owner.address, dataset(n))));
      const [early, late] = ids as [string, string];
      // In the first second of epoch 2, and one later.
      await at(await start(2));
      await mined(registry.connect(owner).register(dataset(10), BOND));
      await at((await start(2)) + 1);
      await mined(registry.connect(owner).register(dataset(11), BOND));
      expect([await counted(world, early, 6), await counted(world, late, 6)]).to.deep.equal([
        [2, 3, 4, 5, 6],
        [3, 4, 5, 6],
      ]);
      // In the last second of epoch 3, and in the first one of epoch 4.
      await at((await start(4)) - 1);
      await mined(registry.connect(owner).retire(early));
      await at(await start(4));
      await mined(registry.connect(owner).retire(late));
      expect([await counted(world, early, 6), await counted(world, late, 6)]).to.deep.equal([
        [2, 3],
        [3, 4],
      ]);
    });

    it("leaves out every suspension, also those that are over", async () => {
      const world = await load(registered);
      const { registry, policy, id } = world;
      const { networkHelpers, ethers, contracts } = protocol;
      const timelock = String(contracts.timelock.target);
      await networkHelpers.impersonateAccount(timelock);
      await networkHelpers.setBalance(timelock, 10n ** 18n);
      const asGovernance = registry.connect(await ethers.getSigner(timelock));
      const base = (await epochNow(world)) + 1;
      const during = async (epoch: number) => at(Number(await policy.startOf(epoch)) + 5);
      const counts = async () => (await counted(world, id, base + 9)).filter((epoch) => epoch >= base);
      await during(base + 2);
      await mined(registry.suspend(id, base + 1, REASON));
      expect(await counts()).to.deep.equal([base]);
      await during(base + 3);
      await mined(asGovernance.resume(id));
      expect(await counts()).to.deep.equal([base, base + 4, base + 5, base + 6, base + 7, base + 8, base + 9]);
      await during(base + 6);
      await mined(registry.suspend(id, base + 6, REASON));
      await mined(asGovernance.resume(id));
      expect(await counts()).to.deep.equal([base, base + 4, base + 5, base + 7, base + 8, base + 9]);
      // A suspension from the next epoch on that is undone before it: nothing.
      await mined(registry.suspend(id, base + 7, REASON));
      await mined(asGovernance.resume(id));
      expect(await counts()).to.deep.equal([base, base + 4, base + 5, base + 7, base + 8, base + 9]);
    });

    it("says no for what nobody registered, and reverts for epoch 0", async () => {
      const { registry, policy } = await load(open);
      expect(await registry.countsFor(word(9), 3)).to.equal(false);
      await expect(registry.countsFor(word(9), 0)).to.be.revertedWithCustomError(policy, "RewardPolicy_NoEpoch");
    });
  });

  describe("isContributor", () => {
    const entryOf = (n: number): Contributor => ({
      account: toBeHex(n + 1, 20),
      source: word(n % 3),
      quality: 100 + n,
    });

    for (const count of [1, 2, 5, 8, 9]) {
      it(`knows each of ${count} in its place, and nobody else`, async () => {
        const { registry, owner } = await load(open);
        const entries = Array.from({ length: count }, (_, n) => entryOf(n));
        const levels = contributorTree(entries);
        const contributorsRoot = levels.at(-1)?.[0] as string;
        const dataset = { ...DATASET, contributorsRoot, contributorCount: count };
        await mined(registry.connect(owner).register(dataset, BOND));
        const id = await registry.datasetId(owner.address, dataset);
        for (const [index, entry] of entries.entries()) {
          const path = contributorPath(levels, index);
          const is = (change: Partial<Contributor>, where = index, by = path) =>
            registry.isContributor(id, where, { ...entry, ...change }, by);
          expect(await is({})).to.equal(true);
          for (const change of [{ account: owner.address }, { source: word(77) }, { quality: 1 }]) {
            expect(await is(change)).to.equal(false);
          }
          expect(await is({}, index ^ 1)).to.equal(false);
          expect(await is({}, index + count)).to.equal(false);
          expect(await is({}, index, [...path, ZeroHash])).to.equal(false);
          if (path.length > 0) expect(await is({}, index, path.slice(0, -1))).to.equal(false);
        }
        // The padding of the tree is no entry.
        expect(await registry.isContributor(id, count, entryOf(count), contributorPath(levels, 0))).to.equal(false);
        expect(await registry.isContributor(word(9), 0, entryOf(0), [])).to.equal(false);
      });
    }
  });

  it("knows nothing of a dataset that was never registered", async () => {
    const world = await load(open);
    const { registry } = world;
    const id = word(9);
    for (const call of [
      () => registry.getDataset(id),
      () => registry.retire(id),
      () => registry.withdraw(id),
      () => registry.suspend(id, 1, REASON),
      () => governed(world, "resume", [id]),
      () => governed(world, "slashBond", [id, ZeroAddress, 0]),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(registry, "DatasetRegistry_UnknownDataset").withArgs(id);
    }
    expect((await statusOf(world, id)).owner).to.equal(ZeroAddress);
    await expect(registry.datasetAt(0)).to.be.revertedWithPanic(0x32);
  });

  describe("with a hostile token", () => {
    /** The actor owns two datasets, the first retired and due, the second suspended; its hook calls out of every transfer. */
    async function hostile() {
      const { ethers, networkHelpers } = protocol;
      const token: HostileToken = await ethers.deployContract("HostileToken");
      const actor: Reenterer = await ethers.deployContract("Reenterer");
      const registry = await deploy({ token: token as BaseContract });
      const encode = (name: string, args: readonly unknown[]) =>
        (registry.interface as Interface).encodeFunctionData(name, args);
      await mined(token.mint(actor, 10n * BOND * WEI_PER_NANO));
      await mined(
        actor.execute(token, token.interface.encodeFunctionData("approve", [registry.target as string, 2n ** 255n])),
      );
      const dataset = (n: number) => ({ ...DATASET, contentHash: word(n) });
      const idOf = (n: number) => registry.datasetId(String(actor.target), dataset(n));
      for (const n of [1, 2]) await mined(actor.execute(registry, encode("register", [dataset(n), BOND])));
      const [first, second] = [await idOf(1), await idOf(2)];
      await mined(actor.execute(registry, encode("retire", [first])));
      await mined(registry.suspend(second, 1, REASON));
      await networkHelpers.time.increase(await registry.unbonding());
      await mined(token.setHook(actor));
      return { token, actor, registry, encode, dataset, idOf, first, second };
    }

    it("pays a bond once when withdraw comes from within, or from within a slash", async () => {
      const { token, actor, registry, encode, first, second } = await load(hostile);
      const before = await token.balanceOf(actor);
      await mined(actor.plan(registry, encode("withdraw", [first])));
      await mined(registry.withdraw(first));
      expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([1n, false]);
      expect(await actor.answer()).to.equal(registry.interface.encodeErrorResult("DatasetRegistry_NoBond", [first]));
      expect(await token.balanceOf(actor)).to.equal(before + BOND * WEI_PER_NANO);
      await mined(actor.plan(registry, encode("withdraw", [second])));
      await mined(governed({ registry }, "slashBond", [second, String(actor.target), 100_000]));
      expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([2n, false]);
      expect(await token.balanceOf(RESERVE)).to.equal((BOND - BOND / 10n) * WEI_PER_NANO);
      expect(await token.balanceOf(registry)).to.equal(0n);
    });

    it("takes a bond for each when register comes from within register", async () => {
      const { token, actor, registry, encode, dataset } = await load(hostile);
      await mined(actor.plan(registry, encode("register", [dataset(3), BOND])));
      await expect(actor.execute(registry, encode("register", [dataset(4), BOND]))).not.to.be.revert(protocol.ethers);
      expect([await actor.succeeded(), await registry.datasetCount()]).to.deep.equal([true, 4n]);
      expect(await token.balanceOf(registry)).to.equal(4n * BOND * WEI_PER_NANO);
      await mined(actor.plan(registry, encode("register", [dataset(5), BOND])));
      await mined(actor.execute(registry, encode("register", [dataset(6), BOND])));
      await expect(actor.execute(registry, encode("register", [dataset(5), BOND]))).to.be.revertedWithCustomError(
        ...([registry, "DatasetRegistry_AlreadyRegistered"] as const),
      );
    });

    it("reverts as a whole when the token refuses", async () => {
      const { token, actor, registry, encode, dataset, first } = await load(hostile);
      await mined(token.setRefuses(true));
      for (const send of [
        () => actor.execute(registry, encode("register", [dataset(3), BOND])),
        () => registry.withdraw(first),
      ]) {
        await expect(send()).to.be.revertedWithCustomError(registry, "SafeERC20FailedOperation").withArgs(token);
      }
      expect((await registry.statusOf(first)).bondNano).to.equal(BOND);
      expect(await registry.datasetCount()).to.equal(2n);
    });
  });
});
