import { type FunctionFragment, getAddress, type Interface } from "ethers";
import { z } from "zod";
import { errorMessage, InputError } from "../core/errors.ts";
import { jsonOf } from "../core/jsonOf.ts";
import { abiNames, abiOf, type Known } from "./known.ts";
import type { ProposedCall } from "./proposal.ts";

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

const callSchema = z.strictObject({
  /** A contract's name in the deployment file, `governor`, `timelock`, or an address. */
  target: z.string().min(1),
  /** Whose functions a target has that is only an address. */
  abi: z.string().optional(),
  /** Its name; with the types in brackets where there are several. */
  function: z.string().min(1),
  args: z.array(z.unknown()).default([]),
  /** Wei of the chain's own coin that go along. */
  value: z.string().regex(/^\d+$/, "whole wei as a string").default("0"),
});

/** The governor takes no more. */
const MAX_CALLS = 16;

/** What a file of calls holds. */
export const callsSchema = z.strictObject({
  description: z.string().min(1).optional(),
  calls: z.array(callSchema).min(1).max(MAX_CALLS),
});

export type CallsFile = z.infer<typeof callsSchema>;
type CallEntry = z.infer<typeof callSchema>;

/** Checks the text of a file of calls. Throws `InputError` that names every bad entry. */
export function parseCalls(path: string, text: string): CallsFile {
  const bad = (facts: Record<string, unknown>, cause?: unknown) =>
    new InputError("This is not a file of calls", {
      code: "bad_calls",
      facts: { path, ...facts },
      hint: 'Write {"description": "…", "calls": [{"target": "settlement", "function": "retirePolicy", "args": [1]}]}',
      cause,
    });
  const parsed = callsSchema.safeParse(jsonOf(text, (cause) => bad({ reason: "not JSON" }, cause)));
  if (parsed.success) return parsed.data;
  throw bad(Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join(".") || "file", issue.message])));
}

/** The calls as they are proposed. Throws `InputError` that says which call is wrong, and what would be right. */
export function encodeCalls({ calls }: CallsFile, known: Known): ProposedCall[] {
  return calls.map((entry, index) => encodeCall(entry, index, known));
}

function encodeCall(entry: CallEntry, index: number, known: Known): ProposedCall {
  const { address, abi } = targetOf(entry, index, known);
  const fragment = functionOf(entry, index, abi);
  try {
    return { target: address, value: BigInt(entry.value), data: abi.encodeFunctionData(fragment, entry.args) };
  } catch (cause) {
    throw badCall(index, "The arguments do not fit the function", {
      function: fragment.format("full"),
      reason: errorMessage(cause).split(" (")[0],
      hint: "Give the arguments in order: whole numbers as numbers or strings, bytes as 0x…, structs as objects",
      cause,
    });
  }
}

function targetOf({ target, abi: given }: CallEntry, index: number, known: Known): { address: string; abi: Interface } {
  if (given !== undefined && !abiOf(given)) {
    throw badCall(index, "There is no such ABI", { abi: given, known: abiNames.join(", ") });
  }
  const named = known.byName(target);
  if (!named && !ADDRESS.test(target)) {
    throw badCall(index, "There is no such contract", {
      target,
      known: known.names.join(", "),
      hint: "Give a name of the deployment file, or an address",
    });
  }
  const contract = named ?? known.byAddress(target);
  const abi = given === undefined ? contract?.abi : abiOf(given);
  if (abi) return { address: contract?.address ?? checked(target, index), abi };
  throw badCall(index, "It is not known what functions this address has", {
    target,
    known: abiNames.join(", "),
    hint: 'Name them with "abi", or give --deployment',
  });
}

/** An address with a wrong checksum is a slip of the pen. */
function checked(address: string, index: number): string {
  try {
    return getAddress(address);
  } catch (cause) {
    throw badCall(index, "The checksum of the address is wrong", { target: address, cause });
  }
}

function functionOf(entry: CallEntry, index: number, abi: Interface): FunctionFragment {
  const all = abi.fragments.filter((one): one is FunctionFragment => one.type === "function");
  const fitting = all.filter((one) => one.name === entry.function || one.format() === entry.function);
  const changing = all.filter(({ constant }) => !constant);
  if (fitting.length === 0) {
    throw badCall(index, "There is no such function", {
      target: entry.target,
      function: entry.function,
      known: changing.map(({ name }) => name).join(", "),
    });
  }
  const ofCount = fitting.length === 1 ? fitting : fitting.filter((one) => one.inputs.length === entry.args.length);
  const [fragment] = ofCount;
  if (ofCount.length !== 1 || !fragment) {
    throw badCall(index, "There are several functions of this name", {
      function: entry.function,
      known: fitting.map((one) => one.format()).join(", "),
      hint: "Give its name with the types in brackets",
    });
  }
  if (fragment.constant) throw badCall(index, "This function changes nothing", { function: fragment.format() });
  return fragment;
}

function badCall(index: number, what: string, { hint, cause, ...facts }: Record<string, unknown>): InputError {
  return new InputError(what, {
    code: "bad_call",
    facts: { call: index, ...facts },
    ...(hint ? { hint: String(hint) } : {}),
    cause,
  });
}
