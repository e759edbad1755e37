import type { EngineTuple } from "../core/engine.ts";
import { InputError } from "../core/errors.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { type ChatRequest, chunk, completion, messageText, sseEvent, usageOf } from "../core/openai.ts";
import type { ByteLm } from "./byteLm.ts";
import type { DriverEvent, DriverRequest, FinishReason, InferenceDriver } from "./driver.ts";

/** `role: text` a line, then the role that answers. */
export function chatPrompt(body: ChatRequest): Uint8Array {
  const lines = body.messages.map(({ role, content }) => `${role}: ${messageText(content)}\n`);
  return Buffer.from(`${lines.join("")}assistant: `);
}

/** Answers of more bytes than this are not asked for unless the request says so. */
const DEFAULT_MAX_TOKENS = 256;

/** A byte-level chat model on ONNX Runtime. Units are bytes. */
export function onnxChat(model: ByteLm, engine: EngineTuple): InferenceDriver {
  return {
    engine,
    inputUnitsAtMost(body) {
      const { length } = chatPrompt(body);
      if (length < model.context) return length;
      throw new InputError("The conversation is longer than the model's context", {
        code: "context_length_exceeded",
        facts: { bytes: length, context: model.context },
        hint: "Send fewer or shorter messages",
      });
    },

    async *run({ body, frame, maxOutputUnits, seed }: DriverRequest, signal: AbortSignal): AsyncGenerator<DriverEvent> {
      const prompt = chatPrompt(body);
      const asked = body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_MAX_TOKENS;
      const maxTokens = Math.min(asked, maxOutputUnits);
      const temperature = body.temperature ?? 0;
      const tokens: number[] = [];
      const text = new TextDecoder();
      let content = "";
      let finishReason: FinishReason = "length";

      const stops = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
      const generation = model.generate(prompt, { temperature, seed, maxTokens });
      if (body.stream) yield data(chunk(frame, { role: "assistant", content: "" }, null));
      for (;;) {
        const { value, done } = await generation.next();
        if (done) {
          finishReason = value;
          break;
        }
        tokens.push(value);
        // A character of several bytes is sent when its last byte is there.
        const piece = text.decode(Uint8Array.of(value), { stream: true });
        content += piece;
        if (body.stream && piece !== "") yield data(chunk(frame, { content: piece }, null));
        if (stops.some((stop) => content.endsWith(stop))) {
          finishReason = "stop";
          break;
        }
        if (signal.aborted) {
          finishReason = "abort";
          break;
        }
      }
      const rest = text.decode();
      content += rest;
      const usage = usageOf(prompt.length, tokens.length);
      if (body.stream) {
        if (rest !== "") yield data(chunk(frame, { content: rest }, null));
        yield data(chunk(frame, {}, finishReason === "abort" ? "stop" : finishReason));
      } else {
        yield { type: "data", bytes: Buffer.from(JSON.stringify(completion(frame, content, finishReason, usage))) };
      }
      yield {
        type: "end",
        finishReason,
        inputUnits: prompt.length,
        outputUnits: tokens.length,
        outputIds: tokenIds(tokens),
        seed,
      };
    },

    close: () => model.close(),
  };
}

/** keccak256 of the token ids, 4 bytes each, big endian. */
function tokenIds(tokens: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * tokens.length);
  tokens.forEach((token, i) => {
    bytes.writeUInt32BE(token, 4 * i);
  });
  return keccak256(bytes);
}

function data(value: unknown): DriverEvent {
  return { type: "data", bytes: sseEvent(value) };
}
