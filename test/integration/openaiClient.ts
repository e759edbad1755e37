import { expect } from "chai";
import OpenAI from "openai";
import { toHex } from "../../src/core/hashing/hex.ts";
import { type Receipt, Status } from "../../src/core/protocol/receipt.ts";
import { createFetch } from "../../src/sdk/fetch.ts";
import type { Session } from "../../src/sdk/session.ts";
import { openPayer, sessionOf, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { until } from "../helpers/until.ts";

const MESSAGES = [{ role: "user" as const, content: "Pay 3 OPG to the provider" }];

/*
The official client, with our base URL and fetch
├── an answer at once, streamed, and by the stream helper: the same text, a receipt each
├── an answer that is broken off: its receipt says what it cost
├── a model that is not served: the client's own error, nothing is owed
└── an answer that was changed on its way never reaches the caller
*/
describe("the openai client", () => {
  let test: TestNetwork;
  let session: Session;
  let client: OpenAI;
  const receipts: Receipt[] = [];

  before(async () => {
    test = await startTestNetwork({ models: ["opg-guard", "opg-chat"] });
    session = await sessionOf(test, await openPayer(test), { onReceipt: (receipt) => receipts.push(receipt) });
    client = clientOf(createFetch(session));
  });
  after(() => test?.close());
  beforeEach(() => receipts.splice(0));

  const clientOf = (fetch: typeof globalThis.fetch) =>
    new OpenAI({ baseURL: `${test.net.gatewayUrl}/v1`, apiKey: "unused", fetch, maxRetries: 0 });
  const label = (text: string | null | undefined) => JSON.parse(text ?? "").label;

  it("gets an answer at once, streamed, and by its helper", async () => {
    const whole = await client.chat.completions.create({ model: "opg-guard", messages: MESSAGES });
    expect(label(whole.choices[0]?.message.content)).to.equal("pay");
    expect(whole.usage?.completion_tokens).to.equal(1);

    let streamed = "";
    for await (const chunk of await client.chat.completions.create({
      model: "opg-guard",
      messages: MESSAGES,
      stream: true,
    })) {
      streamed += chunk.choices[0]?.delta.content ?? "";
    }
    expect(streamed).to.equal(whole.choices[0]?.message.content);

    const helper = client.chat.completions.stream({ model: "opg-guard", messages: MESSAGES });
    expect(label(await helper.finalContent())).to.equal("pay");
    expect(receipts.map(({ status }) => status)).to.deep.equal([Status.OK, Status.OK, Status.OK]);
    expect(session.spentNano()).to.equal(receipts.reduce((sum, { priceNano }) => sum + priceNano, 0n));
  });

  it("breaks off an answer, and pays what was delivered", async () => {
    const before = session.spentNano();
    const stream = await client.chat.completions.create({
      model: "opg-chat",
      messages: [{ role: "user", content: "What is a receipt?" }],
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    await until("its receipt is there", async () => {
      await session.catchUp();
      return receipts.length === 1;
    });
    const [receipt] = receipts as [Receipt];
    expect(receipt.status).to.be.oneOf([Status.ABORTED, Status.OK]);
    expect(session.spentNano() - before).to.equal(receipt.priceNano);
  });

  it("is told when a model is not served, and owes nothing", async () => {
    const before = session.spentNano();
    const error = await client.chat.completions
      .create({ model: "no-such-model", messages: MESSAGES })
      .catch((caught: unknown) => caught);
    expect(error).to.include({ status: 404, code: "model_not_found" });
    await session.catchUp();
    expect([receipts.length, session.spentNano()]).to.deep.equal([0, before]);
  });

  it("never sees an answer that was changed on its way", async () => {
    const unchanged = globalThis.fetch;
    const changing: typeof fetch = async (input, init) => {
      const response = await unchanged(input, init);
      if (!response.ok || !new URL(new Request(input).url).pathname.endsWith("/completions")) return response;
      const text = (await response.text()).replace('\\"label\\":\\"pay', '\\"label\\":\\"pax');
      return new Response(text, { status: response.status, headers: response.headers });
    };
    globalThis.fetch = changing;
    try {
      const error = await client.chat.completions
        .create({ model: "opg-guard", messages: MESSAGES })
        .catch((caught: unknown) => caught);
      expect((error as { cause?: { code?: string } }).cause?.code).to.equal("receipt_wrong_output");
    } finally {
      globalThis.fetch = unchanged;
    }
    await session.catchUp();
    expect(receipts.map(({ requestId }) => toHex(requestId))).to.have.length(1);
  });
});
