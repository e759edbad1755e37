import type { Protocol } from "./protocol.ts";

export type Load = <T>(fixture: () => Promise<T>) => Promise<T>;

/**
 * Runs each fixture on the chain as it is now. The state behind the last one is kept, so that tests that stand together
 * and use the same fixture run it once. (`loadFixture` would run a new fixture on top of what the last test left.)
 */
export async function fixturesOn({ networkHelpers }: Pick<Protocol, "networkHelpers">): Promise<Load> {
  const base = await networkHelpers.takeSnapshot();
  let last: { fixture: unknown; result: unknown; snapshot: typeof base } | undefined;
  return async <T>(fixture: () => Promise<T>) => {
    if (last?.fixture === fixture) {
      await last.snapshot.restore();
      return last.result as T;
    }
    last = undefined;
    await base.restore();
    const result = await fixture();
    last = { fixture, result, snapshot: await networkHelpers.takeSnapshot() };
    return result;
  };
}
