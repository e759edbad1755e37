import { AbiCoder, keccak256, toBeHex, ZeroAddress } from "ethers";
import { BaseError } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import { ask, type Block, view } from "../../vesting/rpc.ts";
import type { BatchName } from "../compute.ts";
import { type EpochBlocks, lastBefore } from "./calendar.ts";
import { type Event, eventsOf } from "./logs.ts";
import { ABI, type EpochReader, mapSome, read } from "./reader.ts";

/** A batch as its transaction says. */
export type CommittedBatch = BatchName & {
  root: Hex;
  count: number;
  /** Of the body: the SHA-256 of its file under an OFFCHAIN policy. */
  data: Hex;
  /** Whether its leaves stand in the calldata, so that its file has no hash on chain. */
  inCalldata: boolean;
  debits: Hex;
  credits: Hex;
};

const FAULTS = ["debit", "sequence", "unopened", "receipt"];

/**
 * The batches that count in an epoch: those that became final in it. A batch is final when no claim can be opened against it
 * any more and none is open; one against which a fault was proven never counts.
 */
export async function batchesOf(reader: EpochReader, { startUnix, endUnix, start, end }: EpochBlocks) {
  const [[horizon], courts] = await Promise.all([
    read(reader, "settlement", "claimHorizon", [], end),
    courtsOf(reader, end),
  ]);
  // Committed before these instants: no claim could be opened any more at the start, at the end.
  const [before, until] = await Promise.all([
    lastBefore(reader, startUnix - Number(horizon)),
    lastBefore(reader, endUnix - Number(horizon)),
  ]);
  const settled = before?.number ?? -1;
  const inTime = await commits(reader, settled + 1, until as Block);
  const claimed = await claimsOf(reader, courts, end);
  const late = claimed.filter(({ block }) => block <= start.number);
  const older: Event[] = [];
  for (const name of unique(late)) {
    const event = await commitOf(reader, name, end);
    if (event && event.block <= settled && (await isClaimed(reader, courts, name, start))) older.push(event);
  }
  const faults = await faultsOf(reader, courts, end);
  const names = new Set(claimed.map(keyOf));
  const counted: CommittedBatch[] = [];
  await mapSome([...older, ...inTime], async (event) => {
    const name = { settler: Number(event.args.settler), number: event.args.number as bigint };
    if (FAULTS.some((kind) => faults.has(evidenceOf(kind, name)))) return;
    if (names.has(keyOf(name)) && (await isClaimed(reader, courts, name, end))) return;
    const batch = await commitCall(reader, name, event);
    if (batch) counted.push(batch);
  });
  return counted;
}

/** Every court that ever decided: the first one stood when the deployment was complete. */
async function courtsOf(reader: EpochReader, end: Block): Promise<string[]> {
  const events = await eventsOf(reader, "settlement", ["CourtSet"], end);
  const courts = [reader.addresses.court, ...events.map(({ args }) => String(args.court))];
  return [...new Set(courts.map((court) => court.toLowerCase()))].filter((court) => court !== ZeroAddress);
}

const commits = (reader: EpochReader, from: number, until: Block) =>
  from > until.number ? [] : eventsOf(reader, "settlement", ["BatchCommitted"], until, { from });

/** The commit of one batch, by its topics. */
async function commitOf(reader: EpochReader, { settler, number }: BatchName, end: Block): Promise<Event | undefined> {
  const all = await eventsOf(reader, "settlement", ["BatchCommitted"], end, {
    topics: [toBeHex(settler, 32), toBeHex(number, 32)],
  });
  return all[0];
}

async function claimsOf(reader: EpochReader, courts: readonly string[], end: Block) {
  const names = ["DebitClaimed", "SequenceClaimed"];
  const events = await Promise.all(courts.map((address) => eventsOf(reader, "court", names, end, { address })));
  return events.flat().map(({ args, block }) => ({
    settler: Number(args.settler),
    number: args.number as bigint,
    block,
  }));
}

async function faultsOf(reader: EpochReader, courts: readonly string[], end: Block): Promise<Set<string>> {
  const events = await Promise.all(
    courts.map((address) => eventsOf(reader, "court", ["PenaltyScheduled"], end, { address })),
  );
  return new Set(events.flat().map(({ args }) => String(args.evidenceId)));
}

async function isClaimed(reader: EpochReader, courts: readonly string[], { settler, number }: BatchName, at: Block) {
  const open = await Promise.all(
    courts.map(async (court) => {
      const [claims] = await view(reader.rpc, ABI.court, court, "openClaims", [settler, number], at).catch(
        (error: unknown) => {
          // A court that had no code yet had no claims.
          if (error instanceof BaseError && error.code === "no_code") return [0n];
          throw error;
        },
      );
      return claims as bigint;
    }),
  );
  return open.some((claims) => claims > 0n);
}

/**
 * What a batch's transaction says. Undefined when the settler committed it through another contract: what it says there
 * cannot be read without tracing, so such a batch counts for nothing.
 */
async function commitCall(
  reader: EpochReader,
  name: BatchName,
  { transaction }: Event,
): Promise<CommittedBatch | undefined> {
  const sent = (await ask(reader.rpc, "eth_getTransactionByHash", [transaction])) as { to?: string; input?: string };
  const selector = ABI.settlement.getFunction("commitBatch")?.selector as string;
  const direct = sent?.to?.toLowerCase() === reader.addresses.settlement.toLowerCase();
  if (!direct || !sent.input?.startsWith(selector)) {
    reader.logger.warn({ settler: name.settler, number: String(name.number) }, "rewards.indirect_batch");
    return undefined;
  }
  const { header, debits, credits, tree } = ABI.settlement.decodeFunctionData("commitBatch", sent.input);
  const { root, count, data } = header as { root: Hex; count: bigint; data: Hex };
  return { ...name, root, count: Number(count), data, inCalldata: tree !== "0x", debits, credits };
}

function evidenceOf(kind: string, { settler, number }: BatchName): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint32", "uint64"], [kind, settler, number]));
}

export const keyOf = ({ settler, number }: BatchName) => `${settler}/${number}`;

function unique<T extends BatchName>(names: readonly T[]): T[] {
  return [...new Map(names.map((name) => [keyOf(name), name])).values()];
}
