import { expect } from "chai";
import {
  type ContractTransactionResponse,
  concat,
  Signature,
  solidityPacked,
  toBeHex,
  type Wallet,
  ZeroAddress,
} from "ethers";
import { LOCAL_GOVERNOR, REMOVALS } from "../../../deploy/governor.ts";
import type { Parameters } from "../../../deploy/parameters.ts";
import { mined } from "../../../src/core/chain/events.ts";
import {
  hashedArguments,
  type Proposal,
  proposalId,
  proposeArguments,
  protectedDescription,
} from "../../../src/governance/proposal.ts";
import { OPG, walletOf } from "../../helpers/economy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { openGovernor, proposalOf } from "../../helpers/governor.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
OPGGovernor
├── deployment
│  ├── when the votes count in another clock: OPGGovernor_WrongClock; OPG itself is no source of votes
│  ├── when the timelock can be faster than it may: OPGGovernor_TimelockTooFast
│  ├── when there is no floor: OPGGovernor_NoFloor
│  ├── when bounds fit nothing: GovernorBounds_Impossible, for each
│  ├── when a setting is outside its bounds: GovernorBounds_Outside, for each, on both sides
│  └── else: everything as given; the timelock has no other proposer, canceller or admin
├── a proposal, from end to end
│  ├── changes a governed parameter after vote and delay, sent by anybody, and not a second earlier at any stage
│  ├── is done too when somebody executes it at the timelock
│  ├── cannot be queued below the quorum, when lost or tied, twice, or with other calls
│  ├── changes nothing where a call reverts
│  └── given the governor is no proposer of the timelock: cannot be queued
├── propose
│  ├── when the proposer has too few votes a second before: GovernorInsufficientProposerVotes
│  ├── when it has no call, more than sixteen, or lists of different length: an error for each
│  ├── when the description names another proposer: GovernorRestrictedProposer; what is no address names nobody
│  └── given it stands: GovernorUnexpectedProposalState, also after a cancel: so an unprotected one can be kept out
├── quorum: the floor or the part, whichever is more, rounded up; abstentions count, votes against do not; later changes do not
├── proposals that only remove
│  ├── need the part alone, and pass where little is staked
│  ├── are those of the list, all calls of them; the list is of functions that stand
│  └── when one call is none, goes elsewhere or is too short: as any other
├── castVote: see the tests; whole, in parts, never more than there is
├── castVoteBySig: by the voter for exactly this, once; contracts may sign; no second form of a signature
├── votes: as of the snapshot; moved within a block they count once; locked tokens have none; what was slashed is gone
├── late quorum: extends once, to the full extension from then on; not when it is reached early
├── cancel
│  ├── the guardian: pending, active, succeeded, queued; not what is executed, canceled or replaces it; nothing else
│  ├── the proposer: pending only, also where there is no guardian
│  └── others: never
├── settings: through a vote only, and within their bounds
├── never: another timelock, calls of the governor's own, ether or tokens left with it
└── a call that calls back: can neither execute again nor cancel, in governor or timelock, nor slip in a governor's call
*/
describe("OPGGovernor", () => {
  const { votingDelay, votingPeriod, voteExtension, proposalThreshold, quorumFloor } = LOCAL_GOVERNOR;
  const State = { PENDING: 0n, ACTIVE: 1n, CANCELED: 2n, DEFEATED: 3n, SUCCEEDED: 4n, QUEUED: 5n, EXECUTED: 7n };
  const Kind = { ANY: 0n, REMOVAL: 1n, GUARDIAN: 2n };
  const [AGAINST, FOR, ABSTAIN, PARTS] = [0, 1, 2, 255];
  const guardianWallet = walletOf("guardian");
  const nextGuardian = walletOf("next guardian").address;
  const MILLION = 1_000_000n * OPG;

  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol((parameters: Parameters) => ({
      ...parameters,
      governance: { ...parameters.governance, guardian: guardianWallet.address },
    }));
    load = await fixturesOn(protocol);
  });
  type Signer = Protocol["signers"][number];
  type World = Awaited<ReturnType<typeof open>>;

  /** Alice 30 M, Bob 20 M, Carol 50 M of voting stake: the quorum is the floor of 5 M. */
  async function open() {
    const { ethers, networkHelpers, signers, contracts } = protocol;
    const opened = await openGovernor(protocol, { guardian: guardianWallet.address });
    const [, alice, bob, carol, stranger] = signers as [unknown, Signer, Signer, Signer, Signer];
    for (const [who, millions] of [
      [alice, 30n],
      [bob, 20n],
      [carol, 50n],
    ] as const) {
      await mined(opened.votes.setVotes(who.address, millions * MILLION));
    }
    await networkHelpers.setBalance(guardianWallet.address, 10n ** 18n);
    await networkHelpers.mine();
    return { ...contracts, ...opened, alice, bob, carol, stranger, guardian: guardianWallet.connect(ethers.provider) };
  }

  /** Only Alice has stake, less than the floor. */
  async function openSmall() {
    const world = await open();
    await mined(world.votes.setVotes(world.alice.address, 900_000n * OPG));
    await mined(world.votes.setVotes(world.bob.address, 100_000n * OPG));
    await mined(world.votes.setVotes(world.carol.address, 0));
    return world;
  }

  const time = () => protocol.networkHelpers.time;
  const setGuardian = ({ stakeHub }: World, to = nextGuardian) =>
    proposalOf("Another guardian", [stakeHub.target, stakeHub.interface.encodeFunctionData("setGuardian", [to])]);
  const ofGovernor = ({ governor }: World, data: string) => proposalOf(`Set ${data}`, [governor.target, data]);

  const propose = (world: World, proposal: Proposal, by: Signer | Wallet = world.alice) =>
    world.governor.connect(by).propose(...proposeArguments(proposal));
  const stateOf = ({ governor }: World, proposal: Proposal) => governor.state(proposalId(proposal));
  const vote = ({ governor }: World, proposal: Proposal, by: Signer | Wallet, support: number) =>
    governor.connect(by).castVote(proposalId(proposal), support);

  /** Proposes and goes to the first second of the vote. */
  async function activate(world: World, proposal: Proposal) {
    await mined(propose(world, proposal));
    await time().increaseTo((await world.governor.proposalSnapshot(proposalId(proposal))) + 1n);
  }
  async function end(world: World, proposal: Proposal) {
    await time().increaseTo((await world.governor.proposalDeadline(proposalId(proposal))) + 1n);
  }
  /** Proposes, lets Alice vote for it, and ends the vote. */
  async function succeed(world: World, proposal: Proposal) {
    await activate(world, proposal);
    await mined(vote(world, proposal, world.alice, FOR));
    await end(world, proposal);
  }
  async function queue(world: World, proposal: Proposal) {
    await succeed(world, proposal);
    await mined(world.governor.connect(world.stranger).queue(...hashedArguments(proposal)));
    await time().increaseTo(await world.governor.proposalEta(proposalId(proposal)));
  }
  const execute = (world: World, proposal: Proposal) =>
    world.governor.connect(world.stranger).execute(...hashedArguments(proposal));
  async function pass(world: World, proposal: Proposal) {
    await queue(world, proposal);
    return execute(world, proposal);
  }

  const refuses = (sent: Promise<unknown>, { governor }: World, error: string) =>
    expect(sent).to.be.revertedWithCustomError(governor, error);

  describe("deployment", () => {
    type Change = { skew?: number; [key: string]: unknown };
    async function deploy({ skew = 0, ...change }: Change = {}) {
      const { contracts, ethers } = protocol;
      const votes = await ethers.deployContract("VotesMock", [skew]);
      const config = {
        ...{ ...LOCAL_GOVERNOR, votes: votes.target, timelock: contracts.timelock.target, guardian: ZeroAddress },
        ...{ leastTimelockDelay: 4200, ...change },
      };
      return ethers.deployContract("OPGGovernor", [config, []] as never);
    }
    const fails = async (change: Change, error: string, ...args: unknown[]) => {
      const factory = await protocol.ethers.getContractFactory("OPGGovernor");
      const refused = expect(deploy(change)).to.be.revertedWithCustomError(factory as never, error);
      await (args.length > 0 ? refused.withArgs(...args) : refused);
    };

    it("needs votes by timestamp", async () => {
      await load(open);
      await fails({ skew: 1 }, "OPGGovernor_WrongClock");
      await expect(deploy({ votes: protocol.contracts.opg.target })).to.revert(protocol.ethers);
    });

    it("needs a timelock that cannot become faster than it may", async () => {
      await load(open);
      await fails({ leastTimelockDelay: 4201 }, "OPGGovernor_TimelockTooFast", 4200, 4201);
      // A timelock without a floor answers no `floor()`.
      await expect(deploy({ timelock: protocol.contracts.opg.target })).to.revert(protocol.ethers);
    });

    it("needs a floor", async () => {
      await load(open);
      await fails({ quorumFloor: 0 }, "OPGGovernor_NoFloor");
    });

    for (const [setting, least, most] of [
      ["votingDelay", 0, 10],
      ["votingDelay", 11, 10],
      ["votingDelay", 1, 2n ** 32n],
      ["votingPeriod", 0, 10],
      ["votingPeriod", 1, 2n ** 32n],
      ["voteExtension", 2, 1],
      ["voteExtension", 0, 2n ** 32n],
      ["proposalThreshold", 0, 10],
      ["quorumPpm", 0, 10],
      ["quorumPpm", 1, 1_000_001],
    ] as const) {
      it(`refuses a ${setting} between ${least} and ${most}`, async () => {
        await load(open);
        const bounds = { ...LOCAL_GOVERNOR.bounds, [setting]: { least, most } };
        await fails({ bounds }, "GovernorBounds_Impossible", setting, least, most);
      });
    }

    for (const setting of ["votingDelay", "votingPeriod", "voteExtension", "proposalThreshold", "quorumPpm"] as const) {
      it(`refuses a ${setting} outside its bounds`, async () => {
        await load(open);
        const bounds = { ...LOCAL_GOVERNOR.bounds, [setting]: { least: 10, most: 20 } };
        for (const value of [9, 21]) {
          await fails({ bounds, [setting]: value }, "GovernorBounds_Outside", setting, value, 10, 20);
        }
        for (const value of [10, 20]) await deploy({ bounds, [setting]: value });
      });
    }

    it("holds what it was given", async () => {
      const { governor, votes, timelock } = await load(open);
      expect(await governor.token()).to.equal(votes.target);
      expect(await governor.timelock()).to.equal(timelock.target);
      expect(await governor.proposalGuardian()).to.equal(guardianWallet.address);
      expect(await governor.votingDelay()).to.equal(BigInt(votingDelay));
      expect(await governor.votingPeriod()).to.equal(BigInt(votingPeriod));
      expect(await governor.lateQuorumVoteExtension()).to.equal(BigInt(voteExtension));
      expect(await governor.proposalThreshold()).to.equal(proposalThreshold);
      expect(await governor["quorumNumerator()"]()).to.equal(40_000n);
      expect(await governor.quorumDenominator()).to.equal(1_000_000n);
      expect(await governor.quorumFloor()).to.equal(quorumFloor);
      expect(await governor.CLOCK_MODE()).to.equal("mode=timestamp");
      expect(await governor.COUNTING_MODE()).to.equal("support=bravo,fractional&quorum=for,abstain&params=fractional");
      const bounds = await governor.bounds();
      for (const [name, { least, most }] of Object.entries(LOCAL_GOVERNOR.bounds)) {
        const held = bounds[name as keyof typeof LOCAL_GOVERNOR.bounds];
        expect([held.least, held.most], name).to.deep.equal([BigInt(least), BigInt(most)]);
      }
    });

    it("leaves the timelock to the governor alone", async () => {
      const { governor, timelock } = await load(open);
      const [proposer, canceller] = [await timelock.PROPOSER_ROLE(), await timelock.CANCELLER_ROLE()];
      const deployer = (protocol.signers[0] as Signer).address;
      for (const role of [proposer, canceller]) {
        expect(await timelock.hasRole(role, governor.target)).to.equal(true);
        expect(await timelock.hasRole(role, deployer)).to.equal(false);
        expect(await timelock.hasRole(role, guardianWallet.address)).to.equal(false);
      }
      expect(await timelock.hasRole(await timelock.DEFAULT_ADMIN_ROLE(), governor.target)).to.equal(false);
      const call = [timelock.target, 0, "0x", `0x${"0".repeat(64)}`, `0x${"0".repeat(64)}`, 4200] as const;
      await expect(timelock.schedule(...call)).to.be.revertedWithCustomError(
        timelock,
        "AccessControlUnauthorizedAccount",
      );
    });
  });

  describe("a proposal", () => {
    it("changes a governed parameter after vote and delay, and not a second earlier at any stage", async () => {
      const world = await load(open);
      const { governor, settlement, alice, stranger, timelock } = world;
      const court = walletOf("another court").address;
      const change = proposalOf("Another court", [
        settlement.target,
        settlement.interface.encodeFunctionData("setCourt", [court]),
      ]);
      const id = proposalId(change);
      await refuses(governor.state(id), world, "GovernorNonexistentProposal");

      const at = (await time().latest()) + 10;
      await time().setNextBlockTimestamp(at);
      await expect(propose(world, change)).to.emit(governor, "ProposalCreated");
      expect(await governor.proposalSnapshot(id)).to.equal(BigInt(at + votingDelay));
      expect(await governor.proposalProposer(id)).to.equal(alice.address);
      expect(await governor.proposalKind(id)).to.equal(Kind.ANY);

      await time().setNextBlockTimestamp(at + votingDelay);
      await refuses(vote(world, change, alice, FOR), world, "GovernorUnexpectedProposalState");
      await time().setNextBlockTimestamp(at + votingDelay + 1);
      await expect(vote(world, change, alice, FOR))
        .to.emit(governor, "VoteCast")
        .withArgs(alice.address, id, FOR, 30n * MILLION, "");

      await time().setNextBlockTimestamp(at + votingDelay + votingPeriod);
      await refuses(governor.queue(...hashedArguments(change)), world, "GovernorUnexpectedProposalState");
      const queuedAt = at + votingDelay + votingPeriod + 1;
      await time().setNextBlockTimestamp(queuedAt);
      await expect(governor.connect(stranger).queue(...hashedArguments(change)))
        .to.emit(governor, "ProposalQueued")
        .withArgs(id, queuedAt + 4200);
      expect(await governor.state(id)).to.equal(State.QUEUED);

      await time().setNextBlockTimestamp(queuedAt + 4199);
      await expect(execute(world, change)).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState");
      expect(await settlement.court()).not.to.equal(court);
      await time().setNextBlockTimestamp(queuedAt + 4200);
      await expect(execute(world, change)).to.emit(governor, "ProposalExecuted").withArgs(id);
      expect(await settlement.court()).to.equal(court);
      expect(await governor.state(id)).to.equal(State.EXECUTED);
      await refuses(execute(world, change), world, "GovernorUnexpectedProposalState");
    });

    it("makes several calls, on several contracts", async () => {
      const world = await load(open);
      const { stakeHub, teeRegistry, settlement } = world;
      const several = proposalOf(
        "Guardians",
        ...[stakeHub, teeRegistry, settlement].map((contract): [unknown, string] => [
          contract.target,
          stakeHub.interface.encodeFunctionData("setGuardian", [nextGuardian]),
        ]),
      );
      await mined(pass(world, several));
      for (const contract of [stakeHub, teeRegistry, settlement]) {
        expect(await contract.guardian()).to.equal(nextGuardian);
      }
    });

    it("is executed too when somebody does it at the timelock", async () => {
      const world = await load(open);
      const { governor, timelock, stranger, guardian } = world;
      const change = setGuardian(world);
      await queue(world, change);
      const [targets, values, datas, hash] = hashedArguments(change);
      const salt = toBeHex((BigInt(String(governor.target)) * 2n ** 96n) ^ BigInt(hash), 32);
      await mined(timelock.connect(stranger).executeBatch(targets, values, datas, toBeHex(0, 32), salt));
      expect(await stateOf(world, change)).to.equal(State.EXECUTED);
      await refuses(execute(world, change), world, "GovernorUnexpectedProposalState");
      await refuses(
        governor.connect(guardian).cancel(...hashedArguments(change)),
        world,
        "GovernorUnexpectedProposalState",
      );
    });

    it("calls the governor itself through the governor only", async () => {
      const world = await load(open);
      const { governor, timelock } = world;
      const change = ofGovernor(world, governor.interface.encodeFunctionData("setVotingDelay", [61]));
      await queue(world, change);
      const [targets, values, datas, hash] = hashedArguments(change);
      const salt = toBeHex((BigInt(String(governor.target)) * 2n ** 96n) ^ BigInt(hash), 32);
      await expect(timelock.executeBatch(targets, values, datas, toBeHex(0, 32), salt)).to.revert(protocol.ethers);
      await mined(execute(world, change));
      expect(await governor.votingDelay()).to.equal(61n);
    });

    it("pays out of the timelock and out of what comes with the execution", async () => {
      const world = await load(open);
      const { timelock, stranger, governor } = world;
      await protocol.networkHelpers.setBalance(String(timelock.target), 5n);
      const pay: Proposal = { description: "Pay", calls: [{ target: nextGuardian, value: 7n, data: "0x" }] };
      await queue(world, pay);
      const sent = governor.connect(stranger).execute(...hashedArguments(pay), { value: 2n });
      await expect(sent).to.changeEtherBalances(protocol.ethers, [nextGuardian, timelock.target], [7n, -5n]);
    });

    for (const [what, votes, state] of [
      ["nobody votes", [], State.DEFEATED],
      [
        "it is lost",
        [
          ["alice", FOR],
          ["carol", AGAINST],
        ],
        State.DEFEATED,
      ],
      [
        "it is tied",
        [
          ["alice", FOR],
          ["bob", AGAINST],
          ["dora", AGAINST],
        ],
        State.DEFEATED,
      ],
      ["all abstain", [["alice", ABSTAIN]], State.DEFEATED],
      [
        "it is won",
        [
          ["alice", FOR],
          ["bob", AGAINST],
        ],
        State.SUCCEEDED,
      ],
    ] as [string, [string, number][], bigint][]) {
      it(`${state === State.DEFEATED ? "ends there" : "goes on"} when ${what}`, async () => {
        const world = await load(open);
        const { alice, bob, carol, stranger, votes: source } = world;
        await mined(source.setVotes(stranger.address, 10n * MILLION));
        const change = setGuardian(world);
        await activate(world, change);
        const voters: Record<string, Signer> = { alice, bob, carol, dora: stranger };
        for (const [name, support] of votes) await mined(vote(world, change, voters[name] as Signer, support));
        await end(world, change);
        expect(await stateOf(world, change)).to.equal(state);
        const queued = world.governor.queue(...hashedArguments(change));
        if (state === State.SUCCEEDED) await mined(queued);
        else await refuses(queued, world, "GovernorUnexpectedProposalState");
      });
    }

    it("cannot be queued twice, nor executed with other calls", async () => {
      const world = await load(open);
      const { governor } = world;
      const change = setGuardian(world);
      await queue(world, change);
      await refuses(governor.queue(...hashedArguments(change)), world, "GovernorUnexpectedProposalState");
      await refuses(execute(world, setGuardian(world, ZeroAddress)), world, "GovernorNonexistentProposal");
      await refuses(execute(world, { ...change, description: "Other" }), world, "GovernorNonexistentProposal");
    });

    it("changes nothing where a call reverts, and can be tried again", async () => {
      const world = await load(open);
      const { stakeHub, settlement } = world;
      const data = stakeHub.interface.encodeFunctionData("setGuardian", [nextGuardian]);
      const bad = settlement.interface.encodeFunctionData("setCourt", [ZeroAddress]);
      const change = proposalOf("Half", [stakeHub.target, data], [settlement.target, bad]);
      await queue(world, change);
      await expect(execute(world, change)).to.be.revertedWithCustomError(settlement, "Settlement_NoCourt");
      expect(await stakeHub.guardian()).to.equal(guardianWallet.address);
      expect(await stateOf(world, change)).to.equal(State.QUEUED);
    });

    it("cannot be queued while the governor is no proposer of the timelock", async () => {
      const world = await load(open);
      const { governor, timelock } = world;
      const role = await timelock.PROPOSER_ROLE();
      const leave = proposalOf("Leave", [
        timelock.target,
        timelock.interface.encodeFunctionData("revokeRole", [role, governor.target]),
      ]);
      await mined(pass(world, leave));
      const change = setGuardian(world);
      await succeed(world, change);
      await expect(governor.queue(...hashedArguments(change)))
        .to.be.revertedWithCustomError(timelock, "AccessControlUnauthorizedAccount")
        .withArgs(governor.target, role);
    });
  });

  describe("propose", () => {
    it("needs the threshold one second before", async () => {
      const world = await load(open);
      const { governor, votes, stranger } = world;
      const change = setGuardian(world);
      await mined(votes.setVotes(stranger.address, proposalThreshold - 1n));
      await refuses(propose(world, change, stranger), world, "GovernorInsufficientProposerVotes").withArgs(
        stranger.address,
        proposalThreshold - 1n,
        proposalThreshold,
      );
      const { ethers, networkHelpers } = protocol;
      await ethers.provider.send("evm_setAutomine", [false]);
      const gasLimit = 1_000_000;
      const came = await votes.setVotes(stranger.address, proposalThreshold, { gasLimit });
      const sameBlock = await governor.connect(stranger).propose(...proposeArguments(change), { gasLimit });
      await networkHelpers.mine();
      await ethers.provider.send("evm_setAutomine", [true]);
      expect((await ethers.provider.getTransactionReceipt(came.hash))?.status).to.equal(1);
      expect((await ethers.provider.getTransactionReceipt(sameBlock.hash))?.status).to.equal(0);
      await mined(propose(world, change, stranger));
    });

    it("takes one to sixteen calls", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const [call] = setGuardian(world).calls as [Proposal["calls"][number]];
      const times = (count: number): Proposal => ({
        description: "",
        calls: Array.from({ length: count }, () => call),
      });
      await refuses(propose(world, times(0)), world, "GovernorInvalidProposalLength").withArgs(0, 0, 0);
      await refuses(propose(world, times(17)), world, "OPGGovernor_TooManyCalls").withArgs(17, 16);
      await mined(propose(world, times(16)));
      const by = governor.connect(alice);
      for (const [targets, values, datas] of [
        [1, 2, 1],
        [1, 1, 2],
        [2, 1, 1],
      ] as const) {
        const args = [Array(targets).fill(call.target), Array(values).fill(0), Array(datas).fill(call.data)] as const;
        await refuses(by.propose(...args, ""), world, "GovernorInvalidProposalLength").withArgs(targets, datas, values);
      }
    });

    it("case 72: cannot be copied and cancelled by another when it names its proposer", async () => {
      const world = await load(open);
      const { governor, alice, bob } = world;
      const change = setGuardian(world);
      const own = { ...change, description: protectedDescription("Mine", alice.address) };
      await refuses(propose(world, own, bob), world, "GovernorRestrictedProposer").withArgs(bob.address);
      await mined(propose(world, own));

      // Without the suffix it works, and the id is gone.
      await mined(propose(world, change, bob));
      await refuses(propose(world, change), world, "GovernorUnexpectedProposalState");
      await mined(governor.connect(bob).cancel(...hashedArguments(change)));
      await refuses(propose(world, change), world, "GovernorUnexpectedProposalState");
    });

    it("takes only a whole address at the very end for a proposer", async () => {
      const world = await load(open);
      const { alice, bob } = world;
      const change = setGuardian(world);
      for (const description of [
        `#proposer=${alice.address} `,
        `#proposer=${alice.address.slice(0, -1)}g`,
        `#proposer=${alice.address.slice(2)}`,
        `#Proposer=${alice.address}`,
      ]) {
        await mined(propose(world, { ...change, description }, bob));
      }
      const lower = { ...change, description: protectedDescription("", alice.address.toLowerCase()) };
      await refuses(propose(world, lower, bob), world, "GovernorRestrictedProposer");
      await mined(propose(world, lower));
    });
  });

  describe("quorum", () => {
    it("is the floor where little is staked and the part where much is, rounded up", async () => {
      const { governor, votes, alice } = await load(open);
      const at = async () => {
        await protocol.networkHelpers.mine();
        return (await time().latest()) - 1;
      };
      expect(await governor.quorum(await at())).to.equal(quorumFloor); // 4 % of 100 M are 4 M
      expect(await governor.removalQuorum(await at())).to.equal(4n * MILLION);
      await mined(votes.setVotes(alice.address, 130n * MILLION)); // 200 M in all
      expect(await governor.quorum(await at())).to.equal(8n * MILLION);
      await mined(votes.setVotes(alice.address, 55n * MILLION)); // 125 M: both the same
      expect(await governor.quorum(await at())).to.equal(quorumFloor);
      await mined(votes.setVotes(alice.address, 55n * MILLION + 1n));
      expect(await governor.quorum(await at())).to.equal(quorumFloor + 1n);
    });

    it("counts votes for and abstentions, to the last nano", async () => {
      const world = await load(open);
      const { votes, bob, carol, stranger, governor } = world;
      await mined(votes.setVotes(bob.address, quorumFloor - 1n));
      await mined(votes.setVotes(carol.address, 1n));
      await mined(votes.setVotes(stranger.address, 1n));
      const change = setGuardian(world);
      await activate(world, change);
      await mined(vote(world, change, bob, ABSTAIN));
      await mined(vote(world, change, stranger, AGAINST));
      const before = await protocol.networkHelpers.takeSnapshot();
      await end(world, change);
      expect(await stateOf(world, change)).to.equal(State.DEFEATED);
      await before.restore();
      await mined(vote(world, change, carol, FOR));
      await end(world, change);
      // The quorum is there, but one vote for and one against is a tie.
      expect(await stateOf(world, change)).to.equal(State.DEFEATED);
      await before.restore();
      expect(await governor.proposalQuorum(proposalId(change))).to.equal(quorumFloor);
    });

    it("of a proposal is that of its snapshot, whatever is set or staked later", async () => {
      const world = await load(open);
      const { governor, votes, alice } = world;
      const raise = ofGovernor(world, governor.interface.encodeFunctionData("updateQuorumNumerator", [200_000]));
      await queue(world, raise);
      const change = setGuardian(world);
      await activate(world, change);
      await mined(execute(world, raise));
      await mined(votes.setVotes(alice.address, 1000n * MILLION));
      expect(await governor["quorumNumerator()"]()).to.equal(200_000n);
      expect(await governor.proposalQuorum(proposalId(change))).to.equal(quorumFloor);
      await protocol.networkHelpers.mine();
      expect(await governor.quorum((await time().latest()) - 1)).to.equal(214n * MILLION);
    });

    it("is not known before the snapshot", async () => {
      const world = await load(open);
      const change = setGuardian(world);
      await mined(propose(world, change));
      await expect(world.governor.proposalQuorum(proposalId(change))).to.be.revertedWithCustomError(
        world.votes,
        "ERC5805FutureLookup",
      );
    });
  });

  describe("a proposal that only removes", () => {
    const removal = ({ settlement, teeRegistry }: World) =>
      proposalOf(
        "Remove",
        [settlement.target, settlement.interface.encodeFunctionData("retirePolicy", [1])],
        [teeRegistry.target, teeRegistry.interface.encodeFunctionData("revokeMeasurement", [1])],
      );

    it("passes with the part alone where less than the floor is staked; nothing else does", async () => {
      const world = await load(openSmall);
      const { governor, settlement, teeRegistry } = world;
      const change = setGuardian(world);
      await succeed(world, change);
      expect(await stateOf(world, change)).to.equal(State.DEFEATED);

      const remove = removal(world);
      await queue(world, remove);
      const id = proposalId(remove);
      expect(await governor.proposalKind(id)).to.equal(Kind.REMOVAL);
      expect(await governor.proposalQuorum(id)).to.equal(40_000n * OPG);
      await expect(execute(world, remove)).to.emit(settlement, "PolicyRetired").withArgs(1);
      expect((await teeRegistry.getMeasurement(1)).revokedAt).not.to.equal(0n);
    });

    it("still needs the part, and more for than against", async () => {
      const world = await load(open);
      const { votes, bob, carol, alice } = world;
      await mined(votes.setVotes(bob.address, 3_900_000n * OPG));
      await mined(votes.setVotes(carol.address, 100n * MILLION - 33_900_000n * OPG));
      const remove = removal(world);
      await activate(world, remove);
      await mined(vote(world, remove, bob, FOR));
      const before = await protocol.networkHelpers.takeSnapshot();
      await end(world, remove);
      expect(await stateOf(world, remove)).to.equal(State.DEFEATED);
      await before.restore();
      await mined(vote(world, remove, alice, AGAINST));
      await end(world, remove);
      expect(await stateOf(world, remove)).to.equal(State.DEFEATED);
    });

    it("consists of functions of the list, which stand", async () => {
      const { governor, ...world } = await load(open);
      for (const [name, signatures] of Object.entries(REMOVALS)) {
        const contract = world[name as keyof typeof REMOVALS];
        for (const signature of signatures) {
          const { selector } = contract.interface.getFunction(signature as never) as { selector: string };
          expect(await governor.isRemoval(contract.target, selector), signature).to.equal(true);
        }
      }
      const pause = world.settlement.interface.getFunction("pause").selector;
      expect(await governor.isRemoval(world.settlement.target, pause)).to.equal(false);
      expect(
        governor.interface.fragments.some(
          (f) =>
            "name" in f && /removal/i.test(String(f.name)) && "stateMutability" in f && f.stateMutability !== "view",
        ),
      ).to.equal(false);
    });

    it("is none with three bytes that a zero would complete", async () => {
      const world = await load(open);
      const { votes, timelock, alice } = world;
      const target = String(world.settlement.target);
      const config = { ...LOCAL_GOVERNOR, votes, timelock, guardian: ZeroAddress, leastTimelockDelay: 4200 };
      const removals = [{ target, selector: "0x11223300" }];
      const governor = await protocol.ethers.deployContract("OPGGovernor", [config, removals]);
      for (const [data, kind] of [
        ["0x112233", Kind.ANY],
        ["0x11223300", Kind.REMOVAL],
      ] as const) {
        const change = proposalOf("short", [target, data]);
        await mined(governor.connect(alice).propose(...proposeArguments(change)));
        expect(await governor.proposalKind(proposalId(change)), data).to.equal(kind);
      }
    });

    it("has no other call beside", async () => {
      const world = await load(openSmall);
      const { governor, settlement, teeRegistry, stakeHub } = world;
      const [retire] = removal(world).calls as [Proposal["calls"][number]];
      const cases: [string, unknown, string][] = [
        ["a call that adds", stakeHub.target, stakeHub.interface.encodeFunctionData("setGuardian", [nextGuardian])],
        ["the same function elsewhere", stakeHub.target, retire.data],
        [
          "a verifier's end, which has the selector of its naming",
          teeRegistry.target,
          teeRegistry.interface.encodeFunctionData("setVerifier", ["0x44455631", ZeroAddress]),
        ],
        ["a pause", settlement.target, settlement.interface.encodeFunctionData("pause")],
        ["less than a selector", settlement.target, retire.data.slice(0, 8)],
        ["nothing", settlement.target, "0x"],
      ];
      for (const [what, target, data] of cases) {
        for (const calls of [
          [retire, { target: String(target), value: 0n, data }],
          [{ target: String(target), value: 0n, data }, retire],
        ]) {
          const change = { description: what, calls };
          await mined(propose(world, change));
          expect(await governor.proposalKind(proposalId(change)), what).to.equal(Kind.ANY);
        }
      }
      const change = proposalOf("short", [settlement.target, "0x"]);
      await succeed(world, change);
      expect(await stateOf(world, change)).to.equal(State.DEFEATED);
    });
  });

  describe("castVote", () => {
    it("counts all a voter has, once", async () => {
      const world = await load(open);
      const { governor, alice, stranger } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const id = proposalId(change);
      await expect(governor.connect(alice).castVoteWithReason(id, FOR, "why not"))
        .to.emit(governor, "VoteCast")
        .withArgs(alice.address, id, FOR, 30n * MILLION, "why not");
      expect(await governor.hasVoted(id, alice.address)).to.equal(true);
      for (const support of [FOR, AGAINST, ABSTAIN]) {
        await refuses(vote(world, change, alice, support), world, "GovernorAlreadyCastVote");
      }
      await refuses(vote(world, change, stranger, FOR), world, "GovernorAlreadyCastVote").withArgs(stranger.address);
      await refuses(vote(world, change, world.bob, 3), world, "GovernorInvalidVoteType");
      expect(await governor.proposalVotes(id)).to.deep.equal([0n, 30n * MILLION, 0n]);
    });

    const parts = (...[against, inFavour, abstain]: [bigint, bigint, bigint]) =>
      solidityPacked(["uint128", "uint128", "uint128"], [against, inFavour, abstain]);

    it("counts parts, at once or one after another, and never more than there is", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const id = proposalId(change);
      const cast = (params: string, support = PARTS) =>
        governor.connect(alice).castVoteWithReasonAndParams(id, support, "", params);
      await mined(cast(parts(5n * MILLION, 10n * MILLION, 3n * MILLION)));
      expect(await governor.proposalVotes(id)).to.deep.equal([5n * MILLION, 10n * MILLION, 3n * MILLION]);
      expect(await governor.usedVotes(id, alice.address)).to.equal(18n * MILLION);
      await refuses(cast(parts(0n, 12n * MILLION + 1n, 0n)), world, "GovernorExceedRemainingWeight").withArgs(
        alice.address,
        12n * MILLION + 1n,
        12n * MILLION,
      );
      const most = 2n ** 128n - 1n;
      await refuses(cast(parts(most, most, most)), world, "GovernorExceedRemainingWeight");
      await mined(cast(parts(0n, 2n * MILLION, 0n)));
      await mined(vote(world, change, alice, AGAINST)); // the rest as a whole
      expect(await governor.proposalVotes(id)).to.deep.equal([15n * MILLION, 12n * MILLION, 3n * MILLION]);
      await refuses(cast(parts(0n, 0n, 0n)), world, "GovernorAlreadyCastVote");
    });

    it("refuses parts of another form, and parts beside a whole vote", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const id = proposalId(change);
      const whole = parts(0n, 1n, 0n);
      for (const [params, support] of [
        ["0x", PARTS],
        [whole.slice(0, -2), PARTS],
        [`${whole}00`, PARTS],
        [whole, FOR],
        [whole, AGAINST],
        [whole, ABSTAIN],
      ] as const) {
        const sent = governor.connect(alice).castVoteWithReasonAndParams(id, support, "", params);
        await refuses(sent, world, "GovernorInvalidVoteParams");
      }
      await refuses(vote(world, change, alice, PARTS), world, "GovernorInvalidVoteParams");
    });
  });

  describe("castVoteBySig", () => {
    const TYPES = {
      Ballot: [
        { name: "proposalId", type: "uint256" },
        { name: "support", type: "uint8" },
        { name: "voter", type: "address" },
        { name: "nonce", type: "uint256" },
      ],
    };
    async function signed(world: World, proposal: Proposal, change: Record<string, unknown> = {}, domain: object = {}) {
      const { governor, alice } = world;
      const [, name, version, chainId, verifyingContract] = await governor.eip712Domain();
      const ballot = { proposalId: proposalId(proposal), support: FOR, voter: alice.address, nonce: 0n, ...change };
      return alice.signTypedData({ name, version, chainId, verifyingContract, ...domain }, TYPES, ballot);
    }

    it("votes for whoever signed exactly this, once", async () => {
      const world = await load(open);
      const { governor, alice, bob, stranger } = world;
      const change = setGuardian(world);
      const other = { ...change, description: "Other" };
      await mined(propose(world, other));
      await activate(world, change);
      const id = proposalId(change);
      const send = (signature: string, voter = alice.address, support = FOR, of = id) =>
        governor.connect(stranger).castVoteBySig(of, support, voter, signature);
      const signature = await signed(world, change);
      const invalid = (sent: Promise<unknown>) => refuses(sent, world, "GovernorInvalidSignature");
      await invalid(send(signature, bob.address));
      await invalid(send(signature, alice.address, AGAINST));
      await invalid(send(signature, alice.address, FOR, proposalId(other)));
      await invalid(send(await signed(world, change, { nonce: 1n })));
      await invalid(send(await signed(world, change, {}, { chainId: 1n })));
      await invalid(send(await signed(world, change, {}, { verifyingContract: stranger.address })));
      await invalid(send("0x"));
      await expect(send(signature))
        .to.emit(governor, "VoteCast")
        .withArgs(alice.address, id, FOR, 30n * MILLION, "");
      expect(await governor.nonces(alice.address)).to.equal(1n);
      await invalid(send(signature));
      // The next nonce works, so nothing but the used one was in the way; there are no votes left.
      await refuses(send(await signed(world, change, { nonce: 1n })), world, "GovernorAlreadyCastVote");
    });

    it("case 72: has one form of a signature only", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const { r, s, v, compactSerialized } = Signature.from(await signed(world, change));
      const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const twin = concat([r, toBeHex(N - BigInt(s), 32), toBeHex(v === 27 ? 28 : 27)]);
      for (const signature of [twin, compactSerialized, concat([r, s, toBeHex(v - 27)])]) {
        const sent = governor.castVoteBySig(proposalId(change), FOR, alice.address, signature);
        await refuses(sent, world, "GovernorInvalidSignature");
      }
    });

    it("counts parts by signature, with reason and parts signed", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const id = proposalId(change);
      const [, name, version, chainId, verifyingContract] = await governor.eip712Domain();
      const params = solidityPacked(["uint128", "uint128", "uint128"], [1n, 2n, 3n]);
      const extended = {
        ExtendedBallot: [...TYPES.Ballot, { name: "reason", type: "string" }, { name: "params", type: "bytes" }],
      };
      const ballot = { proposalId: id, support: PARTS, voter: alice.address, nonce: 0n, reason: "r", params };
      const signature = await alice.signTypedData({ name, version, chainId, verifyingContract }, extended, ballot);
      const send = (reason: string, given: string) =>
        governor.castVoteWithReasonAndParamsBySig(id, PARTS, alice.address, reason, given, signature);
      await refuses(send("s", params), world, "GovernorInvalidSignature");
      await refuses(
        send("r", solidityPacked(["uint128", "uint128", "uint128"], [0n, 5n, 0n])),
        world,
        "GovernorInvalidSignature",
      );
      await mined(send("r", params));
      expect(await governor.proposalVotes(id)).to.deep.equal([1n, 2n, 3n]);
    });
  });

  describe("votes", () => {
    it("are those of the snapshot: what comes later does not count, what leaves later still does", async () => {
      const world = await load(open);
      const { governor, votes, alice, stranger } = world;
      const change = setGuardian(world);
      await activate(world, change);
      await mined(votes.setVotes(stranger.address, 40n * MILLION));
      await mined(votes.setVotes(alice.address, 0));
      await refuses(vote(world, change, stranger, AGAINST), world, "GovernorAlreadyCastVote");
      await mined(vote(world, change, alice, FOR));
      expect(await governor.proposalVotes(proposalId(change))).to.deep.equal([0n, 30n * MILLION, 0n]);
    });

    it("case 72: that were slashed before the snapshot are gone, from the quorum too", async () => {
      const world = await load(open);
      const { governor, votes, bob, carol } = world;
      await mined(votes.setVotes(carol.address, 200n * MILLION));
      await mined(votes.setVotes(bob.address, 0));
      const change = setGuardian(world);
      await activate(world, change);
      await refuses(vote(world, change, bob, FOR), world, "GovernorAlreadyCastVote");
      expect(await governor.proposalQuorum(proposalId(change))).to.equal((230n * MILLION * 4n) / 100n);
    });

    it("case 72: that were delegated, moved and delegated again within a block count once", async () => {
      const world = await load(open);
      const { votes, governor, alice, bob, stranger } = world;
      const { ethers, networkHelpers, signers } = protocol;
      const other = signers[5] as Signer;
      await mined(votes.setVotes(bob.address, 0));
      const change = setGuardian(world);
      await mined(propose(world, change));
      const snapshot = await governor.proposalSnapshot(proposalId(change));

      // All in the very second that counts.
      await ethers.provider.send("evm_setAutomine", [false]);
      const gasLimit = 300_000;
      await votes.connect(alice).delegate(bob.address, { gasLimit });
      await votes.connect(alice).transfer(stranger.address, 30n * MILLION, { gasLimit });
      await votes.connect(stranger).delegate(other.address, { gasLimit });
      await votes.connect(stranger).delegate(stranger.address, { gasLimit });
      await time().setNextBlockTimestamp(snapshot);
      await networkHelpers.mine();
      await ethers.provider.send("evm_setAutomine", [true]);
      expect((await ethers.provider.getBlock("latest"))?.transactions.length).to.equal(4);

      for (const by of [alice, bob, other]) {
        await refuses(vote(world, change, by, FOR), world, "GovernorAlreadyCastVote").withArgs(by.address);
      }
      await mined(vote(world, change, stranger, FOR));
      expect(await governor.proposalVotes(proposalId(change))).to.deep.equal([0n, 30n * MILLION, 0n]);
    });

    it("of stake that did not opt in do not exist", async () => {
      const world = await load(open);
      await mined(world.votes.setUnits(world.stranger.address, 40n * MILLION));
      const change = setGuardian(world);
      await activate(world, change);
      await refuses(vote(world, change, world.stranger, FOR), world, "GovernorAlreadyCastVote");
    });

    it("case 72: are never those of locked tokens, at any second", async () => {
      const world = await load(open);
      const { governor, votes, opg, vestVault, emissionBudget } = world;
      expect(await opg.balanceOf(vestVault.target)).to.be.greaterThan(0n);
      const now = await time().latest();
      for (const holder of [vestVault, emissionBudget]) {
        for (let at = now - 1; at > now - 20_000; at -= 97) {
          expect(await governor.getVotes(holder.target, at)).to.equal(0n);
        }
        // They could neither stake, delegate, approve nor vote: they have no function that does.
        const names = holder.interface.fragments.flatMap((f) => ("name" in f ? [String(f.name)] : []));
        expect(
          names.filter((name) => /^(stake|bond|delegate|approve|permit|castVote|execute|call|multicall)/i.test(name)),
        ).to.deep.equal([]);
      }
      // Nor does the token itself count anybody's votes.
      expect(opg.interface.fragments.some((f) => "name" in f && /votes|delegate/i.test(String(f.name)))).to.equal(
        false,
      );
      await time().increase(400 * 86_400); // over many unlocks
      expect(await governor.getVotes(vestVault.target, (await time().latest()) - 1)).to.equal(0n);
      expect(await votes.getVotes(vestVault.target)).to.equal(0n);
    });
  });

  describe("a late quorum", () => {
    it("case 72: leaves the whole extension from then on, once", async () => {
      const world = await load(open);
      const { governor, alice, bob } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const id = proposalId(change);
      const deadline = Number(await governor.proposalDeadline(id));
      await time().setNextBlockTimestamp(deadline);
      await expect(vote(world, change, alice, FOR))
        .to.emit(governor, "ProposalExtended")
        .withArgs(id, deadline + voteExtension);
      expect(await governor.proposalDeadline(id)).to.equal(BigInt(deadline + voteExtension));

      await time().setNextBlockTimestamp(deadline + voteExtension);
      await expect(vote(world, change, bob, AGAINST)).not.to.emit(governor, "ProposalExtended");
      await time().setNextBlockTimestamp(deadline + voteExtension + 1);
      await refuses(vote(world, change, world.carol, AGAINST), world, "GovernorUnexpectedProposalState");
      expect(await governor.proposalDeadline(id)).to.equal(BigInt(deadline + voteExtension));
    });

    it("lets those who were outrun answer", async () => {
      const world = await load(open);
      const { governor, bob, carol } = world;
      const change = setGuardian(world);
      await activate(world, change);
      await time().setNextBlockTimestamp(await governor.proposalDeadline(proposalId(change)));
      await mined(vote(world, change, bob, FOR));
      await mined(vote(world, change, carol, AGAINST));
      await end(world, change);
      expect(await stateOf(world, change)).to.equal(State.DEFEATED);
    });

    it("is not late when the extension fits into the period", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      const change = setGuardian(world);
      await activate(world, change);
      const deadline = await governor.proposalDeadline(proposalId(change));
      await time().setNextBlockTimestamp(deadline - BigInt(voteExtension));
      await expect(vote(world, change, alice, FOR)).not.to.emit(governor, "ProposalExtended");
      expect(await governor.proposalDeadline(proposalId(change))).to.equal(deadline);
    });

    it("of a removal is that of its own quorum", async () => {
      const world = await load(openSmall);
      const { governor, settlement, bob } = world;
      const remove = proposalOf("Retire", [
        settlement.target,
        settlement.interface.encodeFunctionData("retirePolicy", [1]),
      ]);
      await activate(world, remove);
      const deadline = Number(await governor.proposalDeadline(proposalId(remove)));
      await time().setNextBlockTimestamp(deadline - 1);
      await expect(vote(world, remove, bob, FOR))
        .to.emit(governor, "ProposalExtended")
        .withArgs(proposalId(remove), deadline - 1 + voteExtension);
    });
  });

  describe("cancel", () => {
    const cancel = ({ governor }: World, proposal: Proposal, by: Signer | Wallet) =>
      governor.connect(by).cancel(...hashedArguments(proposal));
    /** Brings a proposal into each stage. */
    const stages = {
      pending: async (world: World, proposal: Proposal) => {
        await mined(propose(world, proposal));
      },
      active: activate,
      defeated: async (world: World, proposal: Proposal) => {
        await activate(world, proposal);
        await end(world, proposal);
      },
      succeeded: succeed,
      queued: queue,
    };

    for (const [name, bring] of Object.entries(stages)) {
      it(`is the guardian's for what is ${name}, and final`, async () => {
        const world = await load(open);
        const { governor, guardian, timelock } = world;
        const change = setGuardian(world);
        await bring(world, change);
        await expect(cancel(world, change, guardian))
          .to.emit(governor, "ProposalCanceled")
          .withArgs(proposalId(change));
        expect(await stateOf(world, change)).to.equal(State.CANCELED);
        for (const sent of [
          () => cancel(world, change, guardian),
          () => vote(world, change, world.bob, FOR),
          () => governor.queue(...hashedArguments(change)),
          () => execute(world, change),
          () => propose(world, change),
        ]) {
          await refuses(sent(), world, "GovernorUnexpectedProposalState");
        }
        if (name !== "queued") return;
        const [targets, values, datas, hash] = hashedArguments(change);
        const salt = toBeHex((BigInt(String(governor.target)) * 2n ** 96n) ^ BigInt(hash), 32);
        await expect(timelock.executeBatch(targets, values, datas, toBeHex(0, 32), salt)).to.be.revertedWithCustomError(
          timelock,
          "TimelockUnexpectedOperationState",
        );
      });

      it(`is ${name === "pending" ? "the proposer's" : "not the proposer's"} for what is ${name}`, async () => {
        const world = await load(open);
        const change = setGuardian(world);
        await bring(world, change);
        for (const by of [world.bob, world.stranger]) {
          await refuses(cancel(world, change, by), world, "GovernorUnableToCancel").withArgs(
            proposalId(change),
            by.address,
          );
        }
        if (name === "pending") await mined(cancel(world, change, world.alice));
        else await refuses(cancel(world, change, world.alice), world, "GovernorUnableToCancel");
      });
    }

    it("is not there for what is executed, or was never proposed", async () => {
      const world = await load(open);
      const change = setGuardian(world);
      await refuses(cancel(world, change, world.guardian), world, "GovernorNonexistentProposal");
      await mined(pass(world, change));
      await refuses(cancel(world, change, world.guardian), world, "GovernorUnexpectedProposalState");
    });

    it("is all that the guardian can do", async () => {
      const world = await load(open);
      const { governor, timelock, guardian } = world;
      const change = setGuardian(world);
      await refuses(propose(world, change, guardian), world, "GovernorInsufficientProposerVotes");
      await activate(world, change);
      await refuses(vote(world, change, guardian, FOR), world, "GovernorAlreadyCastVote");
      await refuses(
        governor.connect(guardian).queue(...hashedArguments(change)),
        world,
        "GovernorUnexpectedProposalState",
      );
      await refuses(
        governor.connect(guardian).execute(...hashedArguments(change)),
        world,
        "GovernorUnexpectedProposalState",
      );
      await refuses(governor.connect(guardian).setProposalGuardian(nextGuardian), world, "GovernorOnlyExecutor");
      const id = await timelock.hashOperation(guardian.address, 0, "0x", toBeHex(0, 32), toBeHex(0, 32));
      await expect(timelock.connect(guardian).cancel(id)).to.be.revertedWithCustomError(
        timelock,
        "AccessControlUnauthorizedAccount",
      );
    });

    it("keeps no guardian in office: what does nothing but replace it, it cannot cancel", async () => {
      const world = await load(open);
      const { governor, guardian, stranger } = world;
      const replace = ofGovernor(
        world,
        governor.interface.encodeFunctionData("setProposalGuardian", [stranger.address]),
      );
      const change = setGuardian(world);
      await mined(propose(world, change));
      await activate(world, replace);
      expect(await governor.proposalKind(proposalId(replace))).to.equal(Kind.GUARDIAN);
      await refuses(cancel(world, replace, guardian), world, "GovernorUnableToCancel");
      await mined(vote(world, replace, world.alice, FOR));
      await end(world, replace);
      await mined(governor.queue(...hashedArguments(replace)));
      await refuses(cancel(world, replace, guardian), world, "GovernorUnableToCancel");
      // Until then it is in office.
      await mined(cancel(world, change, guardian));
      await time().increaseTo(await governor.proposalEta(proposalId(replace)));
      await expect(execute(world, replace))
        .to.emit(governor, "ProposalGuardianSet")
        .withArgs(guardian.address, stranger.address);

      const next = { ...change, description: "next" };
      await mined(propose(world, next));
      await refuses(cancel(world, next, guardian), world, "GovernorUnableToCancel");
      await mined(cancel(world, next, stranger));
    });

    it("is the guardian's where more is done than to replace it", async () => {
      const world = await load(open);
      const { governor, guardian } = world;
      const [replace] = ofGovernor(world, governor.interface.encodeFunctionData("setProposalGuardian", [nextGuardian]))
        .calls as [Proposal["calls"][number]];
      const [more] = setGuardian(world).calls as [Proposal["calls"][number]];
      for (const calls of [
        [replace, more],
        [more, replace],
        [replace, replace],
      ]) {
        const change = { description: "both", calls };
        await mined(propose(world, change));
        await mined(cancel(world, change, guardian));
      }
    });

    it("with no guardian is the proposer's before the vote, and nobody's after", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      await mined(
        pass(world, ofGovernor(world, governor.interface.encodeFunctionData("setProposalGuardian", [ZeroAddress]))),
      );
      const change = setGuardian(world);
      await activate(world, change);
      await refuses(cancel(world, change, alice), world, "GovernorUnableToCancel");
      await mined(vote(world, change, alice, FOR));
      await end(world, change);
      await mined(governor.queue(...hashedArguments(change)));
      await refuses(cancel(world, change, alice), world, "GovernorUnableToCancel");
      const next = { ...change, description: "next" };
      await mined(propose(world, next));
      await mined(cancel(world, next, alice));
    });
  });

  describe("settings", () => {
    type Setter =
      | "setVotingDelay"
      | "setVotingPeriod"
      | "setLateQuorumVoteExtension"
      | "setProposalThreshold"
      | "updateQuorumNumerator";
    const setters: [Setter, keyof typeof LOCAL_GOVERNOR.bounds, string][] = [
      ["setVotingDelay", "votingDelay", "votingDelay()"],
      ["setVotingPeriod", "votingPeriod", "votingPeriod()"],
      ["setLateQuorumVoteExtension", "voteExtension", "lateQuorumVoteExtension()"],
      ["setProposalThreshold", "proposalThreshold", "proposalThreshold()"],
      ["updateQuorumNumerator", "quorumPpm", "quorumNumerator()"],
    ];
    for (const [setter, setting, getter] of setters) {
      it(`${setter} is governance's, within its bounds`, async () => {
        const world = await load(open);
        const { governor, guardian, alice } = world;
        const { least, most } = LOCAL_GOVERNOR.bounds[setting];
        for (const by of [alice, guardian]) {
          const sent = governor.connect(by).getFunction(setter)(most) as Promise<ContractTransactionResponse>;
          await refuses(sent, world, "GovernorOnlyExecutor").withArgs(by.address);
        }
        const dataOf = (value: bigint | number) =>
          governor.interface.encodeFunctionData(setter as never, [value] as never);
        await mined(pass(world, ofGovernor(world, dataOf(most))));
        expect(await governor.getFunction(getter)()).to.equal(BigInt(most));
        const before = await protocol.networkHelpers.takeSnapshot();
        for (const value of [BigInt(most) + 1n, BigInt(least) - 1n].filter((v) => v >= 0n)) {
          await before.restore();
          const bad = ofGovernor(world, dataOf(value));
          await queue(world, bad);
          await refuses(execute(world, bad), world, "GovernorBounds_Outside").withArgs(setting, value, least, most);
        }
        await before.restore();
        await mined(pass(world, ofGovernor(world, dataOf(least))));
        expect(await governor.getFunction(getter)()).to.equal(BigInt(least));
      });
    }

    it("of the timelock stay above its floor", async () => {
      const world = await load(open);
      const { timelock } = world;
      const faster = proposalOf("Faster", [
        timelock.target,
        timelock.interface.encodeFunctionData("updateDelay", [4199]),
      ]);
      await queue(world, faster);
      await expect(execute(world, faster))
        .to.be.revertedWithCustomError(timelock, "ProtocolTimelock_BelowFloor")
        .withArgs(4199, 4200);
      const slower = proposalOf("Slower", [
        timelock.target,
        timelock.interface.encodeFunctionData("updateDelay", [9000]),
      ]);
      await mined(pass(world, slower));
      const change = setGuardian(world);
      await succeed(world, change);
      const queuedAt = (await time().latest()) + 5;
      await time().setNextBlockTimestamp(queuedAt);
      await expect(world.governor.queue(...hashedArguments(change)))
        .to.emit(world.governor, "ProposalQueued")
        .withArgs(proposalId(change), queuedAt + 9000);
    });
  });

  describe("never", () => {
    it("gets another timelock, or calls in its own name, even by a vote", async () => {
      const world = await load(open);
      const { governor, timelock, stranger } = world;
      const schedule = timelock.interface.encodeFunctionData("schedule", [
        stranger.address,
        0,
        "0x",
        toBeHex(0, 32),
        toBeHex(0, 32),
        4200,
      ]);
      await refuses(governor.updateTimelock(stranger.address), world, "OPGGovernor_Never");
      await refuses(governor.relay(timelock.target, 0, schedule), world, "OPGGovernor_Never");
      for (const data of [
        governor.interface.encodeFunctionData("updateTimelock", [stranger.address]),
        governor.interface.encodeFunctionData("relay", [timelock.target, 0, schedule]),
      ]) {
        const change = ofGovernor(world, data);
        await queue(world, change);
        await refuses(execute(world, change), world, "OPGGovernor_Never");
      }
    });

    it("takes ether or tokens that tell it", async () => {
      const world = await load(open);
      const { governor, alice } = world;
      await refuses(alice.sendTransaction({ to: governor.target, value: 1n }), world, "GovernorDisabledDeposit");
      await refuses(governor.onERC721Received(alice.address, alice.address, 1, "0x"), world, "GovernorDisabledDeposit");
      await refuses(
        governor.onERC1155Received(alice.address, alice.address, 1, 1, "0x"),
        world,
        "GovernorDisabledDeposit",
      );
    });
  });

  describe("a call that calls back", () => {
    /** A proposal whose call runs `data` on `target` in the middle. */
    async function hooked(world: World, more: [unknown, string][] = []) {
      const hook = await protocol.ethers.deployContract("GovernedTarget");
      const change = proposalOf("Hook", [hook.target, hook.interface.encodeFunctionData("act")], ...more);
      return { hook, change, world };
    }

    it("cannot execute its proposal again, nor propose, queue or cancel", async () => {
      const world = await load(open);
      const { governor } = world;
      const { hook, change } = await hooked(world);
      await queue(world, change);
      const { interface: abi } = governor;
      const before = await protocol.networkHelpers.takeSnapshot();
      for (const [data, error] of [
        [abi.encodeFunctionData("execute", hashedArguments(change)), "GovernorUnexpectedProposalState"],
        [abi.encodeFunctionData("queue", hashedArguments(change)), "GovernorUnexpectedProposalState"],
        [abi.encodeFunctionData("cancel", hashedArguments(change)), "GovernorUnableToCancel"],
        [abi.encodeFunctionData("propose", proposeArguments(setGuardian(world))), "GovernorInsufficientProposerVotes"],
        [abi.encodeFunctionData("setVotingDelay", [61]), "GovernorOnlyExecutor"],
      ] as const) {
        await before.restore();
        await mined(hook.plan(governor.target, data));
        await mined(execute(world, change));
        expect([await hook.acts(), await hook.succeeded()]).to.deep.equal([1n, false]);
        expect(abi.parseError(await hook.answer())?.name).to.equal(error);
      }
    });

    it("undoes everything when it executes the same at the timelock", async () => {
      const world = await load(open);
      const { governor, timelock } = world;
      const { hook, change } = await hooked(world);
      await queue(world, change);
      const [targets, values, datas, hash] = hashedArguments(change);
      const salt = toBeHex((BigInt(String(governor.target)) * 2n ** 96n) ^ BigInt(hash), 32);
      const again = timelock.interface.encodeFunctionData("executeBatch", [
        targets,
        values,
        datas,
        toBeHex(0, 32),
        salt,
      ]);
      await mined(hook.plan(timelock.target, again));
      // The inner one is done first, and the outer one finds it done.
      await expect(execute(world, change)).to.revert(protocol.ethers);
      expect(await hook.acts()).to.equal(0n);
      expect(await stateOf(world, change)).to.equal(State.QUEUED);
    });

    it("loses its own later calls to the governor when it executes another proposal, and so undoes both", async () => {
      const world = await load(open);
      const { governor } = world;
      const later = ofGovernor(world, governor.interface.encodeFunctionData("setVotingDelay", [61]));
      const { hook, change } = await hooked(world, [
        [governor.target, governor.interface.encodeFunctionData("setVotingPeriod", [301])],
      ]);
      await mined(propose(world, change));
      await activate(world, later);
      for (const one of [change, later]) await mined(vote(world, one, world.alice, FOR));
      await end(world, later);
      for (const one of [change, later]) await mined(governor.queue(...hashedArguments(one)));
      await time().increase(4200);
      await mined(hook.plan(governor.target, governor.interface.encodeFunctionData("execute", hashedArguments(later))));
      await expect(execute(world, change)).to.revert(protocol.ethers);
      expect([await governor.votingDelay(), await governor.votingPeriod()]).to.deep.equal([60n, 300n]);
      await mined(execute(world, later));
      await mined(execute(world, change));
      expect([await governor.votingDelay(), await governor.votingPeriod()]).to.deep.equal([61n, 301n]);
    });
  });
});
