import { type Log, type LogDescription, toBeHex } from "ethers";
import type { Chain } from "../../core/chain/open.ts";
import { chainError } from "../../core/chain/revert.ts";
import { signersOf } from "../../core/chain/signers.ts";
import { equalBytes, fromHex, type Hex, toHex } from "../../core/hashing/hex.ts";
import type { Logger } from "../../core/logger.ts";
import { batchFee, bodyStruct, packOperators, signersHash } from "../../core/protocol/batch.ts";
import {
  type BatchBody,
  bodyHash,
  type Commitment,
  headerHash,
  innerHash,
  restHash,
} from "../../core/protocol/messages.ts";
import { decodeRows, type Row, rowsHash } from "../../core/protocol/rows.ts";

/** A committed batch with all that the court wants to know of it. */
export type CommittedBatch = {
  body: BatchBody;
  commitment: Commitment;
  prevHash: Uint8Array;
  restHash: Uint8Array;
  debits: Row[];
  debitBytes: Uint8Array;
  creditBytes: Uint8Array;
  /** As `commitBatch` takes it under a CALLDATA policy; else empty. */
  tree: Uint8Array;
  /** Operators that signed, packed. */
  signers: Uint8Array;
  txHash: string;
};

/** One event of the court about a settler. */
export type CourtEvent = { name: string; args: LogDescription["args"]; block: number };

/** What happened at a settler, as far back as somebody may still have to act on it. */
export type History = {
  /** By number, ascending. Those whose calldata cannot be read are left out. */
  batches: Map<bigint, CommittedBatch>;
  events: CourtEvent[];
  /** The block up to which it was read, and its time. */
  block: number;
  now: bigint;
};

/** Blocks of one query. */
const SPAN = 5_000;
/** Blocks that are read again in each pass, because a reorganisation may have changed them. */
const UNSETTLED = 64;

type Reading = History & { settler: number; seen: Map<bigint, string>; next: number };

/** Reads a settler's history; each call goes on where the last one ended. After a restart all of it is read again. */
export function createHistory(chain: Chain, settler: number, logger: Logger) {
  const reading: Reading = { settler, batches: new Map(), events: [], block: 0, now: 0n, seen: new Map(), next: -1 };
  return {
    /** Brings it up to the latest block; `reachSeconds` is how far back. */
    async refresh(reachSeconds: bigint): Promise<History> {
      try {
        const latest = await chain.provider.getBlock("latest");
        if (!latest) return reading;
        const since = BigInt(latest.timestamp) - reachSeconds;
        if (reading.next < 0) reading.next = await firstBlock(chain, since, latest.number);
        await readUpTo(chain, reading, latest.number, logger);
        reading.block = latest.number;
        reading.now = BigInt(latest.timestamp);
        forget(reading, since);
        return reading;
      } catch (error) {
        throw chainError("The settler's history cannot be read", error);
      }
    },
  };
}

