import { expect } from "chai";
import { type Interface, id, keccak256 } from "ethers";
import { artifacts } from "hardhat";
import { encodeBook } from "../../../src/vesting/book.ts";
import { openVault, openVaultChain, publishedBook, smallBook } from "../../helpers/vault.ts";

/*
The code of the vault and of a book, opcode by opcode
├── the vault, as it is deployed
│  ├── 68: no DELEGATECALL, CALLCODE, SELFDESTRUCT, CREATE or CREATE2
│  ├── calls the token's transfer and nothing else; reads its balance and nothing else
│  ├── has the functions of its interface and no others
│  └── is what was compiled, but for the immutables
├── the vault's constructor: creates one contract, and delegates nothing
└── a book: stops at its first byte; keccak256 of the file is its code hash
*/
describe("Bytecode of the vesting contracts", () => {
  const CREATE = 0xf0;
  const CALL = 0xf1;
  const STATICCALL = 0xfa;
  /** CALLCODE, DELEGATECALL, SELFDESTRUCT. */
  const FORBIDDEN = [0xf2, 0xf4, 0xff];
  const CREATE2 = 0xf5;
  const SHL = 0x1b;
  const PUSH1 = 0x60;
  const PUSH32 = 0x7f;

  type Step = { opcode: number; pushed: string };

  /** The opcodes of some code without the data behind them. */
  function walk(code: Uint8Array): Step[] {
    const steps: Step[] = [];
    for (let i = 0; i < code.length; i++) {
      const opcode = code[i] as number;
      const bytes = opcode >= PUSH1 && opcode <= PUSH32 ? opcode - PUSH1 + 1 : 0;
      steps.push({ opcode, pushed: Buffer.from(code.slice(i + 1, i + 1 + bytes)).toString("hex") });
      i += bytes;
    }
    return steps;
  }

  /** Without the metadata that the compiler appends: CBOR, and its length in the last two bytes. */
  function withoutMetadata(code: Uint8Array): Uint8Array {
    const length = ((code.at(-2) as number) << 8) | (code.at(-1) as number);
    const tail = code.slice(-2 - length);
    expect(Buffer.from(tail).includes("ipfs")).to.equal(true);
    return code.slice(0, -2 - length);
  }

  const count = (steps: Step[], opcode: number) => steps.filter((step) => step.opcode === opcode).length;
  const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.slice(2), "hex"));

  /** The selectors that code pushes: as they are, or without the zero bits at their end and then shifted into place. */
  function pushedSelectors(steps: Step[]): Set<string> {
    const found = new Set<string>();
    steps.forEach(({ pushed }, i) => {
      const [by, shift] = [steps[i + 1], steps[i + 2]];
      const bits = Number.parseInt(by?.pushed || "0", 16) - 224;
      if (by?.opcode === PUSH1 && shift?.opcode === SHL && bits >= 0 && pushed.length > 0 && pushed.length <= 8) {
        found.add(`0x${(BigInt(`0x${pushed}`) << BigInt(bits)).toString(16).padStart(8, "0")}`);
      } else if (pushed.length === 8) found.add(`0x${pushed}`);
    });
    return found;
  }

  const selectorsOf = (abi: Interface, type: "function" | "error") =>
    abi.fragments.flatMap((fragment) => (fragment.type === type ? [id(fragment.format("sighash")).slice(0, 10)] : []));

  async function deployed() {
    const chain = await openVaultChain();
    const { vault, opg, file } = await openVault(chain, smallBook(chain));
    const code = bytesOf(await chain.ethers.provider.getCode(vault));
    return { chain, vault, opg, file, code };
  }

  it("case 68: the vault neither delegates, destroys itself nor creates anything", async () => {
    const { code } = await deployed();
    const steps = walk(withoutMetadata(code));
    for (const opcode of [...FORBIDDEN, CREATE, CREATE2]) expect(count(steps, opcode), `${opcode}`).to.equal(0);
  });

  it("case 68: the vault calls the token's transfer and reads its balance, and no other selector is in it", async () => {
    const { code, vault } = await deployed();
    const steps = walk(withoutMetadata(code));
    expect(count(steps, CALL)).to.be.within(1, 2); // one for each payment, when the compiler inlines it
    expect(count(steps, STATICCALL)).to.equal(1);
    const [transfer, balanceOf, panic] = ["transfer(address,uint256)", "balanceOf(address)", "Panic(uint256)"].map(
      (text) => id(text).slice(0, 10),
    ) as [string, string, string];
    const safeErc20 = id("SafeERC20FailedOperation(address)").slice(0, 10);
    const own = [...selectorsOf(vault.interface, "function"), ...selectorsOf(vault.interface, "error")];
    const known = new Set([...own, transfer, balanceOf, panic, safeErc20]);
    const pushed = pushedSelectors(steps);
    expect([...pushed].filter((selector) => !known.has(selector) && selector !== "0xffffffff")).to.deep.equal([]);
    for (const selector of [transfer, balanceOf, ...selectorsOf(vault.interface, "function")]) {
      expect(pushed.has(selector), selector).to.equal(true);
    }
    for (const text of [
      ...["approve(address,uint256)", "transferFrom(address,address,uint256)", "increaseAllowance(address,uint256)"],
      ...["permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", "delegate(address)"],
    ]) {
      expect(pushed.has(id(text).slice(0, 10)), text).to.equal(false);
    }
  });

  it("the vault has the functions of its interface and no others", async () => {
    const { vault } = await deployed();
    const { abi } = await artifacts.readArtifact("IVestVault");
    const named = (entries: readonly { type: string; name?: string }[]) =>
      entries.flatMap(({ type, name }) => (type === "function" && name ? [name] : [])).sort();
    expect(named(vault.interface.fragments as unknown as { type: string; name?: string }[])).to.deep.equal(named(abi));
    expect(named(abi)).to.deep.equal(
      [
        ...["acceptHandover", "claim", "claimMany", "offerHandover", "revoke", "seal"],
        ...["book", "grantCount", "isSealed", "newBeneficiary", "offeredTo", "states", "token", "totalWei"],
      ].sort(),
    );
    expect([vault.interface.receive, vault.interface.fallback]).to.deep.equal([false, null]);
  });

  it("the vault is what was compiled, but for the immutables", async () => {
    const { code } = await deployed();
    const { deployedBytecode, immutableReferences } = await artifacts.readArtifact("VestVault");
    const compiled = bytesOf(deployedBytecode);
    expect(code.length).to.equal(compiled.length);
    expect(code.length <= 4_500, `${code.length} bytes`).to.equal(true);
    const references = Object.values(immutableReferences ?? {}).flat();
    expect(references.length > 0).to.equal(true);
    for (const { start, length } of references) {
      expect([length, compiled[start - 1]]).to.deep.equal([32, PUSH32]);
      code.fill(0, start, start + length);
    }
    expect(Buffer.from(code).equals(Buffer.from(compiled))).to.equal(true);
  });

  it("the vault's constructor creates one contract and delegates nothing", async () => {
    const { bytecode, deployedBytecode } = await artifacts.readArtifact("VestVault");
    const at = bytecode.indexOf(deployedBytecode.slice(2));
    expect(at > 0).to.equal(true);
    const steps = walk(bytesOf(bytecode.slice(0, at)));
    expect([count(steps, CREATE), count(steps, CREATE2), count(steps, CALL)]).to.deep.equal([1, 0, 0]);
    for (const opcode of FORBIDDEN) expect(count(steps, opcode), `${opcode}`).to.equal(0);
  });

  it("a book stops at its first byte, and its code hash is that of the file", async () => {
    const { chain, vault, file } = await deployed();
    for (const [at, published] of [
      [vault, file],
      [(await openVault(chain, publishedBook())).vault, encodeBook(publishedBook())],
    ] as const) {
      const code = bytesOf(await chain.ethers.provider.getCode(await at.book()));
      expect(code[0]).to.equal(0x00);
      expect(keccak256(code)).to.equal(keccak256(published));
    }
  });
});
