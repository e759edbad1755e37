import { Wallet } from "ethers";
import { developmentEvidence } from "../../src/core/attestation/evidence.ts";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex, type Hex, toHex, ZERO32 } from "../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import {
  type BatchSignature,
  batchFee,
  bodyDigest,
  headerStruct,
  packSignatures,
} from "../../src/core/protocol/batch.ts";
import { type Domain, settlementDomain } from "../../src/core/protocol/domain.ts";
import type { BatchBody, Terms } from "../../src/core/protocol/messages.ts";
import { encodeRows, type Row, rowsHash } from "../../src/core/protocol/rows.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { registerEnclaveKey } from "../../src/operator/enclave.ts";
import { openSettler, registerPayee } from "../../src/operator/money.ts";
import { NodeClass, registerNode, registerOperator } from "../../src/operator/nodes.ts";
import { addBond, rollStakes } from "../../src/staking/deposit.ts";
import type { Protocol } from "./protocol.ts";

export const OPG = 1_000_000_000n; // in nano

/** A key made from a name, the same in every run. */
export function walletOf(name: string): Wallet {
  return new Wallet(toHex(Buffer.from(name.padEnd(32, "."))));
}

export type VerifierActor = { operator: number; node: number; key: Wallet };

/**
 * One settler, `verifiers` verifiers of operators of their own with attested keys, payees for settler, worker and each
 * verifier; all bonds count. Signers: 0 deployer, 1 settler's owner, 2 worker's owner, 3… verifiers' owners, the last ones are payers.
 */
export async function openEconomy(protocol: Protocol, { verifiers = 2, bondNano = 1_000_000n * OPG } = {}) {
  const { contracts, signers, ethers, networkHelpers } = protocol;
  const signer = (index: number) => signers[index] as (typeof signers)[number];
  const deployer = signer(0);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = settlementDomain(chainId, String(contracts.settlement.target));

  async function bonded(operator: number): Promise<number> {
    return (await addBond(contracts, deployer, operator, bondNano)).countsAt;
  }

  const settlerOwner = signer(1);
  const settler = await registerOperator(contracts, settlerOwner);
  const settlerPayee = await registerPayee(contracts, settlerOwner, settlerOwner.address);
  const workerOwner = signer(2);
  await registerOperator(contracts, workerOwner);
  const workerPayee = await registerPayee(contracts, workerOwner, workerOwner.address);
  const workerKey = walletOf("worker");
  const worker = await registerNode(contracts, workerOwner, {
    class: NodeClass.WORKER,
    key: workerKey,
    payee: workerPayee,
    endpoint: "http://127.0.0.1:1",
    engines: [],
  });
  await openSettler(contracts, settlerOwner, settler, settlerPayee, deployer.address);
  const countsAt = [await bonded(settler)];

  const actors: VerifierActor[] = [];
  for (let i = 0; i < verifiers; i++) {
    const owner = signer(3 + i);
    const operator = await registerOperator(contracts, owner);
    const payee = await registerPayee(contracts, owner, owner.address);
    const node = await registerNode(contracts, owner, {
      class: NodeClass.VERIFIER,
      key: walletOf(`verifier node ${i}`),
      payee,
      endpoint: "http://127.0.0.1:1",
      engines: [],
    });
    const key = walletOf(`enclave ${i}`);
    const evidence = developmentEvidence(async () => 1000 * (await networkHelpers.time.latest()));
    await registerEnclaveKey(contracts, owner, node, key, evidence);
    countsAt.push(await bonded(operator));
    actors.push({ operator, node, key });
  }
  const last = Math.max(...countsAt);
  if ((await networkHelpers.time.latest()) < last) await networkHelpers.time.increaseTo(last);
  await rollStakes(contracts, deployer, [settler, ...actors.map(({ operator }) => operator)]);
  return {
    settler,
    settlerOwner,
    settlerPayee,
    worker,
    workerKey,
    workerOwner,
    workerPayee,
    verifiers: actors,
    domain,
  };
}

export type Economy = Awaited<ReturnType<typeof openEconomy>>;

/** Gives `payer` the money, approves and reserves. */
export async function openReservation(
  { contracts, signers }: Protocol,
  settler: number,
  payer: (typeof signers)[number],
  amountNano: bigint,
  { voucherKey = walletOf("voucher").address, policy = 1 } = {},
): Promise<{ reservation: number; terms: Terms }> {
  const { opg, settlement } = contracts;
  await mined(opg.transfer(payer.address, amountNano * WEI_PER_NANO));
  await mined(opg.connect(payer).approve(settlement.target, amountNano * WEI_PER_NANO));
  const { reservations } = await settlement.getSettler(settler);
  await mined(settlement.connect(payer).reserve(settler, voucherKey, policy, amountNano));
  return {
    reservation: Number(reservations),
    terms: { payer: payer.address.toLowerCase() as Hex, voucherKey: voucherKey.toLowerCase() as Hex, policy },
  };
}

export type BatchPlan = {
  debits: Row[];
  credits: Row[];
  root?: Uint8Array;
  count?: number;
  policy?: number;
  data?: Uint8Array;
  deadline?: bigint;
  number?: bigint;
};

/** The body of the settler's next batch with these rows. */
export async function nextBody(protocol: Protocol, settler: number, plan: BatchPlan): Promise<BatchBody> {
  const { contracts, networkHelpers } = protocol;
  const state = await contracts.settlement.getSettler(settler);
  const policy = plan.policy ?? 1;
  const { feePpm } = await contracts.settlement.getPolicy(policy);
  const totalNano = plan.debits.reduce((sum, row) => sum + row.amountNano, 0n);
  return {
    settler,
    number: plan.number ?? state.batches + 1n,
    root: plan.root ?? fromHex(`0x${"11".repeat(32)}`),
    rowsHash: rowsHash(encodeRows(plan.debits), encodeRows(plan.credits)),
    firstSequence: state.nextSequence,
    count: plan.count ?? 1,
    totalNano,
    feeNano: batchFee(totalNano, Number(feePpm)),
    data: plan.data ?? ZERO32,
    policy,
    deadline: plan.deadline ?? BigInt(await networkHelpers.time.latest()) + 600n,
  };
}

export function signBody(domain: Domain, body: BatchBody, signers: readonly VerifierActor[]): BatchSignature[] {
  const digest = bodyDigest(domain, body);
  return signers.map(({ operator, key }) => ({
    operator,
    signature: secp256k1.sign(digest, fromHex(key.privateKey)),
  }));
}

/** The arguments of `commitBatch` for a body, signed by `signers`. */
export function commitArguments(
  domain: Domain,
  body: BatchBody,
  plan: BatchPlan,
  signers: readonly VerifierActor[],
  tree: Uint8Array = new Uint8Array(),
) {
  return [
    headerStruct(body),
    toHex(encodeRows(plan.debits)),
    toHex(encodeRows(plan.credits)),
    toHex(packSignatures(signBody(domain, body, signers))),
    toHex(tree),
  ] as const;
}

/** A credit row for everything but the fee. */
export async function creditAll(
  { contracts }: Protocol,
  payee: number,
  debits: readonly Row[],
  policy = 1,
): Promise<Row[]> {
  const total = debits.reduce((sum, row) => sum + row.amountNano, 0n);
  const { feePpm } = await contracts.settlement.getPolicy(policy);
  const amountNano = total - batchFee(total, Number(feePpm));
  return amountNano === 0n ? [] : [{ index: payee, amountNano }];
}
