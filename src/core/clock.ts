/** Unix milliseconds. Injected wherever time matters, so that tests and local chains can move it. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** The last whole second. */
export function secondsOf(clock: Clock): bigint {
  return BigInt(Math.floor(clock() / 1000));
}
