import { network } from "hardhat";
import { mined } from "../../src/core/chain/events.ts";
import { type Book, encodeBook } from "../../src/vesting/book.ts";
import type { OPG, ScheduleLens, TokenLaunch, VestVault } from "../../typechain-types/index.ts";
import { walletOf } from "./economy.ts";

export const WEI_PER_OPG = 10n ** 18n;
export const SUPPLY_WEI = 10n ** 27n;
/** April 2026. */
export const APRIL_2026 = 2026 * 12 + 3;

/** A fresh local chain, before the first unlock of the books below. With `bigCalls` a call has 50 million gas, as of a node. */
export async function openVaultChain({ bigCalls = false } = {}) {
  const limits = bigCalls ? { transactionGasCap: false as const, blockGasLimit: 50_000_000 } : {};
  const connection = await network.create({ override: { initialDate: new Date("2026-04-01T00:00:00Z"), ...limits } });
  const signers = await connection.ethers.getSigners();
  const { time } = connection.networkHelpers;
  return {
    ...connection,
    signers,
    signer: (index: number) => signers[index] as (typeof signers)[number],
    /** Gives the next block this timestamp. */
    next: (timestamp: number) => time.setNextBlockTimestamp(timestamp),
    /** Mines a block with this timestamp; what is read then is read there. */
    reach: (timestamp: number) => time.increaseTo(timestamp),
  };
}

export type VaultChain = Awaited<ReturnType<typeof openVaultChain>>;

export const totalOf = ({ grants }: Pick<Book, "grants">) => grants.reduce((sum, { totalWei }) => sum + totalWei, 0n);

/** The fields of a struct that a contract answered, in order. */
export const fieldsOf = (answer: Iterable<unknown> | undefined): unknown[] => [...(answer ?? [])];

export type Launched = { launch: TokenLaunch; opg: OPG; vault: VestVault; lens: ScheduleLens; file: Uint8Array };

/** Launches a token with a vault over this book; what the book leaves is the first signer's. */
export async function openVault({ ethers, signer }: VaultChain, book: Book): Promise<Launched> {
  const file = encodeBook(book);
  const launch = await ethers.deployContract("TokenLaunch");
  const restWei = SUPPLY_WEI - totalOf(book);
  const liquid = restWei === 0n ? [] : [{ to: signer(0).address, amountWei: restWei }];
  await mined(launch.launch(file, totalOf(book), liquid));
  const opg = await ethers.getContractAt("OPG", await launch.opg());
  const vault = await ethers.getContractAt("VestVault", await launch.vault());
  const lens = await ethers.deployContract("ScheduleLens", [vault]);
  return { launch, opg, vault, lens, file };
}

/** A vault that is neither funded nor sealed, over any token; by default over an OPG that is the first signer's. */
export async function plainVault<Token = OPG>(
  { ethers, signer }: VaultChain,
  file: Uint8Array,
  announcedWei: bigint,
  token?: Token,
) {
  const opg = token ?? (await ethers.deployContract("OPG", [[{ to: signer(0).address, amountWei: SUPPLY_WEI }]]));
  const vault = await ethers.deployContract("VestVault", [opg as OPG, file, announcedWei]);
  return { opg: opg as Token, vault };
}

/** The published schedule, one grant for each part. What is free at once is a grant of one tranche in month 0. */
export function publishedBook(): Book {
  const parts: [category: string, millions: bigint, firstTranche: number, tranches: number][] = [
    ["ecosystem", 40n, 0, 1],
    ["ecosystem", 360n, 1, 60],
    ["foundation", 50n, 0, 1],
    ["foundation", 100n, 1, 48],
    ["core-contributors", 150n, 13, 36],
    ["investors", 100n, 13, 36],
    ["staking-rewards", 100n, 1, 96],
    ["liquidity", 60n, 0, 1],
    ["airdrop", 40n, 0, 1],
  ];
  return {
    anchor: { startMonth: APRIL_2026, day: 21 },
    schedules: parts.map(([category, , firstTranche, tranches]) => ({
      ...{ category, firstTranche, tranches },
      revocation: null,
    })),
    grants: parts.map(([category, millions], schedule) => ({
      beneficiary: walletOf(category).address,
      schedule,
      totalWei: millions * 1_000_000n * WEI_PER_OPG,
    })),
  };
}

/** Grants of all kinds and totals that do not divide. Of the signers: 1 to 6 are beneficiaries, 7 and 8 revoke, 9 gets the rest. */
export function smallBook({ signer }: Pick<VaultChain, "signer">): Book {
  const revocation = (revoker: number, noticeMonths: number) => ({
    revoker: signer(revoker).address,
    remainderTo: signer(9).address,
    noticeMonths,
  });
  const grant = (beneficiary: number, schedule: number, totalWei: bigint) => ({
    beneficiary: signer(beneficiary).address,
    ...{ schedule, totalWei },
  });
  return {
    anchor: { startMonth: APRIL_2026, day: 21 },
    schedules: [
      { category: "team", firstTranche: 3, tranches: 7, revocation: revocation(7, 2) },
      { category: "fund", firstTranche: 0, tranches: 1, revocation: null },
      { category: "pool", firstTranche: 1, tranches: 12, revocation: null },
      { category: "seed", firstTranche: 2, tranches: 5, revocation: revocation(8, 0) },
    ],
    grants: [
      grant(1, 0, 100_000_000n * WEI_PER_OPG + 1n),
      grant(2, 0, 3n),
      grant(3, 1, 1_000_000n * WEI_PER_OPG),
      grant(4, 2, 77_777_777_777_777_777_777n),
      grant(4, 2, 1n),
      grant(5, 3, 10n ** 25n + 7n),
      grant(6, 3, 4n),
    ],
  };
}

/** The file with one of its words, counted after the first byte, changed. */
export function withWord(file: Uint8Array, index: number, change: (word: bigint) => bigint): Uint8Array {
  const bytes = Buffer.from(file);
  const at = 1 + 32 * index;
  const word = BigInt(`0x${bytes.toString("hex", at, at + 32)}`);
  bytes.write(change(word).toString(16).padStart(64, "0"), at, "hex");
  return new Uint8Array(bytes);
}
