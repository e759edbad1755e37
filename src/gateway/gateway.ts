import { type Context, Hono } from "hono";
import type { BlobStore } from "../core/blobStore.ts";
import type { PolicyRecord } from "../core/chain/view.ts";
import { BaseError, InputError } from "../core/errors.ts";
import { fromHex, type Hex, toHex } from "../core/hashing/hex.ts";
import { readBody } from "../core/http/body.ts";
import { errorBody, errorHandler } from "../core/http/errors.ts";
import { parseChatRequest, SSE_DONE, sseEvent, usageOf } from "../core/openai.ts";
import {
  OUTPUT_LENGTH_HEADER,
  PAYMENT_HEADER,
  RECEIPT_AT_HEADER,
  REQUEST_ID_HEADER,
} from "../core/protocol/headers.ts";
import { type Payment, toJson } from "../core/protocol/json.ts";
import { decodeReceipt } from "../core/protocol/receipt.ts";
import type { BatchStore } from "../settler/batches.ts";
import type { ReceiptProofs } from "../settler/proofs.ts";
import { readEvidence, type StoredInference } from "../settler/store.ts";
import { coveringWorkers } from "./cover.ts";
import { type InferenceContext, type InferenceResult, runInference } from "./inference.ts";
import { modelEntry, offeredMode, selectModel, servedModels } from "./models.ts";
import { checkPayment } from "./payment.ts";
import type { ReceiptSigner } from "./receiptSigner.ts";
import type { SignedLeaf, VerifierEndpoint } from "./verifiers.ts";

export type GatewayOptions = InferenceContext & {
  policy: number;
  policyRecord: PolicyRecord;
  signer: ReceiptSigner;
  verifiers: readonly VerifierEndpoint[];
  proofs: ReceiptProofs;
  blobs: BlobStore;
  batches: Pick<BatchStore, "get">;
  /** A batch is due this long after the first receipt that is not settled. */
  settleInSeconds: number;
  maxBodyBytes?: number;
  /** An inference that takes longer has failed. */
  requestTimeoutMs?: number;
};

