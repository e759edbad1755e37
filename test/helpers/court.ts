import { expect } from "chai";
import { AbiCoder, type ContractTransactionReceipt, dataSlice, id, keccak256, ZeroAddress } from "ethers";
import type { Parameters } from "../../deploy/parameters.ts";
import { eventOf, mined } from "../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { type Committed, commitReceipts, receiptOf, type Shown, signVoucher } from "./batches.ts";
import { OPG, openEconomy, openReservation } from "./economy.ts";
import { fixturesOn, type Load } from "./fixtures.ts";
import { deployProtocol, type Protocol } from "./protocol.ts";

/** Nobody else's, so that its balance shows what the reserve got. */
const RESERVE = "0x00000000000000000000000000000000000beef1";
export const STAKE = 1_000n * OPG + 7n; // does not divide evenly, so that rounding shows
export const RESERVED = 100n * OPG;
export const DEBIT = 10n * OPG;
export const FEE = DEBIT / 20n;
export const CREDIT = DEBIT - FEE;
export const BOND = 1n * OPG;

export const CLAIM_HORIZON = 600;
export const ANSWER_TIME = 300;
export const PENALTY_DELAY = CLAIM_HORIZON + ANSWER_TIME;
/** A policy like the first one; no reservation of these tests agrees to it. */
export const OTHER_POLICY = 3;

const SETTLER_PPM = 100_000n;
const SIGNER_PPM = 50_000n;
const REPORTER_PPM = 100_000n;
const OWN_PPM = { unopenedPpm: 300_000, receiptPpm: 200_000 };
/** Rounded up, as the contract does. */
const part = (amountNano: bigint, ppm: bigint) => (amountNano * ppm + 999_999n) / 1_000_000n;
/** What a settler with that stake loses for unproven debits of a batch. */
export const penaltyOf = (stakeNano: bigint) => part(stakeNano, SETTLER_PPM);
/** What it loses for a sequence that nobody opened, and for a receipt weaker or dearer than it may be. */
export const unopenedPenaltyOf = (stakeNano: bigint) => part(stakeNano, BigInt(OWN_PPM.unopenedPpm));
export const receiptPenaltyOf = (stakeNano: bigint) => part(stakeNano, BigInt(OWN_PPM.receiptPpm));
/** What a signer of that batch loses. */
export const signerPenaltyOf = (stakeNano: bigint) => part(stakeNano, SIGNER_PPM);
export const rewardOf = (penaltyNano: bigint) => part(penaltyNano, REPORTER_PPM);

/** Rates that differ from each other, a fault of sequences that takes everything, a reserve that is nobody else. */
const changed = (parameters: Parameters): Parameters => {
  const { court, settlement } = parameters;
  const [policy] = settlement.policies as [(typeof settlement.policies)[0]];
  return {
    ...parameters,
    reserve: RESERVE,
    settlement: { ...settlement, policies: [...settlement.policies, policy] },
    court: { ...court, signerPpm: Number(SIGNER_PPM), sequencePpm: 1_000_000, ...OWN_PPM },
  };
};

/** One payer with 100 OPG at one settler; a challenger with thirty bonds. */
async function openCourt(protocol: Protocol) {
  const economy = await openEconomy(protocol, { bondNano: STAKE });
  const { contracts, signers } = protocol;
  const [challenger, payer] = signers.slice(-2) as [(typeof signers)[0], (typeof signers)[0]];
  const { reservation, terms } = await openReservation(protocol, economy.settler, payer, RESERVED);
  await mined(contracts.opg.transfer(challenger.address, 30n * BOND * WEI_PER_NANO));
  await mined(contracts.opg.connect(challenger).approve(contracts.court.target, 30n * BOND * WEI_PER_NANO));
  return { ...protocol, ...contracts, ...economy, challenger, payer, reservation, terms };
}

export type CourtWorld = Awaited<ReturnType<typeof openCourt>>;

