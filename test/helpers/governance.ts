import { type BaseContract, type ContractTransactionResponse, ZeroHash } from "ethers";
import { mined } from "../../src/core/chain/events.ts";
import type { Protocol } from "./protocol.ts";

let salts = 0n;

/** Sends a call the way every parameter changes: proposed to the timelock, waited for, executed by anybody. */
export async function govern(
  { contracts, ethers, networkHelpers }: Pick<Protocol, "contracts" | "ethers" | "networkHelpers">,
  target: BaseContract,
  data: string,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<ContractTransactionResponse> {
  const { timelock } = contracts;
  const salt = ethers.toBeHex(++salts, 32);
  const delay = await timelock.getMinDelay();
  await mined(timelock.schedule(target, 0, data, ZeroHash, salt, delay));
  await networkHelpers.time.increase(delay);
  await meanwhile();
  return timelock.execute(target, 0, data, ZeroHash, salt);
}
