import { DatabaseSync } from "node:sqlite";
import { splitLeaves } from "../core/protocol/merkle.ts";
import type { Window } from "../core/protocol/messages.ts";

/** A window as it was signed: its leaves and, in the same order, their receipts' sequence numbers. */
export type SignedWindow = { window: Window; signature: Uint8Array; leaves: Uint8Array[]; sequences: bigint[] };

/** What the enclave must never forget: which receipt it signed for which sequence number. */
export type Ledger = {
  /** The window and position that a sequence number was signed in. */
  find(settler: number, sequence: bigint): { signed: SignedWindow; index: number } | undefined;
  /** The window with that root. */
  window(root: Uint8Array): SignedWindow | undefined;
  /** Stores a window before its signature leaves. Throws when it cannot be stored. */
  append(signed: SignedWindow): void;
  close(): void;
};

/**
 * Opens the ledger in a file, or in memory for tests. A window is one row; whether a number was signed before is known
 * from memory for the latest numbers, and looked up for older ones.
 */
export function openLedger(path = ":memory:"): Ledger {
  const db = new DatabaseSync(path);
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table if not exists windows (
      root blob primary key, settler integer not null, verifier integer not null, count integer not null,
      signed_at_ms integer not null, first integer not null, last integer not null,
      signature blob not null, leaves blob not null, sequences blob not null
    ) strict;
    create index if not exists windows_by_range on windows (settler, last, first);
  `);
  const insert = db.prepare("insert into windows values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const select = db.prepare("select * from windows where settler = ? and last >= ? and first <= ? order by last");
  const byRoot = db.prepare("select * from windows where root = ?");
  const recent = recentSequences((settler) => {
    const rows = db
      .prepare("select sequences, last from windows where settler = ? order by last desc limit ?")
      .all(settler, LOADED + 1) as { sequences: Uint8Array; last: number }[];
    // A window may hold numbers far below its last: only above the windows that stay unread is all of it known.
    const floor = (rows[LOADED]?.last ?? -1) + 1;
    return { floor, numbers: rows.slice(0, LOADED).flatMap(({ sequences }) => readSequences(sequences)) };
  });
  return {
    find(settler, sequence) {
      if (recent.isNew(settler, Number(sequence))) return undefined;
      for (const row of select.iterate(settler, Number(sequence), Number(sequence)) as Iterable<Row>) {
        const signed = signedWindow(row);
        const index = signed.sequences.indexOf(sequence);
        if (index >= 0) return { signed, index };
      }
      return undefined;
    },
    window(root) {
      const row = byRoot.get(root) as Row | undefined;
      return row && signedWindow(row);
    },
    append({ window, signature, leaves, sequences }) {
      const numbers = sequences.map(Number);
      const first = numbers.reduce((a, b) => Math.min(a, b));
      const last = numbers.reduce((a, b) => Math.max(a, b));
      const { root, settler, verifier, count, signedAtMs } = window;
      const all = Buffer.concat(leaves);
      insert.run(root, settler, verifier, count, signedAtMs, first, last, signature, all, writeSequences(numbers));
      recent.add(settler, numbers);
    },
    close: () => db.close(),
  };
}

/** Windows of a settler that are read when its first receipt comes. */
const LOADED = 1000;

/** A generation of numbers is this large; two of them are kept in memory. */
const GENERATION = 500_000;

type Recent = { floor: number; older: Set<number>; newer: Set<number> };

/** Numbers signed of late, per settler. Numbers below the floor may have been signed and forgotten. */
function recentSequences(load: (settler: number) => { floor: number; numbers: number[] }) {
  const bySettler = new Map<number, Recent>();
  function of(settler: number): Recent {
    const known = bySettler.get(settler);
    if (known) return known;
    const { floor, numbers } = load(settler);
    const recent = { floor, older: new Set<number>(), newer: new Set(numbers) };
    bySettler.set(settler, recent);
    return recent;
  }
  return {
    isNew(settler: number, sequence: number): boolean {
      const { floor, older, newer } = of(settler);
      return sequence >= floor && !newer.has(sequence) && !older.has(sequence);
    },
    add(settler: number, sequences: readonly number[]): void {
      const recent = of(settler);
      for (const sequence of sequences) recent.newer.add(sequence);
      if (recent.newer.size < GENERATION) return;
      for (const sequence of recent.older) if (sequence >= recent.floor) recent.floor = sequence + 1;
      recent.older = recent.newer;
      recent.newer = new Set();
    },
  };
}

type Row = {
  root: Uint8Array;
  settler: number;
  verifier: number;
  count: number;
  signed_at_ms: number;
  signature: Uint8Array;
  leaves: Uint8Array;
  sequences: Uint8Array;
};

function signedWindow(row: Row): SignedWindow {
  return {
    window: {
      root: row.root,
      settler: row.settler,
      verifier: row.verifier,
      count: row.count,
      signedAtMs: row.signed_at_ms,
    },
    signature: row.signature,
    leaves: splitLeaves(row.leaves),
    sequences: readSequences(row.sequences).map(BigInt),
  };
}

/** 8 bytes each, big endian. */
function writeSequences(sequences: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 * sequences.length);
  sequences.forEach((sequence, i) => {
    bytes.writeBigUInt64BE(BigInt(sequence), 8 * i);
  });
  return bytes;
}

function readSequences(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigUint64(8 * i)));
}
