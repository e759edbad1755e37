import { expect } from "chai";
import { getCreateAddress, keccak256, ZeroAddress } from "ethers";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { type Book, encodeBook, lastMonthOf, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import { unlockTable } from "../../../src/vesting/table.ts";
import type { VestVault } from "../../../typechain-types/index.ts";
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
  withWord,
} from "../../helpers/vault.ts";

/*
VestVault
├── constructor
│  ├── 71: when the token is not OPG by name, symbol, decimals or supply, or no contract: VestVault_NotOpg
│  ├── 71: when the token imitates OPG and takes a fee, rebases or blocks: nobody gets more than what is due
│  ├── when the file is no whole words, empty, too long, does not begin with 0x00, or has no grants: VestVault_BadFile
│  ├── when a schedule breaks a rule of the format: VestVault_BadSchedule, for each rule
│  ├── when a grant is empty, names no schedule, or pays whom it cannot: VestVault_BadGrant
│  ├── when the grants do not add up: VestVault_WrongTotal
│  └── else: the book's code is the file, up to 764 grants and 64 schedules
├── seal
│  ├── given it is underfunded, or sealed: an error for each
│  └── else: by anybody, once, with whatever is beyond
├── claim
│  ├── given it is not sealed, nothing is due, or the grant is unknown: an error for each
│  ├── 58: every unlock of the published schedule, at T-1, T and T+1
│  ├── 64: a gap over T: the first block after it shows the whole tranche, or all that were missed
│  ├── 2: at each tranche, at none but the last, at random times: the same in the end
│  ├── 4: a category's unlock is the sum of its grants' floors
│  └── by anybody, to the beneficiary
├── claimMany
│  ├── the same grant many times pays once; what is not due is passed over; nothing of nothing
│  └── when one is unknown: reverts, and nothing has changed
└── 5, 6: grants are neither split nor pooled: there is no function that could
*/
describe("VestVault", () => {
  let chain: VaultChain;
  let load: Load;
  let book: Book;
  let errors: VestVault;
  before(async () => {
    chain = await openVaultChain();
    load = await fixturesOn(chain);
    book = smallBook(chain);
    errors = (await chain.ethers.getContractFactory("VestVault")).attach(ZeroAddress) as VestVault;
  });

  const small = async () => ({ ...(await openVault(chain, book)), stranger: chain.signer(12) });
  const published = () => openVault(chain, publishedBook());
  const unsealed = () => plainVault(chain, encodeBook(book), totalOf(book));
  const idsOf = ({ grants }: Book) => grants.map((_, id) => id);
  const timeOf = (month: number) => anniversary(book.anchor, month);

  describe("constructor", () => {
    const imitate = async (name: string, symbol: string, decimals: number, supplyWei: bigint) =>
      chain.ethers.deployContract("ImitationOpg", [name, symbol, decimals, supplyWei]);
    const deploy = (file: Uint8Array, announcedWei = totalOf(book)) => plainVault(chain, file, announcedWei);

    for (const [what, name, symbol, decimals, supplyWei] of [
      ["another name", "OpenGradient ", "OPG", 18, SUPPLY_WEI],
      ["another symbol", "OpenGradient", "OPg", 18, SUPPLY_WEI],
      ["no name at all", "", "", 18, SUPPLY_WEI],
      ["other decimals", "OpenGradient", "OPG", 17, SUPPLY_WEI],
      ["one wei more", "OpenGradient", "OPG", 18, SUPPLY_WEI + 1n],
      ["one wei less", "OpenGradient", "OPG", 18, SUPPLY_WEI - 1n],
    ] as const) {
      it(`case 71: reverts for a token with ${what}`, async () => {
        await load(async () => undefined);
        const token = await imitate(name, symbol, decimals, supplyWei);
        await expect(plainVault(chain, encodeBook(book), totalOf(book), token))
          .to.be.revertedWithCustomError(errors, "VestVault_NotOpg")
          .withArgs(token);
      });
    }

    it("case 71: reverts for an account without code, and for a contract that is no token", async () => {
      await load(async () => undefined);
      for (const account of [chain.signer(3).address, ZeroAddress]) {
        await expect(plainVault(chain, encodeBook(book), totalOf(book), account))
          .to.be.revertedWithCustomError(errors, "VestVault_NotOpg")
          .withArgs(account);
      }
      const { opg, vault } = await unsealed();
      const hostile = await chain.ethers.deployContract("HostileToken");
      for (const token of [vault, await vault.book(), hostile]) {
        await expect(plainVault(chain, encodeBook(book), totalOf(book), token)).to.be.revert(chain.ethers);
      }
      expect(await opg.balanceOf(vault)).to.equal(0n);
    });

    it("case 71: an imitation that takes a fee, rebases or blocks an account never makes it pay more than what is due", async () => {
      await load(async () => undefined);
      const token = await imitate("OpenGradient", "OPG", 18, SUPPLY_WEI);
      const { vault } = await plainVault(chain, encodeBook(book), totalOf(book), token);
      await token.setFee(1n);
      await mined(token.transfer(vault, totalOf(book)));
      await expect(vault.seal())
        .to.be.revertedWithCustomError(vault, "VestVault_Underfunded")
        .withArgs(totalOf(book) - 1n, totalOf(book));
      await token.setFee(0n);
      await mined(token.transfer(vault, 1n));
      await token.rebase(99);
      await expect(vault.seal()).to.be.revertedWithCustomError(vault, "VestVault_Underfunded");
      await token.rebase(100);
      await mined(vault.seal());

      await chain.reach(timeOf(1));
      const [blocked, other] = [book.grants[3]!, book.grants[2]!];
      await token.setBlocked(blocked.beneficiary);
      await expect(vault.claim(3)).to.be.revertedWith("blocked");
      expect((await vault.states(3)).paidWei).to.equal(0n);
      await mined(vault.claim(2));
      expect(await token.balanceOf(other.beneficiary)).to.equal(other.totalWei);
      await token.setBlocked(ZeroAddress);
      await token.setFee(7n);
      await mined(vault.claim(3));
      const paidWei = vestedAt(book, blocked, timeOf(1));
      expect((await vault.states(3)).paidWei).to.equal(paidWei);
      expect(await token.balanceOf(blocked.beneficiary)).to.equal(paidWei - 7n);
    });

    for (const [what, change] of [
      ["one byte more", (file: Uint8Array) => new Uint8Array([...file, 0])],
      ["one byte less", (file: Uint8Array) => file.slice(0, -1)],
      ["no bytes", () => new Uint8Array()],
      ["the zero byte alone", () => new Uint8Array(1)],
      ["one schedule without a grant", (file: Uint8Array) => file.slice(0, 97)],
      ["schedules without a grant", (file: Uint8Array) => file.slice(0, 1 + 4 * 96)],
      ["fewer words than schedules need", (file: Uint8Array) => file.slice(0, 1 + 4 * 96 - 32)],
      ["0xef in front", (file: Uint8Array) => new Uint8Array([0xef, ...file.slice(1)])],
      ["0x01 in front", (file: Uint8Array) => new Uint8Array([1, ...file.slice(1)])],
      ["65 schedules", (file: Uint8Array) => withWord(file, 0, (word) => (word & ~0xffn) | 64n)],
      ["256 schedules", (file: Uint8Array) => withWord(file, 0, (word) => word | 0xffn)],
      [
        "more than a contract's code",
        (file: Uint8Array) => Buffer.concat([file, Buffer.alloc(24_576 + 1 - file.length)]),
      ],
    ] as [string, (file: Uint8Array) => Uint8Array][]) {
      it(`reverts for a file with ${what}`, async () => {
        await load(async () => undefined);
        const file = change(encodeBook(book));
        await expect(deploy(file)).to.be.revertedWithCustomError(errors, "VestVault_BadFile").withArgs(file.length);
      });
    }

    const field = (bits: bigint, at: bigint, value: bigint) => (word: bigint) =>
      (word & ~(((1n << bits) - 1n) << at)) | (value << at);
    for (const [what, schedule, word, change] of [
      ["a bit above the revoker", 1, 0, (value: bigint) => value | (1n << 232n)],
      ["its topmost bit", 1, 0, (value: bigint) => value | (1n << 255n)],
      ["another start month than the first", 2, 0, (value: bigint) => value + (1n << 56n)],
      ["another day than the first", 2, 0, (value: bigint) => value + (1n << 48n)],
      ["the clamp flag for itself", 2, 0, (value: bigint) => value + (1n << 40n)],
      ["the clamp flag on a day up to 28", 0, 0, (value: bigint) => value + (1n << 40n)],
      ["day 29 without the clamp flag", 0, 0, field(8n, 48n, 29n)],
      ["day 0", 0, 0, field(8n, 48n, 0n)],
      ["day 32", 0, 0, field(16n, 40n, 0x2001n)],
      ["day 255", 0, 0, field(16n, 40n, 0xff01n)],
      ["a clamp flag of 2", 0, 0, field(16n, 40n, 0x1f02n)],
      ["a start in 1969", 0, 0, field(16n, 56n, 23_639n)],
      ["a start in month 0", 0, 0, field(16n, 56n, 0n)],
      ["no tranches", 1, 0, field(8n, 16n, 0n)],
      ["a wrong count of those that follow", 1, 0, field(8n, 0n, 1n)],
      ["nobody to follow, but more do", 2, 0, field(8n, 0n, 0n)],
      ["a revoker and nobody who gets the rest", 0, 1, () => 0n],
      ["somebody who gets the rest and no revoker", 1, 1, () => 5n],
      ["the rest going to more than an address", 0, 1, (value: bigint) => value | (1n << 160n)],
      ["a notice and no revoker", 1, 0, field(8n, 8n, 1n)],
      ["no category", 3, 2, () => 0n],
    ] as [string, number, number, (value: bigint) => bigint][]) {
      it(`reverts for a schedule with ${what}`, async () => {
        await load(async () => undefined);
        const file = withWord(encodeBook(book), 3 * schedule + word, change);
        await expect(deploy(file))
          .to.be.revertedWithCustomError(errors, "VestVault_BadSchedule")
          .withArgs(schedule, BigInt(`0x${Buffer.from(file).toString("hex", 1 + 96 * schedule, 33 + 96 * schedule)}`));
      });
    }

    it("reverts for a rest that goes to the token or the vault", async () => {
      const { opg } = await load(unsealed);
      const deployer = chain.signer(0);
      const nonce = await deployer.getNonce();
      const vault = getCreateAddress({ from: deployer.address, nonce });
      for (const lost of [vault, String(opg.target)]) {
        const file = withWord(encodeBook(book), 1, () => BigInt(lost));
        await expect(plainVault(chain, file, totalOf(book), opg)).to.be.revertedWithCustomError(
          ...([errors, "VestVault_BadSchedule"] as const),
        );
      }
    });

    const firstGrant = 12;
    for (const [what, change] of [
      ["nothing in it", (word: bigint) => (word >> 90n) << 90n],
      ["a schedule that is not there", (word: bigint) => word | (4n << 90n)],
      ["schedule 63", (word: bigint) => word | (63n << 90n)],
      ["the zero address", (word: bigint) => word & ((1n << 96n) - 1n)],
    ] as const) {
      it(`reverts for a grant with ${what}`, async () => {
        await load(async () => undefined);
        const file = withWord(encodeBook(book), firstGrant + 5, change);
        await expect(deploy(file))
          .to.be.revertedWithCustomError(errors, "VestVault_BadGrant")
          .withArgs(...([5, (value: bigint) => value !== 0n] as const));
      });
    }

    it("reverts for a grant to the token or to the vault itself", async () => {
      const { opg } = await load(unsealed);
      const deployer = chain.signer(0);
      const vault = getCreateAddress({ from: deployer.address, nonce: await deployer.getNonce() });
      for (const lost of [vault, String(opg.target)]) {
        const grants = book.grants.map((grant, id) => (id === 6 ? { ...grant, beneficiary: lost } : grant));
        await expect(plainVault(chain, encodeBook({ ...book, grants }), totalOf(book), opg))
          .to.be.revertedWithCustomError(errors, "VestVault_BadGrant")
          .withArgs(6, (value: bigint) => value >> 96n === BigInt(lost));
      }
    });

    for (const by of [-1n, 1n, 1n << 255n]) {
      it(`reverts for a total that is announced ${by} wei off`, async () => {
        await load(async () => undefined);
        await expect(deploy(encodeBook(book), totalOf(book) + by))
          .to.be.revertedWithCustomError(errors, "VestVault_WrongTotal")
          .withArgs(totalOf(book), totalOf(book) + by);
      });
    }

    it("writes a book whose code is the file", async () => {
      const { vault, file, opg, lens } = await load(small);
      const code = await chain.ethers.provider.getCode(await vault.book());
      expect(code).to.equal(`0x${Buffer.from(file).toString("hex")}`);
      const [event] = await vault.queryFilter(vault.filters.BookWritten());
      expect(fieldsOf(event?.args)).to.deep.equal([
        ...[await vault.book(), keccak256(file), BigInt(book.grants.length), totalOf(book)],
      ]);
      expect([
        await vault.token(),
        await lens.scheduleCount(),
        await vault.grantCount(),
        await vault.totalWei(),
      ]).to.deep.equal([opg.target, 4n, 7n, totalOf(book)]);
    });

    it("takes every day of the month, from January 1970 to month 65,535", async () => {
      await load(async () => undefined);
      for (const startMonth of [23_640, 65_535]) {
        for (const day of [1, 28, 29, 31]) {
          const { vault } = await plainVault(
            ...([chain, encodeBook({ ...book, anchor: { startMonth, day } }), totalOf(book)] as const),
          );
          expect(await vault.grantCount()).to.equal(7n);
        }
      }
    });

    it("takes 764 grants, and 64 schedules, in one transaction", async () => {
      await load(async () => undefined);
      const many = { ...book, schedules: [book.schedules[0]!], grants: Array(764).fill(book.grants[1]) };
      const { vault, file } = await openVault(chain, many);
      expect(file.length).to.equal(24_545);
      expect(await vault.grantCount()).to.equal(764n);
      expect(await vault.isSealed()).to.equal(true);
      const wide = {
        ...book,
        schedules: Array(64).fill(book.schedules[2]),
        grants: [{ ...book.grants[1]!, schedule: 63 }],
      };
      const second = await openVault(chain, wide);
      expect((await second.lens.grant(0)).schedule).to.equal(63n);
      expect(() => encodeBook({ ...many, grants: Array(765).fill(book.grants[1]) })).to.throw("too large");
    });
  });

  describe("seal", () => {
    it("reverts one wei below the sum, and claims stay closed", async () => {
      const { opg, vault } = await load(unsealed);
      await mined(opg.transfer(vault, totalOf(book) - 1n));
      await expect(vault.seal())
        .to.be.revertedWithCustomError(vault, "VestVault_Underfunded")
        .withArgs(totalOf(book) - 1n, totalOf(book));
      await chain.reach(timeOf(20));
      for (const send of [() => vault.claim(2), () => vault.claimMany([2])]) {
        await expect(send()).to.be.revertedWithCustomError(vault, "VestVault_NotSealed");
      }
      await mined(opg.transfer(vault, 1n));
      await mined(vault.seal());
      await mined(vault.claimMany(idsOf(book)));
      expect(await opg.balanceOf(vault)).to.equal(0n);
    });

    it("is done once, by anybody, with whatever is beyond", async () => {
      const { opg, vault } = await load(unsealed);
      await mined(opg.transfer(vault, totalOf(book) + 5n));
      await expect(vault.connect(chain.signer(12)).seal())
        .to.emit(vault, "Sealed")
        .withArgs(totalOf(book) + 5n, totalOf(book));
      await expect(vault.seal()).to.be.revertedWithCustomError(vault, "VestVault_AlreadySealed");
      await chain.reach(timeOf(20));
      await mined(vault.claimMany(idsOf(book)));
      await expect(vault.seal()).to.be.revertedWithCustomError(vault, "VestVault_AlreadySealed");
      expect(await opg.balanceOf(vault)).to.equal(5n);
    });
  });

  describe("claim", () => {
    it("reverts before the first anchor, for what has nothing due, and for unknown grants", async () => {
      const { vault, lens } = await load(small);
      for (const id of idsOf(book)) {
        await expect(vault.claim(id)).to.be.revertedWithCustomError(vault, "VestVault_NothingDue").withArgs(id);
      }
      await chain.reach(timeOf(0));
      await mined(vault.claim(2));
      await expect(vault.claim(2)).to.be.revertedWithCustomError(vault, "VestVault_NothingDue").withArgs(2);
      for (const id of [7n, 1n << 250n, (1n << 256n) - 1n]) {
        await expect(vault.claim(id)).to.be.revertedWithCustomError(vault, "VestVault_UnknownGrant").withArgs(id, 7);
        for (const ask of [() => lens.grant(id), () => lens.beneficiaryOf(id)]) {
          await expect(ask()).to.be.revertedWithCustomError(lens, "ScheduleLens_UnknownGrant").withArgs(id, 7);
        }
      }
    });

    it("case 58: steps exactly at every unlock of the published schedule", async () => {
      const { vault, opg } = await load(published);
      const ids = idsOf(publishedBook());
      let heldWei = SUPPLY_WEI;
      const { unlocks } = unlockTable(publishedBook());
      expect(unlocks.length).to.equal(97);
      for (const { unix, amountWei, cumulativeWei } of unlocks) {
        for (const [timestamp, dueWei] of [
          [unix - 1, 0n],
          [unix, amountWei],
          [unix + 1, 0n],
        ] as const) {
          await chain.next(timestamp);
          await mined(vault.claimMany(ids));
          const nowWei = await opg.balanceOf(vault);
          expect(heldWei - nowWei, `${timestamp}`).to.equal(dueWei);
          heldWei = nowWei;
        }
        expect(heldWei).to.equal(SUPPLY_WEI - cumulativeWei);
      }
      expect(heldWei).to.equal(0n);
    });

    it("case 64: shows all that was missed in the first block after a gap", async () => {
      const { vault, opg } = await load(small);
      const pool = book.grants[3]!;
      for (const timestamp of [timeOf(1) + 9_000, timeOf(7) + 86_400 * 3]) {
        await chain.next(timestamp);
        await mined(vault.claim(3));
        expect(await opg.balanceOf(pool.beneficiary)).to.equal(vestedAt(book, pool, timestamp));
      }
      await chain.next(timeOf(1_200));
      await mined(vault.claim(3));
      expect(await opg.balanceOf(pool.beneficiary)).to.equal(pool.totalWei);
      await expect(vault.claim(3)).to.be.revertedWithCustomError(vault, "VestVault_NothingDue");
    });

    describe("in the end everybody has what the book says", () => {
      const last = 12;
      const random = seededRandom(7);
      const ways: [string, (month: number) => boolean][] = [
        ["at each tranche", () => true],
        ["at none but the last", (month) => month === last],
        ...[1, 2, 3, 4, 5].map((i): [string, () => boolean] => [`at random times, ${i}`, () => random(3) === 0]),
      ];
      for (const [what, claims] of ways) {
        it(`case 2: claimed ${what}`, async () => {
          const { vault, opg } = await load(small);
          expect(lastMonthOf(book)).to.equal(last);
          for (let month = 0; month <= last; month++) {
            for (const [id, grant] of book.grants.entries()) {
              if (!claims(month) && month !== last) continue;
              const { paidWei } = await vault.states(id);
              const vestedWei = vestedAt(book, grant, timeOf(month));
              if (vestedWei === paidWei) continue;
              await chain.next(timeOf(month) + id);
              const receipt = await mined(vault.claim(id));
              const { args } = eventOf(receipt, vault, "Claimed");
              expect(args.toArray()).to.deep.equal([BigInt(id), grant.beneficiary, vestedWei - paidWei, vestedWei]);
            }
          }
          expect(await opg.balanceOf(vault)).to.equal(0n);
          for (const account of new Set(book.grants.map(({ beneficiary }) => beneficiary))) {
            const grants = book.grants.filter(({ beneficiary }) => beneficiary === account);
            expect(await opg.balanceOf(account)).to.equal(totalOf({ grants }));
          }
        });
      }
    });

    it("case 4: unlocks of a category the sum of its grants' floors, not the floor of their sum", async () => {
      await load(async () => undefined);
      const thirds = {
        ...book,
        schedules: [{ category: "thirds", firstTranche: 0, tranches: 3, revocation: null }],
        grants: [1, 2, 3].map((i) => ({
          ...book.grants[0]!,
          beneficiary: chain.signer(i).address,
          schedule: 0,
          totalWei: 5n,
        })),
      };
      const { vault, opg, lens } = await openVault(chain, thirds);
      const held: bigint[] = [];
      for (const month of [0, 1, 2]) {
        await chain.next(timeOf(month));
        await mined(vault.claimMany([0, 1, 2]));
        held.push(await opg.balanceOf(vault));
        expect(15n - held[month]!).to.equal(await lens.unlockedAt(timeOf(month)));
      }
      expect(held).to.deep.equal([12n, 6n, 0n]); // of the sum: 10, 5, 0
    });

    it("pays the beneficiary whoever calls", async () => {
      const { vault, opg, stranger, lens } = await load(small);
      await chain.next(timeOf(4));
      const [pool] = [book.grants[3]!];
      const dueWei = vestedAt(book, pool, timeOf(4));
      const sent = vault.connect(stranger).claim(3);
      await expect(sent).to.emit(vault, "Claimed").withArgs(3, pool.beneficiary, dueWei, dueWei);
      await expect(sent).to.emit(opg, "Transfer").withArgs(vault, pool.beneficiary, dueWei);
      expect(await opg.balanceOf(stranger)).to.equal(0n);
      expect(fieldsOf(await vault.states(3))).to.deep.equal([dueWei, 0n, false, false]);
      expect(await lens.beneficiaryOf(3)).to.equal(pool.beneficiary);
    });
  });

  describe("claimMany", () => {
    it("pays a grant that is named often once, and passes over what is not due", async () => {
      const { vault, opg } = await load(small);
      const time = timeOf(1);
      await chain.reach(time);
      const ids = [3, 3, 2, 0, 4, 2, 3, 6];
      const dueWei = vestedAt(book, book.grants[2]!, time) + vestedAt(book, book.grants[3]!, time);
      expect(await vault.claimMany.staticCall(ids)).to.equal(dueWei);
      const receipt = await mined(vault.claimMany(ids));
      const claims = receipt.logs.flatMap((log) => {
        const event = vault.interface.parseLog(log);
        return event?.name === "Claimed" ? [event.args.id] : [];
      });
      expect(claims).to.deep.equal([3n, 2n]);
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book) - dueWei);
      expect(await vault.claimMany.staticCall(ids)).to.equal(0n);
      await mined(vault.claimMany(ids));
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book) - dueWei);
    });

    it("does nothing for nothing", async () => {
      const { vault, opg } = await load(small);
      const receipt = await mined(vault.claimMany([]));
      expect(receipt.logs).to.deep.equal([]);
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book));
    });

    it("reverts when one is unknown, and nothing has changed", async () => {
      const { vault, opg } = await load(small);
      await chain.reach(timeOf(5));
      await expect(vault.claimMany([0, 1, 2, 7]))
        .to.be.revertedWithCustomError(vault, "VestVault_UnknownGrant")
        .withArgs(7, 7);
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book));
      expect((await vault.states(2)).paidWei).to.equal(0n);
    });

    it("takes all 764 grants of the largest book in one transaction", async () => {
      await load(async () => undefined);
      const grants = Array.from({ length: 764 }, (_, id) => ({
        beneficiary: `0x${(id + 1000).toString(16).padStart(40, "0")}`,
        schedule: 0,
        totalWei: 10n ** 20n + BigInt(id),
      }));
      const { vault } = await openVault(chain, { ...book, schedules: [book.schedules[2]!], grants });
      await chain.reach(timeOf(1));
      const half = grants.slice(0, 200).map((_, id) => id);
      const { gasUsed } = await mined(vault.claimMany(half));
      // Each recipient's first: a new balance costs 22,100 more than a later one.
      expect(gasUsed / 200n < 60_000n, `${gasUsed / 200n} a grant`).to.equal(true);
      await chain.reach(timeOf(2));
      const later = await mined(vault.claimMany(half));
      expect(later.gasUsed / 200n <= 18_500n, `${later.gasUsed / 200n} a grant`).to.equal(true);
    });

    it("costs at most 48,500 gas for a later claim of one grant", async () => {
      const { vault } = await load(small);
      await chain.next(timeOf(1));
      await mined(vault.claim(3));
      await chain.next(timeOf(2));
      const { gasUsed } = await mined(vault.claim(3));
      expect(gasUsed <= 48_500n, `${gasUsed}`).to.equal(true);
    });
  });

  it("cases 5, 6: has nothing that splits, joins or pools grants", () => {
    const changing = errors.interface.fragments.flatMap((fragment) =>
      fragment.type === "function" && !("constant" in fragment && fragment.constant)
        ? [fragment.format("sighash")]
        : [],
    );
    expect(changing.sort()).to.deep.equal([
      ...["acceptHandover(uint256)", "claim(uint256)", "claimMany(uint256[])", "offerHandover(uint256,address)"],
      ...["revoke(uint256,uint256,bytes32)", "seal()"],
    ]);
  });
});
