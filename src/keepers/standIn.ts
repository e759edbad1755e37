import type { Chain } from "../core/chain/open.ts";
import { equalBytes } from "../core/hashing/hex.ts";
import type { Logger } from "../core/logger.ts";
import { packOperators } from "../core/protocol/batch.ts";
import type { CommittedReceipt } from "../core/protocol/batchFile.ts";
import type { TxQueue } from "../core/txQueue.ts";
import type { DebitProof } from "../settler/debitProof.ts";
import { type Answer, answer, answerable, encodeOpening, encodeProof } from "./answer.ts";
import { encodeShowDebit } from "./watch/act.ts";
import { showDebit } from "./watch/follow.ts";
import { type CommittedBatch, createHistory, type History } from "./watch/history.ts";
import { fetchFile, fromFile, type Material, type ShownReceipt } from "./watch/material.ts";

export type StandInDeps = {
  chain: Chain;
  /** Whose signatures are answered for. */
  operator: number;
  /** Where the batch files are that it signed: its verifiers. */
  dataUrls: readonly string[];
  queue: TxQueue;
  logger: Logger;
  /** Say what would be answered, and send nothing. */
  dryRun?: boolean;
};

export type StandIn = { pass(): Promise<Answer[]> };

/**
 * Answers for an operator's verifiers what a settler leaves unanswered for half of its time: a signer of a batch pays when
 * nobody proves its debits. All of it stands in the batch file that a verifier keeps.
 */
export function createStandIn(deps: StandInDeps): StandIn {
  const { chain, logger } = deps;
  const histories = new Map<number, ReturnType<typeof createHistory>>();

  async function historyOf(settler: number): Promise<History> {
    const { court } = chain.contracts;
    const history = histories.get(settler) ?? createHistory(chain, settler, logger);
    histories.set(settler, history);
    return history.refresh(await court.penaltyDelay());
  }

  return {
    async pass() {
      const { now, debits, sequences } = await answerable(chain);
      const answerTime = await chain.contracts.court.answerTime();
      const isLate = ({ facts }: { facts: { answerBy: bigint } }) => (facts.answerBy - now) * 2n <= answerTime;
      const answers: Answer[] = [];
      for (const { claim, facts } of debits.filter(isLate)) {
        const [settler, reservation] = [Number(facts.settler), Number(facts.reservation)];
        const history = await historyOf(settler);
        const batch = signedBatch(deps, history, facts.number);
        if (!batch) continue;
        const { balanceNano, netNano } = await chain.contracts.settlement.getReservation(settler, reservation);
        const inDoubt = { claim, reservation, debitedNano: netNano - balanceNano };
        const proof = debitProof(batch, await materialOf(deps, batch), reservation);
        const later = proof ? await showLater(deps, history, batch, reservation) : [];
        answers.push(await answer(deps, inDoubt, proof && encodeProof(chain, claim, proof, later)));
      }
      for (const { claim, facts } of sequences.filter(isLate)) {
        const history = await historyOf(Number(facts.settler));
        const batch = signedBatch(deps, history, facts.number);
        if (!batch) continue;
        const material = await materialOf(deps, batch);
        const shown = material?.shown.find(({ receipt }) => receipt.sequence === facts.sequence);
        const proof = shown?.window && { committed: committedOf(batch, shown), ...shown.window };
        const inDoubt = { claim, sequence: facts.sequence };
        answers.push(await answer(deps, inDoubt, proof && encodeOpening(chain, claim, proof)));
      }
      return answers;
    },
  };
}

function signedBatch({ operator }: StandInDeps, { batches }: History, number: bigint): CommittedBatch | undefined {
  const batch = batches.get(number);
  const own = packOperators([operator]);
  for (let offset = 0; batch && offset < batch.signers.length; offset += own.length) {
    if (equalBytes(batch.signers.subarray(offset, offset + own.length), own)) return batch;
  }
  return undefined;
}

async function materialOf({ chain, dataUrls }: StandInDeps, batch: CommittedBatch): Promise<Material | undefined> {
  for (const source of dataUrls) {
    const file = await fetchFile(source, batch);
    const material = file && fromFile(chain.domain, batch, file);
    if (material) return material;
  }
  return undefined;
}

/** The voucher that the file has, and the receipt that shows most. */
function debitProof(
  batch: CommittedBatch,
  material: Material | undefined,
  reservation: number,
): DebitProof | undefined {
  const entry = material?.file?.vouchers.find((voucher) => voucher.reservation === reservation);
  if (!material || !entry) return undefined;
  const { terms, voucher, signature, earlier } = entry;
  const [most] = material.shown
    .filter(({ receipt }) => receipt.reservation === reservation)
    .sort((a, b) => Number(b.receipt.spentNano - a.receipt.spentNano));
  const committed = earlier ?? (most && committedOf(batch, most));
  return committed && { terms, voucher, signature, committed };
}

function committedOf({ body, prevHash, restHash }: CommittedBatch, { encoded, path }: ShownReceipt): CommittedReceipt {
  return { receipt: encoded, path, number: body.number, prevHash, restHash };
}

/** Has the court see the later debits of the reservation, so that this batch answers for nothing that came after it. */
async function showLater(
  deps: StandInDeps,
  { batches }: History,
  { body }: CommittedBatch,
  reservation: number,
): Promise<bigint[]> {
  const later: bigint[] = [];
  for (const [number, batch] of batches) {
    const row = batch.debits.findIndex(({ index }) => index === reservation);
    if (number <= body.number || row < 0) continue;
    const about = { settler: body.settler, number, reservation };
    if (!deps.dryRun) await showDebit(deps, about, () => encodeShowDebit(deps.chain, batch, row));
    later.push(number);
  }
  return later;
}
