import { fileURLToPath } from "node:url";
import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { configVariable, defineConfig } from "hardhat/config";
import { deployTask } from "./scripts/tasks/deploy.ts";
import { vestingTasks } from "./scripts/tasks/vesting.ts";

const osaka = { hardfork: "osaka", chainType: "l1", type: "edr-simulated" } as const;

/** A public network: its RPC and the deployer's key come from Hardhat's keystore or the environment. */
const publicNetwork = (chainType: "l1" | "op", rpcVariable: string) => ({
  type: "http" as const,
  chainType,
  url: configVariable(rpcVariable),
  accounts: [configVariable("DEPLOYER_KEY")],
});

// From npm, so that the lockfile pins the compiler and compiling needs no download.
const solc = { version: "0.8.37", path: fileURLToPath(import.meta.resolve("solc/soljson.js")) };

export default defineConfig({
  plugins: [toolbox],
  tasks: [deployTask, ...vestingTasks],
  solidity: {
    // Contracts are built before tests, also when one test is run: a test may take their code from the artifacts.
    splitTestsCompilation: true,
    profiles: {
      default: {
        compilers: [
          { ...solc, settings: { evmVersion: "osaka", viaIR: true, optimizer: { enabled: true, runs: 500 } } },
        ],
        overrides: {
          // Compile in a second instead of half a minute. What they test is compiled by itself, as it is deployed.
          "test/invariant/Economy.t.sol": { ...solc, settings: { evmVersion: "osaka" } },
          "test/invariant/Rewards.t.sol": { ...solc, settings: { evmVersion: "osaka" } },
          "test/invariant/Staking.t.sol": { ...solc, settings: { evmVersion: "osaka" } },
          "test/invariant/Vesting.t.sol": { ...solc, settings: { evmVersion: "osaka" } },
        },
      },
    },
  },
  paths: { ignition: "deploy" },
  typechain: { outDir: "typechain-types" },
  test: {
    solidity: { fuzz: { runs: 256, seed: "0x01" }, invariant: { runs: 256, depth: 128 } },
    mocha: { timeout: 120_000 },
  },
  verify: { etherscan: { apiKey: configVariable("ETHERSCAN_API_KEY") } },
  networks: {
    default: osaka,
    // The demo starts its chain in the past, so that waiting for stake to count brings its clock to the present.
    node: { ...osaka, ...(process.env.LOCAL_CHAIN_START ? { initialDate: process.env.LOCAL_CHAIN_START } : {}) },
    local: { type: "http", chainType: "l1", url: process.env.LOCAL_RPC_URL ?? "http://127.0.0.1:8545" },
    sepolia: publicNetwork("l1", "SEPOLIA_RPC_URL"),
    "base-sepolia": publicNetwork("op", "BASE_SEPOLIA_RPC_URL"),
    base: publicNetwork("op", "BASE_RPC_URL"),
  },
});
