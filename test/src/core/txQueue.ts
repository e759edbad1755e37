import { expect } from "chai";
import { eq } from "drizzle-orm";
import { Transaction, Wallet, ZeroAddress } from "ethers";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { createProvider } from "../../../src/core/chain/open.ts";
import { type OpenDatabase, openDatabase } from "../../../src/core/db/open.ts";
import { transactions } from "../../../src/core/db/transactions.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { createTxQueue, MAX_TRANSACTION_BYTES, type TxQueueOptions } from "../../../src/core/txQueue.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../../helpers/faultProxy.ts";
import { BACKENDS, freshDatabase, startTestChain, type TestChain } from "../../helpers/network.ts";
import { until } from "../../helpers/until.ts";

/*
TxQueue.send
├── when all is well: mined, recorded
├── given a process died after it signed, before or after it sent: the same bytes are sent, once
├── given another transaction was left behind: it is sent first
├── when the transaction is not mined in time: the fee is raised, under the same nonce
├── when the nonce is taken by another transaction: tx_replaced, and the next try is mined
├── when several send at a time, under one id or many, with one key or two: each is mined once
├── when it would revert, or is too large: final, and nothing is sent
└── when the RPC stalls or breaks: retryable
*/
for (const backend of BACKENDS) {
  describe(`TxQueue (${backend})`, () => {
    let test: TestChain;
    let rpc: FaultProxy;
    let database: OpenDatabase;
    let provider: ReturnType<typeof createProvider>;
    let wallet: Wallet;
    let now = 1_000_000;

    before(async () => {
      test = await startTestChain();
      rpc = await startFaultProxy(test.rpcUrl);
      provider = createProvider(rpc.url, 31337, 2_000);
      database = await openDatabase({
        url: await freshDatabase(backend),
        migrations: "src/settler/migrations",
        queues: [],
        logger: silentLogger,
      });
    });
    after(async () => {
      await database?.close();
      provider?.destroy();
      await rpc?.close();
      await test?.close();
    });
    beforeEach(async () => {
      wallet = await fundedWallet();
    });
    afterEach(async () => {
      rpc.rule();
      await test.chain.provider.send("evm_setAutomine", [true]);
      await test.chain.provider.send("evm_mine", []);
    });

    async function fundedWallet(): Promise<Wallet> {
      const fresh = new Wallet(Wallet.createRandom().privateKey);
      const bank = localAccount(test.chain, 0);
      await (await bank.sendTransaction({ to: fresh.address, value: 10n ** 18n })).wait();
      return fresh;
    }

    const queue = (more: Partial<TxQueueOptions> = {}) =>
      createTxQueue({
        db: database.db,
        provider,
        wallet,
        chainId: 31337,
        clock: () => now,
        logger: silentLogger,
        ...more,
      });
    const to = Wallet.createRandom().address;
    const REQUEST = { to, data: "0x1234" };
    const automine = (on: boolean) => test.chain.provider.send("evm_setAutomine", [on]);
    const count = (of = wallet) => test.chain.provider.getTransactionCount(of.address, "latest");
    const find = async (id: string) =>
      (await database.db.select().from(transactions).where(eq(transactions.id, id)))[0];
    const id = () => `test/${backend}/${Wallet.createRandom().address}`;

    /** Leaves a transaction signed and stored, as a process that died would. */
    async function leave(name: string, sent: boolean): Promise<string> {
      const stop = new AbortController();
      rpc.rule(async (exchange) => {
        if (!rpcMethods(exchange.body).includes("eth_sendRawTransaction")) return exchange.pass();
        if (sent) await exchange.ask();
        stop.abort();
        exchange.cut();
      });
      await automine(false);
      await queue({ signal: stop.signal })
        .send(name, REQUEST)
        .then(
          () => expect.fail("it was mined"),
          () => undefined,
        );
      rpc.rule();
      await automine(true);
      await test.chain.provider.send("evm_mine", []);
      return (await find(name))?.hash as string;
    }

    it("mines and records", async () => {
      const name = id();
      const receipt = await queue().send(name, REQUEST);
      expect(receipt.status).to.equal(1);
      expect(await find(name)).to.include({ state: "mined", hash: receipt.hash, nonce: 0 });
    });

    for (const sent of [false, true]) {
      it(`sends the same bytes again after a crash ${sent ? "after" : "before"} it sent`, async () => {
        const name = id();
        const hash = await leave(name, sent);
        const receipt = await queue().send(name, REQUEST);
        expect(receipt.hash).to.equal(hash);
        expect(await count()).to.equal(1);
      });
    }

    it("sends what was left behind before what comes next", async () => {
      const left = id();
      const hash = await leave(left, false);
      const receipt = await queue().send(id(), REQUEST);
      expect(receipt.status).to.equal(1);
      expect(await count()).to.equal(2);
      expect((await test.chain.provider.getTransactionReceipt(hash))?.status).to.equal(1);
      await queue().send(id(), REQUEST);
      expect((await find(left))?.state).to.equal("mined");
    });

    it("raises the fee of what is not mined in time, under the same nonce", async () => {
      const name = id();
      await automine(false);
      const sending = queue({ replaceAfterMs: 1_000 }).send(name, REQUEST);
      const first = await until("it is signed", () => find(name));
      await until("it waits in the pool", () =>
        test.chain.provider.getTransaction(first.hash).then((tx) => tx !== null),
      );
      now += 2_000;
      const second = await until("it is replaced", async () => {
        const row = await find(name);
        return row?.hash !== first.hash && row;
      });
      const [before, after] = [first.raw, second.raw].map((raw) => Transaction.from(raw)) as [Transaction, Transaction];
      expect(after.nonce).to.equal(before.nonce);
      expect(after.data).to.equal(before.data);
      expect((after.maxFeePerGas as bigint) * 8n > (before.maxFeePerGas as bigint) * 9n).to.equal(true);
      expect((after.maxPriorityFeePerGas as bigint) * 8n > (before.maxPriorityFeePerGas as bigint) * 9n).to.equal(true);
      await until("the dearer one waits", () =>
        test.chain.provider.getTransaction(second.hash).then((tx) => tx !== null),
      );
      await test.chain.provider.send("evm_mine", []);
      expect((await sending).hash).to.equal(second.hash);
      expect(await count()).to.equal(1);
    });

    it("notices that another transaction took its nonce, and the next try is mined", async () => {
      const name = id();
      await leave(name, false);
      const elsewhere = wallet.connect(test.chain.provider);
      await (await elsewhere.sendTransaction({ to, value: 1n })).wait();
      const error = await queue()
        .send(name, REQUEST)
        .catch((caught: unknown) => caught);
      expect(error).to.include({ code: "tx_replaced", retryable: true });
      expect((await queue().send(name, REQUEST)).status).to.equal(1);
      expect(await count()).to.equal(2);
    });

    it("mines each of many once, from two queues of one key", async () => {
      const queues = [queue(), queue()];
      const receipts = await Promise.all(
        Array.from({ length: 6 }, (_, i) => (queues[i % 2] as ReturnType<typeof queue>).send(id(), REQUEST)),
      );
      expect(new Set(receipts.map(({ hash }) => hash)).size).to.equal(6);
      expect(await count()).to.equal(6);
    });

    it("mines one id once, from queues of one key and of two", async () => {
      const other = await fundedWallet();
      const name = id();
      await automine(false);
      const sending = [queue(), queue(), queue({ wallet: other })].map((q) => q.send(name, REQUEST));
      const row = await until("it is signed", () => find(name));
      await until("it waits in the pool", () => test.chain.provider.getTransaction(row.hash).then((tx) => tx !== null));
      // All have asked for the nonce by the time that each has sent.
      await until("all have sent", () => sends() >= 3);
      await test.chain.provider.send("evm_mine", []);
      const receipts = await Promise.all(sending);
      expect(new Set(receipts.map(({ hash }) => hash))).to.deep.equal(new Set([row.hash]));
      expect((await count()) + (await count(other))).to.equal(1);
    });
    const sends = () => sent;
    let sent = 0;
    beforeEach(() => {
      sent = 0;
      rpc.rule(async (exchange) => {
        sent += rpcMethods(exchange.body).filter((method) => method === "eth_sendRawTransaction").length;
        await exchange.pass();
      });
    });

    it("refuses what would revert, or is too large, and sends nothing", async () => {
      const { settlement } = test.chain.contracts;
      const revert = {
        to: String(settlement.target),
        data: settlement.interface.encodeFunctionData("openSettler", [99, 99, ZeroAddress]),
      };
      const reverted = await queue()
        .send(id(), revert)
        .catch((caught: unknown) => caught);
      expect(reverted).to.include({ code: "reverted", retryable: false });
      const large = { to, data: `0x${"00".repeat(MAX_TRANSACTION_BYTES)}` };
      const refused = await queue()
        .send(id(), large)
        .catch((caught: unknown) => caught);
      expect(refused).to.include({ code: "tx_too_large", retryable: false });
      expect(await count()).to.equal(0);
      expect(sent).to.equal(0);
    });

    for (const [what, method] of [
      ["the gas", "eth_estimateGas"],
      ["the nonce", "eth_getTransactionCount"],
      ["the receipt", "eth_getTransactionReceipt"],
      ["the last block, for confirmations", "eth_blockNumber"],
    ] as const) {
      it(`says that trying again can help when ${what} cannot be read, and then it does`, async () => {
        const name = id();
        let left = 1;
        rpc.rule((exchange) => {
          if (rpcMethods(exchange.body).includes(method) && left-- > 0) return exchange.answer(500, "broken");
          return exchange.pass();
        });
        const error = await queue()
          .send(name, REQUEST)
          .then(
            () => undefined,
            (caught: unknown) => caught,
          );
        if (error !== undefined) expect(error).to.include({ code: "rpc_unavailable", retryable: true });
        expect(left).to.be.lessThan(1);
        expect((await queue().send(name, REQUEST)).status).to.equal(1);
      });
    }
  });
}
