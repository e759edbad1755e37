import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JsonRpcProvider } from "ethers";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const JOURNALS = join(ROOT, "deploy/deployments");

export type DeployRun = {
  process: ChildProcess;
  /** Once the process is gone: its exit code (null when it was killed) and what it wrote. */
  done: Promise<{ code: number | null; out: string; log: string }>;
};

export type DeployFolder = {
  /** Files of a deployment are written below it. */
  path: string;
  /** Starts the real `hardhat deploy`. */
  start(network: string, env: Record<string, string>, args?: string[]): DeployRun;
  /** What Ignition notes of a phase of a chain's deployment, the second one unless named; one JSON message a line. */
  journalOf(chain: { chainId: number; genesis: string }, phase?: "launch" | "protocol"): string;
  /** Removes the folder and the journals of the chains that were deployed to. */
  remove(): Promise<void>;
};

/** A temporary folder to deploy from. Ignition's journals stand beside the modules: those of this folder's chains are removed. */
export async function openDeployFolder(): Promise<DeployFolder> {
  const path = await mkdtemp(join(tmpdir(), "opg-deploy-"));
  const chains: Promise<string | undefined>[] = [];
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(HARDHAT|IGNITION|ETHERSCAN|DEPLOYER)|_RPC_URL$/.test(name),
  );
  return {
    path,
    start(network, env, args = []) {
      for (const [name, value] of Object.entries(env)) if (name.endsWith("_RPC_URL")) chains.push(journalName(value));
      const command = ["--config", join(ROOT, "hardhat.config.ts"), "deploy", "--network", network, "--json", ...args];
      const child = spawn(process.execPath, [join(ROOT, "node_modules/hardhat/dist/src/cli.js"), ...command], {
        cwd: path,
        env: { ...Object.fromEntries(inherited), ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [out, log] = ["", ""];
      child.stdout.on("data", (piece: Buffer) => {
        out += piece;
      });
      child.stderr.on("data", (piece: Buffer) => {
        log += piece;
      });
      return { process: child, done: once(child, "close").then(([code]) => ({ code, out, log })) };
    },
    journalOf: (chain, phase) =>
      join(JOURNALS, `${nameOf(chain)}${phase === "launch" ? "-launch" : ""}`, "journal.jsonl"),
    async remove() {
      const journals = (await Promise.all(chains)).flatMap((name) =>
        name ? [join(JOURNALS, name), join(JOURNALS, `${name}-launch`)] : [],
      );
      for (const folder of [path, ...journals]) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As the deploy task names it; undefined when no chain answers. */
async function journalName(rpcUrl: string): Promise<string | undefined> {
  const rpc = async (method: string, ...params: unknown[]) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(rpcUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
    return ((await answer.json()) as { result: unknown }).result;
  };
  try {
    const chainId = Number(await rpc("eth_chainId"));
    const { hash } = (await rpc("eth_getBlockByNumber", "0x0", false)) as { hash: string };
    return nameOf({ chainId, genesis: hash });
  } catch {
    return undefined;
  }
}

const nameOf = ({ chainId, genesis }: { chainId: number; genesis: string }) =>
  `chain-${chainId}-${genesis.slice(2, 10)}`;

/** Asks a chain once, and lets go of it. */
export async function ask<T>(rpcUrl: string, question: (provider: JsonRpcProvider) => Promise<T>): Promise<T> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { cacheTimeout: -1 });
  try {
    return await question(provider);
  } finally {
    provider.destroy();
  }
}
