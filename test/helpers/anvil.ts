import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LocalChain } from "../../src/cli/demo/chain.ts";

/** Foundry's local chain, from npm; undefined where there is none for this machine. */
export function findAnvil(): string | undefined {
  try {
    return fileURLToPath(new URL("./bin/anvil", import.meta.resolve("@foundry-rs/anvil-linux-amd64/package.json")));
  } catch {
    return undefined;
  }
}

/** Starts Anvil on a free port of this machine. */
export async function startAnvil(program: string, flags: string[] = []): Promise<LocalChain> {
  const node = spawn(program, ["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka", ...flags], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let said = "";
  const listening = new Promise<string>((resolve, reject) => {
    node.stdout.on("data", (piece: Buffer) => {
      said += piece;
      const port = /Listening on [\d.]+:(\d+)/.exec(said)?.[1];
      if (port) resolve(port);
    });
    node.once("exit", (code) => reject(new Error(`Anvil ended with ${code}`)));
  });
  return {
    rpcUrl: `http://127.0.0.1:${await listening}`,
    async stop() {
      if (node.exitCode !== null) return;
      const ended = once(node, "exit");
      node.kill();
      await ended;
    },
  };
}
