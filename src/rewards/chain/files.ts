import type { BlobStore } from "../../core/blobStore.ts";
import { UnavailableError } from "../../core/errors.ts";
import { equalBytes, fromHex, type Hex, toHex } from "../../core/hashing/hex.ts";
import { sha256 } from "../../core/hashing/sha256.ts";

/** Where published files are sought, and where they are kept once found. */
export type FileFinder = {
  store: BlobStore;
  /** Base URLs that are asked first, with the data route of gateways and verifiers. */
  dataUrls: readonly string[];
};

export type Wanted = {
  /** In an error: which file is missing. */
  name: string;
  sha256: Hex;
  /** Further base URLs with the data route, asked after the finder's own. */
  bases?: readonly string[];
  /** Addresses of the file itself. */
  urls?: readonly string[];
};

/** A larger answer is not read to its end. */
const MAX_BYTES = 1 << 30;
const TIMEOUT_MS = 30_000;

/** A file by its SHA-256: from the store, else from whoever has it. Throws `file_missing` with where it was sought. */
export async function findFile({ store, dataUrls }: FileFinder, wanted: Wanted): Promise<Uint8Array> {
  const digest = fromHex(wanted.sha256, 32);
  const kept = await store.get(digest);
  if (kept) return kept;
  const bases = new Set([...dataUrls, ...(wanted.bases ?? [])].map(baseOf).filter((base) => base !== undefined));
  const urls = new Set([
    ...[...bases].map((base) => `${base}/v1/data/${wanted.sha256.slice(2)}`),
    ...(wanted.urls ?? []),
  ]);
  const bytes = await firstFrom([...urls], (found) => equalBytes(sha256(found), digest), wanted);
  await store.put(bytes);
  return bytes;
}

/** The first answer that is `right`. Throws `file_missing` with what each of the others was. */
export async function firstFrom(
  urls: readonly string[],
  right: (bytes: Uint8Array) => boolean,
  { name, ...facts }: { name: string } & Record<string, unknown>,
): Promise<Uint8Array> {
  const sought: Record<string, string> = {};
  for (const url of urls) {
    try {
      const bytes = await download(url);
      if (right(bytes)) return bytes;
      sought[url] = "another file";
    } catch (error) {
      sought[url] = (error as Error).message;
    }
  }
  throw new UnavailableError("A published file is missing", {
    code: "file_missing",
    facts: {
      file: name,
      ...named(facts),
      sought: urls.length === 0 ? "nowhere: no address is known" : "see below",
      ...sought,
    },
    hint: "Name who has it with --data-url, or ask its settler or a verifier that signed it to serve it again",
  });
}

const named = ({ sha256: digest }: Record<string, unknown>) => (digest ? { sha256: digest } : {});

/** Without redirects: an endpoint in the registry is anybody's word. */
async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    (error: unknown) => {
      throw new Error(`no answer (${String((error as { cause?: { code?: unknown } }).cause?.code ?? "failed")})`);
    },
  );
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** The address without a slash at its end; undefined for what is no HTTP address. */
export function baseOf(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  return text.replace(/\/+$/, "");
}

/** How a file is named in messages: its SHA-256. */
export const digestOf = (bytes: Uint8Array): Hex => toHex(sha256(bytes));
