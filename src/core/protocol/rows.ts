import { InputError } from "../errors.ts";
import { keccak256 } from "../hashing/keccak.ts";
import { U32_MAX, U64_MAX } from "../units.ts";
import { hashWords } from "./words.ts";

/** One money row of a batch: `index` is a reservation (debit) or a payee (credit). */
export type Row = { index: number; amountNano: bigint };

export const ROW_BYTES = 12;

/** Packs rows, 12 bytes each, sorted by index. Throws on a doubled index, a zero amount, or a value out of range. */
export function encodeRows(rows: readonly Row[]): Uint8Array {
  const sorted = [...rows].sort((a, b) => a.index - b.index);
  const bytes = new Uint8Array(ROW_BYTES * sorted.length);
  const view = new DataView(bytes.buffer);
  sorted.forEach(({ index, amountNano }, i) => {
    if (!Number.isInteger(index) || index < 0 || index > U32_MAX) throw badRow("index out of range", index, amountNano);
    if (amountNano <= 0n || amountNano > U64_MAX) throw badRow("amount out of range", index, amountNano);
    if (i > 0 && sorted[i - 1]?.index === index) throw badRow("index stands twice", index, amountNano);
    view.setUint32(ROW_BYTES * i, index);
    view.setBigUint64(ROW_BYTES * i + 4, amountNano);
  });
  return bytes;
}

/** Reads packed rows. Throws on a length that is no multiple of 12; checks nothing else. */
export function decodeRows(bytes: Uint8Array): Row[] {
  if (bytes.length % ROW_BYTES !== 0) {
    throw new InputError("Rows are not a multiple of 12 bytes", { code: "bad_rows", facts: { bytes: bytes.length } });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / ROW_BYTES }, (_, i) => ({
    index: view.getUint32(ROW_BYTES * i),
    amountNano: view.getBigUint64(ROW_BYTES * i + 4),
  }));
}

export function rowsHash(debits: Uint8Array, credits: Uint8Array): Uint8Array {
  return hashWords([keccak256(debits), keccak256(credits)]);
}

function badRow(reason: string, index: number, amountNano: bigint): InputError {
  return new InputError("A money row is wrong", { code: "bad_rows", facts: { reason, index, amountNano } });
}
