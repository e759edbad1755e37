import { expect } from "chai";
import { batchBodySchema } from "../../../../src/core/protocol/batchRequest.ts";
import { toJson } from "../../../../src/core/protocol/json.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { word } from "../../../helpers/samples.ts";

/*
batchBodySchema
├── it should give back a body, at both ends of every range
└── when a field is absent, unknown, out of range or of another kind: refused, naming the field
*/
describe("batchBodySchema", () => {
  const ends = (n32: number, n64: bigint, policy: number) => ({
    settler: n32,
    number: n64,
    root: word(1),
    rowsHash: word(2),
    firstSequence: n64,
    count: Math.max(1, n32),
    totalNano: n64,
    feeNano: n64,
    data: word(3),
    policy,
    deadline: n64,
  });
  const body = ends(3, 8n, 1);

  for (const value of [body, ends(0, 0n, 1), ends(U32_MAX, U64_MAX, 0xffff)]) {
    it(`gives back numbers of ${value.number}`, () =>
      expect(batchBodySchema.parse(toJson(value))).to.deep.equal(value));
  }

  const wrong: [string, unknown[]][] = [
    ...["settler", "count"].map((field): [string, unknown[]] => [field, [undefined, -1, U32_MAX + 1, 1.5, "3", null]]),
    ["count", [0]],
    ["policy", [0, 65_536, "1"]],
    ...["number", "firstSequence", "totalNano", "feeNano", "deadline"].map((field): [string, unknown[]] => [
      field,
      [undefined, 8, "-1", "", " 8", "8.0", "1e3", "0x1", String(U64_MAX + 1n), "1".repeat(21)],
    ]),
    ...["root", "rowsHash", "data"].map((field): [string, unknown[]] => [
      field,
      [undefined, "0x", `0x${"ab".repeat(33)}`, "ab".repeat(32), `0x${"zz".repeat(32)}`, `0x${"ab".repeat(32)}\n`],
    ]),
    ["more", [1]],
  ];
  for (const [field, values] of wrong) {
    for (const value of values) {
      it(`refuses ${field} of ${JSON.stringify(value)?.slice(0, 20)}`, () => {
        const { error } = batchBodySchema.safeParse({ ...(toJson(body) as object), [field]: value });
        const issue = error?.issues[0] as { path: PropertyKey[]; keys?: string[] } | undefined;
        expect(issue?.keys?.[0] ?? issue?.path[0]).to.equal(field);
      });
    }
  }
});
