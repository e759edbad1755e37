import type { Contracts } from "../../core/chain/contracts.ts";
import type { Finding, Watched } from "./findings.ts";
import type { CommittedBatch, History } from "./history.ts";

/** As in `ICourt.sol`. */
export const ClaimState = { OPEN: 1n, ANSWERED: 2n, UPHELD: 3n } as const;

/** One debit of a reservation, and what became of it. Amounts in nano. */
export type DebitState = {
  batch: CommittedBatch;
  row: number;
  amountNano: bigint;
  /** Given back by the court since. */
  restoredNano: bigint;
  /** Of the claim against it; undefined when nobody claimed. */
  claim?: bigint;
  /** The batch is under another policy than the payer agreed to: all of it goes back by a report. */
  foreign: boolean;
};

type Context = { contracts: Pick<Contracts, "settlement" | "court"> };

/** The debits of a reservation that the history has, oldest first, as of the history's last block. */
export async function debitsOf(
  { contracts: { court } }: Context,
  { batches, events, block }: History,
  { reservation, terms }: Pick<Watched, "reservation" | "terms">,
): Promise<DebitState[]> {
  const restored = restoredBy(events, reservation);
  const claimed = new Map<bigint, bigint>();
  for (const { name, args } of events) {
    if (name === "DebitClaimed" && Number(args.reservation) === reservation) claimed.set(args.number, args.claim);
  }
  const states: DebitState[] = [];
  for (const batch of batches.values()) {
    const row = batch.debits.findIndex(({ index }) => index === reservation);
    const debit = batch.debits[row];
    if (!debit) continue;
    const { number } = batch.body;
    const claim = claimed.get(number);
    states.push({
      batch,
      row,
      amountNano: debit.amountNano,
      restoredNano: restored.get(number) ?? 0n,
      foreign: batch.body.policy !== terms.policy,
      ...(claim === undefined ? {} : { claim: (await court.getClaim(claim, { blockTag: block })).state }),
    });
  }
  return states;
}

function restoredBy(events: History["events"], reservation: number): Map<bigint, bigint> {
  const numbers = new Map<bigint, bigint>();
  const restored = new Map<bigint, bigint>();
  const add = (number: bigint, nano: bigint) => restored.set(number, (restored.get(number) ?? 0n) + nano);
  for (const { name, args } of events) {
    if (name === "DebitClaimed" && Number(args.reservation) === reservation) numbers.set(args.claim, args.number);
    const number = name === "DebitRefunded" ? numbers.get(args.claim) : undefined;
    if (number !== undefined) add(number, args.refundedNano);
    if (name === "ExcessRefunded" && Number(args.reservation) === reservation) add(args.number, args.refundedNano);
  }
  return restored;
}

/** The most that may have been debited of a reservation, in nano. */
export type Allowed = {
  /** By the highest voucher: nobody can prove more. */
  voucherNano: bigint;
  /** By receipts: the settler can prove more only with one that the payer never got. */
  receiptNano: bigint;
};

/** What receipts and vouchers of a log allow, and committed receipts that somebody else showed. */
export function allowedBy({ log }: Watched, shownNano: bigint): Allowed {
  const spentNano = shownNano > log.spentNano ? shownNano : log.spentNano;
  return { voucherNano: log.cumulativeNano, receiptNano: spentNano + log.looseNano };
}

/**
 * The debits that nobody should be able to prove: oldest first, each one that lifts the sum above what is allowed, what was
 * given back or is in doubt already left out. A debit that was proven stands, and everything before it.
 */
export async function unprovenDebits(
  { contracts: { settlement } }: Context,
  { block }: History,
  { reservation }: Pick<Watched, "reservation">,
  settler: number,
  debits: readonly DebitState[],
  allowed: Allowed,
): Promise<Extract<Finding, { kind: "debit" }>[]> {
  const { balanceNano, netNano } = await settlement.getReservation(settler, reservation, { blockTag: block });
  const inReach = debits.reduce((sum, { amountNano, restoredNano }) => sum + amountNano - restoredNano, 0n);
  /** Debited up to and with each debit, without what was given back or is being claimed. */
  let sumNano = netNano - balanceNano - inReach;
  let { voucherNano, receiptNano } = allowed;
  const findings: Extract<Finding, { kind: "debit" }>[] = [];
  for (const { batch, row, amountNano, restoredNano, claim, foreign } of debits) {
    if (foreign || claim === ClaimState.OPEN || claim === ClaimState.UPHELD) continue;
    const upToNano = sumNano + amountNano - restoredNano;
    if (claim === ClaimState.ANSWERED) {
      if (upToNano > voucherNano) voucherNano = upToNano;
      if (upToNano > receiptNano) receiptNano = upToNano;
    }
    const most = voucherNano < receiptNano ? voucherNano : receiptNano;
    if (upToNano <= most) {
      sumNano = upToNano;
      continue;
    }
    findings.push({
      kind: "debit",
      reservation,
      row,
      amountNano: amountNano - restoredNano,
      certain: upToNano > voucherNano,
      number: batch.body.number,
    });
  }
  return findings;
}
