import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryBlobStore } from "../../src/core/blobStore.ts";
import type { Deployment } from "../../src/core/chain/deployment.ts";
import { eventOf, mined } from "../../src/core/chain/events.ts";
import { fromHex, type Hex } from "../../src/core/hashing/hex.ts";
import { sha256 } from "../../src/core/hashing/sha256.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { sizesHash } from "../../src/core/protocol/batch.ts";
import { batchTree, encodeBatchFile } from "../../src/core/protocol/batchFile.ts";
import { buildTree } from "../../src/core/protocol/merkle.ts";
import { encodeReceipt, leafHasher, type Receipt } from "../../src/core/protocol/receipt.ts";
import { encodeRows, type Row } from "../../src/core/protocol/rows.ts";
import { owedOf } from "../../src/core/protocol/split.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { type ComputeOptions, computeFromChain } from "../../src/rewards/chain/epoch.ts";
import { openReader } from "../../src/rewards/chain/reader.ts";
import { type Contribution, contributorsRoot, encodeContributors } from "../../src/rewards/contributors.ts";
import { type Committed, commitReceipts, receiptOf } from "./batches.ts";
import { creditAll, OPG, openEconomy, openReservation } from "./economy.ts";
import { deployProtocol, type Protocol } from "./protocol.ts";
import { REQUEST } from "./samples.ts";

/** What the contract counts as funds of rewards in nano, before the first epoch. */
export const FUNDS_NANO = 8_000_000n;

/** Publishes nothing but a name and datasets. */
const VERSION = {
  version: "1",
  artifactSha256: `0x${"01".repeat(32)}`,
  format: "onnx",
  uri: "",
  engines: [
    {
      engine: "onnxruntime-node",
      version: "1",
      imageDigest: `0x${"00".repeat(32)}`,
      dtype: "int8",
      deviceClass: "cpu",
      determinism: "single-thread",
    },
  ],
  profile: 1,
  licence: "Apache-2.0",
  unit: "byte",
  inputPriceNano: 0,
  outputPriceNano: 1,
  royaltyPpm: 0,
  payee: 0,
  circuit: `0x${"00".repeat(32)}`,
};

/** Epochs begin at multiples of their length, the first one after the deployment. */
const EPOCH_MS = 3_600_000;