/** The settler's HTTP side: an OpenAI-compatible API in which every answer carries its receipt. */
export function createGateway(options: GatewayOptions): Hono {
  const { view, store, settler, policy, domain, logger, maxBodyBytes = 1 << 20 } = options;
  const app = new Hono();
  app.onError(errorHandler(logger));
  app.notFound((c) => {
    const { body } = errorBody(
      new InputError("There is nothing here", { code: "not_found", facts: { path: c.req.path } }),
    );
    return c.json(body, 404);
  });

  app.get("/healthz", (c) => c.json({ ok: true, settler }));

  app.get("/v1/settler", (c) =>
    c.json({
      settler,
      chainId: String(domain.chainId),
      settlement: domain.settlement,
      policy,
      ...(toJson({ terms: options.policyRecord, verifiers: options.verifiers }) as object),
      maxBodyBytes,
      paymentHeader: PAYMENT_HEADER,
    }),
  );

  app.get("/v1/models", async (c) => {
    const models = await servedModels(view, options.workers);
    return c.json({ object: "list", data: models.filter(({ retiredAt }) => retiredAt === 0).map(modelEntry) });
  });

  app.post("/v1/chat/completions", async (c) => {
    const body = await readBody(c, maxBodyBytes);
    const chat = parseChatRequest(body);
    const model = selectModel(await servedModels(view, options.workers), chat.model);
    const { payment, availableNano } = await checkPayment(options, c.req.header(PAYMENT_HEADER), body);
    checkAgreed(payment, model);
    await coveringWorkers(options, model, payment.request.valueAtRiskNano);
    const accepted = await store.accept(settler, payment, model.name, availableNano, options.clock());
    c.header(REQUEST_ID_HEADER, accepted.requestId);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.requestTimeoutMs ?? 120_000);
    c.req.raw.signal.addEventListener("abort", () => abort.abort(), { once: true });
    const job = {
      sequence: accepted.sequence,
      payment,
      model,
      body,
      verifier: options.signer.next(),
      signal: abort.signal,
    };
    const settle = (result: InferenceResult) => finish(options, accepted.requestId, accepted.sequence, result);
    const respond = chat.stream ? streamed : whole;
    return respond(c, options, job, settle, abort, () => clearTimeout(timer));
  });

  app.get("/v1/receipts/:id", async (c) => {
    const row = await store.find(c.req.param("id").toLowerCase() as Hex);
    if (!row || row.settler !== settler) {
      throw new InputError("There is no receipt of this id", {
        code: "not_found",
        facts: { id: c.req.param("id") },
        hint: "The id is the hash of the request that was signed; see the header x-opg-request-id",
      });
    }
    return c.json(await receiptAnswer(options, row));
  });

  app.get("/v1/reservations/:index", async (c) => {
    const index = Number(c.req.param("index"));
    if (!Number.isInteger(index) || index < 0 || index > 0xffffffff) {
      throw new InputError("Not the index of a reservation", {
        code: "bad_request",
        facts: { given: c.req.param("index") },
      });
    }
    const [onChain, state, latest] = await Promise.all([
      view.reservation(settler, index),
      store.reservation(settler, index),
      store.latest(settler, index),
    ]);
    if (onChain.termsHash192 === 0n) throw new InputError("There is no such reservation", { code: "not_found" });
    const { spentNano, inFlightNano, cumulativeNano } = state ?? {
      spentNano: 0n,
      inFlightNano: 0n,
      cumulativeNano: 0n,
    };
    const { balanceNano, netNano, releaseNano, releaseDueAt } = onChain;
    const money = { balanceNano, netNano, releaseNano, releaseDueAt, spentNano, inFlightNano, cumulativeNano };
    const requestId = latest?.requestId ?? null;
    return c.json({ settler, reservation: index, ...(toJson(money) as object), latest: requestId });
  });

  app.get("/v1/data/:sha256", async (c) => {
    const bytes = await options.blobs.get(fromHex(`0x${c.req.param("sha256")}`, 32));
    if (!bytes) throw new InputError("There is no such file here", { code: "not_found" });
    return c.body(new Uint8Array(bytes).buffer, 200, { "content-type": "application/json" });
  });

  // What of a batch no hash on chain names, under a CALLDATA policy, is asked for by its number.
  app.get("/v1/batches/:settler/:number", async (c) => {
    const { settler: of, number } = c.req.param();
    const known = of === String(settler) && /^\d{1,19}$/.test(number);
    const batch = known ? await options.batches.get(settler, BigInt(number)) : undefined;
    const bytes = batch && (await options.blobs.get(batch.fileHash));
    if (!bytes)
      throw new InputError("There is no such batch here", { code: "not_found", facts: { batch: `${of}/${number}` } });
    return c.body(new Uint8Array(bytes).buffer, 200, { "content-type": "application/json" });
  });

  return app;
}

type Job = Omit<Parameters<typeof runInference>[1], "write">;

type Settled = { receipt: unknown; signed: boolean };

type Respond = (
  c: Context,
  options: GatewayOptions,
  job: Job,
  settle: (result: InferenceResult) => Promise<Settled>,
  abort: AbortController,
  done: () => void,
) => Promise<Response>;

/** The request asks for what this model offers, and for this model. */
function checkAgreed({ request }: Payment, model: Parameters<typeof offeredMode>[0]): void {
  if (toHex(request.modelVersion) !== model.id) {
    throw new InputError("The voucher is for another model version than the body asks for", {
      code: "bad_voucher",
      facts: { voucher: toHex(request.modelVersion), body: model.id },
    });
  }
  if (request.minMode > offeredMode(model)) {
    throw new InputError("This model is not answered in so strong a mode", {
      code: "mode_not_offered",
      facts: { asked: request.minMode, offered: offeredMode(model) },
      hint: "Ask for the mode that /v1/models offers, or less",
    });
  }
}

/** From here the receipt is durable, then under a signed window; only then does it leave. */
async function finish(
  { store, signer, settler, settleInSeconds, logger }: GatewayOptions,
  requestId: Hex,
  sequence: bigint,
  result: InferenceResult,
): Promise<Settled> {
  await store.finish(settler, sequence, result, settleInSeconds);
  const row = (await store.find(requestId)) as StoredInference;
  try {
    const { receipt, signed } = await signer.sign(row);
    return { receipt: receiptJson(requestId, receipt, signed, result.outcome.evidence), signed: true };
  } catch (error) {
    // It is signed later, by recovery; the payer finds it at /v1/receipts.
    logger.error({ sequence, code: error instanceof BaseError ? error.code : "unknown" }, "receipt.unsigned");
    return { receipt: { id: requestId, state: "finished" }, signed: false };
  }
}

