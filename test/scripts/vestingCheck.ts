import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { encodeBytes32String, JsonRpcProvider, type JsonRpcSigner, toBeHex } from "ethers";
import { type LocalChain, startLocalChain } from "../../src/cli/demo/chain.ts";
import { freePort } from "../../src/core/http/freePort.ts";
import { type Book, bookHash, encodeBook } from "../../src/vesting/book.ts";
import { type Anchor, anniversary, formatTime } from "../../src/vesting/calendar.ts";
import { tableHash, unlockTable } from "../../src/vesting/table.ts";
import { OPG__factory } from "../../typechain-types/factories/token/OPG__factory.ts";
import {
  IVestVault__factory,
  ScheduleLens__factory,
  TokenLaunch__factory,
} from "../../typechain-types/factories/vesting/index.ts";
import type { IVestVault } from "../../typechain-types/vesting/IVestVault.ts";
import { type FaultProxy, startFaultProxy } from "../helpers/faultProxy.ts";

/*
vesting_check.py
├── --self-test: keccak-256 and the calendar against known values
├── the file alone
│  ├── the published one: every unlock, total and hashes, as src/vesting has them
│  ├── up to a time: only those unlocks
│  └── malformed: exit 1, with the byte and the record
├── a chain that went through eight unlocks, with claims, a revocation and a handover
│  ├── when all is right: exit 0, and the rows are those of src/vesting; also where the RPC refuses long ranges of logs
│  ├── up to a time that has not come: a row without a block
│  ├── when a byte of the file is another, in any region: exit 1, with the byte and the record
│  ├── when a grant is a wei more: exit 1, naming it
│  └── when the chain shows another code, amount, payment or balance: exit 1, saying which
└── an RPC that is dead, knows no such block, no history, or another chain in the end: exit 75
*/
describe("vesting_check.py", function () {
  this.timeout(180_000);

  const SCRIPT = fileURLToPath(new URL("../../scripts/vesting_check.py", import.meta.url));
  const OPG = 10n ** 18n;
  const MILLION = 1_000_000n * OPG;
  /** Seconds between an unlock and the first block after it. */
  const LATE = [0, 1, 2, 0, 37, 3600, 0, 12];
  const FIRST_GRANT = 1 + 96 * 7;

  type Output = { code: number; out: string; err: string };
  let directory: string;

  before(async function () {
    if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status !== 0) {
      process.stderr.write("    skipped: python3, 3.9 or later, is not installed\n");
      this.skip();
    }
    directory = await mkdtemp(join(tmpdir(), "opg-vesting-"));
  });
  after(async () => {
    if (directory) await rm(directory, { recursive: true });
  });

  const changed = (bytes: Uint8Array, at: number, to: number) => bytes.with(at, to);

  function run(...args: string[]): Promise<Output> {
    const env = { ...process.env, NO_PROXY: "127.0.0.1", PYTHONDONTWRITEBYTECODE: "1" };
    return new Promise((resolve) => {
      execFile("python3", [SCRIPT, ...args], { env, maxBuffer: 2 ** 24 }, (error, out, err) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
      );
    });
  }

  async function fileOf(bytes: Uint8Array): Promise<string> {
    const path = join(directory, "book.bin");
    await writeFile(path, bytes);
    return path;
  }

  const account = (n: number) => toBeHex(0xa000_0000n + BigInt(n), 20);

  /** What is published, one grant a schedule; `foundation` in these parts. */
  function published(anchor: Anchor, revocation: Book["schedules"][number]["revocation"] = null, parts = [100n]): Book {
    const schedule = (category: string, firstTranche: number, tranches: number) => ({
      category,
      firstTranche,
      tranches,
      revocation: category === "foundation" && tranches > 1 ? revocation : null,
    });
    const grant = (index: number, totalWei: bigint, n = index) => ({
      beneficiary: account(n),
      schedule: index,
      totalWei,
    });
    return {
      anchor,
      schedules: [
        schedule("ecosystem", 0, 1),
        schedule("ecosystem", 1, 60),
        schedule("foundation", 0, 1),
        schedule("foundation", 1, 48),
        schedule("core-contributors", 13, 36),
        schedule("investors", 13, 36),
        schedule("staking-rewards", 1, 96),
      ],
      grants: [
        grant(0, 40n * MILLION),
        grant(1, 360n * MILLION),
        grant(2, 50n * MILLION),
        ...parts.map((part, i) => grant(3, part * MILLION, 100 + i)),
        grant(4, 150n * MILLION),
        grant(5, 100n * MILLION),
        grant(6, 100n * MILLION),
      ],
    };
  }

  const expectedRows = (book: Book) =>
    unlockTable(book).unlocks.map(({ month, unix, amountWei, cumulativeWei }) => ({
      month,
      at: formatTime(unix),
      unix,
      saidWei: String(amountWei),
      cumulativeWei: String(cumulativeWei),
    }));

  it("tests its own hash and calendar", async () => {
    expect(await run("--self-test")).to.deep.equal({ code: 0, out: "all is right\n", err: "" });
  });

  describe("the file alone", () => {
    const book = published({ startMonth: 24315, day: 21 });
    const file = encodeBook(book);

    it("prints every unlock, the total and the hashes", async () => {
      const { code, out, err } = await run(await fileOf(file));
      expect({ code, err }).to.deep.equal({ code: 0, err: "" });
      const lines = out.split("\n");
      expect(lines[0]).to.equal(
        "2026-04-21T00:00:00Z (1776729600)  schedule says 90000000.000000000000000000 OPG; 90000000.000000000000000000 so far",
      );
      expect(lines[2]).to.equal(
        "2026-06-21T00:00:00Z (1782000000)  schedule says 9125000.000000000000000000 OPG; 108249999.999999999999999999 so far",
      );
      expect(lines[96]).to.match(/^2034-04-21T00:00:00Z \(\d+\) {2}schedule says 1041666\.6.* 900000000\.0+ so far$/);
      expect(lines[97]).to.equal("");
      expect(out).to.match(new RegExp(`\nbook +${bookHash(file)}, 897 bytes, 7 schedules, 7 grants\n`));
      expect(out).to.match(new RegExp(`\ntable +${tableHash(book)}, 97 months\n`));
      expect(out).to.match(/\ntotal +900000000\.0{18} OPG\nall is right\n$/);
    });

    it("gives the same in JSON", async () => {
      const { code, out } = await run(await fileOf(file), "--json");
      expect(code).to.equal(0);
      const unknown = { shownWei: null, differenceWei: null, block: null, latenessSeconds: null };
      expect(JSON.parse(out)).to.deep.equal({
        ok: true,
        bookHash: bookHash(file),
        bookHashMatches: null,
        tableHash: tableHash(book),
        totalWei: String(900n * MILLION),
        maxDifferenceWei: null,
        unlocks: expectedRows(book).map((row) => ({ ...row, ...unknown })),
        problems: [],
        notes: [],
      });
    });

    it("stops at the time that was asked for, it included", async () => {
      for (const [until, rows] of [
        ["2026-06-21T00:00:00Z", 3],
        ["2026-06-20T23:59:59Z", 2],
        ["2026-06-21T01:00:00+02:00", 2],
      ] as const) {
        const { out } = await run(await fileOf(file), "--json", "--until", until);
        expect(JSON.parse(out).unlocks, until).to.have.lengthOf(rows);
      }
    });

    it("counts months of every length, and leaves out those in which nothing unlocks", async () => {
      for (const day of [1, 28, 29, 30, 31]) {
        const terms = { category: "all", revocation: null };
        const few: Book = {
          anchor: { startMonth: 24_321, day },
          schedules: [
            { ...terms, firstTranche: 3, tranches: 255 },
            { ...terms, firstTranche: 700, tranches: 7 },
          ],
          grants: [
            { beneficiary: account(1), schedule: 0, totalWei: 200n },
            { beneficiary: account(2), schedule: 1, totalWei: 1n },
            { beneficiary: account(3), schedule: 1, totalWei: 2n ** 90n - 1n },
          ],
        };
        const { out } = await run(await fileOf(encodeBook(few)), "--json");
        const report = JSON.parse(out);
        expect(report.tableHash).to.equal(tableHash(few));
        const rows = expectedRows(few);
        expect(rows).to.have.lengthOf(207);
        expect(
          report.unlocks.map(({ at, cumulativeWei }: { [key: string]: string }) => [at, cumulativeWei]),
        ).to.deep.equal(rows.map(({ at, cumulativeWei }) => [at, cumulativeWei]));
      }
    });

    it("names the byte and the record that break the format", async () => {
      const joined = (...pieces: Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));
      const cases: [string, Uint8Array, string][] = [
        ["empty", new Uint8Array(), "byte 0 (the first byte): the file has 0 bytes"],
        ["too long", joined(file, new Uint8Array(24_577 - file.length)), "byte 0 (the first byte): the file has 24577"],
        ["half a word", file.slice(0, 20), "byte 20 "],
        ["no grants", file.slice(0, FIRST_GRANT), `byte ${FIRST_GRANT} (grant 0): the file ends before a grant`],
        ["a byte too few", file.slice(0, -1), "byte 865 (grant 6): 31 bytes instead of a word"],
        ["a byte too many", joined(file, new Uint8Array(1)), "byte 897 (grant 7): 1 bytes instead of a word"],
        ["an empty word", joined(file, new Uint8Array(32)), "byte 897 (grant 7): the beneficiary is zero"],
        ["first byte", changed(file, 0, 0xef), "byte 0 (the first byte): 0xef"],
        ["high bytes", changed(file, 3, 1), "byte 1 (schedule 0, word 0)"],
        ["startMonth", changed(changed(file, 24, 0), 25, 1), "byte 24 (schedule 0, word 0): startMonth 1 "],
        ["day 0", changed(file, 26, 0), "byte 26 (schedule 0, word 0): day 0"],
        ["day 32", changed(changed(file, 26, 32), 27, 1), "byte 26 (schedule 0, word 0): day 32"],
        ["clamped", changed(file, 27, 1), "byte 27 (schedule 0, word 0): clamped is 1"],
        ["not clamped", changed(file, 26, 29), "byte 27 (schedule 0, word 0): clamped is 0"],
        ["another day", changed(file, 26 + 96, 22), "byte 120 (schedule 1, word 0)"],
        ["no tranches", changed(file, 30 + 192, 0), "byte 222 (schedule 2, word 0): there are no tranches"],
        ["notice", changed(file, 31, 1), "byte 31 (schedule 0, word 0): noticeMonths"],
        ["more", changed(file, 32, 64), "byte 32 (schedule 0, word 0): 64 schedules follow"],
        ["less", changed(file, 32 + 96, 6), "byte 128 (schedule 1, word 0): more is 6"],
        ["revoker alone", changed(file, 23, 1), "byte 45 (schedule 0, word 1): revoker and"],
        ["remainderTo alone", changed(file, 64, 1), "byte 45 (schedule 0, word 1): revoker and"],
        ["beyond remainderTo", changed(file, 44, 1), "byte 33 (schedule 0, word 1): the bytes before"],
        ["no category", file.map((byte, i) => (i >= 65 && i < 97 ? 0 : byte)), "byte 65 (schedule 0, word 2): the cat"],
        ["a hole in a category", changed(file, 67, 0), "byte 67 (schedule 0, word 2): 0x00"],
        ["not ASCII", changed(file, 67, 0xe1), "byte 67 (schedule 0, word 2): 0xe1"],
        ["schedule 7 of 7", changed(file, FIRST_GRANT + 20, 7 << 2), "byte 693 (grant 0): schedule 7"],
        [
          "no amount",
          file.map((byte, i) => (i >= 725 && i < 737 ? 0 : byte)),
          "byte 725 (grant 1): the grant is of 0 wei",
        ],
      ];
      for (const [name, bytes, message] of cases) {
        const { code, err, out } = await run(await fileOf(bytes));
        expect({ code, out }, name).to.deep.equal({ code: 1, out: "" });
        expect(err, name).to.include(message);
      }
      const { code, out } = await run(await fileOf(new Uint8Array()), "--json");
      expect(code).to.equal(1);
      expect(JSON.parse(out).ok).to.equal(false);
    });

    it("says how it is used", async () => {
      const path = await fileOf(file);
      for (const args of [
        [],
        [path, "--rpc", "http://127.0.0.1:1"],
        [path, "--rpc", "file:///x", "--lens", account(1)],
      ]) {
        expect((await run(...args)).code).to.equal(2);
      }
      expect((await run("--help")).out).to.include("vesting_check.py BOOK");
      expect((await run(join(directory, "none.bin"))).code).to.equal(1);
    });
  });

  describe("a chain", () => {
    let local: LocalChain;
    let provider: JsonRpcProvider;
    let proxy: FaultProxy;
    let book: Book;
    let file: Uint8Array;
    let lens: string;
    let vault: IVestVault;
    let firstBlocks: number[];

    before(async () => {
      local = await startLocalChain();
      proxy = await startFaultProxy(local.rpcUrl);
      provider = new JsonRpcProvider(local.rpcUrl, undefined, { staticNetwork: true, cacheTimeout: -1 });
      await live();
    });
    afterEach(() => proxy.rule());
    after(async () => {
      provider?.destroy();
      await proxy?.close();
      await local?.stop();
    });

    /** Launches with the start in the month after the chain's, and goes through the first unlocks. */
    async function live() {
      const [deployer, revoker, heir] = (await Promise.all([0, 1, 2].map((i) => provider.getSigner(i)))) as [
        JsonRpcSigner,
        JsonRpcSigner,
        JsonRpcSigner,
      ];
      const now = new Date(((await provider.getBlock("latest"))?.timestamp ?? 0) * 1000);
      const anchor = { startMonth: now.getUTCFullYear() * 12 + now.getUTCMonth() + 1, day: 21 };
      const revocation = { revoker: revoker.address, remainderTo: account(999), noticeMonths: 1 };
      book = published(anchor, revocation, [17n, 31n, 52n]);
      book.grants[5]!.beneficiary = deployer.address;
      file = encodeBook(book);

      const launch = await new TokenLaunch__factory(deployer).deploy();
      const liquid = [
        { to: account(1), amountWei: 60n * MILLION },
        { to: account(2), amountWei: 40n * MILLION },
      ];
      await (await launch.launch(file, 900n * MILLION, liquid)).wait();
      vault = IVestVault__factory.connect(await launch.vault(), deployer);
      const deployed = await new ScheduleLens__factory(deployer).deploy(await vault.getAddress());
      lens = await deployed.getAddress();

      const at = (timestamp: number) => provider.send("evm_setNextBlockTimestamp", [timestamp]);
      firstBlocks = [];
      for (const [month, late] of LATE.entries()) {
        const unix = anniversary(anchor, month);
        if (month % 3 === 1) {
          await at(unix - 1);
          await provider.send("evm_mine", []);
        }
        await at(unix + late);
        // Some of the grants, in another choice each month.
        const ids = book.grants.flatMap((_, id) => ((id + month) % 3 === 0 ? [] : [id]));
        const receipt = await (await vault.claimMany(ids)).wait();
        firstBlocks.push(receipt?.blockNumber ?? -1);
        if (month === 2) await (await vault.connect(revoker).revoke(4, 4, encodeBytes32String("left"))).wait();
        if (month === 3) {
          await (await vault.offerHandover(5, heir.address)).wait();
          await (await vault.connect(heir).acceptHandover(5)).wait();
        }
      }
      await provider.send("hardhat_mine", ["0x5", "0xe10"]);
    }

    const check = async (bytes = file, url = local.rpcUrl, ...args: string[]) =>
      run(await fileOf(bytes), "--rpc", url, "--lens", lens, ...args);

    type Request = { method: string; params: [{ data?: string; topics?: string[] }, string] };
    type Answer = { result?: unknown; error?: { code: number; message: string } };
    /** Runs the check on answers of the chain that `change` may change. */
    async function tampered(change: (request: Request, answer: Answer) => Answer | undefined): Promise<Output> {
      proxy.rule(async (exchange) => {
        const request = JSON.parse(exchange.body.toString()) as Request;
        const answer = (await (await exchange.ask()).json()) as Answer;
        exchange.answer(200, JSON.stringify(change(request, answer) ?? answer));
      });
      return check(file, proxy.url);
    }

    it("is right: the rows are those of the file, to the wei and the second", async () => {
      const json = await check(file, local.rpcUrl, "--json");
      expect({ code: json.code, err: json.err }).to.deep.equal({ code: 0, err: "" });
      const { unlocks, head, ...report } = JSON.parse(json.out);
      const rows = expectedRows(book)
        .slice(0, LATE.length)
        .map((row, i) => ({
          ...row,
          shownWei: row.saidWei,
          differenceWei: "0",
          block: firstBlocks[i],
          latenessSeconds: LATE[i],
        }));
      expect(unlocks).to.deep.equal(rows);
      expect(head.block).to.be.greaterThan(firstBlocks[LATE.length - 1]!);
      const paid = await Promise.all(book.grants.map(async (_, id) => (await vault.states(id)).paidWei));
      const paidWei = paid.reduce((sum, wei) => sum + wei, 0n);
      expect(paidWei > 90n * MILLION).to.equal(true);
      expect(report).to.deep.include({
        ok: true,
        bookHash: bookHash(file),
        bookHashMatches: true,
        tableHash: tableHash(book),
        tableHashMatches: true,
        totalWei: String(900n * MILLION),
        maxDifferenceWei: "0",
        maxLatenessSeconds: 3600,
        paidWei: String(paidWei),
        sentWei: String(paidWei),
        claimedWei: String(paidWei),
        balanceWei: String(900n * MILLION - paidWei),
        problems: [],
        notes: [],
      });

      const text = await check();
      expect({ code: text.code, err: text.err }).to.deep.equal({ code: 0, err: "" });
      const lines = text.out.split("\n");
      const { at, unix } = rows[2]!;
      expect(lines[2]).to.equal(
        `${at} (${unix})  schedule said 9125000.000000000000000000 OPG; chain shows 9125000.000000000000000000; difference 0 wei; first block +2 s`,
      );
      expect(lines[3]).to.match(/; difference 0 wei; first block \+0 s$/);
      expect(text.out).to.match(
        /\nchain +8 of 97 unlocks compared; greatest difference 0 wei; latest first block \+3600 s\n/,
      );
    });

    it("has a row without a block for an unlock that has not come", async () => {
      const next = expectedRows(book)[LATE.length]!;
      const json = await check(file, local.rpcUrl, "--json", "--until", next.at);
      expect({ code: json.code, err: json.err }).to.deep.equal({ code: 0, err: "" });
      const { unlocks, maxLatenessSeconds } = JSON.parse(json.out);
      expect(unlocks).to.have.lengthOf(LATE.length + 1);
      const unknown = { block: null, latenessSeconds: null };
      expect(unlocks[LATE.length]).to.deep.equal({ ...next, shownWei: next.saidWei, differenceWei: "0", ...unknown });
      expect(maxLatenessSeconds).to.equal(3600);
      const text = await check(file, local.rpcUrl, "--until", next.at);
      expect(text.out).to.match(/; difference 0 wei; no block yet\n/);
    });

    it("asks for fewer blocks of logs when the RPC refuses many", async () => {
      const spans: number[] = [];
      const { code, out } = await tampered(({ method, params: [query] }) => {
        if (method !== "eth_getLogs") return undefined;
        const { fromBlock, toBlock } = query as { fromBlock: string; toBlock: string };
        const span = Number(toBlock) - Number(fromBlock) + 1;
        spans.push(span);
        return span > 3 ? { error: { code: -32005, message: "query returned more than 10000 results" } } : undefined;
      });
      expect(code, out).to.equal(0);
      expect(Math.max(...spans)).to.be.greaterThan(10);
      expect(spans.filter((span) => span <= 3)).to.have.length.greaterThan(8);
    });

    it("names the first byte of the file that the chain does not have, and its record", async () => {
      const grant = (id: number) => FIRST_GRANT + 32 * id;
      // Bytes whose change keeps the format; the others are refused before a chain is asked, see above.
      const regions: [string, number, string][] = [
        ["revoker", 1 + 288 + 22, "schedule 3, word 0"],
        ["firstTranche", 1 + 96 + 28, "schedule 1, word 0"],
        ["tranches", 1 + 96 + 29, "schedule 1, word 0"],
        ["noticeMonths", 1 + 288 + 30, "schedule 3, word 0"],
        ["remainderTo", 1 + 288 + 63, "schedule 3, word 1"],
        ["category", 1 + 576 + 64, "schedule 6, word 2"],
        ["beneficiary", grant(0) + 19, "grant 0"],
        ["schedule", grant(1) + 20, "grant 1"],
        ["totalWei, above", grant(5) + 21, "grant 5"],
        ["last byte", file.length - 1, "grant 8"],
      ];
      for (const [name, at, record] of regions) {
        const { code, out, err } = await check(changed(file, at, file[at]! ^ (name === "schedule" ? 8 : 1)));
        expect(code, name).to.equal(1);
        expect(err, name).to.match(new RegExp(`differs from the file, first at byte ${at} \\(${record}\\)\n`));
        expect(out, name).to.match(/\nNOT RIGHT\n$/);
      }
    });

    it("refuses a file with another byte, wherever it is", async () => {
      for (let at = 0; at < file.length; at += 211) {
        const { code, err } = await check(changed(file, at, file[at]! ^ 0x40), local.rpcUrl, "--until", "2000-01-01");
        expect(code, `byte ${at}`).to.equal(1);
        expect(err, `byte ${at}`).to.match(/byte \d+ \((the first byte|schedule \d+, word \d|grant \d+)\)/);
      }
    });

    it("names a grant with a wei more, and every other figure that is not the chain's", async () => {
      const more = structuredClone(book);
      more.grants[6]!.totalWei += 1n;
      const json = await check(encodeBook(more), local.rpcUrl, "--json");
      expect(json.code).to.equal(1);
      expect(json.err).to.match(/differs from the file, first at byte 896 \(grant 6\)\n/);
      expect(json.err).to.include(`totalWei of the vault is ${900n * MILLION}, not ${900n * MILLION + 1n}\n`);
      const { ok, bookHashMatches, tableHashMatches, problems } = JSON.parse(json.out);
      expect({ ok, bookHashMatches, tableHashMatches }).to.deep.equal({
        ok: false,
        bookHashMatches: false,
        tableHashMatches: false,
      });
      expect(problems.join("\n")).to.equal(json.err.trim());

      more.grants[6]!.totalWei -= 1n;
      more.grants[0]!.totalWei += 1n;
      const { code, out, err } = await check(encodeBook(more));
      expect(code).to.equal(1);
      expect(out).to.match(/^\S+ \(\d+\) {2}schedule said 90000000\.0{17}1 OPG; chain shows 90000000\.0{18};/);
      expect(err).to.match(/\(grant 0\)\n/);
      expect(err.match(/: the chain differs by [12] wei around block/g)).to.have.lengthOf(LATE.length);

      const fewer = { ...book, grants: book.grants.slice(0, -1) };
      expect((await check(encodeBook(fewer))).err).to.match(/first at byte 929 \(grant 8\); the code has 961 bytes/);
    });

    it("says what the chain shows otherwise", async () => {
      const selector = (name: string) =>
        ScheduleLens__factory.createInterface().getFunction(name as "unlockedAt").selector;
      const plus = (amount: bigint, { result }: Answer, word = 0): Answer => {
        const words = (result as string).slice(2).match(/.{64}/g) ?? [];
        words[word] = (BigInt(`0x${words[word]}`) + amount).toString(16).padStart(64, "0");
        return { result: `0x${words.join("")}` };
      };
      const balanceOf = OPG__factory.createInterface().getFunction("balanceOf").selector;
      const calls = (request: Request, data: string) =>
        request.method === "eth_call" && request.params[0].data?.startsWith(data) === true;
      const transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
      const before = toBeHex(firstBlocks[4]! - 1);
      const unlock = expectedRows(book)[4]!;
      const states = IVestVault__factory.createInterface().getFunction("states").selector;
      const cases: [string, (request: Request, answer: Answer) => Answer | undefined, RegExp][] = [
        [
          "code",
          ({ method }, { result }) =>
            method === "eth_getCode" && (result as string).length === 2 + 2 * file.length
              ? { result: `${(result as string).slice(0, -1)}f` }
              : undefined,
          /first at byte 960 \(grant 8\)/,
        ],
        [
          "amount of a day",
          (request, answer) =>
            calls(request, selector("unlockedAt") + toBeHex(unlock.unix, 32).slice(2)) ? plus(1n, answer) : undefined,
          new RegExp(`^${unlock.at}: the chain differs by 1 wei around block ${firstBlocks[4]}\n$`),
        ],
        [
          "amount in the block before",
          (request, answer) =>
            calls(request, selector("unlockedNow")) && BigInt(request.params[1]) === BigInt(before)
              ? plus(1n, answer, 1)
              : undefined,
          new RegExp(`^${unlock.at}: the chain differs by 1 wei around block ${firstBlocks[4]}\n$`),
        ],
        [
          "clock of a block",
          (request, answer) =>
            calls(request, selector("unlockedNow")) && BigInt(request.params[1]) === BigInt(before)
              ? plus(1n, answer, 0)
              : undefined,
          new RegExp(`^${unlock.at}: the timestamp that the lens sees at block ${Number(before)} is \\d+, not \\d+\n$`),
        ],
        [
          "table",
          (request, answer) => (calls(request, selector("tableHash")) ? plus(1n, answer) : undefined),
          /^tableHash of the lens is 0x/,
        ],
        [
          "payment",
          (request, answer) => (calls(request, `${states}${toBeHex(3, 32).slice(2)}`) ? plus(-1n, answer) : undefined),
          /^grant 3: wei paid by its state is \d+, not \d+\nwei sent by Transfer events is .*\nwei paid by Claimed events is/,
        ],
        [
          "paid too early",
          (request, answer) => (calls(request, `${states}${toBeHex(6, 32).slice(2)}`) ? plus(1n, answer) : undefined),
          /^grant 6 was paid 1 wei, above what is vested\n/,
        ],
        [
          "transfer",
          ({ method, params }, { result }) =>
            method === "eth_getLogs" && params[0].topics?.[0] === transfer
              ? { result: (result as unknown[]).slice(1) }
              : undefined,
          /^wei sent by Transfer events is \d+, not \d+\n$/,
        ],
        [
          "claim",
          ({ method, params }, { result }) =>
            method === "eth_getLogs" && params[0].topics?.[0] !== transfer
              ? { result: (result as unknown[]).slice(1) }
              : undefined,
          /^grant \d: wei paid by its state is \d+, not 0\nwei paid by Claimed events is/,
        ],
        [
          "balance",
          (request, answer) => (calls(request, balanceOf) ? plus(-1n, answer) : undefined),
          /^the vault holds \d+ wei and owes \d+\n$/,
        ],
      ];
      for (const [name, change, message] of cases) {
        const { code, err } = await tampered(change);
        expect(code, `${name}: ${err}`).to.equal(1);
        expect(err, name).to.match(message);
      }
      const { code, err } = await run(await fileOf(file), "--rpc", local.rpcUrl, "--lens", account(1));
      expect({ code, err }).to.deep.equal({
        code: 1,
        err: `vault() of ${account(1)} gives nothing at block ${await provider.getBlockNumber()}: another contract?\n`,
      });
    });

    it("says nothing when the RPC says nothing", async () => {
      const dead = await check(file, `http://127.0.0.1:${await freePort()}`);
      expect(dead.code).to.equal(75);
      expect(dead.err).to.match(/^the RPC does not answer eth_blockNumber\[\]: .*refused/);

      const none = await tampered(({ method, params }) =>
        method === "eth_getBlockByNumber" && Number(params[0]) === firstBlocks[2] ? { result: null } : undefined,
      );
      expect(none.code).to.equal(75);
      expect(none.err).to.match(/^the RPC does not answer eth_getBlockByNumber\["0x[0-9a-f]+", false\]: null\n$/);

      const head = await provider.getBlockNumber();
      const pruned = await tampered(({ method, params }) =>
        method === "eth_call" && Number(params[1]) < head
          ? { error: { code: -32000, message: "missing trie node" } }
          : undefined,
      );
      expect(pruned.code).to.equal(75);
      expect(pruned.err).to.match(
        /unlockedNow\(\) at block \d+ \(does it keep historical state\?\): missing trie node/,
      );
    });

    it("says nothing when the chain was reorganised meanwhile, whatever else it found", async () => {
      const head = await provider.getBlockNumber();
      let reads = 0;
      const { code, err, out } = await tampered(({ method, params }, { result }) => {
        if (method === "eth_getLogs") return { result: [] };
        if (method !== "eth_getBlockByNumber" || Number(params[0]) !== head || reads++ === 0) return undefined;
        return { result: { ...(result as object), hash: `0x${"77".repeat(32)}` } };
      });
      expect({ code, err, out }).to.deep.equal({ code: 75, err: "the chain was reorganised, run again\n", out: "" });
    });
  });
});
