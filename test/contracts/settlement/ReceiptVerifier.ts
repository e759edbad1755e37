import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { fromHex, type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../../src/core/hashing/secp256k1.ts";
import { settlementDomain, typedDigest } from "../../../src/core/protocol/domain.ts";
import { buildTree, merklePath } from "../../../src/core/protocol/merkle.ts";
import { type Window, windowHash } from "../../../src/core/protocol/messages.ts";
import { encodeReceipt, leafHasher, receiptStruct } from "../../../src/core/protocol/receipt.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import { OPG, openEconomy, openReservation, type VerifierActor, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
ReceiptVerifier: no view reverts on a receipt or proof that is merely wrong
├── leafOf: the leaf that TypeScript computes, for every field at its largest
├── attestedBy
│  ├── when receipt, path, window or signature are others, or the key no longer counts: 0
│  └── when all fits: the operator of the key
├── isCommitted
│  ├── when receipt, path or reference are others: false
│  └── when all fits: true, also in the block of the commit
└── isFinal
   ├── until the horizon has passed, and while a claim is open: false
   └── after: true, for ever
*/
describe("ReceiptVerifier", () => {
  const AMOUNT = 10n * OPG;
  const OTHER = `0x${"ee".repeat(32)}` as const;
  const MAX_NUMBER = 2n ** 64n - 1n;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  /** A batch of five receipts; the middle one is shown. */
  async function committed() {
    const economy = await openEconomy(protocol);
    const { contracts, signers } = protocol;
    const payer = signers.at(-1) as (typeof signers)[0];
    const { settler, workerPayee } = economy;
    const { reservation } = await openReservation(protocol, settler, payer, 100n * OPG);
    const { node } = economy.verifiers[0] as VerifierActor;
    const receipts = Array.from({ length: 5 }, (_, i) =>
      receiptOf({ sequence: BigInt(i), settler, reservation, verifier: node, spentNano: AMOUNT }),
    );
    const batch = await commitReceipts(protocol, economy, {
      receipts,
      debits: [{ index: reservation, amountNano: AMOUNT }],
      credits: [{ index: workerPayee, amountNano: (AMOUNT * 19n) / 20n }],
    });
    const { receipt, path } = batch.shown[2] as Committed["shown"][0];
    return { ...contracts, ...economy, committed: batch, receipts, receipt, path, node };
  }
  type World = Awaited<ReturnType<typeof committed>>;

  /** The shown receipt with one bit of each of its words flipped. */
  const flipped = ({ receipt }: World) =>
    Object.entries(receipt).map(([word, value]) => ({
      ...receipt,
      [word]: typeof value === "bigint" ? value ^ 1n : `0x${(BigInt(value) ^ 1n).toString(16).padStart(64, "0")}`,
    }));

  /** Proofs that lead elsewhere than from the receipt to the root. */
  const wrongPaths = ({ path }: World) => [
    [],
    path.slice(1),
    [...path].reverse(),
    [...path, ZeroHash],
    Array<string>(41).fill(ZeroHash),
  ];

  describe("leafOf", () => {
    it("is the leaf of the TypeScript side, with every field at its largest", async () => {
      const { receiptVerifier, receipts, domain, receipt } = await load(committed);
      const hasher = leafHasher(domain);
      const ours = toHex(hasher.ofReceipt(receipts[2] as (typeof receipts)[0]));
      expect(await receiptVerifier.leafOf(receipt)).to.equal(ours);
      const full = new Uint8Array(288).fill(0xff);
      expect(await receiptVerifier.leafOf(receiptStruct(full))).to.equal(toHex(hasher.ofEncoded(full)));
    });

    it("is another one for another contract", async () => {
      const { receiptVerifier, receipts, court, receipt } = await load(committed);
      const other = leafHasher(settlementDomain(31337n, String(court.target)));
      expect(await receiptVerifier.leafOf(receipt)).not.to.equal(
        toHex(other.ofReceipt(receipts[2] as (typeof receipts)[0])),
      );
    });
  });

  describe("attestedBy", () => {
    async function attested() {
      const world = await committed();
      const { domain, settler, node, receipts } = world;
      const tree = buildTree(receipts.map((receipt) => leafHasher(domain).ofEncoded(encodeReceipt(receipt))));
      const window: Window = { settler, verifier: node, root: tree.root, count: 5, signedAtMs: 1 };
      return { ...world, window, path: merklePath(tree, 2).map(toHex) };
    }
    type Attested = Awaited<ReturnType<typeof attested>>;

    const sign = (window: Window, actor: { key: { privateKey: string } } | undefined, domain: Attested["domain"]) =>
      toHex(secp256k1.sign(typedDigest(domain, windowHash(window)), fromHex(actor?.key.privateKey ?? "")));

    function ask(world: Attested, change: { receipt?: World["receipt"]; path?: string[]; signature?: string } = {}) {
      const { receiptVerifier, window, domain, verifiers } = world;
      const { signedAtMs: signedAt, root, ...rest } = window;
      return receiptVerifier.attestedBy(
        change.receipt ?? world.receipt,
        change.path ?? world.path,
        { ...rest, root: toHex(root), signedAt },
        change.signature ?? sign(window, verifiers[0], domain),
      );
    }
    const withWindow = (world: Attested, change: Partial<Window>): Attested => ({
      ...world,
      window: { ...world.window, ...change },
    });

    it("is the operator of the key that signed", async () => {
      const world = await load(attested);
      expect(await ask(world)).to.equal(BigInt((world.verifiers[0] as VerifierActor).operator));
    });

    it("is nobody for another receipt or path", async () => {
      const world = await load(attested);
      for (const receipt of flipped(world)) expect(await ask(world, { receipt })).to.equal(0n);
      for (const path of wrongPaths(world)) expect(await ask(world, { path })).to.equal(0n);
    });

    it("is nobody when the window is of another settler or node, even if it was signed", async () => {
      const world = await load(attested);
      const [, second] = world.verifiers as [VerifierActor, VerifierActor];
      for (const change of [{ settler: 99 }, { verifier: second.node }, { root: new Uint8Array(32) }]) {
        expect(await ask(withWindow(world, change))).to.equal(0n);
      }
    });

    it("is nobody when any field of the window is another than was signed", async () => {
      const world = await load(attested);
      const signature = sign(world.window, world.verifiers[0], world.domain);
      for (const change of [{ count: 6 }, { signedAtMs: 2 }]) {
        expect(await ask(withWindow(world, change), { signature })).to.equal(0n);
      }
      expect(await ask(world, { signature })).not.to.equal(0n);
    });

    it("is nobody when another key signed, for another domain, or the bytes are no signature", async () => {
      const world = await load(attested);
      const { window, domain, verifiers, settlement, court } = world;
      const good = sign(window, verifiers[0], domain);
      const s = BigInt(`0x${good.slice(66, 130)}`);
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const highS = `${good.slice(0, 66)}${(order - s).toString(16).padStart(64, "0")}${good.endsWith("1b") ? "1c" : "1b"}`;
      const signatures = [
        sign(window, verifiers[1], domain),
        sign(window, { key: walletOf("nobody") }, domain),
        sign(window, verifiers[0], settlementDomain(1n, String(settlement.target))),
        sign(window, verifiers[0], settlementDomain(31337n, String(court.target))),
        highS,
        good.slice(0, -2),
        `${good}00`,
        "0x",
        `0x${"00".repeat(65)}`,
      ];
      for (const signature of signatures) expect(await ask(world, { signature })).to.equal(0n);
      expect(await ask(world, { signature: good })).not.to.equal(0n);
    });

    it("is nobody once the key is revoked, or has expired", async () => {
      const world = await load(attested);
      const { teeRegistry, verifiers } = world;
      const [{ key }] = verifiers as [VerifierActor];
      const { validUntil } = await teeRegistry.getKey(key.address);
      const { time, takeSnapshot } = protocol.networkHelpers;
      const snapshot = await takeSnapshot();
      await time.increaseTo(validUntil);
      expect(await ask(world)).not.to.equal(0n);
      await time.increaseTo(validUntil + 1n);
      expect(await ask(world)).to.equal(0n);
      await snapshot.restore();
      expect(await ask(world)).not.to.equal(0n);
      await mined(teeRegistry.revokeKey(key.address));
      expect(await ask(world)).to.equal(0n);
    });
  });

  /** References under which the receipt does not stand. */
  const wrongRefs = ({ committed: { ref } }: World): Committed["ref"][] => [
    { ...ref, number: 0n },
    { ...ref, number: 2n },
    { ...ref, number: MAX_NUMBER },
    { ...ref, number: MAX_NUMBER, later: [OTHER] },
    { ...ref, number: MAX_NUMBER - 254n, later: Array<Hex>(255).fill(OTHER) },
    { ...ref, prevHash: OTHER },
    { ...ref, restHash: OTHER },
    { ...ref, later: [OTHER] },
    { ...ref, later: Array<Hex>(256).fill(OTHER) },
  ];

  describe("isCommitted", () => {
    it("is true from the commit on, for each receipt, directly and through later headers", async () => {
      const world = await load(committed);
      const { receiptVerifier, committed: batch, settler } = world;
      for (const { receipt, path } of batch.shown) {
        expect(await receiptVerifier.isCommitted(receipt, path, batch.ref)).to.equal(true);
      }
      const receipts = [receiptOf({ sequence: 5n, settler })];
      const next = await commitReceipts(protocol, world, { receipts, debits: [], credits: [] });
      const ref = { ...batch.ref, later: [next.inner] };
      expect(await receiptVerifier.isCommitted(world.receipt, world.path, ref)).to.equal(true);
      expect(await receiptVerifier.isCommitted(world.receipt, world.path, batch.ref)).to.equal(true);
    });

    it("is false for another receipt, path or reference", async () => {
      const world = await load(committed);
      const { receiptVerifier, committed: batch, receipt, path } = world;
      for (const other of flipped(world)) {
        expect(await receiptVerifier.isCommitted(other, path, batch.ref)).to.equal(false);
      }
      for (const other of wrongPaths(world)) {
        expect(await receiptVerifier.isCommitted(receipt, other, batch.ref)).to.equal(false);
      }
      for (const ref of wrongRefs(world)) {
        expect(await receiptVerifier.isCommitted(receipt, path, ref)).to.equal(false);
      }
    });

    it("is false for a receipt that names another settler than committed it", async () => {
      const world = await load(committed);
      const receipts = [receiptOf({ sequence: 5n, settler: 99 })];
      const foreign = await commitReceipts(protocol, world, { receipts, debits: [], credits: [] });
      const [{ receipt, path }] = foreign.shown as [Committed["shown"][0]];
      expect(await world.receiptVerifier.isCommitted(receipt, path, foreign.ref)).to.equal(false);
    });
  });

  describe("isFinal", () => {
    const ask = (world: World, change: Partial<Committed["batch"]> = {}, shown: Partial<Committed["shown"][0]> = {}) =>
      world.receiptVerifier.isFinal(shown.receipt ?? world.receipt, shown.path ?? world.path, {
        ...world.committed.batch,
        ...change,
      });
    const horizonEnd = ({ committed: { batch } }: World) => batch.commitment.committedAt + 600;

    it("is false at the last second of the horizon, and true from the next one on", async () => {
      const world = await load(committed);
      const { time } = protocol.networkHelpers;
      expect(await ask(world)).to.equal(false);
      await time.increaseTo(horizonEnd(world));
      expect(await ask(world)).to.equal(false);
      await time.increaseTo(horizonEnd(world) + 1);
      expect(await ask(world)).to.equal(true);
      await time.increase(10 * 365 * 86_400);
      expect(await ask(world)).to.equal(true);
    });

    it("is false while a claim against the batch is open, though the horizon has passed", async () => {
      const world = await load(committed);
      const { court, opg, committed: batch } = world;
      const { time } = protocol.networkHelpers;
      await mined(opg.approve(court.target, OPG * WEI_PER_NANO));
      await time.setNextBlockTimestamp(horizonEnd(world));
      await mined(court.claimDebit(batch.batch, batch.debits, batch.creditsHash, 0));
      await time.increase(301);
      expect(await ask(world)).to.equal(false);
      await mined(court.refundDebit(1, batch.signers));
      expect(await ask(world)).to.equal(true);
    });

    it("is false for another receipt, path or batch", async () => {
      const world = await load(committed);
      const { body, commitment } = world.committed.batch;
      await protocol.networkHelpers.time.increaseTo(horizonEnd(world) + 1);
      for (const receipt of flipped(world)) expect(await ask(world, {}, { receipt })).to.equal(false);
      for (const path of wrongPaths(world)) expect(await ask(world, {}, { path: path as Hex[] })).to.equal(false);
      const others: Partial<Committed["batch"]>[] = [
        { prevHash: OTHER },
        { later: [OTHER] },
        { later: Array<Hex>(256).fill(OTHER) },
        { body: { ...body, number: 0n } },
        { body: { ...body, number: MAX_NUMBER }, later: [OTHER] },
        { body: { ...body, count: 6 } },
        { body: { ...body, settler: 99 } },
        { body: { ...body, root: OTHER } },
        { commitment: { ...commitment, committedAt: 0 } },
        { commitment: { ...commitment, committedIn: 0 } },
        { commitment: { ...commitment, signersHash: OTHER } },
      ];
      for (const other of others) expect(await ask(world, other)).to.equal(false);
      expect(await ask(world)).to.equal(true);
    });

    it("is false, and not an overflow, for a commit at the end of time", async () => {
      const world = await load(committed);
      const { commitment } = world.committed.batch;
      expect(await ask(world, { commitment: { ...commitment, committedAt: Number.MAX_SAFE_INTEGER } })).to.equal(false);
      expect(
        await ask(world, { commitment: { ...commitment, committedAt: MAX_NUMBER as unknown as number } }),
      ).to.equal(false);
    });
  });
});
