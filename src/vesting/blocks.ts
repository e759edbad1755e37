import { type Block, blockAt, codeAt, type Rpc } from "./rpc.ts";

/** Finds blocks by time or by what exists in them, remembering those it has seen. */
export function createBlockFinder(rpc: Rpc, head: Block) {
  const seen = new Map<number, Promise<Block>>([[head.number, Promise.resolve(head)]]);
  const get = (number: number) => {
    const known = seen.get(number);
    if (known) return known;
    const asked = blockAt(rpc, number);
    seen.set(number, asked);
    // Asked again when it is needed again.
    asked.catch(() => seen.delete(number));
    return asked;
  };

  /** The first block that `is` holds for, as it does for all after it up to the head; undefined when for none. */
  async function first(is: (block: Block) => boolean | Promise<boolean>): Promise<Block | undefined> {
    if (!(await is(head))) return undefined;
    let [low, high] = [0, head.number];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await is(await get(middle))) high = middle;
      else low = middle + 1;
    }
    return get(low);
  }

  return {
    get,
    /** The first block at or after a Unix timestamp; undefined when the head is before it. */
    firstAt: (unix: number) => first((block) => block.unix >= unix),
    /** The first block in which an address has code. */
    firstWithCode: (address: string) => first(async (block) => (await codeAt(rpc, address, block)) !== "0x"),
  };
}

export type BlockFinder = ReturnType<typeof createBlockFinder>;
