import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex, toHex } from "../../src/core/hashing/hex.ts";
import { recoverAddress } from "../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../src/core/hashing/sha256.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { rootsOf } from "../../src/rewards/chain/roots.ts";
import { contributorsRoot } from "../../src/rewards/contributors.ts";
import { rootDigest } from "../../src/rewards/root.ts";
import { OPG } from "../helpers/economy.ts";
import {
  commitFile,
  computeOn,
  endEpoch,
  enterEpoch,
  publishVersion,
  readerOf,
  registerDataset,
} from "../helpers/epochChain.ts";
import { type EpochNetwork, openEpochNetwork } from "../helpers/epochNetwork.ts";
import { sourceOf } from "../helpers/epochs.ts";
import { accountOf } from "../helpers/rewardEntries.ts";
import { type Environment, runCommand } from "../helpers/roles.ts";
import { postRoot, withoutLeaf } from "../helpers/wrongRoots.ts";

/*
opg dataset and opg rewards, as processes on a chain
├── dataset
│  ├── pack writes a file of the hash and root that it says, and nothing of what is malformed
│  ├── register refuses wrong input before it sends anything; --dry-run sends nothing
│  ├── register, show and list agree; a second time it is refused
│  └── retire ends it once, for its owner alone
└── rewards
   ├── without a root there is nothing to sign, refute, challenge or claim
   ├── post takes the next epoch alone, from an owner of an operator; --dry-run sends nothing
   ├── a root that waits is shown, exported with its hash and signed; a right one is neither refuted nor challenged
   ├── claim-many pays several accounts in one transaction, once
   ├── refute removes a root that leaves an account out
   └── challenge --force freezes a right one
*/
const OWNER = 10;
const STRANGER = 11;
const POSTER = 3;

