import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { caseTests } from "../helpers/caseTitles.ts";

const DOCUMENT = "docs/contracts/cases.md";
const FIRST = 7;
const LAST = 56;
const GOVERNANCE = 72;

/*
docs/contracts/cases.md, the list of failures of others
├── it should have a row for each test that names a case, and no other
└── no case of staking, rewards and governance is without a test
*/
describe("the list of cases", () => {
  type Row = { number: number; words: string; file: string; title: string };

  async function readRows(): Promise<Row[]> {
    const rows: Row[] = [];
    for (const line of (await readFile(DOCUMENT, "utf8")).split("\n")) {
      const [number, words, file, title] = line.split(" | ").map((cell) => cell.replace(/^\| |\|$/g, "").trim());
      if (!/^\d*$/.test(number ?? "-") || title === undefined) continue;
      const last = rows.at(-1);
      const own = { number: number ? Number(number) : last?.number, words: words || last?.words };
      rows.push({ number: own.number ?? 0, words: own.words ?? "", file: (file as string).replaceAll("`", ""), title });
    }
    return rows;
  }
  const keysOf = (tests: readonly { number: number; file: string; title: string }[]) =>
    tests.map(({ number, file, title }) => `${number} ${file}: ${title}`).sort();

  it("has a row for each test that names a case, and no other", async () => {
    const rows = await readRows();
    expect(keysOf(rows)).to.deep.equal(keysOf(caseTests("test")));
    for (const { number, words } of rows) expect(words.length, `what case ${number} is`).to.be.greaterThan(10);
  });

  it("leaves no case of staking, rewards and governance without a test", async () => {
    const shown = new Set(caseTests("test").map(({ number }) => number));
    const wanted = [...Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i), GOVERNANCE];
    expect(wanted.filter((number) => !shown.has(number))).to.deep.equal([]);
  });

  it("finds a number that is missing, and a row without a test", async () => {
    const tests = caseTests("test/contracts/staking");
    expect(tests.some(({ number }) => number === 36)).to.equal(true);
    const others = tests.filter(({ number }) => number !== 36);
    expect(keysOf(others)).to.not.deep.equal(keysOf(tests));
    expect(caseTests("test/contracts/registry")).to.deep.equal([]);
  });
});
