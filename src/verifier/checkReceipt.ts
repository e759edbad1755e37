import type { ChainView } from "../core/chain/view.ts";
import type { Clock } from "../core/clock.ts";
import { InputError } from "../core/errors.ts";
import { equalBytes, type Hex, toHex, ZERO32 } from "../core/hashing/hex.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import type { Payment } from "../core/protocol/json.ts";
import {
  type Evidence,
  evidenceHash,
  type Request,
  requestHash,
  resultHash,
  type Terms,
  termsHash,
  type Voucher,
  voucherHash,
} from "../core/protocol/messages.ts";
import { chargeOf } from "../core/protocol/price.ts";
import { type Receipt, Status } from "../core/protocol/receipt.ts";

/** As in `INodeRegistry.sol`. */
const WORKER = 1;

export type CheckContext = { domain: Domain; view: ChainView; clock: Clock };

/** How far the clock of a receipt or a window may be ahead of ours. */
export const MAX_SKEW_MS = 5_000;

/**
 * Checks what every mode demands: the receipt follows from what the payer signed, the worker signed the answer, and the
 * price follows from the registered price list. Throws an `InputError` that names the first thing wrong.
 */
export async function checkReceipt(
  context: CheckContext,
  receipt: Receipt,
  payment: Omit<Payment, "salt">,
  evidence: Evidence | null,
): Promise<void> {
  checkRequest(receipt, payment.request);
  await checkVoucher(context, receipt, payment);
  checkTimes(receipt, context.clock());
  await checkWork(context, receipt, evidence);
  if (evidence) await checkStake(context, receipt);
}

/** The worker answers with at least what is at risk, now: whoever signs a batch later finds another stake. */
async function checkStake({ view }: CheckContext, { worker, valueAtRiskNano }: Receipt): Promise<void> {
  if (valueAtRiskNano === 0n) return;
  const stakeNano = await view.stakeOfNode(worker);
  if (stakeNano < valueAtRiskNano) throw wrong("valueAtRisk", { worker, receipt: valueAtRiskNano, stakeNano });
}

/** A worker's signature over what the receipt says, within the price list; without one the receipt costs nothing. */
export async function checkWork(context: CheckContext, receipt: Receipt, evidence: Evidence | null): Promise<void> {
  if (evidence) await checkEvidence(context, receipt, evidence);
  else checkNoEvidence(receipt);
}

/** The receipt is neither weaker nor dearer than the request, and of no lower value at risk. */
export function checkRequest(receipt: Receipt, request: Request): void {
  const same = (what: string, a: Uint8Array, b: Uint8Array) => {
    if (!equalBytes(a, b)) throw wrong(what, { receipt: toHex(a), expected: toHex(b) });
  };
  same("requestId", receipt.requestId, requestHash(request));
  same("modelVersion", receipt.modelVersion, request.modelVersion);
  same("inputHash", receipt.inputHash, request.inputHash);
  if (receipt.mode < request.minMode) throw wrong("mode", { receipt: receipt.mode, atLeast: request.minMode });
  if (receipt.priceNano > request.maxPriceNano) {
    throw wrong("price", { receipt: receipt.priceNano, atMost: request.maxPriceNano });
  }
  if (receipt.valueAtRiskNano < request.valueAtRiskNano) {
    throw wrong("valueAtRisk", { receipt: receipt.valueAtRiskNano, atLeast: request.valueAtRiskNano });
  }
}

/** The voucher is the reservation's, for this request, and allows what the receipt says was spent. */
async function checkVoucher(context: CheckContext, receipt: Receipt, payment: Omit<Payment, "salt">): Promise<void> {
  const { voucher } = payment;
  await checkVoucherKey(context, receipt.settler, receipt.reservation, payment);
  if (!equalBytes(voucher.requestHash, receipt.requestId)) throw wrong("voucher.requestHash", {});
  if (voucher.cumulativeNano < receipt.spentNano) {
    throw wrong("voucher.cumulative", { voucher: voucher.cumulativeNano, spent: receipt.spentNano });
  }
}

