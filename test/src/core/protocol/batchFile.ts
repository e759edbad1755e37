import { expect } from "chai";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../../src/core/hashing/sha256.ts";
import {
  type BatchFile,
  type BatchWindow,
  batchTree,
  decodeBatchFile,
  encodeBatchFile,
} from "../../../../src/core/protocol/batchFile.ts";
import { buildTree, rootOfPath } from "../../../../src/core/protocol/merkle.ts";
import { encodeReceipt } from "../../../../src/core/protocol/receipt.ts";
import { U32_MAX, U64_MAX } from "../../../../src/core/units.ts";
import { failure } from "../../../helpers/failure.ts";
import { EVIDENCE, REQUEST, receiptWith, TERMS, VOUCHER, word } from "../../../helpers/samples.ts";

/*
batchFile
├── encodeBatchFile, decodeBatchFile
│  ├── it should give back what was encoded, and be the same bytes each time
│  └── when the bytes are no JSON, are cut short, or any field is absent, extra or wrong: bad_batch, naming the field
└── batchTree
   ├── whole windows are nodes, the receipts of a part are nodes each; every path leads to the root
   ├── as encoded for calldata it is the sizes and leaves of the same tree
   └── when leaves do not give the signed root, a part is out of order, or nothing is left: bad_batch
*/
const leaves = (name: string, count: number) => Array.from({ length: count }, (_, i) => sha256(`${name} ${i}`));

function windowOf(name: string, count: number, part: number[] | null = null): BatchWindow {
  const all = leaves(name, count);
  const window = { settler: 3, verifier: 6, root: buildTree(all).root, count, signedAtMs: 1_790_000_000_000 };
  return { window, signature: new Uint8Array(65).fill(1), leaves: Buffer.concat(all), part };
}

