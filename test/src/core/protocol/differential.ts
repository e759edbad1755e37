import { keccak_256 } from "@noble/hashes/sha3.js";
import { expect } from "chai";
import { keccak256 as ethersKeccak, TypedDataEncoder } from "ethers";
import { network } from "hardhat";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { keccak256 } from "../../../../src/core/hashing/keccak.ts";
import {
  isNativeSecp256k1,
  publicKeyOf,
  secp256k1,
  secp256k1Js,
  toCompact,
} from "../../../../src/core/hashing/secp256k1.ts";
import { bodyDigest, bodyStruct, encodeTree, sizesHash } from "../../../../src/core/protocol/batch.ts";
import { settlementDomain } from "../../../../src/core/protocol/domain.ts";
import { buildTree, merklePath, rootOfPath } from "../../../../src/core/protocol/merkle.ts";
import {
  type BatchBody,
  bodyHash,
  headerHash,
  innerHash,
  requestHash,
  restHash,
  termsHash,
  voucherHash,
  windowHash,
} from "../../../../src/core/protocol/messages.ts";
import {
  decodeReceipt,
  encodeReceipt,
  leafHasher,
  type Mode,
  type Receipt,
  receiptStruct,
  type Status,
} from "../../../../src/core/protocol/receipt.ts";
import { decodeRows, encodeRows, type Row, rowsHash } from "../../../../src/core/protocol/rows.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { seededRandom } from "../../../helpers/random.ts";

/** Another one in every run; what a run found is repeated with `DIFFERENTIAL_SEED=<seed>`. */
const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 32);
const below = seededRandom(seed);
const ROUNDS = 100;

const randomBytes = (length: number) => Uint8Array.from({ length }, () => below(256));
const word = () => randomBytes(32);
const address = () => toHex(randomBytes(20));

/** Any number of so many bits; often the least, the greatest or a power of two. */
function randomUint(bits: number): bigint {
  const max = 2n ** BigInt(bits) - 1n;
  const edge = below(8);
  if (edge === 0) return 0n;
  if (edge === 1) return max;
  if (edge === 2) return 2n ** BigInt(below(bits));
  return BigInt(toHex(randomBytes(bits / 8)));
}
const u32 = () => Number(randomUint(32));
const u64 = () => randomUint(64);
const count53 = () => Number(randomUint(64) >> 11n);

const domain = settlementDomain(randomUint(64) || 1n, address());

function randomReceipt(): Receipt {
  return {
    sequence: u64(),
    settler: u32(),
    reservation: u32(),
    worker: u32(),
    verifier: u32(),
    mode: (1 + below(5)) as Mode,
    status: (1 + below(4)) as Status,
    priceNano: u64(),
    valueAtRiskNano: u64(),
    inputUnits: count53(),
    outputUnits: count53(),
    startedAtMs: count53(),
    firstOutputAtMs: count53(),
    finishedAtMs: count53(),
    spentNano: u64(),
    requestId: word(),
    modelVersion: word(),
    inputHash: word(),
    outputHash: word(),
    evidenceHash: word(),
    memoryRoot: word(),
  };
}

function randomBody(): BatchBody {
  return {
    settler: u32(),
    number: u64(),
    root: word(),
    rowsHash: word(),
    firstSequence: u64(),
    count: u32(),
    totalNano: u64(),
    feeNano: u64(),
    data: word(),
    policy: Number(randomUint(16)),
    deadline: u64(),
  };
}

function randomRows(): Row[] {
  const indices = new Set(Array.from({ length: below(20) }, u32));
  return [...indices].map((index) => ({ index, amountNano: u64() || 1n }));
}

