import { expect } from "chai";
import { anniversary, elapsed, formatTime, parseTime } from "../../../src/vesting/calendar.ts";
import { failure } from "../../helpers/failure.ts";
import { seededRandom } from "../../helpers/random.ts";

/*
calendar
├── anniversary: known dates, the last day of a shorter month among them
├── elapsed
│  ├── it should count an anchor at its second, and not the second before
│  └── it should be the number of anniversaries up to the moment
├── formatTime, parseTime: round-trip
└── parseTime: a day that does not exist, another form or a time zone is refused
*/
describe("calendar", () => {
  const SEED = 5;
  const april = (day: number) => ({ startMonth: 2026 * 12 + 3, day });

  for (const [startMonth, day, k, at] of [
    [2026 * 12 + 3, 21, 0, "2026-04-21T00:00:00Z"],
    [2026 * 12 + 3, 21, 2, "2026-06-21T00:00:00Z"],
    [2026 * 12 + 3, 21, 96, "2034-04-21T00:00:00Z"],
    [2026 * 12 + 11, 31, 2, "2027-02-28T00:00:00Z"],
    [2026 * 12 + 11, 30, 14, "2028-02-29T00:00:00Z"],
    [2026 * 12 + 11, 29, 14, "2028-02-29T00:00:00Z"],
    [2100 * 12, 29, 1, "2100-02-28T00:00:00Z"],
    [2000 * 12, 31, 1, "2000-02-29T00:00:00Z"],
    [2026 * 12, 31, 3, "2026-04-30T00:00:00Z"],
    [1970 * 12, 1, 0, "1970-01-01T00:00:00Z"],
  ] as const) {
    it(`${k} months after month ${startMonth}, day ${day}: ${at}`, () => {
      expect(formatTime(anniversary({ startMonth, day }, k))).to.equal(at);
    });
  }

  it("counts an anchor at its second, and not the second before", () => {
    expect(anniversary(april(21), 2)).to.equal(1_782_000_000);
    expect([-1, 0, 1].map((seconds) => elapsed(april(21), 1_782_000_000 + seconds))).to.deep.equal([2, 3, 3]);
    expect(elapsed(april(21), anniversary(april(21), 0) - 1)).to.equal(0);
    expect(elapsed(april(21), 0)).to.equal(0);
  });

  it(`counts the anniversaries up to a moment (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    for (let i = 0; i < 1_000; i++) {
      const anchor = { startMonth: 1970 * 12 + random(2_000), day: 1 + random(31) };
      const timestamp = random(2 ** 32);
      const passed = elapsed(anchor, timestamp);
      const [last, next] = [anniversary(anchor, passed - 1), anniversary(anchor, passed)];
      expect(next > timestamp && (passed === 0 || last <= timestamp), JSON.stringify({ anchor, timestamp })).to.equal(
        true,
      );
    }
  });

  it("reads what it writes", () => {
    for (const unix of [0, 1_782_000_000, 951_782_400, 4_107_542_399]) {
      expect(parseTime(formatTime(unix))).to.equal(unix);
    }
  });

  for (const text of [
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-06-21T24:00:00Z",
    "2026-06-21T00:00:60Z",
    "2026-06-21T00:00:00",
    "2026-06-21T00:00:00+00:00",
    "2026-06-21T00:00:00.000Z",
    "2026-06-21 00:00:00Z",
    "2026-06-21",
    "1782000000",
    "",
  ]) {
    it(`refuses "${text}"`, async () => {
      expect(await failure(() => parseTime(text))).to.deep.include({ code: "bad_time", facts: { value: text } });
    });
  }
});
