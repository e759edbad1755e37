import type { Chain } from "../../core/chain/open.ts";
import { revertReason } from "../../core/chain/revert.ts";
import { BaseError, errorMessage } from "../../core/errors.ts";
import { toHex } from "../../core/hashing/hex.ts";
import { keccak256 } from "../../core/hashing/keccak.ts";
import type { Logger } from "../../core/logger.ts";
import type { Request } from "../../core/protocol/messages.ts";
import { receiptStruct } from "../../core/protocol/receipt.ts";
import type { TxQueue } from "../../core/txQueue.ts";
import { WEI_PER_NANO } from "../../core/units.ts";
import type { Finding } from "./findings.ts";
import { batchStruct, type CommittedBatch } from "./history.ts";
import type { ShownReceipt } from "./material.ts";

/** What a pass did, or would do, about one thing. */
export type WatchOutcome = {
  what: string;
  settler: number;
  number: bigint;
  reservation?: number;
  sequence?: bigint;
  claim?: bigint;
  /** What the payer could get back. */
  amountNano?: bigint;
  /**
   * `sent`: done. `planned`: dry run. `raced`: somebody else did it. `waiting`: the settler may still show what it has.
   * `notWorth`: it costs more than it brings. `noBond`: the account cannot pay a bond, or has too many out.
   * `stopped`: so many claims were answered that the log cannot be complete. `failed`: the next pass tries again.
   */
  outcome: "sent" | "planned" | "raced" | "waiting" | "notWorth" | "noBond" | "stopped" | "failed";
  txHash?: string;
};

export type About = Omit<WatchOutcome, "outcome" | "txHash">;

export type ActDeps = {
  chain: Chain;
  /** Absent when nothing may be sent. */
  queue?: TxQueue | undefined;
  logger: Logger;
};

/** With these the court says that somebody was faster. */
const RACED = new Set([
  "Court_AlreadyClaimed",
  "Court_SequenceClaimed",
  "Court_AlreadyReported",
  "Court_NotOpen",
  "Court_NothingMissing",
  "Court_NothingOwed",
  "Court_NoPenalty",
]);

/** Sends one call to the court, or another contract, and says what came of it. Never throws. */
export async function act(
  { chain, queue, logger }: ActDeps,
  about: About,
  data: string,
  to = String(chain.contracts.court.target),
): Promise<WatchOutcome> {
  const facts = factsOf(about);
  if (!queue) return { ...about, outcome: "planned" };
  try {
    const id = `watch/${queue.signer}/${to}/${toHex(keccak256(Buffer.from(data.slice(2), "hex"))).slice(2, 34)}`;
    const { hash } = await queue.send(id, { to, data });
    logger.info({ ...facts, txHash: hash }, "watch.sent");
    return { ...about, outcome: "sent", txHash: hash };
  } catch (error) {
    const reason = await reasonOf(chain, queue, to, data, error);
    if (reason && RACED.has(reason)) {
      logger.info({ ...facts, reason }, "watch.raced");
      return { ...about, outcome: "raced" };
    }
    const code = error instanceof BaseError ? error.code : "unknown";
    logger.error({ ...facts, code, reason: reason ?? errorMessage(error) }, "watch.failed");
    return { ...about, outcome: "failed" };
  }
}

/** Why a call reverts, or would now; undefined when it failed otherwise. */
async function reasonOf({ provider }: Chain, { signer }: TxQueue, to: string, data: string, error: unknown) {
  if (!(error instanceof BaseError) || error.code !== "reverted") return undefined;
  if (error.cause) return revertReason(error.cause)?.name;
  // It was mined after somebody else's: asked again, the court says so.
  return provider.call({ from: signer, to, data }).then(
    () => undefined,
    (again: unknown) => revertReason(again)?.name,
  );
}

export function factsOf(about: About): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(about).map(([key, value]) => [key, typeof value === "bigint" ? String(value) : value]),
  );
}

/** Lets the court take one more bond from the account. Undefined when that was not needed. */
export async function approveBond(deps: ActDeps, about: About, account: string): Promise<WatchOutcome | undefined> {
  const { opg, court } = deps.chain.contracts;
  const bondWei = (await court.bondNano()) * WEI_PER_NANO;
  if ((await opg.allowance(account, court.target)) >= bondWei) return undefined;
  const data = opg.interface.encodeFunctionData("approve", [court.target, bondWei]);
  return act(deps, { ...about, what: "approve" }, data, String(opg.target));
}

/** The call that brings a finding before the court. */
export function encodeFinding({ contracts }: Chain, batch: CommittedBatch, finding: Finding): string {
  const { interface: abi } = contracts.court;
  const struct = batchStruct(batch);
  switch (finding.kind) {
    case "debit":
      return abi.encodeFunctionData("claimDebit", [struct, ...rowArguments(batch, finding.row)]);
    case "sequence":
      return abi.encodeFunctionData("claimSequence", [struct, finding.sequence]);
    case "policy":
      return abi.encodeFunctionData("reportPolicy", [finding.terms, struct, finding.reservation]);
    case "request":
      return abi.encodeFunctionData("reportRequest", [
        requestStruct(finding.request),
        ...shownArguments(finding.shown),
        struct,
      ]);
    case "price":
      return abi.encodeFunctionData("reportPrice", [...shownArguments(finding.shown), struct]);
    case "outOfRange":
      return abi.encodeFunctionData("reportOutOfRange", [...shownArguments(finding.shown), struct]);
    case "doubled":
      return abi.encodeFunctionData("reportDoubledSequence", [
        ...shownArguments(finding.first),
        struct,
        ...shownArguments(finding.second),
        batchStruct(finding.other),
      ]);
  }
}

/** The call that has the court remember a debit row. */
export function encodeShowDebit({ contracts }: Chain, batch: CommittedBatch, row: number): string {
  return contracts.court.interface.encodeFunctionData("showDebit", [batchStruct(batch), ...rowArguments(batch, row)]);
}

function rowArguments({ debitBytes, creditBytes }: CommittedBatch, row: number) {
  return [toHex(debitBytes), toHex(keccak256(creditBytes)), row] as const;
}

function shownArguments({ encoded, path }: ShownReceipt) {
  return [receiptStruct(encoded), path.map(toHex)] as const;
}

function requestStruct({ modelVersion, inputHash, minMode, maxPriceNano, valueAtRiskNano, nonce }: Request) {
  return {
    modelVersion: toHex(modelVersion),
    inputHash: toHex(inputHash),
    minMode,
    maxPrice: maxPriceNano,
    valueAtRisk: valueAtRiskNano,
    nonce: toHex(nonce),
  };
}
