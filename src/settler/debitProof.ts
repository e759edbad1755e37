import { and, desc, eq } from "drizzle-orm";
import { z } from "zod";
import type { OpenDatabase } from "../core/db/open.ts";
import type { CommittedReceipt } from "../core/protocol/batchFile.ts";
import { signature65, termsSchema, voucherSchema } from "../core/protocol/json.ts";
import type { Terms, Voucher } from "../core/protocol/messages.ts";
import { decodeReceipt } from "../core/protocol/receipt.ts";
import { inferences, reservations } from "./schema.ts";
import type { StoredInference } from "./store.ts";

/** The highest voucher of a reservation, with the terms that it stands under. */
export type StoredVoucher = { terms: Terms; voucher: Voucher; signature: Uint8Array };

/** What proves that a debit was rightful: a voucher that allows it, and a committed receipt that shows it. */
export type DebitProof = StoredVoucher & { committed: CommittedReceipt };

export type DebitProofContext = {
  database: OpenDatabase;
  settler: number;
  /** A receipt of a committed batch with its proof. */
  proofOf(row: StoredInference): Promise<CommittedReceipt | undefined>;
};

const storedSchema = z.object({
  terms: termsSchema,
  voucher: z.object({ voucher: voucherSchema, signature: signature65 }),
});

/** Undefined when the reservation was never used here. */
export async function voucherOf(
  { database, settler }: Pick<DebitProofContext, "database" | "settler">,
  reservation: number,
): Promise<StoredVoucher | undefined> {
  const [row] = await database.db
    .select()
    .from(reservations)
    .where(and(eq(reservations.settler, settler), eq(reservations.reservation, reservation)));
  if (!row) return undefined;
  const { terms, voucher } = storedSchema.parse(row);
  return { terms, ...voucher };
}

/** Among the committed receipts of a reservation, one that shows at least `debitedNano` as spent. */
export async function committedReceipt(
  { database, settler, proofOf }: DebitProofContext,
  reservation: number,
  debitedNano: bigint,
): Promise<CommittedReceipt | undefined> {
  const rows = await database.db
    .select()
    .from(inferences)
    .where(
      and(eq(inferences.settler, settler), eq(inferences.reservation, reservation), eq(inferences.state, "batched")),
    )
    .orderBy(desc(inferences.sequence))
    .limit(1000);
  const row = rows.find(({ receipt }) => receipt && decodeReceipt(receipt).spentNano >= debitedNano);
  return row && (await proofOf(row));
}

/** Undefined when no voucher allows, or no committed receipt shows, that much. */
export async function debitProof(
  context: DebitProofContext,
  reservation: number,
  debitedNano: bigint,
): Promise<DebitProof | undefined> {
  const stored = await voucherOf(context, reservation);
  if (!stored || stored.voucher.cumulativeNano < debitedNano) return undefined;
  const committed = await committedReceipt(context, reservation, debitedNano);
  return committed && { ...stored, committed };
}
