import type { Chain } from "../core/chain/open.ts";
import { BaseError, errorMessage } from "../core/errors.ts";
import { toHex } from "../core/hashing/hex.ts";
import type { Logger } from "../core/logger.ts";
import { receiptStruct } from "../core/protocol/receipt.ts";
import type { TxQueue } from "../core/txQueue.ts";
import type { DebitProof } from "../settler/debitProof.ts";
import type { SequenceProof } from "../settler/proofs.ts";

/** As in `ICourt.sol`. */
const OPEN = 1n;

/** The open claims that can still be answered, the latest first; claims are numbered in the order of their last seconds. */
export async function answerable({ contracts: { court }, provider }: Chain) {
  const now = BigInt((await provider.getBlock("latest"))?.timestamp ?? 0);
  const read = async <T extends { state: bigint; answerBy: bigint }>(
    count: bigint,
    get: (claim: bigint) => Promise<T>,
  ) => {
    const open: { claim: bigint; facts: T }[] = [];
    for (let claim = count; claim > 0n; claim--) {
      const facts = await get(claim);
      if (facts.answerBy < now) break;
      if (facts.state === OPEN) open.push({ claim, facts });
    }
    return open;
  };
  const [debits, sequences] = await Promise.all([
    read(await court.claimCount(), (claim) => court.getClaim(claim)),
    read(await court.sequenceClaimCount(), (claim) => court.getSequenceClaim(claim)),
  ]);
  return { now, debits, sequences };
}

export type AnswerDeps = {
  chain: Chain;
  settler: number;
  queue: TxQueue;
  /** Voucher and receipt that show at least `debitedNano` of a reservation; undefined when there are none. */
  proofOf(reservation: number, debitedNano: bigint): Promise<DebitProof | undefined>;
  /** Receipt and signed window of a number; undefined when there are none. */
  openingOf(sequence: bigint): Promise<SequenceProof | undefined>;
  logger: Logger;
  /** Say what would be answered, and send nothing. */
  dryRun?: boolean;
};

/** Which claim, and what it is about. */
export type DebitInDoubt = { claim: bigint; reservation: number; debitedNano: bigint };
export type SequenceInDoubt = { claim: bigint; sequence: bigint };

export type Answer = (DebitInDoubt | SequenceInDoubt) & {
  outcome: "answered" | "answerable" | "unproven" | "failed";
  txHash?: string;
};

/**
 * One pass: answers every open claim against the settler's debits and sequence numbers with what its database has. A
 * settler that does not answer in time is slashed even for a rightful debit. Running it again, or beside another one,
 * answers nothing twice.
 */
export async function answerOnce(deps: AnswerDeps): Promise<Answer[]> {
  const { debits, sequences } = await answerable(deps.chain);
  const answers: Answer[] = [];
  for (const { claim, facts } of debits) {
    if (Number(facts.settler) === deps.settler) answers.push(await answerDebit(deps, claim, Number(facts.reservation)));
  }
  for (const { claim, facts } of sequences) {
    if (Number(facts.settler) === deps.settler) answers.push(await answerSequence(deps, claim, facts.sequence));
  }
  return answers;
}

async function answerDebit(deps: AnswerDeps, claim: bigint, reservation: number): Promise<Answer> {
  const { settlement } = deps.chain.contracts;
  const { balanceNano, netNano } = await settlement.getReservation(deps.settler, reservation);
  const inDoubt = { claim, reservation, debitedNano: netNano - balanceNano };
  const proof = await deps.proofOf(reservation, inDoubt.debitedNano);
  return answer(deps, inDoubt, proof && encodeProof(deps.chain, claim, proof));
}

async function answerSequence(deps: AnswerDeps, claim: bigint, sequence: bigint): Promise<Answer> {
  const proof = await deps.openingOf(sequence);
  return answer(deps, { claim, sequence }, proof && encodeOpening(deps.chain, claim, proof));
}

/** Sends an answer, or says that there is none. Never throws. */
export async function answer(
  { chain, queue, logger, dryRun }: Pick<AnswerDeps, "chain" | "queue" | "logger" | "dryRun">,
  inDoubt: DebitInDoubt | SequenceInDoubt,
  data: string | undefined,
): Promise<Answer> {
  const facts = factsOf(inDoubt);
  if (!data) {
    logger.error(facts, "claim.unproven");
    return { ...inDoubt, outcome: "unproven" };
  }
  if (dryRun) return { ...inDoubt, outcome: "answerable" };
  try {
    const to = String(chain.contracts.court.target);
    const receipt = await queue.send(`${"sequence" in inDoubt ? "open" : "answer"}/${to}/${inDoubt.claim}`, {
      to,
      data,
    });
    logger.info({ ...facts, txHash: receipt.hash }, "claim.answered");
    return { ...inDoubt, outcome: "answered", txHash: receipt.hash };
  } catch (error) {
    const code = error instanceof BaseError ? error.code : "unknown";
    logger.error({ ...facts, code, reason: errorMessage(error) }, "claim.failed");
    return { ...inDoubt, outcome: "failed" };
  }
}

function factsOf(inDoubt: DebitInDoubt | SequenceInDoubt) {
  if ("sequence" in inDoubt) return { claim: String(inDoubt.claim), sequence: String(inDoubt.sequence) };
  const { claim, reservation, debitedNano } = inDoubt;
  return { claim: String(claim), reservation, debitedNano: String(debitedNano) };
}

/** What opens a sequence before the court. */
export function encodeOpening({ contracts }: Chain, claim: bigint, shown: SequenceProof): string {
  const { committed, signature, windowPath } = shown;
  const { signedAtMs, root, ...rest } = shown.window;
  return contracts.court.interface.encodeFunctionData("openSequence", [
    claim,
    receiptStruct(committed.receipt),
    committed.path.map(toHex),
    { ...rest, root: toHex(root), signedAt: signedAtMs },
    windowPath.map(toHex),
    toHex(signature),
  ]);
}

/**
 * What proves a debit before the court. `later` are numbers of batches whose debits were shown and do not count; a settler
 * leaves none out, because it can prove them all.
 */
export function encodeProof({ contracts }: Chain, claim: bigint, shown: DebitProof, later: bigint[] = []): string {
  const { terms, voucher, signature, committed } = shown;
  const { settler, reservation, termsHash, cumulativeNano, requestHash, expiry } = voucher;
  const { receipt, path, number, prevHash, restHash } = committed;
  return contracts.court.interface.encodeFunctionData("proveDebit", [
    claim,
    terms,
    {
      settler,
      reservation,
      termsHash: toHex(termsHash),
      cumulative: cumulativeNano,
      requestHash: toHex(requestHash),
      expiry,
    },
    toHex(signature),
    receiptStruct(receipt),
    path.map(toHex),
    { number, prevHash: toHex(prevHash), restHash: toHex(restHash), later: [] },
    later,
  ]);
}
