import { join } from "node:path";
import { expect } from "chai";
import { advance } from "../../src/cli/demo/chain.ts";
import { answerDeps, settleAll, settleDeps } from "../../src/cli/roles/settler.ts";
import type { BaseError } from "../../src/core/errors.ts";
import { NANO_PER_OPG } from "../../src/core/units.ts";
import { answerOnce } from "../../src/keepers/answer.ts";
import type { WatchOutcome } from "../../src/keepers/watch/act.ts";
import { infer } from "../../src/sdk/infer.ts";
import type { Session } from "../../src/sdk/session.ts";
import { commitCheating, KEEPER } from "../helpers/cheat.ts";
import { failure } from "../helpers/failure.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import { openPayer, type Payer, sessionOf, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { seededRandom } from "../helpers/random.ts";
import { type Environment, environmentOf, runCommand, startCommand } from "../helpers/roles.ts";
import { until } from "../helpers/until.ts";
import { logged, newLogDirectory, openLogged, openWatcher, PATIENCE } from "../helpers/watcher.ts";

/*
A watcher
├── never claims anything of an honest settler: answers whole, streamed and broken off, sessions that are given up and opened
│   again, batches, time, and keepers that are restarted, in any order
├── beside another one: each thing is done once, and neither fails
├── on a dry run: says what it would do, and sends nothing
├── that is killed when it has claimed, or when it has refunded: goes on where it was, and does nothing twice
└── whose log is not all that was signed: stops after some claims that were answered
A session with a log
├── finds the receipt that a dead one never got, before it signs another voucher
├── refuses a settler that counts more than the log can explain
└── sends no voucher that is not kept, and counts no answer whose receipt is not kept
*/
const MESSAGE = { role: "user" as const, content: "What is my balance?" };
const ANSWER_TIME = 300;
const PRICE_NANO = 50_000n;

