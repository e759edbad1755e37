import { expect } from "chai";
import { developmentEvidence } from "../../../src/core/attestation/evidence.ts";
import { mined } from "../../../src/core/chain/events.ts";
import { toHex, ZERO32 } from "../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../src/core/hashing/keccak.ts";
import { recoverAddress } from "../../../src/core/hashing/secp256k1.ts";
import {
  batchFee,
  bodyDigest,
  encodeTree,
  packSignatures,
  signersHash,
  sizesHash,
} from "../../../src/core/protocol/batch.ts";
import { settlementDomain } from "../../../src/core/protocol/domain.ts";
import { buildTree } from "../../../src/core/protocol/merkle.ts";
import { type BatchBody, bodyHash, headerHash, innerHash, restHash } from "../../../src/core/protocol/messages.ts";
import { type Row, rowsHash } from "../../../src/core/protocol/rows.ts";
import { U64_MAX } from "../../../src/core/units.ts";
import { registerEnclaveKey } from "../../../src/operator/enclave.ts";
import { NodeClass, registerNode } from "../../../src/operator/nodes.ts";
import { OPG, signBody, type VerifierActor, walletOf } from "../../helpers/economy.ts";
import { seededRandom } from "../../helpers/random.ts";
import {
  booksOf,
  type Commit,
  commitTo,
  payerOf,
  planCommit,
  RESERVED_NANO,
  rawRows,
  refuses,
  sendCommit,
  useSettlement,
} from "../../helpers/settlement.ts";

