import { expect } from "chai";
import { and, eq } from "drizzle-orm";
import type { RegisteredModel } from "../../../src/core/chain/models.ts";
import type { ChainView, PolicyRecord, ReservationRecord, SettlerRecord } from "../../../src/core/chain/view.ts";
import { type OpenDatabase, openDatabase } from "../../../src/core/db/open.ts";
import { toHex, ZERO32 } from "../../../src/core/hashing/hex.ts";
import { addressOf, publicKeyOf, secp256k1 } from "../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { encodeTree, sizesHash } from "../../../src/core/protocol/batch.ts";
import { type CommittedReceipt, decodeBatchFile } from "../../../src/core/protocol/batchFile.ts";
import { typedDigest } from "../../../src/core/protocol/domain.ts";
import { requestHash, resultHash, type Terms, termsHash, voucherHash } from "../../../src/core/protocol/messages.ts";
import { decodeReceipt, leafHasher, Mode, Status } from "../../../src/core/protocol/receipt.ts";
import { decodeRows, ROW_BYTES } from "../../../src/core/protocol/rows.ts";
import { MAX_TRANSACTION_BYTES } from "../../../src/core/txQueue.ts";
import {
  createBatchStore,
  type Plan,
  type PlanLimits,
  planBatch,
  readBody,
  receiptLimit,
} from "../../../src/settler/batches.ts";
import { inferences } from "../../../src/settler/schema.ts";
import {
  createStore,
  readPayment,
  SETTLE_QUEUE,
  type Store,
  type StoredInference,
} from "../../../src/settler/store.ts";
import { checkBatch } from "../../../src/verifier/checkBatch.ts";
import { openLedger } from "../../../src/verifier/ledger.ts";
import { createWindowSigner } from "../../../src/verifier/windowSigner.ts";
import { failure } from "../../helpers/failure.ts";
import { BACKENDS, freshDatabase } from "../../helpers/network.ts";
import { DOMAIN, EVIDENCE, word } from "../../helpers/samples.ts";

/*
planBatch, on each backend; whatever it plans, a signer's check takes
├── when nothing is signed from the chain's next number on: undefined
├── when an unsigned number stands in the way: the receipts before it
├── when the limits are reached: as many receipts, or payers, as they allow; a cut window in parts
├── money
│  ├── each payer's debit is what its receipts cost, and credits with the fee come to the total
│  ├── when a release falls due by the deadline: no more than it leaves; when later: all
│  ├── when nothing can be collected: no debit, and the others' batch goes on
│  └── when receipts end in another order than they began: an earlier one shows what was spent
├── in calldata no more receipts than a transaction has room for, whatever their payers and payees
├── the data is the file's hash, or the sizes of the tree in calldata
└── when the policy is unknown: bad_policy; when a window is not all here: its verifier tells, else window_incomplete
createBatchStore
├── a plan is stored once; what is there stays
└── marks, unmarks, lists what is committed and what is not recorded
*/
const POLICY: PolicyRecord = {
  feePpm: 25_000,
  workerPpm: 700_000,
  verifierPpm: 100_000,
  maxRoyaltyPpm: 100_000,
  quorum: 1,
  dataMode: "OFFCHAIN",
  windowMs: 50,
  retiredAt: 0,
};
const NOW = 1_790_000_000;
const DEADLINE_SECONDS = 600;
const [PAYER_KEY, ENCLAVE_KEY, WORKER_KEY] = [sha256("payer key"), sha256("enclave key"), sha256("worker key")];
const TERMS: Terms = {
  payer: `0x${"a1".repeat(20)}`,
  voucherKey: addressOf(publicKeyOf(PAYER_KEY)),
  policy: 1,
};
const WIDE: PlanLimits = { maxReceipts: 100, maxDebits: 100 };

const at = (settler: number, sequence: bigint) =>
  and(eq(inferences.settler, settler), eq(inferences.sequence, sequence));

let settlers = 0;
let nonces = 0;

