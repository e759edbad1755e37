import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { settleDeps } from "../../src/cli/roles/settler.ts";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex, toHex } from "../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../src/core/hashing/sha256.ts";
import { batchFee, bodyDigest, headerStruct, packSignatures, sizesHash } from "../../src/core/protocol/batch.ts";
import {
  type BatchFile,
  type BatchWindow,
  batchTree,
  decodeBatchFile,
  encodeBatchFile,
} from "../../src/core/protocol/batchFile.ts";
import { typedDigest } from "../../src/core/protocol/domain.ts";
import { buildTree } from "../../src/core/protocol/merkle.ts";
import { type BatchBody, type Window, windowHash } from "../../src/core/protocol/messages.ts";
import { decodeReceipt, encodeReceipt, leafHasher, type Receipt } from "../../src/core/protocol/receipt.ts";
import { decodeRows, encodeRows, type Row, rowsHash } from "../../src/core/protocol/rows.ts";
import type { TestNetwork } from "./network.ts";

export const KEEPER = { settleInSeconds: 1, deadlineSeconds: 600 };

/** How a settler and both verifiers, which all conspire, change the batch that is due. */
export type Cheat = {
  receipt?: (receipt: Receipt, index: number, all: readonly Receipt[]) => Receipt;
  debits?: (rows: Row[]) => Row[];
  policy?: number;
  /** Nobody can have the batch file. */
  withheld?: boolean;
  /** Windows are signed by a key that is no enclave's. */
  unattested?: boolean;
  /** The verifier that signs a receipt's window; without it the one that the receipt names. */
  signer?: (receipt: Receipt) => number;
};

/** Commits the settler's next batch, changed, with the real keys of its committer and of its verifiers. */
export async function commitCheating(test: TestNetwork, cheat: Cheat): Promise<BatchBody> {
  const { chain, net } = test;
  const { open } = net.settlerRole;
  const plan = await settleDeps(open, KEEPER).plan();
  if (!plan) throw new Error("There is nothing to settle");
  const keys = await Promise.all(net.verifiers.map(({ node }) => enclaveKey(test, node)));
  const file = await tamper(test, decodeBatchFile(plan.file), cheat);
  const tree = batchTree(file.windows);
  const policy = cheat.policy ?? plan.body.policy;
  const { feePpm, dataMode } = await chain.contracts.settlement.getPolicy(policy);
  const debits = cheat.debits ? cheat.debits(decodeRows(plan.debits)) : decodeRows(plan.debits);
  const totalNano = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  const feeNano = batchFee(totalNano, Number(feePpm));
  const rows = [
    encodeRows(debits),
    encodeRows(totalNano === 0n ? [] : [{ index: net.payees.settler, amountNano: totalNano - feeNano }]),
  ] as const;
  const bytes = encodeBatchFile({ ...file, debits: rows[0], credits: rows[1] });
  const calldata = dataMode === 1n;
  const body: BatchBody = {
    ...plan.body,
    root: tree.root,
    rowsHash: rowsHash(...rows),
    count: tree.count,
    totalNano,
    feeNano,
    policy,
    data: calldata ? sizesHash(tree.encoded) : sha256(bytes),
  };
  if (!cheat.withheld) await open.blobs.put(bytes);
  const digest = bodyDigest(chain.domain, body);
  const signatures = await Promise.all(
    keys.map(async ({ privateKey, address }) => ({
      operator: Number((await chain.contracts.teeRegistry.getKey(address)).operator),
      signature: secp256k1.sign(digest, fromHex(privateKey, 32)),
    })),
  );
  await mined(
    chain.contracts.settlement
      .connect(net.committer)
      .commitBatch(
        headerStruct(body),
        toHex(rows[0]),
        toHex(rows[1]),
        toHex(packSignatures(signatures)),
        toHex(calldata ? tree.encoded : new Uint8Array()),
      ),
  );
  return body;
}

/** The verifiers' own keys, from where they keep them. */
async function enclaveKey({ directory }: TestNetwork, node: number): Promise<Wallet> {
  return new Wallet((await readFile(join(directory, `verifier-${node}`, "enclave.key"), "utf8")).trim());
}

/** The file with its receipts changed: one window of each verifier over them, signed with the real keys. */
export async function tamper(
  test: TestNetwork,
  file: BatchFile,
  { receipt: change, unattested, signer = ({ verifier }) => verifier }: Cheat,
): Promise<BatchFile> {
  const { chain, net } = test;
  const hasher = leafHasher(chain.domain);
  const all = file.receipts.map(({ receipt }) => decodeReceipt(receipt));
  const entries = file.receipts.map((entry, i) => {
    const receipt = all[i] as Receipt;
    return { ...entry, receipt: change ? encodeReceipt(change(receipt, i, all)) : entry.receipt };
  });
  const windows: BatchWindow[] = [];
  const receipts: BatchFile["receipts"] = [];
  for (const { node } of net.verifiers) {
    const own = entries.filter(({ receipt }) => signer(decodeReceipt(receipt)) === node);
    if (own.length === 0) continue;
    const leaves = own.map(({ receipt }) => hasher.ofEncoded(receipt));
    const { root } = buildTree(leaves);
    const window: Window = { settler: net.settler, verifier: node, root, count: leaves.length, signedAtMs: Date.now() };
    const key = unattested ? Wallet.createRandom() : await enclaveKey(test, node);
    const signature = secp256k1.sign(typedDigest(chain.domain, windowHash(window)), fromHex(key.privateKey, 32));
    windows.push({ window, signature, leaves: new Uint8Array(Buffer.concat(leaves)), part: null });
    receipts.push(...own);
  }
  return { ...file, windows, receipts };
}
