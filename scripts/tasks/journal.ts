import { existsSync } from "node:fs";
import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { LostTransaction } from "./lostTransaction.ts";

const INVARIANT = 10000;

const invariantError = z.object({ number: z.literal(INVARIANT), message: z.string() });

/** Whether Ignition met a step that an earlier run noted and had not begun: it has no way to go on from there. */
export function isUnbegun(error: unknown): boolean {
  return invariantError.safeParse(error).data?.message.includes("Unable to find network interaction") ?? false;
}

const entrySchema = z.looseObject({
  type: z.string(),
  futureId: z.string().optional(),
  nonce: z.int().min(0).optional(),
  contractAddress: z.string().optional(),
  result: z.looseObject({ type: z.string(), address: z.string().optional() }).optional(),
});

type Entry = z.infer<typeof entrySchema>;
type Line = { text: string; entry: Entry };

/** How a step that sends something begins; the others are whole with this one message. */
const SENDING = ["DEPLOYMENT", "CALL", "SEND_DATA"].map((kind) => `${kind}_EXECUTION_STATE_INITIALIZE`);

const journalOf = (folder: string) => join(folder, "journal.jsonl");
const addressesOf = (folder: string) => join(folder, "deployed_addresses.json");

/**
 * Mends what a killed run left half-written in Ignition's folder: the last line of the journal, which goes, and the file of
 * addresses, which is made anew from the journal. Returns what it mended.
 */
export async function mendTorn(folder: string): Promise<string[]> {
  if (!existsSync(journalOf(folder))) return [];
  const mended: string[] = [];
  const texts = await textsOf(folder);
  const last = texts.at(-1);
  if (last !== undefined && parsed(last) === undefined) {
    texts.pop();
    await writeLines(folder, texts);
    mended.push("journal.jsonl");
  }
  const addresses = await readFile(addressesOf(folder), "utf8").catch(() => undefined);
  if (addresses !== undefined && parsed(addresses) === undefined) {
    const lines = await linesOf(folder);
    const known = lines.flatMap(({ entry }) => (addressOf(entry) ? [[entry.futureId, addressOf(entry)]] : []));
    // Without any, Ignition expects no file.
    if (known.length === 0) await unlink(addressesOf(folder));
    else await replace(addressesOf(folder), `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`);
    mended.push("deployed_addresses.json");
  }
  return mended;
}

/**
 * Takes out of a journal what it says of steps that were noted and not begun, for which nothing was sent; Ignition notes them
 * anew. Returns their names.
 */
export async function forgetUnbegun(folder: string): Promise<string[]> {
  const lines = await linesOf(folder);
  const unbegun = lines.filter(({ entry }, i) => {
    if (entry.futureId === undefined || !SENDING.includes(entry.type)) return false;
    return !lines.slice(i + 1).some((later) => later.entry.futureId === entry.futureId);
  });
  return forget(folder, lines, unbegun);
}

/**
 * Takes out of a journal that a transaction was about to be sent, when the chain has none of that nonce; Ignition prepares it
 * anew. Returns the names of the steps.
 */
export async function forgetUnsent(folder: string, { nonce }: LostTransaction): Promise<string[]> {
  const lines = await linesOf(folder);
  const unsent = lines.filter(({ entry }, i) => {
    if (entry.type !== "TRANSACTION_PREPARE_SEND" || entry.nonce !== nonce) return false;
    return !lines.slice(i + 1).some((later) => later.entry.futureId === entry.futureId);
  });
  return forget(folder, lines, unsent);
}

async function forget(folder: string, lines: readonly Line[], gone: readonly Line[]): Promise<string[]> {
  const kept = lines.filter((line) => !gone.includes(line));
  if (gone.length > 0) {
    await writeLines(
      folder,
      kept.map(({ text }) => text),
    );
  }
  return gone.map(({ entry }) => entry.futureId as string);
}

/** Where a step put a contract, as Ignition lists it. */
function addressOf({ type, contractAddress, result }: Entry): string | undefined {
  if (type === "CONTRACT_AT_EXECUTION_STATE_INITIALIZE") return contractAddress;
  if (type !== "DEPLOYMENT_EXECUTION_STATE_COMPLETE" || result?.type !== "SUCCESS") return undefined;
  return result.address;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function textsOf(folder: string): Promise<string[]> {
  return (await readFile(journalOf(folder), "utf8")).split("\n").filter((line) => line !== "");
}

async function linesOf(folder: string): Promise<Line[]> {
  return (await textsOf(folder)).map((text) => ({ text, entry: entrySchema.parse(JSON.parse(text)) }));
}

const writeLines = (folder: string, texts: readonly string[]) =>
  replace(journalOf(folder), texts.map((text) => `${text}\n`).join(""));

async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}