/*
Batches.commitBatch
├── when the header is wrong: policy, settler, number, count, deadline
├── given the contract is paused
├── when the tree does not fit the policy or the header
├── when a row is malformed, unsorted, doubled, zero, of nobody, or takes more than there is
├── when debits are not credits and fee
├── when the signatures are not those of a quorum of distinct operators with keys that count now
├── when anything that was signed is not what is committed
├── when the debits are not covered by the settler's stake
└── when all is well
   ├── it should move exactly the money of the rows, for any rows
   ├── it should round the fee up
   ├── it should chain the header
   └── it should not do so twice
Batches.collectFees
└── it should move the fees to the treasury, once
*/
describe("Batches", () => {
  const BOND_NANO = 1_000n * OPG;
  const RESERVATIONS = 9;
  const test = useSettlement({ payers: RESERVATIONS, verifiers: 3, bondNano: BOND_NANO });

  const DEBITS: Row[] = [
    { index: 0, amountNano: 10n * OPG },
    { index: 1, amountNano: 20n * OPG },
    { index: 5, amountNano: 30n * OPG },
  ];
  const TOTAL_NANO = 60n * OPG;
  const FEE_NANO = 3n * OPG;

  /** Rows that balance: all but the fee to the worker and the settler. */
  const plan = () => ({
    debits: DEBITS,
    credits: [
      { index: test.settlerPayee, amountNano: 7n * OPG },
      { index: test.workerPayee, amountNano: 50n * OPG },
    ],
  });

  /** A batch that is fine but for what `change` does to it. Signed as changed. */
  async function changed(change: Partial<BatchBody>, rest: Partial<Commit> = {}): Promise<Commit> {
    const good = await planCommit(test, plan());
    const body = { ...good.body, ...change };
    if (rest.debits ?? rest.credits) {
      body.rowsHash = rowsHash(rest.debits ?? good.debits, rest.credits ?? good.credits);
    }
    const signatures = packSignatures(signBody(test.domain, body, test.verifiers.slice(0, 2)));
    return { ...good, body, signatures, ...rest };
  }

  /** The commit is refused, and what was wrong with it is all that was wrong: the good batch goes through. */
  async function refused(commit: Commit, error: string, args: readonly unknown[]): Promise<void> {
    await refuses(test, () => sendCommit(test, commit), error, args);
    await mined(sendCommit(test, await planCommit(test, plan())));
  }

  const settlement = () => test.contracts.settlement;

  describe("refuses a header", () => {
    const cases: [string, Partial<BatchBody>, string, () => unknown[]][] = [
      ["of policy 0", { policy: 0 }, "Settlement_UnknownPolicy", () => [0]],
      ["of a policy that is not registered", { policy: 3 }, "Settlement_UnknownPolicy", () => [3]],
      ["of no receipts", { count: 0 }, "Settlement_EmptyBatch", () => []],
      ["of settler 0", { settler: 0 }, "Settlement_UnknownSettler", () => [0]],
      ["of an operator that is not open", { settler: 2 }, "Settlement_UnknownSettler", () => [2]],
      ["with the number of the last batch", { number: 0n }, "Settlement_WrongBatchNumber", () => [test.settler, 1, 0]],
      ["with the number after next", { number: 2n }, "Settlement_WrongBatchNumber", () => [test.settler, 1, 2]],
      [
        "with a number that is the next one in its low 32 bits",
        { number: 2n ** 32n + 1n },
        "Settlement_WrongBatchNumber",
        () => [test.settler, 1, 2n ** 32n + 1n],
      ],
    ];
    for (const [what, change, error, args] of cases) {
      it(what, async () => refused(await changed(change), error, args()));
    }

    it("whose deadline has passed, and takes its last second", async () => {
      const deadline = BigInt(await test.networkHelpers.time.latest()) + 100n;
      const late = await changed({ deadline: deadline - 1n });
      const inTime = await changed({ deadline });
      await test.networkHelpers.time.setNextBlockTimestamp(deadline);
      await refuses(test, () => sendCommit(test, late), "Settlement_DeadlinePassed", [deadline - 1n, deadline]);
      await test.networkHelpers.time.setNextBlockTimestamp(deadline);
      await mined(sendCommit(test, inTime));
    });
  });

  describe("refuses while paused", () => {
    it("until the pause has ended, under each policy", async () => {
      await mined(settlement().pause());
      const until = await settlement().pausedUntil();
      const deadline = until + 10n;
      const commit = await changed({ deadline });
      await test.networkHelpers.time.setNextBlockTimestamp(until);
      for (const paused of [commit, await changed({ policy: 2, deadline })]) {
        await refuses(test, () => sendCommit(test, paused), "Settlement_Paused", [until]);
      }
      await test.networkHelpers.time.setNextBlockTimestamp(until + 1n);
      await mined(sendCommit(test, commit));
    });
  });

  describe("refuses a tree", () => {
    const windows = [[leaf(0), leaf(1)], [leaf(2)]];
    const tree = encodeTree(windows);
    const root = buildTree(windows.map((leaves) => buildTree(leaves).root)).root;
    const good = { policy: 2, root, count: 3, data: sizesHash(tree) };
    const other = leaf(9);

    it("under a policy that keeps data off the chain", async () => {
      await refused(await changed({}, { tree }), "Settlement_WrongDataMode", [1]);
    });

    const cases: [string, Partial<BatchBody>, Uint8Array, string, unknown[]][] = [
      ["of another root", { root: other }, tree, "Settlement_WrongRoot", [toHex(root), toHex(other)]],
      ["of another count", { count: 2 }, tree, "Settlement_WrongCount", [3, 2]],
      ["of other sizes", { data: other }, tree, "Settlement_WrongData", [toHex(good.data), toHex(other)]],
      ["that is absent", {}, new Uint8Array(), "MerkleBatch_WrongLength", [0, 2]],
      ["that is cut short", {}, tree.slice(0, -1), "MerkleBatch_WrongLength", [101, 102]],
      ["with a rest", {}, Buffer.concat([tree, ZERO32]), "MerkleBatch_WrongLength", [134, 102]],
      ["with an empty window", {}, encodeTree([[leaf(0)], []]), "MerkleBatch_EmptyWindow", [1]],
      [
        "with its leaves in other windows",
        {},
        encodeTree([[leaf(0)], [leaf(1), leaf(2)]]),
        "Settlement_WrongRoot",
        [toHex(buildTree([leaf(0), buildTree([leaf(1), leaf(2)]).root]).root), toHex(root)],
      ],
    ];
    for (const [what, change, given, error, args] of cases) {
      it(what, async () => {
        const commit = await changed({ ...good, ...change }, { tree: given });
        await refuses(test, () => sendCommit(test, commit), error, args);
        await mined(sendCommit(test, await changed(good, { tree })));
      });
    }
  });

  describe("refuses rows", () => {
    const debit = (...rows: [number, bigint][]) => ({ debits: rawRows(rows) });
    const credit = (...rows: [number, bigint][]) => ({ credits: rawRows(rows) });
    const cases: [string, () => Partial<Commit>, string, unknown[]][] = [
      ["of 11 bytes", () => ({ debits: new Uint8Array(11) }), "Settlement_BadRowLength", [11]],
      ["of 25 bytes", () => ({ credits: new Uint8Array(25) }), "Settlement_BadRowLength", [25]],
      ["with debits unsorted", () => debit([1, 1n], [0, 1n]), "Settlement_RowsUnsorted", [2, 0]],
      ["with debits unsorted across slots", () => debit([5, 1n], [1, 1n]), "Settlement_RowsUnsorted", [6, 1]],
      ["with a debit doubled", () => debit([1, 1n], [1, 1n]), "Settlement_RowsUnsorted", [2, 1]],
      ["with a debit of nothing", () => debit([0, 1n], [1, 0n]), "Settlement_ZeroRow", [1]],
      [
        "with a debit above a lane",
        () => debit([5, RESERVED_NANO + 1n]),
        "Settlement_LaneShort",
        [5, RESERVED_NANO, RESERVED_NANO + 1n],
      ],
      ["with a debit of all that fits", () => debit([5, U64_MAX]), "Settlement_LaneShort", [5, RESERVED_NANO, U64_MAX]],
      ["with a debit of nobody", () => debit([9, 1n]), "Settlement_LaneShort", [9, 0, 1]],
      ["with a debit of the last index", () => debit([2 ** 32 - 1, 1n]), "Settlement_LaneShort", [2 ** 32 - 1, 0, 1]],
      ["with credits unsorted", () => credit([3, 1n], [2, 1n]), "Settlement_RowsUnsorted", [4, 2]],
      ["with a credit doubled", () => credit([2, 1n], [2, 1n]), "Settlement_RowsUnsorted", [3, 2]],
      ["with a credit of nothing", () => credit([2, 1n], [3, 0n]), "Settlement_ZeroRow", [3]],
      ["with a credit to payee 0", () => credit([0, 1n]), "Settlement_RowsUnsorted", [1, 0]],
      ["with a credit to nobody", () => credit([2, 1n], [7, 1n]), "Settlement_UnknownPayee", [7]],
      ["with a credit above a lane", () => credit([2, U64_MAX]), "Settlement_LaneOverflow", [2, 0, U64_MAX]],
      [
        "that credit one nano more",
        () => credit([2, TOTAL_NANO - FEE_NANO + 1n]),
        "Settlement_Unbalanced",
        [TOTAL_NANO, TOTAL_NANO - FEE_NANO + 1n, FEE_NANO],
      ],
      [
        "that credit one nano less",
        () => credit([2, TOTAL_NANO - FEE_NANO - 1n]),
        "Settlement_Unbalanced",
        [TOTAL_NANO, TOTAL_NANO - FEE_NANO - 1n, FEE_NANO],
      ],
      [
        "that credit the fee too",
        () => credit([2, TOTAL_NANO]),
        "Settlement_Unbalanced",
        [TOTAL_NANO, TOTAL_NANO, FEE_NANO],
      ],
      ["that credit nobody", () => credit(), "Settlement_Unbalanced", [TOTAL_NANO, 0, FEE_NANO]],
      ["that debit nobody", () => debit(), "Settlement_Unbalanced", [0, TOTAL_NANO - FEE_NANO, 0]],
    ];
    for (const [what, rows, error, args] of cases) {
      it(what, async () => refused(await changed({}, rows()), error, args));
    }

    it("whose money a payer has taken out in time", async () => {
      const { reservation, terms, payer } = test.reserved[5] as (typeof test.reserved)[number];
      const asPayer = settlement().connect(payer);
      await mined(asPayer.requestRelease(test.settler, reservation, terms, RESERVED_NANO));
      await test.networkHelpers.time.increase(await settlement().releaseDelay());
      await mined(asPayer.release(test.settler, reservation, terms));
      const commit = await changed({});
      await refuses(test, () => sendCommit(test, commit), "Settlement_LaneShort", [5, 0, 30n * OPG]);
    });
  });

  describe("refuses signatures", () => {
    const verifier = (index: number) => test.verifiers[index] as VerifierActor;
    const ids = (...indices: number[]) => indices.map((index) => verifier(index).operator);

    /** The good batch, signed by these, in this order. */
    async function signedBy(...signers: VerifierActor[]): Promise<Commit> {
      const good = await planCommit(test, plan());
      const each = signers.map((signer) => packSignatures(signBody(test.domain, good.body, [signer])));
      return { ...good, signatures: new Uint8Array(Buffer.concat(each)) };
    }

    /** A further key in an enclave of the operator that owns `node`. */
    async function enclaveOf(owner: number, operator: number, node: number, name: string): Promise<VerifierActor> {
      const key = walletOf(name);
      const evidence = developmentEvidence(async () => 1000 * (await test.networkHelpers.time.latest()));
      await registerEnclaveKey(test.contracts, test.signers[owner] as (typeof test.signers)[0], node, key, evidence);
      return { operator, node, key };
    }

    for (const length of [1, 63, 65, 127, 129]) {
      it(`of ${length} bytes`, async () => {
        const commit = { ...(await signedBy(verifier(0), verifier(1))), signatures: new Uint8Array(length) };
        await refused(commit, "Settlement_BadSignatureLength", [length]);
      });
    }

    const cases: [string, () => Promise<Commit>, string, () => unknown[]][] = [
      ["of nobody", () => signedBy(), "Settlement_QuorumTooSmall", () => [0, 2]],
      ["of one of two", () => signedBy(verifier(1)), "Settlement_QuorumTooSmall", () => [1, 2]],
      [
        "of more than 32",
        async () => ({ ...(await signedBy()), signatures: new Uint8Array(33 * 64) }),
        "Settlement_TooManySigners",
        () => [33, 32],
      ],
      [
        "that are zeros",
        async () => ({ ...(await signedBy()), signatures: new Uint8Array(2 * 64) }),
        "Settlement_SignerNotActive",
        () => [`0x${"00".repeat(20)}`],
      ],
      [
        "in descending order of operators",
        () => signedBy(verifier(1), verifier(0)),
        "Settlement_SignersNotDistinct",
        () => [ids(1)[0], ids(0)[0]],
      ],
      [
        "of one key twice",
        () => signedBy(verifier(0), verifier(0)),
        "Settlement_SignersNotDistinct",
        () => [ids(0)[0], ids(0)[0]],
      ],
      [
        "of two keys of one operator",
        async () => signedBy(verifier(1), await enclaveOf(4, verifier(1).operator, verifier(1).node, "second enclave")),
        "Settlement_SignersNotDistinct",
        () => [ids(1)[0], ids(1)[0]],
      ],
      [
        "of a key that was never registered",
        () => signedBy(verifier(0), { ...verifier(1), key: walletOf("stranger") }),
        "Settlement_SignerNotActive",
        () => [walletOf("stranger").address],
      ],
      [
        "of the key of a verifier's node, which is no enclave's",
        () => signedBy({ ...verifier(0), key: walletOf("verifier node 0") }, verifier(1)),
        "Settlement_SignerNotActive",
        () => [walletOf("verifier node 0").address],
      ],
      [
        "of the settler's own enclave",
        async () => {
          const key = walletOf("settler's verifier node");
          const options = { class: NodeClass.VERIFIER, key, payee: 1, endpoint: "http://127.0.0.1:1", engines: [] };
          const node = await registerNode(test.contracts, test.settlerOwner, options);
          return signedBy(await enclaveOf(1, test.settler, node, "settler's enclave"), verifier(0));
        },
        "Settlement_SignerIsSettler",
        () => [test.settler],
      ],
    ];
    for (const [what, commit, error, args] of cases) {
      it(what, async () => refused(await commit(), error, args()));
    }

    it("of a key that was revoked", async () => {
      const commit = await signedBy(verifier(0), verifier(1));
      await mined(test.contracts.teeRegistry.revokeKey(verifier(1).key.address));
      await refuses(test, () => sendCommit(test, commit), "Settlement_SignerNotActive", [verifier(1).key.address]);
      await mined(sendCommit(test, await signedBy(verifier(0), verifier(2))));
    });

    it("of a key that has expired, and takes its last second", async () => {
      const { validUntil } = await test.contracts.teeRegistry.getKey(verifier(0).key.address);
      const commit = await changed({ deadline: validUntil + 100n });
      await test.networkHelpers.time.setNextBlockTimestamp(validUntil + 1n);
      await refuses(test, () => sendCommit(test, commit), "Settlement_SignerNotActive", [verifier(0).key.address]);
      await test.networkHelpers.time.setNextBlockTimestamp(validUntil);
      await mined(sendCommit(test, commit));
    });

    it("of an enclave whose image was revoked", async () => {
      const commit = await signedBy(verifier(0), verifier(1));
      await mined(test.contracts.teeRegistry.revokeMeasurement(1));
      await refuses(test, () => sendCommit(test, commit), "Settlement_SignerNotActive", [verifier(0).key.address]);
    });

    it("of an enclave whose image has ended, and takes its last second", async () => {
      const end = BigInt(await test.networkHelpers.time.latest()) + 100n;
      await mined(test.contracts.teeRegistry.deprecateMeasurement(1, end));
      const commit = await signedBy(verifier(0), verifier(1));
      await test.networkHelpers.time.setNextBlockTimestamp(end + 1n);
      await refuses(test, () => sendCommit(test, commit), "Settlement_SignerNotActive", [verifier(0).key.address]);
      await test.networkHelpers.time.setNextBlockTimestamp(end);
      await mined(sendCommit(test, commit));
    });
  });

  describe("refuses what was not signed", () => {
    /** Signatures over another body or domain lead to keys that nobody knows. */
    async function refusedFor(signatures: Uint8Array): Promise<void> {
      const good = await planCommit(test, plan());
      const compact = signatures.slice(0, 64);
      const v = 27 + ((compact[32] as number) >> 7);
      compact[32] = (compact[32] as number) & 0x7f;
      const recovered = recoverAddress(bodyDigest(test.domain, good.body), new Uint8Array([...compact, v]));
      await refused({ ...good, signatures }, "Settlement_SignerNotActive", [address(recovered as string)]);
    }

    const address = (lower: string) => test.ethers.getAddress(lower);
    const signers = () => test.verifiers.slice(0, 2);

    const fields: { [Field in keyof BatchBody]: (value: BatchBody[Field]) => BatchBody[Field] } = {
      settler: (settler) => settler + 1,
      number: (number) => number + 1n,
      root: () => leaf(7),
      rowsHash: () => rowsHash(rawRows([[0, TOTAL_NANO]]), rawRows([[2, TOTAL_NANO - FEE_NANO]])),
      firstSequence: (firstSequence) => firstSequence + 1n,
      count: (count) => count + 1,
      totalNano: (totalNano) => totalNano + 1n,
      feeNano: (feeNano) => feeNano - 1n,
      data: () => leaf(7),
      policy: () => 2,
      deadline: (deadline) => deadline + 1n,
    };
    for (const [field, other] of Object.entries(fields)) {
      it(`another ${field}`, async () => {
        const { body } = await planCommit(test, plan());
        const signed = { ...body, [field]: (other as (value: unknown) => unknown)(body[field as keyof BatchBody]) };
        await refusedFor(packSignatures(signBody(test.domain, signed, signers())));
      });
    }

    it("another chain", async () => {
      const { body } = await planCommit(test, plan());
      const domain = settlementDomain(1n, test.domain.settlement);
      await refusedFor(packSignatures(signBody(domain, body, signers())));
    });

    it("another contract", async () => {
      const { body } = await planCommit(test, plan());
      const domain = settlementDomain(test.domain.chainId, String(test.contracts.court.target));
      await refusedFor(packSignatures(signBody(domain, body, signers())));
    });

    it("rows of the same sums for others", async () => {
      const good = await planCommit(test, plan());
      const credits = rawRows([[test.workerPayee, TOTAL_NANO - FEE_NANO]]);
      const body = { ...good.body, rowsHash: rowsHash(good.debits, credits) };
      const digest = bodyDigest(test.domain, body);
      const [first] = signBody(test.domain, good.body, signers());
      const recovered = recoverAddress(digest, first?.signature as Uint8Array) as string;
      await refused({ ...good, credits }, "Settlement_SignerNotActive", [address(recovered)]);
    });

    it("the same batch again, under its own number or the next", async () => {
      const commit = await planCommit(test, plan());
      await mined(sendCommit(test, commit));
      await refuses(test, () => sendCommit(test, commit), "Settlement_WrongBatchNumber", [test.settler, 2, 1]);
      const renumbered = { ...commit, body: { ...commit.body, number: 2n } };
      const digest = bodyDigest(test.domain, { ...renumbered.body, firstSequence: 1n });
      const [first] = signBody(test.domain, commit.body, signers());
      const recovered = recoverAddress(digest, first?.signature as Uint8Array) as string;
      await refuses(test, () => sendCommit(test, renumbered), "Settlement_SignerNotActive", [address(recovered)]);
    });
  });

  it("refuses whoever is not the settler's committer, its owner and its payers included", async () => {
    const commit = await planCommit(test, plan());
    for (const caller of [payerOf(test, 0), test.settlerOwner, payerOf(test, 9)]) {
      const args = [test.settler, caller.address];
      await refuses(test, () => sendCommit(test, commit, caller), "Settlement_NotCommitter", args);
    }
    await mined(settlement().connect(test.settlerOwner).setCommitter(test.settler, payerOf(test, 9).address));
    await mined(sendCommit(test, commit, payerOf(test, 9)));
  });

  describe("keeps debits under the stake", () => {
    const HALF_NANO = BOND_NANO / 2n;
    const exceeded = (levelNano: bigint, halfNano = HALF_NANO) => [test.settler, levelNano, halfNano];
    const debit = async (amountNano: bigint, index = 0) => {
      const creditNano = amountNano - batchFee(amountNano, 50_000);
      return planCommit(test, {
        debits: [{ index, amountNano }],
        credits: creditNano === 0n ? [] : [{ index: test.workerPayee, amountNano: creditNano }],
        deadline: BigInt(await test.networkHelpers.time.latest()) + 10_000n,
      });
    };

    it("takes half of it at once and not a nano more", async () => {
      const over = await debit(HALF_NANO + 1n);
      await refuses(test, () => sendCommit(test, over), "Settlement_CoverExceeded", exceeded(HALF_NANO + 1n));
      await mined(sendCommit(test, await debit(HALF_NANO)));
      const { levelNano, levelAt } = await settlement().getSettler(test.settler);
      expect([levelNano, levelAt]).to.deep.equal([HALF_NANO, BigInt(await test.networkHelpers.time.latest())]);
    });

    for (const passed of [1n, 7n, 899n, 900n, 5_000n]) {
      it(`takes again after ${passed} s what has drained by then`, async () => {
        await mined(sendCommit(test, await debit(HALF_NANO)));
        const { levelAt } = await settlement().getSettler(test.settler);
        const period = await settlement().coverPeriod();
        const drained = (BOND_NANO * passed) / (2n * period);
        const level = drained > HALF_NANO ? 0n : HALF_NANO - drained;
        const over = await debit(HALF_NANO - level + 1n, 1);
        const exactly = await debit(HALF_NANO - level, 1);
        await test.networkHelpers.time.setNextBlockTimestamp(levelAt + passed);
        await refuses(test, () => sendCommit(test, over), "Settlement_CoverExceeded", exceeded(HALF_NANO + 1n));
        await test.networkHelpers.time.setNextBlockTimestamp(levelAt + passed);
        await mined(sendCommit(test, exactly));
        expect((await settlement().getSettler(test.settler)).levelNano).to.equal(HALF_NANO);
      });
    }

    it("never lets one cover period see more debits than the stake, however they are spaced", async () => {
      const period = await settlement().coverPeriod();
      const debits: { at: bigint; amountNano: bigint }[] = [];
      for (const gap of [1n, 1n, 30n, 100n, 3n, 250n, 214n, 1n, 400n, 200n]) {
        const { levelNano, levelAt } = await settlement().getSettler(test.settler);
        const at = BigInt(await test.networkHelpers.time.latest()) + gap;
        const drained = (BOND_NANO * (at - levelAt)) / (2n * period);
        const amountNano = HALF_NANO - (levelNano > drained ? levelNano - drained : 0n);
        const commit = await planCommit(test, {
          debits: [{ index: debits.length % RESERVATIONS, amountNano }],
          credits: [{ index: test.workerPayee, amountNano: amountNano - batchFee(amountNano, 50_000) }],
          deadline: at,
        });
        await test.networkHelpers.time.setNextBlockTimestamp(at);
        await mined(sendCommit(test, commit));
        debits.push({ at, amountNano });
      }
      for (const { at: end } of debits) {
        const inside = debits.filter(({ at }) => at <= end && at > end - period);
        const sum = inside.reduce((total, { amountNano }) => total + amountNano, 0n);
        expect(sum <= BOND_NANO, `${sum} until ${end}`).to.equal(true);
      }
    });

    it("counts only stake that is not leaving", async () => {
      await mined(test.contracts.stakeHub.connect(test.settlerOwner).requestUnbond(test.settler, BOND_NANO - 2n));
      const commit = await debit(2n);
      await refuses(test, () => sendCommit(test, commit), "Settlement_CoverExceeded", exceeded(2n, 1n));
      await mined(test.contracts.stakeHub.connect(test.settlerOwner).requestUnbond(test.settler, 2n));
      const least = await debit(1n);
      await refuses(test, () => sendCommit(test, least), "Settlement_CoverExceeded", exceeded(1n, 0n));
    });
  });

  describe("commits", () => {
    it("money, sequence, level and header, and says so", async () => {
      const before = await booksOf(test);
      const commit = await planCommit(test, { ...plan(), count: 17 });
      const sent = await sendCommit(test, commit);
      const { blockNumber } = await mined(Promise.resolve(sent));
      const committedAt = BigInt(await test.networkHelpers.time.latest());
      const operators = test.verifiers.slice(0, 2).map(({ operator }) => operator);
      const rest = restHash(bodyHash(commit.body), {
        signersHash: signersHash(operators),
        committedAt,
        committedIn: BigInt(blockNumber),
      });
      await expect(sent)
        .to.emit(settlement(), "BatchCommitted")
        .withArgs(test.settler, 1, toHex(commit.body.root), toHex(rest));
      expect(await settlement().headerHash(test.settler, 1)).to.equal(
        toHex(headerHash(ZERO32, innerHash(commit.body.root, rest))),
      );

      const after = await booksOf(test);
      const lanes = before.lanes.map(([balance, ...others], index) => {
        const debitNano = DEBITS.find((row) => row.index === index)?.amountNano ?? 0n;
        return [String(BigInt(balance as string) - debitNano), ...others];
      });
      expect(after.lanes).to.deep.equal(lanes);
      expect(after.earnings).to.deep.equal([0n, 7n * OPG, 50n * OPG, 0n, 0n, 0n]);
      expect(after.heldWei).to.equal(before.heldWei);
      const payee = BigInt(test.settlerPayee);
      const opened = BigInt(RESERVATIONS);
      const committer = test.signers[0]?.address;
      expect(after.settler).to.deep.equal([payee, opened, 17n, 1n, TOTAL_NANO, committedAt, FEE_NANO, committer]);
    });

    it("header after header", async () => {
      let previous: Uint8Array = ZERO32;
      for (const [number, count] of [1, 5, 300].entries()) {
        const { firstSequence } = (await planCommit(test, { debits: [], credits: [] })).body;
        expect(firstSequence).to.equal([0n, 1n, 6n][number]);
        const commit = await planCommit(test, { debits: [], credits: [], count }, { signers: test.verifiers });
        const { blockNumber } = await mined(sendCommit(test, commit));
        const rest = restHash(bodyHash(commit.body), {
          signersHash: signersHash(test.verifiers.map(({ operator }) => operator)),
          committedAt: BigInt(await test.networkHelpers.time.latest()),
          committedIn: BigInt(blockNumber),
        });
        previous = headerHash(previous, innerHash(commit.body.root, rest));
        expect(await settlement().headerHash(test.settler, number + 1)).to.equal(toHex(previous));
      }
      expect(await settlement().headerHash(test.settler, 4)).to.equal(toHex(ZERO32));
      expect((await settlement().getSettler(test.settler)).nextSequence).to.equal(306n);
    });

    for (const [totalNano, feeNano] of [
      [1n, 1n],
      [19n, 1n],
      [20n, 1n],
      [21n, 2n],
      [1_000_001n, 50_001n],
    ] as const) {
      it(`a fee of ${feeNano} of ${totalNano} nano, rounded up`, async () => {
        const credits = totalNano === feeNano ? [] : [{ index: test.workerPayee, amountNano: totalNano - feeNano }];
        const commit = await planCommit(test, { debits: [{ index: 3, amountNano: totalNano }], credits });
        await mined(sendCommit(test, commit));
        const { feesNano } = await settlement().getSettler(test.settler);
        expect(feesNano).to.equal(feeNano);
        expect(await settlement().earningsOf(test.workerPayee)).to.equal(totalNano - feeNano);
      });
    }

    it("any rows, in any lanes, as a plain account book would", async () => {
      const random = seededRandom(1);
      const payees = Number(await settlement().payeeCount());
      const lanes = Array.from({ length: RESERVATIONS }, () => RESERVED_NANO);
      const earnings = Array.from({ length: payees }, () => 0n);
      let feesNano = 0n;
      for (let round = 0; round < 24; round++) {
        const debits = subset(random, RESERVATIONS).map((index) => ({
          index,
          amountNano: BigInt(1 + random(2 * 10 ** 9)),
        }));
        const total = debits.reduce((sum, { amountNano }) => sum + amountNano, 0n);
        const fee = batchFee(total, 50_000);
        const credits = divide(random, total - fee, subset(random, payees));
        for (const { index, amountNano } of debits) lanes[index] = (lanes[index] as bigint) - amountNano;
        for (const { index, amountNano } of credits) {
          earnings[index - 1] = (earnings[index - 1] as bigint) + amountNano;
        }
        feesNano += fee;
        await mined(sendCommit(test, await planCommit(test, { debits, credits })));
        const books = await booksOf(test);
        expect(books.lanes.map(([balance]) => balance)).to.deep.equal(lanes.map(String));
        expect(books.earnings).to.deep.equal(earnings);
        expect(books.settler[6]).to.equal(feesNano);
      }
    });

    it("the last nano of a lane, and leaves its neighbours alone", async () => {
      for (let round = 0; round < 2; round++) {
        await commitTo(test, test.workerPayee, RESERVED_NANO / 2n);
        await test.networkHelpers.time.increase(await settlement().coverPeriod());
      }
      const { lanes } = await booksOf(test);
      expect(lanes.map(([balance]) => BigInt(balance as string))).to.deep.equal([
        0n,
        ...Array.from({ length: RESERVATIONS - 1 }, () => RESERVED_NANO),
      ]);
    });

    it("under a policy with the tree in calldata", async () => {
      const windows = [[leaf(0), leaf(1), leaf(2)], [leaf(3)], [leaf(4), leaf(5)]];
      const tree = encodeTree(windows);
      const { root } = buildTree(windows.map((leaves) => buildTree(leaves).root));
      const commit = await changed({ policy: 2, root, count: 6, data: sizesHash(tree) }, { tree });
      await mined(sendCommit(test, commit));
      expect((await settlement().getSettler(test.settler)).nextSequence).to.equal(6n);
    });

    it("under a policy that was retired: standing reservations are settled", async () => {
      await mined(settlement().retirePolicy(1));
      await mined(sendCommit(test, await planCommit(test, plan())));
      expect((await settlement().getSettler(test.settler)).batches).to.equal(1n);
    });
  });

  describe("collectFees", () => {
    it("moves the fees to the treasury, once", async () => {
      await mined(sendCommit(test, await planCommit(test, plan())));
      const before = await booksOf(test);
      await expect(settlement().collectFees(test.settler))
        .to.emit(settlement(), "FeesCollected")
        .withArgs(test.settler, FEE_NANO);
      await expect(settlement().collectFees(test.settler))
        .to.emit(settlement(), "FeesCollected")
        .withArgs(test.settler, 0);
      const after = await booksOf(test);
      expect(after.earnings).to.deep.equal([FEE_NANO, ...before.earnings.slice(1)]);
      expect(after.settler).to.deep.equal([...before.settler.slice(0, 6), 0n, before.settler[7]]);
      expect(after.lanes).to.deep.equal(before.lanes);
    });

    it("moves nothing of a settler that is not open", async () => {
      const before = await booksOf(test);
      await mined(settlement().collectFees(2));
      expect(await booksOf(test)).to.deep.equal(before);
      const commit = await changed({ settler: 2 });
      await refuses(test, () => sendCommit(test, commit), "Settlement_UnknownSettler", [2]);
    });
  });
});

function leaf(index: number): Uint8Array {
  return keccak256(Buffer.from(`leaf ${index}`));
}

/** Some of 0 … count - 1, at least one. */
function subset(random: (below: number) => number, count: number): number[] {
  const chosen = Array.from({ length: count }, (_, index) => index).filter(() => random(2) === 1);
  return chosen.length > 0 ? chosen : [random(count)];
}

/** The amount, divided at random among the payees of these positions. */
function divide(random: (below: number) => number, amountNano: bigint, positions: readonly number[]): Row[] {
  let left = amountNano;
  return positions
    .map((position, i) => {
      const part = i === positions.length - 1 ? left : (left * BigInt(random(1_000))) / 1_000n;
      left -= part;
      return { index: position + 1, amountNano: part };
    })
    .filter((row) => row.amountNano > 0n);
}
