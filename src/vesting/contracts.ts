import { getAddress, getCreateAddress, zeroPadValue } from "ethers";
import { TokenLaunch__factory } from "../../typechain-types/factories/vesting/TokenLaunch__factory.ts";
import type { BlockFinder } from "./blocks.ts";
import type { Book } from "./book.ts";
import type { Compiled } from "./compiled.ts";
import { type Block, codeAt, logsOf, view } from "./rpc.ts";
import { lensAbi, tokenAbi, type Vault, vaultAbi } from "./vault.ts";
import { isCode } from "./vaultCode.ts";

/** Whether the contracts on chain are those of this source, and made as it makes them. */
export type Contracts = {
  vaultCodeMatches: boolean;
  lensCodeMatches: boolean;
  tokenCodeMatches: boolean;
  /** The TokenLaunch that made token and vault; null when there is none. */
  launch: string | null;
};

const SUPPLY_WEI = 10n ** 27n;
const launchAbi = TokenLaunch__factory.createInterface();

/**
 * Compares code, apart from immutables, and what the immutables say. Code alone proves little: other creation code could
 * have left the same code behind with a state of its own, such as grants handed over or balances beyond the supply. So token
 * and vault must have been made by a TokenLaunch that stood before them. `made` is the first block that has the vault.
 */
export async function checkContracts(
  vault: Vault,
  said: Book,
  compiled: Compiled,
  made: Block,
  finder: BlockFinder,
  problems: string[],
): Promise<Contracts> {
  const { rpc, head, lens, token, bookAddress } = vault;
  const sameCode = async (what: "vault" | "lens" | "token", address: string) => {
    const same = isCode(await codeAt(rpc, address, head), compiled[what]);
    if (!same) problems.push(`The ${what} at ${address} is not the contract of this source`);
    return same;
  };
  const vaultCodeMatches = await sameCode("vault", vault.vault);
  const lensCodeMatches = await sameCode("lens", lens);
  const tokenCodeMatches = await sameCode("token", token);

  const totalWei = said.grants.reduce((sum, grant) => sum + grant.totalWei, 0n);
  for (const [what, abi, address, name, expected] of [
    ["vault", vaultAbi, vault.vault, "totalWei", totalWei],
    ["vault", vaultAbi, vault.vault, "grantCount", said.grants.length],
    ["lens", lensAbi, lens, "book", bookAddress],
    ["lens", lensAbi, lens, "scheduleCount", said.schedules.length],
    ["lens", lensAbi, lens, "grantCount", said.grants.length],
    ["token", tokenAbi, token, "totalSupply", SUPPLY_WEI],
  ] as const) {
    const [shown] = await view(rpc, abi, address, name, [], head);
    if (String(shown) !== String(expected)) problems.push(`${name} of the ${what} is ${shown}, not ${expected}`);
  }

  const launch = await launchOf(vault, compiled, made, finder);
  if (!launch) problems.push("Token and vault were not made by a TokenLaunch of this source");
  return { vaultCodeMatches, lensCodeMatches, tokenCodeMatches, launch };
}

async function launchOf({ rpc, vault, token }: Vault, { launch }: Compiled, made: Block, { get }: BlockFinder) {
  if (made.number === 0) return null;
  const topics = [launchAbi.getEvent("Launched").topicHash, zeroPadValue(token, 32), zeroPadValue(vault, 32)];
  const launched = await logsOf(rpc, { topics }, made.number, made.number);
  const address = launched.map((log) => getAddress(log.address)).find((from) => madeBoth(from, token, vault));
  if (!address) return null;
  const before = await get(made.number - 1);
  const stood = isCode(await codeAt(rpc, address, before), launch) && (await codeAt(rpc, token, before)) === "0x";
  return stood ? address : null;
}

/** A contract's first two creations have nonces 1 and 2. */
function madeBoth(from: string, token: string, vault: string): boolean {
  return getCreateAddress({ from, nonce: 1 }) === token && getCreateAddress({ from, nonce: 2 }) === vault;
}
