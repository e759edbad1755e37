import type { HardhatEthers } from "@nomicfoundation/hardhat-ethers/types";
import { toBeHex } from "ethers";
import { type Book, encodeBook } from "../../src/vesting/book.ts";

const SUPPLY_WEI = 10n ** 27n;

/** Nobody has these addresses' keys. */
export const account = (n: number) => toBeHex(0xa000_0000n + BigInt(n), 20);

export const totalOf = ({ grants }: Pick<Book, "grants">) => grants.reduce((sum, { totalWei }) => sum + totalWei, 0n);

/**
 * Ten grants, from May 31st 2026 on: at once, monthly, in the third and sixth month, and revocable by `revoker`. Amounts do
 * not divide by their tranches.
 */
export function sampleBook(revoker = account(900)): Book {
  const terms = { category: "team", revocation: null };
  const wei = 10n ** 25n;
  return {
    anchor: { startMonth: 2026 * 12 + 4, day: 31 },
    schedules: [
      { ...terms, category: "ecosystem", firstTranche: 0, tranches: 1 },
      { ...terms, category: "ecosystem", firstTranche: 1, tranches: 7 },
      { ...terms, firstTranche: 3, tranches: 1 },
      {
        category: "team",
        firstTranche: 2,
        tranches: 6,
        revocation: { revoker, remainderTo: account(901), noticeMonths: 1 },
      },
    ],
    grants: Array.from({ length: 10 }, (_, i) => ({
      beneficiary: account(i),
      schedule: i % 4,
      totalWei: wei * BigInt(i + 1) + BigInt(i),
    })),
  };
}

/** Launches a book by a TokenLaunch, the rest of the supply liquid, and puts a lens before it. */
export async function launchBook(ethers: HardhatEthers, book: Book) {
  const file = encodeBook(book);
  const launch = await ethers.deployContract("TokenLaunch");
  const amountWei = SUPPLY_WEI - totalOf(book);
  const [deployer] = await ethers.getSigners();
  await launch.launch(file, totalOf(book), [{ to: deployer?.address ?? "", amountWei }]);
  const vault = await ethers.getContractAt("VestVault", await launch.vault());
  const token = await ethers.getContractAt("OPG", await launch.opg());
  const lens = await ethers.deployContract("ScheduleLens", [vault.target]);
  return { file, launch, vault, token, lens };
}

export type Launched = Awaited<ReturnType<typeof launchBook>>;
