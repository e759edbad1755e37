import { readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BaseError } from "../errors.ts";

/** Locks of this process. */
const held = new Set<string>();

/**
 * Takes a directory for this process. An embedded database breaks when two processes open it.
 * Throws when a living process holds it; takes over from a dead one. Returns what gives it back.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = resolve(directory, "opg.lock");
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      held.add(path);
      return async () => {
        held.delete(path);
        await rm(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder > 0 && isAlive(holder, path)) {
      throw new BaseError("Another process uses this data directory", {
        code: "directory_locked",
        facts: { directory, pid: holder },
        hint: "Stop that process, choose another data directory, or set DATABASE_URL to share a server",
      });
    }
    await rm(path, { force: true });
  }
  throw new BaseError("The data directory cannot be locked", { code: "directory_locked", facts: { directory } });
}

function isAlive(pid: number, path: string): boolean {
  // In a container that is started again the dead process had the number that this one has.
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
