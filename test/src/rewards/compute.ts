import { expect } from "chai";
import { type BaseError, InputError } from "../../../src/core/errors.ts";
import { fromHex, toHex } from "../../../src/core/hashing/hex.ts";
import { buildTree } from "../../../src/core/protocol/merkle.ts";
import { leafHasher, Status } from "../../../src/core/protocol/receipt.ts";
import { receiptsHashOf } from "../../../src/rewards/account.ts";
import { computeEpoch, type EpochInput, type EpochResult, rolledOverNano } from "../../../src/rewards/compute.ts";
import { encodeContributors } from "../../../src/rewards/contributors.ts";
import { encodeEpochFile, openEpochFile, rootOfResult } from "../../../src/rewards/epochFile.ts";
import { STREAMS, USAGE_STREAMS } from "../../../src/rewards/streams.ts";
import type { CountedBatch } from "../../../src/rewards/tally.ts";
import { NOBODY } from "../../../src/rewards/tree.ts";
import {
  batchOf,
  datasetOf,
  epochInput,
  OWNER,
  REWARD_DOMAIN,
  SETTLEMENT,
  SHARES,
  sourceOf,
  versionOf,
} from "../../helpers/epochs.ts";
import { seededRandom } from "../../helpers/random.ts";
import { accountOf } from "../../helpers/rewardEntries.ts";

