import type { Chain } from "../../core/chain/open.ts";
import { WEI_PER_NANO } from "../../core/units.ts";

export type Books = { heldNano: bigint; owedNano: bigint; differenceNano: bigint };

/** What the settlement contract holds against what it owes: lanes, earnings, pending withdrawals, fees, seized money. */
export async function solvency({ contracts }: Chain, settler: number, payees: number): Promise<Books> {
  const { settlement, opg } = contracts;
  const { reservations, feesNano } = await settlement.getSettler(settler);
  let owedNano = (await settlement.seizedNano()) + feesNano;
  for (let index = 0n; index < reservations; index++) {
    owedNano += (await settlement.getReservation(settler, index)).balanceNano;
  }
  for (let payee = 1; payee <= payees; payee++) {
    owedNano += await settlement.earningsOf(payee);
    owedNano += (await settlement.getPayee(payee)).pendingNano;
  }
  const heldWei = await opg.balanceOf(settlement.target);
  const heldNano = heldWei / WEI_PER_NANO;
  // A rest below a nano would be a difference too.
  const rest = heldWei % WEI_PER_NANO === 0n ? 0n : 1n;
  return { heldNano, owedNano, differenceNano: heldNano - owedNano + rest };
}
