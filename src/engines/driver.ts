import type { EngineTuple } from "../core/engine.ts";
import type { ChatFrame, ChatRequest } from "../core/openai.ts";

export type FinishReason = "stop" | "length" | "abort";

/** What a driver is asked to run. */
export type DriverRequest = {
  body: ChatRequest;
  frame: ChatFrame;
  /** Generation stops here, whatever the body says: more would cost more than the payer allows. */
  maxOutputUnits: number;
  /** Where sampling needs chance, it comes from here. */
  seed: bigint;
};

export type DriverEnd = {
  type: "end";
  finishReason: FinishReason;
  inputUnits: number;
  outputUnits: number;
  /** keccak256 of the token ids (4 bytes each, big endian) or of the raw output vector; what a re-execution compares. */
  outputIds: Uint8Array;
  seed: bigint;
};

/** Bytes exactly as they go to the client, in order; then one end. */
export type DriverEvent = { type: "data"; bytes: Uint8Array } | DriverEnd;

/** Runs one model. Everything a worker serves goes through this. */
export type InferenceDriver = {
  engine: EngineTuple;
  /** What the input will be priced at, at most. Throws an `InputError` when the model cannot take it. */
  inputUnitsAtMost(body: ChatRequest): number;
  /** Throws when the model breaks. An abort ends it early with what was made so far. */
  run(request: DriverRequest, signal: AbortSignal): AsyncIterable<DriverEvent>;
  close(): Promise<void>;
};
