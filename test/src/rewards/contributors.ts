import { expect } from "chai";
import { AbiCoder, concat, keccak256 } from "ethers";
import { InputError } from "../../../src/core/errors.ts";
import type { Hex } from "../../../src/core/hashing/hex.ts";
import {
  type Contribution,
  contributorPath,
  contributorsRoot,
  decodeContributors,
  encodeContributors,
  isqrt,
  splitAmong,
} from "../../../src/rewards/contributors.ts";
import { sourceOf } from "../../helpers/epochs.ts";
import { seededRandom } from "../../helpers/random.ts";
import { accountOf } from "../../helpers/rewardEntries.ts";

/*
src/rewards/contributors
├── reads what it wrote, in ascending order whatever order it was given
├── refuses no entries, a part of one, disorder, an entry twice, a quality of zero, the zero address
├── the root of a tree of one, and paths that lead to the roots of others
├── the square root, rounded down
└── a source that has n times as many entries weighs √n times as much, and a split gives at most the amount
*/
describe("src/rewards/contributors", () => {
  const entry = (n: number, given: Partial<Contribution> = {}): Contribution => ({
    account: accountOf(n).toLowerCase(),
    source: sourceOf(1),
    quality: 1,
    ...given,
  });
  const list = (count: number) => Array.from({ length: count }, (_, i) => entry(i));

  it("reads what it wrote", () => {
    const bytes = encodeContributors(list(5));
    expect(encodeContributors(list(5).reverse())).to.deep.equal(bytes);
    expect(decodeContributors(bytes)).to.have.deep.members(list(5));
    const accounts = decodeContributors(bytes).map(({ account }) => account);
    expect(accounts).to.deep.equal([...accounts].sort());
  });

  it("refuses other files", () => {
    const bytes = encodeContributors(list(3));
    const zero = bytes.slice();
    zero.fill(0, 0, 20);
    const worthless = bytes.slice();
    worthless.fill(0, 52, 56);
    const swapped = new Uint8Array([...bytes.subarray(56, 112), ...bytes.subarray(0, 56)]);
    const wrong = [new Uint8Array(), bytes.subarray(0, 100), swapped, zero, worthless];
    for (const other of wrong) expect(() => decodeContributors(other)).to.throw(InputError);
    expect(() => encodeContributors([entry(1), entry(1, { quality: 2 })])).to.throw(InputError);
    for (const quality of [0, -1, 1.5, 2 ** 32]) {
      expect(() => encodeContributors([entry(1, { quality })])).to.throw(InputError);
    }
  });

  it("has the root of the contract's tree", () => {
    const coder = AbiCoder.defaultAbiCoder();
    const leafOf = ({ account, source, quality }: Contribution, i: number) =>
      keccak256(
        keccak256(coder.encode(["uint32", "address", "bytes32", "uint32"], [i, account, source, quality])),
      ) as Hex;
    expect(contributorsRoot(encodeContributors(list(1)))).to.equal(leafOf(entry(0), 0));
    for (const count of [2, 3, 5, 8]) {
      const bytes = encodeContributors(list(count));
      decodeContributors(bytes).forEach((one, i) => {
        const path = contributorPath(bytes, i);
        const root = path.reduce<Hex>(
          (node, sibling, level) => {
            const pair = (i >> level) % 2 === 0 ? [node, sibling] : [sibling, node];
            return keccak256(concat(pair)) as Hex;
          },
          leafOf(one, i),
        );
        expect(root).to.equal(contributorsRoot(bytes));
      });
    }
  });

  it("takes square roots, rounded down", () => {
    const below = seededRandom(7);
    const values = [0n, 1n, 2n, 3n, 4n, 15n, 16n, 17n, 2n ** 64n, 2n ** 84n - 1n];
    for (let i = 0; i < 500; i++) values.push(BigInt(below(2 ** 30)) * BigInt(below(2 ** 30)) + BigInt(below(1000)));
    for (const value of values) {
      const root = isqrt(value);
      expect(root * root <= value && value < (root + 1n) * (root + 1n)).to.equal(true);
    }
  });

  it("weighs a source by the square root of its entries", () => {
    const AMOUNT = 10n ** 15n;
    for (const n of [1, 2, 4, 9, 100, 2_500]) {
      const many = Array.from({ length: n }, (_, i) => entry(1_000 + i, { source: sourceOf(2) }));
      const parts = splitAmong(encodeContributors([entry(1), ...many]), AMOUNT);
      const single = parts.get(accountOf(1).toLowerCase() as `0x${string}`) as bigint;
      const others = [...parts.values()].reduce((sum, part) => sum + part, 0n) - single;
      expect(Math.abs(Number(others) / Number(single) - Math.sqrt(n))).to.be.below(1e-6);
      expect(single + others <= AMOUNT).to.equal(true);
      expect(AMOUNT - single - others < BigInt(n + 1)).to.equal(true);
    }
  });
});
