import { execFileSync } from "node:child_process";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { trackTransaction } from "@nomicfoundation/ignition-core";
import { keccak256, type Provider } from "ethers";
import type { NewTaskActionFunction } from "hardhat/types/tasks";
import { deployAll, type Phase, vestingOf } from "../../deploy/deploy.ts";
import { checkDeployment, LOCAL_CHAIN_ID } from "../../deploy/guard.ts";
import { inOrder } from "../../deploy/inOrder.ts";
import { type Parameters, parseParameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { readSchedule } from "../../deploy/schedule.ts";
import { type Deployment, deploymentSchema } from "../../src/core/chain/deployment.ts";
import { BaseError, InputError } from "../../src/core/errors.ts";
import { toJson } from "../../src/core/protocol/json.ts";
import { encodeBook } from "../../src/vesting/book.ts";
import type { LaunchPlan } from "../../src/vesting/launchPlan.ts";
import { forgetUnbegun, forgetUnsent, isUnbegun, mendTorn } from "./journal.ts";
import { launchPreview, printLaunch } from "./launchPreview.ts";
import { awaitTransaction, lostTransactionOf } from "./lostTransaction.ts";
import { verifySources } from "./verifySources.ts";
import { checkWiring } from "./wiring.ts";

type Arguments = { json: boolean; dryRun: boolean; parametersFile?: string | undefined };

/** In-process networks have no name of their own in `deploy/parameters/`. */
const parametersName = (network: string) => (network === "default" || network === "node" ? "local" : network);

/**
 * Ignition keeps a journal per phase: what was sent is never sent again. The genesis hash is part of their names, because a
 * restarted local chain has the same id and none of the contracts.
 */
const deploy: NewTaskActionFunction<Arguments> = async ({ json, dryRun, parametersFile }, hre) => {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  await hre.tasks.getTask("build").run({ quiet: true, noTests: true });
  const connection = await hre.network.create();
  try {
    const { ethers, ignition, networkName, networkConfig } = connection;
    const [deployer] = await ethers.getSigners();
    if (!deployer) {
      throw new InputError("There is no account to deploy with", {
        code: "no_deployer",
        facts: { network: networkName },
        hint: "Set DEPLOYER_KEY: `npx hardhat keystore set DEPLOYER_KEY`, or the environment variable",
      });
    }
    const chainId = Number((await ethers.provider.getNetwork()).chainId);
    const genesis = (await ethers.provider.getBlock(0))?.hash ?? "";
    const parameters = withDeployer(await parametersOf(networkName, parametersFile), deployer.address);
    const schedule = await readSchedule(parameters, parametersFile ?? defaultFile(networkName));
    checkDeployment(networkName, chainId, deployer.address, parameters, schedule.grants);
    if (dryRun) {
      const who = { network: networkName, chainId, deployer: deployer.address };
      const before = await previous(networkName);
      const budget = before?.genesis === genesis ? before.contracts.emissionBudget.address : null;
      const preview = launchPreview(who, schedule, budget);
      process.stdout.write(json ? `${JSON.stringify(preview)}\n` : printLaunch(preview));
      return;
    }

    say(`Deploying to ${networkName} (chain ${chainId}) from ${deployer.address}`);
    const live = networkConfig.type === "http";
    const local = chainId === LOCAL_CHAIN_ID;
    const name = `chain-${chainId}-${genesis.slice(2, 10)}`;
    const ids: Record<Phase, string> = { launch: `${name}-launch`, protocol: name };
    const { addresses, plan } = await deployAll(deployer.address, parameters, schedule, async (phase, module) => {
      const folder = join(hre.config.paths.ignition, "deployments", ids[phase]);
      if (live) {
        const torn = await mendTorn(folder);
        if (torn.length > 0) say(`An earlier run ended while it wrote ${torn.join(", ")}: mended`);
      }
      const deployOnce = () =>
        ignition.deploy(live ? inOrder(module) : module, {
          displayUi: process.stderr.isTTY && !json,
          config: { requiredConfirmations: parameters.confirmations, ...(local ? { blockPollingInterval: 20 } : {}) },
          ...(live ? { deploymentId: ids[phase] } : {}),
        });
      return resuming(deployOnce, async (error) => {
        if (!live) throw error;
        const lost = lostTransactionOf(error);
        const hash = lost && (await awaitTransaction(connection.provider, lost));
        if (hash) {
          say(`An earlier run ended before it noted transaction ${hash}: going on from there`);
          await trackTransaction(folder, hash, connection.provider, parameters.confirmations);
          return;
        }
        const steps = lost ? await forgetUnsent(folder, lost) : isUnbegun(error) ? await forgetUnbegun(folder) : [];
        if (steps.length === 0) throw error;
        say(`An earlier run ended before it began ${steps.join(", ")}: going on from there`);
      });
    });
    const provider = ethers.provider as unknown as Provider;
    const described = { network: networkName, chainId, genesis, parameters, plan };
    const deployment = await describe(provider, { ...described, addresses });
    await checkWiring(provider, deployment, parameters);
    if (live) await write(deployment, encodeBook(plan.book));
    if (live && !local) await verifySources(hre, Object.values(ids), deployment, plan, say);
    report(deployment, json, live, say);
  } finally {
    await connection.close();
  }
};

/** Tries until it is done; `repair` throws what it cannot repair, and the same thing is never repaired twice. */
async function resuming<T>(attempt: () => Promise<T>, repair: (error: unknown) => Promise<void>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await repair(error);
    }
  }
}

