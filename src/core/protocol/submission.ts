import { z } from "zod";
import { evidenceSchema, type Payment, paymentSchema, receiptBytes } from "./json.ts";
import type { Evidence } from "./messages.ts";

const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

/** What a settler shows a verifier to have a receipt signed. */
export const submissionSchema = z.strictObject({
  receipt: receiptBytes,
  payment: paymentSchema,
  /** Absent when no worker answered: such a receipt costs nothing and accuses nobody. */
  evidence: evidenceSchema.nullable(),
  /** What was asked and answered, byte for byte: mode TEE demands it, because the enclave runs it itself. */
  opening: z.strictObject({ request: base64, response: base64 }).nullable(),
});

export type Submission = {
  receipt: Uint8Array;
  payment: Payment;
  evidence: Evidence | null;
  opening: { request: Uint8Array; response: Uint8Array } | null;
};
