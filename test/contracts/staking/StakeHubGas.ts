import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { deployProtocol } from "../../helpers/protocol.ts";
import { EPOCH, openHub, PERIOD, RESERVE, type Signer, UNBONDING } from "../../helpers/stake.ts";

/*
Gas of a slash that hits everything at once. Apart from the other tests of the hub: scripts/mutate.ts runs those on code that
costs more.
*/
describe("StakeHub: gas", () => {
  const BOND = 100_000n * OPG;

  /** Gas of a slash of an operator's bond and of `holders` delegators, each of whom leaves in part over 14 periods. */
  async function slashOf(holders: number): Promise<bigint> {
    const protocol = await deployProtocol();
    const { ethers, networkHelpers } = protocol;
    // Fourteen periods answer for a fault only where the activation time is as long as the unbonding time.
    const { hub, opg, owner, slasher } = await openHub(protocol, { times: { stakeActivation: UNBONDING } });
    const holderOf = (i: number): Promise<Signer> => ethers.getImpersonatedSigner(ethers.toBeHex(0xa0000 + i, 20));
    await mined(hub.bond(1, BOND));
    for (let i = 0; i < holders; i++) {
      const holder = await holderOf(i);
      await networkHelpers.setBalance(holder.address, 10n ** 18n);
      await mined(opg.transfer(holder.address, 100n * OPG * WEI_PER_NANO));
      await mined(opg.connect(holder).approve(hub.target, 2n ** 255n));
      await mined(hub.connect(holder).delegateTo(1, 100n * OPG));
    }
    await networkHelpers.time.increase(UNBONDING + EPOCH);
    await networkHelpers.time.increaseTo((Math.floor((await networkHelpers.time.latest()) / PERIOD) + 1) * PERIOD);
    await mined(hub.roll(1));
    const faultAt = await networkHelpers.time.latest();
    for (let period = 0; period < 14; period++) {
      await mined(hub.connect(owner).requestUnbond(1, 1000n * OPG));
      for (let i = period; i < Math.max(holders, 14); i += 14) {
        const holder = await holderOf(i % holders);
        const { shares } = (await hub.getPosition(1, holder.address)).position;
        await mined(hub.connect(holder).undelegate(1, shares / 20n, 0));
      }
      if (period < 13) await networkHelpers.time.increase(PERIOD);
    }
    const first = Math.floor(faultAt / PERIOD);
    for (let period = first; period < first + 14; period++) {
      expect((await hub.getBucket(1, period)).nano > 0n).to.equal(true);
      expect((await hub.getBondBucket(1, period)) > 0n).to.equal(true);
    }
    const order = { operator: 1, amountNano: 2n ** 64n - 1n, harmed: RESERVE, harmedNano: 0, reporter: RESERVE };
    const evidenceId = ethers.toBeHex(1, 32);
    const receipt = await mined(hub.connect(slasher).slash({ ...order, reporterNano: 0, evidenceId, faultAt }));
    for (let period = first; period < first + 14; period++) {
      expect((await hub.getBucket(1, period)).lost > 0n).to.equal(true);
      expect(await hub.getBondBucket(1, period)).to.equal(0n);
    }
    await protocol.close();
    return receipt.gasUsed;
  }

  it("case 36: 14 full buckets cost less than 260,000, as much for 200 delegators as for two", async function () {
    this.timeout(300_000);
    const [few, many] = [await slashOf(2), await slashOf(200)];
    expect(few < 260_000n && many < 260_000n, `${few} and ${many}`).to.equal(true);
    // Calldata and sums differ in zero bytes.
    expect(many > few ? many - few < 200n : few - many < 200n, `${few} and ${many}`).to.equal(true);
  });
});
