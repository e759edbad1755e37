import { toHex } from "../hashing/hex.ts";
import type { Receipt } from "../protocol/receipt.ts";
import type { Shares } from "../protocol/split.ts";
import type { ChainView } from "./view.ts";

const NOBODY = { paidNano: 0n, workerPayee: 0, verifierPayee: 0, publisherPayee: 0, royaltyPpm: 0 };

/** Who is paid for each receipt, given what was paid for it. An account that is not registered counts as none. */
export async function sharesOf(
  view: ChainView,
  receipts: readonly Receipt[],
  paidNano: readonly bigint[],
): Promise<Shares[]> {
  const payees = await view.payeeCount();
  const registered = (payee: number | undefined) => (payee !== undefined && payee <= payees ? payee : 0);
  return Promise.all(
    receipts.map(async ({ worker, verifier, modelVersion }, i) => {
      const paid = paidNano[i] as bigint;
      if (paid === 0n) return NOBODY;
      const [workerNode, verifierNode, model] = await Promise.all([
        view.node(worker),
        view.node(verifier),
        view.model(toHex(modelVersion)),
      ]);
      return {
        paidNano: paid,
        workerPayee: registered(workerNode?.payee),
        verifierPayee: registered(verifierNode?.payee),
        publisherPayee: registered(model?.payee),
        royaltyPpm: model?.royaltyPpm ?? 0,
      };
    }),
  );
}

/** What a batch can debit of each reservation: its balance, less a release that falls due by the batch's deadline. */
export async function collectableOf(
  view: ChainView,
  settler: number,
  reservations: Iterable<number>,
  deadline: bigint,
): Promise<Map<number, bigint>> {
  const entries = await Promise.all(
    [...reservations].map(async (index): Promise<[number, bigint]> => {
      const { balanceNano, releaseNano, releaseDueAt } = await view.reservation(settler, index);
      const leaving = releaseDueAt !== 0n && releaseDueAt <= deadline ? releaseNano : 0n;
      return [index, balanceNano > leaving ? balanceNano - leaving : 0n];
    }),
  );
  return new Map(entries);
}
