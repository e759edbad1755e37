import { createHash } from "node:crypto";
import { createParser } from "eventsource-parser";
import { InputError } from "../core/errors.ts";
import { errorBody } from "../core/http/errors.ts";
import { OUTPUT_LENGTH_HEADER, PAYMENT_HEADER, RECEIPT_AT_HEADER } from "../core/protocol/headers.ts";
import type { Session, Ticket } from "./session.ts";
import { ReceiptError } from "./verify.ts";

const PAID_PATH = "/v1/chat/completions";

/**
 * A `fetch` that pays: hand it to any OpenAI client whose base URL is the gateway's. It signs a voucher for each request
 * and checks the receipt of each answer. An answer that is not streamed is checked before anything of it is given out; a
 * streamed one ends with an error when its receipt does not hold.
 */
export function createFetch(session: Session): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "POST" || new URL(request.url).pathname !== PAID_PATH) return fetch(request);
    const body = new Uint8Array(await request.arrayBuffer());
    const first = await send(session, request, body);
    const again = first.status === 402 && (await isOutOfStep(first));
    if (!again) return first;
    // The settler has counted something that this session has not seen the receipt of.
    await session.catchUp();
    return send(session, request, body);
  };
}

async function send(session: Session, request: Request, body: Uint8Array): Promise<Response> {
  await session.catchUp();
  const ticket = await session.ticket(body).catch((error: unknown) => {
    if (error instanceof InputError) return error;
    throw error;
  });
  // What the gateway would refuse as well is told in the same way, so that clients show it as they show theirs.
  if (ticket instanceof InputError) {
    const { status, body: refusal } = errorBody(ticket);
    return Response.json(refusal, { status });
  }
  const headers = new Headers(request.headers);
  headers.set(PAYMENT_HEADER, ticket.header);
  let response: Response;
  try {
    response = await fetch(request.url, {
      method: "POST",
      headers,
      body: body as Uint8Array<ArrayBuffer>,
      signal: request.signal,
    });
  } catch (error) {
    session.brokenOff(ticket);
    throw error;
  }
  if (!response.ok) return refused(session, ticket, response);
  const streamed = response.headers.get("content-type")?.startsWith("text/event-stream");
  return streamed ? checkStream(session, ticket, response) : checkWhole(session, ticket, response);
}

async function isOutOfStep(response: Response): Promise<boolean> {
  const { error } = (await response.clone().json()) as { error?: { code?: string } };
  return error?.code === "voucher_too_low";
}

/** A refusal costs nothing; when a number was taken for it, its receipt says so. */
async function refused(session: Session, ticket: Ticket, response: Response): Promise<Response> {
  const { receipt } = (await response
    .clone()
    .json()
    .catch(() => ({}))) as { receipt?: unknown };
  if (receipt === undefined) session.refused(ticket);
  else session.brokenOff(ticket);
  return response;
}

async function checkWhole(session: Session, ticket: Ticket, response: Response): Promise<Response> {
  const sent = await received(session, ticket, () => response.arrayBuffer());
  const bytes = Buffer.from(sent);
  const length = Number(response.headers.get(OUTPUT_LENGTH_HEADER));
  const at = Number(response.headers.get(RECEIPT_AT_HEADER));
  const inserted = bytes.length - length;
  if (!Number.isInteger(length) || !Number.isInteger(at) || inserted <= 0 || at + inserted > bytes.length) {
    session.brokenOff(ticket);
    throw new ReceiptError("malformed", "The answer carries no receipt");
  }
  const output = createHash("sha256")
    .update(bytes.subarray(0, at))
    .update(bytes.subarray(at + inserted));
  const { receipt } = JSON.parse(bytes.toString("utf8")) as { receipt?: unknown };
  await settle(session, ticket, receipt, output.digest());
  return new Response(sent, { status: response.status, headers: response.headers });
}

async function checkStream(session: Session, ticket: Ticket, response: Response): Promise<Response> {
  const output = createHash("sha256");
  let pending = Buffer.alloc(0);
  let receipt: unknown;
  let settled = false;

  /** Events up to the one with the receipt were signed; that one and `[DONE]` were not. */
  async function take(event: Buffer): Promise<void> {
    const value = eventValue(event);
    receipt ??= value?.receipt;
    if (receipt === undefined) output.update(event);
    else if (!settled) {
      settled = true;
      if (value?.error) session.brokenOff(ticket);
      else await settle(session, ticket, receipt, output.digest());
    }
  }

  const check = new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      pending = Buffer.concat([pending, chunk]);
      for (let end = eventEnd(pending); end > 0; end = eventEnd(pending)) {
        const event = pending.subarray(0, end);
        pending = pending.subarray(end);
        await take(event);
        controller.enqueue(new Uint8Array(event));
      }
    },
    flush() {
      if (settled) return;
      session.brokenOff(ticket);
      throw new ReceiptError("absent", "The stream ended without a receipt");
    },
  });
  const body = response.body ?? new ReadableStream();
  const reading = body.pipeTo(check.writable).catch(() => {
    if (!settled) session.brokenOff(ticket);
  });
  void reading;
  return new Response(check.readable, { status: response.status, headers: response.headers });
}

async function settle(session: Session, ticket: Ticket, receipt: unknown, digest: Uint8Array): Promise<void> {
  try {
    await session.settle(ticket, receipt, digest);
  } catch (error) {
    session.brokenOff(ticket);
    throw error;
  }
}

async function received<T>(session: Session, ticket: Ticket, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    session.brokenOff(ticket);
    throw error;
  }
}

/** How many bytes the first whole event has, its blank line included; 0 when none is whole yet. */
function eventEnd(pending: Buffer): number {
  const match = /\r?\n\r?\n/.exec(pending.toString("latin1"));
  return match ? match.index + match[0].length : 0;
}

function eventValue(event: Buffer): { receipt?: unknown; error?: unknown } | undefined {
  let data = "";
  createParser({
    onEvent(message) {
      data = message.data;
    },
  }).feed(event.toString("utf8"));
  if (data === "" || data === "[DONE]") return undefined;
  return JSON.parse(data) as { receipt?: unknown; error?: unknown };
}