const streamed: Respond = async (c, options, job, settle, abort, done) => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  // A payer that leaves closes the stream; what was made so far is then signed and charged.
  writer.closed.catch(() => abort.abort());
  const first = Promise.withResolvers<"started">();
  const write = async (bytes: Uint8Array) => {
    first.resolve("started");
    await writer.write(bytes).catch(() => abort.abort());
  };
  const running = runInference(options, { ...job, write }).then(async (result) => {
    const settled = await settle(result);
    done();
    return { result, settled };
  });
  const early = await Promise.race([first.promise, running]);
  if (early !== "started" && early.result.error) {
    void writer.abort().catch(() => undefined);
    return refusal(c, early.result.error, early.settled);
  }
  void running
    .then(async ({ result, settled }) => {
      await writer.write(lastEvent(job, result, settled));
      await writer.write(SSE_DONE);
      await writer.close();
    })
    .catch(() => writer.abort().catch(() => undefined));
  return c.body(readable, 200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
};

const whole: Respond = async (c, options, job, settle, _abort, done) => {
  const pieces: Uint8Array[] = [];
  const write = async (bytes: Uint8Array) => {
    pieces.push(bytes);
  };
  const result = await runInference(options, { ...job, write });
  const settled = await settle(result);
  done();
  if (result.error) return refusal(c, result.error, settled);
  if (!settled.signed) return refusal(c, unsigned(), settled);
  const body = Buffer.concat(pieces);
  // The receipt becomes the answer's last member; the headers tell how to get the signed bytes back.
  const at = body.lastIndexOf("}");
  const receipt = Buffer.from(`,"receipt":${JSON.stringify(settled.receipt)}`);
  c.header(OUTPUT_LENGTH_HEADER, String(body.length));
  c.header(RECEIPT_AT_HEADER, String(at));
  const spliced = Buffer.concat([body.subarray(0, at), receipt, body.subarray(at)]);
  return c.body(spliced, 200, { "content-type": "application/json" });
};

/** Usage and receipt on one event, the last before `[DONE]`. */
function lastEvent(job: Job, { outcome, error }: InferenceResult, settled: Settled): Uint8Array {
  if (error || !settled.signed) {
    const { body } = errorBody(error ?? unsigned());
    return sseEvent({ ...body, receipt: settled.receipt });
  }
  return sseEvent({
    id: `chatcmpl-${toHex(job.payment.voucher.requestHash).slice(2, 26)}`,
    object: "chat.completion.chunk",
    created: Math.floor(outcome.finishedAtMs / 1000),
    model: job.model.name,
    choices: [],
    usage: usageOf(outcome.inputUnits, outcome.outputUnits),
    receipt: settled.receipt,
  });
}

function unsigned(): BaseError {
  return new BaseError("The receipt could not be signed yet", {
    code: "receipt_unsigned",
    hint: "Fetch it from /v1/receipts in a moment",
    retryable: false,
  });
}

function refusal(c: Context, error: BaseError, settled: Settled): Response {
  const { status, body } = errorBody(error);
  return c.json({ ...body, receipt: settled.receipt }, status);
}

async function receiptAnswer(options: GatewayOptions, row: StoredInference): Promise<Record<string, unknown>> {
  const { requestId, sequence, state, model, events } = row;
  const base = { id: requestId, sequence: String(sequence), state, model, events };
  if (!row.receipt) return base;
  const evidence = readEvidence(row);
  const window = row.window === null ? undefined : await options.store.window(row.window);
  const fields = toJson(decodeReceipt(row.receipt));
  if (!window || row.leafIndex === null) return { ...base, receipt: toHex(row.receipt), fields };
  const path = await options.proofs.windowPath(row);
  const { root, settler, verifier, count, signedAtMs, signature } = window;
  const signed = {
    receipt: toHex(row.receipt),
    path: toJson(path),
    window: { settler, verifier, root, count, signedAtMs },
    signature: toHex(signature),
    evidence: toJson(evidence),
  };
  return { ...base, fields, ...signed, batch: toJson((await options.proofs.batchProof(row)) ?? null) };
}

function receiptJson(
  id: Hex,
  receipt: Uint8Array,
  { window, signature, path }: SignedLeaf,
  evidence: InferenceResult["outcome"]["evidence"],
): unknown {
  return { id, ...(toJson({ receipt, path, window, signature, evidence }) as object) };
}
