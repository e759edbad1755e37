import { createHash } from "node:crypto";
import type { RegisteredModel } from "../core/chain/models.ts";
import type { ChainView } from "../core/chain/view.ts";
import type { Clock } from "../core/clock.ts";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";
import { equalBytes, toHex } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import type { Logger } from "../core/logger.ts";
import { outputCommitment } from "../core/protocol/commitments.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import type { Payment } from "../core/protocol/json.ts";
import { resultHash } from "../core/protocol/messages.ts";
import { chargeOf } from "../core/protocol/price.ts";
import { Mode, Status } from "../core/protocol/receipt.ts";
import type { Frame, Order } from "../core/protocol/workerFrames.ts";
import { type Finished, type Store, unanswered } from "../settler/store.ts";
import { coveringWorkers } from "./cover.ts";
import type { WorkerPool, WorkerState } from "./workers.ts";

export type InferenceContext = {
  domain: Domain;
  view: ChainView;
  store: Store;
  workers: WorkerPool;
  clock: Clock;
  logger: Logger;
  settler: number;
  /** How many workers are tried before the first byte has left. */
  maxAttempts?: number;
};

export type InferenceJob = {
  sequence: bigint;
  payment: Payment;
  model: RegisteredModel;
  body: Uint8Array;
  /** The verifier that will sign. */
  verifier: number;
  /** Aborted when the payer leaves or the time is up. */
  signal: AbortSignal;
  /** Takes the answer's bytes as they come. */
  write(bytes: Uint8Array): Promise<void>;
};

export type InferenceResult = Finished & {
  /** What went wrong on the network's side, for the payer to read. */
  error: BaseError | undefined;
};

type Progress = { startedAtMs: number; firstOutputAtMs: number; sent: boolean; pieces: Uint8Array[] };

/** After a cancel, how long a worker has to sign what it had. */
const CANCEL_GRACE_MS = 5_000;

/**
 * Runs one inference on one of the workers, streaming its bytes on. Never throws: whatever happens becomes an outcome
 * that a receipt can tell. A worker that fails before its first byte is replaced; after that the answer has failed.
 */
export async function runInference(context: InferenceContext, job: InferenceJob): Promise<InferenceResult> {
  const { store, settler, clock, logger, maxAttempts = 3 } = context;
  const progress: Progress = { startedAtMs: clock(), firstOutputAtMs: 0, sent: false, pieces: [] };
  let error: BaseError | undefined;
  const candidates = await coveringWorkers(context, job.model, job.payment.request.valueAtRiskNano).catch(
    (failure: unknown) => {
      error = asBaseError(failure);
      return [];
    },
  );
  for (const worker of candidates.slice(0, maxAttempts)) {
    try {
      return await runOn(context, job, worker, progress);
    } catch (failure) {
      error = asBaseError(failure);
      logger.warn(
        { sequence: job.sequence, node: worker.node, code: error.code, sent: progress.sent },
        "worker.failed",
      );
      await store.note(settler, job.sequence, { event: "worker.failed", node: worker.node, code: error.code });
      if (progress.sent || !error.retryable || job.signal.aborted) break;
    }
  }
  error ??= new UnavailableError("No worker for this model answers", {
    code: "no_worker",
    facts: { model: job.model.name },
    hint: "Try again in a few seconds",
  });
  const status = job.signal.aborted && !progress.sent ? Status.ABORTED : Status.FAILED;
  return { outcome: unanswered(status, job.verifier, progress.startedAtMs, clock()), opening: null, error };
}

