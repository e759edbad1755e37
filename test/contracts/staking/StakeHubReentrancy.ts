import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import type { HostileToken, OPG as OpgContract, Reenterer, StakeHub } from "../../../typechain-types/index.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { ALL, deployHub, EPOCH, PERIOD, UNBONDING } from "../../helpers/stake.ts";

/*
StakeHub with a hostile token, and an account that is owner, delegator and slasher at once
├── when the token calls out in the middle of a transfer: each call from within each other one does what it would after it
└── when it returns false: each call that moves money reverts and changes nothing
*/
describe("StakeHub, reentrancy", () => {
  const PART = 100n * OPG;
  let protocol: Protocol;
  let token: HostileToken;
  let actor: Reenterer;
  let hub: StakeHub;
  /** Of what can be withdrawn. */
  let period = 0n;
  let restore: () => Promise<void>;

  const act = (data: string) => actor.execute(hub, data);
  const encode = (name: string, args: readonly unknown[]) =>
    hub.interface.encodeFunctionData(name as "bond", args as never);

  before(async () => {
    protocol = await deployProtocol();
    const { ethers, contracts, networkHelpers } = protocol;
    token = await ethers.deployContract("HostileToken");
    actor = await ethers.deployContract("Reenterer");
    const opg = token as unknown as OpgContract;
    hub = await deployHub({ ...protocol, contracts: { ...contracts, opg } });
    await mined(hub.setSlasher(actor));
    await mined(token.mint(actor, 1_000_000n * PART * WEI_PER_NANO));
    await mined(
      actor.execute(contracts.nodeRegistry, contracts.nodeRegistry.interface.encodeFunctionData("registerOperator")),
    );
    for (const call of ["bond", "delegateTo"]) await mined(act(encode(call, [1, 10n * PART])));
    await networkHelpers.time.increase(2700);
    await mined(hub.roll(1));
    await mined(act(encode("requestUnbond", [1, PART])));
    const { shares } = await hub.getPool(1);
    await mined(act(encode("undelegate", [1, shares / 10n, 0])));
    period = BigInt(Math.floor((await networkHelpers.time.latest()) / PERIOD));
    await networkHelpers.time.increase(UNBONDING + PERIOD);
    // Something of each on its way, in the middle of an epoch and of a period.
    const now = await networkHelpers.time.latest();
    await networkHelpers.time.increaseTo((Math.floor(now / (EPOCH * PERIOD)) + 1) * EPOCH * PERIOD + 20);
    for (const call of ["bond", "delegateTo"]) await mined(act(encode(call, [1, 3n * PART])));
    await mined(token.setHook(actor));
    ({ restore } = await networkHelpers.takeSnapshot());
  });
  beforeEach(() => restore());

  const [harmed, reporter] = [walletOf("harmed").address, walletOf("reporter").address];
  /** Every call that moves money. `which` tells two of a kind apart. */
  const calls: Record<string, (which: number) => Promise<string>> = {
    bond: async () => encode("bond", [1, PART]),
    delegateTo: async () => encode("delegateTo", [1, PART]),
    cancelBond: async () => encode("cancelBond", [1]),
    cancelDelegation: async () => encode("cancelDelegation", [1]),
    withdrawBond: async () => encode("withdrawBond", [1, period]),
    withdraw: async () => encode("withdraw", [1, actor.target, period]),
    reward: async () => encode("reward", [1, PART]),
    slash: async (which) => {
      const faultAt = await protocol.networkHelpers.time.latest();
      const amountNano = 12n * PART;
      const order = { operator: 1, amountNano, harmed, harmedNano: PART, reporter, reporterNano: PART };
      return encode("slash", [{ ...order, evidenceId: `0x${String(which).padStart(64, "0")}`, faultAt }]);
    },
  };

  /** All books of the hub; what it holds covers them exactly. */
  async function booksOf() {
    const [stake, bond, pool] = await Promise.all([hub.getStake(1), hub.getBond(1), hub.getPool(1)]);
    const { position, worthNano } = await hub.getPosition(1, actor.target);
    let owed = stake.selfNano + stake.delegatedNano;
    const rows: bigint[] = [];
    for (let epoch = bond.joinedThrough + 1n; epoch <= bond.lastJoin; epoch++)
      rows.push(await hub.getBondJoin(1, epoch));
    for (let epoch = pool.joinedThrough + 1n; epoch <= pool.lastJoin; epoch++) {
      rows.push((await hub.getJoin(1, epoch)).nano);
    }
    const last = BigInt(Math.floor((await protocol.networkHelpers.time.latest()) / PERIOD));
    for (let p = period; p <= last; p++) rows.push(await hub.getBondBucket(1, p), (await hub.getBucket(1, p)).nano);
    for (const nano of rows) owed += nano;
    const held = await token.balanceOf(hub.target);
    expect(held, "what the hub holds").to.equal(owed * WEI_PER_NANO);
    const accounts = [harmed, reporter, await hub.reserve(), String(actor.target)];
    const paid = await Promise.all(accounts.map((account) => token.balanceOf(account)));
    return {
      stake: [...stake],
      bond: [...bond],
      pool: [...pool],
      position: [...position],
      worthNano,
      rows,
      held,
      paid,
    };
  }

  for (const outer of Object.keys(calls)) {
    it(`from within ${outer} does each call as after it`, async () => {
      for (const inner of Object.keys(calls)) {
        await restore();
        const start = (await protocol.networkHelpers.time.latest()) + 10;
        const [first, second] = [await calls[outer]?.(1), await calls[inner]?.(2)] as [string, string];
        const at = (timestamp: number) => protocol.networkHelpers.time.setNextBlockTimestamp(timestamp);
        await at(start);
        await mined(act(first));
        await at(start + 1);
        const after = await mined(act(second)).then(
          () => true,
          () => false,
        );
        const expected = await booksOf();

        await restore();
        await at(start - 1);
        await mined(actor.plan(hub, second));
        await at(start);
        await mined(act(first));
        expect(await actor.calls(), inner).to.equal(1n);
        expect(await actor.succeeded(), `${inner}, from within ${outer}`).to.equal(after);
        expect(await booksOf(), `${inner}, from within ${outer}`).to.deep.equal(expected);
      }
    });
  }

  it("changes nothing when the token returns false", async () => {
    const before = await booksOf();
    await mined(token.setRefuses(true));
    for (const [name, call] of Object.entries(calls)) {
      await expect(act(await call(1)), name)
        .to.be.revertedWithCustomError(hub, "SafeERC20FailedOperation")
        .withArgs(token.target);
    }
    expect(await booksOf()).to.deep.equal(before);
  });

  it("lets a holder leave with everything after all of it", async () => {
    await mined(act(encode("undelegate", [1, ALL, 0])));
    await mined(act(encode("cancelDelegation", [1])));
    await mined(act(encode("cancelBond", [1])));
    const { selfNano } = await hub.getStake(1);
    await mined(act(encode("requestUnbond", [1, selfNano])));
    const left = BigInt(Math.floor((await protocol.networkHelpers.time.latest()) / PERIOD));
    await protocol.networkHelpers.time.increase(UNBONDING + PERIOD);
    for (const of of [period, left]) {
      await mined(act(encode("withdraw", [1, actor.target, of])));
      await mined(act(encode("withdrawBond", [1, of])));
    }
    expect((await token.balanceOf(hub.target)) <= 2n * WEI_PER_NANO).to.equal(true);
  });
});
