import { parentPort, workerData } from "node:worker_threads";
import { directoryBlobStore } from "../../core/blobStore.ts";
import { BaseError, errorMessage } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { httpRpc } from "../../vesting/httpRpc.ts";
import { computeFromChain } from "../chain/epoch.ts";
import { openReader } from "../chain/reader.ts";
import type { RootAnswer, RootWork } from "./work.ts";

/** The thread that {@link computeInThread} starts. */
async function run(work: RootWork): Promise<RootAnswer> {
  const { deployment, rpcUrl, rpcTimeoutMs, dataDirectory, cacheDirectory, dataUrls, confirmations, epoch, choice } =
    work;
  try {
    const reader = await openReader({
      rpc: httpRpc(rpcUrl, rpcTimeoutMs),
      deployment,
      files: { store: directoryBlobStore(dataDirectory), dataUrls },
      confirmations,
      logger: silentLogger,
    });
    const { content } = await computeFromChain(reader, epoch, { cacheDirectory, choice, seekWithheld: true });
    return { content };
  } catch (error) {
    const known = error instanceof BaseError ? error : undefined;
    const facts = Object.fromEntries(Object.entries(known?.facts ?? {}).map(([name, value]) => [name, String(value)]));
    const { code = "internal", retryable = false } = known ?? {};
    return { error: { message: errorMessage(error), code, facts, retryable } };
  }
}

parentPort?.postMessage(await run(workerData as RootWork));
