import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { checkedArtifact, engineOf, type Manifest, readManifest } from "../../../src/core/manifest.ts";
import { failure } from "../../helpers/failure.ts";

/*
manifest
├── readManifest
│  ├── when it is whole: what it says, and where it lies
│  ├── when it is absent: no_model
│  └── when it is not JSON, or a field is wrong: bad_manifest, naming the field
├── engineOf
│  └── it should be the engine with no image
└── checkedArtifact
   ├── when the file is the registered one: its path
   ├── when a server holds the file: undefined, if the manifest names the registered digest
   └── when it is another file, or another digest: model_digest_mismatch
*/
describe("manifest", () => {
  const GUARD = "models/opg-guard";
  let directory: string;
  let guard: Manifest;
  before(async () => {
    guard = await readManifest(GUARD);
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-manifest-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const write = (value: unknown) =>
    writeFile(join(directory, "manifest.json"), typeof value === "string" ? value : JSON.stringify(value));

  describe("readManifest", () => {
    it("gives what it says, and where it lies", () => {
      expect(guard).to.include({ name: "opg-guard", task: "classify", profile: "exact-int8", directory: GUARD });
    });

    it("says that there is none", async () => {
      const error = await failure(() => readManifest(directory));
      expect(error).to.include({ name: "InputError", code: "no_model" });
    });

    it("refuses what is not JSON", async () => {
      await write("{");
      expect(await failure(() => readManifest(directory))).to.include({ name: "InputError", code: "bad_manifest" });
    });

    for (const [field, change] of [
      ["name", { name: "" }],
      ["version", { version: "x".repeat(33) }],
      ["format", { format: "pickle" }],
      ["artifactSha256", { artifactSha256: "0xab" }],
      ["profile", { profile: "fast" }],
      ["task", { task: undefined }],
      ["context", { context: 0 }],
      ["engine.dtype", { engine: { engine: "a", version: "b", deviceClass: "c", determinism: "d" } }],
      ["upstream.baseUrl", { upstream: { baseUrl: "nowhere", model: "m" } }],
    ] as const) {
      it(`refuses a wrong ${field}`, async () => {
        const { directory: _, ...rest } = guard;
        await write({ ...rest, ...change });
        const error = await failure(() => readManifest(directory));
        expect(error).to.include({ name: "InputError", code: "bad_manifest" });
        expect(error.facts).to.have.property(field);
      });
    }
  });

  it("engineOf is the engine with no image", () => {
    expect(engineOf(guard)).to.deep.equal({ ...guard.engine, imageDigest: ZeroHash });
  });

  describe("checkedArtifact", () => {
    const registered = () => `0x${guard.artifactSha256}`;

    it("gives the path of the registered file, in any case of letters", async () => {
      expect(await checkedArtifact(guard, registered())).to.equal(`${GUARD}/model.onnx`);
      expect(await checkedArtifact(guard, `0x${guard.artifactSha256.toUpperCase()}`)).to.equal(`${GUARD}/model.onnx`);
    });

    it("refuses a file that was changed, whatever its manifest says", async () => {
      await cp(GUARD, directory, { recursive: true });
      await writeFile(join(directory, "model.onnx"), "x", { flag: "a" });
      const error = await failure(() => checkedArtifact({ ...guard, directory }, registered()));
      expect(error).to.include({ name: "BaseError", code: "model_digest_mismatch", retryable: false });
    });

    it("refuses another digest", async () => {
      expect(await failure(() => checkedArtifact(guard, ZeroHash))).to.include({ code: "model_digest_mismatch" });
    });

    it("takes the operator's word when a server holds the file", async () => {
      const { artifact: _, ...served } = guard;
      expect(await checkedArtifact(served, registered())).to.equal(undefined);
      expect(await failure(() => checkedArtifact(served, ZeroHash))).to.include({ code: "model_digest_mismatch" });
    });
  });
});
