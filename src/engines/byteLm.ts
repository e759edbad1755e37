import { InferenceSession, Tensor } from "onnxruntime-node";
import { sha256 } from "../core/hashing/sha256.ts";

/** Ends an answer. */
export const END_TOKEN = 256;

export type Sampling = { temperature: number; seed: bigint; maxTokens: number };

/** A byte-level language model: token 0–255 is a byte, 256 the end. */
export type ByteLm = {
  context: number;
  /** Tokens after `prompt`, one at a time, the end token excluded. Ends at the end token or after `maxTokens`. */
  generate(prompt: Uint8Array, sampling: Sampling): AsyncGenerator<number, "stop" | "length">;
  close(): Promise<void>;
};

/** Loads a GPT-2-shaped ONNX model with a key-value cache. */
export async function loadByteLm(path: string, context: number): Promise<ByteLm> {
  const session = await InferenceSession.create(path, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });
  const pastNames = session.inputNames.filter((name) => name.startsWith("past_key_values."));
  const shape = pastShape(session);

  async function step(tokens: readonly number[], position: number, past: Record<string, Tensor>) {
    const feeds: Record<string, Tensor> = {
      input_ids: int64(tokens, [1, tokens.length]),
      attention_mask: int64(new Array(position + tokens.length).fill(1), [1, position + tokens.length]),
      position_ids: int64(
        tokens.map((_, i) => position + i),
        [1, tokens.length],
      ),
      ...past,
    };
    const outputs = await session.run(feeds);
    const logits = outputs.logits as Tensor;
    const vocabulary = logits.dims.at(-1) as number;
    const all = logits.data as Float32Array;
    const next: Record<string, Tensor> = {};
    for (const name of pastNames) next[name] = outputs[name.replace("past_key_values", "present")] as Tensor;
    return { logits: all.subarray(all.length - vocabulary), past: next };
  }

  return {
    context,
    async *generate(prompt, { temperature, seed, maxTokens }) {
      const empty = Object.fromEntries(
        pastNames.map((name) => [name, new Tensor("float32", new Float32Array(), shape)]),
      );
      let position = prompt.length;
      let { logits, past } = await step([...prompt], 0, empty);
      for (let made = 0; made < maxTokens && position < context; made++) {
        const token = sample(logits, temperature, seed, made);
        if (token === END_TOKEN) return "stop";
        yield token;
        if (made + 1 === maxTokens || position + 1 === context) return "length";
        ({ logits, past } = await step([token], position, past));
        position++;
      }
      return "length";
    },
    close: () => session.release(),
  };
}

/** Greedy at temperature 0; else by chance that follows from seed and position alone. */
export function sample(logits: Float32Array, temperature: number, seed: bigint, position: number): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
  if (temperature === 0) return best;
  const top = logits[best] as number;
  const weights = Array.from(logits, (value) => Math.exp((value - top) / temperature));
  let left = uniform(seed, position) * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] as number;
    if (left < 0) return i;
  }
  return best;
}

/** In [0, 1): the first 48 bits of sha256(seed ‖ position). */
function uniform(seed: bigint, position: number): number {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, seed));
  bytes.writeBigUInt64BE(BigInt(position), 8);
  return Buffer.from(sha256(bytes)).readUIntBE(0, 6) / 2 ** 48;
}

function int64(values: readonly number[], dims: number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

/** [1, heads, 0, head size]: an empty cache. */
function pastShape(session: InferenceSession): number[] {
  const past = session.inputMetadata.find(({ name }) => name.startsWith("past_key_values."));
  const dims = past && "shape" in past ? past.shape : [];
  return [1, Number(dims[1]), 0, Number(dims[3])];
}
