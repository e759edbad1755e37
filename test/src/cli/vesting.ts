import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { network } from "hardhat";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { addressFor } from "../../../src/cli/vesting/simulate.ts";
import { planOf, readSchedule } from "../../../src/cli/vesting/source.ts";
import { type Book, bookHash, encodeBook } from "../../../src/vesting/book.ts";
import { anniversary, elapsed, formatTime } from "../../../src/vesting/calendar.ts";
import { EXPORT_FORMATS } from "../../../src/vesting/exports/formats.ts";
import { scheduleExportSchema } from "../../../src/vesting/exports/schema.ts";
import { tableHash, unlockTable } from "../../../src/vesting/table.ts";
import { launchBook, sampleBook } from "../../helpers/launch.ts";
import { startTestChain, type TestChain } from "../../helpers/network.ts";
import { opg, type Ran } from "../../helpers/opg.ts";

/*
opg vesting
├── report --simulate
│  ├── it should print one object, the same bytes each time, and exit 0
│  ├── it should print a line for each unlock without --json, and write the page with --html
│  ├── when the published file has a byte changed: exit 1, says where
│  └── when a digit of the schedule is another: exit 1, with file, line and reason
├── calendar: the next unlocks, from a schedule and from a book; the page
├── export: every format, from a schedule and from a book, to stdout and to a file
├── verify-book --offline: good, bad, none
├── when something is wrong: its code and what to do next, nothing on stdout
└── on a chain over HTTP
   ├── report: by deployment and by lens; again with nothing left to read; without a published file: against itself
   ├── report: the rows and lines of the independent checker
   ├── verify-book, show, calendar, export
   ├── claim: dry, for some, for all, nothing left
   ├── when the deployment file is of another vault or book, or the RPC of another chain: exit 1
   └── when the RPC is dead: exit 75
*/
describe("opg vesting", () => {
  const SCHEDULE = "deploy/schedules/opg.json";
  let directory: string;
  let bookFile: string;
  let file: Uint8Array;
  let book: Book;
  let env: Record<string, string>;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-vesting-cli-"));
    env = { DATA_DIR: join(directory, "data"), OPG_DEPLOYMENT: join(directory, "none.json") };
    book = planOf(await readSchedule(SCHEDULE), addressFor).book;
    file = encodeBook(book);
    bookFile = await written("opg.book", file);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  async function written(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, content);
    return path;
  }
  const vesting = (args: string[], more: Record<string, string> = {}) => opg(["vesting", ...args], { ...env, ...more });
  /** The one object that a command prints. */
  async function one(args: string[], code = 0, more: Record<string, string> = {}) {
    const ran = await vesting([...args, "--json"], more);
    expect([ran.code, ran.stderr], args.join(" ")).to.deep.equal([code, ""]);
    expect(ran.stdout).to.match(/^\{.*\}\n$/);
    return JSON.parse(ran.stdout);
  }
  async function failed(args: string[], more: Record<string, string> = {}) {
    const { code, stdout, stderr } = await vesting([...args, "--json"], more);
    expect(stdout, args.join(" ")).to.equal("");
    expect(stderr.trimEnd().split("\n"), stderr).to.have.lengthOf(1);
    return { exit: code, ...JSON.parse(stderr).error };
  }

  describe("report --simulate", () => {
    const SIMULATE = ["report", "--simulate", SCHEDULE, "--until", "2026-09-01"];

    it("prints one object, the same bytes each time", async () => {
      const [first, second] = (await Promise.all([1, 2].map(() => vesting([...SIMULATE, "--json"])))) as [Ran, Ran];
      expect([first.code, first.stderr]).to.deep.equal([0, ""]);
      expect(second).to.deep.equal(first);
      expect(first.stdout).to.match(/^\{"ok":true,.*\}\n$/);
      const result = JSON.parse(first.stdout);
      expect(result).to.deep.include({
        ok: true,
        bookHash: bookHash(file),
        bookHashMatches: true,
        tableHash: tableHash(book),
        maxDifferenceWei: "0",
        problems: [],
        publishedFrom: SCHEDULE,
      });
      expect(result.unlocks).to.have.lengthOf(5);
      const row = result.unlocks[2];
      expect(row).to.deep.equal({
        month: 2,
        at: "2026-06-21T00:00:00Z",
        unix: 1_782_000_000,
        saidWei: "9125000000000000000000000",
        shownWei: "9125000000000000000000000",
        cumulativeWei: "108249999999999999999999999",
        differenceWei: "0",
        block: row.block,
        latenessSeconds: 0,
      });
    });

    it("prints a line for each unlock, and writes the page", async () => {
      const html = join(directory, "report.html");
      const { code, stdout, stderr } = await vesting([...SIMULATE, "--html", html]);
      expect([code, stderr]).to.deep.equal([0, `Written to ${html}\n`]);
      expect(stdout.split("\n")[2]).to.equal(
        "2026-06-21T00:00:00Z (1782000000)  schedule said 9125000.000000000000000000 OPG; chain shows 9125000.000000000000000000; difference 0 wei; first block +0 s",
      );
      expect(stdout).to.match(/\nEverything is as published\.\n$/);
      expect(await readFile(html, "utf8")).to.match(/^<!doctype html>/);
      expect((await readdir(directory)).filter((name) => name.endsWith(".part"))).to.deep.equal([]);
    });

    it("says where the published file differs", async () => {
      const other = await written("other.book", file.with(file.length - 1, (file.at(-1) as number) ^ 1));
      const result = await one([...SIMULATE, "--book", other], 1);
      expect(result).to.include({ ok: false, bookHashMatches: false, publishedFrom: other });
      const id = book.grants.length - 1;
      expect(result.problems[0]).to.match(new RegExp(`: byte ${file.length - 1} of ${file.length} \\(grant ${id} `));
      const { code, stdout } = await vesting([...SIMULATE, "--book", other]);
      expect(code).to.equal(1);
      expect(stdout).to.include(`\nNOT as published:\n- ${result.problems[0]}\n`);
    });

    it("refuses a schedule with another digit, with file, line and reason", async () => {
      const text = await readFile(SCHEDULE, "utf8");
      for (const [from, to, line, path] of [
        ['"400000000000000000000000000"', '"400000000000000000000000001"', 15, "categories"],
        ['"tranches": 60', '"tranches": 61', undefined, undefined],
        ['"unix": 1782000000', '"unix": 1782000001', undefined, undefined],
      ] as const) {
        const bad = await written("bad.json", text.replace(from, to));
        const error = await failed(["report", "--simulate", bad]);
        expect(error).to.include({ exit: 1, code: "bad_schedule" });
        expect(error.facts.file).to.equal(bad);
        expect(error.facts.line).to.be.a("number");
        expect(error.facts.reason).to.be.a("string").and.not.equal("");
        if (path) expect(error.facts).to.include({ line, path });
      }
    });
  });

  describe("calendar", () => {
    const { unlocks } = unlockTable(sampleBook());

    it("prints the next unlocks, from a schedule and from a book", async () => {
      const from = ["--from", "2026-06-20T23:59:59Z", "--next", "3"];
      const result = await one(["calendar", "--schedule", SCHEDULE, ...from]);
      expect(result.bookHash).to.equal(bookHash(file));
      expect(result.categories).to.deep.equal(unlockTable(book).categories);
      expect(result.unlocks.map(({ at, amountWei }: Record<string, string>) => [at, amountWei])).to.deep.equal([
        ["2026-06-21T00:00:00Z", "9125000000000000000000000"],
        ["2026-07-21T00:00:00Z", "9125000000000000000000001"],
        ["2026-08-21T00:00:00Z", "9124999999999999999999999"],
      ]);
      expect(await one(["calendar", "--book", bookFile, ...from])).to.deep.equal(result);
      const after = await one(["calendar", "--book", bookFile, "--from", "2026-06-21", "--next", "1"]);
      expect(after.unlocks[0].at).to.equal("2026-07-21T00:00:00Z");
    });

    it("prints a table, and nothing where nothing is left", async () => {
      const sample = await written("sample.book", encodeBook(sampleBook()));
      const { stdout } = await vesting(["calendar", "--book", sample, "--from", "2026-01-01"]);
      for (const { unix } of unlocks) expect(stdout).to.include(formatTime(unix));
      const over = await vesting(["calendar", "--book", sample, "--from", "2040-01-01"]);
      expect(over).to.deep.equal({ code: 0, stdout: "Nothing is left to unlock.\n", stderr: "" });
    });

    it("writes the page, the same bytes each time", async () => {
      const pages = ["one.html", "two.html"].map((name) => join(directory, name));
      for (const html of pages) {
        const { code, stderr } = await vesting([
          "calendar",
          "--schedule",
          SCHEDULE,
          "--from",
          "2026-05-01",
          "--html",
          html,
        ]);
        expect([code, stderr]).to.deep.equal([0, `Written to ${html}\n`]);
      }
      const [first, second] = await Promise.all(pages.map((path) => readFile(path, "utf8")));
      expect(first).to.match(/^<!doctype html>[\s\S]*<\/html>\n$/);
      expect(second).to.equal(first);
    });
  });

  describe("export", () => {
    for (const format of EXPORT_FORMATS) {
      it(`${format}, from a schedule and from a book, to stdout and to a file`, async () => {
        const out = join(directory, `out.${format}`);
        for (const source of [
          ["--schedule", SCHEDULE],
          ["--book", bookFile],
        ]) {
          const { code, stdout, stderr } = await vesting(["export", "--format", format, ...source]);
          expect([code, stderr]).to.deep.equal([0, ""]);
          check(format, stdout);
          const file = await vesting(["export", "--format", format, ...source, "--out", out]);
          expect(file).to.deep.equal({ code: 0, stdout: "", stderr: `Written to ${out}\n` });
          expect(await readFile(out, "utf8")).to.equal(stdout);
        }
        expect((await readdir(directory)).filter((name) => name.endsWith(".part"))).to.deep.equal([]);
      });
    }

    function check(format: (typeof EXPORT_FORMATS)[number], text: string): void {
      const lockedWei = String(900_000_000n * 10n ** 18n);
      if (format === "json") {
        const { bookHash: hash, locked, unlocks } = scheduleExportSchema.parse(JSON.parse(text));
        expect([hash, locked.wei, unlocks.length]).to.deep.equal([bookHash(file), lockedWei, 97]);
      } else if (format === "csv") {
        const rows = parse(text, { columns: true }) as Record<string, string>[];
        expect(rows.at(-1)).to.include({ cumulative_wei: lockedWei });
      } else if (format === "ics") {
        expect(text.match(/^BEGIN:VEVENT\r$/gm)).to.have.lengthOf(97);
      } else if (format === "tokenomist") {
        expect(JSON.parse(text)).to.be.an("object");
      } else {
        expect(text)
          .to.match(/export default/)
          .and.not.match(/manualLinear/);
      }
    }

    it("leaves nothing behind when the folder is not there", async () => {
      const out = join(directory, "missing", "out.csv");
      const { code, stdout } = await vesting(["export", "--format", "csv", "--book", bookFile, "--out", out]);
      expect([code, stdout]).to.deep.equal([1, ""]);
    });
  });

  it("verify-book --offline says what a file is", async () => {
    expect(await one(["verify-book", bookFile, "--offline"])).to.deep.equal({
      ok: true,
      onChain: null,
      bookHash: bookHash(file),
      tableHash: tableHash(book),
      bytes: file.length,
      schedules: book.schedules.length,
      grants: book.grants.length,
      categories: "ecosystem, foundation, core-contributors, investors, staking-rewards",
      totalWei: String(900_000_000n * 10n ** 18n),
      firstUnlock: "2026-04-21T00:00:00Z",
      lastUnlock: "2034-04-21T00:00:00Z",
    });
    const bad = await written("torn.book", file.slice(0, -1));
    const error = await failed(["verify-book", bad, "--offline"]);
    expect(error).to.deep.include({ exit: 1, code: "bad_book", retryable: false });
    expect(error.facts).to.include({ field: "length", offset: 0 });
    expect(error.hint).to.include("docs/contracts/vesting.md");
  });

  describe("says what is wrong, and what to do next:", () => {
    const LENS = `0x${"11".repeat(20)}`;
    for (const [what, args, code] of [
      ["a schedule that is not there", ["report", "--simulate", "none.json"], "no_file"],
      ["a book that is not there", ["verify-book", "none.book", "--offline"], "no_file"],
      ["a book to calendar that is not there", ["calendar", "--book", "none.book"], "no_file"],
      ["no deployment", ["report"], "no_deployment"],
      ["no deployment to show", ["show", "0"], "no_deployment"],
      ["an address that is none", ["report", "--lens", "0x12"], "bad_address"],
      ["an address of 41 digits", ["show", "0", "--lens", `${LENS}1`], "bad_address"],
    ] as [string, string[], string][]) {
      it(what, async () => {
        const error = await failed(args);
        expect(error).to.deep.include({ exit: 1, code, retryable: false });
        expect(error.hint).to.be.a("string").and.not.equal("");
      });
    }
    for (const [what, args, named] of [
      ["a day that does not exist", ["report", "--until", "2026-02-30"], "--until"],
      ["a time with an offset", ["calendar", "--from", "2026-06-21T00:00:00+02:00"], "--from"],
      ["a number that is none", ["calendar", "--next", "-1"], "--next"],
      ["a format that is none", ["export", "--format", "xml"], "--format"],
      ["no format", ["export"], "--format"],
      ["a grant that is none", ["show", "first"], "grant"],
      ["a grant to claim that is none", ["claim", "0x1"], "number"],
    ] as [string, string[], string][]) {
      it(what, async () => {
        const { code, stdout, stderr } = await vesting(args);
        expect([code, stdout]).to.deep.equal([1, ""]);
        expect(stderr)
          .to.include(named)
          .and.not.match(/^ +at /m);
      });
    }

    it("an RPC that is dead: try again", async () => {
      const rpc = ["--lens", LENS, "--rpc", "http://127.0.0.1:1"];
      const commands = [["report"], ["show", "0"], ["verify-book", bookFile], ["claim", "--dry-run"]];
      for (const error of await Promise.all(commands.map((args) => failed([...args, ...rpc])))) {
        expect(error).to.deep.include({ exit: 75, code: "rpc_unavailable", retryable: true });
        expect(JSON.stringify(error)).not.to.include("127.0.0.1");
      }
    });
  });

  describe("on a chain over HTTP", function () {
    this.timeout(300_000);
    let chain: TestChain;
    let deployment: string;
    let lens: string;
    let source: string[];
    let onChain: string[];
    let own: Book;
    let key: string;

    before(async () => {
      chain = await startTestChain();
      const connection = await network.create({ network: "local", override: { url: chain.rpcUrl } });
      const { provider } = chain.chain;
      try {
        const { ethers } = connection;
        // From next month on, whatever the month is.
        const head = await ethers.provider.getBlock("latest");
        const anchor = { startMonth: elapsed({ startMonth: 0, day: 1 }, head?.timestamp ?? 0), day: 31 };
        own = { ...sampleBook(), anchor };
        const launched = await launchBook(ethers, own);
        lens = String(launched.lens.target);
        const path = await written("own.book", launched.file);
        source = ["--lens", lens, "--rpc", chain.rpcUrl];
        onChain = [...source, "--book", path];
        for (const [month, late] of [0, 2, 3600, 0].entries()) {
          await provider.send("evm_setNextBlockTimestamp", [anniversary(anchor, month) + late]);
          await (await launched.vault.claimMany([month, month + 4])).wait();
        }
      } finally {
        await connection.close();
      }
      key = (localAccount(chain.chain, 0) as unknown as { privateKey: string }).privateKey;
      deployment = await written("local.json", JSON.stringify(chain.deployment));
      const code = await provider.getCode(chain.deployment.contracts.vestBook.address);
      await written("local.book", Buffer.from(code.slice(2), "hex"));
    });
    after(() => chain?.close());

    it("reports by lens and by deployment; the second time it has the events already", async () => {
      const first = await one(["report", ...onChain]);
      expect(first).to.include({ ok: true, maxDifferenceWei: "0", bookHashMatches: true, lens });
      expect(first.unlocks.map(({ latenessSeconds }: Record<string, number>) => latenessSeconds)).to.deep.equal([
        0, 2, 3600, 0,
      ]);
      expect(await readdir(join(directory, "data", "vesting"))).to.have.lengthOf(1);
      expect(await one(["report", ...onChain])).to.deep.equal(first);

      const deployed = await one(["report", "--deployment", deployment, "--rpc", chain.rpcUrl]);
      expect(deployed).to.include({ ok: true, vault: chain.deployment.contracts.vestVault.address });
      expect(deployed.launch).to.equal(chain.deployment.contracts.tokenLaunch.address);
      expect(deployed.publishedFrom).to.equal(join(directory, "local.book"));
      const byEnvironment = await one(["report"], 0, { OPG_DEPLOYMENT: deployment, RPC_URL: chain.rpcUrl });
      expect(byEnvironment).to.deep.equal(deployed);
    });

    it("checks the chain against itself where no file is given, and says so", async () => {
      const alone = await one(["report", "--lens", lens, "--rpc", chain.rpcUrl]);
      expect(alone).to.deep.include({ ok: true, bookHashMatches: null, publishedFrom: null, maxDifferenceWei: "0" });
    });

    it("has the rows and lines of the independent checker", async function () {
      if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status !== 0) {
        process.stderr.write("    skipped: python3, 3.9 or later, is not installed\n");
        this.skip();
      }
      const python = (...args: string[]) =>
        new Promise<string>((resolve, reject) => {
          const script = ["scripts/vesting_check.py", join(directory, "own.book"), "--rpc", chain.rpcUrl];
          const environment = { ...process.env, NO_PROXY: "127.0.0.1", PYTHONDONTWRITEBYTECODE: "1" };
          execFile("python3", [...script, "--lens", lens, ...args], { env: environment }, (error, out) =>
            error ? reject(error) : resolve(out),
          );
        });
      const keys = [
        "month",
        "at",
        "unix",
        "saidWei",
        "shownWei",
        "cumulativeWei",
        "differenceWei",
        "block",
        "latenessSeconds",
      ];
      const ours = await one(["report", ...onChain]);
      const theirs = JSON.parse(await python("--json"));
      expect(ours.unlocks).to.deep.equal(theirs.unlocks);
      for (const row of ours.unlocks) expect(Object.keys(row)).to.have.members(keys);
      expect([ours.bookHash, ours.tableHash]).to.deep.equal([theirs.bookHash, theirs.tableHash]);
      const linesOf = (text: string) => text.split("\n").slice(0, ours.unlocks.length);
      expect(linesOf((await vesting(["report", ...onChain])).stdout)).to.deep.equal(linesOf(await python()));
    });

    it("verifies a book: the chain's, and another", async () => {
      const own = await one(["verify-book", join(directory, "own.book"), ...source]);
      expect(own).to.include({ ok: true, difference: null });
      const other = await one(["verify-book", bookFile, ...source], 1);
      expect(other.ok).to.equal(false);
      expect(other.difference).to.match(/^byte \d+ of \d+ \(/);
    });

    it("shows a grant, and refuses one that is not there", async () => {
      const grant = await one(["show", "1", ...source]);
      expect(grant).to.deep.include({ id: 1, category: "ecosystem", revoked: false, revocation: null, name: null });
      const [vested, paid, due] = [grant.vestedWei, grant.paidWei, grant.dueWei].map(BigInt) as [
        bigint,
        bigint,
        bigint,
      ];
      expect(vested).to.equal(paid + due);
      expect([paid > 0n, due > 0n]).to.deep.equal([true, true]);
      expect(grant.nextUnlock.at).to.equal(formatTime(anniversary(own.anchor, 4)));
      const error = await failed(["show", "10", ...source]);
      expect(error).to.deep.include({ exit: 1, code: "bad_grant", facts: { grant: 10, grants: 10 } });
    });

    it("gives the calendar and exports of a chain as of its file", async () => {
      const from = ["--from", "2020-01-01", "--next", "99"];
      const [chained, filed] = [
        await one(["calendar", ...onChain, ...from]),
        await one(["calendar", "--book", join(directory, "own.book"), ...from]),
      ];
      expect(chained).to.deep.equal(filed);
      const { stdout } = await vesting(["export", "--format", "json", ...onChain]);
      const exported = scheduleExportSchema.parse(JSON.parse(stdout));
      expect([exported.chainId, exported.addresses.lens]).to.deep.equal([31337, lens]);
    });

    it("claims: dry, for some, for all, and nothing is left", async () => {
      const claim = (args: string[], more = {}) => one(["claim", ...args, ...source], 0, more);
      const { claims: planned } = await claim(["--dry-run"]);
      expect(planned).to.have.lengthOf(1);
      expect(planned[0]).to.include({ outcome: "planned", transaction: null });
      expect((await claim(["--dry-run"])).claims).to.deep.equal(planned);

      const some = (await claim(["1", "9"], { OPG_KEY: key })).claims;
      expect(some).to.have.lengthOf(1);
      expect(some[0]).to.deep.include({ outcome: "claimed", grants: [1, 9] });
      const rest = (await claim([], { OPG_KEY: key })).claims;
      expect(rest[0].grants).to.deep.equal(planned[0].grants.filter((id: number) => ![1, 9].includes(id)));
      expect(BigInt(some[0].amountWei) + BigInt(rest[0].amountWei)).to.equal(BigInt(planned[0].amountWei));
      expect((await claim([], { OPG_KEY: key })).claims).to.deep.equal([]);
      const nothing = await vesting(["claim", ...source], { OPG_KEY: key });
      expect([nothing.code, nothing.stdout]).to.deep.equal([0, "Nothing is due.\n"]);
      expect(await one(["report", ...onChain])).to.include({ ok: true });

      expect(await failed(["claim", "10", ...source], { OPG_KEY: key })).to.include({ exit: 1, code: "bad_grant" });
      expect(await failed(["claim", ...source])).to.include({ exit: 1, code: "bad_config" });
    });

    it("refuses a deployment file that is of another vault, book or chain", async () => {
      const rpc = ["--rpc", chain.rpcUrl];
      const mixed = await failed(["report", "--deployment", deployment, "--lens", lens, ...rpc]);
      expect(mixed).to.deep.include({ exit: 1, code: "wrong_vault" });

      const { vesting: says, ...rest } = chain.deployment;
      const other = { ...rest, vesting: { ...says, bookHash: bookHash(file) } };
      const wrong = await failed([
        "report",
        "--deployment",
        await written("wrong.json", JSON.stringify(other)),
        ...rpc,
      ]);
      expect(wrong).to.deep.include({ exit: 1, code: "wrong_book" });

      const elsewhere = await written("chain.json", JSON.stringify({ ...chain.deployment, chainId: 8453 }));
      const error = await failed(["report", "--deployment", elsewhere, ...rpc]);
      expect(error).to.deep.include({ exit: 1, code: "wrong_chain", facts: { deployment: 8453, rpc: 31337 } });
    });

    it("runs as a keeper: 0 done, 0 nothing left, 1 wrong input, 75 try again", async () => {
      const keeper = ["keeper", "run", "vesting", "--once", "--json"];
      const on = { ...env, OPG_DEPLOYMENT: deployment, RPC_URL: chain.rpcUrl, DATA_DIR: join(directory, "keeper") };
      const dry = await opg([...keeper, "--dry-run"], on);
      expect([dry.code, dry.stderr]).to.deep.equal([0, ""]);
      expect(dry.stdout).to.include('"planned"');
      const first = await opg(keeper, { ...on, OPG_KEY: key });
      expect([first.code, first.stderr]).to.deep.equal([0, ""]);
      expect(first.stdout).to.include('"claimed"');
      const second = await opg(keeper, { ...on, OPG_KEY: key });
      expect(second.code).to.equal(0);
      expect(second.stdout).not.to.include('"claimed"');

      for (const [what, more, exit, code] of [
        ["no key", {}, 1, "bad_config"],
        ["no such grant", { OPG_KEY: key, VESTING_GRANTS: "99" }, 1, "bad_grant"],
        ["no list of grants", { OPG_KEY: key, VESTING_GRANTS: "1;2" }, 1, "bad_config"],
        ["a gas cap below one claim", { OPG_KEY: key, VESTING_GAS_CAP: "60000" }, 1, "bad_gas_cap"],
        ["an RPC that is dead", { OPG_KEY: key, RPC_URL: "http://127.0.0.1:1" }, 75, "rpc_unavailable"],
      ] as [string, Record<string, string>, number, string][]) {
        const ran = await opg(keeper, { ...on, ...more });
        expect([ran.code, ran.stdout], what).to.deep.equal([exit, ""]);
        expect(JSON.parse(ran.stderr).error.code, what).to.equal(code);
      }
    });
  });
});
