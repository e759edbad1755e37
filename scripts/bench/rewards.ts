import { parseArgs } from "node:util";
import { id as hashOf } from "ethers";
import { fromHex, type Hex, toHex } from "../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../src/core/protocol/domain.ts";
import { Mode, RECEIPT_BYTES, type Receipt, Status, writeReceipt } from "../../src/core/protocol/receipt.ts";
import { computeEpoch, type EpochInput } from "../../src/rewards/compute.ts";
import { encodeContributors } from "../../src/rewards/contributors.ts";
import { encodeEpochFile, rootOfResult } from "../../src/rewards/epochFile.ts";
import type { CountedBatch } from "../../src/rewards/tally.ts";

const HELP = `Measures the calculation of an epoch's rewards: 1,000,000 receipts, 10,000 contributors.

Usage: npm run -s bench:rewards -- [--json] [--receipts <n>] [--contributors <n>] [--seed <n>]

  --json   {"receipts","contributors","seconds","peakRssMb","rootStable"}

Receipts come batch by batch, nine words each, as in batch files. seconds is of one run, from the first batch to the posted
root, the published file included; making the receipts is not counted. rootStable: a second run, with batches, debits and
accounts in another order, gave the same root and file. peakRssMb is of the whole process. The seed is printed on stderr.
`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    receipts: { type: "string", default: "1000000" },
    contributors: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const RECEIPTS = Number(values.receipts);
const CONTRIBUTORS = Number(values.contributors);
const SEED = Number(values.seed);
const PER_BATCH = 10_000;
const [SETTLERS, WORKERS, VERIFIERS, VERSIONS, DATASETS, PAYERS] = [20, 500, 50, 40, 50, 500];

