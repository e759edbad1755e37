import { type BlockFinder, createBlockFinder } from "./blocks.ts";
import { type Book, bookHash, decodeBook, lastMonthOf } from "./book.ts";
import { formatTime } from "./calendar.ts";
import { chainTableHash } from "./chainTable.ts";
import { bookDifference } from "./compareBooks.ts";
import type { Compiled } from "./compiled.ts";
import { type Contracts, checkContracts } from "./contracts.ts";
import { type ScanState, scanOutflow } from "./outflow.ts";
import type { Claim, ReportRow } from "./reportTypes.ts";
import { type Block, checkStands, view } from "./rpc.ts";
import { tableHash, type Unlock, unlockedAt, unlockTable } from "./table.ts";
import { askLens, readGrants, tokenAbi, type Vault, vaultAbi } from "./vault.ts";

/** What the published file says of every unlock so far, what the chain shows, and how far they are apart. */
export type Report = Contracts & {
  ok: boolean;
  bookHash: string;
  bookHashMatches: boolean;
  tableHash: string;
  tableHashMatches: boolean;
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
  /** What the contracts on chain must be. */
  compiled: Compiled;
  /** Unlocks after this Unix timestamp are left out. */
  until?: number | undefined;
  /** An earlier scan of the events, to go on from. */
  scan?: ScanState | undefined;
  onScan?(state: ScanState): void | Promise<void>;
  onProgress?(done: number, of: number, what: string): void;
};

/**
 * Checks a vault against its published file: code hash, contracts and where they are from, every unlock to the second and
 * the wei, balance against what is owed, and every token that left. Everything is read at one block; throws `UnavailableError` when the endpoint cannot
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
  const made = (await finder.firstWithCode(vault.vault)) ?? head;
  const lensFrom = (await finder.firstWithCode(vault.lens)) ?? head;
  const contracts = await checkContracts(vault, said, options.compiled, made, finder, problems);
  const table = await checkTable(vault, said, problems);

  const due = unlockTable(said).unlocks.filter(({ unix }) => unix <= Math.min(head.unix, until));
  const unlocks: ReportRow[] = [];
  for (const unlock of due) {
    const row = await checkUnlock(vault, said, unlock, lensFrom, finder, problems);
    unlocks.push(row);
    onProgress?.(unlocks.length, due.length, row.at);
  }
  const money = await checkMoney(vault, said, made, finder, options, problems);
  await checkStands(rpc, head);

  return {
    ok: problems.length === 0,
    bookHash: bookHash(published),
    bookHashMatches: codeDifference === null,
    ...table,
    ...contracts,
    maxDifferenceWei: unlocks.reduce((most, { differenceWei }) => (differenceWei > most ? differenceWei : most), 0n),
    chainId: vault.chainId,
    lens: vault.lens,
    vault: vault.vault,
    token: vault.token,
    book: vault.bookAddress,
    head,
    ...money,
    problems,
    unlocks,
  };
}

async function checkTable(vault: Vault, said: Book, problems: string[]) {
  const table = tableHash(said);
  const [last] = await askLens(vault, "lastMonth");
  // A lens that names another month could have any number of them.
  const shown =
    Number(last) === lastMonthOf(said)
      ? await chainTableHash({
          lastMonth: async () => last,
          calendar: async (from, count) => (await askLens(vault, "calendar", [from, count]))[0],
        })
      : undefined;
  if (shown === undefined) {
    problems.push(`The chain's last unlock is in month ${last}, the file's in month ${lastMonthOf(said)}`);
  } else if (shown !== table) {
    problems.push(`The chain's own table of unlocks hashes to ${shown}, the file's to ${table}`);
  }
  return { tableHash: table, tableHashMatches: shown === table };
}

/** What was paid, told three ways, and whether the rest is there. */
async function checkMoney(
  vault: Vault,
  said: Book,
  made: Block,
  finder: BlockFinder,
  { scan, onScan }: ReportOptions,
  problems: string[],
) {
  const { rpc, head } = vault;
  const { claims, transferredWei } = await scanOutflow(vault, finder.get, {
    from: made.number,
    state: scan,
    onProgress: onScan,
  });
  const grants = await readGrants(vault);
  const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
  for (const { id, paidWei } of grants) {
    const claimedWei = sum(claims.filter(({ grant }) => grant === id).map(({ amountWei }) => amountWei));
    if (claimedWei !== paidWei) {
      problems.push(`Grant ${id} was paid ${paidWei} wei by the vault's records, ${claimedWei} by its events`);
    }
    const vestedWei = vestedNow(said, id, head.unix);
    if (vestedWei === undefined || paidWei <= vestedWei) continue;
    problems.push(`Grant ${id} was paid ${paidWei} wei, but only ${vestedWei} were due`);
  }
  const paid = {
    slotsWei: sum(grants.map(({ paidWei }) => paidWei)),
    eventsWei: sum(claims.map(({ amountWei }) => amountWei)),
    transfersWei: transferredWei,
  };
  if (paid.slotsWei !== paid.eventsWei || paid.slotsWei !== paid.transfersWei) {
    problems.push(
      `What left the vault is not what was claimed: ${paid.slotsWei} wei by its records, ${paid.eventsWei} by its events, ${paid.transfersWei} by the token's transfers`,
    );
  }
  const [sealed] = await view(rpc, vaultAbi, vault.vault, "isSealed", [], head);
  const [balanceWei] = await view(rpc, tokenAbi, vault.token, "balanceOf", [vault.vault], head);
  const owedWei = sum(said.grants.map(({ totalWei }) => totalWei)) - paid.slotsWei;
  if (balanceWei < owedWei) problems.push(`The vault has ${balanceWei} wei and owes ${owedWei}`);
  if (!sealed) problems.push("The vault is not sealed: nothing can be claimed");
  return { sealed: sealed as boolean, balanceWei: balanceWei as bigint, owedWei, paid, claims };
}

/**
 * One unlock: the chain's formula at the second before, at it and after it; and the state of the first block at or after it
 * and of the block before, as far as the contracts stood by then.
 */
async function checkUnlock(
  vault: Vault,
  said: Book,
  { month, unix, amountWei, cumulativeWei }: Unlock,
  lensFrom: Block,
  finder: BlockFinder,
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
      if (read < lensFrom.number) continue;
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
