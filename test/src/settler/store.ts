import { expect } from "chai";
import { type OpenDatabase, openDatabase } from "../../../src/core/db/open.ts";
import { type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import type { Payment } from "../../../src/core/protocol/json.ts";
import { requestHash } from "../../../src/core/protocol/messages.ts";
import { decodeReceipt, Mode, Status } from "../../../src/core/protocol/receipt.ts";
import { abandoned, createStore, SETTLE_QUEUE, type Store } from "../../../src/settler/store.ts";
import { failure } from "../../helpers/failure.ts";
import { BACKENDS, freshDatabase } from "../../helpers/network.ts";
import { EVIDENCE, REQUEST, TERMS, VOUCHER, word } from "../../helpers/samples.ts";

/*
store, on each backend
├── accept
│  ├── gives numbers without a gap, also to many at the same time
│  ├── when the voucher covers what was spent, what runs and this request, and no more than there is: taken
│  ├── when it is one nano below or above: voucher_too_low, voucher_too_high; the number is not lost
│  └── when the request was accepted before: request_replayed, for all but one
├── finish: the receipt with all that was spent so far; the cap is free again; once, else wrong_state
├── revoke: nothing is charged; reassign: another verifier, nothing else
├── an abandoned number: ABORTED, at nothing
└── note: events in order
*/
const NOW = 1_790_000_000_000;
let settlers = 0;
let nonces = 0;

for (const backend of BACKENDS) {
  describe(`store (${backend})`, () => {
    let database: OpenDatabase;
    let store: Store;
    let settler: number;
    before(async () => {
      database = await openDatabase({
        url: await freshDatabase(backend),
        migrations: "src/settler/migrations",
        queues: [{ name: SETTLE_QUEUE, policy: "short" }],
        logger: silentLogger,
      });
      store = createStore(database);
    });
    after(() => database?.close());
    beforeEach(async () => {
      settler = ++settlers;
      await store.open(settler, 7n);
    });

    const payment = (cumulativeNano: bigint, maxPriceNano = 100n): Payment => {
      const request = { ...REQUEST, minMode: Mode.SIGNED, maxPriceNano, nonce: new Uint8Array(sha256(`n${nonces++}`)) };
      const voucher = { ...VOUCHER, settler, reservation: 9, cumulativeNano, requestHash: requestHash(request) };
      return { terms: TERMS, request, voucher, signature: new Uint8Array(65), salt: word(1) };
    };
    const accept = (given: Payment, availableNano = 1_000_000n) =>
      store.accept(settler, given, "m", availableNano, NOW);
    const outcome = (priceNano: bigint) => ({
      ...abandoned(6, NOW, NOW),
      status: Status.OK,
      worker: 5,
      priceNano,
      outputUnits: 3,
      outputHash: word(4),
      evidence: EVIDENCE,
    });
    const finish = (sequence: bigint, priceNano: bigint) =>
      store.finish(settler, sequence, { outcome: outcome(priceNano), opening: null }, 60);
    const state = async () => {
      const { spentNano, inFlightNano, cumulativeNano } = (await store.reservation(settler, 9)) as never;
      return [spentNano, inFlightNano, cumulativeNano];
    };

    describe("accept", () => {
      it("gives numbers without a gap to many at the same time", async () => {
        const many = await Promise.all(Array.from({ length: 20 }, () => accept(payment(2_000n))));
        const numbers = many.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b);
        expect(numbers).to.deep.equal(Array.from({ length: 20 }, (_, i) => 7 + i));
        expect(await state()).to.deep.equal([0n, 2_000n, 2_000n]);
      });

      it("goes on counting where it stood, wherever the chain stands", async () => {
        await accept(payment(100n));
        await store.open(settler, 1n);
        expect((await accept(payment(200n))).sequence).to.equal(8n);
      });

      it("takes just what covers it and just what is there, and loses no number", async () => {
        expect(await failure(() => accept(payment(99n)))).to.include({ name: "InputError", code: "voucher_too_low" });
        expect(await failure(() => accept(payment(100n), 99n))).to.include({ code: "voucher_too_high" });
        expect((await accept(payment(100n), 100n)).sequence).to.equal(7n);
        const low = await failure(() => accept(payment(199n)));
        expect(low.facts).to.deep.include({ neededNano: 200n, inFlightNano: 100n, spentNano: 0n });
        expect((await accept(payment(200n))).sequence).to.equal(8n);
        expect(await state()).to.deep.equal([0n, 200n, 200n]);
      });

      it("keeps the voucher that allows most", async () => {
        await accept(payment(500n));
        await accept(payment(300n));
        expect(await state()).to.deep.equal([0n, 200n, 500n]);
      });

      it("takes a request once", async () => {
        const given = payment(1_000n);
        const results = await Promise.allSettled(Array.from({ length: 5 }, () => accept(given)));
        const refused = results.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
        expect(refused.length).to.equal(4);
        for (const { reason } of refused) expect(reason).to.include({ code: "request_replayed" });
        expect((await accept(payment(1_000n))).sequence).to.equal(8n);
        expect(await state()).to.deep.equal([0n, 200n, 1_000n]);
      });

      it("refuses a settler that is not open here", async () => {
        const given = payment(100n);
        expect(await failure(() => store.accept(999_999, given, "m", 100n, NOW))).to.include({ code: "not_open" });
      });
    });

    it("finishes with all that was spent so far, once", async () => {
      const [first, second] = [await accept(payment(100n)), await accept(payment(200n))];
      const later = decodeReceipt(await finish(second.sequence, 30n));
      const earlier = decodeReceipt(await finish(first.sequence, 50n));
      expect(later).to.include({ sequence: 8n, settler, reservation: 9, worker: 5, priceNano: 30n, spentNano: 30n });
      expect(earlier).to.include({ sequence: 7n, priceNano: 50n, spentNano: 80n });
      expect(toHex(earlier.requestId)).to.equal(first.requestId);
      expect(await state()).to.deep.equal([80n, 0n, 200n]);
      const error = await failure(() => finish(first.sequence, 50n));
      expect(error).to.include({ code: "wrong_state" });
      expect(error.facts).to.include({ state: "finished", expected: "open" });
      expect(await state()).to.deep.equal([80n, 0n, 200n]);
    });

    it("finishes many at the same time without losing any", async () => {
      const many = await Promise.all(Array.from({ length: 12 }, () => accept(payment(1_200n))));
      const receipts = await Promise.all(many.map(({ sequence }) => finish(sequence, 5n)));
      const spent = receipts.map((one) => Number(decodeReceipt(one).spentNano)).sort((a, b) => a - b);
      expect(spent).to.deep.equal(Array.from({ length: 12 }, (_, i) => 5 * (i + 1)));
      expect(await state()).to.deep.equal([60n, 0n, 1_200n]);
    });

    it("revokes: nothing is charged and nobody accused", async () => {
      const { sequence } = await accept(payment(100n));
      await finish(sequence, 50n);
      const receipt = decodeReceipt(await store.revoke(settler, sequence, 8, NOW + 1));
      expect(receipt).to.include({ status: Status.FAILED, worker: 0, verifier: 8, priceNano: 0n, spentNano: 0n });
      expect(await state()).to.deep.equal([0n, 0n, 100n]);
    });

    it("reassigns to another verifier, and changes nothing else", async () => {
      const { sequence } = await accept(payment(100n));
      const before = decodeReceipt(await finish(sequence, 50n));
      const after = decodeReceipt(await store.reassign(settler, sequence, 77));
      expect(after).to.deep.equal({ ...before, verifier: 77 });
    });

    it("abandons a number at nothing", async () => {
      const { sequence } = await accept(payment(100n));
      const given = { outcome: abandoned(6, NOW, NOW + 5), opening: null };
      const receipt = decodeReceipt(await store.finish(settler, sequence, given, 60));
      expect(receipt).to.include({
        status: Status.ABORTED,
        worker: 0,
        priceNano: 0n,
        startedAtMs: NOW,
        finishedAtMs: NOW + 5,
      });
      expect(await state()).to.deep.equal([0n, 0n, 100n]);
    });

    it("notes events in order, and lists what is in a state", async () => {
      const { sequence, requestId } = await accept(payment(100n));
      await store.note(settler, sequence, { what: "'; drop table inferences", nano: 1n });
      await store.note(settler, sequence, { what: "second" });
      const row = await store.find(requestId);
      expect(row?.events).to.deep.equal([{ what: "'; drop table inferences", nano: "1" }, { what: "second" }]);
      const open = (before: number) => store.list(settler, "open", before).then((rows) => rows.length);
      expect([await open(NOW), await open(NOW + 1)]).to.deep.equal([0, 1]);
      expect(await store.find(`0x${"00".repeat(32)}` as Hex)).to.equal(undefined);
    });
  });
}
