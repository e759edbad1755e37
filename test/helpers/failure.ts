import type { BaseError } from "../../src/core/errors.ts";

/** The error that `run` ends in; itself an error when `run` succeeds. */
export async function failure(run: () => unknown): Promise<BaseError> {
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    return error as BaseError;
  }
  throw new Error(`It succeeded: ${String(result)}`);
}
