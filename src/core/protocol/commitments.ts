import { keccak256 } from "../hashing/keccak.ts";
import { sha256 } from "../hashing/sha256.ts";

/**
 * Salted commitments over raw bytes as sent, so that publishing a receipt tells nothing about them:
 * keccak256(tag ‖ salt ‖ sha256(bytes)). Client, worker and verifier share the salt, 32 random bytes per request.
 */
export function inputCommitment(salt: Uint8Array, body: Uint8Array): Uint8Array {
  return commitment("OPG input", salt, sha256(body));
}

/** `digest` is the SHA-256 of everything that was answered, up to the receipt. */
export function outputCommitment(salt: Uint8Array, digest: Uint8Array): Uint8Array {
  return commitment("OPG output", salt, digest);
}

function commitment(tag: string, salt: Uint8Array, digest: Uint8Array): Uint8Array {
  return keccak256(Buffer.concat([Buffer.from(tag), salt, digest]));
}
