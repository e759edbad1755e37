import { expect } from "chai";
import { exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { tokenomistSchema } from "../../../../src/vesting/exports/tokenomist.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports/tokenomist
├── it should fit its schema, to the second and with the contract as source
├── it should have the exact amounts beside the numbers, and add up
└── it should use the tracker's words for allocations
*/
describe("exports/tokenomist", () => {
  const { data, metadata } = tokenomistSchema.parse(JSON.parse(exportSchedule("tokenomist", publishedInput())));

  it("names the contract as its source", () => {
    const { source, bookHash } = publishedInput();

    expect(metadata.total).to.equal(97);
    expect(new Set(data.map(({ dataSource }) => dataSource))).to.deep.equal(
      new Set([`contract ${source.vault} codehash ${bookHash}`]),
    );
  });

  it("has exact amounts that add up", () => {
    const june = data.find(({ unlockDate }) => unlockDate === "2026-06-21T00:00:00Z")?.cliffUnlocks;
    let sum = 0n;
    for (const { cliffUnlocks } of data) {
      const parts = cliffUnlocks.allocationBreakdown.reduce((total, part) => total + BigInt(part.cliffAmountWei), 0n);
      expect(parts).to.equal(BigInt(cliffUnlocks.cliffAmountWei));
      sum += parts;
    }

    expect(june).to.include({ cliffAmount: 9_125_000, cliffAmountExact: "9125000.000000000000000000" });
    expect(june?.allocationBreakdown[1]).to.include({
      allocationName: "Foundation",
      cliffAmount: 2083333.3333333333,
      cliffAmountExact: "2083333.333333333333333333",
    });
    expect(sum).to.equal(10n ** 27n);
  });

  it("uses the tracker's words", () => {
    const words = data.flatMap(({ cliffUnlocks }) =>
      cliffUnlocks.allocationBreakdown.map((part) => `${part.allocationName}: ${part.standardAllocationName}`),
    );

    expect([...new Set(words)].toSorted()).to.deep.equal([
      "Airdrop: Community",
      "Core contributors: Founder / Team",
      "Ecosystem: Reserved",
      "Foundation: Reserved",
      "Investors: Private Investors",
      "Liquidity: Community",
      "Staking rewards: Community",
    ]);
  });
});
