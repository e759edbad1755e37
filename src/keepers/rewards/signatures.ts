import { BaseError, errorMessage, UnavailableError } from "../../core/errors.ts";
import { fromHex, toHex } from "../../core/hashing/hex.ts";
import { recoverAddress } from "../../core/hashing/secp256k1.ts";
import { type BatchSignature, packSignatures } from "../../core/protocol/batch.ts";
import { NodeClass } from "../../operator/nodes.ts";
import { baseOf } from "../../rewards/chain/files.ts";
import { nodesOf } from "../../rewards/chain/nodes.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import { type EpochRoot, rootDigest } from "../../rewards/root.ts";
import { rootHeaders } from "../../rewards/rootRequest.ts";
import type { PosterDeps } from "./deps.ts";

/** A verifier answers within this, or says that it is still computing. */
const TIMEOUT_MS = 120_000;
const PAUSE_MS = 1_000;
const PATIENCE_MS = 1_800_000;

/**
 * Has a root signed by attested verifiers of distinct operators, up to the quorum, none of them `excluded`: each computes it
 * itself before. Throws `quorum_missing` with what the others said.
 */
export async function collectRootSignatures(
  deps: PosterDeps,
  reader: EpochReader,
  { content, file }: { content: EpochRoot; file: Uint8Array },
  excluded: number,
): Promise<string> {
  const { epochRewards } = deps.chain.contracts;
  const [{ quorum }, { commitment }] = await Promise.all([epochRewards.getParameters(), epochRewards.getActive()]);
  const where = { chainId: deps.chain.domain.chainId, rewards: String(epochRewards.target) };
  const digest = fromHex(rootDigest(where, content, commitment), 32);
  const urls = await verifierUrls(deps, reader, excluded);
  const signatures = new Map<number, BatchSignature>();
  const refusals: Record<string, string> = {};
  // All at once: they compute for a while, each on its own machine. Who is not needed any more is not waited for.
  const enough = new AbortController();
  await Promise.all(
    urls.map(async (url) => {
      try {
        const signature = await askVerifier(deps, url, content, file, enough.signal);
        const found = await signerOf(deps, digest, signature);
        if (found === excluded) throw new BaseError("it is the poster's own operator");
        signatures.set(found, { operator: found, signature });
        if (signatures.size >= Number(quorum)) enough.abort();
      } catch (error) {
        if (enough.signal.aborted) return;
        refusals[url] = error instanceof BaseError ? error.message : errorMessage(error);
        deps.logger.warn({ verifier: url, epoch: content.epoch, reason: errorMessage(error) }, "rewards.not_signed");
      }
    }),
  );
  if (signatures.size < Number(quorum)) {
    throw new UnavailableError("Too few verifiers signed the root", {
      code: "quorum_missing",
      facts: { epoch: content.epoch, signed: signatures.size, quorum, ...refusals },
      hint: "Read above why they refused; without a quorum a root is not posted",
    });
  }
  const chosen = [...signatures.values()].sort((a, b) => a.operator - b.operator).slice(0, Number(quorum));
  return toHex(packSignatures(chosen));
}

async function verifierUrls(deps: PosterDeps, reader: EpochReader, excluded: number): Promise<string[]> {
  const nodes = await nodesOf(reader, reader.head);
  const registered = nodes
    .filter(({ class: kind, retired, operator }) => kind === NodeClass.VERIFIER && !retired && operator !== excluded)
    .map(({ endpoint }) => endpoint);
  return [...new Set([...deps.verifierUrls, ...registered].map(baseOf))].filter((url) => url !== undefined);
}

/** A verifier's signature. Throws what it refuses with, and when `enough` others have signed. */
async function askVerifier(
  deps: PosterDeps,
  url: string,
  content: EpochRoot,
  file: Uint8Array,
  enough: AbortSignal,
): Promise<Uint8Array> {
  const until = Date.now() + (deps.patienceMs ?? PATIENCE_MS);
  for (;;) {
    const response = await fetch(`${url}/v1/roots`, {
      method: "POST",
      headers: { "content-type": "application/json", ...rootHeaders(deps.identity, content, file) },
      body: file as Uint8Array<ArrayBuffer>,
      redirect: "error",
      signal: AbortSignal.any([enough, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const answer = (await response.json().catch(() => ({}))) as {
      signature?: string;
      error?: { code: string; message: string; facts: unknown };
    };
    if (response.ok && answer.signature) return fromHex(answer.signature, 65);
    const { code = "bad_answer", message = `HTTP ${response.status}`, facts = {} } = answer.error ?? {};
    const later = code === "computing" || code === "too_busy";
    if (!later || Date.now() > until) throw new BaseError(`${message} ${JSON.stringify(facts)}`, { code });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    enough.throwIfAborted();
  }
}

async function signerOf({ chain }: PosterDeps, digest: Uint8Array, signature: Uint8Array): Promise<number> {
  const signer = recoverAddress(digest, signature);
  const operator = signer ? Number(await chain.contracts.teeRegistry.activeOperator(signer)) : 0;
  if (operator === 0) throw new BaseError(`its signature is not by an active key (${signer ?? "malformed"})`);
  return operator;
}
