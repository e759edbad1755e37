import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import JSON5 from "json5";
import { z } from "zod";
import { BaseError, InputError } from "../src/core/errors.ts";
import { type GrantEntry, grantSchema } from "../src/vesting/scheduleSchema.ts";

const hex32 = z.string().regex(/^0x[0-9a-f]{64}$/, "32 bytes, 0x and 64 lower-case digits");
const seconds = z.int().positive().max(0xffffffff);
const ppm = z.int().min(0).max(1_000_000);
const nano = z.string().regex(/^\d+$/, "whole nano as a string").transform(BigInt);

/** An address, or `"deployer"` for the account that deploys. `null` in a file means: fill this in first. */
const account = z.union([z.literal("deployer"), z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'an address or "deployer"')]);

const times = z.strictObject({
  claimHorizon: seconds,
  answerTime: seconds,
  longestDispute: seconds,
  auditTimeout: seconds,
  earningsDelay: seconds,
  releaseDelay: seconds,
  settleLag: seconds,
  maxPause: seconds,
  pauseInterval: seconds,
  measurementDelay: seconds,
  stakeActivation: seconds,
  unbonding: seconds,
  parameterDelay: seconds,
});

/** The bounds of the limits are those of StakeHub.sol. */
const staking = z.strictObject({
  /** Stake joins at the start of an epoch. */
  epochLength: seconds,
  limits: z
    .strictObject({
      /** Of what is slashable of an operator's delegators, for one order. */
      eventPpm: z.int().min(0).max(100_000),
      /** The same, in two unbonding times. */
      windowPpm: z.int().min(0).max(250_000),
      /** Nano of delegations that count for each nano of own bond. */
      delegationPerSelf: z.int().min(0).max(20),
      maxCommissionPpm: z.int().min(0).max(500_000),
    })
    .refine(({ eventPpm, windowPpm }) => eventPpm <= windowPpm, { path: ["eventPpm"], error: "at most windowPpm" }),
});

/** A deposit can be this many epochs ahead, see StakeBase.sol. */
const MAX_EPOCHS_AHEAD = 64;

/** As `contracts/rewards/RewardPolicy.sol` has it. */
const MAX_USAGE_PPM = 900_000;
const sum = (parts: Record<string, number>) => Object.values(parts).reduce((all, part) => all + part, 0);

/** What an epoch of rewards gives, as in `contracts/rewards/IRewardPolicy.sol`. */
const shares = z.strictObject({
  spreadEpochs: z.int().min(1).max(520),
  accountCapPpm: z.int().min(1).max(200_000),
  streamPpm: z
    .strictObject({
      stakers: ppm,
      workers: ppm,
      verifiers: ppm,
      publishers: ppm,
      contributors: ppm,
      keepers: ppm,
    })
    .refine((parts) => sum(parts) <= 1_000_000, { error: "together at most 1,000,000" }),
  feePpm: z
    .strictObject({ workers: ppm, verifiers: ppm, publishers: ppm, contributors: ppm, keepers: ppm })
    .refine((parts) => sum(parts) <= MAX_USAGE_PPM, { error: `together at most ${MAX_USAGE_PPM}` }),
});

/** How roots are posted, as in `contracts/rewards/IEpochRewards.sol`. */
const roots = z.strictObject({
  leastWindow: seconds,
  leastBondNano: nano,
  quorum: z.int().min(2).max(16),
  challengeWindow: seconds,
  graceTime: seconds,
  verdictTime: seconds,
  bondFloorNano: nano,
  bondPpm: ppm,
  winnerPpm: ppm,
  winnerCapNano: nano,
  lapsePpm: ppm,
});

const policy = z.strictObject({
  feePpm: ppm,
  workerPpm: ppm,
  verifierPpm: ppm,
  maxRoyaltyPpm: ppm,
  quorum: z.int().min(1).max(32),
  dataMode: z.enum(["OFFCHAIN", "CALLDATA"]),
  windowMs: z.int().min(1).max(1000),
});

