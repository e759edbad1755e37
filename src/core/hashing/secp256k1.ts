import { createRequire } from "node:module";
import { secp256k1 as curve } from "@noble/curves/secp256k1.js";
import { fromHex, type Hex, toHex } from "./hex.ts";
import { keccak256 } from "./keccak.ts";

/** 65 bytes: r, s (low), then v = 27 or 28. */
export type Signature = Uint8Array;

export type Secp256k1 = {
  /** Signs a 32-byte digest. Deterministic (RFC 6979). */
  sign(digest: Uint8Array, privateKey: Uint8Array): Signature;
  /** The 64 bytes of the public key that signed `digest`, or undefined when the signature is malformed or its s is high. */
  recover(digest: Uint8Array, signature: Signature): Uint8Array | undefined;
};

/** In plain JavaScript: twenty times slower, runs anywhere. */
export const secp256k1Js: Secp256k1 = {
  sign(digest, privateKey) {
    const recovered = curve.sign(digest, privateKey, { prehash: false, format: "recovered" });
    return join(recovered.subarray(1), recovered[0] as number);
  },
  recover(digest, signature) {
    const recovery = recoveryOf(signature);
    if (recovery === undefined) return undefined;
    try {
      const recovered = new Uint8Array(65);
      recovered[0] = recovery;
      recovered.set(signature.subarray(0, 64), 1);
      return curve.Signature.fromBytes(recovered, "recovered").recoverPublicKey(digest).toBytes(false).subarray(1);
    } catch {
      return undefined;
    }
  },
};

type Native = typeof import("secp256k1");

function loadNative(): Secp256k1 | undefined {
  let native: Native;
  try {
    // The binding itself, not the package's entry, which falls back to a slow implementation without saying so.
    native = createRequire(import.meta.url)("secp256k1/bindings.js") as Native;
  } catch {
    return undefined;
  }
  return {
    sign(digest, privateKey) {
      const { signature, recid } = native.ecdsaSign(digest, privateKey);
      return join(signature, recid);
    },
    recover(digest, signature) {
      const recovery = recoveryOf(signature);
      if (recovery === undefined) return undefined;
      try {
        return native.ecdsaRecover(signature.subarray(0, 64), recovery, digest, false).subarray(1);
      } catch {
        return undefined;
      }
    },
  };
}

const native = loadNative();

/** The native binding where it loads, else plain JavaScript. */
export const secp256k1: Secp256k1 = native ?? secp256k1Js;

export const isNativeSecp256k1 = native !== undefined;

/** The 64 bytes of the public key of `privateKey`. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return curve.getPublicKey(privateKey, false).slice(1);
}

/** The address of a 64-byte public key, lower case. */
export function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak256(publicKey).subarray(12));
}

/** The address that signed `digest`, lower case; undefined when the signature is malformed. */
export function recoverAddress(digest: Uint8Array, signature: Signature): Hex | undefined {
  const publicKey = secp256k1.recover(digest, signature);
  return publicKey && addressOf(publicKey);
}

/** ERC-2098: r, then s with the parity of v in its top bit; 64 bytes. */
export function toCompact(signature: Signature): Uint8Array {
  const compact = new Uint8Array(signature.subarray(0, 64));
  if (signature[64] === 28) compact[32] = (compact[32] as number) | 0x80;
  return compact;
}

function join(rs: Uint8Array, recovery: number): Signature {
  const signature = new Uint8Array(65);
  signature.set(rs);
  signature[64] = 27 + recovery;
  return signature;
}

/** Half of the group's order, 32 bytes: the contracts take no s above it. */
const HALF_ORDER = fromHex("0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", 32);

function recoveryOf(signature: Signature): 0 | 1 | undefined {
  if (signature.length !== 65 || Buffer.compare(signature.subarray(32, 64), HALF_ORDER) > 0) return undefined;
  if (signature[64] === 27) return 0;
  if (signature[64] === 28) return 1;
  return undefined;
}
