import { expect } from "chai";
import type { BaseContract, ContractTransactionResponse } from "ethers";
import type { Parameters } from "../../deploy/parameters.ts";
import { mined } from "../../src/core/chain/events.ts";
import { toHex } from "../../src/core/hashing/hex.ts";
import { headerStruct, packSignatures } from "../../src/core/protocol/batch.ts";
import type { BatchBody, Terms } from "../../src/core/protocol/messages.ts";
import { encodeRows, type Row } from "../../src/core/protocol/rows.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import {
  type BatchPlan,
  type Economy,
  nextBody,
  OPG,
  openEconomy,
  openReservation,
  signBody,
  type VerifierActor,
} from "./economy.ts";
import { deployProtocol, type Protocol } from "./protocol.ts";

export type Reserved = { reservation: number; terms: Terms; payer: Protocol["signers"][number] };

export type SettlementTest = Protocol & Economy & { reserved: Reserved[] };

export const RESERVED_NANO = 1_000n * OPG;

export type SettlementOptions = {
  change?: (parameters: Parameters) => Parameters;
  verifiers?: number;
  bondNano?: bigint;
  /** How many payers have {RESERVED_NANO} reserved: indices 0, 1, 2… */
  payers?: number;
};

/** A chain with an economy and payers for a suite, brought back to the same state before each of its tests. */
export function useSettlement({ change, verifiers = 2, bondNano, payers = 1 }: SettlementOptions = {}): SettlementTest {
  const test = {} as SettlementTest;
  let restore: () => Promise<void>;
  before(async () => {
    const protocol = await deployProtocol(change);
    const economy = await openEconomy(protocol, { verifiers, ...(bondNano === undefined ? {} : { bondNano }) });
    const reserved: Reserved[] = [];
    for (let i = 0; i < payers; i++) {
      const payer = payerOf(protocol, i);
      reserved.push({ ...(await openReservation(protocol, economy.settler, payer, RESERVED_NANO)), payer });
    }
    Object.assign(test, protocol, economy, { reserved });
    ({ restore } = await protocol.networkHelpers.takeSnapshot());
  });
  beforeEach(() => restore());
  return test;
}

/** The account of the payer with that index: the last accounts, counted backwards. */
export function payerOf({ signers }: Pick<Protocol, "signers">, index: number): Protocol["signers"][number] {
  return signers[signers.length - 1 - index] as Protocol["signers"][number];
}

/** Everything that `commitBatch` takes. */
export type Commit = {
  body: BatchBody;
  debits: Uint8Array;
  credits: Uint8Array;
  signatures: Uint8Array;
  tree: Uint8Array;
};

/** The next batch with these rows, signed by the first two verifiers or by `signers`. */
export async function planCommit(
  test: SettlementTest,
  plan: BatchPlan,
  {
    signers = test.verifiers.slice(0, 2),
    tree = new Uint8Array(),
  }: Partial<{
    signers: readonly VerifierActor[];
    tree: Uint8Array;
  }> = {},
): Promise<Commit> {
  const body = await nextBody(test, test.settler, plan);
  return {
    body,
    debits: encodeRows(plan.debits),
    credits: encodeRows(plan.credits),
    signatures: packSignatures(signBody(test.domain, body, signers)),
    tree,
  };
}

/** Packed rows as they are given: in any order, doubled, or of nothing. */
export function rawRows(rows: readonly (readonly [index: number, amountNano: bigint])[]): Uint8Array {
  const bytes = Buffer.alloc(12 * rows.length);
  rows.forEach(([index, amountNano], i) => {
    bytes.writeUInt32BE(index, 12 * i);
    bytes.writeBigUInt64BE(amountNano, 12 * i + 4);
  });
  return new Uint8Array(bytes);
}

/** Submits as the settler's committer, or as another account. */
export function sendCommit(
  test: SettlementTest,
  commit: Commit,
  from = test.signers[0] as Protocol["signers"][number],
): Promise<ContractTransactionResponse> {
  const { body, debits, credits, signatures, tree } = commit;
  return test.contracts.settlement
    .connect(from)
    .commitBatch(headerStruct(body), toHex(debits), toHex(credits), toHex(signatures), toHex(tree));
}

/** Commits the next batch: `amountNano` of reservation 0, all but the fee to `payee`. */
export async function commitTo(test: SettlementTest, payee: number, amountNano: bigint): Promise<Commit> {
  const debits: Row[] = amountNano === 0n ? [] : [{ index: 0, amountNano }];
  const creditNano = amountNano - (amountNano * 5n + 99n) / 100n; // the fee is 5 %, rounded up
  const credits = creditNano === 0n ? [] : [{ index: payee, amountNano: creditNano }];
  const commit = await planCommit(test, { debits, credits });
  await mined(sendCommit(test, commit));
  return commit;
}

/** All of a settler's money and where it stands, as the contract tells it. Checks that the contract holds what it owes. */
export async function booksOf({ contracts, settler }: Pick<SettlementTest, "contracts" | "settler">) {
  const { settlement, opg } = contracts;
  const state = await settlement.getSettler(settler);
  const each = <T>(count: bigint, read: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: Number(count) }, (_, index) => read(index)));
  const payees = await settlement.payeeCount();
  const [lanes, releases, earnings, records, seizedNano, heldWei] = await Promise.all([
    each(state.reservations, async (index) => [...(await settlement.getReservation(settler, index))].map(String)),
    each(state.reservations, async (index) => [...(await settlement.getRelease(settler, index))]),
    each(payees, (index) => settlement.earningsOf(index + 1)),
    each(payees, async (index) => [...(await settlement.getPayee(index + 1))]),
    settlement.seizedNano(),
    opg.balanceOf(settlement.target),
  ]);
  const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
  const owedNano =
    sum(lanes.map(([balance]) => BigInt(balance as string))) +
    sum(earnings) +
    sum(records.map(([, pending]) => BigInt(pending as bigint))) +
    state.feesNano +
    seizedNano;
  expect(heldWei, "what the contract holds").to.equal(owedNano * WEI_PER_NANO);
  return { settler: [...state], lanes, releases, earnings, records, seizedNano, heldWei, payees };
}

/** The call reverts with exactly this error, and the books of the settler stay as they were. */
export async function refuses(
  test: Pick<SettlementTest, "contracts" | "settler" | "ethers">,
  call: () => Promise<unknown>,
  error: string,
  args: readonly unknown[] = [],
  contract: BaseContract = test.contracts.settlement,
): Promise<void> {
  const before = await booksOf(test);
  await expect(call())
    .to.be.revertedWithCustomError(contract, error)
    .withArgs(...args);
  expect(await booksOf(test)).to.deep.equal(before);
}
