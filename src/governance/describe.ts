import { Contract, formatEther, type ParamType, type Provider } from "ethers";
import { toJson } from "../core/protocol/json.ts";
import type { Known, KnownContract } from "./known.ts";
import type { ProposedCall } from "./proposal.ts";
import { showValue } from "./units.ts";

export type ShownArgument = { name: string; type: string; value: unknown; shown: string };

/** A call as people read it, with its bytes beside it. */
export type ShownCall = {
  target: string;
  /** Null when it is none of ours. */
  contract: string | null;
  /** Its name and types; null when the bytes are no call of a function that we know. */
  function: string | null;
  arguments: ShownArgument[];
  /** What stands where the call would write, where a view says so. */
  current: string | null;
  /** Wei of the chain's own coin that go along. */
  value: bigint;
  data: string;
};

type Reading = { view: string; args?: readonly unknown[] };

/** Which view answers what a function changes, where it is not `x()` for `setX(…)`. */
const READINGS: Record<string, (args: readonly unknown[]) => Reading> = {
  "governor.updateQuorumNumerator": () => ({ view: "quorumNumerator()" }),
  "timelock.updateDelay": () => ({ view: "getMinDelay()" }),
  "timelock.grantRole": (args) => ({ view: "hasRole", args }),
  "timelock.revokeRole": (args) => ({ view: "hasRole", args }),
  "settlement.retirePolicy": (args) => ({ view: "getPolicy", args }),
  "settlement.pause": () => ({ view: "pausedUntil()" }),
  "teeRegistry.setVerifier": ([teeType]) => ({ view: "verifierOf", args: [teeType] }),
  "teeRegistry.revokeMeasurement": (args) => ({ view: "getMeasurement", args }),
  "teeRegistry.deprecateMeasurement": ([index]) => ({ view: "getMeasurement", args: [index] }),
  "teeRegistry.revokeKey": (args) => ({ view: "getKey", args }),
  "emissionBudget.nameSuccessor": () => ({ view: "successor()" }),
  "emissionBudget.dropSuccessor": () => ({ view: "successor()" }),
  "epochRewards.setParameters": () => ({ view: "getParameters()" }),
  "epochRewards.verdict": () => ({ view: "getPending()" }),
  // Those that hold unless something is set.
  "rewardPolicy.setShares": () => ({ view: "sharesOf(uint32)", args: [2 ** 32 - 1] }),
  "datasetRegistry.setLeastBond": () => ({ view: "leastBondNano()" }),
  "datasetRegistry.suspend": ([id]) => ({ view: "statusOf", args: [id] }),
  "datasetRegistry.resume": ([id]) => ({ view: "statusOf", args: [id] }),
  "datasetRegistry.slashBond": ([id]) => ({ view: "statusOf", args: [id] }),
};

/** Decodes a call by our ABIs; with a provider it also reads what stands. Bytes that are not understood are only shown. */
export async function describeCall(call: ProposedCall, known: Known, provider?: Provider): Promise<ShownCall> {
  const contract = known.byAddress(call.target);
  const parsed = contract ? parse(contract, call) : null;
  const base = { target: call.target, contract: contract?.name ?? null, value: call.value, data: call.data };
  if (!contract || !parsed) return { ...base, function: null, arguments: [], current: null };
  const nameOf = (address: string) => known.byAddress(address)?.name;
  const inputs = parsed.fragment.inputs;
  return {
    ...base,
    function: parsed.fragment.format(),
    arguments: inputs.map((param, i) => ({
      name: param.name,
      type: param.format(),
      value: plain(param, parsed.args[i]),
      shown: showValue(param, parsed.args[i], nameOf),
    })),
    current: provider ? await currentOf(contract, parsed.name, parsed.args, nameOf, provider) : null,
  };
}

function parse({ abi }: KnownContract, { data }: ProposedCall) {
  try {
    return abi.parseTransaction({ data });
  } catch {
    return null; // The function's selector, but not its arguments.
  }
}

/** What a view says now; null when there is none, or it does not answer. */
async function currentOf(
  { name, address, abi }: KnownContract,
  called: string,
  args: readonly unknown[],
  nameOf: (address: string) => string | undefined,
  provider: Provider,
): Promise<string | null> {
  const reading = READINGS[`${name}.${called}`]?.([...args]) ?? readingOfSetter(called);
  const view = reading ? abi.getFunction(reading.view) : null;
  if (!reading || !view?.constant) return null;
  const contract = new Contract(address, abi, provider);
  try {
    const answer = await contract.getFunction(view.format()).staticCall(...(reading.args ?? []));
    const [output] = view.outputs;
    // A view's result is named as the setter's argument is, or not at all: the view's own name says the unit.
    return output ? showValue(named(output, view.name), answer, nameOf) : null;
  } catch {
    return null;
  }
}

function readingOfSetter(called: string): Reading | undefined {
  const property = /^set([A-Z]\w*)$/.exec(called)?.[1];
  return property ? { view: `${property.charAt(0).toLowerCase()}${property.slice(1)}()` } : undefined;
}

const named = (param: ParamType, name: string): ParamType =>
  Object.assign(Object.create(Object.getPrototypeOf(param)), param, { name }) as ParamType;

/** For JSON: whole numbers as strings, structs as objects. */
function plain(param: ParamType, value: unknown): unknown {
  if (param.isArray()) return [...(value as Iterable<unknown>)].map((one) => plain(param.arrayChildren, one));
  if (!param.isTuple()) return toJson(value);
  return Object.fromEntries(param.components.map((part, i) => [part.name, plain(part, (value as unknown[])[i])]));
}

/** A call on lines of its own. */
export function callText(call: ShownCall, index: number): string {
  const where = call.contract ? `${call.contract} (${call.target})` : call.target;
  const head = `${index + 1}. ${where}: ${call.function ?? "not understood, see its bytes"}`;
  const rows = call.arguments.map(({ name, shown }, i) => `     ${name || `argument ${i}`} = ${shown}`);
  const more = [
    ...(call.current === null ? [] : [`     now: ${call.current}`]),
    ...(call.value > 0n ? [`     sends ${formatEther(call.value)} of the chain's coin`] : []),
    ...(call.function === null ? [`     data: ${call.data}`] : []),
  ];
  return [head, ...rows, ...more].join("\n");
}
