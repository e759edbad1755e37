import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { fromHex, toHex, ZERO32 } from "../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../src/core/hashing/keccak.ts";
import { bodyStruct, packOperators, packSignatures, signersHash } from "../../../src/core/protocol/batch.ts";
import { buildTree, MAX_PATH, merklePath, rootOfPath } from "../../../src/core/protocol/merkle.ts";
import {
  type BatchBody,
  bodyHash,
  type Commitment,
  headerHash,
  innerHash,
  restHash,
} from "../../../src/core/protocol/messages.ts";
import { encodeReceipt, leafHasher, receiptStruct } from "../../../src/core/protocol/receipt.ts";
import { encodeRows, rowsHash } from "../../../src/core/protocol/rows.ts";
import { U64_MAX, WEI_PER_NANO } from "../../../src/core/units.ts";
import { signBody } from "../../helpers/economy.ts";
import { splitBy } from "../../helpers/merkleVectors.ts";
import { receiptOf, receiptsOf } from "../../helpers/receipts.ts";
import { type Commit, payerOf, planCommit, refuses, sendCommit, useSettlement } from "../../helpers/settlement.ts";

/*
Inclusion, as ReceiptVerifier shows it
├── isCommitted
│  ├── when it is any receipt of any batch, with its own path: true
│  ├── when receipt, path, number or header is another, or the path is longer than 40: false
│  └── when the header leads, over later batches, to one that is kept: true, over at most 255
├── isFinal
│  ├── given the batch is inside the claim horizon, or a claim against it is open: false
│  └── given neither: true, for the batch as it was committed and no other
└── the ring
   ├── given the slots of a commit are inside the horizon: the commit reverts
   ├── given they are not: it overwrites them, and they are gone
   └── every 256th header is kept for ever, and with it every batch can be proven
*/
describe("Inclusion", () => {
  const RING_SIZE = 512;
  const test = useSettlement({
    change: (parameters) => ({ ...parameters, settlement: { ...parameters.settlement, ringSize: RING_SIZE } }),
  });
  const settlement = () => test.contracts.settlement;
  const verifier = () => test.contracts.receiptVerifier;

  type Proof = { receipt: Uint8Array; path: Uint8Array[] };
  type Committed = {
    body: BatchBody;
    commitment: Commitment;
    prevHash: Uint8Array;
    rest: Uint8Array;
    inner: Uint8Array;
    header: Uint8Array;
    proofs: Proof[];
  };

  const operators = () => test.verifiers.map(({ operator }) => operator);

  /** What the contract made of a batch that was mined. */
  async function committedAs({ body }: Commit, prevHash: Uint8Array, proofs: Proof[]): Promise<Committed> {
    const block = await test.ethers.provider.getBlock("latest");
    const commitment: Commitment = {
      signersHash: signersHash(operators()),
      committedAt: BigInt(block?.timestamp as number),
      committedIn: BigInt(block?.number as number),
    };
    const rest = restHash(bodyHash(body), commitment);
    const inner = innerHash(body.root, rest);
    return { body, commitment, prevHash, rest, inner, header: headerHash(prevHash, inner), proofs };
  }

  /** Commits receipts in windows of these sizes; proves each by its window's path, then the batch's. */
  async function commitWindows(sizes: readonly number[], prevHash: Uint8Array = ZERO32): Promise<Committed> {
    const count = sizes.reduce((sum, size) => sum + size, 0);
    const { nextSequence } = await settlement().getSettler(test.settler);
    const receipts = receiptsOf(test.settler, count, Number(nextSequence));
    const windows = splitBy(receipts.map(leafHasher(test.domain).ofEncoded), sizes).map(buildTree);
    const batch = buildTree(windows.map(({ root }) => root));
    const proofs = windows.flatMap((window, w) =>
      (window.levels[0] as Uint8Array[]).map((_, i) => [...merklePath(window, i), ...merklePath(batch, w)]),
    );
    const commit = await planCommit(test, { debits: [], credits: [], root: batch.root, count });
    await mined(sendCommit(test, commit));
    return committedAs(
      commit,
      prevHash,
      receipts.map((receipt, i) => ({ receipt, path: proofs[i] as Uint8Array[] })),
    );
  }

  /** Commits a batch of one receipt whose path has that many random hashes. */
  async function commitPath(length: number): Promise<Committed> {
    const receipt = encodeReceipt(receiptOf(test.settler, 0));
    const path = Array.from({ length }, (_, i) => keccak256(Buffer.from(`sibling ${i}`)));
    const root = rootOfPath(leafHasher(test.domain).ofEncoded(receipt), path);
    const commit = await planCommit(test, { debits: [], credits: [], root });
    await mined(sendCommit(test, commit));
    return committedAs(commit, ZERO32, [{ receipt, path }]);
  }

  const refOf = ({ body, prevHash, rest }: Committed, later: readonly Uint8Array[] = []) => ({
    number: body.number,
    prevHash: toHex(prevHash),
    restHash: toHex(rest),
    later: later.map(toHex),
  });
  type Ref = ReturnType<typeof refOf>;

  const isCommitted = ({ receipt, path }: Proof, ref: Ref) =>
    verifier().isCommitted(receiptStruct(receipt), path.map(toHex), ref);

  describe("isCommitted", () => {
    for (const sizes of [[1], [2], [3], [1, 1], [5], [3, 1, 4], [1, 2, 3, 4, 5], [17]]) {
      it(`is true for each receipt of windows of ${sizes.join(", ")}`, async () => {
        const batch = await commitWindows(sizes);
        expect(batch.proofs.length).to.equal(sizes.reduce((sum, size) => sum + size, 0));
        for (const proof of batch.proofs) expect(await isCommitted(proof, refOf(batch))).to.equal(true);
      });
    }

    describe("is false", () => {
      const other = keccak256(Buffer.from("other"));
      const changes: [string, (proof: Proof, all: Proof[]) => Proof][] = [
        ["with the path of another receipt", ({ receipt }, all) => ({ receipt, path: (all[4] as Proof).path })],
        ["with no path", ({ receipt }) => ({ receipt, path: [] })],
        ["with a path cut short", ({ receipt, path }) => ({ receipt, path: path.slice(0, -1) })],
        ["with a path without its first hash", ({ receipt, path }) => ({ receipt, path: path.slice(1) })],
        ["with a path too long", ({ receipt, path }) => ({ receipt, path: [...path, other] })],
        ["with a path backwards", ({ receipt, path }) => ({ receipt, path: path.toReversed() })],
        ["with another hash in its path", ({ receipt, path }) => ({ receipt, path: [other, ...path.slice(1)] })],
        ["for the receipt after it", ({ path }, all) => ({ receipt: (all[3] as Proof).receipt, path })],
        [
          "for a receipt of another batch",
          ({ path }) => ({ receipt: encodeReceipt(receiptOf(test.settler, 99)), path }),
        ],
      ];
      for (const [what, change] of changes) {
        it(what, async () => {
          const batch = await commitWindows([5, 4]);
          const proof = batch.proofs[2] as Proof;
          expect(await isCommitted(proof, refOf(batch))).to.equal(true);
          expect(await isCommitted(change(proof, batch.proofs), refOf(batch))).to.equal(false);
        });
      }

      for (let word = 0; word < 9; word++) {
        it(`with one bit of word ${word} of the receipt flipped`, async () => {
          const batch = await commitWindows([5]);
          const { receipt, path } = batch.proofs[2] as Proof;
          for (const byte of [32 * word, 32 * word + 31]) {
            const flipped = receipt.slice();
            flipped[byte] = (flipped[byte] as number) ^ 1;
            expect(await isCommitted({ receipt: flipped, path }, refOf(batch))).to.equal(false);
          }
        });
      }

      const refs: [string, (ref: Ref) => Partial<Ref>][] = [
        ["number 0", () => ({ number: 0n })],
        ["another number", ({ number }) => ({ number: number + 1n })],
        ["a number that is not there yet", () => ({ number: 3n })],
        ["the same number in its low 32 bits", ({ number }) => ({ number: number + 2n ** 32n })],
        ["the number one ring later", ({ number }) => ({ number: number + BigInt(RING_SIZE) })],
        ["another header before it", () => ({ prevHash: toHex(other) })],
        ["another rest", () => ({ restHash: toHex(other) })],
        ["a later batch that is not there", () => ({ later: [toHex(other)] })],
        ["the largest number", () => ({ number: U64_MAX })],
        ["the largest number and later batches", () => ({ number: U64_MAX, later: [toHex(other), toHex(other)] })],
      ];
      for (const [what, change] of refs) {
        it(`with ${what}`, async () => {
          const batch = await commitWindows([3]);
          await commitWindows([2], batch.header);
          const proof = batch.proofs[1] as Proof;
          const ref = refOf(batch);
          expect(await isCommitted(proof, ref)).to.equal(true);
          expect(await isCommitted(proof, { ...ref, ...change(ref) })).to.equal(false);
        });
      }

      it("of another settler's chain", async () => {
        const receipt = encodeReceipt({ ...receiptOf(test.settler, 0), settler: 2 });
        const root = leafHasher(test.domain).ofEncoded(receipt);
        const commit = await planCommit(test, { debits: [], credits: [], root });
        await mined(sendCommit(test, commit));
        const batch = await committedAs(commit, ZERO32, []);
        expect(await settlement().headerHash(test.settler, 1)).to.equal(toHex(batch.header));
        expect(await isCommitted({ receipt, path: [] }, refOf(batch))).to.equal(false);
      });
    });

    it("is true for a path of 40 hashes", async () => {
      const batch = await commitPath(MAX_PATH);
      expect(await isCommitted(batch.proofs[0] as Proof, refOf(batch))).to.equal(true);
    });

    it("is false for a path of 41 hashes that leads to the root", async () => {
      const batch = await commitPath(MAX_PATH + 1);
      expect(await settlement().headerHash(test.settler, 1)).to.equal(toHex(batch.header));
      expect(await isCommitted(batch.proofs[0] as Proof, refOf(batch))).to.equal(false);
    });

    it("is true over any of the batches that came later, in their order", async () => {
      const batches = [await commitWindows([3])];
      for (let i = 1; i < 5; i++) batches.push(await commitWindows([i], (batches.at(-1) as Committed).header));
      const inners = batches.map(({ inner }) => inner);
      for (const [i, batch] of batches.entries()) {
        for (let to = i + 1; to <= batches.length; to++) {
          expect(await isCommitted(batch.proofs[0] as Proof, refOf(batch, inners.slice(i + 1, to)))).to.equal(true);
        }
      }
      const first = batches[0] as Committed;
      const wrong = [
        inners.slice(1).reverse(),
        inners.slice(2),
        inners.slice(0, 4),
        [...inners.slice(1), inners[1] as Uint8Array],
      ];
      for (const later of wrong) {
        expect(await isCommitted(first.proofs[0] as Proof, refOf(first, later))).to.equal(false);
      }
    });
  });

  describe("isFinal", () => {
    const batchOf = ({ body, commitment, prevHash }: Committed) => ({
      body: bodyStruct(body),
      commitment: { ...commitment, signersHash: toHex(commitment.signersHash) },
      prevHash: toHex(prevHash),
      later: [] as string[],
    });
    type BatchStruct = ReturnType<typeof batchOf>;
    const isFinal = ({ receipt, path }: Proof, batch: BatchStruct) =>
      verifier().isFinal(receiptStruct(receipt), path.map(toHex), batch);
    const beyond = async ({ commitment }: Committed) => {
      await test.networkHelpers.time.increaseTo(commitment.committedAt + (await settlement().claimHorizon()) + 1n);
    };

    it("is false through the last second of the horizon, and true from then on", async () => {
      const batch = await commitWindows([3, 2]);
      const proof = batch.proofs[4] as Proof;
      expect(await isFinal(proof, batchOf(batch))).to.equal(false);
      await test.networkHelpers.time.increaseTo(batch.commitment.committedAt + (await settlement().claimHorizon()));
      expect(await isFinal(proof, batchOf(batch))).to.equal(false);
      await beyond(batch);
      expect(await isFinal(proof, batchOf(batch))).to.equal(true);
    });

    const other = toHex(keccak256(Buffer.from("other")));
    const changes: [string, (batch: BatchStruct) => BatchStruct][] = [
      ...Object.entries({
        settler: 2,
        number: 2n,
        root: other,
        rowsHash: other,
        firstSequence: 1n,
        count: 9,
        total: 1n,
        fee: 1n,
        data: other,
        policy: 2,
        deadline: 1n,
      }).map(
        ([field, value]) =>
          [`another ${field}`, (batch: BatchStruct) => ({ ...batch, body: { ...batch.body, [field]: value } })] as [
            string,
            (batch: BatchStruct) => BatchStruct,
          ],
      ),
      ["other signers", (batch) => ({ ...batch, commitment: { ...batch.commitment, signersHash: other } })],
      ["an earlier time", (batch) => ({ ...batch, commitment: { ...batch.commitment, committedAt: 1n } })],
      ["another block", (batch) => ({ ...batch, commitment: { ...batch.commitment, committedIn: 1n } })],
      ["another header before it", (batch) => ({ ...batch, prevHash: other })],
      ["later batches that are not there", (batch) => ({ ...batch, later: [other] })],
    ];
    for (const [what, change] of changes) {
      it(`is false with ${what}`, async () => {
        const batch = await commitWindows([2, 2]);
        await beyond(batch);
        const proof = batch.proofs[3] as Proof;
        expect(await isFinal(proof, batchOf(batch))).to.equal(true);
        expect(await isFinal(proof, change(batchOf(batch)))).to.equal(false);
      });
    }

    it("is false while a claim against the batch is open, and true when it has ended", async () => {
      const receipt = encodeReceipt(receiptOf(test.settler, 0));
      const root = leafHasher(test.domain).ofEncoded(receipt);
      const debits = [{ index: 0, amountNano: 20n }];
      const credits = [{ index: test.workerPayee, amountNano: 19n }];
      const commit = await planCommit(test, { debits, credits, root });
      await mined(sendCommit(test, commit));
      const batch = await committedAs(commit, ZERO32, [{ receipt, path: [] }]);
      expect(toHex(rowsHash(encodeRows(debits), encodeRows(credits)))).to.equal(toHex(batch.body.rowsHash));

      const { court, opg } = test.contracts;
      const challenger = payerOf(test, 5);
      const bondWei = (await court.bondNano()) * WEI_PER_NANO;
      await mined(opg.transfer(challenger.address, bondWei));
      await mined(opg.connect(challenger).approve(court.target, bondWei));
      const creditsHash = toHex(keccak256(commit.credits));
      const proof = batch.proofs[0] as Proof;
      await mined(court.connect(challenger).claimDebit(batchOf(batch), toHex(commit.debits), creditsHash, 0));
      await beyond(batch);
      expect(await isFinal(proof, batchOf(batch))).to.equal(false);
      await mined(court.refundDebit(1, toHex(packOperators(operators()))));
      expect(await isFinal(proof, batchOf(batch))).to.equal(true);
    });
  });

  describe("the ring", () => {
    const LAST = RING_SIZE - 1; // the batch before the first that overwrites

    /** Commits empty batches up to number `to`, as fast as they can be signed. */
    async function commitUpTo(to: number): Promise<void> {
      const { batches, nextSequence } = await settlement().getSettler(test.settler);
      const deadline = BigInt(await test.networkHelpers.time.latest()) + 10_000n;
      const plan = await planCommit(test, { debits: [], credits: [], deadline });
      for (let n = 1n; batches + n <= BigInt(to); n++) {
        const body = {
          ...plan.body,
          number: batches + n,
          firstSequence: nextSequence + n - 1n,
          root: keccak256(Buffer.from(`root ${batches + n}`)),
        };
        await sendCommit(test, {
          ...plan,
          body,
          signatures: packSignatures(signBody(test.domain, body, test.verifiers)),
        });
      }
      expect((await settlement().getSettler(test.settler)).batches).to.equal(BigInt(to));
    }

    /** The inner and header hashes of all batches, from the events alone; index 0 stands for none. */
    async function chainFromEvents(): Promise<{ inners: Uint8Array[]; headers: Uint8Array[] }> {
      const inners: Uint8Array[] = [ZERO32];
      const headers: Uint8Array[] = [ZERO32];
      const events = await settlement().queryFilter(settlement().filters.BatchCommitted(test.settler));
      for (const [i, { args }] of events.entries()) {
        expect(args.number).to.equal(BigInt(i + 1));
        inners.push(innerHash(fromHex(args.root, 32), fromHex(args.restHash, 32)));
        headers.push(headerHash(headers[i] as Uint8Array, inners[i + 1] as Uint8Array));
      }
      return { inners, headers };
    }

    it("keeps what is inside the horizon, gives up what is not, and every 256th for ever", async function () {
      this.timeout(120_000);
      const early = await commitWindows([3]);
      const proof = early.proofs[2] as Proof;
      await commitUpTo(LAST);
      const { inners, headers } = await chainFromEvents();
      for (const number of [1, 2, 255, 256, 257, LAST]) {
        expect(await settlement().headerHash(test.settler, number)).to.equal(toHex(headers[number] as Uint8Array));
      }
      expect(await settlement().headerHash(test.settler, RING_SIZE)).to.equal(toHex(ZERO32));
      expect(await isCommitted(proof, refOf(early))).to.equal(true);

      // Batch 512 opens the slots of 0 to 255. Batch 256 is younger than all of them.
      const [checkpoint] = await settlement().queryFilter(settlement().filters.BatchCommitted(test.settler, 256));
      const { timestamp } = await (checkpoint as NonNullable<typeof checkpoint>).getBlock();
      const until = BigInt(timestamp) + (await settlement().claimHorizon());
      const next = await planCommit(test, { debits: [], credits: [], deadline: until + 10_000n });
      await test.networkHelpers.time.setNextBlockTimestamp(until);
      const args = [test.settler, RING_SIZE, until + 1n];
      await refuses(test, () => sendCommit(test, next), "Settlement_RingFull", args);
      await test.networkHelpers.time.setNextBlockTimestamp(until + 1n);
      await mined(sendCommit(test, next));
      expect(await isCommitted(proof, refOf(early))).to.equal(true);

      // Batch 513 takes the slot of batch 1.
      await commitUpTo(RING_SIZE + 1);
      expect(await settlement().headerHash(test.settler, 1)).to.equal(toHex(ZERO32));
      expect(await settlement().headerHash(test.settler, 2)).to.equal(toHex(headers[2] as Uint8Array));
      expect(await isCommitted(proof, refOf(early))).to.equal(false);
      const later = inners.slice(2, 257);
      expect(later.length).to.equal(255);
      expect(await isCommitted(proof, refOf(early, later))).to.equal(true);
      expect(await isCommitted(proof, refOf(early, later.slice(0, -1)))).to.equal(true); // batch 255 is still there
      expect(await isCommitted(proof, refOf(early, inners.slice(2, 258)))).to.equal(false); // 256 of them
      expect(await settlement().headerHash(test.settler, 257)).to.equal(toHex(headers[257] as Uint8Array));

      // Batch 769 takes the slot of batch 257, as 768 took that of 256, whose header was kept twice.
      await commitUpTo(RING_SIZE + 255);
      await test.networkHelpers.time.increase(await settlement().claimHorizon());
      await commitUpTo(RING_SIZE + 257);
      for (const [number, kept] of [
        [255, ZERO32],
        [256, headers[256] as Uint8Array],
        [257, ZERO32],
        [258, headers[258] as Uint8Array],
      ] as const) {
        expect(await settlement().headerHash(test.settler, number)).to.equal(toHex(kept));
      }
      expect(await isCommitted(proof, refOf(early, later))).to.equal(true);
      expect(await isCommitted(proof, refOf(early, later.slice(0, -1)))).to.equal(false);
    });

    it("is at least two intervals of 256 long, and whole ones", async () => {
      const { opg, nodeRegistry, teeRegistry, stakeHub, timelock } = test.contracts;
      const config = {
        token: opg,
        nodes: nodeRegistry,
        teeRegistry,
        stakeHub,
        governance: timelock,
        guardian: payerOf(test, 0).address,
        treasury: payerOf(test, 0).address,
        times: test.parameters.times,
      };
      const factory = await test.ethers.getContractFactory("Settlement");
      for (const ringSize of [0, 256, 511, 513, 600]) {
        await expect(factory.deploy({ ...config, ringSize }, []))
          .to.be.revertedWithCustomError(factory, "Settlement_BadPolicy")
          .withArgs("ringSize", ringSize, 512);
      }
      await factory.deploy({ ...config, ringSize: 768 }, []);
    });
  });
});
