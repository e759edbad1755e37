import { Signature, type Signer } from "ethers";
import { eventOf, mined } from "../core/chain/events.ts";
import type { Chain } from "../core/chain/open.ts";
import { chainError } from "../core/chain/revert.ts";
import { InputError } from "../core/errors.ts";
import type { Hex } from "../core/hashing/hex.ts";
import type { Terms } from "../core/protocol/messages.ts";
import { formatOpg, WEI_PER_NANO } from "../core/units.ts";

/** A payer's money at one settler. */
export type Reservation = { settler: number; reservation: number; terms: Terms };

export type OpenReservationOptions = {
  settler: number;
  policy: number;
  /** Address of the key that will sign vouchers. */
  voucherKey: string;
  amountNano: bigint;
  /** `permit` spares the approval's transaction; the token must know ERC-2612. */
  method?: "approve" | "permit";
};

/** Deposits and reserves. The signer is the payer. Throws when it has too little. */
export async function openReservation(
  chain: Chain,
  payer: Signer,
  { settler, policy, voucherKey, amountNano, method = "permit" }: OpenReservationOptions,
): Promise<Reservation> {
  const { opg, settlement } = chain.contracts;
  const address = await payer.getAddress();
  const amountWei = amountNano * WEI_PER_NANO;
  const balanceWei = await opg.balanceOf(address);
  if (balanceWei < amountWei) {
    throw new InputError("The account holds too little OPG", {
      code: "balance_too_low",
      facts: { account: address, has: formatOpg(balanceWei / WEI_PER_NANO), needs: formatOpg(amountNano) },
      hint: "Send OPG to the account first",
    });
  }
  const connected = settlement.connect(payer);
  try {
    let receipt: Awaited<ReturnType<typeof mined>>;
    if (method === "approve") {
      await mined(opg.connect(payer).approve(settlement.target, amountWei));
      receipt = await mined(connected.reserve(settler, voucherKey, policy, amountNano));
    } else {
      const { deadline, v, r, s } = await signPermit(chain, payer, amountWei);
      receipt = await mined(connected.reserveWithPermit(settler, voucherKey, policy, amountNano, deadline, v, r, s));
    }
    const { reservation } = eventOf(receipt, settlement, "Reserved").args;
    const terms = { payer: address.toLowerCase() as Hex, voucherKey: voucherKey.toLowerCase() as Hex, policy };
    return { settler, reservation: Number(reservation), terms };
  } catch (error) {
    throw chainError("The reservation could not be opened", error);
  }
}

/** Adds money to a reservation. */
export async function topUp(chain: Chain, payer: Signer, { settler, reservation }: Reservation, amountNano: bigint) {
  const { opg, settlement } = chain.contracts;
  try {
    await mined(opg.connect(payer).approve(settlement.target, amountNano * WEI_PER_NANO));
    await mined(settlement.connect(payer).topUp(settler, reservation, amountNano));
  } catch (error) {
    throw chainError("The reservation could not be topped up", error);
  }
}

const PERMIT_SECONDS = 3600n;

/** An ERC-2612 permit for exactly this much to the settlement contract. */
async function signPermit({ provider, contracts, domain }: Chain, payer: Signer, amountWei: bigint) {
  const { opg, settlement } = contracts;
  const owner = await payer.getAddress();
  const block = await provider.getBlock("latest");
  const deadline = BigInt(block?.timestamp ?? 0) + PERMIT_SECONDS;
  const [name, nonce] = await Promise.all([opg.name(), opg.nonces(owner)]);
  const Permit = [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ];
  const signature = await payer.signTypedData(
    { name, version: "1", chainId: domain.chainId, verifyingContract: String(opg.target) },
    { Permit },
    { owner, spender: String(settlement.target), value: amountWei, nonce, deadline },
  );
  const { v, r, s } = Signature.from(signature);
  return { deadline, v, r, s };
}
