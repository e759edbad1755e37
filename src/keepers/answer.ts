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
type DebitInDoubt = { claim: bigint; reservation: number; debitedNano: bigint };
type SequenceInDoubt = { claim: bigint; sequence: bigint };

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
  const { court } = deps.chain.contracts;
  const answers: Answer[] = [];
  const block = await deps.chain.provider.getBlock("latest");
  const now = BigInt(block?.timestamp ?? 0);
  for (let claim = await court.claimCount(); claim > 0n; claim--) {
    const { state, settler, reservation, answerBy } = await court.getClaim(claim);
    // Claims are numbered in the order of their last seconds.
    if (answerBy < now) break;
    if (state === OPEN && Number(settler) === deps.settler)
      answers.push(await answerDebit(deps, claim, Number(reservation)));
  }
  for (let claim = await court.sequenceClaimCount(); claim > 0n; claim--) {
    const { state, settler, sequence, answerBy } = await court.getSequenceClaim(claim);
    if (answerBy < now) break;
    if (state === OPEN && Number(settler) === deps.settler) answers.push(await answerSequence(deps, claim, sequence));
  }
  return answers;
}

async function answerDebit(deps: AnswerDeps, claim: bigint, reservation: number): Promise<Answer> {
  const { settlement, court } = deps.chain.contracts;
  const { balanceNano, netNano } = await settlement.getReservation(deps.settler, reservation);
  const inDoubt = { claim, reservation, debitedNano: netNano - balanceNano };
  const proof = await deps.proofOf(reservation, inDoubt.debitedNano);
  const encode = (shown: DebitProof) =>
    court.interface.encodeFunctionData("proveDebit", answerArguments(claim, shown) as never);
  return answer(deps, inDoubt, `answer/${court.target}/${claim}`, proof && encode(proof));
}

async function answerSequence(deps: AnswerDeps, claim: bigint, sequence: bigint): Promise<Answer> {
  const { court } = deps.chain.contracts;
  const proof = await deps.openingOf(sequence);
  const encode = (shown: SequenceProof) =>
    court.interface.encodeFunctionData("openSequence", openingArguments(claim, shown) as never);
  return answer(deps, { claim, sequence }, `open/${court.target}/${claim}`, proof && encode(proof));
}

async function answer(
  { chain, queue, logger, dryRun }: AnswerDeps,
  inDoubt: DebitInDoubt | SequenceInDoubt,
  key: string,
  data: string | undefined,
): Promise<Answer> {
  const facts = factsOf(inDoubt);
  if (!data) {
    logger.error(facts, "claim.unproven");
    return { ...inDoubt, outcome: "unproven" };
  }
  if (dryRun) return { ...inDoubt, outcome: "answerable" };
  try {
    const receipt = await queue.send(key, { to: String(chain.contracts.court.target), data });
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

/** What `Court.openSequence` takes. */
function openingArguments(claim: bigint, { committed, window, signature, windowPath }: SequenceProof) {
  const { signedAtMs, root, ...rest } = window;
  return [
    claim,
    receiptStruct(committed.receipt),
    committed.path.map(toHex),
    { ...rest, root: toHex(root), signedAt: signedAtMs },
    windowPath.map(toHex),
    toHex(signature),
  ];
}

/** What `Court.proveDebit` takes; no later debits are left out, because a settler knows them all. */
function answerArguments(claim: bigint, { terms, voucher, signature, committed }: DebitProof) {
  const { settler, reservation, termsHash, cumulativeNano, requestHash, expiry } = voucher;
  const { receipt, path, number, prevHash, restHash } = committed;
  return [
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
    [],
  ];
}
