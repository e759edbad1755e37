import { expect } from "chai";
import { hexlify } from "ethers";
import { readCompiled } from "../../../src/vesting/compiled.ts";
import { isCode } from "../../../src/vesting/vaultCode.ts";
import { failure } from "../../helpers/failure.ts";

/*
isCode
├── given the compiled code: true, whatever its immutables are
├── given an immutable that is not the same wherever it stands: false
├── given any other byte, another length or no code: false
└── given an artifact whose immutables lie beyond its code: refused
readCompiled: the artifacts of this checkout, the vault's immutables among them
*/
describe("isCode", () => {
  const code = Uint8Array.from({ length: 20 }, (_, i) => i);
  const places = (...starts: number[]) => starts.map((start) => ({ start, length: 2 }));
  const compiled = { deployedBytecode: hexlify(code), immutableReferences: { "7": places(2, 10), "9": places(6) } };
  const filled = (values: Record<number, number>) => hexlify(code.map((byte, at) => values[at] ?? byte));

  it("is true whatever the immutables are", () => {
    const same = filled({ 2: 1, 3: 2, 10: 1, 11: 2, 6: 77, 7: 78 });
    expect(isCode(same, compiled)).to.equal(true);
    expect(isCode(hexlify(code), { deployedBytecode: hexlify(code) })).to.equal(true);
  });

  it("is false when an immutable has two values", () => {
    expect(isCode(filled({ 2: 1, 3: 2, 10: 1, 11: 3 }), compiled)).to.equal(false);
  });

  it("is false for any other byte or length", () => {
    const good = { 2: 1, 3: 2, 10: 1, 11: 2 };
    expect(isCode(filled(good), compiled)).to.equal(true);
    for (const at of [0, 1, 4, 5, 8, 9, 12, 19]) {
      expect(isCode(filled({ ...good, [at]: 0xee }), compiled), `byte ${at}`).to.equal(false);
    }
    expect(isCode(`${filled(good)}00`, compiled)).to.equal(false);
    expect(isCode("0x", compiled)).to.equal(false);
  });

  it("refuses an artifact that is not one", async () => {
    const error = await failure(() => isCode(hexlify(code), { ...compiled, immutableReferences: { "1": places(19) } }));
    expect(error.code).to.equal("bad_artifact");
  });
});

describe("readCompiled", () => {
  it("reads the artifacts of this checkout", async () => {
    const { vault, lens, token, launch } = await readCompiled();
    for (const { deployedBytecode } of [vault, lens, token, launch]) {
      expect(deployedBytecode).to.match(/^0x([0-9a-f]{2}){1000,}$/);
    }
    expect(Object.keys(vault.immutableReferences ?? {})).to.have.lengthOf(5);
  });
});
