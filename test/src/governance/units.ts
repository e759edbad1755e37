import { expect } from "chai";
import { id, ParamType } from "ethers";
import { describeCall } from "../../../src/governance/describe.ts";
import { abiOf, knownContracts } from "../../../src/governance/known.ts";
import { protectedDescription } from "../../../src/governance/proposal.ts";
import { showSpan, showValue } from "../../../src/governance/units.ts";

describe("governance units", () => {
  const ADDRESS = "0x00000000000000000000000000000000000000A1";
  const shown = (param: string, value: unknown) => showValue(ParamType.from(param), value, () => "settlement");

  for (const [param, value, text] of [
    ["uint64 bondNano", 1_500_000_000n, "1.5 OPG"],
    ["uint256 newProposalThreshold", 100_000_000_000_000n, "100000 OPG"],
    ["uint256 amountWei", 10n ** 18n, "1.0 OPG"],
    ["uint24 feePpm", 1n, "0.0001 %"],
    ["uint256 newQuorumNumerator", 1_000_000n, "100 %"],
    ["uint16 windowMs", 50n, "50 ms"],
    ["uint48 newVotingDelay", 59n, "59 s"],
    ["uint256 newDelay", 1_296_000n, "1296000 s (15 d)"],
    ["uint40 activeUntil", 1_782_000_000n, "2026-06-21T00:00:00Z"],
    ["uint40 activeUntil", 7n, "7"],
    ["uint32 index", 7n, "7"],
    ["address court_", ADDRESS.toLowerCase(), `${ADDRESS} (settlement)`],
    ["bytes32 role", id("PROPOSER_ROLE"), "PROPOSER_ROLE"],
    ["bytes32 other", id("PROPOSER_ROLE"), id("PROPOSER_ROLE")],
    ["string note", 'a "b"', '"a \\"b\\""'],
    ["bool open", true, "true"],
  ] as [string, unknown, string][]) {
    it(`shows ${param} as ${text}`, () => expect(shown(param, value)).to.equal(text));
  }

  it("shows lists and structs by their parts", () => {
    const param = ParamType.from("tuple(uint24 feePpm, tuple(uint32 delay)[] rows) policy");
    expect(showValue(param, [40_000n, [[60n], [3_661n]]])).to.equal(
      "{feePpm: 4 %, rows: [{delay: 60 s (1 min)}, {delay: 3661 s (1 h 1 min 1 s)}]}",
    );
    expect(showSpan(0n)).to.equal("0 s");
  });

  it("shows bytes that are no call of ours as they are", async () => {
    const known = knownContracts({ settlement: ADDRESS, vestBook: ADDRESS, governor: undefined });
    expect(known.names).to.deep.equal(["settlement"]);
    const selector = abiOf("settlement")?.getFunction("setCourt")?.selector as string;
    for (const [target, data] of [
      [ADDRESS, "0x"],
      [ADDRESS, "0x12345678"],
      [ADDRESS, selector],
      [ADDRESS.replace("A1", "A2"), selector],
    ] as const) {
      const call = await describeCall({ target, value: 0n, data }, known);
      expect(call).to.deep.include({ function: null, arguments: [], current: null, data });
    }
  });

  it("names the proposer once, at the end of the description", () => {
    const own = protectedDescription("Why", ADDRESS);
    expect(own).to.equal(`Why#proposer=${ADDRESS}`);
    expect(protectedDescription(own, ADDRESS.toLowerCase())).to.equal(own);
  });
});
