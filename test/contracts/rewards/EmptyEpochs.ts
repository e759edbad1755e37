import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { NOBODY } from "../../../src/rewards/tree.ts";
import { OPG, openEconomy } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { accountOf, entriesOf, receiptsHashOf } from "../../helpers/rewardEntries.ts";
import {
  activateRoot,
  addRewards,
  attestRoot,
  checkBooks,
  claimOf,
  deployRewards,
  FUNDED,
  formerOf,
  NO_WITNESS,
  PARAMETERS,
  planRoot,
  postRoot,
  type RewardsWorld,
  runRoot,
} from "../../helpers/rewards.ts";

/*
Epochs of EpochRewards that give nothing
├── given nobody has earned anything yet: a root of nobody, total 0, is posted, attested and activated, also before anything is funded
│  ├── nobody's leaf cannot be claimed
│  └── an account that earns later is paid under the next root
├── given accounts have earned: the same leaves under the next number are another root, with an equal total
│  └── claims go on; what was paid is not paid again
└── a root without nobody's leaf after one with it is refuted as an omission
*/
describe("EpochRewards, epochs that give nothing", () => {
  let protocol: Protocol;
  let load: Load;
  let economy: Awaited<ReturnType<typeof openEconomy>>;
  before(async () => {
    protocol = await deployProtocol();
    economy = await openEconomy(protocol, { verifiers: 4 });
    load = await fixturesOn(protocol);
  });

  const alice = accountOf(1);
  const nobody = (epoch: number) => ({
    ...{ account: NOBODY, cumulativeWei: 0n, receiptsHash: receiptsHashOf(NOBODY, epoch) },
  });
  const earned = (epoch: number, opg: number) => [nobody(epoch), ...entriesOf([[alice, opg]], epoch)];

  const opened = () => addRewards(protocol, economy.verifiers);

  /** Rewards to which nothing came but a poster's deposit. */
  async function unfunded(): Promise<RewardsWorld> {
    const world = await opened();
    const { contracts, poster } = world;
    const rewards = await deployRewards(protocol, contracts.opg);
    await mined(contracts.opg.connect(poster).approve(rewards, 2n ** 255n));
    await mined(rewards.connect(poster).deposit(PARAMETERS.bondFloorNano));
    return { ...world, rewards };
  }

  async function empty() {
    const world = await load(unfunded);
    return { ...world, first: await runRoot(world, [nobody(1)]) };
  }

  it("takes a root of nobody as the first, before anything is funded, and gives the bond back", async () => {
    const world = await empty();
    const { rewards, poster, first } = world;
    expect([first.content.totalWei, first.content.leafCount]).to.deep.equal([0n, 1]);
    expect(await checkBooks(world)).to.include({ epoch: 1n, promisedNano: 0n, fundedNano: 0n, paidNano: 0n });
    expect(await rewards.depositOf(poster.address)).to.equal(PARAMETERS.bondFloorNano);
  });

  it("pays nobody for nobody's leaf", async () => {
    const { rewards, first } = await empty();
    await expect(rewards.claim(...claimOf(first, NOBODY)))
      .to.be.revertedWithCustomError(rewards, "Rewards_NothingDue")
      .withArgs(ZeroAddress, 0, 0);
    const [version, leaf, proof] = claimOf(first, NOBODY);
    const { logs } = await mined(rewards.claimMany(version, [leaf], [proof]));
    expect(logs).to.deep.equal([]);
  });

  it("goes on from there: nothing once more, then somebody", async () => {
    const world = await empty();
    const { rewards, contracts } = world;
    await runRoot(world, [nobody(2)]);
    await mined(contracts.opg.transfer(rewards, 10n * OPG * WEI_PER_NANO));
    await mined(rewards.sync());
    const third = await runRoot(world, earned(3, 10));
    await mined(rewards.claim(...claimOf(third, alice)));
    expect(await contracts.opg.balanceOf(alice)).to.equal(10n * OPG * WEI_PER_NANO);
    expect(await checkBooks(world)).to.include({ epoch: 3n, promisedNano: 10n * OPG, paidNano: 10n * OPG });
  });

  it("takes the same leaves under the next number, and pays what was not paid before, once", async () => {
    const world = await load(opened);
    const { rewards, contracts } = world;
    const entries = earned(1, 50);
    const first = await runRoot(world, entries);
    const second = await runRoot(world, entries);
    expect(second.content.root).not.to.equal(first.content.root);
    expect(second.content.totalWei).to.equal(first.content.totalWei);
    expect(await checkBooks(world)).to.include({ epoch: 2n, promisedNano: 50n * OPG, fundedNano: FUNDED });
    await expect(rewards.claim(...claimOf(first, alice))).to.be.revertedWithCustomError(rewards, "Rewards_NotActive");
    await mined(rewards.claim(...claimOf(second, alice)));
    const third = await runRoot(world, entries);
    await expect(rewards.claim(...claimOf(third, alice)))
      .to.be.revertedWithCustomError(rewards, "Rewards_NothingDue")
      .withArgs(alice, 50n * OPG * WEI_PER_NANO, 50n * OPG * WEI_PER_NANO);
    expect(await contracts.opg.balanceOf(alice)).to.equal(50n * OPG * WEI_PER_NANO);
  });

  it("does not take another number than the next", async () => {
    const world = await load(opened);
    const { rewards, poster } = world;
    const { content } = await planRoot(world, earned(1, 50));
    for (const epoch of [0, 2]) {
      await expect(rewards.connect(poster).post({ ...content, epoch }))
        .to.be.revertedWithCustomError(rewards, "Rewards_WrongEpoch")
        .withArgs(epoch, 1);
    }
  });

  it("loses a root that leaves nobody out", async () => {
    const world = await load(opened);
    const { rewards } = world;
    const first = await runRoot(world, earned(1, 50));
    const posted = await postRoot(world, await planRoot(world, entriesOf([[alice, 60]], 2)));
    await attestRoot(world, posted);
    const [, leaf, proof] = claimOf(posted, alice);
    await mined(rewards.refuteOmission(posted.posting, formerOf(first, NOBODY), 0, NO_WITNESS, { leaf, proof }));
    expect((await rewards.getPending()).activeFrom).to.equal(0n);
    const right = await postRoot(world, await planRoot(world, earned(2, 60)));
    await attestRoot(world, right);
    await expect(
      rewards.refuteOmission(right.posting, formerOf(first, NOBODY), 0, NO_WITNESS, firstOf(right)),
    ).to.be.revertedWithCustomError(rewards, "Rewards_NoFault");
    await activateRoot(world, right);
  });

  const firstOf = (posted: Awaited<ReturnType<typeof postRoot>>) => {
    const [, leaf, proof] = claimOf(posted, NOBODY);
    return { leaf, proof };
  };
});
