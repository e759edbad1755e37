import { rename, writeFile } from "node:fs/promises";
import { systemClock } from "../../core/clock.ts";
import { InputError } from "../../core/errors.ts";
import { createLogger } from "../../core/logger.ts";
import type { VestingClaim } from "../../keepers/vesting.ts";
import { formatWei } from "../../vesting/amount.ts";
import { bookHash, categoriesOf, decodeBook, lastMonthOf } from "../../vesting/book.ts";
import { anniversary, formatTime } from "../../vesting/calendar.ts";
import { bookDifference } from "../../vesting/compareBooks.ts";
import { readCompiled } from "../../vesting/compiled.ts";
import type { ExportFormat } from "../../vesting/exports/formats.ts";
import type { ExportInput } from "../../vesting/exports/types.ts";
import type { PageInput, PageReport } from "../../vesting/page/types.ts";
import { makeReport, type Report } from "../../vesting/report.ts";
import type { Rpc } from "../../vesting/rpc.ts";
import { tableHash, unlockTable } from "../../vesting/table.ts";
import { readGrants } from "../../vesting/vault.ts";
import { readEnvironment } from "../config.ts";
import { Exit, lines, print } from "../output.ts";
import { calendarText, reportText } from "../vesting/print.ts";
import { progress } from "../vesting/progress.ts";
import { scanFile } from "../vesting/scanFile.ts";
import { addressFor, simulate } from "../vesting/simulate.ts";
import {
  defaultsOf,
  inputOfBook,
  inputOfChain,
  inputOfPlan,
  openOnChain,
  planOf,
  readBook,
  readSchedule,
  type SourceOptions,
} from "../vesting/source.ts";

type Output = { json?: boolean };
type ReportOptions = SourceOptions & Output & { simulate?: string; until?: number; html?: string };
type CalendarOptions = SourceOptions & Output & { schedule?: string; next: number; from?: number; html?: string };
type ExportOptions = SourceOptions & { schedule?: string; format: ExportFormat; out?: string };

/** Checks a chain, or a simulation, against the published file. Exit code 1 on any difference. */
export async function report(options: ReportOptions, rpc?: Rpc): Promise<void> {
  const checked = options.simulate ? await simulated(options.simulate, options) : await onChain(options, rpc);
  const { result, input, publishedFrom } = checked;
  if (options.html) await writePage(options.html, input, result);
  const shown = {
    ...result,
    bookHashMatches: publishedFrom === null ? null : result.bookHashMatches,
    head: { ...result.head, at: formatTime(result.head.unix) },
    publishedFrom,
  };
  print(shown, options, () => reportText(result, publishedFrom));
  if (!result.ok) process.exitCode = Exit.WRONG_INPUT;
}

/** `publishedFrom` is null where the chain was only checked against itself. */
type Checked = { result: Report; input: ExportInput; publishedFrom: string | null };

async function onChain(options: ReportOptions, rpc?: Rpc): Promise<Checked> {
  const config = readEnvironment();
  const source = await openOnChain(options, defaultsOf(config), rpc);
  const { vault, published, publishedFrom, names } = source;
  const scan = scanFile(config.DATA_DIR, vault);
  const bar = progress("Checking unlocks");
  const result = await makeReport(vault, {
    published,
    names,
    until: options.until,
    compiled: await readCompiled(),
    scan: await scan.read(),
    onScan: (state) => scan.write(state),
    onProgress: bar.show,
  });
  bar.end();
  return { result, input: inputOfChain(source), publishedFrom };
}

async function simulated(path: string, { until = Number.POSITIVE_INFINITY, book }: ReportOptions): Promise<Checked> {
  const schedule = await readSchedule(path);
  const moving = progress("Moving through unlocks");
  const { vault, plan, file, close } = await simulate(schedule, until, moving.show);
  moving.end();
  try {
    const published = book ? await readBook(book) : file;
    const bar = progress("Checking unlocks");
    const result = await makeReport(vault, {
      published,
      names: plan.names,
      until,
      compiled: await readCompiled(),
      onProgress: bar.show,
    });
    bar.end();
    return { result, input: inputOfPlan(plan), publishedFrom: book ?? path };
  } finally {
    await close();
  }
}

