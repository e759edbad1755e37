import { expect } from "chai";
import { toBeHex, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { Profile } from "../../../src/core/chain/models.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
ModelRegistry
├── publish
│  ├── when there is no artifact or no engine, the royalty is too high, a field too long, or datasets come twice or
│  │  weigh nothing or more than one: an error for each
│  ├── given the caller published exactly this: ModelRegistry_AlreadyPublished
│  └── when all is well: every field as it was given, under the hash of all of them
├── retire: by the publisher, once; the version stays readable
└── views: an unknown version reverts
*/
describe("ModelRegistry", () => {
  const ENGINE = {
    engine: "onnxruntime-node",
    version: "1.30.0",
    imageDigest: `0x${"01".repeat(32)}`,
    dtype: "int8",
    deviceClass: "cpu",
    determinism: "single-thread",
  };
  const VERSION = {
    name: "opg-guard",
    version: "1.0.0",
    artifactSha256: `0x${"02".repeat(32)}`,
    format: "onnx",
    uri: "https://models.example/opg-guard",
    engines: [ENGINE],
    profile: Profile.EXACT_INT8 as number,
    licence: "Apache-2.0",
    unit: "item",
    inputPriceNano: 2n ** 64n - 1n,
    outputPriceNano: 2n ** 64n - 1n,
    royaltyPpm: 200_000,
    payee: 0xffffffff,
    datasets: [{ dataset: `0x${"03".repeat(32)}`, weightPpm: 1_000_000 }],
    circuit: `0x${"04".repeat(32)}`,
  };
  type Version = typeof VERSION;
  type DatasetUse = (typeof VERSION.datasets)[number];

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  async function open() {
    const [, publisher, other] = protocol.signers as [unknown, Signer, Signer];
    return { registry: protocol.contracts.modelRegistry, publisher, other };
  }
  type Signer = Protocol["signers"][number];

  async function published() {
    const world = await open();
    const { registry, publisher } = world;
    await mined(registry.connect(publisher).publish(VERSION));
    return { ...world, id: await registry.versionId(publisher.address, VERSION) };
  }

  const valuesOf = ({ engines, datasets, ...rest }: Version) =>
    Object.values({
      ...VERSION,
      ...rest,
      engines: engines.map(Object.values),
      datasets: datasets.map(({ dataset, weightPpm }) => [dataset, weightPpm]),
    });

  /** The id as its documentation says, from scratch. */
  function idOf(publisher: string, version: Version): string {
    const { AbiCoder, keccak256 } = protocol.ethers;
    const engine = "tuple(string,string,bytes32,string,string,string)";
    const type = `tuple(string,string,bytes32,string,string,${engine}[],uint8,string,string,uint64,uint64,uint32,uint32,tuple(bytes32,uint32)[],bytes32)`;
    const values = valuesOf(version);
    return keccak256(AbiCoder.defaultAbiCoder().encode(["address", type], [publisher, values]));
  }

  /** What a struct of the contract holds, as plain values. */
  const plain = (value: unknown): unknown => (Array.isArray(value) ? [...value].map(plain) : value);
  const numbers = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(numbers) : typeof value === "number" ? BigInt(value) : value;

  describe("publish", () => {
    it("keeps every field under the hash of all of them, prices and payee at their largest", async () => {
      const { registry, publisher } = await load(open);
      const id = idOf(publisher.address, VERSION);
      expect(await registry.versionId(publisher.address, VERSION)).to.equal(id);
      await expect(registry.connect(publisher).publish(VERSION))
        .to.emit(registry, "ModelVersionPublished")
        .withArgs(id, publisher.address, VERSION.artifactSha256, VERSION.name, VERSION.version);
      const now = BigInt(await protocol.networkHelpers.time.latest());
      const given = valuesOf(VERSION);
      expect(plain(await registry.getVersion(id))).to.deep.equal(numbers(given));
      expect([...(await registry.status(id))]).to.deep.equal([publisher.address, now, 0n]);
      expect([await registry.versionCount(), await registry.versionAt(0)]).to.deep.equal([1n, id]);
    });

    it("gives another id for every field that differs, and leaves the first version as it was", async () => {
      const { registry, publisher, id } = await load(published);
      const word = `0x${"99".repeat(32)}`;
      const changes: Partial<Version>[] = [
        ...(["name", "version", "format", "uri", "licence", "unit"] as const).map((field) => ({ [field]: "other" })),
        ...(["artifactSha256", "circuit"] as const).map((field) => ({ [field]: word })),
        ...(["inputPriceNano", "outputPriceNano"] as const).map((field) => ({ [field]: 0n })),
        ...(["royaltyPpm", "payee"] as const).map((field) => ({ [field]: 0 })),
        ...[Profile.NONE, Profile.PINNED, Profile.TOLERANCE].map((profile) => ({ profile: profile as number })),
        { datasets: [] },
        { datasets: [{ dataset: word, weightPpm: 1_000_000 }] },
        { datasets: [{ ...(VERSION.datasets[0] as DatasetUse), weightPpm: 999_999 }] },
        { engines: [ENGINE, ENGINE] },
        ...Object.keys(ENGINE).map((field) => ({
          engines: [{ ...ENGINE, [field]: field === "imageDigest" ? word : "other" }],
        })),
      ];
      const before = plain(await registry.getVersion(id));
      for (const change of changes) await mined(registry.connect(publisher).publish({ ...VERSION, ...change }));
      const count = Number(await registry.versionCount());
      expect(count).to.equal(1 + changes.length);
      const ids = await Promise.all(Array.from({ length: count }, (_, i) => registry.versionAt(i)));
      expect(new Set(ids).size).to.equal(count);
      expect(ids[0]).to.equal(id);
      expect(plain(await registry.getVersion(id))).to.deep.equal(before);
    });

    it("takes the same version of another publisher under another id", async () => {
      const { registry, other, id } = await load(published);
      await mined(registry.connect(other).publish(VERSION));
      const second = await registry.versionAt(1);
      expect(second).to.equal(idOf(other.address, VERSION));
      expect(second).not.to.equal(id);
      expect((await registry.status(second)).publisher).to.equal(other.address);
    });

    it("reverts for what the caller published before, also after it was retired", async () => {
      const { registry, publisher, id } = await load(published);
      const again = () =>
        expect(registry.connect(publisher).publish(VERSION))
          .to.be.revertedWithCustomError(registry, "ModelRegistry_AlreadyPublished")
          .withArgs(id);
      await again();
      await mined(registry.connect(publisher).retire(id));
      await again();
    });

    it("tells the prices alone, and zeros for a version that is not there", async () => {
      const { registry, publisher, id } = await load(published);
      await mined(registry.connect(publisher).publish({ ...VERSION, inputPriceNano: 5n, outputPriceNano: 7n }));
      expect([...(await registry.pricesOf(await registry.versionAt(1)))]).to.deep.equal([5n, 7n]);
      await mined(registry.connect(publisher).retire(id));
      expect([...(await registry.pricesOf(id))]).to.deep.equal([VERSION.inputPriceNano, VERSION.outputPriceNano]);
      expect([...(await registry.pricesOf(ZeroHash))]).to.deep.equal([0n, 0n]);
    });

    const uses = (weights: number[]): DatasetUse[] =>
      weights.map((weightPpm, i) => ({ dataset: toBeHex(i, 32), weightPpm }));
    const equal = (count: number) => uses(Array<number>(count).fill(1));
    const twice = [0, 1, 2, 1].map((i) => ({ dataset: toBeHex(i, 32), weightPpm: 1 }));
    const engines = (count: number) => Array<typeof ENGINE>(count).fill(ENGINE);
    const cases: [what: string, bad: Partial<Version>, error: string, args: unknown[], good: Partial<Version>][] = [
      ["there is no artifact", { artifactSha256: ZeroHash }, "NoArtifact", [], { circuit: ZeroHash }],
      ["there is no engine", { engines: [] }, "NoEngine", [], { datasets: [] }],
      [
        "the royalty is over 20 %",
        { royaltyPpm: 200_001 },
        "RoyaltyTooHigh",
        [200_001, 200_000],
        { royaltyPpm: 199_999 },
      ],
      ["the name is too long", { name: "é".repeat(33) }, "TooMany", ["name", 66, 64], { name: "é".repeat(32) }],
      [
        "the version is too long",
        { version: "x".repeat(33) },
        "TooMany",
        ["version", 33, 32],
        { version: "x".repeat(32) },
      ],
      ["the address is too long", { uri: "x".repeat(257) }, "TooMany", ["uri", 257, 256], { uri: "x".repeat(256) }],
      [
        "there are too many engines",
        { engines: engines(17) },
        "TooMany",
        ["engines", 17, 16],
        { engines: engines(16) },
      ],
      [
        "there are too many datasets",
        { datasets: equal(17) },
        "TooMany",
        ["datasets", 17, 16],
        { datasets: equal(16) },
      ],
      ["a dataset has no weight", { datasets: uses([5, 0]) }, "NoWeight", [toBeHex(1, 32)], { datasets: uses([5, 1]) }],
      ["a dataset comes twice", { datasets: twice }, "DatasetTwice", [toBeHex(1, 32)], { datasets: twice.slice(0, 3) }],
      [
        "the weights come to more than one",
        { datasets: uses([600_000, 400_001]) },
        "WeightsTooHigh",
        [1_000_001, 1_000_000],
        { datasets: uses([600_000, 400_000]) },
      ],
    ];
    for (const [what, bad, error, args, good] of cases) {
      it(`reverts when ${what}`, async () => {
        const { registry, publisher } = await load(open);
        const by = registry.connect(publisher);
        await expect(by.publish({ ...VERSION, ...bad }))
          .to.be.revertedWithCustomError(registry, `ModelRegistry_${error}`)
          .withArgs(...args);
        expect(await registry.versionCount()).to.equal(0n);
        await mined(by.publish({ ...VERSION, ...good }));
      });
    }

    it("reverts for a profile that does not exist", async () => {
      const { registry, publisher } = await load(open);
      await expect(registry.connect(publisher).publish({ ...VERSION, profile: 4 })).to.be.revertedWithoutReason(
        protocol.ethers,
      );
    });
  });

  describe("retire", () => {
    it("ends a version for new inferences and leaves it readable", async () => {
      const { registry, publisher, id } = await load(published);
      const before = plain(await registry.getVersion(id));
      const { publishedAt } = await registry.status(id);
      await expect(registry.connect(publisher).retire(id)).to.emit(registry, "ModelVersionRetired").withArgs(id);
      const now = BigInt(await protocol.networkHelpers.time.latest());
      expect([...(await registry.status(id))]).to.deep.equal([publisher.address, publishedAt, now]);
      expect(plain(await registry.getVersion(id))).to.deep.equal(before);
      await expect(registry.connect(publisher).retire(id))
        .to.be.revertedWithCustomError(registry, "ModelRegistry_AlreadyRetired")
        .withArgs(id, now);
    });

    it("reverts for everybody but the publisher", async () => {
      const { registry, other, id } = await load(published);
      await expect(registry.connect(other).retire(id))
        .to.be.revertedWithCustomError(registry, "ModelRegistry_NotPublisher")
        .withArgs(id, other.address);
      expect((await registry.status(id)).retiredAt).to.equal(0n);
    });
  });

  it("knows nothing of a version that was never published", async () => {
    const { registry, publisher } = await load(published);
    const by = registry.connect(publisher);
    for (const call of [registry.getVersion(ZeroHash), by.retire(ZeroHash)]) {
      await expect(call).to.be.revertedWithCustomError(registry, "ModelRegistry_UnknownVersion").withArgs(ZeroHash);
    }
    expect([...(await registry.status(ZeroHash))]).to.deep.equal([ZeroAddress, 0n, 0n]);
    await expect(registry.versionAt(1)).to.be.revertedWithPanic(0x32);
  });
});
