import { sha256 } from "../hashing/sha256.ts";
import { DEVELOPMENT_MEASUREMENT, DEVELOPMENT_ROOT_KEY, signDevelopmentDocument } from "./developmentDocument.ts";

/** Where attestation documents come from: the hardware's device, or the development root. */
export type EvidenceProvider = {
  /** Four ASCII bytes as hex, as `ITeeVerifier.teeType` gives them. */
  teeType: string;
  attest(reportData: Uint8Array, nonce: Uint8Array): Promise<{ evidence: Uint8Array; hints: Uint8Array }>;
};

const VALID_SECONDS = 30 * 86_400;

/** Documents under the development root. `now` gives Unix milliseconds of the chain they are for. */
export function developmentEvidence(now: () => number | Promise<number>): EvidenceProvider {
  return {
    teeType: "0x44455631", // "DEV1"
    async attest(reportData, nonce) {
      const issuedAtMs = await now();
      const document = {
        measurement: DEVELOPMENT_MEASUREMENT,
        reportData,
        nonce,
        platformId: sha256("OPG development platform"),
        issuedAtMs,
        validUntil: Math.floor(issuedAtMs / 1000) + VALID_SECONDS,
        flags: 0,
      };
      return { evidence: signDevelopmentDocument(document, DEVELOPMENT_ROOT_KEY), hints: new Uint8Array() };
    },
  };
}
