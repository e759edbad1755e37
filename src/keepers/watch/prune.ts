import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Hex } from "../../core/hashing/hex.ts";
import { toJson } from "../../core/protocol/json.ts";
import { type LoggedReservation, type LogReader, REMAINDER, readRemainder } from "../../sdk/readReceiptLog.ts";
import { replaceFile, segmentName } from "../../sdk/receiptLog.ts";

const HOUR_MS = 3_600_000;

export type PruneBounds = {
  /** Receipts below it are in batches that nobody can claim against any more. */
  finalBelow: bigint;
  /** Unix seconds; a request whose voucher ended before it, and whose receipt never came, is given up. */
  lostBefore: bigint;
  nowMs: number;
};

/** Deletes the oldest files in which everything is final, and keeps of them what later comparisons need. */
export async function pruneLog(
  folder: string,
  reader: LogReader,
  log: LoggedReservation,
  { finalBelow, lostBefore, nowMs }: PruneBounds,
): Promise<string[]> {
  const isFinal = (id: Hex) => {
    const receipt = log.receipts.get(id)?.receipt;
    if (receipt) return receipt.sequence < finalBelow;
    return (log.requests.get(id)?.expiry ?? 0n) < lostBefore;
  };
  const dropped: string[] = [];
  for (const file of reader.files()) {
    // Somebody may still write to the file of the last hour.
    if (file >= segmentName(nowMs - HOUR_MS) || ![...reader.idsIn(file)].every(isFinal)) break;
    const remainder = await readRemainder(folder);
    let { looseNano } = remainder;
    for (const id of reader.idsIn(file)) {
      if (!log.receipts.has(id)) looseNano += log.requests.get(id)?.request.maxPriceNano ?? 0n;
    }
    const { spentNano, cumulativeNano } = log;
    const kept = { spentNano, cumulativeNano, looseNano, dropped: file };
    await replaceFile(join(folder, REMAINDER), `${JSON.stringify(toJson(kept))}\n`);
    await rm(join(folder, file), { force: true });
    dropped.push(file);
  }
  return dropped;
}
