import { Hono } from "hono";
import { type HttpServer, serveApp } from "../../core/http/serve.ts";

/** A man in the middle: passes everything on and changes one letter of each answer that is not streamed. */
export async function startTamperer(gatewayUrl: string): Promise<HttpServer> {
  const app = new Hono();
  app.all("*", async (c) => {
    const { pathname } = new URL(c.req.url);
    const { method } = c.req;
    const answer = await fetch(`${gatewayUrl}${pathname}`, {
      method,
      headers: c.req.raw.headers,
      ...(method === "POST" ? { body: await c.req.arrayBuffer() } : {}),
    });
    const headers = new Headers(answer.headers);
    for (const name of ["content-length", "transfer-encoding", "connection"]) headers.delete(name);
    const text = await answer.text();
    const changed = pathname.endsWith("/completions")
      ? text.replace('\\"label\\":\\"read', '\\"label\\":\\"reas')
      : text;
    return new Response(changed, { status: answer.status, headers });
  });
  return serveApp(app);
}
