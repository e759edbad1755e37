import { errorMessage, InputError } from "../../core/errors.ts";
import { createLogger } from "../../core/logger.ts";
import { type Answer, answerOnce } from "../../keepers/answer.ts";
import type { SettleOutcome } from "../../keepers/settle.ts";
import { openConfigured, readEnvironment } from "../config.ts";
import { answerDeps, openSettlerBase, settleAll, settleDeps } from "../roles/settler.ts";
import { keeperOf, settlerBase } from "./up.ts";

export type KeeperRun = { once: boolean; dryRun: boolean; intervalSeconds: number };

/** Runs a keeper: one pass, or passes until it is told to stop. */
export async function runKeeper(
  name: string,
  { once, dryRun, intervalSeconds }: KeeperRun,
  report: (outcomes: SettleOutcome[] | Answer[]) => void,
) {
  if (name !== "settle" && name !== "answer") {
    throw new InputError("There is no such keeper", { code: "bad_keeper", facts: { name, known: "settle, answer" } });
  }
  const config = readEnvironment();
  const logger = createLogger();
  const chain = await openConfigured(config);
  const open = await openSettlerBase({ ...settlerBase(config), chain, logger });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const options = { ...keeperOf(config), signal: stop.signal };
  const pass =
    name === "settle"
      ? () => settleAll({ ...settleDeps(open, options), dryRun })
      : () => answerOnce({ ...answerDeps(open, options), dryRun });
  try {
    do {
      try {
        report(await pass());
      } catch (error) {
        if (once) throw error;
        logger.warn({ keeper: name, reason: errorMessage(error) }, "keeper.failed");
      }
      if (!once && !stop.signal.aborted) await pause(intervalSeconds * 1000, stop.signal);
    } while (!once && !stop.signal.aborted);
  } finally {
    await open.database.close();
    chain.provider.destroy();
  }
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
