import type { ChainView } from "../core/chain/view.ts";
import { type Clock, secondsOf } from "../core/clock.ts";
import { InputError } from "../core/errors.ts";
import { equalBytes, toHex } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import { parseHeader } from "../core/http/body.ts";
import { inputCommitment } from "../core/protocol/commitments.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import { PAYMENT_HEADER } from "../core/protocol/headers.ts";
import { type Payment, paymentSchema } from "../core/protocol/json.ts";
import { requestHash, termsHash, voucherHash } from "../core/protocol/messages.ts";

export type PaymentContext = { domain: Domain; view: ChainView; clock: Clock; settler: number; policy: number };

/**
 * Checks a payment against the raw body and the chain. Gives it with what its reservation holds over its whole life, a
 * pending release taken off. Throws an `InputError`: 400 when it is malformed, 402 when it does not pay.
 */
export async function checkPayment(
  context: PaymentContext,
  header: string | undefined,
  body: Uint8Array,
): Promise<{ payment: Payment; availableNano: bigint }> {
  const { domain, view, clock, settler, policy } = context;
  if (!header) {
    throw new InputError("A voucher is needed", {
      code: "payment_required",
      facts: { settler, policy, chainId: domain.chainId, settlement: domain.settlement, header: PAYMENT_HEADER },
      hint: "Open a reservation for this settler and policy and send a voucher; the SDK does both",
    });
  }
  const payment = parseHeader(paymentSchema, header, PAYMENT_HEADER);
  const { terms, request, voucher, signature, salt } = payment;

  if (!equalBytes(inputCommitment(salt, body), request.inputHash)) {
    throw new InputError("The request's inputHash is not of this body and salt", {
      code: "input_hash_mismatch",
      facts: { given: toHex(request.inputHash) },
      hint: "Hash the body's bytes exactly as they are sent",
    });
  }
  if (!equalBytes(requestHash(request), voucher.requestHash)) throw bad("requestHash", {});
  if (voucher.settler !== settler) throw bad("settler", { given: voucher.settler, expected: settler });
  if (voucher.expiry < secondsOf(clock)) {
    throw new InputError("The voucher has expired", {
      code: "voucher_expired",
      facts: { expiry: voucher.expiry, now: secondsOf(clock) },
      hint: "Sign a new one; check this machine's clock",
    });
  }
  const hash = termsHash(terms);
  if (!equalBytes(voucher.termsHash, hash)) throw bad("termsHash", { given: toHex(voucher.termsHash) });
  const recovered = recoverAddress(typedDigest(domain, voucherHash(voucher)), signature);
  if (recovered !== terms.voucherKey) {
    throw new InputError("The voucher is not signed by its reservation's key", {
      code: "bad_voucher",
      facts: { recovered: recovered ?? "none", voucherKey: terms.voucherKey, chainId: domain.chainId },
      hint: "Sign with the voucher key of the reservation, for this chain and settlement contract",
    });
  }
  if (terms.policy !== policy) throw bad("policy", { given: terms.policy, expected: policy });

  const { termsHash192, netNano, releaseNano } = await view.reservation(settler, voucher.reservation);
  if (termsHash192 === 0n) throw bad("reservation", { given: voucher.reservation, reason: "there is none" });
  if (BigInt(toHex(hash)) >> 64n !== termsHash192) throw bad("terms", { reservation: voucher.reservation });
  const availableNano = netNano > releaseNano ? netNano - releaseNano : 0n;
  return { payment, availableNano };
}

function bad(field: string, facts: Record<string, unknown>): InputError {
  return new InputError(`The voucher's ${field} is wrong`, { code: "bad_voucher", facts: { field, ...facts } });
}
