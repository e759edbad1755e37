import { createBlockFinder } from "./blocks.ts";
import { type Book, bookHash, decodeBook } from "./book.ts";
import { formatTime } from "./calendar.ts";
import { bookDifference } from "./compareBooks.ts";
import { type ScanState, scanOutflow } from "./outflow.ts";
import type { Claim, ReportRow } from "./reportTypes.ts";
import { type Block, checkStands, codeAt, view } from "./rpc.ts";
import { tableHash, type Unlock, unlockedAt, unlockTable } from "./table.ts";
import { askLens, readGrants, tokenAbi, type Vault, vaultAbi } from "./vault.ts";
import { type CompiledCode, isCode } from "./vaultCode.ts";

/** What the published file says of every unlock so far, what the chain shows, and how far they are apart. */
export type Report = {
  ok: boolean;
  bookHash: string;
  bookHashMatches: boolean;
  tableHash: string;
  tableHashMatches: boolean;
  /** Whether vault and lens are the contracts of this checkout, apart from immutables; null when it is not built. */
  vaultCodeMatches: boolean | null;
  lensCodeMatches: boolean | null;
  maxDifferenceWei: bigint;
  chainId: number;
  lens: string;
  vault: string;
  token: string;
  book: string;
  head: Block;
  sealed: boolean;
  balanceWei: bigint;
  /** Sum of the grants less what was paid. */
  owedWei: bigint;
  paid: { slotsWei: bigint; eventsWei: bigint; transfersWei: bigint };
  /** What is wrong, for people; empty when `ok`. */
  problems: string[];
  unlocks: ReportRow[];
  claims: Claim[];
};

export type ReportOptions = {
  /** The published file; the chain's own book is compared with it. */
  published: Uint8Array;
  /** Names of the grants, by id; may be empty. */
  names?: string[];
  /** What vault and lens were compiled to; without it their code is not compared. */
  compiled?: { vault: CompiledCode; lens: CompiledCode } | undefined;
  /** Unlocks after this Unix timestamp are left out. */
  until?: number | undefined;
  /** An earlier scan of the events, to go on from. */
  scan?: ScanState | undefined;
  onScan?(state: ScanState): void | Promise<void>;
  onProgress?(done: number, of: number, what: string): void;
};

/**
 * Checks a vault against its published file: code hash, every unlock to the second and the wei, balance against what is
 * owed, and every token that left. Everything is read at one block; throws `UnavailableError` when the endpoint cannot
 * answer or the chain was reorganised meanwhile.
 */
export async function makeReport(vault: Vault, options: ReportOptions): Promise<Report> {
  const { published, names = [], until = Number.POSITIVE_INFINITY, onProgress } = options;
  const { rpc, head } = vault;
  const said = decodeBook(published);
  const problems: string[] = [];
  const codeDifference = bookDifference(published, vault.file, names);
  if (codeDifference) problems.push(`The book on chain is not the published file: ${codeDifference}`);

  const finder = createBlockFinder(rpc, head);
  const start = await firstBlock(vault, finder);
  const due = unlockTable(said).unlocks.filter(({ unix }) => unix <= Math.min(head.unix, until));
  const unlocks: ReportRow[] = [];
  for (const unlock of due) {
    const row = await checkUnlock(vault, said, unlock, start, finder, problems);
    unlocks.push(row);
    onProgress?.(unlocks.length, due.length, row.at);
  }

  const outflow = await scanOutflow(vault, finder.get, {
    from: start.vault.number,
    state: options.scan,
    onProgress: options.onScan,
  });
  const grants = await readGrants(vault);
  const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
  const paid = {
    slotsWei: sum(grants.map(({ paidWei }) => paidWei)),
    eventsWei: sum(outflow.claims.map(({ amountWei }) => amountWei)),
    transfersWei: outflow.transferredWei,
  };
  if (paid.slotsWei !== paid.eventsWei || paid.slotsWei !== paid.transfersWei) {
    problems.push(
      `What left the vault is not what was claimed: ${paid.slotsWei} wei by its records, ${paid.eventsWei} by its events, ${paid.transfersWei} by the token's transfers`,
    );
  }
  for (const grant of grants) {
    const vestedWei = vestedNow(said, grant.id, head.unix);
    if (vestedWei === undefined || grant.paidWei <= vestedWei) continue;
    problems.push(`Grant ${grant.id} was paid ${grant.paidWei} wei, but only ${vestedWei} were due`);
  }
  const [sealed] = await view(rpc, vaultAbi, vault.vault, "isSealed", [], head);
  const [balanceWei] = await view(rpc, tokenAbi, vault.token, "balanceOf", [vault.vault], head);
  const owedWei = sum(said.grants.map(({ totalWei }) => totalWei)) - paid.slotsWei;
  if (balanceWei < owedWei) problems.push(`The vault has ${balanceWei} wei and owes ${owedWei}`);
  if (!sealed) problems.push("The vault is not sealed: nothing can be claimed");
  const [chainTable] = await askLens(vault, "tableHash");
  const table = tableHash(said);
  if (chainTable !== table)
    problems.push(`The chain's own table of unlocks hashes to ${chainTable}, the file's to ${table}`);
  const codeOf = async (address: string, compiled: CompiledCode | undefined, what: string) => {
    if (!compiled) return null;
    const same = isCode(await codeAt(rpc, address, head), compiled);
    if (!same) problems.push(`The ${what} at ${address} is not the contract of this source`);
    return same;
  };
  const vaultCodeMatches = await codeOf(vault.vault, options.compiled?.vault, "vault");
  const lensCodeMatches = await codeOf(vault.lens, options.compiled?.lens, "lens");
  await checkStands(rpc, head);

  return {
    ok: problems.length === 0,
    bookHash: bookHash(published),
    bookHashMatches: codeDifference === null,
    tableHash: table,
    tableHashMatches: chainTable === table,
    vaultCodeMatches,
    lensCodeMatches,
    maxDifferenceWei: unlocks.reduce((most, { differenceWei }) => (differenceWei > most ? differenceWei : most), 0n),
    chainId: vault.chainId,
    lens: vault.lens,
    vault: vault.vault,
    token: vault.token,
    book: vault.bookAddress,
    head,
    sealed,
    balanceWei,
    owedWei,
    paid,
    problems,
    unlocks,
    claims: outflow.claims,
  };
}

