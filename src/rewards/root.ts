import { AbiCoder, dataSlice, keccak256, type TypedDataDomain, TypedDataEncoder } from "ethers";
import type { ReceiptsTree } from "./receipts.ts";
import type { SumTree } from "./tree.ts";

/** What a root says, as the contract takes it and verifiers sign it. */
export type EpochRoot = {
  epoch: number;
  leafCount: number;
  totalWei: bigint;
  root: string;
  receiptsRoot: string;
  /** Of the published file with all leaves. */
  dataHash: string;
};

const ROOT_TYPES = {
  EpochRoot: [
    { name: "epoch", type: "uint32" },
    { name: "leafCount", type: "uint32" },
    { name: "totalWei", type: "uint96" },
    { name: "root", type: "bytes32" },
    { name: "receiptsRoot", type: "bytes32" },
    { name: "dataHash", type: "bytes32" },
    { name: "previous", type: "bytes24" },
  ],
};

/** The commitment of a contract that has no active root. */
export const NO_ROOT = `0x${"00".repeat(24)}`;

export function contentOf(
  { domain, leaves, root, totalWei }: SumTree,
  receipts: ReceiptsTree,
  dataHash: string,
): EpochRoot {
  return {
    epoch: domain.epoch,
    leafCount: leaves.length,
    totalWei,
    root,
    receiptsRoot: receipts.treeRoot,
    dataHash,
  };
}

/** Epoch and leaf count in one number, as claims name a root. */
export function versionOf({ epoch, leafCount }: Pick<EpochRoot, "epoch" | "leafCount">): bigint {
  return (BigInt(epoch) << 32n) | BigInt(leafCount);
}

/** The first 24 bytes of the hash of all that a claim depends on. */
export function commitmentOf(content: Omit<EpochRoot, "receiptsRoot" | "dataHash">): string {
  const values = [versionOf(content), content.root, content.totalWei];
  return dataSlice(keccak256(AbiCoder.defaultAbiCoder().encode(["uint64", "bytes32", "uint256"], values)), 0, 24);
}

/** What a verifier signs; `previous` is the commitment of the active root. */
export function rootTypedData(
  { chainId, rewards }: { chainId: bigint; rewards: string },
  content: EpochRoot,
  previous: string,
) {
  const domain: TypedDataDomain = { name: "OPG EpochRewards", version: "1", chainId, verifyingContract: rewards };
  return { domain, types: ROOT_TYPES, message: { ...content, previous } };
}

export function rootDigest(of: { chainId: bigint; rewards: string }, content: EpochRoot, previous: string): string {
  const { domain, types, message } = rootTypedData(of, content, previous);
  return TypedDataEncoder.hash(domain, types, message);
}
