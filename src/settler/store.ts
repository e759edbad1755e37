import { and, asc, desc, eq, inArray, lt, sql } from "drizzle-orm";
import { withDatabaseErrors } from "../core/db/error.ts";
import type { OpenDatabase, Transaction } from "../core/db/open.ts";
import { BaseError, InputError } from "../core/errors.ts";
import { type Hex, toHex, ZERO32 } from "../core/hashing/hex.ts";
import { evidenceSchema, type Payment, paymentSchema, type SignedReceipt, toJson } from "../core/protocol/json.ts";
import { type Evidence, evidenceHash, requestHash } from "../core/protocol/messages.ts";
import { decodeReceipt, encodeReceipt, Mode, type Receipt, Status } from "../core/protocol/receipt.ts";
import { inferences, reservations, sequences, windows } from "./schema.ts";

/** Jobs of this name say that a settler has receipts to settle. */
export const SETTLE_QUEUE = "settle";

export type Accepted = { sequence: bigint; requestId: Hex };

/** What came of an inference, before it has a place in the reservation's spending. */
export type Outcome = {
  status: Status;
  mode: Mode;
  /** 0 when no worker signed. */
  worker: number;
  verifier: number;
  priceNano: bigint;
  inputUnits: number;
  outputUnits: number;
  startedAtMs: number;
  firstOutputAtMs: number;
  finishedAtMs: number;
  outputHash: Uint8Array;
  evidence: Evidence | null;
};

/** An outcome with what a verifier needs to see of it. */
export type Finished = { outcome: Outcome; opening: { request: Uint8Array; response: Uint8Array } | null };

export type StoredInference = typeof inferences.$inferSelect;

export type ReservationState = { spentNano: bigint; inFlightNano: bigint; cumulativeNano: bigint };

export type Store = {
  /** Starts counting where the chain stands, unless this database counts already. */
  open(settler: number, nextSequence: bigint): Promise<void>;
  /**
   * Reserves a sequence number together with the voucher. Throws `request_replayed`, `voucher_too_low` or
   * `voucher_too_high`; `availableNano` is what the reservation holds over its whole life.
   */
  accept(settler: number, payment: Payment, model: string, availableNano: bigint, nowMs: number): Promise<Accepted>;
  /** Fixes the receipt of an open inference: from here it is durable and counts as spent. */
  finish(settler: number, sequence: bigint, finished: Finished, settleInSeconds: number): Promise<Uint8Array>;
  /** Takes a finished receipt back that no verifier signs: nothing is charged for it. */
  revoke(settler: number, sequence: bigint, verifier: number, nowMs: number): Promise<Uint8Array>;
  /** Gives a finished, unsigned receipt to another verifier. */
  reassign(settler: number, sequence: bigint, verifier: number): Promise<Uint8Array>;
  /** Records what was switched while an inference ran, and why. */
  note(settler: number, sequence: bigint, event: Record<string, unknown>): Promise<void>;
  /** Puts a finished receipt under its signed window. */
  sign(settler: number, sequence: bigint, signed: SignedPlace): Promise<void>;
  find(requestId: Hex): Promise<StoredInference | undefined>;
  reservation(settler: number, reservation: number): Promise<ReservationState | undefined>;
  /** Among a reservation's signed receipts of late, the one that shows most as spent. */
  latest(settler: number, reservation: number): Promise<StoredInference | undefined>;
  /** Inferences in a state, opened before `beforeMs`, oldest first. */
  list(settler: number, state: "open" | "finished", beforeMs: number): Promise<StoredInference[]>;
  window(root: string): Promise<typeof windows.$inferSelect | undefined>;
};

export type SignedPlace = Pick<SignedReceipt, "window" | "signature"> & { index: number };

