import { AbiCoder, concat, id as hashOf, keccak256 } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { versionOf } from "../../../src/rewards/root.ts";
import { OPG } from "../../../test/helpers/economy.ts";
import { accountOf, receiptsHashOf } from "../../../test/helpers/rewardEntries.ts";
import {
  addRewards,
  claimOf,
  planRoot,
  postedIn,
  type RewardsWorld,
  runRoot,
  signRoot,
} from "../../../test/helpers/rewards.ts";
import { measure, type Row } from "./row.ts";
import type { Bench } from "./setup.ts";

const LEAVES = 2 ** 17;
const MANY = 50;
/** Later claims are measured for so many accounts: each zero byte in a hash of the path is 12 gas less. */
const LATER = 16;
const LEVELS = 17;

/** Cumulative amounts as they are in life: some hundred OPG, to the nano. */
const entryOf = (n: number, epoch: number) => ({
  account: accountOf(n),
  cumulativeWei: (BigInt(epoch) * (50n * OPG + 123_456_789n) + BigInt(n) * 1_234n) * WEI_PER_NANO,
  receiptsHash: receiptsHashOf(accountOf(n), epoch),
});

/** Rewards: a root of 131,072 accounts after a small one, so that every slot was written before. */
export async function rewardsRows({ protocol, economy }: Pick<Bench, "protocol" | "economy">): Promise<Row[]> {
  const world = await addRewards(protocol, economy.verifiers);
  const { rewards, contracts, networkHelpers } = world;
  await mined(contracts.opg.transfer(rewards.target, 20_000_000n * OPG * WEI_PER_NANO));
  await mined(contracts.opg.transfer(world.poster.address, 1_000_000n * OPG * WEI_PER_NANO));
  await mined(rewards.connect(world.poster).deposit(1_000_000n * OPG));
  const synced = await measure(rewards.sync());

  const claimants = Array.from({ length: MANY + LATER }, (_, i) => i);
  const small = await runRoot(
    world,
    claimants.map((n) => entryOf(n, 1)),
  );
  for (const n of claimants) await mined(rewards.claim(...claimOf(small, accountOf(n))));

  const planned = await planRoot(
    world,
    Array.from({ length: LEAVES }, (_, n) => entryOf(n, 2)),
    { change: { dataHash: hashOf("second data") } },
  );
  const sent = rewards.connect(world.poster).post(planned.content);
  const posted = await postedIn(world, planned, sent);
  const posting = await measure(sent);
  const attested = await measure(rewards.attest(posted.posting, await signRoot(world, posted.content)));
  const { activeFrom } = await rewards.getPending();
  await networkHelpers.time.increaseTo(activeFrom);
  const activated = await measure(rewards.activate(posted.posting, await signRoot(world, posted.content)));
  const each: Awaited<ReturnType<typeof measure>>[] = [];
  for (const n of claimants.slice(MANY)) each.push(await measure(rewards.claim(...claimOf(posted, accountOf(n)))));
  const [first] = each as [(typeof each)[number]];
  const later = { ...first, gasUsed: Math.round(each.reduce((sum, { gasUsed }) => sum + gasUsed, 0) / LATER) };
  const claims = claimants.slice(0, MANY).map((n) => claimOf(posted, accountOf(n)));
  const many = await measure(
    rewards.claimMany(
      versionOf(posted.content),
      claims.map(([, leaf]) => leaf),
      claims.map(([, , proof]) => proof),
    ),
  );

  const plain = await measurePlain(world, accountOf(MANY));

  const row = (name: string, measured: { gasUsed: number; bytes: number }, limit: number): Row => ({
    name,
    ...measured,
    perUnit: null,
    limit,
    perUnitLimit: null,
    peer: null,
  });
  return [
    row("rewards/sync", synced, 60_000),
    row("rewards/post-root", posting, 80_000),
    row("rewards/attest-2", attested, 90_000),
    row("rewards/activate-2", activated, 110_000),
    row("rewards/claim-17", plain, 62_000),
    {
      ...row("rewards/claim-17-sum", later, 66_000),
      peer: { name: "EigenLayer processClaim, 17 levels, later", gasUsed: 91_648 },
    },
    {
      ...row("rewards/claim-many-50", many, MANY * 45_000),
      perUnit: Math.round(many.gasUsed / MANY),
      perUnitLimit: 45_000,
    },
  ];
}

/** A later claim against a plain Merkle root as high, in a contract that keeps no sums: what they cost is the difference. */
async function measurePlain(
  { ethers, contracts }: Pick<RewardsWorld, "ethers" | "contracts">,
  account: string,
): Promise<{ gasUsed: number; bytes: number }> {
  const plain = await ethers.deployContract("PlainRewards", [contracts.opg]);
  await mined(contracts.opg.transfer(plain, 1_000n * OPG * WEI_PER_NANO));
  const proof = Array.from({ length: LEVELS }, (_, level) => hashOf(`sibling ${level}`));
  const claim = async (cumulativeWei: bigint) => {
    const encoded = AbiCoder.defaultAbiCoder().encode(["address", "uint256"], [account, cumulativeWei]);
    const join = (a: string, b: string) => keccak256(BigInt(a) < BigInt(b) ? concat([a, b]) : concat([b, a]));
    await mined(plain.setRoot(proof.reduce(join, keccak256(keccak256(encoded)))));
    return measure(plain.claim(account, cumulativeWei, proof));
  };
  await claim(entryOf(MANY, 1).cumulativeWei);
  return claim(entryOf(MANY, 2).cumulativeWei);
}
