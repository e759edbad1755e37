import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { BaseError } from "../errors.ts";

export type HttpServer = {
  url: string;
  /** Refuses new requests, lets those under way end for up to `graceMs`, then closes. */
  close(graceMs?: number): Promise<void>;
};

/** Serves an app. Loopback unless another host is named. Throws when the port is taken. */
export async function serveApp(app: Hono, { host = "127.0.0.1", port = 0 } = {}): Promise<HttpServer> {
  const server = serve({ fetch: app.fetch, hostname: host, port });
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const hint = cause.code === "EADDRINUSE" ? "Choose another port, or stop what listens there" : undefined;
      reject(
        new BaseError("Cannot listen", {
          code: "cannot_listen",
          facts: { host, port, reason: cause.code },
          cause,
          ...(hint ? { hint } : {}),
        }),
      );
    });
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    async close(graceMs = 5000) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection whose request has ended is idle, and its client would keep it.
      const sweep = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 20);
      const timer = setTimeout(() => {
        if ("closeAllConnections" in server) server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      clearInterval(sweep);
    },
  };
}
