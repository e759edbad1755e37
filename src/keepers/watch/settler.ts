import type { ChainView } from "../../core/chain/view.ts";
import { toHex } from "../../core/hashing/hex.ts";
import { WEI_PER_NANO } from "../../core/units.ts";
import type { LogReader } from "../../sdk/readReceiptLog.ts";
import type { LogHeader, ReceiptLog } from "../../sdk/receiptLog.ts";
import {
  type About,
  type ActDeps,
  act,
  approveBond,
  encodeFinding,
  encodeShowDebit,
  factsOf,
  type WatchOutcome,
} from "./act.ts";
import { allowedBy, debitsOf, unprovenDebits } from "./debits.ts";
import { fetchMissing } from "./fetchMissing.ts";
import { billedTwice, type Finding, isInside, receiptFindings, type Watched } from "./findings.ts";
import { followUp, showDebit } from "./follow.ts";
import { type CommittedBatch, createHistory, type History } from "./history.ts";
import { type Material, materialOf, type ShownReceipt } from "./material.ts";
import { evidenceId, isWorth, type WorthSettings } from "./worth.ts";

export type WatchSettings = WorthSettings & {
  /** For so long after a commit the settler may show what would explain it; seconds. */
  patienceSeconds: bigint;
  /** Bonds that may be out at one settler at once. */
  maxBonds: number;
  /** After so many claims that a settler answered none with a bond is made against it: the logs are not complete. */
  maxLost: number;
  /** Where batch files are asked for, beside the settler's gateway. */
  dataUrls: readonly string[];
};

export type SettlerWatchDeps = ActDeps & {
  view: ChainView;
  settler: number;
  /** That pays gas and bonds. */
  account: string;
  settings: WatchSettings;
};

/** A log, open for reading and for receipts that come late. */
export type WatchedLog = { folder: string; header: LogHeader; reader: LogReader; log: ReceiptLog };

/** How far back is looked for what has to be ended, in penalty delays: longer than a watcher should be away. */
const REACH_DELAYS = 5n;

type Judged = { batch: CommittedBatch; shown: ShownReceipt[] };

