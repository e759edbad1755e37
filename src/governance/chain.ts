import type { Block, Log, Provider } from "ethers";
import { OPGGovernor__factory } from "../../typechain-types/factories/governance/OPGGovernor__factory.ts";
import { ProtocolTimelock__factory } from "../../typechain-types/factories/governance/ProtocolTimelock__factory.ts";
import type { OPGGovernor, ProtocolTimelock } from "../../typechain-types/index.ts";
import { logsBetween } from "../core/chain/logs.ts";
import { chainError } from "../core/chain/revert.ts";
import { BaseError, InputError } from "../core/errors.ts";
import { type Proposal, proposalId } from "./proposal.ts";

/** A governor on its chain. */
export type Governance = { provider: Provider; governor: OPGGovernor; timelock: ProtocolTimelock };

/** What was proposed, by whom and when. */
export type Created = Proposal & { id: bigint; proposer: string; block: number };

const STATES = ["pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed"] as const;
const KINDS = ["any", "removal", "guardian"] as const;

/** How a proposal stands. Times are Unix seconds, votes nano. */
export type Standing = {
  state: (typeof STATES)[number];
  kind: (typeof KINDS)[number];
  /** Votes count as of then, and can be cast after it. */
  snapshot: number;
  /** Last second of the vote. */
  deadline: number;
  /** From when it can be executed; null before it is queued. */
  executableFrom: number | null;
  forNano: bigint;
  againstNano: bigint;
  abstainNano: bigint;
  /** Null before the snapshot. */
  quorumNano: bigint | null;
};

/** Opens a governor. Throws `InputError` when there is none at the address. */
export async function openGovernance(provider: Provider, address: string): Promise<Governance> {
  const governor = OPGGovernor__factory.connect(address, provider);
  const wrong = (cause?: unknown) =>
    new InputError("There is no governor at this address", {
      code: "no_governor",
      facts: { governor: address },
      hint: "Give its address with --governor, or the deployment file that names it, and the RPC of its chain",
      cause,
    });
  if ((await reading(() => provider.getCode(address))) === "0x") throw wrong();
  const timelock = await governor.timelock().catch((cause: unknown) => {
    throw wrong(cause);
  });
  return { provider, governor, timelock: ProtocolTimelock__factory.connect(timelock, provider) };
}

/** A proposal by its id: the events of the blocks that it can be in are read, a few more than one day's. */
export async function findProposal(governance: Governance, id: bigint): Promise<Created> {
  const { governor, provider } = governance;
  const snapshot = await reading(() => governor.proposalSnapshot(id));
  if (snapshot === 0n) {
    throw new InputError("There is no such proposal", {
      code: "no_proposal",
      facts: { proposal: id, governor: governor.target },
      hint: "`opg gov list` shows all",
    });
  }
  const { votingDelay } = await reading(() => governor.bounds());
  const head = await reading(() => provider.getBlock("latest"));
  if (!head) throw behind("latest");
  const from = await firstBlockAt(provider, head, Number(snapshot - votingDelay.most));
  const to = await firstBlockAt(provider, head, Number(snapshot - votingDelay.least) + 1);
  const found = (await createdBetween(governance, from, to)).find((one) => one.id === id);
  if (found) return found;
  throw new BaseError("The RPC does not give the event of this proposal", {
    code: "no_event",
    facts: { proposal: id, fromBlock: from, toBlock: to },
    hint: "Use another RPC",
    retryable: true,
  });
}

/** Every proposal of some blocks, in their order. */
export async function createdBetween({ governor, provider }: Governance, from: number, to: number): Promise<Created[]> {
  const { topicHash } = governor.interface.getEvent("ProposalCreated");
  const filter = { address: String(governor.target), topics: [topicHash] };
  const logs = await logsBetween(provider, filter, from, to);
  return logs.map((log) => createdOf(governor, log));
}

/** How a proposal stands now. */
export async function standingOf({ governor }: Governance, id: bigint): Promise<Standing> {
  return reading(async () => {
    const [state, kind, snapshot, deadline, eta, votes] = await Promise.all([
      governor.state(id),
      governor.proposalKind(id),
      governor.proposalSnapshot(id),
      governor.proposalDeadline(id),
      governor.proposalEta(id),
      governor.proposalVotes(id),
    ]);
    // Votes of a second that is not over are nobody's yet.
    const quorumNano = await governor.proposalQuorum(id).catch(() => null);
    return {
      state: STATES[Number(state)] ?? "pending",
      kind: KINDS[Number(kind)] ?? "any",
      snapshot: Number(snapshot),
      deadline: Number(deadline),
      executableFrom: eta === 0n ? null : Number(eta),
      forNano: votes.forVotes,
      againstNano: votes.againstVotes,
      abstainNano: votes.abstainVotes,
      quorumNano,
    };
  });
}

function createdOf(governor: OPGGovernor, log: Log): Created {
  const args = governor.interface.decodeEventLog("ProposalCreated", log.data, log.topics);
  const [id, proposer, targets, values, , datas, , , description] = args as unknown as [
    bigint,
    string,
    string[],
    bigint[],
    unknown,
    string[],
    bigint,
    bigint,
    string,
  ];
  const calls = [...targets].map((target, i) => ({ target, value: values[i] as bigint, data: datas[i] as string }));
  const created = { id, proposer, description, calls, block: log.blockNumber };
  if (proposalId(created) === id) return created;
  throw new BaseError("The RPC gives a proposal that is not what its id says", {
    code: "bad_answer",
    facts: { proposal: id, block: log.blockNumber },
    hint: "Use another RPC",
  });
}

/** The first block at or after a second; the newest one when none is. */
async function firstBlockAt(provider: Provider, head: Block, unix: number): Promise<number> {
  let [low, high] = [0, head.number];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const block = await reading(() => provider.getBlock(middle));
    if (!block) throw behind(middle);
    if (block.timestamp >= unix) high = middle;
    else low = middle + 1;
  }
  return low;
}

const behind = (block: number | string) =>
  new BaseError("The RPC does not have a block that it should have", {
    code: "rpc_behind",
    facts: { block },
    retryable: true,
  });

async function reading<T>(call: () => Promise<T>): Promise<T> {
  return call().catch((error: unknown) => {
    throw chainError("The governor cannot be read", error);
  });
}
