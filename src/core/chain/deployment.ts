import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { jsonOf } from "../jsonOf.ts";
import type { Addresses } from "./contracts.ts";

const hash = z.string().regex(/^0x[0-9a-f]{64}$/);

const contract = z.object({
  address: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  /** keccak256 of the code on chain. */
  codeHash: hash,
});

/** What `npx hardhat deploy` writes to `deployments/<network>.json`. */
export const deploymentSchema = z.object({
  network: z.string(),
  chainId: z.int().positive(),
  /** Hash of block 0: the same chain id on another chain is another deployment. */
  genesis: hash,
  /** Block by which everything stood. */
  block: z.int().min(0),
  /** Source commit, and whether the tree was clean. */
  commit: z.string(),
  contracts: z.object({
    timelock: contract,
    tokenLaunch: contract,
    emissionBudget: contract,
    opg: contract,
    vestVault: contract,
    /** The published file as code: the vesting book. */
    vestBook: contract,
    scheduleLens: contract,
    nodeRegistry: contract,
    modelRegistry: contract,
    teeRegistry: contract,
    developmentTeeVerifier: contract.optional(),
    stakeHub: contract,
    settlement: contract,
    court: contract,
    receiptVerifier: contract,
    epochRewards: contract,
    rewardPolicy: contract,
    stakePurses: contract,
    datasetRegistry: contract,
    /** Where votes govern, once the timelock was handed over to it. */
    governor: contract,
  }),
  vesting: z.object({
    /** keccak256 of the book. */
    bookHash: hash,
    /** keccak256 of the calendar, as `ScheduleLens.tableHash` has it. */
    tableHash: hash,
    /** The published file, beside this one; nowhere for an in-process chain. */
    bookFile: z.string(),
    /** Sum of the grants. */
    lockedWei: z.string().regex(/^\d+$/),
    /** Of the book's grants, in their order. */
    grantNames: z.array(z.string()),
    /** What was minted directly. */
    liquid: z.array(
      z.object({
        id: z.string(),
        category: z.string(),
        to: contract.shape.address,
        amountWei: z.string().regex(/^\d+$/),
      }),
    ),
  }),
  parameters: z.record(z.string(), z.unknown()),
});

export type Deployment = z.infer<typeof deploymentSchema>;

/** Reads a deployment file. Throws when it is not there or not one. */
export async function readDeployment(path: string): Promise<Deployment> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("There is no deployment file", {
      code: "no_deployment",
      facts: { path },
      hint: "Run `npx hardhat deploy --network <name>` first, or name another file",
      cause,
    });
  });
  const malformed = (facts: Record<string, unknown>) =>
    new InputError("This is not a deployment file", { code: "bad_deployment", facts: { path, ...facts } });
  const parsed = deploymentSchema.safeParse(jsonOf(text, () => malformed({ reason: "not JSON" })));
  if (parsed.success) return parsed.data;
  throw malformed(Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join("."), issue.message])));
}

export function addressesOf({ contracts }: Deployment): Addresses {
  return {
    opg: contracts.opg.address,
    vestVault: contracts.vestVault.address,
    scheduleLens: contracts.scheduleLens.address,
    emissionBudget: contracts.emissionBudget.address,
    nodeRegistry: contracts.nodeRegistry.address,
    modelRegistry: contracts.modelRegistry.address,
    teeRegistry: contracts.teeRegistry.address,
    stakeHub: contracts.stakeHub.address,
    settlement: contracts.settlement.address,
    court: contracts.court.address,
    receiptVerifier: contracts.receiptVerifier.address,
    epochRewards: contracts.epochRewards.address,
    rewardPolicy: contracts.rewardPolicy.address,
    stakePurses: contracts.stakePurses.address,
    datasetRegistry: contracts.datasetRegistry.address,
  };
}
