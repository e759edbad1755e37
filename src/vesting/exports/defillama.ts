import { formatWeiTrimmed } from "../amount.ts";
import { formatTime } from "../calendar.ts";
import { chainOf } from "./chains.ts";
import { type Release, releases, supplyWei } from "./releases.ts";
import { categoryLabel, trackerWords } from "./trackers.ts";
import type { ExportInput, Source } from "./types.ts";

/** In the order in which the trackers' own files have them. */
const CATEGORIES = ["publicSale", "privateSale", "insiders", "airdrop", "farming", "noncirculating", "liquidity"];

/**
 * An adapter for DefiLlama's emissions-adapters (`protocols/opg.ts`). Every row is a cliff at its second: their `step` puts
 * chart and event list a month apart, their month has 2,629,743 s, and `linear` would pay between the dates.
 */
export function exportDefillama(input: ExportInput): string {
  const sections = Map.groupBy(releases(input), ({ category }) => categoryLabel(category));
  const categories = CATEGORIES.flatMap((name) => {
    const members = [...sections].filter(([, rows]) => trackerWords((rows[0] as Release).category).defillama === name);
    return members.length > 0 ? [`    ${name}: [${members.map(([label]) => quote(label)).join(", ")}],`] : [];
  });
  return [
    `import type { CliffAdapterResult, Protocol } from "../types/adapters";`,
    "",
    "// Generated from the vesting book, not from a document. Times are exact Unix seconds. Amounts are JavaScript doubles",
    "// in this pipeline; the exact amount in wei (18 decimals) stands beside each.",
    ...[...sections].map(([label, rows], i) => constant(i, label, rows)),
    "const opg: Protocol = {",
    ...[...sections.keys()].map((label, i) => `  ${quote(label)}: section${i},`),
    "  meta: {",
    `    token: ${quote(tokenOf(input.source))},`,
    "    sources: [",
    ...sourcesOf(input).map((source) => `      ${quote(source)},`),
    "    ],",
    "    protocolIds: [],",
    `    total: ${formatWeiTrimmed(supplyWei(input))},`,
    "    notes: [",
    `      ${quote(`The schedule is the runtime code of a contract: codehash ${input.bookHash}.`)},`,
    `      ${quote(`keccak256 of its table of timestamps and cumulative wei: ${input.tableHash}.`)},`,
    "    ],",
    "  },",
    "  categories: {",
    ...categories,
    "  },",
    "};",
    "",
    "export default opg;",
    "",
  ].join("\n");
}

function constant(index: number, label: string, rows: Release[]): string {
  const lines = rows.map(
    ({ unix, amountWei }) =>
      `  { type: "cliff", start: ${unix}, amount: ${formatWeiTrimmed(amountWei)} }, // ${formatTime(unix)} ${amountWei} wei`,
  );
  return [`// ${label}`, `const section${index}: CliffAdapterResult[] = [`, ...lines, "];", ""].join("\n");
}

function tokenOf({ chainId, token }: Source): string {
  return token ? `${chainOf(chainId)?.slug ?? `eip155-${chainId ?? 0}`}:${token}` : "";
}

function sourcesOf({ source: { chainId, vault, book }, bookHash }: ExportInput): string[] {
  const explorer = chainOf(chainId)?.explorer;
  const addresses = [vault, book].filter((address) => address !== undefined);
  if (!explorer || addresses.length === 0) return [`contract ${vault ?? "not deployed"} codehash ${bookHash}`];
  return addresses.map((address) => `${explorer}/address/${address}#code`);
}

const quote = (text: string) => JSON.stringify(text);
