import { BaseError, InputError, UnavailableError } from "../core/errors.ts";
import { fromHex } from "../core/hashing/hex.ts";
import { type Signature, secp256k1 } from "../core/hashing/secp256k1.ts";
import type { Logger } from "../core/logger.ts";
import type { EpochChoice } from "../rewards/chain/epoch.ts";
import { dataHashOf, decodeEpochFile } from "../rewards/epochFile.ts";
import { type EpochRoot, rootDigest } from "../rewards/root.ts";

/** What the chain says that a signer of roots needs. */
export type RootChain = {
  chainId: bigint;
  rewards: string;
  /** The active root's commitment and epoch, and the chain's time, now. */
  standing(): Promise<{ commitment: string; epoch: number; nowUnix: number }>;
  /** Unix seconds of a block. */
  timeOf(block: number): Promise<number>;
};

export type RootSignerOptions = {
  chain: RootChain;
  /** The verifier's attested key. */
  key: Uint8Array;
  /** Computes an epoch with a choice, off this thread. */
  compute(epoch: number, choice: EpochChoice): Promise<EpochRoot>;
  logger: Logger;
  /** How long a request waits for a computation that is under way. */
  patienceMs?: number;
};

export type RootSigner = { sign(content: EpochRoot, file: Uint8Array): Promise<Signature> };

/** A file may name a block for suspensions that is at most so old. */
const MAX_AS_OF_AGE_SECONDS = 86_400;
/** Computations that are remembered: one root waits at a time, and each is asked for again before it is activated. */
const REMEMBERED = 8;

/**
 * Signs roots that it computed itself, and no others. One is computed at a time; a request that would wait too long is asked to
 * come again, and then finds the result.
 */
export function createRootSigner({ chain, key, compute, logger, patienceMs = 60_000 }: RootSignerOptions): RootSigner {
  const computed = new Map<string, Promise<EpochRoot>>();
  let running: string | undefined;

  function start(content: EpochRoot, choice: EpochChoice): Promise<EpochRoot> {
    const known = computed.get(content.dataHash);
    if (known) return known;
    if (running !== undefined) {
      throw new UnavailableError("Another root is being computed", {
        code: "too_busy",
        facts: { dataHash: running },
        hint: "Ask again in a minute",
      });
    }
    running = content.dataHash;
    const result = compute(content.epoch, choice).finally(() => {
      running = undefined;
    });
    computed.set(content.dataHash, result);
    // What failed is tried again.
    result.catch(() => computed.delete(content.dataHash));
    for (const old of [...computed.keys()].slice(0, -REMEMBERED)) computed.delete(old);
    return result;
  }

  return {
    async sign(content, file) {
      if (dataHashOf(file) !== content.dataHash) throw refused("the file is another than its hash says", {});
      const { epoch, asOf, withheld } = decodeEpochFile(file);
      if (epoch !== content.epoch) throw refused("the file is of another epoch", { epoch, root: content.epoch });
      const standing = await chain.standing();
      if (content.epoch !== standing.epoch + 1) {
        const facts = { epoch: content.epoch, next: standing.epoch + 1 };
        throw refused("it is not the next one", facts, "One root waits at a time: ask for the next epoch's");
      }
      const asOfUnix = await chain.timeOf(asOf.block);
      if (standing.nowUnix - asOfUnix > MAX_AS_OF_AGE_SECONDS && !computed.has(content.dataHash)) {
        throw refused("the block that it takes suspensions from is too old", { block: asOf.block });
      }
      const ours = await inTime(start(content, { asOf, withheld }), patienceMs);
      const fields = ["leafCount", "totalWei", "root", "receiptsRoot", "dataHash"] as const;
      const field = fields.find((name) => String(ours[name]).toLowerCase() !== String(content[name]).toLowerCase());
      if (field) {
        const facts = { field, ours: ours[field], theirs: content[field] };
        throw refused("it is not what was computed here", facts, "Compare it with `opg rewards recompute`");
      }
      const digest = rootDigest(chain, content, standing.commitment);
      logger.info({ epoch, root: content.root, totalWei: String(content.totalWei) }, "root.signed");
      return secp256k1.sign(fromHex(digest, 32), key);
    },
  };
}

const refused = (reason: string, facts: Record<string, unknown>, hint = "Compute it anew and ask again") =>
  new InputError("The root is not signed", { code: "bad_root", facts: { reason, ...facts }, hint });

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new UnavailableError("The root is still being computed", { code: "computing", hint: "Ask again in a minute" }),
      );
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw error instanceof BaseError
      ? error
      : new BaseError("The root could not be computed", { code: "internal", cause: error });
  } finally {
    clearTimeout(timer);
  }
}
