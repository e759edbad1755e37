const DECIMALS = 18;
const ONE = 10n ** BigInt(DECIMALS);

/** `8083333333333333333333333n` → `"8083333.333333333333333333"`: exact, always 18 decimals. */
export function formatWei(wei: bigint): string {
  const { sign, whole, fraction } = parts(wei);
  return `${sign}${whole}.${fraction}`;
}

/** `formatWei` without trailing zeros: `6000000000000000000000000n` → `"6000000"`. */
export function formatWeiTrimmed(wei: bigint): string {
  const { sign, whole, fraction } = parts(wei);
  return `${sign}${whole}${dotted(fraction.replace(/0+$/, ""))}`;
}

/**
 * For people, commas between thousands: exact and without trailing zeros (`"8,083,333.333333333333333333"`), or with a
 * fixed number of decimals from 0 to 18, rounded to the nearest, halves away from zero (2: `"8,083,333.33"`).
 */
export function formatWeiGrouped(wei: bigint, decimals?: number): string {
  const { sign, whole, fraction } = parts(decimals === undefined ? wei : rounded(wei, decimals));
  const kept = decimals === undefined ? fraction.replace(/0+$/, "") : fraction.slice(0, decimals);
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${dotted(kept)}`;
}

/** `part` in percent of `whole`, both ≥ 0 and in one unit, with a fixed number of decimals ≥ 1, rounded down; 0 of 0 is 0. */
export function formatPercent(part: bigint, whole: bigint, decimals: number): string {
  const scale = 10n ** BigInt(decimals);
  const scaled = whole === 0n ? 0n : (part * 100n * scale) / whole;
  return `${scaled / scale}.${(scaled % scale).toString().padStart(decimals, "0")}`;
}

function rounded(wei: bigint, decimals: number): bigint {
  const unit = 10n ** BigInt(DECIMALS - decimals);
  const half = (wei < 0n ? -unit : unit) / 2n;
  return ((wei + half) / unit) * unit;
}

function parts(wei: bigint): { sign: string; whole: string; fraction: string } {
  const absolute = wei < 0n ? -wei : wei;
  return {
    sign: wei < 0n ? "-" : "",
    whole: (absolute / ONE).toString(),
    fraction: (absolute % ONE).toString().padStart(DECIMALS, "0"),
  };
}

const dotted = (fraction: string) => fraction && `.${fraction}`;
