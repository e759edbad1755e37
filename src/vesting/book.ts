import { getAddress, keccak256 } from "ethers";
import { InputError } from "../core/errors.ts";
import { type Anchor, elapsed } from "./calendar.ts";

/** When tranches are due, and who may redirect them. Fields as in docs/contracts/vesting.md. */
export type Schedule = {
  category: string;
  /** Months from month 0 to the first tranche. */
  firstTranche: number;
  /** 1 to 255. */
  tranches: number;
  revocation: { revoker: string; remainderTo: string; noticeMonths: number } | null;
};

export type Grant = {
  /** Checksummed address. */
  beneficiary: string;
  /** Index of a schedule. */
  schedule: number;
  totalWei: bigint;
};

/** What the published file says. A grant's id is its index. */
export type Book = { anchor: Anchor; schedules: Schedule[]; grants: Grant[] };

const ZERO = 0n;
const WORD = 32;
const SCHEDULE_BYTES = 3 * WORD;
const MAX_SCHEDULES = 64;
/** EIP-170. */
export const MAX_BOOK_BYTES = 24_576;
const ADDRESS_MASK = (1n << 160n) - 1n;
const TOTAL_BITS = 90n;

/** The canonical file: 0x00, schedules, grants. Throws when the book does not fit the format. */
export function encodeBook({ anchor, schedules, grants }: Book): Uint8Array {
  const words: bigint[] = [];
  if (schedules.length < 1 || schedules.length > MAX_SCHEDULES) throw bad("schedules", schedules.length);
  if (grants.length < 1) throw bad("grants", grants.length);
  const clamped = anchor.day > 28 ? 1n : 0n;
  schedules.forEach(({ category, firstTranche, tranches, revocation }, i) => {
    const name = Buffer.from(category, "ascii");
    if (!/^[\x21-\x7e]{1,32}$/.test(category)) throw bad(`schedules[${i}].category`, category);
    const fields: [bigint, bigint, string][] = [
      [BigInt(revocation?.revoker ?? 0), 160n, "revoker"],
      [BigInt(anchor.startMonth), 16n, "startMonth"],
      [BigInt(anchor.day), 8n, "day"],
      [clamped, 8n, "clamped"],
      [BigInt(firstTranche), 16n, "firstTranche"],
      [BigInt(tranches), 8n, "tranches"],
      [BigInt(revocation?.noticeMonths ?? 0), 8n, "noticeMonths"],
      [BigInt(schedules.length - 1 - i), 8n, "more"],
    ];
    words.push(packed(fields, `schedules[${i}]`));
    words.push(BigInt(revocation?.remainderTo ?? 0));
    words.push(BigInt(`0x${name.toString("hex").padEnd(64, "0")}`));
  });
  grants.forEach(({ beneficiary, schedule, totalWei }, i) => {
    if (schedule >= schedules.length) throw bad(`grants[${i}].schedule`, schedule);
    if (totalWei <= 0n) throw bad(`grants[${i}].totalWei`, totalWei);
    const fields: [bigint, bigint, string][] = [
      [BigInt(beneficiary), 160n, "beneficiary"],
      [BigInt(schedule), 6n, "schedule"],
      [totalWei, TOTAL_BITS, "totalWei"],
    ];
    words.push(packed(fields, `grants[${i}]`));
  });
  const file = Buffer.from(`00${words.map((word) => word.toString(16).padStart(64, "0")).join("")}`, "hex");
  if (file.length > MAX_BOOK_BYTES) {
    throw new InputError("The book is too large for a contract's code", {
      code: "book_too_large",
      facts: { bytes: file.length, limit: MAX_BOOK_BYTES, grants: grants.length },
      hint: "Join grants of the same beneficiary and schedule",
    });
  }
  // What has no field of its own above: a day, a month, an address or tranches that no book has.
  decodeBook(file);
  return new Uint8Array(file);
}

