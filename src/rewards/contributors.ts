import { InputError } from "../core/errors.ts";
import { fromHex, type Hex, toHex, ZERO32 } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { hashWords } from "../core/protocol/words.ts";
import { U32_MAX } from "../core/units.ts";

/** What one account gave to a dataset. */
export type Contribution = {
  account: string;
  /** 32 bytes that name where it came from: entries of one source count less each, the more there are. */
  source: Hex;
  /** Above 0; means something only beside the others of the dataset. */
  quality: number;
};

/** account 20 | source 32 | quality 4 */
export const ENTRY_BYTES = 56;
export const MAX_ENTRIES = 2 ** 20;

/** The bytes of a contributors file: entries in ascending order of account and source. Its SHA-256 is the dataset's `fileHash`. */
export function encodeContributors(contributions: readonly Contribution[]): Uint8Array {
  const entries = contributions.map(({ account, source, quality }) => {
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.set(fromHex(account, 20));
    entry.set(fromHex(source, 32), 20);
    if (!Number.isInteger(quality) || quality < 1 || quality > U32_MAX) {
      throw malformed("A quality is not a whole number from 1 to 2^32 - 1", { account, quality });
    }
    entry.writeUInt32BE(quality, 52);
    return entry;
  });
  const bytes = new Uint8Array(Buffer.concat(entries.sort(Buffer.compare)));
  checkContributors(bytes);
  return bytes;
}

/** Reads a contributors file. Throws when it is malformed. */
export function decodeContributors(bytes: Uint8Array): Contribution[] {
  checkContributors(bytes);
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / ENTRY_BYTES }, (_, i) => {
    const at = ENTRY_BYTES * i;
    return {
      account: toHex(bytes.subarray(at, at + 20)),
      source: toHex(bytes.subarray(at + 20, at + 52)),
      quality: view.getUint32(at + 52),
    };
  });
}

/** Throws unless the bytes are a contributors file: whole entries in strictly ascending order, each of an account, with a quality. */
export function checkContributors(bytes: Uint8Array): void {
  const entries = bytes.length / ENTRY_BYTES;
  if (!Number.isInteger(entries) || entries < 1 || entries > MAX_ENTRIES) {
    throw malformed("A contributors file has 1 to 2^20 entries of 56 bytes", { bytes: bytes.length });
  }
  const view = viewOf(bytes);
  const keyAt = (at: number) => bytes.subarray(at, at + 52);
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    if (at > 0 && Buffer.compare(keyAt(at - ENTRY_BYTES), keyAt(at)) >= 0) {
      throw malformed("Contributors are not in strictly ascending order of account and source", {
        entry: at / ENTRY_BYTES,
      });
    }
    if (view.getUint32(at + 52) === 0) throw malformed("A quality is zero", { entry: at / ENTRY_BYTES });
  }
  if (bytes.subarray(0, 20).every((byte) => byte === 0)) throw malformed("The zero address contributes nothing", {});
}

/**
 * The root of `contracts/registry/ContributorTree.sol`: leaf i is keccak256(keccak256(abi.encode(i, account, source, quality))),
 * a node keccak256(left ‖ right), and behind the last leaf stand zeros.
 */
export function contributorsRoot(bytes: Uint8Array): Hex {
  const { levels } = contributorTree(bytes);
  return toHex((levels.at(-1) as Uint8Array[])[0] as Uint8Array);
}

/** The siblings of an entry from its leaf upwards, as `isContributor` takes them. */
export function contributorPath(bytes: Uint8Array, index: number): Hex[] {
  const { levels, empty } = contributorTree(bytes);
  return levels.slice(0, -1).map((nodes, level) => toHex(nodes[(index >> level) ^ 1] ?? (empty[level] as Uint8Array)));
}

function contributorTree(bytes: Uint8Array): { levels: Uint8Array[][]; empty: Uint8Array[] } {
  const leaves = decodeContributors(bytes).map(({ account, source, quality }, index) =>
    keccak256(hashWords([index, fromHex(account, 20), fromHex(source, 32), quality])),
  );
  const levels = [leaves];
  const empty: Uint8Array[] = [ZERO32];
  while ((levels.at(-1) as Uint8Array[]).length > 1) {
    const below = levels.at(-1) as Uint8Array[];
    const nothing = empty.at(-1) as Uint8Array;
    const pairs = Array.from({ length: Math.ceil(below.length / 2) }, (_, i) =>
      hashWords([below[2 * i] as Uint8Array, below[2 * i + 1] ?? nothing]),
    );
    levels.push(pairs);
    empty.push(hashWords([nothing, nothing]));
  }
  return { levels, empty };
}

/**
 * What each account gets of an amount. An entry of a source with n entries weighs quality / √n, so that a source of n equal
 * entries weighs √n times one of them: floor(quality × 2^64 / isqrt(n × 2^64)). Rounded down for each entry.
 */
export function splitAmong(bytes: Uint8Array, amountNano: bigint): Map<Hex, bigint> {
  checkContributors(bytes);
  const view = viewOf(bytes);
  const perSource = new Map<string, number>();
  const sourceAt = (at: number) => Buffer.from(bytes.subarray(at + 20, at + 52)).toString("latin1");
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const source = sourceAt(at);
    perSource.set(source, (perSource.get(source) ?? 0) + 1);
  }
  const roots = new Map<number, bigint>();
  const rootOf = (entries: number) => {
    const known = roots.get(entries) ?? isqrt(BigInt(entries) << 64n);
    roots.set(entries, known);
    return known;
  };
  const weights: bigint[] = [];
  let total = 0n;
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const weight = (BigInt(view.getUint32(at + 52)) << 64n) / rootOf(perSource.get(sourceAt(at)) as number);
    weights.push(weight);
    total += weight;
  }
  const parts = new Map<Hex, bigint>();
  weights.forEach((weight, i) => {
    const account = toHex(bytes.subarray(ENTRY_BYTES * i, ENTRY_BYTES * i + 20));
    const partNano = (amountNano * weight) / total;
    if (partNano > 0n) parts.set(account, (parts.get(account) ?? 0n) + partNano);
  });
  return parts;
}

/** floor(√value) for value ≥ 0, by Newton's method from above. */
export function isqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (let next = (root + value / root) >> 1n; next < root; next = (root + value / root) >> 1n) root = next;
  return root;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const malformed = (what: string, facts: Record<string, unknown>) =>
  new InputError(what, {
    code: "bad_contributors",
    facts,
    hint: "`opg dataset pack` makes the file; an account stands in it once for each of its sources",
  });
