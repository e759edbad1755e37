import { expect } from "chai";
import { type BaseContract, getCreate2Address, keccak256, toBeHex } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import type { HostileToken, Reenterer, StakeHub, StakePurses } from "../../../typechain-types/index.ts";
import { OPG } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { claimOf, openRewards, runRoot } from "../../helpers/rewards.ts";
import { ACTIVATION, deployHub, EPOCH, openHub, signerOf } from "../../helpers/stake.ts";

/*
StakePurses
├── purseOf: one address for each operator, known before there is code
├── compound
│  ├── given the purse has less than a nano: StakePurses_Empty
│  ├── given the operator has no active bond of its own: reverts as the hub does, and the money waits
│  └── else: adds all whole nano to the stake, whoever calls, the first time and later; the rest stays
├── a purse takes no orders but from StakePurses, and has no other function
├── what a root of EpochRewards pays to a purse becomes stake
└── with a token that calls back, refuses or moves another amount: nothing is compounded twice, nothing is lost
*/
describe("StakePurses", () => {
  const AMOUNT = 7n * OPG + 3n;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  /** Operator 1 has an active bond of 1,000 OPG, operator 2 none. */
  async function open() {
    const world = await openHub(protocol);
    await mined(world.hub.bond(1, 1_000n * OPG));
    await protocol.networkHelpers.time.increase(ACTIVATION + EPOCH);
    await mined(world.hub.roll(1));
    const purses = await protocol.ethers.deployContract("StakePurses", [world.opg, world.hub]);
    return { ...world, purses, stranger: signerOf(protocol, 12) };
  }

  const selfNano = async ({ hub }: { hub: StakeHub }, operator: number) => (await hub.getStake(operator)).selfNano;

  it("knows the purse of each operator before it is there", async () => {
    const { purses } = await load(open);
    // ERC-1167 over the implementation.
    const code = `0x3d602d80600a3d3981f3363d3d373d3d3d363d73${(await purses.implementation()).slice(2)}5af43d82803e903d91602b57fd5bf3`;
    for (const operator of [1, 2, 2 ** 32 - 1]) {
      const wanted = getCreate2Address(String(purses.target), toBeHex(operator, 32), keccak256(code));
      expect(await purses.purseOf(operator)).to.equal(wanted);
    }
  });

  it("adds all whole nano to the operator's stake, whoever calls, and leaves the rest", async () => {
    const world = await load(open);
    const { purses, hub, opg, stranger } = world;
    const purse = await purses.purseOf(1);
    for (const [times, rest] of [
      [1n, 5n],
      [2n, 10n],
    ] as const) {
      await mined(opg.transfer(purse, AMOUNT * WEI_PER_NANO + 5n));
      const sent = purses.connect(stranger).compound(1);
      await expect(sent).to.emit(purses, "Compounded").withArgs(1, AMOUNT);
      await expect(sent).to.emit(hub, "Rewarded").withArgs(1, AMOUNT, 0, 0);
      expect(await selfNano(world, 1)).to.equal(1_000n * OPG + times * AMOUNT);
      expect(await opg.balanceOf(purse)).to.equal(rest);
      expect(await opg.allowance(purse, hub)).to.equal(0n);
      expect(await opg.balanceOf(purses)).to.equal(0n);
    }
  });

  it("shares with delegators as the hub does", async () => {
    const world = await load(open);
    const { purses, hub, opg, alice } = world;
    await mined(hub.connect(alice).delegateTo(1, 3_000n * OPG));
    await protocol.networkHelpers.time.increase(ACTIVATION + EPOCH);
    await mined(opg.transfer(await purses.purseOf(1), 8n * OPG * WEI_PER_NANO));
    await expect(purses.compound(1))
      .to.emit(hub, "Rewarded")
      .withArgs(1, 2n * OPG, 0, 6n * OPG);
  });

  it("reverts for a purse with less than a nano", async () => {
    const { purses, opg } = await load(open);
    await mined(opg.transfer(await purses.purseOf(1), WEI_PER_NANO - 1n));
    for (const operator of [1, 2]) {
      await expect(purses.compound(operator))
        .to.be.revertedWithCustomError(purses, "StakePurses_Empty")
        .withArgs(operator);
    }
  });

  it("waits for an operator without an active bond of its own", async () => {
    const world = await load(open);
    const { purses, hub, opg } = world;
    const purse = await purses.purseOf(2);
    await mined(opg.transfer(purse, AMOUNT * WEI_PER_NANO));
    await expect(purses.compound(2)).to.be.revertedWithCustomError(hub, "StakeHub_NoActiveStake").withArgs(2);
    expect(await opg.balanceOf(purse)).to.equal(AMOUNT * WEI_PER_NANO);
    await mined(hub.bond(2, OPG));
    await protocol.networkHelpers.time.increase(ACTIVATION + EPOCH);
    await mined(purses.compound(2));
    expect(await selfNano(world, 2)).to.equal(OPG + AMOUNT);
  });

  it("has purses and an implementation that take orders from nobody else, and have no other function", async () => {
    const { purses, opg, stranger } = await load(open);
    await mined(opg.transfer(await purses.purseOf(1), 2n * AMOUNT * WEI_PER_NANO));
    await mined(purses.compound(1));
    await mined(opg.transfer(await purses.purseOf(1), AMOUNT * WEI_PER_NANO));
    for (const at of [await purses.purseOf(1), await purses.implementation()]) {
      const purse = await protocol.ethers.getContractAt("StakePurse", at);
      const names = purse.interface.fragments.filter(({ type }) => type === "function").map((one) => one.format());
      expect(names).to.deep.equal(["compound(uint32,uint64)"]);
      await expect(purse.connect(stranger).compound(2, 1))
        .to.be.revertedWithCustomError(purse, "StakePurse_NotPurses")
        .withArgs(stranger.address);
      for (const data of ["0x", opg.interface.encodeFunctionData("transfer", [stranger.address, 1n])]) {
        await expect(stranger.sendTransaction({ to: at, data, gasLimit: 200_000 })).to.be.revert(protocol.ethers);
      }
    }
    const changing = purses.interface.fragments.flatMap((fragment) =>
      fragment.type === "function" && !("constant" in fragment && fragment.constant) ? [fragment.format()] : [],
    );
    expect(changing).to.deep.equal(["compound(uint32)"]);
  });

  describe("with a hostile token", () => {
    /** A hub and purses over it; operators 1 and 2 have active bonds of 10 OPG. */
    async function hostile() {
      const { ethers, contracts, networkHelpers } = protocol;
      const token: HostileToken = await ethers.deployContract("HostileToken");
      const actor: Reenterer = await ethers.deployContract("Reenterer");
      const world = { ...protocol, contracts: { ...contracts, opg: token as never } };
      const { nodeRegistry } = contracts;
      for (const owner of [1, 2]) await mined(nodeRegistry.connect(signerOf(protocol, owner)).registerOperator());
      const hub = await deployHub(world);
      const purses: StakePurses = await ethers.deployContract("StakePurses", [token as BaseContract, hub]);
      await mined(token.mint(signerOf(protocol, 0).address, 20n * OPG * WEI_PER_NANO));
      await mined(token.approve(hub, 20n * OPG * WEI_PER_NANO));
      for (const operator of [1, 2]) await mined(hub.bond(operator, 10n * OPG));
      await networkHelpers.time.increase(ACTIVATION + EPOCH);
      for (const operator of [1, 2]) {
        await mined(hub.roll(operator));
        await mined(token.mint(await purses.purseOf(operator), AMOUNT * WEI_PER_NANO));
      }
      await mined(token.setHook(actor));
      return { token, actor, hub, purses };
    }

    for (const [within, succeeds] of [
      [1, false],
      [2, true],
    ] as const) {
      it(`compounds once each when ${within === 1 ? "the same" : "another"} purse is compounded from within`, async () => {
        const world = await load(hostile);
        const { token, actor, hub, purses } = world;
        await mined(actor.plan(purses, purses.interface.encodeFunctionData("compound", [within])));
        await mined(purses.compound(1));
        expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([1n, succeeds]);
        if (!succeeds)
          expect(await actor.answer()).to.equal(purses.interface.encodeErrorResult("StakePurses_Empty", [1]));
        const compounded = within === 1 ? 1n : 2n;
        expect([await selfNano(world, 1), await selfNano(world, 2)]).to.deep.equal([
          ...[10n * OPG + AMOUNT, within === 1 ? 10n * OPG : 10n * OPG + AMOUNT],
        ]);
        expect(await token.balanceOf(hub)).to.equal((20n * OPG + compounded * AMOUNT) * WEI_PER_NANO);
      });
    }

    it("reverts as a whole when the token refuses", async () => {
      const { token, hub, purses } = await load(hostile);
      await mined(token.setRefuses(true));
      await expect(purses.compound(1)).to.be.revertedWithCustomError(hub, "SafeERC20FailedOperation");
      expect(await token.balanceOf(await purses.purseOf(1))).to.equal(AMOUNT * WEI_PER_NANO);
    });

    it("leaves no allowance behind that somebody could use, also when less is moved than asked", async () => {
      const { token, hub, purses } = await load(hostile);
      await mined(token.setSkew(-5));
      await mined(purses.compound(1));
      expect(await token.balanceOf(await purses.purseOf(1))).to.equal(5n);
      // Only the hub could use it, and only for the purse's own call.
      await mined(token.setSkew(0));
      await expect(purses.compound(1)).to.be.revertedWithCustomError(purses, "StakePurses_Empty").withArgs(1);
      expect(await token.balanceOf(hub)).to.equal((20n * OPG + AMOUNT) * WEI_PER_NANO - 5n);
    });
  });

  it("turns what a root pays to a purse into stake", async () => {
    const world = await openRewards();
    const { contracts, rewards, networkHelpers } = world;
    const { opg } = contracts;
    const hub = await deployHub(world);
    const purses = await world.ethers.deployContract("StakePurses", [opg, hub]);
    await mined(opg.approve(hub, 10n * OPG * WEI_PER_NANO));
    await mined(hub.bond(world.posterOperator, 10n * OPG));
    await networkHelpers.time.increase(ACTIVATION + EPOCH);
    const purse = await purses.purseOf(world.posterOperator);
    const entry = { account: purse, cumulativeWei: AMOUNT * WEI_PER_NANO, receiptsHash: toBeHex(7, 32) };
    const posted = await runRoot(world, [entry]);
    await mined(rewards.claim(...claimOf(posted, purse)));
    await mined(purses.compound(world.posterOperator));
    expect((await hub.getStake(world.posterOperator)).selfNano).to.equal(10n * OPG + AMOUNT);
    expect(await opg.balanceOf(purse)).to.equal(0n);
  });
});
