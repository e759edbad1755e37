import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { fromHex, type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../../src/core/hashing/secp256k1.ts";
import { type Domain, settlementDomain, typedDigest } from "../../../src/core/protocol/domain.ts";
import { buildTree, merklePath } from "../../../src/core/protocol/merkle.ts";
import { type Window, windowHash } from "../../../src/core/protocol/messages.ts";
import { encodeReceipt, leafHasher, type Receipt, receiptStruct } from "../../../src/core/protocol/receipt.ts";
import { type Committed, commitReceipts, receiptOf } from "../../helpers/batches.ts";
import {
  ANSWER_TIME,
  at,
  BOND,
  books,
  CLAIM_HORIZON,
  evidenceOf,
  FAULT,
  keptOf,
  moved,
  PENALTY_DELAY,
  punishLater,
  rewardOf,
  STAKE,
  shownAt,
  unopenedPenaltyOf,
  useCourt,
} from "../../helpers/court.ts";
import { type VerifierActor, walletOf } from "../../helpers/economy.ts";

/*
Court, sequences that have to be opened
├── claimSequence
│  ├── when the batch is unknown or too old, or the sequence not of its range: an error for each
│  ├── given it was claimed before, in whatever state: Court_SequenceClaimed
│  └── when all is well: the bond is in, the claim open; each sequence of a batch has one of its own
├── openSequence
│  ├── when the receipt is another one, or not under the root: an error for each
│  ├── when the window is of another settler or verifier, or without the receipt: Court_WrongWindow
│  ├── when its signer never was a key of that verifier, or another struct was signed: Court_NotAttested
│  ├── given the key or its image had ended: up to the grace after it, and not later
│  ├── given the end of an image was set into the past: it counts all the same
│  └── when all is well, also under a window of several batches: the settler gets the bond, whoever sends
├── endSequence: after the last second, by anybody; the challenger gets its bond back
└── punish: the settler alone, once a batch
*/
describe("Court, opening of sequences", () => {
  const { world, load } = useCourt();
  const GRACE = 300;
  const FIRST = () => world.verifiers[0] as VerifierActor;

  const receiptsOf = (from: number, count: number, change: Partial<Receipt> = {}) =>
    Array.from({ length: count }, (_, i) =>
      receiptOf({ sequence: BigInt(from + i), settler: world.settler, verifier: FIRST().node, ...change }),
    );

  /** One batch of three receipts, and what the settler has of it. */
  async function committed(change: Partial<Receipt> = {}) {
    const receipts = receiptsOf(0, 3, change);
    const batch = await commitReceipts(world, world, { receipts, debits: [], credits: [] });
    return { batch, receipts };
  }
  const honest = () => committed();

  /** A window over receipts, as the first verifier signs it, or with a change. */
  function windowOver(
    receipts: readonly Receipt[],
    index: number,
    {
      window: change = {},
      key = FIRST().key,
      domain = world.domain,
    }: { window?: Partial<Window>; key?: VerifierActor["key"]; domain?: Domain } = {},
  ) {
    const tree = buildTree(receipts.map(leafHasher(world.domain).ofReceipt));
    const window: Window = {
      settler: world.settler,
      verifier: FIRST().node,
      root: tree.root,
      count: receipts.length,
      signedAtMs: 1000 * now(),
      ...change,
    };
    const signature = secp256k1.sign(typedDigest(domain, windowHash(window)), fromHex(key.privateKey as Hex));
    const { signedAtMs: signedAt, root, ...rest } = window;
    return {
      window: { ...rest, root: toHex(root), signedAt },
      windowPath: merklePath(tree, index).map(toHex),
      signature: toHex(signature),
    };
  }
  let time = 0;
  const now = () => time;

  const claim = async ({ batch }: Committed, sequence: number | bigint, by = world.challenger) =>
    world.court.connect(by).claimSequence(batch, sequence);

  type Opening = {
    receipt: ReturnType<typeof receiptStruct>;
    path: string[];
    window: ReturnType<typeof windowOver>["window"];
    windowPath: string[];
    signature: string;
  };
  function open(of: Awaited<ReturnType<typeof committed>>, index = 1, change: Partial<Opening> = {}, id = 1) {
    const { receipt, path, window, windowPath, signature } = {
      ...shownAt(of.batch, index),
      ...windowOver(of.receipts, index),
      ...change,
    };
    return world.court.connect(world.settlerOwner).openSequence(id, receipt, path, window, windowPath, signature);
  }

  /** The sequence 1 of the batch is claimed. */
  const claimed =
    (change: Partial<Receipt> = {}) =>
    async () => {
      const of = await committed(change);
      await mined(claim(of.batch, 1));
      time = await world.networkHelpers.time.latest();
      return of;
    };
  const fair = claimed();

  describe("claimSequence", () => {
    it("takes the bond and opens a claim of the sequence", async () => {
      const { court, settler, challenger } = world;
      const { batch } = await load(honest);
      const before = await books(world);
      const at0 = batch.batch.commitment.committedAt + 10;
      await at(world, at0);
      await expect(claim(batch, 2))
        .to.emit(court, "SequenceClaimed")
        .withArgs(1, settler, 2, 1, challenger.address, at0 + ANSWER_TIME);
      expect([...(await court.getSequenceClaim(1))]).to.deep.equal([
        1n,
        BigInt(settler),
        BigInt(at0 + ANSWER_TIME),
        challenger.address,
        1n,
        2n,
        BigInt(batch.batch.commitment.committedAt),
        batch.batch.body.root,
      ]);
      expect(moved(before, await books(world))).to.deep.equal({ court: BOND, challenger: -BOND });
      expect(await court.openClaims(settler, 1)).to.equal(1n);
      expect(await court.sequenceClaimOf(settler, 2)).to.equal(1n);
      expect(await court.claimCount()).to.equal(0n);
    });

    it("keeps its batch from being final, until it is decided", async () => {
      const { court, receiptVerifier, networkHelpers } = world;
      const of = await load(fair);
      const { receipt, path } = shownAt(of.batch);
      await networkHelpers.time.increase(CLAIM_HORIZON + 1);
      expect(await receiptVerifier.isFinal(receipt, path, of.batch.batch)).to.equal(false);
      await mined(court.endSequence(1));
      expect(await receiptVerifier.isFinal(receipt, path, of.batch.batch)).to.equal(true);
    });

    it("is one for each sequence, in whatever state", async () => {
      const { court, settler } = world;
      const of = await load(fair);
      const again = () =>
        expect(claim(of.batch, 1)).to.be.revertedWithCustomError(court, "Court_SequenceClaimed").withArgs(settler, 1);
      await again();
      await mined(claim(of.batch, 0));
      expect(await court.openClaims(settler, 1)).to.equal(2n);
      await mined(open(of));
      await again();
      await world.networkHelpers.time.increase(ANSWER_TIME + 1);
      await mined(court.endSequence(2));
      await expect(claim(of.batch, 0)).to.be.revertedWithCustomError(court, "Court_SequenceClaimed");
      expect(await court.openClaims(settler, 1)).to.equal(0n);
    });

    it("reverts when the sequence is not of the batch, at both ends", async () => {
      const { court } = world;
      await load(honest);
      const next = await commitReceipts(world, world, { receipts: receiptsOf(3, 2), debits: [], credits: [] });
      for (const sequence of [2n, 5n, 2n ** 64n - 1n]) {
        await expect(claim(next, sequence))
          .to.be.revertedWithCustomError(court, "Court_NotInRange")
          .withArgs(sequence, 3, 2);
      }
      for (const sequence of [3, 4]) await mined(claim(next, sequence));
    });

    it("reverts when the batch is unknown or beyond its horizon, whose last second counts", async () => {
      const { court, settler } = world;
      const { batch } = await load(honest);
      const fake = { ...batch, batch: { ...batch.batch, body: { ...batch.batch.body, count: 9 } } };
      await expect(claim(fake, 5)).to.be.revertedWithCustomError(court, "Court_UnknownBatch").withArgs(settler, 1);
      const until = batch.batch.commitment.committedAt + CLAIM_HORIZON;
      await at(world, until);
      await mined(claim(batch, 0));
      await at(world, until + 1);
      await expect(claim(batch, 1)).to.be.revertedWithCustomError(court, "Court_TooLate").withArgs(until);
    });

    it("reverts without a bond", async () => {
      const { batch } = await load(honest);
      await expect(claim(batch, 1, world.payer)).to.be.revertedWithCustomError(world.opg, "ERC20InsufficientAllowance");
    });
  });

  describe("openSequence", () => {
    it("gives the settler the bond, whoever sends, in the last second too", async () => {
      const { court, settler, challenger } = world;
      const of = await load(fair);
      const before = await books(world);
      const { answerBy } = await court.getSequenceClaim(1);
      await at(world, Number(answerBy));
      const { receipt, path } = shownAt(of.batch, 1);
      const { window, windowPath, signature } = windowOver(of.receipts, 1);
      await expect(court.connect(challenger).openSequence(1, receipt, path, window, windowPath, signature))
        .to.emit(court, "SequenceOpened")
        .withArgs(1, challenger.address);
      expect(moved(before, await books(world))).to.deep.equal({ court: -BOND, settlerOwner: BOND });
      expect((await court.getSequenceClaim(1)).state).to.equal(2n);
      expect(await court.openClaims(settler, 1)).to.equal(0n);
      expect((await court.getPenalty(evidenceOf("unopened", settler, 1))).dueAt).to.equal(0n);
      await expect(open(of)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 2);
      await expect(court.endSequence(1)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 2);
    });

    it("takes a window that stands for receipts of other batches too", async () => {
      const of = await load(fair);
      const window = [...receiptsOf(50, 4), ...of.receipts.slice(1, 2)];
      await expect(open(of, 1, windowOver(window, 4))).to.emit(world.court, "SequenceOpened");
    });

    it("reverts when there is no such claim, or it is too late", async () => {
      const { court } = world;
      const of = await load(fair);
      await expect(open(of, 1, {}, 2))
        .to.be.revertedWithCustomError(court, "Court_NotOpen")
        .withArgs(2, 0);
      const { answerBy } = await court.getSequenceClaim(1);
      await at(world, Number(answerBy) + 1);
      await expect(open(of)).to.be.revertedWithCustomError(court, "Court_AnswerTooLate").withArgs(1, answerBy);
    });

    it("reverts when another receipt is shown, or one that is not under the root", async () => {
      const { court, settler } = world;
      const of = await load(fair);
      await expect(open(of, 0)).to.be.revertedWithCustomError(court, "Court_WrongSequence").withArgs(0, 1);
      const [forged] = receiptsOf(1, 1, { memoryRoot: new Uint8Array(32).fill(9) }) as [Receipt];
      const change = {
        ...windowOver([forged], 0),
        receipt: receiptStruct(encodeReceipt(forged)),
        path: shownAt(of.batch, 1).path,
      };
      await expect(open(of, 1, change))
        .to.be.revertedWithCustomError(court, "Court_NotCommitted")
        .withArgs(toHex(forged.requestId));
      const foreign = receiptStruct(encodeReceipt({ ...forged, settler: settler + 1 }));
      await expect(open(of, 1, { ...change, receipt: foreign }))
        .to.be.revertedWithCustomError(court, "Court_WrongReceipt")
        .withArgs(settler + 1, 0);
    });

    it("reverts when the window is of another settler or verifier, or does not hold the receipt", async () => {
      const { court, settler } = world;
      const of = await load(fair);
      const node = FIRST().node;
      const other = windowOver(receiptsOf(7, 2), 0);
      const cases: [Partial<Opening>, number, number, string][] = [
        [windowOver(of.receipts, 1, { window: { settler: 77 } }), 77, node, ""],
        [windowOver(of.receipts, 1, { window: { verifier: 78 } }), settler, 78, ""],
        [other, settler, node, other.window.root],
        [{ windowPath: [] }, settler, node, ""],
        [{ windowPath: Array<string>(41).fill(other.window.root) }, settler, node, ""],
      ];
      for (const [change, windowSettler, verifier, root] of cases) {
        await expect(open(of, 1, change))
          .to.be.revertedWithCustomError(court, "Court_WrongWindow")
          .withArgs(windowSettler, verifier, root || windowOver(of.receipts, 1).window.root);
      }
    });

    it("reverts when the signer never was an enclave key of the verifier", async () => {
      const { court } = world;
      const of = await load(fair);
      const [{ node }, second] = world.verifiers as [VerifierActor, VerifierActor];
      for (const key of [walletOf("stranger"), walletOf("verifier node 0"), second.key, walletOf("worker")]) {
        await expect(open(of, 1, windowOver(of.receipts, 1, { key })))
          .to.be.revertedWithCustomError(court, "Court_NotAttested")
          .withArgs(key.address, node);
      }
      const short = windowOver(of.receipts, 1).signature.slice(0, -2);
      await expect(open(of, 1, { signature: short })).to.be.revertedWithCustomError(court, "Court_NotAttested");
    });

    it("reverts when another window was signed, or this one for another chain or contract", async () => {
      const { court, settlement, opg } = world;
      const of = await load(fair);
      const { chainId } = await world.ethers.provider.getNetwork();
      const { signature } = windowOver(of.receipts, 1, { window: { count: 4 } });
      const foreign = [
        settlementDomain(chainId + 1n, String(settlement.target)),
        settlementDomain(chainId, String(opg.target)),
      ].map((domain) => windowOver(of.receipts, 1, { domain }));
      for (const change of [{ signature }, ...foreign]) {
        await expect(open(of, 1, change)).to.be.revertedWithCustomError(court, "Court_NotAttested");
      }
    });

    it("cannot open a receipt that names no verifier, or a worker as one", async () => {
      const { court, worker } = world;
      for (const verifier of [0, worker]) {
        const of = await load(claimed({ verifier }));
        const key = verifier === 0 ? walletOf("stranger") : world.workerKey;
        await expect(open(of, 1, windowOver(of.receipts, 1, { window: { verifier }, key })))
          .to.be.revertedWithCustomError(court, "Court_NotAttested")
          .withArgs(key.address, verifier);
      }
    });

    /** What the first verifier's key signed that many seconds after now. */
    const signedAfter = (of: Awaited<ReturnType<typeof committed>>, seconds: number) =>
      windowOver(of.receipts, 1, { window: { signedAtMs: 1000 * (time + seconds) } });
    const ends = {
      "the key was revoked": async () => {
        await mined(world.teeRegistry.revokeKey(FIRST().key.address));
        return Number((await world.teeRegistry.getKey(FIRST().key.address)).revokedAt) - 1;
      },
      "the image was revoked": async () => {
        await mined(world.teeRegistry.revokeMeasurement(1));
        return Number((await world.teeRegistry.getMeasurement(1)).revokedAt) - 1;
      },
      "the registration ended": async () => Number((await world.teeRegistry.getKey(FIRST().key.address)).validUntil),
    };
    for (const [what, end] of Object.entries(ends)) {
      it(`counts until the grace is over when ${what}`, async () => {
        const { court } = world;
        const of = await load(fair);
        const last = (await end()) - time + GRACE;
        await expect(open(of, 1, signedAfter(of, last + 1)))
          .to.be.revertedWithCustomError(court, "Court_NotAttested")
          .withArgs(FIRST().key.address, FIRST().node);
        await expect(open(of, 1, signedAfter(of, last))).to.emit(court, "SequenceOpened");
      });
    }

    it("counts what was signed long before the key was revoked, or at time zero", async () => {
      const of = await load(fair);
      await mined(world.teeRegistry.revokeKey(FIRST().key.address));
      await mined(claim(of.batch, 2));
      await expect(open(of, 1, signedAfter(of, -100_000))).to.emit(world.court, "SequenceOpened");
      const zero = windowOver(of.receipts, 2, { window: { signedAtMs: 0 } });
      await expect(open(of, 2, zero, 2)).to.emit(world.court, "SequenceOpened");
    });

    it("punishes nobody for an end of the image that was set into the past", async () => {
      const of = await load(fair);
      await mined(world.teeRegistry.deprecateMeasurement(1, 1));
      expect(await world.teeRegistry.activeOperator(FIRST().key.address)).to.equal(0n);
      await expect(open(of)).to.emit(world.court, "SequenceOpened");
    });
  });

  describe("endSequence", () => {
    it("gives the bond back and schedules a penalty of the settler alone, by anybody", async () => {
      const { court, settler, challenger, payer, ethers } = world;
      await load(fair);
      const before = await books(world);
      const ended = Number((await court.getSequenceClaim(1)).answerBy) + 1;
      const id = evidenceOf("unopened", settler, 1);
      await at(world, ended);
      const sent = court.connect(payer).endSequence(1);
      await expect(sent).to.emit(court, "SequenceUnopened").withArgs(1, id);
      await expect(sent)
        .to.emit(court, "PenaltyScheduled")
        .withArgs(id, settler, challenger.address, ended + PENALTY_DELAY);
      expect(moved(before, await books(world))).to.deep.equal({ court: -BOND, challenger: BOND });
      const { done, fault, signersHash, faultAt } = await court.getPenalty(id);
      expect([done, fault, signersHash]).to.deep.equal([false, FAULT.UNOPENED, keptOf(ethers.keccak256("0x"))]);
      expect(faultAt).to.equal((await court.getSequenceClaim(1)).faultAt);
      await expect(court.endSequence(1)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(1, 3);
    });

    it("reverts while an answer is possible, and when there is no such claim", async () => {
      const { court } = world;
      await load(fair);
      const { answerBy } = await court.getSequenceClaim(1);
      await at(world, Number(answerBy));
      await expect(court.endSequence(1))
        .to.be.revertedWithCustomError(court, "Court_AnswerStillPossible")
        .withArgs(1, answerBy);
      await expect(court.endSequence(2)).to.be.revertedWithCustomError(court, "Court_NotOpen").withArgs(2, 0);
    });
  });

  describe("punish", () => {
    it("costs the settler once a batch, and its signers nothing", async () => {
      const { court, stakeHub, settler, verifiers } = world;
      const of = await load(fair);
      await mined(claim(of.batch, 2));
      await world.networkHelpers.time.increase(ANSWER_TIME + 1);
      for (const id of [1, 2]) await mined(court.endSequence(id));
      const id = evidenceOf("unopened", settler, 1);
      await expect(court.punish(id, of.batch.signers)).to.be.revertedWithCustomError(court, "Court_PenaltyNotDue");
      const before = await books(world);
      await world.networkHelpers.time.increase(PENALTY_DELAY);
      await expect(court.punish(id, of.batch.signers)).to.be.revertedWithCustomError(court, "Court_WrongSigners");
      await punishLater(world, id);
      const penalty = unopenedPenaltyOf(STAKE);
      expect(await stakeHub.slashableStake(settler)).to.equal(STAKE - penalty);
      for (const { operator } of verifiers) expect(await stakeHub.slashableStake(operator)).to.equal(STAKE);
      expect(moved(before, await books(world))).to.deep.equal({
        stakeHub: -penalty,
        challenger: rewardOf(penalty),
        reserve: penalty - rewardOf(penalty),
      });
      await expect(court.punish(id, "0x")).to.be.revertedWithCustomError(court, "Court_NoPenalty").withArgs(id);
    });

    it("finds a number that no leaf has: two receipts under one number leave the other empty", async () => {
      const { court, settler } = world;
      await load(async () => {
        const receipts = [...receiptsOf(0, 1), ...receiptsOf(0, 1, { memoryRoot: new Uint8Array(32).fill(9) })];
        const batch = await commitReceipts(world, world, { receipts, debits: [], credits: [] });
        await mined(claim(batch, 1));
        time = await world.networkHelpers.time.latest();
        await expect(open({ batch, receipts }, 1))
          .to.be.revertedWithCustomError(court, "Court_WrongSequence")
          .withArgs(0, 1);
      });
      await world.networkHelpers.time.increase(ANSWER_TIME + 1);
      await expect(court.endSequence(1)).to.emit(court, "PenaltyScheduled");
      expect((await court.getPenalty(evidenceOf("unopened", settler, 1))).dueAt).not.to.equal(0n);
    });
  });
});
