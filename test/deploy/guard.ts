import { expect } from "chai";
import { HDNodeWallet, Wallet } from "ethers";
import { checkDeployment } from "../../deploy/guard.ts";
import { NETWORKS, type Parameters, readParameters, withDeployer } from "../../deploy/parameters.ts";
import { BaseError } from "../../src/core/errors.ts";

/*
checkDeployment
├── when the parameters are for another chain: wrong_chain
├── given a local chain: everything else is allowed
└── given a public chain
   ├── when there is a development root or measurement: development_root
   ├── when any role has a development key, in any spelling: development_key
   ├── when a time is a second too short: time_too_short
   └── else: it should pass, for every network that has parameters
*/
describe("checkDeployment", () => {
  const OWN = Wallet.createRandom().address;
  const MNEMONIC = "test test test test test test test test test test test junk";
  const known = Array.from(
    { length: 20 },
    (_, i) => HDNodeWallet.fromPhrase(MNEMONIC, "", `m/44'/60'/0'/0/${i}`).address,
  );

  let sepolia: Parameters;
  let local: Parameters;
  before(async () => {
    sepolia = withDeployer(await readParameters("sepolia"), OWN);
    local = withDeployer(await readParameters("local"), known[0] as string);
  });

  function refused(code: string, parameters: Parameters, facts: object, { chainId = 11155111, deployer = OWN } = {}) {
    try {
      checkDeployment("sepolia", chainId, deployer, parameters, parameters.token.grants ?? []);
    } catch (error) {
      if (!(error instanceof BaseError)) throw error;
      expect(error.code).to.equal(code);
      expect(error.facts).to.include({ network: "sepolia", ...facts });
      return;
    }
    expect.fail(`it should refuse with ${code}`);
  }

  for (const network of NETWORKS.filter((name) => name !== "local")) {
    it(`passes the parameters of ${network} with a key of its own`, async () => {
      const parameters = withDeployer(await readParameters(network), OWN);
      checkDeployment(network, parameters.chainId, OWN, parameters, parameters.token.grants ?? []);
    });
  }

  it("passes development keys, root and short times on a local chain", () => {
    checkDeployment("local", 31337, known[0] as string, local, local.token.grants ?? []);
  });

  it("refuses parameters of another chain, in both directions", () => {
    refused("wrong_chain", local, { parameters: 31337, rpc: 11155111 });
    refused("wrong_chain", sepolia, { parameters: 11155111, rpc: 31337 }, { chainId: 31337 });
    refused("wrong_chain", sepolia, { parameters: 11155111, rpc: 1 }, { chainId: 1 });
  });

  it("refuses a development root, and measurements without one", () => {
    const { attestation } = local;
    const { developmentRoot, measurements } = attestation;
    for (const change of [{ developmentRoot }, { measurements }]) {
      const changed = { ...sepolia, attestation: { ...sepolia.attestation, ...change } };
      refused("development_root", changed, { chainId: 11155111 });
    }
  });

  it("refuses every development key as the deployer, however it is spelled", () => {
    expect(new Set(known).size).to.equal(20);
    const spell = [(hex: string) => hex, (hex: string) => hex.toLowerCase(), (hex: string) => hex.toUpperCase()];
    for (const [i, address] of known.entries()) {
      const deployer = `0x${spell[i % spell.length]?.(address.slice(2))}`;
      refused("development_key", sepolia, { role: "deployer", address: deployer }, { deployer });
    }
  });

  const bad = known[7] as string;
  const withGrant = ({ token }: Parameters, index: number, change: object): Partial<Parameters> => ({
    token: {
      ...token,
      grants: (token.grants ?? []).map((grant, i) => (i === index ? { ...grant, ...change } : grant)),
    },
  });
  const roles: [role: string, change: (parameters: Parameters) => Partial<Parameters>][] = [
    ["treasury", () => ({ treasury: bad })],
    ["reserve", () => ({ reserve: bad })],
    ["guardian", ({ governance }) => ({ governance: { ...governance, guardian: bad } })],
    ["proposer 0", ({ governance }) => ({ governance: { ...governance, proposers: [bad, OWN] } })],
    ["proposer 1", ({ governance }) => ({ governance: { ...governance, proposers: [OWN, bad] } })],
    ["beneficiary of airdrop", (parameters) => withGrant(parameters, 7, { beneficiary: bad })],
    [
      "revoker of investors",
      (parameters) => withGrant(parameters, 4, { revocation: { revoker: bad, remainderTo: OWN, noticeMonths: 0 } }),
    ],
    [
      "remainder of investors",
      (parameters) => withGrant(parameters, 4, { revocation: { revoker: OWN, remainderTo: bad, noticeMonths: 0 } }),
    ],
  ];
  for (const [role, change] of roles) {
    it(`refuses a development key as ${role}`, () => {
      refused("development_key", { ...sepolia, ...change(sepolia) }, { role, address: bad });
    });
  }

  for (const [name, least] of [
    ["claimHorizon", 86_400],
    ["answerTime", 43_200],
    ["earningsDelay", 172_800],
    ["releaseDelay", 259_200],
    ["measurementDelay", 345_600],
    ["unbonding", 1_209_600],
    ["parameterDelay", 1_296_000],
  ] as const) {
    it(`refuses a ${name} one second below ${least}`, () => {
      const times = (seconds: number) => ({ ...sepolia, times: { ...sepolia.times, [name]: seconds } });
      refused("time_too_short", times(least - 1), { name, seconds: least - 1, least });
      checkDeployment("sepolia", 11155111, OWN, times(least), sepolia.token.grants ?? []);
    });
  }

  it("refuses epochs of rewards and windows of their roots that are too short", () => {
    const { rewards, token } = sepolia;
    const epochs = (epochLength: number) => ({ ...sepolia, rewards: { ...rewards, epochLength } });
    const windows = (leastWindow: number) => ({
      ...sepolia,
      rewards: { ...rewards, roots: { ...rewards.roots, leastWindow } },
    });
    for (const [name, least, change] of [
      ["rewards.epochLength", 86_400, epochs],
      ["rewards.roots.leastWindow", 259_200, windows],
    ] as const) {
      refused("time_too_short", change(least - 1), { name, seconds: least - 1, least });
      checkDeployment("sepolia", 11155111, OWN, change(least), token.grants ?? []);
    }
  });
});
