import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { getCreateAddress, hexlify } from "ethers";
import { encodeBook } from "../src/vesting/book.ts";
import type { LaunchPlan } from "../src/vesting/launchPlan.ts";
import type { Launcher, launcherModule } from "./launch.ts";

/** Launches OPG and its vault in one transaction, and makes the lens on them. */
export function tokenModule(
  { tokenLaunch: from }: Launcher,
  plan: LaunchPlan,
  launcher: ReturnType<typeof launcherModule>,
) {
  const liquid = plan.liquid.map(({ to, amountWei }) => ({ to, amountWei }));
  return buildModule("token", (m) => {
    const { tokenLaunch } = m.useModule(launcher);
    const launch = m.call(tokenLaunch, "launch", [hexlify(encodeBook(plan.book)), plan.lockedWei, liquid]);
    const opg = m.contractAt("OPG", getCreateAddress({ from, nonce: 1 }), { after: [launch] });
    const vestVault = m.contractAt("VestVault", getCreateAddress({ from, nonce: 2 }), { after: [launch] });
    return { opg, vestVault, scheduleLens: m.contract("ScheduleLens", [vestVault]) };
  });
}
