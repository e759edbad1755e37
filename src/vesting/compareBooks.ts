import { BaseError } from "../core/errors.ts";
import { type Book, decodeBook } from "./book.ts";

/** Where a book deviates from the published file, for people: the first byte and the record that it is in. Null when nowhere. */
export function bookDifference(published: Uint8Array, onChain: Uint8Array, names: string[] = []): string | null {
  const length = Math.max(published.length, onChain.length);
  let offset = 0;
  while (offset < length && published[offset] === onChain[offset]) offset++;
  if (offset === length) return null;
  return `byte ${offset} of ${length} (${recordAt(offset, published, onChain, names)})`;
}

function recordAt(offset: number, published: Uint8Array, onChain: Uint8Array, names: string[]): string {
  if (offset === 0) return "the leading zero byte";
  if (offset >= Math.min(published.length, onChain.length)) {
    return `the file has ${published.length} bytes, the chain ${onChain.length}`;
  }
  const [said, shown] = [decoded(published), decoded(onChain)];
  const book = shown ?? said;
  if (!book) return "neither is a vesting book";
  const word = Math.floor((offset - 1) / 32);
  const first = book.schedules.length * 3;
  if (word < first) return `schedule ${Math.floor(word / 3)}`;
  const index = word - first;
  const name = names[index] ? ` "${names[index]}"` : "";
  const [mine, theirs] = [said?.grants[index], shown?.grants[index]];
  if (!mine || !theirs) return `grant ${index}${name}`;
  const fields = (["beneficiary", "schedule", "totalWei"] as const).filter((field) => mine[field] !== theirs[field]);
  const changes = fields.map((field) => `${field}: the file says ${mine[field]}, the chain ${theirs[field]}`);
  return `grant ${index}${name}, ${changes.join("; ")}`;
}

function decoded(file: Uint8Array): Book | undefined {
  try {
    return decodeBook(file);
  } catch (error) {
    if (error instanceof BaseError) return undefined;
    throw error;
  }
}
