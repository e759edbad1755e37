import type { Future, IgnitionModule, IgnitionModuleResult } from "@nomicfoundation/ignition-core";

type AnyModule = IgnitionModule<string, string, IgnitionModuleResult<string>>;

/**
 * Makes every step of a module wait for the one before, so that no more than one transaction is ever on its way. With several,
 * Ignition cannot go on after a kill that came between their confirmations: it counts nonces of unconfirmed steps only.
 */
export function inOrder<M extends AnyModule>(module: M): M {
  const seen = new Set<Future>();
  let last: Future | undefined;
  function visit(future: Future): void {
    if (seen.has(future)) return;
    seen.add(future);
    for (const needed of future.dependencies) stepsOf(needed).forEach(visit);
    if (last) future.dependencies.add(last);
    last = future;
  }
  stepsOf(module).forEach(visit);
  return module;
}

/** A step, or all steps of a module and its submodules. */
function stepsOf(one: Future | AnyModule): Future[] {
  if (!("futures" in one)) return [one];
  return [...one.submodules].flatMap((module) => stepsOf(module)).concat([...one.futures]);
}
