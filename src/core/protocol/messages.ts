import { fromHex, type Hex } from "../hashing/hex.ts";
import { keccak256 } from "../hashing/keccak.ts";
import { hashWords, typeHash } from "./words.ts";

/** What a payer agreed to when it reserved. The contract stores only the hash. */
export type Terms = { payer: Hex; voucherKey: Hex; policy: number };

/** What a payer asks for. Its hash is the request's id. */
export type Request = {
  modelVersion: Uint8Array;
  inputHash: Uint8Array;
  minMode: number;
  maxPriceNano: bigint;
  valueAtRiskNano: bigint;
  nonce: Uint8Array;
};

/** A payer's word for one request: of this reservation, up to `cumulativeNano` may be taken. */
export type Voucher = {
  settler: number;
  reservation: number;
  termsHash: Uint8Array;
  /** Over the whole life of the reservation. */
  cumulativeNano: bigint;
  requestHash: Uint8Array;
  /** Unix seconds, the last second a settler may accept it. */
  expiry: bigint;
};

/** What a worker signs of its answer. */
export type WorkerResult = {
  requestId: Uint8Array;
  modelVersion: Uint8Array;
  inputHash: Uint8Array;
  outputHash: Uint8Array;
  traceRoot: Uint8Array;
};

/** What a later check of an answer needs, under the worker's signature. */
export type Evidence = {
  /** Id of the engine tuple it ran on. */
  engine: Uint8Array;
  seed: bigint;
  inputUnits: number;
  outputUnits: number;
  traceRoot: Uint8Array;
  /** Hash of the token ids or of the raw output vector. */
  outputIds: Uint8Array;
  workerSignature: Uint8Array;
};

/** Receipts of at most the policy's window under one signed root. */
export type Window = {
  settler: number;
  verifier: number;
  root: Uint8Array;
  count: number;
  signedAtMs: number;
};

/** What the quorum signs of a batch. */
export type BatchBody = {
  settler: number;
  number: bigint;
  root: Uint8Array;
  rowsHash: Uint8Array;
  firstSequence: bigint;
  count: number;
  totalNano: bigint;
  feeNano: bigint;
  data: Uint8Array;
  policy: number;
  /** Unix seconds, the last second it can be committed. */
  deadline: bigint;
};

/** What the contract adds to a body when it commits it. */
export type Commitment = { signersHash: Uint8Array; committedAt: bigint; committedIn: bigint };

const TERMS = typeHash("Terms(address payer,address voucherKey,uint16 policy)");
const VOUCHER = typeHash(
  "Voucher(uint32 settler,uint32 reservation,bytes32 termsHash,uint64 cumulative,bytes32 requestHash,uint64 expiry)",
);
const REQUEST = typeHash(
  "Request(bytes32 modelVersion,bytes32 inputHash,uint8 minMode,uint64 maxPrice,uint64 valueAtRisk,bytes32 nonce)",
);
const RESULT = typeHash(
  "WorkerResult(bytes32 requestId,bytes32 modelVersion,bytes32 inputHash,bytes32 outputHash,bytes32 traceRoot)",
);
const EVIDENCE = typeHash(
  "Evidence(bytes32 engine,uint64 seed,uint64 inputUnits,uint64 outputUnits,bytes32 traceRoot,bytes32 outputIds,bytes workerSignature)",
);
const WINDOW = typeHash("Window(uint32 settler,uint32 verifier,bytes32 root,uint32 count,uint64 signedAt)");
const BODY = typeHash(
  "BatchBody(uint32 settler,uint64 number,bytes32 root,bytes32 rowsHash,uint64 firstSequence,uint32 count,uint64 total,uint64 fee,bytes32 data,uint16 policy,uint64 deadline)",
);

const SETTLER_REQUEST = typeHash("SettlerRequest(uint32 settler,bytes32 contentHash)");

export function termsHash(t: Terms): Uint8Array {
  return hashWords([TERMS, fromHex(t.payer, 20), fromHex(t.voucherKey, 20), t.policy]);
}

export function requestHash(r: Request): Uint8Array {
  return hashWords([REQUEST, r.modelVersion, r.inputHash, r.minMode, r.maxPriceNano, r.valueAtRiskNano, r.nonce]);
}

export function voucherHash(v: Voucher): Uint8Array {
  return hashWords([VOUCHER, v.settler, v.reservation, v.termsHash, v.cumulativeNano, v.requestHash, v.expiry]);
}

export function resultHash(r: WorkerResult): Uint8Array {
  return hashWords([RESULT, r.requestId, r.modelVersion, r.inputHash, r.outputHash, r.traceRoot]);
}

export function evidenceHash(e: Evidence): Uint8Array {
  const signature = keccak256(e.workerSignature);
  return hashWords([EVIDENCE, e.engine, e.seed, e.inputUnits, e.outputUnits, e.traceRoot, e.outputIds, signature]);
}

/** What a settler signs to have a verifier look at something; the contents are hashed with SHA-256. */
export function settlerRequestHash(settler: number, contentHash: Uint8Array): Uint8Array {
  return hashWords([SETTLER_REQUEST, settler, contentHash]);
}

export function windowHash(w: Window): Uint8Array {
  return hashWords([WINDOW, w.settler, w.verifier, w.root, w.count, w.signedAtMs]);
}

export function bodyHash(b: BatchBody): Uint8Array {
  return hashWords([
    BODY,
    b.settler,
    b.number,
    b.root,
    b.rowsHash,
    b.firstSequence,
    b.count,
    b.totalNano,
    b.feeNano,
    b.data,
    b.policy,
    b.deadline,
  ]);
}

/** All of a batch but its root, in one word. */
export function restHash(body: Uint8Array, c: Commitment): Uint8Array {
  return hashWords([body, c.signersHash, c.committedAt, c.committedIn]);
}

export function innerHash(root: Uint8Array, rest: Uint8Array): Uint8Array {
  return hashWords([root, rest]);
}

export function headerHash(prevHash: Uint8Array, inner: Uint8Array): Uint8Array {
  return hashWords([prevHash, inner]);
}
