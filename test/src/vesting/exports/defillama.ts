import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { z } from "zod";
import { exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { releases } from "../../../../src/vesting/exports/releases.ts";
import type { ExportInput } from "../../../../src/vesting/exports/types.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports/defillama
├── it should have cliffs only, at the exact seconds
├── it should add up to the book and what is liquid, to the wei
├── it should sort each section into one of the tracker's categories
├── it should name token, sources and supply
└── given the book is not deployed: it should have neither token nor links
*/
describe("exports/defillama", () => {
  const row = z.strictObject({ type: z.literal("cliff"), start: z.int(), amount: z.number().positive() });
  const adapter = z
    .object({
      meta: z.strictObject({
        token: z.string(),
        sources: z.array(z.string()).min(1),
        protocolIds: z.array(z.string()),
        total: z.number(),
        notes: z.array(z.string()),
      }),
      categories: z.record(z.string(), z.array(z.string())),
    })
    .catchall(z.array(row));

  /** What the module exports; its types, which are not here, are stripped. */
  async function load(input: ExportInput) {
    const folder = mkdtempSync(join(tmpdir(), "opg-defillama-"));
    const file = join(folder, "opg.ts");
    writeFileSync(join(folder, "package.json"), `{"type":"module"}`);
    writeFileSync(file, exportSchedule("defillama", input));
    const { default: value } = await import(pathToFileURL(file).href).finally(() =>
      rmSync(folder, { recursive: true }),
    );
    const { meta, categories, ...sections } = adapter.parse(value);
    return { meta, categories, sections };
  }

  it("has cliffs only, at the exact seconds", async () => {
    const { sections } = await load(publishedInput());

    expect(sections.Ecosystem?.slice(0, 3)).to.deep.equal([
      { type: "cliff", start: 1_776_729_600, amount: 40_000_000 },
      { type: "cliff", start: 1_779_321_600, amount: 6_000_000 },
      { type: "cliff", start: 1_782_000_000, amount: 6_000_000 },
    ]);
    expect(sections.Foundation?.[2]).to.deep.equal({ type: "cliff", start: 1_782_000_000, amount: 2083333.3333333333 });
    expect(sections["Core contributors"]?.[0]?.start).to.equal(Date.UTC(2027, 4, 21) / 1000);
    expect(sections.Liquidity).to.deep.equal([{ type: "cliff", start: 1_776_729_600, amount: 60_000_000 }]);
    const starts = Object.values(sections).flatMap((rows) => (rows as { start: number }[]).map(({ start }) => start));
    expect(starts.toSorted()).to.deep.equal(
      releases(publishedInput())
        .map(({ unix }) => unix)
        .toSorted(),
    );
  });

  it("adds up to the wei", () => {
    const rows = exportSchedule("defillama", publishedInput()).matchAll(/amount: ([\d.]+) }, \/\/ \S+ (\d+) wei/g);
    let sum = 0n;
    for (const [, amount, wei] of rows) {
      const [whole, fraction = ""] = (amount as string).split(".");
      expect(`${whole}${fraction.padEnd(18, "0")}`).to.equal(wei);
      sum += BigInt(wei as string);
    }
    expect(sum).to.equal(10n ** 27n);
  });

  it("sorts sections into the tracker's categories", async () => {
    const { sections, categories } = await load(publishedInput());

    expect(categories).to.deep.equal({
      privateSale: ["Investors"],
      insiders: ["Core contributors"],
      airdrop: ["Airdrop"],
      farming: ["Staking rewards"],
      noncirculating: ["Ecosystem", "Foundation"],
      liquidity: ["Liquidity"],
    });
    expect(Object.values(categories).flat().toSorted()).to.deep.equal(Object.keys(sections).toSorted());
  });

  it("names token, sources and supply", async () => {
    const { meta } = await load(publishedInput());

    expect(meta).to.include({ token: `base:0x${"1".repeat(40)}`, total: 1_000_000_000 });
    expect(meta.sources[0]).to.equal(`https://basescan.org/address/0x${"2".repeat(40)}#code`);
    expect(meta.notes.join(" ")).to.include(publishedInput().bookHash);
  });

  it("has neither token nor links before deployment", async () => {
    const { meta } = await load({ ...publishedInput(), source: {} });

    expect(meta.token).to.equal("");
    expect(meta.sources).to.deep.equal([`contract not deployed codehash ${publishedInput().bookHash}`]);
  });

  it("never says step or linear", () => {
    expect(exportSchedule("defillama", publishedInput())).not.to.match(/step|linear/i);
  });
});
