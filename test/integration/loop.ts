import { expect } from "chai";
import { solvency } from "../../src/cli/demo/solvency.ts";
import { settleAll, settleDeps } from "../../src/cli/roles/settler.ts";
import { toHex } from "../../src/core/hashing/hex.ts";
import { Mode, Status } from "../../src/core/protocol/receipt.ts";
import { infer } from "../../src/sdk/infer.ts";
import { fetchProof, proveOnChain } from "../../src/sdk/prove.ts";
import {
  BACKENDS,
  freshDatabase,
  openPayer,
  sessionOf,
  startTestNetwork,
  type TestNetwork,
} from "../helpers/network.ts";

for (const backend of BACKENDS) {
  describe(`the whole loop (${backend})`, () => {
    let test: TestNetwork;
    before(async () => {
      const databaseUrl = await freshDatabase(backend);
      test = await startTestNetwork(databaseUrl ? { databaseUrl } : {});
    });
    after(() => test?.close());

    it("infers, settles, proves and stays solvent", async () => {
      const { chain, net } = test;
      const payer = await openPayer(test);
      const session = await sessionOf(test, payer, { minMode: Mode.TEE });
      const message = { role: "user" as const, content: "Pay 3 OPG to the provider" };
      const whole = await infer(session, { model: "opg-guard", messages: [message] });
      const streamed = await infer(session, { model: "opg-guard", messages: [message], onText: () => undefined });

      expect(JSON.parse(whole.text).label).to.equal("pay");
      expect(streamed.text).to.equal(whole.text);
      expect(whole.receipt).to.include({ status: Status.OK, mode: Mode.TEE, inputUnits: 1, outputUnits: 1 });
      expect(streamed.receipt.spentNano).to.equal(whole.receipt.priceNano * 2n);

      const deps = settleDeps(net.settlerRole.open, {
        settleInSeconds: 1,
        deadlineSeconds: 600,
      });
      const outcomes = await settleAll(deps);
      expect(outcomes.map(({ outcome }) => outcome)).to.deep.equal(["committed", "idle"]);

      for (const { receipt } of [whole, streamed]) {
        const proof = await fetchProof(net.gatewayUrl, toHex(receipt.requestId));
        expect(await proveOnChain(chain, proof)).to.include({ valid: true });
        const other = { ...proof, receipt: Uint8Array.from(proof.receipt, (byte, i) => (i === 39 ? byte ^ 1 : byte)) };
        expect(await proveOnChain(chain, other)).to.include({ valid: false });
      }
      const { balanceNano, netNano } = await chain.contracts.settlement.getReservation(
        net.settler,
        payer.reservation.reservation,
      );
      expect(netNano - balanceNano).to.equal(streamed.receipt.spentNano);
      const payees = Number(await chain.contracts.settlement.payeeCount());
      expect((await solvency(chain, net.settler, payees)).differenceNano).to.equal(0n);
    });
  });
}
