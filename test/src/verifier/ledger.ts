import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "chai";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { type Ledger, openLedger, type SignedWindow } from "../../../src/verifier/ledger.ts";
import { failure } from "../../helpers/failure.ts";

/*
ledger
├── find
│  ├── gives the window and the place of a number that was signed, as it was stored
│  ├── gives nothing for another number, or another settler
│  └── knows what it stored before it was opened anew, also what lies deep below the latest numbers
└── append
   └── when the window cannot be stored: an error, and nothing is known of it
*/
describe("ledger", () => {
  const signedWindow = (sequences: bigint[], settler = 3): SignedWindow => {
    const name = `${settler}: ${sequences}`;
    const leaves = sequences.map((sequence) => sha256(`${name} ${sequence}`));
    const window = { settler, verifier: 6, root: sha256(name), count: sequences.length, signedAtMs: 1_790_000_000_000 };
    return { window, signature: new Uint8Array(65).fill(1), leaves, sequences };
  };

  let directory: string;
  let path: string;
  let ledger: Ledger;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-ledger-"));
    path = join(directory, "ledger.sqlite");
    ledger = openLedger(path);
  });
  afterEach(async () => {
    ledger.close();
    await rm(directory, { recursive: true });
  });
  const reopen = () => {
    ledger.close();
    ledger = openLedger(path);
  };

  it("gives what was signed, as it was stored, also after it was opened anew", () => {
    const signed = signedWindow([5n, 3n, 9n, BigInt(Number.MAX_SAFE_INTEGER)]);
    ledger.append(signed);
    for (const _ of [1, 2]) {
      signed.sequences.forEach((sequence, index) => {
        const found = ledger.find(3, sequence);
        expect(found?.index).to.equal(index);
        expect(found?.signed.window).to.deep.equal({ ...signed.window, root: new Uint8Array(signed.window.root) });
        expect(found?.signed.sequences).to.deep.equal(signed.sequences);
        expect(found?.signed.leaves.map(toHex)).to.deep.equal(signed.leaves.map(toHex));
        expect(toHex(found?.signed.signature as Uint8Array)).to.equal(toHex(signed.signature));
      });
      reopen();
    }
  });

  it("gives nothing for another number, inside its ranges too, or another settler", () => {
    ledger.append(signedWindow([3n, 9n]));
    for (const _ of [1, 2]) {
      for (const sequence of [0n, 2n, 4n, 8n, 10n, BigInt(Number.MAX_SAFE_INTEGER)]) {
        expect(ledger.find(3, sequence), String(sequence)).to.equal(undefined);
      }
      expect(ledger.find(4, 3n)).to.equal(undefined);
      reopen();
    }
  });

  it("tells settlers apart", () => {
    ledger.append(signedWindow([1n, 2n], 3));
    ledger.append(signedWindow([2n, 1n], 4));
    expect([ledger.find(3, 1n)?.index, ledger.find(4, 1n)?.index]).to.deep.equal([0, 1]);
  });

  it("forgets no number of thousands of windows, whatever the order they were signed in", () => {
    ledger.append(signedWindow([1n, 10n]));
    // The last window holds a straggler far below it: what lies between is in windows that are not read at once.
    const db = new DatabaseSync(path);
    db.exec("begin");
    const insert = db.prepare(
      "insert into windows select ?, settler, verifier, 1, signed_at_ms, ?, ?, signature, ?, ? from windows limit 1",
    );
    for (let sequence = 11; sequence < 2000; sequence++) {
      const blob = Buffer.alloc(8);
      blob.writeBigUInt64BE(BigInt(sequence));
      insert.run(sha256(`root ${sequence}`), sequence, sequence, sha256(`leaf ${sequence}`), blob);
    }
    db.exec("commit");
    db.close();
    ledger.append(signedWindow([2n, 2000n]));
    reopen();

    const found = (sequence: number) => ledger.find(3, BigInt(sequence)) !== undefined;
    for (const sequence of [1, 2, 10, 11, 500, 999, 1000, 1001, 1002, 1500, 1999, 2000]) {
      expect(found(sequence), String(sequence)).to.equal(true);
    }
    for (const sequence of [0, 3, 9, 2001]) expect(found(sequence), String(sequence)).to.equal(false);
  });

  it("knows nothing of a window that could not be stored", async () => {
    ledger.append(signedWindow([1n]));
    const doubled = { ...signedWindow([2n]), window: signedWindow([1n]).window };
    expect(await failure(() => ledger.append(doubled))).to.be.instanceOf(Error);
    expect(ledger.find(3, 2n)).to.equal(undefined);
    ledger.append(signedWindow([2n]));
    expect(ledger.find(3, 2n)?.index).to.equal(0);
  });

  it("lives in memory without a file", () => {
    const memory = openLedger();
    memory.append(signedWindow([7n]));
    expect(memory.find(3, 7n)?.index).to.equal(0);
    memory.close();
    expect(ledger.find(3, 7n)).to.equal(undefined);
  });
});
