/** The forms that a calendar can be exported in; see docs/contracts/vesting.md. */
export const EXPORT_FORMATS = ["json", "csv", "ics", "defillama", "tokenomist"] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];
