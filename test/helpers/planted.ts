import { concat, getCreateAddress, keccak256, toBeHex } from "ethers";
import { TokenLaunch__factory } from "../../typechain-types/factories/vesting/TokenLaunch__factory.ts";

/** Creation code that leaves `runtime` with this storage: what a constructor checks never happened. */
export function planted(runtime: string, storage: [slot: bigint | string, value: bigint][] = []): string {
  const writes = storage.map(([slot, value]) =>
    concat(["0x7f", toBeHex(value, 32), "0x7f", toBeHex(slot, 32), "0x55"]),
  );
  const head = concat(writes);
  return concat([head, returning(lengthOf(runtime), lengthOf(head) + 13), runtime]);
}

/** Where a mapping at `slot` keeps the value of `key`. */
export const slotOf = (key: bigint | string, slot: number) => keccak256(concat([toBeHex(key, 32), toBeHex(slot, 32)]));

/**
 * Creation code of a false TokenLaunch: creates token and vault, logs the launch, and leaves `runtime`. `from` is the address
 * that it will have; what it creates is at the addresses of a true one.
 */
export function prematureLaunch(from: string, runtime: string, token: string, vault: string): string {
  const created = [1, 2].map((nonce) => getCreateAddress({ from, nonce }));
  const topic = TokenLaunch__factory.createInterface().getEvent("Launched").topicHash;
  // Two creations, the log, and the end; see the lengths below.
  const head = 2 * (8 + 7) + 3 * 33 + 3 + 13;
  const create = (code: string, at: number) =>
    concat([copied(lengthOf(code), at), "0x61", toBeHex(lengthOf(code), 2), "0x5f5ff050"]);
  const [opg, vest] = created.map((address) => concat(["0x7f", toBeHex(address, 32)])) as [string, string];
  return concat([
    create(token, head),
    create(vault, head + lengthOf(token)),
    concat([vest, opg, "0x7f", topic, "0x5f5fa3"]),
    returning(lengthOf(runtime), head + lengthOf(token) + lengthOf(vault)),
    token,
    vault,
    runtime,
  ]);
}

/** Eight bytes: copies code to memory. */
const copied = (length: number, at: number) => concat(["0x61", toBeHex(length, 2), "0x61", toBeHex(at, 2), "0x5f39"]);
/** Thirteen bytes: copies code and returns it. */
const returning = (length: number, at: number) => concat([copied(length, at), "0x61", toBeHex(length, 2), "0x5ff3"]);

const lengthOf = (bytes: string) => (bytes.length - 2) / 2;
