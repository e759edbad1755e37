import type { Clock } from "../core/clock.ts";
import { InputError } from "../core/errors.ts";
import { equalBytes } from "../core/hashing/hex.ts";
import { secp256k1 } from "../core/hashing/secp256k1.ts";
import { type Domain, typedDigest } from "../core/protocol/domain.ts";
import { buildTree, merklePath } from "../core/protocol/merkle.ts";
import { windowHash } from "../core/protocol/messages.ts";
import type { Ledger, SignedWindow } from "./ledger.ts";

/** A receipt's place under a signed window. */
export type WindowPlace = SignedWindow & { index: number; path: Uint8Array[] };

export type WindowSigner = {
  /** Whether this very receipt was signed before. Throws `sequence_signed` when another one has its number, `bad_receipt` when the ledger cannot tell the number from its neighbours. */
  knows(settler: number, sequence: bigint, leaf: Uint8Array): boolean;
  /** Resolves when the window that holds the leaf is signed and stored; at most the window's length later. */
  add(settler: number, sequence: bigint, leaf: Uint8Array): Promise<WindowPlace>;
  /** Signs what is waiting. */
  close(): void;
};

export type WindowSignerOptions = {
  domain: Domain;
  /** The verifier's node id and its attested key. */
  node: number;
  key: Uint8Array;
  ledger: Ledger;
  clock: Clock;
  windowMs: number;
};

/** A window is closed when it is so full, before its time: what comes faster than that must not wait for a large tree. */
const MAX_LEAVES = 2048;

/** One receipt of an open window, and everybody who waits for it. */
type Waiting = { leaf: Uint8Array; waiters: { resolve(place: WindowPlace): void; reject(error: unknown): void }[] };

type OpenWindow = { waiting: Map<bigint, Waiting>; timer: NodeJS.Timeout };

/** Collects receipts of a settler for one window, then signs one root for all of them. */
export function createWindowSigner(options: WindowSignerOptions): WindowSigner {
  const { ledger, windowMs } = options;
  const open = new Map<number, OpenWindow>();
  /** What sealing took of late: a window closes that much earlier, so that it is out in time. */
  let sealMs = 0;

  function seal(settler: number): void {
    const window = open.get(settler);
    if (!window) return;
    open.delete(settler);
    clearTimeout(window.timer);
    const started = performance.now();
    sign(options, settler, window.waiting);
    sealMs = (sealMs + performance.now() - started) / 2;
  }

  return {
    knows: (settler, sequence, leaf) => placeOf(ledger, settler, sequence, leaf) !== undefined,

    async add(settler, sequence, leaf) {
      const place = placeOf(ledger, settler, sequence, leaf);
      if (place) return place;
      return new Promise((resolve, reject) => {
        let window = open.get(settler);
        if (!window) {
          window = {
            waiting: new Map(),
            timer: setTimeout(() => seal(settler), windowMs - Math.min(windowMs / 2, sealMs)),
          };
          open.set(settler, window);
        }
        const twin = window.waiting.get(sequence);
        if (twin && !equalBytes(twin.leaf, leaf)) return reject(doubled(settler, sequence));
        if (twin) twin.waiters.push({ resolve, reject });
        else window.waiting.set(sequence, { leaf, waiters: [{ resolve, reject }] });
        if (window.waiting.size >= MAX_LEAVES) seal(settler);
      });
    },

    close() {
      for (const settler of [...open.keys()]) seal(settler);
    },
  };
}

/** The place of a receipt that was signed before. Throws when another receipt has its number. */
function placeOf(ledger: Ledger, settler: number, sequence: bigint, leaf: Uint8Array): WindowPlace | undefined {
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InputError("A sequence number is over 2^53", { code: "bad_receipt", facts: { settler, sequence } });
  }
  const found = ledger.find(settler, sequence);
  if (!found) return undefined;
  const { signed, index } = found;
  if (!equalBytes(signed.leaves[index] as Uint8Array, leaf)) throw doubled(settler, sequence);
  return { ...signed, index, path: merklePath(buildTree(signed.leaves), index) };
}

function sign(options: WindowSignerOptions, settler: number, waiting: ReadonlyMap<bigint, Waiting>): void {
  const { domain, node, key, ledger, clock } = options;
  const all = [...waiting.values()];
  try {
    const leaves = all.map(({ leaf }) => leaf);
    const tree = buildTree(leaves);
    const window = { settler, verifier: node, root: tree.root, count: leaves.length, signedAtMs: clock() };
    const signature = secp256k1.sign(typedDigest(domain, windowHash(window)), key);
    const signed = { window, signature, leaves, sequences: [...waiting.keys()] };
    ledger.append(signed);
    all.forEach(({ waiters }, index) => {
      const place = { ...signed, index, path: merklePath(tree, index) };
      for (const { resolve } of waiters) resolve(place);
    });
  } catch (error) {
    for (const { waiters } of all) for (const { reject } of waiters) reject(error);
  }
}

function doubled(settler: number, sequence: bigint): InputError {
  return new InputError("Another receipt with this sequence number was signed before", {
    code: "sequence_signed",
    facts: { settler, sequence },
    hint: "Hand in the receipt that was signed; its bytes are in the settler's database",
  });
}
