import { UnavailableError } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import type { Block } from "../../vesting/rpc.ts";
import type { EpochInput } from "../compute.ts";
import { checkContributors, contributorsRoot, ENTRY_BYTES } from "../contributors.ts";
import { findFile } from "./files.ts";
import { nodesOf } from "./nodes.ts";
import { type EpochReader, mapSome, read } from "./reader.ts";

/** Publishers and datasets of those versions that are registered at a block. */
export async function versionsOf(reader: EpochReader, ids: Iterable<Hex>, end: Block): Promise<EpochInput["versions"]> {
  const found = await mapSome([...ids], async (id) => {
    const [publisher, publishedAt] = await read(reader, "modelRegistry", "status", [id], end);
    if (publishedAt === 0n) return undefined;
    const [version] = await read(reader, "modelRegistry", "getVersion", [id], end);
    const datasets = (version.datasets as { dataset: Hex; weightPpm: bigint }[]).map(({ dataset, weightPpm }) => ({
      dataset: dataset.toLowerCase() as Hex,
      weightPpm: Number(weightPpm),
    }));
    return [id, { publisher: String(publisher).toLowerCase(), datasets }] as const;
  });
  return new Map(found.filter((version) => version !== undefined));
}

/** The contributors files of the datasets that count for an epoch, as far as was known at a block. */
export async function datasetsOf(
  reader: EpochReader,
  versions: EpochInput["versions"],
  epoch: number,
  asOf: Block,
): Promise<EpochInput["datasets"]> {
  const named = [...versions.values()].flatMap(({ datasets }) => datasets.map(({ dataset }) => dataset));
  const found = await mapSome([...new Set(named)], async (id) => {
    const [counts] = await read(reader, "datasetRegistry", "countsFor", [id, epoch], asOf);
    return counts ? ([id, await contributorsOf(reader, id, asOf)] as const) : undefined;
  });
  return new Map(found.filter((dataset) => dataset !== undefined));
}

/** The contributors file of a dataset. Throws `file_missing` when nobody has it, and when it is not what was registered. */
export async function contributorsOf(reader: EpochReader, id: Hex, at: Block): Promise<Uint8Array> {
  const [dataset] = await read(reader, "datasetRegistry", "getDataset", [id], at);
  const nodes = await nodesOf(reader, reader.head);
  const bytes = await findFile(reader.files, {
    name: `contributors of dataset ${id}`,
    sha256: dataset.fileHash as Hex,
    urls: /^https?:\/\//.test(dataset.uri) ? [dataset.uri as string] : [],
    bases: nodes.map(({ endpoint }) => endpoint),
  });
  try {
    checkContributors(bytes);
    if (bytes.length === ENTRY_BYTES * Number(dataset.contributorCount)) {
      if (contributorsRoot(bytes) === dataset.contributorsRoot) return bytes;
    }
  } catch (cause) {
    throw foreign(id, cause);
  }
  throw foreign(id);
}

const foreign = (dataset: Hex, cause?: unknown) =>
  new UnavailableError("A contributors file is not what was registered", {
    code: "file_missing",
    facts: { dataset },
    hint: "Ask the guardian to suspend the dataset: nobody can compute what it gives to whom",
    cause,
  });
