import { expect } from "chai";
import { toJson } from "../../../../src/core/protocol/json.ts";
import { frameSchema, orderSchema } from "../../../../src/core/protocol/workerFrames.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { EVIDENCE, word } from "../../../helpers/samples.ts";

/*
workerFrames
├── frameSchema: each kind of frame is read back; another kind, or one without its fields, is refused
└── orderSchema: an order is read back; a field that is absent, unknown or out of range is refused
*/
describe("workerFrames", () => {
  const frames = [
    { type: "start" },
    { type: "data", base64: "YWJj" },
    { type: "end", finishReason: "stop", outputHash: word(1), evidence: EVIDENCE },
    { type: "error", code: "c", message: "m", retryable: true },
  ];

  for (const frame of frames) {
    it(`reads ${frame.type}`, () => expect(frameSchema.parse(toJson(frame))).to.deep.equal(frame));

    for (const field of Object.keys(frame)) {
      it(`refuses ${frame.type} without ${field}`, () => {
        const { [field]: _, ...rest } = toJson(frame) as Record<string, unknown>;
        expect(frameSchema.safeParse(rest).success).to.equal(false);
      });
    }
  }

  it("refuses another kind, or another end", () => {
    expect(frameSchema.safeParse({ type: "more" }).success).to.equal(false);
    expect(frameSchema.safeParse(toJson({ ...frames[2], finishReason: "tired" })).success).to.equal(false);
  });

  const order = (settler: number, maxPriceNano: bigint) => ({
    settler,
    requestId: word(1),
    modelVersion: word(2),
    inputHash: word(3),
    salt: word(4),
    maxPriceNano,
    valueAtRiskNano: maxPriceNano,
  });

  for (const value of [order(1, 0n), order(U32_MAX, U64_MAX)]) {
    it(`reads an order of settler ${value.settler}`, () =>
      expect(orderSchema.parse(toJson(value))).to.deep.equal(value));
  }

  for (const [field, value] of [
    ["settler", 0],
    ["settler", U32_MAX + 1],
    ["maxPriceNano", String(U64_MAX + 1n)],
    ["maxPriceNano", 5],
    ["valueAtRiskNano", String(U64_MAX + 1n)],
    ["salt", "0x"],
    ["more", 1],
    ...Object.keys(order(1, 0n)).map((name) => [name, undefined] as const),
  ] as const) {
    it(`refuses an order with ${field} of ${String(value)}`, () => {
      const spoiled = { ...(toJson(order(1, 0n)) as object), [field]: value };
      expect(orderSchema.safeParse(spoiled).success).to.equal(false);
    });
  }
});
