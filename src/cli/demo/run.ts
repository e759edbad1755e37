import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet } from "ethers";
import { mined } from "../../core/chain/events.ts";
import type { Chain } from "../../core/chain/open.ts";
import { BaseError, errorMessage } from "../../core/errors.ts";
import type { Hex } from "../../core/hashing/hex.ts";
import { serveApp } from "../../core/http/serve.ts";
import { createLogger } from "../../core/logger.ts";
import { type Receipt, Status } from "../../core/protocol/receipt.ts";
import { formatOpg, WEI_PER_NANO } from "../../core/units.ts";
import type { SettleOutcome } from "../../keepers/settle.ts";
import { infer } from "../../sdk/infer.ts";
import { fetchProof, proofArguments } from "../../sdk/prove.ts";
import { createProxy } from "../../sdk/proxy.ts";
import { ReceiptError } from "../../sdk/verify.ts";
import { settleAll, settleDeps } from "../roles/settler.ts";
import { runSteps, type Step } from "../steps.ts";
import { advance, deployTo, type LocalChain, localAccount, startLocalChain } from "./chain.ts";
import { type Cheater, cheatAndSlash, type DemoSlash, openCheater } from "./cheater.ts";
import { type DemoGovernance, passProposal, readGovernance } from "./govern.ts";
import { type Agent, countByStatus, type LoadResult, openAgents, requestIdOf, runLoad } from "./load.ts";
import { type DemoNetwork, HEAD_START_MS, OWNERS, startNetwork, timesOf } from "./network.ts";
import { type DemoDataset, type DemoRewards, fundRewards, openDataset, rewardEpoch } from "./rewards.ts";
import { solvency } from "./solvency.ts";
import { type DemoStaking, delegate, readStaking } from "./stake.ts";
import { startTamperer } from "./tamper.ts";

export type DemoResult = {
  ok: boolean;
  chainId: number;
  models: { name: string; version: Hex }[];
  inferences: number;
  byStatus: Record<string, number>;
  receiptsVerified: number;
  batches: { root: string; count: number; gasUsed: string; bytes: number; txHash: string }[];
  debitedNano: string;
  creditedNano: string;
  feeNano: string;
  withdrawnNano: string;
  solvencyDifferenceNano: string;
  onChainProof: { requestId: string; valid: boolean; gasUsed: string };
  tamperedRefused: boolean;
  staking: DemoStaking;
  slashed: DemoSlash;
  rewards: DemoRewards;
  governance: DemoGovernance;
  seconds: number;
};

export type RunningDemo = {
  result: DemoResult;
  /** Where to look, by name. */
  urls: Record<string, string>;
  close(): Promise<void>;
};

export type DemoOptions = {
  inferences: number;
  /** Hand the timelock over to the governor and pass a proposal. */
  governance: boolean;
};

