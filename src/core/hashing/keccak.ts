import { keccak_256 } from "@noble/hashes/sha3.js";
import { createKeccak } from "hash-wasm";

/** Keccak-256 in plain JavaScript: six times slower, runs anywhere. */
export const keccak256Js: (data: Uint8Array) => Uint8Array = keccak_256;

const wasm = await createKeccak(256).catch(() => undefined);

/** Keccak-256 of `data`, 32 bytes. WebAssembly where it runs, else plain JavaScript. */
export const keccak256: (data: Uint8Array) => Uint8Array = wasm
  ? (data) => wasm.init().update(data).digest("binary")
  : keccak256Js;
