import { expect } from "chai";
import { MaxUint256, Signature, ZeroAddress, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import type { OPG } from "../../../typechain-types/index.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
OPG
├── constructor
│  ├── when the allocations do not add up to 1e27: OPG_WrongTotal
│  └── else: minted once, to whom it was allocated, and there is no way to more
├── permit (ERC-2612): of one owner, spender, amount, nonce, deadline, chain and contract
├── transferWithAuthorization, receiveWithAuthorization (ERC-3009)
│  ├── when it is not yet or no longer valid, used, cancelled, of another, changed or malformed: an error for each
│  └── else: moves exactly the amount, once; the second kind for its receiver only
└── cancelAuthorization: by its owner's word, once
*/
describe("OPG", () => {
  const SUPPLY = 10n ** 27n;
  const AMOUNT = 123n;
  const NONCE = `0x${"07".repeat(32)}`;
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const AUTHORIZATION = [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ];
  const PERMIT = [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ];
  const CANCEL = [
    { name: "authorizer", type: "address" },
    { name: "nonce", type: "bytes32" },
  ];

  let protocol: Protocol;
  let load: Load;
  let token: OPG;
  before(async () => {
    protocol = await deployProtocol();
    token = await ownToken();
    load = await fixturesOn(protocol);
  });
  type Signer = Protocol["signers"][number];

  /** An owner with the whole supply, a receiver, and somebody who relays. */
  async function open() {
    const { signers, networkHelpers } = protocol;
    const [owner, receiver, relay] = signers as [Signer, Signer, Signer];
    return { opg: token, owner, receiver, relay, now: await networkHelpers.time.latest() };
  }
  /** A token of its own, all of it the first signer's. */
  async function ownToken(): Promise<OPG> {
    const [owner] = protocol.signers as [Signer];
    const factory = await protocol.ethers.getContractFactory("OPG");
    const { target } = await factory.deploy([{ to: owner.address, amountWei: SUPPLY }]);
    return protocol.contracts.opg.attach(String(target)) as OPG;
  }
  type World = Awaited<ReturnType<typeof open>>;
  type Field = { name: string; type: string };

  async function sign({ opg }: World, by: Signer, types: Record<string, Field[]>, message: object, change = {}) {
    const [, name, version, chainId, verifyingContract] = await opg.eip712Domain();
    const domain = { name, version, chainId, verifyingContract, ...change };
    return Signature.from(await by.signTypedData(domain, types, message));
  }

  /** The same signature with the other s: valid once, refused since. */
  const highS = ({ r, s, v }: Signature) => ({
    r,
    s: `0x${(ORDER - BigInt(s)).toString(16).padStart(64, "0")}`,
    v: v === 27 ? 28 : 27,
  });

  describe("constructor", () => {
    const deploy = async (amounts: bigint[]) => {
      const allocations = amounts.map((amountWei, i) => ({ to: `0x${String(i + 1).padStart(40, "0")}`, amountWei }));
      return (await protocol.ethers.getContractFactory("OPG")).deploy(allocations);
    };

    it("mints 1e27 once, to whom it is allocated, also twice to the same", async () => {
      const factory = await protocol.ethers.getContractFactory("OPG");
      const [a, b] = [`0x${"0a".repeat(20)}`, `0x${"0b".repeat(20)}`] as const;
      const allocations = [a, b, a].map((to, i) => ({ to, amountWei: [1n, SUPPLY - 3n, 2n][i] as bigint }));
      const { opg } = protocol.contracts;
      const token = opg.attach(String((await factory.deploy(allocations)).target)) as typeof opg;
      expect([await token.totalSupply(), await token.balanceOf(a), await token.balanceOf(b)]).to.deep.equal([
        ...[SUPPLY, 3n, SUPPLY - 3n],
      ]);
      expect([await token.name(), await token.symbol(), await token.decimals()]).to.deep.equal([
        ...["OpenGradient", "OPG", 18n],
      ]);
    });

    for (const [what, amounts] of [
      ["one wei less", [SUPPLY - 1n]],
      ["one wei more", [SUPPLY, 1n]],
      ["nothing", []],
      ["twice as much", [SUPPLY, SUPPLY]],
    ] as [string, bigint[]][]) {
      it(`reverts for ${what}`, async () => {
        const sum = amounts.reduce((a, b) => a + b, 0n);
        await expect(deploy(amounts))
          .to.be.revertedWithCustomError(protocol.contracts.opg, "OPG_WrongTotal")
          .withArgs(sum, SUPPLY);
      });
    }

    it("reverts for amounts that overflow to the supply, and for nobody's money", async () => {
      await expect(deploy([MaxUint256, SUPPLY + 1n])).to.be.revertedWithPanic(0x11);
      const factory = await protocol.ethers.getContractFactory("OPG");
      await expect(factory.deploy([{ to: ZeroAddress, amountWei: SUPPLY }]))
        .to.be.revertedWithCustomError(protocol.contracts.opg, "ERC20InvalidReceiver")
        .withArgs(ZeroAddress);
    });

    it("offers nothing but a plain token, permits and authorizations", () => {
      const changing = protocol.contracts.opg.interface.fragments.flatMap((fragment) =>
        fragment.type === "function" && !("constant" in fragment && fragment.constant)
          ? [(fragment as unknown as { name: string }).name]
          : [],
      );
      expect(changing.sort()).to.deep.equal([
        ...["approve", "cancelAuthorization", "permit", "receiveWithAuthorization", "transfer"],
        ...["transferFrom", "transferWithAuthorization"],
      ]);
    });
  });

  describe("permit", () => {
    async function permit(
      world: World,
      change: { by?: Signer; message?: object; domain?: object; send?: object } = {},
    ) {
      const { opg, owner, receiver, relay, now } = world;
      const nonce = await opg.nonces(owner.address);
      const message = { owner: owner.address, spender: receiver.address, value: AMOUNT, nonce, deadline: now + 100 };
      const types = { Permit: PERMIT };
      const signature = await sign(world, change.by ?? owner, types, { ...message, ...change.message }, change.domain);
      const { owner: from, spender, value, deadline } = message;
      const sent = { v: signature.v, r: signature.r, s: signature.s, from, spender, value, deadline, ...change.send };
      return opg.connect(relay).permit(sent.from, sent.spender, sent.value, sent.deadline, sent.v, sent.r, sent.s);
    }

    it("approves exactly the amount, once", async () => {
      const world = await load(open);
      const { opg, owner, receiver } = world;
      await expect(permit(world)).to.emit(opg, "Approval").withArgs(owner.address, receiver.address, AMOUNT);
      expect(await opg.allowance(owner.address, receiver.address)).to.equal(AMOUNT);
      await expect(permit(world, { message: { nonce: 0 } })).to.be.revertedWithCustomError(opg, "ERC2612InvalidSigner");
    });

    it("reverts after its deadline", async () => {
      const world = await load(open);
      await protocol.networkHelpers.time.setNextBlockTimestamp(world.now + 101);
      await expect(permit(world))
        .to.be.revertedWithCustomError(world.opg, "ERC2612ExpiredSignature")
        .withArgs(world.now + 100);
    });

    it("reverts for another signer, field, nonce, chain or contract", async () => {
      const world = await load(open);
      const { opg, owner, relay, receiver } = world;
      const isAddress = (value: string) => value !== owner.address;
      for (const change of [
        { by: relay },
        ...[{ spender: relay.address }, { value: AMOUNT + 1n }, { nonce: 1 }, { deadline: 1 }].map((message) => ({
          message,
        })),
        ...[{ chainId: 1 }, { verifyingContract: relay.address }, { version: "2" }, { name: "OPG" }].map((domain) => ({
          domain,
        })),
      ]) {
        await expect(permit(world, change))
          .to.be.revertedWithCustomError(opg, "ERC2612InvalidSigner")
          .withArgs(isAddress, owner.address);
      }
      expect(await opg.allowance(owner.address, receiver.address)).to.equal(0n);
    });

    it("never gives a signature of nobody for the zero address", async () => {
      const world = await load(open);
      await expect(
        permit(world, { send: { from: ZeroAddress, r: ZeroHash, s: ZeroHash } }),
      ).to.be.revertedWithCustomError(world.opg, "ECDSAInvalidSignature");
    });
  });

  for (const kind of ["transferWithAuthorization", "receiveWithAuthorization"] as const) {
    describe(kind, () => {
      const typeName = kind === "transferWithAuthorization" ? "TransferWithAuthorization" : "ReceiveWithAuthorization";
      type Change = {
        by?: Signer;
        message?: object;
        domain?: object;
        send?: object;
        type?: string;
        twist?: (signature: Signature) => { r: string; s: string; v: number };
        sender?: Signer;
      };

      async function authorize(world: World, change: Change = {}) {
        const { opg, owner, receiver, relay, now } = world;
        const message = {
          ...{ from: owner.address, to: receiver.address, value: AMOUNT },
          ...{ validAfter: now, validBefore: now + 100, nonce: NONCE },
        };
        const signed = { ...message, ...change.message };
        const types = { [change.type ?? typeName]: AUTHORIZATION };
        const signature = await sign(world, change.by ?? owner, types, signed, change.domain);
        const { r, s, v } = change.twist?.(signature) ?? signature;
        const sent = { ...message, ...change.send };
        const sender = change.sender ?? (kind === "receiveWithAuthorization" ? receiver : relay);
        return opg
          .connect(sender)
          [kind](sent.from, sent.to, sent.value, sent.validAfter, sent.validBefore, sent.nonce, v, r, s);
      }
      /** Signed and sent with the same change. */
      const both = (change: object): Change => ({ message: change, send: change });

      it("moves exactly the amount, and never again", async () => {
        const world = await load(open);
        const { opg, owner, receiver } = world;
        expect(await opg.authorizationState(owner.address, NONCE)).to.equal(false);
        const sent = authorize(world);
        await expect(sent).to.emit(opg, "AuthorizationUsed").withArgs(owner.address, NONCE);
        await expect(sent).to.emit(opg, "Transfer").withArgs(owner.address, receiver.address, AMOUNT);
        expect(await opg.balanceOf(receiver.address)).to.equal(AMOUNT);
        expect(await opg.authorizationState(owner.address, NONCE)).to.equal(true);
        for (const change of [{}, both({ value: 1n })]) {
          await expect(authorize(world, change))
            .to.be.revertedWithCustomError(opg, "ERC3009UsedAuthorization")
            .withArgs(owner.address, NONCE);
        }
        await mined(authorize(world, both({ nonce: ZeroHash })));
        expect(await opg.totalSupply()).to.equal(SUPPLY);
      });

      it("is valid strictly between its two times", async () => {
        const world = await load(open);
        const { opg, now } = world;
        const [validAfter, validBefore] = [now + 50, now + 52];
        for (const [timestamp, valid] of [
          [now + 50, false],
          [now + 51, true],
        ] as const) {
          await protocol.networkHelpers.time.setNextBlockTimestamp(timestamp);
          const sent = authorize(world, both({ validAfter, validBefore }));
          if (valid) await mined(sent);
          else {
            await expect(sent)
              .to.be.revertedWithCustomError(opg, "ERC3009InvalidAuthorizationTime")
              .withArgs(validAfter, validBefore);
          }
        }
        await protocol.networkHelpers.time.setNextBlockTimestamp(now + 52);
        await expect(authorize(world, both({ validAfter, validBefore, nonce: ZeroHash })))
          .to.be.revertedWithCustomError(opg, "ERC3009InvalidAuthorizationTime")
          .withArgs(validAfter, validBefore);
      });

      it("reverts when anything of it is another than was signed", async () => {
        const world = await load(open);
        const { opg, owner, receiver, relay, now } = world;
        const otherType =
          kind === "transferWithAuthorization" ? "ReceiveWithAuthorization" : "TransferWithAuthorization";
        const sends = [
          { from: relay.address },
          { to: owner.address },
          { value: AMOUNT + 1n },
          { validAfter: now - 1 },
          { validBefore: now + 101 },
          { nonce: ZeroHash },
        ];
        const changes: Change[] = [
          ...sends.map((send) => ({ send })),
          { by: relay },
          { type: otherType },
          { domain: { chainId: 1 } },
          { domain: { verifyingContract: relay.address } },
        ];
        for (const change of changes) {
          await expect(authorize(world, change)).to.be.revertedWithCustomError(opg, "ERC3009InvalidSignature");
        }
        expect(await opg.balanceOf(receiver.address)).to.equal(0n);
      });

      it("reverts for a malformed signature and for its high twin", async () => {
        const world = await load(open);
        const { opg } = world;
        for (const twist of [
          ({ r, s }: Signature) => ({ r, s, v: 0 }),
          ({ s, v }: Signature) => ({ r: ZeroHash, s, v }),
          ({ r, v }: Signature) => ({ r, s: ZeroHash, v }),
        ]) {
          await expect(authorize(world, { twist })).to.be.revertedWithCustomError(opg, "ECDSAInvalidSignature");
        }
        await expect(authorize(world, { twist: highS })).to.be.revertedWithCustomError(opg, "ECDSAInvalidSignatureS");
      });

      it("reverts for more than the owner has, and stays usable", async () => {
        const world = await load(open);
        const { opg, owner } = world;
        await expect(authorize(world, both({ value: SUPPLY + 1n })))
          .to.be.revertedWithCustomError(opg, "ERC20InsufficientBalance")
          .withArgs(owner.address, SUPPLY, SUPPLY + 1n);
        expect(await opg.authorizationState(owner.address, NONCE)).to.equal(false);
        await mined(authorize(world, both({ value: SUPPLY })));
      });

      it("reverts once it was cancelled", async () => {
        const world = await load(open);
        const { opg, owner, relay } = world;
        const cancel = async (by: Signer, change = {}) => {
          const message = { authorizer: owner.address, nonce: NONCE, ...change };
          const { v, r, s } = await sign(world, by, { CancelAuthorization: CANCEL }, message);
          return opg.connect(relay).cancelAuthorization(owner.address, NONCE, v, r, s);
        };
        await expect(cancel(relay)).to.be.revertedWithCustomError(opg, "ERC3009InvalidSignature");
        await expect(cancel(owner, { nonce: ZeroHash })).to.be.revertedWithCustomError(opg, "ERC3009InvalidSignature");
        await expect(cancel(owner)).to.emit(opg, "AuthorizationCanceled").withArgs(owner.address, NONCE);
        for (const again of [authorize(world), cancel(owner)]) {
          await expect(again)
            .to.be.revertedWithCustomError(opg, "ERC3009UsedAuthorization")
            .withArgs(owner.address, NONCE);
        }
      });

      if (kind === "receiveWithAuthorization") {
        it("reverts for everybody but the receiver, so that nobody can front-run it", async () => {
          const world = await load(open);
          const { opg, relay, receiver } = world;
          await expect(authorize(world, { sender: relay }))
            .to.be.revertedWithCustomError(opg, "ERC20InvalidReceiver")
            .withArgs(receiver.address);
        });
      }
    });
  }
});
