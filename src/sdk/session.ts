import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { RegisteredModel } from "../core/chain/models.ts";
import type { Chain } from "../core/chain/open.ts";
import { type ChainView, createChainView } from "../core/chain/view.ts";
import { type Clock, secondsOf, systemClock } from "../core/clock.ts";
import { BaseError, InputError, UnavailableError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { secp256k1 } from "../core/hashing/secp256k1.ts";
import { parseChatRequest } from "../core/openai.ts";
import { inputCommitment } from "../core/protocol/commitments.ts";
import { typedDigest } from "../core/protocol/domain.ts";
import { encodeHeader, type Payment, signedReceiptSchema } from "../core/protocol/json.ts";
import { type Request, requestHash, termsHash, voucherHash } from "../core/protocol/messages.ts";
import { priceOf } from "../core/protocol/price.ts";
import { Mode, type Receipt } from "../core/protocol/receipt.ts";
import type { LoggedRequest } from "./readReceiptLog.ts";
import type { ReceiptLog } from "./receiptLog.ts";
import type { Reservation } from "./reservation.ts";
import { checkAgainstRequest, type HandedReceipt, ReceiptError, verifyReceipt } from "./verify.ts";

export type SessionOptions = {
  /** Up to and excluding `/v1`. */
  gatewayUrl: string;
  chain: Chain;
  reservation: Reservation;
  /** Signs vouchers; 32 bytes. */
  voucherKey: Uint8Array;
  /** The most that one answer may cost; without it, what the body could cost at most. */
  maxPriceNano?: bigint;
  minMode?: Mode;
  /** What a wrong answer could cost the payer; auditors draw by it. */
  valueAtRiskNano?: bigint;
  /** Model name → version id. Without an entry the registry's record must bear the name that was asked for. */
  pins?: Record<string, Hex>;
  /** Keeps requests, vouchers and receipts for whoever watches; see docs/payers.md. */
  log?: ReceiptLog;
  clock?: Clock;
  onReceipt?: (receipt: Receipt, handed: HandedReceipt) => void;
};

/** One request on its way. */
export type Ticket = { id: Hex; payment: Payment; header: string };

/** A payer's side of a reservation: signs vouchers, checks receipts, keeps count. */
export type Session = {
  reservation: Reservation;
  gatewayUrl: string;
  /** All verified receipts' spending so far. */
  spentNano(): bigint;
  /** Signs a request and a voucher for a body, exactly as it will be sent. */
  ticket(body: Uint8Array): Promise<Ticket>;
  /** Checks the receipt of an answer and counts it. Throws a `ReceiptError`. */
  settle(ticket: Ticket, handed: unknown, digest: Uint8Array): Promise<Receipt>;
  /** The network answered with a refusal before anything was delivered: nothing is owed. */
  refused(ticket: Ticket): void;
  /** The answer broke off, or did not hold: what is owed for it is found out by {@link Session.catchUp}. */
  brokenOff(ticket: Ticket): void;
  /** Fetches and checks the receipts of requests that were broken off. Does nothing when there are none. */
  catchUp(): Promise<void>;
};

const VOUCHER_SECONDS = 300n;
const DEFAULT_OUTPUT_UNITS = 1024;

type Open = {
  request: Request;
  broken: boolean;
  /** Of a request that another session sent, or may be about to send: Unix seconds, the last one in which it is accepted. */
  until?: bigint;
};

/** Opens a session on a reservation. Reads the settler's count of what was spent and checks it. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { chain, reservation, clock = systemClock, gatewayUrl } = options;
  const view = createChainView({ contracts: chain.contracts, clock });
  const context = { domain: chain.domain, view };
  const open = new Map<Hex, Open>();
  let spentNano = 0n;
  /** The most that may have been spent: what is known, and the caps of what is open. */
  const ceiling = () => [...open.values()].reduce((sum, { request }) => sum + request.maxPriceNano, spentNano);
  let knownPrices = 0n;
  let startNano = 0n;

  function count(ticket: Pick<Ticket, "id">, receipt: Receipt): void {
    const most = startNano + knownPrices + (ceiling() - spentNano);
    if (receipt.spentNano > most) {
      throw new ReceiptError("overspent", "The receipt counts more as spent than this session knows of", {
        spentNano: receipt.spentNano,
        mostNano: most,
      });
    }
    open.delete(ticket.id);
    knownPrices += receipt.priceNano;
    if (receipt.spentNano > spentNano) spentNano = receipt.spentNano;
  }

  /** What a receipt turned out to be is kept with it; an answer counts only once its receipt is kept. */
  async function kept(handed: HandedReceipt, check: () => Promise<Receipt>): Promise<Receipt> {
    let receipt: Receipt;
    try {
      receipt = await check();
    } catch (error) {
      if (error instanceof ReceiptError) await options.log?.received(handed, error.code);
      throw error;
    }
    await options.log?.received(handed);
    return receipt;
  }

  const session: Session = {
    reservation,
    gatewayUrl,
    spentNano: () => spentNano,

    async ticket(body) {
      const made = await makeRequest(options, view, body);
      const payment = signPayment(options, made, ceiling(), clock);
      const id = toHex(payment.voucher.requestHash);
      open.set(id, { request: payment.request, broken: false });
      // The voucher may not leave before it is kept: a debit that it allows would look like theft.
      await options.log?.requested(payment).catch((error: unknown) => {
        open.delete(id);
        throw error;
      });
      return { id, payment, header: encodeHeader(payment) };
    },

    async settle(ticket, handed, digest) {
      const parsed = parseHanded(handed);
      const { request, salt } = ticket.payment;
      const { settler, reservation: index } = reservation;
      const receipt = await kept(parsed, async () => {
        const verified = await verifyReceipt(context, parsed);
        checkAgainstRequest(verified, { request, settler, reservation: index, output: { salt, digest } });
        count(ticket, verified);
        return verified;
      });
      options.onReceipt?.(receipt, parsed);
      return receipt;
    },

    refused(ticket) {
      open.delete(ticket.id);
    },

    brokenOff({ id }) {
      const entry = open.get(id);
      if (entry) entry.broken = true;
    },

    async catchUp() {
      for (const [id, { request, broken, until = 0n }] of [...open]) {
        if (!broken) continue;
        const found = await fetchReceipt(gatewayUrl, id);
        if (found === "unknown" && until < secondsOf(clock)) open.delete(id);
        if (found === "unknown" || found === "pending") continue;
        const { settler, reservation: index } = reservation;
        let counted = false;
        const receipt = await kept(found, async () => {
          const verified = await verifyReceipt(context, found, "signing");
          checkAgainstRequest(verified, { request, settler, reservation: index });
          // Another call may have counted it while this one was reading.
          counted = open.has(id);
          if (counted) count({ id }, verified);
          return verified;
        });
        if (counted) options.onReceipt?.(receipt, found);
      }
    },
  };

  const before = await spentBefore(gatewayUrl, reservation, context);
  startNano = spentNano = before?.receipt.spentNano ?? 0n;
  const left = await resume(options, before);
  // What another session of this reservation asked for may still be answered, and charged.
  for (const [id, { request, expiry }] of left) open.set(id, { request, broken: true, until: expiry });
  return session;
}

