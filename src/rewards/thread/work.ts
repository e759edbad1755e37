import type { Deployment } from "../../core/chain/deployment.ts";
import type { EpochChoice } from "../chain/epoch.ts";
import type { EpochRoot } from "../root.ts";

/** What a thread is to compute: plain data, so that it can be handed over. */
export type RootWork = {
  deployment: Deployment;
  rpcUrl: string;
  rpcTimeoutMs: number;
  /** Published files, by their SHA-256. */
  dataDirectory: string;
  cacheDirectory: string;
  dataUrls: string[];
  confirmations: number;
  epoch: number;
  choice: EpochChoice;
};

export type RootAnswer =
  | { content: EpochRoot }
  | { error: { message: string; code: string; facts: Record<string, string>; retryable: boolean } };
