import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { getAddress, hexlify, keccak256, Wallet } from "ethers";
import type { LaunchPreview } from "../../scripts/tasks/launchPreview.ts";
import { type LocalChain, startLocalChain } from "../../src/cli/demo/chain.ts";
import { connectContracts } from "../../src/core/chain/contracts.ts";
import { addressesOf, type Deployment, deploymentSchema, readDeployment } from "../../src/core/chain/deployment.ts";
import { bookHash, decodeBook } from "../../src/vesting/book.ts";
import { tableHash } from "../../src/vesting/table.ts";
import { TokenLaunch__factory } from "../../typechain-types/factories/vesting/TokenLaunch__factory.ts";
import { findAnvil, startAnvil } from "../helpers/anvil.ts";
import { ask, type DeployFolder, type DeployRun, openDeployFolder } from "../helpers/deployment.ts";
import { rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";

/*
npx hardhat deploy, as a process of its own
├── on a local chain, Hardhat's and Anvil
│  ├── it should deploy and wire everything, print one JSON object and write the same to deployments/<network>.json,
  │  and beside it the published file, which is the code of the book
│  ├── given it ran before: it should send nothing and change nothing
│  ├── given the chain was started anew: it should deploy again
│  └── given it was killed, wherever (a step noted and not begun, about to be sent, sent and not noted, half written): it should go on and send nothing twice
├── when the parameters are changed after the launch: it should refuse and send nothing
├── in process: it should deploy and write nothing
├── with --dry-run: it should show what would be locked, send nothing and write nothing
├── when a beneficiary is open, or the sums are wrong: it should say where, send nothing and write nothing
└── on a chain with a public id
   ├── when a role has a development key, there is a development root, a time is too short, or the chain is another:
   │  it should refuse, send nothing and write nothing
   └── when the parameters are those of the network: it should deploy, waiting for confirmations
*/
describe("hardhat deploy", () => {
  /** First the timelock, TokenLaunch and the emission budget. */
  const LAUNCH_TRANSACTIONS = 3;
  /** Then the launch, thirteen contracts, a development verifier, two calls that name the court, one that names the consumer. */
  const TRANSACTIONS = 21;
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
    ask(rpcUrl, async (provider) => getAddress((await provider.send("eth_accounts", []))[0]));

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

      const { opg, vestVault, scheduleLens, emissionBudget } = connectContracts(addressesOf(deployment), provider);
      const { vesting, contracts } = deployment;
      const file = await readFile(join(folder.path, "deployments", vesting.bookFile));
      expect(await provider.getCode(contracts.vestBook.address)).to.equal(hexlify(file));
      expect(vesting.bookHash).to.equal(contracts.vestBook.codeHash).and.equal(bookHash(file));
      expect(await scheduleLens.tableHash())
        .to.equal(vesting.tableHash)
        .and.equal(tableHash(decodeBook(file)));
      expect(await vestVault.isSealed()).to.equal(true);
      expect(await opg.balanceOf(vestVault.target)).to.equal(BigInt(vesting.lockedWei));
      expect([await opg.totalSupply(), BigInt(vesting.lockedWei)]).to.deep.equal([10n ** 27n, 9n * 10n ** 26n]);
      const { grants } = decodeBook(file);
      const named = vesting.grantNames.filter((_, i) => grants[i]?.beneficiary === emissionBudget.target);
      expect(named).to.deep.equal(["ecosystem-rewards", "staking-rewards"]);
      expect(vesting.grantNames).to.have.length(grants.length);
      const { epochRewards, rewardPolicy, stakePurses, datasetRegistry } = connectContracts(
        addressesOf(deployment),
        provider,
      );
      expect(await emissionBudget.consumer()).to.equal(epochRewards.target);
      expect(await stakePurses.hub()).to.equal(stakeHub.target);
      expect(await datasetRegistry.calendar()).to.equal(rewardPolicy.target);
      const liquidWei = vesting.liquid.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
      expect(liquidWei + BigInt(vesting.lockedWei)).to.equal(10n ** 27n);
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
        expect((await readdir(join(folder.path, "deployments"))).sort()).to.deep.equal(["local.book", "local.json"]);
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

      for (const sent of [2, 5, 14]) {
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

      const launchSelector = TokenLaunch__factory.createInterface().getFunction("launch").selector;
      const moments: [what: string, is: (body: string, nth: number) => boolean][] = [
        ["a transaction of the first phase", (_, nth) => nth === LAUNCH_TRANSACTIONS - 1],
        ["the launch", (body) => body.includes(`"${launchSelector}`)],
        ["the last transaction", (_, nth) => nth === TRANSACTIONS],
      ];
      for (const [what, is] of moments) {
        for (const reached of [true, false]) {
          it(`goes on when it was killed as it sent ${what}, which ${reached ? "reached" : "did not reach"} the chain`, async () => {
            await killedSending(chain, is, reached);
            const deployment = await deployed(chain);
            await checkDeployed(chain, deployment);
            expect(await sentBy(chain, await deployerOf(chain))).to.equal(TRANSACTIONS);
          });
        }
      }

      it("goes on when it was killed after it noted a step and before it began it", async () => {
        await killedSending(chain, (_, nth) => nth === TRANSACTIONS, false);
        const path = await journalOf(chain);
        const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
        const entries = lines.map((line) => JSON.parse(line));
        const last = entries.findLast(({ type }) => type === "TRANSACTION_PREPARE_SEND").futureId;
        const kept = lines.filter((_, i) => {
          const { type, futureId } = entries[i];
          return futureId !== last || type.endsWith("EXECUTION_STATE_INITIALIZE");
        });
        expect(kept.length).to.be.below(lines.length);
        await writeFile(path, `${kept.join("\n")}\n`);

        const { code, log } = await deployLocal(chain).done;
        expect(code, log).to.equal(0);
        expect(log).to.include(`before it began ${last}`);
        expect(await sentBy(chain, await deployerOf(chain))).to.equal(TRANSACTIONS);
        await checkDeployed(chain, await deployed(chain));
      });

      it("goes on when it was killed in the middle of what it wrote", async () => {
        await killedSending(chain, (_, nth) => nth === TRANSACTIONS, false);
        const path = await journalOf(chain);
        const text = await readFile(path, "utf8");
        await writeFile(path, text.slice(0, -30));
        await writeFile(join(path, "../deployed_addresses.json"), "");

        const { code, log } = await deployLocal(chain).done;
        expect(code, log).to.equal(0);
        expect(log).to.include("while it wrote journal.jsonl, deployed_addresses.json");
        expect(await sentBy(chain, await deployerOf(chain))).to.equal(TRANSACTIONS);
        await checkDeployed(chain, await deployed(chain));
      });

      it("goes on after being killed again and again", async () => {
        const deployer = await deployerOf(chain);
        for (const sent of [1, 4, 9]) {
          const run = deployLocal(chain);
          const endedByItself = run.done.then(({ code, log }) => {
            throw new Error(`The run ended with ${code} before it was killed: ${log}`);
          });
          await Promise.race([endedByItself, until(async () => (await sentBy(chain, deployer)) >= sent)]);
          run.process.kill("SIGKILL");
          await run.done;
        }
        await checkDeployed(chain, await deployed(chain));
        expect(await sentBy(chain, deployer)).to.equal(TRANSACTIONS);
      });
    });
  }

  /** Runs until it sends a certain transaction and kills it then; that reaches the chain or does not. */
  async function killedSending(
    chain: LocalChain,
    is: (body: string, nth: number) => boolean,
    reaches: boolean,
  ): Promise<void> {
    const proxy = await startFaultProxy(chain.rpcUrl);
    try {
      let sent = 0;
      let run: DeployRun;
      proxy.rule(async (exchange) => {
        const sends = rpcMethods(exchange.body).includes("eth_sendTransaction");
        if (!sends || !is(exchange.body.toString(), ++sent)) return exchange.pass();
        if (reaches) await exchange.ask();
        run.process.kill("SIGKILL");
        exchange.cut();
      });
      run = folder.start("local", { LOCAL_RPC_URL: proxy.url });
      expect((await run.done).code).to.equal(null);
    } finally {
      await proxy.close();
    }
  }

  async function journalOf({ rpcUrl }: LocalChain): Promise<string> {
    const genesis = await ask(rpcUrl, async (provider) => (await provider.getBlock(0))?.hash ?? "");
    return folder.journalOf({ chainId: 31337, genesis });
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error("It did not come to that within a minute");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  it("refuses another book once it was launched, and sends nothing", async () => {
    const chain = await startLocalChain();
    try {
      const first = await deployed(chain);
      const text = await readFile(new URL("../../deploy/parameters/local.json5", import.meta.url), "utf8");
      const path = join(folder.path, "parameters.json5");
      const beneficiary = `beneficiary: "0x${"5".repeat(40)}"`;
      await writeFile(path, text.replace('beneficiary: "deployer"', beneficiary));
      const env = { LOCAL_RPC_URL: chain.rpcUrl };
      const { code, log } = await folder.start("local", env, ["--parameters-file", path]).done;
      expect([code, /launch/.test(log)]).to.deep.equal([1, true]);
      expect(await sentBy(chain, await deployerOf(chain))).to.equal(TRANSACTIONS);
      expect(await readDeployment(fileOf("local"))).to.deep.equal(first);
    } finally {
      await chain.stop();
    }
  });

  describe("with --dry-run", () => {
    let chain: LocalChain;
    before(async () => {
      chain = await startLocalChain();
    });
    after(() => chain?.stop());

    it("shows what would be locked, for whom and until when, and sends and writes nothing", async () => {
      const env = { LOCAL_RPC_URL: chain.rpcUrl };
      const { code, out, log } = await folder.start("local", env, ["--dry-run"]).done;
      expect(code, log).to.equal(0);
      const preview: LaunchPreview = JSON.parse(out);
      const deployer = await deployerOf(chain);
      expect(preview).to.deep.include({ network: "local", chainId: 31337, lockedWei: `${9n * 10n ** 26n}` });
      expect(BigInt(preview.lockedWei) + BigInt(preview.liquidWei)).to.equal(10n ** 27n);
      expect(preview.locked.reduce((sum, { totalWei }) => sum + BigInt(totalWei), 0n)).to.equal(9n * 10n ** 26n);
      expect(preview.locked[0]).to.deep.equal({
        grant: "ecosystem-rewards",
        beneficiary: null,
        category: "ecosystem",
        totalWei: `${12n * 10n ** 25n}`,
        firstUnlock: "2026-05-21T00:00:00Z",
        lastUnlock: "2031-04-21T00:00:00Z",
        tranches: 60,
        revocation: null,
      });
      expect(preview.liquid).to.deep.equal([
        { grant: "liquidity", category: "liquidity", to: deployer, amountWei: `${6n * 10n ** 25n}` },
        { grant: "airdrop", category: "airdrop", to: deployer, amountWei: `${4n * 10n ** 25n}` },
      ]);
      expect(preview.book.hash).to.equal(null);
      expect(await sentBy(chain, deployer)).to.equal(0);
      expect(existsSync(join(folder.path, "deployments"))).to.equal(false);

      const deployment = await deployed(chain);
      const again = await folder.start("local", env, ["--dry-run"]).done;
      const { book, locked }: LaunchPreview = JSON.parse(again.out);
      expect([book.hash, book.tableHash]).to.deep.equal([deployment.vesting.bookHash, preview.book.tableHash]);
      expect(book.tableHash).to.equal(deployment.vesting.tableHash);
      expect(locked[0]?.beneficiary).to.equal(deployment.contracts.emissionBudget.address);
      expect(locked.map(({ grant }) => grant)).to.deep.equal(deployment.vesting.grantNames);
    });
  });

  describe("with a schedule that does not hold together", () => {
    let chain: LocalChain;
    before(async () => {
      chain = await startLocalChain();
    });
    after(() => chain?.stop());

    for (const [what, from, to, said] of [
      ["a beneficiary is open", 'beneficiary: "deployer"', "beneficiary: null", "fill this in first"],
      ["the sums are wrong", 'upfrontWei: "0"', 'upfrontWei: "1"', "do not add up to the upfront amount"],
      ["a category is unknown", 'category: "ecosystem"', 'category: "echosystem"', "there is no such category"],
    ] as const) {
      it(`says where when ${what}, sends nothing and writes nothing`, async () => {
        const text = await readFile(new URL("../../deploy/parameters/local.json5", import.meta.url), "utf8");
        const path = join(folder.path, "parameters.json5");
        await writeFile(path, text.replace(from, to));
        const run = folder.start("local", { LOCAL_RPC_URL: chain.rpcUrl }, ["--parameters-file", path]);
        const { code, out, log } = await run.done;
        expect([code, out]).to.deep.equal([1, ""]);
        for (const part of [said, `file: ${path}`, "path: token.grants["]) expect(log).to.include(part);
        expect(await sentBy(chain, await deployerOf(chain))).to.equal(0);
        expect(existsSync(join(folder.path, "deployments"))).to.equal(false);
      });
    }
  });

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
