import { appendFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { toHex, ZERO32 } from "../../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import { type Request, requestHash } from "../../../src/core/protocol/messages.ts";
import { encodeReceipt, type Receipt } from "../../../src/core/protocol/receipt.ts";
import { pruneLog } from "../../../src/keepers/watch/prune.ts";
import { openLogReader } from "../../../src/sdk/readReceiptLog.ts";
import { logRoot, openReceiptLog, segmentName } from "../../../src/sdk/receiptLog.ts";
import type { HandedReceipt } from "../../../src/sdk/verify.ts";
import { failure } from "../../helpers/failure.ts";
import { receiptOf } from "../../helpers/receipts.ts";

/*
openReceiptLog
├── keeps requests, vouchers and receipts for every later reader, whatever the order in which they were given
├── given a process that died in the middle of a line: loses that line only
├── given another process that writes: a reader goes on where it was
├── does not count a receipt that no verifier signed, or of another reservation
├── when the folder is of other terms: is refused with bad_log
└── when the disk refuses: says storage_failed, and keeps nothing of it
pruneLog
├── deletes files in which all is final, oldest first, and keeps the sums
├── keeps a file of which something is not final, and everything after it
├── counts what a lost request may have cost, once, although it dies between its two steps
└── keeps the file that is being written
*/
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const DOMAIN = settlementDomain(31337n, `0x${"11".repeat(20)}`);
const TERMS = { payer: `0x${"22".repeat(20)}`, voucherKey: `0x${"33".repeat(20)}`, policy: 1 } as const;
const RESERVATION = { settler: 7, reservation: 2, terms: TERMS };
const GATEWAY = "http://127.0.0.1:8400";

describe("openReceiptLog", () => {
  let directory: string;
  let now: number;
  const folder = () => join(logRoot(directory, DOMAIN), "7-2");

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-log-"));
    now = START;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const open = (reservation = RESERVATION as typeof RESERVATION) =>
    openReceiptLog({ directory, domain: DOMAIN, reservation, gatewayUrl: GATEWAY, clock: () => now });
  const reader = () => openLogReader(folder(), RESERVATION);

  it("keeps requests, vouchers and receipts for every later reader", async () => {
    const log = await open();
    await Promise.all([1, 2, 3].flatMap((i) => [log.requested(payment(i)), log.received(handed(i))]));
    const known = await reader().read();
    expect([...known.requests.keys()]).to.deep.equal([1, 2, 3].map((i) => idOf(i)));
    expect([...known.receipts.keys()]).to.deep.equal([1, 2, 3].map((i) => idOf(i)));
    expect(known.requests.get(idOf(2))?.request).to.deep.equal(request(2));
    expect(known.receipts.get(idOf(2))?.handed).to.deep.equal(handed(2));
    expect(known).to.include({ cumulativeNano: 300n, spentNano: 30n, looseNano: 0n, torn: 0 });
    expect(await (await open()).read()).to.deep.equal(known);
  });

  it("loses only the line in whose middle a process died", async () => {
    const log = await open();
    await log.requested(payment(1));
    const [name] = (await readdir(folder())).filter((file) => file.endsWith(".jsonl"));
    await appendFile(join(folder(), name as string), '{"handed":{"receipt":"0x00');
    await log.received(handed(1));
    const known = await reader().read();
    expect([known.requests.size, known.receipts.size, known.torn]).to.deep.equal([1, 1, 1]);
  });

  it("lets a reader go on where it was, while another process writes", async () => {
    const log = await open();
    const reading = reader();
    for (let i = 1; i <= 3; i++) {
      await log.requested(payment(i));
      now += HOUR;
      expect((await reading.read()).requests.size).to.equal(i);
    }
    expect(reading.files()).to.deep.equal([0, 1, 2].map((i) => segmentName(START + i * HOUR)));
  });

  it("does not count a receipt that no verifier signed, or of another reservation", async () => {
    const log = await open();
    await log.received(handed(1), "receipt_not_attested");
    await log.received(handed(2, { reservation: 3 }));
    await log.received(handed(3, { settler: 8 }));
    expect(await reader().read()).to.include({ spentNano: 0n, torn: 0 });
    // What was refused for another reason a verifier did sign: the settler can show it.
    await log.received(handed(4), "receipt_too_dear");
    expect(await reader().read()).to.include({ spentNano: 40n });
  });

  it("refuses a folder of other terms", async () => {
    await open();
    const error = await failure(() => open({ ...RESERVATION, terms: { ...TERMS, voucherKey: TERMS.payer as never } }));
    expect(error).to.include({ code: "bad_log" });
    await writeFile(join(folder(), "reservation.json"), "{");
    expect(await failure(() => open())).to.include({ code: "bad_log" });
  });

  it("says so when the disk refuses", async () => {
    const log = await open();
    await rm(directory, { recursive: true });
    expect(await failure(() => log.requested(payment(1)))).to.include({ code: "storage_failed", retryable: true });
    await open();
    // The one that failed is not written later, and does not keep later ones from being written.
    await log.requested(payment(2));
    expect([...(await reader().read()).requests.keys()]).to.deep.equal([idOf(2)]);
  });

  describe("pruneLog", () => {
    /** A request an hour, answered or not. */
    async function hours(answered: readonly boolean[]): Promise<void> {
      const log = await open();
      for (const [i, isAnswered] of answered.entries()) {
        await log.requested(payment(i + 1));
        if (isAnswered) await log.received(handed(i + 1));
        now += HOUR;
      }
    }

    async function prune(finalBelow: bigint, lostBefore = 0n) {
      const reading = reader();
      const dropped = await pruneLog(folder(), reading, await reading.read(), { finalBelow, lostBefore, nowMs: now });
      return { dropped: dropped.length, left: await reading.read() };
    }

    it("deletes files in which all is final, and keeps the sums", async () => {
      await hours([true, true, true, true]);
      const { dropped, left } = await prune(3n);
      expect(dropped).to.equal(2);
      expect([...left.requests.keys()]).to.deep.equal([3, 4].map((i) => idOf(i)));
      expect(left).to.include({ cumulativeNano: 400n, spentNano: 40n, looseNano: 0n });
    });

    it("keeps everything from the first file on that is not final", async () => {
      await hours([true, false, true, true]);
      expect((await prune(100n)).dropped).to.equal(1);
    });

    it("counts what a lost request may have cost, once, although it dies between its two steps", async () => {
      await hours([false, true, true]);
      const before = join(folder(), segmentName(START));
      const { left } = await prune(2n, 10_000n);
      expect(left).to.include({ looseNano: 100n });
      // As if the file had not been deleted yet.
      await appendFile(before, `${JSON.stringify({})}\n`);
      expect((await prune(2n, 10_000n)).left).to.include({ looseNano: 100n, torn: 0 });
    });

    it("keeps the file that is being written", async () => {
      await hours([true]);
      now = START + 1;
      expect((await prune(100n)).dropped).to.equal(0);
    });
  });
});

const request = (i: number): Request => ({
  modelVersion: ZERO32,
  inputHash: ZERO32,
  minMode: 1,
  maxPriceNano: 100n,
  valueAtRiskNano: 0n,
  nonce: new Uint8Array(32).fill(i),
});

const idOf = (i: number) => toHex(requestHash(request(i)));

function payment(i: number) {
  const voucher = {
    settler: RESERVATION.settler,
    reservation: RESERVATION.reservation,
    termsHash: ZERO32,
    cumulativeNano: 100n * BigInt(i),
    requestHash: requestHash(request(i)),
    expiry: 1_000n,
  };
  return { request: request(i), voucher, signature: new Uint8Array(65).fill(1) };
}

function handed(i: number, change: Partial<Receipt> = {}): HandedReceipt {
  const receipt = encodeReceipt({
    ...receiptOf(RESERVATION.settler, i),
    reservation: RESERVATION.reservation,
    requestId: requestHash(request(i)),
    spentNano: 10n * BigInt(i),
    ...change,
  });
  const window = { settler: RESERVATION.settler, verifier: 4, root: ZERO32, count: 1, signedAtMs: 1 };
  return { receipt, path: [], window, signature: new Uint8Array(65).fill(2), evidence: null };
}
