import { expect } from "chai";
import { httpRpc } from "../../../src/vesting/httpRpc.ts";
import { failure } from "../../helpers/failure.ts";
import { type FaultProxy, startFaultProxy } from "../../helpers/faultProxy.ts";

/*
httpRpc
├── it should send JSON-RPC and give the result, null too
├── when a connection that was kept open is gone: it asks again
├── when it is told to slow down: it asks again
├── when the endpoint refuses: its own words, whatever the status is
└── when it answers nothing, something else or not at all: an error without the URL, which may hold a key
*/
describe("httpRpc", () => {
  let server: FaultProxy;
  let asked: unknown[];
  before(async () => {
    server = await startFaultProxy("http://127.0.0.1:1");
  });
  beforeEach(() => {
    asked = [];
  });
  after(() => server?.close());

  /** Answers in turn; the last one stays. */
  function answers(...list: ({ status?: number; body: string } | "cut")[]): void {
    server.rule((exchange) => {
      const next = list[Math.min(asked.length, list.length - 1)];
      asked.push(JSON.parse(exchange.body.toString()));
      if (next === undefined || next === "cut") return exchange.cut();
      exchange.answer(next.status ?? 200, next.body);
    });
  }
  const rpc = (method = "eth_chainId", params: unknown[] = []) =>
    httpRpc(`${server.url}/v2/secret-key`, 1_000)(method, params);
  const good = { body: '{"jsonrpc":"2.0","id":1,"result":"0x1"}' };

  it("sends JSON-RPC and gives the result", async () => {
    answers(good, { body: '{"jsonrpc":"2.0","id":1,"result":null}' });
    expect(await rpc("eth_getBlockByNumber", ["0x1", false])).to.equal("0x1");
    expect(await rpc()).to.equal(null);
    expect(asked).to.deep.equal([
      { jsonrpc: "2.0", id: 1, method: "eth_getBlockByNumber", params: ["0x1", false] },
      { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] },
    ]);
  });

  it("asks again when a connection is gone", async () => {
    answers("cut", good);
    expect(await rpc()).to.equal("0x1");
    expect(asked).to.have.lengthOf(2);
  });

  it("asks again when it is told to slow down", async () => {
    answers({ status: 429, body: "slow down" }, good);
    expect(await rpc()).to.equal("0x1");
  });

  for (const [what, answer, words] of [
    ["a refusal", { body: '{"error":{"code":-32000,"message":"missing trie node"}}' }, "missing trie node"],
    ["a refusal with a status", { status: 400, body: '{"error":{"message":"bad range"}}' }, "bad range"],
    ["a refusal without words", { body: '{"error":{}}' }, "refused"],
    ["a status alone", { status: 403, body: "{}" }, "HTTP 403"],
    ["a page", { status: 404, body: "<html>" }, "HTTP 404, not JSON"],
    ["nothing", { body: "" }, "HTTP 200, not JSON"],
    ["another object", { body: '{"ok":true}' }, "not a JSON-RPC answer"],
    ["a broken connection", "cut", "no connection (ECONNRESET)"],
  ] as [string, { status?: number; body: string } | "cut", string][]) {
    it(`says what is wrong with ${what}`, async () => {
      answers(answer);
      const { message } = await failure(() => rpc());
      expect(message).to.equal(words);
    });
  }

  it("says so when there is no endpoint, and when it hangs", async () => {
    const { message } = await failure(() => httpRpc("http://127.0.0.1:1/secret-key", 1_000)("eth_chainId", []));
    expect(message).to.equal("no connection (ECONNREFUSED)");
    server.rule(() => undefined);
    const hanging = await failure(() => httpRpc(server.url, 200)("eth_chainId", []));
    expect(hanging.message).to.match(/^no connection \(/);
  });
});
