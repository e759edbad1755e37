import type { Book } from "../book.ts";

/** What was minted at launch and never locked, one entry a category. */
export type Liquid = { category: string; amountWei: bigint };

/** Where the book can be looked up; what is not known is left out. Addresses are 0x-prefixed. */
export type Source = {
  chainId?: number | undefined;
  vault?: string | undefined;
  book?: string | undefined;
  token?: string | undefined;
  lens?: string | undefined;
  /** Compiler of the contracts, with its version. */
  compiler?: string | undefined;
  /** Commit of this repository. */
  commit?: string | undefined;
};

/** What every export is made of. The same input gives the same bytes. */
export type ExportInput = {
  book: Book;
  /** Name of each grant by its index; may be shorter than the grants. */
  names: string[];
  /** 0x + 64 hexadecimal digits: keccak256 of the published file. */
  bookHash: string;
  /** 0x + 64 hexadecimal digits, see `tableHash`. */
  tableHash: string;
  /** Minted at launch beside the vault; may be empty. Counts as released at month 0. */
  liquid: Liquid[];
  source: Source;
};
