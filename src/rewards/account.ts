import { fromHex, type Hex, toHex, ZERO32 } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { encodeWords, hashWords, typeHash, type Word } from "../core/protocol/words.ts";
import { STREAMS, type Stream } from "./streams.ts";

/** What a part of an account's rewards rests on. */
export const SUBJECTS = ["operator", "node", "version", "dataset"] as const;
export type SubjectKind = (typeof SUBJECTS)[number];

export type Source = {
  stream: Stream;
  kind: SubjectKind;
  /** 32 bytes: an id of a version or a dataset, or a number. */
  subject: Hex;
  /** How many receipts were counted; 0 for stakers. */
  receipts: number;
  /** Parts of network fees before scaling and caps; of a staker the stake. */
  countedNano: bigint;
  /** Over the receipts, see `Counted`; zero for stakers. */
  root: Hex;
};

/** What an epoch gave to one account, and why. */
export type AccountReward = {
  /** Lower case. */
  account: Hex;
  /** Since the beginning, this epoch included. */
  cumulativeNano: bigint;
  /** Of the account's leaf in the root before; zero: it was not there. */
  previousHash: Hex;
  givenNano: Record<Stream, bigint>;
  /** What the cap on contributors kept back. */
  cappedNano: bigint;
  sources: Source[];
};

const TYPE = typeHash(
  "AccountReward(uint32 epoch,address account,bytes32 previousHash,uint256[6] givenNano,uint256 cappedNano,Source[] sources)Source(uint8 stream,uint8 kind,bytes32 subject,uint32 receipts,uint256 countedNano,bytes32 root)",
);

/** In one order, whatever order they were found in. */
export function sortSources(sources: readonly Source[]): Source[] {
  const key = ({ stream, kind, subject }: Source) => `${STREAMS.indexOf(stream)}${SUBJECTS.indexOf(kind)}${subject}`;
  return [...sources].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/**
 * The `receiptsHash` of an account's leaf: what was counted and given in the epoch, and by `previousHash` everything before.
 * An account that an epoch gave nothing keeps the hash it had.
 */
export function receiptsHashOf(epoch: number, reward: Omit<AccountReward, "cumulativeNano">): Hex {
  const { account, previousHash, givenNano, cappedNano, sources } = reward;
  const ofSources = sources.flatMap(({ stream, kind, subject, receipts, countedNano, root }): Word[] => [
    STREAMS.indexOf(stream),
    SUBJECTS.indexOf(kind),
    fromHex(subject, 32),
    receipts,
    countedNano,
    fromHex(root, 32),
  ]);
  const given = STREAMS.map((stream) => givenNano[stream]);
  const words = [TYPE, epoch, fromHex(account, 20), fromHex(previousHash, 32), ...given, cappedNano];
  return toHex(hashWords([...words, keccak256(encodeWords(ofSources))]));
}

export const NO_HASH = toHex(ZERO32);

/** A number as a subject. */
export const subjectOf = (id: number): Hex => `0x${id.toString(16).padStart(64, "0")}`;

/** Nothing in every stream. */
export const noNano = (): Record<Stream, bigint> =>
  Object.fromEntries(STREAMS.map((stream) => [stream, 0n])) as Record<Stream, bigint>;
