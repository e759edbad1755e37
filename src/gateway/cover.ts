import type { RegisteredModel } from "../core/chain/models.ts";
import type { ChainView } from "../core/chain/view.ts";
import { InputError } from "../core/errors.ts";
import { formatOpg } from "../core/units.ts";
import type { WorkerPool, WorkerState } from "./workers.ts";

/**
 * Workers of a model, best first, whose operators answer with at least what is at risk. Throws `value_not_covered` when
 * there are workers and none of them does. Without anything at risk no stake is looked at.
 */
export async function coveringWorkers(
  { view, workers }: { view: ChainView; workers: WorkerPool },
  model: RegisteredModel,
  valueAtRiskNano: bigint,
): Promise<WorkerState[]> {
  const candidates = workers.candidates(model.id);
  if (valueAtRiskNano === 0n || candidates.length === 0) return candidates;
  const stakes = await Promise.all(candidates.map(({ node }) => view.stakeOfNode(node)));
  const covering = candidates.filter((_, i) => (stakes[i] ?? 0n) >= valueAtRiskNano);
  if (covering.length > 0) return covering;
  const mostNano = stakes.reduce((most, nano) => (nano > most ? nano : most), 0n);
  throw new InputError("No worker of this model has stake for so much value at risk", {
    code: "value_not_covered",
    facts: { model: model.name, valueAtRiskNano, mostNano },
    hint: `Ask with at most ${formatOpg(mostNano)} OPG at risk, or at another settler`,
  });
}
