import type { Contracts } from "../../core/chain/contracts.ts";
import { equalBytes, type Hex, toHex, ZERO32 } from "../../core/hashing/hex.ts";
import { recoverAddress } from "../../core/hashing/secp256k1.ts";
import { type Domain, typedDigest } from "../../core/protocol/domain.ts";
import { type Request, type Terms, windowHash } from "../../core/protocol/messages.ts";
import { priceOf } from "../../core/protocol/price.ts";
import { type Receipt, Status } from "../../core/protocol/receipt.ts";
import type { LoggedReservation } from "../../sdk/readReceiptLog.ts";
import type { CommittedBatch } from "./history.ts";
import type { Material, ShownReceipt } from "./material.ts";

/** A fault of a settler that the court can be shown, or asked to have disproven. */
export type Finding =
  | { kind: "debit"; number: bigint; reservation: number; row: number; amountNano: bigint; certain: boolean }
  | { kind: "policy"; number: bigint; reservation: number; row: number; amountNano: bigint; terms: Terms }
  | { kind: "request"; reservation: number; amountNano: bigint; shown: ShownReceipt; request: Request }
  | { kind: "price"; reservation: number; amountNano: bigint; shown: ShownReceipt }
  | { kind: "sequence"; sequence: bigint; amountNano: bigint; certain: boolean }
  | { kind: "doubled"; first: ShownReceipt; second: ShownReceipt; other: CommittedBatch; amountNano: bigint }
  | { kind: "outOfRange"; shown: ShownReceipt; amountNano: bigint };

/** A reservation of the payer's, as its log has it. */
export type Watched = { reservation: number; terms: Terms; log: LoggedReservation };

export type JudgeContext = { contracts: Pick<Contracts, "teeRegistry" | "modelRegistry">; domain: Domain };

/** How long after its end a key may still have signed, in seconds; as in `ReceiptJudge.sol`. */
const ENDED_GRACE = 300;

/**
 * What is wrong with the receipts of a batch, as far as they can be shown; amounts in nano. Every rule is the one by which
 * the court decides: what is found here is upheld there.
 */
