/** Whoever holds: an index into the test's accounts. */
export type Holder = number;

export type StakeTimes = { epochLength: bigint; stakeActivation: bigint; unbonding: bigint };
export type StakeLimits = { eventPpm: bigint; windowPpm: bigint; delegationPerSelf: bigint; maxCommissionPpm: bigint };

type Part = { nano: bigint; shares: bigint; lost: bigint; of: Map<Holder, bigint> };
type Position = { shares: bigint; counted: bigint; voting: boolean };
type Operator = {
  owner: Holder;
  voter: Holder | undefined;
  self: bigint;
  bondJoins: Map<bigint, bigint>;
  bondBuckets: Map<bigint, bigint>;
  delegated: bigint;
  shares: bigint;
  positions: Map<Holder, Position>;
  joins: Map<bigint, Map<Holder, bigint>>;
  buckets: Map<bigint, Part>;
  /** What was taken of delegators: of a window, what each order left of 1e18. */
  kept: Map<bigint, bigint>;
  commission: { ppm: bigint; nextPpm: bigint; nextFrom: bigint };
};

const WHOLE = 10n ** 18n;
const PPM = 1_000_000n;
const LEAST = 1_000_000_000n;
const PERIODS = 14n;
const VIRTUAL_SHARES = 1_000_000n;
const min = (a: bigint, b: bigint) => (a < b ? a : b);
const sum = (values: Iterable<bigint>) => [...values].reduce((total, value) => total + value, 0n);

/** The name of the error that the contract must answer with. */
export class Refused extends Error {}

/**
 * StakeHub in plain words: everything joins when its epoch begins and not when somebody calls, buckets know who is in them, and nothing
 * is packed. Rounding is the contract's.
 */
export class StakeModel {
  now = 0n;
  readonly operators = new Map<number, Operator>();
  readonly #times: StakeTimes;
  #limits: StakeLimits;
  #former: StakeLimits;
  #since: bigint;
  /** What the hub holds. */
  balance = 0n;

  constructor(times: StakeTimes, limits: StakeLimits, since: bigint) {
    this.#times = times;
    this.#limits = limits;
    this.#former = limits;
    this.#since = since;
  }

  get slashWindow(): bigint {
    return min(this.#times.stakeActivation, this.#times.unbonding);
  }

  get #periodLength(): bigint {
    return this.#times.unbonding / PERIODS;
  }

  get period(): bigint {
    return this.now / this.#periodLength;
  }

  register(owner: Holder): number {
    const operator = this.operators.size + 1;
    this.operators.set(operator, {
      owner,
      voter: undefined,
      self: 0n,
      bondJoins: new Map(),
      bondBuckets: new Map(),
      delegated: 0n,
      shares: 0n,
      positions: new Map(),
      joins: new Map(),
      buckets: new Map(),
      kept: new Map(),
      commission: { ppm: 0n, nextPpm: 0n, nextFrom: 0n },
    });
    return operator;
  }

  /** Moves the clock; what is due joins. */
  to(now: bigint): void {
    this.now = now;
    const epoch = now / this.#times.epochLength;
    for (const operator of this.operators.values()) {
      for (const [at, nano] of operator.bondJoins) {
        if (at > epoch) continue;
        operator.self += nano;
        operator.bondJoins.delete(at);
      }
      for (const at of [...operator.joins.keys()].sort((a, b) => Number(a - b))) {
        if (at > epoch) continue;
        this.#joinAll(operator, operator.joins.get(at) as Map<Holder, bigint>);
        operator.joins.delete(at);
      }
    }
  }

