import { join } from "node:path";
import { expect } from "chai";
import { Hono } from "hono";
import { mined } from "../../../src/core/chain/events.ts";
import { BaseError } from "../../../src/core/errors.ts";
import type { Hex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { serveApp } from "../../../src/core/http/serve.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import type { ComputedEpoch } from "../../../src/rewards/chain/epoch.ts";
import { openEpochFile } from "../../../src/rewards/epochFile.ts";
import { rootDigest } from "../../../src/rewards/root.ts";
import {
  commitFile,
  computeOn,
  type EpochChain,
  endEpoch,
  enterEpoch,
  FUNDS_NANO,
  openEpochChain,
  publishVersion,
  readerOf,
  registerDataset,
  startOf,
} from "../../helpers/epochChain.ts";
import { datasetOf, sourceOf } from "../../helpers/epochs.ts";
import { failure } from "../../helpers/failure.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { accountOf } from "../../helpers/rewardEntries.ts";

/*
computeFromChain
├── given an epoch with stakes, two batches and a dataset
│  ├── it gives what the receipts say, under the contract's own digest
│  ├── a folder of its own, filled over HTTP, gives the same root and file
│  └── a file that nobody has, or that is another: file_missing, naming it and where it was sought
├── a batch counts in the epoch in which it became final
│  ├── not before the claim horizon, and once
│  ├── not while a claim is open; with a fault never
│  └── whose leaves are in calldata: by a file that is checked against the root
├── a batch whose file is not of its root gives nothing
├── a batch that is named as withheld is left out, one that does not count cannot be named
├── a dataset that was registered late, retired or suspended gives nothing; a suspension counts from the block that is named
└── refuses an epoch that is not over, or whose former root is not active; a block that is not the chain's
*/
describe("computeFromChain", () => {
  let world: EpochChain;
  let load: Load;

  before(async () => {
    world = await openEpochChain();
    load = await fixturesOn(world);
  });
  after(() => world?.close());

  const code = async (run: Promise<unknown>) => {
    const error = (await failure(() => run)) as BaseError;
    expect(error).to.be.instanceOf(BaseError);
    return error.code;
  };
  const givenTo = ({ result }: ComputedEpoch, account: string) =>
    result.rewards.find((reward) => reward.account === account.toLowerCase())?.givenNano;
  const ownerOf = async (node: number) => {
    const { operator } = await world.contracts.nodeRegistry.getNode(node);
    return world.contracts.nodeRegistry.ownerOf(operator);
  };

  /** 1 OPG and 2 OPG of debits in the first epoch, of a model that was made from a dataset. */
  async function oneEpoch() {
    const contributors = [1, 2].map((n) => ({ account: accountOf(n), source: sourceOf(n), quality: n }));
    const { dataset, file } = await registerDataset(world, contributors);
    const { version, publisher } = await publishVersion(world, "model", [
      { dataset, weightPpm: 600_000 },
      { dataset: datasetOf(9), weightPpm: 400_000 },
    ]);
    await enterEpoch(world, 1);
    const lines = [{ priceNano: 20_000n, modelVersion: version }, { priceNano: 40_000n }];
    const first = await commitFile(world, lines);
    const second = await commitFile(world, [{ priceNano: 60_000n, modelVersion: version }], {
      policy: 2,
      publish: false,
    });
    await endEpoch(world, 1);
    return { dataset, contributors: file, publisher, first, second };
  }

  /** Serves files by their SHA-256, and batches by their number. */
  async function serve(files: Uint8Array[], batches: Record<string, Uint8Array> = {}) {
    const byHash = new Map(files.map((file) => [Buffer.from(sha256(file)).toString("hex"), file]));
    const app = new Hono();
    const answer = (file: Uint8Array | undefined) =>
      file ? new Response(new Uint8Array(file)) : new Response(null, { status: 404 });
    app.get("/v1/data/:sha256", (c) => answer(byHash.get(c.req.param("sha256"))));
    app.get("/v1/batches/:settler/:number", (c) =>
      answer(batches[`${c.req.param("settler")}/${c.req.param("number")}`]),
    );
    return serveApp(app);
  }

  it("gives what the receipts say, and the same from another folder", async () => {
    const { first, second, publisher, contributors } = await load(oneEpoch);
    const { settler } = world;
    const server = await serve([first.file, contributors], { [`${settler}/2`]: second.file });
    try {
      const [one, two] = ["one", "two"].map((name) => ({
        directory: join(world.directory, name),
        dataUrls: [server.url],
      }));
      const computed = await computeOn(world, 1, one);
      const { result, content } = computed;
      expect(result.budgetNano).to.equal(FUNDS_NANO / 8n);
      // Fees of 5 %: 1,000 and 2,000, and 3,000. Parts are 25, 20, 12.5, 27.5 and 5 %.
      expect(result.tally).to.deep.equal({ receipts: 3, batches: 2, feeNano: 6_000n });
      expect(givenTo(computed, world.workerOwner.address)?.workers).to.equal(1_500n);
      expect(givenTo(computed, await ownerOf(world.verifiers[0]?.node ?? 0))?.verifiers).to.equal(1_200n);
      expect(givenTo(computed, publisher)?.publishers).to.equal(500n);
      expect(givenTo(computed, world.settlerOwner.address)?.keepers).to.equal(300n);
      // 27.5 % of 4,000, of it 60 %: 660, in parts of one and two thirds.
      expect(givenTo(computed, accountOf(1))?.contributors).to.equal(220n);
      expect(givenTo(computed, accountOf(2))?.contributors).to.equal(440n);
      // 40 % of a million to five equal stakes.
      const purse = await world.contracts.stakePurses.purseOf(settler);
      expect(givenTo(computed, purse)?.stakers).to.equal(80_000n);
      expect(result.streams.stakers.givenNano).to.equal(400_000n);

      const again = await computeOn(world, 1, { ...two, choice: { asOf: result.input.asOf, withheld: [] } });
      expect(again.content).to.deep.equal(content);
      expect(openEpochFile(again.file).content).to.deep.equal(content);
      const { epochRewards } = world.contracts;
      const { commitment } = await epochRewards.getActive();
      const where = { chainId: 31337n, rewards: String(epochRewards.target) };
      expect(await epochRewards.rootDigest(content)).to.equal(rootDigest(where, content, commitment));
    } finally {
      await server.close();
    }
    // What was found is kept.
    const kept = await computeOn(world, 1, { directory: join(world.directory, "one") });
    expect(kept.result.tally.receipts).to.equal(3);
  });

  it("names a file that nobody has", async () => {
    const { first, second, contributors, dataset } = await load(oneEpoch);
    const name = `${world.settler}/2`;
    const wrong = await serve([contributors], { [name]: first.file });
    const enough = await serve([first.file], { [name]: second.file });
    try {
      const directory = join(world.directory, "missing");
      const lacking = await failure(() => computeOn(world, 1, { directory, dataUrls: [wrong.url] }));
      expect(lacking).to.include({ code: "file_missing", retryable: true });
      expect(lacking.facts.file).to.contain(`batch ${world.settler}/1`);
      expect(lacking.facts).to.have.property(`${wrong.url}/v1/data/${Buffer.from(sha256(first.file)).toString("hex")}`);
      const other = await failure(() => computeOn(world, 1, { directory, dataUrls: [enough.url] }));
      expect(other.code).to.equal("file_missing");
      expect(other.facts.file).to.contain(dataset);
    } finally {
      await Promise.all([wrong.close(), enough.close()]);
    }
  });

  describe("counts a batch", () => {
    const receiptsIn = async (epoch: number, options = {}) =>
      (await computeOn(world, epoch, options)).result.tally.receipts;

    it("in the epoch in which nobody can claim against it any more", async () => {
      await load(async () => {
        await enterEpoch(world, 1);
        await world.networkHelpers.time.increaseTo((await startOf(world, 2)) - 700);
        await commitFile(world, [{ priceNano: 1_000n }]);
        // Its horizon of 600 seconds ends with the first second of the next epoch.
        await world.networkHelpers.time.setNextBlockTimestamp((await startOf(world, 2)) - 600);
        await commitFile(world, [{ priceNano: 1_000n }, { priceNano: 1_000n }]);
        await endEpoch(world, 1);
        return {};
      });
      expect(await receiptsIn(1)).to.equal(1);
    });

    it("not while a claim is open, and never with a fault", async () => {
      const { bondNano } = await load(async () => {
        const { contracts, payer } = world;
        const bondNano = await contracts.court.bondNano();
        await mined(contracts.opg.transfer(payer.address, 2n * bondNano * WEI_PER_NANO));
        await mined(contracts.opg.connect(payer).approve(contracts.court.target, 2n * bondNano * WEI_PER_NANO));
        await enterEpoch(world, 1);
        await world.networkHelpers.time.increaseTo((await startOf(world, 2)) - 650);
        await commitFile(world, [{ priceNano: 1_000n }]);
        await commitFile(world, [{ priceNano: 1_000n }]);
        const claimed = await commitFile(world, [{ priceNano: 1_000n }]);
        await world.networkHelpers.time.increaseTo((await startOf(world, 2)) - 200);
        const sequence = claimed.receipts[0]?.sequence ?? 0n;
        await mined(contracts.court.connect(payer).claimSequence(claimed.batch, sequence));
        await endEpoch(world, 1);
        return { bondNano };
      });
      expect(bondNano > 0n).to.equal(true);
      expect(await receiptsIn(1)).to.equal(2);
      // Nobody opens it: from then on it is a fault, also in what is computed of the next epoch.
      await world.networkHelpers.time.increaseTo((await startOf(world, 2)) + 200);
      await mined(world.contracts.court.connect(world.payer).endSequence(1));
      await endEpoch(world, 2);
      expect(await code(computeOn(world, 2))).to.equal("previous_not_active");
      expect(await receiptsIn(1)).to.equal(2);
    });

    it("only when its file is of its root", async () => {
      await load(async () => {
        await enterEpoch(world, 1);
        const good = await commitFile(world, [{ priceNano: 1_000n }]);
        await commitFile(world, [{ priceNano: 3_000n }], { file: good.receipts });
        await endEpoch(world, 1);
        return {};
      });
      expect(await receiptsIn(1)).to.equal(1);
    });

    it("unless it is named as withheld", async () => {
      await load(async () => {
        await enterEpoch(world, 1);
        await commitFile(world, [{ priceNano: 7_777n }], { publish: false });
        await commitFile(world, [{ priceNano: 1_000n }]);
        await endEpoch(world, 1);
        return {};
      });
      expect(await code(computeOn(world, 1))).to.equal("file_missing");
      const { number, hash } = (await readerOf(world)).head;
      const asOf = { block: number, hash: hash as Hex };
      const choose = (name: bigint) => ({ choice: { asOf, withheld: [{ settler: world.settler, number: name }] } });
      const computed = await computeOn(world, 1, choose(1n));
      expect(computed.result.tally.receipts).to.equal(1);
      expect(openEpochFile(computed.file).file.withheld).to.deep.equal([{ settler: world.settler, number: 1n }]);
      expect(await code(computeOn(world, 1, choose(3n)))).to.equal("bad_withheld");
    });
  });

  describe("counts a dataset", () => {
    const contributors = [{ account: accountOf(1), source: sourceOf(1), quality: 1 }];
    const contributed = async (options = {}) => {
      const computed = await computeOn(world, 1, options);
      return computed.result.streams.contributors.givenNano;
    };
    const asOfHead = async () => {
      const { number, hash } = (await readerOf(world)).head;
      return { asOf: { block: number, hash: hash as Hex }, withheld: [] };
    };

    async function used({ late = false } = {}) {
      if (late) await enterEpoch(world, 1);
      const { dataset } = await registerDataset(world, contributors);
      const { version } = await publishVersion(world, "model", [{ dataset, weightPpm: 1_000_000 }]);
      if (!late) await enterEpoch(world, 1);
      await commitFile(world, [{ priceNano: 20_000n, modelVersion: version }]);
      return { dataset };
    }
    const usedLate = () => used({ late: true });
    const usedInTime = () => used();

    it("only when it was registered before the epoch", async () => {
      await load(usedLate);
      await endEpoch(world, 1);
      expect(await contributed()).to.equal(0n);
    });

    it("until it is suspended, as of the block that is named", async () => {
      const { dataset } = await load(usedInTime);
      await endEpoch(world, 1);
      const before = await asOfHead();
      expect(await contributed()).to.equal(275n);
      await mined(world.contracts.datasetRegistry.suspend(dataset, 1, `0x${"00".repeat(32)}`));
      expect(await contributed({ choice: before })).to.equal(275n);
      expect(await contributed({ choice: await asOfHead() })).to.equal(0n);
      const bad = { ...before, asOf: { ...before.asOf, hash: sourceOf(1) } };
      expect(await code(contributed({ choice: bad }))).to.equal("bad_as_of");
      const early = { block: 1, hash: (await (await readerOf(world)).blocks.get(1)).hash as Hex };
      expect(await code(contributed({ choice: { asOf: early, withheld: [] } }))).to.equal("bad_as_of");
    });
  });

  it("refuses an epoch that is not over", async () => {
    await load(async () => {
      await enterEpoch(world, 1);
      return {};
    });
    expect(await code(computeOn(world, 1))).to.equal("epoch_not_over");
    expect(await code(computeOn(world, 0))).to.equal("bad_epoch");
    await endEpoch(world, 1);
    expect((await computeOn(world, 1)).content.epoch).to.equal(1);
    expect(await code(computeOn(world, 1, { confirmations: 2 }))).to.equal("epoch_not_over");
    expect(await code(computeOn(world, 2))).to.equal("epoch_not_over");
  });
});
