import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { rollStakes } from "../../../src/staking/deposit.ts";
import { OPG } from "../../../test/helpers/economy.ts";
import { measure, type Row } from "./row.ts";
import { type Bench, debitsOf, QUORUM_1, QUORUM_3 } from "./setup.ts";

const X402_ONE = { name: "x402 claim, one channel, no proof", gasUsed: 48_549 };
const ZEROG_ONE = { name: "0G settleFeesWithTEE, one user", gasUsed: 114_880 };
const X402_PAIR = 21_606; // a channel, 100 at once

const ONE_PAYER = 82_000;
const DELEGATED = 90_000;
const THREE_SIGNERS = 108_000;
const SPREAD = 6_500;
const PACKED = 1_800;

/** Batches: one payer and any number of receipts, more signers, more payers. */
export async function commitRows({ commit }: Bench): Promise<Row[]> {
  const one = debitsOf(1, 1);
  const rows: Row[] = [];
  let base = 0;
  for (const count of [1, 1_000, 1_000_000]) {
    const measured = await measure(commit({ debits: one, count, policy: QUORUM_1 }));
    base = measured.gasUsed;
    rows.push({ name: `commit/1-payer/${count}`, ...measured, ...plain(ONE_PAYER), peer: X402_ONE });
  }
  const three = await measure(commit({ debits: one, count: 1_000, policy: QUORUM_3 }));
  rows.push({ name: "commit/3-signers", ...three, ...plain(THREE_SIGNERS), peer: ZEROG_ONE });

  const shapes = [
    ["commit/100-payers-spread", 100, 4, SPREAD],
    ["commit/100-payers-packed", 100, 1, PACKED],
    ["commit/1000-payers-packed", 1_000, 1, PACKED],
  ] as const;
  for (const [name, payers, step, perUnitLimit] of shapes) {
    const measured = await measure(commit({ debits: debitsOf(payers, step), count: payers, policy: QUORUM_1 }));
    rows.push({
      name,
      ...measured,
      perUnit: Math.round((measured.gasUsed - base) / (payers - 1)),
      limit: ONE_PAYER + (payers - 1) * perUnitLimit,
      perUnitLimit,
      peer: { name: `x402 claim, ${payers} channels, no proof`, gasUsed: X402_PAIR * payers },
    });
  }
  return rows;
}

/** The same when others delegate to the settler: what counts of that is read with every batch. Last, because it stays so. */
export async function delegatedRows({ commit, protocol, economy }: Bench): Promise<Row[]> {
  const { contracts, networkHelpers } = protocol;
  const [payer] = protocol.signers as [Bench["protocol"]["signers"][number]];
  const delegatedNano = 1_000_000n * OPG;
  await mined(contracts.opg.approve(contracts.stakeHub.target, delegatedNano * WEI_PER_NANO));
  const joining = await mined(contracts.stakeHub.delegateTo(economy.settler, delegatedNano));
  const { epoch } = eventOf(joining, contracts.stakeHub, "Delegated").args;
  await networkHelpers.time.increaseTo(epoch * (await contracts.stakeHub.epochLength()));
  await rollStakes(contracts, payer, [economy.settler]);
  const measured = await measure(commit({ debits: debitsOf(1, 1), count: 1_000, policy: QUORUM_1 }));
  return [{ name: "commit/1-payer-delegated", ...measured, ...plain(DELEGATED), peer: null }];
}

function plain(limit: number) {
  return { perUnit: null, limit, perUnitLimit: null };
}
