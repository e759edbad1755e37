import { InputError } from "../errors.ts";

export type Hex = `0x${string}`;

export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}

/** Whether `text` is `0x` and an even number of hexadecimal digits. */
export function isHex(text: string): boolean {
  // Repeated pairs in the expression would overflow its stack on a few megabytes.
  return text.length % 2 === 0 && /^0x[0-9a-fA-F]*$/.test(text);
}

/** Throws when `hex` is not `0x` and an even number of hexadecimal digits, or not `length` bytes. */
export function fromHex(hex: string, length?: number): Uint8Array {
  if (!isHex(hex)) {
    throw new InputError("Not a hexadecimal string", { code: "bad_hex", facts: { value: hex.slice(0, 80) } });
  }
  const bytes = new Uint8Array(Buffer.from(hex.slice(2), "hex"));
  if (length !== undefined && bytes.length !== length) {
    throw new InputError(`Expected ${length} bytes, got ${bytes.length}`, {
      code: "bad_hex",
      facts: { value: hex.slice(0, 80) },
    });
  }
  return bytes;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

export const ZERO32 = new Uint8Array(32);