describe(`TypeScript and Solidity agree (seed ${seed})`, () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return {
      messages: await ethers.deployContract("MessagesHarness"),
      trees: await ethers.deployContract("MerkleBatchHarness"),
    };
  };
  let contracts: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    contracts = await deploy();
  });

  it("on the leaf of any receipt", async () => {
    const hasher = leafHasher(domain);
    for (let round = 0; round < ROUNDS; round++) {
      const receipt = randomReceipt();
      const encoded = encodeReceipt(receipt);
      const leaf = toHex(hasher.ofReceipt(receipt));
      expect(leaf).to.equal(await contracts.messages.getFunction("leaf")(domain.separator, receiptStruct(encoded)));
      expect(leaf).to.equal(toHex(hasher.ofEncoded(encoded)));
      expect(decodeReceipt(encoded)).to.deep.equal(receipt);
    }
  });

  it("on the hash and the digest of any batch body, and on its header", async () => {
    const { messages } = contracts;
    const types = { BatchBody: fields(BODY_FIELDS) };
    const typed = { name: "OPG Settlement", version: "1", chainId: domain.chainId };
    for (let round = 0; round < ROUNDS; round++) {
      const body = randomBody();
      const hash = toHex(bodyHash(body));
      const struct = bodyStruct(body);
      expect(await messages.getFunction("bodyHash")(struct)).to.deep.equal([hash, hash]);
      const digest = TypedDataEncoder.hash({ ...typed, verifyingContract: domain.settlement }, types, struct);
      expect(toHex(bodyDigest(domain, body))).to.equal(digest);

      const commitment = { signersHash: word(), committedAt: u64(), committedIn: u64() };
      const prevHash = word();
      const header = headerHash(prevHash, innerHash(body.root, restHash(bodyHash(body), commitment)));
      const onChain = await messages.getFunction("headerHash")(prevHash, body.root, hash, commitment);
      expect(toHex(header)).to.equal(onChain);
    }
  });

  it("on the hash of any terms, voucher, request and window", async () => {
    const { messages } = contracts;
    for (let round = 0; round < ROUNDS; round++) {
      const terms = { payer: address(), voucherKey: address(), policy: Number(randomUint(16)) };
      expect(toHex(termsHash(terms))).to.equal(await messages.getFunction("termsHash")(terms));

      const voucher = { settler: u32(), reservation: u32(), termsHash: word(), requestHash: word(), expiry: u64() };
      const cumulative = u64();
      const voucherOnChain = await messages.getFunction("voucherHash")({ ...voucher, cumulative });
      expect(toHex(voucherHash({ ...voucher, cumulativeNano: cumulative }))).to.equal(voucherOnChain);

      const request = { modelVersion: word(), inputHash: word(), minMode: below(256), nonce: word() };
      const [maxPrice, valueAtRisk] = [u64(), u64()];
      const requestOnChain = await messages.getFunction("requestHash")({ ...request, maxPrice, valueAtRisk });
      const requested = { ...request, maxPriceNano: maxPrice, valueAtRiskNano: valueAtRisk };
      expect(toHex(requestHash(requested))).to.equal(requestOnChain);

      const window = { settler: u32(), verifier: u32(), root: word(), count: u32() };
      const signedAt = count53();
      const windowOnChain = await messages.getFunction("windowHash")({ ...window, signedAt });
      expect(toHex(windowHash({ ...window, signedAtMs: signedAt }))).to.equal(windowOnChain);
    }
  });

  it("on the hash of any rows", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [debits, credits] = [randomRows(), randomRows()];
      const [packedDebits, packedCredits] = [encodeRows(debits), encodeRows(credits)];
      const onChain = await contracts.messages.getFunction("rowsHash")(packedDebits, packedCredits);
      expect(toHex(rowsHash(packedDebits, packedCredits))).to.equal(onChain);
      expect(decodeRows(packedDebits)).to.deep.equal([...debits].sort((a, b) => a.index - b.index));
      expect(debits.every(({ index, amountNano }) => index <= U32_MAX && amountNano <= U64_MAX)).to.equal(true);
    }
  });

  it("on the root of any batch tree and on the path of any receipt", async () => {
    const { trees } = contracts;
    for (let round = 0; round < ROUNDS; round++) {
      const windows = Array.from({ length: 1 + below(12) }, () => Array.from({ length: 1 + below(20) }, word));
      const lower = windows.map((leaves) => buildTree(leaves));
      const upper = buildTree(lower.map(({ root }) => root));
      const tree = encodeTree(windows);
      const count = BigInt(windows.flat().length);
      const onChain = await trees.getFunction("rootOf")(tree);
      expect(onChain).to.deep.equal([toHex(upper.root), count, toHex(sizesHash(tree))]);

      const w = below(windows.length);
      const leaves = windows[w] as Uint8Array[];
      const i = below(leaves.length);
      const leaf = leaves[i] as Uint8Array;
      const path = [...merklePath(lower[w] as (typeof lower)[number], i), ...merklePath(upper, w)];
      expect(toHex(rootOfPath(leaf, path))).to.equal(toHex(upper.root));
      expect(await trees.getFunction("processProof")(path, leaf)).to.equal(toHex(upper.root));
      expect(await trees.getFunction("processProof")(path, word())).to.not.equal(toHex(upper.root));
    }
  });
});

