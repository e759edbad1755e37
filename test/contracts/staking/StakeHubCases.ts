import { expect } from "chai";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { OPG } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { ACTIVATION, ALL, EPOCH, openHub, type Signer } from "../../helpers/stake.ts";

/*
Known failures of other staking contracts, against StakeHub. Others of the list stand in StakeHub.ts and StakeVotes.ts, see
docs/contracts/cases.md.
*/
describe("StakeHub: failures of others", () => {
  const BOND = 1000n * OPG;
  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  const pass = (seconds: number) => protocol.networkHelpers.time.increase(seconds);
  const freshHub = () => openHub(protocol);

  it("case 19: to make roundings take from deposits costs their makers a million times as much", async () => {
    const world = await load(freshHub);
    const { hub, alice, bob } = world;
    const worthNano = async (who: Signer) => (await hub.getPosition(1, who.address)).worthNano;
    await mined(hub.bond(1, 1n));
    await mined(hub.connect(alice).delegateTo(1, OPG));
    await pass(ACTIVATION + EPOCH);
    // Alice, who is the operator too, makes each share dear: by rewards, and by leaving with all but the least that may stay.
    const REWARD = 1_000_000n * OPG;
    let spentNano = OPG + 1n;
    for (let i = 0; i < 3; i++) {
      await mined(hub.reward(1, REWARD));
      spentNano += REWARD;
      if (i === 2) break;
      const { position } = await hub.getPosition(1, alice.address);
      const stays = (OPG * position.shares) / (await worthNano(alice)) + 1n;
      const left = await mined(hub.connect(alice).undelegate(1, position.shares - stays, 0));
      spentNano -= eventOf(left, hub, "Left").args.amountNano;
    }
    const { shares } = (await hub.getPosition(1, alice.address)).position;
    const sharePriceNano = (await worthNano(alice)) / shares;
    // Nearly one share more than it becomes.
    const depositNano = (OPG / sharePriceNano + 2n) * sharePriceNano - 2n;
    await mined(hub.connect(bob).delegateTo(1, depositNano));
    await pass(ACTIVATION + EPOCH);
    await mined(hub.roll(1));
    const lostNano = depositNano - (await worthNano(bob));
    const costNano = spentNano - (await worthNano(alice)) - (await hub.getStake(1)).selfNano;
    expect(costNano >= 500_000n * lostNano, `${costNano} to take ${lostNano} of ${depositNano}`).to.equal(true);
  });
});
