import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { solvency } from "../../src/cli/demo/solvency.ts";
import { openSettlerBase, settleAll, settleDeps, startSettler } from "../../src/cli/roles/settler.ts";
import { toHex } from "../../src/core/hashing/hex.ts";
import { freePort } from "../../src/core/http/freePort.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { type Receipt, Status } from "../../src/core/protocol/receipt.ts";
import { infer } from "../../src/sdk/infer.ts";
import { fetchProof, proveOnChain } from "../../src/sdk/prove.ts";
import type { Session } from "../../src/sdk/session.ts";
import { type FaultProxy, type Rule, rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import {
  BACKENDS,
  freshDatabase,
  openPayer,
  type Payer,
  sessionOf,
  startTestNetwork,
  type TestNetwork,
} from "../helpers/network.ts";
import { CAP_NANO, getJson, guardBody, paymentFor, post } from "../helpers/raw.ts";
import {
  type Environment,
  environmentOf,
  type RoleProcess,
  runCommand,
  startCommand,
  startRole,
} from "../helpers/roles.ts";
import { until } from "../helpers/until.ts";

/*
A settler that is killed
├── between accepting a request and answering: the number is ABORTED, nothing is charged
├── between the verifier's signature and its own record of it: the receipt stands as signed, charged once
├── between answering and settling: the next settle commits all, once
└── at random points under load: no number is missing, every payer is charged what its receipts say
A settle keeper that is killed
├── before a verifier signs, between two signatures, before and after it sends, before it records
│  └── the next pass commits the batch once and records it
└── at any of its calls to the chain: likewise
Keepers that race
├── as processes: each batch is committed once
└── as instances with keys of their own: likewise
*/
const MESSAGES = [{ role: "user" as const, content: "What is my balance?" }];
const PRICE_NANO = 50_000n;

for (const backend of BACKENDS) {
  describe(`crashes (${backend})`, () => {
    let test: TestNetwork;
    let databaseUrl: string | undefined;
    let environment: Environment;
    let rpc: FaultProxy;
    let worker: FaultProxy;
    let verifiers: FaultProxy[] = [];

    before(async () => {
      databaseUrl = await freshDatabase(backend);
      test = await startTestNetwork();
      rpc = await startFaultProxy(test.rpcUrl);
      worker = await startFaultProxy(test.net.workers[0]?.url as string);
      verifiers = await Promise.all(test.net.verifiers.map(({ url }) => startFaultProxy(url)));
      environment = {
        ...(await environmentOf(test)),
        DATA_DIR: join(test.directory, "processes"),
        DATABASE_URL: databaseUrl,
        SETTLER: String(test.net.settler),
        WORKER_URLS: worker.url,
        VERIFIER_URLS: test.net.verifiers.map(({ node }, i) => `${node}=${verifiers[i]?.url}`).join(","),
        GATEWAY_PORT: String(await freePort()),
        SETTLE_AFTER_SECONDS: "3600",
        SETTLER_KEY: test.net.committer.privateKey,
      };
    });
    after(async () => {
      await Promise.all([rpc, worker, ...verifiers].map((proxy) => proxy?.close()));
      await test?.close();
    });
    afterEach(() => {
      for (const proxy of [rpc, worker, ...verifiers]) proxy.rule();
    });

    const gatewayUrl = () => `http://127.0.0.1:${environment.GATEWAY_PORT}`;
    const onChain = async () => test.chain.contracts.settlement.getSettler(test.net.settler);
    const settle = (more: Environment = {}) =>
      runCommand(["keeper", "run", "settle", "--once", "--json"], { ...environment, ...more });

    /** Lets what a dead process left count as left: with a shared database that takes three minutes. */
    async function age(): Promise<void> {
      if (!databaseUrl) return;
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query(
        "update inferences set opened_at_ms = opened_at_ms - 200000 where state in ('open', 'finished')",
      );
      await client.end();
    }

    async function debitedNano({ reservation }: Payer): Promise<bigint> {
      const { settlement } = test.chain.contracts;
      const { netNano, balanceNano } = await settlement.getReservation(test.net.settler, reservation.reservation);
      return netNano - balanceNano;
    }

    async function expectSolvent(): Promise<void> {
      const payees = Number(await test.chain.contracts.settlement.payeeCount());
      expect((await solvency(test.chain, test.net.settler, payees)).differenceNano).to.equal(0n);
    }

    describe("a settler that is killed", () => {
      let settler: RoleProcess;
      let payer: Payer;

      before(async () => {
        settler = await startRole("settler", environment);
      });
      after(() => settler?.stop());
      beforeEach(async () => {
        payer = await openPayer(test);
      });

      const session = (of = payer): Promise<Session> => sessionOf(test, of, { gatewayUrl: gatewayUrl() });

      async function restart(): Promise<void> {
        await settler.kill();
        for (const proxy of [worker, ...verifiers]) proxy.rule();
        await age();
        settler = await startRole("settler", environment);
      }

      it("between accepting and answering leaves a number that is ABORTED and costs nothing", async () => {
        const body = guardBody();
        const payment = paymentFor(test, payer, body, CAP_NANO);
        const reached = Promise.withResolvers<void>();
        worker.rule((exchange) => (exchange.path === "/v1/inferences" ? reached.resolve() : exchange.pass()));
        const asked = post(gatewayUrl(), body, payment).catch(() => "cut" as const);
        await reached.promise;
        await restart();
        expect(await asked).to.equal("cut");

        const id = toHex(payment.voucher.requestHash);
        const { fields } = await until("the receipt is signed", async () => {
          const answer = await getJson(`${gatewayUrl()}/v1/receipts/${id}`);
          return answer.state === "signed" && answer;
        });
        expect(fields).to.include({ status: Status.ABORTED, priceNano: "0", worker: 0 });
        const state = await getJson(`${gatewayUrl()}/v1/reservations/${payer.reservation.reservation}`);
        expect(state).to.include({ spentNano: "0", inFlightNano: "0" });
        expect((await post(gatewayUrl(), body, payment)).status).to.equal(409);
        // The money that was set aside for it is free again.
        expect((await post(gatewayUrl(), body, paymentFor(test, payer, body, CAP_NANO))).status).to.equal(200);
      });

      it("before it records the verifier's signature gives the same receipt later, charged once", async () => {
        const paying = await session();
        const reached = Promise.withResolvers<void>();
        for (const proxy of verifiers) {
          proxy.rule(async (exchange) => {
            if (exchange.path !== "/v1/receipts") return exchange.pass();
            await exchange.ask();
            reached.resolve();
          });
        }
        const asked = infer(paying, { model: "opg-guard", messages: MESSAGES }).catch(() => "cut" as const);
        await reached.promise;
        await restart();
        expect(await asked).to.equal("cut");

        await until("the payer has its receipt", async () => {
          await paying.catchUp();
          return paying.spentNano() === PRICE_NANO;
        });
        const { receipt } = await infer(paying, { model: "opg-guard", messages: MESSAGES });
        expect(receipt.spentNano).to.equal(2n * PRICE_NANO);
      });

      it("between answering and settling settles all of it, once", async () => {
        const paying = await session();
        const receipts: Receipt[] = [];
        for (let i = 0; i < 3; i++) {
          receipts.push((await infer(paying, { model: "opg-guard", messages: MESSAGES })).receipt);
        }
        await restart();
        if (backend === "pglite") await settler.stop();
        const before = await onChain();
        const { code, stdout } = await settle();
        expect(code).to.equal(0);
        expect(JSON.parse(stdout).outcomes.map(({ outcome }: { outcome: string }) => outcome)).to.deep.equal([
          "committed",
          "idle",
        ]);
        const { batches, nextSequence } = await onChain();
        expect(batches).to.equal(before.batches + 1n);
        expect(nextSequence).to.equal((receipts.at(-1)?.sequence as bigint) + 1n);
        expect(await debitedNano(payer)).to.equal(3n * PRICE_NANO);

        expect(JSON.parse((await settle()).stdout).outcomes).to.deep.equal([{ outcome: "idle" }]);
        expect((await onChain()).batches).to.equal(batches);
        if (backend === "pglite") settler = await startRole("settler", environment);
        for (const { requestId } of receipts) {
          const proof = await fetchProof(gatewayUrl(), toHex(requestId));
          expect(await proveOnChain(test.chain, proof)).to.include({ valid: true });
        }
        await expectSolvent();
      });

      it("at random points under load misses no number and charges what the receipts say", async () => {
        const payers = [payer, await openPayer(test), await openPayer(test)];
        const sessions = await Promise.all(payers.map((of) => session(of)));
        const seed = randomBytes(2);
        const answered: Receipt[] = [];
        for (const [round, byte] of seed.entries()) {
          const killed = Promise.withResolvers<void>();
          let calls = 2 + (byte % 12);
          const countdown: Rule = async (exchange) => {
            if (exchange.method === "POST" && --calls === 0) {
              await settler.kill();
              killed.resolve();
            }
            return exchange.pass();
          };
          for (const proxy of [worker, ...verifiers]) proxy.rule(countdown);
          await Promise.all(
            sessions.map(async (paying) => {
              while (calls > 0) {
                await infer(paying, { model: "opg-guard", messages: MESSAGES }).then(
                  ({ receipt }) => answered.push(receipt),
                  () => undefined,
                );
              }
            }),
          );
          await killed.promise;
          await restart().catch((error: unknown) => {
            throw new Error(`round ${round} of seed ${seed.toString("hex")}`, { cause: error });
          });
        }
        for (const [i, paying] of sessions.entries()) {
          await until(`session ${i} knows what it owes`, async () => {
            await paying.catchUp();
            const path = `/v1/reservations/${payers[i]?.reservation.reservation}`;
            const { spentNano, inFlightNano } = await getJson(`${gatewayUrl()}${path}`);
            return inFlightNano === "0" && BigInt(spentNano) === paying.spentNano();
          });
        }
        if (backend === "pglite") await settler.stop();
        const settled = await settle();
        expect(settled.code, settled.stderr).to.equal(0);
        const { nextSequence } = await onChain();
        expect(new Set(answered.map(({ sequence }) => sequence)).size).to.equal(answered.length);
        for (const { sequence } of answered) expect(sequence < nextSequence).to.equal(true);
        for (const [i, paying] of sessions.entries()) {
          expect(await debitedNano(payers[i] as Payer), `payer ${i}`).to.equal(paying.spentNano());
        }
        await expectSolvent();
        if (backend === "pglite") settler = await startRole("settler", environment);
      });
    });

    describe("a settle keeper that is killed", () => {
      let payer: Payer;
      before(async () => {
        payer = await openPayer(test);
      });

      /** Answers `count` requests on the database of the processes, which is free again afterwards. */
      async function answer(count: number): Promise<void> {
        const role = await startSettler({
          ...base(),
          workerUrls: [worker.url],
          settleInSeconds: 3600,
        });
        try {
          const paying = await sessionOf(test, payer, { gatewayUrl: role.url });
          for (let i = 0; i < count; i++) await infer(paying, { model: "opg-guard", messages: MESSAGES });
        } finally {
          await role.close(1000);
        }
      }

      function base() {
        return {
          chain: test.chain,
          settler: test.net.settler,
          policy: 1,
          key: test.net.committer,
          verifiers: test.net.verifiers.map(({ node }, i) => ({ node, url: (verifiers[i] as FaultProxy).url })),
          directory: join(environment.DATA_DIR as string, `settler-${test.net.settler}`),
          databaseUrl,
          logger: silentLogger,
        };
      }

      /** One keeper is killed when `point` says so, the next one is left alone. */
      async function killAt(point: (kill: () => Promise<unknown>) => void): Promise<void> {
        await answer(2);
        const before = await onChain();
        const debited = await debitedNano(payer);
        const keeper = startCommand(["keeper", "run", "settle", "--once"], { ...environment, RPC_URL: rpc.url });
        point(() => keeper.kill());
        expect((await keeper.done).signal, (await keeper.done).stderr).to.equal("SIGKILL");
        for (const proxy of [rpc, ...verifiers]) proxy.rule();

        const again = await settle();
        expect(again.code, again.stderr).to.equal(0);
        const { batches, nextSequence } = await onChain();
        expect([batches - before.batches, nextSequence - before.nextSequence]).to.deep.equal([1n, 2n]);
        expect(await debitedNano(payer)).to.equal(debited + 2n * PRICE_NANO);
        const open = await openSettlerBase(base());
        const { batches: store } = settleDeps(open, {
          settleInSeconds: 1,
          deadlineSeconds: 1,
        });
        const recorded = await store.get(test.net.settler, batches);
        await open.database.close();
        expect(recorded?.state).to.equal("committed");
        await expectSolvent();
      }

      /** The keeper dies at the `nth` request that `at` picks out, before or after it is passed on. */
      const dieAt =
        (proxies: () => FaultProxy[], at: Parameters<typeof picks>[0], nth = 1, passOn = false) =>
        (kill: () => Promise<unknown>) => {
          let left = nth;
          const rule: Rule = async (exchange) => {
            if (!picks(at)(exchange) || --left > 0) return exchange.pass();
            if (passOn) await exchange.ask();
            await kill();
          };
          for (const proxy of proxies()) proxy.rule(rule);
        };
      const toVerifiers = () => verifiers;
      const toChain = () => [rpc];

      it("after its transaction is sent", () => killAt(dieAt(toChain, "eth_sendRawTransaction", 1, true)));
      it("at some call to the chain", () => killAt(dieAt(toChain, "any", 4 + ((randomBytes(1)[0] as number) % 16))));
      if (backend === "pglite") {
        it("before a verifier has signed", () => killAt(dieAt(toVerifiers, "/v1/batches")));
        it("between two signatures", () => killAt(dieAt(toVerifiers, "/v1/batches", 2)));
        it("before its transaction is sent", () => killAt(dieAt(toChain, "eth_sendRawTransaction")));
        it("before it records what was committed", () => killAt(dieAt(toChain, "eth_getLogs", 1, true)));
      }

      if (backend === "postgres") {
        describe("or that races with others", () => {
          it("commits each batch once, as processes with one key", async () => {
            await answer(3);
            const before = await onChain();
            const debited = await debitedNano(payer);
            const runs = await Promise.all([settle(), settle(), settle()]);
            for (const { code, stderr } of runs) expect(code, stderr).to.be.oneOf([0, 75]);
            expect((await settle()).code).to.equal(0);
            const { batches, nextSequence } = await onChain();
            expect([batches - before.batches, nextSequence - before.nextSequence]).to.deep.equal([1n, 3n]);
            expect(await debitedNano(payer)).to.equal(debited + 3n * PRICE_NANO);
            await expectSolvent();
          });

          it("commits each batch once, as instances in one process", async () => {
            const opened = await Promise.all([1, 2, 3].map(() => openSettlerBase(base())));
            const keepers = opened.map((open) => settleDeps(open, { settleInSeconds: 1, deadlineSeconds: 600 }));
            try {
              for (let round = 0; round < 3; round++) {
                await answer(2);
                const before = await onChain();
                const runs = await Promise.allSettled(keepers.map((keeper) => settleAll(keeper)));
                for (const run of runs) {
                  if (run.status === "rejected") expect(run.reason).to.include({ retryable: true });
                }
                const after = await onChain();
                expect([after.batches - before.batches, after.nextSequence - before.nextSequence]).to.deep.equal([
                  1n,
                  2n,
                ]);
                for (const keeper of keepers) expect(await settleAll(keeper)).to.deep.equal([{ outcome: "idle" }]);
              }
              await expectSolvent();
            } finally {
              await Promise.all(opened.map(({ database }) => database.close()));
            }
          });
        });
      }
    });
  });
}

/** Requests to a path, or that call a method of the chain. */
function picks(at: "/v1/batches" | "eth_sendRawTransaction" | "eth_getLogs" | "any") {
  return ({ path, body }: { path: string; body: Buffer }) => {
    if (at.startsWith("/")) return path === at;
    return at === "any" || rpcMethods(body).includes(at);
  };
}
