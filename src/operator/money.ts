import type { Signer } from "ethers";
import type { Contracts } from "../core/chain/contracts.ts";
import { eventOf, mined } from "../core/chain/events.ts";

/** Opens an earnings account that pays to `account`. */
export async function registerPayee({ settlement }: Contracts, signer: Signer, account: string): Promise<number> {
  const receipt = await mined(settlement.connect(signer).registerPayee(account));
  return Number(eventOf(receipt, settlement, "PayeeRegistered").args.payee);
}

/** Opens the owner's operator as a settler, unless it is open; `committer` sends its batches. */
export async function openSettler(
  { settlement }: Contracts,
  owner: Signer,
  operator: number,
  payee: number,
  committer: string,
): Promise<void> {
  const standing = await settlement.getSettler(operator);
  if (standing.payee === 0n) await mined(settlement.connect(owner).openSettler(operator, payee, committer));
  else if (standing.committer !== committer) await mined(settlement.connect(owner).setCommitter(operator, committer));
}
