import { Hono } from "hono";
import { errorHandler } from "../core/http/errors.ts";
import type { Logger } from "../core/logger.ts";
import { createFetch } from "./fetch.ts";
import type { Session } from "./session.ts";

/**
 * A local endpoint that pays: clients that cannot be given a `fetch`, such as curl, use its address as their base URL. It
 * spends the session's reservation for whoever reaches it, so it belongs on loopback.
 */
export function createProxy(session: Session, logger: Logger): Hono {
  const paying = createFetch(session);
  const app = new Hono();
  app.onError(errorHandler(logger));
  app.all("/v1/*", async (c) => {
    const { pathname, search } = new URL(c.req.url);
    const method = c.req.method;
    const body = method === "POST" ? { body: await c.req.arrayBuffer() } : {};
    const answer = await paying(`${session.gatewayUrl}${pathname}${search}`, {
      method,
      headers: { "content-type": "application/json" },
      signal: c.req.raw.signal,
      ...body,
    });
    const headers = new Headers(answer.headers);
    for (const name of ["content-length", "transfer-encoding", "connection"]) headers.delete(name);
    return new Response(answer.body, { status: answer.status, headers });
  });
  return app;
}
