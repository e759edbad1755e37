import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getAddress } from "ethers";
import { InputError } from "../../core/errors.ts";
import { fromHex, type Hex, toHex } from "../../core/hashing/hex.ts";
import { addressOf, publicKeyOf, secp256k1 } from "../../core/hashing/secp256k1.ts";
import { WEI_PER_NANO } from "../../core/units.ts";
import { nowOf, sendCall } from "../../keepers/rewards/deps.ts";
import { pendingRoot, postEpoch } from "../../keepers/rewards/epoch.ts";
import { refutationOf, challenge as sendChallenge, refute as sendRefutation } from "../../keepers/rewards/watch.ts";
import { lastEpochOver } from "../../rewards/chain/calendar.ts";
import { computeFromChain, publishedBytes, publishedFile } from "../../rewards/chain/epoch.ts";
import type { EpochReader } from "../../rewards/chain/reader.ts";
import { activeRoot, type PostedRoot, rootsOf } from "../../rewards/chain/roots.ts";
import { rolledOverNano } from "../../rewards/compute.ts";
import { dataHashOf, type EpochFile, treeOfFile } from "../../rewards/epochFile.ts";
import { compareRoot, recompute as recomputeEpoch } from "../../rewards/recompute.ts";
import { rootDigest, versionOf } from "../../rewards/root.ts";
import { STREAMS } from "../../rewards/streams.ts";
import { findAccount, type SumTree, witnessOf } from "../../rewards/tree.ts";
import { required } from "../config.ts";
import { Exit, lines, print } from "../output.ts";
import { type OpenRewards, posterOf, type RewardsSource, withRewards } from "../rewards/open.ts";
import { differenceText, opg, outcomesText } from "../rewards/text.ts";

export type Options = RewardsSource & { json?: boolean };
export type Sending = Options & { dryRun: boolean };

/** A string in a word on chain, with the zero that ends it. */
const MAX_REASON_BYTES = 31;

const reading = { send: false };
const sending = ({ dryRun }: Sending) => ({ send: !dryRun });

/** Computes an epoch and compares it with the posted root. Exit code 1 when they differ. */
export async function recompute(options: Options & { epoch: number }): Promise<void> {
  await withRewards(options, reading, async (open) => {
    const reader = await open.openReader();
    const { ours, compared } = await recomputeEpoch(reader, options.epoch, open);
    const { content, result } = ours;
    const difference = compared?.difference ?? null;
    const shown = {
      ...content,
      givenNano: result.givenNano,
      rolledOverNano: rolledOverNano(result),
      receipts: result.tally.receipts,
      batches: result.tally.batches,
      posted: compared ? { id: compared.root.id, state: compared.root.state, ...compared.root.posting.content } : null,
      fileFound: compared ? compared.file !== undefined : null,
      equal: compared ? difference === null : null,
      difference,
    };
    print(shown, options, () => {
      const facts = {
        epoch: content.epoch,
        root: content.root,
        total: opg(content.totalWei / WEI_PER_NANO),
        leaves: content.leafCount,
        given: opg(result.givenNano),
        "rolls over": opg(rolledOverNano(result)),
        receipts: `${result.tally.receipts} in ${result.tally.batches} batches`,
        "data hash": content.dataHash,
      };
      if (!compared) return `${lines(facts)}\n\nNo root of this epoch is posted.`;
      const found = compared.file ? "" : " Nobody has its published file, so that its data hash is not compared.";
      const verdict = difference
        ? differenceText(difference)
        : `Equal to the root that is posted (${compared.root.state}).${found}`;
      return `${lines(facts)}\n\n${verdict}`;
    });
    if (difference) process.exitCode = Exit.WRONG_INPUT;
  });
}

