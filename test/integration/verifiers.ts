import { join } from "node:path";
import { expect } from "chai";
import { Wallet } from "ethers";
import { advance, localAccount } from "../../src/cli/demo/chain.ts";
import { settleAll, settleDeps } from "../../src/cli/roles/settler.ts";
import { startVerifier } from "../../src/cli/roles/verifier.ts";
import { mined } from "../../src/core/chain/events.ts";
import { toHex } from "../../src/core/hashing/hex.ts";
import { sha256 } from "../../src/core/hashing/sha256.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { type BatchFile, batchTree, decodeBatchFile, encodeBatchFile } from "../../src/core/protocol/batchFile.ts";
import { type Domain, settlementDomain } from "../../src/core/protocol/domain.ts";
import { BATCH_HEADER, SETTLER_HEADER } from "../../src/core/protocol/headers.ts";
import { encodeHeader, paymentSchema } from "../../src/core/protocol/json.ts";
import type { BatchBody } from "../../src/core/protocol/messages.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../src/core/protocol/receipt.ts";
import { decodeRows, encodeRows, type Row, rowsHash } from "../../src/core/protocol/rows.ts";
import { signSettlerRequest } from "../../src/core/protocol/settlerRequest.ts";
import { infer } from "../../src/sdk/infer.ts";
import type { Plan } from "../../src/settler/batches.ts";
import { tamper } from "../helpers/cheat.ts";
import { openPayer, type Payer, sessionOf, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { CAP_NANO, getJson, guardBody, paymentFor, post } from "../helpers/raw.ts";
import { until } from "../helpers/until.ts";

/*
Verifiers
├── asked to sign a batch refuse, and name the field, when
│  ├── the bytes are not those of `data`, the root not of its leaves, the count not theirs
│  ├── it is not the settler's next batch, or does not adjoin, or its deadline is past or too far
│  ├── a window is not signed by an active key, or stands twice, or holds a receipt that names another verifier
│  ├── a receipt is not the leaf's, its request not the receipt's, its evidence not what it commits to
│  ├── the debits, credits, total, fee are not what the receipts come to
│  └── a voucher is absent, of another key, or allows less than is debited
├── and sign it when all holds
├── given a key is revoked: only the other verifier's receipts are taken; the keeper says whose key is not active
├── given the keys have expired: the keeper has nothing signed
└── given a node's key is not theirs: do not start
*/
const MESSAGES = [{ role: "user" as const, content: "What is my balance?" }];

describe("verifiers", () => {
  let test: TestNetwork;
  let payer: Payer;
  let plan: Plan;
  let file: BatchFile;

  before(async () => {
    test = await startTestNetwork();
    payer = await openPayer(test);
    const session = await sessionOf(test, payer, { maxPriceNano: CAP_NANO });
    for (let i = 0; i < 2; i++) await infer(session, { model: "opg-guard", messages: MESSAGES });
    plan = (await keeper().plan()) as Plan;
    file = decodeBatchFile(plan.file);
  });
  after(() => test?.close());

  const keeper = () => settleDeps(test.net.settlerRole.open, { settleInSeconds: 1, deadlineSeconds: 600 });

  type Sender = { settler: number; key: Uint8Array; domain: Domain };
  const sender = (): Sender => test.net.settlerRole.open.identity;

  async function submit(body: BatchBody, bytes: Uint8Array, from: Sender | undefined = sender()) {
    const about = encodeHeader(body);
    const response = await fetch(`${test.net.verifiers[0]?.url}/v1/batches`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        [BATCH_HEADER]: about,
        ...(from ? { [SETTLER_HEADER]: signSettlerRequest(from, about, bytes) } : {}),
      },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    const { error } = (await response.json()) as { error?: { code: string; facts: Record<string, unknown> } };
    return { status: response.status, code: error?.code, field: error?.facts.field, facts: error?.facts };
  }

  /** The batch with its file changed, and a body that names the changed file. */
  function changed(change: Partial<BatchFile>, body: Partial<BatchBody> = {}) {
    const bytes = encodeBatchFile({ ...file, ...change });
    return submit({ ...plan.body, data: sha256(bytes), ...body }, bytes);
  }

  const rows = (bytes: Uint8Array, change: (row: Row) => Row) => encodeRows(decodeRows(bytes).map(change));
  const first = <T>(entries: readonly T[], change: (entry: T) => T) =>
    entries.map((entry, i) => (i === 0 ? change(entry) : entry));
  const withRows = (debits: Uint8Array, credits: Uint8Array, body: Partial<BatchBody> = {}) =>
    changed({ debits, credits }, { rowsHash: rowsHash(debits, credits), ...body });

  describe("refuse a batch", () => {
    const cases: [string, string, () => ReturnType<typeof submit>][] = [
      [
        "whose bytes are others than its data names",
        "data",
        () => submit({ ...plan.body, data: new Uint8Array(32) }, plan.file),
      ],
      ["of another root", "root", () => changed({}, { root: new Uint8Array(32).fill(1) })],
      ["of another count", "count", () => changed({}, { count: 3 })],
      ["without one of its receipts", "count", () => changed({ receipts: file.receipts.slice(1) })],
      ["whose file is of another number", "number", () => changed({ number: 9n })],
      ["that is not the next one", "number", () => changed({ number: 2n }, { number: 2n })],
      ["that leaves a gap", "firstSequence", () => changed({}, { firstSequence: plan.body.firstSequence + 1n })],
      ["under a policy that there is not", "policy", () => changed({}, { policy: 99 })],
      ["whose deadline is past", "deadline", () => changed({}, { deadline: 1n })],
      ["whose deadline is too far", "deadline", () => changed({}, { deadline: plan.body.deadline + 3600n })],
      [
        "with a window that nobody signed",
        "window",
        () =>
          changed({ windows: first(file.windows, (entry) => ({ ...entry, signature: new Uint8Array(65).fill(27) })) }),
      ],
      [
        "with a window of another verifier than signed it",
        "window",
        () =>
          changed({
            windows: first(file.windows, (entry) => ({ ...entry, window: { ...entry.window, verifier: 1 } })),
          }),
      ],
      [
        "with a receipt that is not the leaf's",
        "receipt",
        () =>
          changed({
            receipts: first(file.receipts, (entry) => ({
              ...entry,
              receipt: altered(entry.receipt, { priceNano: 1n }),
            })),
          }),
      ],
      [
        "with a request that is not the receipt's",
        "requestId",
        () =>
          changed({
            receipts: first(file.receipts, (entry) => ({ ...entry, request: { ...entry.request, maxPriceNano: 1n } })),
          }),
      ],
      [
        "with evidence that the receipt does not commit to",
        "evidenceHash",
        () =>
          changed({
            receipts: first(file.receipts, (entry) => ({
              ...entry,
              evidence: entry.evidence && { ...entry.evidence, seed: entry.evidence.seed ^ 1n },
            })),
          }),
      ],
      [
        "that debits more than the receipts come to",
        "debits",
        () =>
          withRows(
            rows(file.debits, (row) => ({ ...row, amountNano: row.amountNano + 1n })),
            file.credits,
          ),
      ],
      ["that debits nothing", "debits", () => withRows(new Uint8Array(), file.credits)],
      ["of another total", "total", () => changed({}, { totalNano: plan.body.totalNano - 1n })],
      ["of another fee", "fee", () => changed({}, { feeNano: plan.body.feeNano - 1n })],
      [
        "that credits somebody else",
        "credits",
        () =>
          withRows(
            file.debits,
            rows(file.credits, (row) => ({ ...row, index: row.index + 10 })),
          ),
      ],
      ["whose rows are not those of its body", "rowsHash", () => changed({}, { rowsHash: new Uint8Array(32) })],
      ["without a voucher behind a debit", "voucher", () => changed({ vouchers: [] })],
      [
        "with a voucher that allows less than is debited",
        "voucher.signature",
        () =>
          changed({
            vouchers: first(file.vouchers, (entry) => ({
              ...entry,
              voucher: { ...entry.voucher, cumulativeNano: 1n },
            })),
          }),
      ],
      [
        "with a voucher by another key",
        "voucher.signature",
        () =>
          changed({
            vouchers: first(file.vouchers, (entry) => ({ ...entry, signature: new Uint8Array(65).fill(27) })),
          }),
      ],
      [
        "with a voucher under other terms",
        "voucher.termsHash",
        () =>
          changed({ vouchers: first(file.vouchers, (entry) => ({ ...entry, terms: { ...entry.terms, policy: 2 } })) }),
      ],
    ];
    for (const [what, field, send] of cases) {
      it(what, async () => {
        const { status, ...error } = await send();
        expect(status).to.be.within(400, 499);
        expect(error.field).to.equal(field);
      });
    }

    it("with a window from the future, whoever signed it", async () => {
      const signedAtMs = Date.now() + 3_600_000;
      const windows = first(file.windows, (entry) => ({ ...entry, window: { ...entry.window, signedAtMs } }));
      const { code, field, facts } = await changed({ windows });
      expect([code, field, facts?.signedAtMs]).to.deep.equal(["bad_batch", "window", signedAtMs]);
    });

    it("with a receipt that names another verifier than signed its window", async () => {
      const [one, other] = test.net.verifiers.map(({ node }) => node) as [number, number];
      const tampered = await tamper(test, file, { signer: ({ verifier }) => (verifier === one ? other : one) });
      const tree = batchTree(tampered.windows);
      expect((await changed(tampered, { root: tree.root })).field).to.equal("verifier");
    });

    it("with an earlier voucher that allows less than is debited", async () => {
      const { rows: stored } = (await test.net.settlerRole.open.database.db.execute(
        "select payment from inferences order by sequence limit 1" as never,
      )) as unknown as { rows: { payment: never }[] };
      const { voucher, signature } = paymentSchema.parse(stored[0]?.payment);
      expect(voucher.cumulativeNano).to.equal(CAP_NANO);
      const { code, field } = await changed({
        vouchers: first(file.vouchers, (entry) => ({ ...entry, voucher, signature })),
      });
      expect([code, field]).to.deep.equal(["bad_batch", "voucher"]);
    });

    it("that is no batch at all", async () => {
      expect((await submit(plan.body, new TextEncoder().encode("{}"))).status).to.equal(400);
      expect((await submit(plan.body, new TextEncoder().encode("nonsense"))).status).to.equal(400);
    });
  });

  describe("sign a batch", () => {
    it("that the settler's committer did not ask for: anybody else could use up its numbers", async () => {
      const { settler, key, domain } = sender();
      const stranger = new Uint8Array(32).fill(7);
      const refused = { status: 403, code: "not_the_settler" };
      for (const from of [
        { settler, key: stranger, domain },
        { settler: settler + 1, key, domain },
        { settler, key, domain: settlementDomain(1n, test.deployment.contracts.settlement.address) },
      ]) {
        expect(await submit(plan.body, plan.file, from)).to.include(refused);
      }
      const about = encodeHeader(plan.body);
      const replayed = signSettlerRequest(sender(), about, plan.file);
      for (const [path, headers] of [
        ["/v1/batches", { [BATCH_HEADER]: encodeHeader({ ...plan.body, deadline: 1n }), [SETTLER_HEADER]: replayed }],
        ["/v1/receipts", { [SETTLER_HEADER]: replayed }],
      ] as const) {
        const response = await fetch(`${test.net.verifiers[0]?.url}${path}`, {
          method: "POST",
          headers,
          body: plan.file as Uint8Array<ArrayBuffer>,
        });
        expect(response.status, path).to.equal(403);
      }
    });

    it("in which all holds", async () => {
      expect((await submit(plan.body, plan.file)).status).to.equal(200);
    });
  });

  describe("given a key is revoked", () => {
    let signer: string;

    before(async () => {
      const { teeRegistry } = test.chain.contracts;
      const session = await sessionOf(test, payer);
      const { receipt } = await infer(session, { model: "opg-guard", messages: MESSAGES });
      expect(receipt.verifier).to.be.oneOf(test.net.verifiers.map(({ node }) => node));
      const { key } = await attestation(test.net.verifiers[0]?.url as string);
      signer = key;
      await mined(teeRegistry.connect(localAccount(test.chain, 4)).revokeKey(key));
    });

    it("the gateway takes only what the other verifier signs, once what was read of the key is old", async () => {
      const another = await openPayer(test);
      let cumulativeNano = 0n;
      const ask = async () => {
        cumulativeNano += CAP_NANO;
        const body = guardBody();
        const { headers } = await post(test.net.gatewayUrl, body, paymentFor(test, another, body, cumulativeNano));
        const id = headers.get("x-opg-request-id");
        return (await getJson(`${test.net.gatewayUrl}/v1/receipts/${id}`)).fields.verifier;
      };
      const other = test.net.verifiers[1]?.node as number;
      // The verifiers take turns: two of the other in a row mean that the first one's turn was refused.
      await until("the other one signs twice in a row", async () => (await ask()) === other && (await ask()) === other);
      for (let i = 0; i < 3; i++) expect(await ask()).to.equal(other);
    });

    it("the keeper says that the quorum is missing, and whose key is not active", async () => {
      const error = await settleAll(keeper()).catch((caught: unknown) => caught);
      expect(error).to.include({ code: "quorum_missing", retryable: true });
      const { facts } = error as { facts: Record<string, string> };
      expect(Object.values(facts).join(" ")).to.match(
        /not by an active key|not signed by an active key|window is wrong/,
      );
      expect(await test.chain.contracts.teeRegistry.activeOperator(signer)).to.equal(0n);
    });
  });

  describe("given the keys have expired", () => {
    it("the keeper has nothing signed", async () => {
      await advance(test.chain, 8 * 86_400);
      const error = await settleAll(keeper()).catch((caught: unknown) => caught);
      expect(error).to.include({ code: "quorum_missing", retryable: true });
    });
  });

  describe("given a node's key is not theirs", () => {
    it("do not start", async () => {
      const { node } = test.net.verifiers[0] as { node: number };
      const started = await startVerifier({
        chain: test.chain,
        node,
        nodeKey: new Wallet(Wallet.createRandom().privateKey),
        directory: join(test.directory, "stranger"),
        models: [],
        settleLag: 600,
        logger: silentLogger,
      }).catch((caught: unknown) => caught);
      expect(started).not.to.have.property("url");
    });
  });
});

async function attestation(url: string): Promise<{ key: string }> {
  const nonce = toHex(new Uint8Array(32).fill(7));
  return (await fetch(`${url}/v1/attestation?nonce=${nonce}`)).json() as Promise<{ key: string }>;
}

function altered(encoded: Uint8Array, change: Partial<Receipt>): Uint8Array {
  return encodeReceipt({ ...decodeReceipt(encoded), ...change });
}
