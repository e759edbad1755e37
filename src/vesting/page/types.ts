import type { ExportInput } from "../exports/types.ts";
import type { Claim, ReportRow } from "../reportTypes.ts";

export type PageReport = {
  rows: ReportRow[];
  claims: Claim[];
  /** The block up to which the chain was read. */
  head: { block: number; unix: number };
};

export type PageInput = ExportInput & {
  /** What the chain shows; without it the page has what the file says. */
  report?: PageReport | undefined;
  /** Divides past from future, Unix seconds; the report's head by default, else nothing is past. */
  nowUnix?: number | undefined;
};
