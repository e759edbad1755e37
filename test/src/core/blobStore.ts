import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { directoryBlobStore } from "../../../src/core/blobStore.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { failure } from "../../helpers/failure.ts";

/*
directoryBlobStore
├── put
│  ├── it should give the SHA-256 and keep the bytes, empty ones too
│  ├── it should keep the same bytes once, also when they come at the same time
│  └── when the disk refuses: storage_failed, retryable, and nothing is left behind
└── get
   ├── when nothing is there: undefined
   ├── when the file is not what its name says: storage_damaged
   └── when the place cannot be read: the error
*/
describe("directoryBlobStore", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-blobs-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const nameOf = (bytes: Uint8Array) => toHex(sha256(bytes)).slice(2);
  const abc = Buffer.from("abc");

  describe("put", () => {
    for (const bytes of [new Uint8Array(), Uint8Array.of(0), new Uint8Array(100_000).fill(7)]) {
      it(`keeps ${bytes.length} bytes, in a directory that it makes`, async () => {
        const store = directoryBlobStore(join(directory, "a/b"));
        const digest = await store.put(bytes);
        expect(toHex(digest)).to.equal(toHex(sha256(bytes)));
        expect(await store.get(digest)).to.deep.equal(bytes);
        expect(await readdir(join(directory, "a/b"))).to.deep.equal([nameOf(bytes)]);
      });
    }

    it("keeps the same bytes once, also when they come at the same time", async () => {
      const store = directoryBlobStore(directory);
      await Promise.all(Array.from({ length: 20 }, () => store.put(abc)));
      expect(await readdir(directory)).to.deep.equal([nameOf(abc)]);
    });

    it("fails as a whole when the file cannot be put in place", async () => {
      await mkdir(join(directory, nameOf(abc)));
      const error = await failure(() => directoryBlobStore(directory).put(abc));
      expect(error).to.include({ code: "storage_failed", retryable: true });
      expect(await readdir(directory)).to.deep.equal([nameOf(abc)]);
    });

    it("fails when the directory cannot be made", async () => {
      await writeFile(join(directory, "file"), "");
      const error = await failure(() => directoryBlobStore(join(directory, "file")).put(abc));
      expect(error).to.include({ code: "storage_failed", retryable: true });
    });
  });

  describe("get", () => {
    it("gives undefined for what is not there, nor the directory", async () => {
      expect(await directoryBlobStore(directory).get(sha256(abc))).to.equal(undefined);
      expect(await directoryBlobStore(join(directory, "none")).get(sha256(abc))).to.equal(undefined);
    });

    for (const damaged of ["", "ab", "abcd", "abC"]) {
      it(`refuses ${JSON.stringify(damaged)} under another name`, async () => {
        await writeFile(join(directory, nameOf(abc)), damaged);
        const error = await failure(() => directoryBlobStore(directory).get(sha256(abc)));
        expect(error).to.include({ code: "storage_damaged", retryable: false });
        expect(error.facts.sha256).to.equal(toHex(sha256(abc)));
      });
    }

    it("says when the place cannot be read", async () => {
      await mkdir(join(directory, nameOf(abc)));
      expect(await failure(() => directoryBlobStore(directory).get(sha256(abc)))).to.include({ code: "EISDIR" });
    });
  });
});
