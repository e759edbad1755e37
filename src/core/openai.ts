import { z } from "zod";
import { InputError } from "./errors.ts";

const textPart = z.looseObject({ type: z.literal("text"), text: z.string() });

const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(textPart)]).nullish(),
});

/** What we read of an OpenAI chat completion request; everything else is passed on as it came. */
export const chatRequestSchema = z.looseObject({
  model: z.string().min(1).max(200),
  messages: z.array(message).min(1).max(1000),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  n: z.literal(1, "only one choice is served").nullish(),
});

export type ChatRequest = z.infer<typeof chatRequestSchema>;

/** Parses the raw body of a request. Throws an `InputError` that names every bad field. */
export function parseChatRequest(body: Uint8Array): ChatRequest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new InputError("The request body is not JSON", { code: "bad_request", cause });
  }
  const parsed = chatRequestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InputError("The request body is malformed", {
    code: "bad_request",
    facts: Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join(".") || "body", issue.message])),
  });
}

/** The text of a message, parts joined. */
export function messageText(content: ChatRequest["messages"][number]["content"]): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text).join("");
}

export type Usage = { prompt_tokens: number; completion_tokens: number; total_tokens: number };

export function usageOf(inputUnits: number, outputUnits: number): Usage {
  return { prompt_tokens: inputUnits, completion_tokens: outputUnits, total_tokens: inputUnits + outputUnits };
}

export type ChatFrame = { id: string; created: number; model: string };

/** One server-sent event of a streamed answer, exactly as it goes over the wire. */
export function sseEvent(value: unknown): Uint8Array {
  return Buffer.from(`data: ${JSON.stringify(value)}\n\n`);
}

export const SSE_DONE = Buffer.from("data: [DONE]\n\n");

export function chunk(frame: ChatFrame, delta: Record<string, unknown>, finishReason: string | null) {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  return { id: frame.id, object: "chat.completion.chunk", created: frame.created, model: frame.model, choices };
}

export function completion(frame: ChatFrame, content: string, finishReason: string, usage: Usage) {
  const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: finishReason }];
  return { id: frame.id, object: "chat.completion", created: frame.created, model: frame.model, choices, usage };
}
