import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseError } from "./errors.ts";
import { equalBytes, toHex } from "./hashing/hex.ts";
import { sha256 } from "./hashing/sha256.ts";

/** Files by their SHA-256. */
export type BlobStore = {
  /** Stores bytes durably and gives their digest. Throws when the disk is full, and leaves nothing behind. */
  put(bytes: Uint8Array): Promise<Uint8Array>;
  /** The bytes of a digest; undefined when they are not here. Throws when what is stored is not what the name says. */
  get(digest: Uint8Array): Promise<Uint8Array | undefined>;
};

/** A content-addressed store in a directory. */
export function directoryBlobStore(directory: string): BlobStore {
  const pathOf = (digest: Uint8Array) => join(directory, toHex(digest).slice(2));
  return {
    async put(bytes) {
      const digest = sha256(bytes);
      // Of its own even where one process stores the same bytes twice at a time.
      const part = `${pathOf(digest)}.${randomBytes(8).toString("hex")}.part`;
      await mkdir(directory, { recursive: true });
      try {
        await writeFile(part, bytes, { flush: true });
        await rename(part, pathOf(digest));
      } catch (cause) {
        await rm(part, { force: true });
        throw new BaseError("A file cannot be stored", {
          code: "storage_failed",
          facts: { directory, bytes: bytes.length, reason: (cause as NodeJS.ErrnoException).code },
          hint: "Free disk space or check the directory's rights; the same call is tried again",
          retryable: true,
          cause,
        });
      }
      return digest;
    },
    async get(digest) {
      const bytes = await readFile(pathOf(digest)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (bytes && !equalBytes(sha256(bytes), digest)) {
        throw new BaseError("A stored file is damaged", { code: "storage_damaged", facts: { sha256: toHex(digest) } });
      }
      return bytes && new Uint8Array(bytes);
    },
  };
}
