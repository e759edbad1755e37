import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { signersHash } from "../../../src/core/protocol/batch.ts";
import { buildTree, merklePath } from "../../../src/core/protocol/merkle.ts";
import { bodyHash, restHash } from "../../../src/core/protocol/messages.ts";
import {
  encodeReceipt,
  leafHasher,
  Mode,
  type Receipt,
  receiptStruct,
  Status,
} from "../../../src/core/protocol/receipt.ts";
import { commitArguments, nextBody } from "../../../test/helpers/economy.ts";
import { measure, type Row } from "./row.ts";
import { type Bench, QUORUM_1 } from "./setup.ts";

const PULL_PAYMENT = { name: "pull payment by proof, depth 10, no receipt", gasUsed: 46_395 };

/** One receipt of a batch of 10,000, proven in a transaction. The windows hold 100 receipts each. */
export async function proveRows({ protocol, economy }: Bench): Promise<Row[]> {
  const { contracts, ethers } = protocol;
  const { settlement, receiptVerifier } = contracts;
  const { domain, settler, verifiers } = economy;
  const { nextSequence } = await settlement.getSettler(settler);
  const hasher = leafHasher(domain);
  const receipts = Array.from({ length: 10_000 }, (_, i) => exampleReceipt(settler, nextSequence + BigInt(i), i));
  const leaves = receipts.map((receipt) => hasher.ofReceipt(receipt));
  const windows = Array.from({ length: 100 }, (_, w) => buildTree(leaves.slice(100 * w, 100 * w + 100)));
  const tree = buildTree(windows.map(({ root }) => root));

  const plan = { debits: [], credits: [], root: tree.root, count: 10_000, policy: QUORUM_1, data: sha256("data") };
  const body = await nextBody(protocol, settler, plan);
  const prevHash = await settlement.headerHash(settler, body.number - 1n);
  const signers = verifiers.slice(0, 1);
  const sent = await settlement.commitBatch(...commitArguments(domain, body, plan, signers));
  const mined = await sent.wait();
  const block = await ethers.provider.getBlock(mined?.blockNumber ?? 0);
  const commitment = {
    signersHash: signersHash(signers.map(({ operator }) => operator)),
    committedAt: BigInt(block?.timestamp ?? 0),
    committedIn: BigInt(block?.number ?? 0),
  };
  const index = 4_321;
  const window = Math.floor(index / 100);
  const path = [...merklePath(windows[window] as (typeof windows)[number], index % 100), ...merklePath(tree, window)];
  const struct = receiptStruct(encodeReceipt(receipts[index] as Receipt));
  const ref = { number: body.number, prevHash, restHash: toHex(restHash(bodyHash(body), commitment)), later: [] };
  const parameters = [struct, path.map(toHex), ref] as const;
  if (!(await receiptVerifier.isCommitted(...parameters))) throw new Error("The proof does not hold");
  const data = receiptVerifier.interface.encodeFunctionData("isCommitted", [...parameters] as never);
  const [signer] = protocol.signers;
  const measured = await measure(
    (signer as NonNullable<typeof signer>).sendTransaction({ to: receiptVerifier.target, data }),
  );
  return [{ name: "prove/10000", ...measured, perUnit: null, limit: 60_000, perUnitLimit: null, peer: PULL_PAYMENT }];
}

function exampleReceipt(settler: number, sequence: bigint, i: number): Receipt {
  const startedAtMs = 1_790_000_000_000 + i;
  return {
    sequence,
    settler,
    reservation: i % 1_000,
    worker: 1,
    verifier: 2,
    mode: Mode.TEE,
    status: Status.OK,
    priceNano: 54_321n,
    valueAtRiskNano: 1_000_000_000n,
    inputUnits: 512,
    outputUnits: 256,
    startedAtMs,
    firstOutputAtMs: startedAtMs + 40,
    finishedAtMs: startedAtMs + 900,
    spentNano: 54_321n * BigInt(i + 1),
    requestId: sha256(`request ${i}`),
    modelVersion: sha256("model"),
    inputHash: sha256(`input ${i}`),
    outputHash: sha256(`output ${i}`),
    evidenceHash: sha256(`evidence ${i}`),
    memoryRoot: new Uint8Array(32),
  };
}
