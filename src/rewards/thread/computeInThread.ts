import { Worker } from "node:worker_threads";
import { BaseError } from "../../core/errors.ts";
import type { EpochRoot } from "../root.ts";
import type { RootAnswer, RootWork } from "./work.ts";

/** Computes an epoch's root in a thread of its own, so that what this one serves does not wait. Throws what the thread threw. */
export function computeInThread(work: RootWork): Promise<EpochRoot> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./entry.ts", import.meta.url), { workerData: work });
    worker.once("message", (answer: RootAnswer) => {
      if ("content" in answer) resolve(answer.content);
      else reject(new BaseError(answer.error.message, answer.error));
    });
    worker.once("error", (cause) => reject(new BaseError("A computation broke", { code: "internal", cause })));
    worker.once("exit", (code) => {
      reject(new BaseError("A computation ended early", { code: "internal", facts: { code }, retryable: true }));
    });
  });
}
