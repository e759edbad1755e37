/** What of a counted receipt is kept until all are in: 52 bytes, whatever the receipt's size. */
export type ReceiptColumns = {
  readonly count: number;
  /** Appends one. `leaf` is copied. */
  push(receipt: CountedReceipt): void;
  /** Positions in ascending order of settler, sequence and leaf: the same whatever the order of pushing. */
  sorted(): Uint32Array;
  /** The leaves of those whose `key` is k, for each k below `keys`, in the order of `sorted`. */
  grouped(sorted: Uint32Array, key: Subject, keys: number): Generator<{ leaves: Uint8Array; count: number }>;
};

/** The positions of its subjects among those that were seen. */
export type Subject = "worker" | "verifier" | "settlerIndex" | "version";

export type CountedReceipt = Record<Subject, number> & { settler: number; sequence: bigint; leaf: Uint8Array };

const FIELDS = ["settler", "high", "low", "worker", "verifier", "settlerIndex", "version"] as const;
type Field = (typeof FIELDS)[number];

const FIRST_CAPACITY = 1024;

/** Columns instead of objects: a million receipts take 60 MB and not a gigabyte. */
export function createColumns(): ReceiptColumns {
  let count = 0;
  let capacity = FIRST_CAPACITY;
  let leaves = new Uint8Array(32 * capacity);
  const columns = Object.fromEntries(FIELDS.map((name) => [name, new Uint32Array(capacity)])) as Record<
    Field,
    Uint32Array
  >;

  function grow(): void {
    capacity *= 2;
    leaves = enlarged(leaves, new Uint8Array(32 * capacity));
    for (const name of FIELDS) columns[name] = enlarged(columns[name], new Uint32Array(capacity));
  }

  function compare(a: number, b: number): number {
    const { settler, high, low } = columns;
    for (const column of [settler, high, low]) {
      const difference = (column[a] as number) - (column[b] as number);
      if (difference !== 0) return difference;
    }
    return Buffer.compare(leaves.subarray(32 * a, 32 * a + 32), leaves.subarray(32 * b, 32 * b + 32));
  }

  return {
    get count() {
      return count;
    },

    push({ settler, sequence, worker, verifier, settlerIndex, version, leaf }) {
      if (count === capacity) grow();
      columns.settler[count] = settler;
      columns.high[count] = Number(sequence >> 32n);
      columns.low[count] = Number(sequence & 0xffff_ffffn);
      columns.worker[count] = worker;
      columns.verifier[count] = verifier;
      columns.settlerIndex[count] = settlerIndex;
      columns.version[count] = version;
      leaves.set(leaf, 32 * count);
      count++;
    },

    sorted() {
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      return order.sort(compare);
    },

    *grouped(sorted, key, keys) {
      const column = columns[key];
      const starts = new Uint32Array(keys + 1);
      for (let i = 0; i < count; i++) {
        const after = (column[i] as number) + 1;
        starts[after] = (starts[after] as number) + 1;
      }
      for (let k = 0; k < keys; k++) starts[k + 1] = (starts[k + 1] as number) + (starts[k] as number);
      const next = starts.slice();
      const placed = new Uint32Array(count);
      for (const i of sorted) {
        const k = column[i] as number;
        const place = next[k] as number;
        placed[place] = i;
        next[k] = place + 1;
      }
      for (let k = 0; k < keys; k++) {
        const [from, to] = [starts[k] as number, starts[k + 1] as number];
        const own = new Uint8Array(32 * (to - from));
        for (let at = from; at < to; at++) {
          const i = placed[at] as number;
          own.set(leaves.subarray(32 * i, 32 * i + 32), 32 * (at - from));
        }
        yield { leaves: own, count: to - from };
      }
    },
  };
}

function enlarged<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
