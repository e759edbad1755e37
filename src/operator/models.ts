import type { Signer } from "ethers";
import type { Contracts } from "../core/chain/contracts.ts";
import { eventOf, mined } from "../core/chain/events.ts";
import { type DatasetUse, Profile } from "../core/chain/models.ts";
import type { Hex } from "../core/hashing/hex.ts";
import { engineOf, type Manifest } from "../core/manifest.ts";

export type Listing = {
  inputPriceNano: bigint;
  outputPriceNano: bigint;
  royaltyPpm: number;
  /** The publisher's earnings account. */
  payee: number;
  uri?: string;
  /** What it was made from; their contributors are paid for its use. */
  datasets?: DatasetUse[];
};

const PROFILES = {
  none: Profile.NONE,
  "exact-int8": Profile.EXACT_INT8,
  pinned: Profile.PINNED,
  tolerance: Profile.TOLERANCE,
} as const;

/** What a unit of input or output is. */
function unitOf({ task, upstream }: Manifest): string {
  if (task === "classify") return "item";
  return upstream ? "token" : "byte";
}

/** Publishes a model folder as a version, or finds that it is published. Gives its id. */
export async function publishModel(
  { modelRegistry }: Contracts,
  publisher: Signer,
  manifest: Manifest,
  listing: Listing,
): Promise<Hex> {
  const version = {
    name: manifest.name,
    version: manifest.version,
    artifactSha256: `0x${manifest.artifactSha256}`,
    format: manifest.format,
    uri: listing.uri ?? "",
    engines: [engineOf(manifest)],
    profile: PROFILES[manifest.profile],
    licence: manifest.licence,
    unit: unitOf(manifest),
    inputPriceNano: listing.inputPriceNano,
    outputPriceNano: listing.outputPriceNano,
    royaltyPpm: listing.royaltyPpm,
    payee: listing.payee,
    datasets: listing.datasets ?? [],
    circuit: `0x${"00".repeat(32)}`,
  };
  const id = await modelRegistry.versionId(await publisher.getAddress(), version);
  const { publishedAt } = await modelRegistry.status(id);
  if (publishedAt !== 0n) return id as Hex;
  const receipt = await mined(modelRegistry.connect(publisher).publish(version));
  return eventOf(receipt, modelRegistry, "ModelVersionPublished").args.id as Hex;
}
