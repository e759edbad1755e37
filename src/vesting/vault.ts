import { getBytes } from "ethers";
import { OPG__factory } from "../../typechain-types/factories/token/OPG__factory.ts";
import { IVestVault__factory } from "../../typechain-types/factories/vesting/IVestVault__factory.ts";
import { ScheduleLens__factory } from "../../typechain-types/factories/vesting/ScheduleLens__factory.ts";
import { type Book, decodeBook } from "./book.ts";
import { ask, type Block, codeAt, headOf, type Rpc, view } from "./rpc.ts";

export const lensAbi = ScheduleLens__factory.createInterface();
export const vaultAbi = IVestVault__factory.createInterface();
export const tokenAbi = OPG__factory.createInterface();

/** A vault as one endpoint shows it at one block. */
export type Vault = {
  rpc: Rpc;
  chainId: number;
  /** Everything is read at this block. */
  head: Block;
  lens: string;
  vault: string;
  token: string;
  /** Address of the book. */
  bookAddress: string;
  /** Code of the book: what the published file must be, byte by byte. */
  file: Uint8Array;
  book: Book;
};

/** Finds everything from the lens's address. Throws when it is none, or the endpoint does not answer. */
export async function openVault(rpc: Rpc, lens: string): Promise<Vault> {
  const chainId = Number(await ask(rpc, "eth_chainId", []));
  const head = await headOf(rpc);
  const [vault] = await view(rpc, lensAbi, lens, "vault", [], head);
  // From the vault itself: what a lens says of it may be wrong.
  const [bookAddress] = await view(rpc, vaultAbi, vault, "book", [], head);
  const [token] = await view(rpc, vaultAbi, vault, "token", [], head);
  const file = getBytes(await codeAt(rpc, bookAddress, head));
  return { rpc, chainId, head, lens, vault, token, bookAddress, file, book: decodeBook(file) };
}

/** A view of the lens at the head, or at another block. */
export function askLens({ rpc, lens, head }: Vault, name: string, args: unknown[] = [], block: Block = head) {
  return view(rpc, lensAbi, lens, name, args, block);
}

/** How one grant stands. */
export type GrantStatus = {
  id: number;
  beneficiary: string;
  original: string;
  category: string;
  totalWei: bigint;
  vestedWei: bigint;
  paidWei: bigint;
  dueWei: bigint;
  revoked: boolean;
  keptTranches: number;
};

const PAGE = 200;

/** All grants of a vault as they stand at its head. */
export async function readGrants(vault: Vault): Promise<GrantStatus[]> {
  const { book } = vault;
  const found: GrantStatus[] = [];
  for (let from = 0; from < book.grants.length; from += PAGE) {
    const [page] = await askLens(vault, "grants", [from, from + PAGE]);
    const [due] = await askLens(vault, "claimable", [from, from + PAGE]);
    for (let i = 0; i < page.length; i++) {
      const { grant, state, beneficiary } = page[i];
      found.push({
        id: from + i,
        beneficiary,
        original: grant.beneficiary,
        category: book.schedules[Number(grant.schedule)]?.category ?? "",
        totalWei: grant.totalWei,
        vestedWei: state.paidWei + due[i],
        paidWei: state.paidWei,
        dueWei: due[i],
        revoked: state.revoked,
        keptTranches: Number(state.keptTranches),
      });
    }
  }
  return found;
}
