import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { concat, encodeBytes32String, getAddress, getCreateAddress } from "ethers";
import { network } from "hardhat";
import { scanFile } from "../../../src/cli/vesting/scanFile.ts";
import { InputError, UnavailableError } from "../../../src/core/errors.ts";
import { type Book, bookHash, encodeBook } from "../../../src/vesting/book.ts";
import { anniversary, formatTime } from "../../../src/vesting/calendar.ts";
import { type Compiled, readCompiled } from "../../../src/vesting/compiled.ts";
import type { ScanState } from "../../../src/vesting/outflow.ts";
import { makeReport, type Report, type ReportOptions } from "../../../src/vesting/report.ts";
import { blockAt, type Rpc } from "../../../src/vesting/rpc.ts";
import { tableHash, unlockTable } from "../../../src/vesting/table.ts";
import { openVault, vaultAbi } from "../../../src/vesting/vault.ts";
import { failure } from "../../helpers/failure.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { account, type Launched, launchBook, sampleBook, totalOf } from "../../helpers/launch.ts";
import { planted, prematureLaunch, slotOf } from "../../helpers/planted.ts";

/*
makeReport
├── given a vault that lived through five unlocks, with claims, a revocation and a handover
│  ├── it should be ok, and every field what happened
│  └── when later unlocks are left out: only those rows
├── given no unlock has come: ok, no rows
├── given the first block after an unlock is late, or after several: its lateness, no difference
├── given the vault was launched, or the lens deployed, after some unlocks: no difference
├── given the vault has more than it owes, or other tokens: ok
├── when the published file is another
│  ├── in any region: not ok; the problem names the byte and the record
│  └── by one wei of one grant: not ok; the difference is a wei, the grant is named
├── when the deployer cheats, it is not ok
│  ├── a vault that is not sealed and has too little
│  ├── a proxy in the vault's place
│  ├── a token that can be minted
│  ├── a lens that shows a wei more, or is of another vault
│  └── the right code with a state of its own, also under a TokenLaunch that is not the one that made it
└── when the endpoint is not honest or not able
   ├── it has no such block, no old state, nothing to say: UnavailableError
   ├── the chain is reorganised meanwhile: UnavailableError
   ├── it bounds the range of logs: the same report
   └── it hides events: not ok
a scan of events
├── it should ask for later blocks only, and give the same
├── it should not use what is later than the head
├── given a reorganisation across an unlock: the rows are the new chain's, and the earlier scan is thrown away
└── given a torn or alien file: it is ignored
*/
const LATE = [0, 3, 0, 3600, 1];
const DAY = 86_400;
const NOT_LAUNCHED = "Token and vault were not made by a TokenLaunch of this source";

type Connection = Awaited<ReturnType<typeof network.create<"generic">>>;
type Signer = Awaited<ReturnType<Connection["ethers"]["getSigners"]>>[number];
type Lived = Launched & { book: Book; blocks: number[] };

