import { expect } from "chai";
import { toUtf8String } from "ethers";
import {
  DEVELOPMENT_MEASUREMENT,
  DEVELOPMENT_ROOT_KEY,
  signDevelopmentDocument,
} from "../../../../src/core/attestation/developmentDocument.ts";
import { developmentEvidence } from "../../../../src/core/attestation/evidence.ts";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import { word } from "../../../helpers/samples.ts";

/*
developmentEvidence
├── it should name its type in four ASCII bytes
└── it should attest the report data and the nonce, for 30 days from now on
*/
describe("developmentEvidence", () => {
  it("names its type", () => expect(toUtf8String(developmentEvidence(() => 0).teeType)).to.equal("DEV1"));

  for (const issuedAtMs of [0, 1_790_000_000_999]) {
    it(`attests from ${issuedAtMs} on, for 30 days`, async () => {
      const { evidence, hints } = await developmentEvidence(async () => issuedAtMs).attest(word(1), word(2));
      const document = {
        measurement: DEVELOPMENT_MEASUREMENT,
        reportData: word(1),
        nonce: word(2),
        platformId: sha256("OPG development platform"),
        issuedAtMs,
        validUntil: Math.floor(issuedAtMs / 1000) + 30 * 24 * 60 * 60,
        flags: 0,
      };
      expect(toHex(evidence)).to.equal(toHex(signDevelopmentDocument(document, DEVELOPMENT_ROOT_KEY)));
      expect(hints.length).to.equal(0);
    });
  }
});
