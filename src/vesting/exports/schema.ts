import { z } from "zod";

const wei = z.string().regex(/^(0|[1-9]\d*)$/);
const exact = z.string().regex(/^\d+\.\d{18}$/);
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const hash = z.string().regex(/^0x[0-9a-f]{64}$/);

/** `amount` is `wei` in OPG, with 18 decimals. */
const amount = z.strictObject({ wei, amount: exact });
const categoryAmount = z.strictObject({ category: z.string(), wei, amount: exact });

/** ISO 8601 in UTC, and the same in Unix seconds. */
const moment = z
  .strictObject({ at: z.iso.datetime({ precision: 0 }), unix: z.int() })
  .refine(({ at, unix }) => Date.parse(at) === unix * 1000, "at and unix differ");

const span = { firstUnlock: moment, lastUnlock: moment };

/** `schedule.json`. Amounts are decimal strings; addresses and versions are null where they are not known. */
export const scheduleExportSchema = z
  .strictObject({
    format: z.literal("opg-vesting-schedule/1"),
    bookHash: hash,
    tableHash: hash,
    chainId: z.int().nullable(),
    addresses: z.strictObject({
      token: address.nullable(),
      vault: address.nullable(),
      book: address.nullable(),
      lens: address.nullable(),
    }),
    compiler: z.string().nullable(),
    commit: z.string().nullable(),
    launch: moment,
    ...span,
    supply: amount,
    locked: amount,
    liquid: z.array(categoryAmount),
    categories: z.array(z.strictObject({ category: z.string(), total: amount, ...span })),
    unlocks: z.array(
      z.strictObject({
        month: z.int(),
        at: moment.shape.at,
        unix: z.int(),
        ...amount.shape,
        byCategory: z.array(categoryAmount),
        /** Of the book, this unlock included. */
        cumulative: amount,
        /** `cumulative` and what was liquid at launch. */
        released: amount,
      }),
    ),
    grants: z.array(
      z.strictObject({
        id: z.int(),
        name: z.string().nullable(),
        beneficiary: address,
        category: z.string(),
        total: amount,
        firstTranche: z.int(),
        tranches: z.int(),
        ...span,
        revocation: z.strictObject({ revoker: address, remainderTo: address, noticeMonths: z.int() }).nullable(),
      }),
    ),
  })
  .refine(({ unlocks, locked }) => sum(unlocks) === BigInt(locked.wei), "the unlocks are not what is locked")
  .refine(({ grants, locked }) => sum(grants.map(({ total }) => total)) === BigInt(locked.wei), "nor are the grants")
  .refine(({ unlocks }) => unlocks.every((row) => sum(row.byCategory) === BigInt(row.wei)), "a row does not add up");

export type ScheduleExport = z.infer<typeof scheduleExportSchema>;

const sum = (rows: { wei: string }[]) => rows.reduce((total, row) => total + BigInt(row.wei), 0n);
