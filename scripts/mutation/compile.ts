import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path/posix";

/** Path of a source to its text. */
export type Sources = Record<string, string>;

/** A contract as it goes into an artifact. */
export type Compiled = { bytecode: string; deployedBytecode: string };

type Output = {
  errors?: { severity: string; formattedMessage: string }[];
  sources?: Record<string, { ast: object }>;
  contracts?: Record<string, Record<string, { evm: Record<"bytecode" | "deployedBytecode", { object: string }> }>>;
};

const solc: { compile(input: string): string } = createRequire(import.meta.url)("solc");

/** A source and all that it imports. */
export function readSources(files: readonly string[], sources: Sources = {}): Sources {
  for (const file of files) {
    if (sources[file] !== undefined) continue;
    const source = readFileSync(file.startsWith("@") ? join("node_modules", file) : file, "utf8");
    sources[file] = source;
    const imported = [...source.matchAll(/^(?:import|\})[^;"]*"([^"]+)";/gm)].map(([, path = ""]) => path);
    readSources(
      imported.map((path) => (path.startsWith(".") ? join(dirname(file), path) : path)),
      sources,
    );
  }
  return sources;
}

/** The compiler's trees of some of the sources. */
export function parse(sources: Sources, files: readonly string[]): Map<string, object> {
  const output = run(sources, {}, Object.fromEntries(files.map((file) => [file, { "": ["ast"] }])));
  const failed = output.errors?.find(({ severity }) => severity === "error");
  if (failed) throw new Error(failed.formattedMessage);
  const { sources: parsed = {} } = output;
  return new Map(Object.entries(parsed).map(([file, { ast }]) => [file, ast]));
}

/**
 * Code of contracts, by name; undefined when a source does not compile.
 * @param targets Name to file.
 * @param asDeployed By way of Yul, as the network's contracts are, which takes five times as long.
 */
export function compile(
  sources: Sources,
  targets: Record<string, string>,
  { asDeployed = false } = {},
): Map<string, Compiled> | undefined {
  const selection: Record<string, Record<string, string[]>> = {};
  for (const [name, file] of Object.entries(targets)) {
    selection[file] = { ...selection[file], [name]: ["evm.bytecode.object", "evm.deployedBytecode.object"] };
  }
  const output = run(sources, { viaIR: asDeployed, optimizer: { enabled: true, runs: 500 } }, selection);
  if (output.errors?.some(({ severity }) => severity === "error")) return undefined;
  return new Map(
    Object.entries(targets).map(([name, file]) => {
      const evm = output.contracts?.[file]?.[name]?.evm;
      const [bytecode, deployedBytecode] = [evm?.bytecode.object, evm?.deployedBytecode.object];
      if (!bytecode || !deployedBytecode) throw new Error(`The compiler gave no code for ${name} of ${file}`);
      return [name, { bytecode: `0x${bytecode}`, deployedBytecode: `0x${deployedBytecode}` }];
    }),
  );
}

/** Of all code of a compilation: the same code cannot be told apart by any test. */
export function codeHash(compiled: Map<string, Compiled>): string {
  const hash = createHash("sha256");
  for (const [name, { bytecode }] of compiled) hash.update(name).update(bytecode);
  return hash.digest("hex");
}

function run(sources: Sources, settings: object, outputSelection: object): Output {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(Object.entries(sources).map(([file, content]) => [file, { content }])),
    settings: {
      evmVersion: "osaka",
      // Without the hash of the sources, which differs for every change.
      metadata: { appendCBOR: false, bytecodeHash: "none" },
      ...settings,
      outputSelection,
    },
  };
  return JSON.parse(solc.compile(JSON.stringify(input)));
}
