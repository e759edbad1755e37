import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";
import { localAccount } from "../../src/cli/demo/chain.ts";
import { fund } from "../../src/cli/demo/network.ts";
import { createChainView } from "../../src/core/chain/view.ts";
import { systemClock } from "../../src/core/clock.ts";
import { openDatabase } from "../../src/core/db/open.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { createTxQueue } from "../../src/core/txQueue.ts";
import { NANO_PER_OPG } from "../../src/core/units.ts";
import type { WatchOutcome } from "../../src/keepers/watch/act.ts";
import type { WatchSettings } from "../../src/keepers/watch/settler.ts";
import { createWatch } from "../../src/keepers/watch.ts";
import { openReceiptLog } from "../../src/sdk/receiptLog.ts";
import type { Session, SessionOptions } from "../../src/sdk/session.ts";
import { openPayer, type Payer, sessionOf, type TestNetwork } from "./network.ts";

export const PATIENCE = 120;

const SETTINGS: WatchSettings = {
  patienceSeconds: BigInt(PATIENCE),
  minNano: 0n,
  maxBonds: 10,
  maxLost: 3,
  dataUrls: [],
};

export type Watcher = {
  wallet: Wallet;
  pass(): Promise<WatchOutcome[]>;
  /** What the passes came to: kinds with their outcomes, those of approvals left out. */
  said(): Promise<string[]>;
  /** As after a kill: nothing is remembered but what is in the database and on the chain. */
  restart(): void;
  close(): Promise<void>;
};

/** A new folder for receipt logs. */
export const newLogDirectory = ({ directory }: TestNetwork) => join(directory, `logs-${randomUUID()}`);

/** An account with coins and bonds, and a keeper that watches with it. */
export async function openWatcher(
  test: TestNetwork,
  logDirectory: string,
  { settings = {}, dryRun = false }: { settings?: Partial<WatchSettings>; dryRun?: boolean } = {},
): Promise<Watcher> {
  const { chain } = test;
  const wallet = new Wallet(Wallet.createRandom().privateKey, chain.provider);
  await (await localAccount(chain, 0).sendTransaction({ to: wallet.address, value: 10n ** 19n })).wait();
  await fund(chain, wallet.address, 20n * NANO_PER_OPG);
  const database = await openDatabase({
    migrations: fileURLToPath(new URL("../../src/settler/migrations", import.meta.url)),
    queues: [],
    logger: silentLogger,
  });
  const open = () => {
    const queue = createTxQueue({
      db: database.db,
      provider: chain.provider,
      wallet,
      chainId: chain.deployment.chainId,
      clock: systemClock,
      logger: silentLogger,
    });
    return createWatch({
      chain,
      view: createChainView({ contracts: chain.contracts, clock: systemClock }),
      logDirectory,
      ...(dryRun ? {} : { queue }),
      account: wallet.address,
      settings: { ...SETTINGS, ...settings },
      clock: systemClock,
      logger: silentLogger,
    });
  };
  let watch = open();
  // The database opens in one long step, after which connections that ended meanwhile are still to be noticed.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    wallet,
    pass: () => watch.pass(),
    async said() {
      const outcomes = await watch.pass();
      return outcomes.filter(({ what }) => what !== "approve").map(({ what, outcome }) => `${what} ${outcome}`);
    },
    restart() {
      watch = open();
    },
    close: () => database.close(),
  };
}

/** A new payer and its session, which keeps a log. */
export async function openLogged(
  test: TestNetwork,
  directory: string,
  life?: AbortSignal,
): Promise<{ payer: Payer; session: Session }> {
  const payer = await openPayer(test);
  return { payer, session: await logged(test, payer, directory, {}, life) };
}

/** Another session of a payer, on the same log. Once `life` is over it goes no step further, as a process that is killed. */
export async function logged(
  test: TestNetwork,
  payer: Payer,
  directory: string,
  options: Partial<SessionOptions> = {},
  life = new AbortController().signal,
): Promise<Session> {
  const { gatewayUrl = test.net.gatewayUrl } = options;
  const { domain } = test.chain;
  const log = await openReceiptLog({ directory, domain, reservation: payer.reservation, gatewayUrl });
  const living = async (write: () => Promise<void>): Promise<void> => {
    if (!life.aborted) await write();
    if (life.aborted) await new Promise(() => undefined);
  };
  return sessionOf(test, payer, {
    ...options,
    log: {
      requested: (payment) => living(() => log.requested(payment)),
      received: (handed, refused) => living(() => log.received(handed, refused)),
      read: log.read,
    },
  });
}
