import { sha256 } from "../../../src/core/hashing/sha256.ts";
import type { Row as MoneyRow } from "../../../src/core/protocol/rows.ts";
import {
  type BatchPlan,
  commitArguments,
  creditAll,
  type Economy,
  nextBody,
  OPG,
  openEconomy,
  openReservation,
} from "../../../test/helpers/economy.ts";
import { deployProtocol, type Protocol } from "../../../test/helpers/protocol.ts";

export const QUORUM_1 = 1;
export const QUORUM_3 = 2;

export type Bench = {
  protocol: Protocol;
  economy: Economy;
  connection: Protocol;
  /** A payer's reservations 0…1023, four to a slot. */
  payers: number;
  /** Commits the settler's next batch, signed by as many verifiers as the policy asks for. */
  commit(plan: Omit<BatchPlan, "credits">): ReturnType<Protocol["contracts"]["settlement"]["commitBatch"]>;
};

const PAYERS = 1_024;
const RING = 512;

/** The same clock in every run: timestamps are calldata, and zeros in them are cheaper. */
const START = new Date("2026-06-21T00:00:00Z");

/**
 * A settlement contract in steady state: every slot of the ring was written once, every lane is in use, and the clock
 * has passed the claim horizon. The times are those of a local chain; gas does not depend on them.
 */
export async function openBench(): Promise<Bench> {
  const protocol = await deployProtocol((parameters) => {
    const [policy] = parameters.settlement.policies;
    if (!policy) throw new Error("The parameters have no policy");
    const policies = [
      { ...policy, quorum: 1 },
      { ...policy, quorum: 3 },
    ];
    return { ...parameters, settlement: { ringSize: RING, policies } };
  }, START);
  const economy = await openEconomy(protocol, { verifiers: 3 });
  const payer = protocol.signers[10] as Protocol["signers"][number];
  for (let i = 0; i < PAYERS; i++) await openReservation(protocol, economy.settler, payer, 10n * OPG);

  const { contracts, networkHelpers } = protocol;
  let hashes = 0;
  async function commit(plan: Omit<BatchPlan, "credits">) {
    const credits = await creditAll(protocol, economy.workerPayee, plan.debits);
    // Hashes as they are in life: zeros would be cheaper.
    const full = { data: sha256(`data ${++hashes}`), root: sha256(`root ${hashes}`), ...plan, credits };
    const body = await nextBody(protocol, economy.settler, full);
    const signers = full.policy === QUORUM_3 ? economy.verifiers : economy.verifiers.slice(0, 1);
    return contracts.settlement.commitBatch(...commitArguments(economy.domain, body, full, signers));
  }
  for (let i = 0; i < RING + 2; i++) {
    if (i === RING - 2) await networkHelpers.time.increase(3600);
    await commit({ debits: [{ index: i % PAYERS, amountNano: 1_000n }] });
  }
  return { protocol, economy, connection: protocol, payers: PAYERS, commit };
}

/** `count` debits, every `step`-th reservation. */
export function debitsOf(count: number, step: number): MoneyRow[] {
  return Array.from({ length: count }, (_, i) => ({ index: i * step, amountNano: 123_456_789n + BigInt(i) }));
}
