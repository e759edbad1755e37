import { randomBytes } from "node:crypto";
import { secondsOf, systemClock } from "../../src/core/clock.ts";
import type { Hex } from "../../src/core/hashing/hex.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import { inputCommitment } from "../../src/core/protocol/commitments.ts";
import { type Domain, typedDigest } from "../../src/core/protocol/domain.ts";
import { PAYMENT_HEADER } from "../../src/core/protocol/headers.ts";
import { encodeHeader, type Payment } from "../../src/core/protocol/json.ts";
import {
  type Request,
  requestHash,
  type Terms,
  termsHash,
  type Voucher,
  voucherHash,
} from "../../src/core/protocol/messages.ts";
import { Mode } from "../../src/core/protocol/receipt.ts";
import type { Payer, TestNetwork } from "./network.ts";

export const CAP_NANO = 60_000n;

export type PaymentChange = {
  request?: Partial<Request>;
  voucher?: Partial<Voucher>;
  terms?: Partial<Terms>;
  domain?: Domain;
  key?: Uint8Array;
};

/** A payment for exactly these bytes, with fields changed before it is signed. */
export function paymentFor(
  test: TestNetwork,
  payer: Payer,
  body: Uint8Array,
  cumulativeNano: bigint,
  change: PaymentChange = {},
): Payment {
  const { chain, net } = test;
  const salt = new Uint8Array(randomBytes(32));
  const model = net.models.at(-1) as { version: Hex };
  const request: Request = {
    modelVersion: fromHex(model.version, 32),
    inputHash: inputCommitment(salt, body),
    minMode: Mode.SIGNED,
    maxPriceNano: CAP_NANO,
    valueAtRiskNano: 0n,
    nonce: new Uint8Array(randomBytes(32)),
    ...change.request,
  };
  const terms = { ...payer.reservation.terms, ...change.terms };
  const voucher: Voucher = {
    settler: net.settler,
    reservation: payer.reservation.reservation,
    termsHash: termsHash(terms),
    cumulativeNano,
    requestHash: requestHash(request),
    expiry: secondsOf(systemClock) + 60n,
    ...change.voucher,
  };
  const digest = typedDigest(change.domain ?? chain.domain, voucherHash(voucher));
  return { terms, request, voucher, signature: secp256k1.sign(digest, change.key ?? payer.voucherKey), salt };
}

/** Sends a body with a payment and gives status, parsed answer and headers. */
export async function post(
  url: string,
  body: Uint8Array | string,
  payment?: Payment,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(payment ? { [PAYMENT_HEADER]: encodeHeader(payment) } : {}),
      ...headers,
    },
    body: body as Uint8Array<ArrayBuffer>,
  });
  const text = await response.text();
  let json: Record<string, never> = {};
  try {
    json = JSON.parse(text);
  } catch {
    // A stream is not JSON.
  }
  return { status: response.status, text, json: json as Answer, headers: response.headers };
}

export type Answer = {
  error?: { code: string; message: string; hint?: string; facts: Record<string, string>; retryable: boolean };
  receipt?: { id: string };
  choices?: { message: { content: string } }[];
};

export function guardBody(content = "What is my balance?", more: Record<string, unknown> = {}): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({ model: "opg-guard", messages: [{ role: "user", content }], ...more }),
  );
}

/** A JSON document; what it holds is for the test to say. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever it expects
export async function getJson(url: string): Promise<any> {
  return (await fetch(url)).json();
}
