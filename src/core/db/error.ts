import { DrizzleQueryError } from "drizzle-orm/errors";
import { BaseError, UnavailableError } from "../errors.ts";

/** A server that ends, starts, is full, or has no connection left; see PostgreSQL's appendix of error codes. */
const PASSING = /^(08|53|57P|58)/;

/** A database's error as one of ours when it may pass: the server is gone, or its disk is full. Others stay as they are. */
export function databaseError(error: unknown): unknown {
  if (error instanceof BaseError) return error;
  const inner = error instanceof DrizzleQueryError ? error.cause : error;
  const { code, message } = (inner ?? {}) as { code?: unknown; message?: unknown };
  const lost =
    typeof message === "string" && /^(Connection terminated|timeout exceeded when trying to connect)/.test(message);
  const gone = typeof code === "string" && (PASSING.test(code) || /^E[A-Z]+$/.test(code));
  if (!lost && !gone) return error;
  return new UnavailableError("The database does not answer", {
    code: "database_unavailable",
    facts: { kind: String(code ?? "connection lost") },
    hint: "Check that the server runs and has room; the same call is tried again",
    cause: error,
  });
}

/** The same functions, whose rejections are {@link databaseError}s. */
export function withDatabaseErrors<T extends Record<string, (...args: never[]) => unknown>>(functions: T): T {
  const wrapped = Object.entries(functions).map(([name, call]) => [
    name,
    (...args: never[]) => {
      const result = call(...args);
      return result instanceof Promise
        ? result.catch((error: unknown) => {
            throw databaseError(error);
          })
        : result;
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
