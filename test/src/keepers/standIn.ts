import { expect } from "chai";
import { advance, localAccount } from "../../../src/cli/demo/chain.ts";
import { settleAll, settleDeps } from "../../../src/cli/roles/settler.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { createTxQueue } from "../../../src/core/txQueue.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { createStandIn, type StandIn } from "../../../src/keepers/standIn.ts";
import { encodeFinding } from "../../../src/keepers/watch/act.ts";
import { batchStruct, createHistory } from "../../../src/keepers/watch/history.ts";
import { infer } from "../../../src/sdk/infer.ts";
import { KEEPER } from "../../helpers/cheat.ts";
import { openPayer, type Payer, sessionOf, startTestNetwork, type TestNetwork } from "../../helpers/network.ts";

const MESSAGE = { role: "user" as const, content: "What is my balance?" };
const HALF = 151;

/*
createStandIn
├── given a claim that the settler still has half of its time for: waits
├── given one that it left unanswered, and debits after it: proves it from a verifier's batch file, and those after it do not count
├── given a sequence that it left unanswered: opens it
└── given an operator that did not sign, or a file that nobody has: answers nothing
*/
describe("createStandIn", () => {
  let test: TestNetwork;
  let payer: Payer;
  before(async () => {
    test = await startTestNetwork();
    payer = await openPayer(test);
    const session = await sessionOf(test, payer);
    for (let i = 0; i < 2; i++) {
      await infer(session, { model: "opg-guard", messages: [MESSAGE] });
      await settleAll(settleDeps(test.net.settlerRole.open, KEEPER));
    }
  });
  after(() => test?.close());

  async function standIn(operator: number, dataUrls = test.net.verifiers.map(({ url }) => url)): Promise<StandIn> {
    const { chain, net } = test;
    const queue = createTxQueue({
      db: net.settlerRole.open.database.db,
      provider: chain.provider,
      wallet: net.committer,
      chainId: chain.deployment.chainId,
      clock: systemClock,
      logger: silentLogger,
    });
    return createStandIn({ chain, operator, dataUrls, queue, logger: silentLogger });
  }

  const signer = async () => {
    const { node } = test.net.verifiers[0] as { node: number };
    return Number((await test.chain.contracts.nodeRegistry.getNode(node)).operator);
  };

  /** Claims the first batch's debit, and its first sequence. */
  async function claimBoth(): Promise<void> {
    const { chain, net } = test;
    const { opg, court } = chain.contracts;
    const challenger = localAccount(chain, 0);
    await mined(opg.connect(challenger).approve(court.target, 2n * (await court.bondNano()) * WEI_PER_NANO));
    const { batches } = await createHistory(chain, net.settler, silentLogger).refresh(10_000n);
    const batch = batches.get(1n);
    if (!batch) throw new Error("There is no batch");
    const { reservation } = payer.reservation;
    const debit = { kind: "debit", number: 1n, reservation, row: 0, amountNano: 0n, certain: true } as const;
    await (await challenger.sendTransaction({ to: court.target, data: encodeFinding(chain, batch, debit) })).wait();
    await mined(court.connect(challenger).claimSequence(batchStruct(batch), batch.body.firstSequence));
  }

  it("leaves a claim to the settler at first", async () => {
    await claimBoth();
    expect(await (await standIn(await signer())).pass()).to.deep.equal([]);
  });

  it("answers nothing for others, or without a file", async () => {
    await advance(test.chain, HALF);
    expect(await (await standIn(99)).pass()).to.deep.equal([]);
    const without = await (await standIn(await signer(), [])).pass();
    expect(without.map(({ outcome }) => outcome)).to.deep.equal(["unproven", "unproven"]);
  });

  it("answers what the settler left, from the file that a verifier keeps", async () => {
    const { court } = test.chain.contracts;
    const answers = await (await standIn(await signer())).pass();
    expect(answers.map(({ outcome }) => outcome)).to.deep.equal(["answered", "answered"]);
    expect((await court.getClaim(1)).state).to.equal(2n);
    expect((await court.getSequenceClaim(1)).state).to.equal(2n);
    expect(await court.shownNano(test.net.settler, 2n, payer.reservation.reservation)).to.equal(50_000n);
    expect(await (await standIn(await signer())).pass()).to.deep.equal([]);
  });
});
