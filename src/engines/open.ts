import { BaseError } from "../core/errors.ts";
import { engineOf, type Manifest } from "../core/manifest.ts";
import { loadByteLm } from "./byteLm.ts";
import type { InferenceDriver } from "./driver.ts";
import { onnxChat } from "./onnxChat.ts";
import { loadClassifier, onnxGuard } from "./onnxGuard.ts";
import { openaiHttp } from "./openaiHttp.ts";

/** The driver that a manifest asks for; `path` is the checked model file, absent when a server holds it. */
export async function openDriver(manifest: Manifest, path: string | undefined): Promise<InferenceDriver> {
  const engine = engineOf(manifest);
  const { upstream } = manifest;
  if (upstream) {
    const apiKey = upstream.apiKeyVariable ? process.env[upstream.apiKeyVariable] : undefined;
    return openaiHttp({ baseUrl: upstream.baseUrl, model: upstream.model, engine, ...(apiKey ? { apiKey } : {}) });
  }
  if (path === undefined || manifest.format !== "onnx") {
    throw new BaseError("Nothing here can run this model", {
      code: "no_driver",
      facts: { model: manifest.name, format: manifest.format },
      hint: "Name an OpenAI-compatible server under `upstream` in its manifest",
    });
  }
  if (manifest.task === "chat") return onnxChat(await loadByteLm(path, manifest.context ?? 512), engine);
  return onnxGuard(await loadClassifier(path, manifest.labels ?? []), engine);
}
