import { createHash } from "node:crypto";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import type { Clock } from "../core/clock.ts";
import { engineId } from "../core/engine.ts";
import { BaseError, errorMessage, InputError } from "../core/errors.ts";
import { equalBytes, type Hex, toHex, ZERO32 } from "../core/hashing/hex.ts";
import { secp256k1 } from "../core/hashing/secp256k1.ts";
import { parseHeader, readBody } from "../core/http/body.ts";
import { errorHandler } from "../core/http/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type ChatFrame, parseChatRequest } from "../core/openai.ts";
import { inputCommitment, outputCommitment } from "../core/protocol/commitments.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import { ORDER_HEADER } from "../core/protocol/headers.ts";
import { toJson } from "../core/protocol/json.ts";
import { type Evidence, resultHash } from "../core/protocol/messages.ts";
import { affordableOutput, type PriceList, priceOf } from "../core/protocol/price.ts";
import { type Frame, type Order, orderSchema } from "../core/protocol/workerFrames.ts";
import type { DriverEnd, InferenceDriver } from "../engines/driver.ts";

/** One model version that a worker runs. */
export type ServedModel = { version: Uint8Array; name: string; prices: PriceList; driver: InferenceDriver };

export type WorkerOptions = {
  /** The node's id and its key; the key signs every answer. */
  node: number;
  key: Uint8Array;
  domain: Domain;
  models: readonly ServedModel[];
  /** What the node's operator answers with now, in nano. */
  stakeNano(): Promise<bigint>;
  clock: Clock;
  logger: Logger;
  /** More requests at once than this are refused with `too_busy`. */
  maxConcurrent?: number;
  maxBodyBytes?: number;
};

/** Runs models for settlers: takes the payer's raw body, answers with frames, signs what it answered. */
export function createWorker(options: WorkerOptions): Hono {
  const { logger, maxConcurrent = 64, maxBodyBytes = 1 << 20 } = options;
  const models = new Map(options.models.map((model) => [toHex(model.version), model]));
  const running = new Map<Hex, AbortController>();
  const app = new Hono();
  app.onError(errorHandler(logger));

  app.get("/healthz", (c) => c.json({ ok: true, node: options.node, running: running.size }));

  app.get("/v1/models", (c) => {
    const served = options.models.map(({ version, name }) => ({ version: toHex(version), name }));
    return c.json({ node: options.node, models: served });
  });

  app.post("/v1/inferences", async (c) => {
    const header = c.req.header(ORDER_HEADER);
    if (!header) throw new InputError(`The header ${ORDER_HEADER} is missing`, { code: "bad_request" });
    const order = parseHeader(orderSchema, header, ORDER_HEADER);
    const body = await readBody(c, maxBodyBytes);
    const id = toHex(order.requestId);
    const accepted = accept(models, order, body);
    await checkStake(options, order);
    if (running.has(id)) throw new InputError("This request is running", { code: "request_replayed", facts: { id } });
    if (running.size >= maxConcurrent) {
      throw new BaseError("This worker has enough to do", {
        code: "too_busy",
        facts: { running: running.size, limit: maxConcurrent },
        retryable: true,
      });
    }
    const abort = new AbortController();
    running.set(id, abort);
    c.header("content-type", "application/x-ndjson");
    return stream(c, async (out) => {
      out.onAbort(() => abort.abort());
      const write = (frame: unknown) => out.write(`${JSON.stringify(frame)}\n`);
      try {
        await write({ type: "start" } satisfies Frame);
        for await (const frame of answer(options, order, accepted, abort.signal)) await write(frame);
      } catch (error) {
        logger.warn({ id, reason: errorMessage(error) }, "inference.failed");
        await write(errorFrame(error));
      } finally {
        running.delete(id);
      }
    });
  });

  app.post("/v1/inferences/:id/cancel", (c) => {
    const abort = running.get(c.req.param("id") as Hex);
    abort?.abort();
    return c.json({ cancelled: abort !== undefined });
  });

  return app;
}

