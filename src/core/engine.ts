import { AbiCoder, keccak256 } from "ethers";
import { fromHex } from "./hashing/hex.ts";

/** What an inference ran on. Re-execution is bit-exact only where all six agree. */
export type EngineTuple = {
  engine: string;
  version: string;
  /** sha256 of the container image, zero when there is none. */
  imageDigest: string;
  dtype: string;
  deviceClass: string;
  determinism: string;
};

const TUPLE =
  "tuple(string engine,string version,bytes32 imageDigest,string dtype,string deviceClass,string determinism)";

/** The hash of the six fields, as `EngineTupleLib` makes it. */
export function engineId(tuple: EngineTuple): Uint8Array {
  return fromHex(keccak256(AbiCoder.defaultAbiCoder().encode([TUPLE], [tuple])), 32);
}
