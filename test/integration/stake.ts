import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Wallet } from "ethers";
import { advanceTo, localAccount } from "../../src/cli/demo/chain.ts";
import { fund, timesOf } from "../../src/cli/demo/network.ts";
import { settleAll, settleDeps, startSettler } from "../../src/cli/roles/settler.ts";
import { startWorker } from "../../src/cli/roles/worker.ts";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { engineOf, readManifest } from "../../src/core/manifest.ts";
import { Status } from "../../src/core/protocol/receipt.ts";
import { NANO_PER_OPG } from "../../src/core/units.ts";
import { NodeClass, registerNode } from "../../src/operator/nodes.ts";
import { addBond } from "../../src/staking/deposit.ts";
import { openPayer, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { opg } from "../helpers/opg.ts";
import { CAP_NANO, getJson, guardBody, paymentFor, post } from "../helpers/raw.ts";
import { environmentOf } from "../helpers/roles.ts";
import { until } from "../helpers/until.ts";

/*
Stake
├── value at risk
│  ├── up to the stake of the operator: the worker answers, the receipt says so
│  ├── above: 422 value_not_covered from the gateway, nothing is reserved
│  ├── above one worker's stake only: the other one answers
│  ├── given the gateway does not look: the worker refuses
│  └── given neither looks: no verifier signs the receipt
├── the settle keeper lets a bond count once it is due
└── opg stake, on a chain
   ├── delegate: waits, is taken back, counts, earns, leaves and is paid, with dates
   ├── commission, vote, slash-table, what-if
   └── --dry-run sends nothing; what cannot be done is refused by name
*/
describe("stake", () => {
  const BOND = 100_000n * NANO_PER_OPG;
  let test: TestNetwork;
  let env: Record<string, string>;
  before(async () => {
    test = await startTestNetwork();
    env = (await environmentOf(test)) as Record<string, string>;
  });
  after(() => test?.close());

  describe("value at risk", () => {
    async function ask(valueAtRiskNano: bigint, url = test.net.gatewayUrl) {
      const payer = await openPayer(test, 1_000_000n);
      const body = guardBody();
      const answer = await post(url, body, paymentFor(test, payer, body, CAP_NANO, { request: { valueAtRiskNano } }));
      return { ...answer, payer };
    }
    const operatorOf = async (index: number) => {
      const { node } = test.net.workers[index] as { node: number };
      return Number((await test.chain.contracts.nodeRegistry.getNode(node)).operator);
    };
    /** The owner of a worker's operator. */
    const owner = (index: number) => localAccount(test.chain, 2 + index);

    it("is answered up to the stake of the worker's operator, and refused above", async () => {
      const { status, json } = await ask(BOND);
      expect([status, json.error]).to.deep.equal([200, undefined]);

      const refused = await ask(BOND + 1n);
      expect(refused.status).to.equal(422);
      expect(refused.json.error).to.include({ code: "value_not_covered", retryable: false });
      expect((refused.json.error as { facts: object }).facts).to.include({
        valueAtRiskNano: String(BOND + 1n),
        mostNano: String(BOND),
      });
      expect((refused.json.error as { hint: string }).hint).to.include("100000 OPG");
      const { reservation } = refused.payer.reservation;
      const money = await getJson(`${test.net.gatewayUrl}/v1/reservations/${reservation}`);
      expect(money).to.include({ spentNano: "0", inFlightNano: "0", latest: null });
    });

    it("goes to the worker that has the stake for it", async () => {
      const { stakeHub } = test.chain.contracts;
      await mined(stakeHub.connect(owner(0)).requestUnbond(await operatorOf(0), BOND / 2n));
      await new Promise((resolve) => setTimeout(resolve, 2_100)); // what the views keep is fresh for two seconds
      for (let i = 0; i < 3; i++) {
        const { status, headers } = await ask(BOND / 2n + 1n);
        expect(status).to.equal(200);
        const id = headers.get("x-opg-request-id");
        const { fields } = await getJson(`${test.net.gatewayUrl}/v1/receipts/${id}`);
        expect(fields).to.include({ status: Status.OK, worker: test.net.workers[1]?.node });
        expect(fields.valueAtRiskNano).to.equal(String(BOND / 2n + 1n));
      }
    });

    /** The chain as somebody sees it who believes that everybody has stake enough. */
    function believing(): TestNetwork["chain"] {
      const { chain } = test;
      const stakeHub = new Proxy(chain.contracts.stakeHub, {
        get: (hub, name) => (name === "effectiveStake" ? async () => 2n ** 63n : Reflect.get(hub, name, hub)),
      });
      return { ...chain, contracts: { ...chain.contracts, stakeHub } };
    }
    async function gatewayTo(url: string) {
      const role = await startSettler({
        ...test.net.settlerRole.open,
        chain: believing(),
        directory: join(test.directory, `believing-${settlers++}`),
        workerUrls: [url],
        settleInSeconds: 3600,
      });
      // A connection that was idle while the database opened may be gone; the next look finds the worker.
      await until("the gateway knows its worker", async () => (await getJson(`${role.url}/v1/models`)).data.length > 0);
      return role;
    }
    let settlers = 0;

    it("is refused by workers too, whatever the gateway thinks", async () => {
      const role = await gatewayTo(test.net.workers[1]?.url ?? "");
      try {
        const { status, json } = await ask(BOND + 1n, role.url);
        expect([status, json.error?.code]).to.deep.equal([422, "value_not_covered"]);
        expect((json.error as { facts: object }).facts).to.include({ stakeNano: String(BOND) });
      } finally {
        await role.close(100);
      }
    });

    it("is signed by no verifier, whatever gateway and worker think", async () => {
      const key = Wallet.createRandom();
      const manifest = await readManifest(fileURLToPath(new URL("../../models/opg-guard", import.meta.url)));
      const node = await registerNode(test.chain.contracts, owner(1), {
        class: NodeClass.WORKER,
        key: new Wallet(key.privateKey),
        payee: test.net.workers[1]?.payee ?? 0,
        endpoint: "",
        engines: [engineOf(manifest)],
      });
      const nodeKey = fromHex(key.privateKey, 32);
      const models = [manifest.directory];
      const worker = await startWorker({ chain: believing(), node, key: nodeKey, models, logger: silentLogger });
      const role = await gatewayTo(worker.url);
      try {
        const { status, json, headers } = await ask(BOND + 1n, role.url);
        expect([status, json.error?.code]).to.deep.equal([500, "receipt_unsigned"]);
        const id = headers.get("x-opg-request-id") as string;
        expect((await getJson(`${role.url}/v1/receipts/${id}`)).state).to.equal("finished");
        // The same worker, with no more at risk than it answers for.
        expect((await ask(BOND, role.url)).status).to.equal(200);
      } finally {
        await role.close(100);
        await worker.close(100);
      }
    });
  });

  it("counts once it is due, by the settle keeper's next pass", async () => {
    const { chain, net } = test;
    const { stakeHub } = chain.contracts;
    const bank = localAccount(chain, 0);
    const before = (await stakeHub.getStake(net.settler)).selfNano;
    const { countsAt } = await addBond(chain.contracts, bank, net.settler, 7n * NANO_PER_OPG);
    const pass = () =>
      settleAll(settleDeps(net.settlerRole.open, { settleInSeconds: 1, deadlineSeconds: timesOf(chain).settleLag }));
    await pass();
    expect((await stakeHub.getStake(net.settler)).selfNano).to.equal(before);
    await advanceTo(chain, countsAt);
    await pass();
    expect((await stakeHub.getStake(net.settler)).selfNano).to.equal(before + 7n * NANO_PER_OPG);
    const block = await chain.provider.getBlockNumber();
    await pass();
    expect(await chain.provider.getBlockNumber(), "nothing is sent twice").to.equal(block);
  });

  describe("opg stake", () => {
    let holder: Wallet;
    const operator = () => String(test.net.settler);
    before(async () => {
      const { chain } = test;
      holder = new Wallet(Wallet.createRandom().privateKey, chain.provider);
      await (await localAccount(chain, 0).sendTransaction({ to: holder.address, value: 10n ** 18n })).wait();
      await fund(chain, holder.address, 1_000n * NANO_PER_OPG);
    });

    async function one(args: string[], key = holder.privateKey) {
      const { code, stdout, stderr } = await opg(["stake", ...args, "--json"], { ...env, OPG_KEY: key });
      expect([code, stderr], args.join(" ")).to.deep.equal([0, ""]);
      return JSON.parse(stdout);
    }
    async function refused(args: string[], key = holder.privateKey) {
      const { code, stdout, stderr } = await opg(["stake", ...args, "--json"], { ...env, OPG_KEY: key });
      expect([code, stdout]).to.deep.equal([1, ""]);
      return JSON.parse(stderr).error;
    }
    const ownerKey = () => (localAccount(test.chain, 1) as unknown as { privateKey: string }).privateKey;
    const held = async () => (await test.chain.contracts.opg.balanceOf(holder.address)) / 10n ** 9n;
    const mine = async () => (await one(["show", operator(), "--holder", holder.address])).holder;

    it("sends nothing with --dry-run", async () => {
      const { dryRun, hash, countsAt } = await one(["delegate", operator(), "100", "--dry-run"]);
      expect([dryRun, hash]).to.deep.equal([true, null]);
      expect(countsAt).to.be.greaterThan(Date.now() / 1000 + 2_000);
      expect(await held()).to.equal(1_000n * NANO_PER_OPG);
      expect((await one(["unbond", operator(), "1", "--dry-run"], ownerKey())).hash).to.equal(null);
    });

    it("refuses by name what cannot be done", async () => {
      expect((await refused(["delegate", operator(), "1001"])).code).to.equal("balance_too_low");
      expect((await refused(["delegate", operator(), "0.5"])).message).to.include("StakeHub_TooLittle");
      expect((await refused(["unbond", operator(), "1"])).message).to.include("StakeHub_NotOwner");
      expect((await refused(["undelegate", operator(), "5"])).code).to.equal("not_that_much");
      expect((await refused(["show", "999"])).code).to.equal("no_operator");
      expect((await refused(["show"])).code).to.equal("no_operator");
      expect((await refused(["show", operator(), "--holder", "0x12"])).code).to.equal("bad_address");
      expect((await refused(["commission", operator(), "7"], ownerKey())).message).to.include("ChangesTooFast");
    });

    it("takes a delegation from its deposit to its payment, with dates and what it earned", async () => {
      const { chain } = test;
      await one(["delegate", operator(), "40"]);
      await one(["cancel", operator()]);
      expect(await held()).to.equal(1_000n * NANO_PER_OPG);

      const { countsAt } = await one(["delegate", operator(), "100"]);
      const waiting = await mine();
      expect(waiting).to.include({ activeNano: "0", earnedNano: "0" });
      expect(waiting.joining).to.deep.equal([{ amountNano: String(100n * NANO_PER_OPG), countsAt }]);

      await advanceTo(chain, countsAt);
      expect((await one(["show", operator()])).stake.dueNano).to.equal(String(100n * NANO_PER_OPG));
      await one(["roll", operator()]);
      await one(["vote", operator(), "on"]);
      expect((await chain.contracts.stakeHub.getVotes(holder.address)) > 99n * NANO_PER_OPG).to.equal(true);

      const bank = localAccount(chain, 0);
      const { opg: token, stakeHub } = chain.contracts;
      await mined(token.connect(bank).approve(stakeHub.target, 2n ** 255n));
      const { selfNano, delegatedNano } = await stakeHub.getStake(test.net.settler);
      await mined(stakeHub.connect(bank).reward(test.net.settler, selfNano + delegatedNano));
      const earned = BigInt((await mine()).earnedNano);
      // As much as there is, without a commission: it doubles a hundred OPG.
      expect(earned > 99_999_999_000n && earned <= 100n * NANO_PER_OPG, `${earned}`).to.equal(true);

      const left = await one(["undelegate", operator(), "50"]);
      const { payableAt } = await one(["undelegate", operator(), "all"]);
      expect(payableAt).to.be.at.least(left.payableAt);
      const early = await one(["withdraw", operator()]);
      expect(early.paid).to.deep.equal([]);
      expect(early.nextAt).to.equal(left.payableAt);
      await advanceTo(chain, payableAt);
      const { paid } = await one(["withdraw", operator()]);
      expect(paid.length).to.be.greaterThan(0);
      expect(await mine()).to.deep.include({ activeNano: "0", leaving: [], joining: [] });
      expect(await held()).to.equal(1_000n * NANO_PER_OPG + BigInt((await mine()).earnedNano));
    });

    it("bonds, unbonds and announces as the owner", async () => {
      const bank = localAccount(test.chain, 0) as unknown as { privateKey: string };
      const { countsAt } = await one(["bond", operator(), "5"], bank.privateKey);
      const { stake } = await one(["show"], ownerKey());
      expect(stake.joining).to.deep.equal([{ amountNano: String(5n * NANO_PER_OPG), countsAt }]);
      await one(["cancel", operator(), "--bond"], ownerKey());
      expect((await one(["show"], ownerKey())).stake.joining).to.deep.equal([]);
      const { payableAt } = await one(["unbond", operator(), "3"], ownerKey());
      const { leaving } = (await one(["show"], ownerKey())).stake;
      expect(leaving.at(-1)).to.deep.include({ amountNano: String(3n * NANO_PER_OPG), payableAt });
      expect(await one(["commission", operator(), "5"], ownerKey())).to.include({ ppm: 50_000 });
      await one(["vote", operator(), "on", "--bond"], ownerKey());
    });

    it("says what can be lost, and by whom that can be changed", async () => {
      const { risk, mineNano } = await one(["what-if", operator(), "--holder", holder.address, "--amount", "1000"]);
      expect(mineNano).to.equal(String(1_000n * NANO_PER_OPG));
      expect(risk.mineEventNano).to.equal(String(100n * NANO_PER_OPG));
      expect(risk.mineWindowNano).to.equal(String(250n * NANO_PER_OPG));
      expect(risk.faults.map(({ ofDelegatorsNano }: { ofDelegatorsNano: string }) => ofDelegatorsNano)).to.deep.equal(
        ["0", "0", "0", "0"], // a tenth of the own bond and a tenth of a tenth: the bond has that
      );
      const { parameters, slasherIsCourt, slashWindow } = await one(["slash-table"]);
      expect([slasherIsCourt, slashWindow]).to.deep.equal([true, 2400]);
      for (const { name, value, bound } of parameters) expect(BigInt(value) <= BigInt(bound), name).to.equal(true);
      expect(parameters.map(({ name }: { name: string }) => name)).to.include.members([
        "eventPpm",
        "reporter",
        "signer",
      ]);
    });

    it("writes for people too", async () => {
      for (const args of [["show", operator(), "--holder", holder.address], ["what-if", operator()], ["slash-table"]]) {
        const { code, stdout } = await opg(["stake", ...args], { ...env, OPG_KEY: holder.privateKey });
        expect([code, stdout.split("\n").length > 8]).to.deep.equal([0, true]);
        expect(stdout).not.to.match(/undefined|NaN|\[object/);
      }
    });
  });
});
