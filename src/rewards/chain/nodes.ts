import type { Hex } from "../../core/hashing/hex.ts";
import type { Block } from "../../vesting/rpc.ts";
import type { EpochInput } from "../compute.ts";
import { type EpochReader, mapSome, read } from "./reader.ts";

export type NodeEntry = { id: number; operator: number; class: number; endpoint: string; retired: boolean };

const PAGE = 100;

const known = new WeakMap<EpochReader, Map<number, Promise<NodeEntry[]>>>();

/** Every node, as the registry had them at a block. */
export function nodesOf(reader: EpochReader, at: Block): Promise<NodeEntry[]> {
  const blocks = known.get(reader) ?? new Map<number, Promise<NodeEntry[]>>();
  known.set(reader, blocks);
  const asked = blocks.get(at.number) ?? readNodes(reader, at);
  blocks.set(at.number, asked);
  asked.catch(() => blocks.delete(at.number));
  return asked;
}

async function readNodes(reader: EpochReader, at: Block): Promise<NodeEntry[]> {
  const [count] = await read(reader, "nodeRegistry", "nodeCount", [], at);
  const pages = Array.from({ length: Math.ceil(Number(count) / PAGE) }, (_, page) => 1 + page * PAGE);
  const nodes = await mapSome(pages, async (from) => {
    const [page] = await read(reader, "nodeRegistry", "getNodes", [from, from + PAGE], at);
    return (page as Record<string, unknown>[]).map((node, i) => ({
      id: from + i,
      operator: Number(node.operator),
      class: Number(node.class),
      endpoint: String(node.endpoint),
      retired: node.retiredAt !== 0n,
    }));
  });
  return nodes.flat();
}

/** Owners of operators and of nodes' operators at the end of an epoch. */
export async function ownersOf(
  reader: EpochReader,
  end: Block,
): Promise<Pick<EpochInput, "nodeOwners" | "operatorOwners">> {
  const [nodes, owners] = await Promise.all([
    nodesOf(reader, end),
    perOperator(reader, end, async (operator) => {
      const [owner] = await read(reader, "nodeRegistry", "ownerOf", [operator], end);
      return String(owner).toLowerCase();
    }),
  ]);
  const operatorOwners = new Map(owners);
  const nodeOwners = new Map(nodes.map(({ id, operator }) => [id, operatorOwners.get(operator) ?? ""]));
  return { nodeOwners, operatorOwners };
}

/** Stakes at the start of an epoch, with the purses that they are rewarded to. */
export async function stakesOf(reader: EpochReader, start: Block): Promise<EpochInput["stakes"]> {
  const stakes = await perOperator(reader, start, async (operator) => {
    const [stakeNano] = await read(reader, "stakeHub", "effectiveStake", [operator], start);
    return stakeNano as bigint;
  });
  const staked = stakes.filter(([, stakeNano]) => stakeNano > 0n);
  return mapSome(staked, async ([operator, stakeNano]) => {
    const [purse] = await read(reader, "stakePurses", "purseOf", [operator], reader.head);
    return { operator, purse: String(purse).toLowerCase() as Hex, stakeNano };
  });
}

async function perOperator<T>(reader: EpochReader, at: Block, ask: (operator: number) => Promise<T>) {
  const [count] = await read(reader, "nodeRegistry", "operatorCount", [], at);
  const operators = Array.from({ length: Number(count) }, (_, i) => i + 1);
  return mapSome(operators, async (operator) => [operator, await ask(operator)] as const);
}