/** Watches one settler for the payer's reservations at it. What it remembers can be read again after a restart. */
export function createSettlerWatch(deps: SettlerWatchDeps) {
  const { chain, settler, settings, logger } = deps;
  const reading = createHistory(chain, settler, logger);
  const judged = new Map<bigint, Judged & { txHash: string }>();
  const done = new Set<string>();
  /** What committed receipts of others' showing say was spent of a reservation, nano. */
  const shownNano = new Map<number, bigint>();

  async function pass(logs: readonly WatchedLog[]): Promise<{ outcomes: WatchOutcome[]; history: History }> {
    const { court } = chain.contracts;
    const [horizon, penaltyDelay] = await Promise.all([court.claimHorizon(), court.penaltyDelay()]);
    const reach = penaltyDelay * REACH_DELAYS;
    let history = await reading.refresh(reach);
    // After the history: a voucher is in the log before its debit can be on the chain.
    let watched = await readLogs(logs);
    const claimable = [...history.batches.values()].filter(
      ({ commitment }) => commitment.committedAt + horizon >= history.now,
    );
    const outcomes: WatchOutcome[] = [];
    for (const batch of claimable) outcomes.push(...(await judge(history, batch, watched, logs)));
    for (const [i, log] of logs.entries()) {
      let mine = watched[i] as Watched;
      let findings = await debitFindings(history, mine, horizon);
      if (findings.length > 0 && (await fetchMissing({ ...deps }, log.header.gatewayUrl, mine.log, log.log)) > 0) {
        watched = await readLogs(logs);
        mine = watched[i] as Watched;
        findings = await debitFindings(history, mine, horizon);
      }
      for (const { batch, finding } of findings) outcomes.push(...(await bring(history, batch, finding)));
    }
    if (outcomes.some(({ outcome }) => outcome === "sent")) history = await reading.refresh(reach);
    const reservations = new Set(watched.map(({ reservation }) => reservation));
    outcomes.push(...(await followUp({ ...deps, reservations }, history)));
    for (const number of judged.keys())
      if (!claimable.some(({ body }) => body.number === number)) judged.delete(number);
    return { outcomes, history };
  }

  /** Looks at the receipts of a batch once all of them are known, or no more of them will be shown. */
  async function judge(
    history: History,
    batch: CommittedBatch,
    watched: readonly Watched[],
    logs: readonly WatchedLog[],
  ): Promise<WatchOutcome[]> {
    const { number } = batch.body;
    if (judged.get(number)?.txHash === batch.txHash) return [];
    const mine = watched
      .flatMap(({ log }) => [...log.receipts.values()])
      .filter(({ receipt }) => isInside(batch, receipt.sequence));
    const debited = batch.debits.some(({ index }) => watched.some(({ reservation }) => reservation === index));
    if (mine.length === 0 && !debited) return [];
    const gatewayUrl = logs[0]?.header.gatewayUrl ?? "";
    const sources = [...new Set([...logs.map(({ header }) => header.gatewayUrl), ...settings.dataUrls])];
    const material = await materialOf({ domain: chain.domain, sources, gatewayUrl }, batch, mine);
    noteSpent(material);
    const findings = [
      ...(await receiptFindings({ contracts: chain.contracts, domain: chain.domain }, batch, material, watched)),
      ...billedTwice(batch, material, [...judged.values()]),
    ];
    const outcomes: WatchOutcome[] = [];
    for (const finding of findings) outcomes.push(...(await bring(history, batch, finding)));
    const open = outcomes.some(({ outcome }) => outcome !== "sent" && outcome !== "raced" && outcome !== "notWorth");
    if (!open && (material.known !== "some" || isAged(history, batch))) {
      const shown = material.shown.filter(({ receipt }) =>
        watched.some(({ reservation }) => reservation === receipt.reservation),
      );
      judged.set(number, { batch, shown, txHash: batch.txHash });
    }
    return outcomes;
  }

  function noteSpent({ shown }: Material): void {
    for (const { receipt } of shown) {
      if (receipt.settler !== settler) continue;
      const known = shownNano.get(receipt.reservation) ?? 0n;
      if (receipt.spentNano > known) shownNano.set(receipt.reservation, receipt.spentNano);
    }
  }

  async function debitFindings(history: History, mine: Watched, horizon: bigint) {
    const debits = await debitsOf(chain, history, mine);
    const allowed = allowedBy(mine, shownNano.get(mine.reservation) ?? 0n);
    const unproven = await unprovenDebits(chain, history, mine, settler, debits, allowed);
    const foreign = debits
      .filter((debit) => debit.foreign && debit.restoredNano < debit.amountNano)
      .map(({ batch, row, amountNano }): Finding & { number: bigint } => {
        const { number } = batch.body;
        return { kind: "policy", number, reservation: mine.reservation, row, amountNano, terms: mine.terms };
      });
    return [...foreign, ...unproven].flatMap((finding) => {
      const batch = history.batches.get(finding.number);
      return batch && batch.commitment.committedAt + horizon >= history.now ? [{ batch, finding }] : [];
    });
  }

  /** Brings a finding before the court, once, when it may be and is worth it. */
  async function bring(history: History, batch: CommittedBatch, finding: Finding): Promise<WatchOutcome[]> {
    const key = keyOf(batch, finding);
    if (done.has(key) || isBrought(history, batch, finding)) return [];
    const about = aboutOf(settler, batch, finding);
    const ended = (outcome: WatchOutcome["outcome"]): WatchOutcome[] => {
      logger.warn({ ...factsOf(about), outcome }, "watch.held_back");
      return [{ ...about, outcome }];
    };
    const bonded = finding.kind === "debit" || finding.kind === "sequence";
    if (bonded && !finding.certain && !isAged(history, batch)) return ended("waiting");
    if (bonded && lostClaims(history, deps.account) >= settings.maxLost) return ended("stopped");
    if (!(await isWorth(chain, settler, batch.body.number, finding, settings))) return ended("notWorth");
    const outcomes: WatchOutcome[] = [];
    if (bonded && deps.queue) {
      if (!(await canPayBond(history))) return ended("noBond");
      const approved = await approveBond(deps, about, deps.account);
      if (approved) outcomes.push(approved);
    }
    if (finding.kind === "policy") {
      outcomes.push(...(await showDebit(deps, about, () => encodeShowDebit(chain, batch, finding.row))));
    }
    const outcome = await act(deps, about, encodeFinding(chain, batch, finding));
    if (outcome.outcome === "sent" || outcome.outcome === "raced") done.add(key);
    return [...outcomes, outcome];
  }

  async function canPayBond(history: History): Promise<boolean> {
    const { opg, court } = chain.contracts;
    const [balanceWei, bondNano] = await Promise.all([opg.balanceOf(deps.account), court.bondNano()]);
    return balanceWei >= bondNano * WEI_PER_NANO && openClaims(history, deps.account) < settings.maxBonds;
  }

  function isAged({ now }: History, { commitment }: CommittedBatch): boolean {
    return now - commitment.committedAt >= settings.patienceSeconds;
  }

  return { pass };
}

