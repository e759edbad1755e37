import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";
import { createProvider } from "../core/chain/open.ts";
import { systemClock } from "../core/clock.ts";
import { openDatabase } from "../core/db/open.ts";
import type { Logger } from "../core/logger.ts";
import { createTxQueue } from "../core/txQueue.ts";
import { type Config, required } from "./config.ts";

/**
 * The queue of OPG_KEY, which outlives a killed process: what was signed is sent again and never doubled. `name` is that of
 * its folder in DATA_DIR.
 */
export async function openKeyQueue(
  config: Config,
  name: string,
  rpcUrl: string,
  chainId: number,
  logger: Logger,
  signal?: AbortSignal,
) {
  const key = required(config, "OPG_KEY");
  const database = await openDatabase({
    url: config.DATABASE_URL,
    directory: join(config.DATA_DIR, name),
    migrations: fileURLToPath(new URL("../settler/migrations", import.meta.url)),
    queues: [],
    logger,
  });
  const provider = createProvider(rpcUrl, chainId, config.RPC_TIMEOUT_MS);
  const queue = createTxQueue({
    db: database.db,
    provider,
    wallet: new Wallet(key, provider),
    chainId,
    clock: systemClock,
    logger,
    confirmations: config.CONFIRMATIONS,
    ...(signal ? { signal } : {}),
  });
  return {
    queue,
    async close(): Promise<void> {
      await database.close();
      provider.destroy();
    },
  };
}
