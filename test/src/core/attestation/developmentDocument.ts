import { createPublicKey, verify } from "node:crypto";
import { expect } from "chai";
import { AbiCoder } from "ethers";
import {
  DEVELOPMENT_MEASUREMENT,
  DEVELOPMENT_ROOT_KEY,
  type DevelopmentDocument,
  rootPublicKey,
  signDevelopmentDocument,
} from "../../../../src/core/attestation/developmentDocument.ts";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import { word } from "../../../helpers/samples.ts";

/*
signDevelopmentDocument
├── it should be the seven fields as the ABI has them, then a signature that node:crypto takes under the root
├── the signature is low, and covers every field
└── under another root it is another signature
*/
describe("signDevelopmentDocument", () => {
  const document: DevelopmentDocument = {
    measurement: DEVELOPMENT_MEASUREMENT,
    reportData: word(1),
    nonce: word(2),
    platformId: word(3),
    issuedAtMs: 1_790_000_000_000,
    validUntil: 1_792_592_000,
    flags: 0,
  };
  const HALF_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n >> 1n;

  function isSigned(bytes: Uint8Array, fields: Uint8Array, rootKey: Uint8Array): boolean {
    const { x, y } = rootPublicKey(rootKey);
    const [jwkX, jwkY] = [x, y].map((part) => Buffer.from(part).toString("base64url")) as [string, string];
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: jwkX, y: jwkY }, format: "jwk" });
    const signed = Buffer.concat([Buffer.from("OPG development document"), fields]);
    return verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, bytes.subarray(224));
  }

  for (const [what, change] of [
    ["a usual document", {}],
    ["one with flags at their most", { flags: 2 ** 32 - 1, issuedAtMs: Number.MAX_SAFE_INTEGER }],
    ["one of zeros", { issuedAtMs: 0, validUntil: 0, measurement: word(0), nonce: word(0) }],
  ] as [string, Partial<DevelopmentDocument>][]) {
    it(`signs ${what}`, () => {
      const d = { ...document, ...change };
      const bytes = signDevelopmentDocument(d, DEVELOPMENT_ROOT_KEY);
      expect(bytes.length).to.equal(288);
      expect(toHex(bytes.subarray(0, 224))).to.equal(
        AbiCoder.defaultAbiCoder().encode(
          ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "uint256", "uint256"],
          [d.measurement, d.reportData, d.nonce, d.platformId, d.issuedAtMs, d.validUntil, d.flags],
        ),
      );
      expect(isSigned(bytes, bytes.subarray(0, 224), DEVELOPMENT_ROOT_KEY)).to.equal(true);
    });
  }

  it("is low, whatever it signs", () => {
    for (let flags = 0; flags < 16; flags++) {
      const bytes = signDevelopmentDocument({ ...document, flags }, DEVELOPMENT_ROOT_KEY);
      expect(BigInt(toHex(bytes.subarray(256))) <= HALF_ORDER).to.equal(true);
    }
  });

  it("covers every field", () => {
    const bytes = signDevelopmentDocument(document, DEVELOPMENT_ROOT_KEY);
    for (let field = 0; field < 7; field++) {
      const changed = bytes.slice(0, 224);
      changed[32 * field + 31] = (changed[32 * field + 31] as number) ^ 1;
      expect(isSigned(bytes, changed, DEVELOPMENT_ROOT_KEY), `field ${field}`).to.equal(false);
    }
  });

  it("is not what another root signs", () => {
    const other = sha256("another root");
    const bytes = signDevelopmentDocument(document, other);
    expect(isSigned(bytes, bytes.subarray(0, 224), DEVELOPMENT_ROOT_KEY)).to.equal(false);
    expect(isSigned(bytes, bytes.subarray(0, 224), other)).to.equal(true);
  });
});
