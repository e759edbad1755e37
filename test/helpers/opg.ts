import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

export type Ran = { code: number; stdout: string; stderr: string };

/** Runs the command as a process of its own, with this environment only. */
export async function opg(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { PATH = "" } = process.env;
  const options: SpawnOptions = { env: { PATH, LOG_LEVEL: "fatal", ...env }, stdio: ["ignore", "pipe", "pipe"] };
  const child = spawn(process.execPath, ["src/cli/main.ts", ...args], options);
  const ran: Ran = { code: -1, stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name]?.on("data", (data) => (ran[name] += data));
  [ran.code] = await once(child, "close");
  return ran;
}
