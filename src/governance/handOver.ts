import { Interface, id, ZeroHash } from "ethers";
import { logsBetween } from "../core/chain/logs.ts";
import { chainError } from "../core/chain/revert.ts";
import type { Governance } from "./chain.ts";
import { type ProposedCall, proposeArguments } from "./proposal.ts";

const ROLES = ["PROPOSER_ROLE", "CANCELLER_ROLE"] as const;
type Role = (typeof ROLES)[number];

const timelockInterface = new Interface([
  "function grantRole(bytes32 role, address account)",
  "function revokeRole(bytes32 role, address account)",
  "event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender)",
  "event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender)",
]);

export type RoleHolders = Record<Role, string[]>;

/** How far a timelock is on its way to a governor. Times are Unix seconds. */
export type HandOver = {
  /** `done`: the governor alone proposes and cancels. The others speak of the batch that makes it so. */
  state: "done" | "unscheduled" | "waiting" | "ready";
  holders: RoleHolders;
  calls: ProposedCall[];
  /** Of the batch in the timelock. */
  id: string | null;
  executableFrom: number | null;
};

/**
 * What the timelock executes, in one batch of its former proposers, to make the governor its only proposer and canceller. A
 * former one that is left out could do whatever it likes beside the votes. Roles that an account has already, or has no
 * more, change nothing.
 */
export function handOverCalls(timelock: string, governor: string, former: RoleHolders): ProposedCall[] {
  const call = (name: "grantRole" | "revokeRole", role: Role, account: string) => ({
    target: timelock,
    value: 0n,
    data: timelockInterface.encodeFunctionData(name, [id(role), account]),
  });
  return [
    ...ROLES.map((role) => call("grantRole", role, governor)),
    ...ROLES.flatMap((role) =>
      former[role].filter((account) => account !== governor).map((account) => call("revokeRole", role, account)),
    ),
  ];
}

/** The batch of these calls, as `scheduleBatch` takes it before the delay and `executeBatch` takes it. */
export function batchOf(calls: readonly ProposedCall[]): [string[], bigint[], string[], string, string] {
  const [targets, values, datas] = proposeArguments({ calls, description: "" });
  return [targets, values, datas, ZeroHash, ZeroHash];
}

/** Reads from the timelock's events and state how far the handover is. */
export async function handOverOf({ governor, timelock, provider }: Governance): Promise<HandOver> {
  try {
    const [governorAddress, timelockAddress] = [String(governor.target), String(timelock.target)];
    const holders = await roleHolders({ governor, timelock, provider });
    const calls = handOverCalls(timelockAddress, governorAddress, holders);
    if (ROLES.every((role) => holders[role].length === 1 && holders[role][0] === governorAddress)) {
      return { state: "done", holders, calls: [], id: null, executableFrom: null };
    }
    const batch = await timelock.hashOperationBatch(...batchOf(calls));
    const from = Number(await timelock.getTimestamp(batch));
    // Zero when it is not scheduled, one when it was executed: the roles changed since.
    if (from <= 1) return { state: "unscheduled", holders, calls, id: batch, executableFrom: null };
    const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
    // What is executed comes in a later block than the latest one.
    return { state: now + 1 < from ? "waiting" : "ready", holders, calls, id: batch, executableFrom: from };
  } catch (error) {
    throw chainError("The timelock cannot be read", error);
  }
}

async function roleHolders({ timelock, provider }: Governance): Promise<RoleHolders> {
  const topics = ["RoleGranted", "RoleRevoked"].map((name) => timelockInterface.getEvent(name)?.topicHash as string);
  const filter = { address: String(timelock.target), topics: [topics] };
  const logs = await logsBetween(provider, filter, 0, await provider.getBlockNumber());
  const holders = new Map<string, Set<string>>(ROLES.map((role) => [id(role), new Set()]));
  for (const log of logs) {
    const parsed = timelockInterface.parseLog(log);
    const accounts = holders.get(parsed?.args.role);
    if (parsed?.name === "RoleGranted") accounts?.add(parsed.args.account);
    else accounts?.delete(parsed?.args.account);
  }
  const of = (role: Role) => [...(holders.get(id(role)) ?? [])].sort();
  return { PROPOSER_ROLE: of("PROPOSER_ROLE"), CANCELLER_ROLE: of("CANCELLER_ROLE") };
}
