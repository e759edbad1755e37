import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { requestSchema, signature65, signedReceiptSchema, u64, voucherSchema } from "../core/protocol/json.ts";
import { type Request, requestHash } from "../core/protocol/messages.ts";
import { decodeReceipt, type Receipt } from "../core/protocol/receipt.ts";
import type { HandedReceipt } from "./verify.ts";

export type LoggedRequest = { request: Request; expiry: bigint };

export type LoggedReceipt = { handed: HandedReceipt; receipt: Receipt };

/** What stood in files that were deleted since, amounts in nano. */
export type LogRemainder = {
  /** Most that a receipt showed as spent, and most that a voucher allowed. */
  spentNano: bigint;
  cumulativeNano: bigint;
  /** Sum of the highest prices of requests whose receipt never came. */
  looseNano: bigint;
  /** The last file that was deleted, or is about to be; files are deleted in their order. */
  dropped: string;
};

/** What a payer knows of its reservation. */
export type LoggedReservation = {
  requests: Map<Hex, LoggedRequest>;
  /** By request; receipts that an attested verifier signed, whether or not they held otherwise. */
  receipts: Map<Hex, LoggedReceipt>;
  /** The highest voucher that was ever given. */
  cumulativeNano: bigint;
  /** The most that a receipt shows as spent. */
  spentNano: bigint;
  /** Caps of requests of the past whose receipt never came. */
  looseNano: bigint;
  /** Lines that cannot be read: a process or machine died while it wrote. */
  torn: number;
};

const handedSchema = signedReceiptSchema.extend({ evidence: signedReceiptSchema.shape.evidence.nullable() });

const entrySchema = z.union([
  z.object({ request: requestSchema, voucher: voucherSchema, signature: signature65 }),
  z.object({ handed: handedSchema, refused: z.string().optional() }),
]);

const remainderSchema = z.object({ spentNano: u64, cumulativeNano: u64, looseNano: u64, dropped: z.string() });

export const REMAINDER = "remainder.json";

/** With these the receipt is not one that a verifier signed: nobody can prove anything with it. */
const NOT_SIGNED = new Set(["receipt_not_in_window", "receipt_wrong_window", "receipt_not_attested"]);

/** A reader that goes on where it was: each call reads only what was added since. */
export type LogReader = {
  read(): Promise<LoggedReservation>;
  /** The files that were read, oldest first. */
  files(): string[];
  /** Ids of the requests, and of the receipts, that stand in a file. */
  idsIn(file: string): ReadonlySet<Hex>;
};

type Position = { offset: number; rest: Buffer; ids: Set<Hex> };

/** What a reservation's folder holds. Receipts of other reservations, whoever handed them over, do not count. */
export function openLogReader(folder: string, of: { settler: number; reservation: number }): LogReader {
  const positions = new Map<string, Position>();
  let state = empty();

  function take(line: string, ids: Set<Hex>): void {
    if (line === "") return;
    const entry = parseLine(line);
    if (!entry) {
      state.torn++;
      return;
    }
    if ("handed" in entry) {
      if (entry.refused !== undefined && NOT_SIGNED.has(entry.refused)) return;
      const { receipt } = entry;
      if (receipt.settler !== of.settler || receipt.reservation !== of.reservation) return;
      ids.add(toHex(receipt.requestId));
      state.receipts.set(toHex(receipt.requestId), { handed: entry.handed, receipt });
      if (receipt.spentNano > state.spentNano) state.spentNano = receipt.spentNano;
      return;
    }
    const id = toHex(requestHash(entry.request));
    ids.add(id);
    state.requests.set(id, { request: entry.request, expiry: entry.voucher.expiry });
    if (entry.voucher.cumulativeNano > state.cumulativeNano) state.cumulativeNano = entry.voucher.cumulativeNano;
  }

  return {
    async read() {
      const remainder = await readRemainder(folder);
      const names = (await readdir(folder))
        .filter((name) => name.endsWith(".jsonl") && name > remainder.dropped)
        .sort();
      if ([...positions.keys()].some((name) => !names.includes(name))) {
        // A file is gone, and with it what stood in it.
        positions.clear();
        state = empty();
      }
      for (const name of names) {
        const position = positions.get(name) ?? { offset: 0, rest: Buffer.alloc(0), ids: new Set() };
        positions.set(name, position);
        const added = await readFrom(join(folder, name), position.offset);
        position.offset += added.length;
        const text = Buffer.concat([position.rest, added]);
        const end = text.lastIndexOf(0x0a) + 1;
        position.rest = text.subarray(end);
        for (const line of text.subarray(0, end).toString("utf8").split("\n")) take(line, position.ids);
      }
      const most = (a: bigint, b: bigint) => (a > b ? a : b);
      state.spentNano = most(state.spentNano, remainder.spentNano);
      state.cumulativeNano = most(most(state.cumulativeNano, remainder.cumulativeNano), state.spentNano);
      state.looseNano = remainder.looseNano;
      return state;
    },
    files: () => [...positions.keys()].sort(),
    idsIn: (file) => positions.get(file)?.ids ?? new Set(),
  };
}

export async function readRemainder(folder: string): Promise<LogRemainder> {
  const text = await readFile(join(folder, REMAINDER), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return { spentNano: 0n, cumulativeNano: 0n, looseNano: 0n, dropped: "" };
  return remainderSchema.parse(JSON.parse(text));
}

function empty(): LoggedReservation {
  return { requests: new Map(), receipts: new Map(), cumulativeNano: 0n, spentNano: 0n, looseNano: 0n, torn: 0 };
}

function parseLine(line: string) {
  try {
    const entry = entrySchema.parse(JSON.parse(line));
    return "handed" in entry ? { ...entry, receipt: decodeReceipt(entry.handed.receipt) } : entry;
  } catch {
    return undefined;
  }
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.max(size - offset, 0));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
