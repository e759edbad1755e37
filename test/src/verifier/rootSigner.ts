import { expect } from "chai";
import { fromHex, toHex } from "../../../src/core/hashing/hex.ts";
import { addressOf, publicKeyOf, recoverAddress } from "../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { computeEpoch } from "../../../src/rewards/compute.ts";
import { encodeEpochFile, rootOfResult } from "../../../src/rewards/epochFile.ts";
import { type EpochRoot, NO_ROOT, rootDigest } from "../../../src/rewards/root.ts";
import { createRootSigner, type RootSignerOptions } from "../../../src/verifier/rootSigner.ts";
import { batchOf, epochInput, REWARD_DOMAIN } from "../../helpers/epochs.ts";
import { failure } from "../../helpers/failure.ts";

/*
createRootSigner
├── signs what it computed itself, for the root that is active now; a second time without computing again
├── refuses a root with another field than its own, another file, another epoch, a block that is too old
├── computes one root at a time, and asks who would wait too long to come again
└── what failed is tried again
*/
describe("createRootSigner", () => {
  const key = sha256("verifier");
  const NOW = 1_800_000_000;
  let right: { content: EpochRoot; file: Uint8Array };

  before(async () => {
    const result = await computeEpoch(epochInput(), [batchOf([{ priceNano: 10_000n }])]);
    const file = encodeEpochFile(result);
    right = { content: rootOfResult(result, file), file };
  });

  function setup(change: Partial<RootSignerOptions> = {}, { epoch = 0, asOfUnix = NOW - 60 } = {}) {
    let computed = 0;
    const signer = createRootSigner({
      key,
      logger: silentLogger,
      chain: {
        ...REWARD_DOMAIN,
        standing: async () => ({ commitment: NO_ROOT, epoch, nowUnix: NOW }),
        timeOf: async () => asOfUnix,
      },
      compute: async () => {
        computed++;
        return right.content;
      },
      ...change,
    });
    return { signer, computed: () => computed };
  }
  const refusal = async (signer: ReturnType<typeof setup>["signer"], content = right.content, file = right.file) =>
    (await failure(() => signer.sign(content, file))).code;

  it("signs what it computed", async () => {
    const { signer, computed } = setup();
    const signature = await signer.sign(right.content, right.file);
    const digest = fromHex(rootDigest(REWARD_DOMAIN, right.content, NO_ROOT), 32);
    expect(recoverAddress(digest, signature)).to.equal(addressOf(publicKeyOf(key)));
    expect(toHex(await signer.sign(right.content, right.file))).to.equal(toHex(signature));
    expect(computed()).to.equal(1);
  });

  it("refuses every other root", async () => {
    const other = { root: toHex(sha256("root")), receiptsRoot: toHex(sha256("receipts")), leafCount: 7, totalWei: 7n };
    for (const [field, value] of Object.entries(other)) {
      expect(await refusal(setup().signer, { ...right.content, [field]: value })).to.equal("bad_root");
    }
    const text = Buffer.from(right.file).toString();
    expect(
      await refusal(setup().signer, right.content, Buffer.from(text.replace('"withheld":[]', '"withheld":[ ]'))),
    ).to.equal("bad_root");
    expect(await refusal(setup({}, { epoch: 1 }).signer)).to.equal("bad_root");
    expect(await refusal(setup({}, { asOfUnix: NOW - 86_401 }).signer)).to.equal("bad_root");
  });

  it("computes one at a time, and makes nobody wait too long", async () => {
    const under = Promise.withResolvers<EpochRoot>();
    const { signer } = setup({ compute: () => under.promise, patienceMs: 20 });
    expect(await refusal(signer)).to.equal("computing");
    const bent = Buffer.from(Buffer.from(right.file).toString().replace('"block":1000', '"block":1001'));
    expect(await refusal(signer, { ...right.content, dataHash: toHex(sha256(bent)) }, bent)).to.equal("too_busy");
    under.resolve(right.content);
    expect(await signer.sign(right.content, right.file)).to.have.length(65);
  });

  it("tries again what failed", async () => {
    let calls = 0;
    const { signer } = setup({
      compute: async () => {
        if (++calls === 1) throw new Error("no memory");
        return right.content;
      },
    });
    expect(await refusal(signer)).to.equal("internal");
    expect(await signer.sign(right.content, right.file)).to.have.length(65);
  });
});
