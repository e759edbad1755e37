import { toHex } from "../../core/hashing/hex.ts";
import { keccak256 } from "../../core/hashing/keccak.ts";
import { ROW_BYTES } from "../../core/protocol/rows.ts";
import { type About, type ActDeps, act, encodeShowDebit, type WatchOutcome } from "./act.ts";
import { ClaimState } from "./debits.ts";
import type { CourtEvent, History } from "./history.ts";
import { evidenceId, PENALTIES } from "./worth.ts";

export type FollowDeps = ActDeps & {
  settler: number;
  /** The watcher's own account: its claims are ended, its penalties taken. */
  account: string;
  /** Refunds of these are asked for, whoever claimed. */
  reservations: ReadonlySet<number>;
};

/** Rows of a batch that one transaction asks. */
const PAYEES_AT_ONCE = 100;

/**
 * Ends what was begun, by this watcher or, for its reservations, by anybody: refunds, the rest from payees, penalties. All
 * of it follows from the chain, so that a watcher that was killed goes on here.
 */
export async function followUp(deps: FollowDeps, history: History): Promise<WatchOutcome[]> {
  const outcomes: WatchOutcome[] = [];
  const handlers: Record<string, (event: CourtEvent) => Promise<WatchOutcome[]>> = {
    DebitClaimed: (event) => endDebit(deps, history, event),
    SequenceClaimed: (event) => endSequence(deps, history, event),
    PenaltyScheduled: (event) => takePenalty(deps, history, event),
  };
  const excess = new Map<string, CourtEvent>();
  for (const event of history.events) {
    if (event.name === "ExcessShown") excess.set(`${event.args.number}/${event.args.reservation}`, event);
    outcomes.push(...((await handlers[event.name]?.(event)) ?? []));
  }
  for (const event of excess.values()) outcomes.push(...(await refundExcess(deps, history, event)));
  return outcomes;
}

async function endDebit(deps: FollowDeps, { batches, now }: History, { args }: CourtEvent): Promise<WatchOutcome[]> {
  const { court } = deps.chain.contracts;
  const reservation = Number(args.reservation);
  const batch = batches.get(args.number);
  if (!batch || !(deps.reservations.has(reservation) || isOurs(deps, args.challenger))) return [];
  const claim: bigint = args.claim;
  const about = { settler: deps.settler, number: args.number, reservation, claim };
  const outcomes: WatchOutcome[] = [];
  let { state, answerBy, missingNano, nextRow, amountNano } = await court.getClaim(claim);
  if (state === ClaimState.OPEN && now > answerBy) {
    const data = court.interface.encodeFunctionData("refundDebit", [claim, toHex(batch.signers)]);
    outcomes.push(await act(deps, { ...about, what: "refundDebit", amountNano }, data));
    ({ state, missingNano, nextRow, amountNano } = await court.getClaim(claim));
  }
  const rows = BigInt(batch.creditBytes.length / ROW_BYTES);
  if (state === ClaimState.UPHELD && missingNano > 0n && nextRow < rows) {
    const data = court.interface.encodeFunctionData("refundFromPayees", [
      claim,
      toHex(keccak256(batch.debitBytes)),
      toHex(batch.creditBytes),
      PAYEES_AT_ONCE,
    ]);
    outcomes.push(await act(deps, { ...about, what: "refundFromPayees", amountNano: missingNano }, data));
  }
  return outcomes;
}

async function endSequence(deps: FollowDeps, { now }: History, { args }: CourtEvent): Promise<WatchOutcome[]> {
  if (!isOurs(deps, args.challenger)) return [];
  const { court } = deps.chain.contracts;
  const { state, answerBy } = await court.getSequenceClaim(args.claim);
  if (state !== ClaimState.OPEN || now <= answerBy) return [];
  const data = court.interface.encodeFunctionData("endSequence", [args.claim]);
  const { claim, number, sequence } = args;
  return [await act(deps, { what: "endSequence", settler: deps.settler, number, sequence, claim }, data)];
}

async function refundExcess(deps: FollowDeps, { batches }: History, { args }: CourtEvent): Promise<WatchOutcome[]> {
  const { court } = deps.chain.contracts;
  const { settler } = deps;
  const number: bigint = args.number;
  const reservation = Number(args.reservation);
  const batch = batches.get(number);
  const row = batch?.debits.findIndex(({ index }) => index === reservation) ?? -1;
  if (!batch || row < 0 || !deps.reservations.has(reservation)) return [];
  const { chargedNano, settledNano } = await court.getExcess(settler, number, reservation);
  if (chargedNano === settledNano) return [];
  const about: Omit<About, "what"> = { settler, number, reservation, amountNano: chargedNano - settledNano };
  const outcomes = await showDebit(deps, about, () => encodeShowDebit(deps.chain, batch, row));
  const data = court.interface.encodeFunctionData("refundExcess", [settler, number, reservation, toHex(batch.signers)]);
  outcomes.push(await act(deps, { ...about, what: "refundExcess" }, data));
  return outcomes;
}

/** Has the court remember a debit row, unless somebody did. */
export async function showDebit(
  deps: ActDeps,
  about: Omit<About, "what">,
  encode: () => string,
): Promise<WatchOutcome[]> {
  const { settler, number, reservation = 0 } = about;
  if ((await deps.chain.contracts.court.shownNano(settler, number, reservation)) !== 0n) return [];
  return [await act(deps, { ...about, what: "showDebit" }, encode())];
}

async function takePenalty(deps: FollowDeps, { batches, now }: History, { args }: CourtEvent): Promise<WatchOutcome[]> {
  const { court } = deps.chain.contracts;
  if (!isOurs(deps, args.reporter) || now <= args.dueAt) return [];
  const { done, signersHash } = await court.getPenalty(args.evidenceId);
  if (done) return [];
  const { settler } = deps;
  for (const [number, batch] of batches) {
    if (!PENALTIES.some((kind) => evidenceId(kind, settler, number) === args.evidenceId)) continue;
    // The court keeps the first bytes of the hash only.
    const signers = toHex(keccak256(batch.signers)).startsWith(signersHash) ? toHex(batch.signers) : "0x";
    const data = court.interface.encodeFunctionData("punish", [args.evidenceId, signers]);
    return [await act(deps, { what: "punish", settler, number }, data)];
  }
  return [];
}

function isOurs({ account }: FollowDeps, address: string): boolean {
  return address.toLowerCase() === account.toLowerCase();
}
