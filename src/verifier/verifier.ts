import { type Context, Hono } from "hono";
import { z } from "zod";
import type { EvidenceProvider } from "../core/attestation/evidence.ts";
import type { BlobStore } from "../core/blobStore.ts";
import type { ChainView } from "../core/chain/view.ts";
import type { Clock } from "../core/clock.ts";
import { InputError } from "../core/errors.ts";
import { fromHex, toHex } from "../core/hashing/hex.ts";
import { addressOf, publicKeyOf, secp256k1 } from "../core/hashing/secp256k1.ts";
import { sha256 } from "../core/hashing/sha256.ts";
import { parseHeader, parseJson, readBody } from "../core/http/body.ts";
import { errorBody, errorHandler } from "../core/http/errors.ts";
import type { Logger } from "../core/logger.ts";
import { bodyDigest } from "../core/protocol/batch.ts";
import { batchBodySchema } from "../core/protocol/batchRequest.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { BATCH_HEADER, SETTLER_HEADER } from "../core/protocol/headers.ts";
import { bytes32, toJson } from "../core/protocol/json.ts";
import { decodeReceipt, leafHasher } from "../core/protocol/receipt.ts";
import { settlerRequestSchema, settlerRequestSigner } from "../core/protocol/settlerRequest.ts";
import { type Submission, submissionSchema } from "../core/protocol/submission.ts";
import { POSTER_HEADER, ROOT_HEADER, rootSchema } from "../rewards/rootRequest.ts";
import { checkBatch } from "./checkBatch.ts";
import { checkReceipt } from "./checkReceipt.ts";
import type { Ledger } from "./ledger.ts";
import { checkMode, type ExactModels } from "./reexecute.ts";
import type { RootSigner } from "./rootSigner.ts";
import { createWindowSigner } from "./windowSigner.ts";

export type VerifierOptions = {
  /** The verifier's node id, its operator and its attested key. */
  node: number;
  operator: number;
  key: Uint8Array;
  domain: Domain;
  view: ChainView;
  /** An empty view of the chain: what stands behind a batch's debits may not be a moment old. */
  snapshot(): ChainView;
  ledger: Ledger;
  blobs: BlobStore;
  evidence: EvidenceProvider;
  exactModels: ExactModels;
  clock: Clock;
  logger: Logger;
  windowMs?: number;
  /** The latest deadline it signs a batch for, in seconds from now. */
  settleLag: number;
  maxBodyBytes?: number;
  /** Computes and signs reward roots; without it the verifier signs none. */
  roots?: RootSigner;
  /** The owner of an operator, the zero address when there is none. */
  ownerOf(operator: number): Promise<string>;
};

export type Verifier = { app: Hono; close(): void };

