import { expect } from "chai";
import { exportSchedule } from "../../../../src/vesting/exports/index.ts";
import { scheduleExportSchema } from "../../../../src/vesting/exports/schema.ts";
import { publishedInput } from "../../../helpers/vesting.ts";

/*
exports/json
├── given the published schedule
│  ├── it should fit its schema
│  ├── it should have the known figures
│  └── it should name grants, addresses, hashes and versions
├── given nothing is known but the book
│  └── it should have null in the place of addresses, versions and names
└── when an amount is changed
   └── its schema should refuse it
*/
describe("exports/json", () => {
  const schedule = () => scheduleExportSchema.parse(JSON.parse(exportSchedule("json", publishedInput())));

  it("has the known figures", () => {
    const { supply, locked, launch, firstUnlock, lastUnlock, unlocks, categories } = schedule();

    expect(supply.amount).to.equal("1000000000.000000000000000000");
    expect(locked.wei).to.equal("900000000000000000000000000");
    expect([launch.at, firstUnlock.at, lastUnlock.at]).to.deep.equal([
      "2026-04-21T00:00:00Z",
      "2026-04-21T00:00:00Z",
      "2034-04-21T00:00:00Z",
    ]);
    expect(unlocks).to.have.length(97);
    const june = unlocks.find(({ unix }) => unix === 1_782_000_000);
    expect(june).to.include({ month: 2, at: "2026-06-21T00:00:00Z", amount: "9125000.000000000000000000" });
    expect(june?.byCategory.map(({ category }) => category)).to.deep.equal([
      "ecosystem",
      "foundation",
      "staking-rewards",
    ]);
    expect(unlocks[0]?.released.amount).to.equal("190000000.000000000000000000");
    expect(unlocks.at(-1)?.released).to.deep.equal(supply);
    expect(categories.map(({ category, lastUnlock }) => [category, lastUnlock.at.slice(0, 7)])).to.deep.equal([
      ["ecosystem", "2031-04"],
      ["foundation", "2030-04"],
      ["core-contributors", "2030-04"],
      ["investors", "2030-04"],
      ["staking-rewards", "2034-04"],
    ]);
  });

  it("names grants, addresses, hashes and versions", () => {
    const { bookHash, tableHash, source } = publishedInput();
    const { grants, addresses, ...rest } = schedule();

    expect(rest).to.include({ bookHash, tableHash, chainId: 8453, compiler: source.compiler, commit: source.commit });
    expect(addresses).to.include({ vault: source.vault, book: source.book, token: source.token, lens: source.lens });
    expect(grants.map(({ id, name }) => [id, name])).to.deep.include([0, "ecosystem at launch"]);
    expect(grants[1]).to.deep.include({ category: "ecosystem", firstTranche: 1, tranches: 60, revocation: null });
    expect(grants[1]?.firstUnlock.at).to.equal("2026-05-21T00:00:00Z");
  });

  it("has null for what is not known", () => {
    const text = exportSchedule("json", { ...publishedInput(), names: [], liquid: [], source: {} });
    const { grants, addresses, ...rest } = scheduleExportSchema.parse(JSON.parse(text));

    expect(rest).to.include({ chainId: null, compiler: null, commit: null });
    expect(addresses).to.deep.equal({ token: null, vault: null, book: null, lens: null });
    expect(grants.every(({ name }) => name === null)).to.equal(true);
  });

  it("is refused by its schema when an amount is changed", () => {
    const changed = schedule();
    changed.unlocks[5]!.wei = `${BigInt(changed.unlocks[5]!.wei) + 1n}`;

    expect(scheduleExportSchema.safeParse(changed).success).to.equal(false);
  });
});
