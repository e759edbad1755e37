import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { silentLogger } from "../../../src/core/logger.ts";

/*
createLogger
├── it should write one JSON line an event on stderr, and nothing on stdout
├── it should leave out what is below its level
└── it should hide keys, prompts, vouchers and signatures
silentLogger
└── it should be its own child
*/
describe("createLogger", () => {
  const url = new URL("../../../src/core/logger.ts", import.meta.url).href;
  const script = `import { createLogger } from ${JSON.stringify(url)};
    const logger = createLogger("info").child({ role: "test" });
    logger.debug({}, "too.quiet");
    logger.info({ amount: String(2n ** 64n), request: { prompt: "SECRET", voucher: "SECRET", size: 3 } }, "job.done");
    logger.error({ key: { privateKey: "SECRET", signature: "SECRET" } }, "job.failed");`;
  let ran: { stdout: string; stderr: string };
  before(() => {
    ran = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  });

  it("writes one JSON line an event on stderr, from its level on", () => {
    const lines = ran.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(ran.stdout).to.equal("");
    expect(lines.map(({ level, msg, role }) => [level, msg, role])).to.deep.equal([
      ["info", "job.done", "test"],
      ["error", "job.failed", "test"],
    ]);
    expect(lines[0]).to.deep.include({ amount: "18446744073709551616" });
    expect(lines[0].request.size).to.equal(3);
  });

  it("hides secrets", () => expect(ran.stderr).not.to.include("SECRET"));
});

describe("silentLogger", () => {
  it("is its own child", () => expect(silentLogger.child({ a: 1 })).to.equal(silentLogger));
});
