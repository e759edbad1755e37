import { expect } from "chai";
import { eventOf, mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { openGovernance, standingOf } from "../../../src/governance/chain.ts";
import { batchOf, handOverOf } from "../../../src/governance/handOver.ts";
import { hashedArguments, proposeArguments, protectedDescription } from "../../../src/governance/proposal.ts";
import { registerOperator } from "../../../src/operator/nodes.ts";
import { addBond, rollStakes } from "../../../src/staking/deposit.ts";
import { sendToHub } from "../../../src/staking/send.ts";
import type { OPGGovernor, ProtocolTimelock } from "../../../typechain-types/index.ts";
import { OPG } from "../../helpers/economy.ts";
import { proposalOf } from "../../helpers/governor.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
Votes of stake, over the contracts as they are deployed
├── a proposal of somebody with stake passes and changes what the hub allows
├── OPG that is held, locked, bonded or delegated without a vote counts for nothing, nor does the quorum count it
├── what was slashed votes no more: below the floor nothing is decided
└── those who governed before cannot any longer
*/
describe("Votes of stake", () => {
  type Signer = Protocol["signers"][number];
  let protocol: Protocol;
  let governor: OPGGovernor;
  let timelock: ProtocolTimelock;
  let [deployer, owner, holder, silent, rich] = [] as unknown as [Signer, Signer, Signer, Signer, Signer];
  let operator: number;
  let restore: () => Promise<void>;

  before(async () => {
    protocol = await deployProtocol();
    const { contracts, signers, networkHelpers, ethers } = protocol;
    [deployer, owner, holder, silent, rich] = signers as unknown as [Signer, Signer, Signer, Signer, Signer];
    operator = await registerOperator(contracts, owner);
    const { countsAt } = await addBond(contracts, deployer, operator, 100_000n * OPG);
    for (const [account, amountNano] of [
      [holder, 6_000_000n * OPG],
      [silent, 9_000_000n * OPG],
    ] as const) {
      await mined(contracts.opg.transfer(account.address, amountNano * WEI_PER_NANO));
      const call = { method: "delegateTo", args: [operator, amountNano], paysNano: amountNano } as const;
      await sendToHub(contracts, account, call, false);
    }
    await mined(contracts.opg.transfer(rich.address, 20_000_000n * OPG * WEI_PER_NANO));
    await networkHelpers.time.increaseTo(countsAt);
    await rollStakes(contracts, deployer, [operator]);
    await sendToHub(contracts, holder, { method: "setVoting", args: [operator, true] }, false);

    const open = await openGovernance(ethers.provider as never, String(contracts.governor.target));
    ({ governor, timelock } = open);
    const batch = batchOf((await handOverOf(open)).calls);
    const delay = await timelock.getMinDelay();
    await mined(timelock.connect(deployer).scheduleBatch(...batch, delay));
    await networkHelpers.time.increase(delay);
    await mined(timelock.connect(deployer).executeBatch(...batch));
    ({ restore } = await networkHelpers.takeSnapshot());
  });
  beforeEach(() => restore());

  const limits = { eventPpm: 50_000, windowPpm: 200_000, delegationPerSelf: 10, maxCommissionPpm: 300_000 };
  const changeLimits = () => {
    const { stakeHub } = protocol.contracts;
    const data = stakeHub.interface.encodeFunctionData("setLimits", [limits]);
    const proposal = proposalOf("Lose less", [stakeHub.target, data]);
    return { ...proposal, description: protectedDescription(proposal.description, holder.address) };
  };
  async function proposed() {
    const proposal = changeLimits();
    const receipt = await mined(governor.connect(holder).propose(...proposeArguments(proposal)));
    const id: bigint = eventOf(receipt, governor, "ProposalCreated").args.proposalId;
    const { snapshot } = await standing(id);
    await protocol.networkHelpers.time.increaseTo(snapshot + 1);
    return { proposal, id };
  }
  const standing = (id: bigint) => standingOf({ governor } as never, id);

  it("carry a proposal from its text to what the hub allows", async () => {
    const { stakeHub } = protocol.contracts;
    const { time } = protocol.networkHelpers;
    const { proposal, id } = await proposed();
    await mined(governor.connect(holder).castVote(id, 1));
    await time.increaseTo((await standing(id)).deadline + 1);
    await mined(governor.connect(rich).queue(...hashedArguments(proposal)));
    await time.increaseTo((await standing(id)).executableFrom ?? 0);
    await mined(governor.connect(rich).execute(...hashedArguments(proposal)));
    expect(await standing(id)).to.include({ state: "executed", forNano: 6_000_000n * OPG });
    expect((await stakeHub.limits()).map(Number)).to.deep.equal(Object.values(limits));
  });

  it("are none for OPG that is held, locked, bonded or delegated without a vote", async () => {
    const { stakeHub, vestVault, emissionBudget, opg } = protocol.contracts;
    const { id } = await proposed();
    const { snapshot } = await standing(id);
    for (const account of [silent, rich, deployer, owner].map(({ address }) => address)) {
      expect(await governor.getVotes(account, snapshot), account).to.equal(0n);
    }
    for (const { target } of [vestVault, emissionBudget, stakeHub]) {
      expect(await governor.getVotes(target, snapshot)).to.equal(0n);
    }
    expect((await opg.balanceOf(vestVault.target)) > 0n).to.equal(true);
    expect(await stakeHub.getPastTotalSupply(snapshot)).to.equal(6_000_000n * OPG);
    expect(await governor.proposalQuorum(id)).to.equal(5_000_000n * OPG);
    for (const account of [silent, rich]) {
      await expect(governor.connect(account).castVote(id, 0)).to.be.revertedWithCustomError(
        governor,
        "GovernorAlreadyCastVote",
      );
    }
    const propose = governor.connect(rich).propose(...proposeArguments(proposalOf("Mine", [opg.target, "0x"])));
    await expect(propose).to.be.revertedWithCustomError(governor, "GovernorInsufficientProposerVotes");
  });

  it("shrink with the stake that was slashed, so that the floor is missed", async () => {
    const { stakeHub, court } = protocol.contracts;
    const { ethers, networkHelpers } = protocol;
    await networkHelpers.impersonateAccount(String(court.target));
    await networkHelpers.setBalance(String(court.target), 10n ** 18n);
    const now = await networkHelpers.time.latest();
    const slasher = await ethers.getSigner(String(court.target));
    for (const evidence of ["first", "second"]) {
      const order = {
        operator,
        amountNano: await stakeHub.slashableStake(operator),
        harmed: rich.address,
        harmedNano: 0,
        reporter: rich.address,
        reporterNano: 0,
        evidenceId: ethers.id(evidence),
        faultAt: now,
      };
      await mined(stakeHub.connect(slasher).slash(order));
    }
    const { id } = await proposed();
    const { snapshot, deadline } = await standing(id);
    const votes = await governor.getVotes(holder.address, snapshot);
    // A tenth of what delegators have is the most that one order takes.
    expect(4_860_000n * OPG - votes).to.be.within(-2n, 2n);
    expect(await stakeHub.getPastTotalSupply(snapshot)).to.equal(votes);
    await mined(governor.connect(holder).castVote(id, 1));
    await networkHelpers.time.increaseTo(deadline + 1);
    expect((await standing(id)).state).to.equal("defeated");
  });

  it("leave nothing to those who governed before", async () => {
    const { stakeHub } = protocol.contracts;
    const data = stakeHub.interface.encodeFunctionData("setLimits", [limits]);
    const batch = batchOf([{ target: String(stakeHub.target), value: 0n, data }]);
    const schedule = timelock.connect(deployer).scheduleBatch(...batch, await timelock.getMinDelay());
    await expect(schedule).to.be.revertedWithCustomError(timelock, "AccessControlUnauthorizedAccount");
  });
});
