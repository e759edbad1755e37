import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BaseWallet, Wallet } from "ethers";
import { developmentEvidence, type EvidenceProvider } from "../../core/attestation/evidence.ts";
import { directoryBlobStore } from "../../core/blobStore.ts";
import { Profile, readModels } from "../../core/chain/models.ts";
import type { Chain } from "../../core/chain/open.ts";
import { createChainView } from "../../core/chain/view.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { lockDirectory } from "../../core/db/lock.ts";
import { BaseError } from "../../core/errors.ts";
import { fromHex, type Hex } from "../../core/hashing/hex.ts";
import { type HttpServer, serveApp } from "../../core/http/serve.ts";
import type { Logger } from "../../core/logger.ts";
import { checkedArtifact, readManifest } from "../../core/manifest.ts";
import { type Classifier, loadClassifier } from "../../engines/onnxGuard.ts";
import { registerEnclaveKey } from "../../operator/enclave.ts";
import { computeInThread } from "../../rewards/thread/computeInThread.ts";
import { openLedger } from "../../verifier/ledger.ts";
import { createRootSigner, type RootSigner } from "../../verifier/rootSigner.ts";
import { createVerifier } from "../../verifier/verifier.ts";

export type VerifierRole = {
  chain: Chain;
  node: number;
  /** The node's own key: pays for attestation. */
  nodeKey: BaseWallet;
  /** Keeps the enclave key, the ledger and the batch files. */
  directory: string;
  /** Folders of exact models that it runs itself for mode TEE. */
  models: readonly string[];
  /** The latest deadline it signs a batch for, in seconds from now. */
  settleLag: number;
  logger: Logger;
  /** What it recomputes reward roots through; without it it signs none. */
  roots?: { rpcUrl: string; rpcTimeoutMs: number; confirmations: number; dataUrls: readonly string[] } | undefined;
  evidence?: EvidenceProvider;
  clock?: Clock;
  host?: string;
  port?: number;
};

/** Longer than the check of a batch takes, so that one check reads each thing once. */
const SNAPSHOT_MS = 600_000;

/** Attests its key if needed, then checks and signs. */
export async function startVerifier(role: VerifierRole): Promise<HttpServer> {
  const { chain, node, directory, logger, clock = systemClock } = role;
  await mkdir(directory, { recursive: true });
  const unlock = await lockDirectory(directory);
  const key = await enclaveKey(directory);
  const evidence = role.evidence ?? developmentEvidence(() => chainMs(chain));
  const operator = await attest(role, key, evidence);
  const exact = await loadExact(chain, role.models);
  const ledger = openLedger(join(directory, "ledger.sqlite"));
  const { roots: _, ...rest } = role;
  const roots = rootSignerOf(role, key);
  const verifier = createVerifier({
    ...rest,
    ...(roots ? { roots } : {}),
    ownerOf: (of) => chain.contracts.nodeRegistry.ownerOf(of),
    operator,
    key: fromHex(key.privateKey, 32),
    domain: chain.domain,
    view: createChainView({ contracts: chain.contracts, clock }),
    snapshot: () => createChainView({ contracts: chain.contracts, clock, freshMs: SNAPSHOT_MS, maxStaleMs: 0 }),
    ledger,
    blobs: directoryBlobStore(join(directory, "data")),
    evidence,
    exactModels: exact,
    clock,
  });
  const server = await serveApp(verifier.app, role);
  logger.info({ node, operator, url: server.url, key: key.address, exactModels: exact.size }, "verifier.started");
  return {
    url: server.url,
    async close(graceMs) {
      verifier.close();
      await server.close(graceMs);
      ledger.close();
      await Promise.all([...exact.values()].map((model) => model.close()));
      await unlock();
    },
  };
}

/** Computes in threads, from the files that this verifier keeps and others serve. */
function rootSignerOf({ chain, directory, roots, logger }: VerifierRole, key: BaseWallet): RootSigner | undefined {
  if (!roots) return undefined;
  const { contracts, provider, deployment, domain } = chain;
  return createRootSigner({
    key: fromHex(key.privateKey, 32),
    logger,
    chain: {
      chainId: domain.chainId,
      rewards: String(contracts.epochRewards.target),
      async standing() {
        const [{ commitment }, { epoch }, ms] = await Promise.all([
          contracts.epochRewards.getActive(),
          contracts.epochRewards.getBooks(),
          chainMs(chain),
        ]);
        return { commitment, epoch: Number(epoch), nowUnix: ms / 1000 };
      },
      timeOf: async (block) => (await provider.getBlock(block))?.timestamp ?? 0,
    },
    compute: (epoch, choice) =>
      computeInThread({
        ...roots,
        dataUrls: [...roots.dataUrls],
        deployment,
        dataDirectory: join(directory, "data"),
        cacheDirectory: join(directory, "receipts"),
        epoch,
        choice,
      }),
  });
}

/** Made once, readable by this user alone. In a real enclave the directory is sealed storage. */
async function enclaveKey(directory: string): Promise<BaseWallet> {
  const path = join(directory, "enclave.key");
  const stored = await readFile(path, "utf8").catch(() => undefined);
  if (stored) return new Wallet(stored.trim());
  const wallet = Wallet.createRandom();
  await writeFile(path, `${wallet.privateKey}\n`, { mode: 0o600, flag: "wx" });
  return new Wallet(wallet.privateKey);
}

/** Registers the key unless its registration has more than half of its time left. */
async function attest({ chain, node, nodeKey, logger }: VerifierRole, key: BaseWallet, evidence: EvidenceProvider) {
  const { teeRegistry, nodeRegistry } = chain.contracts;
  const [record, lifetime] = await Promise.all([teeRegistry.getKey(key.address), teeRegistry.keyLifetime()]);
  const left = record.validUntil - BigInt(Math.floor((await chainMs(chain)) / 1000));
  const active = (await teeRegistry.activeOperator(key.address)) !== 0n;
  if (!active || left * 2n < lifetime) {
    await registerEnclaveKey(chain.contracts, nodeKey.connect(chain.provider), node, key, evidence);
    logger.info({ node, key: key.address }, "verifier.attested");
  }
  const { operator } = await nodeRegistry.getNode(node);
  return Number(operator);
}

async function loadExact(chain: Chain, directories: readonly string[]): Promise<Map<Hex, Classifier>> {
  const registered = directories.length > 0 ? await readModels(chain.contracts) : [];
  const exact = new Map<Hex, Classifier>();
  for (const directory of directories) {
    const manifest = await readManifest(directory);
    const model = registered.find(
      ({ artifactSha256, profile }) =>
        artifactSha256 === `0x${manifest.artifactSha256}` && profile === Profile.EXACT_INT8,
    );
    const path = model && (await checkedArtifact(manifest, model.artifactSha256));
    if (!model || !path || manifest.task !== "classify") {
      throw new BaseError("This is not a registered exact model", {
        code: "model_not_found",
        facts: { directory, model: manifest.name },
        hint: "A verifier runs exact-int8 models only; publish the model first",
      });
    }
    exact.set(model.id, await loadClassifier(path, manifest.labels ?? []));
  }
  return exact;
}

/** The chain's clock in Unix milliseconds: what the registry compares documents with. */
async function chainMs({ provider }: Chain): Promise<number> {
  const block = await provider.getBlock("latest");
  return (block?.timestamp ?? 0) * 1000;
}
