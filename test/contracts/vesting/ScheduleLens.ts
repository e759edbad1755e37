import { expect } from "chai";
import { encodeBytes32String, keccak256, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { type Book, categoriesOf, encodeBook, lastMonthOf, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary, parseTime } from "../../../src/vesting/calendar.ts";
import { tableHash, unlockedAt, unlockedByCategory, unlockTable } from "../../../src/vesting/table.ts";
import type { ScheduleLens } from "../../../typechain-types/index.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { seededRandom } from "../../helpers/random.ts";
import {
  fieldsOf,
  openVault,
  openVaultChain,
  plainVault,
  publishedBook,
  SUPPLY_WEI,
  smallBook,
  totalOf,
  type VaultChain,
  WEI_PER_OPG,
} from "../../helpers/vault.ts";

/*
ScheduleLens
├── on the published schedule
│  ├── the figures that were published: launch, 2026-06-21, the joint of the cliffs, the checkpoints up to 2034
│  ├── 58: unlocked at T-1, T and T+1 of every unlock
│  └── 3: upfront parts are amounts: 8,083,333.33 in June 2026, to the wei
├── on 20 random books: every view is what src/vesting says of the same file
│  └── schedules, grants, categories, vestedAt, unlocked*, locked, circulating, unlockTime, lastMonth, calendar, tableHash
├── pages: beyond the end, turned around, empty, of the whole
├── nextUnlock: a second before, at, and after each; months in which nothing unlocks are passed over; zeros at the end
├── claimable, grants: before and after claims, handover and revocation
├── solvency: below zero without funds, zero, what was donated; claims leave it as it is
└── the largest book: every view within the gas of a call
*/
describe("ScheduleLens", () => {
  let chain: VaultChain;
  let load: Load;
  before(async () => {
    chain = await openVaultChain({ bigCalls: true });
    load = await fixturesOn(chain);
  });

  const published = () => openVault(chain, publishedBook());
  const small = () => openVault(chain, smallBook(chain));
  const opg = (text: string) => {
    const [whole, fraction = ""] = text.split(".");
    return BigInt(whole as string) * WEI_PER_OPG + BigInt(fraction.padEnd(18, "0"));
  };

  describe("on the published schedule", () => {
    const stakingWei = (timestamp: number) => {
      const book = publishedBook();
      return vestedAt(book, book.grants.find((_, i) => book.schedules[i]?.category === "staking-rewards")!, timestamp);
    };

    for (const [at, millions] of [
      ["2026-04-21T00:00:00Z", 190n],
      ["2027-04-21T00:00:00Z", 287n],
      ["2030-04-21T00:00:00Z", 828n],
      ["2031-04-21T00:00:00Z", 900n],
    ] as const) {
      it(`shows ${millions} million circulating at ${at}, without what is for staking`, async () => {
        const { lens } = await load(published);
        const time = parseTime(at);
        expect((await lens.circulatingAt(time)) - stakingWei(time)).to.equal(millions * 1_000_000n * WEI_PER_OPG);
      });
    }

    it("shows everything circulating from 2034-04-21 on, and not a second earlier; nothing before the launch", async () => {
      const { lens } = await load(published);
      const end = parseTime("2034-04-21T00:00:00Z");
      expect([await lens.circulatingAt(end), await lens.lockedAt(end)]).to.deep.equal([SUPPLY_WEI, 0n]);
      expect((await lens.lockedAt(end - 1)) > 0n).to.equal(true);
      expect(await lens.circulatingAt(parseTime("2026-04-20T23:59:59Z"))).to.equal(0n);
      expect(await lens.lastMonth()).to.equal(96n);
    });

    it("case 3: shows 8,083,333.33 OPG on 2026-06-21, 9,125,000 with staking, and 15,027,777.78 from 2027-05-21 on", async () => {
      const { lens } = await load(published);
      const names = (await lens.categories()).map((name) => chain.ethers.decodeBytes32String(name));
      const months = await lens.calendar(0, 97);
      const without = (month: number) => {
        const { amountWei, byCategoryWei } = months[month]!;
        return amountWei - byCategoryWei[names.indexOf("staking-rewards")]!;
      };
      expect([months[2]!.timestamp, months[2]!.amountWei]).to.deep.equal([1_782_000_000n, opg("9125000")]);
      const [ecosystem, foundation] = ["ecosystem", "foundation"].map((name) => names.indexOf(name)) as [
        number,
        number,
      ];
      expect(months[2]!.byCategoryWei[ecosystem]! + months[2]!.byCategoryWei[foundation]!).to.equal(
        opg("8083333.333333333333333333"),
      );
      expect(without(13)).to.equal(opg("15027777.777777777777777776"));
      expect(months[13]!.timestamp).to.equal(BigInt(parseTime("2027-05-21T00:00:00Z")));
      expect(months[96]!.cumulativeWei).to.equal(SUPPLY_WEI);
    });

    it("case 58: steps at T, for every unlock, as the file says", async () => {
      const { lens } = await load(published);
      let beforeWei = 0n;
      for (const { unix, amountWei, cumulativeWei, byCategoryWei } of unlockTable(publishedBook()).unlocks) {
        const [last, now, next] = await Promise.all([unix - 1, unix, unix + 1].map((time) => lens.unlockedAt(time)));
        expect([last, now, next]).to.deep.equal([beforeWei, cumulativeWei, cumulativeWei]);
        expect(await lens.unlockedBetween(unix - 1, unix)).to.equal(amountWei);
        const [byLast, byNow] = await Promise.all([unix - 1, unix].map((time) => lens.unlockedByCategoryAt(time)));
        expect(byNow!.map((wei, i) => wei - byLast![i]!)).to.deep.equal(byCategoryWei);
        beforeWei = cumulativeWei;
      }
    });

    it("has the hash of the table and of the file", async () => {
      const { lens, file } = await load(published);
      expect(await lens.tableHash()).to.equal(tableHash(publishedBook()));
      expect(await lens.bookHash()).to.equal(keccak256(file));
    });
  });

  describe("on random books, the same as src/vesting", () => {
    const SEED = 20_260_421;
    /** Any anchor, 1 to 64 schedules of a few categories, some revocable; the first books have the edges. */
    function randomBook(random: (below: number) => number, i: number): Book {
      const day = [31, 30, 29, 28, 1][i] ?? 1 + random(31);
      const startMonth = [23_640, 24_337, 24_337, 25_201, 65_000][i] ?? 24_000 + random(3_000);
      const count = [1, 64, 2][i] ?? 1 + random(20);
      const wei = () => 1n + (BigInt(random(2 ** 31)) ** 2n * BigInt(1 + random(2 ** 20))) / 10n ** BigInt(random(24));
      const address = () => chain.ethers.getAddress(`0x${(1 + random(2 ** 31)).toString(16).padStart(40, "0")}`);
      const schedules = Array.from({ length: count }, () => ({
        category: `category-${random(5)}`,
        firstTranche: random(4) === 0 ? random(200) : random(14),
        tranches: [1, 255, 12][random(9)] ?? 1 + random(60),
        revocation: random(3) === 0 ? { revoker: address(), remainderTo: address(), noticeMonths: random(256) } : null,
      }));
      const grants = Array.from({ length: 1 + random(25) }, () => ({
        beneficiary: address(),
        schedule: random(count),
        totalWei: wei(),
      }));
      return { anchor: { startMonth, day }, schedules, grants };
    }

    for (let i = 0; i < 20; i++) {
      it(`book ${i} of seed ${SEED}`, async () => {
        await load(async () => undefined);
        const random = seededRandom(SEED + i);
        const book = randomBook(random, i);
        const { lens, vault, file } = await openVault(chain, book);
        expect(await lens.bookHash()).to.equal(keccak256(encodeBook(book)));
        expect(keccak256(file)).to.equal(keccak256(await chain.ethers.provider.getCode(await vault.book())));

        const schedules = (await lens.schedules(0, 64)).map((schedule) => fieldsOf(schedule));
        expect(schedules).to.deep.equal(
          book.schedules.map(({ category, firstTranche, tranches, revocation }, index) => [
            revocation?.revoker ?? ZeroAddress,
            BigInt(book.anchor.startMonth),
            BigInt(book.anchor.day),
            book.anchor.day > 28,
            ...[firstTranche, tranches, revocation?.noticeMonths ?? 0, book.schedules.length - 1 - index].map(BigInt),
            revocation?.remainderTo ?? ZeroAddress,
            encodeBytes32String(category),
          ]),
        );
        const grants = (await lens.grants(0, 999)).map((view) => [fieldsOf(view.grant), view.beneficiary]);
        expect(grants).to.deep.equal(
          book.grants.map(({ beneficiary, schedule, totalWei }) => [
            [beneficiary, BigInt(schedule), totalWei],
            beneficiary,
          ]),
        );
        expect(await lens.categories()).to.deep.equal(categoriesOf(book).map(encodeBytes32String));

        const last = lastMonthOf(book);
        expect(await lens.lastMonth()).to.equal(BigInt(last));
        const months = [0, 1, 2, last, ...Array.from({ length: 8 }, () => random(last + 2))];
        for (const month of months) {
          const unix = anniversary(book.anchor, month);
          expect(await lens.unlockTime(month)).to.equal(BigInt(unix));
          for (const time of [unix - 1, unix, unix + 1, unix + random(3_000_000)]) {
            if (time < 0) continue;
            const unlockedWei = unlockedAt(book, time);
            expect(await lens.unlockedAt(time)).to.equal(unlockedWei);
            expect(await lens.lockedAt(time)).to.equal(totalOf(book) - unlockedWei);
            expect(await lens.circulatingAt(time)).to.equal(SUPPLY_WEI - totalOf(book) + unlockedWei);
            expect(await lens.unlockedByCategoryAt(time)).to.deep.equal(unlockedByCategory(book, time));
            const id = random(book.grants.length);
            expect(await lens.vestedAt(id, time)).to.equal(vestedAt(book, book.grants[id]!, time));
          }
        }
        expect(await lens.tableHash()).to.equal(tableHash(book));
        const rows = [];
        for (let from = 0; from <= last; from += 50)
          rows.push(...(await lens.calendar(from, Math.min(50, last + 1 - from))));
        const unlocks = rows
          .map((row, month) => ({ month, row }))
          .filter(({ row }) => row.amountWei > 0n)
          .map(({ month, row }) => ({
            month,
            unix: Number(row.timestamp),
            amountWei: row.amountWei,
            cumulativeWei: row.cumulativeWei,
            byCategoryWei: [...row.byCategoryWei],
          }));
        expect(unlocks).to.deep.equal(unlockTable(book).unlocks);
      });
    }
  });

  describe("pages", () => {
    const pages = async (lens: ScheduleLens, from: bigint | number, to: bigint | number) => [
      (await lens.schedules(from, to)).length,
      (await lens.grants(from, to)).length,
      (await lens.claimable(from, to)).length,
    ];

    it("end where the book ends, and are empty beyond", async () => {
      const { lens } = await load(small);
      const MAX = (1n << 256n) - 1n;
      expect(await pages(lens, 0, MAX)).to.deep.equal([4, 7, 7]);
      expect(await pages(lens, 1, 3)).to.deep.equal([2, 2, 2]);
      for (const [from, to] of [
        [0, 0],
        [3, 2],
        [7, MAX],
        [MAX, MAX],
        [MAX, 0],
        [7, 8],
      ] as const) {
        expect(await pages(lens, from, to), `${from}, ${to}`).to.deep.equal([0, 0, 0]);
      }
      expect((await lens.grants(6, 100)).map(({ grant }) => grant.totalWei)).to.deep.equal([4n]);
    });

    it("of the calendar: any part is a part of the whole, and beyond the end nothing unlocks", async () => {
      const { lens } = await load(small);
      const whole = (await lens.calendar(0, 13)).map((row) => fieldsOf(row));
      for (const [from, count] of [
        [0, 0],
        [5, 1],
        [3, 10],
        [12, 1],
      ] as const) {
        const part = (await lens.calendar(from, count)).map((row) => fieldsOf(row));
        expect(part).to.deep.equal(whole.slice(from, from + count));
      }
      const [beyond] = await lens.calendar(500, 1);
      expect([beyond!.amountWei, beyond!.cumulativeWei]).to.deep.equal([0n, totalOf(smallBook(chain))]);
    });

    it("of an unknown grant there is nothing to see", async () => {
      const { lens } = await load(small);
      await expect(lens.vestedAt(7, 0)).to.be.revertedWithCustomError(lens, "ScheduleLens_UnknownGrant").withArgs(7, 7);
    });
  });

  it("unlockedBetween is nothing when time runs backwards, and adds up", async () => {
    const { lens } = await load(published);
    const [a, b, c] = [1_782_000_000, 1_790_000_000, 1_990_000_000] as const;
    expect([await lens.unlockedBetween(b, a), await lens.unlockedBetween(a, a)]).to.deep.equal([0n, 0n]);
    const parts = (await lens.unlockedBetween(a, b)) + (await lens.unlockedBetween(b, c));
    expect(await lens.unlockedBetween(a, c)).to.equal(parts);
  });

  it("answers for any moment, up to the last that a word can name", async () => {
    const { lens } = await load(published);
    for (const time of [0n, 1n, 1n << 32n, 1n << 64n, (1n << 256n) - 1n]) {
      expect(await lens.unlockedAt(time)).to.equal(time < 1n << 32n ? 0n : SUPPLY_WEI);
    }
  });

  it("nextUnlock names the next moment, a second before, at and after each", async () => {
    const { lens } = await load(published);
    const { unlocks } = unlockTable(publishedBook());
    for (const [i, { unix, amountWei, cumulativeWei }] of unlocks.entries()) {
      await chain.reach(unix - 1);
      expect(fieldsOf(await lens.nextUnlock())).to.deep.equal([BigInt(unix), amountWei]);
      const following = unlocks[i + 1];
      const expected = [BigInt(following?.unix ?? 0), following?.amountWei ?? 0n];
      for (const time of [unix, unix + 1]) {
        await chain.reach(time);
        expect(fieldsOf(await lens.nextUnlock())).to.deep.equal(expected);
        expect(fieldsOf(await lens.unlockedNow())).to.deep.equal([BigInt(time), cumulativeWei]);
      }
    }
  });

  it("nextUnlock passes over months in which nothing unlocks", async () => {
    await load(async () => undefined);
    const book = smallBook(chain);
    // Of one wei in 12 tranches the last alone is due; of the other the first comes after 40 months.
    const { lens } = await openVault(chain, {
      ...book,
      schedules: [book.schedules[2]!, { ...book.schedules[2]!, firstTranche: 40, tranches: 1 }],
      grants: [
        { ...book.grants[1]!, schedule: 0, totalWei: 1n },
        { ...book.grants[1]!, schedule: 1, totalWei: 5n },
      ],
    });
    const at = (month: number) => anniversary(book.anchor, month);
    for (const [time, expected] of [
      [at(0) - 1, [BigInt(at(12)), 1n]],
      [at(12) - 1, [BigInt(at(12)), 1n]],
      [at(12), [BigInt(at(40)), 5n]],
      [at(40), [0n, 0n]],
    ] as const) {
      await chain.reach(time);
      expect(fieldsOf(await lens.nextUnlock())).to.deep.equal(expected);
    }
  });

  it("shows what can be claimed, and who is paid, as things go", async () => {
    const { lens, vault } = await load(small);
    const book = smallBook(chain);
    const at = (month: number) => anniversary(book.anchor, month);
    await chain.next(at(4));
    await mined(vault.claimMany([0, 3]));
    await mined(vault.connect(chain.signer(7)).revoke(0, 5, ZeroHash));
    await mined(vault.connect(chain.signer(4)).offerHandover(3, chain.signer(10)));
    await mined(vault.connect(chain.signer(10)).acceptHandover(3));
    await chain.reach(at(8));
    const dueWei = await lens.claimable(0, 7);
    expect(dueWei).to.deep.equal(
      book.grants.map(
        (grant, id) => vestedAt(book, grant, at(8)) - ([0, 3].includes(id) ? vestedAt(book, grant, at(4)) : 0n),
      ),
    );
    for (const [id, wei] of dueWei.entries()) {
      expect(await vault.claimMany.staticCall([id])).to.equal(wei);
    }
    const views = await lens.grants(0, 7);
    const [team, pool] = [views[0]!, views[3]!];
    expect(fieldsOf(team.state)).to.deep.equal([vestedAt(book, book.grants[0]!, at(4)), 5n, true, false]);
    expect([pool.beneficiary, pool.grant.beneficiary]).to.deep.equal([
      chain.signer(10).address,
      chain.signer(4).address,
    ]);
    expect(await lens.paidWei()).to.equal(views.reduce((sum, { state }) => sum + state.paidWei, 0n));
  });

  it("solvency is below zero without funds, then zero, then what was donated; claims leave it as it is", async () => {
    await load(async () => undefined);
    const book = smallBook(chain);
    const { opg: token, vault } = await plainVault(chain, encodeBook(book), totalOf(book));
    const lens = await chain.ethers.deployContract("ScheduleLens", [vault]);
    expect(await lens.solvency()).to.equal(-totalOf(book));
    await mined(token.transfer(vault, totalOf(book) - 1n));
    expect(await lens.solvency()).to.equal(-1n);
    await mined(token.transfer(vault, 1n));
    expect(await lens.solvency()).to.equal(0n);
    await mined(vault.seal());
    for (let month = 0; month <= lastMonthOf(book); month += 3) {
      await chain.next(anniversary(book.anchor, month));
      await mined(vault.claimMany([0, 1, 2, 3, 4, 5, 6]));
      expect(await lens.solvency()).to.equal(BigInt(month));
      await mined(token.transfer(vault, 3n));
    }
    expect(await lens.paidWei()).to.equal(totalOf(book));
  });

  it("answers for the largest book within the 50 million gas of a node's call", async () => {
    const chain = await openVaultChain({ bigCalls: true });
    const grants = Array.from({ length: 764 - 3 * 8 }, (_, i) => ({
      beneficiary: chain.signer(1).address,
      schedule: i % 9,
      totalWei: 10n ** 22n + BigInt(i),
    }));
    const schedules = Array.from({ length: 9 }, (_, i) => ({
      ...{ category: `category-${i}`, firstTranche: 1, tranches: 96, revocation: null },
    }));
    const book = { anchor: smallBook(chain).anchor, schedules, grants };
    const { lens } = await openVault(chain, book);
    const calls = { gasLimit: 50_000_000 };
    expect((await lens.calendar(90, 7, calls)).at(-1)!.cumulativeWei).to.equal(totalOf(book));
    expect(await lens.tableHash(calls)).to.equal(tableHash(book));
    expect(await lens.solvency()).to.equal(0n);
    expect((await lens.nextUnlock())[1]).to.equal(unlockedAt(book, anniversary(book.anchor, 1)));
  });
});