type Before = { receipt: Receipt; handed: HandedReceipt };

/**
 * The requests of earlier sessions whose receipt never came. The first session that keeps a log takes the settler's latest
 * receipt as it is; later ones refuse it when it counts more than the log can explain.
 */
async function resume({ log }: SessionOptions, before: Before | undefined): Promise<Map<Hex, LoggedRequest>> {
  const left = new Map<Hex, LoggedRequest>();
  if (!log) return left;
  const known = await log.read();
  if (known.cumulativeNano === 0n) {
    if (before) await log.received(before.handed);
    return left;
  }
  for (const [id, logged] of known.requests) if (!known.receipts.has(id)) left.set(id, logged);
  const caps = [...left.values()].reduce((sum, { request }) => sum + request.maxPriceNano, 0n);
  const mostNano = known.spentNano + known.looseNano + caps;
  if (before && before.receipt.spentNano > mostNano) {
    throw new ReceiptError("overspent", "The settler counts more as spent than the receipt log can explain", {
      spentNano: before.receipt.spentNano,
      mostNano,
      hint: "Everybody who uses a reservation must keep the same log",
    });
  }
  return left;
}

/** What an earlier session spent, shown by a receipt that an attested verifier signed; undefined when there is none. */
async function spentBefore(
  gatewayUrl: string,
  { settler, reservation }: Reservation,
  context: Parameters<typeof verifyReceipt>[0],
): Promise<Before | undefined> {
  const answer = z
    .object({ spentNano: z.string().transform(BigInt), latest: z.string().nullable() })
    .parse(await getJson(`${gatewayUrl}/v1/reservations/${reservation}`));
  if (answer.spentNano === 0n || answer.latest === null) return undefined;
  const handed = await fetchReceipt(gatewayUrl, answer.latest as Hex);
  if (typeof handed === "string") throw new UnavailableError("The settler's latest receipt is not signed yet");
  const receipt = await verifyReceipt(context, handed, "signing");
  if (receipt.settler !== settler || receipt.reservation !== reservation) {
    throw new ReceiptError("wrong_request", "The settler showed a receipt of another reservation");
  }
  return { receipt, handed };
}