/** The next unlocks, as a table, as JSON or as a page. */
export async function calendar(options: CalendarOptions, rpc?: Rpc): Promise<void> {
  const input = await inputOf(options, rpc);
  const from = options.from ?? systemClock() / 1000;
  if (options.html) await writeAtomically(options.html, await pageOf({ ...input, nowUnix: Math.floor(from) }));
  const { categories, unlocks } = unlockTable(input.book);
  const next = unlocks.filter(({ unix }) => unix > from).slice(0, options.next);
  const result = {
    bookHash: input.bookHash,
    categories,
    unlocks: next.map((unlock) => ({ ...unlock, at: formatTime(unlock.unix) })),
    ...(options.html ? { html: options.html } : {}),
  };
  print(result, options, () => calendarText(categories, next));
  if (options.html) process.stderr.write(`Written to ${options.html}\n`);
}

/** The whole calendar in another form. */
export async function exportCalendar(options: ExportOptions, rpc?: Rpc): Promise<void> {
  const { exportSchedule } = await import("../../vesting/exports/index.ts");
  const text = exportSchedule(options.format, await inputOf(options, rpc));
  if (!options.out) {
    process.stdout.write(text);
    return;
  }
  await writeAtomically(options.out, text);
  process.stderr.write(`Written to ${options.out}\n`);
}

/** Checks a book file by its format and, unless told otherwise, against the chain. Exit code 1 when they differ. */
export async function verifyBook(path: string, options: SourceOptions & Output & { offline: boolean }, rpc?: Rpc) {
  const file = await readBook(path);
  const book = decodeBook(file);
  const facts = {
    bookHash: bookHash(file),
    tableHash: tableHash(book),
    bytes: file.length,
    schedules: book.schedules.length,
    grants: book.grants.length,
    categories: categoriesOf(book).join(", "),
    totalWei: book.grants.reduce((sum, { totalWei }) => sum + totalWei, 0n),
    firstUnlock: formatTime(unlockTable(book).unlocks[0]?.unix ?? 0),
    lastUnlock: formatTime(anniversary(book.anchor, lastMonthOf(book))),
  };
  if (options.offline) {
    print({ ok: true, onChain: null, ...facts }, options, lines);
    return;
  }
  const { vault, names } = await openOnChain(options, defaultsOf(readEnvironment()), rpc);
  const difference = bookDifference(file, vault.file, names);
  const result = { ok: difference === null, onChain: vault.bookAddress, difference, ...facts };
  print(result, options, (shown) =>
    lines({ ...shown, difference: difference ?? "none: the chain has exactly this file" }),
  );
  if (difference) process.exitCode = Exit.WRONG_INPUT;
}

