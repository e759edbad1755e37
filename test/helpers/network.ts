import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keccak256, Wallet } from "ethers";
import { network } from "hardhat";
import pg from "pg";
import { deployAll, vestingOf } from "../../deploy/deploy.ts";
import { readParameters, withDeployer } from "../../deploy/parameters.ts";
import { readSchedule } from "../../deploy/schedule.ts";
import { localAccount } from "../../src/cli/demo/chain.ts";
import {
  type DemoNetwork,
  fund,
  HEAD_START_MS,
  type NetworkOptions,
  POLICY,
  startNetwork,
} from "../../src/cli/demo/network.ts";
import { type Deployment, deploymentSchema } from "../../src/core/chain/deployment.ts";
import { type Chain, openChain } from "../../src/core/chain/open.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { toJson } from "../../src/core/protocol/json.ts";
import { NANO_PER_OPG } from "../../src/core/units.ts";
import { openReservation, type Reservation } from "../../src/sdk/reservation.ts";
import { openSession, type Session, type SessionOptions } from "../../src/sdk/session.ts";

export type TestChain = { rpcUrl: string; chain: Chain; deployment: Deployment; close(): Promise<void> };

/** A chain with the protocol on it, behind a real JSON-RPC server on loopback. */
export async function startTestChain(initialDate = new Date()): Promise<TestChain> {
  const server = await network.createServer({ network: "default", override: { initialDate } }, "127.0.0.1", 0);
  const { port } = await server.listen();
  try {
    return await deployTo(`http://127.0.0.1:${port}`, () => server.close());
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function deployTo(rpcUrl: string, stop: () => Promise<void>): Promise<TestChain> {
  const connection = await network.create({ network: "local", override: { url: rpcUrl } });
  const { ethers, ignition } = connection;
  const [deployer] = await ethers.getSigners();
  const sender = deployer?.address ?? "";
  const parameters = withDeployer(await readParameters("local"), sender);
  const schedule = await readSchedule(parameters, "deploy/parameters/local.json5");
  // Over HTTP Ignition keeps a journal, and another chain of the same id must not go on from it.
  const name = `chain-31337-test-${randomBytes(8).toString("hex")}`;
  const { addresses, plan } = await deployAll(sender, parameters, schedule, async (phase, module) => {
    const deploymentId = `${name}-${phase}`;
    const contracts = await ignition.deploy(module, {
      config: { requiredConfirmations: 1, blockPollingInterval: 20 },
      deploymentId,
    });
    await rm(join("deploy/deployments", deploymentId), { recursive: true });
    return contracts;
  });
  const contracts = await Promise.all(
    Object.entries(addresses).map(async ([name, address]) => {
      return [name, { address, codeHash: keccak256(await ethers.provider.getCode(address)) }] as const;
    }),
  );
  const deployment = deploymentSchema.parse({
    network: "local",
    chainId: 31337,
    genesis: (await ethers.provider.getBlock(0))?.hash,
    block: await ethers.provider.getBlockNumber(),
    commit: "test",
    contracts: Object.fromEntries(contracts),
    vesting: vestingOf("local", plan),
    parameters: toJson(parameters),
  });
  await connection.close();
  const chain = await openChain(deployment, rpcUrl);
  return {
    rpcUrl,
    chain,
    deployment,
    async close() {
      chain.provider.destroy();
      await stop();
    },
  };
}

export type TestNetwork = TestChain & { net: DemoNetwork; directory: string };

/** The network of the demo on a test chain: two workers, two verifiers, one settler. */
export async function startTestNetwork(options: NetworkOptions = {}): Promise<TestNetwork> {
  // The clock is at the present once the bonds count.
  const test = await startTestChain(new Date(Date.now() - HEAD_START_MS));
  const directory = await mkdtemp(join(tmpdir(), "opg-test-"));
  const net = await startNetwork(test.chain, directory, silentLogger, { models: ["opg-guard"], ...options }).catch(
    async (error) => {
      await test.close();
      throw error;
    },
  );
  return {
    ...test,
    net,
    directory,
    async close() {
      await net.close();
      await test.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export type Payer = { reservation: Reservation; voucherKey: Uint8Array; wallet: Wallet };

/** A new account with money reserved at the network's settler. */
export async function openPayer(
  { chain, net }: Pick<TestNetwork, "chain" | "net">,
  amountNano = 10n * NANO_PER_OPG,
  policy = POLICY,
): Promise<Payer> {
  const wallet = new Wallet(Wallet.createRandom().privateKey, chain.provider);
  const voucherKey = Wallet.createRandom();
  await (await localAccount(chain, 0).sendTransaction({ to: wallet.address, value: 10n ** 18n })).wait();
  await fund(chain, wallet.address, amountNano);
  const reservation = await openReservation(chain, wallet, {
    settler: net.settler,
    policy,
    voucherKey: voucherKey.address,
    amountNano,
  });
  return { reservation, voucherKey: fromHex(voucherKey.privateKey, 32), wallet };
}

/** A session of a payer at the network's gateway. */
export function sessionOf(
  { chain, net }: Pick<TestNetwork, "chain" | "net">,
  payer: Payer,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const { reservation, voucherKey } = payer;
  return openSession({
    gatewayUrl: net.gatewayUrl,
    chain,
    reservation,
    voucherKey,
    maxPriceNano: NANO_PER_OPG / 100n,
    ...options,
  });
}

/** The databases that a suite runs on: the embedded one, and PostgreSQL where a server is given. */
export const BACKENDS: readonly ("pglite" | "postgres")[] = process.env.TEST_DATABASE_URL
  ? ["pglite", "postgres"]
  : ["pglite"];

/** An empty database on the test server; undefined for the embedded backend. */
export async function freshDatabase(backend: "pglite" | "postgres"): Promise<string | undefined> {
  if (backend === "pglite") return undefined;
  const url = new URL(process.env.TEST_DATABASE_URL as string);
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const name = `opg_${process.pid}_${databases++}`;
  await client.query(`create database ${name}`);
  await client.end();
  url.pathname = `/${name}`;
  return url.href;
}

let databases = 0;
