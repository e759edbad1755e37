import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { fix: { type: "boolean", default: false } } });
const solidity = ["contracts/**/*.sol", "test/**/*.sol"];

/** Types, formatters and linters; with `--fix` the formatters write. */
const checks: [string, string[]][] = [
  ["types", ["tsc"]],
  ["biome", ["biome", "check", ...(values.fix ? ["--write"] : ["--error-on-warnings"]), "."]],
  ["prettier", ["prettier", values.fix ? "--write" : "--check", "--log-level=warn", ...solidity]],
  ["solhint", ["solhint", "--noPoster", "--max-warnings", "0", "contracts/!(mocks)/*.sol"]],
];

let failed = false;
for (const [name, [command, ...args]] of checks) {
  const started = performance.now();
  const { status } = spawnSync(command as string, args, { stdio: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${status === 0 ? "ok  " : "FAIL"} ${name} ${seconds} s\n`);
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
