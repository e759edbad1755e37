import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { forgetUnbegun, forgetUnsent, isUnbegun, mendTorn } from "../../../scripts/tasks/journal.ts";

/*
journal
├── isUnbegun: of Ignition's error of that number and text, and of nothing else
├── mendTorn
│   ├── drops a last line that is half there, and only that
│   ├── makes a torn file of addresses anew from the journal; takes it away when there were none
│   └── changes nothing that is whole, nor what is not there
├── forgetUnbegun: takes out steps of which nothing but the beginning was noted
└── forgetUnsent: takes out what was prepared under that nonce and not sent, and nothing that was sent
*/
describe("journal", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "opg-journal-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const begun = { futureId: "a#A", type: "DEPLOYMENT_EXECUTION_STATE_INITIALIZE" };
  const asked = { futureId: "a#A", type: "NETWORK_INTERACTION_REQUEST" };
  const prepared = { futureId: "a#A", type: "TRANSACTION_PREPARE_SEND", nonce: 4 };
  const sent = { futureId: "a#A", type: "TRANSACTION_SEND", nonce: 4 };
  const done = {
    futureId: "a#A",
    type: "DEPLOYMENT_EXECUTION_STATE_COMPLETE",
    result: { type: "SUCCESS", address: "0xA" },
  };
  const found = { futureId: "b#B", type: "CONTRACT_AT_EXECUTION_STATE_INITIALIZE", contractAddress: "0xB" };
  const failed = {
    futureId: "c#C",
    type: "DEPLOYMENT_EXECUTION_STATE_COMPLETE",
    result: { type: "SIMULATION_ERROR" },
  };

  const path = (name: string) => join(folder, name);
  const write = (entries: object[], rest = "") =>
    writeFile(path("journal.jsonl"), entries.map((entry) => `\n${JSON.stringify(entry)}`).join("") + rest);
  const entries = async () => {
    const lines = (await readFile(path("journal.jsonl"), "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line));
  };

  it("knows Ignition's error about a step that was not begun", () => {
    const error = (number: number, message: string) => Object.assign(new Error(message), { number });
    expect(isUnbegun(error(10000, "Internal: Unable to find network interaction for a#A"))).to.equal(true);
    expect(isUnbegun(error(10001, "Unable to find network interaction"))).to.equal(false);
    expect(isUnbegun(error(10000, "Something else"))).to.equal(false);
    expect(isUnbegun(undefined)).to.equal(false);
  });

  it("drops a last line that is half there", async () => {
    await write([begun, asked], `\n${JSON.stringify(prepared).slice(0, 20)}`);
    expect(await mendTorn(folder)).to.deep.equal(["journal.jsonl"]);
    expect(await entries()).to.deep.equal([begun, asked]);
    expect(await mendTorn(folder)).to.deep.equal([]);
  });

  it("makes torn addresses anew from the journal", async () => {
    await write([begun, done, found, failed]);
    await writeFile(path("deployed_addresses.json"), '{ "a#A": "0x');
    expect(await mendTorn(folder)).to.deep.equal(["deployed_addresses.json"]);
    expect(JSON.parse(await readFile(path("deployed_addresses.json"), "utf8"))).to.deep.equal({
      "a#A": "0xA",
      "b#B": "0xB",
    });
  });

  it("takes torn addresses away when no step had one", async () => {
    await write([begun]);
    await writeFile(path("deployed_addresses.json"), "");
    expect(await mendTorn(folder)).to.deep.equal(["deployed_addresses.json"]);
    expect(await readFile(path("deployed_addresses.json"), "utf8").catch(() => "gone")).to.equal("gone");
  });

  it("changes nothing that is whole, nor what is not there", async () => {
    expect(await mendTorn(folder)).to.deep.equal([]);
    await write([begun, done]);
    await writeFile(path("deployed_addresses.json"), '{"a#A":"0xA"}');
    const before = await readFile(path("journal.jsonl"), "utf8");
    expect(await mendTorn(folder)).to.deep.equal([]);
    expect(await readFile(path("journal.jsonl"), "utf8")).to.equal(before);
    expect(await readFile(path("deployed_addresses.json"), "utf8")).to.equal('{"a#A":"0xA"}');
  });

  it("forgets steps that were noted and not begun", async () => {
    const other = { ...begun, futureId: "d#D" };
    await write([begun, asked, other, found]);
    expect(await forgetUnbegun(folder)).to.deep.equal(["d#D"]);
    expect(await entries()).to.deep.equal([begun, asked, found]);
    expect(await forgetUnbegun(folder)).to.deep.equal([]);
  });

  it("forgets what was prepared under a nonce and not sent", async () => {
    const sender = `0x${"ab".repeat(20)}`;
    await write([begun, asked, prepared]);
    expect(await forgetUnsent(folder, { sender, nonce: 5 })).to.deep.equal([]);
    expect(await forgetUnsent(folder, { sender, nonce: 4 })).to.deep.equal(["a#A"]);
    expect(await entries()).to.deep.equal([begun, asked]);
    await write([begun, asked, prepared, sent]);
    expect(await forgetUnsent(folder, { sender, nonce: 4 })).to.deep.equal([]);
    expect(await entries()).to.deep.equal([begun, asked, prepared, sent]);
  });
});
