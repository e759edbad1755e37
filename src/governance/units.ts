import { formatEther, getAddress, id, type ParamType, type Result } from "ethers";
import { formatOpg } from "../core/units.ts";

/** Names that OpenZeppelin's functions give what we give a unit in the name. */
const NANO = /nano$|^(new)?proposalThreshold$/i;
const PPM = /ppm$|quorumNumerator$/i;
const SECONDS = /(delay|period|extension|lifetime|timeout|horizon|seconds_?)$/i;
const MOMENT = /(at|until|from|deadline|expiry)$/i;

const ROLES = new Map(
  ["PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"].map((name): [string, string] => [id(name), name]),
);
ROLES.set(`0x${"00".repeat(32)}`, "DEFAULT_ADMIN_ROLE");

/** Gives an address a name where it has one. */
export type NameOf = (address: string) => string | undefined;

/** A value as people read it: amounts, rates, spans and moments with their unit, by what the parameter is called. */
export function showValue(param: ParamType, value: unknown, nameOf: NameOf = () => undefined): string {
  if (param.isArray()) {
    return `[${[...(value as Result)].map((one) => showValue(param.arrayChildren, one, nameOf)).join(", ")}]`;
  }
  if (param.isTuple()) {
    const parts = param.components.map((part, i) => `${part.name}: ${showValue(part, (value as Result)[i], nameOf)}`);
    return `{${parts.join(", ")}}`;
  }
  if (param.type === "address") return showAddress(String(value), nameOf);
  if (param.type === "bytes32" && /^role$/i.test(param.name)) return ROLES.get(String(value)) ?? String(value);
  if (typeof value === "bigint") return showNumber(param.name, value);
  return typeof value === "string" && param.type === "string" ? JSON.stringify(value) : String(value);
}

function showAddress(value: string, nameOf: NameOf): string {
  const address = getAddress(value);
  const name = nameOf(address);
  return name ? `${address} (${name})` : address;
}

function showNumber(name: string, value: bigint): string {
  if (NANO.test(name)) return `${formatOpg(value)} OPG`;
  if (/wei$/i.test(name)) return `${formatEther(value)} OPG`;
  if (PPM.test(name)) return `${showPercent(value)} %`;
  if (/ms$/i.test(name)) return `${value} ms`;
  if (SECONDS.test(name)) return showSpan(value);
  // Only what can be a moment: an index that is called `from` stays a number.
  if (MOMENT.test(name) && value > 1_000_000_000n && value < 100_000_000_000n) {
    return `${new Date(Number(value) * 1000).toISOString().replace(".000Z", "Z")}`;
  }
  return String(value);
}

/** `40000n` parts per million → `"4"`. */
function showPercent(ppm: bigint): string {
  const fraction = (ppm % 10_000n).toString().padStart(4, "0").replace(/0+$/, "");
  return `${ppm / 10_000n}${fraction && `.${fraction}`}`;
}

/** `93600n` → `"93600 s (1 d 2 h)"`. */
export function showSpan(seconds: bigint): string {
  const units = [
    [86_400n, "d"],
    [3_600n, "h"],
    [60n, "min"],
    [1n, "s"],
  ] as const;
  let rest = seconds;
  const parts: string[] = [];
  for (const [size, unit] of units) {
    if (rest >= size) parts.push(`${rest / size} ${unit}`);
    rest %= size;
  }
  return seconds < 60n ? `${seconds} s` : `${seconds} s (${parts.join(" ")})`;
}
