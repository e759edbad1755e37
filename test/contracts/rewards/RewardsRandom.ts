import { expect } from "chai";
import { id as hashOf, ZeroHash } from "ethers";
import { mined } from "../../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../../src/core/units.ts";
import { type Entry, findAccount, neighboursOf, witnessOf } from "../../../src/rewards/tree.ts";
import { OPG, openEconomy } from "../../helpers/economy.ts";
import { govern } from "../../helpers/governance.ts";
import { deployProtocol, type Protocol } from "../../helpers/protocol.ts";
import { seededRandom } from "../../helpers/random.ts";
import { accountOf, receiptsHashOf } from "../../helpers/rewardEntries.ts";
import {
  activateRoot,
  addRewards,
  attestRoot,
  checkBooks,
  claimOf,
  FUNDED,
  formerOf,
  NO_WITNESS,
  PARAMETERS,
  type Posted,
  planRoot,
  postRoot,
  RESERVE,
  type RewardsWorld,
} from "../../helpers/rewards.ts";

/*
EpochRewards, at random: epochs, postings right and wrong, challenges, verdicts, claims, funds that arrive
└── after every step
   ├── paid <= posted (total of the active root) <= funded, and the balance covers what is booked
   ├── no account got another sum than its highest claimed leaf; the sum of what all got is what was paid
   ├── bonds: what all deposits, bonds and the reserve have together never changes but by deposits
   └── the active root changes by activation only
*/
describe("EpochRewards at random", () => {
  const STEPS = 220;
  const ACCOUNTS = 24;

  for (const seed of [11, 20260721]) {
    it(`keeps its laws over ${STEPS} steps (seed ${seed})`, async function () {
      this.timeout(300_000);
      const protocol: Protocol = await deployProtocol();
      const economy = await openEconomy(protocol, { verifiers: 4 });
      const world: RewardsWorld = await addRewards(protocol, economy.verifiers);
      const { rewards, contracts, rival, networkHelpers } = world;
      const random = seededRandom(seed);

      let active: Posted | undefined;
      let pending:
        | (Posted & { fault: "none" | "decrease" | "omission"; attested: boolean; frozen: boolean })
        | undefined;
      let funded = FUNDED;
      const earned = new Map<string, bigint>(); // under the active root
      const got = new Map<string, bigint>();
      const taken = new Set<string>();
      const counts: Record<string, number> = {};
      const count = (what: string) => {
        counts[what] = (counts[what] ?? 0) + 1;
      };

      /** The next entries: some accounts earn, some are new; a fault takes one out or lowers it. */
      const nextEntries = (fault: string, epoch: number): Entry[] => {
        const sums = new Map(earned);
        for (let i = 0; i < 1 + random(8); i++) {
          const account = accountOf(random(ACCOUNTS));
          sums.set(account, (sums.get(account) ?? 0n) + BigInt(1 + random(500)) * OPG + BigInt(random(1_000_000_000)));
        }
        const victim = [...earned.keys()][random(earned.size || 1)] as string;
        if (fault === "omission") {
          const lost = sums.get(victim) as bigint;
          sums.delete(victim);
          sums.set(accountOf(ACCOUNTS), (sums.get(accountOf(ACCOUNTS)) ?? 0n) + lost);
        }
        if (fault === "decrease") {
          const lost = (earned.get(victim) as bigint) - 1n;
          const other = [...sums.keys()].find((account) => account !== victim) as string;
          sums.set(other, (sums.get(other) as bigint) + (sums.get(victim) as bigint));
          sums.set(victim, lost);
        }
        return [...sums].map(([account, nano]) => ({
          account,
          cumulativeWei: nano * WEI_PER_NANO,
          receiptsHash: receiptsHashOf(account, epoch),
        }));
      };

      const steps: Record<string, () => Promise<void>> = {
        async fund() {
          const nano = BigInt(1 + random(1_000)) * OPG + BigInt(random(1_000));
          await mined(contracts.opg.transfer(rewards.target, nano * WEI_PER_NANO + BigInt(random(2))));
          if (random(2) === 0) await mined(rewards.sync());
          funded += nano;
        },
        async post() {
          if (pending) return;
          const faults =
            active && earned.size > 1 ? (["none", "none", "decrease", "omission"] as const) : (["none"] as const);
          const fault = faults[random(faults.length)] as "none";
          const entries = nextEntries(fault, Number((await rewards.getBooks()).epoch) + 1);
          const planned = await planRoot(world, entries, { change: { dataHash: hashOf(`data ${random(1e9)}`) } });
          pending = { ...(await postRoot(world, planned)), fault, attested: false, frozen: false };
        },
        async attest() {
          if (!pending || pending.attested) return;
          const late = BigInt(await networkHelpers.time.latest()) >= BigInt(pending.posting.attestBy);
          if (late) {
            await expect(attestRoot(world, pending)).to.be.revertedWithCustomError(rewards, "Rewards_AttestTooLate");
            return;
          }
          await attestRoot(world, pending);
          pending.attested = true;
        },
        async refute() {
          if (!pending || !active) return;
          const before = earned;
          for (const account of before.keys()) {
            const { index, found } = findAccount(pending.tree, account);
            const former = formerOf(active, account);
            if (!found) {
              const { gap, left = NO_WITNESS, right = NO_WITNESS } = neighboursOf(pending.tree, account);
              await mined(rewards.connect(rival).refuteOmission(pending.posting, former, gap, left, right));
              pending = undefined;
              count("refuted");
              return;
            }
            const call = rewards.connect(rival).refuteDecrease(pending.posting, former, witnessOf(pending.tree, index));
            const lower =
              (pending.tree.leaves[index]?.cumulativeWei ?? 0n) < (before.get(account) as bigint) * WEI_PER_NANO;
            if (!lower) {
              await expect(call).to.be.revertedWithCustomError(rewards, "Rewards_NoFault");
              continue;
            }
            await mined(call);
            pending = undefined;
            count("refuted");
            return;
          }
          expect(pending.fault).to.equal("none");
        },
        async challenge() {
          if (!pending?.attested || pending.frozen) return;
          const { activeFrom } = await rewards.getPending();
          if (BigInt(await networkHelpers.time.latest()) + 1n >= activeFrom) return;
          await mined(rewards.connect(rival).challenge(pending.posting, ZeroHash));
          pending.frozen = true;
        },
        async verdict() {
          if (!pending?.frozen || random(2) === 0) return;
          const { verdictBy } = await rewards.getPending();
          const delay = await contracts.timelock.getMinDelay();
          if (BigInt(await networkHelpers.time.latest()) + delay + 10n > verdictBy) return;
          const stands = pending.fault === "none";
          await mined(
            govern(world, rewards, rewards.interface.encodeFunctionData("verdict", [pending.posting, stands])),
          );
          count("verdict");
          if (stands) pending.frozen = false;
          else pending = undefined;
        },
        async activate() {
          // Verifiers do not sign twice what they see is wrong.
          if (!pending?.attested || pending.frozen || pending.fault !== "none") return;
          await activateRoot(world, pending);
          active = pending;
          earned.clear();
          for (const { account, cumulativeWei } of active.tree.leaves)
            earned.set(account, cumulativeWei / WEI_PER_NANO);
          pending = undefined;
          count("activated");
        },
        async drop() {
          if (!pending) return;
          const { activeFrom, verdictBy } = await rewards.getPending();
          const until = pending.frozen
            ? verdictBy
            : pending.attested
              ? activeFrom + BigInt(PARAMETERS.graceTime)
              : BigInt(pending.posting.attestBy);
          if (BigInt(await networkHelpers.time.latest()) < until) {
            await expect(rewards.drop(pending.posting)).to.be.revertedWithCustomError(rewards, "Rewards_NotYet");
            return;
          }
          await mined(rewards.drop(pending.posting));
          pending = undefined;
          count("dropped");
        },
        async claim() {
          if (!active) return;
          const { leaf } = witnessOf(active.tree, random(active.tree.leaves.length));
          const had = got.get(leaf.account) ?? 0n;
          const call = rewards.claim(...claimOf(active, leaf.account));
          if (leaf.cumulativeWei <= had) {
            await expect(call).to.be.revertedWithCustomError(rewards, "Rewards_NothingDue");
            return;
          }
          await mined(call);
          got.set(leaf.account, leaf.cumulativeWei);
          count("claimed");
        },
        async claimMany() {
          if (!active) return;
          const picked = active.tree.leaves.filter(() => random(3) === 0);
          const claims = picked.map(({ account }) => claimOf(active as Posted, account));
          if (claims.length === 0) return;
          await mined(
            rewards.claimMany(
              (claims[0] as (typeof claims)[0])[0],
              claims.map(([, leaf]) => leaf),
              claims.map(([, , proof]) => proof),
            ),
          );
          for (const { account, cumulativeWei } of picked) {
            if (cumulativeWei > (got.get(account) ?? 0n)) got.set(account, cumulativeWei);
          }
          count("claimed");
        },
        async wait() {
          await networkHelpers.time.increase(1 + random(900));
        },
      };

      const bondsNano = async () => {
        const { heldNano } = await rewards.getBooks();
        return heldNano + (await contracts.opg.balanceOf(RESERVE)) / WEI_PER_NANO;
      };
      const bonds = await bondsNano();
      // Most calls are claims and those that move a root on.
      const names = [...Object.keys(steps), "post", "attest", "activate", "claim", "claimMany", "refute"];
      for (let step = 0; step < STEPS; step++) {
        const name = names[random(names.length)] as string;
        taken.add(name);
        await (steps[name] as () => Promise<void>)();

        const { paidNano, promisedNano, fundedNano } = await checkBooks(world);
        expect(fundedNano <= funded, `${name}: funded`).to.equal(true);
        const sum = [...got.values()].reduce((total, wei) => total + wei, 0n);
        expect(paidNano * WEI_PER_NANO, `${name}: paid`).to.equal(sum);
        expect(promisedNano * WEI_PER_NANO, `${name}: promised`).to.equal(active?.tree.totalWei ?? 0n);
        expect(await bondsNano(), `${name}: bonds`).to.equal(bonds);
      }
      for (const [account, wei] of got) {
        expect(await contracts.opg.balanceOf(account)).to.equal(wei);
        expect(await rewards.claimed(account)).to.equal(wei);
      }
      expect(taken.size).to.equal(Object.keys(steps).length);
      for (const what of ["activated", "refuted", "dropped", "claimed"]) expect(counts).to.include.keys(what);
    });
  }
});