/** All that a settler must not forget, in one database. */
export function createStore({ db, enqueue }: OpenDatabase): Store {
  const store: Store = {
    async open(settler, nextSequence) {
      await db.insert(sequences).values({ settler, next: nextSequence }).onConflictDoNothing();
    },

    accept: (settler, payment, model, availableNano, nowMs) =>
      db.transaction(async (tx) => {
        const { voucher, request } = payment;
        const requestId = toHex(requestHash(request));
        const before = await lockReservation(tx, settler, payment);
        checkCumulative(payment, before, availableNano);
        const sequence = await takeSequence(tx, settler);
        const inserted = await tx
          .insert(inferences)
          .values({
            settler,
            sequence,
            requestId,
            reservation: voucher.reservation,
            state: "open",
            payment: toJson(payment),
            maxPriceNano: request.maxPriceNano,
            model,
            openedAtMs: nowMs,
          })
          .onConflictDoNothing({ target: inferences.requestId })
          .returning({ sequence: inferences.sequence });
        // Rolled back, so the number is not lost.
        if (inserted.length === 0) throw replay(requestId);
        const best = voucher.cumulativeNano > before.cumulativeNano;
        await tx
          .update(reservations)
          .set({
            inFlightNano: before.inFlightNano + request.maxPriceNano,
            ...(best ? { voucher: voucherJson(payment), cumulativeNano: voucher.cumulativeNano } : {}),
          })
          .where(isReservation(settler, voucher.reservation));
        return { sequence, requestId };
      }),

    finish: (settler, sequence, { outcome, opening }, settleInSeconds) =>
      db.transaction(async (tx) => {
        const row = await lockInference(tx, settler, sequence, "open");
        const payment = readPayment(row);
        const state = await lockReservation(tx, settler, payment);
        const spentNano = state.spentNano + outcome.priceNano;
        const receipt = encodeReceipt(receiptOf(row, payment, outcome, spentNano));
        await tx
          .update(reservations)
          .set({ spentNano, inFlightNano: state.inFlightNano - row.maxPriceNano })
          .where(isReservation(settler, row.reservation));
        await tx
          .update(inferences)
          .set({
            state: "finished",
            receipt,
            evidence: toJson(outcome.evidence),
            openingRequest: opening?.request ?? null,
            openingResponse: opening?.response ?? null,
          })
          .where(isInference(settler, sequence));
        await enqueue(tx, SETTLE_QUEUE, { settler }, { singletonKey: String(settler), startAfter: settleInSeconds });
        return receipt;
      }),

    revoke: (settler, sequence, verifier, nowMs) =>
      db.transaction(async (tx) => {
        const row = await lockInference(tx, settler, sequence, "finished");
        const payment = readPayment(row);
        const state = await lockReservation(tx, settler, payment);
        const spentNano = state.spentNano - decodeReceipt(row.receipt as Uint8Array).priceNano;
        const outcome = unanswered(Status.FAILED, verifier, row.openedAtMs, nowMs);
        const receipt = encodeReceipt(receiptOf(row, payment, outcome, spentNano));
        await tx.update(reservations).set({ spentNano }).where(isReservation(settler, row.reservation));
        await tx.update(inferences).set({ receipt, evidence: null }).where(isInference(settler, sequence));
        return receipt;
      }),

    reassign: (settler, sequence, verifier) =>
      db.transaction(async (tx) => {
        const row = await lockInference(tx, settler, sequence, "finished");
        const receipt = new Uint8Array(row.receipt as Uint8Array);
        new DataView(receipt.buffer).setUint32(20, verifier);
        await tx.update(inferences).set({ receipt }).where(isInference(settler, sequence));
        return receipt;
      }),

    async note(settler, sequence, event) {
      await db
        .update(inferences)
        .set({ events: sql`${inferences.events} || ${JSON.stringify([toJson(event)])}::jsonb` })
        .where(isInference(settler, sequence));
    },

    sign: (settler, sequence, { window, signature, index }) =>
      db.transaction(async (tx) => {
        const root = toHex(window.root);
        await tx
          .insert(windows)
          .values({ ...window, root, signature })
          .onConflictDoNothing();
        await tx
          .update(inferences)
          .set({ state: "signed", window: root, leafIndex: index, openingRequest: null, openingResponse: null })
          .where(and(isInference(settler, sequence), eq(inferences.state, "finished")));
      }),

    async find(requestId) {
      const [row] = await db.select().from(inferences).where(eq(inferences.requestId, requestId));
      return row;
    },

    async reservation(settler, reservation) {
      const [row] = await db.select().from(reservations).where(isReservation(settler, reservation));
      return row;
    },

    async latest(settler, reservation) {
      const rows = await db
        .select()
        .from(inferences)
        .where(
          and(
            eq(inferences.settler, settler),
            eq(inferences.reservation, reservation),
            inArray(inferences.state, ["signed", "batched"]),
          ),
        )
        .orderBy(desc(inferences.sequence))
        .limit(100);
      const spent = ({ receipt }: StoredInference) => (receipt ? decodeReceipt(receipt).spentNano : 0n);
      return rows.reduce<StoredInference | undefined>(
        (most, row) => (most && spent(most) >= spent(row) ? most : row),
        undefined,
      );
    },

    list: (settler, state, beforeMs) =>
      db
        .select()
        .from(inferences)
        .where(and(eq(inferences.settler, settler), eq(inferences.state, state), lt(inferences.openedAtMs, beforeMs)))
        .orderBy(asc(inferences.sequence))
        .limit(1000),

    async window(root) {
      const [row] = await db.select().from(windows).where(eq(windows.root, root));
      return row;
    },
  };
  return withDatabaseErrors(store);
}

/** The payment of a stored inference. */
export function readPayment(row: Pick<StoredInference, "payment">): Payment {
  return paymentSchema.parse(row.payment);
}