async function readLogs(logs: readonly WatchedLog[]): Promise<Watched[]> {
  return Promise.all(
    logs.map(async ({ header: { reservation, terms }, reader }) => ({ reservation, terms, log: await reader.read() })),
  );
}

function aboutOf(settler: number, batch: CommittedBatch, finding: Finding): About {
  const about = { what: finding.kind, settler, number: batch.body.number, amountNano: finding.amountNano };
  if (finding.kind === "sequence") return { ...about, sequence: finding.sequence };
  return "reservation" in finding ? { ...about, reservation: finding.reservation } : about;
}

function keyOf({ txHash }: CommittedBatch, finding: Finding): string {
  const what = () => {
    switch (finding.kind) {
      case "sequence":
        return finding.sequence;
      case "debit":
      case "policy":
        return finding.reservation;
      case "doubled":
        return toHex(finding.second.leaf);
      default:
        return toHex(finding.shown.leaf);
    }
  };
  return `${finding.kind}/${txHash}/${what()}`;
}

/** Somebody brought it before the court, or another fault of its kind for which the batch is punished already. */
function isBrought({ events }: History, { body }: CommittedBatch, finding: Finding): boolean {
  const isPunished = (kind: Parameters<typeof evidenceId>[0]) => {
    const id = evidenceId(kind, body.settler, body.number);
    return events.some(({ name, args }) => name === "PenaltyScheduled" && args.evidenceId === id);
  };
  const isShown = (excess: string) =>
    events.some(
      ({ name, args }) => name === "ExcessShown" && args.number === body.number && BigInt(args.key) === BigInt(excess),
    );
  switch (finding.kind) {
    case "debit":
      return false; // such a debit is no finding
    case "policy":
      return isShown(String(finding.reservation));
    case "sequence":
      return (
        isPunished("unopened") ||
        events.some(({ name, args }) => name === "SequenceClaimed" && args.sequence === finding.sequence)
      );
    case "doubled":
    case "outOfRange":
      return isPunished("sequence");
    default:
      return isShown(toHex(finding.shown.leaf));
  }
}

/** Ids of the account's claims of both kinds, each with its kind before it. */
function claimsOf({ events }: History, account: string): Set<string> {
  const ours = events.filter(
    ({ name, args }) => isClaim(name) && args.challenger.toLowerCase() === account.toLowerCase(),
  );
  return new Set(ours.map(({ name, args }) => `${name === "DebitClaimed" ? "debit" : "sequence"}/${args.claim}`));
}

const isClaim = (name: string) => name === "DebitClaimed" || name === "SequenceClaimed";
const ANSWERS: Record<string, string> = { DebitProven: "debit", SequenceOpened: "sequence" };
const ENDS: Record<string, string> = { ...ANSWERS, DebitRefunded: "debit", SequenceUnopened: "sequence" };

function lostClaims(history: History, account: string): number {
  return claimsWith(history, account, ANSWERS).size;
}

function openClaims(history: History, account: string): number {
  return claimsOf(history, account).size - claimsWith(history, account, ENDS).size;
}

function claimsWith(history: History, account: string, names: Record<string, string>): Set<string> {
  const ours = claimsOf(history, account);
  const ended = history.events.map(({ name, args }) => (names[name] ? `${names[name]}/${args.claim}` : ""));
  return new Set(ended.filter((claim) => ours.has(claim)));
}
