import { keccak256 } from "../hashing/keccak.ts";

/** Static ABI encoding, word by word: what EIP-712 struct hashes and on-chain hashes are made of. */
export type Word = bigint | number | Uint8Array;

export function encodeWords(words: readonly Word[]): Uint8Array {
  const bytes = new Uint8Array(32 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    const end = 32 * (index + 1);
    if (word instanceof Uint8Array) bytes.set(word, end - word.length);
    else writeUint(view, end, BigInt(word));
  });
  return bytes;
}

export function hashWords(words: readonly Word[]): Uint8Array {
  return keccak256(encodeWords(words));
}

export function typeHash(type: string): Uint8Array {
  return keccak256(Buffer.from(type));
}

function writeUint(view: DataView, end: number, value: bigint): void {
  for (let offset = end - 8, rest = value; rest > 0n; offset -= 8, rest >>= 64n) {
    view.setBigUint64(offset, rest & 0xffffffffffffffffn);
  }
}