/** The whole loop on a local chain: deploy, stake, pay, infer, verify, settle, prove, withdraw, slash, reward, govern. */
export async function runDemo({ inferences, governance: governing }: DemoOptions): Promise<RunningDemo> {
  const started = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "opg-demo-"));
  const logger = createLogger(process.env.LOG_LEVEL ?? "silent");
  const receipts: Receipt[] = [];
  const committed: Extract<SettleOutcome, { outcome: "committed" }>[] = [];
  let local!: LocalChain;
  let chain!: Chain;
  let network!: DemoNetwork;
  let agents!: Agent[];
  let load: LoadResult = { sent: 0, aborted: 0, failures: [] };
  let proof!: DemoResult["onChainProof"];
  let tamperedRefused = false;
  let withdrawnNano = 0n;
  let books!: Awaited<ReturnType<typeof solvency>>;
  let cheater!: Cheater;
  let staking!: DemoStaking;
  let slashed!: DemoSlash;
  let dataset!: DemoDataset;
  let rewards!: DemoRewards;
  let settledAt = 0;
  let governance!: DemoGovernance;
  const closers: (() => Promise<void>)[] = [async () => rm(directory, { recursive: true, force: true })];
  const close = async () => {
    for (const closer of closers.reverse()) await closer().catch(() => undefined);
  };

  const inferring =
    (share: number): Step["run"] =>
    async (say) => {
      const count = Math.ceil(inferences * share);
      let done = 0;
      const part = await runLoad(agents, count, () => {
        if (++done % 10 === 0 || done === count) say(`${done} of ${count}`);
      });
      load = {
        sent: load.sent + part.sent,
        aborted: load.aborted + part.aborted,
        failures: [...load.failures, ...part.failures],
      };
      if (part.failures.length > 0) {
        throw new BaseError("An inference failed", { code: "demo_failed", facts: { reason: part.failures[0] } });
      }
    };
  const rewarding = () => ({ chain, rpcUrl: local.rpcUrl, directory, network, dataset, logger });
  const settling: Step["run"] = async (say) => {
    const deps = settleDeps(network.settlerRole.open, {
      settleInSeconds: 1,
      deadlineSeconds: timesOf(chain).settleLag,
    });
    for (const outcome of await settleAll(deps)) {
      if (outcome.outcome !== "committed") continue;
      committed.push(outcome);
      say(`batch ${outcome.body.number}: ${outcome.body.count} receipts, ${outcome.gasUsed} gas`);
    }
    settledAt = (await chain.provider.getBlock("latest"))?.timestamp ?? 0;
  };

  const steps: Step[] = [
    {
      title: "Start a local chain",
      async run() {
        local = await startLocalChain(new Date(Date.now() - HEAD_START_MS));
        closers.push(() => local.stop());
      },
    },
    {
      title: "Deploy the contracts",
      async run(say) {
        chain = await deployTo(local.rpcUrl);
        closers.push(async () => chain.provider.destroy());
        say(`settlement ${chain.deployment.contracts.settlement.address}`);
      },
    },
    {
      title: "Stake, and start 2 workers, 2 verifiers and 1 settler",
      async run(say) {
        let staked = 0;
        const alsoStake = async () => {
          staked = Number(await chain.contracts.nodeRegistry.operatorOwnedBy(localAccount(chain, OWNERS.workers[0])));
          const opened = await openCheater(chain);
          cheater = opened.cheater;
          return [...opened.bonded, await delegate(chain, staked)];
        };
        dataset = await openDataset(chain);
        closers.push(() => dataset.server.close(100));
        const datasets = [{ dataset: dataset.id, weightPpm: 600_000 }];
        network = await startNetwork(chain, directory, logger, { alsoStake, datasets, rpcUrl: local.rpcUrl });
        closers.push(() => network.close());
        staking = await readStaking(chain, staked);
        await fundRewards(rewarding());
        say(`operator ${staked} answers with ${formatOpg(BigInt(staking.effectiveNano))} OPG`);
      },
    },
    {
      title: "Open reservations for 3 agents",
      async run() {
        agents = await openAgents(chain, network.gatewayUrl, network.settler, (receipt) => receipts.push(receipt));
      },
    },
    { title: "Infer: first half", run: inferring(0.5) },
    { title: "Settle what was done", run: settling },
    {
      title: "Change one byte of an answer on its way",
      async run() {
        tamperedRefused = await tamper(agents[0] as Agent, network.gatewayUrl);
        load = { ...load, sent: load.sent + 1 };
      },
    },
    { title: "Infer: second half", run: inferring(0.5) },
    { title: "Settle the rest", run: settling },
    {
      title: "Prove one receipt on chain",
      async run() {
        const receipt = receipts.find(({ status }) => status === Status.OK) as Receipt;
        const found = await fetchProof(network.gatewayUrl, requestIdOf(receipt));
        const { receiptVerifier } = chain.contracts;
        const valid = await receiptVerifier.isCommitted(...proofArguments(found));
        const data = receiptVerifier.interface.encodeFunctionData("isCommitted", [...proofArguments(found)] as never);
        const sent = await localAccount(chain, 8).sendTransaction({ to: receiptVerifier.target, data });
        const gasUsed = (await sent.wait())?.gasUsed ?? 0n;
        proof = { requestId: requestIdOf(receipt), valid, gasUsed: String(gasUsed) };
      },
    },
    {
      title: "Withdraw what was earned, after the delay",
      async run() {
        withdrawnNano = await withdrawAll(chain, network);
        books = await solvency(chain, network.settler, Number(await chain.contracts.settlement.payeeCount()));
      },
    },
    {
      title: "Report a settler that gave one number twice, and slash it",
      async run(say) {
        slashed = await cheatAndSlash(chain, cheater);
        say(`${formatOpg(BigInt(slashed.takenNano))} OPG taken`);
      },
    },
    {
      title: "End an epoch: post its root, compute it again, pay a data contributor",
      async run(say) {
        rewards = await rewardEpoch(rewarding(), settledAt, say);
      },
    },
    {
      title: governing ? "Hand over to the governor and pass a proposal" : "See who governs",
      async run(say) {
        governance = governing ? await passProposal(chain, say) : await readGovernance(chain);
      },
    },
  ];

  try {
    await runSteps(steps);
  } catch (error) {
    await close();
    throw error;
  }
  const total = (pick: (body: (typeof committed)[number]["body"]) => bigint) =>
    committed.reduce((sum, { body }) => sum + pick(body), 0n);
  const debitedNano = total(({ totalNano }) => totalNano);
  const feeNano = total(({ feeNano: fee }) => fee);
  const result: DemoResult = {
    ok:
      receipts.length === load.sent &&
      proof.valid &&
      tamperedRefused &&
      books.differenceNano === 0n &&
      BigInt(slashed.takenNano) > 0n &&
      rewards.equal &&
      rewards.root === rewards.recomputedRoot &&
      BigInt(rewards.claimed) > 0n &&
      (!governing || governance.proposal?.state === "executed") &&
      committed.length >= 2,
    chainId: chain.deployment.chainId,
    models: network.models,
    inferences: load.sent,
    byStatus: countByStatus(receipts),
    receiptsVerified: receipts.length,
    batches: committed.map(({ body, gasUsed, bytes, txHash }) => ({
      root: `0x${Buffer.from(body.root).toString("hex")}`,
      count: body.count,
      gasUsed: String(gasUsed),
      bytes,
      txHash,
    })),
    debitedNano: String(debitedNano),
    creditedNano: String(debitedNano - feeNano),
    feeNano: String(feeNano),
    withdrawnNano: String(withdrawnNano),
    solvencyDifferenceNano: String(books.differenceNano),
    onChainProof: proof,
    tamperedRefused,
    staking,
    slashed,
    rewards,
    governance,
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
  const proxy = await serveApp(createProxy((agents[0] as Agent).session, logger));
  closers.push(() => proxy.close(500));
  return { result, urls: { chain: local.rpcUrl, ...network.urls, "paying proxy": proxy.url }, close };
}

