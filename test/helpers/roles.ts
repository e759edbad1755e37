import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toJson } from "../../src/core/protocol/json.ts";
import type { TestNetwork } from "./network.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export type Environment = Record<string, string | undefined>;

export type Finished = { code: number | null; signal: string | null; stdout: string; stderr: string };

export type Command = {
  child: ChildProcess;
  /** Resolves when it has ended and its output is read. */
  done: Promise<Finished>;
  /** Ends it as a power cut would. */
  kill(): Promise<Finished>;
};

/** Starts `opg` as a process of its own, with nothing of this environment but where programs lie. */
export function startCommand(args: readonly string[], environment: Environment): Command {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR, LOG_LEVEL: "warn", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const finished: Finished = { code: null, signal: null, stdout: "", stderr: "" };
  child.stdout.on("data", (piece) => {
    finished.stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    finished.stderr += piece;
  });
  const done = once(child, "close").then(([code, signal]) => Object.assign(finished, { code, signal }));
  return {
    child,
    done,
    kill() {
      child.kill("SIGKILL");
      return done;
    },
  };
}

/** Runs `opg` to its end. */
export function runCommand(args: readonly string[], environment: Environment): Promise<Finished> {
  return startCommand(args, environment).done;
}

export type RoleProcess = Command & { urls: Record<string, string>; stop(): Promise<Finished> };

/** Starts `opg up` and waits until its servers listen. */
export async function startRole(roles: string, environment: Environment): Promise<RoleProcess> {
  const command = startCommand(["up", "--roles", roles, "--json"], environment);
  const ready = new Promise<string>((resolve, reject) => {
    let out = "";
    command.child.stdout?.on("data", (piece) => {
      out += piece;
      if (out.includes("\n")) resolve(out);
    });
    void command.done.then(({ code, stderr }) => reject(new Error(`opg up ended with ${code}: ${stderr}`)));
  });
  return {
    ...command,
    urls: JSON.parse(await ready),
    stop() {
      command.child.kill("SIGTERM");
      return command.done;
    },
  };
}

/** Writes the deployment where processes read it, and gives the variables that every command needs. */
export async function environmentOf({ deployment, directory, rpcUrl }: TestNetwork): Promise<Environment> {
  const path = join(directory, "deployment.json");
  await writeFile(path, JSON.stringify(toJson(deployment)));
  return { OPG_DEPLOYMENT: path, RPC_URL: rpcUrl };
}
