import { readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";

const INVARIANT = 10000;

const invariantError = z.object({ number: z.literal(INVARIANT), message: z.string() });

/** Whether Ignition met a step that an earlier run noted and had not begun: it has no way to go on from there. */
export function isUnbegun(error: unknown): boolean {
  return invariantError.safeParse(error).data?.message.includes("Unable to find network interaction") ?? false;
}

const entrySchema = z.looseObject({ type: z.string(), futureId: z.string().optional() });

/** How a step that sends something begins; the others are whole with this one message. */
const SENDING = ["DEPLOYMENT", "CALL", "SEND_DATA"].map((kind) => `${kind}_EXECUTION_STATE_INITIALIZE`);

/**
 * Takes out of a journal what it says of steps that were noted and not begun, for which nothing was sent; Ignition notes them
 * anew. Returns their names.
 */
export async function forgetUnbegun(journal: string): Promise<string[]> {
  const lines = (await readFile(journal, "utf8")).split("\n").filter((line) => line !== "");
  const entries = lines.map((line) => entrySchema.parse(JSON.parse(line)));
  const isUnbegunAt = (i: number) => {
    const { type, futureId } = entries[i] as (typeof entries)[number];
    if (futureId === undefined || !SENDING.includes(type)) return false;
    return !entries.slice(i + 1).some((later) => later.futureId === futureId);
  };
  const unbegun = lines.map((_, i) => i).filter(isUnbegunAt);
  if (unbegun.length > 0) {
    const kept = lines.filter((_, i) => !unbegun.includes(i));
    await writeFile(`${journal}.part`, `${kept.join("\n")}\n`);
    await rename(`${journal}.part`, journal);
  }
  return unbegun.map((i) => entries[i]?.futureId as string);
}