type Accepted = { model: ServedModel; body: ReturnType<typeof parseChatRequest>; maxOutputUnits: number };

function accept(models: Map<Hex, ServedModel>, order: Order, raw: Uint8Array): Accepted {
  const model = models.get(toHex(order.modelVersion));
  if (!model) {
    throw new InputError("This worker does not serve that model version", {
      code: "model_not_found",
      facts: { version: toHex(order.modelVersion) },
    });
  }
  if (!equalBytes(inputCommitment(order.salt, raw), order.inputHash)) {
    throw new InputError("The body is not what the payer signed", { code: "input_hash_mismatch" });
  }
  const body = parseChatRequest(raw);
  const inputUnits = model.driver.inputUnitsAtMost(body);
  const maxOutputUnits = affordableOutput(model.prices, inputUnits, order.maxPriceNano);
  if (maxOutputUnits === undefined || maxOutputUnits < 1) {
    const least = priceOf(model.prices, { inputUnits, outputUnits: 1 });
    throw new InputError("The highest price does not pay for one unit of output", {
      code: "max_price_too_low",
      facts: { maxPriceNano: order.maxPriceNano, leastNano: least },
      hint: "Raise the request's maxPrice",
    });
  }
  return { model, body, maxOutputUnits };
}

/** A job worth more than the stake behind it would be a wager with the payer's money. */
async function checkStake({ node, stakeNano }: WorkerOptions, { valueAtRiskNano }: Order): Promise<void> {
  if (valueAtRiskNano === 0n) return;
  const nano = await stakeNano();
  if (nano >= valueAtRiskNano) return;
  throw new BaseError("This worker's stake does not answer for so much value at risk", {
    code: "value_not_covered",
    facts: { node, valueAtRiskNano, stakeNano: nano },
    hint: "Ask another worker, or bond more and wait until it counts: opg stake show",
    retryable: true,
  });
}

async function* answer(
  { key, domain, clock }: WorkerOptions,
  order: Order,
  { model, body, maxOutputUnits }: Accepted,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const frame: ChatFrame = {
    id: `chatcmpl-${Buffer.from(order.requestId).toString("hex").slice(0, 24)}`,
    created: Math.floor(clock() / 1000),
    model: model.name,
  };
  const seed = BigInt.asUintN(64, BigInt(body.seed ?? toHex(order.requestId.slice(0, 8))));
  const output = createHash("sha256");
  for await (const event of model.driver.run({ body, frame, maxOutputUnits, seed }, signal)) {
    if (event.type === "data") {
      output.update(event.bytes);
      yield { type: "data", base64: Buffer.from(event.bytes).toString("base64") };
    } else {
      const outputHash = outputCommitment(order.salt, output.digest());
      const evidence = sign(key, domain, order, outputHash, model.driver, event);
      yield toJson({ type: "end", finishReason: event.finishReason, outputHash, evidence });
    }
  }
}

function sign(
  key: Uint8Array,
  domain: Domain,
  { requestId, modelVersion, inputHash }: Order,
  outputHash: Uint8Array,
  driver: InferenceDriver,
  end: DriverEnd,
): Evidence {
  const traceRoot = ZERO32;
  const digest = typedDigest(domain, resultHash({ requestId, modelVersion, inputHash, outputHash, traceRoot }));
  return {
    engine: engineId(driver.engine),
    seed: end.seed,
    inputUnits: end.inputUnits,
    outputUnits: end.outputUnits,
    traceRoot,
    outputIds: end.outputIds,
    workerSignature: secp256k1.sign(digest, key),
  };
}

function errorFrame(error: unknown): Frame {
  const known = error instanceof BaseError;
  return {
    type: "error",
    code: known ? error.code : "model_failed",
    message: known ? error.shortMessage : "The model broke",
    retryable: known ? error.retryable : true,
  };
}
