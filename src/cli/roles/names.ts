/** What `opg up` can run. */
export const ROLES = ["worker", "verifier", "settler", "keeper"] as const;
export type Role = (typeof ROLES)[number];
