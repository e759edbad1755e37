import { expect } from "chai";
import { developmentMeasurementId } from "../../../deploy/attestation.ts";
import {
  DEVELOPMENT_ROOT_KEY,
  type DevelopmentDocument,
  rootPublicKey,
  signDevelopmentDocument,
} from "../../../src/core/attestation/developmentDocument.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
DevelopmentTeeVerifier
├── verify
│  ├── when the evidence is shorter or longer than it must be, by any number of bytes: "LEN "
│  ├── when it is signed under another root, or any byte of document or signature is another: "SIG "
│  ├── when s is high, or r or s is out of range: "SIG "
│  ├── when the document has ended: "EXP "
│  ├── when a signed field does not fit its type: it should revert
│  └── when all is well: every field as it was signed
├── measurementId, teeType and revalidate
└── constructor: the root it was given
*/
describe("DevelopmentTeeVerifier", () => {
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const BYTES = 288;
  const reasonOf = (text: string) => toHex(Buffer.from(text));
  const word = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");

  let protocol: Protocol;
  let document: DevelopmentDocument;
  before(async () => {
    protocol = await deployProtocol();
    const now = await protocol.networkHelpers.time.latest();
    document = {
      measurement: sha256("image"),
      reportData: sha256("report"),
      nonce: sha256("nonce"),
      platformId: sha256("platform"),
      issuedAtMs: 1000 * now + 1,
      validUntil: now + 1000,
      flags: 0xffffffff,
    };
  });

  const verify = (evidence: Uint8Array, hints = "0x") =>
    protocol.contracts.developmentTeeVerifier.verify(toHex(evidence), hints);
  const signed = (change: Partial<DevelopmentDocument> = {}, key = DEVELOPMENT_ROOT_KEY) =>
    signDevelopmentDocument({ ...document, ...change }, key);
  const invalid = (evidence: Uint8Array, reason: string, what?: string) =>
    expect(verify(evidence), what)
      .to.be.revertedWithCustomError(protocol.contracts.developmentTeeVerifier, "TeeVerifier_Invalid")
      .withArgs(reasonOf(reason));

  it("gives every field as it was signed, and takes no notice of hints", async () => {
    for (const hints of ["0x", "0xdeadbeef"]) {
      expect([...(await verify(signed(), hints))]).to.deep.equal([
        developmentMeasurementId(toHex(document.measurement)),
        toHex(document.reportData),
        toHex(document.nonce),
        "0x",
        BigInt(document.issuedAtMs),
        BigInt(document.validUntil),
        toHex(document.platformId),
        0xffffffffn,
      ]);
    }
  });

  it("refuses every other length", async () => {
    const evidence = Buffer.concat([signed(), Buffer.alloc(64)]);
    const lengths = Array.from({ length: evidence.length + 1 }, (_, i) => i).filter((length) => length !== BYTES);
    expect(lengths).to.have.length(352);
    for (const length of lengths) await invalid(evidence.subarray(0, length), "LEN ", `${length} bytes`);
    await verify(evidence.subarray(0, BYTES));
  });

  it("refuses a document whose bytes are others than were signed, at every byte", async () => {
    const evidence = signed();
    for (let i = 0; i < BYTES; i++) {
      await invalid(
        evidence.map((byte, at) => (at === i ? byte ^ 1 : byte)),
        "SIG ",
        `byte ${i}`,
      );
    }
  });

  it("refuses a document of another root, and bytes that belong to no document", async () => {
    await invalid(signed({}, sha256("another root")), "SIG ");
    await invalid(new Uint8Array(BYTES), "SIG ");
    await invalid(new Uint8Array(BYTES).fill(0xff), "SIG ");
    const other = signed({ flags: 0 });
    await invalid(Buffer.concat([signed().subarray(0, 224), other.subarray(224)]), "SIG ", "signature of another");
  });

  it("refuses the high twin of a signature, and r or s out of range", async () => {
    const evidence = Buffer.from(signed());
    const [encoded, r, s] = [evidence.subarray(0, 224), evidence.subarray(224, 256), evidence.subarray(256)];
    const low = BigInt(toHex(s));
    expect(low <= ORDER / 2n).to.equal(true);
    await verify(Buffer.concat([encoded, r, s]));
    await invalid(Buffer.concat([encoded, r, word(ORDER - low)]), "SIG ", "high s");
    for (const bad of [0n, ORDER, 2n ** 256n - 1n]) {
      await invalid(Buffer.concat([encoded, r, word(bad)]), "SIG ", `s = ${bad}`);
      await invalid(Buffer.concat([encoded, word(bad), s]), "SIG ", `r = ${bad}`);
    }
  });

  it("accepts a document in its last second, and none after it", async () => {
    const now = await protocol.networkHelpers.time.latest();
    expect((await verify(signed({ validUntil: now }))).validUntil).to.equal(BigInt(now));
    await invalid(signed({ validUntil: now - 1 }), "EXP ");
    await invalid(signed({ validUntil: 0 }), "EXP ");
  });

  it("refuses a signed field that does not fit its type", async () => {
    const { ethers } = protocol;
    await expect(verify(signed({ flags: 2 ** 32 }))).to.be.revertedWithoutReason(ethers);
    await expect(verify(signed({ validUntil: 2 ** 64 }))).to.be.revertedWithoutReason(ethers);
    await expect(verify(signed({ issuedAtMs: 2 ** 64 }))).to.be.revertedWithoutReason(ethers);
  });

  it("names its kind, its root and its measurements", async () => {
    const { developmentTeeVerifier: verifier } = protocol.contracts;
    const { x, y } = rootPublicKey(DEVELOPMENT_ROOT_KEY);
    expect(await verifier.teeType()).to.equal(reasonOf("DEV1"));
    expect([await verifier.rootX(), await verifier.rootY()]).to.deep.equal([toHex(x), toHex(y)]);
    expect(await verifier.revalidate(sha256("anything"))).to.equal(true);
    const measurement = toHex(sha256("image"));
    expect(await verifier.measurementId(measurement)).to.equal(developmentMeasurementId(measurement));
  });

  it("accepts what its own root signed, whichever root that is", async () => {
    const key = sha256("another root");
    const { x, y } = rootPublicKey(key);
    const other = await protocol.ethers.deployContract("DevelopmentTeeVerifier", [x, y]);
    const { developmentTeeVerifier } = protocol.contracts;
    const otherVerifier = developmentTeeVerifier.attach(String(other.target)) as typeof developmentTeeVerifier;
    expect((await otherVerifier.verify(signed({}, key), "0x")).nonce).to.equal(toHex(document.nonce));
    await expect(otherVerifier.verify(signed(), "0x"))
      .to.be.revertedWithCustomError(otherVerifier, "TeeVerifier_Invalid")
      .withArgs(reasonOf("SIG "));
  });
});
