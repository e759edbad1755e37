import { join } from "node:path";
import { Wallet, ZeroAddress } from "ethers";
import { directoryBlobStore } from "../../core/blobStore.ts";
import { readDeployment } from "../../core/chain/deployment.ts";
import { openChain } from "../../core/chain/open.ts";
import { InputError } from "../../core/errors.ts";
import { fromHex } from "../../core/hashing/hex.ts";
import { createLogger, type Logger } from "../../core/logger.ts";
import type { PosterDeps, RewardsDeps } from "../../keepers/rewards/deps.ts";
import { openReader } from "../../rewards/chain/reader.ts";
import { httpRpc } from "../../vesting/httpRpc.ts";
import { type Config, readEnvironment, required } from "../config.ts";
import { openKeyQueue } from "../keyQueue.ts";

/** Where a command looks; what is not given comes from the environment. */
export type RewardsSource = {
  rpc?: string | undefined;
  deployment?: string | undefined;
  dataDir?: string | undefined;
  dataUrl?: string[] | undefined;
};

export type OpenRewards = RewardsDeps & { config: Config; close(): Promise<void> };

type Opening = { config?: Config; logger?: Logger; signal?: AbortSignal; send: boolean };

/** Opens the rewards of a deployment. With `send` OPG_KEY pays for transactions, and one that was signed outlives a killed process. */
export async function openRewards(source: RewardsSource, { send, signal, ...given }: Opening): Promise<OpenRewards> {
  const config = given.config ?? readEnvironment();
  const logger = given.logger ?? createLogger();
  const rpcUrl = source.rpc ?? config.RPC_URL;
  const deployment = await readDeployment(source.deployment ?? config.OPG_DEPLOYMENT);
  const chain = await openChain(deployment, rpcUrl, config.RPC_TIMEOUT_MS);
  const dataDir = source.dataDir ?? config.DATA_DIR;
  const directory = join(dataDir, "rewards");
  const rpc = httpRpc(rpcUrl, config.RPC_TIMEOUT_MS);
  const files = {
    store: directoryBlobStore(join(directory, "data")),
    dataUrls: [...(source.dataUrl ?? []), ...config.DATA_URLS],
  };
  const account = config.OPG_KEY ? new Wallet(config.OPG_KEY).address : ZeroAddress;
  const sender = send
    ? await openKeyQueue({ ...config, DATA_DIR: dataDir }, "rewards", rpcUrl, deployment.chainId, logger, signal)
    : undefined;

  return {
    config,
    chain,
    logger,
    account: account.toLowerCase(),
    cacheDirectory: join(directory, "receipts"),
    queue: sender?.queue,
    openReader: () => openReader({ rpc, deployment, files, confirmations: config.CONFIRMATIONS, logger }),
    async close() {
      await sender?.close();
      chain.provider.destroy();
    },
  };
}

/** Beside that, what a poster needs: OPG_KEY owns an operator. */
export async function posterOf(open: OpenRewards): Promise<PosterDeps> {
  const { config, chain, account } = open;
  const key = fromHex(required(config, "OPG_KEY"), 32);
  const operator = Number(await chain.contracts.nodeRegistry.operatorOwnedBy(account));
  if (operator === 0) {
    throw new InputError("OPG_KEY's account owns no operator", {
      code: "not_operator",
      facts: { account },
      hint: "Roots are posted by owners of operators: register with `opg node register`",
    });
  }
  const verifierUrls = config.VERIFIER_URLS.map((entry) => entry.replace(/^\d+=/, ""));
  return { ...open, identity: { operator, key, domain: chain.domain }, verifierUrls };
}

/** Runs `use` with the rewards of a deployment, and closes them. */
export async function withRewards<T>(
  source: RewardsSource,
  opening: Opening,
  use: (open: OpenRewards) => Promise<T>,
): Promise<T> {
  const open = await openRewards(source, opening);
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}
