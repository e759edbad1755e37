import { type BaseContract, getAddress, type JsonRpcProvider, Wallet } from "ethers";
import { type Deployment, readDeployment } from "../../core/chain/deployment.ts";
import { mined } from "../../core/chain/events.ts";
import { createProvider } from "../../core/chain/open.ts";
import { chainError } from "../../core/chain/revert.ts";
import { InputError } from "../../core/errors.ts";
import { type Governance, openGovernance } from "../../governance/chain.ts";
import { type Known, knownContracts } from "../../governance/known.ts";
import { type Config, readEnvironment, required } from "../config.ts";

/** Where a command looks; what is not given comes from the environment. */
export type GovSource = {
  /** The governor's address; without it the deployment file names it. */
  governor?: string | undefined;
  rpc?: string | undefined;
  deployment?: string | undefined;
};

/** How a command sends. */
export type Sending = { dryRun: boolean; from?: string | undefined };

export type OpenGovernance = Governance & {
  provider: JsonRpcProvider;
  known: Known;
  deployment: Deployment | undefined;
  config: Config;
};

/** Runs `use` with the governor that the options or the deployment file name. */
export async function withGovernance<T>(options: GovSource, use: (open: OpenGovernance) => Promise<T>): Promise<T> {
  const config = readEnvironment();
  const file = options.deployment ?? (options.governor ? undefined : config.OPG_DEPLOYMENT);
  const deployment = file === undefined ? undefined : await readDeployment(file);
  const address = options.governor ?? deployment?.contracts.governor?.address;
  if (!address) {
    throw new InputError("The deployment file names no governor", {
      code: "no_governor",
      facts: { deployment: file },
      hint: "Give its address with --governor",
    });
  }
  const governor = addressOf(address, "--governor");
  const rpcUrl = options.rpc ?? config.RPC_URL;
  const chainId = await chainOf(rpcUrl, config.RPC_TIMEOUT_MS);
  if (deployment && deployment.chainId !== chainId) {
    throw new InputError("The RPC serves another chain than the deployment file is of", {
      code: "wrong_chain",
      facts: { deployment: deployment.chainId, rpc: chainId },
      hint: "Give the RPC of that network with --rpc, or another file with --deployment",
    });
  }
  const provider = createProvider(rpcUrl, chainId, config.RPC_TIMEOUT_MS);
  try {
    const governance = await openGovernance(provider, governor);
    const known = knownOf(governance, deployment);
    return await use({ ...governance, provider, known, deployment, config });
  } finally {
    provider.destroy();
  }
}

/** An address as it is given on the command line. */
export function addressOf(text: string, option: string): string {
  try {
    return getAddress(text);
  } catch (cause) {
    throw new InputError("Not an address", {
      code: "bad_address",
      facts: { option, value: text },
      hint: "Give 0x and 40 hexadecimal digits; mixed case is a checksum",
      cause,
    });
  }
}

async function chainOf(rpcUrl: string, timeoutMs: number): Promise<number> {
  // Which chain it is does not matter for asking.
  const provider = createProvider(rpcUrl, 1, timeoutMs);
  try {
    return Number(await provider.send("eth_chainId", []));
  } catch (error) {
    throw chainError("The chain cannot be read", error);
  } finally {
    provider.destroy();
  }
}

function knownOf({ governor, timelock }: Governance, deployment: Deployment | undefined): Known {
  const deployed = Object.entries(deployment?.contracts ?? {}).map(([name, one]) => [name, one?.address] as const);
  const stands = deployment?.contracts.timelock.address;
  if (stands && stands.toLowerCase() !== String(timelock.target).toLowerCase()) {
    throw new InputError("The governor acts through another timelock than the deployment's", {
      code: "wrong_timelock",
      facts: { governor: governor.target, itsTimelock: timelock.target, deployment: stands },
      hint: "Give the governor of this deployment, or no --deployment",
    });
  }
  return knownContracts({
    ...Object.fromEntries(deployed),
    governor: String(governor.target),
    timelock: String(timelock.target),
  });
}

/** Who sends: OPG_KEY's account or, with `--dry-run`, anybody. */
export function senderOf({ config, provider }: OpenGovernance, { dryRun, from }: Sending) {
  if (from === undefined) {
    const signer = new Wallet(required(config, "OPG_KEY"), provider);
    return { account: signer.address, signer };
  }
  if (dryRun) return { account: addressOf(from, "--from"), signer: undefined };
  throw new InputError("Only OPG_KEY's account can be sent from", {
    code: "bad_from",
    hint: "Add --dry-run to see what that account has to send, or leave --from out",
  });
}

export type Sent = {
  dryRun: boolean;
  /** Null where nothing was sent. */
  hash: string | null;
  /** What any wallet can send in its place. */
  transaction: { from: string; to: string; data: string };
};

/** Simulates the exact bytes, then sends them and waits, unless told to stop there. */
export async function submit(
  { provider }: OpenGovernance,
  { account, signer }: ReturnType<typeof senderOf>,
  contract: BaseContract,
  data: string,
  dryRun: boolean,
): Promise<Sent> {
  const transaction = { from: account, to: String(contract.target), data };
  try {
    await provider.call(transaction);
    if (dryRun || !signer) return { dryRun, hash: null, transaction };
    const sent = signer.sendTransaction(transaction);
    const { hash } = await mined(sent as Parameters<typeof mined>[0]);
    return { dryRun, hash, transaction };
  } catch (error) {
    throw chainError("The contract refuses", error);
  }
}
