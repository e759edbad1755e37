import { join } from "node:path";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { readEnvironment } from "../../src/cli/config.ts";
import { type OpenRewards, openRewards, posterOf } from "../../src/cli/rewards/open.ts";
import { mined } from "../../src/core/chain/events.ts";
import { fromHex } from "../../src/core/hashing/hex.ts";
import { secp256k1 } from "../../src/core/hashing/secp256k1.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { typedDigest } from "../../src/core/protocol/domain.ts";
import { windowHash } from "../../src/core/protocol/messages.ts";
import { leafHasher, type Receipt } from "../../src/core/protocol/receipt.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import { ensureDeposit, epochOnce } from "../../src/keepers/rewards/epoch.ts";
import { rootsOf } from "../../src/rewards/chain/roots.ts";
import type { Shown } from "../helpers/batches.ts";
import { OPG, type VerifierActor } from "../helpers/economy.ts";
import { commitFile, computeOn, endEpoch, enterEpoch, readerOf, startOf } from "../helpers/epochChain.ts";
import { type EpochNetwork, openEpochNetwork } from "../helpers/epochNetwork.ts";
import { failure } from "../helpers/failure.ts";
import { rpcMethods, startFaultProxy } from "../helpers/faultProxy.ts";
import { type Environment, runCommand } from "../helpers/roles.ts";
import { postRoot, withoutLeaf } from "../helpers/wrongRoots.ts";

/*
Roots of several posters
├── a wrong one without a quorum is displaced by the epoch keeper, in time and at no cost for its poster
├── one that nobody attested is dropped after its time, costs its poster a part, and the next one is posted
├── a bond that is gone is put up again, also with the same amounts
├── two keepers at once: one root stands, and it becomes active
├── a keeper that another overtakes before it attests or activates is told to try again
└── a batch that was delayed by an open claim counts in the following epoch
*/
const FIRST = 3;
const SECOND = 4;

