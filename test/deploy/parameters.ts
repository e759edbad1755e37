import { readFile } from "node:fs/promises";
import { expect } from "chai";
import type { Result } from "ethers";
import JSON5 from "json5";
import { NETWORKS, type Parameters, parseParameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { BaseError } from "../../src/core/errors.ts";
import { tableHash } from "../../src/vesting/table.ts";
import { deployProtocol, type Protocol } from "../helpers/protocol.ts";

/*
Parameters
├── of every network: they parse, name its chain, and their times deploy
├── parseParameters
│  ├── when the text is not JSON5, or an entry is absent, unknown, null or out of range: bad_parameters, with its name
│  └── else: amounts as whole numbers
├── readParameters: no_parameters for a network without a file
└── withDeployer: in every role, and nowhere else
*/
describe("parameters", () => {
  const CHAINS = { local: 31337, sepolia: 11155111, "base-sepolia": 84532, base: 8453 };
  const pathOf = (network: string) => new URL(`../../deploy/parameters/${network}.json5`, import.meta.url);

  /** The same with an account for every beneficiary that is still open. */
  const filled = ({ token, ...rest }: Parameters, account: string): Parameters => ({
    ...rest,
    token: {
      ...token,
      grants: (token.grants ?? []).map((grant) => ({ ...grant, beneficiary: grant.beneficiary ?? account })),
    },
  });

  it("exist for every network that is configured", () => {
    expect(Object.keys(CHAINS)).to.deep.equal([...NETWORKS]);
  });

  for (const [name, chainId] of Object.entries(CHAINS)) {
    it(`of ${name} name its chain, and deploy as they are`, async () => {
      const given = await readParameters(name);
      expect(given.chainId).to.equal(chainId);
      const { contracts, parameters, plan } = await deployProtocol((local: Parameters) =>
        filled(withDeployer(given, local.treasury), local.treasury),
      );
      const { settlement, teeRegistry, stakeHub, court, timelock, opg, vestVault, scheduleLens, emissionBudget } =
        contracts;
      const { times } = given;
      const read = {
        claimHorizon: await settlement.claimHorizon(),
        releaseDelay: await settlement.releaseDelay(),
        earningsDelay: await settlement.earningsDelay(),
        answerTime: await court.answerTime(),
        measurementDelay: await teeRegistry.measurementDelay(),
        unbonding: await stakeHub.unbonding(),
        parameterDelay: await timelock.getMinDelay(),
      };
      for (const [time, seconds] of Object.entries(read)) {
        expect(seconds, time).to.equal(BigInt(times[time as keyof typeof times]));
      }
      expect(await settlement.policyCount()).to.equal(BigInt(given.settlement.policies.length));
      expect(await court.bondNano()).to.equal(given.court.bondNano);
      // Liquidity and airdrop; the rest is in the vault.
      expect(await opg.balanceOf(parameters.treasury)).to.equal(10n ** 26n);
      expect(await opg.balanceOf(vestVault.target)).to.equal(9n * 10n ** 26n);
      expect(await scheduleLens.tableHash()).to.equal(tableHash(plan.book));
      expect(await emissionBudget.successorDelay()).to.equal(BigInt(given.emission.successorDelay));
      await checkRewards(contracts, given);
      // Only local chains trust anything from the first block.
      expect(await teeRegistry.measurementCount()).to.equal(name === "local" ? 1n : 0n);
      expect("developmentTeeVerifier" in contracts).to.equal(name === "local");
    });
  }

  const plain = (struct: object) => (struct as Result).toObject(true);

  /** Every parameter of rewards is on the chain as it stands in the file, and the budget pays there. */
  async function checkRewards(
    { epochRewards, rewardPolicy, datasetRegistry, stakePurses, stakeHub, emissionBudget }: Protocol["contracts"],
    { rewards }: Parameters,
  ) {
    const { leastWindow, leastBondNano, ...roots } = rewards.roots;
    const read = plain(await epochRewards.getParameters());
    expect(read).to.deep.equal(Object.fromEntries(Object.entries(roots).map(([name, value]) => [name, BigInt(value)])));
    expect([await epochRewards.leastWindow(), await epochRewards.leastBondNano()]).to.deep.equal([
      ...[BigInt(leastWindow), leastBondNano],
    ]);
    const shares = plain(await rewardPolicy.sharesOf(1));
    const wide = (parts: object) => Object.values(parts).map(BigInt);
    expect(shares).to.deep.equal({
      spreadEpochs: BigInt(rewards.shares.spreadEpochs),
      accountCapPpm: BigInt(rewards.shares.accountCapPpm),
      streamPpm: wide(rewards.shares.streamPpm),
      feePpm: wide(rewards.shares.feePpm),
    });
    expect(await rewardPolicy.epochLength()).to.equal(BigInt(rewards.epochLength));
    expect(await datasetRegistry.leastBondNano()).to.equal(rewards.datasets.leastBondNano);
    expect(await stakePurses.hub()).to.equal(stakeHub.target);
    expect(await emissionBudget.consumer()).to.equal(epochRewards.target);
  }

  it("of Base leave open who gets what; nothing else is open anywhere", async () => {
    for (const network of NETWORKS) {
      const { token } = await readParameters(network);
      const open = (token.grants ?? []).filter(({ beneficiary }) => beneficiary === null).map(({ id }) => id);
      expect(open.length, network).to.equal(network === "base" ? 6 : 0);
    }
  });

  it("of public networks differ in chain, confirmations and who is still open only", async () => {
    const given = await Promise.all(["sepolia", "base-sepolia", "base"].map(readParameters));
    const [sepolia, ...others] = given.map((parameters) => filled(parameters, "deployer"));
    for (const { chainId, confirmations, ...rest } of others) {
      const { chainId: chain, confirmations: blocks, ...same } = sepolia as Parameters;
      expect(rest).to.deep.equal(same);
      expect([chainId, confirmations]).not.to.include.members([chain, blocks]);
    }
  });

  describe("parseParameters", () => {
    /** The local parameters with one entry set (undefined: left out), as text. */
    async function textWith(path: string, value: unknown): Promise<string> {
      const parameters = JSON5.parse(await readFile(pathOf("local"), "utf8"));
      const names = path.split(".");
      const last = names.pop() as string;
      const holder = names.reduce((object, name) => object[name], parameters);
      if (value === undefined) delete holder[last];
      else holder[last] = value;
      return JSON.stringify(parameters);
    }

    function refused(text: string): BaseError {
      try {
        parseParameters("local", text);
      } catch (error) {
        if (error instanceof BaseError) return error;
        throw error;
      }
      return expect.fail("it should refuse");
    }

    const STREAMS = { stakers: 500_000, workers: 450_000, verifiers: 0, publishers: 0, contributors: 0 };
    const USAGE = { workers: 850_000, verifiers: 0, publishers: 0, contributors: 0 };
    const cases: [path: string, ...values: unknown[]][] = [
      ["chainId", undefined, null, 0, -1, 1.5, "31337"],
      ["confirmations", undefined, 0, 1.5],
      ["token.schedule", undefined, null, ""],
      ["token.grants", [], null],
      ["token.grants.0.beneficiary", undefined, "", "owner", "0x12", `0x${"zz".repeat(20)}`, `0x${"0".repeat(40)}`],
      ["token.grants.0.totalWei", 1, "1.5", "-1", "0x1", "", "0", undefined],
      ["token.grants.0.upfrontWei", 0, "00", undefined],
      ["token.grants.0.revocation", null, "deployer"],
      ["emission.successorDelay", 0, 4199, "4200", undefined],
      ["rewards.epochLength", 0, 2100, 3601, undefined],
      ["rewards.shares.spreadEpochs", 0, 521, undefined],
      ["rewards.shares.accountCapPpm", 0, 200_001],
      ["rewards.shares.streamPpm", { ...STREAMS, keepers: 50_001 }, undefined],
      ["rewards.shares.feePpm", { ...USAGE, keepers: 50_001 }],
      ["rewards.shares.feePpm.keepers", -1, 1_000_001, "5"],
      ["rewards.roots.quorum", 1, 17],
      ["rewards.roots.bondFloorNano", 1, "", undefined],
      ["rewards.datasets.leastBondNano", 1, "-1", undefined],
      ["governance.proposers", [], null],
      ["governance.guardian", null, undefined, "0x"],
      ["treasury", null],
      ["reserve", null],
      ["times.claimHorizon", undefined, 0, -1, 1.5, 2 ** 32, "600"],
      ["times.parameterDelay", undefined, 2 ** 32],
      ["attestation.keyLifetime", 0],
      ["attestation.developmentRoot", undefined, "0x", {}],
      ["attestation.developmentRoot.x", "0x12", `0x${"AB".repeat(32)}`],
      ["attestation.measurements.0.measurement", "0x12"],
      ["settlement.ringSize", 256, 511, 513, 0],
      ["settlement.policies", [], undefined],
      ["settlement.policies.0.feePpm", -1, 1_000_001, 0.5],
      ["settlement.policies.0.quorum", 0, 33],
      ["settlement.policies.0.dataMode", "BLOB", 0],
      ["settlement.policies.0.windowMs", 0, 1001],
      ["court.bondNano", 1, "1.5", undefined],
      ["court.reporterPpm", 1_000_001],
    ];
    for (const [path, ...values] of cases) {
      it(`refuses a bad ${path}, and names it`, async () => {
        for (const value of values) {
          const error = refused(await textWith(path, value));
          expect(error.code).to.equal("bad_parameters");
          const names = Object.keys(error.facts);
          expect(
            names.some((name) => name.startsWith(path)),
            `${JSON.stringify(value)}: ${names}`,
          ).to.equal(true);
          expect(names).to.have.length.at.most(2);
        }
      });
    }

    it("refuses an entry that it does not know, at every level", async () => {
      for (const path of ["extra", "times.extra", "court.extra", "settlement.policies.0.extra", "governance.extra"]) {
        expect(refused(await textWith(path, 1)).code).to.equal("bad_parameters");
      }
    });

    it("refuses what is not JSON5, and JSON5 that is no object", () => {
      for (const text of ["{", "", "null", "[]", "7"]) expect(refused(text).code).to.equal("bad_parameters");
    });

    it("reads amounts exactly, beyond what a number holds", async () => {
      const text = await textWith("token.grants.0.totalWei", "999999999999999999999999999");
      expect(parseParameters("local", text).token.grants?.[0]?.totalWei).to.equal(10n ** 27n - 1n);
    });
  });

  it("refuse a network that has none, and say which have", async () => {
    const error = await readParameters("mars").then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(BaseError);
    expect((error as BaseError).code).to.equal("no_parameters");
    expect((error as BaseError).facts.known).to.equal(NETWORKS.join(", "));
  });

  describe("withDeployer", () => {
    it("puts the deployer in every role, and leaves named accounts as they are", async () => {
      const parameters = await readParameters("local");
      const me = `0x${"11".repeat(20)}`;
      const other = `0x${"22".repeat(20)}`;
      const { token, governance, treasury, reserve, ...rest } = withDeployer(parameters, me);
      const beneficiaries = token.grants?.map(({ beneficiary }) => beneficiary);
      expect(beneficiaries).to.deep.equal(["emission-budget", me, me, me, me, "emission-budget", me, me]);
      expect([governance, treasury, reserve]).to.deep.equal([...[{ proposers: [me], guardian: me }, me, me]]);
      for (const [name, value] of Object.entries(rest)) {
        expect(value).to.deep.equal(parameters[name as keyof Parameters]);
      }
      const revocation = { revoker: "deployer", remainderTo: other, noticeMonths: 1 };
      const revocable = (parameters.token.grants ?? []).map((grant) => ({ ...grant, revocation }));
      const { token: changed } = withDeployer({ ...parameters, token: { ...token, grants: revocable } }, me);
      expect(changed.grants?.[2]?.revocation).to.deep.equal({ ...revocation, revoker: me });
      const named = withDeployer(
        { ...parameters, treasury: other, governance: { proposers: [other], guardian: other } },
        me,
      );
      expect([named.treasury, named.governance, named.reserve]).to.deep.equal([
        ...[other, { proposers: [other], guardian: other }, me],
      ]);
    });
  });
});
