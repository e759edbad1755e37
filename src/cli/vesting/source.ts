import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Deployment, readDeployment } from "../../core/chain/deployment.ts";
import { InputError } from "../../core/errors.ts";
import { type Book, bookHash, decodeBook, encodeBook } from "../../vesting/book.ts";
import type { ExportInput, Liquid } from "../../vesting/exports/types.ts";
import { httpRpc } from "../../vesting/httpRpc.ts";
import { type LaunchPlan, planLaunch } from "../../vesting/launchPlan.ts";
import type { Rpc } from "../../vesting/rpc.ts";
import { type LaunchSchedule, parseSchedule } from "../../vesting/scheduleFile.ts";
import { tableHash } from "../../vesting/table.ts";
import { openVault, type Vault } from "../../vesting/vault.ts";
import type { Config } from "../config.ts";

const SUPPLY_WEI = 10n ** 27n;

/** Where a command looks; what is not given comes from the environment. */
export type SourceOptions = {
  /** The lens's address; without it the deployment file names it. */
  lens?: string | undefined;
  rpc?: string | undefined;
  deployment?: string | undefined;
  /** The published book file. */
  book?: string | undefined;
};

export type Defaults = { deployment: string; rpcUrl: string; timeoutMs: number };

export const defaultsOf = ({ OPG_DEPLOYMENT, RPC_URL, RPC_TIMEOUT_MS }: Config): Defaults => ({
  deployment: OPG_DEPLOYMENT,
  rpcUrl: RPC_URL,
  timeoutMs: RPC_TIMEOUT_MS,
});

/** A vault on its chain, with the published file that it is checked against. */
export type OnChain = {
  vault: Vault;
  /** The chain's own where nothing was published that could be read. */
  published: Uint8Array;
  /** Where the published file is from; null when it is the chain's own. */
  publishedFrom: string | null;
  /** Names of the grants, by id; empty when they are not known. */
  names: string[];
  liquid: Liquid[];
  commit: string | undefined;
};

/** Opens the vault that the options or the deployment file name. */
export async function openOnChain(options: SourceOptions, defaults: Defaults, rpc?: Rpc): Promise<OnChain> {
  const endpoint = rpc ?? httpRpc(options.rpc ?? defaults.rpcUrl, defaults.timeoutMs);
  const file = options.deployment ?? (options.lens ? undefined : defaults.deployment);
  const deployment = file === undefined ? undefined : await readDeployment(file);
  const lens = options.lens ?? deployment?.contracts.scheduleLens.address;
  if (!lens || !/^0x[0-9a-fA-F]{40}$/.test(lens)) {
    throw new InputError("Not the address of a schedule lens", {
      code: "bad_address",
      facts: { value: lens },
      hint: "Give 0x and 40 hexadecimal digits with --lens",
    });
  }
  const vault = await openVault(endpoint, lens);
  if (deployment && deployment.chainId !== vault.chainId) {
    throw new InputError("The RPC serves another chain than the deployment file is of", {
      code: "wrong_chain",
      facts: { deployment: deployment.chainId, rpc: vault.chainId },
      hint: "Give the RPC of that network with --rpc, or another file with --deployment",
    });
  }
  if (deployment) checkAddresses(deployment, vault);
  const beside = deployment && file ? join(dirname(file), deployment.vesting.bookFile) : undefined;
  const bookFile = options.book ?? (beside && existsSync(beside) ? beside : undefined);
  const published = bookFile ? await readBook(bookFile) : vault.file;
  if (deployment && bookFile && bookFile === beside && bookHash(published) !== deployment.vesting.bookHash) {
    throw new InputError("The book beside the deployment file is not the one that it names", {
      code: "wrong_book",
      facts: { path: beside, deployment: deployment.vesting.bookHash, file: bookHash(published) },
      hint: "Give the published book with --book",
    });
  }
  return {
    vault,
    published,
    publishedFrom: bookFile ?? null,
    names: deployment?.vesting.grantNames ?? [],
    liquid: deployment ? byCategory(deployment.vesting.liquid) : liquidBeside(vault.book),
    commit: deployment?.commit,
  };
}

/** A lens of another vault would be right about a book that nobody published. */
function checkAddresses({ contracts }: Deployment, vault: Vault): void {
  for (const [name, shown] of [
    ["vestVault", vault.vault],
    ["vestBook", vault.bookAddress],
    ["opg", vault.token],
  ] as const) {
    const { address } = contracts[name];
    if (address.toLowerCase() === shown.toLowerCase()) continue;
    throw new InputError("The lens is of another vault than the deployment file names", {
      code: "wrong_vault",
      facts: { lens: vault.lens, contract: name, deployment: address, lensSays: shown },
      hint: "Give the lens of this deployment, or no --deployment",
    });
  }
}

/** Bytes of a book file. Throws when it cannot be read. */
export async function readBook(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new InputError("The file cannot be read", {
      code: "no_file",
      facts: { path },
      hint: "Give the published book: deployments/<network>.book",
      cause,
    });
  });
}

/** A schedule file, checked. */
export async function readSchedule(path: string): Promise<LaunchSchedule> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError("The schedule file cannot be read", {
      code: "no_file",
      facts: { path },
      hint: "The published one is deploy/schedules/opg.json",
      cause,
    });
  });
  return parseSchedule(path, bytes);
}

/** What exports and the page are made of, from the chain. */
export function inputOfChain({ vault, published, names, liquid, commit }: OnChain): ExportInput {
  return {
    ...hashesOf(decodeBook(published), published),
    names,
    liquid,
    source: {
      chainId: vault.chainId,
      vault: vault.vault,
      book: vault.bookAddress,
      token: vault.token,
      lens: vault.lens,
      ...(commit ? { commit } : {}),
    },
  };
}

/** The same from a book file alone. */
export async function inputOfBook(path: string): Promise<ExportInput> {
  const file = await readBook(path);
  const book = decodeBook(file);
  return { ...hashesOf(book, file), names: [], liquid: liquidBeside(book), source: {} };
}

/** The same from a launch plan. */
export function inputOfPlan(plan: LaunchPlan): ExportInput {
  const file = encodeBook(plan.book);
  return { ...hashesOf(plan.book, file), names: plan.names, liquid: byCategory(plan.liquid), source: {} };
}

/** A schedule file's plan with addresses that stand for the accounts that it leaves open. */
export function planOf(schedule: LaunchSchedule, addressOf: (account: string) => string): LaunchPlan {
  return planLaunch(schedule, (account, grantId) => addressOf(account ?? grantId));
}

function byCategory(amounts: readonly { category: string; amountWei: bigint | string }[]): Liquid[] {
  const sums = new Map<string, bigint>();
  for (const { category, amountWei } of amounts) sums.set(category, (sums.get(category) ?? 0n) + BigInt(amountWei));
  return [...sums].map(([category, amountWei]) => ({ category, amountWei }));
}

/** The book does not name what was never locked: it is the rest of the supply. */
function liquidBeside({ grants }: Book): Liquid[] {
  const amountWei = SUPPLY_WEI - grants.reduce((sum, { totalWei }) => sum + totalWei, 0n);
  return amountWei > 0n ? [{ category: "liquid", amountWei }] : [];
}

function hashesOf(book: Book, file: Uint8Array) {
  return { book, bookHash: bookHash(file), tableHash: tableHash(book) };
}
