import { readFileSync } from "node:fs";
import { expect } from "chai";
import { BaseError } from "../../../src/core/errors.ts";
import { encodeBook, type Schedule, vestedAt } from "../../../src/vesting/book.ts";
import { formatTime, parseTime } from "../../../src/vesting/calendar.ts";
import { type LaunchPlan, planLaunch, type Resolve } from "../../../src/vesting/launchPlan.ts";
import { type OtherGrants, parseSchedule } from "../../../src/vesting/scheduleFile.ts";
import { type GrantEntry, RULE } from "../../../src/vesting/scheduleSchema.ts";
import { unlockedByCategory } from "../../../src/vesting/table.ts";

/*
A schedule file
├── given it is the published one
│  ├── it should give the published amounts to the wei
│  ├── its rows are exactly what the plan computes
│  └── when any digit of its numbers is another: it should be refused
├── when anything is wrong: it should be refused with file, line, path, reason and value
├── given it has grants, or a network's parameters have them: their sums are those of the categories
└── planLaunch
   ├── it should make liquid what has no tranches, and records of the rest, in the order of the file
   ├── it should share a schedule among grants that have the same
   └── when an account is not known: it should be refused
*/
describe("a schedule file", () => {
  const FILE = "opg.json";
  const text = readFileSync(new URL("../../../deploy/schedules/opg.json", import.meta.url), "utf8");
  const bytesOf = (content: string) => new TextEncoder().encode(content);
  const parse = (content: string, other?: OtherGrants) => parseSchedule(FILE, bytesOf(content), other);
  const A = `0x${"11".repeat(20)}`;
  const B = `0x${"22".repeat(20)}`;
  const everybody: Resolve = () => A;
  const M = 10n ** 24n;

  function refused(content: string | Uint8Array, other?: OtherGrants): BaseError {
    try {
      parseSchedule(FILE, typeof content === "string" ? bytesOf(content) : content, other);
    } catch (error) {
      if (error instanceof BaseError) return error;
      throw error;
    }
    return expect.fail("it should be refused");
  }

  /** The text with one part replaced; the part must stand there. `nth` counts from 0. */
  function replaced(from: string, to: string, nth = 0, content = text): string {
    const at = content.split(from, nth + 1).join(from).length;
    expect(content.slice(at, at + from.length), `${from} (${nth})`).to.equal(from);
    return content.slice(0, at) + to + content.slice(at + from.length);
  }

  describe("that is published", () => {
    const OF_INTEREST: [at: string, what: string, opg: string][] = [
      ["2026-04-21T00:00:00Z", "circulating", "190000000"],
      ["2026-06-21T00:00:00Z", "ecosystem and foundation", "8083333.333333333333333333"],
      ["2026-06-21T00:00:00Z", "everything", "9125000"],
      ["2027-04-21T00:00:00Z", "circulating", "287000000"],
      ["2027-05-21T00:00:00Z", "all but staking", "15027777.777777777777777776"],
      ["2030-04-21T00:00:00Z", "circulating", "828000000"],
      ["2031-04-21T00:00:00Z", "circulating", "900000000"],
    ];

    it("gives the published amounts to the wei", () => {
      const { book, liquid, lockedWei } = planLaunch(parse(text), everybody);
      const liquidWei = liquid.reduce((sum, { amountWei }) => sum + amountWei, 0n);
      expect([lockedWei, liquidWei, lockedWei + liquidWei]).to.deep.equal([900n * M, 100n * M, 1000n * M]);
      const names = ["ecosystem", "foundation", "core-contributors", "investors", "staking-rewards"];
      const at = (unix: number, counts: (name: string) => boolean) =>
        unlockedByCategory(book, unix).reduce((sum, wei, i) => (counts(names[i] as string) ? sum + wei : sum), 0n);
      for (const [time, what, opg] of OF_INTEREST) {
        const unix = parseTime(time);
        const counts = (name: string) => {
          if (what === "ecosystem and foundation") return name === "ecosystem" || name === "foundation";
          return what === "everything" || name !== "staking-rewards";
        };
        const before = what === "circulating" ? -liquidWei : at(unix - 1, counts);
        const [whole = "", decimals = ""] = opg.split(".");
        expect(at(unix, counts) - before, `${time} ${what}`).to.equal(BigInt(whole + decimals.padEnd(18, "0")));
      }
      expect(parseTime("2026-06-21T00:00:00Z")).to.equal(1_782_000_000);
      expect(formatTime(1_782_000_000)).to.equal("2026-06-21T00:00:00Z");
    });

    it("follows its written rule, month by month", () => {
      const { categories } = parse(text);
      const { book, names } = planLaunch(parse(text), everybody);
      const at = (k: number) => Date.UTC(2026, 3 + k, 21) / 1000;
      for (const { id, totalWei, upfrontWei, firstTrancheMonth, tranches } of categories) {
        if (tranches === 0) continue;
        for (let k = 0; k <= 100; k++) {
          const due = BigInt(Math.min(Math.max(k - firstTrancheMonth + 1, 0), tranches));
          const said = upfrontWei + ((totalWei - upfrontWei) * due) / BigInt(tranches);
          const mine = book.grants.filter((_, i) => names[i]?.split(" ")[0] === id);
          for (const unix of [at(k), at(k + 1) - 1]) {
            expect(mine.reduce((sum, grant) => sum + vestedAt(book, grant, unix), 0n)).to.equal(said);
          }
          if (k === 0) expect(mine.reduce((sum, grant) => sum + vestedAt(book, grant, at(0) - 1), 0n)).to.equal(0n);
        }
      }
      expect(JSON.parse(text).rule).to.equal(RULE);
    });

    it("is refused when any digit of its numbers is another", () => {
      const free = [...text.matchAll(/"(source|note)": "[^"]*"/g)].map(({ index, 0: whole }) => [
        index,
        index + whole.length,
      ]);
      let digits = 0;
      for (let i = 0; i < text.length; i++) {
        if (!/\d/.test(text[i] as string) || free.some(([from = 0, to = 0]) => i >= from && i < to)) continue;
        digits++;
        for (let digit = 0; digit < 10; digit++) {
          if (text[i] === String(digit)) continue;
          const changed = text.slice(0, i) + digit + text.slice(i + 1);
          const { code, facts } = refused(changed);
          const line = changed.slice(0, i).split("\n").length;
          expect(code, `line ${line}: ${changed.slice(i - 20, i + 20)}`).to.equal("bad_schedule");
          expect(facts).to.include.keys("file", "line", "path", "reason", "value");
        }
      }
      expect(digits).to.be.greaterThan(400);
    }).timeout(300_000);
  });

  const line = (part: string, nth = 0) =>
    text
      .split(part, nth + 1)
      .join(part)
      .split("\n").length;
  type Case = [what: string, content: string, line: number, path: string, reason: RegExp];
  const ecosystem = '"totalWei": "400000000000000000000000000"';
  const tge = '"tge": "2026-04-21T00:00:00Z"';
  const of = (value: string) => replaced(tge, `"tge": ${value}`);
  const staking = '"tranches": 96';
  const cases: Case[] = [
    ["a comment", replaced('"tge"', '// once\n"tge"'), line(tge), "", /JSON.*Comment/],
    [
      "a trailing comma",
      replaced('"tranches": 60\n', '"tranches": 60,\n'),
      line('"tranches": 60') + 1,
      "categories[0]",
      /JSON/,
    ],
    [
      "a key twice",
      replaced('"tranches": 60', '"tranches": 60, "tranches": 60'),
      line('"tranches": 60'),
      "categories[0]",
      /twice/,
    ],
    ["a key twice, escaped", replaced(tge, `${tge}, "t\\u0067e": 1`), line(tge), "", /twice/],
    ["nothing", "", 1, "", /JSON/],
    ["a byte order mark", `\ufeff${text}`, 1, "", /JSON/],
    ["a list", "[]", 1, "", /object/],
    ["an unknown entry", replaced(tge, `${tge}, "cliff": 1`), line(tge), "cliff", /no such entry/],
    ["a day that does not exist", of('"2023-04-31T00:00:00Z"'), line(tge), "tge", /no such moment/],
    ["a 29 February without a leap year", of('"2027-02-29T00:00:00Z"'), line(tge), "tge", /no such moment/],
    ["a month 13", of('"2026-13-21T00:00:00Z"'), line(tge), "tge", /no such moment/],
    ["hour 24", of('"2026-04-20T24:00:00Z"'), line(tge), "tge", /no such moment/],
    ["an offset", of('"2026-04-21T00:00:00+02:00"'), line(tge), "tge", /offset/],
    ["an offset of zero", of('"2026-04-21T00:00:00+00:00"'), line(tge), "tge", /offset/],
    ["no time zone", of('"2026-04-21T00:00:00"'), line(tge), "tge", /a moment as/],
    ["a fraction of a second", of('"2026-04-21T00:00:00.000Z"'), line(tge), "tge", /no such moment|a moment as/],
    ["a number as the time", of("1776729600"), line(tge), "tge", /string/],
    ["a second too early", of('"2026-04-20T23:59:59Z"'), line(tge), "tge", /not 00:00:00 UTC on the anchor's day/],
    ["a second too late", of('"2026-04-21T00:00:01Z"'), line(tge), "tge", /not 00:00:00 UTC on the anchor's day/],
    ["another day", of('"2026-04-22T00:00:00Z"'), line(tge), "tge", /not 00:00:00 UTC on the anchor's day/],
    ["a year before 1970", of('"1969-04-21T00:00:00Z"'), line(tge), "tge", /1970/],
    ["a year that the book cannot hold", of('"5462-04-21T00:00:00Z"'), line(tge), "tge", /5460/],
    [
      "day 31 without clamping",
      replaced('"dayOfMonth": 21', '"dayOfMonth": 31'),
      line('"dayOfMonth"'),
      "anchor.dayOfMonth",
      /clampToMonthEnd/,
    ],
    [
      "day 29 without clamping",
      replaced('"dayOfMonth": 21', '"dayOfMonth": 29'),
      line('"dayOfMonth"'),
      "anchor.dayOfMonth",
      /clampToMonthEnd/,
    ],
    ["day 0", replaced('"dayOfMonth": 21', '"dayOfMonth": 0'), line('"dayOfMonth"'), "anchor.dayOfMonth", /at least 1/],
    [
      "clamping of day 21",
      replaced('"dayOfMonth": 21', '"dayOfMonth": 21, "clampToMonthEnd": true'),
      line('"dayOfMonth"'),
      "anchor.clampToMonthEnd",
      /every month/,
    ],
    [
      "another time of the day",
      replaced('"timeOfDayUtc": "00:00:00"', '"timeOfDayUtc": "12:00:00"'),
      line("timeOfDayUtc"),
      "anchor.timeOfDayUtc",
      /00:00:00/,
    ],
    [
      "an amount as a number",
      replaced(ecosystem, '"totalWei": 400000000000000000000000000'),
      line(ecosystem),
      "categories[0].totalWei",
      /never a JSON number/,
    ],
    [
      "an amount with a point",
      replaced(ecosystem, '"totalWei": "400000000.5"'),
      line(ecosystem),
      "categories[0].totalWei",
      /whole wei/,
    ],
    [
      "an amount with an exponent",
      replaced(ecosystem, '"totalWei": "4e26"'),
      line(ecosystem),
      "categories[0].totalWei",
      /whole wei/,
    ],
    [
      "a negative amount",
      replaced(ecosystem, '"totalWei": "-1"'),
      line(ecosystem),
      "categories[0].totalWei",
      /whole wei/,
    ],
    [
      "a leading zero",
      replaced(ecosystem, '"totalWei": "0400000000000000000000000000"'),
      line(ecosystem),
      "categories[0].totalWei",
      /whole wei/,
    ],
    [
      "digits of another script",
      replaced(ecosystem, '"totalWei": "４00000000000000000000000000"'),
      line(ecosystem),
      "categories[0].totalWei",
      /whole wei/,
    ],
    [
      "nothing as a total",
      replaced(ecosystem, '"totalWei": "0"'),
      line(ecosystem),
      "categories[0].totalWei",
      /above zero/,
    ],
    [
      "a wei more than the supply",
      replaced(ecosystem, '"totalWei": "400000000000000000000000001"'),
      line('"categories"'),
      "categories",
      /add up to the supply/,
    ],
    [
      "a wei less than the supply",
      replaced(ecosystem, '"totalWei": "399999999999999999999999999"'),
      line('"categories"'),
      "categories",
      /add up to the supply/,
    ],
    [
      "parts per million",
      replaced(ecosystem, '"totalPpm": 400000'),
      line(ecosystem),
      "categories[0].totalPpm",
      /give exact wei, never a ratio/,
    ],
    [
      "a percentage beside wei",
      replaced(ecosystem, `${ecosystem}, "percent": 40`),
      line(ecosystem),
      "categories[0].percent",
      /give exact wei, never a ratio/,
    ],
    [
      "a period in seconds",
      replaced(staking, `${staking}, "periodSeconds": 2592000`),
      line(staking),
      "categories[4].periodSeconds",
      /30-day periods are not calendar months/,
    ],
    [
      "a period in days",
      replaced(staking, `${staking}, "intervalDays": 30`),
      line(staking),
      "categories[4].intervalDays",
      /30-day periods are not calendar months/,
    ],
    [
      "an id twice",
      replaced('"id": "foundation"', '"id": "ecosystem"'),
      line('"id": "foundation"'),
      "categories[1].id",
      /taken/,
    ],
    [
      "an id with a space",
      replaced('"id": "foundation"', '"id": "the foundation"'),
      line('"id": "foundation"'),
      "categories[1].id",
      /printable ASCII/,
    ],
    [
      "an id of 33 characters",
      replaced('"id": "foundation"', `"id": "${"f".repeat(33)}"`),
      line('"id": "foundation"'),
      "categories[1].id",
      /32/,
    ],
    [
      "more upfront than in all",
      replaced('"upfrontWei": "0"', '"upfrontWei": "150000000000000000000000001"'),
      line('"upfrontWei": "0"'),
      "categories[2].upfrontWei",
      /more than the total/,
    ],
    [
      "nothing after upfront",
      replaced('"upfrontWei": "0"', '"upfrontWei": "150000000000000000000000000"'),
      line('"upfrontWei": "0"'),
      "categories[2].upfrontWei",
      /nothing is left/,
    ],
    [
      "no tranches for what is not upfront",
      replaced('"tranches": 60', '"tranches": 0'),
      line('"tranches": 60'),
      "categories[0].tranches",
      /everything is upfront/,
    ],
    [
      "256 tranches",
      replaced('"tranches": 60', '"tranches": 256'),
      line('"tranches": 60'),
      "categories[0].tranches",
      /at most 255/,
    ],
    [
      "half a tranche",
      replaced('"tranches": 60', '"tranches": 60.5'),
      line('"tranches": 60'),
      "categories[0].tranches",
      /whole months/,
    ],
    [
      "tranches as text",
      replaced('"tranches": 60', '"tranches": "60"'),
      line('"tranches": 60'),
      "categories[0].tranches",
      /whole months/,
    ],
    [
      "a first tranche at once",
      replaced('"firstTrancheMonth": 1', '"firstTrancheMonth": 0'),
      line('"firstTrancheMonth": 1'),
      "categories[0].firstTrancheMonth",
      /1 to 65535/,
    ],
    [
      "a first tranche after month 65535",
      replaced('"firstTrancheMonth": 1', '"firstTrancheMonth": 65536'),
      line('"firstTrancheMonth": 1'),
      "categories[0].firstTrancheMonth",
      /at most 65535/,
    ],
    [
      "a first tranche where there is none",
      replaced('"firstTrancheMonth": 0', '"firstTrancheMonth": 1'),
      line('"firstTrancheMonth": 0'),
      "categories[5].firstTrancheMonth",
      /0 where there are no tranches/,
    ],
    [
      "no categories",
      replaced(text.slice(text.indexOf('"categories"'), text.indexOf('"rule"')), '"categories": [], '),
      line('"categories"'),
      "categories",
      /at least one category/,
    ],
    ["another rule", replaced("floor((total", "round((total"), line('"rule"'), "rule", /word for word/],
    ["another name", replaced("OpenGradient", "OpenGradients"), line("OpenGradient"), "token.name", /OpenGradient/],
    ["another symbol", replaced('"symbol": "OPG"', '"symbol": "OPX"'), line('"symbol"'), "token.symbol", /OPG/],
    ["other decimals", replaced('"decimals": 18', '"decimals": 6'), line('"decimals"'), "token.decimals", /18/],
    [
      "an expected amount as a number",
      replaced('"190000000"', "190000000"),
      line('"190000000"'),
      "expected[0].circulatingExcludingStakingRewards",
      /never a JSON number/,
    ],
    [
      "an expected amount with 19 decimals",
      replaced('"190000000"', `"190000000.${"0".repeat(19)}"`),
      line('"190000000"'),
      "expected[0].circulatingExcludingStakingRewards",
      /at most 18 decimals/,
    ],
    [
      "an unknown expectation",
      replaced("unlockedWithStakingRewards", "unlockedPpm"),
      line("unlockedWithStakingRewards"),
      "expected[1].unlockedPpm",
      /never a ratio/,
    ],
    [
      "another Unix time",
      replaced("1782000000", "1782000001"),
      line("1782000000"),
      "expected[1].unix",
      /another moment/,
    ],
    [
      "an expectation between two months",
      replaced('"at": "2027-04-21T00:00:00Z"', '"at": "2027-04-22T00:00:00Z"'),
      line('"at": "2027-04-21'),
      "expected[2].at",
      /no anchor/,
    ],
    [
      "an expectation before the start",
      replaced('"at": "2027-04-21T00:00:00Z"', '"at": "2026-03-21T00:00:00Z"'),
      line('"at": "2027-04-21'),
      "expected[2].at",
      /no anchor/,
    ],
    [
      "a later month of the same amount",
      replaced('"at": "2031-04-21T00:00:00Z"', '"at": "2032-04-21T00:00:00Z"'),
      line('"at": "2031-04-21'),
      "expected[5].at",
      /2031-04-21T00:00:00Z on/,
    ],
    [
      "an empty expectation",
      replaced(
        '      "circulatingExcludingStakingRewards": "190000000",\n      "circulatingWithStakingRewards": "190000000",\n',
        "",
      ),
      line('"expected"') + 1,
      "expected[0]",
      /expects nothing/,
    ],
  ];
  for (const [what, content, where, path, reason] of cases) {
    it(`is refused for ${what}`, () => {
      const { code, facts } = refused(content);
      const { file, line: said, path: at, reason: why } = facts;
      expect([code, file, said, at]).to.deep.equal(["bad_schedule", FILE, where, path]);
      expect(why).to.match(reason);
      expect(facts).to.have.property("value");
    });
  }

  it("says what an expectation said and what the schedule gives", () => {
    const { facts } = refused(replaced("8083333.333333333333333333", "8083333.333333333333333334"));
    expect(facts).to.include({
      line: line("8083333"),
      path: "expected[1].unlockedByEcosystemAndFoundation",
      said: "8083333.333333333333333334",
      computed: "8083333.333333333333333333",
    });
  });

  it("is refused when it is not UTF-8, and the line is said", () => {
    const bytes = bytesOf(text);
    bytes[text.indexOf("dayOfMonth")] = 0xff;
    expect(refused(bytes).facts).to.include({ line: line("dayOfMonth"), reason: "not UTF-8" });
  });

  it("takes the last day of a month where it is meant", () => {
    const changed = replaced(
      '"dayOfMonth": 21',
      '"dayOfMonth": 31, "clampToMonthEnd": true',
      0,
      of('"2026-04-30T00:00:00Z"'),
    );
    const bare = JSON.stringify({ ...JSON.parse(changed), expected: undefined });
    expect(parse(bare)).to.deep.include({
      anchor: { startMonth: 24315, day: 31 },
      tge: parseTime("2026-04-30T00:00:00Z"),
    });
    expect(refused(bare.replace("2026-04-30", "2026-05-30")).facts.path).to.equal("tge");
  });

  describe("with grants", () => {
    const grant = (id: string, category: string, total: bigint, upfront: bigint, more: object = {}) => ({
      ...{ id, category, beneficiary: A, totalWei: `${total * M}`, upfrontWei: `${upfront * M}` },
      ...more,
    });
    const good = () => [
      grant("labs", "ecosystem", 300n, 40n),
      grant("rewards", "ecosystem", 100n, 0n, { beneficiary: "emission-budget" }),
      grant("foundation", "foundation", 150n, 50n),
      grant("team", "core-contributors", 150n, 0n, {
        revocation: { revoker: B, remainderTo: "deployer", noticeMonths: 3 },
      }),
      grant("fund-1", "investors", 60n, 0n),
      grant("fund-2", "investors", 40n, 0n, { beneficiary: B }),
      grant("staking", "staking-rewards", 100n, 0n, { beneficiary: "emission-budget" }),
      grant("pool", "liquidity", 60n, 60n, { beneficiary: "deployer" }),
      grant("drop", "airdrop", 40n, 40n),
    ];
    /** One grant a line, after the first line. */
    const withGrants = (grants: object[]) => {
      const { expected: _, ...rest } = JSON.parse(text);
      const list = grants.map((one) => JSON.stringify(one)).join(",\n");
      return `{"grants": [\n${list}\n],\n${JSON.stringify(rest).slice(1)}`;
    };
    const BUDGET = `0x${"33".repeat(20)}`;
    const resolve: Resolve = (account) =>
      account === "emission-budget" ? BUDGET : account === "deployer" ? `0x${"44".repeat(20)}` : account;

    it("becomes a book in the order of the file, and liquid amounts", () => {
      const plan: LaunchPlan = planLaunch(parse(withGrants(good())), resolve);
      expect(plan.names).to.deep.equal([
        ...["labs (upfront)", "labs", "rewards", "foundation (upfront)", "foundation", "team"],
        ...["fund-1", "fund-2", "staking"],
      ]);
      const terms = plan.book.grants.map(({ schedule }) => plan.book.schedules[schedule] as Schedule);
      expect(terms.map(({ category, firstTranche, tranches }) => [category, firstTranche, tranches])).to.deep.equal([
        ["ecosystem", 0, 1],
        ["ecosystem", 1, 60],
        ["ecosystem", 1, 60],
        ["foundation", 0, 1],
        ["foundation", 1, 48],
        ["core-contributors", 13, 36],
        ["investors", 13, 36],
        ["investors", 13, 36],
        ["staking-rewards", 1, 96],
      ]);
      expect(plan.book.schedules, "grants of the same terms share them").to.have.length(7);
      const revocation = { revoker: B, remainderTo: `0x${"44".repeat(20)}`, noticeMonths: 3 };
      expect(terms.flatMap((schedule) => schedule.revocation ?? [])).to.deep.equal([revocation]);
      expect(plan.book.grants.map(({ totalWei }) => totalWei / M)).to.deep.equal([
        ...[40n, 260n, 100n, 50n, 100n, 150n, 60n, 40n, 100n],
      ]);
      expect(plan.book.grants[2]?.beneficiary).to.equal(BUDGET);
      expect(plan.liquid).to.deep.equal([
        { id: "pool", category: "liquidity", to: `0x${"44".repeat(20)}`, amountWei: 60n * M },
        { id: "drop", category: "airdrop", to: A, amountWei: 40n * M },
      ]);
      expect(plan.lockedWei).to.equal(900n * M);
      expect(encodeBook(plan.book)).to.have.length(1 + 7 * 96 + 9 * 32);
    });

    it("keeps what is upfront from being revoked, and other terms apart", () => {
      const revocation = { revoker: B, remainderTo: A, noticeMonths: 0 };
      const grants = good().map((one) => (one.category === "ecosystem" ? { ...one, revocation } : one));
      grants[1] = { ...(grants[1] as object), revocation: { ...revocation, noticeMonths: 1 } } as never;
      const { book } = planLaunch(parse(withGrants(grants)), resolve);
      expect(book.schedules.slice(0, 3).map((schedule) => schedule.revocation?.noticeMonths)).to.deep.equal([
        ...[undefined, 0, 1],
      ]);
    });

    type Change = (grants: ReturnType<typeof good>) => void;
    const bad: [what: string, change: Change, line: number, path: string, reason: RegExp][] = [
      ["an id twice", (g) => Object.assign(g[4] as object, { id: "labs" }), 6, "grants[4].id", /taken/],
      [
        "an unknown category",
        (g) => Object.assign(g[0] as object, { category: "eco" }),
        2,
        "grants[0].category",
        /no such category/,
      ],
      [
        "a wei too much",
        (g) => Object.assign(g[4] as object, { totalWei: `${60n * M + 1n}` }),
        6,
        "grants[4].id",
        /"investors" do not add up to the total/,
      ],
      [
        "a wei too little",
        (g) => Object.assign(g[5] as object, { totalWei: `${40n * M - 1n}` }),
        6,
        "grants[4].id",
        /"investors" do not add up to the total/,
      ],
      [
        "an upfront amount that is another",
        (g) => Object.assign(g[0] as object, { upfrontWei: `${40n * M - 1n}` }),
        2,
        "grants[0].id",
        /upfront amount/,
      ],
      ["a category without grants", (g) => void g.pop(), 1, "grants", /"airdrop" do not add up/],
      [
        "a liquid grant that is not upfront",
        (g) => Object.assign(g[8] as object, { upfrontWei: "0" }),
        10,
        "grants[8].upfrontWei",
        /everything is upfront/,
      ],
      [
        "a liquid grant that is revocable",
        (g) => Object.assign(g[8] as object, { revocation: { revoker: A, remainderTo: B, noticeMonths: 0 } }),
        10,
        "grants[8].revocation",
        /no tranches/,
      ],
      [
        "more upfront than in all",
        (g) => Object.assign(g[1] as object, { upfrontWei: `${101n * M}` }),
        3,
        "grants[1].upfrontWei",
        /more than the total/,
      ],
      [
        "an empty grant",
        (g) => Object.assign(g[1] as object, { totalWei: "0" }),
        3,
        "grants[1].totalWei",
        /above zero/,
      ],
      [
        "half an address",
        (g) => Object.assign(g[1] as object, { beneficiary: "0x11" }),
        3,
        "grants[1].beneficiary",
        /address/,
      ],
      [
        "a wrong checksum",
        (g) => Object.assign(g[1] as object, { beneficiary: "0x5FbDB2315678afecb367f032d93F642f64180aA3" }),
        3,
        "grants[1].beneficiary",
        /checksum/,
      ],
      [
        "the zero address",
        (g) => Object.assign(g[1] as object, { beneficiary: `0x${"0".repeat(40)}` }),
        3,
        "grants[1].beneficiary",
        /address/,
      ],
      [
        "an unknown name",
        (g) => Object.assign(g[1] as object, { beneficiary: "labs" }),
        3,
        "grants[1].beneficiary",
        /address/,
      ],
      ["parts per million", (g) => Object.assign(g[1] as object, { ppm: 1 }), 3, "grants[1].ppm", /never a ratio/],
      [
        "notice beyond a byte",
        (g) => Object.assign((g[3] as { revocation?: object }).revocation ?? {}, { noticeMonths: 256 }),
        5,
        "grants[3].revocation.noticeMonths",
        /at most 255/,
      ],
      [
        "nobody for the remainder",
        (g) => Object.assign(g[3] as object, { revocation: { revoker: A, noticeMonths: 1 } }),
        5,
        "grants[3].revocation.remainderTo",
        /address/,
      ],
    ];
    for (const [what, change, where, path, reason] of bad) {
      it(`is refused for ${what}`, () => {
        const grants = good();
        change(grants);
        const { code, facts } = refused(withGrants(grants));
        expect([code, facts.line, facts.path]).to.deep.equal(["bad_schedule", where, path]);
        expect(facts.reason).to.match(reason);
      });
    }

    it("is refused when an account is still open, wherever it is", () => {
      for (const [index, change, path] of [
        [0, { beneficiary: null }, "grants[0].beneficiary"],
        [8, { beneficiary: null }, "grants[8].beneficiary"],
        [3, { revocation: { revoker: null, remainderTo: A, noticeMonths: 0 } }, "grants[3].revocation.revoker"],
        [3, { revocation: { revoker: A, remainderTo: null, noticeMonths: 0 } }, "grants[3].revocation.remainderTo"],
      ] as const) {
        const grants = good();
        Object.assign(grants[index] as object, change);
        const schedule = parse(withGrants(grants));
        expect(() => planLaunch(schedule, resolve))
          .to.throw(BaseError)
          .with.property("facts")
          .that.includes({ line: index + 2, path, reason: "fill this in first", grant: grants[index]?.id });
      }
      expect(() => planLaunch(parse(withGrants(good())), () => null)).to.throw(BaseError, "refused");
      expect(() => planLaunch(parse(text), () => null)).to.throw(BaseError, "refused");
    });

    it("that stand in a network's parameters are refused with their place there", () => {
      const entries = good().map((one) => ({
        ...one,
        totalWei: BigInt(one.totalWei),
        upfrontWei: BigInt(one.upfrontWei),
      }));
      const other = (grants: GrantEntry[]) => ({ entries: grants, file: "base.json5", path: ["token", "grants"] });
      expect(parse(text, other(entries)).grants.map(({ id }) => id)).to.deep.equal(good().map(({ id }) => id));
      const open = entries.map((one, i) => (i === 2 ? { ...one, category: "fundation" } : one));
      const { facts } = refused(text, other(open));
      expect(facts).to.include({ file: "base.json5", path: "token.grants[2].category", value: "fundation" });
      expect(facts).not.to.have.property("line");
      expect(refused(text, other(entries.slice(1))).facts).to.include({ path: "token.grants[0].id" });
    });

    it("that split a category leave the published rows as they are", () => {
      const uneven = good().map((one) => ({
        ...one,
        totalWei: BigInt(one.totalWei),
        upfrontWei: BigInt(one.upfrontWei),
      }));
      (uneven[4] as GrantEntry).totalWei += 1n;
      (uneven[5] as GrantEntry).totalWei -= 1n;
      const { grants } = parse(text, { entries: uneven, file: "base.json5", path: ["token", "grants"] });
      expect(grants).to.have.length(9);
    });
  });
});
