import { expect } from "chai";
import { toJson } from "../../../../src/core/protocol/json.ts";
import { encodeReceipt } from "../../../../src/core/protocol/receipt.ts";
import { submissionSchema } from "../../../../src/core/protocol/submission.ts";
import { EVIDENCE, REQUEST, receiptWith, TERMS, VOUCHER, word } from "../../../helpers/samples.ts";

/*
submissionSchema
├── it should be read back, with and without evidence and opening
└── when a field is absent, unknown or not base64: refused
*/
describe("submissionSchema", () => {
  const payment = { terms: TERMS, request: REQUEST, voucher: VOUCHER, signature: new Uint8Array(65), salt: word(2) };
  const bare = { receipt: encodeReceipt(receiptWith()), payment, evidence: null, opening: null };
  const opening = {
    request: Buffer.from("ask").toString("base64"),
    response: Buffer.from([0xff, 0]).toString("base64"),
  };

  it("is read back", () => {
    expect(submissionSchema.parse(toJson(bare))).to.deep.equal(bare);
    const full = submissionSchema.parse(toJson({ ...bare, evidence: EVIDENCE, opening }));
    expect(full.evidence).to.deep.equal(EVIDENCE);
    expect(full.opening).to.deep.equal({
      request: new Uint8Array(Buffer.from("ask")),
      response: Uint8Array.of(0xff, 0),
    });
  });

  for (const [what, change] of [
    ["no receipt", { receipt: undefined }],
    ["no evidence, not even null", { evidence: undefined }],
    ["no opening, not even null", { opening: undefined }],
    ["half an opening", { opening: { request: opening.request } }],
    ["an opening that is not base64", { opening: { ...opening, response: "%%%" } }],
    ["a field more", { more: 1 }],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(submissionSchema.safeParse({ ...(toJson(bare) as object), ...change }).success).to.equal(false);
    });
  }
});
