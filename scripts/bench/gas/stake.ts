import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../../test/helpers/economy.ts";
import { ALL, EPOCH, openHub, PERIOD, UNBONDING } from "../../../test/helpers/stake.ts";
import { measure, type Row } from "./row.ts";
import type { Bench } from "./setup.ts";

const BOND = 100_000n * OPG;

type Life = Record<"delegate" | "setVoting" | "undelegate" | "withdraw" | "reward" | "slash4" | "slash14", Measured>;
type Measured = Awaited<ReturnType<typeof measure>>;

/** Staking in steady state. Peers are receipts of Graph Horizon, which has neither votes nor buckets that answer for a fault. */
export async function stakeRows({ protocol }: Pick<Bench, "protocol">): Promise<Row[]> {
  const plain = await live(protocol, false);
  const voting = await live(protocol, true);
  const row = (name: string, measured: Measured, limit: number, peer: Row["peer"] = null): Row => {
    return { name, ...measured, perUnit: null, limit, perUnitLimit: null, peer };
  };
  const horizon = (what: string, gasUsed: number) => ({ name: `Graph Horizon, ${what}`, gasUsed });
  return [
    row("stake/delegate-first", plain.delegate, 100_000, horizon("delegate", 93_929)),
    row("stake/delegate-first-voting", voting.setVoting, 145_000),
    row("stake/undelegate", plain.undelegate, 110_000, horizon("undelegate", 156_993)),
    row("stake/undelegate-voting", voting.undelegate, 190_000),
    row("stake/withdraw", plain.withdraw, 55_000, horizon("withdraw", 105_345)),
    row("stake/reward", plain.reward, 80_000),
    row("stake/slash-4", plain.slash4, 160_000, horizon("slash, with delegators", 100_243)),
    row("stake/slash-4-voting", voting.slash4, 260_000),
    row("stake/slash-14", plain.slash14, 260_000),
  ];
}

/**
 * One operator, three delegators: all but the newcomer vote, with the bond, or nobody does. The activation time is as long as the
 * unbonding time, so that fourteen buckets answer for a fault.
 */
async function live(protocol: Bench["protocol"], voting: boolean): Promise<Life> {
  const { time } = protocol.networkHelpers;
  // The deployer gave most of its liquid OPG to the rows before these.
  const ids = ["ecosystem", "foundation"].map((name) => protocol.plan.names.indexOf(name));
  await mined(protocol.contracts.vestVault.claimMany(ids));
  const world = await openHub(protocol, { times: { stakeActivation: UNBONDING } });
  const { hub, opg, owner, slasher, alice, bob, carol, dave } = world;
  const reserved = String(protocol.contracts.court.target);
  let evidence = 0;

  /** What waits becomes active. */
  async function join() {
    await time.increase(UNBONDING + EPOCH);
    await mined(hub.roll(1));
  }
  /** All of the bond, and what can be taken of the delegators; paid out once, to an account that has something. */
  async function slash(faultAt: number, amountNano: bigint) {
    const evidenceId = protocol.ethers.id(`${hub.target} ${evidence++}`);
    const order = { operator: 1, amountNano, harmed: reserved, harmedNano: 0n, reporter: reserved, reporterNano: 0n };
    return measure(hub.connect(slasher).slash({ ...order, evidenceId, faultAt }));
  }
  /** In each period a part of the bond and of a delegation leaves. Returns a moment of the first one. */
  async function leave(periods: number) {
    await time.increaseTo((Math.floor((await time.latest()) / PERIOD) + 1) * PERIOD);
    const from = await time.latest();
    for (let i = 0; i < periods; i++) {
      const { position } = await hub.getPosition(1, alice.address);
      await mined(hub.connect(alice).undelegate(1, position.shares / 40n, 0));
      await mined(hub.connect(owner).requestUnbond(1, 1000n * OPG));
      if (i !== periods - 1) await time.increase(PERIOD);
    }
    return from;
  }

  await mined(hub.bond(1, BOND));
  await mined(hub.connect(alice).delegateTo(1, 4n * BOND));
  await mined(hub.connect(bob).delegateTo(1, BOND));
  await join();
  if (voting) {
    for (const who of [alice, bob]) await mined(hub.connect(who).setVoting(1, true));
    await mined(hub.connect(owner).setBondVoting(1, true));
  }
  await time.increaseTo((Math.floor((await time.latest()) / EPOCH) + 1) * EPOCH);
  // The first delegation of a holder is the first of its epoch too.
  const delegate = await measure(hub.connect(carol).delegateTo(1, BOND));
  await join();
  const setVoting = await measure(hub.connect(carol).setVoting(1, true));
  if (!voting) await mined(hub.connect(carol).setVoting(1, false));

  await time.increaseTo((Math.floor((await time.latest()) / PERIOD) + 1) * PERIOD);
  const undelegate = await measure(hub.connect(carol).undelegate(1, ALL, 0));
  const period = Math.floor((await time.latest()) / PERIOD);
  await time.increase(UNBONDING + PERIOD);
  const withdraw = await measure(hub.withdraw(1, carol.address, period));
  await mined(hub.reward(1, BOND));
  const reward = await measure(hub.reward(1, BOND));

  await mined(opg.transfer(await hub.reserve(), WEI_PER_NANO));
  const fault4 = await leave(4);
  const slash4 = await slash(fault4, 100n * BOND);
  await mined(hub.bond(1, BOND));
  await mined(hub.connect(dave).delegateTo(1, BOND));
  await time.increase(3 * UNBONDING);
  await join();
  const fault14 = await leave(14);
  const slash14 = await slash(fault14, 100n * BOND);
  return { delegate, setVoting, undelegate, withdraw, reward, slash4, slash14 };
}
