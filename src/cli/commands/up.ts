import { join } from "node:path";
import { Wallet } from "ethers";
import { InputError } from "../../core/errors.ts";
import { fromHex } from "../../core/hashing/hex.ts";
import type { HttpServer } from "../../core/http/serve.ts";
import { createLogger } from "../../core/logger.ts";
import type { VerifierEndpoint } from "../../gateway/verifiers.ts";
import { type Config, openConfigured, readEnvironment, required } from "../config.ts";
import type { Role } from "../roles/names.ts";
import { startSettler } from "../roles/settler.ts";
import { startVerifier } from "../roles/verifier.ts";
import { startWorker } from "../roles/worker.ts";

/** Runs roles in this process until it is told to stop. The role `keeper` settles inside the settler's process. */
export async function up(roles: readonly Role[], onReady: (urls: Record<string, string>) => void): Promise<void> {
  const config = readEnvironment();
  const logger = createLogger();
  const chain = await openConfigured(config);
  const servers: [string, HttpServer][] = [];
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
  });
  try {
    const host = config.HOST;
    if (roles.includes("worker")) {
      const node = required(config, "WORKER_NODE");
      const key = fromHex(required(config, "WORKER_KEY"), 32);
      const server = await startWorker({
        chain,
        node,
        key,
        models: config.WORKER_MODELS,
        logger,
        host,
        port: config.WORKER_PORT,
      });
      servers.push(["worker", server]);
    }
    if (roles.includes("verifier")) {
      const node = required(config, "VERIFIER_NODE");
      const server = await startVerifier({
        chain,
        node,
        nodeKey: new Wallet(required(config, "VERIFIER_KEY")),
        directory: join(config.DATA_DIR, `verifier-${node}`),
        models: config.VERIFIER_MODELS,
        settleLag: settleLagOf(chain.deployment.parameters),
        roots: {
          rpcUrl: config.RPC_URL,
          rpcTimeoutMs: config.RPC_TIMEOUT_MS,
          confirmations: config.CONFIRMATIONS,
          dataUrls: config.DATA_URLS,
        },
        logger,
        host,
        port: config.VERIFIER_PORT,
      });
      servers.push(["verifier", server]);
    }
    if (roles.includes("settler")) {
      const base = settlerBase(config);
      const keeper = roles.includes("keeper") ? { keeper: keeperOf(config) } : {};
      const options = {
        workerUrls: config.WORKER_URLS,
        settleInSeconds: config.SETTLE_AFTER_SECONDS,
        host,
        port: config.GATEWAY_PORT,
      };
      servers.push(["gateway", await startSettler({ ...base, ...options, ...keeper, chain, logger })]);
    } else if (roles.includes("keeper")) {
      throw new InputError("The role keeper runs inside the settler's process", {
        code: "bad_roles",
        hint: "Use --roles settler,keeper, or `opg keeper run settle` for a process of its own",
      });
    }
    onReady(Object.fromEntries(servers.map(([name, { url }]) => [name, url])));
    const signal = await stopped;
    logger.info({ signal }, "up.stopping");
  } finally {
    for (const [, server] of servers.reverse()) await server.close();
    chain.provider.destroy();
  }
}

/** What gateway and keeper of a settler share. */
export function settlerBase(config: Config) {
  return {
    settler: required(config, "SETTLER"),
    policy: config.POLICY,
    key: new Wallet(required(config, "SETTLER_KEY")),
    verifiers: config.VERIFIER_URLS.map(verifierEndpoint),
    directory: join(config.DATA_DIR, `settler-${required(config, "SETTLER")}`),
    databaseUrl: config.DATABASE_URL,
  };
}

export function keeperOf(config: Config) {
  return {
    settleInSeconds: config.SETTLE_AFTER_SECONDS,
    deadlineSeconds: config.BATCH_DEADLINE_SECONDS,
    confirmations: config.CONFIRMATIONS,
  };
}

function verifierEndpoint(entry: string): VerifierEndpoint {
  const match = /^(\d+)=(https?:\/\/.+)$/.exec(entry);
  if (match) return { node: Number(match[1]), url: (match[2] as string).replace(/\/$/, "") };
  throw new InputError("VERIFIER_URLS is malformed", {
    code: "bad_config",
    facts: { entry },
    hint: "Write node=URL pairs with commas between: 3=http://127.0.0.1:8402",
  });
}

function settleLagOf(parameters: Record<string, unknown>): number {
  return (parameters.times as { settleLag: number }).settleLag;
}
