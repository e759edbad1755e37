import type { IgnitionModule, IgnitionModuleResult } from "@nomicfoundation/ignition-core";
import { type BaseContract, getAddress, getCreateAddress } from "ethers";
import type { Deployment } from "../src/core/chain/deployment.ts";
import { bookHash, encodeBook } from "../src/vesting/book.ts";
import { type LaunchPlan, planLaunch } from "../src/vesting/launchPlan.ts";
import type { LaunchSchedule } from "../src/vesting/scheduleFile.ts";
import { tableHash } from "../src/vesting/table.ts";
import { launchModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import { protocolModule } from "./protocol.ts";

/** Each phase is an Ignition deployment of its own, with a journal of its own where there is one. */
export type Phase = "launch" | "protocol";

type Module = IgnitionModule<string, string, IgnitionModuleResult<string>>;

/** Stands in a plan for the emission budget before it stands; nobody has this address. */
export const UNKNOWN = getAddress(`0x${"ff".padStart(40, "0")}`);

/** Runs one module to its end: what was sent before is not sent again. */
export type RunPhase = (phase: Phase, module: Module) => Promise<Record<string, BaseContract>>;

/** What stands: the contracts of both phases by name, and where; `addresses` has the book too. */
export type Deployed = {
  contracts: Record<string, BaseContract>;
  addresses: Record<string, string>;
  plan: LaunchPlan;
};

/**
 * Deploys everything, in two phases, because the published file names the emission budget, which must stand before. Which
 * bytes are launched follows from the parameters, the schedule and the first phase only, so a run that was killed goes on with
 * the same.
 */
export async function deployAll(
  deployer: string,
  parameters: Parameters,
  schedule: LaunchSchedule,
  run: RunPhase,
): Promise<Deployed> {
  // What cannot be launched is refused before anything is sent.
  encodeBook(planLaunch(schedule, (account) => accountOf(account, deployer, UNKNOWN)).book);
  const launcher = await run("launch", launchModule(parameters));
  const addressOf = async (name: string) => (launcher[name] as BaseContract).getAddress();
  const addresses = {
    timelock: await addressOf("timelock"),
    tokenLaunch: await addressOf("tokenLaunch"),
    emissionBudget: await addressOf("emissionBudget"),
  };
  const plan = planLaunch(schedule, (account) => accountOf(account, deployer, addresses.emissionBudget));
  const contracts = await run("protocol", protocolModule(parameters, addresses, plan));
  const entries = Object.entries(contracts).map(async ([name, one]) => [name, await one.getAddress()] as const);
  const all = Object.fromEntries(await Promise.all(entries));
  // The first contract that the vault creates.
  const vestBook = getCreateAddress({ from: all.vestVault as string, nonce: 1 });
  return { contracts, addresses: { ...all, vestBook }, plan };
}

/** What a deployment file says of its book. */
export function vestingOf(network: string, { book, lockedWei, names, liquid }: LaunchPlan): Deployment["vesting"] {
  return {
    bookHash: bookHash(encodeBook(book)),
    tableHash: tableHash(book),
    bookFile: `${network}.book`,
    lockedWei: lockedWei.toString(),
    grantNames: names,
    liquid: liquid.map(({ amountWei, ...rest }) => ({ ...rest, amountWei: amountWei.toString() })),
  };
}

/** The address that a schedule means by a name. */
export function accountOf(account: string | null, deployer: string, emissionBudget: string): string | null {
  if (account === "deployer") return deployer;
  return account === "emission-budget" ? emissionBudget : account;
}
