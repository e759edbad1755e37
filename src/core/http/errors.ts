import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { BaseError, InputError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { toJson } from "../protocol/json.ts";

/** HTTP status of an error code; other input errors are 400, what may pass is 503, the rest 500. */
const STATUS: Record<string, ContentfulStatusCode> = {
  bad_request: 400,
  context_length_exceeded: 400,
  no_user_message: 400,
  payment_required: 402,
  voucher_too_low: 402,
  voucher_too_high: 402,
  reservation_empty: 402,
  max_price_too_low: 402,
  voucher_expired: 402,
  not_the_settler: 403,
  not_the_poster: 403,
  not_found: 404,
  model_not_found: 404,
  model_retired: 410,
  request_replayed: 409,
  too_large: 413,
  value_not_covered: 422,
  too_busy: 429,
  timeout: 504,
};

export type ErrorBody = {
  error: {
    code: string;
    message: string;
    type: string;
    hint?: string;
    facts: Record<string, unknown>;
    retryable: boolean;
  };
};

/** The body of every refusal, in the shape that OpenAI clients parse. */
export function errorBody(error: unknown): { status: ContentfulStatusCode; body: ErrorBody } {
  if (!(error instanceof BaseError)) {
    const body = {
      code: "internal",
      message: "Something broke here",
      type: "server_error",
      facts: {},
      retryable: true,
    };
    return { status: 500, body: { error: body } };
  }
  const status = STATUS[error.code] ?? (error instanceof InputError ? 400 : error.retryable ? 503 : 500);
  return {
    status,
    body: {
      error: {
        code: error.code,
        message: error.shortMessage,
        type: status < 500 ? "invalid_request_error" : "server_error",
        ...(error.hint ? { hint: error.hint } : {}),
        facts: toJson(error.facts) as Record<string, unknown>,
        retryable: error.retryable,
      },
    },
  };
}

/** For `app.onError`. */
export function errorHandler(logger: Logger) {
  return (error: Error, c: Context) => {
    const { status, body } = errorBody(error);
    if (status >= 500) logger.error({ path: c.req.path, code: body.error.code, reason: error.message }, "http.failed");
    if (body.error.retryable && status === 503) c.header("retry-after", "1");
    return c.json(body, status);
  };
}
