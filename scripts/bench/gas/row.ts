import type { ContractTransactionResponse, TransactionResponse } from "ethers";

/** One line of the gas table. Gas is `gasUsed` of one whole transaction, or its mean where the row says so. */
export type Row = {
  name: string;
  gasUsed: number;
  /** Cost of each further unit; null where there is none. */
  perUnit: number | null;
  /** Of calldata. */
  bytes: number;
  limit: number;
  perUnitLimit: number | null;
  /** The best comparable figure of others, from receipts; see docs/benchmarks.md. */
  peer: { name: string; gasUsed: number } | null;
};

/** Gas and calldata of a transaction. Each is a block of its own, so all state is cold. */
export async function measure(sent: Promise<ContractTransactionResponse | TransactionResponse>) {
  const transaction = await sent;
  const receipt = await transaction.wait();
  if (receipt?.status !== 1) throw new Error("A measured transaction failed");
  return { gasUsed: Number(receipt.gasUsed), bytes: (transaction.data.length - 2) / 2 };
}
