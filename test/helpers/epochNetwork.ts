import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keccak256, Wallet } from "ethers";
import { Hono } from "hono";
import { vestingOf } from "../../deploy/deploy.ts";
import { localAccount } from "../../src/cli/demo/chain.ts";
import { startVerifier } from "../../src/cli/roles/verifier.ts";
import { type Deployment, deploymentSchema } from "../../src/core/chain/deployment.ts";
import { mined } from "../../src/core/chain/events.ts";
import { type Chain, openChain } from "../../src/core/chain/open.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { type HttpServer, serveApp } from "../../src/core/http/serve.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { toJson } from "../../src/core/protocol/json.ts";
import { walletOf } from "./economy.ts";
import { type EpochChain, openEpochChain } from "./epochChain.ts";
import type { Environment } from "./roles.ts";

/** An epoch chain behind JSON-RPC on loopback, three verifiers that sign roots, and a server with the published files. */
export async function openEpochNetwork() {
  const world = await openEpochChain();
  const rpc = await serveApp(rpcApp(world));
  const data = await serveApp(dataApp(world));
  const deployment = await fullDeployment(world);
  const chain = await openChain(deployment, rpc.url);
  const verifiers: HttpServer[] = [];
  for (const [i, { node }] of world.verifiers.entries()) {
    // The first one's operator posts.
    if (i > 0) verifiers.push(await startRootVerifier(world, chain, rpc.url, data.url, node, i));
  }
  const path = join(world.directory, "deployment.json");
  await writeFile(path, JSON.stringify(toJson(deployment)));
  const environment: Environment = {
    OPG_DEPLOYMENT: path,
    RPC_URL: rpc.url,
    DATA_URLS: [data.url, ...verifiers.map(({ url }) => url)].join(","),
    VERIFIER_URLS: verifiers.map(({ url }, i) => `${world.verifiers[i + 1]?.node}=${url}`).join(","),
  };
  return {
    ...world,
    chain,
    rpc,
    environment,
    rootVerifiers: verifiers,
    /** The key of an account of the chain. */
    keyOf: (index: number) => localAccount(chain, index).privateKey,
    async close() {
      for (const server of verifiers) await server.close(100);
      chain.provider.destroy();
      await Promise.all([rpc.close(100), data.close(100)]);
      await world.close();
    },
  };
}

export type EpochNetwork = Awaited<ReturnType<typeof openEpochNetwork>>;

async function startRootVerifier(
  { directory, signers }: EpochChain,
  chain: Chain,
  rpcUrl: string,
  dataUrl: string,
  node: number,
  index: number,
): Promise<HttpServer> {
  const nodeKey = new Wallet(walletOf(`verifier node ${index}`).privateKey);
  const [bank] = signers as [(typeof signers)[0]];
  await mined(bank.sendTransaction({ to: nodeKey.address, value: 10n ** 18n }) as never);
  return startVerifier({
    chain,
    node,
    nodeKey,
    directory: join(directory, `verifier-${node}`),
    models: [],
    settleLag: 600,
    roots: { rpcUrl, rpcTimeoutMs: 10_000, confirmations: 1, dataUrls: [dataUrl] },
    logger: silentLogger,
  });
}

type Call = { id: unknown; method: string; params?: unknown[] };

function rpcApp({ ethers }: EpochChain): Hono {
  const app = new Hono();
  const one = async ({ id, method, params = [] }: Call) => {
    try {
      return { jsonrpc: "2.0", id, result: await ethers.provider.send(method, params) };
    } catch (error) {
      const { message, data, code } = error as { message: string; data?: unknown; code?: number };
      return { jsonrpc: "2.0", id, error: { code: Number(code) || -32000, message, data } };
    }
  };
  app.post("/", async (c) => {
    const body = (await c.req.json()) as Call | Call[];
    return c.json((Array.isArray(body) ? await Promise.all(body.map(one)) : await one(body)) as object);
  });
  return app;
}

function dataApp({ published }: EpochChain): Hono {
  const app = new Hono();
  app.get("/v1/data/:sha256", async (c) => {
    const bytes = await published.get(fromHex(`0x${c.req.param("sha256")}`, 32));
    return bytes ? c.body(new Uint8Array(bytes).buffer) : c.notFound();
  });
  return app;
}

async function fullDeployment({ contracts, ethers, plan, parameters }: EpochChain): Promise<Deployment> {
  const { vestVault } = contracts;
  const addresses = Object.entries(contracts).map(([name, { target }]) => [name, String(target)] as const);
  const all = [...addresses, ["vestBook", await vestVault.book()] as const];
  const named = await Promise.all(
    all.map(async ([name, address]) => {
      const codeHash = keccak256(await ethers.provider.getCode(address));
      return [name, { address, codeHash }] as const;
    }),
  );
  return deploymentSchema.parse({
    network: "local",
    chainId: 31337,
    genesis: (await ethers.provider.getBlock(0))?.hash,
    block: 0,
    commit: "test",
    contracts: Object.fromEntries(named),
    vesting: vestingOf("local", plan),
    parameters: toJson(parameters),
  });
}
