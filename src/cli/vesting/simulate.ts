import { computeAddress, id } from "ethers";
import { BaseError } from "../../core/errors.ts";
import { bookHash, encodeBook } from "../../vesting/book.ts";
import { anniversary } from "../../vesting/calendar.ts";
import type { LaunchPlan } from "../../vesting/launchPlan.ts";
import type { LaunchSchedule } from "../../vesting/scheduleFile.ts";
import { unlockTable } from "../../vesting/table.ts";
import { openVault, type Vault } from "../../vesting/vault.ts";
import { planOf } from "./source.ts";

const DAY = 86_400;

export type Simulation = { vault: Vault; plan: LaunchPlan; file: Uint8Array; close(): Promise<void> };

/**
 * Launches a schedule on a fresh chain in this process, a day before month 0, and moves it through every unlock up to a
 * Unix timestamp: a block at the second before, one at it, one after it, in which about a third of the grants is claimed. The
 * last block claims whatever is due. Accounts that the schedule names or leaves open are addresses that nobody has a key of.
 */
export async function simulate(
  schedule: LaunchSchedule,
  until: number,
  onProgress: (done: number, of: number) => void,
  open = openHere,
): Promise<Simulation> {
  const connection = await open(new Date((anniversary(schedule.anchor, 0) - DAY) * 1000));
  try {
    const { ethers, provider } = connection;
    const plan = planOf(schedule, addressFor);
    const file = encodeBook(plan.book);
    const launch = await ethers.deployContract("TokenLaunch");
    await launch.launch(
      file,
      plan.lockedWei,
      plan.liquid.map(({ to, amountWei }) => ({ to, amountWei })),
    );
    const vault = await ethers.getContractAt("VestVault", await launch.vault());
    const lens = await ethers.deployContract("ScheduleLens", [vault.target]);

    const blockAt = async (unix: number) => {
      await provider.request({ method: "evm_setNextBlockTimestamp", params: [unix] });
      await provider.request({ method: "evm_mine", params: [] });
    };
    const ids = plan.book.grants.map((_, i) => i);
    const unlocks = unlockTable(plan.book).unlocks.filter(({ unix }) => unix <= until);
    for (const [i, { unix }] of unlocks.entries()) {
      await blockAt(unix - 1);
      await blockAt(unix);
      await provider.request({ method: "evm_setNextBlockTimestamp", params: [unix + 1] });
      const last = i === unlocks.length - 1;
      await vault.claimMany(last ? ids : ids.filter((grant) => (grant + i) % 3 === 0));
      onProgress(i + 1, unlocks.length);
    }
    const rpc = (method: string, params: unknown[]) => provider.request({ method, params });
    const opened = await openVault(rpc, String(lens.target));
    if (bookHash(opened.file) !== bookHash(file)) {
      throw new BaseError("The simulated chain has another book", { code: "wrong_book" });
    }
    return { vault: opened, plan, file, close: () => connection.close() };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A fresh chain in this process that starts at a moment. */
async function openHere(initialDate: Date) {
  // Hardhat is loaded only here: the other commands run without it.
  const { network } = await import("hardhat");
  return network.create({ override: { initialDate, allowBlocksWithSameTimestamp: false } });
}

/** Stands for an account that a schedule leaves open or names: the address of the key that is the hash of its name. */
export function addressFor(account: string): string {
  return /^0x[0-9a-fA-F]{40}$/.test(account) ? account : computeAddress(id(`opg vesting simulation ${account}`));
}