/** Why an account got in an epoch what it got. */
export async function explain(given: string, epoch: number, options: Options): Promise<void> {
  const account = accountOf(given);
  await withRewards(options, reading, async (open) => {
    const { result, content } = (await recomputeEpoch(await open.openReader(), epoch, open)).ours;
    const reward = result.rewards.find((one) => one.account === account);
    const leaf = result.tree.leaves.find((one) => one.account.toLowerCase() === account);
    const cumulativeNano = (leaf?.cumulativeWei ?? 0n) / WEI_PER_NANO;
    const streams = STREAMS.map((stream) => {
      const { poolNano, usedNano } = result.streams[stream];
      const own = (reward?.sources ?? []).filter((source) => source.stream === stream);
      return {
        stream,
        givenNano: reward?.givenNano[stream] ?? 0n,
        poolNano,
        usedNano,
        scaled: stream !== "stakers" && usedNano > poolNano,
        sources: own,
      };
    }).filter(({ sources }) => sources.length > 0);
    const { shares } = result.input;
    const shown = {
      account,
      epoch,
      root: content.root,
      cumulativeNano,
      cappedNano: reward?.cappedNano ?? 0n,
      shares,
      streams,
    };
    print(shown, options, () => {
      const head = { account: getAddress(account), epoch, "since the beginning": opg(cumulativeNano) };
      if (streams.length === 0) return `${lines(head)}\n\nThis epoch gave it nothing.`;
      const parts = streams.map(({ stream, givenNano, poolNano, usedNano, scaled, sources }) => {
        const scale = scaled
          ? `scaled by ${poolNano} / ${usedNano}: receipts would give more than the stream has`
          : "not scaled";
        const rows = sources.map(({ kind, subject, receipts, countedNano, root }) => {
          const name = kind === "operator" || kind === "node" ? String(BigInt(subject)) : subject;
          const what =
            stream === "stakers"
              ? `stake ${opg(countedNano)}`
              : `${receipts} receipts, ${countedNano} nano, root ${root}`;
          return `  ${kind} ${name}: ${what}`;
        });
        return [
          `${stream}: ${givenNano} nano of ${poolNano} (${stream === "stakers" ? "by stake" : scale})`,
          ...rows,
        ].join("\n");
      });
      const capped =
        shown.cappedNano > 0n ? [`The cap of ${shares.accountCapPpm} ppm kept ${shown.cappedNano} nano back.`] : [];
      return [lines(head), ...parts, ...capped].join("\n\n");
    });
  });
}

/** How the rewards stand. */
export async function show(options: Options): Promise<void> {
  await withRewards(options, reading, async (open) => {
    const reader = await open.openReader();
    const { epochRewards } = open.chain.contracts;
    const [books, active, roots, over, now] = await Promise.all([
      epochRewards.getBooks(),
      epochRewards.getActive(),
      rootsOf(reader),
      lastEpochOver(reader),
      nowOf(open),
    ]);
    const { fundedNano, promisedNano, heldNano } = books;
    const waiting = roots.find(({ state }) => ["waits", "window", "frozen"].includes(state)) ?? null;
    const shown = {
      epoch: Number(books.epoch),
      lastEpochOver: over,
      fundedNano,
      promisedNano,
      paidNano: active.paidNano,
      rollsOverNano: fundedNano - promisedNano,
      heldNano,
      commitment: active.commitment,
      pending: waiting && pendingFacts(waiting, now),
      at: now,
    };
    print(shown, options, () =>
      lines({
        "active epoch": shown.epoch || "none",
        "last epoch that is over": over || "none",
        funded: opg(fundedNano),
        promised: opg(promisedNano),
        paid: opg(active.paidNano),
        "rolls over": opg(shown.rollsOverNano),
        "bonds and deposits": opg(heldNano),
        pending: shown.pending ? Object.values(shown.pending).join(", ") : "none",
      }),
    );
  });
}

function pendingFacts({ id, state, posting, activeFrom }: PostedRoot, now: number) {
  const until = state === "waits" ? posting.attestBy : activeFrom;
  return { id, state, epoch: posting.content.epoch, root: posting.content.root, secondsLeft: Math.max(0, until - now) };
}

/** Writes the file whose SHA-256 is a root's data hash. */
export async function exportFile(options: Options & { epoch: number; out?: string }): Promise<void> {
  await withRewards(options, reading, async (open) => {
    const reader = await open.openReader();
    const root = await standingRoot(reader, options.epoch);
    const bytes = root
      ? await publishedBytes(reader, root.posting.content)
      : (await computeFromChain(reader, options.epoch, open)).file;
    if (!options.out) {
      // Nothing but the file's own bytes, so that what is piped on has its hash.
      process.stdout.write(bytes);
      return;
    }
    await writeFile(`${options.out}.part`, bytes);
    await rename(`${options.out}.part`, options.out);
    const written = { epoch: options.epoch, dataHash: dataHashOf(bytes), bytes: bytes.length, written: options.out };
    print(written, options, lines);
  });
}

