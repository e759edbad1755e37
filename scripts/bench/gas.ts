import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import hre from "hardhat";
import { commitRows, delegatedRows } from "./gas/commit.ts";
import { enterRows } from "./gas/enter.ts";
import { governRows } from "./gas/govern.ts";
import { proveRows } from "./gas/prove.ts";
import { rewardsRows } from "./gas/rewards.ts";
import type { Row } from "./gas/row.ts";
import { openBench } from "./gas/setup.ts";
import { stakeRows } from "./gas/stake.ts";
import { vestRows } from "./gas/vest.ts";

const HELP = `Measures gas: \`gasUsed\` of whole transactions on cold state, on an in-process chain of the Osaka rules.

Usage: npm run -s bench:gas -- [--json] [--only <text>] [--record]

  --json          {"ok","rows":[{"name","gasUsed","recorded","perUnit","bytes","limit","perUnitLimit","peer"}]}
  --only <text>   rows whose name contains the text
  --record        write these figures as those that later runs are compared with

perUnit is the cost of each further payer, and of each grant in the rows vest/…; vest/elapsed-anniversaries is execution
gas of a view. A row fails when gasUsed is above limit, perUnit above perUnitLimit, or
gasUsed more than half a percent above what was recorded in scripts/bench/gas/recorded.json. Exit code 1 when a row does.
`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

await hre.tasks.getTask("build").run({ quiet: true, noTests: true });
const bench = await openBench();
const all = [commitRows, enterRows, proveRows, delegatedRows, rewardsRows, vestRows, governRows, stakeRows];
const rows: Row[] = [];
for (const group of all) {
  for (const row of await group(bench)) {
    if (!row.name.includes(values.only)) continue;
    rows.push(row);
    if (!values.json) process.stderr.write(`${row.name}: ${row.gasUsed}\n`);
  }
}
await bench.connection.close();

const RECORDED = new URL("./gas/recorded.json", import.meta.url);
const recorded: Record<string, number> = JSON.parse(await readFile(RECORDED, "utf8"));
if (values.record) {
  for (const { name, gasUsed } of rows) recorded[name] = gasUsed;
  await writeFile(RECORDED, `${JSON.stringify(recorded, null, 2)}\n`);
}
/** Signatures differ in a few zero bytes between machines; more than that is a change of the code. */
const grown = ({ name, gasUsed }: Row) => gasUsed > (recorded[name] ?? 0) * 1.005;
const over = ({ gasUsed, limit, perUnit, perUnitLimit }: Row) =>
  gasUsed > limit || (perUnit !== null && perUnitLimit !== null && perUnit > perUnitLimit);
const ok = !rows.some((row) => over(row) || grown(row));

if (values.json) {
  const withRecorded = rows.map((row) => ({ ...row, recorded: recorded[row.name] ?? null }));
  process.stdout.write(`${JSON.stringify({ ok, rows: withRecorded })}\n`);
} else {
  const head = ["row", "gas", "limit", "each", "limit", "bytes", "best peer", "gas"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) {
    const mark = over(row) ? " OVER" : grown(row) ? ` GREW from ${recorded[row.name] ?? "unrecorded"}` : "";
    const { name, gasUsed, limit, perUnit, perUnitLimit, bytes, peer } = row;
    table.push([
      name + mark,
      gasUsed,
      limit,
      perUnit ?? "",
      perUnitLimit ?? "",
      bytes,
      peer?.name ?? "",
      peer?.gasUsed ?? "",
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}
process.exit(ok ? 0 : 1);
