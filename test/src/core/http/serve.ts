import { expect } from "chai";
import { Hono } from "hono";
import { serveApp } from "../../../../src/core/http/serve.ts";
import { failure } from "../../../helpers/failure.ts";

/*
serveApp
├── it should listen on loopback, on a free port unless one is named
├── when the port is taken: cannot_listen, with what to do
└── close
   ├── lets a request under way end, and refuses new ones
   └── cuts off what is still open after the grace
*/
describe("serveApp", () => {
  const app = new Hono();
  app.get("/", (c) => c.text("ok"));

  it("listens on loopback, and refuses a port that is taken", async () => {
    const server = await serveApp(app);
    expect(server.url).to.match(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(await (await fetch(server.url)).text()).to.equal("ok");

    const port = Number(new URL(server.url).port);
    const error = await failure(() => serveApp(app, { port }));
    expect(error).to.include({ code: "cannot_listen", retryable: false });
    expect(error.facts).to.include({ port, reason: "EADDRINUSE" });
    expect(error.hint).to.be.a("string");
    await server.close();
    expect(await failure(() => fetch(server.url))).to.be.instanceOf(TypeError);
  });

  /** A server with a request that ends when it is told to. */
  async function withHeld() {
    const held = new Hono();
    const release = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    held.get("/", async (c) => {
      arrived.resolve();
      await release.promise;
      return c.text("late");
    });
    const server = await serveApp(held);
    const answer = fetch(server.url).then((response) => response.text());
    await arrived.promise;
    return { server, answer, release: release.resolve };
  }

  it("lets a request under way end", async () => {
    const { server, answer, release } = await withHeld();
    const closed = server.close(60_000);
    release();
    expect(await answer).to.equal("late");
    await closed;
  });

  it("cuts off what is still open after the grace", async () => {
    const { server, answer, release } = await withHeld();
    const cut = failure(() => answer);
    await server.close(1);
    expect(await cut).to.be.instanceOf(TypeError);
    release();
  });
});
