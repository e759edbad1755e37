import { z } from "zod";
import type { Hex } from "../core/hashing/hex.ts";
import type { Domain } from "../core/protocol/domain.ts";
import { encodeHeader } from "../core/protocol/json.ts";
import { signSettlerRequest } from "../core/protocol/settlerRequest.ts";
import type { EpochRoot } from "./root.ts";

/** Poster → verifier: the root to sign; the request's body is the epoch's published file. */
export const ROOT_HEADER = "x-opg-root";

/** Poster → verifier: who asks, an operator whose owner signed what is asked. */
export const POSTER_HEADER = "x-opg-poster";

const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text) => text.toLowerCase() as Hex);

/** What a poster asks a verifier to sign. */
export const rootSchema = z.strictObject({
  epoch: z.int().min(1).max(0xffffffff),
  leafCount: z.int().min(1),
  totalWei: z
    .string()
    .regex(/^\d{1,29}$/)
    .transform(BigInt),
  root: hash,
  receiptsRoot: hash,
  dataHash: hash,
});

/** Who asks: the operator, and its owner's key. */
export type PosterIdentity = { operator: number; key: Uint8Array; domain: Domain };

/** The headers of a request for a signature over a root. */
export function rootHeaders({ operator, key, domain }: PosterIdentity, content: EpochRoot, file: Uint8Array) {
  const about = encodeHeader(content);
  return { [ROOT_HEADER]: about, [POSTER_HEADER]: signSettlerRequest({ settler: operator, key, domain }, about, file) };
}
