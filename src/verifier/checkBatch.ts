import { collectableOf, sharesOf } from "../core/chain/shares.ts";
import type { PolicyRecord, SettlerRecord } from "../core/chain/view.ts";
import { InputError } from "../core/errors.ts";
import { equalBytes, type Hex, toHex } from "../core/hashing/hex.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { recoverAddress } from "../core/hashing/secp256k1.ts";
import { sha256 } from "../core/hashing/sha256.ts";
import { batchFee, sizesHash } from "../core/protocol/batch.ts";
import { type BatchFile, batchTree, type CommittedReceipt, decodeBatchFile } from "../core/protocol/batchFile.ts";
import { typedDigest } from "../core/protocol/domain.ts";
import { type BatchBody, windowHash } from "../core/protocol/messages.ts";
import { decodeReceipt, leafHasher, type Receipt } from "../core/protocol/receipt.ts";
import { decodeRows, encodeRows, rowsHash } from "../core/protocol/rows.ts";
import { creditRows, debitRows, owedOf, paidPrices } from "../core/protocol/split.ts";
import { type CheckContext, checkRequest, checkVoucherKey, checkWork, MAX_SKEW_MS } from "./checkReceipt.ts";

export type BatchCheckContext = CheckContext & {
  /** The latest deadline a body may carry, in seconds from now. */
  settleLag: number;
};

/**
 * Checks everything that a signer of a batch answers for: the bytes are those that `data` names, every receipt is under
 * a window that an attested verifier signed, the sequences are exactly the next ones, and behind every debit stands a
 * voucher that allows it and receipts that come to it. Throws an `InputError` that names the first thing wrong.
 */
export async function checkBatch(context: BatchCheckContext, body: BatchBody, bytes: Uint8Array): Promise<BatchFile> {
  const { view } = context;
  const policy = await view.policy(body.policy);
  if (!policy) throw wrong("policy", { policy: body.policy });
  const file = decodeBatchFile(bytes);
  const tree = batchTree(file.windows);
  checkData(body, policy, bytes, tree.encoded);
  if (!equalBytes(tree.root, body.root)) throw wrong("root", { given: toHex(body.root), computed: toHex(tree.root) });
  if (tree.count !== body.count || file.receipts.length !== body.count) {
    throw wrong("count", { given: body.count, leaves: tree.count, receipts: file.receipts.length });
  }
  if (file.settler !== body.settler || file.number !== body.number) throw wrong("number", { given: body.number });
  const settler = await view.settler(body.settler);
  await checkOrder(context, body, settler);
  await checkWindows(context, file);

  const receipts = checkLeaves(context, file, tree.leaves);
  checkVerifiers(file, receipts);
  checkSequences(body, receipts);
  for (const [i, receipt] of receipts.entries()) {
    const { request, evidence } = file.receipts[i] as BatchFile["receipts"][number];
    checkRequest(receipt, request);
    // A worker may have retired since: what counts of a receipt that costs nothing is that it costs nothing.
    if (receipt.priceNano !== 0n) await checkWork(context, receipt, evidence);
  }
  await checkMoney(context, body, file, receipts, policy, settler);
  return file;
}

function checkData(body: BatchBody, policy: PolicyRecord, bytes: Uint8Array, tree: Uint8Array): void {
  const expected = policy.dataMode === "OFFCHAIN" ? sha256(bytes) : sizesHash(tree);
  if (!equalBytes(body.data, expected)) throw wrong("data", { given: toHex(body.data), expected: toHex(expected) });
}

/** The body is the settler's next, and its deadline leaves no time for the money to go elsewhere. */
async function checkOrder({ view, settleLag }: BatchCheckContext, body: BatchBody, settler: SettlerRecord) {
  if (body.number !== settler.batches + 1n) throw wrong("number", { given: body.number, next: settler.batches + 1n });
  if (body.firstSequence !== settler.nextSequence) {
    throw wrong("firstSequence", { given: body.firstSequence, next: settler.nextSequence });
  }
  const now = await view.timestamp();
  if (body.deadline < now || body.deadline > now + BigInt(settleLag)) {
    throw wrong("deadline", { given: body.deadline, now, latest: now + BigInt(settleLag) });
  }
}

async function checkWindows(
  { domain, view, clock }: BatchCheckContext,
  { windows, settler }: BatchFile,
): Promise<void> {
  const roots = new Set<Hex>();
  for (const { window, signature } of windows) {
    const root = toHex(window.root);
    if (roots.has(root)) throw wrong("window", { root, reason: "stands twice" });
    roots.add(root);
    if (window.settler !== settler) throw wrong("window", { root, settler: window.settler });
    // A time to come would let a key that ends before it take back what it signed.
    if (window.signedAtMs > clock() + MAX_SKEW_MS) throw wrong("window", { root, signedAtMs: window.signedAtMs });
    const signer = recoverAddress(typedDigest(domain, windowHash(window)), signature);
    // As it was when it signed: a key that ended since must not keep what it signed from being settled.
    const key = signer && (await view.teeKeyAt(signer, window.signedAtMs));
    if (key?.node !== window.verifier) {
      throw wrong("window", {
        root,
        verifier: window.verifier,
        reason: "not signed by an active key of that verifier",
      });
    }
  }
}