/** The evidence of a stored inference, null when no worker answered. */
export function readEvidence(row: Pick<StoredInference, "evidence">): Evidence | null {
  return row.evidence === null ? null : evidenceSchema.parse(row.evidence);
}

/** An abandoned number: nothing was delivered, nothing is charged, nobody is accused. */
export function abandoned(verifier: number, openedAtMs: number, nowMs: number): Outcome {
  return unanswered(Status.ABORTED, verifier, openedAtMs, nowMs);
}

/** No worker's signature stands behind what happened. */
export function unanswered(status: Status, verifier: number, startedAtMs: number, nowMs: number): Outcome {
  return {
    status,
    mode: Mode.SIGNED,
    worker: 0,
    verifier,
    priceNano: 0n,
    inputUnits: 0,
    outputUnits: 0,
    startedAtMs,
    firstOutputAtMs: nowMs,
    finishedAtMs: nowMs,
    outputHash: ZERO32,
    evidence: null,
  };
}

function receiptOf(row: StoredInference, { request }: Payment, outcome: Outcome, spentNano: bigint): Receipt {
  const { evidence, ...fields } = outcome;
  return {
    ...fields,
    // A receipt is never weaker than its request.
    mode: Math.max(fields.mode, request.minMode) as Mode,
    sequence: row.sequence,
    settler: row.settler,
    reservation: row.reservation,
    valueAtRiskNano: request.valueAtRiskNano,
    spentNano,
    requestId: requestHash(request),
    modelVersion: request.modelVersion,
    inputHash: request.inputHash,
    evidenceHash: evidence ? evidenceHash(evidence) : ZERO32,
    memoryRoot: ZERO32,
  };
}

const isReservation = (settler: number, reservation: number) =>
  and(eq(reservations.settler, settler), eq(reservations.reservation, reservation));

const isInference = (settler: number, sequence: bigint) =>
  and(eq(inferences.settler, settler), eq(inferences.sequence, sequence));

/** Makes the row if this is the reservation's first request, and holds it until the transaction ends. */
async function lockReservation(tx: Transaction, settler: number, payment: Payment): Promise<ReservationState> {
  const { voucher, terms } = payment;
  await tx
    .insert(reservations)
    .values({
      settler,
      reservation: voucher.reservation,
      terms: toJson(terms),
      spentNano: 0n,
      inFlightNano: 0n,
      voucher: voucherJson(payment),
      cumulativeNano: 0n,
    })
    .onConflictDoNothing();
  const [row] = await tx.select().from(reservations).where(isReservation(settler, voucher.reservation)).for("update");
  return row as ReservationState;
}

async function lockInference(tx: Transaction, settler: number, sequence: bigint, state: StoredInference["state"]) {
  const [row] = await tx.select().from(inferences).where(isInference(settler, sequence)).for("update");
  if (row?.state === state) return row;
  throw new BaseError("An inference is not in the state it should be in", {
    code: "wrong_state",
    facts: { settler, sequence, state: row?.state ?? "unknown", expected: state },
  });
}

async function takeSequence(tx: Transaction, settler: number): Promise<bigint> {
  const [row] = await tx
    .update(sequences)
    .set({ next: sql`${sequences.next} + 1` })
    .where(eq(sequences.settler, settler))
    .returning({ next: sequences.next });
  if (row) return row.next - 1n;
  throw new BaseError("This settler is not open in this database", { code: "not_open", facts: { settler } });
}

function checkCumulative({ voucher, request }: Payment, state: ReservationState, availableNano: bigint): void {
  const neededNano = state.spentNano + state.inFlightNano + request.maxPriceNano;
  const facts = {
    cumulativeNano: voucher.cumulativeNano,
    spentNano: state.spentNano,
    inFlightNano: state.inFlightNano,
    maxPriceNano: request.maxPriceNano,
  };
  if (voucher.cumulativeNano < neededNano) {
    throw new InputError("The voucher does not cover what was spent, what runs and this request", {
      code: "voucher_too_low",
      facts: { ...facts, neededNano },
      hint: "Sign a voucher for at least neededNano, after checking spentNano against your receipts",
    });
  }
  if (voucher.cumulativeNano > availableNano) {
    throw new InputError("The voucher promises more than the reservation holds", {
      code: "voucher_too_high",
      facts: { ...facts, availableNano },
      hint: "Top up the reservation, or ask for a lower price; a pending release counts as gone",
    });
  }
}

function voucherJson({ voucher, signature }: Payment): unknown {
  return toJson({ voucher, signature });
}

function replay(requestId: Hex): InputError {
  return new InputError("This request was accepted before", {
    code: "request_replayed",
    facts: { requestId },
    hint: `Its receipt is at /v1/receipts/${requestId}; a new request needs a new nonce`,
  });
}
