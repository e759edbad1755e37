import { expect } from "chai";
import { batchFee } from "../../../src/core/protocol/batch.ts";
import { computeEpoch, type EpochInput } from "../../../src/rewards/compute.ts";
import { encodeContributors } from "../../../src/rewards/contributors.ts";
import { type Shares, STREAMS, USAGE_STREAMS } from "../../../src/rewards/streams.ts";
import { batchOf, datasetOf, epochInput, sourceOf, versionOf } from "../../helpers/epochs.ts";
import { accountOf } from "../../helpers/rewardEntries.ts";

/*
One party is payer, worker, verifier, settler, publisher and every contributor, and so gets back all that it pays but the
network's fee. What rewards give it for its receipts is below that fee
├── in every corner of the shares, of the budget, of prices and of fees: at most nine tenths of it
└── also beside honest payers: what it gets more than without its receipts is below what it paid more
*/
describe("src/rewards: wash trading", () => {
  const SELF = accountOf(1);
  const HONEST = accountOf(2);
  const all = (names: readonly string[], ppm: number) => Object.fromEntries(names.map((name) => [name, ppm]));
  const only = (names: readonly string[], one: string, ppm: number) => ({ ...all(names, 0), [one]: ppm });

  const feeCorners = [
    all(USAGE_STREAMS, 180_000),
    all(USAGE_STREAMS, 0),
    ...USAGE_STREAMS.map((stream) => only(USAGE_STREAMS, stream, 900_000)),
  ] as Shares["feePpm"][];
  const streamCorners = [
    all(STREAMS, 166_666),
    ...STREAMS.map((stream) => only(STREAMS, stream, 1_000_000)),
  ] as Shares["streamPpm"][];

  /** Everything belongs to the one party; its dataset is the version's whole. */
  function world(given: Partial<EpochInput>): EpochInput {
    const base = epochInput();
    return epochInput({
      nodeOwners: new Map([...base.nodeOwners.keys()].map((node) => [node, [9, 19].includes(node) ? HONEST : SELF])),
      operatorOwners: new Map([...base.operatorOwners.keys()].map((operator) => [operator, SELF])),
      versions: new Map([
        [versionOf(1), { publisher: SELF, datasets: [{ dataset: datasetOf(1), weightPpm: 1_000_000 }] }],
        [versionOf(2), { publisher: HONEST, datasets: [] }],
      ]),
      datasets: new Map([[datasetOf(1), encodeContributors([{ account: SELF, source: sourceOf(1), quality: 1 }])]]),
      ...given,
    });
  }

  async function earned(input: EpochInput, batches: Parameters<typeof computeEpoch>[1]): Promise<bigint> {
    const { rewards } = await computeEpoch(input, batches);
    const own = rewards.find(({ account }) => account === SELF.toLowerCase());
    return own ? USAGE_STREAMS.reduce((sum, stream) => sum + own.givenNano[stream], 0n) : 0n;
  }

  it("loses in every corner", async () => {
    let corners = 0;
    for (const feePpm of feeCorners) {
      for (const streamPpm of streamCorners) {
        for (const spreadEpochs of [1, 520]) {
          for (const accountCapPpm of [1_000, 1_000_000]) {
            for (const fundedNano of [0n, 10n ** 6n, 10n ** 18n]) {
              for (const priceNano of [1n, 10n ** 9n]) {
                for (const policyPpm of [1, 200_000]) {
                  const shares = { spreadEpochs, streamPpm, feePpm, accountCapPpm };
                  const lines = Array.from({ length: 3 }, () => ({ priceNano }));
                  const feeNano = batchFee(3n * priceNano, policyPpm);
                  const gotNano = await earned(world({ shares, fundedNano }), [batchOf(lines, { feeNano })]);
                  if (gotNano * 10n > feeNano * 9n)
                    expect.fail(`${gotNano} of ${feeNano} in ${JSON.stringify(shares)}`);
                  corners++;
                }
              }
            }
          }
        }
      }
    }
    expect(corners).to.equal(7 * 7 * 2 * 2 * 3 * 2 * 2);
  });

  it("loses beside honest payers, in one batch or in its own", async () => {
    const honest = Array.from({ length: 5 }, () => ({
      priceNano: 1_000_000n,
      reservation: 1,
      worker: 9,
      verifier: 19,
      modelVersion: Buffer.from(versionOf(2).slice(2), "hex"),
    }));
    const wash = Array.from({ length: 5 }, () => ({ priceNano: 3_000_000n, reservation: 2 }));
    const fee = (nano: bigint) => batchFee(nano, 100_000);
    for (const feePpm of feeCorners) {
      for (const streamPpm of streamCorners) {
        // A pool that is large enough, and one that has to be shared.
        for (const fundedNano of [10n ** 12n, 1_000_000n]) {
          const input = world({ shares: { spreadEpochs: 1, streamPpm, feePpm, accountCapPpm: 1_000_000 }, fundedNano });
          const without = await earned(input, [batchOf(honest, { feeNano: fee(5_000_000n) })]);
          const together = [batchOf([...honest, ...wash], { feeNano: fee(20_000_000n) })];
          const apart = [
            batchOf(honest, { feeNano: fee(5_000_000n) }),
            batchOf(wash, { number: 2n, first: 5n, feeNano: fee(15_000_000n) }),
          ];
          // The same receipts, whose payer has no money left: they cost nothing, and give nothing.
          const [whole] = together;
          const paid = whole?.debits.filter(({ index }) => index === 1) ?? [];
          const unpaid = [{ ...(whole as NonNullable<typeof whole>), debits: paid, feeNano: fee(5_000_000n) }];
          for (const batches of [together, apart]) {
            const more = (await earned(input, batches)) - without;
            expect(more * 10n <= fee(15_000_000n) * 9n, `${more}`).to.equal(true);
          }
          expect((await earned(input, unpaid)) <= without).to.equal(true);
        }
      }
    }
  });
});
