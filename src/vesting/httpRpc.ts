import { FetchRequest, type FetchResponse } from "ethers";
import type { Rpc } from "./rpc.ts";

/**
 * An endpoint over HTTP. A server that asks to slow down is asked again later. Errors carry the endpoint's own words for a
 * refused call, and only the kind for a failed connection: its text could hold a key that is part of the URL.
 */
export function httpRpc(url: string, timeoutMs: number): Rpc {
  return async (method, params) => {
    const request = new FetchRequest(url);
    request.timeout = timeoutMs;
    request.body = { jsonrpc: "2.0", id: 1, method, params };
    const response = await send(request);
    const body = bodyOf(response);
    if (body.error) throw new Error(String(body.error.message ?? "refused"));
    if (!response.ok()) throw new Error(`HTTP ${response.statusCode}`);
    if (body.result === undefined) throw new Error("not a JSON-RPC answer");
    return body.result;
  };
}

/** A server may close a kept connection at the moment it is used again: that is no answer, so it is asked once more. */
async function send(request: FetchRequest, again = true): Promise<FetchResponse> {
  try {
    return await request.clone().send();
  } catch (error) {
    const { code } = error as { code?: string };
    if (again && (code === "ECONNRESET" || code === "EPIPE")) return send(request, false);
    throw new Error(`no connection (${code ?? "unknown"})`);
  }
}

type Body = { result?: unknown; error?: { message?: unknown } };

function bodyOf(response: { bodyJson: unknown; statusCode: number }): Body {
  try {
    return (response.bodyJson ?? {}) as Body;
  } catch {
    throw new Error(`HTTP ${response.statusCode}, not JSON`);
  }
}
