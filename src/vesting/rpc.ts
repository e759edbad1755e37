import { type Interface, toQuantity } from "ethers";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";

/** A JSON-RPC endpoint. */
export type Rpc = (method: string, params: unknown[]) => Promise<unknown>;

/** A block that is read from: by its hash, so that a reorganised chain or another node cannot answer for it. */
export type Block = { number: number; hash: string; unix: number };

/** An event, as an endpoint gives it. */
export type Log = { address: string; topics: string[]; data: string; blockNumber: string; transactionHash: string };

/** The newest block. */
export async function headOf(rpc: Rpc): Promise<Block> {
  return blockAt(rpc, "latest");
}

/** A block by its number. Throws `UnavailableError` when the endpoint does not have it. */
export async function blockAt(rpc: Rpc, number: number | "latest"): Promise<Block> {
  const tag = number === "latest" ? number : toQuantity(number);
  const block = (await ask(rpc, "eth_getBlockByNumber", [tag, false])) as Record<string, string> | null;
  if (!block?.hash || !block.number || !block.timestamp) {
    throw new UnavailableError("The RPC does not have a block that it should have", {
      code: "rpc_behind",
      facts: { block: number },
      hint: "Its answers come from an older block: wait until it has caught up, or use another RPC",
    });
  }
  return { number: Number(block.number), hash: block.hash, unix: Number(block.timestamp) };
}

/** Throws when a block is no longer part of the chain. */
export async function checkStands(rpc: Rpc, { number, hash }: Block): Promise<void> {
  const now = await blockAt(rpc, number);
  if (now.hash === hash) return;
  throw new UnavailableError("The chain was reorganised meanwhile", {
    code: "reorganised",
    facts: { block: number, was: hash, is: now.hash },
    hint: "Run the same command again",
  });
}

/** A view's results, as the state of `block` has them. */
export async function view(rpc: Rpc, abi: Interface, to: string, name: string, args: unknown[], block: Block) {
  const data = abi.encodeFunctionData(name, args);
  const result = await ask(rpc, "eth_call", [{ to, data }, { blockHash: block.hash }]);
  if (typeof result !== "string" || result === "0x") {
    throw new BaseError("A contract does not answer", {
      code: "no_code",
      facts: { address: to, call: name, block: block.number },
      hint: "Check the address and that the RPC serves the chain that it is on",
    });
  }
  try {
    return abi.decodeFunctionResult(name, result);
  } catch (cause) {
    throw new BaseError("A contract answers something else than what it was asked", {
      code: "bad_answer",
      facts: { address: to, call: name, block: block.number },
      cause,
    });
  }
}

export async function codeAt(rpc: Rpc, address: string, block: Block): Promise<string> {
  const code = await ask(rpc, "eth_getCode", [address, { blockHash: block.hash }]);
  if (typeof code === "string") return code;
  throw noAnswer("eth_getCode");
}

/** Events from one block to another, both included. */
export async function logsOf(rpc: Rpc, filter: object, from: number, to: number): Promise<Log[]> {
  const range = { fromBlock: toQuantity(from), toBlock: toQuantity(to) };
  const logs = await ask(rpc, "eth_getLogs", [{ ...filter, ...range }]);
  if (Array.isArray(logs)) return logs as Log[];
  throw noAnswer("eth_getLogs");
}

/** One request. Whatever an endpoint answers badly may pass; a node without the state asked for says so. */
export async function ask(rpc: Rpc, method: string, params: unknown[]): Promise<unknown> {
  try {
    return await rpc(method, params);
  } catch (cause) {
    const reason = errorMessage(cause).slice(0, 200);
    if (method === "eth_call" && /revert/i.test(reason)) {
      const [{ to }] = params as [{ to: string }];
      throw new BaseError("A contract refuses a call", {
        code: "reverted",
        facts: { address: to, reason },
        hint: "Check the address and that the RPC serves the chain that it is on",
        cause,
      });
    }
    const pruned = /missing trie node|historical state|archive|pruned|state.*(not available|unavailable)/i.test(reason);
    throw new UnavailableError(
      pruned ? "The RPC has no state of an old block" : "The RPC does not answer as expected",
      {
        code: pruned ? "rpc_pruned" : "rpc_unavailable",
        facts: { method, reason },
        hint: pruned
          ? "Use an archive node's RPC"
          : "Check the RPC's URL and that the node runs, then run the same command again",
        cause,
      },
    );
  }
}

const noAnswer = (method: string) =>
  new UnavailableError("The RPC does not answer as expected", {
    code: "rpc_unavailable",
    facts: { method, reason: "nothing that this method gives" },
    hint: "Use another RPC",
  });
