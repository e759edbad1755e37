import { bigint, index, pgTable, text } from "drizzle-orm/pg-core";

/** Transactions that were signed and may have been sent; see core/txQueue.ts. */
export const transactions = pgTable(
  "transactions",
  {
    /** What it does, once: the same id never is two transactions. */
    id: text("id").primaryKey(),
    signer: text("signer").notNull(),
    chainId: bigint("chain_id", { mode: "number" }).notNull(),
    nonce: bigint("nonce", { mode: "number" }).notNull(),
    /** Signed, ready to be sent again. */
    raw: text("raw").notNull(),
    hash: text("hash").notNull(),
    state: text("state", { enum: ["sending", "mined", "replaced"] }).notNull(),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (table) => [index("transactions_by_signer").on(table.signer, table.state)],
);
