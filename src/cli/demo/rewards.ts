import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { Hono } from "hono";
import { eventOf, mined } from "../../core/chain/events.ts";
import type { Chain } from "../../core/chain/open.ts";
import { BaseError } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import { toHex } from "../../core/hashing/hex.ts";
import { sha256 } from "../../core/hashing/sha256.ts";
import { type HttpServer, serveApp } from "../../core/http/serve.ts";
import type { Logger } from "../../core/logger.ts";
import { toJson } from "../../core/protocol/json.ts";
import { NANO_PER_OPG, WEI_PER_NANO } from "../../core/units.ts";
import { epochOnce } from "../../keepers/rewards/epoch.ts";
import { publishedFile } from "../../rewards/chain/epoch.ts";
import { activeRoot } from "../../rewards/chain/roots.ts";
import { rolledOverNano } from "../../rewards/compute.ts";
import { contributorsRoot, encodeContributors } from "../../rewards/contributors.ts";
import { treeOfFile } from "../../rewards/epochFile.ts";
import { recompute } from "../../rewards/recompute.ts";
import { versionOf } from "../../rewards/root.ts";
import { findAccount, witnessOf } from "../../rewards/tree.ts";
import { readEnvironment } from "../config.ts";
import { type OpenRewards, openRewards, posterOf } from "../rewards/open.ts";
import { advanceTo, localAccount } from "./chain.ts";
import { type DemoNetwork, fund, OWNERS, timesOf } from "./network.ts";

/** More than a root's bond in the demo. */
const POSTER_NANO = 200_000n * NANO_PER_OPG;

/** What two people gave to the models of the demo. */
export type DemoDataset = { id: Hex; contributor: string; server: HttpServer };

export type DemoRewards = {
  epoch: number;
  root: string;
  /** Computed again in a folder of its own. */
  recomputedRoot: string;
  equal: boolean;
  /** What the data contributor got, in nano. */
  claimed: string;
  contributor: string;
  dataset: string;
  /** That counted in the epoch. */
  receipts: number;
  /** What the epoch gave to everybody, and what of its budget rolls over, in nano. */
  givenNano: string;
  rolledOverNano: string;
};

/** Registers a dataset of two contributors, and serves the file that names them. */
export async function openDataset(chain: Chain): Promise<DemoDataset> {
  const { datasetRegistry, opg } = chain.contracts;
  const publisher = localAccount(chain, OWNERS.publisher);
  const [contributor, other] = [Wallet.createRandom().address, Wallet.createRandom().address];
  const source = (name: string) => toHex(sha256(Buffer.from(name)));
  const file = encodeContributors([
    { account: contributor, source: source("questions"), quality: 3 },
    { account: contributor, source: source("answers"), quality: 1 },
    { account: other, source: source("answers"), quality: 2 },
  ]);
  const app = new Hono().get("/contributors", (c) => c.body(new Uint8Array(file).buffer));
  const server = await serveApp(app);
  const bondNano = await datasetRegistry.leastBondNano();
  await fund(chain, publisher.address, bondNano);
  await mined(opg.connect(publisher).approve(datasetRegistry.target, bondNano * WEI_PER_NANO));
  const registered = datasetRegistry.connect(publisher).register(
    {
      contentHash: sha256(Buffer.from("questions and answers")),
      fileHash: sha256(file),
      contributorsRoot: contributorsRoot(file),
      contributorCount: 3,
      licence: "CC-BY-4.0",
      uri: `${server.url}/contributors`,
    },
    bondNano,
  );
  const { id } = eventOf(await mined(registered), datasetRegistry, "DatasetRegistered").args;
  return { id, contributor, server };
}

type Context = {
  chain: Chain;
  rpcUrl: string;
  directory: string;
  network: DemoNetwork;
  dataset: DemoDataset;
  logger: Logger;
};

/** The keeper's first pass: what the emission budget was released so far is counted, for the epoch that runs. */
export async function fundRewards(context: Context): Promise<void> {
  const key = localAccount(context.chain, OWNERS.settler).privateKey;
  await withRewards(context, "poster", key, async (poster) => {
    await epochOnce(await posterOf(poster));
  });
}

