import { readFile } from "node:fs/promises";
import { Wallet, ZeroAddress } from "ethers";
import { InputError } from "../../core/errors.ts";
import { type Hex, toHex } from "../../core/hashing/hex.ts";
import { sha256, sha256File } from "../../core/hashing/sha256.ts";
import { jsonOf } from "../../core/jsonOf.ts";
import { formatOpg, parseOpg, WEI_PER_NANO } from "../../core/units.ts";
import { sendCall } from "../../keepers/rewards/deps.ts";
import {
  type Contribution,
  contributorsRoot,
  decodeContributors,
  ENTRY_BYTES,
  encodeContributors,
} from "../../rewards/contributors.ts";
import { required } from "../config.ts";
import { lines, print } from "../output.ts";
import { type OpenRewards, type RewardsSource, withRewards } from "../rewards/open.ts";

export type Options = RewardsSource & { json?: boolean };
export type Sending = Options & { dryRun: boolean };
export type Registration = Sending & { contributors: string; uri: string; licence: string; bond?: string };

/** As the contract bounds them. */
const MAX_BYTES = { licence: 64, uri: 256 };

/** Registers a dataset under the hash of a file, with who contributed to it. */
export async function register(data: string, options: Registration): Promise<void> {
  const [contentHash, file] = await Promise.all([hashOf(data), readContributors(options.contributors)]);
  await withRewards(options, { send: !options.dryRun }, async (open) => {
    const { datasetRegistry, opg } = open.chain.contracts;
    const owner = ownerOf(open);
    const bondNano = options.bond ? parseOpg(options.bond) : await datasetRegistry.leastBondNano();
    const dataset = {
      contentHash,
      fileHash: toHex(sha256(file)),
      contributorsRoot: contributorsRoot(file),
      contributorCount: file.length / ENTRY_BYTES,
      licence: options.licence,
      uri: options.uri,
    };
    const id = await datasetRegistry.datasetId(owner, dataset);
    await checkRegistration(open, { id, owner, bondNano, ...dataset });
    const turn = await open.chain.provider.getTransactionCount(owner);
    const approvedWei = await opg.allowance(owner, datasetRegistry.target);
    const lacking = approvedWei < bondNano * WEI_PER_NANO;
    if (lacking)
      await sendCall(open, `approve ${id} ${bondNano} ${turn}`, opg, "approve", [
        datasetRegistry.target,
        bondNano * WEI_PER_NANO,
      ]);
    // What was not approved would be refused, which says nothing about the dataset.
    const sent =
      options.dryRun && lacking
        ? { transaction: null, gasUsed: null }
        : await sendCall(open, `register ${id}`, datasetRegistry, "register", [dataset, bondNano]);
    const dataDirectory = await keep(open, file);
    print({ id, owner, bondNano, ...dataset, ...sent, kept: dataDirectory }, options, (shown) =>
      lines({
        ...shown,
        bondNano: `${formatOpg(bondNano)} OPG`,
        next: `serve the contributors file at ${options.uri}`,
      }),
    );
  });
}

/** Writes a contributors file from JSON: [{"account", "source", "quality"}]. */
export async function pack(path: string, options: { out: string; json?: boolean }): Promise<void> {
  const file = await readContributors(path);
  const { rename, writeFile } = await import("node:fs/promises");
  await writeFile(`${options.out}.part`, file);
  await rename(`${options.out}.part`, options.out);
  const result = {
    fileHash: toHex(sha256(file)),
    contributorsRoot: contributorsRoot(file),
    entries: file.length / ENTRY_BYTES,
  };
  print({ ...result, written: options.out }, options, lines);
}

export async function show(id: string, options: Options): Promise<void> {
  const dataset = idOf(id);
  await withRewards(options, { send: false }, async (open) => {
    const shown = await describe(open, dataset);
    print(shown, options, ({ bondNano, suspensions, ...rest }) =>
      lines({
        ...rest,
        bond: `${formatOpg(bondNano)} OPG`,
        suspended:
          suspensions.map(({ from, until }) => `from epoch ${from}${until ? ` until ${until}` : ""}`).join(", ") ||
          "never",
      }),
    );
  });
}

export async function list(options: Options): Promise<void> {
  await withRewards(options, { send: false }, async (open) => {
    const { datasetRegistry } = open.chain.contracts;
    const count = Number(await datasetRegistry.datasetCount());
    const datasets: Awaited<ReturnType<typeof describe>>[] = [];
    for (let i = 0; i < count; i++) datasets.push(await describe(open, (await datasetRegistry.datasetAt(i)) as Hex));
    print({ datasets }, options, () =>
      datasets.length === 0
        ? "No dataset is registered."
        : datasets
            .map(
              ({ id, contributorCount, licence, state }) => `${id}  ${contributorCount} entries  ${licence}  ${state}`,
            )
            .join("\n"),
    );
  });
}

/** Ends a dataset for epochs that begin later. */
export async function retire(id: string, options: Sending): Promise<void> {
  const dataset = idOf(id);
  await withRewards(options, { send: !options.dryRun }, async (open) => {
    ownerOf(open);
    const { datasetRegistry } = open.chain.contracts;
    await statusOf(open, dataset);
    const sent = await sendCall(open, `retire ${dataset}`, datasetRegistry, "retire", [dataset]);
    print({ id: dataset, ...sent }, options, lines);
  });
}

