import { join } from "node:path";
import { expect } from "chai";
import { Signature } from "ethers";
import { readEnvironment } from "../../src/cli/config.ts";
import { type OpenRewards, openRewards, posterOf } from "../../src/cli/rewards/open.ts";
import { mined } from "../../src/core/chain/events.ts";
import { BaseError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { compoundOnce } from "../../src/keepers/rewards/compound.ts";
import { epochOnce } from "../../src/keepers/rewards/epoch.ts";
import { fundRewards } from "../../src/keepers/rewards/fund.ts";
import { watchOnce } from "../../src/keepers/rewards/watch.ts";
import { rootsOf } from "../../src/rewards/chain/roots.ts";
import { encodeEpochFile, rootOfResult } from "../../src/rewards/epochFile.ts";
import { buildReceiptsTree } from "../../src/rewards/receipts.ts";
import { type EpochRoot, rootTypedData } from "../../src/rewards/root.ts";
import { buildSumTree } from "../../src/rewards/tree.ts";
import { OPG, type VerifierActor } from "../helpers/economy.ts";
import {
  commitFile,
  computeOn,
  endEpoch,
  enterEpoch,
  publishVersion,
  readerOf,
  registerDataset,
} from "../helpers/epochChain.ts";
import { type EpochNetwork, openEpochNetwork } from "../helpers/epochNetwork.ts";
import { sourceOf } from "../helpers/epochs.ts";
import { type FaultProxy, rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import { accountOf } from "../helpers/rewardEntries.ts";
import { type Environment, runCommand, startCommand } from "../helpers/roles.ts";

/*
Rewards, with keepers and commands as processes of their own
├── an epoch, from its end to what a data contributor claims
│  ├── the epoch keeper posts a root that verifiers computed and signed, waits, and activates it
│  ├── anybody recomputes it in a folder of their own; explain and show say why and how much
│  ├── a data contributor is paid; stakers' purses are paid too
│  └── running the keeper again changes nothing
├── a keeper that is killed before and after each of its transactions: one posting, and it becomes active
└── wrong roots of a bonded poster with signers that lie
   ├── one that leaves an account out: the watcher refutes it
   └── one with other amounts: the watcher challenges it, and recompute names the account
*/
type Outcome = { outcome: string };

const PASSES: Record<string, (open: OpenRewards) => Promise<Outcome[]>> = {
  epoch: async (open) => epochOnce(await posterOf(open)),
  "rewards-watch": async (open) => [await watchOnce(open)],
  compound: (open) => compoundOnce(open, 1n),
};

describe("rewards", () => {
  let world: EpochNetwork;
  let proxy: FaultProxy;
  const contributor = accountOf(1);

  before(async () => {
    world = await openEpochNetwork();
    proxy = await startFaultProxy(world.rpc.url);
    const { contracts, signers } = world;
    for (const index of [3, 10]) {
      const account = signers[index] as (typeof signers)[0];
      await mined(contracts.opg.transfer(account.address, 1_000_000n * OPG * WEI_PER_NANO));
    }
    const { dataset } = await registerDataset(world, [{ account: contributor, source: sourceOf(1), quality: 1 }]);
    const { version } = await publishVersion(world, "model", [{ dataset, weightPpm: 1_000_000 }]);
    await enterEpoch(world, 1);
    await commitFile(world, [{ priceNano: 200_000n, modelVersion: version }]);
    await endEpoch(world, 1);
  });
  after(async () => {
    await proxy?.close();
    await world?.close();
  });

  /** The poster owns the first verifier's operator. */
  const as = (index: number, name: string): Environment => ({
    ...world.environment,
    OPG_KEY: world.keyOf(index),
    DATA_DIR: join(world.directory, name),
  });
  const run = async (args: string[], environment: Environment) => {
    const { code, stdout, stderr } = await runCommand([...args, "--json"], environment);
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout);
  };
  /** One pass in this process, with a queue of its own that is closed behind it. */
  async function keeper(name: string, environment: Environment, send = true): Promise<Outcome[]> {
    const open = await openRewards({}, { config: readEnvironment(environment), logger: silentLogger, send });
    try {
      return await (PASSES[name] as (typeof PASSES)[string])(open);
    } finally {
      await open.close();
    }
  }
  const names = (outcomes: { outcome: string }[]) => outcomes.map(({ outcome }) => outcome);
  const poster = () => as(3, "poster");

  async function waitForWindow(): Promise<void> {
    const { activeFrom } = await world.contracts.epochRewards.getPending();
    await world.networkHelpers.time.increaseTo(activeFrom);
  }

  describe("of an epoch that is over", () => {
    it("are posted, signed by verifiers and become active", async () => {
      expect(names(await keeper("epoch", poster(), false))).to.include("posted");
      expect((await world.contracts.epochRewards.getPending()).activeFrom).to.equal(0n);

      const outcomes = await keeper("epoch", poster());
      expect(names(outcomes)).to.include.members(["deposited", "posted", "attested"]);
      expect(names(await keeper("epoch", poster()))).to.deep.equal(["waiting"]);
      expect(names(await keeper("rewards-watch", as(10, "watcher")))).to.deep.equal(["right"]);
      await waitForWindow();
      expect(names(await keeper("epoch", poster()))).to.deep.equal(["activated"]);
      expect(names(await keeper("epoch", poster()))).to.deep.equal(["idle"]);
      expect((await world.contracts.epochRewards.getBooks()).epoch).to.equal(1n);
    });

    it("are recomputed anywhere, explained and shown", async () => {
      const elsewhere = as(10, "elsewhere");
      const again = await run(["rewards", "recompute", "--epoch", "1"], elsewhere);
      expect(again).to.include({ equal: true, fileFound: true, receipts: 1 });
      expect(again.posted.state).to.equal("active");
      const explained = await run(["rewards", "explain", contributor, "1"], elsewhere);
      // A fee of 10,000 and 27.5 % of it; the cap is 5 % of the contributors' part.
      const cap = (BigInt(explained.streams[0].poolNano) * 50_000n) / 1_000_000n;
      expect(explained.streams[0]).to.include({
        stream: "contributors",
        givenNano: String(cap < 2_750n ? cap : 2_750n),
      });
      expect(explained.streams[0].sources[0]).to.include({ kind: "dataset", receipts: 1, countedNano: "2750" });
      const shown = await run(["rewards", "show"], elsewhere);
      const { fundedNano, promisedNano } = await world.contracts.epochRewards.getBooks();
      expect(shown).to.include({
        epoch: 1,
        fundedNano: String(fundedNano),
        promisedNano: String(promisedNano),
        paidNano: "0",
        pending: null,
      });
    });

    it("are paid to a data contributor and to purses", async () => {
      const { opg, epochRewards, stakePurses } = world.contracts;
      const environment = as(10, "claimer");
      const { claims } = await run(["rewards", "claim", contributor], environment);
      const gotNano = (await opg.balanceOf(contributor)) / WEI_PER_NANO;
      expect(claims).to.deep.equal([{ account: contributor.toLowerCase(), amountNano: String(gotNano) }]);
      expect(gotNano > 0n).to.equal(true);
      const nothing = await runCommand(["rewards", "claim", contributor, "--json"], environment);
      expect(nothing.code).to.equal(1);
      expect(JSON.parse(nothing.stderr.trim().split("\n").at(-1) ?? "").error.code).to.equal("nothing_due");

      const outcomes = await keeper("compound", as(10, "compounder"));
      expect(names(outcomes)).to.include.members(["claimed", "compounded"]);
      expect(await epochRewards.claimed(await stakePurses.purseOf(world.settler))).not.to.equal(0n);
    });
  });

  describe("by a keeper that is killed", () => {
    it("are posted once and become active", async () => {
      await endEpoch(world, 2);
      // What is released meanwhile is counted, and the bond is there: what is left are the root's own transactions.
      const { epochRewards, opg } = world.contracts;
      const own = world.signers[3] as (typeof world.signers)[0];
      await mined(opg.connect(own).approve(epochRewards.target, 200_000n * OPG * WEI_PER_NANO));
      await mined(epochRewards.connect(own).deposit(200_000n * OPG));
      const open = await openRewards({}, { config: readEnvironment(poster()), logger: silentLogger, send: true });
      await fundRewards(open, await open.openReader());
      await open.close();

      const environment = { ...poster(), RPC_URL: proxy.url };
      let kills = 0;
      for (const passOn of [false, true, false, true]) {
        const command = startCommand(["keeper", "run", "epoch", "--once", "--json"], environment);
        proxy.rule(async (exchange) => {
          if (!rpcMethods(exchange.body).includes("eth_sendRawTransaction")) return exchange.pass();
          if (passOn) await exchange.ask();
          await command.kill();
          kills++;
        });
        const { code, signal, stderr } = await command.done;
        proxy.rule();
        // Nothing to send: it waits for its window, or saw that what it had signed before was posted.
        if (signal !== "SIGKILL") expect([0, 75], stderr).to.include(code);
      }
      expect(kills).to.be.greaterThan(1);
      for (let i = 0; i < 6 && (await world.contracts.epochRewards.getBooks()).epoch < 2n; i++) {
        const outcomes = await keeper("epoch", poster()).catch((error: unknown) => {
          if (error instanceof BaseError && error.retryable) return [];
          throw error;
        });
        if (names(outcomes).includes("waiting") || names(outcomes).includes("attested")) await waitForWindow();
      }
      expect((await world.contracts.epochRewards.getBooks()).epoch).to.equal(2n);
      const roots = await rootsOf(await readerOf(world), 2);
      expect(roots.map(({ state }) => state)).to.deep.equal(["active"]);
    });
  });

  describe("that are wrong, with signers that lie", () => {
    const watcher = () => as(10, "watcher");

    /** Posts and attests a root of the third epoch as its poster likes; its file is published. */
    async function postWrong(
      bend: (computed: Awaited<ReturnType<typeof computeOn>>) => { content: EpochRoot; file: Uint8Array },
    ) {
      const { contracts, signers, verifiers, published } = world;
      const computed = await computeOn(world, 3);
      const { content, file } = bend(computed);
      await published.put(file);
      const rewards = contracts.epochRewards.connect(signers[3] as (typeof signers)[0]);
      const bondNano = await rewards.bondFor(content.totalWei);
      await mined(
        contracts.opg.connect(signers[3] as (typeof signers)[0]).approve(rewards.target, bondNano * WEI_PER_NANO),
      );
      await mined(rewards.deposit(bondNano));
      await mined(rewards.post(content));
      const root = (await rootsOf(await readerOf(world), 3)).find(({ state }) => state === "waits");
      const liars = [...verifiers.slice(1, 3)].sort((a, b) => a.operator - b.operator);
      const { commitment } = await rewards.getActive();
      const where = { chainId: 31337n, rewards: String(rewards.target) };
      const { domain, types, message } = rootTypedData(where, content, commitment);
      const sign = async ({ key }: VerifierActor) =>
        Signature.from(await key.signTypedData(domain, types, message)).compactSerialized.slice(2);
      const signatures = `0x${(await Promise.all(liars.map(sign))).join("")}`;
      await mined(rewards.attest(root?.posting as never, signatures));
      return content;
    }

    before(() => endEpoch(world, 3));

    it("by leaving an account out are refuted without a hand", async () => {
      await postWrong(({ result }) => {
        const leaves = result.tree.leaves.filter(({ account }) => account.toLowerCase() !== contributor.toLowerCase());
        const tree = buildSumTree(result.tree.domain, leaves);
        const receipts = buildReceiptsTree(tree.leaves.map(({ receiptsHash }) => receiptsHash));
        const bent = { ...result, tree, receipts, rewards: [] };
        const file = encodeEpochFile(bent);
        return { content: rootOfResult(bent, file), file };
      });
      const [outcome] = await keeper("rewards-watch", watcher());
      expect(outcome).to.include({ outcome: "refuted", function: "refuteOmission" });
      expect((await rootsOf(await readerOf(world), 3)).map(({ state }) => state)).to.deep.equal(["refuted"]);
      expect(names(await keeper("rewards-watch", watcher()))).to.deep.equal(["idle"]);
    });

    it("by other amounts are challenged without a hand, and recompute says where", async () => {
      const friend = accountOf(77);
      await postWrong(({ result }) => {
        const [first] = result.tree.leaves.filter(({ cumulativeWei }) => cumulativeWei > 0n);
        const more = {
          account: friend,
          cumulativeWei: 1_000n * WEI_PER_NANO,
          receiptsHash: first?.receiptsHash as string,
        };
        const tree = buildSumTree(result.tree.domain, [...result.tree.leaves, more]);
        const bent = { ...result, tree, rewards: [] };
        const file = encodeEpochFile(bent);
        return { content: rootOfResult(bent, file), file };
      });
      const [outcome] = await keeper("rewards-watch", watcher());
      expect(outcome).to.include({ outcome: "challenged", reason: "wrong amounts" });
      const { challenger } = await world.contracts.epochRewards.getPending();
      expect(challenger).to.equal(world.signers[10]?.address);
      expect(names(await keeper("rewards-watch", watcher()))).to.deep.equal(["frozen"]);

      const { code, stdout } = await runCommand(
        ["rewards", "recompute", "--epoch", "3", "--json"],
        as(10, "elsewhere"),
      );
      expect(code).to.equal(1);
      expect(JSON.parse(stdout)).to.deep.include({
        equal: false,
        difference: { account: friend.toLowerCase(), field: "leaf", ours: "none", theirs: "1000 nano" },
      });
    });
  });
});
