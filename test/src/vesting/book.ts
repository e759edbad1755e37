import { expect } from "chai";
import { keccak256, toBeHex } from "ethers";
import { InputError } from "../../../src/core/errors.ts";
import {
  type Book,
  bookHash,
  categoriesOf,
  decodeBook,
  dueAt,
  encodeBook,
  lastMonthOf,
  MAX_BOOK_BYTES,
  type Schedule,
  vestedAt,
} from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import { failure } from "../../helpers/failure.ts";
import { account, sampleBook } from "../../helpers/launch.ts";
import { seededRandom } from "../../helpers/random.ts";
import { publishedBook } from "../../helpers/vesting.ts";

/*
A book
├── encodeBook, decodeBook
│  ├── they should round-trip on random books, and the file's length is that of the format
│  ├── they should round-trip at every limit of the format
│  ├── the published book: its bytes, word by word
│  └── when any byte of a file is another: another book, or refused
├── encodeBook: what does not fit is refused, with the field
├── decodeBook: each malformation is refused, with its offset
├── bookHash: keccak256 of the file
├── dueAt, vestedAt: nothing before the first tranche, floors between, everything at the last
└── categoriesOf, lastMonthOf
*/
describe("a book", () => {
  const SEEDS = [1, 2, 3, 4];
  const book = sampleBook();
  const file = encodeBook(book);
  const FIRST_GRANT = 1 + 96 * book.schedules.length;

  function randomBook(seed: number): Book {
    const random = seededRandom(seed);
    const address = () => account(random(2 ** 24) * 2 ** 20 + random(2 ** 20));
    const text = (length: number) =>
      Array.from({ length }, () => String.fromCharCode(0x21 + random(0x7f - 0x21))).join("");
    const schedules = Array.from({ length: 1 + random(64) }, (): Schedule => {
      const revocation = { revoker: address(), remainderTo: address(), noticeMonths: random(256) };
      return {
        category: text(1 + random(32)),
        firstTranche: random(2 ** 16),
        tranches: 1 + random(255),
        revocation: random(2) ? revocation : null,
      };
    });
    const grants = Array.from({ length: 1 + random(400) }, () => ({
      beneficiary: address(),
      schedule: random(schedules.length),
      totalWei: 1n + (BigInt(random(2 ** 30)) << BigInt(random(60))),
    }));
    return { anchor: { startMonth: 1970 * 12 + random(40_000), day: 1 + random(31) }, schedules, grants };
  }

  /** Addresses as they are read back. */
  const readable = (one: Book) => decodeBook(encodeBook(one));

  for (const seed of SEEDS) {
    it(`round-trips on random books (seed ${seed})`, () => {
      for (let i = 0; i < 25; i++) {
        const one = randomBook(seed * 1_000 + i);
        const bytes = encodeBook(one);
        expect(bytes.length).to.equal(1 + 96 * one.schedules.length + 32 * one.grants.length);
        const read = decodeBook(bytes);
        const lower = (value: unknown) =>
          JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v)).toLowerCase();
        expect(lower(read)).to.equal(lower(one));
        expect(encodeBook(read)).to.deep.equal(bytes);
      }
    });
  }

  it("round-trips at the limits of the format", () => {
    const most = {
      category: "~".repeat(32),
      firstTranche: 65_535,
      tranches: 255,
      revocation: { revoker: `0x${"ff".repeat(20)}`, remainderTo: `0x${"ff".repeat(20)}`, noticeMonths: 255 },
    };
    const grant = { beneficiary: `0x${"ff".repeat(20)}`, schedule: 63, totalWei: 2n ** 90n - 1n };
    const great: Book = {
      anchor: { startMonth: 65_535, day: 31 },
      schedules: Array.from({ length: 64 }, () => most),
      grants: Array.from({ length: 575 }, () => grant),
    };
    expect(encodeBook(great).length).to.equal(24_545);
    expect(encodeBook(readable(great))).to.deep.equal(encodeBook(great));
    const least: Book = {
      anchor: { startMonth: 23_640, day: 1 },
      schedules: [{ category: "!", firstTranche: 0, tranches: 1, revocation: null }],
      grants: [{ beneficiary: toBeHex(1, 20), schedule: 0, totalWei: 1n }],
    };
    expect(encodeBook(least).length).to.equal(129);
    expect(readable(least)).to.deep.equal(least);
  });

  it("has the published bytes", () => {
    const bytes = Buffer.from(encodeBook(publishedBook().book));
    const words = bytes.subarray(1).toString("hex").match(/.{64}/g);
    const word = (...fields: [bytes: number, value: number][]) =>
      fields.map(([length, value]) => value.toString(16).padStart(2 * length, "0")).join("");
    expect(bytes[0]).to.equal(0);
    // Schedule 1: ecosystem, 60 tranches from month 1 on, April 2026 is month 24315.
    expect(words?.[3]).to.equal(word([3, 0], [20, 0], [2, 24_315], [1, 21], [1, 0], [2, 1], [1, 60], [1, 0], [1, 5]));
    expect(words?.[4]).to.equal("0".repeat(64));
    expect(words?.[5]).to.equal(Buffer.from("ecosystem").toString("hex").padEnd(64, "0"));
    const totalWei = 360_000_000n * 10n ** 18n;
    const grant = (0xb0b00n << 96n) | (1n << 90n) | totalWei;
    expect(words?.[22]).to.equal(grant.toString(16).padStart(64, "0"));
  });

  it("is another book, or none, when any byte is another", () => {
    for (let at = 0; at < file.length; at++) {
      const changed = file.with(at, (file[at] as number) ^ 0x01);
      try {
        expect(encodeBook(decodeBook(changed)), `byte ${at}`).to.deep.equal(changed);
      } catch (error) {
        expect(error, `byte ${at}`).to.be.instanceOf(InputError).with.property("code", "bad_book");
      }
    }
  });

  describe("that does not fit the format is not encoded:", () => {
    const [schedule, grant] = [book.schedules[3] as Schedule, book.grants[0] as Book["grants"][number]];
    const withSchedule = (more: Partial<Schedule>): Partial<Book> => ({
      schedules: [{ ...schedule, ...more }, ...book.schedules.slice(1)],
    });
    const withGrant = (more: Partial<Book["grants"][number]>): Partial<Book> => ({ grants: [{ ...grant, ...more }] });
    for (const [what, more, field] of [
      ["no schedules", { schedules: [] }, "schedules"],
      ["65 schedules", { schedules: Array.from({ length: 65 }, () => schedule) }, "schedules"],
      ["no grants", { grants: [] }, "grants"],
      ["no name", withSchedule({ category: "" }), "schedules[0].category"],
      ["a name of 33 bytes", withSchedule({ category: "a".repeat(33) }), "schedules[0].category"],
      ["a name with a space", withSchedule({ category: "core contributors" }), "schedules[0].category"],
      ["a name with a letter beyond ASCII", withSchedule({ category: "équipe" }), "schedules[0].category"],
      ["a name that looks like ASCII when cut", withSchedule({ category: "\u0161eam" }), "schedules[0].category"],
      ["a name with a zero byte", withSchedule({ category: "a\0" }), "schedules[0].category"],
      ["a month of 17 bits", { anchor: { startMonth: 65_536, day: 1 } }, "schedules[0].startMonth"],
      ["a negative first month", withSchedule({ firstTranche: -1 }), "schedules[0].firstTranche"],
      ["a first month of 17 bits", withSchedule({ firstTranche: 65_536 }), "schedules[0].firstTranche"],
      ["256 tranches", withSchedule({ tranches: 256 }), "schedules[0].tranches"],
      ["a schedule that is not there", withGrant({ schedule: 4 }), "grants[0].schedule"],
      ["an amount of 0", withGrant({ totalWei: 0n }), "grants[0].totalWei"],
      ["a negative amount", withGrant({ totalWei: -1n }), "grants[0].totalWei"],
      ["an amount of 91 bits", withGrant({ totalWei: 2n ** 90n }), "grants[0].totalWei"],
      // What decodeBook refuses.
      ["no tranches", withSchedule({ tranches: 0 }), "schedule 0"],
      ["day 0", { anchor: { startMonth: 24_315, day: 0 } }, "schedule 0"],
      ["day 32", { anchor: { startMonth: 24_315, day: 32 } }, "schedule 0"],
      ["a month before 1970", { anchor: { startMonth: 23_639, day: 1 } }, "schedule 0"],
      ["nobody as beneficiary", withGrant({ beneficiary: toBeHex(0, 20) }), "grant 0"],
    ] as [string, Partial<Book>, string][]) {
      it(what, async () => {
        const error = await failure(() => encodeBook({ ...book, ...more }));
        expect(error).to.be.instanceOf(InputError);
        expect(error).to.deep.include({ code: "bad_book" });
        expect(error.facts.field).to.equal(field);
      });
    }

    it("more than a contract's code can hold", async () => {
      const grants = (count: number) => Array.from({ length: count }, () => ({ ...grant, schedule: 0 }));
      const schedules = [schedule];
      expect(encodeBook({ ...book, schedules, grants: grants(764) }).length).to.be.at.most(MAX_BOOK_BYTES);
      const error = await failure(() => encodeBook({ ...book, schedules, grants: grants(765) }));
      expect(error).to.deep.include({
        code: "book_too_large",
        facts: { bytes: 24_577, limit: MAX_BOOK_BYTES, grants: 765 },
      });
    });
  });

  describe("that is malformed is refused with the offset:", () => {
    const joined = (...pieces: Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));
    const schedule = (index: number) => 1 + 96 * index;
    const grant = (index: number) => FIRST_GRANT + 32 * index;
    const blank = (from: number, to: number) => file.map((byte, at) => (at >= from && at < to ? 0 : byte));
    for (const [what, bytes, field, offset] of [
      ["nothing", new Uint8Array(), "length", 0],
      ["half a word", file.slice(0, 20), "length", 0],
      ["a byte too few", file.slice(0, -1), "length", 0],
      ["a byte too many", joined(file, new Uint8Array(1)), "length", 0],
      ["more than a contract's code", joined(file, new Uint8Array(24_577 - file.length)), "length", 0],
      ["an empty word behind", joined(file, new Uint8Array(32)), "grant 10", grant(10)],
      ["another first byte", file.with(0, 0xef), "first byte", 0],
      ["64 schedules more", file.with(32, 64), "schedules", 32],
      ["schedules but no grants", file.slice(0, FIRST_GRANT), "schedules", 32],
      ["a counter that is wrong", file.with(schedule(1) + 31, 3), "schedule 1", schedule(1)],
      ["a high byte", file.with(schedule(2), 1), "schedule 2", schedule(2)],
      ["a month before 1970", file.with(schedule(0) + 23, 0), "schedule 0", schedule(0)],
      ["day 0", file.with(schedule(0) + 25, 0), "schedule 0", schedule(0)],
      ["day 32", file.with(schedule(0) + 25, 32), "schedule 0", schedule(0)],
      ["not clamped on day 31", file.with(schedule(0) + 26, 0), "schedule 0", schedule(0)],
      ["clamped on day 28", file.with(schedule(0) + 25, 28), "schedule 0", schedule(0)],
      ["clamped twice", file.with(schedule(0) + 26, 2), "schedule 0", schedule(0)],
      ["two days", file.with(schedule(1) + 25, 30), "schedule 1", schedule(1)],
      ["two months", file.with(schedule(3) + 24, 0), "schedule 3", schedule(3)],
      ["no tranches", file.with(schedule(1) + 29, 0), "schedule 1", schedule(1)],
      ["notice without a revoker", file.with(schedule(1) + 30, 1), "schedule 1", schedule(1)],
      ["a revoker alone", file.with(schedule(0) + 22, 1), "schedule 0", schedule(0)],
      ["remainderTo alone", file.with(schedule(0) + 63, 1), "schedule 0", schedule(0)],
      ["remainderTo of 21 bytes", file.with(schedule(3) + 43, 1), "schedule 3", schedule(3)],
      ["no name", blank(schedule(0) + 64, schedule(1)), "schedule 0", schedule(0)],
      ["a hole in a name", file.with(schedule(0) + 66, 0), "schedule 0", schedule(0)],
      ["a space in a name", file.with(schedule(0) + 66, 0x20), "schedule 0", schedule(0)],
      ["a byte of a name beyond ASCII", file.with(schedule(0) + 66, 0xe1), "schedule 0", schedule(0)],
      ["nobody as beneficiary", blank(grant(1), grant(1) + 20), "grant 1", grant(1)],
      ["a schedule that is not there", file.with(grant(0) + 20, 4 << 2), "grant 0", grant(0)],
      ["an amount of 0", blank(grant(0) + 21, grant(1)), "grant 0", grant(0)],
    ] as [string, Uint8Array, string, number][]) {
      it(what, async () => {
        const error = await failure(() => decodeBook(bytes));
        expect(error).to.be.instanceOf(InputError);
        expect(error.code).to.equal("bad_book");
        expect(error.facts).to.include({ field, offset });
      });
    }
  });

  it("has the hash of its file", () => {
    expect(bookHash(file)).to.equal(keccak256(file));
  });

  it("vests nothing before the first tranche, floors between, and everything at the last", () => {
    const [grant, terms] = [book.grants[1], book.schedules[1]] as [Book["grants"][number], Schedule];
    const at = (month: number) => anniversary(book.anchor, month);
    expect(vestedAt(book, grant, at(1) - 1)).to.equal(0n);
    expect(vestedAt(book, grant, at(1))).to.equal(grant.totalWei / 7n);
    expect(vestedAt(book, grant, at(3))).to.equal((grant.totalWei * 3n) / 7n);
    expect(vestedAt(book, grant, at(7) - 1)).to.equal((grant.totalWei * 6n) / 7n);
    expect([at(7), at(8), at(5_000)].map((unix) => vestedAt(book, grant, unix))).to.deep.equal(
      Array(3).fill(grant.totalWei),
    );
    expect([0, 1, 2, 7, 8].map((month) => dueAt(book.anchor, terms, at(month)))).to.deep.equal([0, 1, 2, 7, 7]);
  });

  it("names its categories in order, and its last month", () => {
    expect(categoriesOf(book)).to.deep.equal(["ecosystem", "team"]);
    expect(lastMonthOf(book)).to.equal(7);
    expect(lastMonthOf(publishedBook().book)).to.equal(96);
  });
});
