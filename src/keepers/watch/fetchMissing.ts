import type { Chain } from "../../core/chain/open.ts";
import type { ChainView } from "../../core/chain/view.ts";
import type { LoggedReservation } from "../../sdk/readReceiptLog.ts";
import type { ReceiptLog } from "../../sdk/receiptLog.ts";
import { fetchReceipt } from "../../sdk/session.ts";
import { verifyReceipt } from "../../sdk/verify.ts";

/** Requests that are asked for in one pass. */
const AT_ONCE = 200;

/**
 * Asks the settler for receipts of requests that were broken off, and keeps those that an attested verifier signed: they may
 * explain a debit. Gives how many came.
 */
export async function fetchMissing(
  { chain, view }: { chain: Chain; view: ChainView },
  gatewayUrl: string,
  known: LoggedReservation,
  log: ReceiptLog,
): Promise<number> {
  const missing = [...known.requests.keys()].filter((id) => !known.receipts.has(id)).slice(-AT_ONCE);
  const came = await Promise.all(
    missing.map(async (id) => {
      try {
        const found = await fetchReceipt(gatewayUrl, id);
        if (typeof found === "string") return 0;
        await verifyReceipt({ domain: chain.domain, view }, found, "signing");
        await log.received(found);
        return 1;
      } catch {
        // Nobody answers, or what it shows is not signed: the receipt stays missing.
        return 0;
      }
    }),
  );
  return came.reduce<number>((sum, one) => sum + one, 0);
}
