import { expect } from "chai";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { addressOf, publicKeyOf, recoverAddress } from "../../../src/core/hashing/secp256k1.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { typedDigest } from "../../../src/core/protocol/domain.ts";
import { rootOfPath } from "../../../src/core/protocol/merkle.ts";
import { windowHash } from "../../../src/core/protocol/messages.ts";
import { type Ledger, openLedger } from "../../../src/verifier/ledger.ts";
import { createWindowSigner, type WindowPlace, type WindowSigner } from "../../../src/verifier/windowSigner.ts";
import { failure } from "../../helpers/failure.ts";
import { DOMAIN } from "../../helpers/samples.ts";

/*
windowSigner
├── add
│  ├── receipts of one settler share a window, each with its path under one signed root; settlers do not share
│  ├── the same receipt again: the same place, before and after the window is signed, and after a restart
│  ├── another receipt of that number: sequence_signed
│  ├── a number that the ledger cannot tell from its neighbours: bad_receipt
│  ├── a full window is signed at once, any other when its time is over
│  └── when the ledger cannot store it: everybody who waits gets the error, and nothing was signed
└── knows: whether that very receipt was signed
*/
describe("windowSigner", () => {
  const KEY = sha256("verifier key");
  const NOW = 1_790_000_000_000;
  const leaf = (name: string | number) => new Uint8Array(sha256(`leaf ${name}`));
  let ledger: Ledger;
  let signer: WindowSigner;
  const start = (windowMs = 60_000) =>
    createWindowSigner({ domain: DOMAIN, node: 6, key: KEY, ledger, clock: () => NOW, windowMs });
  beforeEach(() => {
    ledger = openLedger();
    signer = start();
  });
  afterEach(() => {
    signer.close();
    ledger.close();
  });

  function checkPlace(place: WindowPlace, ofLeaf: Uint8Array): void {
    const { window, signature, index, path, leaves } = place;
    expect(toHex(leaves[index] as Uint8Array)).to.equal(toHex(ofLeaf));
    expect(toHex(rootOfPath(ofLeaf, path))).to.equal(toHex(window.root));
    expect(recoverAddress(typedDigest(DOMAIN, windowHash(window)), signature)).to.equal(addressOf(publicKeyOf(KEY)));
  }

  for (const count of [1, 2, 3, 17]) {
    it(`puts ${count} receipts under one signed root`, async () => {
      const adding = Array.from({ length: count }, (_, i) => signer.add(3, BigInt(i), leaf(i)));
      expect(signer.knows(3, 0n, leaf(0))).to.equal(false);
      signer.close();
      const places = await Promise.all(adding);
      for (const [i, place] of places.entries()) {
        checkPlace(place, leaf(i));
        expect(place.window).to.include({ settler: 3, verifier: 6, count, signedAtMs: NOW });
        expect(signer.knows(3, BigInt(i), leaf(i))).to.equal(true);
      }
      expect(new Set(places.map(({ window }) => toHex(window.root))).size).to.equal(1);
    });
  }

  it("gives settlers windows of their own", async () => {
    const adding = [3, 4].map((settler) => signer.add(settler, 1n, leaf(settler)));
    signer.close();
    const places = await Promise.all(adding);
    expect(places.map(({ window }) => [window.settler, window.count])).to.deep.equal([
      [3, 1],
      [4, 1],
    ]);
  });

  it("gives the same receipt one place, while it waits, when it is signed, and after a restart", async () => {
    const adding = [signer.add(3, 1n, leaf(1)), signer.add(3, 2n, leaf(2)), signer.add(3, 1n, leaf(1))];
    signer.close();
    const [first, , again] = (await Promise.all(adding)) as [WindowPlace, WindowPlace, WindowPlace];
    expect(first.window.count).to.equal(2);
    expect(again).to.deep.equal(first);
    for (const one of [signer, start()]) {
      const later = await one.add(3, 1n, leaf(1));
      checkPlace(later, leaf(1));
      expect([later.index, toHex(later.window.root)]).to.deep.equal([first.index, toHex(first.window.root)]);
    }
  });

  it("refuses another receipt of the same number, while one waits, when one is signed, and after a restart", async () => {
    const first = signer.add(3, 1n, leaf("a"));
    expect(await failure(() => signer.add(3, 1n, leaf("b")))).to.include({
      name: "InputError",
      code: "sequence_signed",
    });
    signer.close();
    await first;
    for (const one of [signer, start()]) {
      expect(await failure(() => one.add(3, 1n, leaf("b")))).to.include({ code: "sequence_signed" });
      expect(await failure(() => one.knows(3, 1n, leaf("b")))).to.include({ code: "sequence_signed" });
    }
    expect(signer.knows(4, 1n, leaf("b"))).to.equal(false);
  });

  for (const sequence of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    it(`refuses number ${sequence}`, async () => {
      expect(await failure(() => signer.add(3, sequence, leaf(1)))).to.include({ code: "bad_receipt" });
      expect(await failure(() => signer.knows(3, sequence, leaf(1)))).to.include({ code: "bad_receipt" });
    });
  }

  it("takes the largest number that the ledger can tell", async () => {
    const most = 2n ** 53n - 1n;
    const adding = signer.add(3, most, leaf(1));
    signer.close();
    expect((await adding).sequences).to.deep.equal([most]);
    expect(signer.knows(3, most, leaf(1))).to.equal(true);
  });

  it("signs when the window's time is over", async () => {
    checkPlace(await start(1).add(3, 1n, leaf(1)), leaf(1));
  });

  it("signs a full window at once", async () => {
    const adding = Array.from({ length: 2_049 }, (_, i) => signer.add(3, BigInt(i), leaf(i % 100)));
    const [first] = (await Promise.all(adding.slice(0, -1))) as [WindowPlace];
    expect(first.window.count).to.equal(2_048);
    signer.close();
    expect((await (adding.at(-1) as Promise<WindowPlace>)).window.count).to.equal(1);
  });

  it("hands nothing out that the ledger did not store", async () => {
    const broken = new Error("disk full");
    const { append } = ledger;
    ledger.append = () => {
      throw broken;
    };
    const adding = [signer.add(3, 1n, leaf(1)), signer.add(3, 1n, leaf(1)), signer.add(3, 2n, leaf(2))];
    const errors = Promise.all(adding.map((one) => failure(() => one)));
    signer.close();
    expect(await errors).to.deep.equal([broken, broken, broken]);
    expect(signer.knows(3, 1n, leaf(1))).to.equal(false);

    ledger.append = append;
    const again = signer.add(3, 1n, leaf("other"));
    signer.close();
    checkPlace(await again, leaf("other"));
  });

  it("has nothing to sign when it closes empty", () => {
    ledger.append = () => {
      throw new Error("nothing to store");
    };
    signer.close();
    expect(signer.knows(3, 1n, leaf(1))).to.equal(false);
  });
});