/** The terms are those on chain, and their voucher key signed. */
export async function checkVoucherKey(
  { domain, view }: CheckContext,
  settler: number,
  reservation: number,
  { terms, voucher, signature }: { terms: Terms; voucher: Voucher; signature: Uint8Array },
): Promise<void> {
  if (voucher.settler !== settler) throw wrong("voucher.settler", { voucher: voucher.settler, expected: settler });
  if (voucher.reservation !== reservation) {
    throw wrong("voucher.reservation", { voucher: voucher.reservation, expected: reservation });
  }
  const hash = termsHash(terms);
  if (!equalBytes(voucher.termsHash, hash)) throw wrong("voucher.termsHash", { voucher: toHex(voucher.termsHash) });
  const { termsHash192 } = await view.reservation(settler, reservation);
  if (BigInt(toHex(hash)) >> 64n !== termsHash192) {
    throw wrong("terms", { settler, reservation, given: toHex(hash), onChain: `0x${termsHash192.toString(16)}…` });
  }
  const recovered = recoverAddress(typedDigest(domain, voucherHash(voucher)), signature);
  if (recovered !== terms.voucherKey) {
    throw wrong("voucher.signature", { recovered: recovered ?? "none", voucherKey: terms.voucherKey });
  }
}

async function checkEvidence({ domain, view }: CheckContext, receipt: Receipt, evidence: Evidence): Promise<void> {
  if (!equalBytes(receipt.evidenceHash, evidenceHash(evidence))) throw wrong("evidenceHash", {});
  const worker = await view.node(receipt.worker);
  if (worker?.class !== WORKER) throw wrong("worker", { node: receipt.worker, reason: "not a worker" });
  const digest = typedDigest(domain, resultHash({ ...receipt, traceRoot: evidence.traceRoot }));
  const recovered = recoverAddress(digest, evidence.workerSignature);
  const key = recovered && (await view.nodeKey(recovered));
  if (key?.node !== receipt.worker) {
    throw wrong("workerSignature", { recovered: recovered ?? "none", key: worker.key });
  }
  // Judged when the work was done: a worker that retires or changes its key later takes nothing back.
  if (key.until !== 0 && key.until * 1000 + MAX_SKEW_MS < receipt.startedAtMs) {
    throw wrong("workerSignature", { recovered, endedAt: key.until });
  }

  const model = await view.model(toHex(receipt.modelVersion));
  if (!model) throw wrong("modelVersion", { version: toHex(receipt.modelVersion), reason: "not registered" });
  if (model.retiredAt !== 0 && model.retiredAt * 1000 < receipt.startedAtMs) {
    throw wrong("modelVersion", { version: model.id, reason: "retired", retiredAt: model.retiredAt });
  }
  const engine = toHex(evidence.engine) as Hex;
  if (!model.engines.includes(engine)) throw wrong("engine", { engine, version: model.id });
  if (receipt.inputUnits !== evidence.inputUnits || receipt.outputUnits !== evidence.outputUnits) {
    throw wrong("units", { receipt: `${receipt.inputUnits}/${receipt.outputUnits}` });
  }
  const charge = chargeOf(receipt.status, model.prices, receipt);
  if (receipt.priceNano > charge) throw wrong("price", { receipt: receipt.priceNano, listPrice: charge });
  const empty = receipt.outputUnits === 0;
  if (receipt.status === Status.OK && empty) throw wrong("status", { status: "OK", reason: "nothing came out" });
  if (receipt.status === Status.EMPTY && !empty)
    throw wrong("status", { status: "EMPTY", outputUnits: receipt.outputUnits });
}

/** Without a worker's signature a receipt says that nothing was delivered, costs nothing and names no worker. */
function checkNoEvidence(receipt: Receipt): void {
  if (receipt.status !== Status.FAILED && receipt.status !== Status.ABORTED) {
    throw wrong("evidence", { status: receipt.status, reason: "absent" });
  }
  if (receipt.priceNano !== 0n) throw wrong("price", { receipt: receipt.priceNano, reason: "no evidence" });
  if (receipt.worker !== 0) throw wrong("worker", { node: receipt.worker, reason: "no evidence" });
  for (const hash of [receipt.evidenceHash, receipt.outputHash]) {
    if (!equalBytes(hash, ZERO32)) throw wrong("evidenceHash", { reason: "no evidence" });
  }
}

function checkTimes({ startedAtMs, firstOutputAtMs, finishedAtMs }: Receipt, now: number): void {
  const ordered = startedAtMs <= firstOutputAtMs && firstOutputAtMs <= finishedAtMs;
  if (!ordered || finishedAtMs > now + MAX_SKEW_MS) {
    throw wrong("times", { startedAtMs, firstOutputAtMs, finishedAtMs, now });
  }
}

function wrong(field: string, facts: Record<string, unknown>): InputError {
  return new InputError(`A receipt's ${field} is wrong`, { code: "bad_receipt", facts: { field, ...facts } });
}
