import { expect } from "chai";
import { encodeBytes32String, type Interface, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { type Book, encodeBook, lastMonthOf, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import { unlockedAt } from "../../../src/vesting/table.ts";
import type { ImitationOpg, Reenterer, VestVault } from "../../../typechain-types/index.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import {
  fieldsOf,
  openVault,
  openVaultChain,
  plainVault,
  SUPPLY_WEI,
  smallBook,
  totalOf,
  type VaultChain,
} from "../../helpers/vault.ts";

/*
VestVault, custody
├── over a whole life with everything that anybody can do
│  ├── 67: it never approves anybody, in no block
│  └── 66: everything that leaves it is a payment of a grant; nothing is staked, voted or lent
├── 69: it is funded before anybody but the launcher can act, in the transaction that makes it
├── 68: only claim and claimMany move OPG: every other call leaves its balance as it is
├── what is sent to it
│  ├── OPG and other tokens: stay for ever, and change nothing
│  ├── ether: is refused; what is forced on it stays
│  └── anything to the book: nothing happens; ether stays there for ever
└── 71: with a token that calls out in the middle of a payment
   ├── claim, claimMany, revoke, seal, handover from within: pay nothing twice
   └── between the two payments of a revoked grant too
*/
describe("VestVault, custody", () => {
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
  const allIds = () => book.grants.map((_, id) => id);

  /** The vault's functions that may change something, but for those that pay. */
  function harmless(vault: VestVault): [string, unknown[]][] {
    const { address } = chain.signer(10);
    const known: Record<string, unknown[][]> = {
      seal: [[]],
      offerHandover: [...allIds(), 7].map((id) => [id, address]),
      acceptHandover: [...allIds(), 7].map((id) => [id]),
      revoke: [...allIds(), 7].flatMap((id) => [2, 4, 6].map((kept) => [id, kept, encodeBytes32String("reason")])),
    };
    const paying = ["claim", "claimMany"];
    const names = vault.interface.fragments.flatMap((fragment) =>
      fragment.type === "function" && !("constant" in fragment && fragment.constant)
        ? [(fragment as unknown as { name: string }).name]
        : [],
    );
    expect([...Object.keys(known), ...paying].sort()).to.deep.equal(names.sort());
    return Object.entries(known).flatMap(([name, calls]) => calls.map((args): [string, unknown[]] => [name, args]));
  }

  const encode = ({ interface: abi }: VestVault, name: string, args: unknown[]) =>
    (abi as Interface).encodeFunctionData(name, args);

  it("cases 66, 67: never approves anybody, and pays nothing but grants, in its whole life", async () => {
    const { vault, opg, launch } = await load(open);
    const [next, revoker] = [chain.signer(10), chain.signer(7)];
    for (let month = 0; month <= lastMonthOf(book) + 1; month++) {
      await chain.next(timeOf(month));
      await mined(vault.claimMany(allIds()));
      if (month === 2) await mined(vault.connect(chain.signer(4)).offerHandover(3, next));
      if (month === 3) await mined(vault.connect(next).acceptHandover(3));
      if (month === 4) await mined(vault.connect(revoker).revoke(0, 5, encodeBytes32String("left")));
      if (month === 5) await mined(opg.transfer(vault, 9n));
    }
    const approvals = await opg.queryFilter(opg.filters.Approval());
    expect(approvals).to.deep.equal([]);
    for (const account of [launch, opg, vault, ...chain.signers, ZeroAddress]) {
      const spender = typeof account === "string" ? account : await account.getAddress();
      expect(await opg.allowance(vault, spender)).to.equal(0n);
    }
    const paid = (await vault.queryFilter(vault.filters.Claimed())).map(({ args }) => [args.to, args.amountWei]);
    const left = (await opg.queryFilter(opg.filters.Transfer(vault))).map(({ args }) => [args.to, args.value]);
    expect(left).to.deep.equal(paid);
    expect(await opg.balanceOf(vault)).to.equal(9n);
    const others = (await chain.ethers.provider.getLogs({ fromBlock: 0, address: String(vault.target) })).map(
      (log) => vault.interface.parseLog(log)?.name,
    );
    expect([...new Set(others)].sort()).to.deep.equal([
      ...["BookWritten", "Claimed", "HandedOver", "HandoverOffered", "Revoked", "Sealed"],
    ]);
  });

  it("case 69: is funded and sealed in the transaction that makes it", async () => {
    const { vault, opg, launch } = await load(open);
    const [sealed] = await vault.queryFilter(vault.filters.Sealed());
    const [launched] = await launch.queryFilter(launch.filters.Launched());
    const [minted] = await opg.queryFilter(opg.filters.Transfer(ZeroAddress, vault));
    expect(fieldsOf(sealed?.args)).to.deep.equal([totalOf(book), totalOf(book)]);
    expect(new Set([sealed, launched, minted].map((event) => event?.transactionHash)).size).to.equal(1);
    const [written] = await vault.queryFilter(vault.filters.BookWritten());
    expect(written?.transactionHash).to.equal(sealed?.transactionHash);
    expect(sealed!.index > minted!.index).to.equal(true);
  });

  it("case 68: moves OPG by claim and claimMany only, whoever calls whatever, whenever", async () => {
    const { vault, opg } = await load(open);
    let succeeded = 0;
    for (const time of [timeOf(0) - 3_600, timeOf(1) - 3_600, timeOf(4), timeOf(12), timeOf(500)]) {
      await chain.reach(time);
      for (const [name, args] of harmless(vault)) {
        for (const by of [1, 4, 5, 7, 8, 10]) {
          const data = encode(vault, name, args);
          const done = await chain
            .signer(by)
            .sendTransaction({ to: vault, data, gasLimit: 1_000_000 })
            .then(
              () => 1,
              () => 0,
            );
          succeeded += done;
        }
      }
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book));
    }
    expect(succeeded > 20, `${succeeded} calls succeeded`).to.equal(true);
  });

  it("case 68: refuses whatever is no function of it, with and without data", async () => {
    const { vault, opg } = await load(open);
    await chain.reach(timeOf(5));
    const signatures = ["transfer(address,uint256)", "withdraw()", "sweep(address)", "upgradeTo(address)", "owner()"];
    const signer = chain.signer(1);
    for (const data of ["0x", "0x00", "0x000000", ...signatures.map((text) => chain.ethers.id(text).slice(0, 10))]) {
      const padded = data.length === 10 ? data + "00".repeat(64) : data;
      await expect(signer.sendTransaction({ to: vault, data: padded, gasLimit: 100_000 })).to.be.revert(chain.ethers);
    }
    expect(await opg.balanceOf(vault)).to.equal(totalOf(book));
  });

  describe("what is sent to it", () => {
    it("keeps OPG that is sent to it, and pays the same as before", async () => {
      const { vault, opg, lens } = await load(open);
      await mined(opg.transfer(vault, 12345n));
      expect(await lens.solvency()).to.equal(12345n);
      for (let month = 0; month <= lastMonthOf(book); month += 2) {
        await chain.next(timeOf(month));
        await mined(vault.claimMany(allIds()));
        expect(await opg.balanceOf(vault)).to.equal(totalOf(book) - unlockedAt(book, timeOf(month)) + 12345n);
      }
      expect(await opg.balanceOf(vault)).to.equal(12345n);
      await expect(vault.claimMany(allIds())).to.not.emit(vault, "Claimed");
    });

    it("keeps other tokens", async () => {
      const { vault } = await load(open);
      const token = await chain.ethers.deployContract("HostileToken");
      await mined(token.mint(vault, 5n));
      await chain.reach(timeOf(12));
      await mined(vault.claimMany(allIds()));
      expect(await token.balanceOf(vault)).to.equal(5n);
    });

    it("refuses ether, with every function, and keeps what is forced on it", async () => {
      const { vault, opg } = await load(open);
      await chain.reach(timeOf(5));
      const calls = [...harmless(vault), ["claim", [3]], ["claimMany", [[3]]]] as [string, unknown[]][];
      for (const data of ["0x", ...calls.map(([name, args]) => encode(vault, name, args))]) {
        const sent = chain.signer(4).sendTransaction({ to: vault, data, value: 1n, gasLimit: 1_000_000 });
        await expect(sent).to.be.revert(chain.ethers);
      }
      await chain.networkHelpers.setBalance(String(vault.target), 7n);
      await mined(vault.claimMany(allIds()));
      expect(await chain.ethers.provider.getBalance(vault)).to.equal(7n);
      expect(await opg.balanceOf(vault)).to.equal(totalOf(book) - unlockedAt(book, timeOf(5)));
    });

    it("stops whatever is called on the book, keeps ether that is sent there, and nothing of it changes", async () => {
      const { vault } = await load(open);
      const to = await vault.book();
      const { provider } = chain.ethers;
      const code = await provider.getCode(to);
      for (const data of ["0x", "0x00", vault.interface.encodeFunctionData("seal"), `0x${"ff".repeat(4_000)}`]) {
        const receipt = (await (await chain.signer(1).sendTransaction({ to, data, value: 1n })).wait())!;
        expect(receipt.logs).to.deep.equal([]);
        expect(await provider.call({ to, data })).to.equal("0x");
      }
      expect(await provider.getBalance(to)).to.equal(4n);
      expect(await provider.getCode(to)).to.equal(code);
      expect(await provider.getTransactionCount(to)).to.equal(1);
    });
  });

  describe("71: a token that calls out", () => {
    const TEAM = 0;
    /** The actor is beneficiary and revoker of everything, and is called in the middle of each payment. */
    async function hostile() {
      const token: ImitationOpg = await chain.ethers.deployContract("ImitationOpg", [
        "OpenGradient",
        "OPG",
        18,
        SUPPLY_WEI,
      ]);
      const actor: Reenterer = await chain.ethers.deployContract("Reenterer");
      const beneficiary = String(actor.target);
      const own: Book = {
        ...book,
        schedules: book.schedules.map((schedule) => ({
          ...schedule,
          revocation: schedule.revocation && { ...schedule.revocation, revoker: beneficiary },
        })),
        grants: book.grants.map((grant) => ({ ...grant, beneficiary })),
      };
      const { vault } = await plainVault(chain, encodeBook(own), totalOf(own), token);
      await mined(token.transfer(vault, totalOf(own) + 10n ** 20n));
      await mined(vault.seal());
      await mined(token.setHook(actor));
      return { token, actor, vault, own };
    }

    for (const [what, call, reason] of [
      [
        "claim of the same",
        (vault: VestVault) => vault.interface.encodeFunctionData("claim", [3]),
        "VestVault_NothingDue",
      ],
      ["claimMany of the same", (vault: VestVault) => vault.interface.encodeFunctionData("claimMany", [[3, 3]]), null],
      ["claimMany of all", (vault: VestVault) => vault.interface.encodeFunctionData("claimMany", [allIds()]), null],
      ["revoke", (vault: VestVault) => vault.interface.encodeFunctionData("revoke", [TEAM, 6, ZeroHash]), null],
      [
        "offerHandover",
        (vault: VestVault) => vault.interface.encodeFunctionData("offerHandover", [3, vault.target]),
        "VestVault_BadBeneficiary",
      ],
      ["seal", (vault: VestVault) => vault.interface.encodeFunctionData("seal"), "VestVault_AlreadySealed"],
    ] as [string, (vault: VestVault) => string, string | null][]) {
      it(`pays nothing twice when ${what} comes from within a payment`, async () => {
        const { token, actor, vault, own } = await load(hostile);
        await mined(actor.plan(vault, call(vault)));
        await chain.next(timeOf(5));
        await mined(vault.claimMany([3, 4, 0, 3]));
        expect(await actor.calls()).to.equal(1n);
        expect(await actor.succeeded()).to.equal(reason === null);
        const parsed = reason === null ? null : vault.interface.parseError(await actor.answer());
        expect(parsed?.name ?? null).to.equal(reason);
        await mined(vault.claimMany(allIds()));
        expect(await token.balanceOf(actor)).to.equal(unlockedAt(own, timeOf(5)));
        await chain.reach(timeOf(12));
        await mined(vault.claimMany(allIds()));
        expect(await token.balanceOf(vault)).to.equal(10n ** 20n);
      });
    }

    it("pays nothing twice between the two payments of a revoked grant", async () => {
      const { token, actor, vault, own } = await load(hostile);
      await mined(actor.execute(vault, vault.interface.encodeFunctionData("revoke", [TEAM, 3, ZeroHash])));
      await mined(actor.plan(vault, vault.interface.encodeFunctionData("claimMany", [[TEAM, TEAM]])));
      await chain.next(timeOf(9));
      await mined(vault.claim(TEAM));
      expect([await actor.calls(), await actor.succeeded()]).to.deep.equal([1n, true]);
      const total = own.grants[TEAM]!.totalWei;
      const keptWei = vestedAt(own, own.grants[TEAM]!, timeOf(5));
      expect([await token.balanceOf(actor), await token.balanceOf(chain.signer(9))]).to.deep.equal([
        ...[keptWei, total - keptWei],
      ]);
      expect((await vault.states(TEAM)).paidWei).to.equal(total);
    });
  });
});
