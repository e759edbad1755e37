import { expect } from "chai";
import type { Parameters } from "../../../deploy/parameters.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { deployHub } from "../../helpers/stake.ts";

/*
ProtocolTimes, through the constructor of one of the contracts that take it
├── given each relation holds by not a second more than it must: it should deploy
└── given one is broken by a second: ProtocolTimes_BrokenRelation, with the relation and both sides
*/
describe("ProtocolTimes", () => {
  let protocol: Protocol;
  before(async () => {
    protocol = await deployProtocol();
  });

  it("refuse a table that contradicts itself, in every relation", async () => {
    const { stakeHub } = protocol.contracts;
    // The local times: horizon 600, answer 300, dispute 1800, earnings 1200, release 1800, lag 600, pause 600.
    const relations: [string, Partial<Parameters["times"]>, number, number][] = [
      ["claimHorizon >= 1", { claimHorizon: 0 }, 0, 1],
      ["answerTime >= 1", { answerTime: 0 }, 0, 1],
      ["longestDispute >= claimHorizon + 4 * answerTime", { longestDispute: 1799 }, 1799, 1800],
      ["7 days >= longestDispute", { longestDispute: 604_801 }, 604_800, 604_801],
      ["earningsDelay > claimHorizon + answerTime", { earningsDelay: 900 }, 900, 900],
      ["earningsDelay >= auditTimeout", { auditTimeout: 1201 }, 1200, 1201],
      ["releaseDelay > maxPause + settleLag", { releaseDelay: 1200 }, 1200, 1200],
      ["1 days >= maxPause", { maxPause: 86_401, releaseDelay: 100_000 }, 86_400, 86_401],
      ["pauseInterval >= 7 * maxPause", { pauseInterval: 4199 }, 4199, 4200],
      ["measurementDelay > releaseDelay", { measurementDelay: 1800 }, 1800, 1800],
      ["stakeActivation >= claimHorizon + longestDispute", { stakeActivation: 2399 }, 2399, 2400],
      ["unbonding >= claimHorizon + longestDispute", { unbonding: 2399 }, 2399, 2400],
      ["parameterDelay > unbonding", { parameterDelay: 3600 }, 3600, 3600],
      ["parameterDelay > releaseDelay", { releaseDelay: 4200, measurementDelay: 4201 }, 4200, 4200],
      ["parameterDelay > earningsDelay", { earningsDelay: 4200 }, 4200, 4200],
    ];
    for (const [relation, times, left, right] of relations) {
      await expect(deployHub(protocol, { times }), relation)
        .to.be.revertedWithCustomError(stakeHub, "ProtocolTimes_BrokenRelation")
        .withArgs(relation, left, right);
    }
  });

  it("accept a table that keeps them by not a second more than it must", async () => {
    await deployHub(protocol, {
      times: {
        earningsDelay: 1200,
        auditTimeout: 1200,
        releaseDelay: 1201,
        measurementDelay: 1202,
        parameterDelay: 3601,
      },
    });
  });
});