/** A chain with a court for a suite; `load` runs fixtures on it. */
export function useCourt(): { world: CourtWorld; load: Load } {
  const world = {} as CourtWorld;
  let load: Load;
  before(async () => {
    Object.assign(world, await openCourt(await deployProtocol(changed)));
    load = await fixturesOn(world);
  });
  return { world, load: (fixture) => load(fixture) };
}

export const at = ({ networkHelpers }: CourtWorld, timestamp: number) =>
  networkHelpers.time.setNextBlockTimestamp(timestamp);

/** A batch that debits 10 OPG, credited to `payee`. Its only receipt shows that much, unless told otherwise. */
export async function commitDebit(
  world: CourtWorld,
  payee: number,
  { spentNano = DEBIT, policy = 1 } = {},
): Promise<Committed> {
  const { settler, settlement, reservation } = world;
  const sequence = (await settlement.getSettler(settler)).nextSequence;
  return commitReceipts(world, world, {
    receipts: [receiptOf({ sequence, settler, reservation, spentNano })],
    debits: [{ index: reservation, amountNano: DEBIT }],
    credits: [{ index: payee, amountNano: CREDIT }],
    policy,
  });
}

/** The challenger's claim against one debit of a batch. */
export const claimDebit = ({ court, challenger }: CourtWorld, { batch, debits, creditsHash }: Committed, row = 0) =>
  court.connect(challenger).claimDebit(batch, debits, creditsHash, row);

export const showDebit = ({ court, payer }: CourtWorld, { batch, debits, creditsHash }: Committed, row = 0) =>
  court.connect(payer).showDebit(batch, debits, creditsHash, row);

/** Until when a claim can be answered. */
export const answerBy = async ({ court }: CourtWorld, claim = 1) => Number((await court.getClaim(claim)).answerBy);

export const shownAt = ({ shown }: Committed, index = 0) => shown[index] as Shown;

/** What `proveDebit` takes. */
export type Answer = {
  claim: number;
  terms: CourtWorld["terms"];
  voucher: ReturnType<typeof signVoucher>["voucher"];
  signature: string;
  receipt: Shown["receipt"];
  path: string[];
  ref: Committed["ref"];
  later: (number | bigint)[];
};

/** The payer's word for that much of its reservation. */
export const voucherFor = ({ domain, terms, settler, reservation }: CourtWorld, cumulativeNano: bigint) =>
  signVoucher(domain, terms, { settler, reservation, cumulativeNano });

/** Answers claim 1 with a voucher for one debit and a batch's first receipt, or with parts of the answer changed. */
export function proveDebit(
  world: CourtWorld,
  committed: Committed,
  change: Partial<Answer> = {},
  sender = world.settlerOwner,
) {
  const answer: Answer = {
    claim: 1,
    terms: world.terms,
    ...voucherFor(world, DEBIT),
    ...shownAt(committed),
    ref: committed.ref,
    later: [],
    ...change,
  };
  const { claim, terms, voucher, signature, receipt, path, ref, later } = answer;
  return world.court.connect(sender).proveDebit(claim, terms, voucher, signature, receipt, path, ref, later);
}

/** Kinds of faults, as in `ICourt.sol`. */
export const FAULT = { DEBIT: 0n, SEQUENCE: 1n, UNOPENED: 2n, RECEIPT: 3n };

/** The id of a penalty. */
export const evidenceOf = (
  kind: "debit" | "sequence" | "unopened" | "receipt",
  settler: number,
  number: number | bigint,
) => keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint32", "uint64"], [kind, settler, number]));

/** The stake hub's evidence id of the refund of a claim by an operator. */
export const refundIdOf = (court: unknown, claim: number, operator: number) =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(["address", "string", "uint256", "uint32"], [court, "refund", claim, operator]),
  );

/** The stake hub's evidence id of an operator's part in a penalty. */
export const penaltyIdOf = (court: unknown, evidenceId: string, operator: number) =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["address", "string", "bytes32", "uint32"],
      [court, "penalty", evidenceId, operator],
    ),
  );

