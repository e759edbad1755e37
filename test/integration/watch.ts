import { expect } from "chai";
import { advance } from "../../src/cli/demo/chain.ts";
import { solvency } from "../../src/cli/demo/solvency.ts";
import type { BatchBody } from "../../src/core/protocol/messages.ts";
import type { Receipt } from "../../src/core/protocol/receipt.ts";
import { NANO_PER_OPG } from "../../src/core/units.ts";
import { infer } from "../../src/sdk/infer.ts";
import type { Session } from "../../src/sdk/session.ts";
import { type Cheat, commitCheating } from "../helpers/cheat.ts";
import { type Payer, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { newLogDirectory, openLogged, openWatcher, PATIENCE, type Watcher } from "../helpers/watcher.ts";

/*
A watcher, given a settler that conspires with its verifiers
├── and debits more than the vouchers allow: claims at once, refunds, punishes
├── and debits what no receipt shows, within the vouchers: waits for an explanation, claims, refunds, punishes
├── and bills a receipt dearer than its request, weaker, or above the price list: reports, gives it back, punishes
├── and commits under another policy: reports it, gives all of it back, punishes
├── and doubles a sequence, or leaves its range: reports, punishes
├── and leaves a number out, or has a window signed by nobody: claims the number, ends it, punishes
└── and shows the batch to nobody: waits, claims a number of its own, ends it, punishes
*/
const MESSAGE = { role: "user" as const, content: "What is my balance?" };
const ANSWER_TIME = 300;
const PENALTY_DELAY = 900;
const CALLDATA_POLICY = 2;
const PRICE_NANO = 50_000n;
/** The most that an answer may cost, as `sessionOf` has it. */
const CAP_NANO = NANO_PER_OPG / 100n;

describe("a watcher", () => {
  let test: TestNetwork;
  let watcher: Watcher;
  let payer: Payer;
  let session: Session;

  before(async () => {
    test = await startTestNetwork();
  });
  after(() => test?.close());
  beforeEach(async () => {
    const directory = newLogDirectory(test);
    ({ payer, session } = await openLogged(test, directory));
    watcher = await openWatcher(test, directory);
  });
  afterEach(async () => {
    await watcher?.close();
    const payees = Number(await test.chain.contracts.settlement.payeeCount());
    expect((await solvency(test.chain, test.net.settler, payees)).differenceNano).to.equal(0n);
  });

  /** So many inferences, then the batch over them, changed. */
  async function cheat(change: Cheat, inferences = 2): Promise<BatchBody> {
    for (let i = 0; i < inferences; i++) await infer(session, { model: "opg-guard", messages: [MESSAGE] });
    return commitCheating(test, change);
  }

  const stake = () => test.chain.contracts.stakeHub.slashableStake(test.net.settler);
  const held = () => test.chain.contracts.opg.balanceOf(watcher.wallet.address);

  async function debitedNano(): Promise<bigint> {
    const { reservation } = payer.reservation;
    const { netNano, balanceNano } = await test.chain.contracts.settlement.getReservation(
      test.net.settler,
      reservation,
    );
    return netNano - balanceNano;
  }

  const more = (byNano: bigint) => (rows: { index: number; amountNano: bigint }[]) =>
    rows.map((row) =>
      row.index === payer.reservation.reservation ? { ...row, amountNano: row.amountNano + byNano } : row,
    );

  /** From the claim's end to the penalty: the watcher says `ends`, then punishes; it has its bond and a reward then. */
  async function expectWon(ends: string[], beforeWei: bigint): Promise<void> {
    await advance(test.chain, ANSWER_TIME + 1);
    expect(await watcher.said()).to.deep.equal(ends);
    await expectPunished(beforeWei);
  }

  async function expectPunished(beforeWei: bigint, times = 1): Promise<void> {
    expect(await watcher.said()).to.deep.equal([]);
    const stakeNano = await stake();
    await advance(test.chain, PENALTY_DELAY + 1);
    expect(await watcher.said()).to.deep.equal(Array(times).fill("punish sent"));
    const left = (await stake()) * 10n ** BigInt(times);
    expect(left - stakeNano * 9n ** BigInt(times)).to.be.within(-2n * 10n ** BigInt(times), 0n);
    expect((await held()) > beforeWei, "a bond back, and a reward").to.equal(true);
    expect(await watcher.said()).to.deep.equal([]);
  }

  it("gets a debit above the vouchers back, and the settler punished", async () => {
    const beforeWei = await held();
    await cheat({ debits: more(NANO_PER_OPG) });
    expect(await debitedNano()).to.equal(2n * PRICE_NANO + NANO_PER_OPG);
    expect(await watcher.said()).to.deep.equal(["debit sent"]);
    expect(await watcher.said()).to.deep.equal([]);
    await expectWon(["refundDebit sent"], beforeWei);
    expect(await debitedNano()).to.equal(0n);
  });

  it("gets a debit that no receipt shows back, although the vouchers would allow it", async () => {
    const beforeWei = await held();
    await cheat({ debits: more(1_000_000n) });
    expect(await watcher.said()).to.deep.equal(["debit waiting"]);
    await advance(test.chain, PATIENCE);
    expect(await watcher.said()).to.deep.equal(["debit sent"]);
    await expectWon(["refundDebit sent"], beforeWei);
    expect(await debitedNano()).to.equal(0n);
  });

  /** What is said of the first receipt, how receipts are changed, and what comes back. */
  const excesses: [string, string, (receipt: Receipt, first: boolean) => Partial<Receipt>, bigint][] = [
    [
      "dearer than its request",
      "request",
      // Within the vouchers, because the other one is cheaper.
      (_, first) => (first ? { priceNano: CAP_NANO + 7n, outputUnits: 20_000 } : { priceNano: PRICE_NANO - 10n }),
      7n,
    ],
    [
      "weaker than its request",
      "request",
      (_, first) => (first ? { modelVersion: new Uint8Array(32) } : {}),
      PRICE_NANO,
    ],
    ["above the price list", "price", ({ priceNano }, first) => (first ? { priceNano: priceNano + 7n } : {}), 7n],
    ["that nobody answered", "price", (_, first) => (first ? { outputUnits: 0 } : {}), PRICE_NANO],
  ];
  for (const [what, kind, change, backNano] of excesses) {
    it(`gets back what a receipt ${what} cost in excess`, async () => {
      const beforeWei = await held();
      const changed = (receipt: Receipt, i: number) => ({ ...receipt, ...change(receipt, i === 0) });
      const priced = { priceNano: PRICE_NANO } as Receipt;
      const spentNano = changed(priced, 0).priceNano + changed(priced, 1).priceNano;
      await cheat({
        receipt: (receipt, i) => ({ ...changed(receipt, i), spentNano }),
        debits: more(spentNano - 2n * PRICE_NANO),
      });
      expect(await watcher.said()).to.deep.equal([`${kind} sent`, "showDebit sent", "refundExcess sent"]);
      expect(await debitedNano()).to.equal(spentNano - backNano);
      await expectPunished(beforeWei);
    });
  }

  it("gets all of a debit under another policy back", async () => {
    const beforeWei = await held();
    await cheat({ policy: CALLDATA_POLICY });
    expect(await watcher.said()).to.deep.equal(["showDebit sent", "policy sent", "refundExcess sent"]);
    expect(await debitedNano()).to.equal(0n);
    await expectPunished(beforeWei);
  });

  it("reports two receipts with one sequence, and claims the number that nobody shows", async () => {
    const beforeWei = await held();
    await cheat({ receipt: (receipt, _i, all) => ({ ...receipt, sequence: (all[0] as Receipt).sequence }) });
    expect(await watcher.said()).to.deep.equal(["doubled sent", "sequence sent"]);
    await advance(test.chain, ANSWER_TIME + 1);
    expect(await watcher.said()).to.deep.equal(["endSequence sent"]);
    await expectPunished(beforeWei, 2);
  });

  it("reports a receipt that is out of its batch's range", async () => {
    const beforeWei = await held();
    await cheat({ receipt: (receipt, i) => (i === 1 ? { ...receipt, sequence: receipt.sequence + 1_000n } : receipt) });
    expect(await watcher.said()).to.deep.equal(["outOfRange sent", "sequence sent"]);
    await advance(test.chain, ANSWER_TIME + 1);
    expect(await watcher.said()).to.deep.equal(["endSequence sent"]);
    await expectPunished(beforeWei, 2);
  });

  it("claims a number whose window no enclave signed", async () => {
    const beforeWei = await held();
    await cheat({ unattested: true }, 1);
    expect(await watcher.said()).to.deep.equal(["sequence sent"]);
    await expectWon(["endSequence sent"], beforeWei);
  });

  it("claims a number of a batch that nobody shows", async () => {
    const beforeWei = await held();
    await cheat({ withheld: true, receipt: (receipt) => ({ ...receipt, outputHash: new Uint8Array(32) }) });
    expect(await watcher.said()).to.deep.equal(["sequence waiting"]);
    await advance(test.chain, PATIENCE);
    expect(await watcher.said()).to.deep.equal(["sequence sent"]);
    await expectWon(["endSequence sent"], beforeWei);
  });
});
