import { spawn } from "node:child_process";
import { once } from "node:events";
import { findPostgres, startPostgres } from "../test/helpers/postgres.ts";

/**
 * Every test: Solidity (fuzz and invariants), then TypeScript on both databases. Arguments go to `hardhat test`.
 * A PostgreSQL server of its own is started for the run where one is installed.
 */
const postgres = process.env.TEST_DATABASE_URL ? undefined : await startPostgres();
const url = process.env.TEST_DATABASE_URL ?? postgres?.url;
if (!url) {
  process.stderr.write(
    `PostgreSQL is not installed (looked in ${findPostgres.places.join(", ")}): its tests are left out. ` +
      "Install it, or set TEST_DATABASE_URL to an empty database.\n",
  );
}
const hardhat = "node_modules/hardhat/dist/src/cli.js";
const tests = spawn(process.execPath, [hardhat, "test", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, ...(url ? { TEST_DATABASE_URL: url } : {}) },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => tests.kill(signal));
const [code] = await once(tests, "exit");
await postgres?.stop();
process.exitCode = code ?? 1;
