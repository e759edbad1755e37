CREATE TABLE "batches" (
	"settler" bigint NOT NULL,
	"number" bigint NOT NULL,
	"state" text NOT NULL,
	"body" jsonb NOT NULL,
	"debits" "bytea" NOT NULL,
	"credits" "bytea" NOT NULL,
	"tree" "bytea" NOT NULL,
	"file_hash" "bytea" NOT NULL,
	"signatures" "bytea",
	"signers_hash" "bytea",
	"tx_hash" text,
	"gas_used" bigint,
	"committed_at" bigint,
	"committed_in" bigint,
	"prev_hash" "bytea",
	"header_hash" "bytea",
	CONSTRAINT "batches_settler_number_pk" PRIMARY KEY("settler","number")
);
--> statement-breakpoint
CREATE TABLE "inferences" (
	"settler" bigint NOT NULL,
	"sequence" bigint NOT NULL,
	"request_id" text NOT NULL,
	"reservation" bigint NOT NULL,
	"state" text NOT NULL,
	"payment" jsonb NOT NULL,
	"max_price_nano" bigint NOT NULL,
	"model" text NOT NULL,
	"opened_at_ms" bigint NOT NULL,
	"receipt" "bytea",
	"evidence" jsonb,
	"opening_request" "bytea",
	"opening_response" "bytea",
	"events" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"window_root" text,
	"leaf_index" integer,
	"batch" bigint,
	CONSTRAINT "inferences_settler_sequence_pk" PRIMARY KEY("settler","sequence"),
	CONSTRAINT "inferences_request_id_unique" UNIQUE("request_id")
);
--> statement-breakpoint
CREATE TABLE "reservations" (
	"settler" bigint NOT NULL,
	"reservation" bigint NOT NULL,
	"terms" jsonb NOT NULL,
	"spent_nano" bigint NOT NULL,
	"in_flight_nano" bigint NOT NULL,
	"voucher" jsonb NOT NULL,
	"cumulative_nano" bigint NOT NULL,
	CONSTRAINT "reservations_settler_reservation_pk" PRIMARY KEY("settler","reservation")
);
--> statement-breakpoint
CREATE TABLE "sequences" (
	"settler" bigint PRIMARY KEY NOT NULL,
	"next" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "transactions" (
	"id" text PRIMARY KEY NOT NULL,
	"signer" text NOT NULL,
	"chain_id" bigint NOT NULL,
	"nonce" bigint NOT NULL,
	"raw" text NOT NULL,
	"hash" text NOT NULL,
	"state" text NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "windows" (
	"root" text PRIMARY KEY NOT NULL,
	"settler" bigint NOT NULL,
	"verifier" bigint NOT NULL,
	"count" integer NOT NULL,
	"signed_at_ms" bigint NOT NULL,
	"signature" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "inferences_by_state" ON "inferences" USING btree ("settler","state","sequence");--> statement-breakpoint
CREATE INDEX "inferences_by_window" ON "inferences" USING btree ("window_root");--> statement-breakpoint
CREATE INDEX "transactions_by_signer" ON "transactions" USING btree ("signer","state");