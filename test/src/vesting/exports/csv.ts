import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { z } from "zod";
import { parseTime } from "../../../../src/vesting/calendar.ts";
import { exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports/csv
├── it should have one line for each category of each unlock, in the known columns
├── it should count all lines before it into the cumulative amount
├── it should have the known figures
└── when a category needs quotes: it should read back
*/
describe("exports/csv", () => {
  const line = z.strictObject({
    date: z.string().transform(parseTime),
    unix: z.coerce.number().int(),
    category: z.string().min(1),
    amount_wei: z.string().regex(/^\d+$/).transform(BigInt),
    amount: z.string().regex(/^\d+\.\d{18}$/),
    cumulative_wei: z.string().regex(/^\d+$/).transform(BigInt),
    percent_of_supply: z.string().regex(/^\d+\.\d{18}$/),
  });
  const read = (text: string) => z.array(line).parse(parse(text, { columns: true }));

  it("has one line for each category of each unlock", () => {
    const lines = read(exportSchedule("csv", publishedInput()));

    expect(lines).to.have.length(2 + 60 + 48 + 36 + 36 + 96);
    expect(lines.every(({ date, unix }) => date === unix)).to.equal(true);
    expect(lines.every((row) => row.amount.replace(".", "").replace(/^0+/, "") === `${row.amount_wei}`)).to.equal(true);
  });

  it("counts up over the whole book", () => {
    let sum = 0n;
    for (const { amount_wei, cumulative_wei } of read(exportSchedule("csv", publishedInput()))) {
      sum += amount_wei;
      expect(cumulative_wei).to.equal(sum);
    }
    expect(sum).to.equal(900_000_000n * 10n ** 18n);
  });

  it("has the known figures", () => {
    const lines = read(exportSchedule("csv", publishedInput()));
    const june = lines.filter(({ unix }) => unix === 1_782_000_000);

    expect(june.reduce((sum, { amount_wei }) => sum + amount_wei, 0n)).to.equal(9_125_000n * 10n ** 18n);
    expect(june.at(-1)?.percent_of_supply).to.equal("10.824999999999999999");
    expect(lines.at(-1)).to.include({ unix: parseTime("2034-04-21T00:00:00Z"), category: "staking-rewards" });
    expect(lines.at(-1)?.percent_of_supply).to.equal("90.000000000000000000");
  });

  it("reads back a category that needs quotes", () => {
    const input = publishedInput();
    input.book.schedules[0]!.category = `a,"b"`;

    expect(read(exportSchedule("csv", input))[0]?.category).to.equal(`a,"b"`);
  });
});