/** One settler, one worker and four verifiers at a deployed protocol, whose rewards are funded; a payer with money reserved. */
export async function openEpochChain() {
  // Else the first epoch would begin while bonds are awaited, where an hour is far on.
  const start = new Date(Math.floor(Date.now() / EPOCH_MS) * EPOCH_MS + 1000);
  const protocol = await deployProtocol(undefined, start);
  const economy = await openEconomy(protocol, { verifiers: 4 });
  const { contracts, signers } = protocol;
  const payer = signers.at(-1) as (typeof signers)[0];
  const { reservation } = await openReservation(protocol, economy.settler, payer, 1_000n * OPG);
  const onChain = await openReservation(protocol, economy.settler, payer, 1_000n * OPG, { policy: 2 });
  await mined(contracts.opg.transfer(contracts.epochRewards.target, FUNDS_NANO * WEI_PER_NANO));
  await mined(contracts.epochRewards.sync());
  const directory = await mkdtemp(join(tmpdir(), "opg-epoch-"));
  return {
    ...protocol,
    ...economy,
    reservations: { 1: reservation, 2: onChain.reservation } as Record<number, number>,
    payer,
    directory,
    /** What settlers, verifiers and owners of datasets have. */
    published: directoryBlobStore(join(directory, "published")),
    async close() {
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export type EpochChain = Awaited<ReturnType<typeof openEpochChain>>;

/** The first second of an epoch. */
export async function startOf({ contracts }: Pick<Protocol, "contracts">, epoch: number): Promise<number> {
  return Number(await contracts.rewardPolicy.startOf(epoch));
}

/** Mines a block at the first second after an epoch, so that the epoch is over. */
export async function endEpoch(world: EpochChain, epoch: number): Promise<void> {
  await world.networkHelpers.time.increaseTo(await startOf(world, epoch + 1));
}

export async function enterEpoch(world: EpochChain, epoch: number): Promise<void> {
  await world.networkHelpers.time.increaseTo(await startOf(world, epoch));
}

/** The deployment file's part that reading needs. */
export function deploymentOf({ contracts }: Protocol): Deployment {
  const named = Object.entries(contracts).map(([name, { target }]) => [
    name,
    { address: String(target), codeHash: "" },
  ]);
  return { chainId: 31337, block: 0, contracts: Object.fromEntries(named) } as unknown as Deployment;
}

type ReaderChange = { directory?: string; dataUrls?: string[]; confirmations?: number };

/** A reader of the chain as it is now. Without a folder of its own it has what was published. */
export function readerOf(world: EpochChain, { directory, dataUrls = [], confirmations = 1 }: ReaderChange = {}) {
  const store = directory ? directoryBlobStore(join(directory, "data")) : world.published;
  return openReader({
    rpc: (method, params) => world.ethers.provider.send(method, params),
    deployment: deploymentOf(world),
    files: { store, dataUrls },
    confirmations,
    logger: silentLogger,
  });
}

export async function computeOn(
  world: EpochChain,
  epoch: number,
  options: Partial<ComputeOptions> & ReaderChange = {},
) {
  const reader = await readerOf(world, options);
  const cacheDirectory = join(options.directory ?? world.directory, "receipts");
  return computeFromChain(reader, epoch, { cacheDirectory, ...options });
}

type Line = Partial<Receipt> & { priceNano: bigint };

type CommitOptions = {
  policy?: 1 | 2;
  /** Publishes the file, or another one, or none. */
  publish?: boolean;
  /** Receipts that stand in the file instead. */
  file?: Receipt[];
};

/** Commits a batch with these receipts, whose file is published. Its debits pay all of them. */
export async function commitFile(
  world: EpochChain,
  lines: readonly Line[],
  { policy = 1, publish = true, file: shown }: CommitOptions = {},
): Promise<Committed & { file: Uint8Array; receipts: Receipt[] }> {
  const { settler, worker, verifiers, settlerPayee, contracts, domain } = world;
  const { nextSequence, batches } = await contracts.settlement.getSettler(settler);
  const reservation = world.reservations[policy] as number;
  const receipts = lines.map((line, i) =>
    receiptOf({
      settler,
      sequence: nextSequence + BigInt(i),
      reservation,
      worker,
      verifier: verifiers[0]?.node ?? 0,
      ...line,
    }),
  );
  const debits: Row[] = [...owedOf(receipts)].map(([index, amountNano]) => ({ index, amountNano }));
  const credits = await creditAll(world, settlerPayee, debits, policy);
  const leaves = receipts.map((receipt) => leafHasher(domain).ofReceipt(receipt));
  const { root } = buildTree(leaves);
  const windows = [
    {
      window: { settler, verifier: verifiers[0]?.node ?? 0, root, count: leaves.length, signedAtMs: 1 },
      signature: new Uint8Array(65),
      leaves: new Uint8Array(Buffer.concat(leaves)),
      part: null,
    },
  ];
  const file = encodeBatchFile({
    version: 1,
    settler,
    number: batches + 1n,
    windows,
    receipts: (shown ?? receipts).map((receipt) => ({
      receipt: encodeReceipt(receipt),
      request: REQUEST,
      evidence: null,
    })),
    vouchers: [],
    debits: encodeRows(debits),
    credits: encodeRows(credits),
  });
  if (publish) await world.published.put(file);
  const { encoded } = batchTree(windows);
  const data = policy === 1 ? sha256(file) : sizesHash(encoded);
  const committed = await commitReceipts(world, world, {
    receipts,
    debits,
    credits,
    policy,
    data,
    ...(policy === 2 ? { tree: encoded } : {}),
  });
  return { ...committed, file, receipts };
}

/** Publishes a model version that was made from datasets. */
export async function publishVersion(
  { contracts, signers }: EpochChain,
  name: string,
  datasets: { dataset: Hex; weightPpm: number }[] = [],
): Promise<{ version: Uint8Array; publisher: string }> {
  const publisher = signers[15] as (typeof signers)[0];
  const version = { ...VERSION, name, datasets };
  const sent = contracts.modelRegistry.connect(publisher).publish(version);
  const { args } = eventOf(await mined(sent), contracts.modelRegistry, "ModelVersionPublished");
  return { version: fromHex(args.id, 32), publisher: publisher.address };
}

/** Registers a dataset with its contributors file, which is published. */
export async function registerDataset(
  { contracts, signers, published }: EpochChain,
  contributions: readonly Contribution[],
  { publish = true } = {},
): Promise<{ dataset: Hex; file: Uint8Array }> {
  const owner = signers[16] as (typeof signers)[0];
  const file = encodeContributors(contributions);
  if (publish) await published.put(file);
  const { datasetRegistry, opg } = contracts;
  const bondNano = await datasetRegistry.leastBondNano();
  await mined(opg.transfer(owner.address, bondNano * WEI_PER_NANO));
  await mined(opg.connect(owner).approve(datasetRegistry.target, bondNano * WEI_PER_NANO));
  const sent = datasetRegistry.connect(owner).register(
    {
      contentHash: sha256(file),
      fileHash: sha256(file),
      contributorsRoot: contributorsRoot(file),
      contributorCount: contributions.length,
      licence: "CC-BY-4.0",
      uri: "http://127.0.0.1:1/contributors",
    },
    bondNano,
  );
  const { args } = eventOf(await mined(sent), datasetRegistry, "DatasetRegistered");
  return { dataset: args.id as Hex, file };
}