/** An answer with one byte changed must not get through; the same answer unchanged did. */
async function tamper({ session }: Agent, gatewayUrl: string): Promise<boolean> {
  const tamperer = await startTamperer(gatewayUrl);
  try {
    const messages = [{ role: "user" as const, content: "What is my balance?" }];
    await infer({ ...session, gatewayUrl: tamperer.url }, { model: "opg-guard", messages });
    return false;
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    if (cause instanceof ReceiptError && cause.code === "receipt_wrong_output") return true;
    throw new BaseError("The changed answer was refused for another reason", {
      facts: { reason: errorMessage(cause) },
    });
  } finally {
    await tamperer.close();
    await session.catchUp();
  }
}

async function withdrawAll(chain: Chain, { payees }: DemoNetwork): Promise<bigint> {
  const { settlement, opg } = chain.contracts;
  const all = [payees.settler, ...payees.workers, ...payees.verifiers, payees.publisher];
  const before = await opg.balanceOf(settlement.target);
  const due: [number, bigint][] = [];
  for (const payee of all) {
    const [earned, { account }] = await Promise.all([settlement.earningsOf(payee), settlement.getPayee(payee)]);
    if (earned === 0n) continue;
    const signer = await ownerOf(chain, account);
    await mined(settlement.connect(signer).requestWithdrawal(payee, earned));
    due.push([payee, (await settlement.getPayee(payee)).withdrawals]);
  }
  await advance(chain, timesOf(chain).earningsDelay);
  for (const [payee, id] of due) await mined(settlement.connect(localAccount(chain, 0)).withdraw(payee, id));
  return (before - (await opg.balanceOf(settlement.target))) / WEI_PER_NANO;
}

async function ownerOf(chain: Chain, account: string): Promise<Wallet> {
  for (let index = 0; index < 10; index++) {
    const candidate = localAccount(chain, index);
    if (candidate.address === account) return new Wallet(candidate.privateKey, chain.provider);
  }
  throw new BaseError("A payee's account is not one of this chain's", { facts: { account } });
}