describe("roots of several posters", () => {
  let world: EpochNetwork;

  before(async () => {
    world = await openEpochNetwork();
    for (const index of [FIRST, SECOND]) {
      await mined(world.contracts.opg.transfer(address(index), 1_000_000n * OPG * WEI_PER_NANO));
    }
    await enterEpoch(world, 1);
    await commitFile(world, [{ priceNano: 200_000n }]);
    await endEpoch(world, 1);
  });
  after(() => world?.close());

  const address = (index: number) => (world.signers[index] as (typeof world.signers)[0]).address;
  const as = (index: number): Environment => ({
    ...world.environment,
    OPG_KEY: world.keyOf(index),
    DATA_DIR: join(world.directory, `home-${index}`),
  });
  const opened = async <T>(index: number, use: (open: OpenRewards) => Promise<T>, change: Environment = {}) => {
    const config = readEnvironment({ ...as(index), ...change });
    const open = await openRewards({}, { config, logger: silentLogger, send: true });
    try {
      return await use(open);
    } finally {
      await open.close();
    }
  };
  const keeper = (index: number, change: Environment = {}) =>
    opened(index, async (open) => (await epochOnce(await posterOf(open))).map(({ outcome }) => outcome), change);
  const pending = () => world.contracts.epochRewards.getPending();
  const statesOf = async (epoch: number) => (await rootsOf(await readerOf(world), epoch)).map(({ state }) => state);

  async function activate(index: number): Promise<void> {
    await world.networkHelpers.time.increaseTo((await pending()).activeFrom);
    expect(await keeper(index)).to.include("activated");
  }

  it("that are wrong and have no quorum are displaced", async () => {
    const { epochRewards } = world.contracts;
    const computed = await computeOn(world, 1);
    const left = computed.result.tree.leaves.find(({ cumulativeWei }) => cumulativeWei > 0n)?.account as string;
    const wrong = await postRoot(world, SECOND, withoutLeaf(computed, left));
    expect(await epochRewards.depositOf(address(SECOND))).to.equal(0n);

    expect(await keeper(FIRST)).to.include("displaced");
    expect(await epochRewards.depositOf(address(SECOND))).to.equal(wrong.posting.bondNano);
    expect(await statesOf(1)).to.deep.equal(["dropped", "window"]);
    const [, right] = await rootsOf(await readerOf(world), 1);
    expect(right?.posting).to.include({ poster: address(FIRST) });
    expect(right?.posting.content.root).to.equal(computed.content.root);
    expect(await keeper(FIRST)).to.deep.equal(["waiting"]);
    await activate(FIRST);
    expect((await epochRewards.getBooks()).epoch).to.equal(1n);
  });

  it("that nobody attested are dropped after their time, and the next one is posted", async () => {
    const { epochRewards } = world.contracts;
    await mined(
      epochRewards.connect(world.signers[SECOND] as never).withdraw(await epochRewards.depositOf(address(SECOND))),
    );
    await endEpoch(world, 2);
    const { posting } = await postRoot(world, SECOND, await computeOn(world, 2));
    await world.networkHelpers.time.increaseTo(posting.attestBy + 1);

    expect(await keeper(FIRST)).to.include("dropped");
    expect((await pending()).id).to.equal(ZeroHash);
    const { lapsePpm } = await epochRewards.getParameters();
    const lostNano = (posting.bondNano * lapsePpm) / 1_000_000n;
    expect(await epochRewards.depositOf(address(SECOND))).to.equal(posting.bondNano - lostNano);
    expect(lostNano > 0n).to.equal(true);

    expect(await keeper(FIRST)).to.include.members(["posted", "attested"]);
    expect(await statesOf(2)).to.deep.equal(["dropped", "window"]);
    await activate(FIRST);
  });

  it("have their bond put up again when it is gone", async () => {
    const { epochRewards } = world.contracts;
    const rewards = epochRewards.connect(world.signers[FIRST] as never);
    await mined(rewards.withdraw(await epochRewards.depositOf(address(FIRST))));
    for (let i = 0; i < 2; i++) {
      expect(await opened(FIRST, (open) => ensureDeposit(open, 70n * OPG, 3))).to.have.length(1);
      expect(await epochRewards.depositOf(address(FIRST))).to.equal(70n * OPG);
      expect(await opened(FIRST, (open) => ensureDeposit(open, 70n * OPG, 3))).to.deep.equal([]);
      await mined(rewards.withdraw(70n * OPG));
    }
  });

  it("by two keepers at once become one that stands", async () => {
    await endEpoch(world, 3);
    // What a keeper cannot do because the other was faster it tries again: never is that wrong input.
    for (let round = 0; round < 5 && (await world.contracts.epochRewards.getBooks()).epoch < 3n; round++) {
      const ends = await Promise.all(
        [FIRST, SECOND].map((index) => runCommand(["keeper", "run", "epoch", "--once", "--json"], as(index))),
      );
      for (const { code, stderr } of ends) expect([0, 75], stderr).to.include(code);
      const { activeFrom } = await pending();
      if (activeFrom !== 0n) await world.networkHelpers.time.increaseTo(activeFrom);
    }
    expect((await world.contracts.epochRewards.getBooks()).epoch).to.equal(3n);
    expect(await statesOf(3)).to.deep.equal(["active"]);
    expect((await pending()).id).to.equal(ZeroHash);
  });

  it("by a keeper that another overtakes are tried again later", async () => {
    const { epochRewards } = world.contracts;
    await endEpoch(world, 4);
    const proxy = await startFaultProxy(world.rpc.url);
    /** The first one's pass; before it can send this call, the second one's happens. */
    async function overtaken(name: "attest" | "activate", theirs: string) {
      const selector = epochRewards.interface.getFunction(name as "attest").selector;
      let outcomes: string[] | undefined;
      proxy.rule(async (exchange) => {
        const asked = rpcMethods(exchange.body).includes("eth_estimateGas") && exchange.body.includes(selector);
        if (asked) outcomes ??= await keeper(SECOND);
        await exchange.pass();
      });
      const error = await failure(() => keeper(FIRST, { RPC_URL: proxy.url }));
      expect(outcomes).to.include(theirs);
      expect(error).to.include({ code: "lost_race", retryable: true });
    }
    try {
      await overtaken("attest", "attested");
      expect(await statesOf(4)).to.deep.equal(["window"]);
      await world.networkHelpers.time.increaseTo((await pending()).activeFrom);
      await overtaken("activate", "activated");
      expect(await statesOf(4)).to.deep.equal(["active"]);
    } finally {
      await proxy.close();
    }
  });

  it("count a batch that an open claim delayed in the following epoch", async () => {
    const { court, opg } = world.contracts;
    const { payer } = world;
    const bondNano = await court.bondNano();
    await mined(opg.transfer(payer.address, bondNano * WEI_PER_NANO));
    await mined(opg.connect(payer).approve(court.target, bondNano * WEI_PER_NANO));
    await world.networkHelpers.time.increaseTo((await startOf(world, 6)) - 650);
    const claimed = await commitFile(world, [{ priceNano: 1_000n }, { priceNano: 1_000n }]);
    await world.networkHelpers.time.increaseTo((await startOf(world, 6)) - 200);
    const [receipt] = claimed.receipts as [Receipt];
    const [shown] = claimed.shown as [Shown];
    await mined(court.connect(payer).claimSequence(claimed.batch, receipt.sequence));
    await endEpoch(world, 5);
    expect((await computeOn(world, 5)).result.tally.receipts).to.equal(0);

    const [verifier] = world.verifiers as [VerifierActor];
    const window = {
      settler: world.settler,
      verifier: receipt.verifier,
      root: leafHasher(world.domain).ofReceipt(receipt),
      count: 1,
      signedAtMs: 1000 * (await world.networkHelpers.time.latest()),
    };
    const signature = secp256k1.sign(typedDigest(world.domain, windowHash(window)), fromHex(verifier.key.privateKey));
    await mined(
      court.openSequence(1, shown.receipt, shown.path, { ...window, signedAt: window.signedAtMs }, [], signature),
    );
    expect(await keeper(FIRST)).to.include.members(["posted", "attested"]);
    await activate(FIRST);
    await endEpoch(world, 6);
    const { tally } = (await computeOn(world, 6)).result;
    expect(tally).to.include({ receipts: 2, batches: 1 });
  });
});
