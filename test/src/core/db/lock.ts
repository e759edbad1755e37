import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { lockDirectory } from "../../../../src/core/db/lock.ts";
import { failure } from "../../../helpers/failure.ts";

/*
lockDirectory
├── when nobody holds it: it is taken, and given back
├── when this process holds it: directory_locked, however the path is written
├── when a living process holds it: directory_locked, with its number
├── when that process was killed, left its file half written, or had the number of this process: it is taken
└── when the directory is not there: the error
*/
describe("lockDirectory", () => {
  const lockUrl = new URL("../../../../src/core/db/lock.ts", import.meta.url).href;
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-lock-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const holder = () => readFile(join(directory, "opg.lock"), "utf8");

  it("takes a directory, and gives it back", async () => {
    const unlock = await lockDirectory(directory);
    expect(await holder()).to.equal(String(process.pid));
    await unlock();
    expect(await readdir(directory)).to.deep.equal([]);
    await (await lockDirectory(directory))();
  });

  it("refuses a second time in this process", async () => {
    const unlock = await lockDirectory(directory);
    for (const path of [directory, `${directory}/`, `${directory}/../${directory.split("/").at(-1)}`]) {
      const error = await failure(() => lockDirectory(path));
      expect(error).to.include({ code: "directory_locked", retryable: false });
      expect(error.facts.pid).to.equal(process.pid);
    }
    await unlock();
  });

  it("lets one of many in at a time", async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(directory)));
    const taken = results.filter(({ status }) => status === "fulfilled");
    expect(taken.length).to.equal(1);
    await (taken[0] as PromiseFulfilledResult<() => Promise<void>>).value();
  });

  it("refuses while another process lives, and takes over when it was killed", async () => {
    const script = `import { lockDirectory } from ${JSON.stringify(lockUrl)};
      await lockDirectory(${JSON.stringify(directory)});
      process.stdout.write("locked");
      setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", script]);
    await once(other.stdout, "data");
    const error = await failure(() => lockDirectory(directory));
    expect(error).to.include({ code: "directory_locked" });
    expect(error.facts.pid).to.equal(other.pid);
    const ended = once(other, "exit");
    other.kill("SIGKILL");
    await ended;

    const unlock = await lockDirectory(directory);
    expect(await holder()).to.equal(String(process.pid));
    await unlock();
  });

  for (const [what, content] of [
    ["an empty file", ""],
    ["a file without a number", "abc"],
    ["a process of no number", "0"],
    ["a process that had this one's number", String(process.pid)],
  ] as const) {
    it(`takes over from ${what}`, async () => {
      await writeFile(join(directory, "opg.lock"), content);
      const unlock = await lockDirectory(directory);
      expect(await holder()).to.equal(String(process.pid));
      await unlock();
    });
  }

  it("says when there is no directory", async () => {
    expect(await failure(() => lockDirectory(join(directory, "none")))).to.include({ code: "ENOENT" });
  });
});
