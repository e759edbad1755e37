import { InputError } from "../errors.ts";
import { keccak256 } from "../hashing/keccak.ts";
import type { Domain } from "./domain.ts";

/** How a receipt is verified; see docs/architecture.md. */
export const Mode = { SIGNED: 1, TEE: 2, AUDITED: 3, QUORUM: 4, ZK: 5 } as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** What came of a request; what each may cost is in price.ts. */
export const Status = {
  OK: 1,
  /** The model ran and gave nothing. */
  EMPTY: 2,
  /** It broke on the network's side. */
  FAILED: 3,
  /** The payer left, or the number was reserved and never used. */
  ABORTED: 4,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** One inference. Packed into nine words; every hash is 32 bytes. */
export type Receipt = {
  /** Counts the settler's receipts without gaps. */
  sequence: bigint;
  /** Operator id of the settler. */
  settler: number;
  reservation: number;
  /** Node ids. */
  worker: number;
  verifier: number;
  mode: Mode;
  status: Status;
  priceNano: bigint;
  valueAtRiskNano: bigint;
  inputUnits: number;
  outputUnits: number;
  startedAtMs: number;
  firstOutputAtMs: number;
  finishedAtMs: number;
  /** The reservation's cumulative spending including this receipt. */
  spentNano: bigint;
  requestId: Uint8Array;
  modelVersion: Uint8Array;
  inputHash: Uint8Array;
  outputHash: Uint8Array;
  evidenceHash: Uint8Array;
  memoryRoot: Uint8Array;
};

export const RECEIPT_BYTES = 288;

/** Writes the nine words at `offset`. */
export function writeReceipt(view: DataView, bytes: Uint8Array, offset: number, r: Receipt): void {
  view.setBigUint64(offset, r.sequence);
  view.setUint32(offset + 8, r.settler);
  view.setUint32(offset + 12, r.reservation);
  view.setUint32(offset + 16, r.worker);
  view.setUint32(offset + 20, r.verifier);
  view.setUint32(offset + 24, (r.mode << 24) | (r.status << 16));
  view.setUint32(offset + 28, 0);
  view.setBigUint64(offset + 32, r.priceNano);
  view.setBigUint64(offset + 40, r.valueAtRiskNano);
  writeSafe(view, offset + 48, r.inputUnits);
  writeSafe(view, offset + 56, r.outputUnits);
  writeSafe(view, offset + 64, r.startedAtMs);
  writeSafe(view, offset + 72, r.firstOutputAtMs);
  writeSafe(view, offset + 80, r.finishedAtMs);
  view.setBigUint64(offset + 88, r.spentNano);
  bytes.set(r.requestId, offset + 96);
  bytes.set(r.modelVersion, offset + 128);
  bytes.set(r.inputHash, offset + 160);
  bytes.set(r.outputHash, offset + 192);
  bytes.set(r.evidenceHash, offset + 224);
  bytes.set(r.memoryRoot, offset + 256);
}

/** The nine words of a receipt, 288 bytes. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const bytes = new Uint8Array(RECEIPT_BYTES);
  writeReceipt(new DataView(bytes.buffer), bytes, 0, receipt);
  return bytes;
}

/** Reads nine words. Throws on another length, non-zero spare bits, an unknown mode or status, or a count over 2^53. */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length !== RECEIPT_BYTES) throw malformed(`${bytes.length} bytes instead of ${RECEIPT_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mode = view.getUint8(24);
  const status = view.getUint8(25);
  if (mode < Mode.SIGNED || mode > Mode.ZK) throw malformed(`unknown mode ${mode}`);
  if (status < Status.OK || status > Status.ABORTED) throw malformed(`unknown status ${status}`);
  if (view.getUint16(26) !== 0 || view.getUint32(28) !== 0) throw malformed("spare bits are not zero");
  return {
    sequence: view.getBigUint64(0),
    settler: view.getUint32(8),
    reservation: view.getUint32(12),
    worker: view.getUint32(16),
    verifier: view.getUint32(20),
    mode: mode as Mode,
    status: status as Status,
    priceNano: view.getBigUint64(32),
    valueAtRiskNano: view.getBigUint64(40),
    inputUnits: readSafe(view, 48),
    outputUnits: readSafe(view, 56),
    startedAtMs: readSafe(view, 64),
    firstOutputAtMs: readSafe(view, 72),
    finishedAtMs: readSafe(view, 80),
    spentNano: view.getBigUint64(88),
    requestId: bytes.slice(96, 128),
    modelVersion: bytes.slice(128, 160),
    inputHash: bytes.slice(160, 192),
    outputHash: bytes.slice(192, 224),
    evidenceHash: bytes.slice(224, 256),
    memoryRoot: bytes.slice(256, 288),
  };
}

/** The receipt as the contracts take it. */
export function receiptStruct(encoded: Uint8Array) {
  const word = (index: number) => `0x${Buffer.from(encoded.subarray(32 * index, 32 * index + 32)).toString("hex")}`;
  return {
    ids: BigInt(word(0)),
    amounts: BigInt(word(1)),
    times: BigInt(word(2)),
    requestId: word(3),
    modelVersion: word(4),
    inputHash: word(5),
    outputHash: word(6),
    evidenceHash: word(7),
    memoryRoot: word(8),
  };
}

/** Makes leaves under one domain: keccak256(keccak256(separator ‖ nine words)). */
export function leafHasher(domain: Domain): {
  ofReceipt(receipt: Receipt): Uint8Array;
  ofEncoded(encoded: Uint8Array): Uint8Array;
} {
  // One buffer for all leaves: the separator stands at its start for good.
  const bytes = new Uint8Array(32 + RECEIPT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(domain.separator);
  return {
    ofReceipt(receipt) {
      writeReceipt(view, bytes, 32, receipt);
      return keccak256(keccak256(bytes));
    },
    ofEncoded(encoded) {
      if (encoded.length !== RECEIPT_BYTES) throw malformed(`${encoded.length} bytes instead of ${RECEIPT_BYTES}`);
      bytes.set(encoded, 32);
      return keccak256(keccak256(bytes));
    },
  };
}

function writeSafe(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value / 2 ** 32);
  view.setUint32(offset + 4, value);
}

function readSafe(view: DataView, offset: number): number {
  const value = view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
  if (value > Number.MAX_SAFE_INTEGER) throw malformed(`a count of ${value} is over 2^53`);
  return value;
}

function malformed(what: string): InputError {
  return new InputError("Malformed receipt", { code: "bad_receipt", facts: { reason: what } });
}