type Registering = { id: string; owner: string; bondNano: bigint; licence: string; uri: string };

/** Throws what the contract would refuse, before anything is approved for it. */
async function checkRegistration({ chain }: OpenRewards, { id, owner, bondNano, licence, uri }: Registering) {
  const { datasetRegistry, opg } = chain.contracts;
  const [status, leastNano, balanceWei] = await Promise.all([
    datasetRegistry.statusOf(id),
    datasetRegistry.leastBondNano(),
    opg.balanceOf(owner),
  ]);
  if (status.owner !== ZeroAddress) {
    throw new InputError("This dataset is registered already", {
      code: "already_registered",
      facts: { id, owner },
      hint: "See `opg dataset show`",
    });
  }
  if (bondNano < leastNano) {
    throw new InputError("The bond is too low", {
      code: "bond_too_low",
      facts: { bondNano, leastNano },
      hint: `Put up ${formatOpg(leastNano)} OPG or more, or leave --bond out`,
    });
  }
  if (balanceWei < bondNano * WEI_PER_NANO) {
    throw new InputError("The account has less than the bond", {
      code: "too_little_money",
      facts: { owner, hasNano: balanceWei / WEI_PER_NANO, bondNano },
      hint: "Send it OPG first",
    });
  }
  for (const [field, text] of Object.entries({ licence, uri })) {
    const bytes = Buffer.byteLength(text);
    const limit = MAX_BYTES[field as keyof typeof MAX_BYTES];
    if (bytes >= 1 && bytes <= limit) continue;
    throw new InputError(`The ${field} is empty or too long`, {
      code: `bad_${field}`,
      facts: { bytes, limit },
      hint: `Give 1 to ${limit} bytes`,
    });
  }
}

async function statusOf({ chain }: Pick<OpenRewards, "chain">, id: Hex) {
  const status = await chain.contracts.datasetRegistry.statusOf(id);
  if (status.owner !== ZeroAddress) return status;
  throw new InputError("There is no such dataset", {
    code: "no_dataset",
    facts: { id },
    hint: "See `opg dataset list`",
  });
}

async function describe({ chain }: OpenRewards, id: Hex) {
  const { datasetRegistry, rewardPolicy } = chain.contracts;
  const status = await statusOf({ chain }, id);
  const [dataset, suspensions, block] = await Promise.all([
    datasetRegistry.getDataset(id),
    datasetRegistry.suspensionsOf(id),
    chain.provider.getBlock("latest"),
  ]);
  const epoch = Number(await rewardPolicy.epochAt(block?.timestamp ?? 0)) || 1;
  const retired = status.retiredAt !== 0n;
  return {
    id,
    owner: status.owner,
    state: status.suspendedAt !== 0n ? "suspended" : retired ? "retired" : "stands",
    countsNow: await datasetRegistry.countsFor(id, epoch),
    epoch,
    contentHash: dataset.contentHash,
    fileHash: dataset.fileHash,
    contributorsRoot: dataset.contributorsRoot,
    contributorCount: Number(dataset.contributorCount),
    licence: dataset.licence,
    uri: dataset.uri,
    bondNano: status.bondNano,
    registeredAt: Number(status.registeredAt),
    retiredAt: Number(status.retiredAt),
    suspensions: suspensions.map(({ fromEpoch, untilEpoch }) => ({
      from: Number(fromEpoch),
      until: Number(untilEpoch),
    })),
  };
}

function ownerOf({ config }: OpenRewards): string {
  return new Wallet(required(config, "OPG_KEY")).address;
}

async function keep(open: OpenRewards, file: Uint8Array): Promise<string> {
  const { files } = await open.openReader();
  await files.store.put(file);
  return toHex(sha256(file));
}

const hashOf = async (path: string): Promise<Hex> =>
  toHex(
    await sha256File(path).catch((cause: unknown) => {
      throw new InputError("The data cannot be read", { code: "no_file", facts: { path }, cause });
    }),
  );

/** A contributors file, or JSON that one is made of. */
async function readContributors(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError("The contributors cannot be read", { code: "no_file", facts: { path }, cause });
  });
  if (!path.endsWith(".json")) {
    decodeContributors(bytes);
    return new Uint8Array(bytes);
  }
  const bad = () =>
    new InputError("This is not a list of contributors", {
      code: "bad_contributors",
      facts: { path },
      hint: 'Write [{"account": "0x…", "source": "0x…", "quality": 1}, …]',
    });
  const value = jsonOf(bytes.toString("utf8"), bad);
  const right = (entry: unknown): entry is Contribution => {
    const { account, source, quality } = (entry ?? {}) as Record<string, unknown>;
    return (
      /^0x[0-9a-fA-F]{40}$/.test(String(account)) &&
      /^0x[0-9a-fA-F]{64}$/.test(String(source)) &&
      typeof quality === "number"
    );
  };
  if (!Array.isArray(value) || !value.every(right)) throw bad();
  return encodeContributors(value);
}

function idOf(text: string): Hex {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase() as Hex;
  throw new InputError("Not a dataset's id", {
    code: "bad_dataset",
    facts: { given: text },
    hint: "Give 0x and 64 hexadecimal digits",
  });
}
