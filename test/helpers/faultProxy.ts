import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

/** One request on its way through. Exactly one of `pass`, `answer` and `cut` ends it. */
export type Exchange = {
  method: string;
  path: string;
  body: Buffer;
  /** Asks the server behind; nothing goes to the client. */
  ask(body?: Uint8Array): Promise<Response>;
  /** Passes the request on and its answer back, as it comes. */
  pass(): Promise<void>;
  answer(status: number, body: string | Uint8Array, headers?: Record<string, string>): void;
  /** Sends the head and these bytes, and leaves the connection open. */
  start(headers: Record<string, string>, bytes: string | Uint8Array): void;
  /** Breaks the connection. */
  cut(): void;
};

/** What happens to a request; a rule that ends it in no way leaves it hanging. */
export type Rule = (exchange: Exchange) => void | Promise<void>;

export type FaultProxy = {
  url: string;
  /** Sets what happens from now on; without a rule everything passes. */
  rule(next?: Rule): void;
  close(): Promise<void>;
};

/** An HTTP server on loopback in front of `target` that passes requests on until it is told otherwise. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let current: Rule = (exchange) => exchange.pass();
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
      await current(
        exchange(target, request.method ?? "GET", request.url ?? "/", request.headers, Buffer.concat(pieces), response),
      );
    } catch {
      response.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rule(next = (exchange) => exchange.pass()) {
      current = next;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const HOP_BY_HOP = ["connection", "content-length", "host", "keep-alive", "transfer-encoding"];

function exchange(
  target: string,
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  response: ServerResponse,
): Exchange {
  const forwarded = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)) as [string, string][];
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const ask = (sent: Uint8Array = body) =>
    fetch(`${target}${path}`, {
      method,
      headers: forwarded,
      signal: gone.signal,
      ...(method === "GET" ? {} : { body: sent as Uint8Array<ArrayBuffer> }),
    });
  return {
    method,
    path,
    body,
    ask,
    async pass() {
      const answer = await ask();
      const kept = [...answer.headers].filter(([name]) => !HOP_BY_HOP.includes(name) && name !== "content-encoding");
      response.writeHead(answer.status, Object.fromEntries(kept));
      if (!answer.body) return void response.end();
      for await (const piece of Readable.fromWeb(answer.body as never)) response.write(piece);
      response.end();
    },
    answer(status, bytes, more = { "content-type": "application/json" }) {
      response.writeHead(status, more);
      response.end(bytes);
    },
    start(more, bytes) {
      response.writeHead(200, more);
      response.write(bytes);
    },
    cut() {
      response.destroy();
    },
  };
}

/** The methods that a JSON-RPC body calls, batched or not. */
export function rpcMethods(body: Uint8Array): string[] {
  const calls = JSON.parse(Buffer.from(body).toString("utf8")) as { method: string } | { method: string }[];
  return [calls].flat().map(({ method }) => method);
}
