import { expect } from "chai";
import { getCreateAddress, keccak256, MaxUint256, ZeroAddress } from "ethers";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { type Book, encodeBook } from "../../../src/vesting/book.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { openVaultChain, publishedBook, SUPPLY_WEI, smallBook, totalOf, type VaultChain } from "../../helpers/vault.ts";

/*
TokenLaunch
├── constructor: says where token and vault will be, and that is where they are, also after launches that failed
└── launch
   ├── when the caller is not who deployed it: TokenLaunch_NotLauncher
   ├── given it has launched: TokenLaunch_AlreadyLaunched
   ├── when locked and liquid do not make 1e27: OPG_WrongTotal, and nothing is left
   ├── when the grants do not make what is locked: VestVault_WrongTotal, and nothing is left
   ├── when the file, a grant to the token or to the vault, or a receiver is bad: nothing is left
   ├── else: token, vault and book exist, funded and sealed, in one transaction; this contract holds nothing
   └── given somebody sent ether to the addresses before: the same
*/
describe("TokenLaunch", () => {
  let chain: VaultChain;
  let load: Load;
  let book: Book;
  before(async () => {
    chain = await openVaultChain();
    load = await fixturesOn(chain);
    book = smallBook(chain);
  });

  async function open() {
    const launch = await chain.ethers.deployContract("TokenLaunch");
    const [opg, vault] = await Promise.all([
      ...[chain.ethers.getContractAt("OPG", await launch.opg())],
      chain.ethers.getContractAt("VestVault", await launch.vault()),
    ] as const);
    const rest = [{ to: chain.signer(11).address, amountWei: SUPPLY_WEI - totalOf(book) }];
    return { launch, opg, vault, rest, file: encodeBook(book) };
  }
  type World = Awaited<ReturnType<typeof open>>;

  const nothingIsThere = async ({ launch, opg, vault }: World) => {
    const { provider } = chain.ethers;
    expect([await provider.getCode(opg), await provider.getCode(vault)]).to.deep.equal(["0x", "0x"]);
    expect(await provider.getTransactionCount(launch)).to.equal(1);
  };

  it("says where token and vault will be", async () => {
    const { launch } = await load(open);
    const from = String(launch.target);
    expect([await launch.opg(), await launch.vault(), await launch.launcher()]).to.deep.equal([
      getCreateAddress({ from, nonce: 1 }),
      getCreateAddress({ from, nonce: 2 }),
      chain.signer(0).address,
    ]);
  });

  it("launches for nobody else", async () => {
    const world = await load(open);
    const { launch, file, rest } = world;
    for (const by of [1, 7, 11]) {
      await expect(launch.connect(chain.signer(by)).launch(file, totalOf(book), rest))
        .to.be.revertedWithCustomError(launch, "TokenLaunch_NotLauncher")
        .withArgs(chain.signer(by).address, chain.signer(0).address);
    }
    await nothingIsThere(world);
  });

  it("makes token, vault and book in one transaction, funded and sealed", async () => {
    const { launch, opg, vault, file, rest } = await load(open);
    const receipt = await mined(launch.launch(file, totalOf(book), rest));
    expect(eventOf(receipt, launch, "Launched").args.toArray()).to.deep.equal([
      ...[opg.target, vault.target, keccak256(file), totalOf(book)],
    ]);
    expect([await opg.totalSupply(), await opg.balanceOf(vault), await opg.balanceOf(rest[0]!.to)]).to.deep.equal([
      ...[SUPPLY_WEI, totalOf(book), SUPPLY_WEI - totalOf(book)],
    ]);
    expect(await opg.balanceOf(launch)).to.equal(0n);
    expect([await vault.isSealed(), await vault.token()]).to.deep.equal([true, opg.target]);
    const minted = receipt.logs.filter(({ address }) => address === opg.target);
    expect(minted.length).to.equal(2);
    const lens = await chain.ethers.deployContract("ScheduleLens", [vault]);
    expect(await lens.solvency()).to.equal(0n);
  });

  it("launches once", async () => {
    const { launch, opg, file, rest } = await load(open);
    await mined(launch.launch(file, totalOf(book), rest));
    for (const [other, lockedWei] of [
      [file, totalOf(book)],
      [encodeBook(publishedBook()), SUPPLY_WEI],
    ] as const) {
      await expect(launch.launch(other, lockedWei, rest))
        .to.be.revertedWithCustomError(launch, "TokenLaunch_AlreadyLaunched")
        .withArgs(opg);
    }
  });

  it("locks the whole supply, with nobody liquid", async () => {
    const { launch, opg, vault } = await load(open);
    await mined(launch.launch(encodeBook(publishedBook()), SUPPLY_WEI, []));
    expect(await opg.balanceOf(vault)).to.equal(SUPPLY_WEI);
  });

  it("keeps what is liquid for the vault in the vault for ever", async () => {
    const { launch, opg, vault, file, rest } = await load(open);
    await mined(launch.launch(file, totalOf(book), [{ ...rest[0]!, to: String(vault.target) }]));
    expect(await opg.balanceOf(vault)).to.equal(SUPPLY_WEI);
    const lens = await chain.ethers.deployContract("ScheduleLens", [vault]);
    expect(await lens.solvency()).to.equal(SUPPLY_WEI - totalOf(book));
  });

  const locked = () => totalOf(book);
  for (const [what, error, contract, change] of [
    ["one wei less than the supply", "OPG_WrongTotal", "opg", ({ rest }) => ({ liquidWei: rest[0]!.amountWei - 1n })],
    ["one wei more than the supply", "OPG_WrongTotal", "opg", ({ rest }) => ({ liquidWei: rest[0]!.amountWei + 1n })],
    [
      "one wei more locked than granted",
      "VestVault_WrongTotal",
      "vault",
      ({ rest }) => ({ lockedWei: locked() + 1n, liquidWei: rest[0]!.amountWei - 1n }),
    ],
    [
      "one wei less locked than granted",
      "VestVault_WrongTotal",
      "vault",
      ({ rest }) => ({ lockedWei: locked() - 1n, liquidWei: rest[0]!.amountWei + 1n }),
    ],
    ["nothing locked", "VestVault_WrongTotal", "vault", () => ({ lockedWei: 0n, liquidWei: SUPPLY_WEI })],
    ["another file", "VestVault_BadFile", "vault", ({ file }) => ({ file: file.slice(1) })],
    ["no file", "VestVault_BadFile", "vault", () => ({ file: new Uint8Array() })],
    ["nobody as a receiver", "ERC20InvalidReceiver", "opg", () => ({ to: ZeroAddress })],
    ["a grant to the token", "VestVault_BadGrant", "vault", ({ opg }) => ({ file: grantTo(String(opg.target)) })],
    ["a grant to the vault", "VestVault_BadGrant", "vault", ({ vault }) => ({ file: grantTo(String(vault.target)) })],
    [
      "a rest that goes to the vault",
      "VestVault_BadSchedule",
      "vault",
      ({ vault }) => ({ file: restTo(String(vault.target)) }),
    ],
  ] as [
    string,
    string,
    "opg" | "vault",
    (world: World) => { liquidWei?: bigint; lockedWei?: bigint; file?: Uint8Array; to?: string },
  ][]) {
    it(`leaves nothing of a launch with ${what}, and can launch then`, async () => {
      const world = await load(open);
      const { launch, rest, file } = world;
      const sent = { file, lockedWei: totalOf(book), liquidWei: rest[0]!.amountWei, to: rest[0]!.to, ...change(world) };
      await expect(
        launch.launch(sent.file, sent.lockedWei, [{ to: sent.to, amountWei: sent.liquidWei }]),
      ).to.be.revertedWithCustomError(world[contract], error);
      await nothingIsThere(world);
      await mined(launch.launch(file, totalOf(book), rest));
      expect(await world.vault.isSealed()).to.equal(true);
    });
  }

  const grantTo = (beneficiary: string) =>
    encodeBook({ ...book, grants: book.grants.map((grant, id) => (id === 2 ? { ...grant, beneficiary } : grant)) });
  const restTo = (remainderTo: string) =>
    encodeBook({
      ...book,
      schedules: book.schedules.map((schedule) => ({
        ...schedule,
        revocation: schedule.revocation && { ...schedule.revocation, remainderTo },
      })),
    });

  it("leaves nothing of sums that overflow to the supply", async () => {
    const world = await load(open);
    const liquid = [1, 2].map((i) => ({ to: chain.signer(i).address, amountWei: MaxUint256 }));
    await expect(world.launch.launch(world.file, totalOf(book), liquid)).to.be.revertedWithPanic(0x11);
    await nothingIsThere(world);
  });

  it("is not held up by ether that somebody sent to the addresses before", async () => {
    const { launch, opg, vault, file, rest } = await load(open);
    const bookAddress = getCreateAddress({ from: String(vault.target), nonce: 1 });
    for (const to of [String(opg.target), String(vault.target), bookAddress]) {
      await (await chain.signer(3).sendTransaction({ to, value: 5n })).wait();
    }
    await mined(launch.launch(file, totalOf(book), rest));
    expect(await vault.book()).to.equal(bookAddress);
    expect(await vault.isSealed()).to.equal(true);
  });

  it("fits the largest book into one transaction", async () => {
    const { launch, rest } = await load(open);
    const wei = totalOf(book) / 764n;
    const grants = Array.from({ length: 764 }, () => ({ ...book.grants[1]!, totalWei: wei }));
    const file = encodeBook({ ...book, schedules: [book.schedules[0]!], grants });
    const total = totalOf({ grants });
    const { gasUsed } = await mined(launch.launch(file, total, [{ ...rest[0]!, amountWei: SUPPLY_WEI - total }]));
    expect(gasUsed < 16_777_216n, `${gasUsed}`).to.equal(true);
  });
});