describe("opg dataset and opg rewards", () => {
  let world: EpochNetwork;
  /** What the model of the first epoch was made from. */
  let used: string;
  const contributors = [1, 2, 3].map(accountOf);

  before(async () => {
    world = await openEpochNetwork();
    for (const index of [OWNER, POSTER]) {
      await mined(world.contracts.opg.transfer(signer(index).address, 1_000_000n * OPG * WEI_PER_NANO));
    }
    const entries = contributors.map((account, i) => ({ account, source: sourceOf(i), quality: 1 }));
    const { dataset } = await registerDataset(world, entries);
    used = dataset;
    const { version } = await publishVersion(world, "model", [{ dataset, weightPpm: 1_000_000 }]);
    await enterEpoch(world, 1);
    await commitFile(world, [{ priceNano: 200_000n, modelVersion: version }]);
  });
  after(() => world?.close());

  const signer = (index: number) => world.signers[index] as (typeof world.signers)[0];
  const path = (name: string) => join(world.directory, name);
  const as = (index: number): Environment => ({
    ...world.environment,
    OPG_KEY: world.keyOf(index),
    DATA_DIR: path(`home-${index}`),
  });

  /** What a command prints: one JSON object on one line. */
  async function run(args: string[], environment: Environment) {
    const { code, stdout, stderr } = await runCommand([...args, "--json"], environment);
    expect(code, stderr).to.equal(0);
    expect(stdout.trimEnd().split("\n")).to.have.length(1);
    return JSON.parse(stdout);
  }

  /** How a command fails: nothing on stdout, one JSON object at the end of stderr. */
  async function refusal(args: string[], environment: Environment) {
    const { code: exit, stdout, stderr } = await runCommand([...args, "--json"], environment);
    expect(stdout).to.equal("");
    const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
    expect(exit, stderr).to.equal(error.retryable ? 75 : 1);
    return error as { code: string; message: string; hint?: string; facts: Record<string, unknown> };
  }

  /** Wrong input: a code, and what to do next. */
  async function refused(args: string[], environment: Environment, code: string): Promise<void> {
    const error = await refusal(args, environment);
    expect(error, args.join(" ")).to.include({ code });
    expect(error.message, args.join(" ")).to.match(/\S/);
    if (code !== "no_file") expect(error.hint, args.join(" ")).to.be.a("string");
  }

  /** Runs `use`, in which the account sends nothing. */
  async function silently<T>(index: number, use: () => Promise<T>): Promise<T> {
    const nonce = await world.ethers.provider.getTransactionCount(signer(index).address);
    const result = await use();
    expect(await world.ethers.provider.getTransactionCount(signer(index).address)).to.equal(nonce);
    return result;
  }

  describe("dataset", () => {
    const packed = () => path("contributors.bin");
    const entries = [1, 2].map((n) => ({ account: accountOf(n), source: sourceOf(n), quality: n }));
    const registering = (...more: string[]) => {
      const said = ["--contributors", packed(), "--uri", "http://127.0.0.1:1/c", "--licence", "CC0-1.0"];
      return ["dataset", "register", path("data.tar"), ...said, ...more];
    };
    let id: string;

    before(() => writeFile(path("data.tar"), "the data"));

    it("pack writes the file that it says, and nothing of what is malformed", async () => {
      await writeFile(path("contributors.json"), JSON.stringify(entries));
      const said = await run(["dataset", "pack", path("contributors.json"), "--out", packed()], {});
      const file = new Uint8Array(await readFile(packed()));
      expect(said).to.deep.equal({
        fileHash: toHex(sha256(file)),
        contributorsRoot: contributorsRoot(file),
        entries: 2,
        written: packed(),
      });

      const [first] = entries;
      const wrong = {
        text: "no JSON",
        object: JSON.stringify(first),
        empty: "[]",
        short: JSON.stringify([{ ...first, source: "0x01" }]),
        worthless: JSON.stringify([{ ...first, quality: 0 }]),
        twice: JSON.stringify([first, first]),
        nobody: JSON.stringify([{ ...first, account: `0x${"00".repeat(20)}` }]),
      };
      for (const [name, text] of Object.entries(wrong)) {
        await writeFile(path(`${name}.json`), text);
        await refused(["dataset", "pack", path(`${name}.json`), "--out", path(name)], {}, "bad_contributors");
        expect(await access(path(name)).catch(({ code }) => code)).to.equal("ENOENT");
      }
      await refused(["dataset", "pack", path("missing.json"), "--out", path("none")], {}, "no_file");
    });

    it("register refuses wrong input and sends nothing for it", async () => {
      const { datasetRegistry, opg } = world.contracts;
      await writeFile(path("cut.bin"), (await readFile(packed())).subarray(1));
      await silently(OWNER, async () => {
        const shown = await run(registering("--dry-run"), as(OWNER));
        expect(shown).to.include({ owner: signer(OWNER).address, transaction: null });
        await refused(registering("--bond", "0.5"), as(OWNER), "bond_too_low");
        await refused(registering("--bond", "0.5", "--dry-run"), as(OWNER), "bond_too_low");
        await refused(registering("--bond", "much"), as(OWNER), "bad_amount");
        await refused(registering("--bond", "9000000"), as(OWNER), "too_little_money");
        await refused(registering("--contributors", path("cut.bin")), as(OWNER), "bad_contributors");
        await refused(registering("--contributors", path("missing")), as(OWNER), "no_file");
        await refused(registering("--uri", "x".repeat(257)), as(OWNER), "bad_uri");
        await refused(registering("--licence", ""), as(OWNER), "bad_licence");
      });
      expect(await datasetRegistry.datasetCount()).to.equal(1n);
      expect(await opg.allowance(signer(OWNER).address, datasetRegistry.target)).to.equal(0n);
      const { datasets } = await run(["dataset", "list"], as(STRANGER));
      expect(datasets.map((dataset: { id: string }) => dataset.id)).to.deep.equal([used]);
    });

    it("register, show and list agree; a second time it is refused", async () => {
      const { datasetRegistry, opg } = world.contracts;
      const bondNano = await datasetRegistry.leastBondNano();
      const before = await opg.balanceOf(signer(OWNER).address);
      const registered = await run(registering(), as(OWNER));
      id = registered.id;
      expect(registered.transaction).to.match(/^0x[0-9a-f]{64}$/);
      expect(before - (await opg.balanceOf(signer(OWNER).address))).to.equal(bondNano * WEI_PER_NANO);
      const shown = await run(["dataset", "show", id], as(STRANGER));
      expect(shown).to.include({
        id,
        owner: signer(OWNER).address,
        state: "stands",
        contentHash: toHex(sha256("the data")),
        fileHash: toHex(sha256(await readFile(packed()))),
        contributorCount: 2,
        licence: "CC0-1.0",
        bondNano: String(bondNano),
        retiredAt: 0,
      });
      const { datasets } = await run(["dataset", "list"], as(STRANGER));
      expect(datasets).to.have.length(2);
      expect(datasets[1]).to.deep.equal(shown);

      await silently(OWNER, () => refused(registering(), as(OWNER), "already_registered"));
      await refused(["dataset", "show", `0x${"12".repeat(32)}`], as(STRANGER), "no_dataset");
      await refused(["dataset", "show", "0x12"], as(STRANGER), "bad_dataset");
    });

    it("retire ends it once, for its owner alone", async () => {
      const { datasetRegistry } = world.contracts;
      await silently(STRANGER, async () => {
        const error = await refusal(["dataset", "retire", id], as(STRANGER));
        expect(error).to.include({ code: "reverted" });
        expect(error.message).to.contain("DatasetRegistry_NotOwner");
      });
      await silently(OWNER, async () => {
        await refused(["dataset", "retire", `0x${"12".repeat(32)}`], as(OWNER), "no_dataset");
        expect(await run(["dataset", "retire", id, "--dry-run"], as(OWNER))).to.include({ id, transaction: null });
      });
      expect((await datasetRegistry.statusOf(id)).retiredAt).to.equal(0n);
      expect((await run(["dataset", "retire", id], as(OWNER))).transaction).to.be.a("string");
      expect((await datasetRegistry.statusOf(id)).retiredAt).not.to.equal(0n);
      expect((await run(["dataset", "show", id], as(STRANGER))).state).to.equal("retired");
      const again = await refusal(["dataset", "retire", id, "--dry-run"], as(OWNER));
      expect(again.message).to.contain("DatasetRegistry_AlreadyRetired");
    });
  });

  describe("rewards", () => {
    const pending = () => world.contracts.epochRewards.getPending();

    before(() => endEpoch(world, 1));

    it("without a root leave nothing to sign, refute, challenge or claim", async () => {
      const [verifier] = world.verifiers.slice(1);
      const environment = { ...as(OWNER), DATA_DIR: world.directory, VERIFIER_NODE: String(verifier?.node) };
      await silently(OWNER, async () => {
        await refused(["rewards", "sign", "--epoch", "1"], environment, "no_root");
        await refused(["rewards", "refute"], as(OWNER), "no_root");
        await refused(["rewards", "challenge"], as(OWNER), "no_root");
        await refused(["rewards", "claim"], as(OWNER), "no_root");
      });
    });

    it("post takes the next epoch alone, from an owner of an operator", async () => {
      await silently(OWNER, () => refused(["rewards", "post"], as(OWNER), "not_operator"));
      await silently(POSTER, async () => {
        await refused(["rewards", "post", "--epoch", "2"], as(POSTER), "bad_epoch");
        await refused(["rewards", "post", "--withheld", "7"], as(POSTER), "bad_batch_name");
        expect((await refusal(["rewards", "post", "--withheld", "1/99"], as(POSTER))).code).to.equal("bad_withheld");
        const { outcomes } = await run(["rewards", "post", "--dry-run"], as(POSTER));
        for (const { transaction } of outcomes) expect(transaction).to.equal(null);
      });
      expect((await pending()).id).to.equal(ZeroHash);

      const { epoch, dataHash, outcomes } = await run(["rewards", "post", "--epoch", "1"], as(POSTER));
      expect(epoch).to.equal(1);
      expect(outcomes.map(({ outcome }: { outcome: string }) => outcome)).to.deep.equal([
        "deposited",
        "posted",
        "attested",
      ]);
      const [root] = await rootsOf(await readerOf(world), 1);
      expect(root).to.include({ state: "window" });
      expect(root?.posting.content.dataHash).to.equal(dataHash);
      expect(await refusal(["rewards", "post"], as(POSTER))).to.include({ code: "lost_race", retryable: true });
    });

    it("that wait are shown, exported with their hash and signed; right ones are not challenged", async () => {
      const { epochRewards, teeRegistry } = world.contracts;
      const [root] = await rootsOf(await readerOf(world), 1);
      const content = root?.posting.content as NonNullable<typeof root>["posting"]["content"];
      const shown = await run(["rewards", "show"], as(STRANGER));
      expect(shown).to.include({ epoch: 0, lastEpochOver: 1 });
      expect(shown.pending).to.include({ id: root?.id, state: "window", epoch: 1, root: content.root });

      const out = path("epoch-1.json");
      const written = await run(["rewards", "export", "--epoch", "1", "--out", out], as(STRANGER));
      expect(written).to.include({ epoch: 1, dataHash: content.dataHash, written: out });
      expect(toHex(sha256(await readFile(out)))).to.equal(content.dataHash);
      const piped = await runCommand(["rewards", "export", "--epoch", "1"], as(STRANGER));
      expect(toHex(sha256(piped.stdout))).to.equal(content.dataHash);
      const early = await refusal(["rewards", "export", "--epoch", "9", "--out", path("epoch-9.json")], as(STRANGER));
      expect(early.code).to.equal("epoch_not_over");

      const [, verifier] = world.verifiers;
      const environment = { ...as(STRANGER), DATA_DIR: world.directory, VERIFIER_NODE: String(verifier?.node) };
      const signed = await run(["rewards", "sign", "--epoch", "1"], environment);
      const where = { chainId: 31337n, rewards: String(epochRewards.target) };
      const digest = fromHex(rootDigest(where, content, (await epochRewards.getActive()).commitment), 32);
      expect(recoverAddress(digest, fromHex(signed.signature, 65))).to.equal(signed.signer);
      expect(await teeRegistry.activeOperator(signed.signer)).to.equal(BigInt(signed.operator));
      expect(signed.operator).to.equal(verifier?.operator);
      await refused(["rewards", "sign", "--epoch", "2"], environment, "no_root");
      await refused(["rewards", "sign", "--epoch", "1"], { ...environment, VERIFIER_NODE: "999" }, "no_key");

      await silently(OWNER, async () => {
        await refused(["rewards", "refute"], as(OWNER), "no_fault");
        await refused(["rewards", "challenge"], as(OWNER), "no_fault");
        await refused(["rewards", "challenge", "--force", "--reason", "x".repeat(32)], as(OWNER), "bad_reason");
        const would = await run(["rewards", "challenge", "--force", "--dry-run"], as(OWNER));
        expect(would).to.include({ outcome: "challenged", transaction: null });
      });
      expect((await pending()).id).to.equal(root?.id);
      expect((await pending()).challenger).to.equal(ZeroAddress);
    });

    it("are paid to several accounts by claim-many, once", async () => {
      const { opg } = world.contracts;
      await world.networkHelpers.time.increaseTo((await pending()).activeFrom);
      expect((await run(["keeper", "run", "epoch", "--once"], as(POSTER))).outcomes.at(-1).outcome).to.equal(
        "activated",
      );

      const list = path("accounts.txt");
      // One of them twice, in other letters.
      const names = [...contributors, contributors[0]?.toLowerCase()];
      await writeFile(list, `${names.join("\n")}\n`);
      await writeFile(path("nobody.txt"), "\n");
      await writeFile(path("bad.txt"), `${contributors[0]}\n0x12\n`);
      await silently(OWNER, async () => {
        await refused(["rewards", "claim-many", path("missing.txt")], as(OWNER), "no_file");
        await refused(["rewards", "claim-many", path("nobody.txt")], as(OWNER), "no_accounts");
        await refused(["rewards", "claim-many", path("bad.txt")], as(OWNER), "bad_address");
        const would = await run(["rewards", "claim-many", list, "--dry-run"], as(OWNER));
        expect(would).to.include({ epoch: 1, transaction: null });
      });
      const { claims, transaction } = await run(["rewards", "claim-many", list], as(OWNER));
      expect(transaction).to.be.a("string");
      const paid = await Promise.all(
        contributors.map(async (account) => ({
          account: account.toLowerCase(),
          amountNano: String((await opg.balanceOf(account)) / WEI_PER_NANO),
        })),
      );
      expect(claims).to.deep.equal(paid);
      for (const { amountNano } of paid) expect(BigInt(amountNano) > 0n).to.equal(true);
      await silently(OWNER, () => refused(["rewards", "claim-many", list], as(OWNER), "nothing_due"));
    });

    it("that leave an account out are refuted", async () => {
      await endEpoch(world, 2);
      const computed = await computeOn(world, 2);
      await postRoot(world, POSTER, withoutLeaf(computed, contributors[0] as string));
      await silently(OWNER, async () => {
        const would = await run(["rewards", "refute", "--dry-run"], as(OWNER));
        expect(would).to.include({ outcome: "refuted", transaction: null });
      });
      const done = await run(["rewards", "refute"], as(OWNER));
      expect(done).to.include({ outcome: "refuted", function: "refuteOmission" });
      expect((await pending()).id).to.equal(ZeroHash);
    });

    it("that are right are frozen by a forced challenge", async () => {
      await run(["rewards", "post"], as(POSTER));
      const done = await run(["rewards", "challenge", "--force", "--reason", "I say so"], as(OWNER));
      expect(done).to.include({ outcome: "challenged", reason: "I say so" });
      expect((await pending()).challenger).to.equal(signer(OWNER).address);
      const shown = await run(["rewards", "show"], as(STRANGER));
      expect(shown.pending).to.include({ state: "frozen", epoch: 2 });
      await silently(OWNER, async () => {
        const { code, stdout } = await runCommand(["rewards", "challenge", "--force", "--json"], as(OWNER));
        expect(code).to.equal(1);
        expect(JSON.parse(stdout)).to.include({ outcome: "wrong", reason: "it is challenged already" });
      });
    });
  });
});
