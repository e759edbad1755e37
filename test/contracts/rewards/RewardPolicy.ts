import { expect } from "chai";
import type { BaseContract, Result } from "ethers";
import { sharesOf } from "../../../deploy/rewards.ts";
import { mined } from "../../../src/core/chain/events.ts";
import type { RewardPolicy } from "../../../typechain-types/index.ts";
import type { SharesStruct } from "../../../typechain-types/rewards/RewardPolicy.ts";
import { fixturesOn, type Load } from "../../helpers/fixtures.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";

/*
RewardPolicy
├── constructor
│  ├── when an epoch has no length, or is longer than a year: RewardPolicy_BadEpochLength
│  └── epoch 1 begins at the next multiple of the length, at once when it is one
├── epochAt, startOf: to the second; 0 before the first; RewardPolicy_NoEpoch for epoch 0
├── setShares
│  ├── when not by governance: Governed_NotGovernance
│  ├── when a share is out of its bounds: RewardPolicy_OutOfBounds, with the nearest bound; at the bound it is taken
│  ├── holds for epochs that begin later, never for one that began
│  └── twice in an epoch: the second replaces the first
└── sharesOf: every epoch, past and to come
*/
describe("RewardPolicy", () => {
  const EPOCH = 100_000;
  let protocol: Protocol;
  let load: Load;
  before(async () => {
    protocol = await deployProtocol();
    load = await fixturesOn(protocol);
  });

  const usual = (): SharesStruct => sharesOf(protocol.parameters.rewards.shares) as SharesStruct;

  async function deploy(epochLength = EPOCH, shares = usual()): Promise<RewardPolicy> {
    const { ethers, contracts, parameters } = protocol;
    return ethers.deployContract("RewardPolicy", [
      ...([contracts.timelock.target, parameters.times.parameterDelay, epochLength, shares] as const),
    ]);
  }
  const plain = (shares: object) => (shares as Result).toObject(true);
  /** As the chain gives them back. */
  const wide = ({ spreadEpochs, accountCapPpm, streamPpm, feePpm }: SharesStruct) => ({
    ...{ spreadEpochs: BigInt(spreadEpochs), accountCapPpm: BigInt(accountCapPpm) },
    ...{ streamPpm: streamPpm.map((one) => BigInt(one)), feePpm: feePpm.map((one) => BigInt(one)) },
  });
  const set = (policy: RewardPolicy, shares: SharesStruct) =>
    govern(protocol, policy as BaseContract, policy.interface.encodeFunctionData("setShares", [shares]));

  describe("constructor", () => {
    it("reverts for epochs without a length and for those longer than a year", async () => {
      const policy = await load(deploy);
      for (const bad of [0, 365 * 86_400 + 1]) {
        await expect(deploy(bad)).to.be.revertedWithCustomError(policy, "RewardPolicy_BadEpochLength").withArgs(bad);
      }
      expect(await (await deploy(365 * 86_400)).epochLength()).to.equal(365n * 86_400n);
    });

    it("begins with the next multiple of the length, at once when the time is one", async () => {
      const { networkHelpers } = protocol;
      await load(deploy);
      const boundary = Math.ceil((await networkHelpers.time.latest()) / EPOCH + 1) * EPOCH;
      for (const [at, genesis] of [
        [boundary - 1, boundary],
        [boundary, boundary],
        [boundary + 1, boundary + EPOCH],
      ] as const) {
        await networkHelpers.time.setNextBlockTimestamp(at);
        const policy = await deploy();
        expect(await policy.genesis(), `at ${at - boundary}`).to.equal(BigInt(genesis));
        await expect(policy.deploymentTransaction()).to.emit(policy, "SharesSet").withArgs(1, Object.values(usual()));
      }
    });

    it("reverts for shares out of bounds", async () => {
      const policy = await load(deploy);
      await expect(deploy(EPOCH, { ...usual(), spreadEpochs: 0 }))
        .to.be.revertedWithCustomError(policy, "RewardPolicy_OutOfBounds")
        .withArgs("spreadEpochs", 0, 1);
    });
  });

  it("tells epochs and their starts to the second", async () => {
    const policy = await load(deploy);
    const genesis = await policy.genesis();
    for (const epoch of [1n, 2n, 3n, 500n]) {
      const start = genesis + (epoch - 1n) * BigInt(EPOCH);
      expect(await policy.startOf(epoch)).to.equal(start);
      expect(await policy.epochAt(start)).to.equal(epoch);
      expect(await policy.epochAt(start - 1n)).to.equal(epoch - 1n);
    }
    expect(await policy.epochAt(0)).to.equal(0n);
    for (const call of [policy.startOf(0), policy.sharesOf(0)]) {
      await expect(call).to.be.revertedWithCustomError(policy, "RewardPolicy_NoEpoch").withArgs(0);
    }
  });

  describe("setShares", () => {
    it("is for governance only", async () => {
      const policy = await load(deploy);
      const [deployer] = protocol.signers;
      await expect(policy.setShares(usual()))
        .to.be.revertedWithCustomError(policy, "Governed_NotGovernance")
        .withArgs(deployer?.address, protocol.contracts.timelock);
    });

    const streams = (...streamPpm: number[]) => ({ streamPpm }) as unknown as Partial<SharesStruct>;
    const fees = (...feePpm: number[]) => ({ feePpm }) as unknown as Partial<SharesStruct>;
    const cases: [
      name: string,
      bad: Partial<SharesStruct>,
      value: number,
      bound: number,
      good: Partial<SharesStruct>,
    ][] = [
      ["spreadEpochs", { spreadEpochs: 0 }, 0, 1, { spreadEpochs: 1 }],
      ["spreadEpochs", { spreadEpochs: 521 }, 521, 520, { spreadEpochs: 520 }],
      ["accountCapPpm", { accountCapPpm: 0 }, 0, 1, { accountCapPpm: 1 }],
      ["accountCapPpm", { accountCapPpm: 200_001 }, 200_001, 200_000, { accountCapPpm: 200_000 }],
      ["streamPpm", streams(500_000, 500_000, 0, 0, 0, 1), 1_000_001, 1_000_000, streams(500_000, 499_999, 0, 0, 0, 1)],
      // Each fits; together they are beyond 32 bits.
      [
        "streamPpm",
        streams(...Array<number>(6).fill(0xffffffff)),
        6 * 0xffffffff,
        1_000_000,
        streams(0, 0, 0, 0, 0, 0),
      ],
      ["feePpm", fees(900_000, 0, 0, 0, 1), 900_001, 900_000, fees(899_999, 0, 0, 0, 1)],
      ["feePpm", fees(...Array<number>(5).fill(0xffffffff)), 5 * 0xffffffff, 900_000, fees(0, 0, 0, 0, 0)],
    ];
    for (const [name, bad, value, bound, good] of cases) {
      it(`refuses ${name} of ${value}, and takes the bound`, async () => {
        const policy = await load(deploy);
        await expect(set(policy, { ...usual(), ...bad }))
          .to.be.revertedWithCustomError(policy, "RewardPolicy_OutOfBounds")
          .withArgs(name, value, bound);
        expect(plain(await policy.sharesOf(2 ** 32 - 1))).to.deep.equal(wide(usual()));
        await mined(set(policy, { ...usual(), ...good }));
        expect(plain(await policy.sharesOf(2 ** 32 - 1))).to.deep.equal(wide({ ...usual(), ...good }));
      });
    }

    it("holds for the epochs that begin later, and a second one in an epoch replaces the first", async () => {
      const { contracts, ethers, networkHelpers } = protocol;
      const policy = await load(deploy);
      const timelock = String(contracts.timelock.target);
      await networkHelpers.impersonateAccount(timelock);
      await networkHelpers.setBalance(timelock, 10n ** 18n);
      const governed = policy.connect(await ethers.getSigner(timelock));
      const genesis = Number(await policy.genesis());
      const shares = (spreadEpochs: number) => ({ ...usual(), spreadEpochs });
      const spreads = async (...epochs: number[]) =>
        Promise.all(epochs.map(async (epoch) => Number((await policy.sharesOf(epoch)).spreadEpochs)));
      const setAt = async (at: number, spreadEpochs: number) => {
        await networkHelpers.time.setNextBlockTimestamp(at);
        return governed.setShares(shares(spreadEpochs));
      };
      const usually = Number(usual().spreadEpochs);

      // Before the first epoch it holds from the first, in place of what the constructor said.
      await expect(setAt(genesis - 1, 11))
        .to.emit(policy, "SharesSet")
        .withArgs(1, Object.values(shares(11)));
      expect(await spreads(1, 2, 1_000)).to.deep.equal([11, 11, 11]);
      expect(usually).not.to.equal(11);
      // In the first second of epoch 4 it has begun.
      const fourth = genesis + 3 * EPOCH;
      await expect(setAt(fourth, 12))
        .to.emit(policy, "SharesSet")
        .withArgs(5, Object.values(shares(12)));
      expect(await spreads(1, 4, 5, 6)).to.deep.equal([11, 11, 12, 12]);
      // In its last second too: the second one replaces the first.
      await expect(setAt(fourth + EPOCH - 1, 13))
        .to.emit(policy, "SharesSet")
        .withArgs(5, Object.values(shares(13)));
      expect(await spreads(4, 5, 6)).to.deep.equal([11, 13, 13]);
      await mined(setAt(fourth + EPOCH, 14));
      await mined(setAt(fourth + 5 * EPOCH, 15));
      expect(await spreads(1, 4, 5, 6, 9, 10, 1_000)).to.deep.equal([11, 11, 13, 14, 14, 15, 15]);
    });
  });
});
