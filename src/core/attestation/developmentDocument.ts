import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "../hashing/sha256.ts";
import { encodeWords } from "../protocol/words.ts";

/** The fields of a development attestation; what each means stands in `DevelopmentTeeVerifier.sol`. */
export type DevelopmentDocument = {
  measurement: Uint8Array;
  reportData: Uint8Array;
  nonce: Uint8Array;
  platformId: Uint8Array;
  issuedAtMs: number;
  /** Unix seconds. */
  validUntil: number;
  flags: number;
};

/** Everybody has this key: it attests nothing but that a chain is a local one. Deployment refuses it elsewhere. */
export const DEVELOPMENT_ROOT_KEY = sha256("OPG development root");

/** sha256 of the text that stands for an image on local chains. */
export const DEVELOPMENT_MEASUREMENT = sha256("OPG development image");

/** The root's public key, as the verifier's constructor takes it. */
export function rootPublicKey(rootKey: Uint8Array): { x: Uint8Array; y: Uint8Array } {
  const point = p256.getPublicKey(rootKey, false);
  return { x: point.slice(1, 33), y: point.slice(33) };
}

/** Signs a document under a P-256 root: the encoded fields, then r and s (low). 288 bytes. */
export function signDevelopmentDocument(document: DevelopmentDocument, rootKey: Uint8Array): Uint8Array {
  const encoded = encodeWords([
    document.measurement,
    document.reportData,
    document.nonce,
    document.platformId,
    document.issuedAtMs,
    document.validUntil,
    document.flags,
  ]);
  const digest = sha256(Buffer.concat([Buffer.from("OPG development document"), encoded]));
  const signature = p256.sign(digest, rootKey, { prehash: false, lowS: true });
  return Buffer.concat([encoded, signature]);
}
