import { ZeroAddress } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { createChainView } from "../../core/chain/view.ts";
import { systemClock } from "../../core/clock.ts";
import { errorMessage, InputError } from "../../core/errors.ts";
import { createLogger, type Logger } from "../../core/logger.ts";
import { type Answer, answerOnce } from "../../keepers/answer.ts";
import { type CompoundOutcome, compoundOnce } from "../../keepers/rewards/compound.ts";
import { type EpochOutcome, epochOnce } from "../../keepers/rewards/epoch.ts";
import { type RootOutcome, watchOnce } from "../../keepers/rewards/watch.ts";
import type { SettleOutcome } from "../../keepers/settle.ts";
import { createStandIn } from "../../keepers/standIn.ts";
import { claimDue, type VestingClaim } from "../../keepers/vesting.ts";
import type { WatchOutcome } from "../../keepers/watch/act.ts";
import type { WatchSettings } from "../../keepers/watch/settler.ts";
import { createWatch } from "../../keepers/watch.ts";
import { type Config, openConfigured, readEnvironment, receiptLogsOf, required } from "../config.ts";
import { openKeyQueue } from "../keyQueue.ts";
import { type OpenRewards, openRewards, posterOf } from "../rewards/open.ts";
import { answerDeps, openSettlerBase, settleAll, settleDeps } from "../roles/settler.ts";
import { defaultsOf, openOnChain } from "../vesting/source.ts";
import { keeperOf, settlerBase } from "./up.ts";

export type KeeperRun = { once: boolean; dryRun: boolean; intervalSeconds: number };

export type Outcomes =
  | SettleOutcome[]
  | Answer[]
  | VestingClaim[]
  | WatchOutcome[]
  | EpochOutcome[]
  | RootOutcome[]
  | CompoundOutcome[];

type Opening = { config: Config; logger: Logger; dryRun: boolean; signal: AbortSignal };
/** What a keeper holds open between its passes. */
type Keeper = { pass(): Promise<Outcomes>; close(): Promise<void> };

const KEEPERS: Record<string, (opening: Opening) => Promise<Keeper>> = {
  settle: openSettlerKeeper((open, { config, dryRun, signal }) =>
    settleAll({ ...settleDeps(open, { ...keeperOf(config), signal }), dryRun }),
  ),
  answer: openSettlerKeeper((open, { config, dryRun, signal }) =>
    answerOnce({ ...answerDeps(open, { ...keeperOf(config), signal }), dryRun }),
  ),
  vesting: openVestingKeeper,
  watch: openWatchKeeper,
  "stand-in": openStandInKeeper,
  epoch: openRewardsKeeper(async (open) => {
    const poster = await posterOf(open);
    return () => epochOnce(poster);
  }),
  "rewards-watch": openRewardsKeeper(async (open) => async () => [await watchOnce(open)]),
  compound: openRewardsKeeper(async (open) => () => compoundOnce(open, open.config.COMPOUND_LEAST_NANO)),
};

/** Runs a keeper: one pass, or passes until it is told to stop. */
export async function runKeeper(
  name: string,
  { once, dryRun, intervalSeconds }: KeeperRun,
  report: (outcomes: Outcomes) => void,
) {
  const openKeeper = Object.hasOwn(KEEPERS, name) ? KEEPERS[name] : undefined;
  if (!openKeeper) {
    throw new InputError("There is no such keeper", {
      code: "bad_keeper",
      facts: { name, known: Object.keys(KEEPERS).join(", ") },
    });
  }
  const logger = createLogger();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const keeper = await openKeeper({ config: readEnvironment(), logger, dryRun, signal: stop.signal });
  try {
    do {
      try {
        report(await keeper.pass());
      } catch (error) {
        if (once) throw error;
        logger.warn({ keeper: name, reason: errorMessage(error) }, "keeper.failed");
      }
      if (!once && !stop.signal.aborted) await pause(intervalSeconds * 1000, stop.signal);
    } while (!once && !stop.signal.aborted);
  } finally {
    await keeper.close();
  }
}

