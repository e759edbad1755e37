import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";
import { mined } from "../../core/chain/events.ts";
import type { DatasetUse } from "../../core/chain/models.ts";
import type { Chain } from "../../core/chain/open.ts";
import { fromHex, type Hex } from "../../core/hashing/hex.ts";
import type { HttpServer } from "../../core/http/serve.ts";
import type { Logger } from "../../core/logger.ts";
import { engineOf, type Manifest, readManifest } from "../../core/manifest.ts";
import { NANO_PER_OPG, WEI_PER_NANO } from "../../core/units.ts";
import { publishModel } from "../../operator/models.ts";
import { openSettler, registerPayee } from "../../operator/money.ts";
import { NodeClass, registerNode, registerOperator } from "../../operator/nodes.ts";
import { addBond, rollStakes } from "../../staking/deposit.ts";
import { startSettler } from "../roles/settler.ts";
import { startVerifier } from "../roles/verifier.ts";
import { startWorker } from "../roles/worker.ts";
import { advanceTo, localAccount } from "./chain.ts";

const MODELS = fileURLToPath(new URL("../../../models", import.meta.url));
const BOND_NANO = 100_000n * NANO_PER_OPG;

export const POLICY = 1;

/**
 * How far in the past a local chain starts, in milliseconds: activation time and an epoch of stake, then an epoch of rewards, so
 * that the first one has begun. As in deploy/parameters/local.json5.
 */
export const HEAD_START_MS = 2_700_000 + 3_600_000;

/** Who is who on the local chain: account index of each operator's owner. */
export const OWNERS = { settler: 1, workers: [2, 3], verifiers: [4, 5], publisher: 6 } as const;

export type DemoNetwork = {
  settler: number;
  gatewayUrl: string;
  urls: Record<string, string>;
  models: { name: string; version: Hex }[];
  payees: { settler: number; workers: number[]; verifiers: number[]; publisher: number };
  settlerRole: Awaited<ReturnType<typeof startSettler>>;
  workers: { node: number; payee: number; url: string; role: HttpServer }[];
  verifiers: { node: number; payee: number; url: string; role: HttpServer }[];
  /** The settler's committer. */
  committer: Wallet;
  close(): Promise<void>;
};

export type NetworkOptions = {
  /** PostgreSQL for the settler instead of the embedded database. */
  databaseUrl?: string;
  /** Names of folders in `models/`. */
  models?: readonly string[];
  requestTimeoutMs?: number;
  /** What the models were made from. */
  datasets?: DatasetUse[];
  /** The chain's RPC; verifiers that are given it sign roots of rewards too. */
  rpcUrl?: string;
  /** Further stake that is to count when the network stands; called when the operators are registered. */
  alsoStake?: () => Promise<readonly Staked[]>;
};

/** Stake at an operator, and when it begins to count, Unix seconds. */
export type Staked = { operator: number; countsAt: number };

