import { z } from "zod";
import { recoverAddress, secp256k1 } from "../hashing/secp256k1.ts";
import { sha256 } from "../hashing/sha256.ts";
import { type Domain, typedDigest } from "./domain.ts";
import { encodeHeader, signature65, u32 } from "./json.ts";
import { settlerRequestHash } from "./messages.ts";

/** A settler's own: its operator id and the key of its committer, 32 bytes. */
export type SettlerIdentity = { settler: number; key: Uint8Array; domain: Domain };

export const settlerRequestSchema = z.strictObject({ settler: u32.min(1), signature: signature65 });

export type SettlerRequest = z.infer<typeof settlerRequestSchema>;

/** The value of the header by which a settler vouches for a request: for its `about` header, if any, and its body. */
export function signSettlerRequest({ settler, key, domain }: SettlerIdentity, about: string, body: Uint8Array): string {
  const digest = typedDigest(domain, settlerRequestHash(settler, contentHash(about, body)));
  return encodeHeader({ settler, signature: secp256k1.sign(digest, key) });
}

/** Who signed a settler's request; undefined when the signature is malformed. */
export function settlerRequestSigner(
  domain: Domain,
  { settler, signature }: SettlerRequest,
  about: string,
  body: Uint8Array,
) {
  return recoverAddress(typedDigest(domain, settlerRequestHash(settler, contentHash(about, body))), signature);
}

function contentHash(about: string, body: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([sha256(Buffer.from(about)), sha256(body)]));
}
