import { expect } from "chai";
import { encodeBook } from "../../../src/vesting/book.ts";
import { bookDifference } from "../../../src/vesting/compareBooks.ts";
import { account, sampleBook } from "../../helpers/launch.ts";

/*
bookDifference
├── given the same bytes: null
├── given one byte is another, in any region: the byte and the record
├── given a grant is another: what the file and the chain say of it, with its name where that is known
├── given one is longer: both lengths
└── given neither is a book: says so
*/
describe("bookDifference", () => {
  const book = sampleBook();
  const file = encodeBook(book);
  const FIRST_GRANT = 1 + 96 * book.schedules.length;
  const flipped = (at: number) => file.with(at, (file[at] as number) ^ 1);

  it("finds none in the same bytes", () => {
    expect(bookDifference(file, file.slice())).to.equal(null);
  });

  it("names the byte and the record, wherever it is", () => {
    for (let at = 0; at < file.length; at++) {
      const said = bookDifference(file, flipped(at));
      const record =
        at === 0
          ? "the leading zero byte"
          : at < FIRST_GRANT
            ? `schedule ${Math.floor((at - 1) / 96)}`
            : `grant ${Math.floor((at - FIRST_GRANT) / 32)}`;
      expect(said, `byte ${at}`).to.match(new RegExp(`^byte ${at} of ${file.length} \\(${record}[,)]`));
    }
  });

  it("says what became of a grant", () => {
    const [was] = book.grants;
    const grants = [{ ...was, beneficiary: account(77), totalWei: 5n }, ...book.grants.slice(1)] as typeof book.grants;
    const other = encodeBook({ ...book, grants });
    expect(bookDifference(file, other, ["the first"])).to.match(
      new RegExp(
        `\\(grant 0 "the first", beneficiary: the file says ${account(0)}, the chain ${account(77)}; ` +
          `totalWei: the file says ${was?.totalWei}, the chain 5\\)$`,
        "i",
      ),
    );
  });

  it("says the lengths when one is longer", () => {
    const shorter = encodeBook({ ...book, grants: book.grants.slice(0, -1) });
    expect(bookDifference(file, shorter)).to.equal(
      `byte ${shorter.length} of ${file.length} (the file has ${file.length} bytes, the chain ${shorter.length})`,
    );
    expect(bookDifference(file, new Uint8Array())).to.equal(`byte 0 of ${file.length} (the leading zero byte)`);
  });

  it("says so when neither is a book", () => {
    expect(bookDifference(new Uint8Array([0, 1]), new Uint8Array([0, 2]))).to.equal(
      "byte 1 of 2 (neither is a vesting book)",
    );
  });
});