/** Reads a published file. Throws `bad_book` with the byte offset of what breaks the format. */
export function decodeBook(file: Uint8Array): Book {
  if (file.length < 1 + SCHEDULE_BYTES + WORD || file.length > MAX_BOOK_BYTES || file.length % WORD !== 1) {
    throw broken("length", 0, file.length);
  }
  if (file[0] !== 0) throw broken("first byte", 0, file[0]);
  const view = Buffer.from(file);
  const wordAt = (index: number) => BigInt(`0x${view.toString("hex", 1 + index * WORD, 1 + (index + 1) * WORD)}`);
  const count = Number(wordAt(0) & 0xffn) + 1;
  const first = count * 3;
  const words = (file.length - 1) / WORD;
  if (count > MAX_SCHEDULES || words <= first) throw broken("schedules", 1 + WORD - 1, count);
  const anchorWord = wordAt(0);
  const anchor = { startMonth: Number((anchorWord >> 56n) & 0xffffn), day: Number((anchorWord >> 48n) & 0xffn) };
  const schedules = Array.from({ length: count }, (_, i): Schedule => {
    const word = wordAt(3 * i);
    const remainder = wordAt(3 * i + 1);
    if (remainder > ADDRESS_MASK) throw broken(`schedule ${i}`, 1 + 3 * i * WORD, `0x${remainder.toString(16)}`);
    const revoker = (word >> 72n) & ADDRESS_MASK;
    const noticeMonths = Number((word >> 8n) & 0xffn);
    const category = view.toString("latin1", 1 + (3 * i + 2) * WORD, 1 + (3 * i + 3) * WORD).replace(/\0+$/, "");
    const schedule = {
      category,
      firstTranche: Number((word >> 24n) & 0xffffn),
      tranches: Number((word >> 16n) & 0xffn),
      revocation:
        revoker === ZERO ? null : { revoker: toAddress(revoker), remainderTo: toAddress(remainder), noticeMonths },
    };
    const good =
      word >> 232n === ZERO &&
      ((word >> 40n) & 0xffffffffn) === ((anchorWord >> 40n) & 0xffffffffn) &&
      ((word >> 40n) & 0xffn) === (anchor.day > 28 ? 1n : 0n) &&
      anchor.day >= 1 &&
      anchor.day <= 31 &&
      anchor.startMonth >= 1970 * 12 &&
      Number(word & 0xffn) === count - 1 - i &&
      schedule.tranches > 0 &&
      (revoker === ZERO) === (remainder === ZERO) &&
      (revoker !== ZERO || noticeMonths === 0) &&
      /^[\x21-\x7e]+$/.test(category);
    if (!good) throw broken(`schedule ${i}`, 1 + 3 * i * WORD, `0x${word.toString(16)}`);
    return schedule;
  });
  const grants = Array.from({ length: words - first }, (_, i): Grant => {
    const word = wordAt(first + i);
    const grant = {
      beneficiary: toAddress(word >> 96n),
      schedule: Number((word >> TOTAL_BITS) & 63n),
      totalWei: word & ((1n << TOTAL_BITS) - 1n),
    };
    if (word >> 96n === ZERO || grant.totalWei === ZERO || grant.schedule >= count) {
      throw broken(`grant ${i}`, 1 + (first + i) * WORD, `0x${word.toString(16)}`);
    }
    return grant;
  });
  return { anchor, schedules, grants };
}

/** keccak256 of the file: EXTCODEHASH of its contract. */
export function bookHash(file: Uint8Array): string {
  return keccak256(file);
}

/** Tranches of a schedule that are due at a Unix timestamp in seconds. */
export function dueAt(anchor: Anchor, { firstTranche, tranches }: Schedule, timestamp: number): number {
  return Math.min(Math.max(elapsed(anchor, timestamp) - firstTranche, 0), tranches);
}

/** floor(total × due / tranches), in wei. */
export function vestedAt({ anchor, schedules }: Book, { schedule, totalWei }: Grant, timestamp: number): bigint {
  const terms = schedules[schedule] as Schedule;
  return (totalWei * BigInt(dueAt(anchor, terms, timestamp))) / BigInt(terms.tranches);
}

/** Names of the categories, in the order in which the book first has them. */
export function categoriesOf({ schedules }: Book): string[] {
  return [...new Set(schedules.map(({ category }) => category))];
}

/** The month after which nothing is locked. */
export function lastMonthOf({ schedules }: Book): number {
  return Math.max(...schedules.map(({ firstTranche, tranches }) => firstTranche + tranches - 1));
}

function packed(fields: [bigint, bigint, string][], where: string): bigint {
  let word = 0n;
  for (const [value, bits, name] of fields) {
    if (value < 0n || value >> bits !== 0n) throw bad(`${where}.${name}`, value);
    word = (word << bits) | value;
  }
  return word;
}

const toAddress = (value: bigint) => getAddress(`0x${value.toString(16).padStart(40, "0")}`);

const bad = (field: string, value: unknown) =>
  new InputError("The book does not fit the format", {
    code: "bad_book",
    facts: { field, value },
    hint: "See docs/contracts/vesting.md",
  });

const broken = (field: string, offset: number, value: unknown) =>
  new InputError("This is not a vesting book", {
    code: "bad_book",
    facts: { field, offset, value },
    hint: "See docs/contracts/vesting.md",
  });
