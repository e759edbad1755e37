import { exportCsv } from "./csv.ts";
import { exportDefillama } from "./defillama.ts";
import type { ExportFormat } from "./formats.ts";
import { exportIcs } from "./ics.ts";
import { exportJson } from "./json.ts";
import { exportTokenomist } from "./tokenomist.ts";
import type { ExportInput } from "./types.ts";

const FORMATS = {
  json: { file: "schedule.json", write: exportJson },
  csv: { file: "unlocks.csv", write: exportCsv },
  ics: { file: "unlocks.ics", write: exportIcs },
  defillama: { file: "opg.ts", write: exportDefillama },
  tokenomist: { file: "tokenomist.json", write: exportTokenomist },
} satisfies Record<ExportFormat, { file: string; write: (input: ExportInput) => string }>;

/** The text of an export, UTF-8. The same input gives the same bytes. */
export function exportSchedule(format: ExportFormat, input: ExportInput): string {
  return FORMATS[format].write(input);
}

/** The name that an export's file goes by. */
export function exportFileName(format: ExportFormat): string {
  return FORMATS[format].file;
}