  #joinAll(operator: Operator, joining: Map<Holder, bigint>): void {
    const nano = sum(joining.values());
    if (nano === 0n) return;
    const shares = (nano * (operator.shares + VIRTUAL_SHARES)) / (operator.delegated + 1n);
    operator.shares += shares;
    operator.delegated += nano;
    for (const [holder, part] of joining) {
      this.position(operator, holder).shares += (part * shares) / nano;
    }
  }

  get(id: number): Operator {
    const operator = this.operators.get(id);
    if (!operator) throw new Refused("StakeHub_UnknownOperator");
    return operator;
  }

  position(operator: Operator, holder: Holder): Position {
    let position = operator.positions.get(holder);
    if (!position) {
      position = { shares: 0n, counted: 0n, voting: false };
      operator.positions.set(holder, position);
    }
    return position;
  }

  #owned(id: number, by: Holder): Operator {
    const operator = this.operators.get(id);
    if (operator?.owner !== by) throw new Refused("StakeHub_NotOwner");
    return operator;
  }

  get #joinEpoch(): bigint {
    return (this.now + this.#times.stakeActivation) / this.#times.epochLength + 1n;
  }

  bond(id: number, nano: bigint): void {
    if (nano === 0n) throw new Refused("StakeHub_TooLittle");
    const { bondJoins } = this.get(id);
    bondJoins.set(this.#joinEpoch, (bondJoins.get(this.#joinEpoch) ?? 0n) + nano);
    this.balance += nano;
  }

  delegateTo(id: number, by: Holder, nano: bigint): void {
    if (nano < LEAST) throw new Refused("StakeHub_TooLittle");
    const operator = this.get(id);
    this.#count(operator, by);
    const before = this.#takeJoins(operator, by);
    const joins = operator.joins.get(this.#joinEpoch) ?? new Map<Holder, bigint>();
    joins.set(by, before + nano);
    operator.joins.set(this.#joinEpoch, joins);
    this.balance += nano;
  }

  #takeJoins(operator: Operator, holder: Holder): bigint {
    let nano = 0n;
    for (const joins of operator.joins.values()) {
      nano += joins.get(holder) ?? 0n;
      joins.delete(holder);
    }
    return nano;
  }

  joining(operator: Operator, holder: Holder): bigint {
    return sum([...operator.joins.values()].map((joins) => joins.get(holder) ?? 0n));
  }

  cancelBond(id: number, by: Holder): bigint {
    const { bondJoins } = this.#owned(id, by);
    const nano = sum(bondJoins.values());
    if (nano === 0n) throw new Refused("StakePools_NothingJoining");
    bondJoins.clear();
    this.balance -= nano;
    return nano;
  }

  cancelDelegation(id: number, by: Holder): bigint {
    const operator = this.get(id);
    const nano = this.#takeJoins(operator, by);
    if (nano === 0n) throw new Refused("StakePools_NothingJoining");
    this.#count(operator, by);
    this.balance -= nano;
    return nano;
  }

  requestUnbond(id: number, by: Holder, nano: bigint): void {
    const operator = this.#owned(id, by);
    if (nano === 0n) throw new Refused("StakeHub_TooLittle");
    if (nano > operator.self) throw new Refused("StakePools_NotThatMuch");
    operator.self -= nano;
    operator.bondBuckets.set(this.period, (operator.bondBuckets.get(this.period) ?? 0n) + nano);
    this.#checkVoter(operator);
  }

  worth(operator: Operator, shares: bigint): bigint {
    return (shares * (operator.delegated + 1n)) / (operator.shares + VIRTUAL_SHARES);
  }

  undelegate(id: number, by: Holder, shares: bigint, least = 0n): bigint {
    const operator = this.get(id);
    const position = this.position(operator, by);
    if (shares > position.shares) throw new Refused("StakePools_NotThatMuch");
    if (shares !== position.shares && this.worth(operator, position.shares - shares) < LEAST) {
      throw new Refused("StakePools_TooLittleStays");
    }
    const nano = this.worth(operator, shares);
    if (nano === 0n) throw new Refused("StakePools_WorthNothing");
    if (nano < least) throw new Refused("StakeHub_LessThanAsked");
    position.shares -= shares;
    operator.shares -= shares;
    operator.delegated -= nano;
    this.#count(operator, by);
    const bucket = operator.buckets.get(this.period) ?? { nano: 0n, shares: 0n, lost: WHOLE, of: new Map() };
    const part = bucket.nano === 0n ? nano : (nano * bucket.shares) / bucket.nano;
    bucket.lost = min(bucket.lost, WHOLE - this.#kept(operator));
    bucket.nano += nano;
    bucket.shares += part;
    bucket.of.set(by, (bucket.of.get(by) ?? 0n) + part);
    operator.buckets.set(this.period, bucket);
    return nano;
  }

  #checkWaited(period: bigint): void {
    if (this.now < (period + 1n) * this.#periodLength + this.#times.unbonding) throw new Refused("StakePools_NotYet");
  }

  withdrawBond(id: number, period: bigint): bigint {
    this.#checkWaited(period);
    const { bondBuckets } = this.get(id);
    const nano = bondBuckets.get(period) ?? 0n;
    if (nano === 0n) throw new Refused("StakePools_NothingLeaving");
    bondBuckets.delete(period);
    this.balance -= nano;
    return nano;
  }

  withdraw(id: number, holder: Holder, period: bigint): bigint {
    this.#checkWaited(period);
    const bucket = this.get(id).buckets.get(period);
    const shares = bucket?.of.get(holder) ?? 0n;
    if (!bucket || shares === 0n) throw new Refused("StakePools_NothingLeaving");
    const nano = (shares * bucket.nano) / bucket.shares;
    bucket.nano -= nano;
    bucket.shares -= shares;
    bucket.of.delete(holder);
    this.balance -= nano;
    return nano;
  }

  commissionOf(id: number): bigint {
    const { ppm, nextPpm, nextFrom } = this.get(id).commission;
    return min(nextFrom !== 0n && this.now >= nextFrom ? nextPpm : ppm, this.#limits.maxCommissionPpm);
  }

  announceCommission(id: number, by: Holder, ppm: bigint): void {
    const operator = this.#owned(id, by);
    const current = this.commissionOf(id);
    if (ppm > this.#limits.maxCommissionPpm) throw new Refused("StakeHub_CommissionTooHigh");
    if (ppm > current + 50_000n || current > ppm + 50_000n) throw new Refused("StakeHub_CommissionChangesTooFast");
    operator.commission = { ppm: current, nextPpm: ppm, nextFrom: this.now + this.#times.stakeActivation };
  }

  reward(id: number, nano: bigint): void {
    const operator = this.get(id);
    if (nano === 0n) throw new Refused("StakeHub_TooLittle");
    if (operator.self === 0n) throw new Refused("StakeHub_NoActiveStake");
    const counted = operator.delegated < LEAST ? 0n : operator.delegated;
    const gross = (nano * counted) / (operator.self + counted);
    const commission = (gross * this.commissionOf(id) + PPM - 1n) / PPM;
    operator.delegated += gross - commission;
    operator.self += nano - gross + commission;
    this.balance += nano;
    this.#checkVoter(operator);
  }

  setLimits(limits: StakeLimits): void {
    if (this.now <= this.#since + this.slashWindow) throw new Refused("StakeHub_LimitsChangedTooRecently");
    this.#former = this.#limits;
    this.#limits = limits;
    this.#since = this.now;
  }

  #capsOf(faultAt: bigint): StakeLimits {
    return faultAt <= this.#since ? this.#former : this.#limits;
  }

  /** What this window and the one before left of a delegator's whole. */
  #kept(operator: Operator): bigint {
    const window = this.now / this.#times.unbonding;
    const product = (operator.kept.get(window) ?? WHOLE) * (operator.kept.get(window - 1n) ?? WHOLE);
    return (product + WHOLE - 1n) / WHOLE;
  }

  /** What one order can take of a part. */
  #room(nano: bigint, kept: bigint, { eventPpm, windowPpm }: StakeLimits): bigint {
    const exact = nano * (PPM - windowPpm) * 10n ** 12n;
    const mustStay = exact / kept + (exact % kept === 0n ? 0n : 1n);
    return mustStay >= nano ? 0n : min(nano - mustStay, (nano * eventPpm) / PPM);
  }

  /** What answers for a fault, the latest to leave first: active stake, then buckets. */
  #parts(operator: Operator, faultAt: bigint) {
    const caps = this.#capsOf(faultAt);
    const parts: { bucket?: Part; nano: bigint; room: bigint }[] = [
      { nano: operator.delegated, room: this.#room(operator.delegated, this.#kept(operator), caps) },
    ];
    for (let period = this.period; period >= faultAt / this.#periodLength; period--) {
      const bucket = operator.buckets.get(period);
      if (!bucket) continue;
      parts.push({ bucket, nano: bucket.nano, room: this.#room(bucket.nano, WHOLE - bucket.lost, caps) });
    }
    return { parts, rooms: sum(parts.map(({ room }) => room)) };
  }

  effectiveStake(id: number): bigint {
    const operator = this.get(id);
    const counted = min(operator.delegated, operator.self * this.#limits.delegationPerSelf);
    const room = this.#room(counted, this.#kept(operator), this.#capsOf(this.now)) - 32n;
    return operator.self + (room < 0n ? 0n : room);
  }

  /** What one order for a fault of `faultAt` takes at most. */
  takeable(id: number, faultAt: bigint): bigint {
    const operator = this.get(id);
    const from = faultAt / this.#periodLength;
    const buckets = sum([...operator.bondBuckets].filter(([at]) => at >= from).map(([, nano]) => nano));
    return operator.self + buckets + this.#parts(operator, faultAt).rooms;
  }

  slash(id: number, want: bigint, faultAt: bigint): bigint {
    if (faultAt < this.now - this.slashWindow || faultAt > this.now) throw new Refused("StakeHub_FaultOutOfTime");
    const operator = this.get(id);
    const first = faultAt / this.#periodLength;
    let missing = want;
    for (let period = first; period <= this.period; period++) {
      const part = min(operator.bondBuckets.get(period) ?? 0n, missing);
      if (part === 0n) continue;
      operator.bondBuckets.set(period, (operator.bondBuckets.get(period) ?? 0n) - part);
      missing -= part;
    }
    const active = min(operator.self, missing);
    operator.self -= active;
    missing -= active;
    if (active !== 0n) this.#checkVoter(operator);
    if (missing !== 0n) missing -= this.#slashDelegators(operator, missing, faultAt);
    const taken = want - missing;
    this.balance -= taken;
    return taken;
  }

  #slashDelegators(operator: Operator, want: bigint, faultAt: bigint): bigint {
    const { parts, rooms } = this.#parts(operator, faultAt);
    const taken = min(want, rooms);
    const window = this.now / this.#times.unbonding;
    let [missing, rest] = [taken, rooms];
    for (const { bucket, nano, room } of parts) {
      if (missing === 0n) break;
      const part = room === 0n ? 0n : (room * missing) / rest;
      missing -= part;
      rest -= room;
      if (part === 0n) continue;
      if (bucket) {
        bucket.nano -= part;
        bucket.lost += ((WHOLE - bucket.lost) * part) / nano;
      } else {
        const kept = operator.kept.get(window) ?? WHOLE;
        operator.kept.set(window, kept - (kept * part) / nano);
        operator.delegated -= part;
      }
    }
    return taken;
  }

  /** Shares that joined since a holder called last begin to vote. */
  #count(operator: Operator, holder: Holder): void {
    const position = this.position(operator, holder);
    position.counted = position.voting ? position.shares : 0n;
  }

  setVoting(id: number, by: Holder, voting: boolean): void {
    const operator = this.get(id);
    this.position(operator, by).voting = voting;
    this.#count(operator, by);
  }

  setBondVoting(id: number, by: Holder, voting: boolean): void {
    const operator = this.#owned(id, by);
    operator.voter = voting ? by : undefined;
  }

  handover(id: number, to: Holder): void {
    this.get(id).owner = to;
  }

  roll(id: number): void {
    this.#checkVoter(this.get(id));
  }

  #checkVoter(operator: Operator): void {
    if (operator.voter !== operator.owner) operator.voter = undefined;
  }

  votes(holder: Holder): bigint {
    let votes = 0n;
    for (const operator of this.operators.values()) {
      if (operator.voter === holder) votes += operator.self;
      votes += this.worth(operator, operator.positions.get(holder)?.counted ?? 0n);
    }
    return votes;
  }

  totalVotes(): bigint {
    let votes = 0n;
    for (const operator of this.operators.values()) {
      if (operator.voter !== undefined) votes += operator.self;
      votes += this.worth(operator, sum([...operator.positions.values()].map(({ counted }) => counted)));
    }
    return votes;
  }
}
