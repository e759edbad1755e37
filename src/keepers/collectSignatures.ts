import type { BlobStore } from "../core/blobStore.ts";
import type { Chain } from "../core/chain/open.ts";
import type { ChainView } from "../core/chain/view.ts";
import { BaseError, errorMessage, UnavailableError } from "../core/errors.ts";
import { fromHex } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import type { Logger } from "../core/logger.ts";
import { type BatchSignature, bodyDigest, packSignatures, signersHash } from "../core/protocol/batch.ts";
import { BATCH_HEADER, SETTLER_HEADER } from "../core/protocol/headers.ts";
import { encodeHeader } from "../core/protocol/json.ts";
import type { BatchBody } from "../core/protocol/messages.ts";
import { type SettlerIdentity, signSettlerRequest } from "../core/protocol/settlerRequest.ts";
import type { BatchStore, StoredBatch } from "../settler/batches.ts";

type Deps = {
  chain: Chain;
  view: ChainView;
  batches: BatchStore;
  blobs: BlobStore;
  identity: SettlerIdentity;
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
  let refused = false;
  for (const url of verifierUrls) {
    if (signatures.size >= quorum) break;
    try {
      const signature = await ask(deps, url, body, file);
      signatures.set(signature.operator, signature);
    } catch (error) {
      refusals[url] = errorMessage(error);
      refused ||= error instanceof BaseError && error.code === "bad_batch";
      logger.warn({ verifier: url, number: String(body.number), reason: errorMessage(error) }, "settle.not_signed");
    }
  }
  if (signatures.size < quorum) {
    // What the plan was made of has changed since, a payee for one: the next pass makes it anew.
    if (refused) await batches.drop(body.settler, body.number);
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

async function ask(
  { chain, view, identity }: Deps,
  url: string,
  body: BatchBody,
  file: Uint8Array,
): Promise<BatchSignature> {
  const about = encodeHeader(body);
  const response = await fetch(`${url}/v1/batches`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      [BATCH_HEADER]: about,
      [SETTLER_HEADER]: signSettlerRequest(identity, about, file),
    },
    body: file as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = (await response.json()) as {
    signature?: string;
    error?: { code: string; message: string; facts: unknown };
  };
  if (!response.ok || !answer.signature) {
    const { code = "bad_answer", message = String(response.status), facts = {} } = answer.error ?? {};
    throw new BaseError(`${message} ${JSON.stringify(facts)}`, { code });
  }
  const signature = fromHex(answer.signature, 65);
  const signer = recoverAddress(bodyDigest(chain.domain, body), signature);
  const key = signer && (await view.teeKey(signer));
  if (!key) throw new BaseError(`its signature is not by an active key (${signer ?? "malformed"})`);
  if (key.operator === body.settler) throw new BaseError("it is the settler's own operator");
  return { operator: key.operator, signature };
}
