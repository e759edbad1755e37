import { readFile } from "node:fs/promises";
import { solidityPacked } from "ethers";
import { chainError } from "../../core/chain/revert.ts";
import { BaseError, InputError } from "../../core/errors.ts";
import { formatOpg, parseOpg } from "../../core/units.ts";
import { encodeCalls, parseCalls } from "../../governance/calls.ts";
import { type Created, createdBetween, findProposal, type Standing, standingOf } from "../../governance/chain.ts";
import { describeCall } from "../../governance/describe.ts";
import { batchOf, handOverOf } from "../../governance/handOver.ts";
import { hashedArguments, proposalId, proposeArguments, protectedDescription } from "../../governance/proposal.ts";
import { type GovSource, type OpenGovernance, type Sending, senderOf, submit, withGovernance } from "../gov/open.ts";
import { callsText, sentText, standingRows, timeText } from "../gov/text.ts";
import { lines, print } from "../output.ts";

type Output = { json?: boolean };
type Options = GovSource & Sending & Output;

/** Proposes the calls of a file. */
export async function propose(path: string, options: Options & { description?: string }): Promise<void> {
  await withGovernance(options, async (open) => {
    const file = parseCalls(path, await textOf(path));
    const calls = encodeCalls(file, open.known);
    const description = options.description ?? file.description;
    if (!description) {
      throw new InputError("A proposal needs a description", {
        code: "no_description",
        hint: "Give --description, or `description` in the file",
      });
    }
    const sender = senderOf(open, options);
    const proposal = { calls, description: protectedDescription(description, sender.account) };
    const id = proposalId(proposal);
    await checkCanPropose(open, sender.account, id);
    const shown = await describeAll(open, calls);
    const data = open.governor.interface.encodeFunctionData("propose", proposeArguments(proposal));
    const sent = await submit(open, sender, open.governor, data, options.dryRun);
    const result = { id, proposer: sender.account, description: proposal.description, calls: shown, ...sent };
    print(result, options, () =>
      [lines({ proposal: id, proposer: sender.account }), callsText(shown), sentText(sent)].join("\n\n"),
    );
  });
}

export const SUPPORTS = ["for", "against", "abstain", "parts"] as const;
export type Support = (typeof SUPPORTS)[number];
const SUPPORT_VALUES = { against: 0, for: 1, abstain: 2, parts: 255 } as const;

/** Votes with all that is left, or with parts of it. */
export async function vote(
  id: bigint,
  support: Support,
  options: Options & { parts?: string; reason: string },
): Promise<void> {
  const parts = partsOf(support, options.parts);
  await withGovernance(options, async (open) => {
    const sender = senderOf(open, options);
    const standing = await standingOfKnown(open, id);
    if (standing.state !== "active") throw notIn(id, standing, "active", "be voted on");
    const leftNano = await votesLeft(open, id, sender.account, standing);
    const neededNano = parts ? parts.reduce((sum, part) => sum + part, 0n) : 1n;
    if (leftNano < neededNano) {
      throw new InputError("This account does not have the votes", {
        code: "no_votes",
        facts: { account: sender.account, leftOpg: formatOpg(leftNano), at: timeText(standing.snapshot) },
        hint: "Only stake that opted in before that second votes, and each part of it once",
      });
    }
    const params = parts ? solidityPacked(["uint128", "uint128", "uint128"], parts) : "0x";
    const data = open.governor.interface.encodeFunctionData("castVoteWithReasonAndParams", [
      id,
      SUPPORT_VALUES[support],
      options.reason,
      params,
    ]);
    const sent = await submit(open, sender, open.governor, data, options.dryRun);
    const votesNano = parts ? neededNano : leftNano;
    print({ id, voter: sender.account, support, votesNano, ...sent }, options, () =>
      [
        lines({ proposal: id, voter: sender.account, support, votes: `${formatOpg(votesNano)} OPG` }),
        sentText(sent),
      ].join("\n\n"),
    );
  });
}

/** Hands a proposal that was won to the timelock. */
export async function queue(id: bigint, options: Options): Promise<void> {
  await act(id, options, "queue", async (_open, standing) => {
    if (standing.state !== "succeeded") throw notIn(id, standing, "succeeded", "be queued");
  });
}