type Start = { vault: Block; lens: Block };

/** The first blocks in which vault and lens stand; the head has both. */
async function firstBlock({ vault, lens, head }: Vault, finder: ReturnType<typeof createBlockFinder>): Promise<Start> {
  return {
    vault: (await finder.firstWithCode(vault)) ?? head,
    lens: (await finder.firstWithCode(lens)) ?? head,
  };
}

/**
 * One unlock: the chain's formula at the second before, at it and after it; and the state of the first block at or after it
 * and of the block before, as far as the contracts stood by then.
 */
async function checkUnlock(
  vault: Vault,
  said: Book,
  { month, unix, amountWei, cumulativeWei }: Unlock,
  start: Start,
  finder: ReturnType<typeof createBlockFinder>,
  problems: string[],
): Promise<ReportRow> {
  const at = formatTime(unix);
  let differenceWei = 0n;
  const compare = (where: string, saidWei: bigint, shownWei: bigint) => {
    const apart = saidWei > shownWei ? saidWei - shownWei : shownWei - saidWei;
    if (apart > differenceWei) differenceWei = apart;
    if (apart > 0n) problems.push(`${at}: ${where} the file says ${saidWei} wei are unlocked, the chain ${shownWei}`);
  };

  const shown: bigint[] = [];
  for (const [moment, name] of [
    [unix - 1, "one second before"],
    [unix, "at that second"],
    [unix + 1, "one second after"],
  ] as const) {
    const [shownWei] = await askLens(vault, "unlockedAt", [moment]);
    compare(name, unlockedAt(said, moment), shownWei);
    shown.push(shownWei);
  }

  const block = await finder.firstAt(unix);
  if (block) {
    for (const read of [block.number - 1, block.number]) {
      if (read < start.lens.number) continue;
      const state = await finder.get(read);
      const [timestamp, shownWei] = await askLens(vault, "unlockedNow", [], state);
      if (Number(timestamp) !== state.unix)
        problems.push(`Block ${read} has two timestamps: ${state.unix} and ${timestamp}`);
      compare(`in block ${read}`, unlockedAt(said, state.unix), shownWei);
      const [surplusWei] = await askLens(vault, "solvency", [], state);
      if (surplusWei < 0n) problems.push(`In block ${read} the vault lacks ${-surplusWei} wei of what it owes`);
    }
  }
  return {
    month,
    at,
    unix,
    saidWei: amountWei,
    shownWei: (shown[1] as bigint) - (shown[0] as bigint),
    cumulativeWei,
    differenceWei,
    block: block?.number ?? null,
    latenessSeconds: block ? block.unix - unix : null,
  };
}

function vestedNow(book: Book, id: number, unix: number): bigint | undefined {
  const grant = book.grants[id];
  return grant && unlockedAt({ ...book, grants: [grant] }, unix);
}
