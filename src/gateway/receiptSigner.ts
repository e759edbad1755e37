import type { ChainView } from "../core/chain/view.ts";
import type { Clock } from "../core/clock.ts";
import { BaseError, UnavailableError } from "../core/errors.ts";
import { equalBytes } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import type { Logger } from "../core/logger.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import { rootOfPath } from "../core/protocol/merkle.ts";
import { windowHash } from "../core/protocol/messages.ts";
import { decodeReceipt, leafHasher } from "../core/protocol/receipt.ts";
import { abandoned, readEvidence, readPayment, type Store, type StoredInference } from "../settler/store.ts";
import type { SignedLeaf, VerifierClient } from "./verifiers.ts";

export type ReceiptSignerOptions = {
  domain: Domain;
  view: ChainView;
  store: Store;
  verifiers: readonly VerifierClient[];
  clock: Clock;
  logger: Logger;
  settler: number;
  settleInSeconds: number;
};

/** How far a verifier's clock may be ahead of ours. */
const MAX_SKEW_MS = 5_000;

export type ReceiptSigner = {
  /** The verifier to name in the next receipt. */
  next(): number;
  /** Has a finished receipt signed and records it; tries the other verifiers when one does not answer. */
  sign(row: StoredInference): Promise<{ receipt: Uint8Array; signed: SignedLeaf }>;
  /** Ends what a dead process left: abandoned numbers become ABORTED receipts, unsigned receipts are signed. */
  recover(openedBeforeMs: number): Promise<number>;
};

export function createReceiptSigner(options: ReceiptSignerOptions): ReceiptSigner {
  const { store, verifiers, settler, clock, logger, settleInSeconds } = options;
  let turn = 0;

  async function sign(row: StoredInference): Promise<{ receipt: Uint8Array; signed: SignedLeaf }> {
    let receipt = row.receipt as Uint8Array;
    const named = decodeReceipt(receipt).verifier;
    const order = [...verifiers].sort((a, b) => Number(b.node === named) - Number(a.node === named));
    let last: unknown;
    for (const verifier of order) {
      if (verifier.node !== decodeReceipt(receipt).verifier) {
        receipt = await store.reassign(settler, row.sequence, verifier.node);
        await store.note(settler, row.sequence, { event: "verifier.switched", node: verifier.node });
      }
      try {
        const signed = await verifier.sign({
          receipt,
          payment: readPayment(row),
          evidence: readEvidence(row),
          opening: openingOf(row),
        });
        await checkSigned(options, receipt, signed);
        await store.sign(settler, row.sequence, signed);
        return { receipt, signed };
      } catch (error) {
        last = error;
        const code = error instanceof BaseError ? error.code : "unknown";
        logger.warn({ sequence: row.sequence, node: verifier.node, code }, "verifier.refused");
        if (code === "bad_receipt") break;
      }
    }
    throw last ?? new UnavailableError("No verifier is configured", { code: "verifier_unavailable" });
  }

  return {
    next: () => verifiers[turn++ % verifiers.length]?.node ?? 0,
    sign,

    async recover(openedBeforeMs) {
      for (const { sequence, openedAtMs } of await store.list(settler, "open", openedBeforeMs)) {
        const outcome = abandoned(verifiers[0]?.node ?? 0, openedAtMs, Math.max(clock(), openedAtMs));
        await store.finish(settler, sequence, { outcome, opening: null }, settleInSeconds);
        logger.warn({ sequence }, "inference.abandoned");
      }
      const unsigned = await store.list(settler, "finished", openedBeforeMs);
      const results = await Promise.allSettled(unsigned.map((row) => signOrRevoke(row)));
      return results.filter(({ status }) => status === "fulfilled").length;
    },
  };

  /** A receipt that no verifier signs is charged for by nobody. */
  async function signOrRevoke(row: StoredInference): Promise<void> {
    try {
      await sign(row);
    } catch (error) {
      if (!(error instanceof BaseError) || error.code !== "bad_receipt") throw error;
      const verifier = decodeReceipt(row.receipt as Uint8Array).verifier;
      await store.revoke(settler, row.sequence, verifier, clock());
      const revoked = await store.find(row.requestId as `0x${string}`);
      if (revoked) await sign(revoked);
    }
  }
}

function openingOf({ openingRequest, openingResponse }: StoredInference) {
  return openingRequest && openingResponse ? { request: openingRequest, response: openingResponse } : null;
}

/** The signed root really has the receipt under it, and an active key of the named verifier signed it. */
async function checkSigned(
  { domain, view, clock }: ReceiptSignerOptions,
  receipt: Uint8Array,
  { window, signature, path }: SignedLeaf,
): Promise<void> {
  const leaf = leafHasher(domain).ofEncoded(receipt);
  const signer = recoverAddress(typedDigest(domain, windowHash(window)), signature);
  const key = signer && (await view.teeKey(signer));
  const { verifier, settler } = decodeReceipt(receipt);
  const named = key?.node === verifier && window.verifier === verifier && window.settler === settler;
  // A time to come would let a key that ends before it take back what it signed.
  const early = window.signedAtMs > clock() + MAX_SKEW_MS;
  if (equalBytes(rootOfPath(leaf, path), window.root) && named && !early) return;
  throw new UnavailableError("A verifier's signature does not hold", {
    code: "verifier_unavailable",
    facts: { node: verifier, signer: signer ?? "none", active: key !== undefined },
    hint: "Its attestation may have ended; it registers a new one on its own",
  });
}
