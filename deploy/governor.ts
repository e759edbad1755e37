import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { ContractFuture, IgnitionModuleBuilder } from "@nomicfoundation/ignition-core";
import { id, ZeroAddress } from "ethers";

const DAY = 86_400;
const OPG = 1_000_000_000n;

type Range = { least: bigint | number; most: bigint | number };

/** Times in seconds, amounts in nano. */
export type GovernorParameters = {
  votingDelay: number;
  votingPeriod: number;
  voteExtension: number;
  proposalThreshold: bigint;
  quorumPpm: number;
  quorumFloor: bigint;
  bounds: Record<"votingDelay" | "votingPeriod" | "voteExtension" | "proposalThreshold" | "quorumPpm", Range>;
};

const AMOUNTS = {
  proposalThreshold: 100_000n * OPG,
  quorumPpm: 40_000, // 4 %
  quorumFloor: 5_000_000n * OPG,
};

const AMOUNT_BOUNDS = {
  proposalThreshold: { least: 10_000n * OPG, most: 1_000_000n * OPG },
  quorumPpm: { least: 40_000, most: 200_000 },
};

export const PUBLIC_GOVERNOR: GovernorParameters = {
  ...AMOUNTS,
  votingDelay: DAY,
  votingPeriod: 5 * DAY,
  voteExtension: 2 * DAY,
  bounds: {
    ...AMOUNT_BOUNDS,
    votingDelay: { least: DAY, most: 7 * DAY },
    votingPeriod: { least: 3 * DAY, most: 14 * DAY },
    voteExtension: { least: DAY, most: 7 * DAY },
  },
};

/** As short as it is useful on a chain on this machine. */
export const LOCAL_GOVERNOR: GovernorParameters = {
  ...AMOUNTS,
  votingDelay: 60,
  votingPeriod: 300,
  voteExtension: 120,
  bounds: {
    ...AMOUNT_BOUNDS,
    votingDelay: { least: 1, most: DAY },
    votingPeriod: { least: 60, most: DAY },
    voteExtension: { least: 0, most: DAY },
  },
};

/**
 * Functions that only ever take trust away, whatever their arguments. A pause is none of them: one that waits in the timelock
 * could be executed by anybody just to keep the guardian from pausing for an interval.
 */
export const REMOVALS = {
  settlement: ["retirePolicy(uint16)"],
  teeRegistry: ["revokeKey(address)", "revokeMeasurement(uint32)", "deprecateMeasurement(uint32,uint40)"],
  emissionBudget: ["dropSuccessor()"],
  datasetRegistry: ["suspend(bytes32,uint32,bytes32)"],
} as const;

/** Where the governor finds the rest of the protocol: addresses, or what the same deployment makes. */
export type GovernorNeeds = Record<"votes" | "timelock" | keyof typeof REMOVALS, string | ContractFuture<string>>;

/**
 * The governor over a timelock, with votes from any ERC-5805 source that counts stake in nano by timestamp. It can do nothing
 * until the timelock gave it the roles, see `src/governance/handOver.ts`.
 */
export function governorModule(
  parameters: GovernorParameters,
  needsOf: (m: IgnitionModuleBuilder) => GovernorNeeds,
  { guardian = ZeroAddress, leastTimelockDelay }: { guardian?: string; leastTimelockDelay: number },
) {
  return buildModule("governor", (m) => {
    const { votes, timelock, ...targets } = needsOf(m);
    const removals = Object.entries(REMOVALS).flatMap(([name, signatures]) =>
      signatures.map((signature) => ({
        target: targets[name as keyof typeof REMOVALS],
        selector: id(signature).slice(0, 10),
      })),
    );
    const config = { ...parameters, votes, timelock, guardian, leastTimelockDelay };
    return { governor: m.contract("OPGGovernor", [config, removals]) };
  });
}
