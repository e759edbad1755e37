import { formatOpg } from "../../core/units.ts";
import type { Difference } from "../../rewards/recompute.ts";

export const opg = (nano: bigint) => `${formatOpg(nano)} OPG`;

export function differenceText({ account, field, ours, theirs }: Difference): string {
  const what = account ? `account ${account}, ${field}` : field;
  return `DIFFERENT: ${what}\n  computed  ${ours}\n  posted    ${theirs}`;
}

/** One line for each thing a pass did. */
export function outcomesText(outcomes: readonly ({ outcome: string } & Record<string, unknown>)[]): string {
  if (outcomes.length === 0) return "nothing to do";
  return outcomes
    .map(({ outcome, ...rest }) => {
      const facts = Object.entries(rest).filter(([, value]) => value !== null && typeof value !== "object");
      return [outcome, ...facts.map(([name, value]) => `${name} ${String(value)}`)].join("  ");
    })
    .join("\n");
}
