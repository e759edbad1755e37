import { getAddress, type Wallet } from "ethers";
import { eventOf } from "../../core/chain/events.ts";
import type { Chain } from "../../core/chain/open.ts";
import { InputError } from "../../core/errors.ts";
import { parseOpg } from "../../core/units.ts";
import { type HolderStake, readHolder, readOperator } from "../../staking/position.ts";
import { riskOf } from "../../staking/risk.ts";
import { type HubCall, type HubSent, sendToHub } from "../../staking/send.ts";
import { faultCosts, readSlashTable } from "../../staking/slashTable.ts";
import { countsFrom, leavesBy, payableFrom, readTimes } from "../../staking/times.ts";
import { type Config, openConfigured, readEnvironment, signerOf } from "../config.ts";
import { lines, print } from "../output.ts";
import { moment, opg, showText, slashTableText, whatIfText } from "../stake/text.ts";

type Output = { json?: boolean };
type Sending = Output & { dryRun: boolean };

const ALL_SHARES = 2n ** 256n - 1n;

async function withChain<T>(use: (chain: Chain, config: Config) => Promise<T>): Promise<T> {
  const config = readEnvironment();
  const chain = await openConfigured(config);
  try {
    return await use(chain, config);
  } finally {
    chain.provider.destroy();
  }
}

/** Sends one call for OPG_KEY's account; `facts` are told beside it. */
async function send(
  options: Sending,
  plan: (chain: Chain, signer: Wallet) => Promise<{ call: HubCall; facts?(sent: HubSent): Record<string, unknown> }>,
): Promise<void> {
  await withChain(async (chain, config) => {
    const signer = signerOf(config, chain);
    const { call, facts } = await plan(chain, signer);
    const { receipt, ...sent } = await sendToHub(chain.contracts, signer, call, options.dryRun);
    const told = facts?.({ receipt, ...sent }) ?? {};
    print({ operator: call.args[0], dryRun: options.dryRun, ...sent, ...told }, options, (result) => lines(result));
  });
}

/** When a deposit counts: as the event says, or, where nothing was sent, as it would now. */
async function joinFacts({ contracts }: Chain, name: "BondDeposited" | "Delegated") {
  const times = await readTimes(contracts);
  return ({ receipt }: HubSent) => {
    const epoch = receipt && Number(eventOf(receipt, contracts.stakeHub, name).args.epoch);
    const countsAt = epoch === null ? countsFrom(times) : epoch * times.epochLength;
    return { countsAt, countsFrom: moment(countsAt) };
  };
}

/** When what left is paid. */
async function leaveFacts({ contracts }: Chain, name: "BondLeft" | "Left") {
  const times = await readTimes(contracts);
  return ({ receipt }: HubSent) => {
    const period = receipt && Number(eventOf(receipt, contracts.stakeHub, name).args.period);
    const payableAt = period === null ? leavesBy(times) : payableFrom(times, period);
    return { payableAt, payableFrom: moment(payableAt) };
  };
}

export async function bond(operator: number, amount: string, options: Sending): Promise<void> {
  const nano = parseOpg(amount);
  await send(options, async (chain) => ({
    call: { method: "bond", args: [operator, nano], paysNano: nano },
    facts: await joinFacts(chain, "BondDeposited"),
  }));
}

export async function delegate(operator: number, amount: string, options: Sending): Promise<void> {
  const nano = parseOpg(amount);
  await send(options, async (chain) => ({
    call: { method: "delegateTo", args: [operator, nano], paysNano: nano },
    facts: await joinFacts(chain, "Delegated"),
  }));
}

export async function undelegate(operator: number, amount: string, options: Sending): Promise<void> {
  const asked = amount === "all" ? undefined : parseOpg(amount);
  await send(options, async (chain, signer) => {
    const { position, worthNano } = await chain.contracts.stakeHub.getPosition(operator, signer.address);
    if (asked !== undefined && asked > worthNano) {
      throw new InputError("The delegation is worth less than that", {
        code: "not_that_much",
        facts: { operator, askedNano: asked, activeNano: worthNano },
        hint: "`opg stake show` says what counts; what joins can be taken back with `opg stake cancel`",
      });
    }
    // Rounded up: what leaves is worth at least what was asked, unless a slash comes in between.
    const shares = asked === undefined ? ALL_SHARES : (position.shares * asked + worthNano - 1n) / worthNano;
    const leastNano = asked === undefined ? worthNano - (worthNano > 0n ? 1n : 0n) : asked - 1n;
    return {
      call: { method: "undelegate", args: [operator, shares, leastNano] },
      facts: await leaveFacts(chain, "Left"),
    };
  });
}

export async function unbond(operator: number, amount: string, options: Sending): Promise<void> {
  const nano = parseOpg(amount);
  await send(options, async (chain) => ({
    call: { method: "requestUnbond", args: [operator, nano] },
    facts: await leaveFacts(chain, "BondLeft"),
  }));
}

export async function cancel(operator: number, options: Sending & { bond: boolean }): Promise<void> {
  const method = options.bond ? "cancelBond" : "cancelDelegation";
  await send(options, async () => ({ call: { method, args: [operator] } }));
}

