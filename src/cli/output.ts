import { BaseError } from "../core/errors.ts";
import { toJson } from "../core/protocol/json.ts";

/** Exit codes of every command. */
export const Exit = { DONE: 0, WRONG_INPUT: 1, TRY_AGAIN: 75 } as const;

/** Prints a result: as one JSON line, or as text made from it. */
export function print<T>(result: T, { json }: { json?: boolean }, text: (result: T) => string): void {
  process.stdout.write(json ? `${JSON.stringify(toJson(result))}\n` : `${text(result)}\n`);
}

/** Prints an error on stderr, with `--json` as one line, and says how to exit. */
export function fail(error: unknown, json: boolean): number {
  const known = error instanceof BaseError;
  if (json) {
    const body = known
      ? {
          code: error.code,
          message: error.shortMessage,
          hint: error.hint,
          facts: error.facts,
          retryable: error.retryable,
        }
      : { code: "internal", message: String(error), retryable: false };
    process.stderr.write(`${JSON.stringify({ error: toJson(body) })}\n`);
  } else {
    process.stderr.write(`${known ? error.message : String((error as Error)?.stack ?? error)}\n`);
  }
  return known && error.retryable ? Exit.TRY_AGAIN : Exit.WRONG_INPUT;
}

/** Lines of `name  value`. */
export function lines(entries: Record<string, unknown>): string {
  const width = Math.max(...Object.keys(entries).map((name) => name.length));
  return Object.entries(entries)
    .map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`)
    .join("\n");
}
