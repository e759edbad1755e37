import { parseArgs } from "node:util";
import { describeDemo } from "../src/cli/demo/print.ts";
import { runDemo } from "../src/cli/demo/run.ts";
import { BaseError } from "../src/core/errors.ts";

const HELP = `Runs the whole loop on a local chain: deploy, stake, pay, infer, verify, settle, prove, withdraw, slash, reward.

Usage: npm run demo -- [options]      (one JSON object: npm run -s demo -- --json)

  --inferences <n>  how many requests the agents send (default 240)
  --with governance hand over to the governor too, and pass a proposal
  --json            one JSON object on stdout, nothing else there
  --keep            leave everything running and print the addresses
  --help
`;

/** Exit codes: 0 done, 1 wrong input or something did not hold. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      inferences: { type: "string", default: "240" },
      with: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const inferences = Number(values.inferences);
  if (!Number.isInteger(inferences) || inferences < 8) {
    process.stderr.write(`--inferences must be a whole number of at least 8, not "${values.inferences}"\n`);
    return 1;
  }
  const unknown = values.with.find((name) => name !== "governance");
  if (unknown !== undefined) {
    process.stderr.write(`--with takes governance, not "${unknown}"\n`);
    return 1;
  }
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  const demo = await runDemo({ inferences, governance: values.with.length > 0 });
  process.stdout.write(values.json ? `${JSON.stringify(demo.result)}\n` : `${describeDemo(demo, values.keep)}\n`);
  if (values.keep) {
    if (values.json) process.stderr.write(`${JSON.stringify(demo.urls)}\n`);
    await stopped;
  }
  await demo.close();
  return demo.result.ok ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof BaseError ? error.message : String((error as Error)?.stack ?? error)}\n`);
  return 1;
});
