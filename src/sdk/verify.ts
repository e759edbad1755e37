import type { ChainView } from "../core/chain/view.ts";
import { BaseError } from "../core/errors.ts";
import { equalBytes, toHex } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import { outputCommitment } from "../core/protocol/commitments.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import type { SignedReceipt } from "../core/protocol/json.ts";
import { MAX_PATH, rootOfPath } from "../core/protocol/merkle.ts";
import {
  type Evidence,
  evidenceHash,
  type Request,
  requestHash,
  resultHash,
  windowHash,
} from "../core/protocol/messages.ts";
import { chargeOf } from "../core/protocol/price.ts";
import { decodeReceipt, leafHasher, type Receipt } from "../core/protocol/receipt.ts";

/** A receipt that does not hold. Never use the answer that came with it. */
export class ReceiptError extends BaseError {
  override name = "ReceiptError";

  constructor(reason: string, message: string, facts: Record<string, unknown> = {}) {
    super(message, { code: `receipt_${reason}`, facts });
  }
}

/** A signed receipt as a settler hands it over; `evidence` is null when no worker answered. */
export type HandedReceipt = Omit<SignedReceipt, "evidence"> & { evidence: Evidence | null };

export type VerifyContext = {
  domain: Domain;
  /** Reads the registries. */
  view: Pick<ChainView, "teeKey" | "teeKeyAt" | "nodeKey" | "model">;
};

/** Whether the verifier's key must count now, or must have counted when it signed: for receipts of the past. */
export type AsOf = "now" | "signing";

/** How far a node's clock may be from the chain's. */
const MAX_SKEW_MS = 5_000;

/**
 * Checks that a receipt is under a window that an attested key of its verifier signed, and that the worker it names
 * signed the answer. Gives its fields. Throws a `ReceiptError` that says what does not hold.
 */
export async function verifyReceipt(
  context: VerifyContext,
  handed: HandedReceipt,
  asOf: AsOf = "now",
): Promise<Receipt> {
  const { domain, view } = context;
  const receipt = decodeReceipt(handed.receipt);
  const leaf = leafHasher(domain).ofEncoded(handed.receipt);
  const { window, signature, path } = handed;
  if (path.length > MAX_PATH || !equalBytes(rootOfPath(leaf, path), window.root)) {
    throw new ReceiptError("not_in_window", "The receipt is not under the signed root", { root: toHex(window.root) });
  }
  if (window.verifier !== receipt.verifier || window.settler !== receipt.settler) {
    throw new ReceiptError("wrong_window", "The window is of another verifier or settler than the receipt", {
      verifier: window.verifier,
      settler: window.settler,
    });
  }
  const signer = recoverAddress(typedDigest(domain, windowHash(window)), signature);
  const key = signer && (await (asOf === "now" ? view.teeKey(signer) : view.teeKeyAt(signer, window.signedAtMs)));
  if (key?.node !== receipt.verifier) {
    throw new ReceiptError("not_attested", "The window is not signed by an attested key of its verifier", {
      signer: signer ?? "malformed signature",
      verifier: receipt.verifier,
      registered: key?.node ?? "not active",
    });
  }
  if (handed.evidence) await verifyEvidence(context, receipt, handed.evidence);
  else if (receipt.priceNano !== 0n) {
    throw new ReceiptError("no_evidence", "A price is asked without a worker's signature", {
      price: receipt.priceNano,
    });
  }
  return receipt;
}

async function verifyEvidence({ domain, view }: VerifyContext, receipt: Receipt, evidence: Evidence): Promise<void> {
  if (!equalBytes(evidenceHash(evidence), receipt.evidenceHash)) {
    throw new ReceiptError("wrong_evidence", "The evidence is not what the receipt commits to");
  }
  const digest = typedDigest(domain, resultHash({ ...receipt, traceRoot: evidence.traceRoot }));
  const signer = recoverAddress(digest, evidence.workerSignature);
  const [key, model] = await Promise.all([signer && view.nodeKey(signer), view.model(toHex(receipt.modelVersion))]);
  const ended = key && key.until !== 0 && key.until * 1000 + MAX_SKEW_MS < receipt.startedAtMs;
  if (key?.node !== receipt.worker || ended) {
    throw new ReceiptError("wrong_worker", "The answer is not signed by the worker that the receipt names", {
      worker: receipt.worker,
      signer: signer ?? "malformed signature",
    });
  }
  if (!model)
    throw new ReceiptError("unknown_model", "The model version is not registered", {
      version: toHex(receipt.modelVersion),
    });
  const listPrice = chargeOf(receipt.status, model.prices, receipt);
  if (receipt.priceNano > listPrice) {
    throw new ReceiptError("too_dear", "The price is above the model's price list", {
      price: receipt.priceNano,
      listPrice,
    });
  }
}

/** What the payer knows of an answer, beside its receipt. */
export type Expected = {
  request: Request;
  settler: number;
  reservation: number;
  /** With the salt: the SHA-256 of the answer's bytes. Absent when only the receipt is at hand. */
  output?: { salt: Uint8Array; digest: Uint8Array };
};

/** Checks that a verified receipt is of this request, not weaker or dearer, and of exactly these bytes. */
export function checkAgainstRequest(receipt: Receipt, { request, settler, reservation, output }: Expected): void {
  const differs = (field: string, facts: Record<string, unknown> = {}) =>
    new ReceiptError("wrong_request", `The receipt's ${field} is not what was asked for`, { field, ...facts });
  if (!equalBytes(receipt.requestId, requestHash(request))) throw differs("requestId");
  if (!equalBytes(receipt.modelVersion, request.modelVersion)) throw differs("modelVersion");
  if (!equalBytes(receipt.inputHash, request.inputHash)) throw differs("inputHash");
  if (receipt.settler !== settler || receipt.reservation !== reservation) throw differs("reservation");
  if (receipt.mode < request.minMode) throw differs("mode", { got: receipt.mode, asked: request.minMode });
  if (receipt.priceNano > request.maxPriceNano) {
    throw differs("price", { got: receipt.priceNano, atMost: request.maxPriceNano });
  }
  if (receipt.valueAtRiskNano < request.valueAtRiskNano) throw differs("valueAtRisk");
  if (output && !equalBytes(receipt.outputHash, outputCommitment(output.salt, output.digest))) {
    throw new ReceiptError("wrong_output", "The answer's bytes are not what the receipt commits to");
  }
}
