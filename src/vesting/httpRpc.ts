import { FetchRequest } from "ethers";
import type { Rpc } from "./rpc.ts";

/**
 * An endpoint over HTTP. A server that asks to slow down is asked again later. Errors carry the endpoint's own words for a
 * refused call, and only the kind for a failed connection: its text could hold a key that is part of the URL.
 */
export function httpRpc(url: string, timeoutMs: number): Rpc {
  return async (method, params) => {
    const send = () => {
      const request = new FetchRequest(url);
      request.timeout = timeoutMs;
      request.body = { jsonrpc: "2.0", id: 1, method, params };
      return request.send();
    };
    const response = await send()
      .catch((error: unknown) => {
        // A connection that was kept open was closed meanwhile. Nothing is sent by this but questions.
        if (codeOf(error) === "ECONNRESET") return send();
        throw error;
      })
      .catch((error: unknown) => {
        throw new Error(`no connection (${codeOf(error)})`);
      });
    const body = bodyOf(response);
    if (body.error) throw new Error(String(body.error.message ?? "refused"));
    if (!response.ok()) throw new Error(`HTTP ${response.statusCode}`);
    if (body.result === undefined) throw new Error("not a JSON-RPC answer");
    return body.result;
  };
}

const codeOf = (error: unknown) => (error as { code?: string }).code ?? "unknown";

type Body = { result?: unknown; error?: { message?: unknown } };

function bodyOf(response: { bodyJson: unknown; statusCode: number }): Body {
  try {
    return (response.bodyJson ?? {}) as Body;
  } catch {
    throw new Error(`HTTP ${response.statusCode}, not JSON`);
  }
}
