import { BaseError } from "../core/errors.ts";
import type { ComputedEpoch, ComputeOptions, EpochChoice } from "./chain/epoch.ts";
import { computeFromChain, publishedFile } from "./chain/epoch.ts";
import type { EpochReader } from "./chain/reader.ts";
import { type PostedRoot, rootsOf } from "./chain/roots.ts";
import type { EpochFile } from "./epochFile.ts";
import type { EpochRoot } from "./root.ts";
import type { SumTree } from "./tree.ts";

/** The first thing in which a posted root is not what the chain gives. */
export type Difference = { account: string | null; field: string; ours: string; theirs: string };

export type Comparison = {
  root: PostedRoot;
  /** Its published file; undefined when nobody has it. */
  file: EpochFile | undefined;
  difference: Difference | undefined;
};

export type Recomputed = { ours: ComputedEpoch; compared: Comparison | undefined };

/** Roots that stand or may still stand. */
const LIVE = ["waits", "window", "frozen", "active"];

/** Computes an epoch again, with what its posted root's file chose, and compares the two. */
export async function recompute(reader: EpochReader, epoch: number, options: ComputeOptions): Promise<Recomputed> {
  const roots = await rootsOf(reader, epoch);
  const root = roots.find(({ state }) => state === "active") ?? roots.findLast(({ state }) => LIVE.includes(state));
  if (!root) return { ours: await computeFromChain(reader, epoch, options), compared: undefined };
  return compareRoot(reader, root, options);
}

/** Computes the epoch of a posted root again and compares the two. */
export async function compareRoot(reader: EpochReader, root: PostedRoot, options: ComputeOptions) {
  const { content } = root.posting;
  const file = await publishedFile(reader, root.posting).catch((error: unknown) => {
    if (error instanceof BaseError) return undefined;
    throw error;
  });
  const choice: EpochChoice | undefined = file && { asOf: file.asOf, withheld: file.withheld };
  const ours = await computeFromChain(reader, content.epoch, { ...options, ...(choice ? { choice } : {}) });
  return { ours, compared: { root, file, difference: differenceOf(ours, content, file) } };
}

/** The first difference: of an account where the file shows one, else of the content. Without a file its hash is not compared. */
export function differenceOf(
  { content: ours, result }: Pick<ComputedEpoch, "content" | "result">,
  theirs: EpochRoot,
  file: EpochFile | undefined,
): Difference | undefined {
  const fields = ["epoch", "leafCount", "totalWei", "root", "receiptsRoot", "dataHash"] as const;
  const compared = file ? fields : fields.slice(0, -1);
  const field = compared.find((name) => String(ours[name]).toLowerCase() !== String(theirs[name]).toLowerCase());
  if (!field) return undefined;
  const ofContent = { account: null, field, ours: String(ours[field]), theirs: String(theirs[field]) };
  return (file && accountDifference(result.tree, file)) ?? ofContent;
}

function accountDifference({ leaves }: Pick<SumTree, "leaves">, file: EpochFile): Difference | undefined {
  const ours = new Map(
    leaves.map(({ account, cumulativeWei, receiptsHash }) => [
      account.toLowerCase(),
      { cumulativeNano: String(cumulativeWei / 1_000_000_000n), receiptsHash: receiptsHash.toLowerCase() },
    ]),
  );
  const theirs = new Map(
    file.leaves.map(({ account, cumulativeNano, receiptsHash }) => [
      account.toLowerCase(),
      { cumulativeNano: String(cumulativeNano), receiptsHash: receiptsHash.toLowerCase() },
    ]),
  );
  for (const account of [...new Set([...ours.keys(), ...theirs.keys()])].sort()) {
    const [own, other] = [ours.get(account), theirs.get(account)];
    if (!own) return { account, field: "leaf", ours: "none", theirs: `${other?.cumulativeNano} nano` };
    if (!other) return { account, field: "leaf", ours: `${own.cumulativeNano} nano`, theirs: "none" };
    for (const field of ["cumulativeNano", "receiptsHash"] as const) {
      if (own[field] !== other[field]) return { account, field, ours: own[field], theirs: other[field] };
    }
  }
  return undefined;
}