export async function receiptFindings(
  context: JudgeContext,
  batch: CommittedBatch,
  material: Material,
  watched: readonly Watched[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { settler } = batch.body;
  const windows = new Map<Hex, Promise<boolean>>();
  for (const shown of material.shown) {
    const { receipt } = shown;
    if (receipt.settler !== settler || !isInside(batch, receipt.sequence)) {
      findings.push({ kind: "outOfRange", shown, amountNano: 0n });
      continue;
    }
    const mine = watched.find(({ reservation }) => reservation === receipt.reservation);
    if (!mine) continue;
    const dearest = largest([requestFinding(shown, mine), await priceFinding(context, shown)]);
    if (dearest) findings.push(dearest);
    if (shown.window && !(await isAttested(context, shown, windows))) {
      findings.push({ kind: "sequence", sequence: receipt.sequence, amountNano: receipt.priceNano, certain: true });
    }
  }
  findings.push(...doubled(batch, material.shown));
  findings.push(...unshown(batch, material, watched));
  return findings;
}

/** The same request billed in two batches. */
export function billedTwice(
  batch: CommittedBatch,
  material: Material,
  earlier: readonly { batch: CommittedBatch; shown: readonly ShownReceipt[] }[],
): Finding[] {
  const billed = new Map(material.shown.filter(isBilled).map((shown) => [toHex(shown.receipt.requestId), shown]));
  return earlier.flatMap(({ batch: other, shown }) =>
    shown.filter(isBilled).flatMap((first): Finding[] => {
      const second = billed.get(toHex(first.receipt.requestId));
      if (!second || equalBytes(first.leaf, second.leaf) || other === batch) return [];
      return [{ kind: "doubled", first: second, second: first, other, amountNano: second.receipt.priceNano }];
    }),
  );
}

const isBilled = ({ receipt }: ShownReceipt) => receipt.priceNano !== 0n;

export function isInside({ body }: CommittedBatch, sequence: bigint): boolean {
  return sequence >= body.firstSequence && sequence < body.firstSequence + BigInt(body.count);
}

function requestFinding(shown: ShownReceipt, { log }: Watched): Finding | undefined {
  const { receipt } = shown;
  const request = log.requests.get(toHex(receipt.requestId))?.request ?? shown.request;
  if (!request) return undefined;
  const weaker =
    !equalBytes(receipt.modelVersion, request.modelVersion) ||
    !equalBytes(receipt.inputHash, request.inputHash) ||
    receipt.mode < request.minMode ||
    receipt.valueAtRiskNano < request.valueAtRiskNano;
  if (!weaker && receipt.priceNano <= request.maxPriceNano) return undefined;
  const amountNano = receipt.priceNano - (weaker ? 0n : request.maxPriceNano);
  return { kind: "request", reservation: receipt.reservation, amountNano, shown, request };
}

async function priceFinding({ contracts }: JudgeContext, shown: ShownReceipt): Promise<Finding | undefined> {
  const { receipt } = shown;
  if (receipt.priceNano === 0n) return undefined;
  const allowed = isDelivered(receipt) ? await listPrice(contracts, receipt) : 0n;
  if (receipt.priceNano <= allowed) return undefined;
  return { kind: "price", reservation: receipt.reservation, amountNano: receipt.priceNano - allowed, shown };
}

function isDelivered({ status, outputUnits, evidenceHash }: Receipt): boolean {
  const delivered = status === Status.OK || status === Status.ABORTED;
  return delivered && outputUnits > 0 && !equalBytes(evidenceHash, ZERO32);
}

async function listPrice({ modelRegistry }: JudgeContext["contracts"], receipt: Receipt): Promise<bigint> {
  const [inputPriceNano, outputPriceNano] = await modelRegistry.pricesOf(toHex(receipt.modelVersion));
  return priceOf({ inputPriceNano, outputPriceNano }, receipt);
}

function largest(found: (Finding | undefined)[]): Finding | undefined {
  return found.reduce((most, one) => (one && (!most || one.amountNano > most.amountNano) ? one : most), undefined);
}

/** The window was signed by a key that its verifier's node had at that time. */
async function isAttested(
  { contracts, domain }: JudgeContext,
  { receipt, window: signed }: ShownReceipt,
  known: Map<Hex, Promise<boolean>>,
): Promise<boolean> {
  if (!signed) return true;
  const { window, signature } = signed;
  if (window.settler !== receipt.settler || window.verifier !== receipt.verifier || receipt.verifier === 0)
    return false;
  const key = toHex(window.root);
  const standing =
    known.get(key) ?? nodeOf(contracts, recoverAddress(typedDigest(domain, windowHash(window)), signature));
  known.set(key, standing);
  return standing;

  async function nodeOf({ teeRegistry }: JudgeContext["contracts"], signer: Hex | undefined): Promise<boolean> {
    if (!signer) return false;
    const moment = Math.max(Math.floor(window.signedAtMs / 1000) - ENDED_GRACE, 0);
    return Number(await teeRegistry.nodeAt(signer, moment)) === window.verifier;
  }
}

/** Two receipts with one sequence, or two with one request and a price each. */
function doubled(batch: CommittedBatch, shown: readonly ShownReceipt[]): Finding[] {
  const bySequence = new Map<bigint, ShownReceipt>();
  const byRequest = new Map<Hex, ShownReceipt>();
  const findings: Finding[] = [];
  for (const second of shown) {
    const { sequence, requestId, priceNano } = second.receipt;
    const first = bySequence.get(sequence) ?? (priceNano === 0n ? undefined : byRequest.get(toHex(requestId)));
    if (first && !equalBytes(first.leaf, second.leaf)) {
      findings.push({ kind: "doubled", first, second, other: batch, amountNano: priceNano });
    }
    bySequence.set(sequence, second);
    if (priceNano !== 0n) byRequest.set(toHex(requestId), second);
  }
  return findings;
}

/**
 * A number of the batch that nobody shows. Where all receipts are known, any number that is not among them; else the
 * dearest of the payer's own receipts that should be there. One is enough: a batch is punished once.
 */
function unshown(batch: CommittedBatch, { known, shown }: Material, watched: readonly Watched[]): Finding[] {
  const seen = new Set(shown.map(({ receipt }) => receipt.sequence));
  if (known === "all") {
    for (let i = 0; i < batch.body.count; i++) {
      const sequence = batch.body.firstSequence + BigInt(i);
      if (!seen.has(sequence)) return [{ kind: "sequence", sequence, amountNano: 0n, certain: true }];
    }
    return [];
  }
  const missing = watched
    .flatMap(({ log }) => [...log.receipts.values()])
    .filter(({ receipt }) => isInside(batch, receipt.sequence) && !seen.has(receipt.sequence))
    .sort((a, b) => Number(b.receipt.priceNano - a.receipt.priceNano));
  const [dearest] = missing;
  if (!dearest) return [];
  const { sequence, priceNano } = dearest.receipt;
  return [{ kind: "sequence", sequence, amountNano: priceNano, certain: false }];
}
