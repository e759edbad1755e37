import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** SHA-256 of `data`, 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(data).digest();
}

/** SHA-256 of a file, read piece by piece. */
export async function sha256File(path: string): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest();
}