type OpenBase = Awaited<ReturnType<typeof openSettlerBase>>;

function openSettlerKeeper(pass: (open: OpenBase, opening: Opening) => Promise<Outcomes>) {
  return async (opening: Opening): Promise<Keeper> => {
    const { config, logger } = opening;
    const chain = await openConfigured(config);
    const open = await openSettlerBase({ ...settlerBase(config), chain, logger });
    return {
      pass: () => pass(open, opening),
      async close() {
        await open.database.close();
        chain.provider.destroy();
      },
    };
  };
}

/** Its own key's queue outlives a killed process: what was signed is sent again and never doubled. */
function openRewardsKeeper(pass: (open: OpenRewards) => Promise<() => Promise<Outcomes>>) {
  return async ({ config, logger, dryRun, signal }: Opening): Promise<Keeper> => {
    const open = await openRewards({}, { config, logger, signal, send: !dryRun });
    try {
      return { pass: await pass(open), close: open.close };
    } catch (error) {
      await open.close();
      throw error;
    }
  };
}

async function openVestingKeeper({ config, logger, dryRun, signal }: Opening): Promise<Keeper> {
  const open = async () => (await openOnChain({}, defaultsOf(config))).vault;
  const sender = dryRun
    ? undefined
    : await openKeyQueue(config, "vesting", config.RPC_URL, (await open()).chainId, logger, signal);
  const { VESTING_GRANTS: grants, VESTING_GAS_CAP: gasCap } = config;
  return {
    pass: () => claimDue({ open, queue: sender?.queue, grants, gasCap, logger }),
    async close() {
      await sender?.close();
    },
  };
}

async function openWatchKeeper({ config, logger, dryRun, signal }: Opening): Promise<Keeper> {
  const chain = await openConfigured(config);
  const { chainId } = chain.deployment;
  const sender = dryRun ? undefined : await openKeyQueue(config, "watch", config.RPC_URL, chainId, logger, signal);
  const watch = createWatch({
    chain,
    view: createChainView({ contracts: chain.contracts, clock: systemClock }),
    logDirectory: receiptLogsOf(config),
    queue: sender?.queue,
    account: sender?.queue.signer ?? ZeroAddress,
    settings: await watchSettings(config, chain),
    clock: systemClock,
    logger,
  });
  return {
    pass: () => watch.pass(),
    async close() {
      await sender?.close();
      chain.provider.destroy();
    },
  };
}

async function openStandInKeeper({ config, logger, dryRun, signal }: Opening): Promise<Keeper> {
  const chain = await openConfigured(config);
  const node = await chain.contracts.nodeRegistry.getNode(required(config, "VERIFIER_NODE"));
  const sender = await openKeyQueue(config, "stand-in", config.RPC_URL, chain.deployment.chainId, logger, signal);
  const standIn = createStandIn({
    chain,
    operator: Number(node.operator),
    dataUrls: [`http://${config.HOST}:${config.VERIFIER_PORT}`, ...config.WATCH_DATA_URLS],
    queue: sender.queue,
    logger,
    dryRun,
  });
  return {
    pass: () => standIn.pass(),
    async close() {
      await sender.close();
      chain.provider.destroy();
    },
  };
}

/** A settler that is honest and reachable explains itself at once; a quarter of the horizon leaves time for the others. */
async function watchSettings(config: Config, { contracts }: Chain): Promise<WatchSettings> {
  const patience = config.WATCH_PATIENCE_SECONDS;
  return {
    patienceSeconds: patience === undefined ? (await contracts.court.claimHorizon()) / 4n : BigInt(patience),
    minNano: config.WATCH_MIN_NANO,
    weiPerOpg: config.WATCH_WEI_PER_OPG,
    maxBonds: config.WATCH_MAX_BONDS,
    maxLost: config.WATCH_MAX_LOST,
    dataUrls: config.WATCH_DATA_URLS,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
