import type { Chain } from "../core/chain/open.ts";
import { BaseError, errorMessage } from "../core/errors.ts";
import { toHex } from "../core/hashing/hex.ts";
import type { Logger } from "../core/logger.ts";
import { receiptStruct } from "../core/protocol/receipt.ts";
import type { TxQueue } from "../core/txQueue.ts";
import type { DebitProof } from "../settler/debitProof.ts";

/** As in `ICourt.sol`. */
const OPEN = 1n;

export type AnswerDeps = {
  chain: Chain;
  settler: number;
  queue: TxQueue;
  /** Voucher and receipt that show at least `debitedNano` of a reservation; undefined when there are none. */
  proofOf(reservation: number, debitedNano: bigint): Promise<DebitProof | undefined>;
  logger: Logger;
  /** Say what would be answered, and send nothing. */
  dryRun?: boolean;
};

export type Answer = {
  claim: bigint;
  reservation: number;
  debitedNano: bigint;
  outcome: "answered" | "answerable" | "unproven" | "failed";
  txHash?: string;
};

/**
 * One pass: answers every open claim against the settler's debits with what its database has. A settler that does not
 * answer in time is slashed even for a rightful debit. Running it again, or beside another one, answers nothing twice.
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
      answers.push(await answer(deps, claim, Number(reservation)));
  }
  return answers;
}

async function answer(deps: AnswerDeps, claim: bigint, reservation: number): Promise<Answer> {
  const { chain, settler, queue, proofOf, logger, dryRun } = deps;
  const { balanceNano, netNano } = await chain.contracts.settlement.getReservation(settler, reservation);
  const base = { claim, reservation, debitedNano: netNano - balanceNano };
  const proof = await proofOf(reservation, base.debitedNano);
  if (!proof) {
    logger.error({ ...facts(base) }, "claim.unproven");
    return { ...base, outcome: "unproven" };
  }
  if (dryRun) return { ...base, outcome: "answerable" };
  try {
    const { court } = chain.contracts;
    const data = court.interface.encodeFunctionData("proveDebit", answerArguments(claim, proof) as never);
    const receipt = await queue.send(`answer/${court.target}/${claim}`, { to: String(court.target), data });
    logger.info({ ...facts(base), txHash: receipt.hash }, "claim.answered");
    return { ...base, outcome: "answered", txHash: receipt.hash };
  } catch (error) {
    const code = error instanceof BaseError ? error.code : "unknown";
    logger.error({ ...facts(base), code, reason: errorMessage(error) }, "claim.failed");
    return { ...base, outcome: "failed" };
  }
}

function facts({ claim, reservation, debitedNano }: Pick<Answer, "claim" | "reservation" | "debitedNano">) {
  return { claim: String(claim), reservation, debitedNano: String(debitedNano) };
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