/** Executes what has waited. */
export async function execute(id: bigint, options: Options): Promise<void> {
  await act(id, options, "execute", async ({ provider }, standing) => {
    if (standing.state !== "queued") throw notIn(id, standing, "queued", "be executed");
    const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
    // What is executed comes in a later block than the latest one.
    if (standing.executableFrom !== null && now + 1 < standing.executableFrom) {
      throw new BaseError("The proposal still waits in the timelock", {
        code: "not_yet",
        facts: { proposal: id, executableFrom: timeText(standing.executableFrom), now: timeText(now) },
        hint: "Run the same command again after that",
        retryable: true,
      });
    }
  });
}

/** Cancels a proposal: its guardian's right, and its proposer's before the vote. */
export async function cancel(id: bigint, options: Options): Promise<void> {
  await act(id, options, "cancel", async (_open, standing) => {
    if (["executed", "canceled", "expired"].includes(standing.state)) {
      throw notIn(id, standing, "pending, active, succeeded or queued", "be canceled");
    }
  });
}

/** A proposal with its calls decoded. */
export async function show(id: bigint, options: GovSource & Output): Promise<void> {
  await withGovernance(options, async (open) => {
    const created = await findProposal(open, id);
    const standing = await standingOf(open, id);
    const calls = await describeAll(open, created.calls);
    print({ ...created, ...standing, calls }, options, () => showText(created, standing, callsText(calls)));
  });
}

/** All proposals, the newest first. */
export async function list(options: GovSource & Output & { fromBlock?: number }): Promise<void> {
  await withGovernance(options, async (open) => {
    const from = options.fromBlock ?? open.deployment?.block ?? 0;
    const head = await open.provider.getBlockNumber().catch((error: unknown) => {
      throw chainError("The chain cannot be read", error);
    });
    const found = await createdBetween(open, from, head);
    const proposals: (Created & Standing)[] = [];
    for (const created of found.reverse()) {
      proposals.push({ ...created, ...(await standingOf(open, created.id)) });
    }
    print({ proposals }, options, () => listText(proposals));
  });
}

/** Brings the timelock under the governor alone: schedules the batch, or executes it when it has waited. */
export async function handOver(options: Options): Promise<void> {
  await withGovernance(options, async (open) => {
    const { timelock } = open;
    const now = await handOverOf(open);
    if (now.state === "done") {
      const governor = String(open.governor.target);
      print({ ...now, dryRun: options.dryRun, hash: null, transaction: null }, options, () =>
        lines({ state: "done", proposer: governor, canceller: governor }),
      );
      return;
    }
    if (now.state === "waiting") {
      throw new BaseError("The handover still waits in the timelock", {
        code: "not_yet",
        facts: { operation: now.id, executableFrom: timeText(now.executableFrom as number) },
        hint: "Run the same command again after that",
        retryable: true,
      });
    }
    const sender = senderOf(open, options);
    const batch = batchOf(now.calls);
    const data =
      now.state === "ready"
        ? timelock.interface.encodeFunctionData("executeBatch", batch)
        : timelock.interface.encodeFunctionData("scheduleBatch", [...batch, await timelock.getMinDelay()]);
    const calls = await describeAll(open, now.calls);
    const sent = await submit(open, sender, timelock, data, options.dryRun);
    const after = await handOverOf(open);
    print({ ...after, calls, ...sent }, options, () =>
      [
        lines({
          state: after.state,
          operation: now.id,
          ...(after.executableFrom === null ? {} : { executableFrom: timeText(after.executableFrom) }),
          proposers: after.holders.PROPOSER_ROLE.join(", "),
        }),
        callsText(calls),
        sentText(sent),
      ].join("\n\n"),
    );
  });
}

type Check = (open: OpenGovernance, standing: Standing) => Promise<void>;

/** Finds a proposal, checks that its time has come, and sends what the governor takes for it. */
async function act(id: bigint, options: Options, name: "queue" | "execute" | "cancel", check: Check): Promise<void> {
  await withGovernance(options, async (open) => {
    const sender = senderOf(open, options);
    const standing = await standingOfKnown(open, id);
    await check(open, standing);
    const created = await findProposal(open, id);
    const calls = await describeAll(open, created.calls);
    const data = open.governor.interface.encodeFunctionData(name as "queue", hashedArguments(created));
    const sent = await submit(open, sender, open.governor, data, options.dryRun);
    const after = await standingOf(open, id);
    print({ id, ...sent, calls, ...after }, options, () =>
      [lines({ proposal: id, ...standingRows(after) }), callsText(calls), sentText(sent)].join("\n\n"),
    );
  });
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("The file cannot be read", { code: "no_file", facts: { path }, cause });
  });
}

