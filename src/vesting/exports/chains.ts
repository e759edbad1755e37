/** Names that trackers and explorers have for a chain. */
type Chain = { slug: string; explorer: string };

const CHAINS: Record<number, Chain> = {
  1: { slug: "ethereum", explorer: "https://etherscan.io" },
  8453: { slug: "base", explorer: "https://basescan.org" },
  84532: { slug: "base-sepolia", explorer: "https://sepolia.basescan.org" },
};

/** A chain by its id; undefined where no tracker knows it. */
export const chainOf = (chainId: number | undefined): Chain | undefined =>
  chainId === undefined ? undefined : CHAINS[chainId];
