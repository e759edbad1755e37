import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ScanState } from "../../vesting/outflow.ts";
import { blockAt, type Rpc } from "../../vesting/rpc.ts";
import type { Vault } from "../../vesting/vault.ts";

const wei = z.string().regex(/^\d+$/).transform(BigInt);
const schema = z.object({
  scanned: z.object({ number: z.int(), hash: z.string(), unix: z.int() }),
  outflow: z.object({
    claims: z.array(
      z.object({
        grant: z.int(),
        to: z.string(),
        amountWei: wei,
        block: z.int(),
        unix: z.int(),
        transaction: z.string(),
      }),
    ),
    transferredWei: wei,
  }),
});

/** Keeps how far the events of a vault were read, so that the next run goes on from there. */
export function scanFile(directory: string, { chainId, vault, rpc }: Pick<Vault, "chainId" | "vault" | "rpc">) {
  const path = join(directory, "vesting", `scan-${chainId}-${vault.toLowerCase()}.json`);
  return {
    /** What an earlier run found, unless there is none or its last block is no longer part of the chain. */
    async read(): Promise<ScanState | undefined> {
      const text = await readFile(path, "utf8").catch(() => undefined);
      const state = text === undefined ? undefined : schema.safeParse(parsed(text)).data;
      return state && (await stands(rpc, state)) ? state : undefined;
    },
    async write(state: ScanState): Promise<void> {
      await mkdir(join(directory, "vesting"), { recursive: true });
      const text = JSON.stringify(state, (_, value) => (typeof value === "bigint" ? String(value) : value));
      await writeFile(`${path}.part`, text);
      await rename(`${path}.part`, path);
    },
  };
}

async function stands(rpc: Rpc, { scanned }: ScanState): Promise<boolean> {
  return blockAt(rpc, scanned.number).then(
    ({ hash }) => hash === scanned.hash,
    () => false,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
