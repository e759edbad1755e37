import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Chain } from "../core/chain/open.ts";
import type { ChainView } from "../core/chain/view.ts";
import type { Clock } from "../core/clock.ts";
import { errorMessage } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { TxQueue } from "../core/txQueue.ts";
import { openLogReader } from "../sdk/readReceiptLog.ts";
import { logRoot, openReceiptLog, readHeader } from "../sdk/receiptLog.ts";
import type { WatchOutcome } from "./watch/act.ts";
import type { History } from "./watch/history.ts";
import { pruneLog } from "./watch/prune.ts";
import { createSettlerWatch, type WatchedLog, type WatchSettings } from "./watch/settler.ts";

export type WatchDeps = {
  chain: Chain;
  view: ChainView;
  /** Where sessions keep their receipt logs. */
  logDirectory: string;
  /** Absent when nothing may be sent. */
  queue?: TxQueue | undefined;
  /** That pays gas and bonds. */
  account: string;
  settings: WatchSettings;
  clock: Clock;
  logger: Logger;
};

export type Watch = { pass(): Promise<WatchOutcome[]> };

/**
 * Watches settlers for a payer: compares what they committed with the receipt logs, claims what is wrong and ends what was
 * claimed. What is on the chain decides, so it goes on after a kill, and does nothing twice beside another one.
 */
export function createWatch(deps: WatchDeps): Watch {
  const watches = new Map<number, ReturnType<typeof createSettlerWatch>>();
  const logs = new Map<string, WatchedLog>();

  return {
    async pass() {
      for (const folder of await foldersIn(logRoot(deps.logDirectory, deps.chain.domain))) {
        if (!logs.has(folder)) logs.set(folder, await openLog(deps, folder));
      }
      const outcomes: WatchOutcome[] = [];
      const settlers = new Set([...logs.values()].map(({ header }) => header.settler));
      for (const settler of settlers) {
        const watch = watches.get(settler) ?? createSettlerWatch({ ...deps, settler });
        watches.set(settler, watch);
        const mine = [...logs.values()].filter(({ header }) => header.settler === settler);
        try {
          const passed = await watch.pass(mine);
          outcomes.push(...passed.outcomes);
          if (deps.queue) for (const log of mine) await prune(deps, log, passed.history);
        } catch (error) {
          // One settler's gateway or folder must not keep the others from being watched.
          if (settlers.size === 1) throw error;
          deps.logger.error({ settler, reason: errorMessage(error) }, "watch.settler_failed");
        }
      }
      return outcomes;
    },
  };
}

async function openLog({ chain, logDirectory, clock }: WatchDeps, folder: string): Promise<WatchedLog> {
  const header = await readHeader(folder);
  const log = await openReceiptLog({
    directory: logDirectory,
    domain: chain.domain,
    reservation: header,
    gatewayUrl: header.gatewayUrl,
    clock,
  });
  return { folder, header, reader: openLogReader(folder, header), log };
}

async function prune({ chain, clock, logger }: WatchDeps, { folder, header, reader }: WatchedLog, history: History) {
  const { court, settlement } = chain.contracts;
  const horizon = (await court.claimHorizon()) + (await court.penaltyDelay());
  const open = [...history.batches.values()].find(({ commitment }) => commitment.committedAt + horizon >= history.now);
  const { nextSequence } = await settlement.getSettler(header.settler, { blockTag: history.block });
  const bounds = {
    finalBelow: open?.body.firstSequence ?? nextSequence,
    lostBefore: history.now - horizon,
    nowMs: clock(),
  };
  const dropped = await pruneLog(folder, reader, await reader.read(), bounds);
  if (dropped.length > 0) logger.info({ folder, files: dropped.length }, "watch.pruned");
}

async function foldersIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name));
}