describe("watching", function () {
  this.timeout(600_000); // lives of many steps, and processes
  let test: TestNetwork;
  before(async () => {
    test = await startTestNetwork();
  });
  after(() => test?.close());

  const ask = (session: Session, more = {}) => infer(session, { model: "opg-guard", messages: [MESSAGE], ...more });
  const settle = () => settleAll(settleDeps(test.net.settlerRole.open, KEEPER));
  const claims = async () => {
    const { court } = test.chain.contracts;
    return (await court.claimCount()) + (await court.sequenceClaimCount());
  };
  const debitedNano = async ({ reservation: { reservation } }: Payer) => {
    const { settlement } = test.chain.contracts;
    const { netNano, balanceNano } = await settlement.getReservation(test.net.settler, reservation);
    return netNano - balanceNano;
  };
  const steal = (payer: Payer) =>
    commitCheating(test, {
      debits: (rows) =>
        rows.map(({ index, amountNano }) => ({
          index,
          amountNano: index === payer.reservation.reservation ? amountNano + NANO_PER_OPG : amountNano,
        })),
    });

  for (const seed of [7, 20261121]) {
    it(`never claims anything of an honest settler (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const directory = newLogDirectory(test);
      const payers: { payer: Payer; session: Session; life: AbortController }[] = [];
      for (let i = 0; i < 2; i++) {
        const life = new AbortController();
        payers.push({ ...(await openLogged(test, directory, life.signal)), life });
      }
      const watcher = await openWatcher(test, directory);
      const before = await claims();
      const held: WatchOutcome[] = [];
      const one = () => payers[random(payers.length)] as (typeof payers)[0];
      const steps: (() => Promise<unknown>)[] = [
        () => ask(one().session),
        () => Promise.all([ask(one().session), ask(one().session)]),
        () => ask(one().session, { onText: () => undefined }),
        async () => {
          const abort = new AbortController();
          const asked = ask(one().session, { signal: abort.signal, onText: () => abort.abort() });
          setTimeout(() => abort.abort(), random(40)).unref();
          await asked.catch(() => undefined);
        },
        async () => {
          // Given up in the middle of a request, as a process that is killed.
          const entry = one();
          void ask(entry.session).catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, random(30)));
          entry.life.abort();
          entry.life = new AbortController();
          // The settler may still be busy with the dead one's receipt.
          entry.session = await until("a new session opens", () =>
            logged(test, entry.payer, directory, {}, entry.life.signal).catch((error: BaseError) => {
              if (error.retryable) return undefined;
              throw error;
            }),
          );
        },
        settle,
        settle,
        () => advance(test.chain, 1 + random(200)),
        async () => watcher.restart(),
        async () => held.push(...(await watcher.pass())),
        async () => held.push(...(await watcher.pass())),
      ];
      for (let i = 0; i < 60; i++) await (steps[random(steps.length)] as () => Promise<unknown>)();
      for (const { session } of payers) await session.catchUp();
      await settle();
      await advance(test.chain, PATIENCE);
      watcher.restart();
      held.push(...(await watcher.pass()));
      await watcher.close();

      expect(held).to.deep.equal([]);
      expect(await claims()).to.equal(before);
      for (const { payer, session } of payers) {
        // What a dead session asked for can end after the last settlement.
        const [debited, spent] = await until("everything spent is settled", async () => {
          await session.catchUp();
          await settle();
          const both = [await debitedNano(payer), session.spentNano()] as const;
          return both[0] === both[1] ? both : undefined;
        });
        expect(debited).to.equal(spent);
      }
    });
  }

  it("beside another one does each thing once", async () => {
    const directory = newLogDirectory(test);
    const { payer, session } = await openLogged(test, directory);
    const watchers = [await openWatcher(test, directory), await openWatcher(test, directory)];
    await ask(session);
    const before = await claims();
    await steal(payer);
    /** One of them does it; the other one may have tried. */
    const expectOnce = async (what: string) => {
      const said = await Promise.all(watchers.map((watcher) => watcher.said()));
      expect(said.flat().filter((one) => one !== `${what} raced`)).to.deep.equal([`${what} sent`]);
      for (const watcher of watchers) expect(await watcher.said()).to.deep.equal([]);
    };
    await expectOnce("debit");
    expect(await claims()).to.equal(before + 1n);
    await advance(test.chain, ANSWER_TIME + 1);
    await expectOnce("refundDebit");
    expect(await debitedNano(payer)).to.equal(0n);
    await Promise.all(watchers.map((watcher) => watcher.close()));
  });

  it("says on a dry run what it would do", async () => {
    const directory = newLogDirectory(test);
    const { payer, session } = await openLogged(test, directory);
    const watcher = await openWatcher(test, directory, { dryRun: true });
    await ask(session);
    const before = await claims();
    const { number } = await steal(payer);
    const amountNano = PRICE_NANO + NANO_PER_OPG;
    const { reservation } = payer.reservation;
    expect(await watcher.pass()).to.deep.equal([
      { what: "debit", settler: test.net.settler, number, reservation, amountNano, outcome: "planned" },
    ]);
    expect(await claims()).to.equal(before);
    await watcher.close();
  });

  it("holds back what is not worth it, or that it has no bond for", async () => {
    const directory = newLogDirectory(test);
    const { payer, session } = await openLogged(test, directory);
    await ask(session);
    await steal(payer);
    for (const [settings, outcome] of [
      [{ minNano: 10n ** 18n }, "notWorth"],
      // At a millionth of the usual price of OPG the gas alone costs more.
      [{ weiPerOpg: 1n }, "notWorth"],
      [{ maxBonds: 0 }, "noBond"],
    ] as const) {
      const watcher = await openWatcher(test, directory, { settings });
      expect(await watcher.said()).to.deep.equal([`debit ${outcome}`]);
      await watcher.close();
    }
  });

  describe("as a process that is killed", () => {
    let rpc: FaultProxy;
    before(async () => {
      rpc = await startFaultProxy(test.rpcUrl);
    });
    after(() => rpc?.close());

    it("goes on where it was, and does nothing twice", async () => {
      const directory = newLogDirectory(test);
      const { payer, session } = await openLogged(test, directory);
      const { wallet, close } = await openWatcher(test, directory);
      await close();
      const environment: Environment = {
        ...(await environmentOf(test)),
        RPC_URL: rpc.url,
        DATA_DIR: join(test.directory, "watching"),
        RECEIPT_LOG_DIR: directory,
        OPG_KEY: wallet.privateKey,
      };
      const command = ["keeper", "run", "watch", "--once", "--json"];
      const said = async () => {
        const { code, stdout, stderr } = await runCommand(command, environment);
        expect(code, stderr).to.equal(0);
        const { outcomes } = JSON.parse(stdout) as { outcomes: WatchOutcome[] };
        return outcomes.map(({ what, outcome }) => `${what} ${outcome}`);
      };
      /** Kills it when its `nth` transaction has reached the chain. */
      const killAt = async (nth: number) => {
        let left = nth;
        const keeper = startCommand(command, environment);
        rpc.rule(async (exchange) => {
          if (!rpcMethods(exchange.body).includes("eth_sendRawTransaction") || --left > 0) return exchange.pass();
          await exchange.ask();
          await keeper.kill();
        });
        expect((await keeper.done).signal, (await keeper.done).stderr).to.equal("SIGKILL");
        rpc.rule();
      };

      await ask(session);
      const before = await claims();
      await steal(payer);
      // The first approves the bond, the second claims.
      await killAt(2);
      expect(await claims()).to.equal(before + 1n);
      expect(await said()).to.deep.equal([]);
      await advance(test.chain, ANSWER_TIME + 1);
      await killAt(1);
      expect(await debitedNano(payer)).to.equal(0n);
      expect(await said()).to.deep.equal([]);
      expect(await claims()).to.equal(before + 1n);
      await advance(test.chain, 901);
      expect(await said()).to.deep.equal(["punish sent"]);
      expect(await said()).to.deep.equal([]);
    });
  });

  it("stops after some claims that were answered", async () => {
    const directory = newLogDirectory(test);
    const payer = await openPayer(test);
    await logged(test, payer, directory);
    const watcher = await openWatcher(test, directory, { settings: { maxLost: 2 } });
    // What this session signs nobody keeps.
    const session = await sessionOf(test, payer);
    for (const expected of [["sent"], ["sent"], ["stopped"], ["stopped", "stopped"]]) {
      await ask(session);
      await settle();
      await advance(test.chain, PATIENCE);
      expect(await watcher.said()).to.deep.equal(expected.map((outcome) => `debit ${outcome}`));
      await answerOnce(answerDeps(test.net.settlerRole.open, KEEPER));
    }
    await watcher.close();
  });

  describe("a session with a log", () => {
    it("finds the receipt that a dead one never got", async () => {
      const directory = newLogDirectory(test);
      const { payer, session } = await openLogged(test, directory);
      const body = new TextEncoder().encode(JSON.stringify({ model: "opg-guard", messages: [MESSAGE] }));
      const { header } = await session.ticket(body);
      const headers = { "content-type": "application/json", "x-opg-payment": header };
      const answer = await fetch(`${test.net.gatewayUrl}/v1/chat/completions`, { method: "POST", headers, body });
      expect(answer.status).to.equal(200);

      const next = await logged(test, payer, directory);
      const { receipt } = await ask(next);
      expect(receipt.spentNano).to.equal(2n * PRICE_NANO);
      expect(next.spentNano()).to.equal(2n * PRICE_NANO);
    });

    it("refuses a settler that counts more than the log can explain", async () => {
      const directory = newLogDirectory(test);
      const { payer, session } = await openLogged(test, directory);
      await ask(session);
      await ask(await sessionOf(test, payer));
      const error = await failure(() => logged(test, payer, directory));
      expect(error).to.include({ code: "receipt_overspent" });
    });

    it("sends no voucher that is not kept, and counts no answer whose receipt is not kept", async () => {
      const { payer } = await openLogged(test, newLogDirectory(test));
      const refuses = { requested: false, received: false };
      const full = async (what: keyof typeof refuses) => {
        if (refuses[what]) throw new Error("The disk is full");
      };
      const read = async () => ({
        requests: new Map(),
        receipts: new Map(),
        cumulativeNano: 0n,
        spentNano: 0n,
        looseNano: 0n,
        torn: 0,
      });
      const log = { requested: () => full("requested"), received: () => full("received"), read };
      const session = await sessionOf(test, payer, { log });
      refuses.requested = true;
      await failure(() => ask(session));
      expect(await latest(payer)).to.equal(null);
      refuses.requested = false;
      refuses.received = true;
      await failure(() => ask(session));
      expect(await latest(payer)).not.to.equal(null);
    });

    async function latest({ reservation }: Payer): Promise<string | null> {
      const answer = await fetch(`${test.net.gatewayUrl}/v1/reservations/${reservation.reservation}`);
      return ((await answer.json()) as { latest: string | null }).latest;
    }
  });
});
