import { equalBytes, toHex } from "../../core/hashing/hex.ts";
import { sha256 } from "../../core/hashing/sha256.ts";
import { type BatchFile, batchTree, calldataTree, decodeBatchFile } from "../../core/protocol/batchFile.ts";
import type { Domain } from "../../core/protocol/domain.ts";
import { buildTree, merklePath, rootOfPath, splitLeaves } from "../../core/protocol/merkle.ts";
import { type Request, requestHash, type Window } from "../../core/protocol/messages.ts";
import { decodeReceipt, leafHasher, type Receipt } from "../../core/protocol/receipt.ts";
import { fetchProof } from "../../sdk/prove.ts";
import type { LoggedReceipt } from "../../sdk/readReceiptLog.ts";
import type { CommittedBatch } from "./history.ts";

/** A receipt that is under a batch's root, and can be shown there. */
export type ShownReceipt = {
  receipt: Receipt;
  encoded: Uint8Array;
  leaf: Uint8Array;
  path: Uint8Array[];
  /** As the receipt names it; only where the batch's file is known. */
  request?: Request;
  /** That it was signed under, and the path to its root, as the batch's file or the log has them. */
  window?: { window: Window; signature: Uint8Array; windowPath: Uint8Array[] };
};

/** What is known of a batch beside its calldata. */
export type Material = {
  /**
   * `all`: every receipt of the batch. `leaves`: all leaves, so that a receipt which is not shown is not in it. `some`:
   * only what somebody showed.
   */
  known: "all" | "leaves" | "some";
  shown: ShownReceipt[];
  /** The batch file, where somebody has it. */
  file?: BatchFile;
};

export type MaterialContext = {
  domain: Domain;
  /** Where batch files are asked for: gateways of the settler, verifiers. */
  sources: readonly string[];
  /** Of the settler, for proofs of single receipts. */
  gatewayUrl: string;
};

const TIMEOUT_MS = 20_000;

/** Finds out what can be shown of a batch: from its calldata, its file, or by asking for `mine` one by one. */
export async function materialOf(
  context: MaterialContext,
  batch: CommittedBatch,
  mine: readonly LoggedReceipt[],
): Promise<Material> {
  if (batch.tree.length > 0) return fromCalldata(context.domain, batch, mine);
  for (const source of context.sources) {
    const file = await fetchFile(source, batch);
    const material = file && fromFile(context.domain, batch, file);
    if (material) return material;
  }
  const asked = await Promise.all(mine.map((logged) => askFor(context, batch, logged)));
  return { known: "some", shown: asked.filter((shown) => shown !== undefined) };
}

function fromCalldata(domain: Domain, batch: CommittedBatch, mine: readonly LoggedReceipt[]): Material {
  const tree = calldataTree(batch.tree);
  const places = new Map(tree.leaves.map((leaf, i) => [toHex(leaf), i]));
  const hasher = leafHasher(domain);
  const shown = mine.flatMap(({ handed, receipt }) => {
    const leaf = hasher.ofEncoded(handed.receipt);
    const place = places.get(toHex(leaf));
    if (place === undefined) return [];
    return [{ receipt, encoded: handed.receipt, leaf, path: tree.path(place), window: windowOf(handed) }];
  });
  return { known: "leaves", shown };
}

/** Nobody's word is taken: the bytes are those that the batch names, or there is no file. */
export async function fetchFile(
  source: string,
  { body }: Pick<CommittedBatch, "body">,
): Promise<BatchFile | undefined> {
  try {
    const url = `${source}/v1/data/${toHex(body.data).slice(2)}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    return equalBytes(sha256(bytes), body.data) ? decodeBatchFile(bytes) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined when the file does not give the batch's root: it shows nothing then. */
export function fromFile(domain: Domain, { body }: CommittedBatch, file: BatchFile): Material | undefined {
  try {
    const tree = batchTree(file.windows);
    if (!equalBytes(tree.root, body.root)) return undefined;
    const hasher = leafHasher(domain);
    const windows = file.windows.flatMap(({ window, signature, leaves, part }) => {
      const own = buildTree(splitLeaves(leaves));
      return Array.from({ length: part?.length ?? window.count }, (_, position) => ({
        window,
        signature,
        windowPath: merklePath(own, part?.[position] ?? position),
      }));
    });
    const shown = file.receipts.flatMap(({ receipt: encoded, request }, i): ShownReceipt[] => {
      const leaf = hasher.ofEncoded(encoded);
      const window = windows[i];
      if (!window || !equalBytes(leaf, tree.leaves[i] ?? new Uint8Array())) return [];
      const receipt = decodeReceipt(encoded);
      const named = equalBytes(requestHash(request), receipt.requestId) ? { request } : {};
      return [{ receipt, encoded, leaf, path: tree.path(i), window, ...named }];
    });
    return { known: shown.length === tree.count ? "all" : "some", shown, file };
  } catch {
    return undefined;
  }
}

function windowOf({ window, signature, path }: LoggedReceipt["handed"]) {
  return { window, signature, windowPath: path };
}

async function askFor(
  { domain, gatewayUrl }: MaterialContext,
  { body }: CommittedBatch,
  { handed, receipt }: LoggedReceipt,
): Promise<ShownReceipt | undefined> {
  try {
    const { path } = await fetchProof(gatewayUrl, toHex(receipt.requestId));
    const leaf = leafHasher(domain).ofEncoded(handed.receipt);
    if (!equalBytes(rootOfPath(leaf, path), body.root)) return undefined;
    return { receipt, encoded: handed.receipt, leaf, path, window: windowOf(handed) };
  } catch {
    return undefined;
  }
}
