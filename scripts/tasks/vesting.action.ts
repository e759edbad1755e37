import { existsSync } from "node:fs";
import { Command } from "commander";
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import { fail } from "../../src/cli/output.ts";
import { addVesting } from "../../src/cli/vesting/program.ts";

type Shape = { name: string; argument: string | undefined; options: string[]; flags: string[] };

/** Runs a command of `opg vesting` on the connected network, with `deployments/<network>.json` where no lens is given. */
export async function vestingAction(
  { name, argument, options, flags }: Shape,
  args: Record<string, unknown>,
  hre: HardhatRuntimeEnvironment,
): Promise<void> {
  const connection = await hre.network.create();
  const words = [name];
  if (argument) words.push(String(args[argument]));
  for (const option of options) if (args[option] !== undefined) words.push(`--${option}`, String(args[option]));
  for (const flag of flags) if (args[flag]) words.push(`--${flag}`);
  const deployment = `deployments/${connection.networkName}.json`;
  if (args.lens === undefined && existsSync(deployment)) words.push("--deployment", deployment);

  const vesting = new Command("vesting");
  addVesting(vesting, (method, params) => connection.provider.request({ method, params }));
  try {
    await vesting.parseAsync(words, { from: "user" });
  } catch (error) {
    process.exitCode = fail(error, args.json === true);
  } finally {
    await connection.close();
  }
}
