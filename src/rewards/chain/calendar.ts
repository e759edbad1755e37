import { InputError, UnavailableError } from "../../core/errors.ts";
import type { Block } from "../../vesting/rpc.ts";
import type { Shares, Stream, UsageStream } from "../streams.ts";
import { STREAMS, USAGE_STREAMS } from "../streams.ts";
import { type EpochReader, read } from "./reader.ts";

/** An epoch in time and in blocks. The state at an instant is that of the last block before it. */
export type EpochBlocks = {
  epoch: number;
  /** Unix seconds; the end is the first second of the next epoch. */
  startUnix: number;
  endUnix: number;
  start: Block;
  end: Block;
};

/** Where an epoch lies. Throws when it is not over, as far as is confirmed. */
export async function blocksOf(reader: EpochReader, epoch: number): Promise<EpochBlocks> {
  if (!Number.isInteger(epoch) || epoch < 1) {
    throw new InputError("Epochs are numbered from 1", { code: "bad_epoch", facts: { epoch } });
  }
  const { genesis, epochLength } = await calendarOf(reader);
  const startUnix = genesis + (epoch - 1) * epochLength;
  const endUnix = startUnix + epochLength;
  const [start, end] = await Promise.all([lastBefore(reader, startUnix), lastBefore(reader, endUnix)]);
  if (start && end) return { epoch, startUnix, endUnix, start, end };
  throw new UnavailableError("The epoch is not over", {
    code: "epoch_not_over",
    facts: { epoch, ends: new Date(endUnix * 1000).toISOString(), block: reader.head.number },
    hint: "Wait until its last block has its confirmations",
  });
}

/** The newest epoch that is over as far as is confirmed; 0 for none. */
export async function lastEpochOver(reader: EpochReader): Promise<number> {
  const { genesis, epochLength } = await calendarOf(reader);
  return Math.max(0, Math.floor((reader.head.unix - genesis) / epochLength));
}

export async function calendarOf(reader: EpochReader): Promise<{ genesis: number; epochLength: number }> {
  const [[genesis], [epochLength]] = await Promise.all([
    read(reader, "rewardPolicy", "genesis", [], reader.head),
    read(reader, "rewardPolicy", "epochLength", [], reader.head),
  ]);
  return { genesis: Number(genesis), epochLength: Number(epochLength) };
}

/** What governance set for an epoch. */
export async function sharesOf(reader: EpochReader, epoch: number): Promise<Shares> {
  const [shares] = await read(reader, "rewardPolicy", "sharesOf", [epoch], reader.head);
  const named = <T extends string>(names: readonly T[], parts: bigint[]) =>
    Object.fromEntries(names.map((name, i) => [name, Number(parts[i])])) as Record<T, number>;
  return {
    spreadEpochs: Number(shares.spreadEpochs),
    streamPpm: named<Stream>(STREAMS, shares.streamPpm),
    feePpm: named<UsageStream>(USAGE_STREAMS, shares.feePpm),
    accountCapPpm: Number(shares.accountCapPpm),
  };
}

/** The last block before a Unix timestamp; undefined while it may still come, and before the chain began. */
export async function lastBefore({ blocks }: EpochReader, unix: number): Promise<Block | undefined> {
  const first = await blocks.firstAt(unix);
  return first && first.number > 0 ? blocks.get(first.number - 1) : undefined;
}
