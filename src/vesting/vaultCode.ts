import { getBytes } from "ethers";
import { BaseError } from "../core/errors.ts";

/** The parts of a compiled contract that say what its code on chain must be. */
export type CompiledCode = {
  deployedBytecode: string;
  /** Where the constructor writes what it was given. */
  immutableReferences?: Record<string, { start: number; length: number }[]>;
};

/** Whether code on chain is the compiled one, apart from immutables; an immutable is the same wherever it stands. */
export function isCode(onChain: string, { deployedBytecode, immutableReferences = {} }: CompiledCode): boolean {
  const [is, should] = [Buffer.from(getBytes(onChain)), Buffer.from(getBytes(deployedBytecode))];
  if (is.length !== should.length) return false;
  for (const places of Object.values(immutableReferences)) {
    const values = places.map(({ start, length }) => {
      if (start + length > is.length) throw new BaseError("The artifact is not one", { code: "bad_artifact" });
      const value = is.toString("hex", start, start + length);
      is.fill(0, start, start + length);
      should.fill(0, start, start + length);
      return value;
    });
    if (new Set(values).size > 1) return false;
  }
  return is.equals(should);
}
