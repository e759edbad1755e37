import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import type { Compiled } from "./compile.ts";

export type Outcome = { passed: boolean; timedOut: boolean; seconds: number; firstFailure: string | undefined };

export type Suite = {
  /** Runs the tests against this code, up to the first that fails. */
  run(code: Map<string, Compiled>, timeoutSeconds: number): Promise<Outcome>;
  close(): Promise<void>;
};

/**
 * Tests of a contract in a folder of artifacts of their own, so that the project's stay as they are.
 * @param targets Name of each contract that is replaced to its file.
 * @param tests In the order in which they run: quick ones first.
 */
export async function openSuite(targets: Record<string, string>, tests: readonly string[]): Promise<Suite> {
  const folder = await mkdtemp(join(tmpdir(), "opg-mutants-"));
  const artifacts = join(folder, "artifacts");
  // What the compiler knew of the sources would only slow each start down.
  await cp("artifacts", artifacts, { recursive: true, filter: (path) => !path.split(sep).includes("build-info") });
  return {
    async run(code, timeoutSeconds) {
      for (const [name, compiled] of code) {
        const path = join(artifacts, targets[name] as string, `${name}.json`);
        await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...compiled }));
      }
      return runTests(artifacts, tests, timeoutSeconds);
    },
    close: () => rm(folder, { recursive: true }),
  };
}

async function runTests(artifacts: string, tests: readonly string[], timeoutSeconds: number): Promise<Outcome> {
  const started = performance.now();
  const hardhat = ["node_modules/hardhat/dist/src/cli.js", "--config", "scripts/mutation/hardhat.config.ts"];
  const child = spawn(process.execPath, [...hardhat, "test", "mocha", "--no-compile", "--bail", ...tests], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, MUTANT_ARTIFACTS: artifacts, HARDHAT_NO_TYPECHAIN: "true", FORCE_COLOR: "0" },
    detached: true,
  });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    // Its group, which is its own: the process may have started others.
    process.kill(-(child.pid as number), "SIGKILL");
  }, timeoutSeconds * 1000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  const output = Buffer.concat(pieces).toString();
  return {
    passed: code === 0,
    // Mocha's own limit of a test says as little as ours.
    timedOut: timedOut || (code !== 0 && /Timeout of \d+ms exceeded/.test(output)),
    seconds: Math.round(performance.now() - started) / 1000,
    firstFailure: code === 0 ? undefined : firstFailureOf(output),
  };
}

/** The title that mocha prints of the first test that failed, else the last line. */
function firstFailureOf(output: string): string | undefined {
  const lines = output.split("\n");
  const at = lines.findIndex((line) => /^\s*1\) /.test(line) && !line.trimEnd().endsWith(":"));
  if (at >= 0) return (lines[at] as string).trim().slice(3);
  return lines.findLast((line) => line.trim() !== "")?.slice(0, 200);
}
