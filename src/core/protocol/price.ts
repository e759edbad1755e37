import { Status } from "./receipt.ts";

/** Nano per unit, as the model version says. */
export type PriceList = { inputPriceNano: bigint; outputPriceNano: bigint };

export type Units = { inputUnits: number; outputUnits: number };

/** units × price. */
export function priceOf(prices: PriceList, { inputUnits, outputUnits }: Units): bigint {
  return BigInt(inputUnits) * prices.inputPriceNano + BigInt(outputUnits) * prices.outputPriceNano;
}

/**
 * What a receipt may cost: what was delivered when the answer is complete or the payer left, nothing when nothing came
 * or the network broke. A payer that leaves before the first output pays nothing.
 */
export function chargeOf(status: Status, prices: PriceList, units: Units): bigint {
  const delivered = status === Status.OK || (status === Status.ABORTED && units.outputUnits > 0);
  return delivered ? priceOf(prices, units) : 0n;
}

/** The most output units that `maxPriceNano` pays for; undefined when it does not even pay for the input. */
export function affordableOutput(prices: PriceList, inputUnits: number, maxPriceNano: bigint): number | undefined {
  const left = maxPriceNano - BigInt(inputUnits) * prices.inputPriceNano;
  if (left < 0n) return undefined;
  if (prices.outputPriceNano === 0n) return Number.MAX_SAFE_INTEGER;
  const units = left / prices.outputPriceNano;
  return units > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(units);
}
