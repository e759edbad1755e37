import { join } from "node:path";
import { expect } from "chai";
import { solvency } from "../../src/cli/demo/solvency.ts";
import { settleAll, settleDeps, startSettler } from "../../src/cli/roles/settler.ts";
import { toHex } from "../../src/core/hashing/hex.ts";
import { batchTree, decodeBatchFile } from "../../src/core/protocol/batchFile.ts";
import type { BatchBody } from "../../src/core/protocol/messages.ts";
import { infer } from "../../src/sdk/infer.ts";
import { fetchProof, proveOnChain } from "../../src/sdk/prove.ts";
import { openPayer, sessionOf, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { getJson } from "../helpers/raw.ts";
import { until } from "../helpers/until.ts";

/** The second policy of local networks: leaves and window sizes in calldata, the contract computes the root. */
const CALLDATA_POLICY = 2;

describe("the whole loop under the CALLDATA policy", () => {
  let test: TestNetwork;
  let role: Awaited<ReturnType<typeof startSettler>>;

  before(async () => {
    test = await startTestNetwork();
    role = await startSettler({
      ...test.net.settlerRole.open,
      policy: CALLDATA_POLICY,
      directory: join(test.directory, "calldata"),
      workerUrls: test.net.workers.map(({ url }) => url),
      settleInSeconds: 3600,
    });
    await until("a worker has been asked what it serves", async () => {
      const { data } = await getJson(`${role.url}/v1/models`);
      return data.length > 0;
    });
  });
  after(async () => {
    await role?.close(100);
    await test?.close();
  });

  it("infers, settles with the tree in calldata, proves and stays solvent", async () => {
    const { chain, net } = test;
    const payer = await openPayer(test, undefined, CALLDATA_POLICY);
    const session = await sessionOf(test, payer, { gatewayUrl: role.url });
    const ask = () => infer(session, { model: "opg-guard", messages: [{ role: "user", content: "Pay 3 OPG" }] });
    const answers = [await ask(), await ask(), await ask()];
    const [committed, idle] = await settleAll(settleDeps(role.open, { settleInSeconds: 1, deadlineSeconds: 600 }));
    expect([committed?.outcome, idle?.outcome]).to.deep.equal(["committed", "idle"]);
    const transaction = await chain.provider.getTransaction((committed as { txHash: string }).txHash);
    const { tree } = chain.contracts.settlement.interface.decodeFunctionData("commitBatch", transaction?.data ?? "0x");
    // A count, a size a window, and 32 bytes a leaf.
    expect((tree.length - 2) / 2).to.be.at.least(2 + 2 + 3 * 32);
    // No hash on chain names its file: it is asked for by number and checked by its root.
    const { number, root } = (committed as { body: BatchBody }).body;
    const response = await fetch(`${role.url}/v1/batches/${net.settler}/${number}`);
    const file = decodeBatchFile(new Uint8Array(await response.arrayBuffer()));
    expect(toHex(batchTree(file.windows).root)).to.equal(toHex(root));
    expect(file.receipts).to.have.length(3);
    for (const { receipt } of answers) {
      const proof = await fetchProof(role.url, toHex(receipt.requestId));
      expect(await proveOnChain(chain, proof)).to.include({ valid: true });
    }
    const payees = Number(await chain.contracts.settlement.payeeCount());
    expect((await solvency(chain, net.settler, payees)).differenceNano).to.equal(0n);
  });
});
