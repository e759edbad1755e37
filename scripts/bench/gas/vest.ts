import { type ContractTransactionResponse, getCreateAddress } from "ethers";
import { type Book, encodeBook } from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import { measure, type Row } from "./row.ts";
import type { Bench } from "./setup.ts";

const GRANTS = 500;
const MANY = 50;
const TRANCHES = 48;
const GRANT_WEI = 1_000_000_000000000123456789n;

/** A book of 500 grants of 48 monthly tranches, to addresses that look like addresses. */
function bookOf(startMonth: number, beneficiary: (i: number) => string): Book {
  return {
    anchor: { startMonth, day: 21 },
    schedules: [{ category: "bench", firstTranche: 1, tranches: TRANCHES, revocation: null }],
    grants: Array.from({ length: GRANTS }, (_, i) => ({
      beneficiary: beneficiary(i),
      schedule: 0,
      totalWei: GRANT_WEI + BigInt(i),
    })),
  };
}

/** Vesting beside OpenZeppelin's wallet, which holds one grant. */
export async function vestRows({ protocol }: Bench): Promise<Row[]> {
  const { ethers, networkHelpers, signers } = protocol;
  const [owner] = signers as [(typeof signers)[number]];
  const now = new Date((await networkHelpers.time.latest()) * 1000);
  const startMonth = now.getUTCFullYear() * 12 + now.getUTCMonth() + 1;
  const book = bookOf(startMonth, (i) => ethers.computeAddress(ethers.id(`beneficiary ${i}`)));
  const file = encodeBook(book);
  const totalWei = book.grants.reduce((sum, { totalWei }) => sum + totalWei, 0n);

  // A token of its own, minted straight to the vault's address.
  const nonce = await owner.getNonce();
  const vaultAddress = getCreateAddress({ from: owner.address, nonce: nonce + 1 });
  const rest = { to: owner.address, amountWei: 10n ** 27n - totalWei };
  const opg = await ethers.deployContract("OPG", [[{ to: vaultAddress, amountWei: totalWei }, rest]]);
  const vault = await ethers.deployContract("VestVault", [opg.target, file, totalWei]);
  const created = await measure(Promise.resolve(vault.deploymentTransaction() as ContractTransactionResponse));
  const sealed = await measure(vault.seal());

  const start = anniversary(book.anchor, 0);
  const duration = anniversary(book.anchor, TRANCHES) - start;
  const peer = await ethers.deployContract("PeerVestingWallet", [owner.address, start, duration]);
  const peerCreated = await measure(Promise.resolve(peer.deploymentTransaction() as ContractTransactionResponse));
  await opg.transfer(peer.target, GRANT_WEI);

  const ids = Array.from({ length: MANY }, (_, i) => i);
  const release = peer.getFunction("release(address)");
  await networkHelpers.time.increaseTo(anniversary(book.anchor, 2));
  await vault.claim(60);
  await vault.claimMany(ids);
  await release(opg.target);
  await networkHelpers.time.increaseTo(anniversary(book.anchor, 7));
  const later = await measure(vault.claim(60));
  const many = await measure(vault.claimMany(ids));
  const peerLater = await measure(release(opg.target));

  // Execution only, the most of a day before and a day after the anchor of each month of the schedule.
  const harness = await ethers.deployContract("CalendarHarness");
  let elapsedGas = 0;
  for (let month = 0; month <= TRANCHES; month++) {
    for (const offset of [-86_400, 0]) {
      const at = anniversary(book.anchor, month) + offset;
      const { gas } = await harness.gasOfElapsed(at, startMonth, book.anchor.day);
      elapsedGas = Math.max(elapsedGas, Number(gas));
    }
  }

  const walletOf = (what: string, gasUsed: number) => ({ name: `OpenZeppelin VestingWallet, ${what}`, gasUsed });
  const each = (gasUsed: number, count: number) => Math.round(gasUsed / count);
  return [
    {
      name: "vest/grant-in-500",
      ...created,
      perUnit: each(created.gasUsed, GRANTS),
      limit: GRANTS * 9_000,
      perUnitLimit: 9_000,
      peer: walletOf("one grant", peerCreated.gasUsed),
    },
    { name: "vest/seal", ...sealed, perUnit: null, limit: 60_000, perUnitLimit: null, peer: null },
    {
      name: "vest/claim-later",
      ...later,
      perUnit: null,
      limit: 51_000,
      perUnitLimit: null,
      peer: walletOf("release", peerLater.gasUsed),
    },
    {
      name: "vest/claim-many-50",
      ...many,
      perUnit: each(many.gasUsed, MANY),
      limit: MANY * 19_500,
      perUnitLimit: 19_500,
      peer: walletOf("release", peerLater.gasUsed),
    },
    {
      name: "vest/elapsed-anniversaries",
      gasUsed: elapsedGas,
      bytes: 0,
      perUnit: null,
      limit: 700,
      perUnitLimit: null,
      peer: null,
    },
  ];
}
