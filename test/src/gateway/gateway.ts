import { expect } from "chai";
import { Wallet } from "ethers";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { fromHex, type Hex, toHex } from "../../../src/core/hashing/hex.ts";
import { readManifest } from "../../../src/core/manifest.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import { Mode } from "../../../src/core/protocol/receipt.ts";
import { publishModel } from "../../../src/operator/models.ts";
import {
  BACKENDS,
  freshDatabase,
  openPayer,
  type Payer,
  startTestNetwork,
  type TestNetwork,
} from "../../helpers/network.ts";
import { type Answer, CAP_NANO, getJson, guardBody, type PaymentChange, paymentFor, post } from "../../helpers/raw.ts";

/*
Gateway
├── POST /v1/chat/completions
│  ├── when the body is malformed, oversize, or for a model that is not served: 400, 413, 404
│  ├── when there is no voucher, or one that does not pay: 402, with what is needed
│  ├── when the voucher is of another key, chain, contract, reservation, settler, policy, body or request: 400
│  ├── when the request was accepted before: 409
│  └── when all is well: 200, and the receipt stands on the answer
└── GET: models, receipts, reservations, settler, data, health
*/
for (const backend of BACKENDS) {
  describe(`Gateway (${backend})`, () => {
    let test: TestNetwork;
    let url: string;
    let payer: Payer;
    const body = guardBody();

    before(async () => {
      const databaseUrl = await freshDatabase(backend);
      test = await startTestNetwork(databaseUrl ? { databaseUrl } : {});
      url = test.net.gatewayUrl;
    });
    after(() => test?.close());
    beforeEach(async () => {
      payer = await openPayer(test, 1_000_000n);
    });

    const pay = (change: PaymentChange = {}, cumulativeNano = CAP_NANO, sent = body) =>
      post(url, sent, paymentFor(test, payer, sent, cumulativeNano, change));

    /** Nothing was reserved or spent. */
    async function untouched(): Promise<void> {
      const state = await getJson(`${url}/v1/reservations/${payer.reservation.reservation}`);
      expect(state).to.include({ spentNano: "0", inFlightNano: "0", cumulativeNano: "0" });
    }

    describe("refuses a body", () => {
      for (const [what, bad] of [
        ["that is not JSON", "{"],
        ["without messages", '{"model":"opg-guard"}'],
        ["with two choices", '{"model":"opg-guard","messages":[{"role":"user","content":"x"}],"n":2}'],
        ["with a message of no known role", '{"model":"opg-guard","messages":[{"role":"boss","content":"x"}]}'],
        ["that is not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
      ] as const) {
        it(what, async () => {
          const { status, json } = await post(url, bad);
          expect(status).to.equal(400);
          expect(json.error?.code).to.equal("bad_request");
          await untouched();
        });
      }

      it("that is too large, whether or not it says so", async () => {
        const large = guardBody("x".repeat(1 << 20));
        const { status, json } = await post(url, large);
        expect([status, json.error?.code]).to.deep.equal([413, "too_large"]);
        expect(json.error?.facts).to.include({ limit: 1048576 as never });
      });

      it("for a model that is not served, and says which are", async () => {
        const { status, json } = await post(url, guardBody("x", { model: "gpt" }));
        expect([status, json.error?.code]).to.deep.equal([404, "model_not_found"]);
        expect(json.error?.facts.served).to.include("opg-guard");
      });
    });

    describe("refuses a voucher", () => {
      it("that is absent, and says what it takes", async () => {
        const { status, json } = await post(url, body);
        expect([status, json.error?.code]).to.deep.equal([402, "payment_required"]);
        expect(json.error?.facts).to.include({ settlement: test.chain.domain.settlement, policy: 1 as never });
      });

      it("that is not base64url of JSON", async () => {
        const { status, json } = await post(url, body, undefined, { "x-opg-payment": "%%%" });
        expect([status, json.error?.code]).to.deep.equal([400, "bad_request"]);
      });

      const otherKey = fromHex(Wallet.createRandom().privateKey, 32);
      const cases: [string, () => PaymentChange, number, string][] = [
        ["signed by another key", () => ({ key: otherKey }), 400, "bad_voucher"],
        [
          "for another chain",
          () => ({ domain: settlementDomain(1n, test.chain.domain.settlement) }),
          400,
          "bad_voucher",
        ],
        [
          "for another contract",
          () => ({ domain: settlementDomain(31337n, `0x${"42".repeat(20)}`) }),
          400,
          "bad_voucher",
        ],
        ["of another settler", () => ({ voucher: { settler: 99 } }), 400, "bad_voucher"],
        ["of a reservation that is not there", () => ({ voucher: { reservation: 4_000_000 } }), 400, "bad_voucher"],
        [
          "of another reservation",
          () => ({ voucher: { reservation: payer.reservation.reservation - 1 } }),
          400,
          "bad_voucher",
        ],
        [
          "with other terms than reserved",
          () => ({ terms: { payer: `0x${"11".repeat(20)}` as Hex } }),
          400,
          "bad_voucher",
        ],
        ["under another policy", () => ({ terms: { policy: 2 } }), 400, "bad_voucher"],
        ["for another request", () => ({ voucher: { requestHash: new Uint8Array(32) } }), 400, "bad_voucher"],
        ["for another body", () => ({ request: { inputHash: new Uint8Array(32) } }), 400, "input_hash_mismatch"],
        ["for another model version", () => ({ request: { modelVersion: new Uint8Array(32) } }), 400, "bad_voucher"],
        ["that has expired", () => ({ voucher: { expiry: 1n } }), 402, "voucher_expired"],
        ["in a mode that is not offered", () => ({ request: { minMode: Mode.ZK } }), 400, "mode_not_offered"],
      ];
      for (const [what, change, status, code] of cases) {
        it(what, async () => {
          const answer = await pay(change());
          expect([answer.status, answer.json.error?.code]).to.deep.equal([status, code]);
          await untouched();
        });
      }

      it("of too low a cumulative, and says what is needed", async () => {
        const { status, json } = await pay({}, CAP_NANO - 1n);
        expect([status, json.error?.code]).to.deep.equal([402, "voucher_too_low"]);
        expect(json.error?.facts).to.include({ neededNano: String(CAP_NANO), spentNano: "0" });
        await untouched();
      });

      it("of a cumulative that the reservation does not hold", async () => {
        const { status, json } = await pay({}, 1_000_001n);
        expect([status, json.error?.code]).to.deep.equal([402, "voucher_too_high"]);
        expect(json.error?.facts.availableNano).to.equal("1000000");
        await untouched();
      });

      it("that counts on money whose release is pending", async () => {
        const { settlement } = test.chain.contracts;
        const { settler, reservation, terms } = payer.reservation;
        await mined(settlement.connect(payer.wallet).requestRelease(settler, reservation, terms, 990_000n));
        const { status, json } = await pay();
        expect([status, json.error?.code]).to.deep.equal([402, "voucher_too_high"]);
        expect(json.error?.facts.availableNano).to.equal("10000");
      });

      it("whose highest price pays for no output, after which nothing is owed", async () => {
        const { status, json } = await pay({ request: { maxPriceNano: 10n } }, 10n);
        expect([status, json.error?.code]).to.deep.equal([402, "max_price_too_low"]);
        const state = await getJson(`${url}/v1/reservations/${payer.reservation.reservation}`);
        expect(state).to.include({ spentNano: "0", inFlightNano: "0" });
        const receipt = await getJson(`${url}/v1/receipts/${json.receipt?.id}`);
        expect(receipt.fields).to.include({ status: 3, priceNano: "0" });
      });
    });

    it("refuses a request that it has accepted before, at once and at the same time", async () => {
      const payment = paymentFor(test, payer, body, 10n * CAP_NANO);
      const answers = await Promise.all([1, 2, 3].map(() => post(url, body, payment)));
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409, 409]);
      const later = await post(url, body, payment);
      expect([later.status, later.json.error?.code]).to.deep.equal([409, "request_replayed"]);
      const state = await getJson(`${url}/v1/reservations/${payer.reservation.reservation}`);
      expect(state).to.include({ spentNano: "50000", inFlightNano: "0" });
    });

    it("refuses a request that comes again on another reservation", async () => {
      const first = paymentFor(test, payer, body, CAP_NANO);
      expect((await post(url, body, first)).status).to.equal(200);
      const other = await openPayer(test, 1_000_000n);
      const { request } = first;
      const again = paymentFor(test, other, body, CAP_NANO, { request });
      const answer = await post(url, body, { ...again, salt: first.salt });
      expect([answer.status, answer.json.error?.code]).to.deep.equal([409, "request_replayed"]);
    });

    it("answers with the receipt on the answer, streamed and not", async () => {
      const whole = await pay();
      expect(whole.status).to.equal(200);
      expect(JSON.parse(whole.json.choices?.[0]?.message.content ?? "").label).to.equal("read");
      expect(whole.json.receipt?.id).to.equal(whole.headers.get("x-opg-request-id"));

      const sent = guardBody("What is my balance?", { stream: true });
      const streamed = await pay({}, 3n * CAP_NANO, sent);
      const events = streamed.text.split("\n\n").filter((event) => event !== "");
      expect(events.at(-1)).to.equal("data: [DONE]");
      const last = JSON.parse((events.at(-2) as string).slice("data: ".length));
      expect(last.usage).to.deep.equal({ prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 });
      expect(last.receipt.window.count).to.be.greaterThan(0);
    });

    it("stops serving a version that its publisher retires", async () => {
      const { chain, net } = test;
      const publisher = localAccount(chain, 9);
      const manifest = await readManifest("models/opg-guard");
      const renamed = { ...manifest, version: `9.9.${backend.length}` };
      const listing = { inputPriceNano: 0n, outputPriceNano: 1n, royaltyPpm: 0, payee: 1 };
      const id = await publishModel(chain.contracts, publisher, renamed, listing);
      await mined(chain.contracts.modelRegistry.connect(publisher).retire(id));
      // A worker that still offers it is not asked.
      net.settlerRole.open.view.model(id);
      const { selectModel } = await import("../../../src/gateway/models.ts");
      const model = await net.settlerRole.open.view.model(id);
      expect(() => selectModel(model ? [model] : [], id)).to.throw("retired");
    });

    describe("tells", () => {
      it("health, models and itself", async () => {
        expect(await getJson(`${url}/healthz`)).to.include({ ok: true });
        const { data } = await getJson(`${url}/v1/models`);
        expect(data[0]).to.include({
          id: "opg-guard",
          profile: "EXACT_INT8",
          offeredMode: Mode.TEE,
          outputPriceNano: "50000",
        });
        const about = await getJson(`${url}/v1/settler`);
        expect(about).to.include({ settler: test.net.settler, chainId: "31337", policy: 1 });
        expect(about.verifiers).to.have.length(2);
      });

      it("404 for what is not there", async () => {
        for (const path of [
          `/v1/receipts/0x${"00".repeat(32)}`,
          "/v1/reservations/4000000",
          `/v1/data/${"00".repeat(32)}`,
          `/v1/batches/${test.net.settler}/99`,
          `/v1/batches/${test.net.settler + 1}/1`,
          `/v1/batches/${test.net.settler}/x`,
          "/nothing",
        ]) {
          const response = await fetch(`${url}${path}`);
          expect(response.status, path).to.equal(404);
          expect(((await response.json()) as Answer).error?.code).to.equal("not_found");
        }
        expect((await fetch(`${url}/v1/reservations/x`)).status).to.equal(400);
      });

      it("a receipt by its request's id, with its window", async () => {
        const { headers } = await pay();
        const id = headers.get("x-opg-request-id") as Hex;
        const receipt = await getJson(`${url}/v1/receipts/${id.toUpperCase().replace("0X", "0x")}`);
        expect(receipt).to.include({ id, state: "signed", model: "opg-guard" });
        expect(receipt.fields.requestId).to.equal(id);
        expect(toHex(fromHex(receipt.receipt, 288))).to.equal(receipt.receipt);
      });
    });
  });
}
