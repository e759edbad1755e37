import { FetchRequest, JsonRpcProvider, keccak256, Network } from "ethers";
import { BaseError, errorMessage, UnavailableError } from "../errors.ts";
import { type Domain, settlementDomain } from "../protocol/domain.ts";
import { type Contracts, connectContracts } from "./contracts.ts";
import { addressesOf, type Deployment } from "./deployment.ts";

/** One deployment, seen through one RPC. */
export type Chain = {
  provider: JsonRpcProvider;
  contracts: Contracts;
  domain: Domain;
  deployment: Deployment;
};

/** An RPC client that gives up on an answer after `timeoutMs` and never caches. */
export function createProvider(rpcUrl: string, chainId: number, timeoutMs = 10_000): JsonRpcProvider {
  const request = new FetchRequest(rpcUrl);
  request.timeout = timeoutMs;
  const options = { staticNetwork: Network.from(chainId), cacheTimeout: -1, pollingInterval: 250 };
  return new JsonRpcProvider(request, chainId, options);
}

/**
 * Connects to a deployment. Throws when the RPC does not answer, or serves another chain than the one that the deployment
 * file is of, or other code.
 */
export async function openChain(deployment: Deployment, rpcUrl: string, timeoutMs?: number): Promise<Chain> {
  const provider = createProvider(rpcUrl, deployment.chainId, timeoutMs);
  try {
    await checkChain(provider, deployment);
  } catch (error) {
    provider.destroy();
    throw error;
  }
  return {
    provider,
    contracts: connectContracts(addressesOf(deployment), provider),
    domain: settlementDomain(BigInt(deployment.chainId), deployment.contracts.settlement.address),
    deployment,
  };
}

async function checkChain(provider: JsonRpcProvider, deployment: Deployment): Promise<void> {
  const answers = Promise.all([
    provider.send("eth_chainId", []),
    provider.getBlock(0),
    provider.getCode(deployment.contracts.settlement.address),
  ]);
  const [chainId, genesis, code] = await answers.catch((cause: unknown) => {
    throw new UnavailableError("The RPC does not answer", {
      code: "rpc_unavailable",
      facts: { network: deployment.network, reason: errorMessage(cause).slice(0, 200) },
      hint: "Check RPC_URL and that the node runs",
      cause,
    });
  });
  const wrong = (what: string, expected: unknown, got: unknown) =>
    new BaseError(`The RPC serves another ${what} than the deployment file is of`, {
      code: "wrong_chain",
      facts: { network: deployment.network, expected, got },
      hint: "Use the RPC of the network that was deployed to, or deploy again",
    });
  if (BigInt(chainId) !== BigInt(deployment.chainId)) throw wrong("chain", deployment.chainId, BigInt(chainId));
  if (genesis?.hash !== deployment.genesis) throw wrong("chain", deployment.genesis, genesis?.hash);
  const { codeHash } = deployment.contracts.settlement;
  if (keccak256(code) !== codeHash) throw wrong("contract", codeHash, keccak256(code));
}
