import { type BaseContract, toBeHex, ZeroHash } from "ethers";
import { mined } from "../../src/core/chain/events.ts";
import type { Protocol } from "./protocol.ts";

/** A call that governance makes. */
export type Action = { target: BaseContract; data: string };

/** Every operation differs, so that the same action can be taken twice. */
let salts = 0;

/** Schedules an action with the timelock as its proposer, waits as long as the timelock asks, and executes it as anybody. */
export async function govern(protocol: Protocol, { target, data }: Action) {
  const { contracts, signers, networkHelpers } = protocol;
  const { timelock } = contracts;
  const delay = await timelock.getMinDelay();
  const salt = toBeHex(++salts, 32);
  await mined(timelock.schedule(target.target, 0, data, ZeroHash, salt, delay));
  await networkHelpers.time.increase(delay);
  const anybody = signers.at(-1) as (typeof signers)[0];
  return timelock.connect(anybody).execute(target.target, 0, data, ZeroHash, salt);
}
