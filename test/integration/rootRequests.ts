import { join } from "node:path";
import { expect } from "chai";
import { startVerifier } from "../../src/cli/roles/verifier.ts";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex, toHex } from "../../src/core/hashing/hex.ts";
import { recoverAddress, secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../src/core/hashing/sha256.ts";
import type { HttpServer } from "../../src/core/http/serve.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { typedDigest } from "../../src/core/protocol/domain.ts";
import { SETTLER_HEADER } from "../../src/core/protocol/headers.ts";
import { encodeHeader, toJson } from "../../src/core/protocol/json.ts";
import { requestHash, termsHash, type Voucher, voucherHash } from "../../src/core/protocol/messages.ts";
import { encodeReceipt, Mode, Status } from "../../src/core/protocol/receipt.ts";
import { signSettlerRequest } from "../../src/core/protocol/settlerRequest.ts";
import type { ComputedEpoch } from "../../src/rewards/chain/epoch.ts";
import { type EpochRoot, rootDigest } from "../../src/rewards/root.ts";
import { POSTER_HEADER, ROOT_HEADER, rootHeaders } from "../../src/rewards/rootRequest.ts";
import { receiptOf } from "../helpers/batches.ts";
import { walletOf } from "../helpers/economy.ts";
import { commitFile, computeOn, endEpoch, enterEpoch } from "../helpers/epochChain.ts";
import { type EpochNetwork, openEpochNetwork } from "../helpers/epochNetwork.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import { REQUEST } from "../helpers/samples.ts";
import { until } from "../helpers/until.ts";

/*
A verifier that is asked for a signature over a root
├── refuses, says why and what to do, and keeps nothing
│  ├── without the headers, or with malformed ones
│  ├── when the owner of the poster's operator did not sign the root and the file
│  └── of another epoch, of another file, of a file that is none, of another root than it computes
├── signs the right one
└── goes on signing windows while it computes one, and takes no second one meanwhile
*/
const POSTER = 3;

describe("requests for signatures over roots", () => {
  let world: EpochNetwork;
  let computed: ComputedEpoch;

  before(async () => {
    world = await openEpochNetwork();
    await enterEpoch(world, 1);
    await commitFile(world, [{ priceNano: 200_000n }]);
    await endEpoch(world, 1);
    computed = await computeOn(world, 1);
  });
  after(() => world?.close());

  const identity = (index = POSTER) => ({
    operator: world.verifiers[0]?.operator as number,
    key: fromHex(world.keyOf(index), 32),
    domain: world.domain,
  });
  const headersOf = (content: EpochRoot, file: Uint8Array, index?: number) =>
    rootHeaders(identity(index), content, file) as Record<string, string>;

  async function post(base: string, path: string, body: Uint8Array, headers: Record<string, string>) {
    const response = await fetch(`${base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: body as Uint8Array<ArrayBuffer>,
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }
  type Answer = {
    operator?: number;
    signature?: string;
    results?: { signed?: { window: { root: string } }; error?: { code: string } }[];
    error?: { code: string; message: string; hint?: string; facts: Record<string, unknown> };
  };

  describe("are refused", () => {
    const ask = (file: Uint8Array, headers: Record<string, string>) =>
      post(world.rootVerifiers[0]?.url as string, "/v1/roots", file, headers);

    async function refused(file: Uint8Array, headers: Record<string, string>, status: number, code: string) {
      const { body, ...answer } = await ask(file, headers);
      expect({ status: answer.status, code: body.error?.code }).to.deep.equal({ status, code });
      expect(body.error?.message).to.match(/\S/);
      expect(body.error?.hint).to.be.a("string");
      expect(body).not.to.have.property("signature");
      return body.error?.facts;
    }

    it("without their headers, or with malformed ones", async () => {
      const { content, file } = computed;
      const { [ROOT_HEADER]: root, [POSTER_HEADER]: poster } = headersOf(content, file) as Record<string, string>;
      await refused(file, {}, 400, "bad_request");
      await refused(file, { [ROOT_HEADER]: root as string }, 400, "bad_request");
      await refused(file, { [POSTER_HEADER]: poster as string }, 400, "bad_request");
      const malformed = {
        [ROOT_HEADER]: encodeHeader({ ...content, root: "0x12" }),
        [POSTER_HEADER]: poster as string,
      };
      const { status, body } = await ask(file, malformed);
      expect(status).to.equal(400);
      expect(body.error).to.include({ code: "bad_request" });
      expect(body.error?.facts).to.have.property("root");
    });

    it("when the poster's owner did not sign this root and this file", async () => {
      const { content, file } = computed;
      const owner = world.signers[POSTER]?.address.toLowerCase();
      const facts = await refused(file, headersOf(content, file, 9), 403, "not_the_poster");
      expect(facts).to.include({ signer: world.signers[9]?.address.toLowerCase(), owner });
      const { [POSTER_HEADER]: other } = headersOf({ ...content, totalWei: 1n }, file);
      const mixed = { ...headersOf(content, file), [POSTER_HEADER]: other as string };
      await refused(file, mixed, 403, "not_the_poster");
      await refused(file.slice(1), headersOf(content, file), 403, "not_the_poster");
      const nobody = encodeHeader({ settler: identity().operator, signature: `0x${"00".repeat(65)}` });
      const unsigned = await refused(
        file,
        { ...headersOf(content, file), [POSTER_HEADER]: nobody },
        403,
        "not_the_poster",
      );
      expect(unsigned).to.include({ signer: "malformed" });
    });

    it("of another epoch, file or root than the verifier has, and their files are not kept", async () => {
      const { content, file } = computed;
      const text = Buffer.from(file).toString("utf8");
      const bent = (from: string, to: string) => {
        expect(text.split(from)).to.have.length(2);
        const other = new Uint8Array(Buffer.from(text.replace(from, to)));
        return { file: other, dataHash: toHex(sha256(other)) };
      };
      const wrong = async (change: Partial<EpochRoot>, shown = file, code = "bad_root") =>
        refused(shown, headersOf({ ...content, ...change }, shown), 400, code);

      expect(await wrong({ epoch: 2 })).to.include({ reason: "the file is of another epoch" });
      const next = bent('"epoch":1,', '"epoch":2,');
      expect(await wrong({ epoch: 2, dataHash: next.dataHash }, next.file)).to.include({
        reason: "it is not the next one",
        next: 1,
      });
      expect(await wrong({ dataHash: `0x${"12".repeat(32)}` })).to.include({
        reason: "the file is another than its hash says",
      });
      const none = new Uint8Array(Buffer.from("{}"));
      await wrong({ dataHash: toHex(sha256(none)) }, none, "bad_epoch_file");

      const others = {
        root: `0x${"12".repeat(32)}`,
        receiptsRoot: `0x${"13".repeat(32)}`,
        totalWei: content.totalWei + 1n,
        leafCount: content.leafCount + 1,
      };
      for (const [field, value] of Object.entries(others)) {
        expect(await wrong({ [field]: value })).to.include({ field, theirs: toJson(value) });
      }
      for (const hash of [next.dataHash, toHex(sha256(none))]) {
        const kept = await fetch(`${world.rootVerifiers[0]?.url}/v1/data/${hash.slice(2)}`);
        expect(kept.status).to.equal(404);
      }
    });
  });

  it("are granted for the right root", async () => {
    const { content, file } = computed;
    const url = world.rootVerifiers[0]?.url as string;
    const { status, body } = await post(url, "/v1/roots", file, headersOf(content, file));
    expect(status).to.equal(200);
    expect(await signerOf(body.signature as string)).to.equal(world.verifiers[1]?.operator);
  });

  async function signerOf(signature: string): Promise<number> {
    const { epochRewards, teeRegistry } = world.contracts;
    const where = { chainId: 31337n, rewards: String(epochRewards.target) };
    const { commitment } = await epochRewards.getActive();
    const digest = fromHex(rootDigest(where, computed.content, commitment), 32);
    return Number(await teeRegistry.activeOperator(recoverAddress(digest, fromHex(signature, 65)) as string));
  }

  describe("while one is computed", () => {
    let proxy: FaultProxy;
    let verifier: HttpServer;

    before(async () => {
      proxy = await startFaultProxy(world.rpc.url);
      const nodeKey = walletOf("verifier node 0");
      const bank = world.signers[0] as (typeof world.signers)[0];
      await mined(bank.sendTransaction({ to: nodeKey.address, value: 10n ** 18n }) as never);
      verifier = await startVerifier({
        chain: world.chain,
        node: world.verifiers[0]?.node as number,
        nodeKey,
        directory: join(world.directory, "busy"),
        models: [],
        settleLag: 600,
        // Only what it computes roots from comes through the proxy.
        roots: {
          rpcUrl: proxy.url,
          rpcTimeoutMs: 60_000,
          confirmations: 1,
          dataUrls: (world.environment.DATA_URLS as string).split(","),
        },
        logger: silentLogger,
      });
    });
    after(async () => {
      await verifier?.close(100);
      await proxy?.close();
    });

    /** A receipt of a request that nobody answered: it costs nothing. */
    function submission() {
      const terms = {
        payer: world.payer.address.toLowerCase() as `0x${string}`,
        voucherKey: walletOf("voucher").address.toLowerCase() as `0x${string}`,
        policy: 1,
      };
      const request = { ...REQUEST, valueAtRiskNano: 0n };
      const voucher: Voucher = {
        settler: world.settler,
        reservation: world.reservations[1] as number,
        termsHash: termsHash(terms),
        cumulativeNano: 0n,
        requestHash: requestHash(request),
        expiry: 0n,
      };
      const digest = typedDigest(world.domain, voucherHash(voucher));
      const signature = secp256k1.sign(digest, fromHex(walletOf("voucher").privateKey));
      const receipt = receiptOf({
        settler: world.settler,
        sequence: 1n,
        reservation: voucher.reservation,
        worker: 0,
        verifier: world.verifiers[0]?.node as number,
        mode: Mode.TEE,
        status: Status.FAILED,
        requestId: voucher.requestHash,
        modelVersion: request.modelVersion,
        inputHash: request.inputHash,
      });
      const payment = { terms, request, voucher, signature, salt: new Uint8Array(32) };
      return { receipt: encodeReceipt(receipt), payment, evidence: null, opening: null };
    }

    it("windows are signed all the same, and no second root is taken", async () => {
      const gate = Promise.withResolvers<void>();
      let held = 0;
      proxy.rule(async (exchange) => {
        if (rpcMethods(exchange.body).includes("eth_getLogs")) {
          held++;
          await gate.promise;
        }
        await exchange.pass();
      });
      const { content, file } = computed;
      let ended = false;
      const root = post(verifier.url, "/v1/roots", file, headersOf(content, file)).finally(() => {
        ended = true;
      });
      try {
        await until("the computation reads the chain", () => held > 0);
        const body = new Uint8Array(Buffer.from(JSON.stringify([toJson(submission())])));
        const committer = { settler: world.settler, key: fromHex(world.keyOf(0), 32), domain: world.domain };
        const headers = { [SETTLER_HEADER]: signSettlerRequest(committer, "", body) };
        const answer = await post(verifier.url, "/v1/receipts", body, headers);
        expect(answer.body.results?.[0]?.error).to.equal(undefined);
        expect(answer.body.results?.[0]?.signed?.window.root).to.match(/^0x[0-9a-f]{64}$/);

        const text = Buffer.from(file).toString("utf8");
        const other = new Uint8Array(
          Buffer.from(text.replace(/"block":\d+/, `"block":${computed.result.input.asOf.block - 1}`)),
        );
        const second = { ...content, dataHash: toHex(sha256(other)) };
        const busy = await post(verifier.url, "/v1/roots", other, headersOf(second, other));
        expect(busy.status).to.equal(429);
        expect(busy.body.error).to.include({ code: "too_busy", hint: "Ask again in a minute" });
        expect(ended).to.equal(false);
      } finally {
        gate.resolve();
      }
      const { status, body } = await root;
      expect(status, JSON.stringify(body)).to.equal(200);
      expect(await signerOf(body.signature as string)).to.equal(world.verifiers[0]?.operator);
    });
  });
});
