import { Profile, type RegisteredModel } from "../core/chain/models.ts";
import type { ChainView } from "../core/chain/view.ts";
import { InputError } from "../core/errors.ts";
import type { Hex } from "../core/hashing/hex.ts";
import { Mode } from "../core/protocol/receipt.ts";
import type { WorkerPool } from "./workers.ts";

/** The versions that workers serve, as the registry knows them, newest first. */
export async function servedModels(view: ChainView, workers: WorkerPool): Promise<RegisteredModel[]> {
  const models = await Promise.all([...workers.served()].map((id) => view.model(id)));
  return models
    .filter((model): model is RegisteredModel => model !== undefined)
    .sort((a, b) => b.publishedAt - a.publishedAt);
}

/** Finds a version by its id, `name@version` or `name`; the newest that is not retired. Throws 404 or 410. */
export function selectModel(models: readonly RegisteredModel[], asked: string): RegisteredModel {
  const named = models.filter(({ id, name, label }) => asked === id || asked === name || asked === `${name}@${label}`);
  const model = named.find(({ retiredAt }) => retiredAt === 0);
  if (model) return model;
  const retired = named[0];
  if (retired) {
    throw new InputError("This model version is retired", {
      code: "model_retired",
      facts: { model: asked, version: retired.id, retiredAt: retired.retiredAt },
      hint: "Ask for another one of /v1/models",
    });
  }
  throw new InputError("This model is not served here", {
    code: "model_not_found",
    facts: { model: asked, served: models.map(({ name }) => name).join(", ") || "none" },
    hint: "Ask for one of /v1/models",
  });
}

/** The strongest mode that a version can be answered in. */
export function offeredMode({ profile }: RegisteredModel): Mode {
  return profile === Profile.EXACT_INT8 ? Mode.TEE : Mode.SIGNED;
}

/** One entry of `/v1/models`. */
export function modelEntry(model: RegisteredModel): Record<string, unknown> & { id: string; version: Hex } {
  return {
    id: model.name,
    object: "model",
    created: model.publishedAt,
    owned_by: model.publisher,
    version: model.id,
    label: model.label,
    unit: model.unit,
    inputPriceNano: String(model.prices.inputPriceNano),
    outputPriceNano: String(model.prices.outputPriceNano),
    offeredMode: offeredMode(model),
    profile: Object.entries(Profile).find(([, value]) => value === model.profile)?.[0] ?? "NONE",
    licence: model.licence,
    artifactSha256: model.artifactSha256,
  };
}
