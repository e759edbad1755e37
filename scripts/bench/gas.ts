import { parseArgs } from "node:util";
import Table from "cli-table3";
import hre from "hardhat";
import { commitRows } from "./gas/commit.ts";
import { enterRows } from "./gas/enter.ts";
import { proveRows } from "./gas/prove.ts";
import type { Row } from "./gas/row.ts";
import { openBench } from "./gas/setup.ts";

const HELP = `Measures gas: \`gasUsed\` of whole transactions on cold state, on an in-process chain of the Osaka rules.

Usage: npm run -s bench:gas -- [--json]

  --json   {"ok","rows":[{"name","gasUsed","perUnit","bytes","limit","perUnitLimit","peer":{"name","gasUsed"}}]}
  --only <text>   rows whose name contains the text

perUnit is the cost of each further payer; a row is over its limit when gasUsed is above limit or perUnit above
perUnitLimit. Exit code 1 when a row is.
`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

await hre.tasks.getTask("build").run({ quiet: true });
const bench = await openBench();
const all = [commitRows, enterRows, proveRows];
const rows: Row[] = [];
for (const group of all) {
  for (const row of await group(bench)) {
    if (!row.name.includes(values.only)) continue;
    rows.push(row);
    if (!values.json) process.stderr.write(`${row.name}: ${row.gasUsed}\n`);
  }
}
await bench.connection.close();
const within = ({ gasUsed, limit, perUnit, perUnitLimit }: Row) =>
  gasUsed <= limit && (perUnit === null || perUnitLimit === null || perUnit <= perUnitLimit);
const ok = rows.every(within);

if (values.json) process.stdout.write(`${JSON.stringify({ ok, rows })}\n`);
else {
  const head = ["row", "gas", "limit", "per payer", "limit", "bytes", "best peer", "gas"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) {
    const mark = within(row) ? "" : " OVER";
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