const describeAll = ({ known, provider }: OpenGovernance, calls: Created["calls"]) =>
  Promise.all(calls.map((call) => describeCall(call, known, provider)));

async function checkCanPropose({ governor, provider }: OpenGovernance, account: string, id: bigint): Promise<void> {
  try {
    if ((await governor.proposalSnapshot(id)) !== 0n) {
      throw new InputError("Exactly this was proposed before", {
        code: "already_proposed",
        facts: { proposal: id },
        hint: "Change the description to propose it again",
      });
    }
    const now = (await provider.getBlock("latest"))?.timestamp ?? 0;
    const [votesNano, thresholdNano] = await Promise.all([
      governor.getVotes(account, now - 1),
      governor.proposalThreshold(),
    ]);
    if (votesNano >= thresholdNano) return;
    throw new InputError("This account has too few votes to propose", {
      code: "too_few_votes",
      facts: { account, votesOpg: formatOpg(votesNano), thresholdOpg: formatOpg(thresholdNano) },
      hint: "Stake that is active and opted in votes; ask somebody with more to propose the file",
    });
  } catch (error) {
    throw chainError("The governor cannot be read", error);
  }
}

async function standingOfKnown(open: OpenGovernance, id: bigint): Promise<Standing> {
  const snapshot = await open.governor.proposalSnapshot(id).catch((error: unknown) => {
    throw chainError("The governor cannot be read", error);
  });
  if (snapshot !== 0n) return standingOf(open, id);
  throw new InputError("There is no such proposal", {
    code: "no_proposal",
    facts: { proposal: id, governor: open.governor.target },
    hint: "`opg gov list` shows all",
  });
}

async function votesLeft({ governor }: OpenGovernance, id: bigint, account: string, { snapshot }: Standing) {
  const [all, used] = await Promise.all([governor.getVotes(account, snapshot), governor.usedVotes(id, account)]).catch(
    (error: unknown) => {
      throw chainError("The governor cannot be read", error);
    },
  );
  return all > used ? all - used : 0n;
}

/** Nano against, for and abstaining; undefined for a whole vote. */
function partsOf(support: Support, parts: string | undefined): [bigint, bigint, bigint] | undefined {
  if ((support === "parts") !== (parts !== undefined)) {
    throw new InputError("Parts go with the vote `parts`, and only with it", {
      code: "bad_parts",
      hint: "opg gov vote <proposal> parts --parts <against>,<for>,<abstain>",
    });
  }
  if (parts === undefined) return undefined;
  const amounts = parts.split(",").map(parseOpg);
  if (amounts.length === 3 && amounts.some((amount) => amount > 0n)) return amounts as [bigint, bigint, bigint];
  throw new InputError("Not three amounts", {
    code: "bad_parts",
    facts: { value: parts },
    hint: "In OPG, against, for and abstaining, with commas between: 0,10,2.5",
  });
}

function notIn(id: bigint, standing: Standing, wanted: string, what: string): InputError {
  const { state, snapshot, deadline } = standing;
  return new InputError(`The proposal cannot ${what} now: it is ${state}, and must be ${wanted}`, {
    code: "wrong_state",
    facts: { proposal: id, state, voteBegins: timeText(snapshot), voteEnds: timeText(deadline) },
    hint: `\`opg gov show ${id}\` says how it stands`,
  });
}

function showText(created: Created, standing: Standing, calls: string): string {
  const { id, proposer, block, description } = created;
  return [lines({ proposal: id, proposer, block, ...standingRows(standing) }), description, calls].join("\n\n");
}

function listText(proposals: readonly (Created & Standing)[]): string {
  if (proposals.length === 0) return "There are no proposals.";
  return proposals
    .map(({ id, state, deadline, description }) => {
      const [title = ""] = description.split(/\n|#proposer=/);
      return `${id}\n  ${state}, vote ends ${timeText(deadline)}: ${title.slice(0, 90)}`;
    })
    .join("\n");
}
