import { expect } from "chai";
import { riskOf } from "../../../src/staking/risk.ts";

/*
riskOf
├── the own bond is hit first, delegators only for what it lacks, at most the event's part
├── a holder loses in proportion, rounded up
└── without delegators, a bond or a holder: nothing is divided by nothing
*/
describe("riskOf", () => {
  const limits = { eventPpm: 100_000n, windowPpm: 250_000n };
  const faults = [
    { fault: "tenth", ppm: 100_000n },
    { fault: "all", ppm: 1_000_000n },
  ];

  it("hits the own bond first, then delegators by the limits", () => {
    const risk = riskOf({ selfNano: 1_000n, delegatedNano: 8_000n }, 2_000n, limits, faults);
    expect(risk).to.deep.equal({
      selfNano: 1_000n,
      delegatorsEventNano: 800n,
      delegatorsWindowNano: 2_000n,
      mineEventNano: 200n,
      mineWindowNano: 500n,
      faults: [
        { fault: "tenth", penaltyNano: 180n, ofSelfNano: 180n, ofDelegatorsNano: 0n, mineNano: 0n },
        { fault: "all", penaltyNano: 1_800n, ofSelfNano: 1_000n, ofDelegatorsNano: 800n, mineNano: 200n },
      ],
    });
  });

  it("rounds against the holder", () => {
    const { mineEventNano } = riskOf({ selfNano: 0n, delegatedNano: 30n }, 10n, limits, []);
    expect(mineEventNano).to.equal(1n);
    expect(riskOf({ selfNano: 0n, delegatedNano: 40n }, 10n, limits, []).mineEventNano).to.equal(1n);
    expect(riskOf({ selfNano: 0n, delegatedNano: 39n }, 13n, limits, []).mineEventNano).to.equal(1n);
  });

  it("knows nothing to lose", () => {
    const risk = riskOf({ selfNano: 0n, delegatedNano: 0n }, 0n, limits, faults);
    expect([risk.mineEventNano, risk.mineWindowNano, risk.delegatorsEventNano]).to.deep.equal([0n, 0n, 0n]);
    for (const { penaltyNano, mineNano } of risk.faults) expect([penaltyNano, mineNano]).to.deep.equal([0n, 0n]);
  });
});
