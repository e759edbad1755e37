import { expect } from "chai";
import type { Parameters } from "../../../deploy/parameters.ts";
import { encodeBook, MAX_BOOK_BYTES } from "../../../src/vesting/book.ts";
import { chainTableHash } from "../../../src/vesting/chainTable.ts";
import { tableHash } from "../../../src/vesting/table.ts";
import { deployProtocol } from "../../helpers/protocol.ts";

/*
chainTableHash
├── it should be what the lens says of a small book, and what is computed off the chain
└── given a full book: it should be what is computed off the chain, within the gas of a call
*/
describe("chainTableHash", () => {
  const ADDED = 739;
  const ONE_OPG = 10n ** 18n;

  /** The investors' grant in many: as many records as a book can hold. */
  function full({ token, ...rest }: Parameters): Parameters {
    const grants = (token.grants ?? []).flatMap((grant) => {
      if (grant.id !== "investors") return [grant];
      const small = Array.from({ length: ADDED - 1 }, (_, i) => ({
        ...{ ...grant, id: `investor-${i}`, totalWei: ONE_OPG + BigInt(i) },
        beneficiary: `0x${(0x1000 + i).toString(16).padStart(40, "0")}`,
      }));
      const restWei = grant.totalWei - small.reduce((sum, { totalWei }) => sum + totalWei, 0n);
      return [{ ...grant, totalWei: restWei }, ...small];
    });
    return { ...rest, token: { ...token, grants } };
  }

  it("is what the lens says, and what is computed off the chain", async () => {
    const { contracts, plan } = await deployProtocol();
    const { scheduleLens } = contracts;
    expect(await chainTableHash(scheduleLens))
      .to.equal(await scheduleLens.tableHash())
      .and.equal(tableHash(plan.book));
  });

  it("is within the gas of a call for a full book", async () => {
    const { contracts, plan } = await deployProtocol(full);
    const room = MAX_BOOK_BYTES - encodeBook(plan.book).length;
    expect(room).to.be.within(0, 31);
    expect(await chainTableHash(contracts.scheduleLens)).to.equal(tableHash(plan.book));
  });
});
