import type { BaseContract, ContractTransactionReceipt, ContractTransactionResponse, LogDescription } from "ethers";
import { BaseError } from "../errors.ts";

/** Waits until a transaction is mined. Throws when it was dropped or reverted. */
export async function mined(
  sent: Promise<ContractTransactionResponse>,
  confirmations = 1,
): Promise<ContractTransactionReceipt> {
  const transaction = await sent;
  const receipt = await transaction.wait(confirmations);
  if (receipt?.status !== 1) {
    throw new BaseError("A transaction failed", { code: "tx_failed", facts: { hash: transaction.hash } });
  }
  return receipt;
}

/** The first event of that name that `contract` emitted in a transaction. Throws when there is none. */
export function eventOf(receipt: ContractTransactionReceipt, contract: BaseContract, name: string): LogDescription {
  for (const log of receipt.logs) {
    if (log.address.toLowerCase() !== String(contract.target).toLowerCase()) continue;
    const parsed = contract.interface.parseLog(log);
    if (parsed?.name === name) return parsed;
  }
  throw new BaseError(`A transaction emitted no ${name}`, { code: "no_event", facts: { hash: receipt.hash } });
}