describe("batchFile", () => {
  const receipt = encodeReceipt(receiptWith());
  const earlier = { receipt, path: [word(1), word(2)], number: U64_MAX, prevHash: word(3), restHash: word(4) };
  const voucher = {
    reservation: 9,
    terms: TERMS,
    voucher: VOUCHER,
    signature: new Uint8Array(65).fill(2),
    earlier: null,
  };
  const file: BatchFile = {
    version: 1,
    settler: 3,
    number: 8n,
    windows: [windowOf("a", 2), windowOf("b", 3, [0, 2])],
    receipts: [
      { receipt, request: REQUEST, evidence: EVIDENCE },
      { receipt, request: REQUEST, evidence: null },
    ],
    vouchers: [voucher, { ...voucher, reservation: 10, earlier }],
    debits: new Uint8Array(24).fill(3),
    credits: new Uint8Array(),
  };
  // biome-ignore lint/suspicious/noExplicitAny: a test spoils any place of it
  const json = (): any => JSON.parse(Buffer.from(encodeBatchFile(file)).toString());

  describe("decodeBatchFile", () => {
    it("gives back what was encoded", () => {
      const decoded = decodeBatchFile(encodeBatchFile(file));
      expect(Buffer.from(encodeBatchFile(decoded)).toString()).to.equal(Buffer.from(encodeBatchFile(file)).toString());
      expect(decoded).to.deep.include({ version: 1, settler: 3, number: 8n, vouchers: file.vouchers });
      expect(decoded.receipts).to.deep.equal(file.receipts);
      expect(decoded.windows[1]?.part).to.deep.equal([0, 2]);
    });

    it("gives back an empty one, with the largest numbers", () => {
      const empty = { ...file, settler: U32_MAX, number: U64_MAX, windows: [], receipts: [], vouchers: [] };
      expect(decodeBatchFile(encodeBatchFile(empty))).to.deep.equal(empty);
    });

    const refused = async (bytes: Uint8Array | string, field?: string) => {
      const error = await failure(() => decodeBatchFile(Buffer.from(bytes)));
      expect(error).to.include({ name: "InputError", code: "bad_batch", retryable: false });
      expect(error.facts.field).to.equal(field);
    };

    it("refuses it cut short anywhere", async () => {
      const bytes = encodeBatchFile(file);
      for (let length = 0; length < bytes.length; length += 97) await refused(bytes.subarray(0, length));
      await refused(bytes.subarray(0, -1));
    });

    for (const text of ["null", "[]", "5", '""']) it(`refuses ${text}`, () => refused(text, ""));

    /** Every path of an object in the file. */
    function* objects(value: unknown, path: string[] = []): Generator<string[]> {
      if (value === null || typeof value !== "object") return;
      if (!Array.isArray(value)) yield path;
      for (const [key, entry] of Object.entries(value)) yield* objects(entry, [...path, key]);
    }
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const at = (root: any, path: string[]) => path.reduce((value, key) => value[key], root);

    it("refuses each field when it is absent, null where it may not be, or of another kind", async () => {
      const nullable = new Set(["part", "evidence", "earlier"]);
      let fields = 0;
      for (const path of objects(json())) {
        for (const key of Object.keys(at(json(), path))) {
          const field = [...path, key].join(".");
          for (const spoil of [undefined, null, true, "x", ["x"], -1]) {
            if (spoil === null && nullable.has(key)) continue;
            const spoiled = json();
            at(spoiled, path)[key] = spoil;
            const error = await failure(() => decodeBatchFile(Buffer.from(JSON.stringify(spoiled))));
            expect(error, `${field} = ${String(spoil)}`).to.include({ name: "InputError", code: "bad_batch" });
            expect(String(error.facts.field)).to.match(new RegExp(`^${field}(\\.0)?$`));
          }
          fields++;
        }
      }
      expect(fields).to.be.greaterThan(80);
    });

    it("refuses a field that nobody knows, at every level", async () => {
      for (const path of objects(json())) {
        const spoiled = json();
        at(spoiled, path).more = 1;
        await refused(JSON.stringify(spoiled), path.join("."));
      }
    });

    for (const [field, value] of [
      ["version", 2],
      ["settler", U32_MAX + 1],
      ["settler", 1.5],
      ["number", String(U64_MAX + 1n)],
      ["number", "0x8"],
      ["number", ""],
      ["windows.0.window.count", 0],
      ["windows.0.window.root", `0x${"ab".repeat(31)}`],
      ["windows.0.window.signedAtMs", 2 ** 53],
      ["windows.0.signature", `0x${"ab".repeat(64)}`],
      ["windows.0.leaves", "0xabc"],
      ["receipts.0.receipt", toHex(receipt.subarray(1))],
      ["receipts.0.request.minMode", 0],
      ["receipts.0.request.minMode", 6],
      ["receipts.0.request.maxPriceNano", "18446744073709551616"],
      ["vouchers.0.terms.policy", 0],
      ["vouchers.0.terms.policy", 65_536],
      ["vouchers.0.terms.payer", `0x${"ab".repeat(19)}`],
      ["vouchers.1.earlier.path", new Array(41).fill(toHex(word(1)))],
      ["debits", "0xzz"],
    ] as const) {
      it(`refuses ${field} of ${JSON.stringify(value).slice(0, 30)}`, async () => {
        const spoiled = json();
        const path = field.split(".");
        at(spoiled, path.slice(0, -1))[path.at(-1) as string] = value;
        await refused(JSON.stringify(spoiled), field);
      });
    }

    it("reads rows of many megabytes", () => {
      const debits = new Uint8Array(12_000_000).fill(0xab);
      expect(decodeBatchFile(encodeBatchFile({ ...file, debits })).debits.length).to.equal(debits.length);
    });
  });

  describe("batchTree", () => {
    const check = (windows: BatchWindow[], expected: string[]) => {
      const tree = batchTree(windows);
      expect(tree.count).to.equal(expected.length);
      expect(tree.leaves.map(toHex)).to.deep.equal(expected);
      tree.leaves.forEach((leaf, i) => {
        expect(toHex(rootOfPath(leaf, tree.path(i)))).to.equal(toHex(tree.root));
      });
      return tree;
    };
    const names = (name: string, ...indices: number[]) => indices.map((i) => toHex(sha256(`${name} ${i}`)));

    it("of one window has its root", () => {
      const one = windowOf("a", 5);
      expect(toHex(check([one], names("a", 0, 1, 2, 3, 4)).root)).to.equal(toHex(one.window.root));
    });

    it("of whole windows is a tree over their roots", () => {
      const windows = [windowOf("a", 3), windowOf("b", 1), windowOf("c", 2)];
      const tree = check(windows, [...names("a", 0, 1, 2), ...names("b", 0), ...names("c", 0, 1)]);
      expect(toHex(tree.root)).to.equal(toHex(buildTree(windows.map(({ window }) => window.root)).root));
      expect(toHex(tree.encoded.subarray(0, 8))).to.equal("0x0003000300010002");
    });

    it("of parts has each of their leaves as a node", () => {
      const tree = check([windowOf("a", 4, [1, 3]), windowOf("b", 2)], [...names("a", 1, 3), ...names("b", 0, 1)]);
      const [one, three] = [sha256("a 1"), sha256("a 3")];
      expect(toHex(tree.root)).to.equal(toHex(buildTree([one, three, windowOf("b", 2).window.root]).root));
      expect(toHex(tree.encoded.subarray(0, 8))).to.equal("0x0003000100010002");
    });

    it("of an empty part leaves its window out", () => {
      check([windowOf("a", 4, []), windowOf("b", 2)], names("b", 0, 1));
    });

    const good = windowOf("a", 3);
    for (const [what, windows] of [
      ["no windows", []],
      ["only empty parts", [windowOf("a", 3, [])]],
      ["no leaves", [{ ...good, leaves: new Uint8Array() }]],
      ["a leaf too few", [{ ...good, leaves: good.leaves.subarray(32) }]],
      ["a byte too many", [{ ...good, leaves: Buffer.concat([good.leaves, Buffer.alloc(1)]) }]],
      ["a leaf too many", [{ ...good, leaves: Buffer.concat([good.leaves, Buffer.alloc(32)]) }]],
      ["another root", [{ ...good, window: { ...good.window, root: word(9) } }]],
      ["another count", [{ ...good, window: { ...good.window, count: 4 } }]],
      ["a part beyond its window", [windowOf("a", 3, [0, 3])]],
      ["a doubled part", [windowOf("a", 3, [1, 1])]],
      ["a part out of order", [windowOf("a", 3, [2, 1])]],
      ["more nodes than two bytes count", new Array(0x10000).fill(windowOf("a", 1))],
    ] as [string, BatchWindow[]][]) {
      it(`refuses ${what}`, async () => {
        const error = await failure(() => batchTree(windows));
        expect(error).to.include({ name: "InputError", code: "bad_batch", retryable: false });
      });
    }
  });
});