/** How one grant stands. */
export async function show(id: number, options: SourceOptions & Output, rpc?: Rpc): Promise<void> {
  const { vault, names } = await openOnChain(options, defaultsOf(readEnvironment()), rpc);
  const grant = (await readGrants(vault))[id];
  const record = vault.book.grants[id];
  if (!grant || !record) {
    throw new InputError("There is no such grant", {
      code: "bad_grant",
      facts: { grant: id, grants: vault.book.grants.length },
      hint: "Ids count from 0",
    });
  }
  const schedule = vault.book.schedules[record.schedule] as (typeof vault.book.schedules)[number];
  const { unlocks } = unlockTable({ ...vault.book, grants: [record] });
  const next = unlocks.find(({ unix }) => unix > vault.head.unix);
  const result = {
    ...grant,
    name: names[id] ?? null,
    firstUnlock: formatTime(unlocks[0]?.unix ?? 0),
    lastUnlock: formatTime(unlocks.at(-1)?.unix ?? 0),
    nextUnlock: next ? { at: formatTime(next.unix), amountWei: next.amountWei } : null,
    revocation: schedule.revocation,
    asOf: { block: vault.head.number, at: formatTime(vault.head.unix) },
  };
  print(result, options, () =>
    lines({
      grant: `${id}${result.name ? ` (${result.name})` : ""}`,
      category: grant.category,
      beneficiary:
        grant.beneficiary === grant.original
          ? grant.beneficiary
          : `${grant.beneficiary}, handed over from ${grant.original}`,
      total: `${formatWei(grant.totalWei)} OPG`,
      vested: `${formatWei(grant.vestedWei)} OPG`,
      paid: `${formatWei(grant.paidWei)} OPG`,
      "due now": `${formatWei(grant.dueWei)} OPG`,
      "first unlock": result.firstUnlock,
      "next unlock": next ? `${formatTime(next.unix)}, ${formatWei(next.amountWei)} OPG` : "none",
      "last unlock": result.lastUnlock,
      revocable: schedule.revocation
        ? `by ${schedule.revocation.revoker}, to ${schedule.revocation.remainderTo}, after ${schedule.revocation.noticeMonths} months' notice`
        : "never",
      revoked: grant.revoked ? `after tranche ${grant.keptTranches}` : "no",
      "as of": `block ${vault.head.number}, ${formatTime(vault.head.unix)}`,
    }),
  );
}

/** Claims what is due, once. */
export async function claim(grants: number[], options: SourceOptions & Output & { dryRun: boolean }): Promise<void> {
  // The queue brings a database with it, which the other commands need not wait for.
  const [{ claimDue }, { openKeyQueue }] = await Promise.all([
    import("../../keepers/vesting.ts"),
    import("../keyQueue.ts"),
  ]);
  const config = readEnvironment();
  const logger = createLogger();
  const open = async () => (await openOnChain(options, defaultsOf(config))).vault;
  const sender = options.dryRun
    ? undefined
    : await openKeyQueue(config, "vesting", options.rpc ?? config.RPC_URL, (await open()).chainId, logger);
  try {
    const claims = await claimDue({
      open,
      queue: sender?.queue,
      grants: grants.length > 0 ? grants : undefined,
      logger,
    });
    print({ claims }, options, () => claimsText(claims));
  } finally {
    await sender?.close();
  }
}

export function claimsText(claims: VestingClaim[]): string {
  if (claims.length === 0) return "Nothing is due.";
  return claims
    .map(
      ({ outcome, grants, amountWei, transaction }) =>
        `${outcome} ${formatWei(amountWei)} OPG of grants ${grants.join(", ")}${transaction ? ` in ${transaction}` : ""}`,
    )
    .join("\n");
}

async function inputOf(options: SourceOptions & { schedule?: string }, rpc?: Rpc): Promise<ExportInput> {
  if (options.schedule) {
    const schedule = await readSchedule(options.schedule);
    return inputOfPlan(planOf(schedule, addressFor));
  }
  // A lens or a deployment that was asked for is looked at; the file is then what it is compared with.
  if (options.book && !options.lens && !options.deployment) return inputOfBook(options.book);
  return inputOfChain(await openOnChain(options, defaultsOf(readEnvironment()), rpc));
}

async function writePage(path: string, input: ExportInput, { unlocks, claims, head }: Report): Promise<void> {
  const shown: PageReport = { rows: unlocks, claims, head: { block: head.number, unix: head.unix } };
  await writeAtomically(path, await pageOf({ ...input, report: shown }));
  process.stderr.write(`Written to ${path}\n`);
}

/** The charts' library is loaded only here: it takes longer than most commands. */
async function pageOf(input: PageInput): Promise<string> {
  const { vestingPage } = await import("../../vesting/page.ts");
  return vestingPage(input);
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}