/** The receipts are the preimages of the leaves, in order. */
function checkLeaves({ domain }: BatchCheckContext, file: BatchFile, leaves: readonly Uint8Array[]): Receipt[] {
  const hasher = leafHasher(domain);
  return file.receipts.map(({ receipt: encoded }, i) => {
    if (!equalBytes(hasher.ofEncoded(encoded), leaves[i] as Uint8Array)) throw wrong("receipt", { position: i });
    return decodeReceipt(encoded);
  });
}

/** Each receipt names the verifier that signed its window: nobody else could open its number before the court. */
function checkVerifiers({ windows }: BatchFile, receipts: readonly Receipt[]): void {
  let position = 0;
  for (const { window, part } of windows) {
    const end = position + (part?.length ?? window.count);
    for (; position < end; position++) {
      const { verifier, sequence } = receipts[position] as Receipt;
      if (verifier !== window.verifier)
        throw wrong("verifier", { sequence, receipt: verifier, window: window.verifier });
    }
  }
}

/** Each number of [firstSequence, firstSequence + count) once, all of this settler. */
function checkSequences({ settler, firstSequence, count }: BatchBody, receipts: readonly Receipt[]): void {
  const seen = new Set<bigint>();
  const billed = new Set<Hex>();
  for (const { sequence, settler: of, requestId, priceNano } of receipts) {
    const id = toHex(requestId);
    if (priceNano !== 0n && billed.has(id)) throw wrong("request", { requestId: id, reason: "billed twice" });
    if (priceNano !== 0n) billed.add(id);
    const inside = sequence >= firstSequence && sequence < firstSequence + BigInt(count);
    if (of !== settler || !inside || seen.has(sequence)) {
      throw wrong("sequence", { sequence, settler: of, reason: seen.has(sequence) ? "stands twice" : "out of range" });
    }
    seen.add(sequence);
  }
}

async function checkMoney(
  context: BatchCheckContext,
  body: BatchBody,
  file: BatchFile,
  receipts: readonly Receipt[],
  policy: PolicyRecord,
  settler: SettlerRecord,
): Promise<void> {
  const owed = owedOf(receipts);
  const collectable = await collectableOf(context.view, body.settler, owed.keys(), body.deadline);
  const debits = debitRows(owed, collectable);
  if (!equalBytes(encodeRows(debits), file.debits)) {
    throw wrong("debits", { reason: "not what the receipts come to and the reservations hold" });
  }
  const total = debits.reduce((sum, row) => sum + row.amountNano, 0n);
  if (total !== body.totalNano) throw wrong("total", { given: body.totalNano, sum: total });
  const fee = batchFee(total, policy.feePpm);
  if (fee !== body.feeNano) throw wrong("fee", { given: body.feeNano, expected: fee });
  const shares = await sharesOf(context.view, receipts, paidPrices(receipts, debits));
  const expectedCredits = encodeRows(creditRows(policy, settler.payee, shares));
  if (!equalBytes(expectedCredits, file.credits)) throw wrong("credits", { reason: "not the policy's split" });
  if (!equalBytes(rowsHash(file.debits, file.credits), body.rowsHash)) {
    throw wrong("rowsHash", { debits: toHex(keccak256(file.debits)) });
  }
  await checkDebits(context, body, file, receipts);
}

/** Behind every row: a voucher that allows, and a receipt that shows, all that will have been debited. */
async function checkDebits(
  context: BatchCheckContext,
  body: BatchBody,
  { debits, vouchers }: BatchFile,
  receipts: readonly Receipt[],
): Promise<void> {
  const byReservation = new Map(vouchers.map((voucher) => [voucher.reservation, voucher]));
  await Promise.all(
    decodeRows(debits).map(async ({ index: reservation, amountNano }) => {
      const shown = byReservation.get(reservation);
      if (!shown) throw wrong("voucher", { reservation, reason: "absent" });
      await checkVoucherKey(context, body.settler, reservation, shown);
      if (shown.terms.policy !== body.policy) {
        throw wrong("policy", { reservation, terms: shown.terms.policy, batch: body.policy });
      }
      // No more than what a release that falls due by the deadline leaves, see {collectableOf}.
      const { balanceNano, netNano } = await context.view.reservation(body.settler, reservation);
      const debited = netNano - balanceNano + amountNano;
      if (shown.voucher.cumulativeNano < debited) {
        throw wrong("voucher", { reservation, cumulative: shown.voucher.cumulativeNano, debited });
      }
      const shownReceipts = receipts.filter((receipt) => receipt.reservation === reservation);
      if (shown.earlier) shownReceipts.push(await checkEarlier(context, body.settler, reservation, shown.earlier));
      const spent = shownReceipts.reduce((most, { spentNano }) => (spentNano > most ? spentNano : most), 0n);
      if (spent < debited) throw wrong("spent", { reservation, spent, debited });
    }),
  );
}

async function checkEarlier(
  { view }: BatchCheckContext,
  settler: number,
  reservation: number,
  earlier: CommittedReceipt,
): Promise<Receipt> {
  const receipt = decodeReceipt(earlier.receipt);
  const own = receipt.settler === settler && receipt.reservation === reservation;
  if (own && (await view.isCommitted(earlier))) return receipt;
  throw wrong("earlier", {
    reservation,
    batch: earlier.number,
    reason: own ? "not committed" : "of another reservation",
  });
}

function wrong(field: string, facts: Record<string, unknown>): InputError {
  return new InputError(`A batch's ${field} is wrong`, { code: "bad_batch", facts: { field, ...facts } });
}
