import { expect } from "chai";
import { type Wallet, ZeroAddress } from "ethers";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { NodeClass } from "../../../src/operator/nodes.ts";
import { walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
NodeRegistry
├── registerOperator: once per address
├── proposeOwner and acceptOwner: two steps; nothing changes before the second
├── registerNode
│  ├── when the caller owns no operator, or the class is none: NodeRegistry_NotOwner, NodeRegistry_NoClass
│  ├── given the key speaks or spoke for a node: NodeRegistry_KeyTaken
│  ├── when the key did not sign for exactly this operator, class, chain and contract: NodeRegistry_BadSignature
│  ├── when endpoint or engines are too many: an error for each
│  └── when all is well: the node, its key on record, each engine announced once
├── updateNode, rotateKey, retireNode: by the owner, while the node serves
├── heartbeat: signed by the node's key, only forward, never from the future; anybody relays
└── views
*/
describe("NodeRegistry", () => {
  const { WORKER, VERIFIER, SETTLER } = NodeClass;
  const KEY_TYPES = {
    NodeKey: [
      { name: "operator", type: "uint32" },
      { name: "class", type: "uint8" },
      { name: "key", type: "address" },
    ],
  };
  const BEAT_TYPES = {
    Heartbeat: [
      { name: "node", type: "uint32" },
      { name: "signedAt", type: "uint40" },
    ],
  };
  const ENGINE = {
    engine: "onnxruntime-node",
    version: "1.30.0",
    imageDigest: `0x${"00".repeat(32)}`,
    dtype: "int8",
    deviceClass: "cpu",
    determinism: "single-thread",
  };
  const OTHER_ENGINE = { ...ENGINE, version: "1.31.0" };
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  type Signer = Protocol["signers"][number];

  /** Two operators; the first has one node. */
  async function open() {
    const { contracts, signers } = protocol;
    const [, owner, otherOwner, stranger] = signers as [unknown, ...[Signer, Signer, Signer]];
    const registry = contracts.nodeRegistry;
    await mined(registry.connect(owner).registerOperator());
    await mined(registry.connect(otherOwner).registerOperator());
    const world = { registry, owner, otherOwner, stranger, operator: 1, other: 2, key: walletOf("node") };
    await mined(register(world, {}));
    return { ...world, node: 1 };
  }
  type World = Awaited<ReturnType<typeof open>>;

  type Change = {
    by?: Signer;
    key?: Wallet;
    class?: number;
    endpoint?: string;
    engines?: (typeof ENGINE)[];
    signature?: string;
    signedBy?: Wallet;
    signedOf?: object;
    domain?: object;
  };

  async function keySignature(
    { registry, operator }: Pick<World, "registry" | "operator">,
    key: Wallet,
    change: Change = {},
  ): Promise<string> {
    const [, name, version, chainId, verifyingContract] = await registry.eip712Domain();
    const message = { operator, class: change.class ?? WORKER, key: key.address, ...change.signedOf };
    const domain = { name, version, chainId, verifyingContract, ...change.domain };
    return (change.signedBy ?? key).signTypedData(domain, KEY_TYPES, message);
  }

  async function register(world: Omit<World, "node">, change: Change) {
    const key = change.key ?? world.key;
    const { endpoint = "https://node.example", engines = [ENGINE] } = change;
    const signature = change.signature ?? (await keySignature(world, key, change));
    const params = { class: change.class ?? WORKER, key: key.address, payee: 7, endpoint, engines };
    return world.registry.connect(change.by ?? world.owner).registerNode(params, signature);
  }

  /** The high-s twin of a signature. */
  const highS = (good: string) => {
    const s = ORDER - BigInt(`0x${good.slice(66, 130)}`);
    return `${good.slice(0, 66)}${s.toString(16).padStart(64, "0")}${good.endsWith("1b") ? "1c" : "1b"}`;
  };
  const malformed = (good: string) => ["0x", good.slice(0, -2), `${good}00`, `0x${"00".repeat(65)}`, highS(good)];
  const someone = (address: string) => address !== ZeroAddress;

  describe("registerOperator", () => {
    it("counts from 1 and names the owner", async () => {
      const { registry, stranger } = await load(open);
      await expect(registry.connect(stranger).registerOperator())
        .to.emit(registry, "OperatorRegistered")
        .withArgs(3, stranger.address);
      expect(await registry.ownerOf(3)).to.equal(stranger.address);
      expect(await registry.operatorOwnedBy(stranger.address)).to.equal(3n);
      expect(await registry.operatorCount()).to.equal(3n);
    });

    it("reverts for an address that owns one", async () => {
      const { registry, owner } = await load(open);
      await expect(registry.connect(owner).registerOperator())
        .to.be.revertedWithCustomError(registry, "NodeRegistry_AlreadyOperator")
        .withArgs(owner.address, 1);
      expect(await registry.operatorCount()).to.equal(2n);
    });
  });

  describe("proposeOwner and acceptOwner", () => {
    it("hand an operator over in two steps, with its nodes", async () => {
      const { registry, owner, stranger, node } = await load(open);
      await expect(registry.connect(owner).proposeOwner(1, stranger.address))
        .to.emit(registry, "OperatorHandoverProposed")
        .withArgs(1, stranger.address);
      expect(await registry.ownerOf(1)).to.equal(owner.address);
      await expect(registry.connect(stranger).acceptOwner(1))
        .to.emit(registry, "OperatorHandedOver")
        .withArgs(1, owner.address, stranger.address);
      expect(await registry.ownerOf(1)).to.equal(stranger.address);
      expect(await registry.operatorOwnedBy(stranger.address)).to.equal(1n);
      expect(await registry.operatorOwnedBy(owner.address)).to.equal(0n);

      await expect(registry.connect(owner).retireNode(node))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_NotOwner")
        .withArgs(1, owner.address);
      await mined(registry.connect(stranger).retireNode(node));
      await expect(registry.connect(stranger).acceptOwner(1))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_NotProposed")
        .withArgs(1, stranger.address);
      // Whoever handed over may begin anew, with another number.
      await mined(registry.connect(owner).registerOperator());
      expect(await registry.operatorOwnedBy(owner.address)).to.equal(3n);
    });

    it("reverts for everybody to whom it was not offered, also after the offer was withdrawn or changed", async () => {
      const { registry, owner, stranger } = await load(open);
      const refused = () =>
        expect(registry.connect(stranger).acceptOwner(1))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_NotProposed")
          .withArgs(1, stranger.address);
      await refused();
      await mined(registry.connect(owner).proposeOwner(1, stranger.address));
      await mined(registry.connect(owner).proposeOwner(1, ZeroAddress));
      await refused();
      await mined(registry.connect(owner).proposeOwner(1, stranger.address));
      await mined(registry.connect(owner).proposeOwner(1, walletOf("another").address));
      await refused();
      expect(await registry.ownerOf(1)).to.equal(owner.address);
    });

    it("reverts when the new owner owns an operator", async () => {
      const { registry, owner, otherOwner } = await load(open);
      await mined(registry.connect(owner).proposeOwner(1, otherOwner.address));
      await expect(registry.connect(otherOwner).acceptOwner(1))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_AlreadyOperator")
        .withArgs(otherOwner.address, 2);
    });

    it("reverts when another than the owner offers, or the operator is unknown", async () => {
      const { registry, otherOwner } = await load(open);
      await expect(registry.connect(otherOwner).proposeOwner(1, otherOwner.address))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_NotOwner")
        .withArgs(1, otherOwner.address);
      for (const operator of [0, 3]) {
        await expect(registry.connect(otherOwner).proposeOwner(operator, otherOwner.address))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_UnknownOperator")
          .withArgs(operator);
      }
    });
  });

  describe("registerNode", () => {
    for (const [name, nodeClass] of Object.entries(NodeClass)) {
      it(`records a ${name} node and its key`, async () => {
        const world = await load(open);
        const { registry } = world;
        const key = walletOf("second");
        const sent = register(world, { class: nodeClass, key, endpoint: "x".repeat(256), engines: [] });
        await expect(sent)
          .to.emit(registry, "NodeRegistered")
          .withArgs(2, 1, nodeClass, key.address, 7, "x".repeat(256));
        const now = BigInt(await protocol.networkHelpers.time.latest());
        expect([...(await registry.getNode(2))]).to.deep.equal([
          ...[1n, BigInt(nodeClass), 7n, now, 0n, 0n, key.address, "x".repeat(256), []],
        ]);
        expect([...(await registry.keyRecord(key.address))]).to.deep.equal([2n, now, 0n]);
      });
    }

    it("announces an engine tuple once, however many nodes run it, and keeps their order", async () => {
      const world = await load(open);
      const { registry } = world;
      const { AbiCoder, keccak256 } = protocol.ethers;
      const tuple = "tuple(string,string,bytes32,string,string,string)";
      const idOf = (engine: typeof ENGINE) =>
        keccak256(AbiCoder.defaultAbiCoder().encode([tuple], [Object.values(engine)]));
      const engines = [OTHER_ENGINE, ENGINE];
      const receipt = await mined(register(world, { key: walletOf("second"), engines }));
      const seen = receipt.logs.filter((log) => registry.interface.parseLog(log)?.name === "EngineSeen");
      expect(seen).to.have.length(1);
      const { id, tuple: announced } = eventOf(receipt, registry, "EngineSeen").args;
      expect([id, [...announced]]).to.deep.equal([idOf(OTHER_ENGINE), Object.values(OTHER_ENGINE)]);
      expect((await registry.getNode(2)).engines).to.deep.equal(engines.map(idOf));
      for (const change of Object.keys(ENGINE)) {
        const value = change === "imageDigest" ? `0x${"01".repeat(32)}` : "x";
        expect(idOf({ ...ENGINE, [change]: value })).not.to.equal(idOf(ENGINE));
      }
    });

    it("reverts when the caller owns no operator", async () => {
      const world = await load(open);
      await expect(register(world, { by: world.stranger, key: walletOf("second") }))
        .to.be.revertedWithCustomError(world.registry, "NodeRegistry_NotOwner")
        .withArgs(0, world.stranger.address);
    });

    it("reverts without a class, and with one that does not exist", async () => {
      const world = await load(open);
      const { registry } = world;
      const change = { key: walletOf("second") };
      await expect(register(world, { ...change, class: 0 })).to.be.revertedWithCustomError(
        registry,
        "NodeRegistry_NoClass",
      );
      await expect(register(world, { ...change, class: 4 })).to.be.revertedWithoutReason(protocol.ethers);
      expect(await registry.nodeCount()).to.equal(1n);
    });

    it("reverts when the key speaks for a node, or spoke for one that rotated it or retired", async () => {
      const world = await load(open);
      const { registry, owner, otherOwner, other, node, key } = world;
      const taken = async (by: World, who: Signer) =>
        expect(register(by, { by: who }))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_KeyTaken")
          .withArgs(key.address, node);
      await taken(world, owner);
      await taken({ ...world, operator: other }, otherOwner);
      const fresh = walletOf("fresh");
      await mined(registry.connect(owner).rotateKey(node, fresh.address, await keySignature(world, fresh)));
      await taken(world, owner);
      await mined(registry.connect(owner).retireNode(node));
      await expect(register(world, { key: fresh }))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_KeyTaken")
        .withArgs(fresh.address, node);
    });

    it("reverts when the key did not sign for exactly this operator, class, chain and contract", async () => {
      const world = await load(open);
      const { registry, other } = world;
      const key = walletOf("second");
      const wrong: Change[] = [
        { signedBy: walletOf("stranger") },
        { signedOf: { operator: other } },
        { signedOf: { class: VERIFIER } },
        { signedOf: { key: walletOf("stranger").address } },
        { domain: { chainId: 1 } },
        { domain: { verifyingContract: protocol.contracts.teeRegistry.target } },
        { domain: { version: "2" } },
        { domain: { name: "OPG Settlement" } },
      ];
      for (const change of wrong) {
        await expect(register(world, { key, ...change }))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
          .withArgs(someone, key.address);
      }
      for (const signature of malformed(await keySignature(world, key))) {
        await expect(register(world, { key, signature }))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
          .withArgs(ZeroAddress, key.address);
      }
      expect(await registry.nodeCount()).to.equal(1n);
      expect((await registry.keyRecord(key.address)).node).to.equal(0n);
    });

    it("reverts for the zero key, which a broken signature would recover to", async () => {
      const { registry, owner } = await load(open);
      const params = { class: WORKER, key: ZeroAddress, payee: 7, endpoint: "", engines: [] };
      await expect(registry.connect(owner).registerNode(params, "0x"))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
        .withArgs(ZeroAddress, ZeroAddress);
    });

    it("reverts when the endpoint is over 256 bytes or there are over 16 engines", async () => {
      const world = await load(open);
      const key = walletOf("second");
      await expect(register(world, { key, endpoint: "x".repeat(257) }))
        .to.be.revertedWithCustomError(world.registry, "NodeRegistry_EndpointTooLong")
        .withArgs(257, 256);
      await expect(register(world, { key, engines: Array(17).fill(ENGINE) }))
        .to.be.revertedWithCustomError(world.registry, "NodeRegistry_TooManyEngines")
        .withArgs(17, 16);
      await mined(register(world, { key, engines: Array(16).fill(ENGINE) }));
    });
  });

  describe("updateNode", () => {
    it("changes payee, endpoint and engines and nothing else", async () => {
      const { registry, owner, node } = await load(open);
      const before = await registry.getNode(node);
      await expect(registry.connect(owner).updateNode(node, 9, "https://new", [OTHER_ENGINE, ENGINE]))
        .to.emit(registry, "NodeUpdated")
        .withArgs(node, 9, "https://new");
      const after = await registry.getNode(node);
      expect([after.payee, after.endpoint, after.engines.length]).to.deep.equal([9n, "https://new", 2]);
      expect(after.engines[1]).to.equal(before.engines[0]);
      for (const kept of ["operator", "class", "key", "registeredAt", "heartbeatAt"] as const) {
        expect(after[kept]).to.equal(before[kept]);
      }
      await mined(registry.connect(owner).updateNode(node, 9, "", []));
      expect((await registry.getNode(node)).engines).to.deep.equal([]);
    });

    it("keeps the limits of a registration", async () => {
      const { registry, owner, node } = await load(open);
      const by = registry.connect(owner);
      await expect(by.updateNode(node, 9, "x".repeat(257), []))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_EndpointTooLong")
        .withArgs(257, 256);
      await expect(by.updateNode(node, 9, "", Array(17).fill(ENGINE)))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_TooManyEngines")
        .withArgs(17, 16);
    });
  });

  describe("rotateKey", () => {
    it("replaces the key and keeps on record when the old one ended", async () => {
      const world = await load(open);
      const { registry, owner, node, key } = world;
      const fresh = walletOf("fresh");
      const { validFrom } = await registry.keyRecord(key.address);
      await expect(registry.connect(owner).rotateKey(node, fresh.address, await keySignature(world, fresh)))
        .to.emit(registry, "NodeKeyRotated")
        .withArgs(node, key.address, fresh.address);
      const now = BigInt(await protocol.networkHelpers.time.latest());
      expect((await registry.getNode(node)).key).to.equal(fresh.address);
      expect([...(await registry.keyRecord(key.address))]).to.deep.equal([1n, validFrom, now]);
      expect([...(await registry.keyRecord(fresh.address))]).to.deep.equal([1n, now, 0n]);
    });

    it("reverts when the new key did not sign, or is the node's own", async () => {
      const world = await load(open);
      const { registry, owner, node, key } = world;
      const fresh = walletOf("fresh");
      await expect(registry.connect(owner).rotateKey(node, fresh.address, await keySignature(world, key)))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
        .withArgs(someone, fresh.address);
      await expect(registry.connect(owner).rotateKey(node, key.address, await keySignature(world, key)))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_KeyTaken")
        .withArgs(key.address, node);
      expect((await registry.getNode(node)).key).to.equal(key.address);
    });
  });

  describe("retireNode", () => {
    it("ends node and key for good", async () => {
      const world = await load(open);
      const { registry, owner, node, key } = world;
      await expect(registry.connect(owner).retireNode(node)).to.emit(registry, "NodeRetired").withArgs(node);
      const now = BigInt(await protocol.networkHelpers.time.latest());
      expect((await registry.getNode(node)).retiredAt).to.equal(now);
      expect((await registry.keyRecord(key.address)).validUntil).to.equal(now);
      const by = registry.connect(owner);
      const fresh = walletOf("fresh");
      const [keyProof, beat] = [await keySignature(world, fresh), await beatSignature(world, now)];
      for (const call of [
        () => by.retireNode(node),
        () => by.updateNode(node, 9, "", []),
        () => by.rotateKey(node, fresh.address, keyProof),
        () => by.heartbeat(node, now, beat),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(registry, "NodeRegistry_Retired").withArgs(node, now);
      }
    });
  });

  describe("all three", () => {
    it("revert for everybody but the owner, and for a node that does not exist", async () => {
      const world = await load(open);
      const { registry, otherOwner, stranger, owner, node } = world;
      const fresh = walletOf("fresh");
      const signature = await keySignature(world, fresh);
      const calls = (by: Signer, of: number) => [
        registry.connect(by).retireNode(of),
        registry.connect(by).updateNode(of, 9, "", []),
        registry.connect(by).rotateKey(of, fresh.address, signature),
      ];
      for (const by of [otherOwner, stranger]) {
        for (const call of calls(by, node)) {
          await expect(call).to.be.revertedWithCustomError(registry, "NodeRegistry_NotOwner").withArgs(1, by.address);
        }
      }
      for (const call of calls(owner, 2)) {
        await expect(call).to.be.revertedWithCustomError(registry, "NodeRegistry_UnknownNode").withArgs(2);
      }
    });
  });

  const beatSignature = async (world: World, signedAt: bigint | number, change: Change & { node?: number } = {}) => {
    const [, name, version, chainId, verifyingContract] = await world.registry.eip712Domain();
    const domain = { name, version, chainId, verifyingContract, ...change.domain };
    const message = { node: change.node ?? world.node, signedAt, ...change.signedOf };
    return (change.signedBy ?? world.key).signTypedData(domain, BEAT_TYPES, message);
  };

  describe("heartbeat", () => {
    const beat = async (world: World, signedAt: number, change: Change = {}) =>
      world.registry
        .connect(world.stranger)
        .heartbeat(world.node, signedAt, change.signature ?? (await beatSignature(world, signedAt, change)));

    it("stores the signed time, whoever relays it and however late", async () => {
      const world = await load(open);
      const now = await protocol.networkHelpers.time.latest();
      await expect(beat(world, now - 1000))
        .to.emit(world.registry, "Heartbeat")
        .withArgs(world.node, now - 1000);
      expect((await world.registry.getNode(world.node)).heartbeatAt).to.equal(BigInt(now - 1000));
    });

    it("only moves forward", async () => {
      const world = await load(open);
      const now = await protocol.networkHelpers.time.latest();
      await mined(beat(world, now));
      for (const signedAt of [now, now - 1, 0]) {
        await expect(beat(world, signedAt))
          .to.be.revertedWithCustomError(world.registry, "NodeRegistry_HeartbeatNotNewer")
          .withArgs(world.node, signedAt, now);
      }
      await mined(beat(world, now + 1));
    });

    it("is never from the future, not by a second", async () => {
      const world = await load(open);
      const now = (await protocol.networkHelpers.time.latest()) + 10;
      await protocol.networkHelpers.time.setNextBlockTimestamp(now);
      await expect(beat(world, now + 1))
        .to.be.revertedWithCustomError(world.registry, "NodeRegistry_HeartbeatFromFuture")
        .withArgs(world.node, now + 1, now);
      await protocol.networkHelpers.time.setNextBlockTimestamp(now + 1);
      await mined(beat(world, now + 1));
    });

    it("reverts when another key signed, for another node, time, chain or contract, or it is no signature", async () => {
      const world = await load(open);
      const { registry, node, key } = world;
      const now = await protocol.networkHelpers.time.latest();
      const wrong: Change[] = [
        { signedBy: walletOf("stranger") },
        { signedOf: { node: 2 } },
        { signedOf: { signedAt: now - 1 } },
        { domain: { chainId: 1 } },
        { domain: { verifyingContract: protocol.contracts.teeRegistry.target } },
      ];
      for (const change of wrong) {
        await expect(beat(world, now, change))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
          .withArgs(someone, key.address);
      }
      for (const signature of malformed(await beatSignature(world, now))) {
        await expect(beat(world, now, { signature }))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
          .withArgs(ZeroAddress, key.address);
      }
      expect((await registry.getNode(node)).heartbeatAt).to.equal(0n);
    });

    it("reverts with the key that the node had before", async () => {
      const world = await load(open);
      const { registry, owner, node, key } = world;
      const fresh = walletOf("fresh");
      await mined(registry.connect(owner).rotateKey(node, fresh.address, await keySignature(world, fresh)));
      const now = await protocol.networkHelpers.time.latest();
      await expect(beat(world, now))
        .to.be.revertedWithCustomError(registry, "NodeRegistry_BadSignature")
        .withArgs(key.address, fresh.address);
      await mined(beat(world, now, { signedBy: fresh }));
    });

    it("reverts for a node that does not exist", async () => {
      const world = await load(open);
      await expect(beat({ ...world, node: 2 }, 1))
        .to.be.revertedWithCustomError(world.registry, "NodeRegistry_UnknownNode")
        .withArgs(2);
    });
  });

  describe("views", () => {
    it("give nodes by range, cut to what there is", async () => {
      const world = await load(open);
      const { registry } = world;
      await mined(register(world, { key: walletOf("second"), class: SETTLER }));
      await mined(register(world, { key: walletOf("third"), class: VERIFIER }));
      const classes = async (from: number, to: number) =>
        (await registry.getNodes(from, to)).map((node) => Number(node.class));
      expect(await classes(1, 4)).to.deep.equal([WORKER, SETTLER, VERIFIER]);
      expect(await classes(0, 0xffffffff)).to.deep.equal([WORKER, SETTLER, VERIFIER]);
      expect(await classes(2, 3)).to.deep.equal([SETTLER]);
      for (const [from, to] of [
        [3, 3],
        [4, 9],
        [3, 2],
        [0xffffffff, 0xffffffff],
      ] as const) {
        expect(await classes(from, to)).to.deep.equal([]);
      }
    });

    it("revert or give nothing for what does not exist", async () => {
      const { registry } = await load(open);
      for (const node of [0, 2]) {
        await expect(registry.getNode(node))
          .to.be.revertedWithCustomError(registry, "NodeRegistry_UnknownNode")
          .withArgs(node);
      }
      expect(await registry.ownerOf(9)).to.equal(ZeroAddress);
      expect(await registry.operatorOwnedBy(walletOf("nobody").address)).to.equal(0n);
      expect([...(await registry.keyRecord(ZeroAddress))]).to.deep.equal([0n, 0n, 0n]);
    });
  });
});