/*
src/rewards/compute
├── by hand
│  ├── an epoch without anything: one leaf of nothing, and everything rolls over
│  ├── stakers: by stake, rounded down
│  ├── a receipt pays each stream its part of the fee; its stream's part of the budget is the most
│  ├── receipts that are not OK, are free, are of another settler or were not debited give nothing
│  ├── what a payer could not pay gives others nothing
│  ├── datasets: by weight in the version, by quality and source; the rest rolls over
│  ├── the cap on contributors
│  └── everything is cumulative: who gets nothing stays as it was
├── evidence: roots over receipts, hashes that bind what came before, a file that opens and contradicts itself nowhere
├── refuses a batch twice, receipts of a wrong length, funds below what is promised, shares out of range
└── laws, at random
   ├── the sum of the leaves is the total, and never above the budget and the former total
   ├── receipts give at most nine tenths of the fee
   └── the order of batches, accounts and stakes does not matter
*/
describe("src/rewards/compute", () => {
  const given = ({ rewards }: EpochResult, n: number) => {
    const account = accountOf(n).toLowerCase();
    const { givenNano } = rewards.find((reward) => reward.account === account) ?? {};
    return givenNano && Object.values(givenNano).reduce((sum, part) => sum + part, 0n);
  };
  const run = (input: Partial<EpochInput> = {}, batches: CountedBatch[] = []) =>
    computeEpoch(epochInput(input), batches);

  describe("by hand", () => {
    it("gives nobody anything where nothing happened", async () => {
      const result = await run();
      expect(result.budgetNano).to.equal(1_000_000n);
      expect(result.rewards).to.deep.equal([]);
      expect(rolledOverNano(result)).to.equal(10_000_000n);
      expect(result.tree.leaves.map(({ account }) => account)).to.deep.equal([NOBODY]);
      expect(result.tree.totalWei).to.equal(0n);
      // Nobody stays: the contract would take its absence for an omission.
      const previous = openEpochFile(encodeEpochFile(result)).file.leaves;
      const next = await run({ domain: { ...REWARD_DOMAIN, epoch: 2 }, previous }, [batchOf([{ priceNano: 1_000n }])]);
      expect(next.tree.leaves[0]).to.deep.include({ account: NOBODY, cumulativeWei: 0n });
      expect(next.tree.leaves[0]?.receiptsHash).to.equal(result.tree.leaves[0]?.receiptsHash);
    });

    it("gives stakers by stake, rounded down", async () => {
      const stakes = [1n, 1n, 1n, 0n].map((stakeNano, i) => ({
        operator: i + 1,
        purse: accountOf(OWNER.purse + i + 1),
        stakeNano,
      }));
      const result = await run({ stakes });
      // 10,000,000 / 10 × 50 % / 3
      for (const i of [1, 2, 3]) expect(given(result, OWNER.purse + i)).to.equal(166_666n);
      expect(given(result, OWNER.purse + 4)).to.equal(undefined);
      expect(result.streams.stakers).to.deep.equal({ poolNano: 500_000n, usedNano: 500_000n, givenNano: 499_998n });
    });

    it("gives each stream its part of the fee, at most its part of the budget", async () => {
      // Fees 1,000 and 2,000; parts 30, 20, 10 and 10 %.
      const result = await run({}, [batchOf([{ priceNano: 10_000n }, { priceNano: 20_000n, worker: 2 }])]);
      expect(given(result, OWNER.worker + 1)).to.equal(300n);
      expect(given(result, OWNER.worker + 2)).to.equal(600n);
      expect(given(result, OWNER.verifier + 1)).to.equal(600n);
      expect(given(result, OWNER.publisher + 1)).to.equal(300n);
      expect(given(result, OWNER.settler + 1)).to.equal(300n);
      expect(result.streams.contributors).to.deep.equal({ poolNano: 100_000n, usedNano: 600n, givenNano: 0n });
      expect(result.tally).to.deep.equal({ receipts: 2, batches: 1, feeNano: 3_000n });

      // Fees 400,000 and 300,000: workers would get 120,000 and 90,000 and share 100,000; verifiers would get 140,000.
      const scaled = await run({}, [batchOf([{ priceNano: 4_000_000n }, { priceNano: 3_000_000n, worker: 2 }])]);
      expect(given(scaled, OWNER.worker + 1)).to.equal(57_142n); // floor(120,000 × 100,000 / 210,000)
      expect(given(scaled, OWNER.worker + 2)).to.equal(42_857n);
      expect(given(scaled, OWNER.verifier + 1)).to.equal(100_000n);
      expect(given(scaled, OWNER.settler + 1)).to.equal(70_000n);
      expect(scaled.streams.workers).to.deep.equal({ poolNano: 100_000n, usedNano: 210_000n, givenNano: 99_999n });
    });

    it("counts only receipts that were answered and paid", async () => {
      const lines = [
        { priceNano: 10_000n },
        { priceNano: 10_000n, status: Status.FAILED, worker: 2 },
        { priceNano: 10_000n, status: Status.EMPTY, worker: 2 },
        { priceNano: 10_000n, status: Status.ABORTED, worker: 2 },
        { priceNano: 0n, worker: 2 },
        { priceNano: 10_000n, settler: 2, worker: 2 },
        { priceNano: 10_000n, reservation: 7, worker: 2 },
      ];
      const whole = batchOf(lines);
      const batch = { ...whole, debits: whole.debits.filter(({ index }) => index !== 7), feeNano: 5_000n };
      const result = await run({}, [batch]);
      expect(result.tally).to.deep.equal({ receipts: 1, batches: 1, feeNano: 1_000n }); // a fifth of 5,000
      expect(given(result, OWNER.worker + 1)).to.equal(300n);
      expect(given(result, OWNER.worker + 2)).to.equal(undefined);
    });

    it("gives a receipt no part of the fee that others paid", async () => {
      // Reservation 0 owes 10,000 and pays it; reservation 1 owes 90,000 and pays 2,500. The fee is 1,250.
      const whole = batchOf([{ priceNano: 10_000n }, { priceNano: 90_000n, reservation: 1, worker: 2 }]);
      const debits = whole.debits.map((row) => (row.index === 1 ? { ...row, amountNano: 2_500n } : row));
      const result = await run({}, [{ ...whole, debits, feeNano: 1_250n }]);
      expect(given(result, OWNER.worker + 1)).to.equal(300n);
      expect(given(result, OWNER.worker + 2)).to.equal(75n);
    });

    it("gives contributors by weight, quality and source", async () => {
      const contributor = (n: number) => accountOf(OWNER.contributor + n);
      // Four entries of one source weigh twice as much as one: half each, so 1/3 and 2/3 of the dataset.
      const first = encodeContributors([
        { account: contributor(1), source: sourceOf(1), quality: 100 },
        ...[2, 3, 4, 5].map((n) => ({ account: contributor(n), source: sourceOf(2), quality: 100 })),
      ]);
      const second = encodeContributors([
        { account: contributor(1), source: sourceOf(1), quality: 1 },
        { account: contributor(6), source: sourceOf(2), quality: 2 },
      ]);
      const versions = new Map([
        [
          versionOf(1),
          {
            publisher: accountOf(OWNER.publisher + 1),
            datasets: [
              { dataset: datasetOf(1), weightPpm: 600_000 },
              { dataset: datasetOf(2), weightPpm: 300_000 },
              { dataset: datasetOf(3), weightPpm: 50_000 },
            ],
          },
        ],
      ]);
      const datasets = new Map([
        [datasetOf(1), first],
        [datasetOf(2), second],
      ]);
      // The fee is 10,000, the contributors' part 2,000: 1,200, 600, and 100 for a dataset that does not count.
      const result = await run({ versions, datasets }, [batchOf([{ priceNano: 100_000n }])]);
      expect(given(result, OWNER.contributor + 1)).to.equal(400n + 200n);
      for (const n of [2, 3, 4, 5]) expect(given(result, OWNER.contributor + n)).to.equal(200n);
      expect(given(result, OWNER.contributor + 6)).to.equal(400n);
      expect(result.streams.contributors).to.deep.equal({ poolNano: 100_000n, usedNano: 2_000n, givenNano: 1_800n });
      const [one] = result.rewards.filter(({ account }) => account === contributor(1).toLowerCase());
      expect(one?.sources.map(({ subject, countedNano }) => [subject, countedNano])).to.have.deep.members([
        [datasetOf(1), 400n],
        [datasetOf(2), 200n],
      ]);

      // The cap is 0.5 % of 100,000.
      const shares = { ...SHARES, accountCapPpm: 5_000 };
      const capped = await run({ versions, datasets, shares }, [batchOf([{ priceNano: 100_000n }])]);
      expect(given(capped, OWNER.contributor + 1)).to.equal(500n);
      expect(capped.rewards.find(({ account }) => account === contributor(1).toLowerCase())?.cappedNano).to.equal(100n);
      expect(given(capped, OWNER.contributor + 6)).to.equal(400n);
    });

    it("adds to what was", async () => {
      const first = await run({}, [batchOf([{ priceNano: 10_000n }])]);
      const previous = openEpochFile(encodeEpochFile(first)).file.leaves;
      const domain = { ...REWARD_DOMAIN, epoch: 2 };
      const batch = batchOf([{ priceNano: 20_000n, worker: 2 }], { number: 2n, first: 1n });
      const second = await run({ domain, previous }, [batch]);
      // One part in ten of what 900 nano of ten million left.
      expect(second.budgetNano).to.equal((10_000_000n - 700n) / 10n);
      const leafOf = (result: EpochResult, n: number) =>
        result.tree.leaves.find(({ account }) => account === accountOf(n));
      const before = leafOf(first, OWNER.worker + 1);
      expect(leafOf(second, OWNER.worker + 1)).to.deep.include({
        cumulativeWei: before?.cumulativeWei,
        receiptsHash: before?.receiptsHash,
      });
      expect(leafOf(second, OWNER.verifier + 1)?.cumulativeWei).to.equal(600n * 10n ** 9n);
      expect(second.rewards.find(({ account }) => account === accountOf(OWNER.verifier + 1).toLowerCase())).to.include({
        previousHash: leafOf(first, OWNER.verifier + 1)?.receiptsHash,
      });
      expect(rolledOverNano(second)).to.equal(10_000_000n - 700n - 1_400n);
    });
  });

  it("binds what it gives to receipts", async () => {
    const lines = Array.from({ length: 7 }, (_, i) => ({ priceNano: 10_000n, worker: 1 + (i % 2) }));
    const batch = batchOf(lines);
    const result = await run({}, [batch]);
    const { ofEncoded } = leafHasher(SETTLEMENT);
    const leaves = lines.map((_, i) => ofEncoded(batch.receipts.slice(288 * i, 288 * i + 288)));
    const rootOf = (n: number) => {
      const account = accountOf(n).toLowerCase();
      return result.rewards.find((reward) => reward.account === account)?.sources.map(({ root }) => root);
    };
    expect(rootOf(OWNER.settler + 1)).to.deep.equal([toHex(buildTree(leaves).root)]);
    expect(rootOf(OWNER.worker + 1)).to.deep.equal([toHex(buildTree(leaves.filter((_, i) => i % 2 === 0)).root)]);
    expect(rootOf(OWNER.worker + 2)).to.deep.equal([toHex(buildTree(leaves.filter((_, i) => i % 2 === 1)).root)]);

    const bytes = encodeEpochFile(result);
    const { content, file } = openEpochFile(bytes);
    expect(content).to.deep.equal(rootOfResult(result));
    expect(file.accounts).to.deep.equal(result.rewards);
    for (const reward of file.accounts) {
      const leaf = file.leaves.find(({ account }) => account === reward.account);
      expect(leaf?.receiptsHash).to.equal(receiptsHashOf(1, reward));
      expect(receiptsHashOf(2, reward)).not.to.equal(leaf?.receiptsHash);
    }
    const text = Buffer.from(bytes).toString();
    const bent = [
      text.replace('"receipts":4,', '"receipts":3,'),
      text.replace(/"cappedNano":"0"/, '"cappedNano":"1"'),
      text.slice(1),
      text.replace('"version":1', '"version":2'),
    ];
    for (const other of bent) {
      expect(other).not.to.equal(text);
      expect(() => openEpochFile(Buffer.from(other))).to.throw(InputError);
    }
  });

  it("refuses what contradicts itself", async () => {
    const batch = batchOf([{ priceNano: 10_000n }]);
    const previous = [{ account: accountOf(1), cumulativeNano: 10_000_001n, receiptsHash: sourceOf(1) }];
    const wrong: [string, Partial<EpochInput>, CountedBatch[]][] = [
      ["bad_batch", {}, [batch, batch]],
      ["bad_batch", {}, [{ ...batch, receipts: batch.receipts.slice(1) }]],
      ["bad_batch", {}, [{ ...batch, receipts: new Uint8Array() }]],
      ["bad_epoch_input", { previous }, []],
      ["bad_epoch_input", { previous: [...previous, ...previous], fundedNano: 10n ** 12n }, []],
      ["bad_shares", { shares: { ...SHARES, spreadEpochs: 0 } }, []],
      ["bad_shares", { shares: { ...SHARES, feePpm: { ...SHARES.feePpm, workers: 300_001 } } }, []],
      ["bad_shares", { shares: { ...SHARES, streamPpm: { ...SHARES.streamPpm, keepers: 100_001 } } }, []],
      ["bad_shares", { shares: { ...SHARES, accountCapPpm: -1 } }, []],
    ];
    for (const [code, input, batches] of wrong) {
      const error = await run(input, batches).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(InputError);
      expect((error as BaseError).code).to.equal(code);
    }
  });

  describe("at random", () => {
    it("keeps its laws", async () => {
      for (let seed = 1; seed <= 60; seed++) {
        const { input, batches } = randomEpoch(seed);
        const result = await computeEpoch(input, batches);
        const { tree, streams, tally, budgetNano, givenNano } = result;
        const before = input.previous.reduce((sum, { cumulativeNano }) => sum + cumulativeNano, 0n);
        const sum = tree.leaves.reduce((total, { cumulativeWei }) => total + cumulativeWei, 0n);
        expect(sum).to.equal(tree.totalWei);
        expect(sum).to.equal((before + givenNano) * 10n ** 9n);
        expect(givenNano <= budgetNano).to.equal(true);
        expect(before + givenNano + rolledOverNano(result)).to.equal(input.fundedNano);
        for (const stream of STREAMS) expect(streams[stream].givenNano <= streams[stream].poolNano).to.equal(true);
        const usage = USAGE_STREAMS.reduce((total, stream) => total + streams[stream].givenNano, 0n);
        expect(usage * 10n <= tally.feeNano * 9n).to.equal(true);
        expect(tally.feeNano <= batches.reduce((total, { feeNano }) => total + feeNano, 0n)).to.equal(true);
        for (const { account, cumulativeNano } of input.previous) {
          const leaf = tree.leaves.find((other) => other.account.toLowerCase() === account.toLowerCase());
          expect(leaf && leaf.cumulativeWei >= cumulativeNano * 10n ** 9n).to.equal(true);
        }
        const { bytes } = shuffled(seed, input, batches);
        expect(Buffer.compare(encodeEpochFile(result), await bytes)).to.equal(0);
      }
    });

    /** The file of the same epoch with everything in another order. */
    function shuffled(seed: number, input: EpochInput, batches: CountedBatch[]) {
      const below = seededRandom(seed + 1_000);
      const mix = <T>(list: readonly T[]) =>
        list
          .map((value) => ({ value, at: below(2 ** 30) }))
          .sort((a, b) => a.at - b.at)
          .map(({ value }) => value);
      const mixedReceipts = batches.map((batch) => {
        const count = batch.receipts.length / 288;
        const pieces = Array.from({ length: count }, (_, i) => batch.receipts.slice(288 * i, 288 * i + 288));
        return { ...batch, debits: mix(batch.debits), receipts: new Uint8Array(Buffer.concat(mix(pieces))) };
      });
      const other = {
        ...input,
        previous: mix(input.previous),
        stakes: mix(input.stakes),
        versions: new Map(mix([...input.versions])),
        datasets: new Map(mix([...input.datasets])),
      };
      return { bytes: computeEpoch(other, mix(mixedReceipts)).then(encodeEpochFile) };
    }
  });

  /** Owners who play several roles, payers who cannot pay, receipts of every status, pools that are too small or not. */
  function randomEpoch(seed: number): { input: EpochInput; batches: CountedBatch[] } {
    const below = seededRandom(seed);
    const nano = (most: number) => BigInt(below(most));
    const [streams, fees] = [split(below, 1_000_000, 6), split(below, 900_000, 5)];
    const shares = {
      spreadEpochs: 1 + below(20),
      streamPpm: Object.fromEntries(STREAMS.map((stream, i) => [stream, streams[i]])) as typeof SHARES.streamPpm,
      feePpm: Object.fromEntries(USAGE_STREAMS.map((stream, i) => [stream, fees[i]])) as typeof SHARES.feePpm,
      accountCapPpm: below(1_000_001),
    };
    const anybody = () => accountOf(1 + below(12));
    const base = epochInput();
    const datasets = new Map(
      [1, 2, 3].map((n) => {
        const entries = new Map(
          Array.from({ length: 1 + below(8) }, () => {
            const entry = { account: anybody(), source: sourceOf(below(3)), quality: 1 + below(1_000) };
            return [`${entry.account}${entry.source}`, entry];
          }),
        );
        return [datasetOf(n), encodeContributors([...entries.values()])] as const;
      }),
    );
    const versions = new Map(
      [...base.versions.keys()].map((version) => {
        const weights = split(below, 1_000_000, 4);
        const uses = [1, 2, 3, 4].map((n, i) => ({ dataset: datasetOf(n), weightPpm: weights[i] as number }));
        return [version, { publisher: anybody(), datasets: uses.slice(0, below(5)) }];
      }),
    );
    const previous = [1, 3, 5, 30].map((n) => ({
      account: accountOf(n),
      cumulativeNano: 1n + nano(1_000_000),
      receiptsHash: sourceOf(n),
    }));
    const sequences = new Map<number, bigint>();
    const batches = Array.from({ length: 1 + below(6) }, (_, b) => {
      const settler = 1 + below(3);
      const first = sequences.get(settler) ?? 0n;
      const lines = Array.from({ length: 1 + below(12) }, () => ({
        priceNano: below(8) === 0 ? 0n : nano(2_000_000),
        status: below(4) === 0 ? Status.FAILED : Status.OK,
        worker: 1 + below(10),
        verifier: 11 + below(10),
        reservation: below(4),
        modelVersion: fromHex(versionOf(1 + below(10))),
      }));
      sequences.set(settler, first + BigInt(lines.length));
      const whole = batchOf(lines, { settler, number: BigInt(b + 1), first });
      const debits = whole.debits
        .map((row) => (below(3) === 0 ? { ...row, amountNano: (row.amountNano * nano(100)) / 100n } : row))
        .filter(({ amountNano }) => amountNano > 0n);
      const paid = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
      return { ...whole, debits, feeNano: (paid * nano(200_000)) / 1_000_000n };
    });
    const input = epochInput({
      shares,
      fundedNano: 4_000_000n + nano(40_000_000),
      previous,
      versions,
      datasets,
      stakes: Array.from({ length: below(5) }, (_, i) => ({
        operator: i + 1,
        purse: accountOf(OWNER.purse + i),
        stakeNano: nano(1_000),
      })),
      nodeOwners: new Map([...base.nodeOwners.keys()].map((node) => [node, anybody()])),
      operatorOwners: new Map([...base.operatorOwners.keys()].map((operator) => [operator, anybody()])),
    });
    return { input, batches };
  }

  /** Parts at random, at most `total` together. */
  function split(below: (n: number) => number, total: number, parts: number): number[] {
    let left = total;
    return Array.from({ length: parts }, () => {
      const part = below(left + 1);
      left -= part;
      return part;
    });
  }
});
