import { AbiCoder, id, keccak256 } from "ethers";

/** One call that a proposal makes. */
export type ProposedCall = {
  target: string;
  /** Wei of the chain's own coin. */
  value: bigint;
  data: string;
};

/** What voters decide on. Its id is a hash of all of it. */
export type Proposal = { calls: readonly ProposedCall[]; description: string };

/** What the governor's `propose` takes. */
export function proposeArguments({ calls, description }: Proposal): [string[], bigint[], string[], string] {
  const targets = calls.map(({ target }) => target);
  return [targets, calls.map(({ value }) => value), calls.map(({ data }) => data), description];
}

/** What its `queue`, `execute` and `cancel` take. */
export function hashedArguments(proposal: Proposal): [string[], bigint[], string[], string] {
  const [targets, values, calldatas, description] = proposeArguments(proposal);
  return [targets, values, calldatas, id(description)];
}

/** The id that the governor gives it. */
export function proposalId(proposal: Proposal): bigint {
  const types = ["address[]", "uint256[]", "bytes[]", "bytes32"];
  return BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(types, hashedArguments(proposal))));
}

/**
 * A description that only this account can propose with: otherwise whoever sees the transaction could propose the same
 * first and cancel it, and nobody could propose it again.
 */
export function protectedDescription(description: string, proposer: string): string {
  const suffix = `#proposer=${proposer}`;
  return description.toLowerCase().endsWith(suffix.toLowerCase()) ? description : `${description}${suffix}`;
}