/** A settler of its own in the database, on a chain that the test moves. */
async function setup(database: OpenDatabase, first = 0n) {
  const settler = ++settlers;
  const store: Store = createStore(database);
  await store.open(settler, first);
  const chain = {
    settler: { payee: 1, reservations: 100, nextSequence: first, batches: 0n, roomNano: 10n ** 12n } as SettlerRecord,
    policy: POLICY as PolicyRecord | undefined,
    reservations: new Map<number, ReservationRecord>(),
  };
  const reservationOf = (index: number): ReservationRecord => {
    const fresh = {
      balanceNano: 1_000_000n,
      netNano: 1_000_000n,
      termsHash192: BigInt(toHex(termsHash(TERMS))) >> 64n,
      releaseNano: 0n,
      releaseDueAt: 0n,
    };
    const known = chain.reservations.get(index) ?? fresh;
    chain.reservations.set(index, known);
    return known;
  };
  const shown: CommittedReceipt[] = [];
  /** Leaves of windows as their verifier would tell them. */
  const lost = new Map<string, Uint8Array[]>();
  const view: ChainView = {
    node: async (id) =>
      id === 0
        ? undefined
        : { operator: 10 * id, class: id === 5 ? 1 : 2, payee: id - 3, key: "0x", endpoint: "", retiredAt: 0 },
    model: async () =>
      ({
        payee: 4,
        royaltyPpm: 50_000,
        retiredAt: 0,
        engines: [toHex(EVIDENCE.engine)],
        prices: { inputPriceNano: 0n, outputPriceNano: 10n ** 9n },
      }) as RegisteredModel,
    stakeOfNode: async () => 0n,
    policy: async () => chain.policy,
    reservation: async (_, index) => reservationOf(index),
    settler: async () => chain.settler,
    teeKey: async (address) =>
      address === addressOf(publicKeyOf(ENCLAVE_KEY)) ? { operator: 60, node: 6 } : undefined,
    teeKeyAt: (address) => view.teeKey(address),
    nodeKey: async (address) =>
      address === addressOf(publicKeyOf(WORKER_KEY)) ? { node: 5, from: 1, until: 0 } : undefined,
    committer: async () => "0x",
    payeeCount: async () => 10,
    isCommitted: async ({ number }) => shown.some((one) => one.number === number),
    timestamp: async () => BigInt(NOW),
  };

  /** Reserves a number: a request that may cost up to `capNano`. */
  async function open(reservation: number, capNano = 1_000n) {
    const before = await store.reservation(settler, reservation);
    const request = {
      modelVersion: word(0x22),
      inputHash: word(0x33),
      minMode: Mode.SIGNED,
      maxPriceNano: capNano,
      valueAtRiskNano: 0n,
      nonce: new Uint8Array(sha256(`nonce ${nonces++}`)),
    };
    const voucher = {
      settler,
      reservation,
      termsHash: termsHash(TERMS),
      cumulativeNano: (before?.spentNano ?? 0n) + (before?.inFlightNano ?? 0n) + capNano,
      requestHash: requestHash(request),
      expiry: BigInt(NOW + 60),
    };
    const signature = secp256k1.sign(typedDigest(DOMAIN, voucherHash(voucher)), PAYER_KEY);
    const payment = { terms: TERMS, request, voucher, signature, salt: word(1) };
    return (await store.accept(settler, payment, "m", 10n ** 9n, 1000 * NOW)).sequence;
  }

  /** The request's result under the worker's signature. */
  async function evidenceOf(sequence: bigint) {
    const [row] = await database.db.select().from(inferences).where(at(settler, sequence));
    const { requestHash: requestId } = readPayment(row as StoredInference).voucher;
    const { modelVersion, inputHash } = readPayment(row as StoredInference).request;
    const result = { requestId, modelVersion, inputHash, outputHash: ZERO32, traceRoot: EVIDENCE.traceRoot };
    const workerSignature = secp256k1.sign(typedDigest(DOMAIN, resultHash(result)), WORKER_KEY);
    return { ...EVIDENCE, inputUnits: 12, outputUnits: 34, workerSignature };
  }

  const finish = async (sequence: bigint, priceNano: bigint) =>
    store.finish(
      settler,
      sequence,
      {
        outcome: {
          status: Status.OK,
          mode: Mode.SIGNED,
          worker: 5,
          verifier: 6,
          priceNano,
          inputUnits: 12,
          outputUnits: 34,
          startedAtMs: 1000 * NOW,
          firstOutputAtMs: 1000 * NOW,
          finishedAtMs: 1000 * NOW,
          outputHash: ZERO32,
          evidence: await evidenceOf(sequence),
        },
        opening: null,
      },
      60,
    );

  /** Puts receipts under one signed window; all but the first `kept` of them are not told to the store. */
  async function sign(receipts: Uint8Array[], kept = receipts.length) {
    const ledger = openLedger();
    const options = {
      domain: DOMAIN,
      node: 6,
      key: ENCLAVE_KEY,
      ledger,
      clock: () => 1000 * NOW + settlers,
      windowMs: 60_000,
    };
    const signer = createWindowSigner(options);
    const places = receipts.map(async (encoded) => {
      const { sequence } = decodeReceipt(encoded);
      return { sequence, place: await signer.add(settler, sequence, leafHasher(DOMAIN).ofEncoded(encoded)) };
    });
    signer.close();
    for (const { sequence, place } of (await Promise.all(places)).slice(0, kept))
      await store.sign(settler, sequence, place);
    ledger.close();
  }

  /** One window of bought answers: [reservation, price] each. */
  async function buy(...entries: [reservation: number, priceNano: bigint][]) {
    const receipts: Uint8Array[] = [];
    for (const [reservation, priceNano] of entries) receipts.push(await finish(await open(reservation), priceNano));
    await sign(receipts);
  }

  const plan = (limits: Partial<PlanLimits> = {}) =>
    planBatch({
      database,
      view,
      domain: DOMAIN,
      settler,
      policy: 1,
      deadlineSeconds: DEADLINE_SECONDS,
      limits: { ...WIDE, ...limits },
      leavesOf: async ({ root }) => lost.get(toHex(root)),
      async proofOf(row) {
        const receipt = row.receipt as Uint8Array;
        const committed = { receipt, path: [word(0x77)], number: 1n, prevHash: word(1), restHash: word(2) };
        shown.push(committed);
        return committed;
      },
    });

  /** Plans, and has a signer check it. */
  async function planned(limits: Partial<PlanLimits> = {}): Promise<Plan> {
    const made = (await plan(limits)) as Plan;
    await checkBatch(
      { domain: DOMAIN, view, clock: () => 1000 * NOW, settleLag: DEADLINE_SECONDS },
      made.body,
      made.file,
    );
    return made;
  }

  /** The root of the window that a receipt was signed in. */
  async function windowOf(receipt: Uint8Array): Promise<string> {
    const [row] = await database.db
      .select()
      .from(inferences)
      .where(at(settler, decodeReceipt(receipt).sequence));
    return row?.window as string;
  }

  const batches = createBatchStore(database);

  /** The chain takes a plan. */
  async function commit({ body, debits }: Plan) {
    const { nextSequence, batches: before } = chain.settler;
    chain.settler = { ...chain.settler, nextSequence: nextSequence + BigInt(body.count), batches: before + 1n };
    for (const { index, amountNano } of decodeRows(debits)) {
      const record = reservationOf(index);
      chain.reservations.set(index, { ...record, balanceNano: record.balanceNano - amountNano });
    }
    await batches.mark(settler, body.number, body, true);
  }
  return {
    settler,
    store,
    chain,
    lost,
    reservationOf,
    windowOf,
    open,
    finish,
    sign,
    buy,
    plan,
    planned,
    commit,
    batches,
  };
}