/** Registers operators, nodes and models, and starts two workers, two verifiers and one settler. */
export async function startNetwork(
  chain: Chain,
  directory: string,
  logger: Logger,
  options: NetworkOptions = {},
): Promise<DemoNetwork> {
  const { contracts } = chain;
  const bank = localAccount(chain, 0);
  const account = (index: number) => localAccount(chain, index);
  const names = options.models ?? ["opg-chat", "opg-guard"];
  const manifests = await Promise.all(names.map((name) => readManifest(join(MODELS, name))));

  const publisher = account(OWNERS.publisher);
  const publisherPayee = await registerPayee(contracts, publisher, publisher.address);
  const models: DemoNetwork["models"] = [];
  for (const manifest of manifests) {
    const version = await publishModel(contracts, publisher, manifest, {
      ...priceOf(manifest),
      payee: publisherPayee,
      datasets: options.datasets ?? [],
    });
    models.push({ name: manifest.name, version });
  }

  const owner = account(OWNERS.settler);
  const settler = await registerOperator(contracts, owner);
  const settlerPayee = await registerPayee(contracts, owner, owner.address);
  const committer = new Wallet(account(7).privateKey, chain.provider);
  await openSettler(contracts, owner, settler, settlerPayee, committer.address);
  const bonded = [{ operator: settler, ...(await addBond(contracts, bank, settler, BOND_NANO)) }];

  async function operate(index: number, nodeClass: NodeClass, engines: Manifest[]) {
    const signer = account(index);
    const operator = await registerOperator(contracts, signer);
    const payee = await registerPayee(contracts, signer, signer.address);
    const key = new Wallet(Wallet.createRandom().privateKey, chain.provider);
    const node = await registerNode(contracts, signer, {
      class: nodeClass,
      key,
      payee,
      endpoint: "",
      engines: engines.map(engineOf),
    });
    bonded.push({ operator, ...(await addBond(contracts, bank, operator, BOND_NANO)) });
    return { node, payee, key };
  }

  const workers: Awaited<ReturnType<typeof operate>>[] = [];
  for (const index of OWNERS.workers) workers.push(await operate(index, NodeClass.WORKER, manifests));
  const verifiers: Awaited<ReturnType<typeof operate>>[] = [];
  for (const index of OWNERS.verifiers) {
    const verifier = await operate(index, NodeClass.VERIFIER, []);
    // A node's own key pays for its attestation.
    await (await bank.sendTransaction({ to: verifier.key.address, value: 10n ** 18n })).wait();
    verifiers.push(verifier);
  }
  await letJoin(chain, [...bonded, ...((await options.alsoStake?.()) ?? [])]);

  const folders = manifests.map((manifest) => manifest.directory);
  const exact = manifests.filter(({ profile }) => profile === "exact-int8").map((manifest) => manifest.directory);
  const workerRoles = await Promise.all(
    workers.map(({ node, key }) =>
      startWorker({ chain, node, key: fromHex(key.privateKey, 32), models: folders, logger }),
    ),
  );
  const verifierRoles = await Promise.all(
    verifiers.map(({ node, key }) =>
      startVerifier({
        chain,
        node,
        nodeKey: key,
        directory: join(directory, `verifier-${node}`),
        models: exact,
        settleLag: timesOf(chain).settleLag,
        ...(options.rpcUrl
          ? { roots: { rpcUrl: options.rpcUrl, rpcTimeoutMs: 10_000, confirmations: 1, dataUrls: [] } }
          : {}),
        logger,
      }),
    ),
  );
  const settlerRole = await startSettler({
    chain,
    settler,
    policy: POLICY,
    key: committer,
    directory,
    workerUrls: workerRoles.map(({ url }) => url),
    verifiers: verifiers.map(({ node }, i) => ({ node, url: verifierRoles[i]?.url ?? "" })),
    settleInSeconds: 3600,
    logger,
    ...(options.databaseUrl ? { databaseUrl: options.databaseUrl } : {}),
    ...(options.requestTimeoutMs ? { requestTimeoutMs: options.requestTimeoutMs } : {}),
  });
  const roles = [settlerRole, ...verifierRoles, ...workerRoles];
  return {
    settler,
    gatewayUrl: settlerRole.url,
    urls: {
      gateway: settlerRole.url,
      ...Object.fromEntries(workerRoles.map(({ url }, i) => [`worker ${i + 1}`, url])),
      ...Object.fromEntries(verifierRoles.map(({ url }, i) => [`verifier ${i + 1}`, url])),
    },
    models,
    payees: {
      settler: settlerPayee,
      workers: workers.map(({ payee }) => payee),
      verifiers: verifiers.map(({ payee }) => payee),
      publisher: publisherPayee,
    },
    settlerRole,
    workers: workers.map(({ node, payee }, i) => running(node, payee, workerRoles[i] as HttpServer)),
    verifiers: verifiers.map(({ node, payee }, i) => running(node, payee, verifierRoles[i] as HttpServer)),
    committer,
    async close() {
      for (const role of roles) await role.close(1000);
    },
  };
}

/** Moves the clock to when all of these bonds count, and to the present if that is later. */
async function letJoin(chain: Chain, bonded: readonly Staked[]): Promise<void> {
  const present = Math.floor(Date.now() / 1000);
  await advanceTo(chain, Math.max(present, ...bonded.map(({ countsAt }) => countsAt)));
  const operators = bonded.map(({ operator }) => operator);
  await rollStakes(chain.contracts, localAccount(chain, 0), operators);
}

function running(node: number, payee: number, role: HttpServer) {
  return { node, payee, url: role.url, role };
}

/** Nano per unit: a byte of chat, or one verdict of the classifier. */
function priceOf({ task }: Manifest) {
  const perUnit = task === "chat" ? 1_000n : 50_000n;
  return { inputPriceNano: task === "chat" ? 100n : 0n, outputPriceNano: perUnit, royaltyPpm: 50_000 };
}

export type Times = { earningsDelay: number; claimHorizon: number; settleLag: number };

/** The times table that was deployed, in seconds. */
export function timesOf({ deployment }: Chain): Times {
  return deployment.parameters.times as Times;
}

/** Gives an account OPG to spend. */
export async function fund(chain: Chain, to: string, amountNano: bigint): Promise<void> {
  const bank = localAccount(chain, 0);
  await mined(chain.contracts.opg.connect(bank).transfer(to, amountNano * WEI_PER_NANO));
}
