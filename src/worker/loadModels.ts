import type { Contracts } from "../core/chain/contracts.ts";
import { type RegisteredModel, readModels } from "../core/chain/models.ts";
import { engineId } from "../core/engine.ts";
import { BaseError, InputError } from "../core/errors.ts";
import { toHex } from "../core/hashing/hex.ts";
import { checkedArtifact, engineOf, type Manifest, readManifest } from "../core/manifest.ts";
import { openDriver } from "../engines/open.ts";
import type { ServedModel } from "./worker.ts";

/**
 * Loads model folders for serving. Each must stand in the registry, not retired, with this file's digest and this engine.
 * Throws otherwise, with what differs.
 */
export async function loadModels(contracts: Contracts, directories: readonly string[]): Promise<ServedModel[]> {
  const registered = await readModels(contracts);
  const loaded: ServedModel[] = [];
  for (const directory of directories) {
    const manifest = await readManifest(directory);
    const model = registeredAs(registered, manifest);
    const path = await checkedArtifact(manifest, model.artifactSha256);
    const engine = toHex(engineId(engineOf(manifest)));
    if (!model.engines.includes(engine)) {
      throw new InputError("A model may not run on this engine", {
        code: "engine_not_registered",
        facts: { model: manifest.name, engine: manifest.engine.engine, version: manifest.engine.version },
      });
    }
    const driver = await openDriver(manifest, path);
    loaded.push({ version: model.version, name: model.name, prices: model.prices, driver });
  }
  return loaded;
}

/** Digests decide; a name alone may be anybody's. */
function registeredAs(registered: readonly RegisteredModel[], manifest: Manifest): RegisteredModel {
  const sameName = registered.filter(({ name, label }) => name === manifest.name && label === manifest.version);
  const model = sameName.findLast((m) => m.artifactSha256 === `0x${manifest.artifactSha256}`) ?? sameName.at(-1);
  if (!model) {
    throw new InputError("A model is not registered", {
      code: "model_not_found",
      facts: { model: manifest.name, version: manifest.version },
      hint: "Publish it with `opg model publish`",
    });
  }
  if (model.retiredAt === 0) return model;
  throw new BaseError("A model version is retired", {
    code: "model_retired",
    facts: { model: manifest.name, version: model.id, retiredAt: model.retiredAt },
    hint: "Serve a newer version",
  });
}
