import { expect } from "chai";
import { encodeBytes32String, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { type Book, lastMonthOf, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import { unlockedAt } from "../../../src/vesting/table.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { fieldsOf, openVault, openVaultChain, smallBook, totalOf, type VaultChain } from "../../helpers/vault.ts";

/*
VestVault, who is paid
├── offerHandover, acceptHandover (70)
│  ├── when the new beneficiary is zero, the token or the vault: VestVault_BadBeneficiary
│  ├── when the caller is not the beneficiary: VestVault_NotBeneficiary; unknown grant: VestVault_UnknownGrant
│  ├── when another accepts, or after the offer was replaced or withdrawn: VestVault_NotOffered
│  ├── else: what is not paid yet is the new one's, and only that; it may hand over again, the former may not
│  ├── before it is accepted nothing has changed
│  └── 56: a claim by a third party changes nothing but balances
└── revoke
   ├── when the caller is not the record's revoker, or there is none: VestVault_NotRevoker
   ├── when it was revoked: VestVault_AlreadyRevoked
   ├── 65: at T-1, T and T+1: what is due and within the notice stays, to the tranche: VestVault_NotFuture below that
   ├── when it would take nothing: VestVault_NotFuture
   ├── else: what is kept goes to the beneficiary, the rest to the record's address, on the days it was due anyway
   ├── over its whole life, with and without: the same unlocks to the wei
   └── together with a handover, in both orders
*/
describe("VestVault, who is paid", () => {
  let chain: VaultChain;
  let load: Load;
  let book: Book;
  before(async () => {
    chain = await openVaultChain();
    load = await fixturesOn(chain);
    book = smallBook(chain);
  });

  const open = () => openVault(chain, book);
  const timeOf = (month: number) => anniversary(book.anchor, month);
  const lastMonth = () => lastMonthOf(book);
  const vested = (id: number, timestamp: number) => vestedAt(book, book.grants[id]!, timestamp);
  const allIds = () => book.grants.map((_, id) => id);
  const REASON = encodeBytes32String("left on 2026-08-01");

  describe("handover", () => {
    const POOL = 3;
    const [from, to, other] = [4, 10, 11];

    it("case 70: reverts for whom it would be lost with", async () => {
      const { vault, opg } = await load(open);
      for (const lost of [ZeroAddress, String(opg.target), String(vault.target)]) {
        await expect(vault.connect(chain.signer(from)).offerHandover(POOL, lost))
          .to.be.revertedWithCustomError(vault, "VestVault_BadBeneficiary")
          .withArgs(POOL, lost);
      }
      expect(await vault.offeredTo(POOL)).to.equal(ZeroAddress);
    });

    it("reverts for any other caller, and for unknown grants", async () => {
      const { vault } = await load(open);
      for (const by of [0, 1, 7, 9, to]) {
        await expect(vault.connect(chain.signer(by)).offerHandover(POOL, chain.signer(to)))
          .to.be.revertedWithCustomError(vault, "VestVault_NotBeneficiary")
          .withArgs(POOL, chain.signer(by).address, chain.signer(from).address);
      }
      await expect(vault.connect(chain.signer(from)).offerHandover(7, chain.signer(to)))
        .to.be.revertedWithCustomError(vault, "VestVault_UnknownGrant")
        .withArgs(7, 7);
      for (const id of [POOL, 7, 1n << 255n]) {
        await expect(vault.connect(chain.signer(to)).acceptHandover(id))
          .to.be.revertedWithCustomError(vault, "VestVault_NotOffered")
          .withArgs(id, chain.signer(to).address, ZeroAddress);
      }
    });

    it("is taken by whom it was offered to, and by nobody else", async () => {
      const { vault, lens } = await load(open);
      await expect(vault.connect(chain.signer(from)).offerHandover(POOL, chain.signer(to)))
        .to.emit(vault, "HandoverOffered")
        .withArgs(POOL, chain.signer(from).address, chain.signer(to).address);
      expect(await vault.offeredTo(POOL)).to.equal(chain.signer(to).address);
      expect(await lens.beneficiaryOf(POOL)).to.equal(chain.signer(from).address);
      for (const by of [from, other]) {
        await expect(vault.connect(chain.signer(by)).acceptHandover(POOL))
          .to.be.revertedWithCustomError(vault, "VestVault_NotOffered")
          .withArgs(POOL, chain.signer(by).address, chain.signer(to).address);
      }
      // The other grant of the same beneficiary is not offered.
      await expect(vault.connect(chain.signer(to)).acceptHandover(POOL + 1)).to.be.revertedWithCustomError(
        ...([vault, "VestVault_NotOffered"] as const),
      );
      await expect(vault.connect(chain.signer(to)).acceptHandover(POOL))
        .to.emit(vault, "HandedOver")
        .withArgs(POOL, chain.signer(to).address);
      await expect(vault.connect(chain.signer(to)).acceptHandover(POOL)).to.be.revertedWithCustomError(
        ...([vault, "VestVault_NotOffered"] as const),
      );
      expect(await lens.beneficiaryOf(POOL)).to.equal(chain.signer(to).address);
      expect(await lens.beneficiaryOf(POOL + 1)).to.equal(chain.signer(from).address);
      expect((await lens.grant(POOL)).beneficiary).to.equal(chain.signer(from).address);
      expect((await vault.states(POOL)).handedOver).to.equal(true);
    });

    it("counts the latest offer only, and none once it was withdrawn", async () => {
      const { vault } = await load(open);
      const owner = vault.connect(chain.signer(from));
      await mined(owner.offerHandover(POOL, chain.signer(to)));
      await mined(owner.offerHandover(POOL, chain.signer(other)));
      await expect(vault.connect(chain.signer(to)).acceptHandover(POOL)).to.be.revertedWithCustomError(
        ...([vault, "VestVault_NotOffered"] as const),
      );
      await mined(owner.offerHandover(POOL, chain.signer(from)));
      expect(await vault.offeredTo(POOL)).to.equal(ZeroAddress);
      for (const by of [from, to, other]) {
        await expect(vault.connect(chain.signer(by)).acceptHandover(POOL)).to.be.revertedWithCustomError(
          ...([vault, "VestVault_NotOffered"] as const),
        );
      }
      expect((await vault.states(POOL)).handedOver).to.equal(false);
    });

    it("gives the new one what is not paid yet; the former has no way back", async () => {
      const { vault, opg, lens } = await load(open);
      const [former, next] = [chain.signer(from), chain.signer(to)];
      await chain.reach(timeOf(2));
      await mined(vault.claim(POOL));
      const formerWei = vested(POOL, timeOf(2));
      await chain.reach(timeOf(4));
      await mined(vault.connect(former).offerHandover(POOL, next));
      await mined(vault.connect(next).acceptHandover(POOL));
      for (const account of [former, next]) {
        await mined(vault.connect(account).claimMany([POOL]));
      }
      expect([await opg.balanceOf(former), await opg.balanceOf(next)]).to.deep.equal([
        ...[formerWei, vested(POOL, timeOf(4)) - formerWei],
      ]);
      await expect(vault.connect(former).offerHandover(POOL, former))
        .to.be.revertedWithCustomError(vault, "VestVault_NotBeneficiary")
        .withArgs(POOL, former.address, next.address);
      // On to a third, and back to the first.
      const third = chain.signer(other);
      for (const [giver, taker] of [
        [next, third],
        [third, former],
      ] as const) {
        await mined(vault.connect(giver).offerHandover(POOL, taker));
        await mined(vault.connect(taker).acceptHandover(POOL));
      }
      await chain.reach(timeOf(12));
      await mined(vault.claim(POOL));
      expect(await opg.balanceOf(third)).to.equal(0n);
      expect((await opg.balanceOf(former)) + (await opg.balanceOf(next))).to.equal(book.grants[POOL]!.totalWei);
      expect(await lens.beneficiaryOf(POOL)).to.equal(former.address);
    });

    it("case 56: a claim by a third party between offer and acceptance changes nothing but balances", async () => {
      const { vault, opg, lens } = await load(open);
      await mined(vault.connect(chain.signer(from)).offerHandover(POOL, chain.signer(to)));
      await chain.reach(timeOf(3));
      await mined(vault.connect(chain.signer(other)).claim(POOL));
      expect(await opg.balanceOf(chain.signer(from))).to.equal(vested(POOL, timeOf(3)));
      expect([await vault.offeredTo(POOL), await lens.beneficiaryOf(POOL)]).to.deep.equal([
        ...[chain.signer(to).address, chain.signer(from).address],
      ]);
      await mined(vault.connect(chain.signer(to)).acceptHandover(POOL));
      const before = await vault.states(POOL);
      expect(fieldsOf(before)).to.deep.equal([vested(POOL, timeOf(3)), 0n, false, true]);
    });
  });

  describe("revoke", () => {
    const [TEAM, SEED, POOL] = [0, 5, 3];
    /** Of the team: notice of two tranches, the first in month 3. Of the seed: no notice, the first in month 2. */
    const [byTeam, bySeed, rest] = [7, 8, 9];

    it("reverts for anybody but the record's revoker", async () => {
      const { vault } = await load(open);
      for (const [id, by, revoker] of [
        [TEAM, 0, byTeam],
        [TEAM, 1, byTeam],
        [TEAM, bySeed, byTeam],
        [TEAM, rest, byTeam],
        [SEED, byTeam, bySeed],
        [SEED, 5, bySeed],
      ] as const) {
        await expect(vault.connect(chain.signer(by)).revoke(id, 6, REASON))
          .to.be.revertedWithCustomError(vault, "VestVault_NotRevoker")
          .withArgs(id, chain.signer(by).address, chain.signer(revoker).address);
      }
      for (const by of [0, 4, byTeam, bySeed]) {
        await expect(vault.connect(chain.signer(by)).revoke(POOL, 6, REASON))
          .to.be.revertedWithCustomError(vault, "VestVault_NotRevoker")
          .withArgs(POOL, chain.signer(by).address, ZeroAddress);
      }
      await expect(vault.connect(chain.signer(byTeam)).revoke(7, 6, REASON))
        .to.be.revertedWithCustomError(vault, "VestVault_UnknownGrant")
        .withArgs(7, 7);
    });

    it("is done once", async () => {
      const { vault } = await load(open);
      const revoker = vault.connect(chain.signer(byTeam));
      await mined(revoker.revoke(TEAM, 6, REASON));
      for (const kept of [2, 5, 6, 7]) {
        await expect(revoker.revoke(TEAM, kept, REASON))
          .to.be.revertedWithCustomError(vault, "VestVault_AlreadyRevoked")
          .withArgs(TEAM);
      }
    });

    for (const [schedule, id, by, first, notice, all] of [
      ["with a notice of two tranches", TEAM, byTeam, 3, 2, 7],
      ["without notice", SEED, bySeed, 2, 0, 5],
    ] as const) {
      for (const [when, seconds] of [
        ["T-1", -1],
        ["T", 0],
        ["T+1", 1],
      ] as const) {
        it(`case 65: ${schedule}, at ${when} of each tranche, leaves all that is due and announced`, async () => {
          for (let tranche = 1; tranche <= all; tranche++) {
            const { vault, opg } = await load(open);
            const revoker = vault.connect(chain.signer(by));
            const time = timeOf(first + tranche - 1) + seconds;
            const due = seconds < 0 ? tranche - 1 : tranche;
            const least = due + notice;
            await chain.reach(time - 100);
            for (const kept of [least - 1, all, all + 1, 256 + least]) {
              if (kept < 0) continue;
              await chain.next(time);
              // What is asked for in the very second, without moving on.
              await expect(revoker.revoke.staticCall(id, kept, REASON, { blockTag: "pending" }))
                .to.be.revertedWithCustomError(vault, "VestVault_NotFuture")
                .withArgs(id, kept, least, all);
            }
            await chain.next(time);
            const total = book.grants[id]!.totalWei;
            const keptWei = (total * BigInt(least)) / BigInt(all);
            const sent = revoker.revoke(id, least, REASON);
            if (least >= all) {
              await expect(sent).to.be.revertedWithCustomError(vault, "VestVault_NotFuture");
              continue;
            }
            await expect(sent)
              .to.emit(vault, "Revoked")
              .withArgs(...[id, chain.signer(rest).address, least, total - keptWei, REASON]);
            // What was vested is the beneficiary's still; at T, a second after T-1, what was taken is due to the other.
            await chain.next(time + 1);
            await mined(vault.claimMany([id]));
            const nowWei = vested(id, time + 1);
            const ownWei = nowWei < keptWei ? nowWei : keptWei;
            expect(ownWei >= vested(id, time)).to.equal(true);
            expect(await opg.balanceOf(book.grants[id]!.beneficiary)).to.equal(ownWei);
            expect(await opg.balanceOf(chain.signer(rest))).to.equal(nowWei - ownWei);
            await chain.reach(timeOf(lastMonth()));
            await mined(vault.claimMany([id]));
            expect(await opg.balanceOf(book.grants[id]!.beneficiary)).to.equal(keptWei);
            expect(await opg.balanceOf(chain.signer(rest))).to.equal(total - keptWei);
          }
        });
      }
    }

    it("splits what falls due on one day between both, in two events", async () => {
      const { vault, opg } = await load(open);
      await mined(vault.connect(chain.signer(byTeam)).revoke(TEAM, 3, REASON));
      await chain.next(timeOf(9));
      const total = book.grants[TEAM]!.totalWei;
      const keptWei = (total * 3n) / 7n;
      const sent = vault.claim(TEAM);
      await expect(sent).to.emit(vault, "Claimed").withArgs(TEAM, chain.signer(1).address, keptWei, keptWei);
      await expect(sent)
        .to.emit(vault, "Claimed")
        .withArgs(TEAM, chain.signer(rest).address, total - keptWei, total);
      expect(await opg.balanceOf(chain.signer(rest))).to.equal(total - keptWei);
    });

    it("may take everything before the first tranche where there is no notice", async () => {
      const { vault, opg } = await load(open);
      await mined(vault.connect(chain.signer(bySeed)).revoke(SEED, 0, ZeroHash));
      for (let month = 0; month <= lastMonth(); month++) {
        await chain.next(timeOf(month));
        await mined(vault.claimMany([SEED]));
        expect(await opg.balanceOf(chain.signer(5))).to.equal(0n);
        expect(await opg.balanceOf(chain.signer(rest))).to.equal(vested(SEED, timeOf(month)));
      }
    });

    it("changes nothing of the unlocks, in any month, to the wei", async () => {
      const revocations = [
        [],
        [[TEAM, byTeam, 2]],
        [[TEAM, byTeam, 6]],
        [[SEED, bySeed, 0]],
        [
          [TEAM, byTeam, 4],
          [1, byTeam, 3],
          [SEED, bySeed, 1],
          [6, bySeed, 4],
        ],
      ] as [number, number, number][][];
      for (const revoked of revocations) {
        const { vault, opg, lens } = await load(open);
        for (const [id, by, kept] of revoked) await mined(vault.connect(chain.signer(by)).revoke(id, kept, REASON));
        const table = await lens.tableHash();
        for (let month = 0; month <= lastMonth(); month++) {
          for (const time of [timeOf(month) - 1, timeOf(month), timeOf(month) + 1]) {
            await chain.next(time);
            await mined(vault.claimMany(allIds()));
            const unlockedWei = unlockedAt(book, time);
            expect(await opg.balanceOf(vault)).to.equal(totalOf(book) - unlockedWei);
            expect(await lens.unlockedAt(time)).to.equal(unlockedWei);
          }
        }
        expect(await lens.tableHash()).to.equal(table);
        const restWei = revoked.reduce((sum, [id, , kept]) => {
          const { totalWei, schedule } = book.grants[id]!;
          return sum + totalWei - (totalWei * BigInt(kept)) / BigInt(book.schedules[schedule]!.tranches);
        }, 0n);
        expect(await opg.balanceOf(chain.signer(rest))).to.equal(restWei);
      }
    });

    it("pays nothing twice when the same is claimed between, after and around it", async () => {
      const { vault, opg } = await load(open);
      for (let month = 0; month <= lastMonth(); month++) {
        await chain.next(timeOf(month));
        await mined(vault.claimMany([TEAM, TEAM]));
        if (month === 4) await mined(vault.connect(chain.signer(byTeam)).revoke(TEAM, 5, REASON));
        await mined(vault.claimMany([TEAM, TEAM]));
        expect((await vault.states(TEAM)).paidWei).to.equal(vested(TEAM, timeOf(month)));
      }
      const keptWei = (book.grants[TEAM]!.totalWei * 5n) / 7n;
      expect(await opg.balanceOf(chain.signer(1))).to.equal(keptWei);
      expect(fieldsOf(await vault.states(TEAM))).to.deep.equal([book.grants[TEAM]!.totalWei, 5n, true, false]);
    });

    for (const revokedFirst of [true, false]) {
      it(`goes with a handover, ${revokedFirst ? "before" : "after"} it: only what is kept is handed over`, async () => {
        const { vault, opg } = await load(open);
        const [former, next] = [chain.signer(5), chain.signer(10)];
        await mined(vault.connect(former).offerHandover(SEED, next));
        const steps = [
          () => vault.connect(chain.signer(bySeed)).revoke(SEED, 3, REASON),
          () => vault.connect(next).acceptHandover(SEED),
        ];
        for (const step of revokedFirst ? steps : steps.reverse()) await mined(step());
        await chain.reach(timeOf(lastMonth()));
        await mined(vault.claim(SEED));
        const keptWei = (book.grants[SEED]!.totalWei * 3n) / 5n;
        expect(await opg.balanceOf(next)).to.equal(keptWei);
        expect(await opg.balanceOf(former)).to.equal(0n);
        expect(await opg.balanceOf(chain.signer(rest))).to.equal(book.grants[SEED]!.totalWei - keptWei);
        expect(fieldsOf(await vault.states(SEED))).to.deep.equal([book.grants[SEED]!.totalWei, 3n, true, true]);
        // Who gets the rest cannot hand it over.
        await expect(vault.connect(chain.signer(rest)).offerHandover(SEED, former)).to.be.revertedWithCustomError(
          ...([vault, "VestVault_NotBeneficiary"] as const),
        );
      });
    }
  });
});
