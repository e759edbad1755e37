import { expect } from "chai";
import { localAccount } from "../../../src/cli/demo/chain.ts";
import { answerDeps, settleAll, settleDeps } from "../../../src/cli/roles/settler.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../src/core/hashing/keccak.ts";
import { bodyStruct } from "../../../src/core/protocol/batch.ts";
import { decodeRows } from "../../../src/core/protocol/rows.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { answerOnce } from "../../../src/keepers/answer.ts";
import { infer } from "../../../src/sdk/infer.ts";
import { createBatchStore, readBody } from "../../../src/settler/batches.ts";
import { commitmentOf } from "../../../src/settler/proofs.ts";
import { openPayer, sessionOf, startTestNetwork, type TestNetwork } from "../../helpers/network.ts";

const KEEPER = { settleInSeconds: 1, deadlineSeconds: 600 };
const MESSAGE = { role: "user" as const, content: "What is my balance?" };

/*
answerOnce
├── given no claim: does nothing
├── given a claim against a rightful debit
│  ├── when it only looks: says that it can be answered
│  └── when it answers: the claim is answered, the settler gets the bond
├── given a claim of a sequence: opens it
├── given debits of the reservation after the claimed one: answers all the same
├── given a debit that the database cannot prove: says so
└── given a claim that was answered: does nothing
*/
describe("answerOnce", () => {
  let test: TestNetwork;
  before(async () => {
    test = await startTestNetwork();
  });
  after(() => test?.close());

  const open = () => test.net.settlerRole.open;

  /** One inference of a new payer, settled; and the payer's session to send more. */
  async function settled() {
    const payer = await openPayer(test);
    const session = await sessionOf(test, payer);
    const again = async () => {
      await infer(session, { model: "opg-guard", messages: [MESSAGE] });
      await settleAll(settleDeps(open(), KEEPER));
    };
    await again();
    return { payer, again, number: (await test.chain.contracts.settlement.getSettler(test.net.settler)).batches };
  }

  /** A committed batch as the court takes it, and a challenger with a bond. */
  async function challenge(number: bigint) {
    const { contracts } = test.chain;
    const stored = await createBatchStore(open().database).get(test.net.settler, number);
    if (!stored) throw new Error(`There is no batch ${number}`);
    const challenger = localAccount(test.chain, 0);
    const bondNano = await contracts.court.bondNano();
    await mined(contracts.opg.connect(challenger).approve(contracts.court.target, bondNano * WEI_PER_NANO));
    const { signersHash, committedAt, committedIn } = commitmentOf(stored);
    const batch = {
      body: bodyStruct(readBody(stored)),
      commitment: { signersHash: toHex(signersHash), committedAt, committedIn },
      prevHash: toHex(stored.prevHash as Uint8Array),
      later: [],
    };
    return { stored, batch, court: contracts.court.connect(challenger) };
  }

  /** Claims the debit of a reservation in a batch; gives the claim's id. */
  async function claim(number: bigint, reservation: number): Promise<bigint> {
    const { stored, batch, court } = await challenge(number);
    const row = decodeRows(stored.debits).findIndex(({ index }) => index === reservation);
    const creditsHash = toHex(keccak256(stored.credits));
    await mined(court.claimDebit(batch, toHex(stored.debits), creditsHash, row));
    return court.claimCount();
  }

  it("does nothing when nobody claims", async () => {
    await settled();
    expect(await answerOnce(answerDeps(open(), KEEPER))).to.deep.equal([]);
  });

  it("answers a claim against a rightful debit, and the settler gets the bond", async () => {
    const { contracts } = test.chain;
    const { payer, number } = await settled();
    const { reservation } = payer.reservation;
    const id = await claim(number, reservation);
    const looked = await answerOnce({ ...answerDeps(open(), KEEPER), dryRun: true });
    expect(looked).to.deep.equal([{ claim: id, reservation, debitedNano: 50_000n, outcome: "answerable" }]);

    const settler = await contracts.settlement.getSettler(test.net.settler);
    const { account } = await contracts.settlement.getPayee(settler.payee);
    const before = await contracts.opg.balanceOf(account);
    const [answered] = await answerOnce(answerDeps(open(), KEEPER));
    expect(answered).to.include({ claim: id, outcome: "answered" });
    expect((await contracts.court.getClaim(id)).state).to.equal(2n);
    const bondWei = (await contracts.court.bondNano()) * WEI_PER_NANO;
    expect((await contracts.opg.balanceOf(account)) - before).to.equal(bondWei);

    expect(await answerOnce(answerDeps(open(), KEEPER))).to.deep.equal([]);
  });

  it("answers although the reservation was debited again since", async () => {
    const { payer, number, again } = await settled();
    await again();
    const id = await claim(number, payer.reservation.reservation);
    const [answered] = await answerOnce(answerDeps(open(), KEEPER));
    expect(answered).to.include({ claim: id, debitedNano: 100_000n, outcome: "answered" });
  });

  it("opens a sequence that is claimed, and the settler gets the bond", async () => {
    const { contracts } = test.chain;
    const { number } = await settled();
    const { batch, court } = await challenge(number);
    const sequence = batch.body.firstSequence;
    await mined(court.claimSequence(batch, sequence));
    const id = await court.sequenceClaimCount();
    const looked = await answerOnce({ ...answerDeps(open(), KEEPER), dryRun: true });
    expect(looked).to.deep.equal([{ claim: id, sequence, outcome: "answerable" }]);
    const deps = { ...answerDeps(open(), KEEPER), openingOf: async () => undefined };
    expect(await answerOnce(deps)).to.deep.equal([{ claim: id, sequence, outcome: "unproven" }]);

    const [answered] = await answerOnce(answerDeps(open(), KEEPER));
    expect(answered).to.include({ claim: id, sequence, outcome: "answered" });
    expect((await contracts.court.getSequenceClaim(id)).state).to.equal(2n);
    expect(await answerOnce(answerDeps(open(), KEEPER))).to.deep.equal([]);
  });

  it("says which debit it cannot prove", async () => {
    const { payer, number } = await settled();
    const id = await claim(number, payer.reservation.reservation);
    const [answer] = await answerOnce({ ...answerDeps(open(), KEEPER), proofOf: async () => undefined });
    expect(answer).to.include({ claim: id, outcome: "unproven" });
    expect((await test.chain.contracts.court.getClaim(id)).state).to.equal(1n);
  });
});