describe("makeReport", () => {
  let connection: Connection;
  let rpc: Rpc;
  let load: Load;
  let book: Book;
  let compiled: Compiled;

  before(async () => {
    compiled = await readCompiled();
    const start = anniversary(sampleBook().anchor, 0) - DAY;
    connection = await network.create({
      override: { initialDate: new Date(start * 1000), allowBlocksWithSameTimestamp: false },
    });
    const signers = await connection.ethers.getSigners();
    book = sampleBook(signers[1]?.address);
    (book.grants[9] as Book["grants"][number]).beneficiary = signers[2]?.address ?? "";
    rpc = (method, params) => connection.provider.request({ method, params });
    load = await fixturesOn(connection);
  });
  after(() => connection?.close());

  const unixOf = (month: number) => anniversary(book.anchor, month);
  const mineAt = async (unix: number) => {
    await connection.networkHelpers.time.setNextBlockTimestamp(unix);
    await connection.networkHelpers.mine();
  };

  async function launched(): Promise<Launched> {
    return launchBook(connection.ethers, book);
  }

  async function lived(): Promise<Lived> {
    const all = await launched();
    const { vault } = all;
    const [, revoker, from, to] = (await connection.ethers.getSigners()) as Signer[];
    const blocks: number[] = [];
    for (const [month, late] of LATE.entries()) {
      if (month % 2) await mineAt(unixOf(month) - 1);
      await connection.networkHelpers.time.setNextBlockTimestamp(unixOf(month) + late);
      const ids = book.grants.flatMap((_, id) => ((id + month) % 3 === 0 ? [] : [id]));
      const receipt = await (await vault.claimMany(ids)).wait();
      blocks.push(receipt?.blockNumber ?? -1);
      if (month === 2) await vault.connect(revoker).revoke(3, 2, encodeBytes32String("left"));
      if (month === 3) {
        await vault.connect(from).offerHandover(9, to?.address ?? "");
        await vault.connect(to).acceptHandover(9);
      }
    }
    return { ...all, book, blocks };
  }

  async function report(
    { lens, file }: Pick<Launched, "file"> & { lens: { target: unknown } },
    options: Partial<ReportOptions> = {},
    through: Rpc = rpc,
  ): Promise<Report> {
    return makeReport(await openVault(through, String(lens.target)), { published: file, compiled, ...options });
  }

  /** A contract of any creation code. */
  async function create(initcode: string): Promise<string> {
    const [sender] = await connection.ethers.getSigners();
    const receipt = await (await sender?.sendTransaction({ data: initcode }))?.wait();
    return getAddress(receipt?.contractAddress ?? "");
  }

  const codeOf = (address: unknown) => connection.ethers.provider.getCode(String(address));
  const without = (code: string, from: unknown, to: string) =>
    code.replaceAll(String(from).slice(2).toLowerCase(), to.slice(2).toLowerCase());

  describe("of a vault that lived", () => {
    it("is ok, and every field is what happened", async () => {
      const { file, vault, token, lens, launch, blocks } = await load(lived);
      const head = await blockAt(rpc, "latest");
      const { claims, ...result } = await report({ lens, file });
      const balanceWei = await token.balanceOf(vault.target);
      const paidWei = totalOf(book) - balanceWei;
      expect(result).to.deep.equal({
        ok: true,
        problems: [],
        bookHash: bookHash(file),
        bookHashMatches: true,
        tableHash: tableHash(book),
        tableHashMatches: true,
        vaultCodeMatches: true,
        lensCodeMatches: true,
        tokenCodeMatches: true,
        launch: launch.target,
        maxDifferenceWei: 0n,
        chainId: 31337,
        lens: lens.target,
        vault: vault.target,
        token: token.target,
        book: await vault.book(),
        head,
        sealed: true,
        balanceWei,
        owedWei: balanceWei,
        paid: { slotsWei: paidWei, eventsWei: paidWei, transfersWei: paidWei },
        unlocks: unlockTable(book)
          .unlocks.slice(0, LATE.length)
          .map(({ month, unix, amountWei, cumulativeWei }) => ({
            month,
            at: formatTime(unix),
            unix,
            saidWei: amountWei,
            shownWei: amountWei,
            cumulativeWei,
            differenceWei: 0n,
            block: blocks[month],
            latenessSeconds: LATE[month],
          })),
      });
      expect(paidWei > 0n).to.equal(true);
      expect(claims.reduce((sum, { amountWei }) => sum + amountWei, 0n)).to.equal(paidWei);
      const [first] = claims;
      const block = await blockAt(rpc, first?.block ?? 0);
      expect(first).to.include({ grant: 4, to: getAddress(account(4)), block: blocks[0], unix: block.unix });
      const heir = (await connection.ethers.getSigners())[3]?.address;
      expect(claims.map(({ to }) => to)).to.include.members([heir, getAddress(account(901))]);
    });

    it("leaves unlocks after `until` out", async () => {
      const all = await load(lived);
      for (const [until, rows] of [
        [unixOf(2), 3],
        [unixOf(2) - 1, 2],
        [unixOf(0) - 1, 0],
      ] as const) {
        const { ok, unlocks, maxDifferenceWei } = await report(all, { until });
        expect([ok, unlocks.length, maxDifferenceWei]).to.deep.equal([true, rows, 0n]);
      }
    });

    it("is ok to the last wei, with three unlocks passed before a block came", async () => {
      const all = await load(lived);
      await connection.networkHelpers.time.setNextBlockTimestamp(unixOf(7) + 5);
      await all.vault.claimMany(book.grants.map((_, id) => id));
      const { ok, problems, claims, balanceWei, owedWei, unlocks } = await report(all);
      expect([ok, problems, balanceWei, owedWei]).to.deep.equal([true, [], 0n, 0n]);
      expect(claims.reduce((sum, { amountWei }) => sum + amountWei, 0n)).to.equal(totalOf(book));
      expect(unlocks.slice(5).map(({ latenessSeconds }) => latenessSeconds)).to.deep.equal([
        unixOf(7) + 5 - unixOf(5),
        unixOf(7) + 5 - unixOf(6),
        5,
      ]);
      expect(new Set(unlocks.slice(5).map(({ block }) => block)).size).to.equal(1);
    });
  });

  it("is ok before month 0, with no rows", async () => {
    const { ok, problems, unlocks, claims, maxDifferenceWei, tableHashMatches } = await report(await load(launched));
    expect({ ok, problems, unlocks, claims, maxDifferenceWei, tableHashMatches }).to.deep.equal({
      ok: true,
      problems: [],
      unlocks: [],
      claims: [],
      maxDifferenceWei: 0n,
      tableHashMatches: true,
    });
  });

  it("is ok for a vault that was launched after some unlocks, and a lens that came later still", async () => {
    const { lens, file, vault } = await load(async () => {
      await mineAt(unixOf(2) + 77);
      const all = await launched();
      await mineAt(unixOf(3) + 1);
      return all;
    });
    const early = await report({ lens, file });
    expect([early.ok, early.problems]).to.deep.equal([true, []]);
    expect(early.unlocks.map(({ latenessSeconds }) => latenessSeconds)).to.deep.equal([
      unixOf(2) + 77 - unixOf(0),
      unixOf(2) + 77 - unixOf(1),
      77,
      1,
    ]);
    const late = await connection.ethers.deployContract("ScheduleLens", [vault.target]);
    const { ok, unlocks } = await report({ lens: late, file });
    expect([ok, unlocks]).to.deep.equal([true, early.unlocks]);
  });

  it("is ok when the vault has more than it owes, and other tokens", async () => {
    const all = await load(lived);
    await all.token.transfer(all.vault.target, 5n);
    const foreign = await connection.ethers.deployContract("HostileToken");
    await foreign.mint(all.vault.target, 10n ** 30n);
    const { ok, balanceWei, owedWei } = await report(all);
    expect([ok, balanceWei - owedWei]).to.deep.equal([true, 5n]);
  });

  describe("is not ok when the published file is another:", () => {
    const SCHEDULE = 1 + 96 * 3;
    const FIRST_GRANT = 1 + 96 * 4;
    for (const [region, at, flip, record] of [
      ["revoker", SCHEDULE + 22, 1, "schedule 3"],
      ["firstTranche", 1 + 96 + 28, 2, "schedule 1"],
      ["tranches", 1 + 96 + 29, 1, "schedule 1"],
      ["noticeMonths", SCHEDULE + 30, 2, "schedule 3"],
      ["remainderTo", SCHEDULE + 63, 1, "schedule 3"],
      ["category", 1 + 64, 1, "schedule 0"],
      ["beneficiary", FIRST_GRANT + 19, 1, 'grant 0 "grant-0"'],
      ["schedule", FIRST_GRANT + 32 + 20, 8, 'grant 1 "grant-1"'],
      ["totalWei", FIRST_GRANT + 5 * 32 + 21, 1, 'grant 5 "grant-5"'],
      ["the last byte", FIRST_GRANT + 10 * 32 - 1, 1, 'grant 9 "grant-9"'],
    ] as [string, number, number, string][]) {
      it(region, async () => {
        const all = await load(lived);
        const published = all.file.with(at, (all.file[at] as number) ^ flip);
        const names = book.grants.map((_, id) => `grant-${id}`);
        const { ok, bookHashMatches, problems, bookHash: hash } = await report(all, { published, names });
        expect({ ok, bookHashMatches, hash }).to.deep.equal({
          ok: false,
          bookHashMatches: false,
          hash: bookHash(published),
        });
        expect(problems[0]).to.match(
          new RegExp(
            `^The book on chain is not the published file: byte ${at} of ${published.length} \\(${record}[,)]`,
          ),
        );
      });
    }

    it("by one wei of one grant", async () => {
      const all = await load(lived);
      const grants = book.grants.map((grant, id) => (id === 0 ? { ...grant, totalWei: grant.totalWei + 1n } : grant));
      const result = await report(all, { published: encodeBook({ ...book, grants }) });
      expect(result).to.include({ ok: false, bookHashMatches: false, tableHashMatches: false, maxDifferenceWei: 1n });
      const was = book.grants[0]?.totalWei ?? 0n;
      expect(result.problems[0]).to.include(`(grant 0, totalWei: the file says ${was + 1n}, the chain ${was})`);
      expect(result.problems).to.include(`totalWei of the vault is ${totalOf(book)}, not ${totalOf(book) + 1n}`);
      expect(result.unlocks.every(({ differenceWei }) => differenceWei === 1n)).to.equal(true);
    });

    it("a file that is none is refused", async () => {
      const all = await load(lived);
      const error = await failure(() => report(all, { published: all.file.slice(0, -1) }));
      expect(error).to.be.instanceOf(InputError).with.property("code", "bad_book");
    });
  });

  describe("is not ok when the deployer cheats:", () => {
    const plainVault = (name: "OPG" | "MintableOpg") => async () => {
      const { ethers } = connection;
      const [deployer] = await ethers.getSigners();
      const file = encodeBook(book);
      const opg = await ethers.deployContract(name, [[{ to: deployer?.address ?? "", amountWei: 10n ** 27n }]]);
      const token = await ethers.getContractAt("MintableOpg", String(opg.target));
      const vault = await ethers.deployContract("VestVault", [token.target, file, totalOf(book)]);
      const lens = await ethers.deployContract("ScheduleLens", [vault.target]);
      return { file, token, vault, lens };
    };

    it("a vault that is not sealed and has too little", async () => {
      const all = await load(plainVault("OPG"));
      await mineAt(unixOf(0));
      const { ok, sealed, problems } = await report(all);
      expect([ok, sealed]).to.deep.equal([false, false]);
      expect(problems).to.have.members([
        NOT_LAUNCHED,
        "The vault is not sealed: nothing can be claimed",
        `The vault has 0 wei and owes ${totalOf(book)}`,
        `In block ${await connection.ethers.provider.getBlockNumber()} the vault lacks ${totalOf(book)} wei of what it owes`,
        `In block ${(await connection.ethers.provider.getBlockNumber()) - 1} the vault lacks ${totalOf(book)} wei of what it owes`,
      ]);
    });

    it("a token that can be minted", async () => {
      const { token, vault, ...rest } = await load(plainVault("MintableOpg"));
      await token.transfer(vault.target, totalOf(book));
      await vault.seal();
      expect(await report(rest)).to.deep.include({ ok: false, tokenCodeMatches: false });
      await token.mint(account(1), 1n);
      const { problems } = await report(rest);
      expect(problems).to.have.members([
        `The token at ${token.target} is not the contract of this source`,
        `totalSupply of the token is ${10n ** 27n + 1n}, not ${10n ** 27n}`,
        NOT_LAUNCHED,
      ]);
    });

    it("a proxy in the vault's place", async () => {
      const { vault, token, file } = await load(launched);
      const logic = String(vault.target);
      const proxy = await create(
        planted(concat(["0x363d3d373d3d3d363d73", logic, "0x5af43d82803e903d91602b57fd5bf3"]), [[0n, 1n]]),
      );
      await token.transfer(proxy, 1n);
      const lens = await connection.ethers.deployContract("ScheduleLens", [proxy]);
      const result = await report({ lens, file });
      expect(result).to.deep.include({ ok: false, vaultCodeMatches: false, launch: null, sealed: true });
      expect(result.problems).to.include(`The vault at ${proxy} is not the contract of this source`);
    });

    it("a lens that shows a wei more", async () => {
      const { lens: real, vault, file } = await load(lived);
      const lens = await connection.ethers.deployContract("LyingLens", [real.target, vault.target, 1n]);
      const result = await report({ lens, file });
      expect(result).to.deep.include({
        ok: false,
        lensCodeMatches: false,
        maxDifferenceWei: 1n,
        bookHashMatches: true,
      });
      expect(result.problems[0]).to.equal(`The lens at ${lens.target} is not the contract of this source`);
      expect(result.problems).to.have.lengthOf(1 + 3 * LATE.length);
    });

    it("a lens that is of another vault", async () => {
      const { lens: real, vault } = await load(launched);
      const grants = book.grants.map((grant) => ({ ...grant, totalWei: grant.totalWei - 1n }));
      const other = await launchBook(connection.ethers, { ...book, grants });
      const lens = await connection.ethers.deployContract("LyingLens", [real.target, other.vault.target, 0n]);
      const result = await report({ lens, file: other.file });
      expect(result).to.deep.include({ ok: false, lensCodeMatches: false, tableHashMatches: false });
      expect(result.problems).to.include(`book of the lens is ${await vault.book()}, not ${await other.vault.book()}`);
    });

    it("the right code with another state: grants handed over, balances beyond the supply", async () => {
      const { vault, token, file } = await load(launched);
      const thief = account(666);
      const [deployer] = await connection.ethers.getSigners();
      const nonce = (await deployer?.getNonce()) ?? 0;
      const [falseToken, falseVault] = [nonce, nonce + 1].map((at) =>
        getCreateAddress({ from: deployer?.address ?? "", nonce: at }),
      ) as [string, string];
      await create(await richToken(token.target, falseVault));
      await create(await handedOverVault(vault.target, token.target, falseToken, thief));
      const lens = await connection.ethers.deployContract("ScheduleLens", [falseVault]);
      const result = await report({ lens, file });
      expect(result).to.deep.include({ ok: false, vaultCodeMatches: true, tokenCodeMatches: true, launch: null });
      expect(result.problems).to.deep.equal([NOT_LAUNCHED]);

      // It would have worked: a claim pays the thief.
      await mineAt(unixOf(0));
      const stolen = await connection.ethers.getContractAt("VestVault", falseVault);
      const opg = await connection.ethers.getContractAt("OPG", falseToken);
      await stolen.claim(0);
      expect(await opg.balanceOf(thief)).to.equal(10n ** 27n + (book.grants[0]?.totalWei ?? 0n));
    });

    it("the same under the code of a TokenLaunch that made nothing of it", async () => {
      const { vault, token, launch, file } = await load(launched);
      const [deployer] = await connection.ethers.getSigners();
      const from = getCreateAddress({ from: deployer?.address ?? "", nonce: (await deployer?.getNonce()) ?? 0 });
      const [falseToken, falseVault] = [1, 2].map((nonce) => getCreateAddress({ from, nonce })) as [string, string];
      const initcode = prematureLaunch(
        from,
        await codeOf(launch.target),
        await richToken(token.target, falseVault),
        await handedOverVault(vault.target, token.target, falseToken, account(666)),
      );
      expect(await create(initcode)).to.equal(from);
      const lens = await connection.ethers.deployContract("ScheduleLens", [falseVault]);
      const result = await report({ lens, file });
      expect(result).to.deep.include({ ok: false, vaultCodeMatches: true, tokenCodeMatches: true, launch: null });
      expect(result).to.deep.include({ vault: falseVault, token: falseToken, problems: [NOT_LAUNCHED] });
    });

    /** OPG's code; the supply is right, the balances are more. */
    async function richToken(token: unknown, vault: string): Promise<string> {
      return planted(await codeOf(token), [
        [slotOf(vault, 0), totalOf(book)],
        [slotOf(account(666), 0), 10n ** 27n],
        [2n, 10n ** 27n],
      ]);
    }

    /** The vault's code; grant 0 was handed over before anything else. */
    async function handedOverVault(vault: unknown, token: unknown, falseToken: string, thief: string): Promise<string> {
      return planted(without(await codeOf(vault), token, falseToken), [
        [0n, 1n],
        [slotOf(0n, 1), 1n << 112n],
        [slotOf(0n, 2), BigInt(thief)],
      ]);
    }
  });

  it("refuses an address that is no lens", async () => {
    const { file, token } = await load(launched);
    for (const [target, code] of [
      [account(5), "no_code"],
      [token.target, "reverted"],
    ] as const) {
      expect(await failure(() => report({ lens: { target }, file }))).to.include({ code, retryable: false });
    }
  });

  describe("when the endpoint", () => {
    /** Runs on answers that `change` may change; it returns undefined for what passes. */
    const through =
      (change: (method: string, params: unknown[]) => unknown): Rpc =>
      async (method, params) => {
        const changed = await change(method, params);
        return changed === undefined ? rpc(method, params) : changed;
      };
    const refuse = (message: string) => () => {
      throw new Error(message);
    };
    const isOld = (method: string, params: unknown[], head: string) =>
      method === "eth_call" && (params[1] as { blockHash: string }).blockHash !== head;

    it("has no such block: rpc_behind", async () => {
      const all = await load(lived);
      const error = await failure(() =>
        report(
          all,
          {},
          through((method, [number]) =>
            method === "eth_getBlockByNumber" && Number(number) === all.blocks[1] ? null : undefined,
          ),
        ),
      );
      expect(error).to.be.instanceOf(UnavailableError);
      expect(error).to.deep.include({ code: "rpc_behind", retryable: true, facts: { block: all.blocks[1] } });
    });

    for (const words of ["missing trie node 01ab (path )", "state at block #5 is pruned", "archive node required"]) {
      it(`has no old state ("${words}"): rpc_pruned`, async () => {
        const all = await load(lived);
        const { hash } = await blockAt(rpc, "latest");
        const change = (method: string, params: unknown[]) =>
          isOld(method, params, hash) ? refuse(words)() : undefined;
        expect(await failure(() => report(all, {}, through(change)))).to.include({
          code: "rpc_pruned",
          retryable: true,
        });
      });
    }

    for (const method of ["eth_getLogs", "eth_getCode", "eth_call", "eth_chainId"]) {
      it(`says no to ${method}: rpc_unavailable`, async () => {
        const all = await load(lived);
        const change = (asked: string) => (asked === method ? refuse("too many requests")() : undefined);
        expect(await failure(() => report(all, {}, through(change)))).to.include({
          code: "rpc_unavailable",
          retryable: true,
        });
      });
    }

    it("answers null to eth_getLogs or eth_getCode: rpc_unavailable", async () => {
      const all = await load(lived);
      for (const method of ["eth_getLogs", "eth_getCode"]) {
        const change = (asked: string) => (asked === method ? null : undefined);
        expect(await failure(() => report(all, {}, through(change)))).to.include({ code: "rpc_unavailable" });
      }
    });

    it("is of a chain that is reorganised at the last moment: reorganised", async () => {
      const all = await load(lived);
      const head = await blockAt(rpc, "latest");
      const snapshot = await connection.networkHelpers.takeSnapshot();
      await connection.networkHelpers.mine();
      let asked = 0;
      const change = async (method: string, [tag]: unknown[]) => {
        if (method !== "eth_getBlockByNumber" || Number(tag) !== head.number + 1 || asked++ > 0) return;
        await snapshot.restore();
        await mineAt(head.unix + 99);
      };
      const error = await failure(() => report(all, {}, through(change)));
      expect(error).to.be.instanceOf(UnavailableError).and.include({ code: "reorganised", retryable: true });
    });

    it("loses its head in the middle: try again", async () => {
      const all = await load(lived);
      const head = await blockAt(rpc, "latest");
      const snapshot = await connection.networkHelpers.takeSnapshot();
      await connection.networkHelpers.mine();
      let calls = 0;
      const change = async (method: string) => {
        if (method !== "eth_call" || calls++ !== 30) return;
        await snapshot.restore();
        await mineAt(head.unix + 99);
      };
      const error = await failure(() => report(all, {}, through(change)));
      expect(calls).to.be.greaterThan(30);
      expect(error).to.be.instanceOf(UnavailableError).with.property("retryable", true);
    });

    for (const limit of [1, 3, 7]) {
      it(`refuses logs of more than ${limit} blocks: the same report`, async () => {
        const all = await load(lived);
        const spans: number[] = [];
        const change = (method: string, [query]: unknown[]) => {
          if (method !== "eth_getLogs") return undefined;
          const { fromBlock, toBlock } = query as { fromBlock: string; toBlock: string };
          const span = Number(toBlock) - Number(fromBlock) + 1;
          spans.push(span);
          return span > limit ? refuse("query exceeds the maximum block range")() : undefined;
        };
        expect(await report(all, {}, through(change))).to.deep.equal(await report(all));
        expect(Math.max(...spans)).to.be.greaterThan(limit);
      });
    }

    for (const [what, topic, problem] of [
      [
        "claims",
        vaultAbi.getEvent("Claimed").topicHash,
        /^Grant \d was paid \d+ wei by the vault's records, \d+ by its/,
      ],
      [
        "transfers",
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
        /^What left the vault is not/,
      ],
    ] as const) {
      it(`hides ${what}: not ok`, async () => {
        const all = await load(lived);
        const change = async (method: string, params: unknown[]) => {
          if (method !== "eth_getLogs" || (params[0] as { topics: string[] }).topics[0] !== topic) return undefined;
          return ((await rpc(method, params)) as unknown[]).slice(1);
        };
        const { ok, problems } = await report(all, {}, through(change));
        expect(ok).to.equal(false);
        expect(problems[0]).to.match(problem);
      });
    }

    it("hides the launch: not ok", async () => {
      const all = await load(lived);
      const change = (method: string, params: unknown[]) =>
        method === "eth_getLogs" && !(params[0] as { address?: string }).address ? [] : undefined;
      const { ok, problems } = await report(all, {}, through(change));
      expect([ok, problems]).to.deep.equal([false, [NOT_LAUNCHED]]);
    });

    it("gives an event of another form: refused", async () => {
      const all = await load(lived);
      const change = async (method: string, params: unknown[]) => {
        if (method !== "eth_getLogs") return undefined;
        const logs = (await rpc(method, params)) as { topics: string[]; address: string }[];
        return logs.map((log) =>
          log.address === String(all.token.target).toLowerCase() ? { ...log, topics: log.topics.slice(0, 1) } : log,
        );
      };
      expect(await failure(() => report(all, {}, through(change)))).to.include({ code: "bad_answer" });
    });
  });

  describe("a scan of events", () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "opg-scan-"));
    });
    afterEach(() => rm(directory, { recursive: true, force: true }));

    const kept = async ({ lens }: Launched) => scanFile(directory, await openVault(rpc, String(lens.target)));
    const pathOf = ({ vault }: Launched) =>
      join(directory, "vesting", `scan-31337-${String(vault.target).toLowerCase()}.json`);

    /** A report that goes on from what is kept; gives also the blocks from which logs were asked. */
    async function resumed(all: Launched) {
      const scan = await kept(all);
      const from: number[] = [];
      const listening: Rpc = (method, params) => {
        const [query] = params as { fromBlock: string; address?: string }[];
        if (method === "eth_getLogs" && query?.address) from.push(Number(query.fromBlock));
        return rpc(method, params);
      };
      const onScan = (state: ScanState) => scan.write(state);
      return { result: await report(all, { scan: await scan.read(), onScan }, listening), from };
    }

    it("asks for later blocks only, and gives the same", async () => {
      const all = await load(lived);
      const first = await resumed(all);
      expect(first.result).to.deep.equal(await report(all));
      const again = await resumed(all);
      expect(again.result).to.deep.equal(first.result);
      expect(again.from).to.deep.equal([]);

      await all.vault.claimMany([0, 3, 6, 9]);
      const later = await resumed(all);
      expect(later.result).to.deep.equal(await report(all));
      expect(later.result.ok).to.equal(true);
      expect(new Set(later.from)).to.deep.equal(new Set([first.result.head.number + 1]));
    });

    it("does not use what is later than the head", async () => {
      const all = await load(lived);
      const vault = await openVault(rpc, String(all.lens.target));
      let state: ScanState | undefined;
      const keep = (now: ScanState) => {
        state = now;
      };
      const options = { published: all.file, compiled };
      await makeReport(vault, { ...options, onScan: keep });
      const earlier = { ...vault, head: await blockAt(rpc, all.blocks[2] as number) };
      const alone = await makeReport(earlier, options);
      expect([alone.ok, alone.unlocks.length]).to.deep.equal([true, 3]);
      expect(await makeReport(earlier, { ...options, scan: state })).to.deep.equal(alone);
    });

    it("starts anew after a reorganisation across an unlock", async () => {
      const all = await load(lived);
      const snapshot = await connection.networkHelpers.takeSnapshot();
      await connection.networkHelpers.time.setNextBlockTimestamp(unixOf(5) + 4);
      await all.vault.claimMany([0, 1, 2]);
      const old = await resumed(all);
      expect(old.result.unlocks[5]).to.include({ latenessSeconds: 4, differenceWei: 0n });
      expect(await (await kept(all)).read()).not.to.equal(undefined);

      await snapshot.restore();
      await mineAt(unixOf(5) - 7);
      await connection.networkHelpers.time.setNextBlockTimestamp(unixOf(5) + 9);
      await all.vault.claimMany([8, 9]);
      expect(await (await kept(all)).read()).to.equal(undefined);
      const { result, from } = await resumed(all);
      expect([result.ok, result.problems]).to.deep.equal([true, []]);
      expect(result.unlocks[5]).to.include({ latenessSeconds: 9, block: result.head.number });
      expect(result.unlocks.slice(0, 5)).to.deep.equal(old.result.unlocks.slice(0, 5));
      expect(Math.min(...from)).to.be.below(all.blocks[0] as number);
      expect(result.claims.map(({ transaction }) => transaction)).not.to.include(old.result.claims.at(-1)?.transaction);
    });

    it("ignores a torn or alien file", async () => {
      const all = await load(lived);
      const { result } = await resumed(all);
      const text = await readFile(pathOf(all), "utf8");
      expect(JSON.parse(text).scanned.number).to.equal(result.head.number);
      for (const bad of [
        "",
        text.slice(0, -5),
        "[]",
        '{"scanned":1}',
        text.replace(/"amountWei":"\d+"/, '"amountWei":1.5'),
      ]) {
        await writeFile(pathOf(all), bad);
        expect(await (await kept(all)).read(), bad.slice(0, 20)).to.equal(undefined);
      }
      expect((await resumed(all)).result).to.deep.equal(result);
    });
  });
});
