import { toBeHex } from "ethers";
import type { Hex } from "../../core/hashing/hex.ts";
import type { EpochRoot } from "../root.ts";
import { NO_ROOT } from "../root.ts";
import { eventsOf } from "./logs.ts";
import { type EpochReader, read } from "./reader.ts";

/** A root that was posted, as the contract takes it back. */
export type Posting = { content: EpochRoot; poster: string; operator: number; bondNano: bigint; attestBy: number };

export type PostedRoot = {
  id: Hex;
  posting: Posting;
  block: number;
  /** What has become of it. */
  state: "waits" | "window" | "frozen" | "active" | "refuted" | "dropped";
  /** Unix seconds from when it can be activated; 0 until a quorum attested. */
  activeFrom: number;
  challenger?: string;
};

const EVENTS = ["Posted", "Attested", "Activated", "Challenged", "ChallengeRejected", "Refuted", "Dropped"];

/** Every root that was posted, oldest first, as of the reader's head. */
export async function rootsOf(reader: EpochReader, epoch?: number): Promise<PostedRoot[]> {
  const events = await eventsOf(reader, "epochRewards", EVENTS, reader.head);
  const roots = new Map<string, PostedRoot>();
  for (const { name, args, block } of events) {
    const root = roots.get(args.id);
    if (name === "Posted") {
      const posting = postingOf(args.posting);
      roots.set(args.id, { id: args.id, posting, block, state: "waits", activeFrom: 0 });
    } else if (!root) continue;
    else if (name === "Attested") Object.assign(root, { state: "window", activeFrom: Number(args.activeFrom) });
    else if (name === "Activated") root.state = "active";
    else if (name === "Challenged") Object.assign(root, { state: "frozen", challenger: args.challenger });
    else if (name === "ChallengeRejected") root.state = "window";
    else root.state = name === "Refuted" ? "refuted" : "dropped";
  }
  return [...roots.values()].filter(({ posting }) => epoch === undefined || posting.content.epoch === epoch);
}

/** The root of an epoch that became active; undefined while there is none. */
export async function activeRoot(reader: EpochReader, epoch: number): Promise<PostedRoot | undefined> {
  const activated = await eventsOf(reader, "epochRewards", ["Activated"], reader.head, {
    topics: [toBeHex(epoch, 32)],
  });
  const [event] = activated;
  if (!event) return undefined;
  const posted = await eventsOf(reader, "epochRewards", ["Posted"], reader.head, {
    topics: [toBeHex(epoch, 32), event.args.id],
  });
  const [of] = posted;
  if (!of) return undefined;
  const posting = postingOf(of.args.posting);
  return { id: event.args.id, posting, block: of.block, state: "active", activeFrom: 0 };
}

/** The commitment of the active root and the epoch it is of, as signatures name them. */
export async function activeCommitment(reader: EpochReader): Promise<{ commitment: string; epoch: number }> {
  const [[commitment], [books]] = await Promise.all([
    read(reader, "epochRewards", "getActive", [], reader.head),
    read(reader, "epochRewards", "getBooks", [], reader.head),
  ]);
  return { commitment: String(commitment ?? NO_ROOT), epoch: Number(books.epoch) };
}

type Given = Record<string, unknown> & { content: Record<string, unknown> };

/** A posting out of an event or a view, with plain values. */
export function postingOf(given: Given): Posting {
  const { content } = given;
  return {
    content: {
      epoch: Number(content.epoch),
      leafCount: Number(content.leafCount),
      totalWei: content.totalWei as bigint,
      root: String(content.root),
      receiptsRoot: String(content.receiptsRoot),
      dataHash: String(content.dataHash),
    },
    poster: String(given.poster),
    operator: Number(given.operator),
    bondNano: given.bondNano as bigint,
    attestBy: Number(given.attestBy),
  };
}
