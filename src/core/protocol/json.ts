import { z } from "zod";
import { fromHex, type Hex, isHex, toHex } from "../hashing/hex.ts";
import type { Evidence, Request, Terms, Voucher, Window } from "./messages.ts";

/** JSON forms of what travels over HTTP: hashes as 0x-hex, amounts and counters of 64 bits as decimal strings. */

const sized = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `0x and ${2 * bytes} hexadecimal digits`)
    .transform((hex) => fromHex(hex, bytes));

export const bytes32 = sized(32);
export const signature65 = sized(65);
export const receiptBytes = sized(288);
export const anyBytes = z
  .string()
  .refine(isHex, { error: "0x and hexadecimal digits", abort: true })
  .transform((hex) => fromHex(hex));
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address")
  .transform((text) => text.toLowerCase() as Hex);
export const u64 = z
  .string()
  .regex(/^\d{1,20}$/, "a whole number as a string")
  .transform(BigInt)
  .refine((value) => value < 2n ** 64n, "below 2^64");
export const u32 = z.int().min(0).max(0xffffffff);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const termsSchema = z.strictObject({ payer: address, voucherKey: address, policy: z.int().min(1).max(0xffff) });

export const requestSchema = z.strictObject({
  modelVersion: bytes32,
  inputHash: bytes32,
  minMode: z.int().min(1).max(5),
  maxPriceNano: u64,
  valueAtRiskNano: u64,
  nonce: bytes32,
});

export const voucherSchema = z.strictObject({
  settler: u32,
  reservation: u32,
  termsHash: bytes32,
  cumulativeNano: u64,
  requestHash: bytes32,
  expiry: u64,
});

export const evidenceSchema = z.strictObject({
  engine: bytes32,
  seed: u64,
  inputUnits: count,
  outputUnits: count,
  traceRoot: bytes32,
  outputIds: bytes32,
  workerSignature: signature65,
});

export const windowSchema = z.strictObject({
  settler: u32,
  verifier: u32,
  root: bytes32,
  count: u32.min(1),
  signedAtMs: count,
});

/** What a payer sends with a request. */
export const paymentSchema = z.strictObject({
  terms: termsSchema,
  request: requestSchema,
  voucher: voucherSchema,
  signature: signature65,
  salt: bytes32,
});

export type Payment = { terms: Terms; request: Request; voucher: Voucher; signature: Uint8Array; salt: Uint8Array };

/** A receipt under a signed window, as it reaches the payer. */
export const signedReceiptSchema = z.strictObject({
  receipt: receiptBytes,
  path: z.array(bytes32).max(40),
  window: windowSchema,
  signature: signature65,
  evidence: evidenceSchema,
});

export type SignedReceipt = {
  /** The nine words. */
  receipt: Uint8Array;
  /** From the receipt's leaf to the window's root. */
  path: Uint8Array[];
  window: Window;
  /** By an attested key of the window's verifier. */
  signature: Uint8Array;
  evidence: Evidence;
};

/** Any of the above as JSON values: bytes become hex, bigints decimal strings. */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toJson(entry)]));
  }
  return value;
}

/** A header value: base64url of the JSON. */
export function encodeHeader(value: unknown): string {
  return Buffer.from(JSON.stringify(toJson(value))).toString("base64url");
}