/** Checks receipts and batches, and signs what holds. */
export function createVerifier(options: VerifierOptions): Verifier {
  const { node, operator, key, domain, logger, blobs, windowMs = 50, maxBodyBytes = 64 << 20 } = options;
  const maxRootBytes = 512 << 20;
  const windows = createWindowSigner({ ...options, windowMs });
  const hasher = leafHasher(domain);
  const app = new Hono();
  app.onError(errorHandler(logger));

  /** The settler that vouches for a request: without it, anybody could use up a settler's sequence numbers. */
  async function settlerOf(c: Context, about: string, body: Uint8Array): Promise<number> {
    const header = c.req.header(SETTLER_HEADER);
    if (!header) throw new InputError(`The header ${SETTLER_HEADER} is missing`, { code: "bad_request" });
    const request = parseHeader(settlerRequestSchema, header, SETTLER_HEADER);
    const signer = settlerRequestSigner(domain, request, about, body);
    const committer = await options.view.committer(request.settler);
    if (signer === committer) return request.settler;
    throw new InputError("The settler's committer did not sign this request", {
      code: "not_the_settler",
      facts: { settler: request.settler, signer: signer ?? "malformed", committer },
      hint: "Sign with the key that `opg settler open` or `setCommitter` named",
    });
  }

  async function signReceipt(settler: number, submission: Submission) {
    const receipt = decodeReceipt(submission.receipt);
    if (receipt.settler !== settler) {
      throw new InputError("A receipt is of another settler", {
        code: "bad_receipt",
        facts: { settler, receipt: receipt.settler },
      });
    }
    if (receipt.verifier !== node) {
      throw new InputError("A receipt is for another verifier", {
        code: "bad_receipt",
        facts: { node, receipt: receipt.verifier },
      });
    }
    const leaf = hasher.ofEncoded(submission.receipt);
    if (!windows.knows(receipt.settler, receipt.sequence, leaf)) {
      await checkReceipt(options, receipt, submission.payment, submission.evidence);
      await checkMode(options.exactModels, receipt, submission);
    }
    const { window, signature, index, path } = await windows.add(receipt.settler, receipt.sequence, leaf);
    return { window, signature, index, path };
  }

  app.get("/healthz", (c) => c.json({ ok: true, node, operator }));

  app.post("/v1/receipts", async (c) => {
    const bytes = await readBody(c, maxBodyBytes);
    const settler = await settlerOf(c, "", bytes);
    const text = Buffer.from(bytes).toString("utf8");
    const submissions = parseJson(z.array(submissionSchema).min(1).max(4096), text, "The list of receipts");
    const results = await Promise.all(
      submissions.map(async (submission) => {
        try {
          return { signed: await signReceipt(settler, submission) };
        } catch (error) {
          return errorBody(error).body;
        }
      }),
    );
    return c.json({ results: toJson(results) as object[] });
  });

  app.post("/v1/batches", async (c) => {
    const header = c.req.header(BATCH_HEADER);
    if (!header) throw new InputError(`The header ${BATCH_HEADER} is missing`, { code: "bad_request" });
    const body = parseHeader(batchBodySchema, header, BATCH_HEADER);
    const bytes = await readBody(c, maxBodyBytes);
    const settler = await settlerOf(c, header, bytes);
    if (body.settler !== settler) {
      throw new InputError("A batch is of another settler", {
        code: "not_the_settler",
        facts: { settler, batch: body.settler },
      });
    }
    await checkBatch({ ...options, view: options.snapshot() }, body, bytes);
    // Whoever signs can show the data later, whatever becomes of the settler.
    await blobs.put(bytes);
    const signature = secp256k1.sign(bodyDigest(domain, body), key);
    logger.info({ settler: body.settler, number: String(body.number), count: body.count }, "batch.signed");
    return c.json({ operator, signature: toHex(signature) });
  });

  app.post("/v1/roots", async (c) => {
    const { roots } = options;
    if (!roots) throw new InputError("This verifier signs no reward roots", { code: "not_found" });
    const about = c.req.header(ROOT_HEADER);
    const header = c.req.header(POSTER_HEADER);
    if (!about || !header) {
      throw new InputError(`The headers ${ROOT_HEADER} and ${POSTER_HEADER} belong to a request for a signature`, {
        code: "bad_request",
        hint: "The first names the root, the second is signed by the owner of the poster's operator",
      });
    }
    const content = parseHeader(rootSchema, about, ROOT_HEADER);
    const request = parseHeader(settlerRequestSchema, header, POSTER_HEADER);
    const bytes = await readBody(c, maxRootBytes);
    const signer = settlerRequestSigner(domain, request, about, bytes);
    const owner = (await options.ownerOf(request.settler)).toLowerCase();
    if (signer !== owner) {
      throw new InputError("The owner of the poster's operator did not sign this request", {
        code: "not_the_poster",
        facts: { operator: request.settler, signer: signer ?? "malformed", owner },
        hint: "Sign with the key that owns the operator that posts",
      });
    }
    const signature = await roots.sign(content, bytes);
    await blobs.put(bytes);
    return c.json({ operator, signature: toHex(signature) });
  });

  app.get("/v1/windows/:root", (c) => {
    const signed = options.ledger.window(fromHex(c.req.param("root"), 32));
    if (!signed) throw new InputError("No window of this root was signed here", { code: "not_found" });
    return c.json({ leaves: signed.leaves.map(toHex) });
  });

  app.get("/v1/data/:sha256", async (c) => {
    const bytes = await blobs.get(fromHex(`0x${c.req.param("sha256")}`, 32));
    if (!bytes) throw new InputError("There is no such file here", { code: "not_found" });
    return c.body(new Uint8Array(bytes).buffer, 200, { "content-type": "application/json" });
  });

  app.get("/v1/attestation", async (c) => {
    const nonce = parseJson(bytes32, JSON.stringify(c.req.query("nonce") ?? ""), "The nonce");
    const address = addressOf(publicKeyOf(key));
    const reportData = attestationReportData(nonce, fromHex(address, 20));
    const { evidence } = await options.evidence.attest(reportData, nonce);
    const { chainId, settlement } = domain;
    const type = options.evidence.teeType;
    return c.json({
      node,
      operator,
      key: address,
      chainId: String(chainId),
      settlement,
      type,
      evidence: toHex(evidence),
    });
  });

  return { app, close: () => windows.close() };
}

/** What a document made for a client's nonce commits to: sha256("OPG attestation v1" ‖ nonce ‖ address of the key). */
export function attestationReportData(nonce: Uint8Array, address: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([Buffer.from("OPG attestation v1"), nonce, address]));
}