/**
 * Lets the epoch end in which everything settled by `settledAt` became final, and brings its root to be active; then computes
 * it again in another folder and pays the contributor.
 */
export async function rewardEpoch(
  context: Context,
  settledAt: number,
  say: (line: string) => void,
): Promise<DemoRewards> {
  const { chain, dataset } = context;
  const { rewardPolicy, opg } = chain.contracts;
  const epoch = Number(await rewardPolicy.epochAt(settledAt + timesOf(chain).claimHorizon));
  await advanceTo(chain, Number(await rewardPolicy.startOf(epoch + 1)) + 1);

  const owner = localAccount(chain, OWNERS.settler);
  await fund(chain, owner.address, POSTER_NANO);
  await withRewards(context, "poster", owner.privateKey, (poster) => untilActive(poster, epoch, say));
  return withRewards(context, "anywhere", localAccount(chain, OWNERS.publisher).privateKey, async (anywhere) => {
    const reader = await anywhere.openReader();
    const { ours, compared } = await recompute(reader, epoch, anywhere);
    const root = compared?.root.posting.content.root ?? "";
    say(`epoch ${epoch}: root ${root.slice(0, 18)}…, computed again ${ours.content.root.slice(0, 18)}…`);
    const before = await opg.balanceOf(dataset.contributor);
    await claimFor(anywhere, epoch, dataset.contributor);
    const claimedWei = (await opg.balanceOf(dataset.contributor)) - before;
    return {
      epoch,
      root,
      recomputedRoot: ours.content.root,
      equal: compared !== undefined && compared.difference === undefined,
      claimed: String(claimedWei / WEI_PER_NANO),
      contributor: dataset.contributor,
      dataset: dataset.id,
      receipts: ours.result.tally.receipts,
      givenNano: String(ours.result.givenNano),
      rolledOverNano: String(rolledOverNano(ours.result)),
    };
  });
}

/** The keeper's passes, with the clock moved to whatever they wait for. */
async function untilActive(poster: OpenRewards, epoch: number, say: (line: string) => void): Promise<void> {
  const { chain } = poster;
  for (let pass = 0; pass < 8 * epoch; pass++) {
    if (Number((await chain.contracts.epochRewards.getBooks()).epoch) >= epoch) return;
    for (const outcome of await epochOnce(await posterOf(poster))) {
      say(outcome.outcome);
      if (outcome.outcome === "waiting") await advanceTo(chain, outcome.until + 1);
    }
  }
  throw new BaseError("The epoch's root did not become active", { code: "demo_failed", facts: { epoch } });
}

async function claimFor(open: OpenRewards, epoch: number, account: string): Promise<void> {
  const root = await activeRoot(await open.openReader(), epoch);
  if (!root) throw new BaseError("The root is not active", { code: "demo_failed", facts: { epoch } });
  const tree = treeOfFile(await publishedFile(await open.openReader(), root.posting));
  const { leaf, proof } = witnessOf(tree, findAccount(tree, account).index);
  const rewards = open.chain.contracts.epochRewards.connect(localAccount(open.chain, OWNERS.publisher));
  await mined(rewards.claim(versionOf({ epoch, leafCount: tree.leaves.length }), leaf, proof));
}

async function withRewards<T>(
  { chain, rpcUrl, directory, network, logger }: Context,
  name: string,
  key: string,
  use: (open: OpenRewards) => Promise<T>,
): Promise<T> {
  const file = join(directory, "deployment.json");
  await writeFile(file, JSON.stringify(toJson(chain.deployment)));
  const verifiers = network.verifiers.map(({ node, url }) => `${node}=${url}`);
  const config = readEnvironment({
    OPG_DEPLOYMENT: file,
    RPC_URL: rpcUrl,
    DATA_DIR: join(directory, name),
    OPG_KEY: key,
    VERIFIER_URLS: verifiers.join(","),
    DATA_URLS: [network.gatewayUrl, ...network.verifiers.map(({ url }) => url)].join(","),
  });
  const open = await openRewards({}, { config, logger, send: true });
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}
