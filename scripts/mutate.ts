import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { codeHash, compile, parse, readSources, type Sources } from "./mutation/compile.ts";
import { applyMutant, type Mutant, mutantsOf, sampleOf } from "./mutation/mutants.ts";
import { openSuite, type Suite } from "./mutation/suite.ts";

const HELP = `Changes a contract in one place after another, and looks whether its tests notice.

Usage: npm run -s mutate -- --contract <name> [--sample <n>] [--seed <text>] [--minutes <n>]
                        [--jobs <n>] [--resume] [--again] [--json]

  --contract   StakeHub or EpochRewards
  --sample     about that many mutants, of each operator its part; without it all
  --seed       which ones; the same seed gives the same, and more of it hold fewer (default 1)
  --minutes    begin no mutant after that long; the rest can be resumed
  --jobs       how many test runs side by side (default 1)
  --resume     keep what cache/mutation/<contract>.json knows of these sources
  --again      with --resume: run those again that survived or took too long
  --list       show the mutants, run none
  --json       the results on stdout

Each mutant is compiled with the optimizer but without Yul, which is five times as fast, and the first test that fails ends it. A
survivor is compiled as deployed: the same code is an equal mutant, which no test can notice. A run that takes four times as long
as that of the contract itself counts as killed, and is shown apart: on a busy machine run these again. Exit code 1 when mutants survived.
`;

const OWN = /^contracts\/(staking|rewards)\//;

type Subject = { file: string; also: Record<string, string>; tests: string[] };

/** Quick tests first. `also` are contracts of the tests that hold parts of the subject. */
const SUBJECTS: Record<string, Subject> = {
  StakeHub: {
    file: "contracts/staking/StakeHub.sol",
    also: {},
    tests: ["StakeHub", "StakeVotes", "StakeHubCases", "StakeHubRandom"].map(
      (name) => `test/contracts/staking/${name}.ts`,
    ),
  },
  EpochRewards: {
    file: "contracts/rewards/EpochRewards.sol",
    also: { RewardTreesHarness: "contracts/mocks/RewardTreesHarness.sol" },
    tests: ["SumTree", "RewardClaims", "EpochRewards", "RootLife", "RewardsRandom"].map(
      (name) => `test/contracts/rewards/${name}.ts`,
    ),
  },
};

type Verdict = "killed" | "timeout" | "survived" | "equal" | "invalid";
type Result = Mutant & { verdict: Verdict; by?: string; seconds: number };
type State = { contract: string; sourcesHash: string; seed: string; planned: number; results: Result[] };

