import { expect } from "chai";
import { type BaseContract, concat, ZeroAddress } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Book, encodeBook, vestedAt } from "../../../src/vesting/book.ts";
import { anniversary } from "../../../src/vesting/calendar.ts";
import type { EmissionBudget, ImitationOpg, OPG, ProtocolTimelock, VestVault } from "../../../typechain-types/index.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { LEAST_WINDOW, PARAMETERS } from "../../helpers/rewards.ts";
import { openVaultChain, plainVault, SUPPLY_WEI, smallBook, totalOf, type VaultChain } from "../../helpers/vault.ts";

/*
EmissionBudget, with a real timelock, as a beneficiary that was there before the vault
├── constructor: when its delay is below the timelock's: EmissionBudget_DelayTooShort
├── claim, forward
│  ├── given no consumer: EmissionBudget_NoConsumer; what came in waits
│  ├── else: what is due of its grants goes to the consumer, whoever calls
│  ├── another's grant goes to its own beneficiary, an unknown one reverts, with nothing due nothing happens
│  └── what was claimed or sent to it by others goes the same way
├── setConsumer
│  ├── when by neither deployer nor governance: Governed_NotGovernance
│  ├── by the deployer at once, by governance as well
│  ├── when it is a key, one with borrowed code, this contract, the token or the vault: EmissionBudget_BadConsumer
│  └── given there is one: EmissionBudget_ConsumerStands
├── nameSuccessor, dropSuccessor, acceptSuccessor
│  ├── not by others, not before there is a consumer, not to a bad one, not early, not when none waits: an error for each
│  ├── a new name starts the delay anew; the guardian drops it
│  └── what came in before goes to the former consumer, what is due later to the next
├── it cannot hand over its grants, nor approve, nor send anywhere else
├── released never exceeds what the schedule says
└── with a token that calls the consumer in the middle of a payment: nothing is paid twice
*/
describe("EmissionBudget", () => {
  const DELAY = 3 * 86_400;
  const SUCCESSOR_DELAY = 30 * 86_400;
  const GRANTS = [0, 1, 2];
  const OTHERS = 3;

  let chain: VaultChain;
  let load: Load;
  before(async () => {
    chain = await openVaultChain();
    load = await fixturesOn(chain);
  });

  const emissions = (beneficiary: string): Book => ({
    anchor: smallBook(chain).anchor,
    schedules: [
      { category: "emissions", firstTranche: 1, tranches: 96, revocation: null },
      { category: "emissions-free", firstTranche: 0, tranches: 1, revocation: null },
    ],
    grants: [
      { beneficiary, schedule: 0, totalWei: 10n ** 26n + 1n },
      { beneficiary, schedule: 0, totalWei: 95n },
      { beneficiary, schedule: 1, totalWei: 10n ** 24n },
      { beneficiary: chain.signer(5).address, schedule: 0, totalWei: 96n },
    ],
  });

  /** The budget first, then the launch, as in a deployment. */
  async function open() {
    const { ethers } = chain;
    const [proposer, guardian, stranger] = [chain.signer(0), chain.signer(1), chain.signer(12)];
    const timelock: ProtocolTimelock = await ethers.deployContract("ProtocolTimelock", [
      ...[DELAY, [proposer.address], [ZeroAddress]],
    ]);
    const launch = await ethers.deployContract("TokenLaunch");
    const budget = await ethers.deployContract("EmissionBudget", [
      ...([launch, timelock, guardian, DELAY, SUCCESSOR_DELAY] as const),
    ]);
    const book = emissions(String(budget.target));
    const rest = [{ to: proposer.address, amountWei: SUPPLY_WEI - totalOf(book) }];
    await mined(launch.launch(encodeBook(book), totalOf(book), rest));
    const opg: OPG = await ethers.getContractAt("OPG", await launch.opg());
    const vault: VestVault = await ethers.getContractAt("VestVault", await launch.vault());
    const [consumer, next] = [await ethers.deployContract("Reenterer"), await ethers.deployContract("Reenterer")];
    const lens = await ethers.deployContract("ScheduleLens", [vault]);
    return { timelock, launch, lens, budget, book, opg, vault, consumer, next, guardian, stranger };
  }
  type World = Awaited<ReturnType<typeof open>>;

  const governed = ({ timelock, budget }: Pick<World, "timelock" | "budget">, name: string, args: unknown[] = []) =>
    govern(
      { ...chain, contracts: { timelock } as never },
      budget as BaseContract,
      budget.interface.encodeFunctionData(name as "nameSuccessor", args as [string]),
    );

  async function named() {
    const world = await open();
    await mined(governed(world, "setConsumer", [world.consumer.target]));
    return world;
  }

  async function waiting() {
    const world = await named();
    await mined(governed(world, "nameSuccessor", [world.next.target]));
    return { ...world, from: Number(await world.budget.successorFrom()) };
  }

  const at = ({ book }: Pick<World, "book">, month: number) => anniversary(book.anchor, month);
  const dueAt = ({ book }: Pick<World, "book">, time: number) =>
    GRANTS.reduce((sum, id) => sum + vestedAt(book, book.grants[id]!, time), 0n);

  it("is refused with a delay below the timelock's", async () => {
    const { launch, timelock, guardian, budget } = await load(open);
    const deploy = (delay: number) =>
      chain.ethers.deployContract("EmissionBudget", [...([launch, timelock, guardian, DELAY, delay] as const)]);
    await expect(deploy(DELAY - 1))
      .to.be.revertedWithCustomError(budget, "EmissionBudget_DelayTooShort")
      .withArgs(DELAY - 1, DELAY);
    expect(await (await deploy(DELAY)).successorDelay()).to.equal(BigInt(DELAY));
  });

  it("knows token and vault before they are there", async () => {
    const { budget, opg, vault } = await load(open);
    expect([await budget.token(), await budget.vault()]).to.deep.equal([opg.target, vault.target]);
  });

  describe("claim and forward", () => {
    it("revert without a consumer, and what was claimed by others waits for it", async () => {
      const world = await load(open);
      const { budget, vault, opg, consumer } = world;
      await chain.reach(at(world, 3));
      for (const send of [() => budget.claim(GRANTS), () => budget.forward()]) {
        await expect(send()).to.be.revertedWithCustomError(budget, "EmissionBudget_NoConsumer");
      }
      await mined(vault.claimMany(GRANTS));
      expect(await opg.balanceOf(budget)).to.equal(dueAt(world, at(world, 3)));
      await mined(governed(world, "setConsumer", [consumer.target]));
      await mined(budget.connect(world.stranger).forward());
      expect(await opg.balanceOf(consumer)).to.equal(dueAt(world, at(world, 3)));
      expect(await budget.forwardedWei()).to.equal(dueAt(world, at(world, 3)));
    });

    it("send what is due to the consumer, whoever calls, and no more than the schedule says", async () => {
      const world = await load(named);
      const { budget, opg, consumer, stranger } = world;
      for (const month of [1, 2, 3, 50, 96, 97]) {
        for (const time of [at(world, month) - 1, at(world, month)]) {
          await chain.next(time);
          const before = await opg.balanceOf(consumer);
          const sent = budget.connect(stranger).claim(GRANTS);
          const amountWei = dueAt(world, time) - before;
          if (amountWei === 0n) await expect(sent).to.not.emit(budget, "Forwarded");
          else await expect(sent).to.emit(budget, "Forwarded").withArgs(consumer, amountWei);
          expect(await opg.balanceOf(consumer)).to.equal(dueAt(world, time));
          expect(await budget.forwardedWei()).to.equal(dueAt(world, time));
          expect(await opg.balanceOf(budget)).to.equal(0n);
        }
      }
      expect(await budget.forwardedWei()).to.equal(totalOf({ grants: GRANTS.map((id) => world.book.grants[id]!) }));
    });

    it("case 45: what EpochRewards can promise is what the schedule released so far, to the nano", async () => {
      const world = await load(open);
      const { budget, opg, timelock } = world;
      const [poster, ethers] = [chain.signer(0), chain.ethers];
      const nodes = await ethers.deployContract("NodeRegistry");
      const setup = { token: opg, nodes, teeRegistry: nodes, reserve: chain.signer(3), governance: timelock };
      const bounds = { parameterDelay: DELAY, leastWindow: LEAST_WINDOW, leastBondNano: 1 };
      const times = { verdictTime: DELAY + PARAMETERS.graceTime };
      const rewards = await ethers.deployContract("EpochRewards", [
        { ...setup, ...bounds, parameters: { ...PARAMETERS, ...times } },
      ]);
      await mined(governed(world, "setConsumer", [rewards.target]));
      await mined(nodes.registerOperator());
      await mined(opg.approve(rewards, 2n ** 256n - 1n));
      await mined(rewards.deposit(10n ** 16n));
      const promise = (totalWei: bigint) => ({
        ...{ epoch: 1, leafCount: 1, totalWei },
        ...{ root: ethers.id("root"), receiptsRoot: ethers.id("receipts"), dataHash: ethers.id("data") },
      });
      for (const month of [0, 1, 2, 50, 96, 97]) {
        await chain.next(at(world, month));
        await mined(budget.claim(GRANTS));
        await mined(rewards.sync());
        const releasedNano = dueAt(world, at(world, month)) / WEI_PER_NANO;
        expect((await rewards.getBooks()).fundedNano).to.equal(releasedNano);
        const fundedWei = releasedNano * WEI_PER_NANO;
        await rewards.connect(poster).post.staticCall(promise(fundedWei));
        await expect(rewards.connect(poster).post(promise(fundedWei + WEI_PER_NANO)))
          .to.be.revertedWithCustomError(rewards, "Rewards_NotFunded")
          .withArgs(fundedWei + WEI_PER_NANO, fundedWei);
      }
    });

    it("pay another's grant to its own beneficiary", async () => {
      const world = await load(named);
      const { budget, opg, consumer, book } = world;
      await chain.next(at(world, 10));
      await mined(budget.claim([OTHERS, 0]));
      expect(await opg.balanceOf(chain.signer(5))).to.equal(vestedAt(book, book.grants[OTHERS]!, at(world, 10)));
      expect(await opg.balanceOf(consumer)).to.equal(vestedAt(book, book.grants[0]!, at(world, 10)));
    });

    it("revert for an unknown grant, and do nothing with nothing due", async () => {
      const world = await load(named);
      const { budget, vault } = world;
      await expect(budget.claim([0, 4]))
        .to.be.revertedWithCustomError(vault, "VestVault_UnknownGrant")
        .withArgs(4, 4);
      for (const send of [() => budget.claim([]), () => budget.claim(GRANTS), () => budget.forward()]) {
        expect((await mined(send())).logs).to.deep.equal([]);
      }
    });

    it("send what others gave it too", async () => {
      const world = await load(named);
      const { budget, opg, consumer } = world;
      await mined(opg.transfer(budget, 77n));
      await mined(budget.forward());
      expect([await opg.balanceOf(consumer), await budget.forwardedWei()]).to.deep.equal([77n, 77n]);
    });
  });

  describe("setConsumer", () => {
    it("is for deployer and governance only, and once", async () => {
      const world = await load(named);
      const { budget, next, consumer, guardian, stranger, timelock } = world;
      for (const by of [guardian, stranger]) {
        await expect(budget.connect(by).setConsumer(next))
          .to.be.revertedWithCustomError(budget, "Governed_NotGovernance")
          .withArgs(by.address, timelock);
      }
      for (const again of [() => governed(world, "setConsumer", [next.target]), () => budget.setConsumer(next)]) {
        await expect(again()).to.be.revertedWithCustomError(budget, "EmissionBudget_ConsumerStands").withArgs(consumer);
      }
      expect(await budget.consumer()).to.equal(consumer.target);
    });

    it("is the deployer's without delay; successors are not", async () => {
      const world = await load(open);
      const { budget, next, consumer, guardian, stranger, timelock } = world;
      for (const by of [guardian, stranger]) {
        await expect(budget.connect(by).setConsumer(consumer))
          .to.be.revertedWithCustomError(budget, "Governed_NotGovernance")
          .withArgs(by.address, timelock);
      }
      await expect(budget.setConsumer(consumer)).to.emit(budget, "ConsumerSet").withArgs(consumer);
      expect(await budget.consumer()).to.equal(consumer.target);
      for (const by of [chain.signer(0), guardian, stranger]) {
        await expect(budget.connect(by).nameSuccessor(next))
          .to.be.revertedWithCustomError(budget, "Governed_NotGovernance")
          .withArgs(by.address, timelock);
      }
    });

    for (const name of ["setConsumer", "nameSuccessor"] as const) {
      it(`${name}: refuses keys, with borrowed code too, and whom it would be lost with`, async () => {
        const world = await load(name === "setConsumer" ? open : named);
        const { budget, opg, vault, consumer } = world;
        const borrower = chain.signer(9).address;
        // EIP-7702: what a key's account has for code once it borrowed a contract's.
        await chain.networkHelpers.setCode(borrower, concat(["0xef0100", String(consumer.target)]));
        for (const bad of [ZeroAddress, chain.signer(8).address, borrower, budget.target, opg.target, vault.target]) {
          const calls = [() => governed(world, name, [bad])];
          if (name === "setConsumer") calls.push(() => budget.setConsumer(bad));
          for (const call of calls) {
            await expect(call()).to.be.revertedWithCustomError(budget, "EmissionBudget_BadConsumer").withArgs(bad);
          }
        }
      });
    }

    it("refuses while the timelock's delay is below its bound", async () => {
      const world = await load(open);
      const { timelock, budget, consumer } = world;
      await chain.networkHelpers.setStorageAt(String(timelock.target), 2, DELAY - 1);
      await expect(governed(world, "setConsumer", [consumer.target]))
        .to.be.revertedWithCustomError(budget, "Governed_DelayTooShort")
        .withArgs(DELAY - 1, DELAY);
    });
  });

  describe("a successor", () => {
    it("is not named before there is a consumer", async () => {
      const world = await load(open);
      const { budget, next } = world;
      await expect(governed(world, "nameSuccessor", [next.target])).to.be.revertedWithCustomError(
        ...([budget, "EmissionBudget_NoConsumer"] as const),
      );
    });

    it("waits out its delay to the second; then anybody brings it in, and the former gets what came in before", async () => {
      const world = await load(waiting);
      const { budget, next, consumer, opg, vault, stranger, from } = world;
      await chain.reach(at(world, 0));
      await mined(vault.claimMany(GRANTS));
      const beforeWei = await opg.balanceOf(budget);
      expect(beforeWei > 0n).to.equal(true);
      await chain.next(from - 1);
      await expect(budget.connect(stranger).acceptSuccessor())
        .to.be.revertedWithCustomError(budget, "EmissionBudget_NotYet")
        .withArgs(next, from);
      await chain.next(from);
      const sent = budget.connect(stranger).acceptSuccessor();
      await expect(sent).to.emit(budget, "Forwarded").withArgs(consumer, beforeWei);
      await expect(sent).to.emit(budget, "ConsumerSet").withArgs(next);
      expect([await budget.consumer(), await budget.successor(), await budget.successorFrom()]).to.deep.equal([
        ...[next.target, ZeroAddress, 0n],
      ]);
      await expect(budget.acceptSuccessor()).to.be.revertedWithCustomError(budget, "EmissionBudget_NoSuccessor");
      await chain.reach(at(world, 20));
      await mined(budget.claim(GRANTS));
      expect(await opg.balanceOf(consumer)).to.equal(beforeWei);
      expect(await opg.balanceOf(next)).to.equal(dueAt(world, at(world, 20)) - beforeWei);
    });

    it("waits anew when it is named anew", async () => {
      const world = await load(waiting);
      const { budget, next, consumer, from } = world;
      await chain.reach(from - 1);
      const other = await chain.ethers.deployContract("Reenterer");
      await mined(governed(world, "nameSuccessor", [other.target]));
      const later = Number(await budget.successorFrom());
      expect(later > from + SUCCESSOR_DELAY).to.equal(true);
      await expect(budget.acceptSuccessor())
        .to.be.revertedWithCustomError(budget, "EmissionBudget_NotYet")
        .withArgs(other, later);
      expect([await budget.consumer(), await budget.successor()]).to.deep.equal([consumer.target, other.target]);
      expect(next.target).to.not.equal(other.target);
    });

    it("is dropped by the guardian or by governance, by nobody else, and only while it waits", async () => {
      const world = await load(waiting);
      const { budget, next, guardian, stranger, from } = world;
      await expect(budget.connect(stranger).dropSuccessor())
        .to.be.revertedWithCustomError(budget, "Governed_NotGuardian")
        .withArgs(stranger.address, guardian.address);
      await expect(budget.connect(guardian).dropSuccessor()).to.emit(budget, "SuccessorDropped").withArgs(next);
      await expect(budget.connect(guardian).dropSuccessor()).to.be.revertedWithCustomError(
        ...([budget, "EmissionBudget_NoSuccessor"] as const),
      );
      await chain.reach(from);
      await expect(budget.acceptSuccessor()).to.be.revertedWithCustomError(budget, "EmissionBudget_NoSuccessor");
      await mined(governed(world, "nameSuccessor", [next.target]));
      await expect(governed(world, "dropSuccessor")).to.emit(budget, "SuccessorDropped").withArgs(next);
    });
  });

  it("can neither hand over its grants nor approve, nor send anywhere but to its consumer", async () => {
    const world = await load(named);
    const { budget, vault, opg, next, timelock, book, lens } = world;
    const changing = budget.interface.fragments.flatMap((fragment) =>
      fragment.type === "function" && !("constant" in fragment && fragment.constant)
        ? [fragment.format("sighash")]
        : [],
    );
    expect(changing.sort()).to.deep.equal([
      ...["acceptSuccessor()", "claim(uint256[])", "dropSuccessor()", "forward()", "nameSuccessor(address)"],
      ...["setConsumer(address)", "setGuardian(address)"],
    ]);
    // What governance or a grant's owner could try from outside.
    await mined(vault.connect(chain.signer(5)).offerHandover(OTHERS, budget));
    for (const id of GRANTS) {
      await expect(
        govern(
          { ...chain, contracts: { timelock } as never },
          vault as BaseContract,
          vault.interface.encodeFunctionData("offerHandover", [id, String(next.target)]),
        ),
      ).to.be.revertedWithCustomError(vault, "VestVault_NotBeneficiary");
      expect(await lens.beneficiaryOf(id)).to.equal(budget.target);
    }
    for (const data of [
      vault.interface.encodeFunctionData("offerHandover", [0, String(next.target)]),
      vault.interface.encodeFunctionData("acceptHandover", [OTHERS]),
      opg.interface.encodeFunctionData("approve", [String(next.target), 1n]),
      opg.interface.encodeFunctionData("transfer", [String(next.target), 1n]),
      "0x",
    ]) {
      await expect(chain.signer(1).sendTransaction({ to: budget, data, gasLimit: 500_000 })).to.be.revert(chain.ethers);
    }
    await chain.reach(at(world, 100));
    await mined(budget.claim(GRANTS));
    expect(await opg.queryFilter(opg.filters.Approval(budget))).to.deep.equal([]);
    expect(await lens.beneficiaryOf(OTHERS)).to.equal(book.grants[OTHERS]!.beneficiary);
  });

  describe("with a token that calls the consumer in the middle of a payment", () => {
    async function hostile() {
      const { ethers } = chain;
      const timelock: ProtocolTimelock = await ethers.deployContract("ProtocolTimelock", [
        ...[DELAY, [chain.signer(0).address], [ZeroAddress]],
      ]);
      const token: ImitationOpg = await ethers.deployContract("ImitationOpg", ["OpenGradient", "OPG", 18, SUPPLY_WEI]);
      const [consumer, next] = [await ethers.deployContract("Reenterer"), await ethers.deployContract("Reenterer")];
      const deployer = chain.signer(0);
      // The budget names the vault, and the book of the vault names the budget: harness, budget, vault, in this order.
      const nonce = await deployer.getNonce();
      const vaultAt = ethers.getCreateAddress({ from: deployer.address, nonce: nonce + 2 });
      const launch = await ethers.deployContract("LaunchHarness", [token, vaultAt]);
      const budget: EmissionBudget = await ethers.deployContract("EmissionBudget", [
        ...([String(launch.target), timelock, chain.signer(1), DELAY, SUCCESSOR_DELAY] as const),
      ]);
      const book = emissions(String(budget.target));
      const { vault } = await plainVault(chain, encodeBook(book), totalOf(book), token);
      expect(vault.target).to.equal(vaultAt);
      await mined(token.transfer(vault, totalOf(book)));
      await mined(vault.seal());
      const world = { timelock, token, budget, vault, consumer, next, book };
      await mined(governed(world, "setConsumer", [consumer.target]));
      await mined(governed(world, "nameSuccessor", [next.target]));
      await mined(token.setHook(consumer));
      return world;
    }

    for (const [what, data] of [
      ["forward", (budget: EmissionBudget) => budget.interface.encodeFunctionData("forward")],
      ["claim", (budget: EmissionBudget) => budget.interface.encodeFunctionData("claim", [GRANTS])],
      ["acceptSuccessor", (budget: EmissionBudget) => budget.interface.encodeFunctionData("acceptSuccessor")],
    ] as const) {
      it(`pays nothing twice when ${what} comes from within`, async () => {
        const world = await load(hostile);
        const { budget, token, consumer, next, vault, book } = world;
        await mined(consumer.plan(budget, data(budget)));
        await chain.next(at(world, 12));
        await mined(budget.claim(GRANTS));
        expect([await consumer.calls(), await consumer.succeeded()]).to.deep.equal([1n, true]);
        const paidWei = (await token.balanceOf(consumer)) + (await token.balanceOf(next));
        expect(paidWei).to.equal(dueAt(world, at(world, 12)));
        expect(await token.balanceOf(budget)).to.equal(0n);
        expect(await budget.forwardedWei()).to.equal(paidWei);
        expect(await token.balanceOf(vault)).to.equal(totalOf(book) - paidWei);
      });
    }
  });
});
