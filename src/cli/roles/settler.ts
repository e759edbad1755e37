import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Wallet } from "ethers";
import { directoryBlobStore } from "../../core/blobStore.ts";
import type { Chain } from "../../core/chain/open.ts";
import { createChainView } from "../../core/chain/view.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { databaseError } from "../../core/db/error.ts";
import { openDatabase } from "../../core/db/open.ts";
import { BaseError, errorMessage, InputError } from "../../core/errors.ts";
import { fromHex } from "../../core/hashing/hex.ts";
import { type HttpServer, serveApp } from "../../core/http/serve.ts";
import type { Logger } from "../../core/logger.ts";
import { createTxQueue, type TxQueue } from "../../core/txQueue.ts";
import { createGateway } from "../../gateway/gateway.ts";
import { createReceiptSigner } from "../../gateway/receiptSigner.ts";
import { createVerifierClient, type VerifierEndpoint } from "../../gateway/verifiers.ts";
import { createWorkerPool } from "../../gateway/workers.ts";
import { type AnswerDeps, answerOnce } from "../../keepers/answer.ts";
import { type SettleDeps, settleOnce } from "../../keepers/settle.ts";
import { createBatchStore, type PlanLimits, planBatch } from "../../settler/batches.ts";
import { debitProof } from "../../settler/debitProof.ts";
import { createProofs } from "../../settler/proofs.ts";
import { createStore, SETTLE_QUEUE } from "../../settler/store.ts";
import { askWindowLeaves } from "../../settler/windowLeaves.ts";

export type SettlerBase = {
  chain: Chain;
  /** Operator id. */
  settler: number;
  policy: number;
  /** The committer's key: signs what is asked of verifiers, sends batches and pays for them. */
  key: Wallet;
  verifiers: readonly VerifierEndpoint[];
  /** Holds the embedded database, unless `databaseUrl` is given, and the batch files. */
  directory: string;
  databaseUrl?: string | undefined;
  logger: Logger;
  clock?: Clock;
};

export type KeeperOptions = {
  /** A batch is due this long after its first receipt. */
  settleInSeconds: number;
  /** From the plan to the last second it can be committed. */
  deadlineSeconds: number;
  limits?: PlanLimits;
  confirmations?: number;
  signal?: AbortSignal;
};

export type SettlerRole = SettlerBase & {
  workerUrls: readonly string[];
  settleInSeconds: number;
  /** Runs the settle keeper in this process. */
  keeper?: KeeperOptions;
  host?: string;
  port?: number;
  requestTimeoutMs?: number;
};

const DEFAULT_LIMITS: PlanLimits = { maxReceipts: 10_000, maxDebits: 2_000 };

/** How long an inference may be open before it counts as left behind by a dead process. */
const ABANDONED_AFTER_MS = 180_000;
const REFRESH_MS = 5_000;
/** Between two looks at the court's claims. */
const ANSWER_MS = 30_000;

/** The settler's database and what stands on it; shared by gateway and keeper. */
export async function openSettlerBase(base: SettlerBase) {
  const { chain, settler, policy, directory, logger, clock = systemClock } = base;
  const view = createChainView({ contracts: chain.contracts, clock });
  const [policyRecord, state] = await Promise.all([view.policy(policy), view.settler(settler)]);
  if (!policyRecord) throw new InputError("The policy is not registered", { code: "bad_policy", facts: { policy } });
  if (state.payee === 0) {
    throw new InputError("The settler is not open", {
      code: "not_open",
      facts: { settler },
      hint: "Open it with `opg settler open`",
    });
  }
  const committer = await view.committer(settler);
  if (committer !== base.key.address.toLowerCase()) {
    throw new InputError("The key is not the settler's committer", {
      code: "not_the_settler",
      facts: { settler, key: base.key.address, committer },
      hint: "Set SETTLER_KEY to the committer's key, or name this one with `opg settler open`",
    });
  }
  const identity = { settler, key: fromHex(base.key.privateKey, 32), domain: chain.domain };
  const database = await openDatabase({
    url: base.databaseUrl,
    directory: join(directory, "settler"),
    migrations: fileURLToPath(new URL("../../settler/migrations", import.meta.url)),
    queues: [{ name: SETTLE_QUEUE, policy: "short" }],
    logger,
  });
  const store = createStore(database);
  await store.open(settler, state.nextSequence);
  const blobs = directoryBlobStore(join(directory, "data"));
  const leavesOf = askWindowLeaves(base.verifiers);
  const proofs = createProofs({ database, blobs, domain: chain.domain, leavesOf });
  return { ...base, identity, leavesOf, clock, view, policyRecord, database, store, blobs, proofs };
}

export type OpenSettler = Awaited<ReturnType<typeof openSettlerBase>>;

function queueOf({ database, chain, key, clock, logger }: OpenSettler, keeper: KeeperOptions): TxQueue {
  return createTxQueue({
    db: database.db,
    provider: chain.provider,
    wallet: key,
    chainId: chain.deployment.chainId,
    clock,
    logger,
    confirmations: keeper.confirmations ?? 1,
    ...(keeper.signal ? { signal: keeper.signal } : {}),
  });
}

