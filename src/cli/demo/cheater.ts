import { Wallet, ZeroHash } from "ethers";
import { developmentEvidence } from "../../core/attestation/evidence.ts";
import { eventOf, mined } from "../../core/chain/events.ts";
import type { Chain } from "../../core/chain/open.ts";
import { fromHex, toHex, ZERO32 } from "../../core/hashing/hex.ts";
import { keccak256 } from "../../core/hashing/keccak.ts";
import { secp256k1 } from "../../core/hashing/secp256k1.ts";
import { bodyDigest, bodyStruct, headerStruct, packSignatures, signersHash } from "../../core/protocol/batch.ts";
import { buildTree, merklePath } from "../../core/protocol/merkle.ts";
import type { BatchBody } from "../../core/protocol/messages.ts";
import { encodeReceipt, leafHasher, Mode, type Receipt, receiptStruct, Status } from "../../core/protocol/receipt.ts";
import { rowsHash } from "../../core/protocol/rows.ts";
import { NANO_PER_OPG } from "../../core/units.ts";
import { registerEnclaveKey } from "../../operator/enclave.ts";
import { openSettler, registerPayee } from "../../operator/money.ts";
import { NodeClass, registerNode, registerOperator } from "../../operator/nodes.ts";
import { addBond } from "../../staking/deposit.ts";
import { advanceTo, localAccount } from "./chain.ts";
import { POLICY, type Staked } from "./network.ts";

const BOND_NANO = 100_000n * NANO_PER_OPG;
const OWNERS = { settler: 9, verifiers: [10, 11], reporter: 13 } as const;

type Accomplice = { operator: number; node: number; owner: Wallet };

/** A settler of the demo that cheats, and verifiers that sign whatever it asks. */
export type Cheater = { settler: number; owner: Wallet; accomplices: Accomplice[] };

export type DemoSlash = {
  fault: "sequence";
  settler: number;
  sequence: number;
  takenNano: string;
  reporterNano: string;
  stakeBeforeNano: string;
  stakeAfterNano: string;
};

/** Registers and bonds the cheating settler and its accomplices, the bonds given with when they count. */
export async function openCheater(chain: Chain): Promise<{ cheater: Cheater; bonded: Staked[] }> {
  const { contracts } = chain;
  const bank = localAccount(chain, 0);
  const bonded: Staked[] = [];
  async function operate(index: number) {
    const owner = localAccount(chain, index) as unknown as Wallet;
    const operator = await registerOperator(contracts, owner);
    const payee = await registerPayee(contracts, owner, owner.address);
    bonded.push({ operator, ...(await addBond(contracts, bank, operator, BOND_NANO)) });
    return { owner, operator, payee };
  }
  const { owner, operator: settler, payee } = await operate(OWNERS.settler);
  await openSettler(contracts, owner, settler, payee, owner.address);
  const accomplices: Accomplice[] = [];
  for (const index of OWNERS.verifiers) {
    const one = await operate(index);
    const key = new Wallet(Wallet.createRandom().privateKey, chain.provider);
    const options = { class: NodeClass.VERIFIER, key, payee: one.payee, endpoint: "", engines: [] };
    accomplices.push({ ...one, node: await registerNode(contracts, one.owner, options) });
  }
  return { cheater: { settler, owner, accomplices }, bonded };
}

/** Commits one sequence number twice, is reported by a passer-by, and loses a part of its bond. */
export async function cheatAndSlash(chain: Chain, { settler, owner, accomplices }: Cheater): Promise<DemoSlash> {
  const { settlement, court, stakeHub } = chain.contracts;
  const evidence = developmentEvidence(async () => 1000 * ((await chain.provider.getBlock("latest"))?.timestamp ?? 0));
  const keys: { operator: number; key: Wallet }[] = [];
  for (const { operator, node, owner: sender } of accomplices) {
    const key = new Wallet(Wallet.createRandom().privateKey);
    await registerEnclaveKey(chain.contracts, sender, node, key, evidence);
    keys.push({ operator, key });
  }

  const { batches, nextSequence: sequence } = await settlement.getSettler(settler);
  const receipts = ["one answer", "another"].map((answer) =>
    encodeReceipt(doubled(settler, Number(sequence), accomplices[0]?.node ?? 0, answer)),
  );
  const tree = buildTree(receipts.map(leafHasher(chain.domain).ofEncoded));
  const none = new Uint8Array();
  const now = BigInt((await chain.provider.getBlock("latest"))?.timestamp ?? 0);
  const body: BatchBody = {
    settler,
    number: batches + 1n,
    root: tree.root,
    rowsHash: rowsHash(none, none),
    firstSequence: sequence,
    count: receipts.length,
    totalNano: 0n,
    feeNano: 0n,
    data: ZERO32,
    policy: POLICY,
    deadline: now + 300n,
  };
  const digest = bodyDigest(chain.domain, body);
  const signatures = packSignatures(
    keys.map(({ operator, key }) => ({ operator, signature: secp256k1.sign(digest, fromHex(key.privateKey, 32)) })),
  );
  const committed = await mined(
    settlement.connect(owner).commitBatch(headerStruct(body), "0x", "0x", toHex(signatures), "0x"),
  );
  const batch = {
    body: bodyStruct(body),
    commitment: {
      signersHash: toHex(signersHash(keys.map(({ operator }) => operator))),
      committedAt: (await committed.getBlock()).timestamp,
      committedIn: committed.blockNumber,
    },
    prevHash: ZeroHash,
    later: [],
  };
  const [first, second] = receipts.map(
    (receipt, i) => [receiptStruct(receipt), merklePath(tree, i).map(toHex)] as const,
  );
  if (!first || !second) throw new Error("Two receipts were made");

  const reporter = localAccount(chain, OWNERS.reporter);
  const stakeBefore = await stakeHub.effectiveStake(settler);
  const reported = await mined(
    court.connect(reporter).reportDoubledSequence(first[0], first[1], batch, second[0], second[1], batch),
  );
  const { evidenceId, dueAt } = eventOf(reported, court, "PenaltyScheduled").args;
  await advanceTo(chain, Number(dueAt) + 1);
  const punished = await mined(court.connect(reporter).punish(evidenceId, "0x"));
  const { takenNano, reporterNano } = eventOf(punished, stakeHub, "Slashed").args;
  return {
    fault: "sequence",
    settler,
    sequence: Number(sequence),
    takenNano: String(takenNano),
    reporterNano: String(reporterNano),
    stakeBeforeNano: String(stakeBefore),
    stakeAfterNano: String(await stakeHub.effectiveStake(settler)),
  };
}

function doubled(settler: number, sequence: number, verifier: number, answer: string): Receipt {
  return {
    sequence: BigInt(sequence),
    settler,
    reservation: 0,
    worker: 1,
    verifier,
    mode: Mode.SIGNED,
    status: Status.OK,
    priceNano: 0n,
    valueAtRiskNano: 0n,
    inputUnits: 1,
    outputUnits: 1,
    startedAtMs: 1,
    firstOutputAtMs: 2,
    finishedAtMs: 3,
    spentNano: 0n,
    requestId: keccak256(Buffer.from("a request")),
    modelVersion: ZERO32,
    inputHash: ZERO32,
    outputHash: keccak256(Buffer.from(answer)),
    evidenceHash: ZERO32,
    memoryRoot: ZERO32,
  };
}