/** Shows a receipt far outside of its batch: a fault that takes the settler's whole stake. Its penalty's id. */
export async function reportRuin(world: CourtWorld): Promise<string> {
  const { court, settler, challenger } = world;
  const receipts = [receiptOf({ sequence: 1_000n, settler })];
  const committed = await commitReceipts(world, world, { receipts, debits: [], credits: [] });
  const { receipt, path } = shownAt(committed);
  await mined(court.connect(challenger).reportOutOfRange(receipt, path, committed.batch));
  return evidenceOf("sequence", settler, committed.ref.number);
}

/** What a penalty keeps of the hash of a batch's signers. */
export const keptOf = (signersHash: string) => dataSlice(signersHash, 0, 27);

/** Waits until a penalty is due and takes it. */
export async function punishLater({ court, networkHelpers }: CourtWorld, evidenceId: string, signers = "0x") {
  const { dueAt } = await court.getPenalty(evidenceId);
  if ((await networkHelpers.time.latest()) < dueAt) await networkHelpers.time.increaseTo(dueAt);
  await mined(court.punish(evidenceId, signers));
}

let drains = 0;

/** All but `keepNano` of an operator's stake goes to the reserve, as the court could decide for another fault. */
export async function drain(world: CourtWorld, operator: number, keepNano = 0n): Promise<void> {
  const { stakeHub, ethers, networkHelpers } = world;
  const slasher = await stakeHub.slasher();
  await networkHelpers.impersonateAccount(slasher);
  await networkHelpers.setBalance(slasher, 10n ** 18n);
  const order = {
    operator,
    amountNano: (await stakeHub.slashableStake(operator)) - keepNano,
    harmed: ZeroAddress,
    harmedNano: 0,
    reporter: ZeroAddress,
    reporterNano: 0,
    evidenceId: id(`drain ${drains++}`),
    faultAt: await networkHelpers.time.latest(),
  };
  await mined(stakeHub.connect(await ethers.getSigner(slasher)).slash(order));
  await networkHelpers.stopImpersonatingAccount(slasher);
}

/** The verifiers have no stake left. */
export async function emptySigners(world: CourtWorld): Promise<void> {
  for (const { operator } of world.verifiers) await drain(world, operator);
}

/** What left an operator's own bond with a request, and was neither withdrawn nor slashed. */
export async function leftBy({ stakeHub }: CourtWorld, request: ContractTransactionReceipt): Promise<bigint> {
  const { operator, period } = eventOf(request, stakeHub, "BondLeft").args;
  return stakeHub.getBondBucket(operator, period);
}

/** What each contract and person holds, in nano; the settlement contract's solvency is checked on the way. */
export async function books({ opg, settlement, court, stakeHub, challenger, settlerOwner, settler }: CourtWorld) {
  const held = async (account: unknown) => {
    const wei = await opg.balanceOf(String(account));
    expect(wei % WEI_PER_NANO).to.equal(0n);
    return wei / WEI_PER_NANO;
  };
  let owed = (await settlement.seizedNano()) + (await settlement.getSettler(settler)).feesNano;
  const { reservations } = await settlement.getSettler(settler);
  for (let i = 0n; i < reservations; i++) owed += (await settlement.getReservation(settler, i)).balanceNano;
  for (let i = 1n; i <= (await settlement.payeeCount()); i++) {
    owed += (await settlement.earningsOf(i)) + (await settlement.getPayee(i)).pendingNano;
  }
  expect(await held(settlement.target), "solvency of the settlement contract").to.equal(owed);
  return {
    court: await held(court.target),
    stakeHub: await held(stakeHub.target),
    reserve: await held(RESERVE),
    challenger: await held(challenger.address),
    settlerOwner: await held(settlerOwner.address),
  };
}
export type Books = Awaited<ReturnType<typeof books>>;

/** Who has more or less than before. */
export function moved(before: Books, after: Books): Partial<Books> {
  const entries = Object.entries(after) as [keyof Books, bigint][];
  return Object.fromEntries(entries.map(([who, nano]) => [who, nano - before[who]]).filter(([, nano]) => nano !== 0n));
}
