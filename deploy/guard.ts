import { HDNodeWallet } from "ethers";
import { BaseError, InputError } from "../src/core/errors.ts";
import type { Parameters } from "./parameters.ts";

/** The chain id of local chains; every other chain is a public one. */
export const LOCAL_CHAIN_ID = 31337;

/** The accounts of Hardhat's and Anvil's local chains: everybody has their keys. */
const DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk";
const DEVELOPMENT_ACCOUNTS = 20;

/** Times that users of a public network rely on, in seconds. */
const LEAST_PUBLIC_TIMES = {
  claimHorizon: 86_400,
  answerTime: 43_200,
  earningsDelay: 172_800,
  releaseDelay: 259_200,
  measurementDelay: 345_600,
  stakeActivation: 691_200,
  unbonding: 1_209_600,
  parameterDelay: 1_296_000,
} as const;

const LEAST_PUBLIC_EPOCH = 86_400;
const LEAST_PUBLIC_WINDOW = 259_200;

/** Who is named in a grant: addresses, names, or nobody yet. */
type Granted = {
  id: string;
  beneficiary: string | null;
  revocation?: { revoker: string | null; remainderTo: string | null } | null | undefined;
};

/**
 * Refuses what would take trust away without anybody noticing: parameters of another chain, and on public networks a
 * development root, a development key in any role, or times so short that nobody could leave.
 */
export function checkDeployment(
  network: string,
  chainId: number,
  deployer: string,
  parameters: Parameters,
  grants: readonly Granted[],
): void {
  if (parameters.chainId !== chainId) {
    throw new InputError("The parameters are for another chain", {
      code: "wrong_chain",
      facts: { network, parameters: parameters.chainId, rpc: chainId },
      hint: "Check the RPC URL of the network",
    });
  }
  if (chainId === LOCAL_CHAIN_ID) return;
  if (parameters.attestation.developmentRoot !== null || parameters.attestation.measurements.length > 0) {
    throw new BaseError("A development root must not be deployed to a public network", {
      code: "development_root",
      facts: { network, chainId },
      hint: "Set attestation.developmentRoot to null and attestation.measurements to [] in the parameters",
    });
  }
  const known = new Set(developmentAddresses().map((address) => address.toLowerCase()));
  for (const [role, address] of Object.entries({ ...rolesOf(deployer, parameters), ...grantRoles(grants) })) {
    if (!known.has(address.toLowerCase())) continue;
    throw new BaseError("A development key must not have a role on a public network", {
      code: "development_key",
      facts: { network, chainId, role, address },
      hint: "Use a key of your own: `npx hardhat keystore set DEPLOYER_KEY`, or the environment variable",
    });
  }
  const { times, rewards } = parameters;
  const relied: [name: string, given: number, least: number][] = [
    ...Object.entries(LEAST_PUBLIC_TIMES).map(([name, least]): [string, number, number] => [
      ...([name, times[name as keyof typeof LEAST_PUBLIC_TIMES], least] as const),
    ]),
    ["rewards.epochLength", rewards.epochLength, LEAST_PUBLIC_EPOCH],
    ["rewards.roots.leastWindow", rewards.roots.leastWindow, LEAST_PUBLIC_WINDOW],
  ];
  for (const [name, given, least] of relied) {
    if (given >= least) continue;
    throw new BaseError("A time is too short for a public network", {
      code: "time_too_short",
      facts: { network, name, seconds: given, least },
    });
  }
}

function rolesOf(deployer: string, { governance, treasury, reserve }: Parameters): Record<string, string> {
  return {
    deployer,
    treasury,
    reserve,
    guardian: governance.guardian,
    ...Object.fromEntries(governance.proposers.map((address, i) => [`proposer ${i}`, address])),
  };
}

function grantRoles(grants: readonly Granted[]): Record<string, string> {
  const roles = grants.flatMap(({ id, beneficiary, revocation }) => [
    [`beneficiary of ${id}`, beneficiary],
    [`revoker of ${id}`, revocation?.revoker],
    [`remainder of ${id}`, revocation?.remainderTo],
  ]);
  return Object.fromEntries(roles.filter(([, account]) => typeof account === "string"));
}

function developmentAddresses(): string[] {
  return Array.from(
    { length: DEVELOPMENT_ACCOUNTS },
    (_, i) => HDNodeWallet.fromPhrase(DEVELOPMENT_MNEMONIC, "", `m/44'/60'/0'/0/${i}`).address,
  );
}
