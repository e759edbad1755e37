import { z } from "zod";
import { bytes32, evidenceSchema, u32, u64 } from "./json.ts";

/** What a worker answers, one JSON object a line. */
export const frameSchema = z.discriminatedUnion("type", [
  /** The request is taken; output follows. */
  z.object({ type: z.literal("start") }),
  /** Bytes for the client, exactly as they are to be sent. */
  z.object({ type: z.literal("data"), base64: z.string() }),
  /** The last line of an answer, complete or cut short. */
  z.object({
    type: z.literal("end"),
    finishReason: z.enum(["stop", "length", "abort"]),
    outputHash: bytes32,
    evidence: evidenceSchema,
  }),
  /** The last line when it broke. */
  z.object({ type: z.literal("error"), code: z.string(), message: z.string(), retryable: z.boolean() }),
]);

export type Frame = z.infer<typeof frameSchema>;

/** What a settler sends along with the payer's raw body. */
export const orderSchema = z.strictObject({
  settler: u32.min(1),
  requestId: bytes32,
  modelVersion: bytes32,
  inputHash: bytes32,
  salt: bytes32,
  maxPriceNano: u64,
  /** What the payer stands to lose by a wrong answer. */
  valueAtRiskNano: u64,
});

export type Order = z.infer<typeof orderSchema>;
