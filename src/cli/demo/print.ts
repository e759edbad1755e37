import Table from "cli-table3";
import { formatOpg } from "../../core/units.ts";
import type { DemoResult, RunningDemo } from "./run.ts";

const opg = (nano: string) => `${formatOpg(BigInt(nano))} OPG`;

/** What happened, for a person: one table, then where to look next. */
export function describeDemo({ result, urls }: RunningDemo, keep: boolean): string {
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const table = new Table({ chars: noRules, style: { head: [], border: [] } });
  const statuses = Object.entries(result.byStatus).filter(([, count]) => count > 0);
  const perReceipt = (gas: string, count: number) =>
    `${gas} gas for ${count} receipts (${Math.round(Number(gas) / count)} each)`;
  table.push(
    ["chain", String(result.chainId)],
    ...result.models.map(({ name, version }) => [`model ${name}`, version]),
    ["inferences", `${result.inferences} (${statuses.map(([name, count]) => `${count} ${name}`).join(", ")})`],
    ["receipts checked by the agents", String(result.receiptsVerified)],
    ...result.batches.map(({ gasUsed, count }, i) => [`batch ${i + 1}`, perReceipt(gasUsed, count)]),
    ["taken from payers", opg(result.debitedNano)],
    ["credited to those who worked", opg(result.creditedNano)],
    ["protocol fee", opg(result.feeNano)],
    ["withdrawn after the delay", opg(result.withdrawnNano)],
    ["one receipt proven on chain", `${result.onChainProof.valid} (${result.onChainProof.gasUsed} gas)`],
    ["changed answer refused", String(result.tamperedRefused)],
    ["money held less money owed", `${result.solvencyDifferenceNano} nano`],
    ["stake behind a worker", stakeText(result.staking)],
    ["slashed for a number given twice", `${opg(result.slashed.takenNano)} (settler ${result.slashed.settler})`],
    [
      `rewards of epoch ${result.rewards.epoch}`,
      `${opg(result.rewards.givenNano)}; root computed again: ${result.rewards.equal ? "equal" : "DIFFERENT"}`,
    ],
    ["a data contributor claimed", opg(result.rewards.claimed)],
    ["governance", governanceText(result.governance)],
    ["seconds", String(result.seconds)],
  );
  return [table.toString(), "", ...(keep ? running(result, urls) : next())].join("\n");
}

function stakeText({ selfNano, delegatedNano, effectiveNano }: DemoResult["staking"]): string {
  return `${opg(selfNano)} of its own, ${opg(delegatedNano)} delegated; ${opg(effectiveNano)} count`;
}

function governanceText({ handedOver, proposal, votingNano }: DemoResult["governance"]): string {
  if (proposal) return `a proposal with ${opg(proposal.forNano)} for it: ${proposal.state}`;
  return `${opg(votingNano)} vote; ${handedOver ? "the governor governs" : "the first proposers govern still"}`;
}

function next(): string[] {
  return [
    "Next: `npm run demo -- --keep` leaves the network running and prints its addresses.",
    "      README.md has the map; docs/architecture.md says what each part is for.",
  ];
}

function running({ onChainProof }: RunningDemo["result"], urls: Record<string, string>): string[] {
  const width = Math.max(...Object.keys(urls).map((name) => name.length));
  const body = '{"model":"opg-chat","messages":[{"role":"user","content":"What is a receipt?"}]}';
  return [
    "Running:",
    ...Object.entries(urls).map(([name, url]) => `  ${name.padEnd(width)}  ${url}`),
    "",
    "Ask a model (the proxy pays from an agent's reservation):",
    `  curl -s ${urls["paying proxy"]}/v1/chat/completions -d '${body}'`,
    "Look at a receipt and its proof:",
    `  curl -s ${urls.gateway}/v1/receipts/${onChainProof.requestId}`,
    "",
    "Ctrl-C ends it.",
  ];
}
