import { Signature, type TypedDataDomain, zeroPadValue } from "ethers";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import type { Protocol } from "../../../test/helpers/protocol.ts";
import { measure, type Row } from "./row.ts";
import type { Bench } from "./setup.ts";

const AMOUNT_NANO = 1_234_567_890n;
const AMOUNT_WEI = AMOUNT_NANO * WEI_PER_NANO;
const VOUCHER_KEY = `0x${"5b".repeat(20)}`;

const X402_DEPOSIT = { name: "x402 deposit, one pair, reserves nothing", gasUsed: 81_544 };
const FRESH = 105_000;
const IN_USE = 88_000;
const TOP_UP = 61_000;
/** What a signature instead of an approval may cost more. */
const SIGNED = 28_000;

type Signer = Protocol["signers"][number];

/** Getting in: deposit and reservation in one transaction, approved for exactly the amount, as the SDK does it. */
export async function enterRows({ protocol, economy }: Bench): Promise<Row[]> {
  const { contracts, signers } = protocol;
  const { opg, settlement } = contracts;
  const { settler } = economy;
  const payer = signers[11] as Signer;
  const connected = settlement.connect(payer);
  await (await opg.transfer(payer.address, 1_000n * AMOUNT_WEI)).wait();
  const approve = async () => (await opg.connect(payer).approve(settlement.target, AMOUNT_WEI)).wait();
  const row = async (name: string, limit: number, send: () => ReturnType<typeof connected.reserve>): Promise<Row> => {
    const measured = await measure(send());
    return { name, ...measured, perUnit: null, limit, perUnitLimit: null, peer: X402_DEPOSIT };
  };
  const reserve = () => connected.reserve(settler, VOUCHER_KEY, 1, AMOUNT_NANO);
  /** Until the next reservation opens a lane slot of its own. */
  const toFreshSlot = async () => {
    while ((await settlement.getSettler(settler)).reservations % 4n !== 0n) {
      await approve();
      await (await reserve()).wait();
    }
  };

  // A payer that has deposited before: its token balance slot and nonce are not touched for the first time.
  await toFreshSlot();
  const rows: Row[] = [];
  await approve();
  rows.push(await row("enter/fresh-slot", FRESH, reserve));
  await approve();
  rows.push(await row("enter/slot-in-use", IN_USE, reserve));
  const { reservations } = await settlement.getSettler(settler);
  await approve();
  rows.push(await row("enter/top-up", TOP_UP, () => connected.topUp(settler, reservations - 1n, AMOUNT_NANO)));

  await toFreshSlot();
  rows.push(await row("enter/permit", FRESH + SIGNED, await withPermit(protocol, payer, settler)));
  await toFreshSlot();
  rows.push(await row("enter/eip3009", FRESH + SIGNED, await withAuthorization(protocol, payer, settler)));
  return rows;
}

async function withPermit({ contracts: { opg, settlement } }: Protocol, payer: Signer, settler: number) {
  const deadline = 2n ** 40n;
  const signature = await payer.signTypedData(
    await tokenDomain(opg),
    { Permit: fields("owner:address", "spender:address", "value:uint256", "nonce:uint256", "deadline:uint256") },
    {
      owner: payer.address,
      spender: settlement.target,
      value: AMOUNT_WEI,
      nonce: await opg.nonces(payer.address),
      deadline,
    },
  );
  const { v, r, s } = Signature.from(signature);
  return () => settlement.connect(payer).reserveWithPermit(settler, VOUCHER_KEY, 1, AMOUNT_NANO, deadline, v, r, s);
}

async function withAuthorization({ contracts: { opg, settlement } }: Protocol, payer: Signer, settler: number) {
  const salt = zeroPadValue("0x77", 32);
  const validBefore = 2n ** 40n;
  const nonce = await settlement.authorizationNonce(settler, VOUCHER_KEY, 1, AMOUNT_NANO, salt);
  const signature = await payer.signTypedData(
    await tokenDomain(opg),
    {
      ReceiveWithAuthorization: fields(
        "from:address",
        "to:address",
        "value:uint256",
        "validAfter:uint256",
        "validBefore:uint256",
        "nonce:bytes32",
      ),
    },
    { from: payer.address, to: settlement.target, value: AMOUNT_WEI, validAfter: 0, validBefore, nonce },
  );
  const { v, r, s } = Signature.from(signature);
  return () =>
    settlement
      .connect(payer)
      .reserveWithAuthorization(payer.address, settler, VOUCHER_KEY, 1, AMOUNT_NANO, 0, validBefore, salt, v, r, s);
}

async function tokenDomain(opg: Protocol["contracts"]["opg"]): Promise<TypedDataDomain> {
  const [, name, version, chainId, verifyingContract] = await opg.eip712Domain();
  return { name, version, chainId, verifyingContract };
}

function fields(...entries: string[]) {
  return entries.map((entry) => {
    const [name, type] = entry.split(":") as [string, string];
    return { name, type };
  });
}