/** Posts the next epoch's root with its quorum. */
export async function post(options: Sending & { epoch?: number; withheld?: string[] }): Promise<void> {
  await withRewards(options, sending(options), async (open) => {
    const poster = await posterOf(open);
    const reader = await open.openReader();
    const next = Number((await open.chain.contracts.epochRewards.getBooks()).epoch) + 1;
    if (options.epoch !== undefined && options.epoch !== next) {
      throw new InputError("This is not the next epoch", {
        code: "bad_epoch",
        facts: { given: options.epoch, next },
        hint: "One root waits at a time: post the next one, or leave --epoch out",
      });
    }
    const { number, hash } = reader.head;
    const withheld = (options.withheld ?? []).map(batchName);
    const choice = { asOf: { block: number, hash: hash as Hex }, withheld };
    const computed = await computeFromChain(reader, next, { ...open, choice, seekWithheld: true });
    const outcomes = await postEpoch(poster, reader, computed);
    print({ ...computed.content, outcomes }, options, () => outcomesText(outcomes));
  });
}

/** Recomputes the posted root and, when it is equal, signs it with the verifier's attested key. */
export async function sign(options: Options & { epoch: number }): Promise<void> {
  await withRewards(options, reading, async (open) => {
    const node = required(open.config, "VERIFIER_NODE");
    const path = join(options.dataDir ?? open.config.DATA_DIR, `verifier-${node}`, "enclave.key");
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
      throw new InputError("There is no attested key here", {
        code: "no_key",
        facts: { path },
        hint: "Run this where the verifier runs, after its first start",
        cause,
      });
    });
    const key = fromHex(text.trim(), 32);
    const reader = await open.openReader();
    const root = await waitingRoot(open, reader, options.epoch);
    const { compared } = await compareRoot(reader, root, { ...open, seekWithheld: true });
    if (compared.difference || !compared.file) throw unsigned(compared.difference, compared.file);
    const { epochRewards } = open.chain.contracts;
    const where = { chainId: open.chain.domain.chainId, rewards: String(epochRewards.target) };
    const { commitment } = await epochRewards.getActive();
    const digest = fromHex(rootDigest(where, root.posting.content, commitment), 32);
    const signer = addressOf(publicKeyOf(key));
    const operator = Number(await open.chain.contracts.teeRegistry.activeOperator(signer));
    print({ epoch: options.epoch, operator, signer, signature: toHex(secp256k1.sign(digest, key)) }, options, lines);
  });
}

/** Refutes the root that waits, where the contract can see by itself that it is wrong. */
export async function refute(options: Sending): Promise<void> {
  await withRewards(options, sending(options), async (open) => {
    const reader = await open.openReader();
    const root = await waitingRoot(open, reader);
    const found = await refutationOf(reader, root, await publishedFile(reader, root.posting));
    if (!found) {
      throw new InputError("The contract cannot see a fault of this root by itself", {
        code: "no_fault",
        facts: { epoch: root.posting.content.epoch, root: root.posting.content.root },
        hint: "Compare it with `opg rewards recompute`; when its amounts are wrong, challenge it",
      });
    }
    const outcome = await sendRefutation(open, root, found);
    print(outcome, options, () => outcomesText([outcome]));
  });
}

/** Challenges the root that waits with a bond. Unless forced only one that is not what was computed. */
export async function challenge(options: Sending & { force: boolean; reason: string }): Promise<void> {
  const bytes = Buffer.byteLength(options.reason);
  if (bytes > MAX_REASON_BYTES) {
    throw new InputError("The reason is too long", {
      code: "bad_reason",
      facts: { bytes, limit: MAX_REASON_BYTES },
      hint: "It stands in one word on chain: shorten it",
    });
  }
  await withRewards(options, sending(options), async (open) => {
    const reader = await open.openReader();
    const root = await waitingRoot(open, reader);
    const difference = options.force ? null : ((await compareRoot(reader, root, open)).compared.difference ?? null);
    if (!difference && !options.force) {
      throw new InputError("The root is what was computed here", {
        code: "no_fault",
        facts: { epoch: root.posting.content.epoch, root: root.posting.content.root },
        hint: "A challenge of a right root costs its bond; --force sends it all the same",
      });
    }
    const outcome = await sendChallenge(open, root, difference, options.reason);
    print(outcome, options, () => outcomesText([outcome]));
    if (outcome.outcome !== "challenged") process.exitCode = Exit.WRONG_INPUT;
  });
}

