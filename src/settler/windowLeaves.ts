import { z } from "zod";
import { equalBytes, toHex } from "../core/hashing/hex.ts";
import { bytes32 } from "../core/protocol/json.ts";
import { buildTree } from "../core/protocol/merkle.ts";
import type { Window } from "../core/protocol/messages.ts";

/** All leaves of a signed window; undefined when the verifier that signed it cannot be asked. */
export type WindowLeaves = (window: Pick<Window, "root" | "verifier">) => Promise<Uint8Array[] | undefined>;

const TIMEOUT_MS = 10_000;
const schema = z.object({ leaves: z.array(bytes32).min(1) });

/**
 * Asks verifiers for the leaves of their windows. Needed where an answer to the settler was lost: the verifier then signed
 * a receipt that the settler had another one sign, and the window holds a leaf that the settler's database does not know.
 */
export function askWindowLeaves(verifiers: readonly { node: number; url: string }[]): WindowLeaves {
  return async ({ root, verifier }) => {
    const url = verifiers.find(({ node }) => node === verifier)?.url;
    if (!url) return undefined;
    try {
      const response = await fetch(`${url}/v1/windows/${toHex(root)}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { leaves } = schema.parse(await response.json());
      return equalBytes(buildTree(leaves).root, root) ? leaves : undefined;
    } catch {
      return undefined;
    }
  };
}
