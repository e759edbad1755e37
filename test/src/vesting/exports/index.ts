import { expect } from "chai";
import { EXPORT_FORMATS } from "../../../../src/vesting/exports/formats.ts";
import { exportFileName, exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports
├── it should write the same bytes for the same input, whatever the time and the time zone
└── it should have a file name for each format
*/
describe("exports", () => {
  for (const format of EXPORT_FORMATS) {
    it(`writes the same ${format} in another time zone and year`, () => {
      const { TZ } = process.env;
      const { now } = Date;
      const first = exportSchedule(format, publishedInput());
      try {
        process.env.TZ = "Pacific/Kiritimati";
        Date.now = () => Date.UTC(2040, 0, 1);
        expect(exportSchedule(format, publishedInput())).to.equal(first);
      } finally {
        Date.now = now;
        if (TZ === undefined) delete process.env.TZ;
        else process.env.TZ = TZ;
      }
    });
  }

  it("has a file name for each format", () => {
    expect(EXPORT_FORMATS.map(exportFileName)).to.deep.equal([
      "schedule.json",
      "unlocks.csv",
      "unlocks.ics",
      "opg.ts",
      "tokenomist.json",
    ]);
  });
});
