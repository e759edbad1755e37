import { AbiCoder, keccak256 } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { ceilDiv, NANO_PER_OPG, PPM } from "../../core/units.ts";
import type { Finding } from "./findings.ts";

export type WorthSettings = {
  /** What a claim must bring at least, beyond its gas; nano. */
  minNano: bigint;
  /** What one OPG is worth in wei of the chain's own coin; without it gas is not weighed. */
  weiPerOpg?: bigint | undefined;
};

type Penalised = "debit" | "sequence" | "unopened" | "receipt";

const PENALTY: Record<Finding["kind"], Penalised> = {
  debit: "debit",
  policy: "debit",
  sequence: "unopened",
  doubled: "sequence",
  outOfRange: "sequence",
  request: "receipt",
  price: "receipt",
};

/** Gas of everything that a finding takes until it is punished, as docs/contracts/court.md has it, rounded up. */
const GAS: Record<Finding["kind"], bigint> = {
  debit: 750_000n,
  policy: 650_000n,
  sequence: 550_000n,
  doubled: 400_000n,
  outOfRange: 400_000n,
  request: 650_000n,
  price: 650_000n,
};

/** The id of a penalty, as the court makes it. */
export function evidenceId(kind: Penalised, settler: number, number: bigint): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint32", "uint64"], [kind, settler, number]));
}

export const PENALTIES: readonly Penalised[] = ["debit", "sequence", "unopened", "receipt"];

/**
 * Whether what a finding brings (what comes back, and the reporter's part of the settler's penalty when nobody reported
 * before) is at least what it costs.
 */
export async function isWorth(
  { contracts, provider }: Chain,
  settler: number,
  number: bigint,
  finding: Finding,
  { minNano, weiPerOpg }: WorthSettings,
): Promise<boolean> {
  const gasWei = weiPerOpg === undefined ? 0n : GAS[finding.kind] * ((await provider.getFeeData()).maxFeePerGas ?? 0n);
  const costNano = weiPerOpg === undefined ? 0n : ceilDiv(gasWei * NANO_PER_OPG, weiPerOpg);
  const neededNano = minNano + costNano;
  if (finding.amountNano >= neededNano) return true;
  return finding.amountNano + (await rewardNano(contracts, settler, number, PENALTY[finding.kind])) >= neededNano;
}

async function rewardNano(
  { court, stakeHub }: Chain["contracts"],
  settler: number,
  number: bigint,
  kind: Penalised,
): Promise<bigint> {
  const { dueAt } = await court.getPenalty(evidenceId(kind, settler, number));
  if (dueAt !== 0n) return 0n;
  const [stakeNano, ppm, reporterPpm] = await Promise.all([
    stakeHub.slashableStake(settler),
    ppmOf(court, kind),
    court.reporterPpm(),
  ]);
  return (stakeNano * ppm * reporterPpm) / (PPM * PPM);
}

function ppmOf(court: Chain["contracts"]["court"], kind: Penalised): Promise<bigint> {
  if (kind === "debit") return court.unprovenDebitPpm();
  if (kind === "sequence") return court.sequencePpm();
  return kind === "unopened" ? court.unopenedPpm() : court.receiptPpm();
}
