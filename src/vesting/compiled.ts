import { readFile } from "node:fs/promises";
import { InputError } from "../core/errors.ts";
import type { CompiledCode } from "./vaultCode.ts";

const ARTIFACTS = {
  vault: "vesting/VestVault",
  lens: "vesting/ScheduleLens",
  token: "token/OPG",
  launch: "vesting/TokenLaunch",
} as const;

/** What this checkout's contracts were compiled to. */
export type Compiled = Record<keyof typeof ARTIFACTS, CompiledCode>;

/** Throws when the contracts are not built. */
export async function readCompiled(): Promise<Compiled> {
  const entries = Object.entries(ARTIFACTS).map(async ([what, path]) => {
    const name = path.split("/")[1];
    const file = new URL(`../../artifacts/contracts/${path}.sol/${name}.json`, import.meta.url);
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new InputError("The contracts are not built: there is nothing to compare the chain's code with", {
        code: "not_built",
        hint: "Run `npx hardhat build`",
        cause,
      });
    });
    return [what, JSON.parse(text) as CompiledCode] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Compiled;
}
