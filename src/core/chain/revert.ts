import { isError } from "ethers";
import { BaseError, UnavailableError } from "../errors.ts";
import { errorInterfaces } from "./contracts.ts";

/** What a contract said when it reverted: the custom error's name and arguments. */
export type RevertReason = { name: string; args: Record<string, string> };

/** Finds the revert data in whatever a provider threw; undefined when nothing reverted. */
export function revertReason(error: unknown): RevertReason | undefined {
  const data = revertData(error);
  if (data === undefined) return undefined;
  for (const abi of errorInterfaces) {
    const parsed = data.length >= 10 ? abi.parseError(data) : null;
    if (!parsed) continue;
    const args = Object.fromEntries(
      parsed.fragment.inputs.map(({ name }, i) => [name || `arg${i}`, String(parsed.args[i])]),
    );
    return { name: parsed.name, args };
  }
  return { name: "UnknownRevert", args: { data: data.slice(0, 74) } };
}

/** A provider's error as one of ours: a revert is final, everything else may pass. */
export function chainError(what: string, error: unknown): BaseError {
  if (error instanceof BaseError) return error;
  const reason = revertReason(error);
  if (reason) return new BaseError(`${what}: ${reason.name}`, { code: "reverted", facts: reason.args, cause: error });
  // The provider's own message may carry a key in its URL, so only its kind is kept.
  const kind = (error as { code?: unknown }).code;
  return new UnavailableError(`${what}: the RPC did not answer as expected`, {
    code: "rpc_unavailable",
    facts: { kind: String(kind ?? "unknown") },
    hint: "Check RPC_URL; the same call is tried again",
    cause: error,
  });
}

function revertData(error: unknown): string | undefined {
  for (let e = error as Record<string, unknown> | undefined, depth = 0; e && depth < 6; depth++) {
    if (typeof e.data === "string" && e.data.startsWith("0x")) return e.data;
    const info = e.info as { error?: { data?: unknown } } | undefined;
    const inner = info?.error?.data;
    if (typeof inner === "string" && inner.startsWith("0x")) return inner;
    if (inner && typeof (inner as { data?: unknown }).data === "string") return (inner as { data: string }).data;
    e = (e.error ?? e.cause) as Record<string, unknown> | undefined;
  }
  if (error instanceof Error && isError(error, "CALL_EXCEPTION")) return error.data ?? "0x";
  return undefined;
}
