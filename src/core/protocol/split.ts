import { PPM } from "../units.ts";
import { batchFee } from "./batch.ts";
import type { Receipt } from "./receipt.ts";
import type { Row } from "./rows.ts";

/** The published split of a policy, parts per million of each price. The settler gets what is left. */
export type Split = { feePpm: number; workerPpm: number; verifierPpm: number; maxRoyaltyPpm: number };

/** Who is paid for one receipt, and what was paid for it; 0 stands for an account that is not registered, whose part stays with the settler. */
export type Shares = {
  paidNano: bigint;
  workerPayee: number;
  verifierPayee: number;
  publisherPayee: number;
  royaltyPpm: number;
};

/**
 * The credit rows of a batch. Each part of each price is rounded down and the fee up; the settler gets the rest, which is
 * never negative because the parts and the fee come to at most one whole.
 */
export function creditRows(split: Split, settlerPayee: number, receipts: readonly Shares[]): Row[] {
  const total = receipts.reduce((sum, { paidNano }) => sum + paidNano, 0n);
  const credits = new Map<number, bigint>();
  let left = total - batchFee(total, split.feePpm);
  const credit = (payee: number, amountNano: bigint) => {
    if (payee === 0 || amountNano === 0n) return;
    credits.set(payee, (credits.get(payee) ?? 0n) + amountNano);
    left -= amountNano;
  };
  for (const receipt of receipts) {
    const royaltyPpm = Math.min(receipt.royaltyPpm, split.maxRoyaltyPpm);
    credit(receipt.workerPayee, partDown(receipt.paidNano, split.workerPpm));
    credit(receipt.verifierPayee, partDown(receipt.paidNano, split.verifierPpm));
    credit(receipt.publisherPayee, partDown(receipt.paidNano, royaltyPpm));
  }
  if (left > 0n) credits.set(settlerPayee, (credits.get(settlerPayee) ?? 0n) + left);
  return [...credits].map(([index, amountNano]) => ({ index, amountNano })).sort((a, b) => a.index - b.index);
}

/** What each reservation owes for these receipts. */
export function owedOf(receipts: readonly Receipt[]): Map<number, bigint> {
  const owed = new Map<number, bigint>();
  for (const { reservation, priceNano } of receipts) owed.set(reservation, (owed.get(reservation) ?? 0n) + priceNano);
  return owed;
}

/**
 * The debit rows of a batch: what each reservation owes, as far as its money can be collected. A payer whose money has
 * left cannot hold up the others; what is lacking is lost to those who worked for it.
 */
export function debitRows(owed: ReadonlyMap<number, bigint>, collectable: ReadonlyMap<number, bigint>): Row[] {
  return [...owed]
    .map(([index, amountNano]) => {
      const most = collectable.get(index) ?? 0n;
      return { index, amountNano: amountNano < most ? amountNano : most };
    })
    .filter(({ amountNano }) => amountNano > 0n)
    .sort((a, b) => a.index - b.index);
}

/** How much of each receipt's price its reservation's debit pays, in the order of the receipts. */
export function paidPrices(receipts: readonly Receipt[], debits: readonly Row[]): bigint[] {
  const left = new Map(debits.map(({ index, amountNano }) => [index, amountNano]));
  return receipts.map(({ reservation, priceNano }) => {
    const most = left.get(reservation) ?? 0n;
    const paid = priceNano < most ? priceNano : most;
    left.set(reservation, most - paid);
    return paid;
  });
}

function partDown(amountNano: bigint, ppm: number): bigint {
  return (amountNano * BigInt(ppm)) / PPM;
}
