import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findPostgres, startPostgres } from "../test/helpers/postgres.ts";

const HELP = `Runs the tests: Solidity (fuzz and invariants) and TypeScript, the latter on the embedded database and, where it is
installed, on a PostgreSQL server that is started for the run.

Usage: npm test                          all of them, three lanes side by side
       npm test -- mocha test/a.ts …     some TypeScript tests; further arguments go to \`hardhat test\`
       npm test -- solidity test/b.t.sol
`;

const HARDHAT = "node_modules/hardhat/dist/src/cli.js";

/** A part runs in a process of its own. Parts of one lane follow each other, lanes run side by side. */
type Part = { name: string; args: string[] };

const mocha = (folders: string[], files = folders.flatMap(testsBelow)): Part => ({
  name: `TypeScript: ${folders.join(", ")}`,
  // Built by the set-up; three processes that build at once would be in each other's way.
  args: ["mocha", "--no-compile", ...files],
});

/** Starts and kills processes all the time, and waits for them more than it works. */
const CRASH = "test/integration/crash.ts";

const lanes = (): Part[][] => [
  [mocha(["test/contracts"]), { name: "Solidity", args: ["solidity"] }, mocha(["test/deploy", "test/scripts"])],
  [
    mocha(["test/src"]),
    mocha(
      ["test/integration"],
      testsBelow("test/integration").filter((file) => file !== CRASH),
    ),
  ],
  [mocha([CRASH], [CRASH])],
];

function testsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const running = new Set<ReturnType<typeof spawn>>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
  });
}

async function hardhat(args: string[], env: NodeJS.ProcessEnv, stdio: "inherit" | "pipe") {
  const child = spawn(process.execPath, [HARDHAT, "test", ...args], { stdio: ["ignore", stdio, stdio], env });
  running.add(child);
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece: Buffer) => pieces.push(piece));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  return { code: code ?? 1, signal, output: Buffer.concat(pieces) };
}

/**
 * Whether V8 itself gave up: Node 24 does so now and then in a process that opens and closes many embedded databases
 * (nodejs/node#64500). A test that fails ends with an exit code and never so.
 */
const isCrashOfV8 = (signal: NodeJS.Signals | null, output: Buffer) =>
  signal !== null && output.includes("# Fatal error in") && output.includes("----- Native stack trace -----");

/** Runs the parts of a lane; each part's output comes in one piece, when it has ended. */
async function runLane(parts: Part[], env: NodeJS.ProcessEnv): Promise<boolean> {
  let passed = true;
  for (const { name, args } of parts) {
    process.stderr.write(`… ${name}\n`);
    const started = performance.now();
    let { code, signal, output } = await hardhat(args, env, "pipe");
    process.stdout.write(output);
    if (isCrashOfV8(signal, output)) {
      process.stderr.write(
        `V8 crashed with ${signal} in ${name}, which says nothing of the tests: all of it runs once more\n`,
      );
      ({ code, signal, output } = await hardhat(args, env, "pipe"));
      process.stdout.write(output);
    }
    process.stderr.write(`${code === 0 ? "ok  " : "FAIL"} ${name} ${seconds(started)} s\n`);
    passed &&= code === 0;
  }
  return passed;
}

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(0);

const { positionals, values } = parseArgs({
  options: { help: { type: "boolean", default: false } },
  allowPositionals: true,
  strict: false,
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const started = performance.now();
const postgres = process.env.TEST_DATABASE_URL ? undefined : await startPostgres();
const url = process.env.TEST_DATABASE_URL ?? postgres?.url;
if (!url) {
  process.stderr.write(
    `PostgreSQL is not installed (looked in ${findPostgres.places.join(", ")}): its tests are left out. ` +
      "Install it, or set TEST_DATABASE_URL to an empty database.\n",
  );
}
// The types are those of the set-up: a build that wrote them anew would take them from the processes beside it.
const built = { HARDHAT_NO_TYPECHAIN: "true" };
const env = { ...process.env, ...built, ...(url ? { TEST_DATABASE_URL: url } : {}) };
let passed: boolean;
if (positionals.length > 0) passed = (await hardhat(process.argv.slice(2), env, "inherit")).code === 0;
else {
  passed = (await Promise.all(lanes().map((lane) => runLane(lane, env)))).every(Boolean);
  process.stderr.write(`${passed ? "All tests passed" : "Some tests FAILED"}, ${seconds(started)} s\n`);
}
await postgres?.stop();
process.exitCode = passed ? 0 : 1;
