import { TypedDataEncoder } from "ethers";
import { fromHex } from "../hashing/hex.ts";
import { keccak256 } from "../hashing/keccak.ts";

/** Where a message counts: one chain, one settlement contract. */
export type Domain = {
  chainId: bigint;
  settlement: string;
  /** The EIP-712 domain separator, 32 bytes. */
  separator: Uint8Array;
};

/** The EIP-712 domain {name "OPG Settlement", version "1", chain id, settlement contract}. */
export function settlementDomain(chainId: bigint, settlement: string): Domain {
  const separator = TypedDataEncoder.hashDomain({
    name: "OPG Settlement",
    version: "1",
    chainId,
    verifyingContract: settlement,
  });
  return { chainId, settlement, separator: fromHex(separator, 32) };
}

/** keccak256(0x1901 ‖ separator ‖ struct hash). */
export function typedDigest(domain: Domain, structHash: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(66);
  bytes[0] = 0x19;
  bytes[1] = 0x01;
  bytes.set(domain.separator, 2);
  bytes.set(structHash, 34);
  return keccak256(bytes);
}
