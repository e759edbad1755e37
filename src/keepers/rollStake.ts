import type { SettleDeps } from "./settle.ts";

/**
 * Lets an operator's stake count once all that waits is due: until somebody does, its settler cannot debit on it. One
 * transaction for all deposits, however many came.
 */
export async function rollStake({ chain, settler, view, queue, logger }: SettleDeps): Promise<boolean> {
  const { stakeHub } = chain.contracts;
  const [bond, pool, epochLength, now] = await Promise.all([
    stakeHub.getBond(settler),
    stakeHub.getPool(settler),
    stakeHub.epochLength(),
    view.timestamp(),
  ]);
  const due = [bond, pool].filter(({ joinedThrough, lastJoin }) => {
    return lastJoin > joinedThrough && lastJoin * epochLength <= now;
  });
  if (due.length === 0) return false;
  const data = stakeHub.interface.encodeFunctionData("roll", [settler]);
  const epochs = [bond.lastJoin, pool.lastJoin].join("-");
  await queue.send(`roll/${settler}/${epochs}`, { to: String(stakeHub.target), data });
  logger.info({ settler }, "stake.rolled");
  return true;
}
