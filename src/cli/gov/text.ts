import { formatOpg } from "../../core/units.ts";
import type { Standing } from "../../governance/chain.ts";
import { callText, type ShownCall } from "../../governance/describe.ts";
import { lines } from "../output.ts";
import type { Sent } from "./open.ts";

export const timeText = (unix: number) => new Date(unix * 1000).toISOString().replace(".000Z", "Z");
const opg = (nano: bigint) => `${formatOpg(nano)} OPG`;

/** What was sent, or would have to be. */
export function sentText({ hash, transaction }: Sent): string {
  if (hash) return lines({ transaction: hash });
  return `${lines({ "not sent": "--dry-run", from: transaction.from, to: transaction.to })}\ndata  ${transaction.data}`;
}

export function callsText(calls: readonly ShownCall[]): string {
  return calls.map(callText).join("\n");
}

/** How a proposal stands, as rows. */
export function standingRows(standing: Standing): Record<string, string> {
  const { state, kind, snapshot, deadline, executableFrom, quorumNano } = standing;
  const reached = standing.forNano + standing.abstainNano;
  const kinds = { any: {}, removal: { kind: "only removes" }, guardian: { kind: "replaces the governor's guardian" } };
  return {
    state,
    ...kinds[kind],
    "votes as of": timeText(snapshot),
    "vote ends": timeText(deadline),
    ...(executableFrom === null ? {} : { "executable from": timeText(executableFrom) }),
    for: opg(standing.forNano),
    against: opg(standing.againstNano),
    abstain: opg(standing.abstainNano),
    quorum: quorumNano === null ? "known once the vote begins" : `${opg(reached)} of ${opg(quorumNano)}`,
  };
}
