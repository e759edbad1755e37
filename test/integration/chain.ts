import { join } from "node:path";
import { expect } from "chai";
import { solvency } from "../../src/cli/demo/solvency.ts";
import { type OpenSettler, openSettlerBase, settleAll, settleDeps, startSettler } from "../../src/cli/roles/settler.ts";
import { type Chain, openChain } from "../../src/core/chain/open.ts";
import { BaseError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { settleOnce } from "../../src/keepers/settle.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import { openPayer, type Payer, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { CAP_NANO, guardBody, paymentFor, post } from "../helpers/raw.ts";

/*
A chain that cannot be trusted
├── when it is opened
│  ├── given another chain id, genesis or code: wrong_chain
│  └── given it stalls or answers 500: rpc_unavailable, retryable
├── while it settles
│  ├── given the n-th call breaks, for many n: retryable, and the next pass commits once
│  ├── given it hides the batch's event: nothing is recorded, and later it is
│  └── given it lies about the batch's header: header_mismatch, and later it is recorded
└── given a reorg takes a committed batch back: it is committed again, once, and recorded
*/
type Answer = { id: number; result: never };

describe("a chain that cannot be trusted", () => {
  let test: TestNetwork;
  let rpc: FaultProxy;
  let faulty: Chain;
  let open: OpenSettler;
  let payer: Payer;
  let promisedNano = 0n;

  before(async () => {
    test = await startTestNetwork();
    rpc = await startFaultProxy(test.rpcUrl);
    faulty = await openChain(test.deployment, rpc.url, 1_000);
    payer = await openPayer(test);
    open = await openSettlerBase(base(faulty));
  });
  after(async () => {
    await open?.database.close();
    faulty?.provider.destroy();
    await rpc?.close();
    await test?.close();
  });
  afterEach(() => rpc.rule());

  const base = (chain: Chain) => ({
    chain,
    settler: test.net.settler,
    policy: 1,
    key: test.net.committer,
    verifiers: test.net.verifiers.map(({ node, url }) => ({ node, url })),
    directory: join(test.directory, "chain"),
    logger: silentLogger,
  });

  /** Answers `count` requests, with the database shared for the while. */
  async function answer(count: number): Promise<void> {
    await open.database.close();
    const workerUrls = test.net.workers.map(({ url }) => url);
    const role = await startSettler({ ...base(test.chain), workerUrls, settleInSeconds: 3600 });
    try {
      for (let i = 0; i < count; i++) {
        promisedNano += CAP_NANO;
        const body = guardBody();
        expect((await post(role.url, body, paymentFor(test, payer, body, promisedNano))).status).to.equal(200);
      }
    } finally {
      await role.close(100);
      open = await openSettlerBase(base(faulty));
    }
  }

  const keeper = () => settleDeps(open, { settleInSeconds: 1, deadlineSeconds: 600, limits: ONE });
  const pass = () => settleAll(keeper());
  const failure = () =>
    pass().then(
      () => undefined,
      (error: unknown) => error,
    );
  const onChain = () => test.chain.contracts.settlement.getSettler(test.net.settler);
  const recorded = async (number: bigint) => (await keeper().batches.get(test.net.settler, number))?.state;
  const debitedNano = async () => {
    const { netNano, balanceNano } = await test.chain.contracts.settlement.getReservation(
      test.net.settler,
      payer.reservation.reservation,
    );
    return netNano - balanceNano;
  };
  /** A batch a receipt, so that many batches need few answers' worth of time. */
  const ONE = { maxReceipts: 1, maxDebits: 1 };

  /** Answers calls of one method with what `change` makes of the true result. */
  const lie = (method: string, change: (result: never, params: never[]) => unknown) =>
    rpc.rule(async (exchange) => {
      if (!rpcMethods(exchange.body).includes(method)) return exchange.pass();
      const calls = [JSON.parse(exchange.body.toString())].flat();
      const answers = [(await (await exchange.ask()).json()) as Answer | Answer[]].flat();
      const changed = answers.map((one) => {
        const call = calls.find(({ id }) => id === one.id);
        return call.method === method ? { ...one, result: change(one.result, call.params) } : one;
      });
      exchange.answer(200, JSON.stringify(calls.length === 1 ? changed[0] : changed));
    });

  describe("when it is opened", () => {
    const opened = () => openChain(test.deployment, rpc.url, 300).catch((error: unknown) => error);
    const lies: [string, string, (result: never) => unknown][] = [
      ["another chain id", "eth_chainId", () => "0x1"],
      [
        "another first block",
        "eth_getBlockByNumber",
        (block) => ({ ...(block as object), hash: `0x${"77".repeat(32)}` }),
      ],
      ["other code", "eth_getCode", () => "0x00"],
    ];
    for (const [what, method, change] of lies) {
      it(`with ${what} is refused`, async () => {
        lie(method, change);
        expect(await opened()).to.include({ code: "wrong_chain", retryable: false });
      });
    }
    it("but stalls, is refused for now", async () => {
      rpc.rule(() => undefined);
      expect(await opened()).to.include({ code: "rpc_unavailable", retryable: true });
    });
    it("but answers 500, is refused for now", async () => {
      rpc.rule((exchange) => exchange.answer(500, "broken"));
      expect(await opened()).to.include({ code: "rpc_unavailable", retryable: true });
    });
  });

  it("that breaks at any one call settles each receipt once in the end", async () => {
    const faults = 10;
    await answer(faults);
    const before = await onChain();
    const debited = await debitedNano();
    for (let nth = 1; nth <= faults; nth++) {
      // The calls of one pass are about thirty; each round breaks another one, by a cut, a 500 or nonsense.
      let left = 3 * nth;
      const ways = ["cut", "500", "nonsense"] as const;
      const way = ways[nth % ways.length];
      rpc.rule((exchange) => {
        if (--left !== 0) return exchange.pass();
        if (way === "cut") return exchange.cut();
        return way === "500" ? exchange.answer(500, "broken") : exchange.answer(200, "<html>");
      });
      const error = await settleOne();
      if (error !== undefined) expect(error, `call ${3 * nth}, ${way}`).to.be.instanceOf(BaseError);
      if (error !== undefined) expect(error, `call ${3 * nth}, ${way}`).to.include({ retryable: true });
    }
    rpc.rule();
    await pass();
    const { batches, nextSequence } = await onChain();
    expect(nextSequence - before.nextSequence).to.equal(BigInt(faults));
    expect(batches - before.batches).to.equal(BigInt(faults));
    expect(await debitedNano()).to.equal(debited + BigInt(faults) * 50_000n);
    for (let number = 1n; number <= batches; number++) expect(await recorded(number)).to.equal("committed");
  });

  async function settleOne(): Promise<unknown> {
    return settleOnce(keeper()).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  it("that hides a batch's event has it recorded later", async () => {
    await answer(1);
    lie("eth_getLogs", () => []);
    await failure();
    const { batches } = await onChain();
    expect(await recorded(batches)).to.equal("signed");
    rpc.rule();
    expect(await pass()).to.deep.equal([{ outcome: "idle" }]);
    expect(await recorded(batches)).to.equal("committed");
    expect((await onChain()).batches).to.equal(batches);
  });

  it("that lies about a batch's header has it recorded later", async () => {
    await answer(1);
    const before = await onChain();
    const { settlement } = test.chain.contracts;
    const selector = settlement.interface.getFunction("headerHash").selector;
    lie("eth_call", (result, [call]) =>
      (call as unknown as { data: string }).data.startsWith(selector) ? `0x${"99".repeat(32)}` : result,
    );
    expect(await failure()).to.include({ code: "header_mismatch", retryable: true });
    rpc.rule();
    await pass();
    const { batches } = await onChain();
    expect(batches).to.equal(before.batches + 1n);
    for (let number = 1n; number <= batches; number++) expect(await recorded(number)).to.equal("committed");
  });

  it("that takes committed batches back has them committed again, once", async () => {
    await answer(2);
    const snapshot = await test.chain.provider.send("evm_snapshot", []);
    const before = await onChain();
    const debited = await debitedNano();
    expect((await pass()).map(({ outcome }) => outcome)).to.deep.equal(["committed", "committed", "idle"]);
    const first = await debitedNano();
    await test.chain.provider.send("evm_revert", [snapshot]);
    expect((await onChain()).batches).to.equal(before.batches);
    expect(await debitedNano()).to.equal(debited);

    expect((await pass()).map(({ outcome }) => outcome)).to.deep.equal(["committed", "committed", "idle"]);
    expect((await onChain()).batches).to.equal(before.batches + 2n);
    expect(await debitedNano()).to.equal(first);
    expect(await recorded(before.batches + 2n)).to.equal("committed");
    expect(await pass()).to.deep.equal([{ outcome: "idle" }]);
    const payees = Number(await test.chain.contracts.settlement.payeeCount());
    expect((await solvency(test.chain, test.net.settler, payees)).differenceNano).to.equal(0n);
  });
});
