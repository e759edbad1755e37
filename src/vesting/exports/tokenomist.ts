import { z } from "zod";
import { formatWei } from "../amount.ts";
import { anniversary, formatTime } from "../calendar.ts";
import { type Release, releases } from "./releases.ts";
import { categoryLabel, trackerWords } from "./trackers.ts";
import type { ExportInput } from "./types.ts";

const time = z.iso.datetime({ precision: 0 });
const wei = z.string().regex(/^[1-9]\d*$/);
const exact = z.string().regex(/^\d+\.\d{18}$/);

/** A nearest double, and beside it what it stands for. */
const amount = { cliffAmount: z.number().positive(), cliffAmountExact: exact, cliffAmountWei: wei };

/** Tokenomist's answer to `/v5/unlock/events`, all fields known from the book; prices are null. */
export const tokenomistSchema = z.strictObject({
  metadata: z.strictObject({
    queryDate: time,
    page: z.literal(1),
    pageSize: z.int(),
    totalPages: z.literal(1),
    total: z.int(),
  }),
  status: z.literal(true),
  data: z.array(
    z.strictObject({
      unlockDate: time,
      tokenName: z.literal("OpenGradient"),
      tokenSymbol: z.literal("OPG"),
      listedMethod: z.literal("INTERNAL"),
      dataSource: z.string(),
      linearUnlocks: z.null(),
      cliffUnlocks: z.strictObject({
        ...amount,
        cliffValue: z.null(),
        valueToMarketCap: z.null(),
        allocationBreakdown: z.array(
          z.strictObject({
            unlockDate: time,
            allocationName: z.string(),
            standardAllocationName: z.string(),
            ...amount,
            cliffValue: z.null(),
            referencePrice: z.null(),
            referencePriceUpdatedTime: z.null(),
            unlockPrecision: z.literal("second"),
          }),
        ),
      }),
      latestUpdateDate: time,
    }),
  ),
});

/**
 * JSON in the shape of Tokenomist's unlock events. `queryDate` and `latestUpdateDate` are month 0: what the book says does
 * not change after it.
 */
export function exportTokenomist(input: ExportInput): string {
  const { book, bookHash, source } = input;
  const launch = formatTime(anniversary(book.anchor, 0));
  const dataSource = `contract ${source.vault ?? "not deployed"} codehash ${bookHash}`;
  const moments = [...Map.groupBy(releases(input), ({ unix }) => unix)];
  const data = moments.map(([unix, rows]) => ({
    unlockDate: formatTime(unix),
    tokenName: "OpenGradient" as const,
    tokenSymbol: "OPG" as const,
    listedMethod: "INTERNAL" as const,
    dataSource,
    linearUnlocks: null,
    cliffUnlocks: {
      ...amounts(rows.reduce((sum, { amountWei }) => sum + amountWei, 0n)),
      cliffValue: null,
      valueToMarketCap: null,
      allocationBreakdown: rows.map(allocation),
    },
    latestUpdateDate: launch,
  }));
  const metadata = { queryDate: launch, page: 1, pageSize: data.length, totalPages: 1, total: data.length } as const;
  const answer: z.input<typeof tokenomistSchema> = { metadata, status: true, data };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

function allocation({ unix, category, amountWei }: Release) {
  return {
    unlockDate: formatTime(unix),
    allocationName: categoryLabel(category),
    standardAllocationName: trackerWords(category).tokenomist,
    ...amounts(amountWei),
    cliffValue: null,
    referencePrice: null,
    referencePriceUpdatedTime: null,
    unlockPrecision: "second" as const,
  };
}

const amounts = (wei: bigint) => ({
  cliffAmount: Number(formatWei(wei)),
  cliffAmountExact: formatWei(wei),
  cliffAmountWei: wei.toString(),
});
