import { getBytes } from "ethers";
import { BaseError } from "../core/errors.ts";

/** The parts of a compiled contract that say what its code on chain must be. */
export type CompiledCode = {
  deployedBytecode: string;
  /** Where the constructor writes what it was given. */
  immutableReferences?: Record<string, { start: number; length: number }[]>;
};

/** Whether code on chain is the compiled one, apart from immutables. */
export function isCode(onChain: string, { deployedBytecode, immutableReferences = {} }: CompiledCode): boolean {
  const [is, should] = [getBytes(onChain), getBytes(deployedBytecode)];
  if (is.length !== should.length) return false;
  for (const { start, length } of Object.values(immutableReferences).flat()) {
    if (start + length > is.length) throw new BaseError("The artifact is not one", { code: "bad_artifact" });
    is.fill(0, start, start + length);
    should.fill(0, start, start + length);
  }
  return Buffer.compare(is, should) === 0;
}
