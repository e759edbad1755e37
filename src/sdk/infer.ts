import OpenAI from "openai";
import { UnavailableError } from "../core/errors.ts";
import { fromHex } from "../core/hashing/hex.ts";
import { decodeReceipt, RECEIPT_BYTES, type Receipt } from "../core/protocol/receipt.ts";
import { createFetch } from "./fetch.ts";
import type { Session } from "./session.ts";

export type InferOptions = {
  model: string;
  messages: { role: "system" | "user" | "assistant"; content: string }[];
  maxTokens?: number;
  temperature?: number;
  signal?: AbortSignal;
  /** The request is given up after this long. */
  timeoutMs?: number;
  /** Called with each piece as it comes; makes the request a streamed one. */
  onText?: (piece: string) => void;
};

export type Inference = { text: string; finishReason: string; receipt: Receipt };

/** An `openai` client that pays from a session. */
export function createOpenAI(session: Session): OpenAI {
  return new OpenAI({
    apiKey: "none",
    baseURL: `${session.gatewayUrl}/v1`,
    fetch: createFetch(session),
    maxRetries: 0,
  });
}

/** Asks once and gives the checked answer with its receipt. Throws a `ReceiptError` when the receipt does not hold. */
export async function infer(session: Session, options: InferOptions): Promise<Inference> {
  const { model, messages, maxTokens, temperature, signal, timeoutMs = 120_000, onText } = options;
  const client = createOpenAI(session);
  const body = {
    model,
    messages,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
  };
  const requestOptions = { timeout: timeoutMs, ...(signal ? { signal } : {}) };
  if (!onText) {
    const answer = await client.chat.completions.create(body, requestOptions);
    const choice = answer.choices[0];
    return {
      text: choice?.message.content ?? "",
      finishReason: choice?.finish_reason ?? "stop",
      receipt: receiptOf(answer),
    };
  }
  const stream = await client.chat.completions.create({ ...body, stream: true }, requestOptions);
  let text = "";
  let finishReason = "stop";
  let last: unknown;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content ?? "";
    finishReason = chunk.choices[0]?.finish_reason ?? finishReason;
    text += piece;
    if (piece !== "") onText(piece);
    last = chunk;
  }
  return { text, finishReason, receipt: receiptOf(last) };
}

/** The receipt that came with an answer; the session's fetch has checked it. */
function receiptOf(answer: unknown): Receipt {
  const receipt = (answer as { receipt?: { receipt?: string } } | undefined)?.receipt?.receipt;
  if (receipt) return decodeReceipt(fromHex(receipt, RECEIPT_BYTES));
  throw new UnavailableError("The answer was broken off", { code: "aborted" });
}
