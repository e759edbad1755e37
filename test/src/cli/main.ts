import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { id, Wallet } from "ethers";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { startTestChain, type TestChain } from "../../helpers/network.ts";
import { opg } from "../../helpers/opg.ts";

/*
opg
├── --help of every command: exit 0, on stdout
├── a command, option, role, keeper, class, bench or number that is wrong: exit 1, says which, nothing on stdout
├── with --json an error is one line on stderr
│  ├── bad or missing variables: exit 1, names them and prints no value
│  └── an RPC that does not answer: exit 75
└── on a chain, with --json: exactly one object on stdout
*/
/** The commands that a help text lists. */
const listed = (help: string) =>
  [...(help.split("\nCommands:\n")[1] ?? "").matchAll(/^ {2}([\w-]+)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== "help");

describe("opg", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-cli-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it("explains itself and every command", async () => {
    const seen: string[] = [];
    async function explain(command: string[]): Promise<void> {
      const { code, stdout, stderr } = await opg([...command, "--help"]);
      seen.push(command.join(" "));
      expect([code, stderr], command.join(" ")).to.deep.equal([0, ""]);
      expect(stdout).to.match(new RegExp(`^Usage: ${["opg", ...command].join(" ")} `));
      await Promise.all(listed(stdout).map((name) => explain([...command, name])));
    }
    await explain([]);
    expect(seen).to.include.members(["", "up", "infer", "verify", "proxy", "reserve", "keeper run", "node register"]);
    expect(seen).to.include.members(["settler open", "stake bond", "model publish", "bench"]);
  });

  describe("refuses", () => {
    for (const [what, args, named] of [
      ["no command", [], "Usage"],
      ["an unknown command", ["upp"], "upp"],
      ["an unknown option", ["infer", "hi", "--modle", "x"], "--modle"],
      ["a missing argument", ["reserve"], "amount"],
      ["a missing option", ["up"], "--roles"],
      ["an unknown role", ["up", "--roles", "worker,boss"], "boss"],
      ["an unknown keeper", ["keeper", "run", "sweep"], "sweep"],
      ["an unknown class of node", ["node", "register", "boss"], "boss"],
      ["an unknown bench", ["bench", "speed"], "speed"],
      ["a limit that is no number", ["infer", "hi", "--max-tokens", "many"], "--max-tokens"],
      ["a limit of nothing", ["infer", "hi", "--max-tokens", "0"], "--max-tokens"],
      ["a port that is no number", ["proxy", "--port", "http"], "--port"],
      ["an interval that is no number", ["keeper", "run", "settle", "--interval", "0.5"], "--interval"],
      ["an operator that is no number", ["stake", "bond", "me", "1"], "operator"],
      [
        "a price that is no number",
        ["model", "publish", "x", "--input-price", "1e3", "--output-price", "1"],
        "--input-price",
      ],
    ] as [string, string[], string][]) {
      it(what, async () => {
        const { code, stdout, stderr } = await opg(args);
        expect([code, stdout]).to.deep.equal([1, ""]);
        expect(stderr)
          .to.include(named)
          .and.not.to.match(/^ +at /m);
      });
    }
  });

  describe("with --json says what went wrong in one line", () => {
    const failed = async (args: string[], env: Record<string, string>) => {
      const { code, stdout, stderr } = await opg([...args, "--json"], env);
      expect(stdout).to.equal("");
      expect(stderr.trimEnd().split("\n").length, stderr).to.equal(1);
      return { code, error: JSON.parse(stderr).error };
    };

    it("of an unknown role", async () => {
      const { code, error } = await failed(["up", "--roles", "boss"], {});
      expect([code, error.code, error.facts.given]).to.deep.equal([1, "bad_roles", "boss"]);
    });

    it("of bad variables, all of them and no value", async () => {
      const env = { OPG_KEY: "hunter2", RPC_URL: "hunter2", POLICY: "-1" };
      const { code, error } = await failed(["reserve", "1"], env);
      expect([code, error.code]).to.deep.equal([1, "bad_config"]);
      expect(error.facts).to.have.all.keys("OPG_KEY", "RPC_URL", "POLICY");
      expect(JSON.stringify(error)).not.to.include("hunter2");
    });

    it("of a deployment file that is not there, and of one that is none", async () => {
      const none = await failed(["settler", "open"], { OPG_DEPLOYMENT: join(directory, "none.json") });
      expect([none.code, none.error.code]).to.deep.equal([1, "no_deployment"]);
      const path = join(directory, "bad.json");
      await writeFile(path, "{");
      const bad = await failed(["settler", "open"], { OPG_DEPLOYMENT: path });
      expect([bad.code, bad.error.code]).to.deep.equal([1, "bad_deployment"]);
    });
  });

  describe("on a chain", () => {
    let chain: TestChain;
    let env: Record<string, string>;
    before(async () => {
      chain = await startTestChain();
      const path = join(directory, "local.json");
      await writeFile(path, JSON.stringify(chain.deployment));
      const account = localAccount(chain.chain, 0) as unknown as { privateKey: string };
      env = { OPG_DEPLOYMENT: path, RPC_URL: chain.rpcUrl, OPG_KEY: account.privateKey };
    });
    after(() => chain?.close());

    /** The one object that a command prints. */
    async function one(args: string[], more: Record<string, string> = {}) {
      const { code, stdout, stderr } = await opg([...args, "--json"], { ...env, ...more });
      expect([code, stderr], args.join(" ")).to.deep.equal([0, ""]);
      expect(stdout).to.match(/^\{.*\}\n$/);
      return JSON.parse(stdout);
    }

    it("prints exactly one object a command", async () => {
      const { settler, payee, committer, key: made } = await one(["settler", "open"]);
      expect([settler, payee].every(Number.isInteger)).to.equal(true);
      expect(new Wallet(made).address).to.equal(committer);
      expect(await one(["stake", "bond", String(settler), "5"])).to.include({ operator: settler });

      const key = new Wallet(id("node key")).privateKey;
      const node = await one(["node", "register", "worker", "--key", key, "--endpoint", "http://127.0.0.1:8401"]);
      expect(node).to.include({ operator: settler, key });

      const prices = ["--input-price", "0", "--output-price", "7"];
      const published = await one(["model", "publish", "models/opg-guard", ...prices]);
      expect(published.version).to.match(/^0x[0-9a-f]{64}$/);

      const reserved = await one(["reserve", "1.5"], { SETTLER: String(settler) });
      expect(reserved).to.deep.include({ settler });
      expect(reserved.voucherKey).to.match(/^0x[0-9a-f]{64}$/);
    });

    it("prints lines without --json; a settler that is open keeps its committer", async () => {
      const committer = Wallet.createRandom().address;
      const named = await one(["settler", "open", "--committer", committer]);
      expect(named).to.include({ committer });
      const { code, stdout } = await opg(["settler", "open"], env);
      expect(code).to.equal(0);
      expect(stdout).to.match(/^settler {4}\d+\npayee {6}\d+\ncommitter {2}0x[0-9a-fA-F]{40}\n$/);
      expect(stdout).to.include(committer);
    });

    for (const [what, args, more, exit, code] of [
      ["an amount that is none", ["reserve", "much"], { SETTLER: "1" }, 1, "bad_amount"],
      ["a variable that is missing", ["reserve", "1"], {}, 1, "bad_config"],
      ["a receipt that is neither id nor file", ["verify", "0x12"], {}, 1, "not_found"],
      ["a file that is no receipt", ["verify", "package.json"], {}, 1, "bad_receipt"],
      ["a file that is not JSON", ["verify", "LICENSE"], {}, 1, "bad_receipt"],
      [
        "an RPC that does not answer",
        ["settler", "open"],
        { RPC_URL: "http://127.0.0.1:1", RPC_TIMEOUT_MS: "500" },
        75,
        "rpc_unavailable",
      ],
    ] as [string, string[], Record<string, string>, number, string][]) {
      it(`exits ${exit} for ${what}`, async () => {
        const ran = await opg([...args, "--json"], { ...env, ...more });
        expect([ran.code, ran.stdout]).to.deep.equal([exit, ""]);
        expect(JSON.parse(ran.stderr).error.code).to.equal(code);
      });
    }
  });
});
