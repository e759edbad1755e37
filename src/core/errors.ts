export type ErrorOptions = {
  /** For machines: stable, snake_case. */
  code?: string;
  /** What to do next, one sentence. */
  hint?: string;
  /** The values that matter. */
  facts?: Record<string, unknown>;
  /** True when the same call may succeed later: the caller backs off and tries again. */
  retryable?: boolean;
  cause?: unknown;
};

/** Every error of the project: what happened, with which values, and what to do next. */
export class BaseError extends Error {
  override name = "BaseError";
  readonly code: string;
  readonly hint: string | undefined;
  readonly facts: Record<string, unknown>;
  readonly retryable: boolean;
  readonly shortMessage: string;

  constructor(shortMessage: string, { code = "error", hint, facts = {}, retryable = false, cause }: ErrorOptions = {}) {
    const lines = Object.entries(facts).map(([key, value]) => `  ${key}: ${String(value)}`);
    if (hint) lines.push(`  next: ${hint}`);
    super([shortMessage, ...lines].join("\n"), { cause });
    this.code = code;
    this.hint = hint;
    this.facts = facts;
    this.retryable = retryable;
    this.shortMessage = shortMessage;
  }
}

/** The caller gave something wrong; trying again cannot help. */
export class InputError extends BaseError {
  override name = "InputError";
}

/** Something this process depends on did not answer; trying again may help. */
export class UnavailableError extends BaseError {
  override name = "UnavailableError";

  constructor(shortMessage: string, options: ErrorOptions = {}) {
    super(shortMessage, { retryable: true, ...options });
  }
}

export function errorMessage(error: unknown): string {
  if (error instanceof BaseError) return error.shortMessage;
  return error instanceof Error ? error.message : String(error);
}
