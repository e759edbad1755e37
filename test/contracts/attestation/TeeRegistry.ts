import { expect } from "chai";
import { SigningKey, type Wallet, ZeroAddress, ZeroHash } from "ethers";
import { developmentMeasurementId } from "../../../deploy/attestation.ts";
import type { Parameters } from "../../../deploy/parameters.ts";
import {
  DEVELOPMENT_MEASUREMENT,
  DEVELOPMENT_ROOT_KEY,
  type DevelopmentDocument,
  signDevelopmentDocument,
} from "../../../src/core/attestation/developmentDocument.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { fromHex, toHex, ZERO32 } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { NO_BINDING, type TeeBinding } from "../../../src/operator/enclave.ts";
import { NodeClass, registerNode, registerOperator } from "../../../src/operator/nodes.ts";
import { walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
TeeRegistry
├── register
│  ├── when the caller does not speak for the node, or the node is no serving verifier: an error for each
│  ├── when the public key has another length: TeeRegistry_BadPublicKey
│  ├── when the challenge is not of one of the last 256 blocks: TeeRegistry_ChallengeTooOld
│  ├── when the key did not sign for exactly this operator, node and challenge: TeeRegistry_NoPossession
│  ├── given the key is of another node, or was revoked: TeeRegistry_KeyOfAnother, TeeRegistry_Revoked
│  ├── when the kind has no verifier, or the document does not verify: TeeRegistry_NoVerifier, TeeVerifier_Invalid
│  ├── when the document is of a debug enclave, for other arguments, used, too old or from the future: an error for each
│  ├── given the measurement is unknown, waiting, ended, revoked or of another kind: an error for each
│  └── when all is well: the key counts until its lifetime or the document ends
├── activeOperator: key, its time and its measurement are read at each use
├── revokeKey: by owner, node, guardian or timelock; nobody else, and once
└── setVerifier: the timelock names, the guardian only removes
*/
describe("TeeRegistry", () => {
  const DEV1 = "0x44455631";
  const LIFETIME = 604_800;
  const guardianWallet = walletOf("guardian");
  const HIGH = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const POSSESSION = {
    KeyPossession: [
      { name: "operator", type: "uint32" },
      { name: "node", type: "uint32" },
      { name: "challenge", type: "bytes32" },
    ],
  };

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters: Parameters) => ({
      ...parameters,
      governance: { ...parameters.governance, guardian: guardianWallet.address },
    }));
    load = await fixturesOn(protocol);
  });

  /** Two operators with a verifier node each, a worker node of the first, and no enclave key yet. */
  async function open() {
    const { contracts, signers, ethers, networkHelpers } = protocol;
    const [, owner, otherOwner, stranger] = signers as [unknown, ...[Signer, Signer, Signer]];
    const [operator, other] = [
      await registerOperator(contracts, owner),
      await registerOperator(contracts, otherOwner),
    ] as const;
    const nodeOf = (by: Signer, name: string, nodeClass: NodeClass = NodeClass.VERIFIER) =>
      registerNode(contracts, by, { class: nodeClass, key: walletOf(name), payee: 1, endpoint: "", engines: [] });
    const node = await nodeOf(owner, "node");
    const otherNode = await nodeOf(otherOwner, "other node");
    const workerNode = await nodeOf(owner, "worker node", NodeClass.WORKER);
    const fund = async (wallet: Wallet) => {
      await networkHelpers.setBalance(wallet.address, 10n ** 18n);
      return wallet.connect(ethers.provider);
    };
    const guardian = await fund(guardianWallet);
    const nodeKey = await fund(walletOf("node"));
    await networkHelpers.mine(300); // so that there are blocks whose hash is gone
    const registry = contracts.teeRegistry;
    return {
      ...{ ...contracts, registry, owner, otherOwner, stranger, operator, other, node, otherNode, workerNode },
      ...{ guardian, nodeKey, key: walletOf("enclave") },
    };
  }
  type Signer = Protocol["signers"][number];
  type World = Awaited<ReturnType<typeof open>>;

  type Change = {
    by?: Signer | Wallet;
    key?: Wallet;
    node?: number;
    operator?: number;
    teeType?: string;
    publicKey?: string;
    challengeBlock?: number;
    binding?: TeeBinding;
    document?: Partial<DevelopmentDocument>;
    rootKey?: Uint8Array;
    evidence?: (evidence: Uint8Array) => Uint8Array;
    possession?: (possession: string) => string;
    possessionBy?: Wallet;
    possessionOf?: { operator?: number; node?: number; challenge?: string };
    possessionDomain?: object;
  };

  const publicKeyOf = (key: Wallet) => `0x${SigningKey.computePublicKey(key.privateKey, false).slice(4)}`;

  /** A registration as it should be, with parts of it changed; the arguments come along for the assertions. */
  async function prepare(world: World, change: Change = {}) {
    const { registry, owner } = world;
    const { ethers, networkHelpers } = protocol;
    const { key = world.key, node = world.node, operator = world.operator, binding = NO_BINDING } = change;
    const challengeBlock = change.challengeBlock ?? (await ethers.provider.getBlockNumber()) - 1;
    const challenge = await registry.challengeOf(operator, challengeBlock).catch(() => ZeroHash);
    const publicKey = change.publicKey ?? publicKeyOf(key);
    const reportData = await registry.bindingOf(operator, node, challenge, publicKey, binding);
    const [, name, version, chainId, verifyingContract] = await registry.eip712Domain();
    const possession = await (change.possessionBy ?? key).signTypedData(
      { name, version, chainId, verifyingContract, ...change.possessionDomain },
      POSSESSION,
      { operator, node, challenge, ...change.possessionOf },
    );
    const now = await networkHelpers.time.latest();
    const document: DevelopmentDocument = {
      measurement: DEVELOPMENT_MEASUREMENT,
      reportData: fromHex(reportData),
      nonce: fromHex(challenge),
      platformId: sha256("platform"),
      issuedAtMs: 1000 * now,
      validUntil: now + 30 * 86_400,
      flags: 0,
      ...change.document,
    };
    const evidence = signDevelopmentDocument(document, change.rootKey ?? DEVELOPMENT_ROOT_KEY);
    const send = () =>
      registry
        .connect(change.by ?? owner)
        .register(
          node,
          change.teeType ?? DEV1,
          publicKey,
          challengeBlock,
          binding,
          toHex(change.evidence?.(evidence) ?? evidence),
          "0x",
          change.possession?.(possession) ?? possession,
        );
    return { send, challenge, challengeBlock, reportData, document, now };
  }

  const register = async (world: World, change: Change = {}) => (await prepare(world, change)).send();

  async function registered() {
    const world = await open();
    await mined(register(world));
    return world;
  }

  /** A registration that reverts, and leaves no record of the key. */
  async function refused(world: World, change: Change, error: string, args: unknown[], contract = world.registry) {
    const known = await world.registry.getKey(world.key.address);
    await expect(register(world, change))
      .to.be.revertedWithCustomError(contract, error)
      .withArgs(...args);
    expect(await world.registry.getKey(world.key.address)).to.deep.equal(known);
  }

  const at = (timestamp: number) => protocol.networkHelpers.time.setNextBlockTimestamp(timestamp);

  describe("register", () => {
    it("records the key, who answers for it and until when", async () => {
      const world = await load(open);
      const { registry, operator, node, key } = world;
      const binding = {
        encryptionKeyHash: toHex(sha256("encryption")),
        tlsKeyHash: toHex(sha256("tls")),
        modelSetHash: toHex(sha256("models")),
        gpuRoot: toHex(sha256("gpu")),
      };
      const { send, document, now } = await prepare(world, { binding });
      await at(now + 5);
      await expect(send())
        .to.emit(registry, "TeeKeyRegistered")
        .withArgs(
          ...[key.address, operator, node, 1, now + 5 + LIFETIME, toHex(document.platformId)],
          Object.values(binding),
        );
      expect([...(await registry.getKey(key.address))]).to.deep.equal(
        [operator, node, 1, now + 5, now + 5 + LIFETIME, 0].map(BigInt),
      );
      expect(await registry.activeOperator(key.address)).to.equal(BigInt(operator));
    });

    it("ends a key with its document when that ends first", async () => {
      const world = await load(open);
      const { registry, key } = world;
      const validUntil = (await protocol.networkHelpers.time.latest()) + 1000;
      await mined(register(world, { document: { validUntil } }));
      expect((await registry.getKey(key.address)).validUntil).to.equal(BigInt(validUntil));
      await protocol.networkHelpers.time.increaseTo(validUntil);
      expect(await registry.activeOperator(key.address)).not.to.equal(0n);
      await protocol.networkHelpers.time.increaseTo(validUntil + 1);
      expect(await registry.activeOperator(key.address)).to.equal(0n);
    });

    it("renews a key, also after its end, and keeps when it was first seen", async () => {
      const world = await load(registered);
      const { registry, key, operator } = world;
      const first = await registry.getKey(key.address);
      await protocol.networkHelpers.time.increase(LIFETIME + 1);
      expect(await registry.activeOperator(key.address)).to.equal(0n);
      await mined(register(world));
      const second = await registry.getKey(key.address);
      expect(second.registeredAt).to.equal(first.registeredAt);
      expect(Number(second.validUntil)).to.equal((await protocol.networkHelpers.time.latest()) + LIFETIME);
      expect(await registry.activeOperator(key.address)).to.equal(BigInt(operator));
    });

    it("can be sent by the node's own key", async () => {
      const world = await load(open);
      await expect(register(world, { by: world.nodeKey })).to.emit(world.registry, "TeeKeyRegistered");
    });

    it("reverts when the caller does not speak for the node", async () => {
      const world = await load(open);
      const { node, stranger, otherOwner, guardian } = world;
      for (const by of [stranger, otherOwner, guardian]) {
        await refused(world, { by }, "TeeRegistry_NotOperator", [node, by.address]);
      }
    });

    it("reverts when the caller is a key that the node had once", async () => {
      const world = await load(open);
      const { nodeRegistry, owner, operator, node, nodeKey } = world;
      const fresh = walletOf("fresh node");
      const [, name, version, chainId, verifyingContract] = await nodeRegistry.eip712Domain();
      const fields = [
        { name: "operator", type: "uint32" },
        { name: "class", type: "uint8" },
        { name: "key", type: "address" },
      ];
      const signature = await fresh.signTypedData(
        { name, version, chainId, verifyingContract },
        { NodeKey: fields },
        { operator, class: NodeClass.VERIFIER, key: fresh.address },
      );
      await mined(nodeRegistry.connect(owner).rotateKey(node, fresh.address, signature));
      await refused(world, { by: nodeKey }, "TeeRegistry_NotOperator", [node, nodeKey.address]);
    });

    it("reverts when the node is unknown, no verifier, or retired", async () => {
      const world = await load(open);
      const { nodeRegistry, owner, node, workerNode } = world;
      await refused(world, { node: 99 }, "NodeRegistry_UnknownNode", [99], nodeRegistry as never);
      await refused(world, { node: workerNode }, "TeeRegistry_NotVerifierNode", [workerNode]);
      await mined(nodeRegistry.connect(owner).retireNode(node));
      await refused(world, {}, "TeeRegistry_NotVerifierNode", [node]);
    });

    it("reverts when the public key is not 64 bytes", async () => {
      const world = await load(open);
      for (const length of [0, 20, 63, 65]) {
        const publicKey = `0x${"01".repeat(length)}`;
        await refused(world, { publicKey }, "TeeRegistry_BadPublicKey", [length]);
      }
    });

    it("reverts when the challenge's block is the current one, to come, or older than 256", async () => {
      const world = await load(open);
      const current = (await protocol.ethers.provider.getBlockNumber()) + 1;
      for (const challengeBlock of [current, current + 1, current - 257, 0]) {
        await refused(world, { challengeBlock }, "TeeRegistry_ChallengeTooOld", [challengeBlock, current]);
      }
      await mined(register(world, { challengeBlock: current - 256 + 1 }));
    });

    it("reverts when the possession is signed by another key, for others, or is no signature", async () => {
      const world = await load(open);
      const { registry, key, operator, other, node, otherNode, nodeRegistry } = world;
      const stranger = walletOf("stranger");
      await refused(world, { possessionBy: stranger }, "TeeRegistry_NoPossession", [stranger.address, key.address]);
      const someone = (address: string) => address !== ZeroAddress && address !== key.address;
      const wrong: Change[] = [
        { possessionOf: { operator: other } },
        { possessionOf: { node: otherNode } },
        { possessionOf: { challenge: await registry.challengeOf(operator, 1 + (await blockNumber()) - 3) } },
        { possessionDomain: { chainId: 1 } },
        { possessionDomain: { verifyingContract: nodeRegistry.target } },
        { possessionDomain: { version: "2" } },
      ];
      for (const change of wrong) {
        await refused(world, change, "TeeRegistry_NoPossession", [someone, key.address]);
      }
      const malformed: ((good: string) => string)[] = [
        () => "0x",
        (good) => good.slice(0, -2),
        (good) => `${good}00`,
        () => `0x${"00".repeat(65)}`,
        (good) => {
          const s = HIGH - BigInt(`0x${good.slice(66, 130)}`);
          return `${good.slice(0, 66)}${s.toString(16).padStart(64, "0")}${good.endsWith("1b") ? "1c" : "1b"}`;
        },
      ];
      for (const possession of malformed) {
        await refused(world, { possession }, "TeeRegistry_NoPossession", [ZeroAddress, key.address]);
      }
      expect(node).not.to.equal(otherNode);
      await mined(register(world));
    });
    const blockNumber = () => protocol.ethers.provider.getBlockNumber();

    it("reverts when the key is of another node, of the same or of another operator", async () => {
      const world = await load(registered);
      const { key, node, otherNode, other, otherOwner, owner } = world;
      await refused(world, { by: otherOwner, node: otherNode, operator: other }, "TeeRegistry_KeyOfAnother", [
        key.address,
        node,
      ]);
      const options = { class: NodeClass.VERIFIER, key: walletOf("second"), payee: 1, endpoint: "", engines: [] };
      const second = await registerNode(protocol.contracts, owner, options);
      await refused(world, { node: second }, "TeeRegistry_KeyOfAnother", [key.address, node]);
    });

    it("reverts when the key was revoked, for ever", async () => {
      const world = await load(registered);
      const { registry, owner, key } = world;
      await mined(registry.connect(owner).revokeKey(key.address));
      const { revokedAt } = await registry.getKey(key.address);
      await protocol.networkHelpers.time.increase(100 * LIFETIME);
      await refused(world, {}, "TeeRegistry_Revoked", [key.address, revokedAt]);
    });

    it("reverts when nobody verifies that kind", async () => {
      const world = await load(open);
      await refused(world, { teeType: "0x4e495452" }, "TeeRegistry_NoVerifier", ["0x4e495452"]);
    });

    it("reverts when the document does not verify: root, signature, length, end", async () => {
      const world = await load(open);
      const verifier = world.developmentTeeVerifier as never;
      const invalid = (change: Change, reason: string) =>
        refused(world, change, "TeeVerifier_Invalid", [toHex(Buffer.from(reason))], verifier);
      await invalid({ rootKey: sha256("another root") }, "SIG ");
      await invalid({ evidence: (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) }, "SIG ");
      await invalid({ evidence: (bytes) => bytes.subarray(1) }, "LEN ");
      await invalid({ document: { validUntil: await protocol.networkHelpers.time.latest() } }, "EXP ");
    });

    it("reverts when the enclave can be read from outside, whatever else its flags say", async () => {
      const world = await load(open);
      for (const flags of [1, 0xffffffff]) {
        await refused(world, { document: { flags } }, "TeeRegistry_DebugEnclave", [toHex(sha256("platform"))]);
      }
      await mined(register(world, { document: { flags: 2 } }));
    });

    it("reverts when the document was made for other arguments", async () => {
      const world = await load(open);
      const { registry, key, operator, other, node, otherNode } = world;
      const challengeBlock = (await blockNumber()) - 1;
      const challenge = await registry.challengeOf(operator, challengeBlock);
      const bind = (change: object = {}) => {
        const a = { operator, node, challenge, key, binding: NO_BINDING, ...change };
        return registry.bindingOf(a.operator, a.node, a.challenge, publicKeyOf(a.key), a.binding);
      };
      const expected = await bind();
      const fields = Object.keys(NO_BINDING);
      expect(fields).to.have.length(4);
      const others = [
        { operator: other },
        { node: otherNode },
        { challenge: toHex(sha256("another challenge")) },
        { key: walletOf("another") },
        ...fields.map((field) => ({ binding: { ...NO_BINDING, [field]: toHex(sha256("x")) } })),
      ];
      for (const change of others) {
        const reportData = await bind(change);
        const document = { reportData: fromHex(reportData) };
        // The challenge is of a block that stays the same while each attempt adds none.
        await refused(world, { challengeBlock, document }, "TeeRegistry_WrongBinding", [reportData, expected]);
      }
      await refused(world, { challengeBlock, document: { reportData: ZERO32 } }, "TeeRegistry_WrongBinding", [
        ZeroHash,
        expected,
      ]);
    });

    it("reverts when the same document comes again", async () => {
      const world = await load(open);
      const challengeBlock = (await blockNumber()) - 1;
      const first = await prepare(world, { challengeBlock });
      await mined(first.send());
      await refused(world, { challengeBlock }, "TeeRegistry_BindingUsed", [first.reportData]);
    });

    it("reverts when the document's nonce is another challenge; none at all is fine", async () => {
      const world = await load(open);
      const { challenge, challengeBlock } = await prepare(world);
      const nonce = sha256("another challenge");
      const change = { challengeBlock, document: { nonce } };
      await refused(world, change, "TeeRegistry_WrongChallenge", [toHex(nonce), challenge]);
      await mined(register(world, { challengeBlock, document: { nonce: ZERO32 } }));
    });

    it("takes documents up to ten minutes old and up to a minute ahead; without a clock any", async () => {
      const world = await load(open);
      const { registry } = world;
      const cases: [offsetMs: number, error?: string][] = [
        [60_001, "TeeRegistry_DocumentFromFuture"],
        [60_000],
        [-600_001, "TeeRegistry_DocumentTooOld"],
        [-600_000],
      ];
      for (const [offset, error] of cases) {
        const now = (await protocol.networkHelpers.time.latest()) + 100;
        const issuedAtMs = 1000 * now + offset;
        const { send } = await prepare(world, { document: { issuedAtMs } });
        await at(now);
        if (error) {
          await expect(send())
            .to.be.revertedWithCustomError(registry, error)
            .withArgs(issuedAtMs, 1000 * now);
        } else await mined(send());
      }
      await mined(register(world, { document: { issuedAtMs: 0 } }));
    });

    describe("given the measurement", () => {
      const measurement = sha256("another image");
      const id = developmentMeasurementId(toHex(measurement));
      const change: Change = { document: { measurement } };
      const propose = (teeType = DEV1) => {
        const { teeRegistry } = protocol.contracts;
        const data = teeRegistry.interface.encodeFunctionData("proposeMeasurement", [id, teeType, ""]);
        return govern(protocol, teeRegistry, data);
      };

      it("is unknown", async () => {
        await refused(await load(open), change, "TeeRegistry_MeasurementNotActive", [id, 0]);
      });

      it("waits, and then is active", async () => {
        const world = await load(open);
        await mined(propose());
        const { activeFrom } = await world.registry.getMeasurement(2);
        await protocol.networkHelpers.time.increaseTo(activeFrom - 10n);
        const early = await prepare(world, change);
        await at(Number(activeFrom) - 1);
        await expect(early.send())
          .to.be.revertedWithCustomError(world.registry, "TeeRegistry_MeasurementNotActive")
          .withArgs(id, 2);
        await at(Number(activeFrom));
        await mined((await prepare(world, change)).send());
        expect((await world.registry.getKey(world.key.address)).measurement).to.equal(2n);
      });

      it("is revoked, or has ended", async () => {
        for (const end of ["revoked", "deprecated"]) {
          const world = await load(open);
          const { registry, guardian } = world;
          const by = registry.connect(guardian);
          await mined(end === "revoked" ? by.revokeMeasurement(1) : by.deprecateMeasurement(1, 1));
          const genesis = developmentMeasurementId(toHex(DEVELOPMENT_MEASUREMENT));
          await refused(world, {}, "TeeRegistry_MeasurementNotActive", [genesis, 1]);
        }
      });

      it("was approved for another kind of document", async () => {
        const world = await load(open);
        await mined(propose("0x4e495452"));
        await protocol.networkHelpers.time.increase(2400);
        await refused(world, change, "TeeRegistry_WrongKind", [DEV1, "0x4e495452"]);
      });
    });
  });

  describe("activeOperator", () => {
    it("is nobody for a key that was never registered", async () => {
      const { registry } = await load(registered);
      expect(await registry.activeOperator(walletOf("nobody").address)).to.equal(0n);
      expect(await registry.activeOperator(ZeroAddress)).to.equal(0n);
    });

    it("is nobody as soon as the measurement is revoked or has ended, with one write for all keys", async () => {
      for (const end of ["revoked", "deprecated"]) {
        const { registry, guardian, key } = await load(registered);
        expect(await registry.activeOperator(key.address)).not.to.equal(0n);
        const by = registry.connect(guardian);
        await mined(end === "revoked" ? by.revokeMeasurement(1) : by.deprecateMeasurement(1, 1));
        expect(await registry.activeOperator(key.address)).to.equal(0n);
      }
    });
  });

  describe("nodeAt", () => {
    it("is the key's node up to the last second of its registration, and nobody for a key that never was", async () => {
      const { registry, key } = await load(registered);
      const { node, validUntil } = await registry.getKey(key.address);
      for (const moment of [0n, validUntil]) expect(await registry.nodeAt(key.address, moment)).to.equal(node);
      expect(await registry.nodeAt(key.address, validUntil + 1n)).to.equal(0n);
      for (const other of [walletOf("nobody").address, ZeroAddress]) {
        expect(await registry.nodeAt(other, 0)).to.equal(0n);
      }
    });

    it("is nobody from the second on in which key or image are revoked, and stays who it was before", async () => {
      for (const what of ["key", "image"]) {
        const { registry, guardian, key } = await load(registered);
        const { node } = await registry.getKey(key.address);
        const by = registry.connect(guardian);
        await mined(what === "key" ? by.revokeKey(key.address) : by.revokeMeasurement(1));
        const revokedAt = await protocol.networkHelpers.time.latest();
        expect(await registry.nodeAt(key.address, revokedAt - 1)).to.equal(node);
        expect(await registry.nodeAt(key.address, revokedAt)).to.equal(0n);
      }
    });

    it("knows nothing of an image's planned end, which can be set into the past", async () => {
      const { registry, guardian, key } = await load(registered);
      await mined(registry.connect(guardian).deprecateMeasurement(1, 1));
      expect(await registry.nodeAt(key.address, await protocol.networkHelpers.time.latest())).not.to.equal(0n);
    });
  });

  describe("revokeKey", () => {
    it("ends a key at once, by owner, node, guardian or timelock", async () => {
      const callers: ((world: World) => Promise<unknown>)[] = [
        ({ registry, owner, key }) => mined(registry.connect(owner).revokeKey(key.address)),
        ({ registry, nodeKey, key }) => mined(registry.connect(nodeKey).revokeKey(key.address)),
        ({ registry, guardian, key }) => mined(registry.connect(guardian).revokeKey(key.address)),
        ({ registry, key }) =>
          govern(protocol, registry, registry.interface.encodeFunctionData("revokeKey", [key.address])),
      ];
      for (const revoke of callers) {
        const world = await load(registered);
        const { registry, key } = world;
        await revoke(world);
        expect(await registry.activeOperator(key.address)).to.equal(0n);
        const { revokedAt } = await registry.getKey(key.address);
        expect(Number(revokedAt)).to.equal(await protocol.networkHelpers.time.latest());
        await expect(registry.connect(world.owner).revokeKey(key.address))
          .to.be.revertedWithCustomError(registry, "TeeRegistry_Revoked")
          .withArgs(key.address, revokedAt);
      }
    });

    it("emits the key", async () => {
      const { registry, owner, key } = await load(registered);
      await expect(registry.connect(owner).revokeKey(key.address))
        .to.emit(registry, "TeeKeyRevoked")
        .withArgs(key.address);
    });

    it("reverts for everybody else", async () => {
      const { registry, stranger, otherOwner, node, key, operator } = await load(registered);
      for (const by of [stranger, otherOwner, protocol.signers[0] as Signer]) {
        await expect(registry.connect(by).revokeKey(key.address))
          .to.be.revertedWithCustomError(registry, "TeeRegistry_NotOperator")
          .withArgs(node, by.address);
      }
      expect(await registry.activeOperator(key.address)).to.equal(BigInt(operator));
    });

    it("reverts for a key that was never registered", async () => {
      const { registry, owner } = await load(registered);
      await expect(registry.connect(owner).revokeKey(ZeroAddress))
        .to.be.revertedWithCustomError(registry, "TeeRegistry_UnknownKey")
        .withArgs(ZeroAddress);
    });
  });

  describe("setVerifier", () => {
    const set = (kind: string, verifier: string) => {
      const { teeRegistry } = protocol.contracts;
      const data = teeRegistry.interface.encodeFunctionData("setVerifier", [kind, verifier]);
      return govern(protocol, teeRegistry, data);
    };

    it("names a verifier through the timelock only", async () => {
      const { registry, guardian, stranger, timelock, developmentTeeVerifier } = await load(open);
      const verifier = String(developmentTeeVerifier.target);
      for (const by of [guardian, stranger]) {
        await expect(registry.connect(by).setVerifier("0x4e495452", verifier))
          .to.be.revertedWithCustomError(registry, "Governed_NotGovernance")
          .withArgs(by.address, timelock.target);
      }
      expect(await registry.verifierOf("0x4e495452")).to.equal(ZeroAddress);
      await expect(set("0x4e495452", verifier)).to.emit(registry, "TeeVerifierSet").withArgs("0x4e495452", verifier);
      expect(await registry.verifierOf("0x4e495452")).to.equal(verifier);
    });

    it("lets the guardian remove one at once, and nobody else but the timelock", async () => {
      const world = await load(registered);
      const { registry, guardian, stranger, key, operator } = world;
      await expect(registry.connect(stranger).setVerifier(DEV1, ZeroAddress))
        .to.be.revertedWithCustomError(registry, "Governed_NotGuardian")
        .withArgs(stranger.address, guardian.address);
      await expect(registry.connect(guardian).setVerifier(DEV1, ZeroAddress))
        .to.emit(registry, "TeeVerifierSet")
        .withArgs(DEV1, ZeroAddress);
      await refused(world, {}, "TeeRegistry_NoVerifier", [DEV1]);
      // Keys that were checked keep counting: they end by their own time or by a revocation.
      expect(await registry.activeOperator(key.address)).to.equal(BigInt(operator));
      await mined(set(DEV1, ZeroAddress));
    });
  });

  describe("challengeOf and bindingOf", () => {
    it("differ for operators and blocks, and are what their documentation says", async () => {
      const { registry, operator, other } = await load(open);
      const { ethers } = protocol;
      const block = (await blockAt(-2)) as { number: number; hash: string };
      const coder = ethers.AbiCoder.defaultAbiCoder();
      const types = ["string", "uint256", "address", "uint32", "uint256", "bytes32"];
      const values = ["OPG challenge", 31337, registry.target, operator, block.number, block.hash];
      const challenge = await registry.challengeOf(operator, block.number);
      expect(challenge).to.equal(ethers.keccak256(coder.encode(types, values)));
      expect(await registry.challengeOf(other, block.number)).not.to.equal(challenge);
      expect(await registry.challengeOf(operator, block.number - 1)).not.to.equal(challenge);
    });
    const blockAt = async (offset: number) =>
      protocol.ethers.provider.getBlock((await protocol.ethers.provider.getBlockNumber()) + offset);

    it("bind with SHA-256, so that hardware can compute it", async () => {
      const { registry, operator, node, key } = await load(open);
      const { ethers } = protocol;
      const publicKey = publicKeyOf(key);
      const binding = { ...NO_BINDING, gpuRoot: toHex(sha256("gpu")) };
      const challenge = toHex(sha256("challenge"));
      const encoded = ethers.AbiCoder.defaultAbiCoder().encode(
        ["string", "uint256", "address", "uint32", "uint32", "bytes32", "bytes32", "bytes32[4]"],
        [
          ...["OPG binding v1", 31337, registry.target, operator, node, challenge, ethers.keccak256(publicKey)],
          Object.values(binding),
        ],
      );
      expect(await registry.bindingOf(operator, node, challenge, publicKey, binding)).to.equal(ethers.sha256(encoded));
    });
  });
});
