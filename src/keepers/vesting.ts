import { id } from "ethers";
import { InputError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { MAX_TRANSACTION_GAS, type TxQueue } from "../core/txQueue.ts";
import { checkStands } from "../vesting/rpc.ts";
import { readGrants, type Vault, vaultAbi } from "../vesting/vault.ts";

export type VestingKeeper = {
  /** Opens the vault at the newest block. */
  open(): Promise<Vault>;
  /** Sends the claims; absent when nothing may be sent. */
  queue?: TxQueue | undefined;
  /** Grants to look at; all of them without it. */
  grants?: readonly number[] | undefined;
  /** Most gas of one transaction. */
  gasCap?: bigint | undefined;
  logger: Logger;
};

/** One transaction of a pass. */
export type VestingClaim = {
  outcome: "planned" | "claimed";
  grants: number[];
  /** Due when it was planned; another keeper may have been faster. */
  amountWei: bigint;
  transaction: string | null;
  gasUsed: bigint | null;
};

/** A first claim of a revoked grant, which pays two new holders, costs about as much. */
const GAS_PER_GRANT = 110_000n;
const GAS_BASE = 60_000n;

/**
 * Claims what is due, for everybody or some, in as few transactions as fit under the gas cap. Harmless to run again or beside
 * others: what is no longer due is passed over. Returns no entry when nothing is due.
 */
export async function claimDue({ open, queue, grants, gasCap = MAX_TRANSACTION_GAS / 2n, logger }: VestingKeeper) {
  const vault = await open();
  const all = await readGrants(vault);
  const unknown = grants?.find((grant) => !all[grant]);
  if (unknown !== undefined) {
    throw new InputError("There is no such grant", {
      code: "bad_grant",
      facts: { grant: unknown, grants: all.length },
      hint: "Ids count from 0",
    });
  }
  const due = all.filter((grant) => grant.dueWei > 0n && (!grants || grants.includes(grant.id)));
  await checkStands(vault.rpc, vault.head);
  const size = Number((gasCap - GAS_BASE) / GAS_PER_GRANT);
  if (size < 1)
    throw new InputError("The gas cap is below one claim", {
      code: "bad_gas_cap",
      facts: { gasCap },
      hint: `Give at least ${GAS_BASE + GAS_PER_GRANT} with VESTING_GAS_CAP`,
    });

  const outcomes: VestingClaim[] = [];
  for (let from = 0; from < due.length; from += size) {
    const part = due.slice(from, from + size);
    const ids = part.map((grant) => grant.id);
    const amountWei = part.reduce((sum, { dueWei }) => sum + dueWei, 0n);
    if (!queue) {
      outcomes.push({ outcome: "planned", grants: ids, amountWei, transaction: null, gasUsed: null });
      continue;
    }
    const data = vaultAbi.encodeFunctionData("claimMany", [ids]);
    // After a crash the same claims find the transaction that was signed for them; another key's may be stuck for ever.
    const what = id(JSON.stringify(part.map((grant) => [grant.id, String(grant.vestedWei)])));
    const receipt = await queue.send(`vesting ${vault.vault} ${queue.signer} ${what}`, { to: vault.vault, data });
    logger.info({ grants: ids.length, hash: receipt.hash }, "vesting.claimed");
    outcomes.push({ outcome: "claimed", grants: ids, amountWei, transaction: receipt.hash, gasUsed: receipt.gasUsed });
  }
  return outcomes;
}
