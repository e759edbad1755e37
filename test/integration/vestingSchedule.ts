import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { network } from "hardhat";
import { type Simulation, simulate } from "../../src/cli/vesting/simulate.ts";
import { readSchedule } from "../../src/cli/vesting/source.ts";
import { toJson } from "../../src/core/protocol/json.ts";
import { anniversary, parseTime } from "../../src/vesting/calendar.ts";
import { readCompiled } from "../../src/vesting/compiled.ts";
import { makeReport, type Report } from "../../src/vesting/report.ts";
import { unlockTable } from "../../src/vesting/table.ts";
import { askLens } from "../../src/vesting/vault.ts";

/*
The published schedule, launched on a fresh chain and moved through every unlock
├── it should differ nowhere, at the second before, at and after all 97 unlocks, and have paid everything out
├── it should show what the file expects at every one of its rows, and nothing of it a second before
├── it should show all of a tranche at its second and after it, and nothing the second before
└── the independent checker: the same rows of the same chain
*/
describe("the published schedule", function () {
  this.timeout(600_000);

  const SCHEDULE = "deploy/schedules/opg.json";
  const OPG = 10n ** 18n;
  let url: string;
  let simulation: Simulation;
  let stop: () => Promise<void>;
  let report: Report;

  before(async () => {
    let server: Awaited<ReturnType<typeof network.createServer>> | undefined;
    stop = async () => server?.close();
    const open = async (initialDate: Date) => {
      const override = { initialDate, allowBlocksWithSameTimestamp: false };
      server = await network.createServer({ network: "default", override }, "127.0.0.1", 0);
      const { port } = await server.listen();
      url = `http://127.0.0.1:${port}`;
      return network.create({ network: "local", override: { url } });
    };
    simulation = await simulate(await readSchedule(SCHEDULE), Number.POSITIVE_INFINITY, () => undefined, open);
    report = await makeReport(simulation.vault, { published: simulation.file, compiled: await readCompiled() });
  });
  after(async () => {
    await simulation?.close();
    await stop?.();
  });

  it("differs nowhere and is paid out to the last wei", () => {
    const { ok, problems, maxDifferenceWei, unlocks, balanceWei, owedWei, paid, claims } = report;
    expect({ ok, problems, maxDifferenceWei, balanceWei, owedWei }).to.deep.equal({
      ok: true,
      problems: [],
      maxDifferenceWei: 0n,
      balanceWei: 0n,
      owedWei: 0n,
    });
    const everything = 900_000_000n * OPG;
    expect(paid).to.deep.equal({ slotsWei: everything, eventsWei: everything, transfersWei: everything });
    expect(unlocks).to.have.lengthOf(97);
    expect(unlocks.map(({ latenessSeconds }) => latenessSeconds)).to.deep.equal(Array(97).fill(0));
    expect(unlocks.at(-1)).to.include({ at: "2034-04-21T00:00:00Z", cumulativeWei: everything });
    for (const [id, { totalWei }] of simulation.plan.book.grants.entries()) {
      const own = claims.filter(({ grant }) => grant === id);
      expect(
        own.reduce((sum, { amountWei }) => sum + amountWei, 0n),
        `grant ${id}`,
      ).to.equal(totalWei);
    }
  });

  it("shows what the file expects, from that second on", async () => {
    const { expected } = JSON.parse(await readFile(SCHEDULE, "utf8")) as { expected: Record<string, string>[] };
    const { vault, plan } = simulation;
    const liquidWei = plan.liquid.reduce((sum, { amountWei }) => sum + amountWei, 0n);
    const [names] = await askLens(vault, "categories");
    const categories = [...names].map((name: string) =>
      Buffer.from(name.slice(2), "hex").toString().replace(/\0+$/, ""),
    );
    const unlocked = async (unix: number, counts: (category: string) => boolean) => {
      const [shown] = await askLens(vault, "unlockedByCategoryAt", [unix]);
      return [...shown].reduce((sum: bigint, wei: bigint, i) => (counts(categories[i] ?? "") ? sum + wei : sum), 0n);
    };
    const wei = (opg: string) => {
      const [whole = "", decimals = ""] = opg.split(".");
      return BigInt(whole + decimals.padEnd(18, "0"));
    };
    const notStaking = (category: string) => category !== "staking-rewards";
    const teams = (category: string) => ["ecosystem", "foundation"].includes(category);
    let compared = 0;
    for (const { at, note: _note, unix: _unix, ...row } of expected) {
      const unix = parseTime(at as string);
      for (const [name, said] of Object.entries(row)) {
        const counts = name.endsWith("ExcludingStakingRewards")
          ? notStaking
          : name.endsWith("AndFoundation")
            ? teams
            : () => true;
        const [before, now] = [await unlocked(unix - 1, counts), await unlocked(unix, counts)];
        expect(name.startsWith("circulating") ? liquidWei + now : now - before, `${at} ${name}`).to.equal(wei(said));
        expect(await unlocked(unix + 1, counts)).to.equal(now);
        expect(before < now, `${at} ${name}`).to.equal(true);
        compared++;
      }
    }
    expect(compared).to.equal(9);
  });

  it("shows all of a tranche at its second and after it, and nothing the second before", async () => {
    const { vault, plan } = simulation;
    const { unlocks } = unlockTable(plan.book);
    for (const { unix, cumulativeWei, amountWei, month } of unlocks) {
      expect(unix).to.equal(anniversary(plan.book.anchor, month));
      const shown = await Promise.all(
        [-1, 0, 1].map(async (by) => (await askLens(vault, "unlockedAt", [unix + by]))[0]),
      );
      expect(shown).to.deep.equal([cumulativeWei - amountWei, cumulativeWei, cumulativeWei]);
    }
  });

  it("has the rows of the independent checker", async function () {
    if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status !== 0) {
      process.stderr.write("    skipped: python3, 3.9 or later, is not installed\n");
      this.skip();
    }
    const directory = await mkdtemp(join(tmpdir(), "opg-schedule-"));
    try {
      const book = join(directory, "opg.book");
      await writeFile(book, simulation.file);
      const args = ["scripts/vesting_check.py", book, "--rpc", url, "--lens", simulation.vault.lens, "--json"];
      const env = { ...process.env, NO_PROXY: "127.0.0.1", PYTHONDONTWRITEBYTECODE: "1" };
      const out = await new Promise<string>((resolve, reject) => {
        execFile("python3", args, { env, maxBuffer: 2 ** 24 }, (error, text) =>
          error ? reject(error) : resolve(text),
        );
      });
      const theirs = JSON.parse(out);
      expect(theirs.ok).to.equal(true);
      expect(toJson(report.unlocks)).to.deep.equal(theirs.unlocks);
      expect([theirs.bookHash, theirs.tableHash]).to.deep.equal([report.bookHash, report.tableHash]);
      expect([theirs.paidWei, theirs.balanceWei]).to.deep.equal([String(900_000_000n * OPG), "0"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
