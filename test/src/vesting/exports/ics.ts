import { expect } from "chai";
import ICAL from "ical.js";
import { exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { unlockTable } from "../../../../src/vesting/table.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports/ics
├── it should have one event for each unlock, at its second in UTC
├── it should identify an event by book and month, once
├── it should say the amount for people, and exactly by category
└── it should end lines as RFC 5545 has it, none above 75 octets
*/
describe("exports/ics", () => {
  const text = exportSchedule("ics", publishedInput());
  const events = new ICAL.Component(ICAL.parse(text)).getAllSubcomponents("vevent").map((c) => new ICAL.Event(c));

  it("has one event for each unlock", () => {
    const { unlocks } = unlockTable(publishedInput().book);

    expect(events.map(({ startDate }) => startDate.toUnixTime())).to.deep.equal(unlocks.map(({ unix }) => unix));
    expect(events.every(({ startDate }) => startDate.zone === ICAL.Timezone.utcTimezone)).to.equal(true);
  });

  it("identifies an event by book and month", () => {
    const { bookHash } = publishedInput();

    expect(events[2]?.uid).to.equal(`${bookHash}-2@opg.vesting`);
    expect(new Set(events.map(({ uid }) => uid)).size).to.equal(97);
    expect(new Set(text.match(/^DTSTAMP:.*$/gm))).to.deep.equal(new Set(["DTSTAMP:20260421T000000Z"]));
  });

  it("says the amounts", () => {
    const may = events.find(({ startDate }) => startDate.toString() === "2027-05-21T00:00:00Z");

    expect(events[2]?.summary).to.equal("OPG unlock: 9,125,000.00 OPG");
    expect(events[2]?.description.split("\n")).to.deep.equal([
      "ecosystem: 6,000,000 OPG",
      "foundation: 2,083,333.333333333333333333 OPG",
      "staking-rewards: 1,041,666.666666666666666667 OPG",
      "all: 9,125,000 OPG",
      "unlocked so far: 108,249,999.999999999999999999 OPG",
      `book: ${publishedInput().bookHash}`,
    ]);
    expect(may?.description).to.include("investors: 2,777,777.777777777777777777 OPG");
  });

  it("ends and folds lines as RFC 5545 has it", () => {
    const lines = text.split("\r\n");

    expect(lines.pop()).to.equal("");
    expect(lines.some((line) => /[\r\n]/.test(line))).to.equal(false);
    expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).to.be.at.most(75);
  });
});
