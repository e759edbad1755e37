import { InputError } from "./errors.ts";

/** Token units (wei, 18 decimals) in one nano. */
export const WEI_PER_NANO = 1_000_000_000n;

/** Nano in one OPG. */
export const NANO_PER_OPG = 1_000_000_000n;

/** One whole in parts per million. */
export const PPM = 1_000_000n;

export const U64_MAX = 2n ** 64n - 1n;
export const U32_MAX = 2 ** 32 - 1;

/** `1500000000n` → `"1.5"`: exact, without trailing zeros. */
export function formatOpg(amountNano: bigint): string {
  const sign = amountNano < 0n ? "-" : "";
  const absolute = amountNano < 0n ? -amountNano : amountNano;
  const fraction = (absolute % NANO_PER_OPG).toString().padStart(9, "0").replace(/0+$/, "");
  return `${sign}${absolute / NANO_PER_OPG}${fraction && `.${fraction}`}`;
}

/** `"1.5"` → `1500000000n`. Throws on anything but a decimal number with at most nine decimals. */
export function parseOpg(text: string): bigint {
  const match = /^(\d{1,10})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (!match) {
    throw new InputError("Not an amount of OPG", {
      code: "bad_amount",
      facts: { value: text },
      hint: "Write a decimal number with at most nine decimals, for example 12.5",
    });
  }
  return BigInt(match[1] as string) * NANO_PER_OPG + BigInt((match[2] ?? "").padEnd(9, "0"));
}

/** ceil(a / b) for a ≥ 0, b > 0. */
export function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}