async function parametersOf(network: string, file: string | undefined): Promise<Parameters> {
  if (file) return parseParameters(network, await readFile(file, "utf8"));
  return readParameters(parametersName(network));
}

const defaultFile = (network: string) => `deploy/parameters/${parametersName(network)}.json5`;

type Described = {
  network: string;
  chainId: number;
  genesis: string;
  parameters: Parameters;
  addresses: Record<string, string>;
  plan: LaunchPlan;
};

async function describe(provider: Provider, described: Described): Promise<Deployment> {
  const { addresses, parameters, plan, ...rest } = described;
  const contracts = await Promise.all(
    Object.entries(addresses).map(async ([name, address]) => {
      const code = await provider.getCode(address);
      if (code === "0x") throw new BaseError("A contract has no code", { code: "no_code", facts: { name, address } });
      return [name, { address, codeHash: keccak256(code) }] as const;
    }),
  );
  const before = await previous(described.network);
  const same = before?.genesis === rest.genesis && before.contracts.settlement.address === addresses.settlement;
  return deploymentSchema.parse({
    ...rest,
    block: same ? before.block : await provider.getBlockNumber(),
    commit: same ? before.commit : sourceCommit(),
    contracts: Object.fromEntries(contracts),
    vesting: vestingOf(described.network, plan),
    parameters: toJson(parameters),
  });
}

const fileOf = (network: string) => `deployments/${network}.json`;

async function previous(network: string): Promise<Deployment | undefined> {
  const text = await readFile(fileOf(network), "utf8").catch(() => undefined);
  return text === undefined ? undefined : deploymentSchema.safeParse(JSON.parse(text)).data;
}

/** The book first: a deployment file never names one that is not there. */
async function write(deployment: Deployment, book: Uint8Array): Promise<void> {
  await mkdir("deployments", { recursive: true });
  await replace(join("deployments", deployment.vesting.bookFile), book);
  await replace(fileOf(deployment.network), `${JSON.stringify(deployment, null, 2)}\n`);
}

async function replace(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}

/** The commit that was built, and whether the tree had changes. */
function sourceCommit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const dirty = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "HEAD").trim()}${dirty ? "-dirty" : ""}`;
  } catch {
    return "unknown";
  }
}

function report(deployment: Deployment, json: boolean, live: boolean, say: (line: string) => void): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(deployment)}\n`);
    return;
  }
  const entries = Object.entries(deployment.contracts).filter(([, contract]) => contract !== undefined);
  const width = Math.max(...entries.map(([name]) => name.length));
  for (const [name, contract] of entries) process.stdout.write(`${name.padEnd(width)}  ${contract?.address}\n`);
  say(live ? `Written to ${fileOf(deployment.network)}` : "An in-process chain: nothing was written");
}

export default deploy;
