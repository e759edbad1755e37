import type { Contracts } from "../core/chain/contracts.ts";
import type { FaultCost } from "./risk.ts";

/** One parameter of what a slash can take. */
export type SlashParameter = {
  name: string;
  value: bigint;
  /** It cannot be more, whoever decides. */
  bound: bigint;
  of: string;
  /** Who can change it, inside the bound. */
  changedBy: "a new court" | "governance" | "nobody";
};

export type SlashTable = {
  parameters: SlashParameter[];
  /** The only contract that slashes; governance replaces it through the timelock. */
  slasher: string;
  slasherIsCourt: boolean;
  formerSlasher: string;
  /** Until when the former one can end what it began; Unix seconds. */
  formerSlasherUntil: number;
  /** How long after a fault anything can be taken for it, in seconds. */
  slashWindow: number;
};

const WHOLE_PPM = 1_000_000n;
/** `MAX_REPORTER_PPM` in Penalties.sol. */
const MAX_REPORTER_PPM = 100_000n;

/** Every parameter of slashing, with its bound and who can move it. */
export async function readSlashTable({ court, stakeHub }: Pick<Contracts, "court" | "stakeHub">): Promise<SlashTable> {
  const [costs, signerPpm, reporterPpm, limits, slasher, former, until, window] = await Promise.all([
    faultCosts({ court }),
    court.signerPpm(),
    court.reporterPpm(),
    stakeHub.limits(),
    stakeHub.slasher(),
    stakeHub.formerSlasher(),
    stakeHub.formerSlasherUntil(),
    stakeHub.slashWindow(),
  ]);
  const [event, whole, perSelf, commission] = await Promise.all([
    stakeHub.MAX_EVENT_PPM(),
    stakeHub.MAX_WINDOW_PPM(),
    stakeHub.MAX_DELEGATION_PER_SELF(),
    stakeHub.MAX_COMMISSION_PPM(),
  ]);
  const byCourt = (name: string, value: bigint, of: string, bound = WHOLE_PPM): SlashParameter => {
    return { name, value, bound, of, changedBy: "a new court" };
  };
  const governed = (name: string, value: bigint, of: string, bound: bigint): SlashParameter => {
    return { name, value, bound, of, changedBy: "governance" };
  };
  const settler = "ppm of what answers for the batch, of the settler, once a batch";
  return {
    parameters: [
      ...costs.map(({ fault, ppm }) => byCourt(fault, ppm, settler)),
      byCourt("signer", signerPpm, "ppm of what answers for the batch, of each signer, once a batch and kind"),
      byCourt("reporter", reporterPpm, "ppm of a penalty, to whoever reported", MAX_REPORTER_PPM),
      governed("eventPpm", limits.eventPpm, "ppm of delegators' stake, for one order", event),
      governed("windowPpm", limits.windowPpm, "ppm of delegators' stake, in two unbonding times", whole),
      governed(
        "delegationPerSelf",
        limits.delegationPerSelf,
        "nano of delegations that count, a nano of own bond",
        perSelf,
      ),
      governed("maxCommissionPpm", limits.maxCommissionPpm, "ppm of what delegators earn", commission),
    ],
    slasher,
    slasherIsCourt: slasher === court.target,
    formerSlasher: former,
    formerSlasherUntil: Number(until),
    slashWindow: Number(window),
  };
}

/** What each kind of fault costs a settler. */
export async function faultCosts({ court }: Pick<Contracts, "court">): Promise<FaultCost[]> {
  const [debit, sequence, unopened, receipt] = await Promise.all([
    court.unprovenDebitPpm(),
    court.sequencePpm(),
    court.unopenedPpm(),
    court.receiptPpm(),
  ]);
  return [
    { fault: "unproven debit", ppm: debit },
    { fault: "doubled or foreign sequence", ppm: sequence },
    { fault: "unopened sequence", ppm: unopened },
    { fault: "receipt weaker or dearer", ppm: receipt },
  ];
}
