import { execFileSync } from "node:child_process";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { trackTransaction } from "@nomicfoundation/ignition-core";
import { keccak256, type Provider } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { NewTaskActionFunction } from "hardhat/types/tasks";
import { checkDeployment, LOCAL_CHAIN_ID } from "../../deploy/guard.ts";
import { type Parameters, parseParameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { protocolModule } from "../../deploy/protocol.ts";
import { connectContracts } from "../../src/core/chain/contracts.ts";
import { addressesOf, type Deployment, deploymentSchema } from "../../src/core/chain/deployment.ts";
import { BaseError, InputError } from "../../src/core/errors.ts";
import { toJson } from "../../src/core/protocol/json.ts";
import { findTransaction, lostTransactionOf } from "./lostTransaction.ts";

type Arguments = { json: boolean; parametersFile?: string | undefined };

/** In-process networks have no name of their own in `deploy/parameters/`. */
const parametersName = (network: string) => (network === "default" || network === "node" ? "local" : network);

/**
 * Ignition keeps a journal per deployment: what was sent is never sent again. The genesis hash is part of the
 * deployment's name, because a restarted local chain has the same id and none of the contracts.
 */
const deploy: NewTaskActionFunction<Arguments> = async ({ json, parametersFile }, hre) => {
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
    checkDeployment(networkName, chainId, deployer.address, parameters);

    say(`Deploying to ${networkName} (chain ${chainId}) from ${deployer.address}`);
    const live = networkConfig.type === "http";
    const deploymentId = `chain-${chainId}-${genesis.slice(2, 10)}`;
    const local = chainId === LOCAL_CHAIN_ID;
    const deployOnce = () =>
      ignition.deploy(protocolModule(parameters), {
        displayUi: process.stderr.isTTY && !json,
        config: { requiredConfirmations: parameters.confirmations, ...(local ? { blockPollingInterval: 100 } : {}) },
        ...(live ? { deploymentId } : {}),
      });
    const contracts = await resuming(deployOnce, async (error) => {
      const lost = lostTransactionOf(error);
      const hash = lost && (await findTransaction(connection.provider, lost));
      if (!hash) throw error;
      say(`An earlier run ended before it noted transaction ${hash}: going on from there`);
      const journal = join(hre.config.paths.ignition, "deployments", deploymentId);
      await trackTransaction(journal, hash, connection.provider, parameters.confirmations);
    });
    const addresses = await Promise.all(
      Object.entries(contracts).map(async ([name, contract]) => [name, await contract.getAddress()] as const),
    );
    const deployment = await describe(ethers.provider as unknown as Provider, {
      network: networkName,
      chainId,
      genesis,
      parameters,
      addresses: Object.fromEntries(addresses),
    });
    await checkWiring(ethers.provider as unknown as Provider, deployment, parameters);
    if (live) await write(deployment);
    if (live && !local) await verifySources(hre, deploymentId, say);
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

type Described = {
  network: string;
  chainId: number;
  genesis: string;
  parameters: Parameters;
  addresses: Record<string, string>;
};

async function describe(provider: Provider, described: Described): Promise<Deployment> {
  const { addresses, parameters, ...rest } = described;
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
    parameters: toJson(parameters),
  });
}

/** Everything points to everything else as it should; a deployment that does not is not written down. */
async function checkWiring(provider: Provider, deployment: Deployment, parameters: Parameters): Promise<void> {
  const { settlement, stakeHub, court, opg, teeRegistry } = connectContracts(addressesOf(deployment), provider);
  const { timelock } = deployment.contracts;
  const expected: [string, unknown, unknown][] = [
    ["settlement.court", await settlement.court(), court.target],
    ["stakeHub.slasher", await stakeHub.slasher(), court.target],
    ["settlement.token", await settlement.token(), opg.target],
    ["settlement.governance", await settlement.governance(), timelock.address],
    ["teeRegistry.governance", await teeRegistry.governance(), timelock.address],
    ["stakeHub.governance", await stakeHub.governance(), timelock.address],
    ["opg.totalSupply", await opg.totalSupply(), 10n ** 27n],
    ["settlement.policyCount", await settlement.policyCount(), BigInt(parameters.settlement.policies.length)],
  ];
  for (const [what, got, wanted] of expected) {
    if (got === wanted) continue;
    throw new BaseError("The contracts are not wired as they should be", {
      code: "wrong_wiring",
      facts: { what, got, expected: wanted },
      hint: "Run the same command again; if it stays so, do not use this deployment",
    });
  }
}

const fileOf = (network: string) => `deployments/${network}.json`;

async function previous(network: string): Promise<Deployment | undefined> {
  const text = await readFile(fileOf(network), "utf8").catch(() => undefined);
  return text === undefined ? undefined : deploymentSchema.safeParse(JSON.parse(text)).data;
}

async function write(deployment: Deployment): Promise<void> {
  const path = fileOf(deployment.network);
  await mkdir("deployments", { recursive: true });
  await writeFile(`${path}.part`, `${JSON.stringify(deployment, null, 2)}\n`);
  await rename(`${path}.part`, path);
}

/** Explorers get the sources where a key is given; without one nothing happens. */
async function verifySources(
  hre: HardhatRuntimeEnvironment,
  deploymentId: string,
  say: (line: string) => void,
): Promise<void> {
  if (!process.env.ETHERSCAN_API_KEY) return say("Sources not verified: ETHERSCAN_API_KEY is not set");
  try {
    await hre.tasks.getTask(["ignition", "verify"]).run({ deploymentId });
  } catch (error) {
    say(`Sources not verified: ${error instanceof Error ? error.message : String(error)}. Run the same command again.`);
  }
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
