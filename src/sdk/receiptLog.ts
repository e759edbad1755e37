import { randomUUID } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../core/clock.ts";
import { BaseError, InputError } from "../core/errors.ts";
import { equalBytes } from "../core/hashing/hex.ts";
import { jsonOf } from "../core/jsonOf.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { type Payment, termsSchema, toJson, u32 } from "../core/protocol/json.ts";
import { type Terms, termsHash } from "../core/protocol/messages.ts";
import { type LoggedReservation, openLogReader } from "./readReceiptLog.ts";
import type { Reservation } from "./reservation.ts";
import type { HandedReceipt } from "./verify.ts";

/** Whose receipts a folder holds. */
export type LogHeader = {
  settler: number;
  reservation: number;
  terms: Terms;
  /** Where receipts that are missing, and batch files, are asked for. */
  gatewayUrl: string;
};

/** What a payer was given, kept so that it can be shown to the court. Everybody who uses a reservation uses one log. */
export type ReceiptLog = {
  /** Keeps a request and its voucher. When it resolves, they outlive the process and the machine. */
  requested(payment: Pick<Payment, "request" | "voucher" | "signature">): Promise<void>;
  /** Keeps a receipt as it was handed over; `refused` is the code of the error with which the session refused it. */
  received(handed: HandedReceipt, refused?: string): Promise<void>;
  /** All that is kept, of every process that writes here. */
  read(): Promise<LoggedReservation>;
};

export type ReceiptLogOptions = {
  /** One folder for all reservations; each gets its own in it. */
  directory: string;
  domain: Domain;
  reservation: Reservation;
  gatewayUrl: string;
  clock?: Clock;
};

const HEADER = "reservation.json";
const HOUR_CHARACTERS = "2026-01-01T00".length;

/** The folder of one settlement contract's reservations: contracts of other chains may have the same address. */
export function logRoot(directory: string, { chainId, settlement }: Domain): string {
  return join(directory, `${chainId}-${settlement.toLowerCase()}`);
}

/** The file of an hour, UTC; a whole file is deleted once all in it is final. */
export function segmentName(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, HOUR_CHARACTERS)}.jsonl`;
}

/**
 * Opens the log of a reservation. Throws `bad_log` when the folder is of other terms, `storage_failed` (retryable) when
 * the disk refuses.
 */
export async function openReceiptLog(options: ReceiptLogOptions): Promise<ReceiptLog> {
  const { directory, domain, reservation, gatewayUrl, clock = systemClock } = options;
  const folder = join(logRoot(directory, domain), `${reservation.settler}-${reservation.reservation}`);
  await storing(folder, async () => {
    await mkdir(folder, { recursive: true });
    await writeHeader(folder, { ...reservation, gatewayUrl });
  });
  const append = createAppender(folder, clock);
  return {
    requested: ({ request, voucher, signature }) => append({ request, voucher, signature }),
    received: (handed, refused) => append(refused === undefined ? { handed } : { handed, refused }),
    read: () => openLogReader(folder, reservation).read(),
  };
}

const headerSchema = z.object({ settler: u32, reservation: u32, terms: termsSchema, gatewayUrl: z.url() });

/** What a folder is of. Throws `bad_log` when that cannot be read. */
export async function readHeader(folder: string): Promise<LogHeader> {
  const path = join(folder, HEADER);
  const bad = (cause?: unknown) =>
    new InputError("A receipt log cannot be read", {
      code: "bad_log",
      facts: { path },
      hint: "Restore the file, or move the folder away",
      cause,
    });
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw bad(cause);
  });
  const parsed = headerSchema.safeParse(jsonOf(text, bad));
  if (parsed.success) return parsed.data;
  throw bad(parsed.error);
}

/** Only the gateway's address may change later. */
async function writeHeader(folder: string, { settler, reservation, terms, gatewayUrl }: LogHeader): Promise<void> {
  const standing = await readdir(folder).then((names) => (names.includes(HEADER) ? readHeader(folder) : undefined));
  if (standing && !equalBytes(termsHash(standing.terms), termsHash(terms))) {
    throw new InputError("The receipt log is of other terms than the reservation", {
      code: "bad_log",
      facts: { folder, voucherKey: standing.terms.voucherKey, given: terms.voucherKey },
      hint: "Name another folder, or the key and policy that the reservation was opened with",
    });
  }
  if (standing?.gatewayUrl === gatewayUrl) return;
  await replaceFile(join(folder, HEADER), `${JSON.stringify({ settler, reservation, terms, gatewayUrl })}\n`);
}

/** The file is the old one or the new one, whenever the process dies. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  await writeFile(part, text, { flush: true });
  await rename(part, path);
  await flushFolder(dirname(path));
}

/** Entries that come while others are being written go to the disk together: one flush for all of them. */
function createAppender(folder: string, clock: Clock): (entry: object) => Promise<void> {
  let lines: string[] = [];
  let waiting: Promise<void> | undefined;
  let running: Promise<void> = Promise.resolve();
  let known = "";

  async function write(): Promise<void> {
    const taken = lines;
    lines = [];
    waiting = undefined;
    const path = join(folder, segmentName(clock()));
    await storing(path, async () => {
      // Begins with a line's end: what a dead process left half written stands on a line of its own.
      await appendFile(path, `\n${taken.join("\n")}\n`, { flush: true });
      if (known !== path) await flushFolder(dirname(path));
      known = path;
    });
  }

  return (entry) => {
    lines.push(JSON.stringify(toJson(entry)));
    if (!waiting) {
      waiting = running.catch(() => undefined).then(write);
      running = waiting;
    }
    return waiting;
  };
}

/** A new file's name is on the disk only when its folder is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function storing(path: string, write: () => Promise<void>): Promise<void> {
  await write().catch((cause: unknown) => {
    if (cause instanceof BaseError) throw cause;
    throw new BaseError("The receipt log cannot be written", {
      code: "storage_failed",
      facts: { path, reason: (cause as NodeJS.ErrnoException).code },
      hint: "Free disk space or check the folder's rights; nothing was paid for that is not kept",
      retryable: true,
      cause,
    });
  });
}
