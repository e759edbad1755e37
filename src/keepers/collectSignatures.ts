import type { BlobStore } from "../core/blobStore.ts";
import type { Chain } from "../core/chain/open.ts";
import type { ChainView } from "../core/chain/view.ts";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";
import { fromHex } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import type { Logger } from "../core/logger.ts";
import { type BatchSignature, bodyDigest, packSignatures, signersHash } from "../core/protocol/batch.ts";
import { BATCH_HEADER } from "../core/protocol/headers.ts";
import { encodeHeader } from "../core/protocol/json.ts";
import type { BatchBody } from "../core/protocol/messages.ts";
import type { BatchStore, StoredBatch } from "../settler/batches.ts";

type Deps = {
  chain: Chain;
  view: ChainView;
  batches: BatchStore;
  blobs: BlobStore;
  verifierUrls: readonly string[];
  quorum: number;
  logger: Logger;
};

/** A verifier reads and checks the whole batch before it signs. */
const TIMEOUT_MS = 120_000;

/**
 * Has a batch signed by verifiers of distinct operators, up to the quorum, and stores their signatures.
 * Throws when too few sign, with what each of the others said.
 */
export async function collectSignatures(deps: Deps, batch: StoredBatch, body: BatchBody): Promise<Uint8Array> {
  const { batches, blobs, verifierUrls, quorum, logger } = deps;
  const file = await blobs.get(batch.fileHash);
  if (!file) {
    await batches.drop(body.settler, body.number);
    throw new UnavailableError("A plan's file is gone; it is planned anew", { code: "storage_failed" });
  }
  const signatures = new Map<number, BatchSignature>();
  const refusals: Record<string, string> = {};
  for (const url of verifierUrls) {
    if (signatures.size >= quorum) break;
    try {
      const signature = await ask(deps, url, body, file);
      signatures.set(signature.operator, signature);
    } catch (error) {
      refusals[url] = errorMessage(error);
      logger.warn({ verifier: url, number: String(body.number), reason: errorMessage(error) }, "settle.not_signed");
    }
  }
  if (signatures.size < quorum) {
    throw new UnavailableError("Too few verifiers signed the batch", {
      code: "quorum_missing",
      facts: { number: body.number, signed: signatures.size, quorum, ...refusals },
      hint: "Start more verifiers, or read above why they refused",
    });
  }
  const packed = packSignatures([...signatures.values()]);
  await batches.update(body.settler, body.number, {
    state: "signed",
    signatures: packed,
    signersHash: signersHash([...signatures.keys()]),
  });
  return packed;
}

async function ask({ chain, view }: Deps, url: string, body: BatchBody, file: Uint8Array): Promise<BatchSignature> {
  const response = await fetch(`${url}/v1/batches`, {
    method: "POST",
    headers: { "content-type": "application/json", [BATCH_HEADER]: encodeHeader(body) },
    body: file as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = (await response.json()) as { signature?: string; error?: { message: string; facts: unknown } };
  if (!response.ok || !answer.signature) {
    throw new BaseError(`${answer.error?.message ?? response.status} ${JSON.stringify(answer.error?.facts ?? {})}`);
  }
  const signature = fromHex(answer.signature, 65);
  const signer = recoverAddress(bodyDigest(chain.domain, body), signature);
  const key = signer && (await view.teeKey(signer));
  if (!key) throw new BaseError(`its signature is not by an active key (${signer ?? "malformed"})`);
  if (key.operator === body.settler) throw new BaseError("it is the settler's own operator");
  return { operator: key.operator, signature };
}
