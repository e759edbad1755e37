import { engineId } from "../engine.ts";
import { fromHex, type Hex, toHex } from "../hashing/hex.ts";
import type { PriceList } from "../protocol/price.ts";
import type { Contracts } from "./contracts.ts";

/** As in `IModelRegistry.sol`. */
export const Profile = { NONE: 0, EXACT_INT8: 1, PINNED: 2, TOLERANCE: 3 } as const;

/** A dataset that a version was made from, and its part of what contributors get for the version. */
export type DatasetUse = {
  /** Its id in the dataset registry. */
  dataset: Hex;
  /** Parts per million, from 1; those of a version add up to at most 1,000,000. */
  weightPpm: number;
};

/** A published model version, as far as the off-chain side reads it. */
export type RegisteredModel = {
  id: Hex;
  version: Uint8Array;
  name: string;
  label: string;
  publisher: string;
  artifactSha256: string;
  profile: number;
  prices: PriceList;
  royaltyPpm: number;
  payee: number;
  /** Ids of the engine tuples it may run on, as hex. */
  engines: Hex[];
  unit: string;
  licence: string;
  datasets: DatasetUse[];
  publishedAt: number;
  /** Unix seconds; 0 while it may be served. */
  retiredAt: number;
};

const cache = new WeakMap<Contracts["modelRegistry"], Map<Hex, Omit<RegisteredModel, "retiredAt">>>();

/** Reads one version. What never changes is read once; whether it is retired is read each time. */
export async function readModel({ modelRegistry }: Contracts, id: Hex): Promise<RegisteredModel | undefined> {
  const { publisher, publishedAt, retiredAt } = await modelRegistry.status(id);
  if (publishedAt === 0n) return undefined;
  const known = cache.get(modelRegistry) ?? new Map<Hex, Omit<RegisteredModel, "retiredAt">>();
  cache.set(modelRegistry, known);
  let model = known.get(id);
  if (!model) {
    const v = await modelRegistry.getVersion(id);
    model = {
      id,
      version: fromHex(id, 32),
      name: v.name,
      label: v.version,
      publisher,
      artifactSha256: v.artifactSha256,
      profile: Number(v.profile),
      prices: { inputPriceNano: v.inputPriceNano, outputPriceNano: v.outputPriceNano },
      royaltyPpm: Number(v.royaltyPpm),
      payee: Number(v.payee),
      engines: v.engines.map((tuple) => toHex(engineId(tuple))),
      unit: v.unit,
      licence: v.licence,
      datasets: v.datasets.map(({ dataset, weightPpm }) => ({ dataset: dataset as Hex, weightPpm: Number(weightPpm) })),
      publishedAt: Number(publishedAt),
    };
    known.set(id, model);
  }
  return { ...model, retiredAt: Number(retiredAt) };
}

/** Every version that was ever published, oldest first. */
export async function readModels(contracts: Contracts): Promise<RegisteredModel[]> {
  const count = Number(await contracts.modelRegistry.versionCount());
  const models: RegisteredModel[] = [];
  for (let i = 0; i < count; i++) {
    const id = (await contracts.modelRegistry.versionAt(i)) as Hex;
    const model = await readModel(contracts, id);
    if (model) models.push(model);
  }
  return models;
}
