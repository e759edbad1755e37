import { expect } from "chai";
import { concat, keccak256, toBeHex } from "ethers";
import { formatWei } from "../../../src/vesting/amount.ts";
import { vestedAt } from "../../../src/vesting/book.ts";
import { anniversary, formatTime } from "../../../src/vesting/calendar.ts";
import { hashOfTable, tableHash, unlockedAt, unlockedByCategory, unlockTable } from "../../../src/vesting/table.ts";
import { sampleBook, totalOf } from "../../helpers/launch.ts";
import { publishedBook } from "../../helpers/vesting.ts";

/*
The table of unlocks
├── given the published book: the published figures; 97 unlocks; everything at the end
├── given months in which nothing unlocks: they are left out
├── unlockedByCategory: sums of the grants' floors, in the table's order; they add up to unlockedAt
└── tableHash: over every month up to the last, empty ones included
*/
describe("the table of unlocks", () => {
  const { book } = publishedBook();
  const OPG = 10n ** 18n;

  it("has the published figures", () => {
    const { categories, unlocks } = unlockTable(book);
    expect(categories).to.deep.equal(["ecosystem", "foundation", "core-contributors", "investors", "staking-rewards"]);
    const rows = Object.fromEntries(
      unlocks.map(({ unix, amountWei, cumulativeWei }) => [
        formatTime(unix),
        [formatWei(amountWei), formatWei(cumulativeWei)],
      ]),
    );
    expect(unlocks).to.have.lengthOf(97);
    expect(rows["2026-04-21T00:00:00Z"]).to.deep.equal(["90000000.000000000000000000", "90000000.000000000000000000"]);
    expect(rows["2026-06-21T00:00:00Z"]).to.deep.equal(["9125000.000000000000000000", "108249999.999999999999999999"]);
    expect(rows["2027-05-21T00:00:00Z"]?.[0]).to.equal("16069444.444444444444444442");
    expect(rows["2034-04-21T00:00:00Z"]?.[1]).to.equal("900000000.000000000000000000");
    expect(unlocks.map(({ month }) => month)).to.deep.equal(Array.from({ length: 97 }, (_, month) => month));
    const june = unlocks[2] as (typeof unlocks)[number];
    expect(june.byCategoryWei.slice(0, 2).reduce((sum, wei) => sum + wei, 0n)).to.equal(8_083_333_333333333333333333n);
    expect(unlockedAt(book, 2 ** 40)).to.equal(900_000_000n * OPG);
  });

  it("leaves out months in which nothing unlocks", () => {
    const [at, , cliff] = sampleBook().schedules;
    const sparse = { ...sampleBook(), schedules: [at, cliff] as (typeof book)["schedules"] };
    sparse.grants = sparse.grants.map((grant) => ({ ...grant, schedule: grant.schedule % 2 }));
    expect(unlockTable(sparse).unlocks.map(({ month }) => month)).to.deep.equal([0, 3]);
  });

  it("sums the floors of the grants by category", () => {
    const sample = sampleBook();
    const unix = anniversary(sample.anchor, 4);
    const of = (schedules: number[]) =>
      sample.grants
        .filter(({ schedule }) => schedules.includes(schedule))
        .reduce((sum, grant) => sum + vestedAt(sample, grant, unix), 0n);
    expect(unlockedByCategory(sample, unix)).to.deep.equal([of([0, 1]), of([2, 3])]);
    expect(unlockedAt(sample, unix)).to.equal(of([0, 1, 2, 3]));
    expect(unlockTable(sample).unlocks.at(-1)?.cumulativeWei).to.equal(totalOf(sample));
  });

  it("hashes every month, empty ones too", () => {
    const { schedules, ...rest } = sampleBook();
    const sparse = { ...rest, schedules: schedules.map((one) => ({ ...one, firstTranche: 5, tranches: 1 })) };
    const rows = Array.from({ length: 6 }, (_, month): [bigint, bigint] => [
      BigInt(anniversary(sparse.anchor, month)),
      month === 5 ? totalOf(sparse) : 0n,
    ]);
    expect(tableHash(sparse)).to.equal(keccak256(concat(rows.flat().map((value) => toBeHex(value, 32)))));
    expect(tableHash(sparse)).to.equal(hashOfTable(rows));
    expect(tableHash(sparse)).not.to.equal(hashOfTable(rows.slice(5)));
  });
});
