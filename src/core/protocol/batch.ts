import { fromHex, toHex } from "../hashing/hex.ts";
import { keccak256 } from "../hashing/keccak.ts";
import { recoverAddress, type Signature, toCompact } from "../hashing/secp256k1.ts";
import { ceilDiv, PPM } from "../units.ts";
import { type Domain, typedDigest } from "./domain.ts";
import { type BatchBody, bodyHash } from "./messages.ts";

/** The fee of a batch: total × rate, rounded up. */
export function batchFee(totalNano: bigint, feePpm: number): bigint {
  return ceilDiv(totalNano * BigInt(feePpm), PPM);
}

/** What a signer of a batch signs. */
export function bodyDigest(domain: Domain, body: BatchBody): Uint8Array {
  return typedDigest(domain, bodyHash(body));
}

/** A signature over a batch body, with the operator that answers for its key. */
export type BatchSignature = { operator: number; signature: Signature };

/** The signatures as `commitBatch` takes them: 64 bytes each, in ascending order of operators. */
export function packSignatures(signatures: readonly BatchSignature[]): Uint8Array {
  const sorted = [...signatures].sort((a, b) => a.operator - b.operator);
  return new Uint8Array(Buffer.concat(sorted.map(({ signature }) => toCompact(signature))));
}

/** keccak256 of the operators' ids, 4 bytes each, ascending. */
export function signersHash(operators: readonly number[]): Uint8Array {
  return keccak256(packOperators(operators));
}

export function packOperators(operators: readonly number[]): Uint8Array {
  const packed = Buffer.alloc(4 * operators.length);
  [...operators]
    .sort((a, b) => a - b)
    .forEach((operator, i) => {
      packed.writeUInt32BE(operator, 4 * i);
    });
  return packed;
}

/** The header as `commitBatch` takes it. */
export function headerStruct(body: BatchBody) {
  const { settler, number, count, policy, deadline } = body;
  return { settler, number, root: toHex(body.root), count, data: toHex(body.data), policy, deadline };
}

/** The body as the court takes it. */
export function bodyStruct(body: BatchBody) {
  return {
    ...headerStruct(body),
    rowsHash: toHex(body.rowsHash),
    firstSequence: body.firstSequence,
    total: body.totalNano,
    fee: body.feeNano,
  };
}

/** Window sizes and leaf hashes as `commitBatch` takes them under a CALLDATA policy. */
export function encodeTree(windows: readonly (readonly Uint8Array[])[]): Uint8Array {
  const sizes = Buffer.alloc(2 * windows.length);
  windows.forEach((leaves, i) => {
    sizes.writeUInt16BE(leaves.length, 2 * i);
  });
  const count = Buffer.alloc(2);
  count.writeUInt16BE(windows.length);
  return new Uint8Array(Buffer.concat([count, sizes, ...windows.flat()]));
}

/** `data` of a body under a CALLDATA policy. */
export function sizesHash(tree: Uint8Array): Uint8Array {
  const windows = Buffer.from(tree.subarray(0, 2)).readUInt16BE();
  return keccak256(tree.subarray(2, 2 + 2 * windows));
}

/** The address that signed a body, or undefined. */
export function signerOf(domain: Domain, body: BatchBody, signature: string): string | undefined {
  return recoverAddress(bodyDigest(domain, body), fromHex(signature, 65));
}
