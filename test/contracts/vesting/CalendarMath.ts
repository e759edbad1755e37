import { expect } from "chai";
import { network } from "hardhat";
import { type Anchor, anniversary, elapsed, formatTime, parseTime } from "../../../src/vesting/calendar.ts";
import type { CalendarHarness } from "../../../typechain-types/index.ts";
import { seededRandom } from "../../helpers/random.ts";

/*
CalendarMath
├── toMonth, toTimestamp, daysIn: agree with Solady's on 300,000 consecutive days, and round-trip
├── anniversary, elapsed: agree with Solady's addMonths on every day of the month from 1 to 31, in the seconds around each
│   anniversary: from January 1970, from March 2026, and up to the last month that a book can name
├── anniversary, elapsed: agree with src/vesting/calendar.ts on 2,000 random points
├── known dates: ends of February, of a year, of a century
└── elapsed: at most 700 gas
*/
describe("CalendarMath", () => {
  const DAYS = 300_000;
  /** Days or months of one call; larger calls are slower, because the chain keeps their trace. */
  const CHUNK = 2_000;
  const MONTH_CHUNK = 100;
  const SEED = 20260421;
  const CAP = 2n ** 40n;
  const month = (year: number, calendarMonth: number) => year * 12 + calendarMonth - 1;
  /** Of a book: both the start and the first tranche have 16 bits, the tranches 8. */
  const LAST_START = 2 ** 16 - 1;
  const LAST_MONTH = 2 ** 16 - 1 + 254;

  let harness: CalendarHarness;
  before(async () => {
    const override = { blockGasLimit: CAP, transactionGasCap: CAP };
    const { ethers } = await network.create({ override });
    harness = await ethers.deployContract("CalendarHarness");
  });

  it("agrees with Solady's on 300,000 consecutive days and round-trips", async function () {
    this.timeout(600_000);
    let compared = 0n;
    for (let from = 0; from < DAYS; from += CHUNK) {
      compared += await harness.compareDays(from, from + CHUNK, { gasLimit: CAP });
    }
    expect(compared).to.equal(BigInt(DAYS));
  });

  // First months of 31 days, so that all 31 days begin there.
  for (const [name, first, from, count] of [
    ["January 1970", month(1970, 1), 0, 1200],
    ["March 2026", month(2026, 3), 0, 1200],
    ["January 5461, the last year that a book can start in", month(5461, 1), 0, 500],
    ["the last months of such a book", month(5461, 1), LAST_MONTH - 497, 500],
  ] as const) {
    it(`agrees with Solady's addMonths on ${count} months: ${name}`, async () => {
      let compared = 0n;
      for (let k = from; k < from + count; k += MONTH_CHUNK) {
        compared += await harness.compareMonths(first, k, k + MONTH_CHUNK, { gasLimit: CAP });
      }
      expect(compared).to.equal(BigInt(31 * count));
    });
  }

  it(`agrees with src/vesting on 2,000 random points (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const points = Array.from({ length: 2_000 }, (_, i) => {
      const startMonth = 23_640 + random(LAST_START - 23_640 + 1);
      const anchor: Anchor = { startMonth, day: 1 + random(31) };
      const k = i % 10 === 0 ? 0 : random(i % 2 === 0 ? 400 : LAST_MONTH + 1);
      const unix = anniversary(anchor, k);
      // Around the anniversary, or within two months of it.
      const offset = i % 3 === 0 ? random(120 * 86_400) - 60 * 86_400 : random(3) - 1;
      return { anchor, k, unix, timestamp: Math.max(unix + offset, 0) };
    });
    const months = points.map(({ anchor }) => anchor.startMonth);
    const days = points.map(({ anchor }) => anchor.day);
    const ks = points.map(({ k }) => k);
    const timestamps = points.map(({ timestamp }) => timestamp);
    const options = { gasLimit: CAP };
    const anniversaries = await harness.anniversaries(months, days, ks, options);
    const counts = await harness.elapsedMany(timestamps, months, days, options);
    expect([...anniversaries].map(Number)).to.deep.equal(points.map(({ unix }) => unix));
    const expected = points.map(({ anchor, timestamp }) => elapsed(anchor, timestamp));
    expect([...counts].map(Number)).to.deep.equal(expected);
    // Before an anniversary, at it and after it, and before the first.
    const steps = points.map(({ k }, i) => (expected[i] as number) - k);
    expect([...new Set(steps)]).to.include.members([-1, 0, 1, 2]);
    expect(expected.some((count) => count === 0)).to.equal(true);
  });

  it("knows these", async () => {
    for (const [firstMonth, day, k, at] of [
      [month(2026, 4), 21, 0, "2026-04-21T00:00:00Z"],
      [month(2026, 4), 21, 2, "2026-06-21T00:00:00Z"],
      [month(2026, 4), 21, 96, "2034-04-21T00:00:00Z"],
      [month(2026, 12), 31, 1, "2027-01-31T00:00:00Z"],
      [month(2027, 1), 31, 1, "2027-02-28T00:00:00Z"],
      [month(2027, 1), 31, 2, "2027-03-31T00:00:00Z"],
      [month(2028, 1), 30, 1, "2028-02-29T00:00:00Z"],
      [month(2028, 1), 29, 13, "2029-02-28T00:00:00Z"],
      [month(2000, 1), 31, 1, "2000-02-29T00:00:00Z"],
      [month(2100, 1), 31, 1, "2100-02-28T00:00:00Z"],
      [month(1970, 1), 1, 0, "1970-01-01T00:00:00Z"],
    ] as const) {
      const unix = Number(await harness.anniversary(firstMonth, day, k));
      expect(formatTime(unix)).to.equal(at);
      expect(unix).to.equal(parseTime(at));
      expect(await harness.elapsed(unix, firstMonth, day)).to.equal(BigInt(k + 1));
    }
  });

  it("counts what has elapsed for at most 700 gas", async () => {
    for (const [at, day] of [
      ["2026-04-20T23:59:59Z", 21],
      ["2026-06-21T00:00:00Z", 21],
      ["2034-01-01T00:00:00Z", 1],
      ["2028-02-28T23:59:59Z", 28],
      ["2027-03-31T00:00:00Z", 31],
      ["2028-02-28T23:59:59Z", 29],
      ["2028-02-29T00:00:00Z", 31],
      ["2027-03-30T23:59:59Z", 31],
      ["2100-02-28T00:00:00Z", 30],
    ] as const) {
      const { gas } = await harness.gasOfElapsed(parseTime(at), month(2026, 4), day);
      expect(Number(gas), `${at}, day ${day}`).to.be.within(100, 700);
    }
  });
});