/** What `deploy/parameters/<network>.json5` holds. Times are in seconds, amounts whole wei or nano as strings. */
export const parametersSchema = z
  .strictObject({
    chainId: z.int().positive(),
    /** Blocks to wait for after each transaction. */
    confirmations: z.int().min(1),
    token: z.strictObject({
      /** File in `deploy/schedules/`, or an absolute path. */
      schedule: z.string().min(1),
      /** Who gets the categories of the schedule; left out where the file says it itself. */
      grants: z.array(grantSchema).min(1).optional(),
    }),
    governance: z.strictObject({ proposers: z.array(account).min(1), guardian: account }),
    treasury: account,
    reserve: account,
    times,
    staking,
    emission: z.strictObject({ successorDelay: seconds }),
    rewards: z.strictObject({
      epochLength: seconds,
      shares,
      roots,
      datasets: z.strictObject({ leastBondNano: nano }),
    }),
    attestation: z.strictObject({
      keyLifetime: seconds,
      /** P-256 public key that development documents are signed under. Local networks only. */
      developmentRoot: z.strictObject({ x: hex32, y: hex32 }).nullable(),
      measurements: z.array(z.strictObject({ measurement: hex32, note: z.string() })),
    }),
    settlement: z.strictObject({ ringSize: z.int().multipleOf(256).min(512), policies: z.array(policy).min(1) }),
    court: z.strictObject({
      bondNano: nano,
      unprovenDebitPpm: ppm,
      signerPpm: ppm,
      sequencePpm: ppm,
      unopenedPpm: ppm,
      receiptPpm: ppm,
      reporterPpm: ppm,
    }),
  })
  .refine(({ emission, times }) => emission.successorDelay >= times.parameterDelay, {
    path: ["emission", "successorDelay"],
    error: "at least times.parameterDelay",
  })
  .refine(({ staking, times }) => staking.epochLength <= times.unbonding, {
    path: ["staking", "epochLength"],
    error: "at most times.unbonding",
  })
  .refine(({ staking, times }) => Math.floor(times.stakeActivation / staking.epochLength) + 2 <= MAX_EPOCHS_AHEAD, {
    path: ["staking", "epochLength"],
    error: `so long that times.stakeActivation is at most ${MAX_EPOCHS_AHEAD - 2} epochs`,
  })
  // Every epoch has a root, and one waits at a time.
  .refine(({ rewards: { epochLength, roots: r } }) => r.challengeWindow + 2 * r.graceTime <= epochLength, {
    path: ["rewards", "epochLength"],
    error: "at least roots.challengeWindow and twice roots.graceTime",
  })
  // Stake is what it is at the start of a reward epoch: that must be the start of one of its own.
  .refine(({ rewards, staking }) => rewards.epochLength % staking.epochLength === 0, {
    path: ["rewards", "epochLength"],
    error: "a multiple of staking.epochLength",
  });

export type Parameters = z.infer<typeof parametersSchema>;

/** Names in `deploy/parameters/`; every other network has no parameters. */
export const NETWORKS = ["local", "sepolia", "base-sepolia", "base"] as const;

/** Reads and checks the parameters of a network. Throws `InputError` that names every bad entry. */
export async function readParameters(network: string): Promise<Parameters> {
  const path = fileURLToPath(new URL(`./parameters/${network}.json5`, import.meta.url));
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError(`There are no parameters for network "${network}"`, {
      code: "no_parameters",
      facts: { file: `deploy/parameters/${network}.json5`, known: NETWORKS.join(", ") },
      hint: "Use one of the known networks, or write the file",
      cause,
    });
  });
  return parseParameters(network, text);
}

export function parseParameters(network: string, text: string): Parameters {
  let value: unknown;
  try {
    value = JSON5.parse(text);
  } catch (cause) {
    throw new BaseError(`deploy/parameters/${network}.json5 is not JSON5`, { code: "bad_parameters", cause });
  }
  const parsed = parametersSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InputError(`deploy/parameters/${network}.json5 has bad entries`, {
    code: "bad_parameters",
    facts: Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join("."), issue.message])),
    hint: "Correct the entries named above; null stands for a value that you must choose",
  });
}

/** Replaces `"deployer"` by the deploying account everywhere. */
export function withDeployer(parameters: Parameters, deployer: string): Parameters {
  const named = (to: string) => (to === "deployer" ? deployer : to);
  const { token, governance } = parameters;
  return {
    ...parameters,
    token: { ...token, ...(token.grants ? { grants: token.grants.map((grant) => grantWith(grant, deployer)) } : {}) },
    governance: { proposers: governance.proposers.map(named), guardian: named(governance.guardian) },
    treasury: named(parameters.treasury),
    reserve: named(parameters.reserve),
  };
}

function grantWith({ revocation, ...grant }: GrantEntry, deployer: string): GrantEntry {
  const named = (account: string | null) => (account === "deployer" ? deployer : account);
  return {
    ...grant,
    beneficiary: named(grant.beneficiary),
    ...(revocation
      ? {
          revocation: { ...revocation, revoker: named(revocation.revoker), remainderTo: named(revocation.remainderTo) },
        }
      : {}),
  };
}