export async function commission(operator: number, ppm: number, options: Sending): Promise<void> {
  await send(options, async ({ contracts }) => {
    const [notice, { now }] = await Promise.all([contracts.stakeHub.commissionNotice(), readTimes(contracts)]);
    return {
      call: { method: "announceCommission", args: [operator, ppm] },
      facts: ({ receipt }) => {
        const from = receipt && Number(eventOf(receipt, contracts.stakeHub, "CommissionAnnounced").args.from);
        return { ppm, countsFrom: moment(from ?? now + Number(notice)) };
      },
    };
  });
}

export async function vote(operator: number, state: "on" | "off", options: Sending & { bond: boolean }): Promise<void> {
  const method = options.bond ? "setBondVoting" : "setVoting";
  await send(options, async () => ({ call: { method, args: [operator, state === "on"] } }));
}

export async function roll(operator: number, options: Sending): Promise<void> {
  await send(options, async () => ({ call: { method: "roll", args: [operator] } }));
}

/** Pays everything that is due; one transaction a period. */
export async function withdraw(operator: number, options: Sending & { holder?: string }): Promise<void> {
  await withChain(async (chain, config) => {
    const signer = signerOf(config, chain);
    const holder = options.holder === undefined ? signer.address : addressOf(options.holder);
    const { stake, times } = await readOperator(chain, operator);
    const mine = await readHolder(chain, times, operator, holder);
    const due = ({ payableAt }: { payableAt: number }) => payableAt <= times.now;
    const calls: (HubCall & { amountNano: bigint; to: string })[] = [
      ...mine.leaving.filter(due).map(({ period, amountNano }) => {
        return { method: "withdraw" as const, args: [operator, holder, period], amountNano, to: holder };
      }),
      ...stake.leaving.filter(due).map(({ period, amountNano }) => {
        return { method: "withdrawBond" as const, args: [operator, period], amountNano, to: stake.owner };
      }),
    ];
    const paid: { method: string; to: string; amountNano: bigint; hash: string | null }[] = [];
    for (const { amountNano, to, ...call } of calls) {
      const { method, hash } = await sendToHub(chain.contracts, signer, call, options.dryRun);
      paid.push({ method, to, amountNano, hash });
    }
    const next = [...mine.leaving, ...stake.leaving].filter((each) => !due(each)).map(({ payableAt }) => payableAt);
    const nextAt = next.length === 0 ? null : Math.min(...next);
    print({ dryRun: options.dryRun, operator, paid, nextAt }, options, () =>
      [
        ...paid.map(({ amountNano, to, hash }) => `${opg(amountNano)} to ${to}  ${hash ?? "not sent"}`),
        paid.length === 0 ? "nothing is due" : "",
        nextAt === null ? "" : `the next is due ${moment(nextAt)}`,
      ]
        .filter((line) => line !== "")
        .join("\n"),
    );
  });
}

export async function show(given: number | undefined, options: Output & { holder?: string }): Promise<void> {
  await withChain(async (chain, config) => {
    const view = await readOperator(chain, await operatorOf(chain, config, given));
    const holder = await holderOf(chain, view.times, view.stake.operator, options.holder);
    print({ ...view, holder: holder ?? null }, options, () => showText(view, holder));
  });
}

export async function whatIf(
  given: number | undefined,
  options: Output & { holder?: string; amount?: string },
): Promise<void> {
  const more = options.amount === undefined ? 0n : parseOpg(options.amount);
  await withChain(async (chain, config) => {
    const view = await readOperator(chain, await operatorOf(chain, config, given));
    const { operator, selfNano, delegatedNano } = view.stake;
    const holder = await holderOf(chain, view.times, operator, options.holder);
    const mineNano = (holder?.activeNano ?? 0n) + more;
    const limits = await chain.contracts.stakeHub.limits();
    const stake = { selfNano, delegatedNano: delegatedNano + more };
    const risk = riskOf(stake, mineNano, limits, await faultCosts(chain.contracts));
    const result = { operator, risk, mineNano, countsFrom: view.countsIfNow, paidFrom: view.leavesIfNow };
    print(result, options, whatIfText);
  });
}

export async function slashTable(options: Output): Promise<void> {
  await withChain(async ({ contracts }) => print(await readSlashTable(contracts), options, slashTableText));
}

async function operatorOf(chain: Chain, config: Config, given: number | undefined): Promise<number> {
  if (given !== undefined) return given;
  const operator = Number(await chain.contracts.nodeRegistry.operatorOwnedBy(signerOf(config, chain).address));
  if (operator !== 0) return operator;
  throw new InputError("OPG_KEY's account owns no operator", {
    code: "no_operator",
    hint: "Give an operator's id",
  });
}

async function holderOf(
  chain: Chain,
  times: Parameters<typeof readHolder>[1],
  operator: number,
  holder: string | undefined,
): Promise<HolderStake | undefined> {
  return holder === undefined ? undefined : readHolder(chain, times, operator, addressOf(holder));
}

function addressOf(text: string): string {
  try {
    return getAddress(text);
  } catch (cause) {
    throw new InputError("Not an address", {
      code: "bad_address",
      facts: { option: "--holder", value: text },
      hint: "Give 0x and 40 hexadecimal digits; mixed case is a checksum",
      cause,
    });
  }
}
