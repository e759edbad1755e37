import type { Chain } from "../../core/chain/open.ts";
import { createChainView } from "../../core/chain/view.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { type HttpServer, serveApp } from "../../core/http/serve.ts";
import type { Logger } from "../../core/logger.ts";
import { loadModels } from "../../worker/loadModels.ts";
import { createWorker } from "../../worker/worker.ts";

export type WorkerRole = {
  chain: Chain;
  node: number;
  key: Uint8Array;
  /** Model folders to serve. */
  models: readonly string[];
  logger: Logger;
  clock?: Clock;
  host?: string;
  port?: number;
};

/** Checks and loads the models, then serves them. */
export async function startWorker(role: WorkerRole): Promise<HttpServer> {
  const { chain, clock = systemClock, logger } = role;
  const models = await loadModels(chain.contracts, role.models);
  const view = createChainView({ contracts: chain.contracts, clock });
  const stakeNano = () => view.stakeOfNode(role.node);
  const app = createWorker({ ...role, domain: chain.domain, models, clock, stakeNano });
  const server = await serveApp(app, role);
  logger.info({ node: role.node, url: server.url, models: models.map(({ name }) => name) }, "worker.started");
  return {
    url: server.url,
    async close(graceMs) {
      await server.close(graceMs);
      await Promise.all(models.map(({ driver }) => driver.close()));
    },
  };
}
