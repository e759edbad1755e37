import { expect } from "chai";
import { encodeBytes32String, Wallet } from "ethers";
import { network } from "hardhat";
import { createProvider } from "../../../src/core/chain/open.ts";
import { type OpenDatabase, openDatabase } from "../../../src/core/db/open.ts";
import { InputError, UnavailableError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { createTxQueue, type TxQueueOptions } from "../../../src/core/txQueue.ts";
import { claimDue, type VestingKeeper } from "../../../src/keepers/vesting.ts";
import { type Book, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary, elapsed } from "../../../src/vesting/calendar.ts";
import { httpRpc } from "../../../src/vesting/httpRpc.ts";
import { openVault } from "../../../src/vesting/vault.ts";
import { failure } from "../../helpers/failure.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../../helpers/faultProxy.ts";
import { account, type Launched, launchBook, sampleBook } from "../../helpers/launch.ts";
import { until } from "../../helpers/until.ts";

/*
claimDue
├── it should pay everybody what is due, to the wei, and nothing the second time
├── it should pay who has a grant now, and what a revocation took to remainderTo
├── when it is asked for some grants: those only; an unknown one is refused
├── when the gas cap is small: several transactions below it; below one claim it is refused
├── when it only looks: planned, nothing is sent
├── given two keepers at a time, with keys and databases of their own or not: nothing is paid twice, and neither fails
├── given another key's transaction is stuck: it should send its own
├── given it was killed after it signed, before or after it sent
│  ├── it should send the same bytes
│  └── when an unlock passed meanwhile: both claims are sent, nothing is paid twice
└── when the RPC is dead, at once or in the middle, or the chain is reorganised: retryable
*/
describe("claimDue", () => {
  type Connection = Awaited<ReturnType<typeof network.create<"generic">>>;

  const MONTH = 3;
  let close: () => Promise<void>;
  let connection: Connection;
  let rpc: FaultProxy;
  let provider: ReturnType<typeof createProvider>;
  let databases: OpenDatabase[];
  let book: Book;
  let launched: Launched;
  let heir: string;
  let snapshot: string;

  before(async () => {
    const server = await network.createServer("default", "127.0.0.1", 0);
    const { port } = await server.listen();
    close = () => server.close();
    const url = `http://127.0.0.1:${port}`;
    rpc = await startFaultProxy(url);
    provider = createProvider(rpc.url, 31337, 2_000);
    databases = await Promise.all([open(), open()]);
    connection = await network.create({ network: "local", override: { url } });
    const { ethers } = connection;
    const [, revoker, from, to] = await ethers.getSigners();
    const head = await ethers.provider.getBlock("latest");
    const anchor = { startMonth: elapsed({ startMonth: 0, day: 1 }, head?.timestamp ?? 0), day: 31 };
    book = { ...sampleBook(revoker?.address), anchor };
    (book.grants[9] as Book["grants"][number]).beneficiary = from?.address ?? "";
    heir = to?.address ?? "";
    launched = await launchBook(ethers, book);
    const { vault } = launched;
    await mineAt(anniversary(anchor, 1));
    await (await vault.connect(revoker).revoke(3, 1, encodeBytes32String("left"))).wait();
    await (await vault.connect(from).offerHandover(9, heir)).wait();
    await (await vault.connect(to).acceptHandover(9)).wait();
    await mineAt(anniversary(anchor, MONTH));
  });
  after(async () => {
    for (const database of databases ?? []) await database.close();
    provider?.destroy();
    await connection?.close();
    await rpc?.close();
    await close?.();
  });
  beforeEach(async () => {
    snapshot = (await send("evm_snapshot")) as string;
  });
  afterEach(async () => {
    rpc.rule();
    await send("evm_setAutomine", [true]);
    await send("evm_revert", [snapshot]);
  });

  const open = () => openDatabase({ migrations: "src/settler/migrations", queues: [], logger: silentLogger });
  const send = (method: string, params: unknown[] = []) => connection.provider.request({ method, params });
  async function mineAt(unix: number): Promise<void> {
    await send("evm_setNextBlockTimestamp", [unix]);
    await send("evm_mine");
  }

  async function fundedWallet(): Promise<Wallet> {
    const [bank] = await connection.ethers.getSigners();
    const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
    await (await bank?.sendTransaction({ to: wallet.address, value: 10n ** 18n }))?.wait();
    return wallet;
  }
  const queueOf = (wallet: Wallet, more: Partial<TxQueueOptions> = {}) =>
    createTxQueue({
      db: (databases[0] as OpenDatabase).db,
      provider,
      wallet,
      chainId: 31337,
      clock: Date.now,
      logger: silentLogger,
      ...more,
    });
  const keeper = (more: Partial<VestingKeeper> = {}): VestingKeeper => ({
    open: () => openVault(httpRpc(rpc.url, 2_000), String(launched.lens.target)),
    logger: silentLogger,
    ...more,
  });

  /** What each grant is due by the file, paid or not. */
  const vested = (month = MONTH) => book.grants.map((grant) => vestedAt(book, grant, anniversary(book.anchor, month)));
  const due = (ids = book.grants.map((_, id) => id), month = MONTH) =>
    ids.reduce((sum, id) => sum + (vested(month)[id] as bigint), 0n);
  const all = (month = MONTH) => vested(month).flatMap((wei, id) => (wei > 0n ? [id] : []));
  const balance = (of: string) => launched.token.balanceOf(of);
  const paid = async () => {
    const states = await Promise.all(book.grants.map((_, id) => launched.vault.states(id)));
    return states.map(({ paidWei }) => paidWei);
  };
  const sent = (wallet: Wallet) => connection.ethers.provider.getTransactionCount(wallet.address);

  it("pays everybody what is due, and nothing the second time", async () => {
    const wallet = await fundedWallet();
    const queue = queueOf(wallet);
    const [claim, ...more] = await claimDue(keeper({ queue }));
    expect(more).to.deep.equal([]);
    expect(claim).to.deep.include({ outcome: "claimed", grants: all(), amountWei: due() });
    const receipt = await connection.ethers.provider.getTransactionReceipt(claim?.transaction ?? "");
    expect([receipt?.status, receipt?.gasUsed]).to.deep.equal([1, claim?.gasUsed]);
    expect(await paid()).to.deep.equal(vested());
    expect(await claimDue(keeper({ queue }))).to.deep.equal([]);
    expect(await sent(wallet)).to.equal(1);

    await mineAt(anniversary(book.anchor, MONTH + 1));
    const [later] = await claimDue(keeper({ queue }));
    expect(later?.amountWei).to.equal(due(undefined, MONTH + 1) - due());
    expect(await paid()).to.deep.equal(vested(MONTH + 1));
  });

  it("pays who has a grant now, and what a revocation took to remainderTo", async () => {
    await claimDue(keeper({ queue: queueOf(await fundedWallet()) }));
    const total = book.grants[3]?.totalWei ?? 0n;
    // Months 2 and 3 have a tranche each; one was kept.
    expect(await balance(account(3))).to.equal(total / 6n);
    expect(await balance(account(901))).to.equal((total * 2n) / 6n - total / 6n);
    expect(await balance(heir)).to.equal(vested()[9]);
    expect(await balance(book.grants[9]?.beneficiary ?? "")).to.equal(0n);
  });

  it("pays some grants only", async () => {
    const wallet = await fundedWallet();
    const claims = await claimDue(keeper({ queue: queueOf(wallet), grants: [9, 1, 1] }));
    expect(claims).to.have.lengthOf(1);
    expect(claims[0]).to.deep.include({ grants: [1, 9], amountWei: due([1, 9]) });
    expect((await paid()).map((wei) => wei > 0n)).to.deep.equal(book.grants.map((_, id) => id === 1 || id === 9));
  });

  it("refuses an unknown grant, and sends nothing", async () => {
    const wallet = await fundedWallet();
    for (const id of [10, -1, 1.5]) {
      const error = await failure(() => claimDue(keeper({ queue: queueOf(wallet), grants: [1, id] })));
      expect(error).to.be.instanceOf(InputError);
      expect(error).to.deep.include({ code: "bad_grant", facts: { grant: id, grants: 10 } });
    }
    expect(await sent(wallet)).to.equal(0);
  });

  it("stays below the gas cap, in several transactions", async () => {
    const wallet = await fundedWallet();
    const gasCap = 400_000n;
    const claims = await claimDue(keeper({ queue: queueOf(wallet), gasCap }));
    expect(claims.map(({ grants }) => grants)).to.deep.equal([
      all().slice(0, 3),
      all().slice(3, 6),
      all().slice(6, 9),
      all().slice(9),
    ]);
    for (const { transaction } of claims) {
      const tx = await connection.ethers.provider.getTransaction(transaction ?? "");
      expect((tx?.gasLimit ?? gasCap) < gasCap, String(tx?.gasLimit)).to.equal(true);
    }
    expect(claims.reduce((sum, { amountWei }) => sum + amountWei, 0n)).to.equal(due());
    expect(await paid()).to.deep.equal(vested());
    const error = await failure(() => claimDue(keeper({ gasCap: 169_999n })));
    expect(error).to.include({ code: "bad_gas_cap", retryable: false });
  });

  it("sends nothing when it only looks", async () => {
    const head = await connection.ethers.provider.getBlockNumber();
    expect(await claimDue(keeper())).to.deep.equal([
      { outcome: "planned", grants: all(), amountWei: due(), transaction: null, gasUsed: null },
    ]);
    expect(await connection.ethers.provider.getBlockNumber()).to.equal(head);
    expect(await paid()).to.deep.equal(book.grants.map(() => 0n));
  });

  for (const [whose, keys, queues] of [
    ["with keys and databases of their own", 2, 2],
    ["of one database", 2, 1],
    ["of one key", 1, 1],
  ] as const) {
    it(`pays nothing twice when two keepers ${whose} race`, async () => {
      const wallets = await Promise.all(Array.from({ length: keys }, fundedWallet));
      const passes = [0, 1].map((i) => {
        const { db } = databases[i % queues] as OpenDatabase;
        return claimDue(keeper({ queue: queueOf(wallets[i % keys] as Wallet, { db }) }));
      });
      const outcomes = await Promise.all(passes);
      expect(outcomes.flat().every(({ outcome }) => outcome === "claimed")).to.equal(true);
      expect(await paid()).to.deep.equal(vested());
      // Two payments for the revoked grant: what is kept and what was taken.
      const logs = await launched.vault.queryFilter(launched.vault.filters.Claimed());
      expect(logs).to.have.lengthOf(all().length + 1);
      const { target } = launched.vault;
      expect(await balance(String(target))).to.equal((await launched.vault.totalWei()) - due());
      for (const wallet of wallets) expect(await sent(wallet)).to.be.at.most(1);
    });
  }

  it("goes on with another key when the first one's transaction is stuck", async () => {
    await killed(await fundedWallet(), false);
    const wallet = await fundedWallet();
    const [claim] = await claimDue(keeper({ queue: queueOf(wallet) }));
    expect(claim).to.include({ outcome: "claimed", amountWei: due() });
    expect(await paid()).to.deep.equal(vested());
  });

  /** Runs a pass that dies while it sends; `reached` says whether the node has the transaction. */
  async function killed(wallet: Wallet, reached: boolean): Promise<void> {
    const stop = new AbortController();
    rpc.rule(async (exchange) => {
      if (!rpcMethods(exchange.body).includes("eth_sendRawTransaction")) return exchange.pass();
      if (reached) await exchange.ask();
      stop.abort();
      exchange.cut();
    });
    await send("evm_setAutomine", [false]);
    const error = await failure(() => claimDue(keeper({ queue: queueOf(wallet, { signal: stop.signal }) })));
    expect(error).to.include({ code: "stopped", retryable: true });
    rpc.rule();
    await send("evm_setAutomine", [true]);
  }

  /** A transaction that the node has already is not mined by being sent again. */
  async function mineWhenSent(): Promise<void> {
    let again = false;
    rpc.rule((exchange) => {
      again ||= rpcMethods(exchange.body).includes("eth_sendRawTransaction");
      return exchange.pass();
    });
    await until("it is sent again", () => again);
    await send("evm_mine");
  }

  for (const reached of [false, true]) {
    const when = reached ? "after" : "before";
    it(`sends the same bytes again when it was killed ${when} it sent`, async () => {
      const wallet = await fundedWallet();
      await killed(wallet, reached);
      const passing = claimDue(keeper({ queue: queueOf(wallet) }));
      if (reached) await mineWhenSent();
      const [claim] = await passing;
      expect(claim).to.deep.include({ outcome: "claimed", grants: all(), amountWei: due() });
      expect(await sent(wallet)).to.equal(1);
      expect(await paid()).to.deep.equal(vested());
    });

    it(`sends both claims when an unlock passed after it was killed ${when} it sent`, async () => {
      const wallet = await fundedWallet();
      await killed(wallet, reached);
      // A transaction that waits is mined with this block.
      await mineAt(anniversary(book.anchor, MONTH + 1));
      await claimDue(keeper({ queue: queueOf(wallet) }));
      expect(await paid()).to.deep.equal(vested(MONTH + 1));
      expect(await balance(String(launched.vault.target))).to.equal(
        (await launched.vault.totalWei()) - due(undefined, MONTH + 1),
      );
      expect(await claimDue(keeper({ queue: queueOf(wallet) }))).to.deep.equal([]);
    });
  }

  it("can be tried again when the RPC is dead", async () => {
    rpc.rule((exchange) => exchange.cut());
    const error = await failure(() => claimDue(keeper()));
    expect(error).to.be.instanceOf(UnavailableError);
    expect(error).to.include({ code: "rpc_unavailable", retryable: true });
  });

  for (const method of ["eth_call", "eth_estimateGas", "eth_getTransactionCount", "eth_getTransactionReceipt"]) {
    it(`can be tried again when the RPC dies at ${method}, and pays once`, async () => {
      const wallet = await fundedWallet();
      rpc.rule((exchange) => (rpcMethods(exchange.body).includes(method) ? exchange.cut() : exchange.pass()));
      const error = await failure(() => claimDue(keeper({ queue: queueOf(wallet) })));
      expect(error).to.have.property("retryable", true);
      rpc.rule();
      await claimDue(keeper({ queue: queueOf(wallet) }));
      expect(await paid()).to.deep.equal(vested());
      expect(await sent(wallet)).to.equal(1);
    });
  }

  it("can be tried again when the chain is reorganised while it reads", async () => {
    let heads = 0;
    rpc.rule(async (exchange) => {
      if (rpcMethods(exchange.body).includes("eth_getBlockByNumber") && heads++ === 1) {
        const answer = (await (await exchange.ask()).json()) as { result: object };
        const result = { ...answer.result, hash: `0x${"77".repeat(32)}` };
        return exchange.answer(200, JSON.stringify({ ...answer, result }));
      }
      return exchange.pass();
    });
    expect(await failure(() => claimDue(keeper()))).to.include({ code: "reorganised", retryable: true });
  });
});
