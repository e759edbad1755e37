import { join } from "node:path";
import { Wallet } from "ethers";
import { z } from "zod";
import { readDeployment } from "../core/chain/deployment.ts";
import { type Chain, openChain } from "../core/chain/open.ts";
import { readConfig } from "../core/config.ts";
import { InputError } from "../core/errors.ts";

const port = z.coerce.number().int().min(0).max(65535);
const id = z.coerce.number().int().positive();
const privateKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "a private key: 0x and 64 hexadecimal digits");
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);
const seconds = z.coerce.number().int().positive();

/** Every variable that a role or command reads; docs/operators.md has the same table. */
const variables = {
  /** File that `npx hardhat deploy` wrote. */
  OPG_DEPLOYMENT: z.string().default("deployments/local.json"),
  RPC_URL: z.url().default("http://127.0.0.1:8545"),
  RPC_TIMEOUT_MS: seconds.default(10_000),
  /** Where roles keep their state. */
  DATA_DIR: z.string().default(".opg"),
  /** PostgreSQL for the settler; without it an embedded database in DATA_DIR. */
  DATABASE_URL: z.string().optional(),
  HOST: z.string().default("127.0.0.1"),

  /** Pays for transactions of this command: operator, payer or publisher. */
  OPG_KEY: privateKey.optional(),

  WORKER_NODE: id.optional(),
  WORKER_KEY: privateKey.optional(),
  WORKER_PORT: port.default(8401),
  WORKER_MODELS: list.default(["models/opg-chat", "models/opg-guard"]),

  VERIFIER_NODE: id.optional(),
  VERIFIER_KEY: privateKey.optional(),
  VERIFIER_PORT: port.default(8402),
  /** Exact models that the verifier runs itself for mode TEE. */
  VERIFIER_MODELS: list.default(["models/opg-guard"]),

  /** The settler's operator id. */
  SETTLER: id.optional(),
  POLICY: id.default(1),
  GATEWAY_PORT: port.default(8400),
  WORKER_URLS: list.default(["http://127.0.0.1:8401"]),
  /** Node id and URL of each verifier: 3=http://…,4=http://… */
  VERIFIER_URLS: list.default([]),
  /** The settler's committer: signs what is asked of verifiers, sends batches and pays for them. */
  SETTLER_KEY: privateKey.optional(),
  SETTLE_AFTER_SECONDS: seconds.default(60),
  /** From the plan of a batch to the last second it can be committed. */
  BATCH_DEADLINE_SECONDS: seconds.default(600),
  CONFIRMATIONS: seconds.default(1),

  /** Gateways, verifiers and others with the data route, asked first for published files. */
  DATA_URLS: list.default([]),
  /** The least that the compound keeper adds to a stake, in whole nano. */
  COMPOUND_LEAST_NANO: z.coerce.bigint().positive().default(1_000_000_000n),

  /** Grants that the vesting keeper claims: ids with commas between; all of them without it. */
  VESTING_GRANTS: z
    .string()
    .regex(/^\d{1,4}(,\d{1,4})*$/, "ids with commas between")
    .transform((text) => text.split(",").map(Number))
    .optional(),
  /** Most gas of one of its transactions. */
  VESTING_GAS_CAP: z.coerce.bigint().positive().optional(),

  /** Where what a payer was given is kept; `receipts` in DATA_DIR without it. */
  RECEIPT_LOG_DIR: z.string().optional(),
  /** So long after a commit the settler may show what would explain it; a quarter of the claim horizon without it. */
  WATCH_PATIENCE_SECONDS: z.coerce.number().int().min(0).optional(),
  /** What a claim must bring at least, beyond its gas: what comes back and the reporter's part of the penalty. */
  WATCH_MIN_NANO: z.coerce.bigint().nonnegative().default(1_000_000n),
  /** What one OPG is worth in wei of the chain's own coin; without it gas is not weighed. */
  WATCH_WEI_PER_OPG: z.coerce.bigint().positive().optional(),
  /** Bonds that may be out at one settler at once. */
  WATCH_MAX_BONDS: z.coerce.number().int().min(0).default(10),
  /** After so many claims that a settler answered none with a bond is made against it. */
  WATCH_MAX_LOST: z.coerce.number().int().min(0).default(3),
  /** Where batch files are asked for, beside the settler's gateway: verifiers, with commas between. */
  WATCH_DATA_URLS: list.default([]),

  GATEWAY_URL: z.url().default("http://127.0.0.1:8400"),
  /** Signs vouchers; 0x and 64 hexadecimal digits. */
  VOUCHER_KEY: privateKey.optional(),
  /** Index of the reservation at the settler. */
  RESERVATION: z.coerce.number().int().min(0).optional(),
  /** Who opened the reservation; derived from OPG_KEY when absent. */
  PAYER: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/)
    .optional(),
};

const schema = z.object(variables);

export type Config = z.infer<typeof schema>;

/** Reads the environment once. Throws an `InputError` that names every bad variable. */
export function readEnvironment(environment = process.env): Config {
  return readConfig(schema, Object.fromEntries(Object.keys(variables).map((name) => [name, environment[name]])));
}

/** The value of a variable that this command cannot do without. */
export function required<K extends keyof Config>(config: Config, name: K): NonNullable<Config[K]> {
  const value = config[name];
  if (value !== undefined && value !== null) return value as NonNullable<Config[K]>;
  throw new InputError(`${name} is not set`, {
    code: "bad_config",
    hint: `Set the variable ${name}; docs/operators.md says what it holds`,
  });
}

/** Connects to the deployment that the environment names. */
export async function openConfigured(config: Config): Promise<Chain> {
  return openChain(await readDeployment(config.OPG_DEPLOYMENT), config.RPC_URL, config.RPC_TIMEOUT_MS);
}

/** The account of OPG_KEY, connected. */
export function signerOf(config: Config, chain: Chain): Wallet {
  return new Wallet(required(config, "OPG_KEY"), chain.provider);
}

/** Where a payer's sessions keep their receipt logs, and its watcher reads them. */
export function receiptLogsOf(config: Config): string {
  return config.RECEIPT_LOG_DIR ?? join(config.DATA_DIR, "receipts");
}
