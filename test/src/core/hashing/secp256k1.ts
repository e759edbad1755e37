import { expect } from "chai";
import { Signature, SigningKey, Wallet } from "ethers";
import { fromHex, toHex } from "../../../../src/core/hashing/hex.ts";
import {
  addressOf,
  isNativeSecp256k1,
  publicKeyOf,
  recoverAddress,
  secp256k1,
  secp256k1Js,
  toCompact,
} from "../../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";

/*
secp256k1, native and in plain JavaScript
├── sign: what ethers signs, low s, v of 27 or 28
├── recover
│  ├── the public key that signed
│  └── when the signature is short, long, of another v, zero, out of range or of high s: undefined
├── addressOf, recoverAddress: the lower-case address
└── toCompact: ERC-2098, and the signature stays as it is
*/
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const HALF = ORDER >> 1n;
const word = (value: bigint) => fromHex(`0x${value.toString(16).padStart(64, "0")}`, 32);

describe("secp256k1", () => {
  const samples = Array.from({ length: 16 }, (_, i) => ({ key: sha256(`key ${i}`), digest: sha256(`digest ${i}`) }));

  it("is native on this machine", () => expect(isNativeSecp256k1).to.equal(true));

  for (const [name, implementation] of [
    ["native", secp256k1],
    ["plain", secp256k1Js],
  ] as const) {
    describe(name, () => {
      it("signs as ethers does, and recovers the key", () => {
        const parities = new Set<number>();
        for (const { key, digest } of samples) {
          const signature = implementation.sign(digest, key);
          expect(toHex(signature)).to.equal(new SigningKey(key).sign(digest).serialized);
          expect(toHex(implementation.recover(digest, signature) as Uint8Array)).to.equal(toHex(publicKeyOf(key)));
          parities.add(signature[64] as number);
        }
        expect([...parities].sort()).to.deep.equal([27, 28]);
      });

      const { key, digest } = samples[0] as (typeof samples)[number];
      const signature = secp256k1.sign(digest, key);
      const put = (change: { r?: bigint; s?: bigint; v?: number }) => {
        const bytes = signature.slice();
        if (change.r !== undefined) bytes.set(word(change.r));
        if (change.s !== undefined) bytes.set(word(change.s), 32);
        if (change.v !== undefined) bytes[64] = change.v;
        return bytes;
      };
      const s = BigInt(toHex(signature.subarray(32, 64)));

      for (const [what, malformed] of [
        ["nothing", new Uint8Array()],
        ["64 bytes", signature.slice(0, 64)],
        ["66 bytes", new Uint8Array([...signature, 0])],
        ["v of 0", put({ v: 0 })],
        ["v of 1", put({ v: 1 })],
        ["v of 29", put({ v: 29 })],
        ["r of zero", put({ r: 0n })],
        ["s of zero", put({ s: 0n })],
        ["r of the order", put({ r: ORDER })],
        ["s of the order", put({ s: ORDER })],
        ["only zeros", new Uint8Array(65)],
        ["the other s of the same signature", put({ s: ORDER - s, v: 55 - (signature[64] as number) })],
        ["the least high s", put({ s: HALF + 1n })],
      ] as const) {
        it(`recovers nobody from ${what}`, () => expect(implementation.recover(digest, malformed)).to.equal(undefined));
      }

      it("takes the largest low s", () => {
        expect(implementation.recover(digest, put({ s: HALF }))?.length).to.equal(64);
      });

      it("recovers another key from another digest", () => {
        const other = implementation.recover(sha256("other"), signature) as Uint8Array;
        expect(toHex(other)).not.to.equal(toHex(publicKeyOf(key)));
      });
    });
  }

  it("gives lower-case addresses", () => {
    const { key, digest } = samples[1] as (typeof samples)[number];
    const address = new Wallet(toHex(key)).address.toLowerCase();
    expect(addressOf(publicKeyOf(key))).to.equal(address);
    expect(recoverAddress(digest, secp256k1.sign(digest, key))).to.equal(address);
    expect(recoverAddress(digest, new Uint8Array(65))).to.equal(undefined);
  });

  it("toCompact is ERC-2098, and leaves the signature as it is", () => {
    for (const { key, digest } of samples) {
      const signature = Buffer.from(secp256k1.sign(digest, key));
      const before = toHex(signature);
      expect(toHex(toCompact(signature))).to.equal(Signature.from(before).compactSerialized);
      expect(toHex(signature)).to.equal(before);
    }
  });
});
