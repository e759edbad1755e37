import { z } from "zod";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";
import { SETTLER_HEADER } from "../core/protocol/headers.ts";
import { bytes32, signature65, toJson, windowSchema } from "../core/protocol/json.ts";
import type { Window } from "../core/protocol/messages.ts";
import { type SettlerIdentity, signSettlerRequest } from "../core/protocol/settlerRequest.ts";
import type { Submission } from "../core/protocol/submission.ts";

/** A verifier as the settler knows it. */
export type VerifierEndpoint = { node: number; url: string };

export type SignedLeaf = { window: Window; signature: Uint8Array; index: number; path: Uint8Array[] };

export type VerifierClient = VerifierEndpoint & {
  /**
   * Has a receipt signed. Receipts handed in within a moment travel together.
   * Throws: final when the verifier refuses the receipt, retryable when it does not answer.
   */
  sign(submission: Submission): Promise<SignedLeaf>;
};

const GATHER_MS = 2;
const MAX_TOGETHER = 512;

const resultSchema = z.union([
  z.object({
    signed: z.object({
      window: windowSchema,
      signature: signature65,
      index: z.int().min(0),
      path: z.array(bytes32).max(40),
    }),
  }),
  z.object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      facts: z.record(z.string(), z.unknown()),
      retryable: z.boolean(),
    }),
  }),
]);

const answerSchema = z.object({ results: z.array(resultSchema) });

type Waiting = { submission: Submission; resolve(signed: SignedLeaf): void; reject(error: unknown): void };

export function createVerifierClient(
  { node, url }: VerifierEndpoint,
  identity: SettlerIdentity,
  timeoutMs = 10_000,
): VerifierClient {
  let waiting: Waiting[] = [];

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    try {
      const results = await post(url, identity, batch, timeoutMs);
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i] as (typeof results)[number];
        if ("signed" in result) resolve(result.signed);
        else reject(new BaseError(result.error.message, result.error));
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    node,
    url,
    sign(submission) {
      return new Promise((resolve, reject) => {
        waiting.push({ submission, resolve, reject });
        if (waiting.length === 1) setTimeout(flush, GATHER_MS);
        else if (waiting.length === MAX_TOGETHER) void flush();
      });
    },
  };
}

async function post(url: string, identity: SettlerIdentity, batch: readonly Waiting[], timeoutMs: number) {
  if (batch.length === 0) return [];
  try {
    const body = Buffer.from(JSON.stringify(batch.map(({ submission }) => toJson(encoded(submission)))));
    const response = await fetch(`${url}/v1/receipts`, {
      method: "POST",
      headers: { "content-type": "application/json", [SETTLER_HEADER]: signSettlerRequest(identity, "", body) },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { results } = answerSchema.parse(await response.json());
    if (results.length !== batch.length) throw new Error(`${results.length} answers to ${batch.length} receipts`);
    return results;
  } catch (cause) {
    throw new UnavailableError("A verifier does not answer", {
      code: "verifier_unavailable",
      facts: { url, reason: errorMessage(cause) },
      cause,
    });
  }
}

function encoded({ opening, ...rest }: Submission): unknown {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return {
    ...rest,
    opening: opening && { request: base64(opening.request), response: base64(opening.response) },
  };
}
