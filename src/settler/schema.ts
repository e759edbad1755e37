import { bigint, customType, index, integer, jsonb, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => "bytea",
  toDriver: (value) => Buffer.from(value),
  fromDriver: (value) => new Uint8Array(value),
});

/** Whole nano or counters of 64 bits; the supply of 1e18 nano fits. */
const u64 = (name: string) => bigint(name, { mode: "bigint" });
const ms = (name: string) => bigint(name, { mode: "number" });

/** The next sequence number of each settler that this database serves. */
export const sequences = pgTable("sequences", {
  settler: bigint("settler", { mode: "number" }).primaryKey(),
  next: u64("next").notNull(),
});

/** What the settler knows of a reservation beyond the chain. */
export const reservations = pgTable(
  "reservations",
  {
    settler: bigint("settler", { mode: "number" }).notNull(),
    reservation: bigint("reservation", { mode: "number" }).notNull(),
    terms: jsonb("terms").notNull(),
    /** Sum of the prices of all finished inferences. */
    spentNano: u64("spent_nano").notNull(),
    /** Sum of the caps of those that run. */
    inFlightNano: u64("in_flight_nano").notNull(),
    /** The voucher that allows most, and what it allows. */
    voucher: jsonb("voucher").notNull(),
    cumulativeNano: u64("cumulative_nano").notNull(),
  },
  (table) => [primaryKey({ columns: [table.settler, table.reservation] })],
);

/** open → finished (receipt durable) → signed (under a window) → batched. */
export const inferences = pgTable(
  "inferences",
  {
    settler: bigint("settler", { mode: "number" }).notNull(),
    sequence: u64("sequence").notNull(),
    requestId: text("request_id").notNull().unique(),
    reservation: bigint("reservation", { mode: "number" }).notNull(),
    state: text("state", { enum: ["open", "finished", "signed", "batched"] }).notNull(),
    payment: jsonb("payment").notNull(),
    maxPriceNano: u64("max_price_nano").notNull(),
    model: text("model").notNull(),
    openedAtMs: ms("opened_at_ms").notNull(),
    receipt: bytes("receipt"),
    evidence: jsonb("evidence"),
    /** What mode TEE needs to be signed; gone once it is. */
    openingRequest: bytes("opening_request"),
    openingResponse: bytes("opening_response"),
    /** What was switched and why, in order. */
    events: jsonb("events").notNull().default([]),
    window: text("window_root"),
    leafIndex: integer("leaf_index"),
    batch: u64("batch"),
  },
  (table) => [
    primaryKey({ columns: [table.settler, table.sequence] }),
    index("inferences_by_state").on(table.settler, table.state, table.sequence),
    index("inferences_by_window").on(table.window),
  ],
);

/** Windows of receipts, as a verifier signed them. */
export const windows = pgTable("windows", {
  root: text("root").primaryKey(),
  settler: bigint("settler", { mode: "number" }).notNull(),
  verifier: bigint("verifier", { mode: "number" }).notNull(),
  count: integer("count").notNull(),
  signedAtMs: ms("signed_at_ms").notNull(),
  signature: bytes("signature").notNull(),
});

/** planned (body and rows fixed) → signed (quorum reached) → committed. A dropped plan is deleted and made anew. */
export const batches = pgTable(
  "batches",
  {
    settler: bigint("settler", { mode: "number" }).notNull(),
    number: u64("number").notNull(),
    state: text("state", { enum: ["planned", "signed", "committed"] }).notNull(),
    body: jsonb("body").notNull(),
    debits: bytes("debits").notNull(),
    credits: bytes("credits").notNull(),
    tree: bytes("tree").notNull(),
    /** SHA-256 of the batch file. */
    fileHash: bytes("file_hash").notNull(),
    /** As `commitBatch` takes them. */
    signatures: bytes("signatures"),
    /** keccak256 of the signers' operators. */
    signersHash: bytes("signers_hash"),
    txHash: text("tx_hash"),
    gasUsed: u64("gas_used"),
    committedAt: u64("committed_at"),
    committedIn: u64("committed_in"),
    prevHash: bytes("prev_hash"),
    headerHash: bytes("header_hash"),
  },
  (table) => [primaryKey({ columns: [table.settler, table.number] })],
);

export { transactions } from "../core/db/transactions.ts";