/** xorshift32: whole numbers below `below`. */
function random(seed: number): (below: number) => number {
  let state = (SEED * 2_654_435_761 + seed * 40_503 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const hash = (text: string) => hashOf(`${SEED} ${text}`) as Hex;
const account = (kind: string, n: number) => `0x${hash(`${kind} ${n}`).slice(-40)}`;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const versions = numbers(VERSIONS).map((n) => fromHex(hash(`version ${n}`)));

function inputOf(): EpochInput {
  const below = random(0);
  const entries = numbers(DATASETS).map((): Parameters<typeof encodeContributors>[0][number][] => []);
  for (const n of numbers(CONTRIBUTORS)) {
    const entry = { account: account("contributor", n), source: hash(`source ${n % 997}`), quality: 1 + below(1_000) };
    // Each gives to two datasets.
    entries[n % DATASETS]?.push(entry);
    entries[(n + 7) % DATASETS]?.push(entry);
  }
  const uses = (n: number) =>
    [0, 1, 2].map((i) => ({ dataset: hash(`dataset ${(3 * n + i) % DATASETS}`), weightPpm: 300_000 }));
  return {
    domain: { chainId: 31337n, rewards: `0x${"11".repeat(20)}`, epoch: 2 },
    settlement: settlementDomain(31337n, `0x${"5e".repeat(20)}`),
    shares: {
      spreadEpochs: 52,
      streamPpm: {
        stakers: 300_000,
        workers: 200_000,
        verifiers: 100_000,
        publishers: 100_000,
        contributors: 250_000,
        keepers: 50_000,
      },
      feePpm: { workers: 300_000, verifiers: 150_000, publishers: 150_000, contributors: 250_000, keepers: 50_000 },
      accountCapPpm: 200_000,
    },
    fundedNano: 10n ** 17n,
    previous: numbers(CONTRIBUTORS / 2).map((n) => ({
      account: account("contributor", n),
      cumulativeNano: BigInt(1 + below(1e9)),
      receiptsHash: hash(`former ${n}`),
    })),
    stakes: numbers(WORKERS).map((n) => ({
      operator: n + 1,
      purse: account("purse", n),
      stakeNano: BigInt(1 + below(1e9)),
    })),
    nodeOwners: new Map(numbers(WORKERS + VERIFIERS).map((n) => [n + 1, account("owner", n)])),
    operatorOwners: new Map(numbers(SETTLERS).map((n) => [n + 1, account("settler", n)])),
    versions: new Map(
      versions.map((version, n) => [toHex(version), { publisher: account("publisher", n), datasets: uses(n) }]),
    ),
    datasets: new Map(entries.map((of, n) => [hash(`dataset ${n}`), encodeContributors(of)])),
    asOf: { block: 1, hash: hash("block") },
    withheld: [],
  };
}

/** The `n`-th batch, always the same. */
function batchAt(n: number): CountedBatch {
  const below = random(n + 1);
  const count = Math.min(PER_BATCH, RECEIPTS - n * PER_BATCH);
  const receipts = new Uint8Array(RECEIPT_BYTES * count);
  const view = new DataView(receipts.buffer);
  const settler = 1 + (n % SETTLERS);
  const noise = fromHex(hash(`noise ${n}`));
  const spent = new Map<number, bigint>();
  for (let i = 0; i < count; i++) {
    const reservation = below(PAYERS);
    const priceNano = BigInt(1 + below(2_000_000_000));
    spent.set(reservation, (spent.get(reservation) ?? 0n) + priceNano);
    const requestId = noise.slice();
    new DataView(requestId.buffer).setUint32(0, i);
    const receipt: Receipt = {
      sequence: BigInt(Math.floor(n / SETTLERS) * PER_BATCH + i),
      settler,
      reservation,
      worker: 1 + below(WORKERS),
      verifier: 1 + WORKERS + below(VERIFIERS),
      mode: Mode.SIGNED,
      status: below(50) === 0 ? Status.FAILED : Status.OK,
      priceNano,
      valueAtRiskNano: 0n,
      inputUnits: below(4_096),
      outputUnits: below(4_096),
      startedAtMs: 1_790_000_000_000 + i,
      firstOutputAtMs: 1_790_000_000_040 + i,
      finishedAtMs: 1_790_000_000_900 + i,
      spentNano: spent.get(reservation) as bigint,
      requestId,
      modelVersion: versions[below(VERSIONS)] as Uint8Array,
      inputHash: requestId,
      outputHash: requestId,
      evidenceHash: requestId,
      memoryRoot: noise,
    };
    writeReceipt(view, receipts, RECEIPT_BYTES * i, receipt);
  }
  const debits = [...spent].map(([index, amountNano]) => ({ index, amountNano }));
  const totalNano = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  return { settler, number: BigInt(Math.floor(n / SETTLERS) + 1), feeNano: totalNano / 40n, debits, receipts };
}

type Order = <T>(list: readonly T[]) => T[];

/** One run over the epoch in an order; the time in which receipts are made is taken out. */
async function run(input: EpochInput, order: Order) {
  let making = 0;
  function* batches(): Generator<CountedBatch> {
    for (const n of order(numbers(Math.ceil(RECEIPTS / PER_BATCH)))) {
      const began = performance.now();
      const batch = batchAt(n);
      const debits = order(batch.debits);
      making += performance.now() - began;
      yield { ...batch, debits };
    }
  }
  const other = {
    ...input,
    previous: order(input.previous),
    stakes: order(input.stakes),
    versions: new Map(order([...input.versions])),
    datasets: new Map(order([...input.datasets])),
  };
  const began = performance.now();
  const content = await computeEpoch(other, batches()).then((result) => rootOfResult(result, encodeEpochFile(result)));
  return {
    content: JSON.stringify({ ...content, totalWei: String(content.totalWei) }),
    seconds: (performance.now() - began - making) / 1000,
  };
}

function shuffled<T>(list: readonly T[]): T[] {
  const below = random(1e6);
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
  }
  return mixed;
}

process.stderr.write(`seed ${SEED}\n`);
const input = inputOf();
const first = await run(input, (list) => [...list]);
const second = await run(input, shuffled);
const result = {
  receipts: RECEIPTS,
  contributors: CONTRIBUTORS,
  seconds: Math.round(10 * first.seconds) / 10,
  peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  rootStable: first.content === second.content,
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const { seconds, peakRssMb, rootStable } = result;
  process.stdout.write(
    `${RECEIPTS} receipts and ${CONTRIBUTORS} contributors in ${seconds} s (shuffled ${second.seconds.toFixed(1)} s), ${peakRssMb} MB, root ${rootStable ? "the same" : "DIFFERENT"}\n`,
  );
}
if (!result.rootStable) process.exitCode = 1;
