import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { HDNodeWallet } from "ethers";
import { type Deployment, deploymentSchema } from "../../core/chain/deployment.ts";
import { type Chain, openChain } from "../../core/chain/open.ts";
import { BaseError } from "../../core/errors.ts";
import { freePort } from "../../core/http/freePort.ts";

const HARDHAT = fileURLToPath(new URL("../../../node_modules/hardhat/dist/src/cli.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The accounts that a Hardhat node starts with. */
const MNEMONIC = "test test test test test test test test test test test junk";

export type LocalChain = { rpcUrl: string; stop(): Promise<void> };

/** Starts a Hardhat node on a free port of this machine, with a clock that begins at `start`. */
export async function startLocalChain(start = new Date()): Promise<LocalChain> {
  const port = await freePort();
  const rpcUrl = `http://127.0.0.1:${port}`;
  // Started without npx, which would not pass a signal on.
  const node = spawn(process.execPath, [HARDHAT, "node", "--hostname", "127.0.0.1", "--port", String(port)], {
    cwd: ROOT,
    env: { ...process.env, LOCAL_CHAIN_START: start.toISOString() },
    stdio: "ignore",
  });
  const stop = () => end(node);
  try {
    await answers(rpcUrl, node);
  } catch (error) {
    await stop();
    throw error;
  }
  return { rpcUrl, stop };
}

/** Runs `hardhat deploy --network local` against a chain and opens what it deployed. */
export async function deployTo(rpcUrl: string): Promise<Chain> {
  const deploy = spawn(process.execPath, [HARDHAT, "deploy", "--network", "local", "--json"], {
    cwd: ROOT,
    env: { ...process.env, LOCAL_RPC_URL: rpcUrl },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let log = "";
  deploy.stdout.on("data", (piece: Buffer) => {
    out += piece;
  });
  deploy.stderr.on("data", (piece: Buffer) => {
    log += piece;
  });
  const [code] = await once(deploy, "close");
  if (code !== 0) {
    throw new BaseError("The deployment failed", {
      code: "deploy_failed",
      facts: { exit: code, log: log.slice(-2000) },
    });
  }
  const deployment: Deployment = deploymentSchema.parse(JSON.parse(out));
  return openChain(deployment, rpcUrl);
}

/** The `index`-th account of a local chain. */
export function localAccount(chain: Chain, index: number): HDNodeWallet {
  return HDNodeWallet.fromPhrase(MNEMONIC, "", `m/44'/60'/0'/0/${index}`).connect(chain.provider);
}

/** Moves a local chain's clock. */
export async function advance({ provider }: Chain, seconds: number): Promise<void> {
  await provider.send("evm_increaseTime", [seconds]);
  await provider.send("evm_mine", []);
}

/** Moves a local chain's clock forward to a moment, Unix seconds; leaves it where it is beyond that. */
export async function advanceTo(chain: Chain, timestamp: number): Promise<void> {
  const now = (await chain.provider.getBlock("latest"))?.timestamp ?? 0;
  if (timestamp > now) await advance(chain, timestamp - now);
}

async function answers(rpcUrl: string, node: ChildProcess): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  for (let attempt = 0; attempt < 300; attempt++) {
    if (node.exitCode !== null) break;
    const ok = await fetch(rpcUrl, { method: "POST", headers, body }).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new BaseError("The local chain did not start", { code: "no_chain", facts: { rpcUrl, exit: node.exitCode } });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const closed = once(child, "close");
  child.kill();
  await closed;
}
