import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { Wallet } from "ethers";
import { localAccount } from "../../src/cli/demo/chain.ts";
import { startSettler } from "../../src/cli/roles/settler.ts";
import { startWorker } from "../../src/cli/roles/worker.ts";
import { mined } from "../../src/core/chain/events.ts";
import { BaseError } from "../../src/core/errors.ts";
import { fromHex, type Hex, toHex } from "../../src/core/hashing/hex.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { engineOf, readManifest } from "../../src/core/manifest.ts";
import { Status } from "../../src/core/protocol/receipt.ts";
import { publishModel } from "../../src/operator/models.ts";
import { NodeClass, registerNode } from "../../src/operator/nodes.ts";
import { type Exchange, type FaultProxy, type Rule, startFaultProxy } from "../helpers/faultProxy.ts";
import { openPayer, type Payer, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { CAP_NANO, getJson, guardBody, paymentFor, post } from "../helpers/raw.ts";
import { environmentOf, startRole } from "../helpers/roles.ts";

/*
Workers
├── given the first worker fails before its first byte: dead, too busy, breaking off, silent about why
│  └── the second one answers, and the receipt's events say what was switched
├── given no worker answers: 503, a FAILED receipt of price 0
├── given the worker breaks off after its first byte, process killed or connection cut
│  └── the stream ends with the error and a FAILED receipt of price 0
├── given the worker signs with another key, for another request, or another hash than of its bytes
│  └── the answer has failed, and costs nothing
└── when a worker starts
   ├── with a changed artifact: model_digest_mismatch
   ├── with a version that is not registered: model_not_found
   └── with a version that is retired: model_retired
*/
describe("workers", () => {
  let test: TestNetwork;
  let proxies: FaultProxy[] = [];
  let role: Awaited<ReturnType<typeof startSettler>>;
  let payer: Payer;

  before(async () => {
    test = await startTestNetwork();
    proxies = await Promise.all(test.net.workers.map(({ url }) => startFaultProxy(url)));
    role = await startSettler({
      ...test.net.settlerRole.open,
      directory: join(test.directory, "faulty"),
      workerUrls: proxies.map(({ url }) => url),
      settleInSeconds: 3600,
    });
  });
  after(async () => {
    await role?.close(100);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await test?.close();
  });
  beforeEach(async () => {
    payer = await openPayer(test, 1_000_000n);
  });
  afterEach(() => {
    for (const proxy of proxies) proxy.rule();
  });

  const onInference =
    (fault: Rule): Rule =>
    (exchange) =>
      exchange.path === "/v1/inferences" ? fault(exchange) : exchange.pass();

  const ask = (more: Record<string, unknown> = {}) => {
    const body = guardBody(undefined, more);
    return post(role.url, body, paymentFor(test, payer, body, CAP_NANO));
  };

  async function receiptOf(id: string) {
    return getJson(`${role.url}/v1/receipts/${id}`);
  }

  /** Nothing was charged, and nothing is held back. */
  async function expectFree(id: string): Promise<void> {
    const { fields, state } = await receiptOf(id);
    expect(state).to.equal("signed");
    expect(fields).to.include({ status: Status.FAILED, priceNano: "0", worker: 0 });
    const money = await getJson(`${role.url}/v1/reservations/${payer.reservation.reservation}`);
    expect(money).to.include({ spentNano: "0", inFlightNano: "0" });
  }

  const NDJSON = { "content-type": "application/x-ndjson" };
  const refusal = (code: string, retryable: boolean) =>
    JSON.stringify({ error: { code, message: "no", facts: {}, retryable } });

  describe("that fail before their first byte are replaced", () => {
    const faults: [string, Rule][] = [
      ["cutting the connection", (exchange) => exchange.cut()],
      ["having enough to do", (exchange) => exchange.answer(429, refusal("too_busy", true))],
      ["with a page that is no refusal of ours", (exchange) => exchange.answer(502, "<html>bad gateway</html>")],
      ["with a frame that is none", (exchange) => exchange.answer(200, '{"type":"song"}\n', NDJSON)],
      ["after they said that they start", (exchange) => exchange.answer(200, '{"type":"start"}\n', NDJSON)],
    ];
    for (const [what, fault] of faults) {
      it(what, async () => {
        let left = 1;
        const once = onInference((exchange) => (left-- > 0 ? fault(exchange) : exchange.pass()));
        for (const proxy of proxies) proxy.rule(once);
        const { status, headers } = await ask();
        expect(status).to.equal(200);
        const { fields, events } = await receiptOf(headers.get("x-opg-request-id") as string);
        expect(fields).to.include({ status: Status.OK, priceNano: "50000" });
        expect(events).to.have.length(1);
        expect(events[0]).to.include({ event: "worker.failed" });
        expect(events[0].node).not.to.equal(fields.worker);
      });
    }

    it("and when none is left, the answer is 503 and costs nothing", async () => {
      for (const proxy of proxies) proxy.rule(onInference((exchange) => exchange.cut()));
      const { status, json, headers } = await ask();
      expect([status, json.error?.code, json.error?.retryable]).to.deep.equal([503, "worker_failed", true]);
      await expectFree(headers.get("x-opg-request-id") as string);
    });
  });

  /** The worker's lines, of which some are changed before they go on. */
  const rewritten = (change: (line: Record<string, unknown>) => unknown) =>
    onInference(async (exchange: Exchange) => {
      const lines = (await (await exchange.ask()).text()).trim().split("\n");
      exchange.answer(200, lines.map((line) => `${JSON.stringify(change(JSON.parse(line)))}\n`).join(""), NDJSON);
    });

  const withEvidence = (change: Record<string, unknown>) => (line: Record<string, unknown>) =>
    line.type === "end" ? { ...line, evidence: { ...(line.evidence as object), ...change } } : line;

  describe("that answer wrongly", () => {
    const lies: [string, (line: Record<string, unknown>) => unknown][] = [
      [
        "under a hash of other bytes",
        (line) => (line.type === "end" ? { ...line, outputHash: toHex(new Uint8Array(32)) } : line),
      ],
      [
        "with other bytes than they hashed",
        (line) => (line.type === "data" ? { ...line, base64: Buffer.from('{"choices":[]}').toString("base64") } : line),
      ],
      ["with a signature by nobody", withEvidence({ workerSignature: `0x${"11".repeat(64)}1b` })],
      ["on a trace that they did not sign", withEvidence({ traceRoot: `0x${"22".repeat(32)}` })],
      ["on an engine that the model may not run on", withEvidence({ engine: `0x${"33".repeat(32)}` })],
    ];
    for (const [what, lie] of lies) {
      it(`${what} have failed, and cost nothing`, async () => {
        for (const proxy of proxies) proxy.rule(rewritten(lie));
        const { status, json, headers } = await ask();
        expect([status, json.error?.code]).to.deep.equal([500, "worker_failed"]);
        expect(json.choices).to.equal(undefined);
        await expectFree(headers.get("x-opg-request-id") as string);
      });
    }

    it("counting more units than they delivered are paid at most the request's cap", async () => {
      for (const proxy of proxies) proxy.rule(rewritten(withEvidence({ outputUnits: 1_000_000 })));
      const { status, json, headers } = await ask();
      expect(status).to.equal(200);
      expect(json.receipt?.id).to.equal(headers.get("x-opg-request-id"));
      const { fields } = await receiptOf(headers.get("x-opg-request-id") as string);
      expect(BigInt(fields.priceNano)).to.equal(CAP_NANO);
    });
  });

  describe("that break off after their first byte", () => {
    it("by a cut leave a stream that ends with the error and a receipt of price 0", async () => {
      const cut = onInference((exchange) => {
        exchange.start(
          NDJSON,
          `{"type":"start"}\n{"type":"data","base64":"${Buffer.from("data: {}\n\n").toString("base64")}"}\n`,
        );
        setImmediate(() => exchange.cut());
      });
      for (const proxy of proxies) proxy.rule(cut);
      const { status, text, headers } = await ask({ stream: true });
      expect(status).to.equal(200);
      const events = text.split("\n\n").filter((event) => event !== "");
      expect(events.at(-1)).to.equal("data: [DONE]");
      const last = JSON.parse((events.at(-2) as string).slice("data: ".length));
      expect(last.error.code).to.equal("worker_failed");
      expect(last.receipt.id).to.equal(headers.get("x-opg-request-id"));
      await expectFree(last.receipt.id);
    });

    it("by kill -9 do so too, and another worker takes the next request", async () => {
      const slow = await startSlowServer();
      const served = await publishUpstream(slow.url);
      const key = Wallet.createRandom();
      const node = await registerNode(test.chain.contracts, localAccount(test.chain, 2), {
        class: NodeClass.WORKER,
        key,
        payee: test.net.payees.workers[0] as number,
        endpoint: "",
        engines: [engineOf(await readManifest(served.directory))],
      });
      const worker = await startRole("worker", {
        ...(await environmentOf(test)),
        WORKER_NODE: String(node),
        WORKER_KEY: key.privateKey,
        WORKER_PORT: "0",
        WORKER_MODELS: served.directory,
      });
      const relay = await startSettler({
        ...test.net.settlerRole.open,
        directory: join(test.directory, "killed"),
        workerUrls: [worker.urls.worker as string],
        settleInSeconds: 3600,
      });
      try {
        const body = new TextEncoder().encode(
          JSON.stringify({ model: "slow", stream: true, max_tokens: 5, messages: [{ role: "user", content: "hi" }] }),
        );
        const change = { request: { modelVersion: fromHex(served.version, 32) } };
        const asked = post(relay.url, body, paymentFor(test, payer, body, CAP_NANO, change));
        const upstream = await slow.asked;
        upstream.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "He" } }] })}\n\n`);
        await slow.delivered();
        await worker.kill();
        const { status, text, headers } = await asked;
        // Whether the first bytes had passed the gateway decides how it can still say it.
        expect(status).to.be.oneOf([200, 503]);
        expect(text).to.include("worker_failed");
        const id = headers.get("x-opg-request-id") as string;
        const { fields } = await getJson(`${relay.url}/v1/receipts/${id}`);
        expect(fields).to.include({ status: Status.FAILED, priceNano: "0" });
      } finally {
        await worker.kill();
        await relay.close(100);
        slow.close();
      }
    });
  });

  describe("that start", () => {
    const start = (models: string[]) =>
      startWorker({
        chain: test.chain,
        node: test.net.workers[0]?.node as number,
        key: new Uint8Array(32).fill(1),
        models,
        logger: silentLogger,
      });

    /** A copy of the guard's folder with its manifest changed. */
    async function copyOf(name: string, change: Record<string, unknown>, artifact?: Uint8Array): Promise<string> {
      const directory = join(test.directory, name);
      await mkdir(directory, { recursive: true });
      const manifest = JSON.parse(await readFile("models/opg-guard/manifest.json", "utf8"));
      await writeFile(join(directory, "manifest.json"), JSON.stringify({ ...manifest, ...change }));
      if (artifact) await writeFile(join(directory, "model.onnx"), artifact);
      else await copyFile("models/opg-guard/model.onnx", join(directory, "model.onnx"));
      return directory;
    }

    async function refused(directory: string): Promise<BaseError> {
      const started = await start([directory]).catch((error: unknown) => error);
      expect(started).to.be.instanceOf(BaseError);
      return started as BaseError;
    }

    it("with a changed artifact refuse, and say both digests", async () => {
      const bytes = new Uint8Array(await readFile("models/opg-guard/model.onnx"));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      const error = await refused(await copyOf("changed", {}, bytes));
      expect(error.code).to.equal("model_digest_mismatch");
      expect(error.facts.sha256).not.to.equal(error.facts.registered);
    });

    it("with a version that nobody registered refuse", async () => {
      expect((await refused(await copyOf("unknown", { version: "7.7.7" }))).code).to.equal("model_not_found");
    });

    it("with a retired version refuse, and a gateway answers 404 for it", async () => {
      const directory = await copyOf("retired", { version: "8.8.8" });
      const publisher = localAccount(test.chain, 6);
      const listing = { inputPriceNano: 0n, outputPriceNano: 1n, royaltyPpm: 0, payee: test.net.payees.publisher };
      const id = await publishModel(test.chain.contracts, publisher, await readManifest(directory), listing);
      await mined(test.chain.contracts.modelRegistry.connect(publisher).retire(id));
      expect((await refused(directory)).code).to.equal("model_retired");
      const { status, json } = await ask({ model: id });
      expect([status, json.error?.code]).to.deep.equal([404, "model_not_found"]);
    });

    it("without a folder refuse", async () => {
      expect((await refused(join(test.directory, "nothing"))).code).to.equal("no_model");
    });
  });

  /** An OpenAI-compatible server that says no more than the test lets it. */
  async function startSlowServer() {
    const asked = Promise.withResolvers<ServerResponse>();
    const server: Server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/event-stream" });
      asked.resolve(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      asked: asked.promise,
      /** What was written has left this process. */
      async delivered() {
        const response = await asked.promise;
        await new Promise<void>((resolve) => response.write(": waiting\n\n", () => resolve()));
      },
      close() {
        server.closeAllConnections();
        server.close();
      },
    };
  }

  /** Publishes a model that an upstream server runs. */
  async function publishUpstream(baseUrl: string): Promise<{ directory: string; version: Hex }> {
    const directory = join(test.directory, "slow");
    await mkdir(directory, { recursive: true });
    const manifest = {
      name: "slow",
      version: "1.0.0",
      description: "answers when it is told to",
      format: "safetensors",
      artifactSha256: "ab".repeat(32),
      licence: "none",
      profile: "none",
      task: "chat",
      engine: { engine: "test", version: "1", dtype: "fp16", deviceClass: "none", determinism: "none" },
      upstream: { baseUrl, model: "slow" },
    };
    await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
    const listing = { inputPriceNano: 0n, outputPriceNano: 10n, royaltyPpm: 0, payee: test.net.payees.publisher };
    const publisher = localAccount(test.chain, 6);
    const version = await publishModel(test.chain.contracts, publisher, await readManifest(directory), listing);
    return { directory, version };
  }
});