const { values } = parseArgs({
  options: {
    contract: { type: "string", default: "" },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    jobs: { type: "string" },
    resume: { type: "boolean", default: false },
    again: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const subject = SUBJECTS[values.contract];
const numbers = [values.sample, values.minutes, values.jobs];
const [sample, minutes, jobs] = numbers.map((text) => (text === undefined ? undefined : Number(text)));
const wrong = numbers.some((text) => text !== undefined && !(Number(text) > 0));
if (values.help || !subject || wrong) {
  (values.help ? process.stdout : process.stderr).write(HELP);
  process.exit(values.help ? 0 : 1);
}

const note = (line: string) => process.stderr.write(`${line}\n`);
const targets = { [values.contract]: subject.file, ...subject.also };
const sources = readSources(Object.values(targets));
const mutated = Object.keys(sources).filter((file) => OWN.test(file) && dirname(file) === dirname(subject.file));
const trees = parse(sources, mutated);
const all = mutated.flatMap((file) => mutantsOf(file, sources[file] as string, trees.get(file) as object));
const chosen = sample === undefined ? all : sampleOf(all, sample, values.seed);
note(`${all.length} mutants of ${mutated.length} sources, ${chosen.length} chosen with seed ${values.seed}`);
if (values.list) {
  for (const { id, file, line, operator, before, after } of chosen) {
    process.stdout.write(`${id} ${file}:${line} ${operator}: ${oneLine(before)} -> ${oneLine(after)}\n`);
  }
  process.exit(0);
}

const path = `cache/mutation/${values.contract}.json`;
const sourcesHash = createHash("sha256").update(JSON.stringify(sources)).digest("hex");
const state = await openState();
const known = new Map(state.results.map((result) => [result.id, result]));
const todo = chosen.filter(({ id }) => {
  const verdict = known.get(id)?.verdict;
  return verdict === undefined || (values.again && (verdict === "survived" || verdict === "timeout"));
});
const suites = await Promise.all(Array.from({ length: jobs ?? 1 }, () => openSuite(targets, subject.tests)));
try {
  await runAll(suites);
} finally {
  await Promise.all(suites.map((suite) => suite.close()));
}
report();

async function runAll(suites: Suite[]): Promise<void> {
  const original = compile(sources, targets);
  const deployed = compile(sources, targets, { asDeployed: true });
  if (!original || !deployed) throw new Error(`${values.contract} does not compile`);
  const base = await (suites[0] as Suite).run(original, 600);
  if (!base.passed) throw new Error(`The tests fail without any change: ${base.firstFailure}`);
  note(`the tests pass in ${base.seconds} s; ${todo.length} mutants to run`);
  const hashes = { quick: codeHash(original), deployed: codeHash(deployed) };
  const started = performance.now();
  const over = () => minutes !== undefined && performance.now() - started > minutes * 60_000;
  const queue = [...todo];
  let done = 0;
  await Promise.all(
    suites.map(async (suite) => {
      for (let mutant = queue.shift(); mutant && !over(); mutant = queue.shift()) {
        const result = await judge(suite, mutant, hashes, base.seconds * 4 + 30);
        known.set(mutant.id, result);
        save();
        const { verdict, seconds, by, file, line, before, after } = result;
        const change = `${oneLine(before)} -> ${oneLine(after)}`;
        note(`${++done}/${todo.length} ${verdict} ${seconds} s ${file}:${line} ${change} ${by ?? ""}`);
      }
    }),
  );
  if (done < todo.length) note(`time is over: ${todo.length - done} are left, go on with --resume`);
}

async function judge(
  suite: Suite,
  mutant: Mutant,
  hashes: Record<"quick" | "deployed", string>,
  timeoutSeconds: number,
): Promise<Result> {
  const started = performance.now();
  const changed: Sources = { ...sources, [mutant.file]: applyMutant(sources[mutant.file] as string, mutant) };
  const end = (verdict: Verdict, by?: string): Result => {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return { ...mutant, verdict, seconds, ...(by === undefined ? {} : { by }) };
  };
  const code = compile(changed, targets);
  if (!code) return end("invalid");
  if (codeHash(code) === hashes.quick) return end("equal");
  const { passed, timedOut, firstFailure } = await suite.run(code, timeoutSeconds);
  if (timedOut) return end("timeout");
  if (!passed) return end("killed", firstFailure);
  const deployed = compile(changed, targets, { asDeployed: true });
  return end(deployed && codeHash(deployed) === hashes.deployed ? "equal" : "survived");
}

async function openState(): Promise<State> {
  const fresh = { contract: values.contract, sourcesHash, seed: values.seed, planned: chosen.length, results: [] };
  if (!values.resume || !existsSync(path)) return fresh;
  const stored: State = JSON.parse(await readFile(path, "utf8"));
  if (stored.sourcesHash === sourcesHash) return { ...fresh, results: stored.results };
  note("the sources have changed since: everything runs again");
  return fresh;
}

/** Written beside and moved, so that an end in between loses what is running at most. */
function save(): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, JSON.stringify({ ...state, results: [...known.values()] }, null, 1));
  renameSync(`${path}.part`, path);
}

function report(): void {
  const results = chosen.flatMap(({ id }) => known.get(id) ?? []);
  const count = (verdict: Verdict, of = results) => of.filter((result) => result.verdict === verdict).length;
  const rateOf = (of: Result[]) => {
    const [killed, survived] = [count("killed", of) + count("timeout", of), count("survived", of)];
    return { killed, survived, rate: killed + survived === 0 ? null : killed / (killed + survived) };
  };
  const emits = results.filter(({ operator }) => operator === "emit");
  const rest = results.filter(({ operator }) => operator !== "emit");
  const summary = {
    contract: values.contract,
    seed: values.seed,
    mutants: all.length,
    chosen: chosen.length,
    run: results.length,
    equal: count("equal"),
    invalid: count("invalid"),
    timeout: count("timeout"),
    ...rateOf(rest),
    emit: rateOf(emits),
    byOperator: Object.fromEntries(
      [...Map.groupBy(results, ({ operator }) => operator)].map(([operator, of]) => [operator, rateOf(of)]),
    ),
  };
  const survivors = results.filter(({ verdict }) => verdict === "survived");
  if (values.json) process.stdout.write(`${JSON.stringify({ ...summary, survivors })}\n`);
  else {
    process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    for (const { id, file, line, operator, before, after } of survivors) {
      process.stdout.write(`survived ${id} ${file}:${line} ${operator}: ${oneLine(before)} -> ${oneLine(after)}\n`);
    }
  }
  process.exitCode = survivors.length > 0 ? 1 : 0;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 120);
}
