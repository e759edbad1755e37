import { z } from "zod";
import { InputError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { sha256 } from "../core/hashing/sha256.ts";
import { jsonOf } from "../core/jsonOf.ts";
import { toJson } from "../core/protocol/json.ts";
import { WEI_PER_NANO } from "../core/units.ts";
import { type AccountReward, receiptsHashOf, SUBJECTS } from "./account.ts";
import type { BatchName, EpochResult, StreamResult } from "./compute.ts";
import { buildReceiptsTree } from "./receipts.ts";
import { contentOf, type EpochRoot } from "./root.ts";
import { STREAMS, type Stream } from "./streams.ts";
import { buildSumTree, joinLeaves, type RewardDomain, type SumTree } from "./tree.ts";

/** What is published of an epoch. The SHA-256 of its bytes is the root's `dataHash`. */
export type EpochFile = {
  version: 1;
  chainId: bigint;
  rewards: Hex;
  epoch: number;
  fundedNano: bigint;
  budgetNano: bigint;
  streams: Record<Stream, StreamResult>;
  tally: EpochResult["tally"];
  asOf: { block: number; hash: Hex };
  withheld: BatchName[];
  /** All of the tree, in ascending order of accounts. */
  leaves: { account: Hex; cumulativeNano: bigint; receiptsHash: Hex }[];
  /** What this epoch gave, and why. */
  accounts: AccountReward[];
};

const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform((text) => text as Hex);
const account = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => text as Hex);
const nano = z
  .string()
  .regex(/^\d{1,39}$/)
  .transform(BigInt);
const count = z.int().min(0);
const perStream = <T extends z.ZodType>(value: T) =>
  z.strictObject(Object.fromEntries(STREAMS.map((stream) => [stream, value])) as Record<Stream, T>);

const fileSchema = z.strictObject({
  version: z.literal(1),
  chainId: nano,
  rewards: account,
  epoch: z.int().min(1),
  fundedNano: nano,
  budgetNano: nano,
  streams: perStream(z.strictObject({ poolNano: nano, usedNano: nano, givenNano: nano })),
  tally: z.strictObject({ receipts: count, batches: count, feeNano: nano }),
  asOf: z.strictObject({ block: count, hash }),
  withheld: z.array(z.strictObject({ settler: count, number: nano })),
  leaves: z.array(z.strictObject({ account, cumulativeNano: nano, receiptsHash: hash })).min(1),
  accounts: z.array(
    z.strictObject({
      account,
      cumulativeNano: nano,
      previousHash: hash,
      givenNano: perStream(nano),
      cappedNano: nano,
      sources: z.array(
        z.strictObject({
          stream: z.enum(STREAMS),
          kind: z.enum(SUBJECTS),
          subject: hash,
          receipts: count,
          countedNano: nano,
          root: hash,
        }),
      ),
    }),
  ),
});

/** The bytes of a result: JSON without spaces, so that the same epoch always is the same bytes. */
export function encodeEpochFile({ input, budgetNano, streams, tally, rewards, tree }: EpochResult): Uint8Array {
  const { chainId, rewards: contract, epoch } = input.domain;
  const file: EpochFile = {
    version: 1,
    chainId,
    rewards: contract.toLowerCase() as Hex,
    epoch,
    fundedNano: input.fundedNano,
    budgetNano,
    streams,
    tally,
    asOf: input.asOf,
    withheld: [...input.withheld],
    leaves: tree.leaves.map((leaf) => ({
      account: leaf.account.toLowerCase() as Hex,
      cumulativeNano: leaf.cumulativeWei / WEI_PER_NANO,
      receiptsHash: leaf.receiptsHash.toLowerCase() as Hex,
    })),
    accounts: rewards,
  };
  return Buffer.from(JSON.stringify(toJson(file)));
}

/** The content of a root, as it is posted and signed. */
export function rootOfResult(result: EpochResult, file = encodeEpochFile(result)): EpochRoot {
  return contentOf(result.tree, result.receipts, dataHashOf(file));
}

export const dataHashOf = (file: Uint8Array): Hex => toHex(sha256(file));

/** Reads an epoch's file. Throws when it is malformed; `openEpochFile` also checks it. */
export function decodeEpochFile(bytes: Uint8Array): EpochFile {
  const bad = (facts: Record<string, unknown>) =>
    new InputError("An epoch's file is malformed", {
      code: "bad_epoch_file",
      facts,
      hint: "`opg rewards export` writes it, byte for byte",
    });
  const value = jsonOf(Buffer.from(bytes).toString("utf8"), () => bad({ reason: "not JSON" }));
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw bad({ field: issue?.path.join("."), reason: issue?.message });
}

/** The tree of a file's leaves. Throws when it is none that the contract would pay. */
export function treeOfFile({ chainId, rewards, epoch, leaves }: EpochFile): SumTree {
  const domain: RewardDomain = { chainId, rewards, epoch };
  return buildSumTree(domain, leaves.map(entryOf));
}

/** The tree over the leaves as they stand in a file, in whatever order, unchecked: a wrong root's can be looked at. */
export function leavesTree(domain: RewardDomain, leaves: EpochFile["leaves"]): SumTree {
  return joinLeaves(
    domain,
    leaves.map((leaf, index) => ({ ...entryOf(leaf), index })),
  );
}

const entryOf = ({ cumulativeNano, ...leaf }: EpochFile["leaves"][number]) => ({
  ...leaf,
  cumulativeWei: cumulativeNano * WEI_PER_NANO,
});

/** The tree in a file, with the content that it gives. Throws when the file contradicts itself. */
export function openEpochFile(bytes: Uint8Array): { file: EpochFile; tree: SumTree; content: EpochRoot } {
  const file = decodeEpochFile(bytes);
  const tree = treeOfFile(file);
  const leafOf = new Map(file.leaves.map((leaf) => [leaf.account, leaf]));
  for (const reward of file.accounts) {
    const { account: of, cumulativeNano } = reward;
    const leaf = leafOf.get(of);
    if (leaf?.cumulativeNano === cumulativeNano && leaf.receiptsHash === receiptsHashOf(file.epoch, reward)) continue;
    throw new InputError("An epoch's file explains another leaf than it has", {
      code: "bad_epoch_file",
      facts: { epoch: file.epoch, account: of },
    });
  }
  const receipts = buildReceiptsTree(file.leaves.map(({ receiptsHash }) => receiptsHash));
  return { file, tree, content: contentOf(tree, receipts, dataHashOf(bytes)) };
}
