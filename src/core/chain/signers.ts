import { toBeHex } from "ethers";
import { recoverAddress } from "../hashing/secp256k1.ts";
import { bodyDigest } from "../protocol/batch.ts";
import type { BatchBody } from "../protocol/messages.ts";
import type { Chain } from "./open.ts";
import { chainError } from "./revert.ts";

/** The operators that signed a batch, in the order of its packed signatures. */
export async function signersOf(
  { contracts, domain }: Chain,
  body: BatchBody,
  signatures: Uint8Array,
): Promise<number[]> {
  const digest = bodyDigest(domain, body);
  const operators: number[] = [];
  for (let offset = 0; offset < signatures.length; offset += 64) {
    const signer = recoverAddress(digest, fromCompact(signatures.subarray(offset, offset + 64)));
    const { operator } = await contracts.teeRegistry.getKey(signer ?? toBeHex(0, 20)).catch((error: unknown) => {
      throw chainError("A signer's key cannot be read", error);
    });
    operators.push(Number(operator));
  }
  return operators;
}

/** ERC-2098 back to 65 bytes. */
function fromCompact(compact: Uint8Array): Uint8Array {
  const signature = new Uint8Array(65);
  signature.set(compact);
  const top = compact[32] as number;
  signature[32] = top & 0x7f;
  signature[64] = 27 + (top >> 7);
  return signature;
}
