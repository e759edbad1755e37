import { createParser } from "eventsource-parser";
import type { EngineTuple } from "../core/engine.ts";
import { errorMessage, UnavailableError } from "../core/errors.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { jsonOf } from "../core/jsonOf.ts";
import { type ChatRequest, messageText } from "../core/openai.ts";
import { within } from "../core/within.ts";
import type { DriverEvent, DriverRequest, FinishReason, InferenceDriver } from "./driver.ts";

export type OpenAiHttpOptions = {
  /** Up to and including `/v1`: a vLLM, SGLang or any other OpenAI-compatible server. */
  baseUrl: string;
  apiKey?: string;
  /** The model's name on that server. */
  model: string;
  engine: EngineTuple;
  /** Without a byte for so long, the server counts as dead. */
  idleTimeoutMs?: number;
};

/** What we read of an upstream answer, streamed or not. */
type Upstream = {
  choices?: {
    finish_reason?: string | null;
    delta?: { content?: string | null };
    message?: { content?: string | null };
  }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
};

/**
 * Passes requests to an OpenAI-compatible server and its answer on, byte for byte. Units are the server's tokens, as its
 * `usage` says; an answer without usage is priced at nothing.
 */
export function openaiHttp(options: OpenAiHttpOptions): InferenceDriver {
  return {
    engine: options.engine,

    // A token is at least a byte, and templates add a few per message.
    inputUnitsAtMost: (body) =>
      body.messages.reduce((sum, { content }) => sum + Buffer.byteLength(messageText(content)) + 16, 16),

    async *run(request: DriverRequest, signal: AbortSignal): AsyncGenerator<DriverEvent> {
      const seen = { inputUnits: 0, outputUnits: 0, finishReason: "stop" as FinishReason, content: "" };
      const malformed = (cause: unknown) =>
        new UnavailableError("The model server's answer cannot be read", { code: "upstream_malformed", cause });
      const read = (text: string) => readUpstream((jsonOf(text, malformed) ?? {}) as Upstream, seen);
      try {
        const response = await post(options, request, signal);
        if (request.body.stream) {
          for await (const bytes of events(response, options, read)) yield { type: "data", bytes };
        } else {
          const bytes = new Uint8Array(await response.arrayBuffer());
          read(Buffer.from(bytes).toString("utf8"));
          yield { type: "data", bytes };
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        seen.finishReason = "abort";
      }
      const { content, ...end } = seen;
      yield { type: "end", ...end, outputIds: keccak256(Buffer.from(content)), seed: request.seed };
    },

    close: async () => undefined,
  };
}

async function post(options: OpenAiHttpOptions, { body, maxOutputUnits, seed }: DriverRequest, signal: AbortSignal) {
  const asked = body.max_completion_tokens ?? body.max_tokens ?? Number.MAX_SAFE_INTEGER;
  const { max_completion_tokens: _, ...rest } = body;
  const upstream: ChatRequest = {
    ...rest,
    model: options.model,
    max_tokens: Math.max(1, Math.min(asked, maxOutputUnits, 1_000_000)),
    seed: body.seed ?? Number(BigInt.asUintN(31, seed)),
    ...(body.stream ? { stream_options: { ...body.stream_options, include_usage: true } } : {}),
  };
  const response = await fetch(`${options.baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}),
    },
    body: JSON.stringify(upstream),
    signal,
  }).catch((cause: unknown) => {
    throw new UnavailableError("The model server does not answer", {
      code: "upstream_unavailable",
      facts: { host: new URL(options.baseUrl).host, reason: errorMessage(cause) },
      cause,
    });
  });
  if (response.ok) return response;
  throw new UnavailableError("The model server refused", {
    code: "upstream_refused",
    facts: { host: new URL(options.baseUrl).host, status: response.status },
    retryable: response.status === 429 || response.status >= 500,
  });
}

/** The upstream's events as they came, each with the bytes it had; `[DONE]` is left out, because a receipt comes first. */
async function* events(
  response: Response,
  { idleTimeoutMs = 60_000 }: OpenAiHttpOptions,
  read: (data: string) => void,
): AsyncGenerator<Uint8Array> {
  if (!response.body) throw new UnavailableError("The model server sent no body", { code: "upstream_refused" });
  const stalled = () =>
    new UnavailableError("The model server stopped sending", { code: "upstream_stalled", facts: { idleTimeoutMs } });
  const reader = response.body.getReader();
  let pending = Buffer.alloc(0);
  for (;;) {
    const { value, done } = await within(reader.read(), idleTimeoutMs, stalled);
    if (value) pending = Buffer.concat([pending, value]);
    for (let end = eventEnd(pending, done); end > 0; end = eventEnd(pending, done)) {
      const event = pending.subarray(0, end);
      pending = pending.subarray(end);
      const data = eventData(event);
      if (data === "[DONE]") return;
      if (data !== undefined) read(data);
      yield new Uint8Array(event);
    }
    if (done) return;
  }
}

/** How many bytes the first whole event has: up to and including its blank line. */
function eventEnd(pending: Buffer, done: boolean): number {
  const text = pending.toString("latin1");
  const match = /\r?\n\r?\n/.exec(text);
  if (match) return match.index + match[0].length;
  return done ? pending.length : 0;
}

function eventData(event: Buffer): string | undefined {
  let data: string | undefined;
  const parser = createParser({
    onEvent(message) {
      data = message.data;
    },
  });
  parser.feed(`${event.toString("utf8").trimEnd()}\n\n`);
  return data;
}

function readUpstream(
  value: Upstream,
  seen: { inputUnits: number; outputUnits: number; finishReason: FinishReason; content: string },
): void {
  const choice = value.choices?.[0];
  seen.content += choice?.delta?.content ?? choice?.message?.content ?? "";
  if (choice?.finish_reason === "length") seen.finishReason = "length";
  if (value.usage) {
    seen.inputUnits = value.usage.prompt_tokens ?? 0;
    seen.outputUnits = value.usage.completion_tokens ?? 0;
  }
}