describe("receiptLimit", () => {
  const limits = { maxReceipts: 10_000, maxDebits: 2_000 };

  it("is what a transaction has room for, where the leaves are calldata", () => {
    expect(receiptLimit({ dataMode: "OFFCHAIN" }, limits)).to.equal(10_000);
    expect(receiptLimit({ dataMode: "CALLDATA" }, { ...limits, maxReceipts: 3 })).to.equal(3);
    const most = receiptLimit({ dataMode: "CALLDATA" }, limits);
    // Each receipt a window, a payer and three payees of its own.
    const tree = encodeTree(Array.from({ length: most }, () => [word(1)]));
    const bytes = tree.length + ROW_BYTES * (most + 3 * most + 1);
    expect(bytes).to.be.within(100_000, MAX_TRANSACTION_BYTES - 4096);
  });
});

const debitsOf = ({ debits }: Plan) => decodeRows(debits).map(({ index, amountNano }) => [index, amountNano] as const);

for (const backend of BACKENDS) {
  describe(`planBatch (${backend})`, () => {
    let database: OpenDatabase;
    before(async () => {
      database = await openDatabase({
        url: await freshDatabase(backend),
        migrations: "src/settler/migrations",
        queues: [{ name: SETTLE_QUEUE, policy: "short" }],
        logger: silentLogger,
      });
    });
    after(() => database?.close());

    it("has nothing to plan without a signed receipt", async () => {
      const { plan, open, finish } = await setup(database);
      expect(await plan()).to.equal(undefined);
      const sequence = await open(9);
      expect(await plan()).to.equal(undefined);
      await finish(sequence, 5n);
      expect(await plan()).to.equal(undefined);
    });

    it("plans the receipts from the chain's next number on, and the next batch after it", async () => {
      const { planned, plan, buy, commit, settler } = await setup(database, 7n);
      await buy([9, 100n], [9, 50n]);
      const first = await planned();
      expect(first.body).to.include({ settler, number: 1n, firstSequence: 7n, count: 2, policy: 1 });
      expect(first.body).to.include({ totalNano: 150n, feeNano: 4n, deadline: BigInt(NOW + DEADLINE_SECONDS) });
      await commit(first);
      expect(await plan()).to.equal(undefined);
      await buy([9, 1n]);
      expect((await planned()).body).to.include({ number: 2n, firstSequence: 9n, count: 1, totalNano: 1n });
    });

    it("stops where the stake covers no more, and says when it covers nothing", async () => {
      const test = await setup(database);
      await test.buy([0, 400n], [1, 500n], [2, 600n]);
      test.chain.settler = { ...test.chain.settler, roomNano: 900n };
      expect((await test.planned()).body).to.include({ count: 2, totalNano: 900n });
      test.chain.settler = { ...test.chain.settler, roomNano: 399n };
      const error = await failure(() => test.plan());
      expect(error).to.include({ code: "cover_exhausted", retryable: true });
      expect(error.facts).to.deep.include({ roomNano: 399n, priceNano: 400n });
    });

    it("stops before a number that is not signed", async () => {
      const { planned, buy, open, finish } = await setup(database);
      await buy([9, 1n], [9, 2n]);
      await finish(await open(9), 4n);
      await buy([9, 8n]);
      expect((await planned()).body).to.include({ count: 2, totalNano: 3n });
    });

    it("cuts a window where the limit of receipts is, and goes on with its rest", async () => {
      const { planned, buy, commit } = await setup(database);
      await buy([9, 1n], [9, 2n], [9, 4n]);
      await buy([9, 8n]);
      const first = await planned({ maxReceipts: 2 });
      expect(first.body).to.include({ count: 2, totalNano: 3n });
      expect(decodeBatchFile(first.file).windows.map(({ part }) => part)).to.deep.equal([[0, 1]]);
      await commit(first);
      const second = await planned();
      expect(second.body).to.include({ count: 2, totalNano: 12n });
      const parts = decodeBatchFile(second.file).windows.map(({ part }) => part);
      expect(parts).to.have.deep.members([[2], null]);
    });

    for (const [maxDebits, count] of [
      [1, 2],
      [2, 4],
      [3, 5],
    ] as const) {
      it(`takes ${count} receipts where ${maxDebits} payers are the limit`, async () => {
        const { planned, buy } = await setup(database);
        await buy([9, 1n], [9, 1n], [4, 1n], [9, 1n], [1, 1n]);
        expect((await planned({ maxDebits })).body.count).to.equal(count);
      });
    }

    describe("money", () => {
      it("debits each payer for its receipts, and splits it", async () => {
        const { planned, buy } = await setup(database);
        await buy([9, 100n], [4, 900n], [9, 0n]);
        const plan = await planned();
        expect(debitsOf(plan)).to.deep.equal([
          [4, 900n],
          [9, 100n],
        ]);
        const credits = decodeRows(plan.credits).map(({ index, amountNano }) => [index, amountNano]);
        expect(credits).to.deep.equal([
          [1, 125n],
          [2, 700n],
          [3, 100n],
          [4, 50n],
        ]);
        expect(plan.body).to.include({ totalNano: 1000n, feeNano: 25n });
      });

      const deadline = BigInt(NOW + DEADLINE_SECONDS);
      for (const [what, change, expected] of [
        ["all, when a release falls due after the deadline", { releaseNano: 990n, releaseDueAt: deadline + 1n }, 300n],
        [
          "what a release leaves, when it falls due at the deadline",
          { releaseNano: 990n, releaseDueAt: deadline },
          10n,
        ],
        ["what a release leaves, when it is due already", { releaseNano: 701n, releaseDueAt: 1n }, 299n],
        ["all, when a release leaves enough", { releaseNano: 700n, releaseDueAt: 1n }, 300n],
        ["nothing, when a release takes everything", { releaseNano: 1000n, releaseDueAt: 1n }, 0n],
        ["nothing, when a release asks for more than there is", { releaseNano: 2n ** 64n - 1n, releaseDueAt: 1n }, 0n],
        ["nothing, when there is nothing", { balanceNano: 0n }, 0n],
      ] as [string, Partial<ReservationRecord>, bigint][]) {
        it(`debits ${what}`, async () => {
          const { planned, buy, chain, reservationOf } = await setup(database);
          await buy([9, 200n], [4, 50n], [9, 100n]);
          chain.reservations.set(9, { ...reservationOf(9), balanceNano: 1000n, netNano: 1000n, ...change });
          if (change.balanceNano === 0n) chain.reservations.set(9, { ...reservationOf(9), netNano: 0n });
          const plan = await planned();
          expect(debitsOf(plan)).to.deep.equal([[4, 50n], ...(expected > 0n ? [[9, expected]] : [])]);
          expect(plan.body).to.include({ count: 3, totalNano: 50n + expected });
        });
      }

      it("plans receipts that cost nothing", async () => {
        const { planned, buy } = await setup(database);
        await buy([9, 0n]);
        const plan = await planned();
        expect(plan.body).to.include({ count: 1, totalNano: 0n, feeNano: 0n });
        expect([plan.debits.length, plan.credits.length]).to.deep.equal([0, 0]);
      });

      it("shows an earlier receipt where they ended in another order than they began", async () => {
        const { planned, open, finish, sign, commit } = await setup(database);
        const [first, second] = [await open(9), await open(9)];
        const early = await finish(second, 10n);
        await sign([await finish(first, 20n), early]);
        const one = await planned({ maxReceipts: 1 });
        expect(debitsOf(one)).to.deep.equal([[9, 20n]]);
        expect(decodeBatchFile(one.file).vouchers[0]?.earlier).to.equal(null);
        await commit(one);
        const two = await planned();
        expect(debitsOf(two)).to.deep.equal([[9, 10n]]);
        const { earlier } = decodeBatchFile(two.file).vouchers[0] as { earlier: CommittedReceipt };
        expect(decodeReceipt(earlier.receipt)).to.include({ sequence: first, spentNano: 30n });
      });
    });

    it("names the file where the data is off chain, the sizes where it is in calldata", async () => {
      const { planned, buy, chain } = await setup(database);
      await buy([9, 1n], [9, 1n]);
      const offchain = await planned();
      expect(toHex(offchain.body.data)).to.equal(toHex(sha256(offchain.file)));
      expect(offchain.tree.length).to.equal(0);
      chain.policy = { ...POLICY, dataMode: "CALLDATA" };
      const calldata = await planned();
      expect(toHex(calldata.body.data)).to.equal(toHex(sizesHash(calldata.tree)));
      expect(calldata.tree.length).to.equal(2 + 2 + 2 * 32);
    });

    it("plans the same bytes again", async () => {
      const { planned, buy } = await setup(database);
      await buy([9, 1n], [4, 2n]);
      await buy([9, 3n]);
      expect(toHex((await planned()).file)).to.equal(toHex((await planned()).file));
    });

    it("refuses a policy that is not registered", async () => {
      const { plan, buy, chain } = await setup(database);
      await buy([9, 1n]);
      chain.policy = undefined;
      expect(await failure(plan)).to.include({ code: "bad_policy", retryable: false });
    });

    it("asks the verifier for the rest of a window, whose answer got lost", async () => {
      const { plan, planned, open, finish, sign, lost, windowOf } = await setup(database);
      const receipts = [await finish(await open(9), 1n), await finish(await open(9), 2n)];
      await sign(receipts, 1);
      expect(await failure(plan)).to.include({ code: "window_incomplete", retryable: true });
      lost.set(await windowOf(receipts[0] as Uint8Array), receipts.map(leafHasher(DOMAIN).ofEncoded));
      const { body, file } = await planned();
      expect(body).to.include({ count: 1, totalNano: 1n });
      expect(decodeBatchFile(file).windows[0]?.part).to.deep.equal([0]);
    });

    describe("createBatchStore", () => {
      it("stores a plan once", async () => {
        const { settler, planned, buy, batches } = await setup(database);
        await buy([9, 5n]);
        const plan = await planned();
        const stored = await batches.insert(plan);
        expect(stored).to.include({ settler, number: 1n, state: "planned", signatures: null, txHash: null });
        expect(readBody(stored)).to.deep.equal({ ...plan.body, data: new Uint8Array(plan.body.data) });
        expect(toHex(stored.debits)).to.equal(toHex(plan.debits));

        const again = await batches.insert({ ...plan, body: { ...plan.body, deadline: 1n } });
        expect(readBody(again).deadline).to.equal(plan.body.deadline);
        await batches.drop(settler, 1n);
        expect(await batches.get(settler, 1n)).to.equal(undefined);
      });

      it("marks the receipts of a batch, and takes the mark back", async () => {
        const { settler, planned, buy, batches, store } = await setup(database);
        await buy([9, 5n], [9, 5n]);
        const { body } = await planned({ maxReceipts: 1 });
        const states = async () => {
          const latest = (await store.latest(settler, 9)) as { state: string };
          return [latest.state, (await planned()).body.count];
        };
        await batches.mark(settler, 1n, { ...body, count: 2 }, true);
        expect(await states()).to.deep.equal(["batched", 2]);
        await batches.mark(settler, 1n, { ...body, count: 2 }, false);
        expect(await states()).to.deep.equal(["signed", 2]);
      });

      it("lists what is committed, the latest first, and what is not recorded", async () => {
        const { settler, planned, buy, batches } = await setup(database);
        await buy([9, 5n]);
        const plan = await planned();
        for (const number of [1n, 2n, 3n, 4n]) await batches.insert({ ...plan, body: { ...plan.body, number } });
        await batches.update(settler, 1n, { state: "committed" });
        await batches.update(settler, 3n, { state: "committed" });
        await batches.update(settler, 2n, { state: "signed" });
        const numbers = [];
        for await (const { number } of batches.committed(settler)) numbers.push(number);
        expect(numbers).to.deep.equal([3n, 1n]);
        const unrecorded = async (to: bigint) => (await batches.unrecorded(settler, to)).map(({ number }) => number);
        expect([await unrecorded(4n), await unrecorded(3n), await unrecorded(1n)]).to.deep.equal([[2n, 4n], [2n], []]);
        expect(await batches.unrecorded(settler + 1, 4n)).to.deep.equal([]);
      });
    });
  });
}
