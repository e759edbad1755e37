import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256, sha256File } from "../../../../src/core/hashing/sha256.ts";
import { failure } from "../../../helpers/failure.ts";

/*
sha256
├── the published vectors
├── sha256File: of a file's bytes, larger than one read too
└── when there is no file: the error
*/
describe("sha256", () => {
  // FIPS 180-4.
  for (const [text, digest] of [
    ["", "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ] as const) {
    it(`of ${JSON.stringify(text)}`, () => {
      expect(toHex(sha256(text))).to.equal(digest);
      expect(toHex(sha256(Buffer.from(text)))).to.equal(digest);
    });
  }

  it("of a file is that of its bytes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "opg-sha-"));
    for (const bytes of [new Uint8Array(), new Uint8Array(200_000).fill(9)]) {
      await writeFile(join(directory, "file"), bytes);
      expect(toHex(await sha256File(join(directory, "file")))).to.equal(toHex(sha256(bytes)));
    }
    await rm(directory, { recursive: true });
  });

  it("of no file is an error", async () => {
    expect(await failure(() => sha256File("/none/such"))).to.include({ code: "ENOENT" });
  });
});
