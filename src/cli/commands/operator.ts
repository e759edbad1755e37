import { getAddress, Wallet } from "ethers";
import type { DatasetUse } from "../../core/chain/models.ts";
import type { Chain } from "../../core/chain/open.ts";
import { InputError } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import { engineOf, readManifest } from "../../core/manifest.ts";
import { publishModel } from "../../operator/models.ts";
import { openSettler, registerPayee } from "../../operator/money.ts";
import { NodeClass, registerNode, registerOperator } from "../../operator/nodes.ts";
import { openConfigured, readEnvironment, signerOf } from "../config.ts";

/** Runs `use` with the chain and the account of OPG_KEY. */
async function withSigner<T>(use: (chain: Chain, signer: Wallet) => Promise<T>): Promise<T> {
  const config = readEnvironment();
  const chain = await openConfigured(config);
  try {
    return await use(chain, signerOf(config, chain));
  } finally {
    chain.provider.destroy();
  }
}

export type NodeRegistration = { operator: number; node: number; payee: number; key: string };

/** Makes OPG_KEY's account an operator if needed and registers a node with a new key and payee. */
export async function addNode(
  kind: string,
  options: { endpoint: string; models: string[]; key?: string },
): Promise<NodeRegistration> {
  const nodeClass = { worker: NodeClass.WORKER, verifier: NodeClass.VERIFIER, settler: NodeClass.SETTLER }[kind];
  if (!nodeClass) {
    throw new InputError("There is no such class of node", {
      code: "bad_class",
      facts: { given: kind, known: "worker, verifier, settler" },
    });
  }
  return withSigner(async ({ contracts }, signer) => {
    const key = new Wallet(options.key ?? Wallet.createRandom().privateKey);
    const operator = await registerOperator(contracts, signer);
    const payee = await registerPayee(contracts, signer, signer.address);
    const manifests = await Promise.all(options.models.map((directory) => readManifest(directory)));
    const node = await registerNode(contracts, signer, {
      class: nodeClass,
      key,
      payee,
      endpoint: options.endpoint,
      engines: manifests.map(engineOf),
    });
    return { operator, node, payee, key: key.privateKey };
  });
}

export type OpenedSettler = { settler: number; payee: number; committer: string; key?: string };

/**
 * Opens OPG_KEY's operator as a settler. Without `committer` a new key is made, and shown this once; a settler that is
 * open keeps the one it has.
 */
export async function openSettlerCommand(committer?: string): Promise<OpenedSettler> {
  return withSigner(async ({ contracts }, signer) => {
    const settler = await registerOperator(contracts, signer);
    const standing = await contracts.settlement.getSettler(settler);
    if (standing.payee !== 0n && committer === undefined) {
      return { settler, payee: Number(standing.payee), committer: standing.committer };
    }
    const payee = Number(standing.payee) || (await registerPayee(contracts, signer, signer.address));
    const made = committer ? undefined : Wallet.createRandom();
    const address = getAddress(committer ?? (made?.address as string));
    await openSettler(contracts, signer, settler, payee, address);
    return { settler, payee, committer: address, ...(made ? { key: made.privateKey } : {}) };
  });
}

export type Publication = {
  inputPriceNano: bigint;
  outputPriceNano: bigint;
  royaltyPpm: number;
  payee?: number;
  uri?: string;
  datasets?: DatasetUse[];
};

/** Publishes a model folder; OPG_KEY is the publisher. */
export async function publish(directory: string, publication: Publication): Promise<{ version: Hex; payee: number }> {
  return withSigner(async ({ contracts }, signer) => {
    const payee = publication.payee ?? (await registerPayee(contracts, signer, signer.address));
    const version = await publishModel(contracts, signer, await readManifest(directory), {
      inputPriceNano: publication.inputPriceNano,
      outputPriceNano: publication.outputPriceNano,
      royaltyPpm: publication.royaltyPpm,
      payee,
      ...(publication.uri ? { uri: publication.uri } : {}),
      ...(publication.datasets ? { datasets: publication.datasets } : {}),
    });
    return { version, payee };
  });
}
