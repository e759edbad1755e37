import type { z } from "zod";
import { InputError } from "./errors.ts";

/** Reads variables by one schema. Names every bad one; prints no value, since it may be a secret. */
export function readConfig<T>(schema: z.ZodType<T>, variables: Record<string, string | undefined>): T {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new InputError("Bad configuration", {
    code: "bad_config",
    facts: Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join("."), issue.message])),
    hint: "Set the variables named above; docs/operators.md lists them all",
  });
}