/** The first block at or after `since`, Unix seconds; by halves, because times only grow. */
async function firstBlock({ provider, deployment }: Chain, since: bigint, latest: number): Promise<number> {
  let low = Math.min(deployment.block, latest);
  let high = latest;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const block = await provider.getBlock(middle);
    if (block && BigInt(block.timestamp) >= since) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function readUpTo(chain: Chain, reading: Reading, latest: number, logger: Logger): Promise<void> {
  const { settlement, court } = chain.contracts;
  reading.events = reading.events.filter(({ block }) => block < reading.next);
  const ours = toBeHex(reading.settler, 32);
  const commits: Log[] = [];
  for (let from = reading.next; from <= latest; from += SPAN) {
    const range = { fromBlock: from, toBlock: Math.min(from + SPAN - 1, latest) };
    const committed = settlement.interface.getEvent("BatchCommitted").topicHash;
    const [of, by] = await Promise.all([
      chain.provider.getLogs({ address: String(settlement.target), topics: [committed, ours], ...range }),
      chain.provider.getLogs({ address: String(court.target), ...range }),
    ]);
    commits.push(...of);
    for (const log of by) {
      const event = court.interface.parseLog(log);
      const ofSettler = event?.fragment.inputs.some(({ name }) => name === "settler");
      if (event && (!ofSettler || Number(event.args.settler) === reading.settler))
        reading.events.push({ name: event.name, args: event.args, block: log.blockNumber });
    }
  }
  await readCommits(chain, reading, commits, latest, logger);
  reading.next = Math.max(reading.next, latest - UNSETTLED);
}

/** Ascending; a batch's first sequence follows from the latest one and the counts between. */
async function readCommits(chain: Chain, reading: Reading, commits: Log[], latest: number, logger: Logger) {
  const { settlement } = chain.contracts;
  const fresh = commits.filter((log) => reading.seen.get(numberOf(log)) !== log.blockHash);
  if (fresh.length === 0) return;
  const { nextSequence, batches } = await settlement.getSettler(reading.settler, { blockTag: latest });
  const calls = await Promise.all(fresh.map((log) => readCall(chain, log)));
  let sequence = nextSequence;
  let number = batches;
  const found: { log: Log; call: Call | undefined; first: bigint }[] = [];
  for (const [i, log] of [...fresh.entries()].reverse()) {
    // Reorganised while it was read: the next pass sees one chain.
    if (numberOf(log) !== number--) return;
    const call = calls[i];
    if (!call) {
      logger.warn({ settler: reading.settler, number: String(numberOf(log)) }, "watch.unreadable");
      reading.seen.set(numberOf(log), log.blockHash);
      break;
    }
    sequence -= BigInt(call.count);
    found.unshift({ log, call, first: sequence });
  }
  let prevHash = found[0] && (await headerBefore(chain, reading.settler, numberOf(found[0].log)));
  for (const { log, call, first } of found) {
    if (!call || !prevHash) continue;
    const batch = await batchOf(chain, log, call, first, prevHash);
    const { rest, root } = eventOf(chain, log);
    prevHash = headerHash(prevHash, innerHash(root, rest));
    reading.seen.set(numberOf(log), log.blockHash);
    if (equalBytes(batch.restHash, rest) && equalBytes(batch.body.root, root)) {
      reading.batches.set(batch.body.number, batch);
    } else logger.warn({ settler: reading.settler, number: String(batch.body.number) }, "watch.unreadable");
  }
}

const numberOf = (log: Log) => BigInt(log.topics[2] as string);

function eventOf({ contracts }: Chain, log: Log): { root: Uint8Array; rest: Uint8Array } {
  const args = contracts.settlement.interface.parseLog(log)?.args;
  return { root: fromHex(args?.root, 32), rest: fromHex(args?.restHash, 32) };
}

async function headerBefore({ contracts }: Chain, settler: number, number: bigint): Promise<Uint8Array> {
  return number === 1n ? new Uint8Array(32) : fromHex(await contracts.settlement.headerHash(settler, number - 1n), 32);
}

type Call = {
  header: { root: Hex; data: Hex; policy: bigint; deadline: bigint };
  count: number;
  debits: Uint8Array;
  credits: Uint8Array;
  signatures: Uint8Array;
  tree: Uint8Array;
};

/** What was given to `commitBatch`; undefined when the committer is a contract that does not pass it on as it is. */
async function readCall({ contracts, provider }: Chain, log: Log): Promise<Call | undefined> {
  const transaction = await provider.getTransaction(log.transactionHash);
  const { settlement } = contracts;
  const data = transaction?.data ?? "0x";
  const selector = settlement.interface.getFunction("commitBatch").selector.slice(2);
  for (let at = data.indexOf(selector); at > 0; at = data.indexOf(selector, at + 1)) {
    if (at % 2 !== 0) continue;
    try {
      const [header, ...parts] = settlement.interface.decodeFunctionData("commitBatch", `0x${data.slice(at)}`);
      const [debits, credits, signatures, tree] = parts.map((part) => fromHex(part as Hex)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      if (BigInt(header.number) !== numberOf(log)) continue;
      return { header, count: Number(header.count), debits, credits, signatures, tree };
    } catch {
      // These bytes only look like it.
    }
  }
  return undefined;
}

async function batchOf(
  chain: Chain,
  log: Log,
  { header, count, debits, credits, signatures, tree }: Call,
  firstSequence: bigint,
  prevHash: Uint8Array,
): Promise<CommittedBatch> {
  const rows = decodeRows(debits);
  const totalNano = rows.reduce((sum, { amountNano }) => sum + amountNano, 0n);
  const policy = Number(header.policy);
  const { feePpm } = await chain.contracts.settlement.getPolicy(policy);
  const body: BatchBody = {
    settler: Number(BigInt(log.topics[1] as string)),
    number: numberOf(log),
    root: fromHex(header.root, 32),
    rowsHash: rowsHash(debits, credits),
    firstSequence,
    count,
    totalNano,
    feeNano: batchFee(totalNano, Number(feePpm)),
    data: fromHex(header.data, 32),
    policy,
    deadline: header.deadline,
  };
  const [signers, block] = await Promise.all([
    signersOf(chain, body, signatures),
    chain.provider.getBlock(log.blockNumber),
  ]);
  const commitment = {
    signersHash: signersHash(signers),
    committedAt: BigInt(block?.timestamp ?? 0),
    committedIn: BigInt(log.blockNumber),
  };
  return {
    body,
    commitment,
    prevHash,
    restHash: restHash(bodyHash(body), commitment),
    debits: rows,
    debitBytes: debits,
    creditBytes: credits,
    tree,
    signers: packOperators(signers),
    txHash: log.transactionHash,
  };
}

function forget(reading: Reading, since: bigint): void {
  for (const [number, { commitment }] of reading.batches) {
    if (commitment.committedAt >= since) break;
    reading.batches.delete(number);
    reading.seen.delete(number);
  }
  // A claim comes after its batch.
  const [oldest] = reading.batches.values();
  const from = Number(oldest?.commitment.committedIn ?? Number.MAX_SAFE_INTEGER);
  reading.events = reading.events.filter(({ block }) => block >= from);
}

/** The batch as the court takes it. */
export function batchStruct({ body, commitment, prevHash }: CommittedBatch) {
  return {
    body: bodyStruct(body),
    commitment: { ...commitment, signersHash: toHex(commitment.signersHash) },
    prevHash: toHex(prevHash),
    later: [],
  };
}
