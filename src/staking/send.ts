import type { ContractTransactionReceipt, Signer } from "ethers";
import type { Contracts } from "../core/chain/contracts.ts";
import { mined } from "../core/chain/events.ts";
import { chainError } from "../core/chain/revert.ts";
import { InputError } from "../core/errors.ts";
import { WEI_PER_NANO } from "../core/units.ts";

/** A call of the stake hub, and what it takes from the caller. */
export type HubCall = { method: HubMethod; args: readonly unknown[]; paysNano?: bigint };

export type HubMethod =
  | "bond"
  | "delegateTo"
  | "cancelBond"
  | "cancelDelegation"
  | "requestUnbond"
  | "undelegate"
  | "withdrawBond"
  | "withdraw"
  | "announceCommission"
  | "setVoting"
  | "setBondVoting"
  | "roll";

export type HubSent = {
  method: HubMethod;
  args: readonly string[];
  /** Null where nothing was sent. */
  hash: string | null;
  receipt: ContractTransactionReceipt | null;
};

/**
 * Simulates a call, then sends it and waits; approves exactly what it takes. With `dryRun` nothing is sent; a call that
 * needs an approval first is then checked against the balance only. Throws `reverted` with the hub's error.
 */
export async function sendToHub(
  { opg, stakeHub }: Pick<Contracts, "opg" | "stakeHub">,
  signer: Signer,
  { method, args, paysNano = 0n }: HubCall,
  dryRun: boolean,
): Promise<HubSent> {
  const account = await signer.getAddress();
  const paysWei = paysNano * WEI_PER_NANO;
  const described = { method, args: args.map(String) };
  const [balanceWei, allowedWei] = await Promise.all([opg.balanceOf(account), opg.allowance(account, stakeHub.target)]);
  if (balanceWei < paysWei) {
    throw new InputError("The account has less OPG than this takes", {
      code: "balance_too_low",
      facts: { account, hasNano: balanceWei / WEI_PER_NANO, takesNano: paysNano },
    });
  }
  const approves = allowedWei < paysWei;
  if (dryRun && approves) return { ...described, hash: null, receipt: null };
  try {
    if (approves) await mined(opg.connect(signer).approve(stakeHub.target, paysWei));
    const call = stakeHub.connect(signer).getFunction(method);
    await call.staticCall(...args);
    if (dryRun) return { ...described, hash: null, receipt: null };
    const receipt = await mined(call.send(...args));
    return { ...described, hash: receipt.hash, receipt };
  } catch (error) {
    throw chainError(`${method} failed`, error);
  }
}
