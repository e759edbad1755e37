import { InferenceSession, Tensor } from "onnxruntime-node";
import type { EngineTuple } from "../core/engine.ts";
import { InputError } from "../core/errors.ts";
import { keccak256 } from "../core/hashing/keccak.ts";
import { type ChatRequest, chunk, completion, messageText, sseEvent, usageOf } from "../core/openai.ts";
import type { DriverEvent, DriverRequest, InferenceDriver } from "./driver.ts";

const BUCKETS = 1024;
const COUNT_UNIT = 64;

/**
 * The preprocessor "byte-trigram-1024": UTF-8 bytes, A–Z lowered, a space at both ends; each trigram adds 64 to the bucket
 * of its FNV-1a hash mod 1024, up to 255. Integers only.
 */
export function byteTrigrams(text: string): Uint8Array {
  const bytes = Buffer.from(` ${text} `, "utf8");
  const features = new Uint8Array(BUCKETS);
  const lower = (byte: number) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
  for (let i = 0; i + 2 < bytes.length; i++) {
    let hash = 2166136261;
    for (let k = 0; k < 3; k++) hash = Math.imul(hash ^ lower(bytes[i + k] as number), 16777619) >>> 0;
    const bucket = hash % BUCKETS;
    features[bucket] = Math.min(255, (features[bucket] as number) + COUNT_UNIT);
  }
  return features;
}

/** What the classifier says of a text: integers, the same on every engine. */
export type Verdict = { label: string; logits: number[] };

export type Classifier = { classify(text: string): Promise<Verdict>; close(): Promise<void> };

/** Loads an integer-only classifier. */
export async function loadClassifier(path: string, labels: readonly string[]): Promise<Classifier> {
  const session = await InferenceSession.create(path, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });
  return {
    async classify(text) {
      const features = new Tensor("uint8", byteTrigrams(text), [1, BUCKETS]);
      const { logits } = await session.run({ features });
      const values = Array.from((logits as Tensor).data as Int32Array);
      const best = values.indexOf(Math.max(...values));
      return { label: labels[best] ?? String(best), logits: values };
    },
    close: () => session.release(),
  };
}

/** The text to classify: what the user said last. */
export function classifiedText(body: ChatRequest): string {
  const last = body.messages.findLast(({ role }) => role === "user");
  if (last) return messageText(last.content);
  throw new InputError("There is nothing to classify", {
    code: "no_user_message",
    hint: "Send the text as the content of a user message",
  });
}

/** The answer's text, the same bytes on every engine. */
export function verdictText({ label, logits }: Verdict): string {
  return JSON.stringify({ label, logits });
}

/** keccak256 of the logits, 4 bytes each, big endian, two's complement. */
export function verdictIds({ logits }: Verdict): Uint8Array {
  const bytes = Buffer.alloc(4 * logits.length);
  logits.forEach((value, i) => {
    bytes.writeInt32BE(value, 4 * i);
  });
  return keccak256(bytes);
}

/** An integer-only text classifier on ONNX Runtime. One item in, one item out. */
export function onnxGuard(classifier: Classifier, engine: EngineTuple): InferenceDriver {
  return {
    engine,
    inputUnitsAtMost(body) {
      classifiedText(body);
      return 1;
    },
    async *run(request: DriverRequest): AsyncGenerator<DriverEvent> {
      const { body, frame, maxOutputUnits, seed } = request;
      const verdict = await classifier.classify(classifiedText(body));
      const finishReason = maxOutputUnits >= 1 ? "stop" : "length";
      const text = finishReason === "stop" ? verdictText(verdict) : "";
      const outputUnits = text === "" ? 0 : 1;
      if (body.stream) {
        if (text !== "") yield data(chunk(frame, { role: "assistant", content: text }, null));
        yield data(chunk(frame, {}, finishReason));
      } else {
        const answer = completion(frame, text, finishReason, usageOf(1, outputUnits));
        yield { type: "data", bytes: Buffer.from(JSON.stringify(answer)) };
      }
      yield { type: "end", finishReason, inputUnits: 1, outputUnits, outputIds: verdictIds(verdict), seed };
    },
    close: () => classifier.close(),
  };
}

function data(value: unknown): DriverEvent {
  return { type: "data", bytes: sseEvent(value) };
}
