import { verifyContract } from "@nomicfoundation/hardhat-verify/verify";
import { hexlify } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { Deployment } from "../../src/core/chain/deployment.ts";
import { errorMessage } from "../../src/core/errors.ts";
import { encodeBook } from "../../src/vesting/book.ts";
import type { LaunchPlan } from "../../src/vesting/launchPlan.ts";

/**
 * Explorers get the sources where a key is given; without one nothing happens. OPG and the vault are not in Ignition's
 * journals, because TokenLaunch created them. The book has no source: its code is the published file.
 */
export async function verifySources(
  hre: HardhatRuntimeEnvironment,
  deploymentIds: readonly string[],
  { contracts, vesting }: Deployment,
  plan: LaunchPlan,
  say: (line: string) => void,
): Promise<void> {
  if (!process.env.ETHERSCAN_API_KEY) return say("Sources not verified: ETHERSCAN_API_KEY is not set");
  const [opg, vault] = [contracts.opg.address, contracts.vestVault.address];
  const { lockedWei } = vesting;
  const allocations = [
    { to: vault, amountWei: lockedWei },
    ...plan.liquid.map(({ to, amountWei }) => ({ to, amountWei })),
  ];
  const created = [
    { address: opg, contract: "contracts/token/OPG.sol:OPG", constructorArgs: [allocations] },
    {
      address: vault,
      contract: "contracts/vesting/VestVault.sol:VestVault",
      constructorArgs: [opg, hexlify(encodeBook(plan.book)), lockedWei],
    },
  ];
  const jobs = [
    ...deploymentIds.map((deploymentId) => () => hre.tasks.getTask(["ignition", "verify"]).run({ deploymentId })),
    ...created.map((one) => () => verifyContract({ ...one, provider: "etherscan" }, hre)),
  ];
  for (const job of jobs) {
    try {
      await job();
    } catch (error) {
      say(`Sources not verified: ${errorMessage(error)}. Run the same command again.`);
    }
  }
}