type Made = Request & { salt: Uint8Array };

async function makeRequest(options: SessionOptions, view: ChainView, body: Uint8Array): Promise<Made> {
  const chat = parseChatRequest(body);
  const model = await resolveModel(options, view, chat.model);
  const outputUnits = chat.max_completion_tokens ?? chat.max_tokens ?? DEFAULT_OUTPUT_UNITS;
  const salt = new Uint8Array(randomBytes(32));
  return {
    salt,
    modelVersion: model.version,
    inputHash: inputCommitment(salt, body),
    minMode: options.minMode ?? Mode.SIGNED,
    maxPriceNano: options.maxPriceNano ?? priceOf(model.prices, { inputUnits: body.length, outputUnits }),
    valueAtRiskNano: options.valueAtRiskNano ?? 0n,
    nonce: new Uint8Array(randomBytes(32)),
  };
}

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string(), label: z.string(), version: z.string() })) });

/** The version that a name stands for: pinned, or served under that name and registered under it. */
async function resolveModel(
  { gatewayUrl, pins }: SessionOptions,
  view: ChainView,
  asked: string,
): Promise<RegisteredModel> {
  const pinned = pins?.[asked] ?? (asked.startsWith("0x") ? (asked as Hex) : undefined);
  let id = pinned;
  if (!id) {
    const { data } = modelsSchema.parse(await getJson(`${gatewayUrl}/v1/models`));
    id = data.find((m) => m.id === asked || `${m.id}@${m.label}` === asked)?.version as Hex | undefined;
  }
  const model = id && (await view.model(id));
  if (!model || (!pinned && model.name !== asked && `${model.name}@${model.label}` !== asked)) {
    throw new InputError("This model is not served here", {
      code: "model_not_found",
      facts: { model: asked, version: id ?? "none" },
      hint: "Ask for one of /v1/models",
    });
  }
  return model;
}

function signPayment(
  { chain, reservation, voucherKey }: SessionOptions,
  { salt, ...request }: Made,
  ceilingNano: bigint,
  clock: Clock,
): Payment {
  const { settler, reservation: index, terms } = reservation;
  const voucher = {
    settler,
    reservation: index,
    termsHash: termsHash(terms),
    cumulativeNano: ceilingNano + request.maxPriceNano,
    requestHash: requestHash(request),
    expiry: secondsOf(clock) + VOUCHER_SECONDS,
  };
  const signature = secp256k1.sign(typedDigest(chain.domain, voucherHash(voucher)), voucherKey);
  return { terms, request, voucher, signature, salt };
}

const handedSchema = signedReceiptSchema.extend({ evidence: signedReceiptSchema.shape.evidence.nullable() });

function parseHanded(handed: unknown): HandedReceipt {
  const { receipt, path, window, signature, evidence } = (handed ?? {}) as Record<string, unknown>;
  const parsed = handedSchema.safeParse({ receipt, path, window, signature, evidence });
  if (parsed.success) return parsed.data;
  throw new ReceiptError("malformed", "The receipt is malformed or not signed", {
    field: parsed.error.issues[0]?.path.join("."),
  });
}

/** A receipt by its request's id; `pending` while it is not signed, `unknown` when the settler never took the request. */
export async function fetchReceipt(gatewayUrl: string, id: Hex): Promise<HandedReceipt | "pending" | "unknown"> {
  const response = await fetch(`${gatewayUrl}/v1/receipts/${id}`);
  if (response.status === 404) return "unknown";
  const answer = (await response.json()) as { state?: string };
  return answer.state === "signed" || answer.state === "batched" ? parseHanded(answer) : "pending";
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new UnavailableError("The gateway does not answer", { code: "gateway_unavailable", facts: { url }, cause });
  });
  if (response.ok) return response.json();
  throw new BaseError("The gateway refused", { code: "gateway_refused", facts: { url, status: response.status } });
}