describe(`hashes and signatures agree (seed ${seed})`, () => {
  it("hash-wasm, noble and ethers on the Keccak of anything", () => {
    // Around the block of 136 bytes, and far beyond it.
    const lengths = [0, 1, 31, 32, 33, 64, 135, 136, 137, 271, 272, 273, 320, 4_096, 100_000];
    for (const length of [...lengths, ...Array.from({ length: 500 }, () => below(1_000))]) {
      const data = randomBytes(length);
      const hash = keccak256(data);
      const copy = toHex(hash);
      keccak256(word());
      expect(toHex(hash), "a hash is not overwritten by the next").to.equal(copy);
      expect(copy).to.equal(toHex(keccak_256(data)));
      expect(copy).to.equal(ethersKeccak(data));
    }
  });

  it("the native secp256k1 and noble on signatures and whom they are from", function () {
    if (!isNativeSecp256k1) this.skip();
    for (let i = 0; i < ROUNDS; i++) {
      const key = word();
      const digest = word();
      const signature = secp256k1.sign(digest, key);
      expect(toHex(signature)).to.equal(toHex(secp256k1Js.sign(digest, key)));
      expect(toCompact(signature).length).to.equal(64);
      for (const { recover } of [secp256k1, secp256k1Js]) {
        expect(toHex(recover(digest, signature) ?? new Uint8Array())).to.equal(toHex(publicKeyOf(key)));
      }
    }
  });

  it("the native secp256k1 and noble on what was tampered with", function () {
    if (!isNativeSecp256k1) this.skip();
    for (let i = 0; i < ROUNDS; i++) {
      const digest = word();
      const signature = tampered(secp256k1.sign(digest, word()));
      const native = secp256k1.recover(digest, signature);
      const plain = secp256k1Js.recover(digest, signature);
      expect(native && toHex(native), toHex(signature)).to.equal(plain && toHex(plain));
    }
  });
});

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const PRIME = 2n ** 256n - 2n ** 32n - 977n;

/** A signature with another bit, recovery id or length, with the other s, or with r or s at the edge of their range. */
function tampered(signature: Uint8Array): Uint8Array {
  const copy = signature.slice();
  const s = BigInt(toHex(copy.subarray(32, 64)));
  const edges = [0n, 1n, ORDER - 1n, ORDER, ORDER + 1n, PRIME - 1n, PRIME, 2n ** 256n - 1n];
  const edge = bytesOf(edges[below(edges.length)] as bigint);
  const ways = [
    () => copy.fill((copy[below(64)] as number) ^ (1 << below(8)), 5, 6),
    () => copy.fill(below(256), 64),
    () => copy.subarray(0, below(65)),
    () => copy.set(bytesOf(ORDER - s), 32),
    () => copy.set(edge, 0),
    () => copy.set(edge, 32),
  ];
  return (ways[below(ways.length)] as () => Uint8Array | undefined)() ?? copy;
}

function bytesOf(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

const BODY_FIELDS =
  "uint32 settler,uint64 number,bytes32 root,bytes32 rowsHash,uint64 firstSequence,uint32 count,uint64 total,uint64 fee,bytes32 data,uint16 policy,uint64 deadline";

function fields(list: string) {
  return list.split(",").map((field) => {
    const [type, name] = field.split(" ") as [string, string];
    return { name, type };
  });
}
