/** A tracker's word for a category. */
type Words = { defillama: string; tokenomist: string };

const RULES: [RegExp, Words][] = [
  [/public-?sale|launchpad|ido\b|ico\b/, { defillama: "publicSale", tokenomist: "Public Investors" }],
  [/investor|private|seed|series/, { defillama: "privateSale", tokenomist: "Private Investors" }],
  [/team|contributor|founder|advisor|employee/, { defillama: "insiders", tokenomist: "Founder / Team" }],
  [/airdrop/, { defillama: "airdrop", tokenomist: "Community" }],
  [/liquidity|market-?mak/, { defillama: "liquidity", tokenomist: "Community" }],
  [/staking|reward|mining|farming|emission/, { defillama: "farming", tokenomist: "Community" }],
  [/foundation|treasury|ecosystem|reserve|grants/, { defillama: "noncirculating", tokenomist: "Reserved" }],
];

const OTHERS: Words = { defillama: "noncirculating", tokenomist: "Other" };

/** What trackers call a category of the book, by its name; a name that says nothing is theirs for "others". */
export function trackerWords(category: string): Words {
  const name = category.toLowerCase().replaceAll("_", "-");
  return RULES.find(([pattern]) => pattern.test(name))?.[1] ?? OTHERS;
}

/** `"core-contributors"` → `"Core contributors"`. */
export function categoryLabel(category: string): string {
  const words = category.replace(/[-_]+/g, " ").trim() || category;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