async function runOn(
  context: InferenceContext,
  job: InferenceJob,
  worker: WorkerState,
  progress: Progress,
): Promise<InferenceResult> {
  const { workers, clock, settler } = context;
  const { request, salt } = job.payment;
  const requestId = job.payment.voucher.requestHash;
  const order: Order = {
    settler,
    requestId,
    modelVersion: request.modelVersion,
    inputHash: request.inputHash,
    salt,
    maxPriceNano: request.maxPriceNano,
    valueAtRiskNano: request.valueAtRiskNano,
  };
  const digest = createHash("sha256");
  const giveUp = new AbortController();
  const cancel = () => {
    void workers.cancel(worker, toHex(requestId));
    setTimeout(() => giveUp.abort(), CANCEL_GRACE_MS).unref();
  };
  if (job.signal.aborted) throw new BaseError("The payer left", { code: "aborted" });
  job.signal.addEventListener("abort", cancel, { once: true });
  try {
    for await (const frame of workers.run(worker, order, job.body, giveUp.signal)) {
      if (frame.type === "data") {
        const bytes = new Uint8Array(Buffer.from(frame.base64, "base64"));
        progress.firstOutputAtMs ||= clock();
        progress.sent = true;
        progress.pieces.push(bytes);
        digest.update(bytes);
        if (!job.signal.aborted) await job.write(bytes);
      }
      if (frame.type === "error") {
        throw new BaseError(frame.message, { code: frame.code, retryable: frame.retryable });
      }
      if (frame.type === "end") {
        await checkWorker(context, worker, order, frame, digest.digest());
        return finished(job, worker, frame, progress, clock());
      }
    }
  } finally {
    job.signal.removeEventListener("abort", cancel);
  }
  throw new UnavailableError("A worker broke off before the end", {
    code: "worker_failed",
    facts: { node: worker.node },
  });
}

type EndFrame = Extract<Frame, { type: "end" }>;

function finished(
  { payment, model, body, verifier }: InferenceJob,
  worker: WorkerState,
  { evidence, outputHash, finishReason }: EndFrame,
  { startedAtMs, firstOutputAtMs, pieces }: Progress,
  nowMs: number,
): InferenceResult {
  const { request } = payment;
  const units = { inputUnits: evidence.inputUnits, outputUnits: evidence.outputUnits };
  const complete = units.outputUnits > 0 ? Status.OK : Status.EMPTY;
  const status = finishReason === "abort" ? Status.ABORTED : complete;
  const charge = chargeOf(status, model.prices, units);
  const mode = Math.max(Mode.SIGNED, request.minMode) as Mode;
  return {
    outcome: {
      ...units,
      status,
      mode,
      worker: worker.node,
      verifier,
      priceNano: charge < request.maxPriceNano ? charge : request.maxPriceNano,
      startedAtMs,
      firstOutputAtMs: firstOutputAtMs || nowMs,
      finishedAtMs: nowMs,
      outputHash,
      evidence,
    },
    opening: mode > Mode.SIGNED ? { request: body, response: new Uint8Array(Buffer.concat(pieces)) } : null,
    error: undefined,
  };
}

/** What the verifier will check, checked before the price is fixed: a worker that signs wrongly has failed. */
async function checkWorker(
  { view, domain }: InferenceContext,
  worker: WorkerState,
  { requestId, modelVersion, inputHash, salt }: Order,
  { outputHash, evidence }: EndFrame,
  digest: Uint8Array,
): Promise<void> {
  const wrong = (reason: string) =>
    new BaseError("A worker's answer does not hold", { code: "worker_failed", facts: { node: worker.node, reason } });
  if (!equalBytes(outputHash, outputCommitment(salt, digest))) throw wrong("its hash is not of the bytes it sent");
  const result = { requestId, modelVersion, inputHash, outputHash, traceRoot: evidence.traceRoot };
  const signer = recoverAddress(typedDigest(domain, resultHash(result)), evidence.workerSignature);
  const [node, model] = await Promise.all([view.node(worker.node), view.model(toHex(modelVersion))]);
  if (!node || node.key !== signer) throw wrong("it is not signed by the node's key");
  if (!model?.engines.includes(toHex(evidence.engine))) throw wrong("the model may not run on its engine");
}

function asBaseError(failure: unknown): BaseError {
  if (failure instanceof BaseError) return failure;
  return new UnavailableError("A worker failed", { code: "worker_failed", facts: { reason: errorMessage(failure) } });
}
