import { readFile } from "node:fs/promises";
import { Wallet } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { createChainView } from "../../core/chain/view.ts";
import { systemClock } from "../../core/clock.ts";
import { InputError } from "../../core/errors.ts";
import { fromHex, type Hex } from "../../core/hashing/hex.ts";
import { jsonOf } from "../../core/jsonOf.ts";
import { signedReceiptSchema } from "../../core/protocol/json.ts";
import type { Receipt } from "../../core/protocol/receipt.ts";
import { parseOpg } from "../../core/units.ts";
import { fetchProof, proveOnChain } from "../../sdk/prove.ts";
import { openReceiptLog } from "../../sdk/receiptLog.ts";
import { openReservation, type Reservation } from "../../sdk/reservation.ts";
import { openSession, type Session } from "../../sdk/session.ts";
import { verifyReceipt } from "../../sdk/verify.ts";
import { type Config, openConfigured, readEnvironment, receiptLogsOf, required, signerOf } from "../config.ts";

/** Opens a reservation of `amount` OPG at the settler, paid by OPG_KEY. */
export async function reserve(amount: string): Promise<Reservation & { voucherKey: string }> {
  const config = readEnvironment();
  const chain = await openConfigured(config);
  try {
    const voucherKey = config.VOUCHER_KEY ?? Wallet.createRandom().privateKey;
    const reservation = await openReservation(chain, signerOf(config, chain), {
      settler: required(config, "SETTLER"),
      policy: config.POLICY,
      voucherKey: new Wallet(voucherKey).address,
      amountNano: parseOpg(amount),
    });
    return { ...reservation, voucherKey };
  } finally {
    chain.provider.destroy();
  }
}

/** A session on the reservation that the environment names. */
export async function withSession<T>(use: (session: Session, config: Config) => Promise<T>): Promise<T> {
  const config = readEnvironment();
  const chain = await openConfigured(config);
  try {
    const gatewayUrl = config.GATEWAY_URL.replace(/\/$/, "");
    const reservation = reservationOf(config);
    const directory = receiptLogsOf(config);
    const session = await openSession({
      gatewayUrl,
      chain,
      reservation,
      log: await openReceiptLog({ directory, domain: chain.domain, reservation, gatewayUrl }),
      voucherKey: fromHex(required(config, "VOUCHER_KEY"), 32),
    });
    return await use(session, config);
  } finally {
    chain.provider.destroy();
  }
}

function reservationOf(config: Config): Reservation {
  const payer = config.PAYER ?? new Wallet(required(config, "OPG_KEY")).address;
  return {
    settler: required(config, "SETTLER"),
    reservation: required(config, "RESERVATION"),
    terms: {
      payer: payer.toLowerCase() as Hex,
      voucherKey: new Wallet(required(config, "VOUCHER_KEY")).address.toLowerCase() as Hex,
      policy: config.POLICY,
    },
  };
}

export type Verdict = { receipt: Receipt; attested: true; settled: boolean; provenOnChain: boolean };

/** Checks a receipt, given by its id at the gateway or as a file: signed by an attested verifier, and settled? */
export async function verify(idOrFile: string): Promise<Verdict> {
  const config = readEnvironment();
  const chain = await openConfigured(config);
  try {
    const isId = /^0x[0-9a-fA-F]{64}$/.test(idOrFile);
    const handed = isId ? await handedById(config, idOrFile as Hex) : await handedFromFile(idOrFile);
    const view = createChainView({ contracts: chain.contracts, clock: systemClock });
    const receipt = await verifyReceipt({ domain: chain.domain, view }, handed);
    const settled = isId && (await isSettled(config, chain, idOrFile as Hex));
    return { receipt, attested: true, settled, provenOnChain: settled };
  } finally {
    chain.provider.destroy();
  }
}

const handedSchema = signedReceiptSchema.extend({ evidence: signedReceiptSchema.shape.evidence.nullable() });

function parseHanded(value: unknown) {
  const { receipt, path, window, signature, evidence } = (value ?? {}) as Record<string, unknown>;
  const parsed = handedSchema.safeParse({ receipt, path, window, signature, evidence });
  if (parsed.success) return parsed.data;
  throw new InputError("This is not a signed receipt", {
    code: "bad_receipt",
    facts: { field: parsed.error.issues[0]?.path.join("."), reason: parsed.error.issues[0]?.message },
    hint: "Give the `receipt` member of an answer, or a receipt's id",
  });
}

async function handedById(config: Config, id: Hex) {
  const response = await fetch(`${config.GATEWAY_URL}/v1/receipts/${id}`);
  if (response.ok) return parseHanded(await response.json());
  throw new InputError("The gateway has no such receipt", {
    code: "not_found",
    facts: { id, status: response.status },
  });
}

async function handedFromFile(path: string) {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("Neither a receipt's id nor a file", { code: "not_found", facts: { given: path }, cause });
  });
  const value = jsonOf(text, (cause) => new InputError("The file is not JSON", { code: "bad_receipt", cause }));
  // An answer holds its receipt as a member of the same name.
  const { receipt } = (value ?? {}) as { receipt?: unknown };
  return parseHanded(typeof receipt === "object" ? receipt : value);
}

async function isSettled(config: Config, chain: Chain, id: Hex): Promise<boolean> {
  const proof = await fetchProof(config.GATEWAY_URL, id).catch(() => undefined);
  return proof !== undefined && (await proveOnChain(chain, proof)).valid;
}
