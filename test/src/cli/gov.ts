import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { keccak256, Wallet } from "ethers";
import { network } from "hardhat";
import { governorModule, LOCAL_GOVERNOR } from "../../../deploy/governor.ts";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { addressesOf } from "../../../src/core/chain/deployment.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { OPGGovernor__factory } from "../../../typechain-types/factories/governance/OPGGovernor__factory.ts";
import { VotesMock__factory } from "../../../typechain-types/factories/mocks/VotesMock__factory.ts";
import { startTestChain, type TestChain } from "../../helpers/network.ts";
import { opg } from "../../helpers/opg.ts";

/*
opg gov
├── hand-over: schedules, waits, executes, does nothing more
├── propose → vote → queue → execute → show, list, each as a process, with lines and with --json
├── propose: a description with its proposer; decoded arguments with units, and what stands now
├── vote: a whole vote, parts of one
├── --dry-run sends nothing; --from shows what another account would send
├── the governor: from the deployment file, or --governor; another chain's or deployment's is refused
├── list and show on an RPC that gives few blocks of events at once
└── what is wrong: exit 1, or 75 where trying again helps, with a code
*/
describe("opg gov", () => {
  const OPG = 1_000_000_000n;
  let chain: TestChain;
  let directory: string;
  let env: Record<string, string>;
  let governor: string;
  let base: string;
  /** What the handover printed, step by step. */
  const handedOver: Record<string, unknown>[] = [];
  /** With --json, Alice has the most votes, Bob less, Carol none; the guardian cancels. */
  let alice: Wallet;
  let bob: Wallet;
  let carol: Wallet;
  let guardian: Wallet;

  const rpc = (method: string, params: unknown[] = []) => chain.chain.provider.send(method, params);
  const increase = async (seconds: number) => {
    await rpc("evm_increaseTime", [seconds]);
    await rpc("evm_mine");
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-gov-"));
    chain = await startTestChain();
    const { provider } = chain.chain;
    [alice, bob, carol, guardian] = [1, 2, 3, 4].map((i) => localAccount(chain.chain, i) as unknown as Wallet) as [
      Wallet,
      Wallet,
      Wallet,
      Wallet,
    ];
    const deployer = localAccount(chain.chain, 0);
    const { settlement, teeRegistry, emissionBudget, datasetRegistry } = addressesOf(chain.deployment);
    const timelock = chain.deployment.contracts.timelock.address;

    const votes = await new VotesMock__factory(deployer).deploy(0);
    await votes.waitForDeployment();
    const addresses = {
      ...{ votes: String(votes.target), timelock, settlement },
      ...{ teeRegistry, emissionBudget, datasetRegistry },
    };
    const connection = await network.create({ network: "local", override: { url: chain.rpcUrl } });
    const deploymentId = `chain-31337-gov-${Date.now()}`;
    const module = governorModule(LOCAL_GOVERNOR, () => addresses, {
      guardian: guardian.address,
      leastTimelockDelay: 4200,
    });
    const deployed = await connection.ignition.deploy(module, {
      config: { requiredConfirmations: 1, blockPollingInterval: 20 },
      deploymentId,
    });
    await rm(join("deploy/deployments", deploymentId), { recursive: true });
    await connection.close();
    governor = String(deployed.governor.target);

    const source = ["--governor", governor, "--rpc", chain.rpcUrl, "--json"];
    const handOver = async (...more: string[]) => {
      const { code, stdout, stderr } = await opg(["gov", "hand-over", ...source, ...more], {
        OPG_KEY: deployer.privateKey,
      });
      return code === 0 ? JSON.parse(stdout) : { exit: code, ...JSON.parse(stderr).error };
    };
    handedOver.push(await handOver("--dry-run"), await handOver(), await handOver());
    await increase(4200);
    handedOver.push(await handOver(), await handOver());
    await mined(votes.setVotes(alice.address, 30_000_000n * OPG));
    await mined(votes.setVotes(bob.address, 50_000n * OPG));
    await increase(1);

    const file = join(directory, "local.json");
    const codeHash = keccak256(await provider.getCode(governor));
    const { contracts } = chain.deployment;
    const withGovernor = {
      ...chain.deployment,
      contracts: { ...contracts, governor: { address: governor, codeHash } },
    };
    await writeFile(file, JSON.stringify(withGovernor));
    const { governor: _, ...ungoverned } = contracts;
    await writeFile(join(directory, "without.json"), JSON.stringify({ ...chain.deployment, contracts: ungoverned }));
    env = { OPG_DEPLOYMENT: file, RPC_URL: chain.rpcUrl, OPG_KEY: alice.privateKey };
    base = await rpc("evm_snapshot");
  });
  beforeEach(async () => {
    await rpc("evm_revert", [base]);
    base = await rpc("evm_snapshot");
  });
  after(async () => {
    await chain?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const gov = (args: string[], more: Record<string, string> = {}) => opg(["gov", ...args], { ...env, ...more });
  /** The one object that a command prints. */
  async function one(args: string[], more: Record<string, string> = {}) {
    const { code, stdout, stderr } = await gov([...args, "--json"], more);
    expect([code, stderr], args.join(" ")).to.deep.equal([0, ""]);
    return JSON.parse(stdout);
  }
  /** The error that a command ends in. */
  async function refused(args: string[], more: Record<string, string> = {}) {
    const { code, stdout, stderr } = await gov([...args, "--json"], more);
    expect(stdout).to.equal("");
    return { exit: code, ...JSON.parse(stderr).error };
  }
  async function callsFile(content: unknown, name = "calls.json"): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }
  const retire = () =>
    callsFile({
      description: "Retire the first policy",
      calls: [{ target: "settlement", function: "retirePolicy", args: [1] }],
    });
  /** An id of a proposal of that file, with its vote open. */
  async function voting(file: string) {
    const proposed = await one(["propose", file]);
    await increase(LOCAL_GOVERNOR.votingDelay + 1);
    return String(proposed.id);
  }

  it("hands over to the governor: scheduled, waited for, executed, and nothing after that", async () => {
    const deployer = localAccount(chain.chain, 0).address;
    const both = (account: string) => ({ PROPOSER_ROLE: [account], CANCELLER_ROLE: [account] });
    const [dry, scheduled, early, executed, done] = handedOver;
    expect(dry).to.deep.include({ state: "unscheduled", dryRun: true, hash: null, holders: both(deployer) });
    expect(scheduled).to.deep.include({ state: "waiting", dryRun: false, holders: both(deployer) });
    expect(scheduled?.calls).to.be.an("array").with.length(4);
    expect(early).to.deep.include({ exit: 75, code: "not_yet" });
    expect(executed).to.deep.include({ state: "done", holders: both(governor) });
    expect(done).to.deep.include({ state: "done", hash: null });
  });

  it("goes from a file to a changed parameter", async () => {
    const { settlement, stakeHub } = chain.chain.contracts;
    const file = await callsFile({
      description: "# Another court\nand another threshold",
      calls: [
        { target: "settlement", function: "setCourt", args: [carol.address] },
        { target: "governor", function: "setProposalThreshold", args: ["250000000000000"] },
        { target: "governor", function: "setVotingDelay", args: [3600] },
        { target: String(stakeHub.target), function: "setGuardian(address)", args: [guardian.address] },
        { target: "governor", function: "updateQuorumNumerator", args: [45_000] },
      ],
    });
    const proposed = await one(["propose", file]);
    expect(proposed.description).to.equal(`# Another court\nand another threshold#proposer=${alice.address}`);
    expect(proposed.hash).to.match(/^0x[0-9a-f]{64}$/);
    const shown = proposed.calls.map((call: Record<string, unknown>) => [
      call.contract,
      call.function,
      (call.arguments as { shown: string }[])[0]?.shown,
      call.current,
    ]);
    const { court } = addressesOf(chain.deployment);
    const deployer = localAccount(chain.chain, 0).address;
    expect(shown).to.deep.equal([
      ["settlement", "setCourt(address)", carol.address, `${court} (court)`],
      ["governor", "setProposalThreshold(uint256)", "250000 OPG", "100000 OPG"],
      ["governor", "setVotingDelay(uint48)", "3600 s (1 h)", "60 s (1 min)"],
      ["stakeHub", "setGuardian(address)", guardian.address, deployer],
      ["governor", "updateQuorumNumerator(uint256)", "4.5 %", "4 %"],
    ]);

    const early = await refused(["vote", proposed.id, "for"]);
    expect([early.exit, early.code]).to.deep.equal([1, "wrong_state"]);
    await increase(LOCAL_GOVERNOR.votingDelay + 1);
    const voted = await one(["vote", proposed.id, "for", "--reason", "why not"]);
    expect(voted).to.include({ voter: alice.address, support: "for", votesNano: String(30_000_000n * OPG) });
    const lines = await gov(["show", proposed.id]);
    expect(lines.stdout).to.include("active").and.to.include("250000 OPG").and.to.include("# Another court");

    expect(await refused(["queue", proposed.id])).to.include({ exit: 1, code: "wrong_state" });
    await increase(LOCAL_GOVERNOR.votingPeriod);
    // Anybody queues and executes.
    const anybody = { OPG_KEY: carol.privateKey };
    expect(await one(["queue", proposed.id], anybody)).to.include({ state: "queued" });
    expect(await refused(["execute", proposed.id], anybody)).to.include({ exit: 75, code: "not_yet" });
    await increase(4200);
    const executed = await gov(["execute", proposed.id], anybody);
    expect(executed.stderr).to.equal("");
    expect(executed.stdout).to.include("executed");
    expect(await settlement.court()).to.equal(carol.address);

    const { proposals } = await one(["list"]);
    expect(proposals).to.have.lengthOf(1);
    expect(proposals[0]).to.include({ id: proposed.id, state: "executed", proposer: alice.address });
    const listed = await gov(["list", "--from-block", "0"]);
    expect(listed.stdout).to.include(proposed.id).and.to.include("# Another court");
  });

  it("votes in parts, and only with what is left", async () => {
    const proposal = await voting(await retire());
    const parts = ["vote", proposal, "parts", "--parts"];
    expect(await one([...parts, "1,10.5,0"])).to.include({ votesNano: "11500000000" });
    const governed = OPGGovernor__factory.connect(governor, chain.chain.provider);
    expect(await governed.proposalVotes(proposal)).to.deep.equal([OPG, (21n * OPG) / 2n, 0n]);
    expect(await refused([...parts, "0,30000000,0"])).to.include({ exit: 1, code: "no_votes" });
    expect(await refused([...parts, "1,2"])).to.include({ exit: 1, code: "bad_parts" });
    expect(await refused([...parts, "0,0,0"])).to.include({ exit: 1, code: "bad_parts" });
    expect(await refused(["vote", proposal, "for", "--parts", "1,2,3"])).to.include({ exit: 1, code: "bad_parts" });
    expect(await refused(["vote", proposal, "parts"])).to.include({ exit: 1, code: "bad_parts" });
    expect(await one(["vote", proposal, "against"])).to.include({ support: "against" });
    expect(await refused(["vote", proposal, "for"])).to.include({ exit: 1, code: "no_votes" });
    expect(await refused(["vote", proposal, "for"], { OPG_KEY: carol.privateKey })).to.include({ code: "no_votes" });
  });

  it("shows what only removes, and lets the guardian cancel it", async () => {
    const proposal = await voting(await retire());
    const shown = await gov(["show", proposal]);
    expect(shown.stdout).to.include("only removes").and.to.include("retirePolicy(uint16)");
    const denied = await refused(["cancel", proposal], { OPG_KEY: bob.privateKey });
    expect(denied).to.include({ exit: 1, code: "reverted" });
    expect(denied.message).to.include("GovernorUnableToCancel");
    expect(await one(["cancel", proposal], { OPG_KEY: guardian.privateKey })).to.include({ state: "canceled" });
    expect(await refused(["cancel", proposal])).to.include({ exit: 1, code: "wrong_state" });
  });

  it("sends nothing with --dry-run, and says what another account would send", async () => {
    const file = await retire();
    const nonce = await chain.chain.provider.getTransactionCount(alice.address);
    const dry = await one(["propose", file, "--dry-run"]);
    expect([dry.dryRun, dry.hash]).to.deep.equal([true, null]);
    const from = await one(["propose", file, "--dry-run", "--from", alice.address], { OPG_KEY: "" });
    expect(from.transaction).to.deep.equal(dry.transaction);
    expect(await chain.chain.provider.getTransactionCount(alice.address)).to.equal(nonce);
    expect(await one(["list"])).to.deep.equal({ proposals: [] });
    expect((await gov(["list"])).stdout).to.equal("There are no proposals.\n");

    // Those bytes, from any wallet, are the proposal.
    await (await new Wallet(alice.privateKey, chain.chain.provider).sendTransaction(dry.transaction)).wait();
    const { proposals } = await one(["list"]);
    expect(proposals[0]).to.include({ id: dry.id, state: "pending" });
    const text = await gov(["vote", dry.id, "for", "--dry-run"]);
    expect(text.code).to.equal(1);
    expect(await refused(["propose", file])).to.include({ code: "already_proposed" });
  });

  it("needs no deployment file with --governor; then only governor and timelock have names", async () => {
    const bare = { OPG_DEPLOYMENT: join(directory, "none.json") };
    const file = await retire();
    expect(await refused(["propose", file, "--governor", governor], bare)).to.include({ code: "bad_call" });
    const { settlement } = addressesOf(chain.deployment);
    const calls = [{ target: settlement, abi: "settlement", function: "retirePolicy", args: ["2"] }];
    const named = await callsFile({ calls });
    const more = ["--governor", governor, "--rpc", chain.rpcUrl];
    const proposed = await one(["propose", named, "--description", "Why", ...more], { ...bare, RPC_URL: "" });
    expect(proposed.calls[0]).to.include({ target: settlement, contract: null, function: null });
    const shown = await gov(["show", proposed.id, "--governor", governor], bare);
    expect(shown.stdout).to.include("not understood").and.to.include(proposed.calls[0].data);
  });

  it("reads from an RPC that gives few blocks of events at once", async () => {
    const proposal = await voting(await retire());
    await rpc("hardhat_mine", ["0x1000"]);
    const { createServer } = await import("node:http");
    let refusals = 0;
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const piece of request) body += piece;
      const tooMany = (one: { method: string; params: { fromBlock: string; toBlock: string }[] }) => {
        const [filter] = one.method === "eth_getLogs" ? one.params : [];
        return filter !== undefined && Number(filter.toBlock) - Number(filter.fromBlock) >= 500;
      };
      const parsed = JSON.parse(body);
      response.setHeader("content-type", "application/json");
      const answers = [];
      for (const one of [parsed].flat()) {
        if (tooMany(one)) {
          refusals++;
          answers.push({ jsonrpc: "2.0", id: one.id, error: { code: -32005, message: "block range too wide" } });
        } else {
          const answer = await fetch(chain.rpcUrl, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(one),
          });
          answers.push(await answer.json());
        }
      }
      response.end(JSON.stringify(Array.isArray(parsed) ? answers : answers[0]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const rpcUrl = `http://127.0.0.1:${port}`;
      expect((await one(["list", "--rpc", rpcUrl])).proposals[0]).to.include({ id: proposal });
      expect(refusals).to.be.greaterThan(0);
      expect(await one(["show", proposal, "--rpc", rpcUrl])).to.include({ id: proposal, state: "defeated" });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  describe("refuses", () => {
    const call = { target: "settlement", function: "retirePolicy", args: [1] };
    for (const [what, content, code] of [
      ["a file that is not JSON", "calls:", "bad_calls"],
      ["a file without calls", { description: "x", calls: [] }, "bad_calls"],
      ["more than sixteen calls", { description: "x", calls: Array(17).fill(call) }, "bad_calls"],
      ["an unknown field", { description: "x", calls: [{ ...call, arguments: [] }] }, "bad_calls"],
      ["a value that is no amount", { description: "x", calls: [{ ...call, value: "1.5" }] }, "bad_calls"],
      ["no description", { calls: [call] }, "no_description"],
      ["an unknown contract", { description: "x", calls: [{ ...call, target: "settlements" }] }, "bad_call"],
      ["a name of every object", { description: "x", calls: [{ ...call, abi: "constructor" }] }, "bad_call"],
      ["an unknown function", { description: "x", calls: [{ ...call, function: "retire" }] }, "bad_call"],
      ["a view", { description: "x", calls: [{ ...call, function: "getPolicy" }] }, "bad_call"],
      ["too few arguments", { description: "x", calls: [{ ...call, args: [] }] }, "bad_call"],
      ["a number out of range", { description: "x", calls: [{ ...call, args: [65_536] }] }, "bad_call"],
      [
        "a number that JSON cannot hold",
        { description: "x", calls: [{ target: "governor", function: "setProposalThreshold", args: [2 ** 60] }] },
        "bad_call",
      ],
      [
        "a wrong checksum",
        {
          description: "x",
          calls: [{ target: "settlement", function: "setCourt", args: ["0xAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] }],
        },
        "bad_call",
      ],
      [
        "a name that several functions have",
        { description: "x", calls: [{ target: "governor", function: "quorumNumerator", args: [1, 2] }] },
        "bad_call",
      ],
    ] as [string, unknown, string][]) {
      it(`${what}: ${code}`, async () => {
        const path = await callsFile(content, "bad.json");
        const error = await refused(["propose", path]);
        expect(error).to.include({ exit: 1, code });
      });
    }

    for (const [what, args, more, exit, code] of [
      ["no file", ["propose", "none.json"], {}, 1, "no_file"],
      ["no such proposal", ["show", "12"], {}, 1, "no_proposal"],
      ["a vote on no such proposal", ["vote", "0x12", "for"], {}, 1, "no_proposal"],
      ["a deployment without a governor", ["list", "--deployment", "<without>"], {}, 1, "bad_deployment"],
      ["an address that is none", ["list", "--governor", "0x12"], {}, 1, "bad_address"],
      ["an address without a governor", ["list", "--governor", "<token>"], {}, 1, "no_governor"],
      ["an address without code", ["list", "--governor", `0x${"12".repeat(20)}`], {}, 1, "no_governor"],
      ["no key", ["queue", "12"], { OPG_KEY: "" }, 1, "bad_config"],
      ["--from without --dry-run", ["queue", "12", "--from", `0x${"12".repeat(20)}`], {}, 1, "bad_from"],
      [
        "an RPC that does not answer",
        ["list"],
        { RPC_URL: "http://127.0.0.1:1", RPC_TIMEOUT_MS: "500" },
        75,
        "rpc_unavailable",
      ],
    ] as [string, string[], Record<string, string>, number, string][]) {
      it(`${what}: ${code}`, async () => {
        const given = args.map((arg) =>
          arg
            .replace("<without>", join(directory, "without.json"))
            .replace("<token>", chain.deployment.contracts.opg.address),
        );
        expect(await refused(given, more)).to.include({ exit, code });
      });
    }

    it("a proposer with too few votes: too_few_votes", async () => {
      const error = await refused(["propose", await retire()], { OPG_KEY: bob.privateKey });
      expect(error).to.include({ exit: 1, code: "too_few_votes" });
      expect(error.facts).to.include({ votesOpg: "50000", thresholdOpg: "100000" });
    });

    it("what is no id or no support", async () => {
      for (const args of [
        ["show", "abc"],
        ["vote", "1", "maybe"],
        ["show", `0x1${"0".repeat(64)}`],
      ]) {
        const { code, stdout, stderr } = await gov(args);
        expect([code, stdout], args.join(" ")).to.deep.equal([1, ""]);
        expect(stderr).to.include("error:");
      }
    });

    it("a governor of another timelock, and a deployment of another chain", async () => {
      const other = {
        ...chain.deployment,
        contracts: { ...chain.deployment.contracts, timelock: chain.deployment.contracts.opg },
      };
      const wrong = await callsFile(other, "other.json");
      const args = ["list", "--governor", governor, "--deployment", wrong];
      expect(await refused(args)).to.include({ exit: 1, code: "wrong_timelock" });
      const elsewhere = await callsFile({ ...chain.deployment, chainId: 1 }, "elsewhere.json");
      const there = ["list", "--governor", governor, "--deployment", elsewhere];
      expect(await refused(there)).to.include({ exit: 1, code: "wrong_chain" });
    });
  });
});
