import { z } from "zod";
import type { Chain } from "../core/chain/open.ts";
import { BaseError, UnavailableError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { bytes32, receiptBytes, u64 } from "../core/protocol/json.ts";
import { receiptStruct } from "../core/protocol/receipt.ts";

/** A receipt and its path to the root of a committed batch. */
export type OnChainProof = {
  receipt: Uint8Array;
  path: Uint8Array[];
  number: bigint;
  prevHash: Uint8Array;
  restHash: Uint8Array;
};

const answerSchema = z.object({
  receipt: receiptBytes,
  batch: z.object({ path: z.array(bytes32).max(40), number: u64, prevHash: bytes32, restHash: bytes32 }).nullable(),
});

/** Fetches the proof of a settled receipt. Throws a retryable error while its batch is not committed. */
export async function fetchProof(gatewayUrl: string, requestId: Hex): Promise<OnChainProof> {
  const response = await fetch(`${gatewayUrl}/v1/receipts/${requestId}`);
  if (!response.ok) {
    throw new BaseError("The settler has no such receipt", {
      code: "not_found",
      facts: { requestId, status: response.status },
    });
  }
  const { receipt, batch } = answerSchema.parse(await response.json());
  if (batch) return { receipt, ...batch };
  throw new UnavailableError("The receipt is not settled yet", {
    code: "not_settled",
    facts: { requestId },
    hint: "Ask again after the next batch",
  });
}

/** The arguments of `ReceiptVerifier.isCommitted`. */
export function proofArguments({ receipt, path, number, prevHash, restHash }: OnChainProof) {
  const ref = { number, prevHash: toHex(prevHash), restHash: toHex(restHash), later: [] };
  return [receiptStruct(receipt), path.map(toHex), ref] as const;
}

/** Asks the chain whether a receipt is under a committed batch, and what asking in a transaction costs. */
export async function proveOnChain(
  { contracts }: Chain,
  proof: OnChainProof,
): Promise<{ valid: boolean; gas: bigint }> {
  const parameters = proofArguments(proof);
  const [valid, gas] = await Promise.all([
    contracts.receiptVerifier.isCommitted(...parameters),
    contracts.receiptVerifier.isCommitted.estimateGas(...parameters),
  ]);
  return { valid, gas };
}
