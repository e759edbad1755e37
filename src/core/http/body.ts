import type { Context } from "hono";
import type { z } from "zod";
import { InputError } from "../errors.ts";

/** Reads a body as it came, at most `limit` bytes of it. Throws `too_large` before it has read more. */
export async function readBody(c: Context, limit: number): Promise<Uint8Array> {
  const tooLarge = (bytes: number) =>
    new InputError("The request body is too large", { code: "too_large", facts: { bytes, limit } });
  const declared = Number(c.req.header("content-length") ?? 0);
  if (declared > limit) throw tooLarge(declared);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of c.req.raw.body ?? []) {
    bytes += (piece as Uint8Array).length;
    if (bytes > limit) throw tooLarge(bytes);
    pieces.push(piece as Uint8Array);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** Checks JSON against a schema. Throws an `InputError` that names every bad field. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${what} is not JSON`, { code: "bad_request", cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InputError(`${what} is malformed`, {
    code: "bad_request",
    facts: Object.fromEntries(parsed.error.issues.slice(0, 20).map((i) => [i.path.join(".") || "body", i.message])),
  });
}

/** Reads a header whose value is base64url of JSON. Throws when it is absent or malformed. */
export function parseHeader<T>(schema: z.ZodType<T>, value: string, name: string): T {
  return parseJson(schema, Buffer.from(value, "base64url").toString("utf8"), `The header ${name}`);
}
