import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ZeroHash } from "ethers";
import { z } from "zod";
import type { EngineTuple } from "./engine.ts";
import { BaseError, InputError } from "./errors.ts";
import { toHex } from "./hashing/hex.ts";
import { sha256File } from "./hashing/sha256.ts";
import { jsonOf } from "./jsonOf.ts";

const engine = z.object({
  engine: z.string(),
  version: z.string(),
  dtype: z.string(),
  deviceClass: z.string(),
  determinism: z.string(),
});

const manifestSchema = z.object({
  name: z.string().min(1).max(64),
  version: z.string().min(1).max(32),
  description: z.string(),
  format: z.enum(["onnx", "safetensors", "gguf"]),
  /** The model file, relative to the folder. Without one the digest is the operator's word: the server holds the file. */
  artifact: z.string().optional(),
  artifactSha256: z.string().regex(/^[0-9a-f]{64}$/),
  licence: z.string(),
  profile: z.enum(["none", "exact-int8", "pinned", "tolerance"]),
  task: z.enum(["chat", "classify"]),
  context: z.int().positive().optional(),
  labels: z.array(z.string()).optional(),
  engine,
  /** An OpenAI-compatible server that runs it; the API key is read from the named variable. */
  upstream: z.object({ baseUrl: z.url(), model: z.string(), apiKeyVariable: z.string().optional() }).optional(),
});

/** What `manifest.json` of a model folder says. */
export type Manifest = z.infer<typeof manifestSchema> & { directory: string };

/** Reads the manifest of a model folder. Throws when it is malformed. */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, "manifest.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("There is no model here", { code: "no_model", facts: { path }, cause });
  });
  const malformed = (facts: Record<string, unknown>) =>
    new InputError("A model's manifest is malformed", { code: "bad_manifest", facts: { path, ...facts } });
  const parsed = manifestSchema.safeParse(jsonOf(text, () => malformed({ reason: "not JSON" })));
  if (parsed.success) return { ...parsed.data, directory };
  throw malformed(Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join("."), issue.message])));
}

/** The engine tuple that a manifest asks for, as the registries hash it. */
export function engineOf({ engine }: Manifest): EngineTuple {
  return { ...engine, imageDigest: ZeroHash };
}

/**
 * The path of the model file, whose SHA-256 is `expected` (32 bytes as hex); undefined when a server holds it. Throws
 * otherwise: a worker never serves another file than the registry names.
 */
export async function checkedArtifact(manifest: Manifest, expected: string): Promise<string | undefined> {
  const { directory, artifact, name } = manifest;
  const path = artifact === undefined ? undefined : join(directory, artifact);
  const digest = path === undefined ? (`0x${manifest.artifactSha256}` as const) : toHex(await sha256File(path));
  if (digest === expected.toLowerCase()) return path;
  throw new BaseError("A model file is not the registered one", {
    code: "model_digest_mismatch",
    facts: { model: name, path: path ?? "declared in the manifest", sha256: digest, registered: expected },
    hint: "Fetch the artifact again, or publish the new file as a new version",
  });
}
