import type { Hex } from "../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../src/core/protocol/domain.ts";
import type { Evidence, Request, Terms, Voucher } from "../../src/core/protocol/messages.ts";
import { Mode, type Receipt, Status } from "../../src/core/protocol/receipt.ts";

/** 32 bytes, each `value`. */
export const word = (value: number): Uint8Array => new Uint8Array(32).fill(value);

export const SETTLEMENT = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export const DOMAIN = settlementDomain(31337n, SETTLEMENT);

export function receiptWith(change: Partial<Receipt> = {}): Receipt {
  return {
    sequence: 7n,
    settler: 3,
    reservation: 9,
    worker: 5,
    verifier: 6,
    mode: Mode.TEE,
    status: Status.OK,
    priceNano: 1_234n,
    valueAtRiskNano: 5_678n,
    inputUnits: 12,
    outputUnits: 34,
    startedAtMs: 1_790_000_000_000,
    firstOutputAtMs: 1_790_000_000_100,
    finishedAtMs: 1_790_000_000_900,
    spentNano: 99_999n,
    requestId: word(0x11),
    modelVersion: word(0x22),
    inputHash: word(0x33),
    outputHash: word(0x44),
    evidenceHash: word(0x55),
    memoryRoot: word(0x66),
    ...change,
  };
}

export const TERMS: Terms = {
  payer: `0x${"a1".repeat(20)}` as Hex,
  voucherKey: `0x${"b2".repeat(20)}` as Hex,
  policy: 2,
};

export const REQUEST: Request = {
  modelVersion: word(0x22),
  inputHash: word(0x33),
  minMode: Mode.TEE,
  maxPriceNano: 60_000n,
  valueAtRiskNano: 5n,
  nonce: word(0x77),
};

export const VOUCHER: Voucher = {
  settler: 3,
  reservation: 9,
  termsHash: word(0x88),
  cumulativeNano: 123_456n,
  requestHash: word(0x11),
  expiry: 1_790_000_060n,
};

export const EVIDENCE: Evidence = {
  engine: word(0x99),
  seed: 42n,
  inputUnits: 12,
  outputUnits: 34,
  traceRoot: word(0),
  outputIds: word(0xaa),
  workerSignature: new Uint8Array(65).fill(0xbb),
};
