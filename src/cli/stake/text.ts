import Table from "cli-table3";
import { formatOpg } from "../../core/units.ts";
import type { HolderStake, Joining, Leaving, StakeView } from "../../staking/position.ts";
import type { Risk } from "../../staking/risk.ts";
import type { SlashTable } from "../../staking/slashTable.ts";
import { lines } from "../output.ts";

export const opg = (nano: bigint) => `${formatOpg(nano)} OPG`;
export const moment = (unix: number) => new Date(unix * 1000).toISOString().replace(".000Z", "Z");
const percent = (ppm: number | bigint) => `${Number(ppm) / 10_000} %`;

const listed = <T>(what: readonly T[], one: (each: T) => string) =>
  what.length === 0 ? "none" : what.map(one).join(", ");
const joins = ({ amountNano, countsAt }: Joining) => `${opg(amountNano)} from ${moment(countsAt)}`;
const leaves = ({ amountNano, payableAt }: Leaving) => `${opg(amountNano)} payable ${moment(payableAt)}`;

export function showText({ stake, countsIfNow, leavesIfNow }: StakeView, holder: HolderStake | undefined): string {
  const operator = lines({
    operator: stake.operator,
    owner: stake.owner,
    "own bond": opg(stake.selfNano),
    delegated: opg(stake.delegatedNano),
    "counts as stake": opg(stake.effectiveNano),
    slashable: opg(stake.slashableNano),
    "due, counts after `opg stake roll`": opg(stake.dueNano),
    "own bond, joining": listed(stake.joining, joins),
    "own bond, leaving": listed(stake.leaving, leaves),
    commission: `${percent(stake.commissionPpm)}, at most ${percent(stake.maxCommissionPpm)}`,
    "paid in now, counts from": moment(countsIfNow),
    "asked for now, paid from": moment(leavesIfNow),
  });
  if (!holder) return operator;
  const mine = lines({
    holder: holder.holder,
    active: opg(holder.activeNano),
    votes: holder.voting ? "yes" : "no",
    joining: listed(holder.joining, joins),
    leaving: listed(holder.leaving, leaves),
    "paid in": opg(holder.depositedNano),
    "paid out": opg(holder.withdrawnNano),
    "earned, less slashes": opg(holder.earnedNano),
  });
  return `${operator}\n\n${mine}`;
}

export type WhatIf = { risk: Risk; mineNano: bigint; countsFrom: number; paidFrom: number };

export function whatIfText({ risk, mineNano, countsFrom, paidFrom }: WhatIf): string {
  const table = new Table({
    head: ["penalty for", "in all", "own bond", "delegators", "the holder"],
    style: { head: [] },
  });
  for (const { fault, penaltyNano, ofSelfNano, ofDelegatorsNano, mineNano: mine } of risk.faults) {
    table.push([fault, opg(penaltyNano), opg(ofSelfNano), opg(ofDelegatorsNano), opg(mine)]);
  }
  const most = lines({
    "own bond, at most": opg(risk.selfNano),
    "delegators, one event": opg(risk.delegatorsEventNano),
    "delegators, two unbonding times": opg(risk.delegatorsWindowNano),
    "the holder has": opg(mineNano),
    "the holder, one event": opg(risk.mineEventNano),
    "the holder, two unbonding times": opg(risk.mineWindowNano),
    "paid in now, counts from": moment(countsFrom),
    "asked for now, paid from": moment(paidFrom),
  });
  return `${most}\n\n${table.toString()}\n\nRefunds of payers come first, out of the own bond, and count towards the same limits.`;
}

export function slashTableText({ parameters, slasher, slasherIsCourt, slashWindow }: SlashTable): string {
  const table = new Table({ head: ["parameter", "value", "bound", "of", "changed by"], style: { head: [] } });
  for (const { name, value, bound, of, changedBy } of parameters) {
    table.push([name, String(value), String(bound), of, changedBy]);
  }
  const who = slasherIsCourt ? "the court" : "not the court of this deployment";
  return `${table.toString()}\n${lines({ slasher: `${slasher} (${who})`, "slash window": `${slashWindow} s` })}`;
}
