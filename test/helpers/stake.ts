import { mined } from "../../src/core/chain/events.ts";
import { WEI_PER_NANO } from "../../src/core/units.ts";
import type { StakeHub } from "../../typechain-types/index.ts";
import { OPG } from "./economy.ts";
import type { Protocol } from "./protocol.ts";

export const EPOCH = 300;
export const ACTIVATION = 2400;
export const UNBONDING = 3600;
export const PERIOD = Math.floor(UNBONDING / 14);
export const RESERVE = "0x00000000000000000000000000000000000beef1";
export const LIMITS = {
  eventPpm: 100_000,
  windowPpm: 250_000,
  delegationPerSelf: 8,
  maxCommissionPpm: 200_000,
};
export const ALL = 2n ** 256n - 1n;

export type Signer = Protocol["signers"][number];
type Change = { times?: object; epochLength?: number; limits?: object; reserve?: string };

export async function deployHub(protocol: Protocol, change: Change = {}): Promise<StakeHub> {
  const { contracts, parameters, ethers } = protocol;
  const { opg, nodeRegistry, timelock } = contracts;
  const times = { ...parameters.times, ...change.times };
  return ethers.deployContract("StakeHub", [
    opg.target,
    nodeRegistry.target,
    times,
    change.epochLength ?? EPOCH,
    { ...LIMITS, ...change.limits },
    timelock.target,
    signerOf(protocol, 0).address,
    change.reserve ?? RESERVE,
  ]);
}

export const signerOf = ({ signers }: Protocol, index: number) => signers[index] as Signer;

/**
 * A hub whose slasher is an account of the test. Signers: 0 deployer and payer, 1 and 2 own the operators 1 and 2, 3 slashes, 4 to
 * 7 hold 10 million OPG each to delegate.
 */
export async function openHub(protocol: Protocol, change: Change = {}) {
  const { contracts } = protocol;
  const { opg, nodeRegistry } = contracts;
  const hub = await deployHub(protocol, change);
  const signer = (index: number) => signerOf(protocol, index);
  for (const owner of [1, 2]) {
    const { address } = signer(owner);
    if ((await nodeRegistry.operatorOwnedBy(address)) === 0n) {
      await mined(nodeRegistry.connect(signer(owner)).registerOperator());
    }
  }
  await mined(hub.setSlasher(signer(3).address));
  for (let i = 0; i < 8; i++) {
    await mined(opg.connect(signer(i)).approve(hub.target, 2n ** 255n));
    if (i >= 4) await mined(opg.transfer(signer(i).address, 10_000_000n * OPG * WEI_PER_NANO));
  }
  return {
    hub,
    opg,
    nodeRegistry,
    payer: signer(0),
    owner: signer(1),
    other: signer(2),
    slasher: signer(3),
    alice: signer(4),
    bob: signer(5),
    carol: signer(6),
    dave: signer(7),
  };
}
export type World = Awaited<ReturnType<typeof openHub>>;
