import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";
import type { Hex } from "../core/hashing/hex.ts";
import { parseJson } from "../core/http/body.ts";
import type { Logger } from "../core/logger.ts";
import { ORDER_HEADER } from "../core/protocol/headers.ts";
import { encodeHeader } from "../core/protocol/json.ts";
import { type Frame, frameSchema, type Order } from "../core/protocol/workerFrames.ts";
import { within } from "../core/within.ts";

/** A worker as the gateway knows it. */
export type WorkerState = {
  url: string;
  /** Node id; 0 until it first answered. */
  node: number;
  /** Version ids that it serves. */
  models: Set<Hex>;
  inFlight: number;
  /** Left out until then, after it failed; Unix milliseconds. */
  avoidUntilMs: number;
};

export type WorkerPool = {
  /** Version ids that some worker serves. */
  served(): Set<Hex>;
  /** Serving workers, least busy first; those that failed lately come last. */
  candidates(version: Hex): WorkerState[];
  /** Frames of one inference. Throws a retryable error when the worker fails before it starts. */
  run(worker: WorkerState, order: Order, body: Uint8Array, signal: AbortSignal): AsyncGenerator<Frame>;
  /** Asks a worker to stop early and sign what it has. */
  cancel(worker: WorkerState, requestId: Hex): Promise<void>;
  /** Asks every worker what it serves. */
  refresh(): Promise<void>;
};

export type WorkerPoolOptions = {
  urls: readonly string[];
  clock: Clock;
  logger: Logger;
  /** Without a line for so long, a worker counts as dead. */
  idleTimeoutMs?: number;
};

const AVOID_MS = 5_000;

const listSchema = z.object({ node: z.int().positive(), models: z.array(z.object({ version: z.string() })) });

export function createWorkerPool({ urls, clock, logger, idleTimeoutMs = 30_000 }: WorkerPoolOptions): WorkerPool {
  const workers: WorkerState[] = urls.map((url) => ({
    url,
    node: 0,
    models: new Set(),
    inFlight: 0,
    avoidUntilMs: 0,
  }));

  async function refreshOne(worker: WorkerState): Promise<void> {
    try {
      const response = await fetch(`${worker.url}/v1/models`, { signal: AbortSignal.timeout(5000) });
      const { node, models } = listSchema.parse(await response.json());
      worker.node = node;
      worker.models = new Set(models.map(({ version }) => version as Hex));
    } catch (error) {
      logger.warn({ worker: worker.url, reason: errorMessage(error) }, "worker.unreachable");
      worker.avoidUntilMs = clock() + AVOID_MS;
    }
  }

  return {
    served: () => new Set(workers.flatMap(({ models }) => [...models])),

    candidates(version) {
      const avoided = (worker: WorkerState) => (worker.avoidUntilMs > clock() ? 1 : 0);
      return workers
        .filter(({ models }) => models.has(version))
        .sort((a, b) => avoided(a) - avoided(b) || a.inFlight - b.inFlight);
    },

    async *run(worker, order, body, signal) {
      worker.inFlight++;
      try {
        const response = await fetch(`${worker.url}/v1/inferences`, {
          method: "POST",
          headers: { "content-type": "application/json", [ORDER_HEADER]: encodeHeader(order) },
          body: body as Uint8Array<ArrayBuffer>,
          signal,
        });
        if (!response.ok) throw await refusal(response);
        for await (const line of lines(response, idleTimeoutMs)) yield readFrame(line);
      } catch (error) {
        if (error instanceof BaseError && !error.retryable) throw error;
        worker.avoidUntilMs = clock() + AVOID_MS;
        if (error instanceof BaseError) throw error;
        throw new UnavailableError("A worker broke off", {
          code: "worker_failed",
          facts: { node: worker.node, reason: errorMessage(error) },
          cause: error,
        });
      } finally {
        worker.inFlight--;
      }
    },

    async cancel(worker, requestId) {
      await fetch(`${worker.url}/v1/inferences/${requestId}/cancel`, {
        method: "POST",
        signal: AbortSignal.timeout(2000),
      }).catch(() => undefined);
    },

    async refresh() {
      await Promise.all(workers.map(refreshOne));
    },
  };
}

/** A line that is no frame is the worker's fault, never the payer's. */
function readFrame(line: string): Frame {
  try {
    return parseJson(frameSchema, line, "A worker's frame");
  } catch (cause) {
    throw new UnavailableError("A worker sent what is no frame", { code: "worker_failed", cause });
  }
}

const refusalSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    facts: z.record(z.string(), z.unknown()).default({}),
    retryable: z.boolean(),
  }),
});

/** A worker's refusal as an error of ours: final ones are the payer's to read. */
async function refusal(response: Response): Promise<BaseError> {
  const parsed = refusalSchema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) {
    return new UnavailableError("A worker refused", { code: "worker_failed", facts: { status: response.status } });
  }
  const { code, message, hint, facts, retryable } = parsed.data.error;
  return new BaseError(message, { code, facts, retryable, ...(hint ? { hint } : {}) });
}

async function* lines(response: Response, idleTimeoutMs: number): AsyncGenerator<string> {
  const reader = response.body?.getReader();
  if (!reader) throw new UnavailableError("A worker sent nothing", { code: "worker_failed" });
  const stalled = () =>
    new UnavailableError("A worker stopped sending", { code: "worker_failed", facts: { idleTimeoutMs } });
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await within(reader.read(), idleTimeoutMs, stalled);
      pending += decoder.decode(value, { stream: !done });
      const parts = pending.split("\n");
      pending = parts.pop() ?? "";
      for (const part of parts) if (part !== "") yield part;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
