import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { keccak256, Wallet } from "ethers";
import { type LocalChain, startLocalChain } from "../../src/cli/demo/chain.ts";
import { connectContracts } from "../../src/core/chain/contracts.ts";
import { addressesOf, type Deployment, deploymentSchema, readDeployment } from "../../src/core/chain/deployment.ts";
import { findAnvil, startAnvil } from "../helpers/anvil.ts";
import { ask, type DeployFolder, openDeployFolder } from "../helpers/deployment.ts";

/*
npx hardhat deploy, as a process of its own
├── on a local chain, Hardhat's and Anvil
│  ├── it should deploy and wire everything, print one JSON object and write the same to deployments/<network>.json
│  ├── given it ran before: it should send nothing and change nothing
│  ├── given the chain was started anew: it should deploy again
│  └── given it was killed, wherever: it should go on from there and send nothing twice
├── in process: it should deploy and write nothing
└── on a chain with a public id
   ├── when a role has a development key, there is a development root, a time is too short, or the chain is another:
   │  it should refuse, send nothing and write nothing
   └── when the parameters are those of the network: it should deploy, waiting for confirmations
*/
describe("hardhat deploy", () => {
  /** Nine contracts of ours, the timelock, and two calls that name the court. */
  const TRANSACTIONS = 12;
  const DEVELOPMENT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

  let folder: DeployFolder;
  beforeEach(async () => {
    folder = await openDeployFolder();
  });
  afterEach(() => folder.remove());

  const fileOf = (network: string) => join(folder.path, `deployments/${network}.json`);
  const deployLocal = ({ rpcUrl }: LocalChain) => folder.start("local", { LOCAL_RPC_URL: rpcUrl });

  /** Runs to the end, and gives what was printed. */
  async function deployed(chain: LocalChain): Promise<Deployment> {
    const { code, out, log } = await deployLocal(chain).done;
    expect(code, log).to.equal(0);
    return deploymentSchema.parse(JSON.parse(out));
  }

  const sentBy = ({ rpcUrl }: LocalChain, address: string) =>
    ask(rpcUrl, (provider) => provider.getTransactionCount(address));
  const deployerOf = ({ rpcUrl }: LocalChain) =>
    ask(rpcUrl, async (provider) => (await provider.send("eth_accounts", []))[0] as string);

  /** Every contract has the code that was written down, and points where it should. */
  async function checkDeployed({ rpcUrl }: LocalChain, deployment: Deployment): Promise<void> {
    await ask(rpcUrl, async (provider) => {
      const entries = Object.values(deployment.contracts).filter((contract) => contract !== undefined);
      expect(new Set(entries.map(({ address }) => address)).size).to.equal(entries.length);
      for (const { address, codeHash } of entries) {
        const code = await provider.getCode(address);
        expect(code).not.to.equal("0x");
        expect(keccak256(code)).to.equal(codeHash);
      }
      const { settlement, stakeHub, court, receiptVerifier } = connectContracts(addressesOf(deployment), provider);
      expect(await settlement.court()).to.equal(court.target);
      expect(await stakeHub.slasher()).to.equal(court.target);
      expect(await court.settlement()).to.equal(settlement.target);
      expect(await receiptVerifier.settlement()).to.equal(settlement.target);
      expect(await settlement.governance()).to.equal(deployment.contracts.timelock.address);
      expect((await provider.getBlock(0))?.hash).to.equal(deployment.genesis);
    });
  }

  const anvil = findAnvil();
  const chains: [name: string, start: () => Promise<LocalChain>][] = [["Hardhat's node", startLocalChain]];
  if (anvil) chains.push(["Anvil", () => startAnvil(anvil)]);
  else
    it.skip("Anvil is not installed (@foundry-rs/anvil-linux-amd64): its tests and those of public ids are left out");

  for (const [name, start] of chains) {
    describe(`on ${name}`, () => {
      let chain: LocalChain;
      beforeEach(async () => {
        chain = await start();
      });
      afterEach(() => chain.stop());

      it("deploys, wires, prints and writes; a second run sends nothing and changes nothing", async () => {
        const first = await deployed(chain);
        await checkDeployed(chain, first);
        expect(first).to.include({ network: "local", chainId: 31337 });
        expect(await readDeployment(fileOf("local"))).to.deep.equal(first);
        const deployer = await deployerOf(chain);
        expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);

        const text = await readFile(fileOf("local"), "utf8");
        await ask(chain.rpcUrl, (provider) => provider.send("evm_mine", []));
        expect(await deployed(chain)).to.deep.equal(first);
        expect(await readFile(fileOf("local"), "utf8")).to.equal(text);
        expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);
        expect(existsSync(`${fileOf("local")}.part`)).to.equal(false);
      });

      it("deploys again to a chain that was started anew under the same id", async () => {
        const first = await deployed(chain);
        await chain.stop();
        // A genesis block is made of the second it was started in.
        await new Promise((resolve) => setTimeout(resolve, 1100));
        chain = await start();
        const second = await deployed(chain);
        expect(second.genesis).not.to.equal(first.genesis);
        await checkDeployed(chain, second);
        expect(await readDeployment(fileOf("local"))).to.deep.equal(second);
      });

      for (const sent of [4, 11]) {
        it(`goes on after a kill at ${sent} transactions, and sends nothing twice`, async () => {
          const deployer = await deployerOf(chain);
          const run = deployLocal(chain);
          await until(async () => (await sentBy(chain, deployer)) >= sent);
          run.process.kill("SIGKILL");
          expect((await run.done).code).to.equal(null);
          const before = await sentBy(chain, deployer);
          expect(before).to.be.at.least(sent).and.at.most(TRANSACTIONS);

          const deployment = await deployed(chain);
          await checkDeployed(chain, deployment);
          expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);
          expect(await readDeployment(fileOf("local"))).to.deep.equal(deployment);
        });
      }

      it("goes on when it was killed between sending a transaction and noting it", async () => {
        const first = await deployed(chain);
        const deployer = await deployerOf(chain);
        const path = folder.journalOf(first);
        const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
        const sent = lines.findLastIndex((line) => JSON.parse(line).type === "TRANSACTION_SEND");
        expect(JSON.parse(lines[sent - 1] as string).type).to.equal("TRANSACTION_PREPARE_SEND");
        await writeFile(path, `${lines.slice(0, sent).join("\n")}\n`);
        await rm(fileOf("local"));

        const { contracts } = await deployed(chain);
        expect(contracts).to.deep.equal(first.contracts);
        expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);
      });

      it("goes on after being killed again and again", async () => {
        const deployer = await deployerOf(chain);
        for (const sent of [1, 6, 9]) {
          const run = deployLocal(chain);
          await until(async () => (await sentBy(chain, deployer)) >= sent);
          run.process.kill("SIGKILL");
          await run.done;
        }
        await checkDeployed(chain, await deployed(chain));
        expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);
      });
    });
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error("It did not come to that within a minute");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  it("deploys in process and writes nothing", async () => {
    const { code, out, log } = await folder.start("default", {}).done;
    expect(code, log).to.equal(0);
    expect(deploymentSchema.parse(JSON.parse(out))).to.include({ network: "default", chainId: 31337 });
    expect(existsSync(join(folder.path, "deployments"))).to.equal(false);
  });

  it("fails without a chain, and writes nothing", async () => {
    const { code, out } = await folder.start("local", { LOCAL_RPC_URL: "http://127.0.0.1:1" }).done;
    expect([code, out]).to.deep.equal([1, ""]);
    expect(existsSync(join(folder.path, "deployments"))).to.equal(false);
  });

  if (anvil) {
    describe("on a chain with a public id", () => {
      const OWN = new Wallet(`0x${"5e".repeat(32)}`);
      let chain: LocalChain;
      before(async () => {
        chain = await startAnvil(anvil, ["--chain-id", "11155111"]);
        await ask(chain.rpcUrl, (provider) => provider.send("anvil_setBalance", [OWN.address, "0x56bc75e2d63100000"]));
      });
      after(() => chain?.stop());

      /** The parameters of a network with some text replaced, in a file of their own. */
      async function changed(network: string, from: RegExp, to: string): Promise<string> {
        const text = await readFile(new URL(`../../deploy/parameters/${network}.json5`, import.meta.url), "utf8");
        expect(text).to.match(from);
        const path = join(folder.path, "parameters.json5");
        await writeFile(path, text.replace(from, to));
        return path;
      }
      const root = `developmentRoot: { x: "0x${"11".repeat(32)}", y: "0x${"22".repeat(32)}" }`;
      const cases: [what: string, said: string, network: string, key: string, file?: () => Promise<string>][] = [
        ["a development key deploys", "role: deployer", "sepolia", DEVELOPMENT_KEY],
        [
          "there is a development root",
          "A development root must not be deployed",
          "sepolia",
          OWN.privateKey,
          () => changed("sepolia", /developmentRoot: null/, root),
        ],
        [
          "a time is too short",
          "name: releaseDelay",
          "sepolia",
          OWN.privateKey,
          () => changed("sepolia", /releaseDelay: 259200/, "releaseDelay: 259199"),
        ],
        ["the chain is another than the network's", "parameters: 8453", "base", OWN.privateKey],
      ];
      for (const [what, said, network, key, file] of cases) {
        it(`refuses when ${what}`, async () => {
          const rpc = Object.fromEntries(["SEPOLIA", "BASE"].map((name) => [`${name}_RPC_URL`, chain.rpcUrl]));
          const args = file ? ["--parameters-file", await file()] : [];
          const { code, out, log } = await folder.start(network, { ...rpc, DEPLOYER_KEY: key }, args).done;
          expect([code, out]).to.deep.equal([1, ""]);
          expect(log).to.include(said);
          expect(existsSync(join(folder.path, "deployments"))).to.equal(false);
          const blocks = await ask(chain.rpcUrl, (provider) => provider.getBlockNumber());
          expect(blocks, "nothing was sent").to.equal(0);
        });
      }
    });

    it("deploys to a chain with a public id with a key of its own, waiting for confirmations", async () => {
      const own = Wallet.createRandom();
      const chain = await startAnvil(anvil, ["--chain-id", "11155111", "--block-time", "1"]);
      try {
        await ask(chain.rpcUrl, (provider) => provider.send("anvil_setBalance", [own.address, "0x56bc75e2d63100000"]));
        const env = { SEPOLIA_RPC_URL: chain.rpcUrl, DEPLOYER_KEY: own.privateKey };
        const { code, out, log } = await folder.start("sepolia", env).done;
        expect(code, log).to.equal(0);
        const deployment = deploymentSchema.parse(JSON.parse(out));
        expect(deployment).to.include({ network: "sepolia", chainId: 11155111 });
        expect(deployment.contracts.developmentTeeVerifier).to.equal(undefined);
        await checkDeployed(chain, deployment);
        expect(await readDeployment(fileOf("sepolia"))).to.deep.equal(deployment);
        expect(JSON.stringify(deployment)).not.to.include(own.privateKey.slice(2));
        expect(log).not.to.include(own.privateKey.slice(2));
      } finally {
        await chain.stop();
      }
    });
  }
});
