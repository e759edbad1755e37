import { expect } from "chai";
import { batchFee } from "../../../../src/core/protocol/batch.ts";
import {
  creditRows,
  debitRows,
  owedOf,
  paidPrices,
  type Shares,
  type Split,
} from "../../../../src/core/protocol/split.ts";
import { U64_MAX } from "../../../../src/core/units.ts";
import { receiptWith } from "../../../helpers/samples.ts";

/*
split
├── creditRows
│  ├── each part is rounded down, the fee up, and the settler gets what is left
│  ├── one payee in several roles, or in several receipts, is one row
│  ├── a royalty is capped, and the part of nobody stays with the settler
│  └── for any prices and any split of at most one whole: credits + fee = total, and no row is negative
├── owedOf: the prices of each reservation
├── debitRows: what is owed, as far as it can be collected
└── paidPrices: the first receipts are paid first, and all that is paid is the debit
*/
describe("split", () => {
  const POLICY: Split = { feePpm: 25_000, workerPpm: 700_000, verifierPpm: 100_000, maxRoyaltyPpm: 100_000 };
  const SETTLER = 1;
  const shares = (paidNano: bigint, change: Partial<Shares> = {}): Shares => ({
    paidNano,
    workerPayee: 2,
    verifierPayee: 3,
    publisherPayee: 4,
    royaltyPpm: 50_000,
    ...change,
  });
  const rows = (split: Split, ...receipts: Shares[]) =>
    creditRows(split, SETTLER, receipts).map(({ index, amountNano }) => [index, amountNano] as const);

  describe("creditRows", () => {
    it("gives each its part, and the settler the rest after the fee", () => {
      expect(rows(POLICY, shares(1000n))).to.deep.equal([
        [1, 125n],
        [2, 700n],
        [3, 100n],
        [4, 50n],
      ]);
    });

    it("rounds each part of each price down and the fee up", () => {
      // 0.7, 0.1 and 0.05 of 19 are 13.3, 1.9 and 0.95; the fee of 38 is 0.95.
      expect(rows(POLICY, shares(19n), shares(19n))).to.deep.equal([
        [1, 9n],
        [2, 26n],
        [3, 2n],
      ]);
    });

    it("leaves out parts of nothing", () => {
      expect(rows(POLICY, shares(1n))).to.deep.equal([]);
      expect(rows(POLICY, shares(2n))).to.deep.equal([[2, 1n]]);
      expect(rows(POLICY, shares(0n))).to.deep.equal([]);
      expect(rows(POLICY)).to.deep.equal([]);
    });

    it("joins what one payee gets", () => {
      const one = shares(1000n, { workerPayee: 7, verifierPayee: 7, publisherPayee: SETTLER });
      expect(rows(POLICY, one, one)).to.deep.equal([
        [1, 350n],
        [7, 1600n],
      ]);
    });

    it("caps the royalty", () => {
      const credited = Object.fromEntries(rows(POLICY, shares(1000n, { royaltyPpm: 900_000 })));
      expect(credited).to.include({ 4: 100n, 1: 75n });
    });

    for (const field of ["workerPayee", "verifierPayee", "publisherPayee"] as const) {
      it(`leaves the settler what would go to no ${field}`, () => {
        const all = new Map(rows(POLICY, shares(1000n)));
        const without = new Map(rows(POLICY, shares(1000n, { [field]: 0 })));
        const payee = shares(0n)[field];
        expect(without.has(payee)).to.equal(false);
        expect(without.get(SETTLER)).to.equal((all.get(SETTLER) as bigint) + (all.get(payee) as bigint));
      });
    }

    it("credits and fee are the total, whatever the prices", () => {
      const whole: Split = { feePpm: 333_333, workerPpm: 333_333, verifierPpm: 333_334, maxRoyaltyPpm: 0 };
      const none: Split = { feePpm: 0, workerPpm: 0, verifierPpm: 0, maxRoyaltyPpm: 0 };
      const all: Split = { feePpm: 1_000_000, workerPpm: 0, verifierPpm: 0, maxRoyaltyPpm: 0 };
      for (const split of [POLICY, whole, none, all]) {
        for (const prices of [[], [0n], [1n], [1n, 1n, 1n], [2n, 3n, 5n, 7n], [999_999n, 1_000_001n], [U64_MAX]]) {
          const credits = rows(split, ...prices.map((nano) => shares(nano)));
          const total = prices.reduce((sum, nano) => sum + nano, 0n);
          const credited = credits.reduce((sum, [, nano]) => sum + nano, 0n);
          expect(credited + batchFee(total, split.feePpm)).to.equal(total);
          expect(credits.every(([, nano]) => nano > 0n)).to.equal(true);
        }
      }
    });
  });

  const owing = (...entries: [reservation: number, priceNano: bigint][]) =>
    entries.map(([reservation, priceNano]) => receiptWith({ reservation, priceNano }));

  it("owedOf adds up each reservation", () => {
    expect([...owedOf(owing([4, 1n], [2, 0n], [4, 5n]))]).to.deep.equal([
      [4, 6n],
      [2, 0n],
    ]);
    expect(owedOf([]).size).to.equal(0);
  });

  describe("debitRows", () => {
    for (const [what, owed, collectable, expected] of [
      ["all that is owed", [[1, 5n]], [[1, 9n]], [[1, 5n]]],
      ["exactly what is there", [[1, 5n]], [[1, 5n]], [[1, 5n]]],
      ["no more than can be collected", [[1, 5n]], [[1, 4n]], [[1, 4n]]],
      [
        "nothing of an empty reservation",
        [
          [1, 5n],
          [2, 5n],
        ],
        [
          [1, 0n],
          [2, 9n],
        ],
        [[2, 5n]],
      ],
      ["nothing of an unknown reservation", [[1, 5n]], [], []],
      ["nothing where nothing is owed", [[1, 0n]], [[1, 9n]], []],
      [
        "rows by number",
        [
          [10, 1n],
          [9, 1n],
        ],
        [
          [9, 1n],
          [10, 1n],
        ],
        [
          [9, 1n],
          [10, 1n],
        ],
      ],
    ] as [string, [number, bigint][], [number, bigint][], [number, bigint][]][]) {
      it(`debits ${what}`, () => {
        const debits = debitRows(new Map(owed), new Map(collectable));
        expect(debits.map(({ index, amountNano }) => [index, amountNano])).to.deep.equal(expected);
      });
    }
  });

  describe("paidPrices", () => {
    it("pays the first receipts of a reservation first", () => {
      const receipts = owing([1, 5n], [2, 5n], [1, 5n], [1, 5n]);
      expect(paidPrices(receipts, [{ index: 1, amountNano: 8n }])).to.deep.equal([5n, 0n, 3n, 0n]);
      expect(
        paidPrices(receipts, [
          { index: 1, amountNano: 15n },
          { index: 2, amountNano: 5n },
        ]),
      ).to.deep.equal([5n, 5n, 5n, 5n]);
      expect(paidPrices(receipts, [])).to.deep.equal([0n, 0n, 0n, 0n]);
    });

    it("pays all that was debited, and nothing else", () => {
      const receipts = owing([1, 7n], [2, 0n], [1, 3n], [3, 9n]);
      const debits = debitRows(
        owedOf(receipts),
        new Map([
          [1, 9n],
          [3, 2n],
        ]),
      );
      const paid = paidPrices(receipts, debits).reduce((sum, nano) => sum + nano, 0n);
      expect(paid).to.equal(debits.reduce((sum, { amountNano }) => sum + amountNano, 0n));
    });
  });
});