/** What one pass over the claims needs. */
export function answerDeps(open: OpenSettler, keeper: KeeperOptions): AnswerDeps {
  const { chain, settler, database, proofs, logger } = open;
  const context = { database, settler, proofOf: proofs.batchProof };
  return {
    chain,
    settler,
    logger,
    queue: queueOf(open, keeper),
    proofOf: (reservation, debitedNano) => debitProof(context, reservation, debitedNano),
    openingOf: (sequence) => proofs.sequenceProof(settler, sequence),
  };
}

/** What one settle pass needs. */
export function settleDeps(open: OpenSettler, keeper: KeeperOptions): SettleDeps {
  const { chain, view, settler, policy, database, blobs, proofs, verifiers, logger, clock, identity } = open;
  return {
    chain,
    view,
    settler,
    identity,
    blobs,
    logger,
    batches: createBatchStore(database),
    verifierUrls: verifiers.map(({ url }) => url),
    quorum: open.policyRecord.quorum,
    queue: queueOf(open, keeper),
    plan: () =>
      planBatch({
        database,
        // Money is planned on what the chain says now.
        view: createChainView({ contracts: chain.contracts, clock, freshMs: 0, maxStaleMs: 0 }),
        domain: chain.domain,
        settler,
        policy,
        deadlineSeconds: keeper.deadlineSeconds,
        limits: keeper.limits ?? DEFAULT_LIMITS,
        proofOf: (row) => proofs.batchProof(row),
        leavesOf: open.leavesOf,
      }),
  };
}

/** Serves agents, and settles in the same process when a keeper is given. */
export async function startSettler(role: SettlerRole): Promise<HttpServer & { open: OpenSettler }> {
  const open = await openSettlerBase(role);
  const { chain, settler, logger, clock, database } = open;
  const clients = role.verifiers.map((verifier) => createVerifierClient(verifier, open.identity));
  const workers = createWorkerPool({ urls: role.workerUrls, clock, logger });
  const { settleInSeconds } = role;
  const signer = createReceiptSigner({ ...open, domain: chain.domain, verifiers: clients, settleInSeconds });
  await workers.refresh();
  // Nobody else writes to an embedded database, so whatever is open was left behind.
  await recover(open, signer, database.backend === "pglite" ? clock() : clock() - ABANDONED_AFTER_MS);
  const batches = createBatchStore(database);
  const shared = { domain: chain.domain, workers, signer, batches, settleInSeconds };
  const app = createGateway({ ...open, ...shared, ...timeoutOf(role) });
  const server = await serveApp(app, role);
  const timer = setInterval(() => {
    void workers.refresh();
    void recover(open, signer, clock() - ABANDONED_AFTER_MS);
  }, REFRESH_MS);
  const stopKeeper = role.keeper ? await runKeeper(open, role.keeper) : async () => undefined;
  logger.info({ settler, url: server.url, database: database.backend }, "gateway.started");
  return {
    url: server.url,
    open,
    async close(graceMs) {
      clearInterval(timer);
      await server.close(graceMs);
      await stopKeeper();
      await database.close();
    },
  };
}

function timeoutOf({ requestTimeoutMs }: SettlerRole) {
  return requestTimeoutMs === undefined ? {} : { requestTimeoutMs };
}

async function recover({ logger }: OpenSettler, signer: ReturnType<typeof createReceiptSigner>, beforeMs: number) {
  await signer.recover(beforeMs).catch((error: unknown) => {
    logger.warn({ reason: errorMessage(error) }, "gateway.recover_failed");
  });
}

/** Settles whenever a job says that something is due, and answers claims. */
async function runKeeper(open: OpenSettler, keeper: KeeperOptions): Promise<() => Promise<void>> {
  const { database, logger, settler } = open;
  const stop = new AbortController();
  const deps = settleDeps(open, { ...keeper, signal: stop.signal });
  await database.jobs.work(SETTLE_QUEUE, { pollingIntervalSeconds: 1 }, async () => {
    await settleAll(deps).catch(async (error: unknown) => {
      const code = error instanceof BaseError ? error.code : "unknown";
      logger.warn({ settler, code, reason: errorMessage(error) }, "settle.failed");
      if (stop.signal.aborted) return;
      // What is due stays due.
      await database.jobs.send(SETTLE_QUEUE, { settler }, { singletonKey: String(settler), startAfter: 2 });
    });
  });
  const answers = answerDeps(open, { ...keeper, signal: stop.signal });
  let answering: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    answering ??= answerOnce(answers)
      .catch((error: unknown) => logger.warn({ settler, reason: errorMessage(error) }, "answer.failed"))
      .finally(() => {
        answering = undefined;
      });
  }, ANSWER_MS);
  return async () => {
    stop.abort();
    clearInterval(timer);
    await answering;
    await database.jobs.offWork(SETTLE_QUEUE);
  };
}

/** Passes until there is nothing more to settle. */
export async function settleAll(deps: SettleDeps) {
  const outcomes: Awaited<ReturnType<typeof settleOnce>>[] = [];
  for (;;) {
    const outcome = await settleOnce(deps).catch((error: unknown) => {
      throw databaseError(error);
    });
    outcomes.push(outcome);
    if (outcome.outcome !== "committed") return outcomes;
  }
}
