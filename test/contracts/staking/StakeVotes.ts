import { expect } from "chai";
import { ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { OPG } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { ACTIVATION, ALL, EPOCH, openHub, type Signer, type World } from "../../helpers/stake.ts";

/*
StakeVotes
├── clock: seconds; the past only; nothing can be delegated apart from stake
├── setVoting
│  ├── to an operator that does not exist, in a ninth pool: it should revert
│  ├── again: it should count what joined since
│  └── else: shares at the rate of each second, from that second on; at most what is active (72)
├── rewards, slashes and exits move votes with the rate; nobody keeps votes of what is gone (72)
├── a ninth pool takes the place of one in which the holder votes no more
└── setBondVoting
   ├── by another than the owner: it should revert
   ├── else: the own bond counts for the owner, as it joins, leaves, earns and is slashed
   └── given the operator was handed over
      ├── any call that moves the bond, or roll, ends the former owner's votes
      └── the new owner takes them over by itself
*/
describe("StakeVotes", () => {
  const BOND = 1000n * OPG;
  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  const latest = () => protocol.networkHelpers.time.latest();
  const pass = (seconds: number) => protocol.networkHelpers.time.increase(seconds);

  async function staked() {
    const world = await openHub(protocol);
    const { hub, alice, bob } = world;
    await mined(hub.bond(1, BOND));
    await mined(hub.connect(alice).delegateTo(1, 4n * BOND));
    await mined(hub.connect(bob).delegateTo(1, BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    return world;
  }

  async function slash({ hub, slasher }: World, amountNano: bigint) {
    const faultAt = await latest();
    const { address } = slasher;
    const order = { operator: 1, amountNano, harmed: address, harmedNano: 0, reporter: address, reporterNano: 0 };
    const evidenceId = protocol.ethers.toBeHex(faultAt, 32);
    await mined(hub.connect(slasher).slash({ ...order, evidenceId, faultAt }));
  }
  async function handOver({ nodeRegistry }: World, from: Signer, to: Signer) {
    await mined(nodeRegistry.connect(from).proposeOwner(1, to.address));
    await mined(nodeRegistry.connect(to).acceptOwner(1));
  }
  /** Votes of each, and the sum, at the end of the second before this one. */
  async function votes({ hub }: World, ...holders: Signer[]) {
    const moment = await latest();
    await pass(1);
    const of = await Promise.all(holders.map(({ address }) => hub.getPastVotes(address, moment)));
    const total = await hub.getPastTotalSupply(moment);
    expect(of.reduce((a, b) => a + b, 0n) <= total, "sum of votes <= supply").to.equal(true);
    return [...of, total];
  }

  it("counts seconds, of the past only, and moves nothing apart from stake", async () => {
    const { hub, alice, bob } = await load(staked);
    const now = await latest();
    expect(await hub.clock()).to.equal(BigInt(now));
    expect(await hub.CLOCK_MODE()).to.equal("mode=timestamp");
    expect(await hub.delegates(alice.address)).to.equal(alice.address);
    for (const read of [hub.getPastVotes(alice.address, now + 9), hub.getPastTotalSupply(now + 9)]) {
      await expect(read).to.be.revertedWithCustomError(hub, "StakeVotes_Future");
    }
    await expect(hub.connect(alice).delegate(bob.address)).to.be.revertedWithCustomError(
      hub,
      "StakeVotes_NotDelegable",
    );
    await expect(hub.delegateBySig(bob.address, 0, 0, 0, ZeroHash, ZeroHash)).to.be.revertedWithCustomError(
      hub,
      "StakeVotes_NotDelegable",
    );
  });

  it("are nobody's who does not ask for them", async () => {
    const world = await load(staked);
    expect(await votes(world, world.alice, world.owner)).to.deep.equal([0n, 0n, 0n]);
  });

  it("case 72: are shares at the rate of each second, kept for the past", async () => {
    const world = await load(staked);
    const { hub, alice, bob } = world;
    const before = await latest();
    await expect(hub.connect(alice).setVoting(1, true)).to.emit(hub, "VotingSet").withArgs(1, alice.address, true);
    const first = await latest();
    expect(await votes(world, alice, bob)).to.deep.equal([4n * BOND, 0n, 4n * BOND]);
    await mined(hub.connect(bob).setVoting(1, true));
    await mined(hub.reward(1, 600n * OPG));
    const [a, b, total] = await votes(world, alice, bob);
    expect([a, b, total]).to.deep.equal([4400n * OPG - 1n, 1100n * OPG - 1n, 5500n * OPG - 1n]);
    await slash(world, 1100n * OPG + 550n * OPG);
    const [after] = await votes(world, alice, bob);
    expect(4400n * OPG - 440n * OPG - (after ?? 0n) <= 2n).to.equal(true);
    await mined(hub.connect(alice).undelegate(1, ALL, 0));
    const [gone, rest, sum] = await votes(world, alice, bob);
    expect([gone, rest]).to.deep.equal([0n, sum]);
    await mined(hub.connect(bob).setVoting(1, false));
    expect(await votes(world, alice, bob)).to.deep.equal([0n, 0n, 0n]);
    expect(await hub.getPastVotes(alice.address, before)).to.equal(0n);
    expect(await hub.getPastVotes(alice.address, first)).to.equal(4n * BOND);
    expect(await hub.getPastTotalSupply(before)).to.equal(0n);
    expect(await hub.getPastTotalSupply(first)).to.equal(4n * BOND);
  });

  it("case 72: wait for what joins, and count it when the holder calls again", async () => {
    const world = await load(staked);
    const { hub, alice } = world;
    await mined(hub.connect(alice).setVoting(1, true));
    await mined(hub.connect(alice).delegateTo(1, BOND));
    expect((await votes(world, alice))[0]).to.equal(4n * BOND);
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    expect(await votes(world, alice)).to.deep.equal([4n * BOND, 4n * BOND]);
    await mined(hub.connect(alice).setVoting(1, true));
    expect(await votes(world, alice)).to.deep.equal([5n * BOND, 5n * BOND]);
  });

  it("case 72: are not there for a stake of the same second that leaves again", async () => {
    const world = await load(staked);
    const { hub, alice } = world;
    await protocol.ethers.provider.send("evm_setAutomine", [false]);
    const gas = { gasLimit: 1_000_000 };
    await hub.connect(alice).setVoting(1, true, gas);
    await hub.connect(alice).undelegate(1, ALL, 0, gas);
    await protocol.networkHelpers.mine();
    await protocol.ethers.provider.send("evm_setAutomine", [true]);
    expect(await votes(world, alice)).to.deep.equal([0n, 0n]);
  });

  it("are in eight pools at most; one that ended makes room", async () => {
    const world = await load(staked);
    const { hub, nodeRegistry, alice } = world;
    for (let i = 8; i < 15; i++) {
      await mined(nodeRegistry.connect(protocol.signers[i] as Signer).registerOperator());
    }
    const by = hub.connect(alice);
    for (let operator = 1; operator <= 8; operator++) await mined(by.setVoting(operator, true));
    await expect(by.setVoting(9, true))
      .to.be.revertedWithCustomError(hub, "StakePools_TooManyVotingPools")
      .withArgs(alice.address, 8);
    await expect(by.setVoting(10, true)).to.be.revertedWithCustomError(hub, "StakeHub_UnknownOperator");
    await mined(by.setVoting(5, false));
    await mined(by.setVoting(5, true));
    await mined(by.setVoting(7, false));
    await mined(by.setVoting(9, true));
    await expect(by.setVoting(7, true)).to.be.revertedWithCustomError(hub, "StakePools_TooManyVotingPools");
    await mined(by.delegateTo(9, BOND));
    await pass(ACTIVATION + EPOCH);
    await mined(by.setVoting(9, true));
    expect(await votes(world, alice)).to.deep.equal([5n * BOND, 5n * BOND]);
  });

  describe("setBondVoting", () => {
    it("counts the own bond for the owner, as it joins, leaves, earns and is slashed", async () => {
      const world = await load(staked);
      const { hub, owner, other } = world;
      await expect(hub.connect(other).setBondVoting(1, true)).to.be.revertedWithCustomError(hub, "StakeHub_NotOwner");
      await expect(hub.connect(owner).setBondVoting(1, true))
        .to.emit(hub, "BondVotingSet")
        .withArgs(1, owner.address, true);
      expect(await votes(world, owner)).to.deep.equal([BOND, BOND]);
      await mined(hub.bond(1, BOND));
      await mined(hub.reward(1, 6n));
      expect(await votes(world, owner)).to.deep.equal([BOND + 1n, BOND + 1n]);
      await mined(hub.connect(owner).requestUnbond(1, 11n));
      expect(await votes(world, owner)).to.deep.equal([BOND - 10n, BOND - 10n]);
      await pass(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect(await votes(world, owner)).to.deep.equal([2n * BOND - 10n, 2n * BOND - 10n]);
      await slash(world, BOND);
      expect((await votes(world, owner))[0]).to.equal(BOND - 10n + 0n);
      await mined(hub.connect(owner).setBondVoting(1, true));
      await mined(hub.connect(owner).setBondVoting(1, false));
      expect(await votes(world, owner)).to.deep.equal([0n, 0n]);
    });

    it("case 72: ends for a former owner, whoever rolls, and with whatever moves the bond", async () => {
      for (const poke of [
        ({ hub }: World) => hub.roll(1),
        ({ hub }: World) => hub.reward(1, 100n),
        ({ hub, other }: World) => hub.connect(other).requestUnbond(1, 1n),
        ({ hub, bob }: World) => hub.connect(bob).setBondVoting(1, false),
      ]) {
        const world = await load(staked);
        const { hub, owner, bob, other, nodeRegistry } = world;
        await mined(hub.connect(owner).setBondVoting(1, true));
        if (poke.toString().includes("other")) {
          // The second operator's owner gives it away, to own this one.
          await mined(nodeRegistry.connect(other).proposeOwner(2, bob.address));
          await mined(nodeRegistry.connect(bob).acceptOwner(2));
          await handOver(world, owner, other);
        } else {
          await handOver(world, owner, bob);
        }
        await expect(poke(world)).to.emit(hub, "BondVotingSet").withArgs(1, owner.address, false);
        expect(await votes(world, owner, bob, other)).to.deep.equal([0n, 0n, 0n, 0n]);
      }
    });

    it("is taken over by the new owner in one call, beside its own votes", async () => {
      const world = await load(staked);
      const { hub, owner, bob } = world;
      await mined(hub.connect(owner).setBondVoting(1, true));
      await mined(hub.connect(bob).setVoting(1, true));
      await handOver(world, owner, bob);
      const moment = await latest();
      await mined(hub.connect(bob).setBondVoting(1, true));
      expect(await votes(world, owner, bob)).to.deep.equal([0n, 2n * BOND, 2n * BOND]);
      expect(await hub.getPastVotes(owner.address, moment)).to.equal(BOND);
    });
  });
});
