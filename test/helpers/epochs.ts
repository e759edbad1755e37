import { id as hashOf } from "ethers";
import type { Hex } from "../../src/core/hashing/hex.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../src/core/protocol/domain.ts";
import { encodeReceipt, type Receipt } from "../../src/core/protocol/receipt.ts";
import type { EpochInput } from "../../src/rewards/compute.ts";
import type { Shares } from "../../src/rewards/streams.ts";
import type { CountedBatch } from "../../src/rewards/tally.ts";
import { receiptOf } from "./batches.ts";
import { accountOf } from "./rewardEntries.ts";

/** Half of an epoch's budget to stakers, a tenth to each other stream; nine tenths of a fee in five parts. */
export const SHARES: Shares = {
  spreadEpochs: 10,
  streamPpm: {
    stakers: 500_000,
    workers: 100_000,
    verifiers: 100_000,
    publishers: 100_000,
    contributors: 100_000,
    keepers: 100_000,
  },
  feePpm: { workers: 300_000, verifiers: 200_000, publishers: 100_000, contributors: 200_000, keepers: 100_000 },
  accountCapPpm: 1_000_000,
};

export const versionOf = (n: number) => hashOf(`version ${n}`) as Hex;
export const datasetOf = (n: number) => hashOf(`dataset ${n}`) as Hex;
export const sourceOf = (n: number) => hashOf(`source ${n}`) as Hex;

/** Owners of operators and nodes, publishers and purses of tests are accounts of their own. */
export const OWNER = { worker: 100, verifier: 200, settler: 300, publisher: 400, purse: 500, contributor: 600 };

export const REWARD_DOMAIN = { chainId: 31337n, rewards: `0x${"11".repeat(20)}`, epoch: 1 };
export const SETTLEMENT = settlementDomain(31337n, `0x${"5e".repeat(20)}`);

/** An epoch in which workers are nodes 1 to 9, verifiers 11 to 19, settlers operators 1 to 9, and versions 1 to 9. */
export function epochInput(given: Partial<EpochInput> = {}): EpochInput {
  const numbers = Array.from({ length: 9 }, (_, i) => i + 1);
  return {
    domain: REWARD_DOMAIN,
    settlement: SETTLEMENT,
    shares: SHARES,
    fundedNano: 10_000_000n,
    previous: [],
    stakes: [],
    nodeOwners: new Map([
      ...numbers.map((n) => [n, accountOf(OWNER.worker + n)] as const),
      ...numbers.map((n) => [10 + n, accountOf(OWNER.verifier + n)] as const),
    ]),
    operatorOwners: new Map(numbers.map((n) => [n, accountOf(OWNER.settler + n)])),
    versions: new Map(numbers.map((n) => [versionOf(n), { publisher: accountOf(OWNER.publisher + n), datasets: [] }])),
    datasets: new Map(),
    asOf: { block: 1_000, hash: hashOf("block 1000") as Hex },
    withheld: [],
    ...given,
  };
}

type Line = Partial<Receipt> & { priceNano: bigint };

/** A batch whose debits pay what its receipts cost, and a tenth of it to the network; sequences go on from `first`. */
export function batchOf(
  lines: readonly Line[],
  { settler = 1, number = 1n, first = 0n, ...given }: Partial<CountedBatch> & { first?: bigint } = {},
): CountedBatch {
  const receipts = lines.map((line, i) =>
    receiptOf({
      settler,
      sequence: first + BigInt(i),
      worker: 1,
      verifier: 11,
      modelVersion: fromHex(versionOf(1)),
      ...line,
    }),
  );
  const owed = new Map<number, bigint>();
  for (const { reservation, priceNano } of receipts) owed.set(reservation, (owed.get(reservation) ?? 0n) + priceNano);
  const debits = [...owed].map(([index, amountNano]) => ({ index, amountNano }));
  const totalNano = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  return {
    settler,
    number,
    feeNano: totalNano / 10n,
    debits,
    receipts: new Uint8Array(Buffer.concat(receipts.map(encodeReceipt))),
    ...given,
  };
}
