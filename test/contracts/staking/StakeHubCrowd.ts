import { expect } from "chai";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { OPG } from "../../helpers/economy.ts";
import { fixturesOn } from "../../helpers/fixtures.ts";
import { deployProtocol } from "../../helpers/protocol.ts";
import { ACTIVATION, EPOCH, openHub } from "../../helpers/stake.ts";

/*
StakeHub
└── given ten thousand delegators: a slash costs what it costs with ten, and hits each of them alike
*/
describe("StakeHub with a crowd", () => {
  const EACH = 10n * OPG;
  const BOND = 1000n * OPG;
  const MANY = 10_000;
  const IN_A_CALL = 80;

  it("case 36: slashes ten thousand delegators for what ten cost", async function () {
    this.timeout(600_000);
    const protocol = await deployProtocol();
    const load = await fixturesOn(protocol);
    const { ethers, networkHelpers } = protocol;
    const gas: bigint[] = [];
    for (const members of [10, MANY]) {
      const { hub, opg, slasher } = await load(() => openHub(protocol));
      const crowd = await ethers.deployContract("Crowd");
      await mined(opg.transfer(crowd, BigInt(MANY) * EACH * WEI_PER_NANO));
      await mined(hub.bond(1, BOND));
      // The same sum, of ten or of ten thousand.
      const eachNano = (EACH * BigInt(MANY)) / BigInt(members);
      for (let made = 0; made < members; made += IN_A_CALL) {
        const count = Math.min(IN_A_CALL, members - made);
        await mined(crowd.delegate(opg.target, hub.target, 1, eachNano, count, { gasLimit: 16_000_000 }));
      }
      await networkHelpers.time.increase(ACTIVATION + EPOCH);
      await mined(hub.roll(1));
      expect((await hub.getStake(1)).delegatedNano).to.equal(EACH * BigInt(MANY));
      const order = {
        operator: 1,
        amountNano: 2n * BOND,
        harmed: slasher.address,
        harmedNano: 0n,
        reporter: slasher.address,
        reporterNano: 0n,
        evidenceId: ethers.id("fault"),
        faultAt: await networkHelpers.time.latest(),
      };
      const receipt = await mined(hub.connect(slasher).slash(order));
      gas.push(receipt.gasUsed);
      // The own bond first, then the same from everybody.
      expect((await hub.getStake(1)).delegatedNano).to.equal(EACH * BigInt(MANY) - BOND);
    }
    const [few, many] = gas as [bigint, bigint];
    // Amounts with other zero bytes are some gas; a holder that is looked at would be thousands.
    expect(many > few ? many - few : few - many).to.be.lessThan(500n);
  });
});
