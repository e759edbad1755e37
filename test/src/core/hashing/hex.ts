import { expect } from "chai";
import { equalBytes, fromHex, isHex, toHex } from "../../../../src/core/hashing/hex.ts";
import { failure } from "../../../helpers/failure.ts";

/*
hex
├── toHex, fromHex: give back each other's, of any length
├── when the text is not hexadecimal, or not of the length: bad_hex
└── equalBytes: the same bytes, whatever holds them
*/
describe("hex", () => {
  for (const hex of ["0x", "0x00", "0xff", "0x0123456789abcdef"] as const) {
    it(`gives back ${hex}`, () => {
      expect(toHex(fromHex(hex))).to.equal(hex);
      expect(isHex(hex)).to.equal(true);
    });
  }

  it("reads capitals, and many megabytes", () => {
    expect(fromHex("0xABcd")).to.deep.equal(Uint8Array.of(0xab, 0xcd));
    expect(fromHex(`0x${"ab".repeat(10_000_000)}`).length).to.equal(10_000_000);
  });

  it("writes a view of a larger buffer", () => {
    expect(toHex(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).to.equal("0x0203");
  });

  for (const text of ["", "0", "x", "00", "0x0", "0x0g", "0X00", "0x00 ", " 0x00", "0x00\n", "0x-1"]) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      expect(await failure(() => fromHex(text))).to.include({ name: "InputError", code: "bad_hex" });
      expect(isHex(text)).to.equal(false);
    });
  }

  for (const [hex, length] of [
    ["0x", 1],
    ["0x00", 0],
    ["0x0000", 1],
    [`0x${"00".repeat(31)}`, 32],
  ] as const) {
    it(`refuses ${hex.length / 2 - 1} bytes for ${length}`, async () => {
      expect(await failure(() => fromHex(hex, length))).to.include({ name: "InputError", code: "bad_hex" });
    });
  }

  for (const [a, b, equal] of [
    [[], [], true],
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 3], false],
    [[1, 2], [1], false],
    [[0], [], false],
  ] as const) {
    it(`equalBytes of [${a}] and [${b}] is ${equal}`, () => {
      expect(equalBytes(Uint8Array.from(a), Buffer.from(b))).to.equal(equal);
    });
  }
});