/** Claims what accounts are due under the active root; without any, OPG_KEY's own. Anybody may claim for anybody. */
export async function claim(given: string[], options: Sending): Promise<void> {
  await withRewards(options, sending(options), async (open) => {
    const wanted = given.length > 0 ? [...new Set(given.map(accountOf))] : [open.account];
    const tree = await activeTree(await open.openReader(), open);
    const due = await Promise.all(wanted.map((account) => dueOf(open, tree, account)));
    const { epochRewards } = open.chain.contracts;
    const version = versionOf({ epoch: tree.domain.epoch, leafCount: tree.leaves.length });
    const some = due.filter(({ dueWei }) => dueWei > 0n);
    const [only] = some;
    if (!only) {
      throw new InputError("Nothing is due", {
        code: "nothing_due",
        facts: { epoch: tree.domain.epoch, accounts: wanted.join(", ") },
        hint: "Wait for the next root, or look with `opg rewards explain`",
      });
    }
    const witnesses = some.map(({ index }) => witnessOf(tree, index));
    const id = `claim ${tree.domain.epoch} ${some.map(({ account }) => account).join(",")}`;
    const [name, args] =
      some.length === 1
        ? ["claim", [version, witnesses[0]?.leaf, witnesses[0]?.proof]]
        : ["claimMany", [version, witnesses.map(({ leaf }) => leaf), witnesses.map(({ proof }) => proof)]];
    const sent = await sendCall(open, id, epochRewards, name as string, args as unknown[]);
    const claims = due.map(({ account, dueWei }) => ({ account, amountNano: dueWei / WEI_PER_NANO }));
    print({ epoch: tree.domain.epoch, claims, ...sent }, options, () =>
      [
        ...claims.map(({ account, amountNano }) => `${account}  ${opg(amountNano)}`),
        sent.transaction ?? "nothing sent",
      ].join("\n"),
    );
  });
}

/** Claims for every account of a file: one address a line. */
export async function claimMany(path: string, options: Sending): Promise<void> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError("The file cannot be read", { code: "no_file", facts: { path }, cause });
  });
  const accounts = text.split(/\s+/).filter((line) => line !== "");
  if (accounts.length === 0)
    throw new InputError("The file names no account", {
      code: "no_accounts",
      facts: { path },
      hint: "Write one address a line",
    });
  await claim(accounts, options);
}

async function activeTree(reader: EpochReader, { chain }: OpenRewards): Promise<SumTree> {
  const { epoch } = await chain.contracts.epochRewards.getBooks();
  const root = epoch === 0n ? undefined : await activeRoot(reader, Number(epoch));
  if (!root) throw new InputError("No root is active yet", { code: "no_root", hint: "See `opg rewards show`" });
  return treeOfFile(await publishedFile(reader, root.posting));
}

async function dueOf({ chain }: OpenRewards, tree: SumTree, account: string) {
  const { found, index } = findAccount(tree, account);
  const claimedWei = await chain.contracts.epochRewards.claimed(account);
  const cumulativeWei = found ? (tree.leaves[index]?.cumulativeWei ?? 0n) : 0n;
  return { account, index, dueWei: cumulativeWei > claimedWei ? cumulativeWei - claimedWei : 0n };
}

/** The root of an epoch that stands or may stand. */
async function standingRoot(reader: EpochReader, epoch: number): Promise<PostedRoot | undefined> {
  const roots = await rootsOf(reader, epoch);
  return roots.findLast(({ state }) => state !== "refuted" && state !== "dropped");
}

async function waitingRoot(open: OpenRewards, reader: EpochReader, epoch?: number): Promise<PostedRoot> {
  const root = await pendingRoot(open, reader);
  if (root && (epoch === undefined || root.posting.content.epoch === epoch)) return root;
  throw new InputError("No root waits", {
    code: "no_root",
    facts: { epoch: root?.posting.content.epoch },
    hint: "See `opg rewards show`",
  });
}

function unsigned(difference: unknown, file: EpochFile | undefined): InputError {
  return new InputError("The root is not signed", {
    code: "bad_root",
    facts: {
      reason: file ? "it is not what was computed here" : "nobody has its published file",
      difference: JSON.stringify(difference),
    },
    hint: "Compare it with `opg rewards recompute`",
  });
}

function accountOf(text: string): Hex {
  try {
    return getAddress(text).toLowerCase() as Hex;
  } catch (cause) {
    throw new InputError("Not an address", {
      code: "bad_address",
      facts: { value: text },
      hint: "Give 0x and 40 hexadecimal digits; mixed case is a checksum",
      cause,
    });
  }
}

function batchName(text: string) {
  const match = /^(\d{1,10})\/(\d{1,19})$/.exec(text);
  if (match) return { settler: Number(match[1]), number: BigInt(match[2] as string) };
  throw new InputError("Not a batch", {
    code: "bad_batch_name",
    facts: { given: text },
    hint: "Write settler/number: 3/17",
  });
}
