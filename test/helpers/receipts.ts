import { keccak256 } from "../../src/core/hashing/keccak.ts";
import { encodeReceipt, Mode, type Receipt, Status } from "../../src/core/protocol/receipt.ts";

/** A receipt with every field set, all of them made from `sequence`. */
export function receiptOf(settler: number, sequence: number): Receipt {
  const hash = (name: string) => keccak256(Buffer.from(`${name} ${sequence}`));
  return {
    sequence: BigInt(sequence),
    settler,
    reservation: sequence % 7,
    worker: 1 + (sequence % 3),
    verifier: 4 + (sequence % 2),
    mode: Mode.TEE,
    status: Status.OK,
    priceNano: 1_000n + BigInt(sequence),
    valueAtRiskNano: 5_000_000n,
    inputUnits: 100 + sequence,
    outputUnits: 20,
    startedAtMs: 1_750_000_000_000 + sequence,
    firstOutputAtMs: 1_750_000_000_100 + sequence,
    finishedAtMs: 1_750_000_000_900 + sequence,
    spentNano: 1_000n * BigInt(sequence + 1),
    requestId: hash("request"),
    modelVersion: hash("model"),
    inputHash: hash("input"),
    outputHash: hash("output"),
    evidenceHash: hash("evidence"),
    memoryRoot: hash("memory"),
  };
}

/** The nine words of `count` receipts from `firstSequence` on. */
export function receiptsOf(settler: number, count: number, firstSequence = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => encodeReceipt(receiptOf(settler, firstSequence + i)));
}
