// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../common/Governed.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {IStakeHub, SlashOrder} from "./IStakeHub.sol";
import {StakePools} from "./StakePools.sol";
import {Bucket, Commission, Join, Leaving, Pool, PoolId, Position, Stake} from "./StakeTypes.sol";
import {StakeMath} from "./StakeMath.sol";
import {StakeVotes} from "./StakeVotes.sol";

/// @notice What delegators can lose, and how much of their stake counts. Governance moves them inside the bounds.
struct Limits {
    uint32 eventPpm; // of what is slashable of an operator's delegators, for one order
    uint32 windowPpm; // the same, for two unbonding times
    uint32 delegationPerSelf; // nano of delegations that count for each nano of self-bond
    uint32 maxCommissionPpm;
}

/// @title StakeHub
/// @notice The stake of operators and of those who delegate to them, see {IStakeHub}. The operator's own bond is hit first;
/// delegators lose at most a part, which is known before.
///
/// TRUST
/// @dev The slasher (the court) takes as it decides, inside the limits; governance replaces it behind its delay. Owners of
/// operators announce their commission. Nobody else can lower what somebody has.
///
/// TOKEN
/// @dev OPG: a transfer moves exactly the amount asked and calls nobody.
///
/// INVARIANTS
/// @dev token.balanceOf(this) >= active + joining + leaving of all pools. Stake that was deposited after a fault is not hit by its
/// slash; stake that began to leave after it is, until it can be withdrawn.
contract StakeHub is IStakeHub, StakeVotes, Governed {
    using SafeERC20 for IERC20;

    event SlasherSet(address indexed slasher);
    event Deposited(PoolId indexed pool, address indexed holder, address from, uint64 amountNano, uint32 epoch);
    event DepositCancelled(PoolId indexed pool, address indexed holder, uint64 amountNano);
    event Left(PoolId indexed pool, address indexed holder, uint256 period, uint256 shares, uint64 amountNano);
    event Withdrawn(PoolId indexed pool, address indexed holder, uint256 period, address to, uint64 amountNano);
    event Rewarded(uint32 indexed operator, uint64 selfNano, uint64 commissionNano, uint64 delegatorsNano);
    event CommissionAnnounced(uint32 indexed operator, uint32 ppm, uint40 from);
    event LimitsSet(Limits limits);

    error StakeHub_UnknownOperator(uint32 operator);
    error StakeHub_NotOwner(uint32 operator, address caller);
    error StakeHub_TooLittle(uint64 amountNano, uint64 leastNano);
    error StakeHub_LessThanAsked(uint64 amountNano, uint64 leastNano);
    error StakeHub_NoActiveStake(uint32 operator);
    error StakeHub_CommissionTooHigh(uint32 ppm, uint32 limitPpm);
    error StakeHub_CommissionChangesTooFast(uint32 fromPpm, uint32 toPpm, uint32 stepPpm);
    error StakeHub_LimitOutOfBounds(string limit, uint32 value, uint32 bound);
    error StakeHub_NotDeployer(address caller);
    error StakeHub_NoReserve();
    error StakeHub_NoSlasher();
    error StakeHub_SlasherReplacedTooRecently(uint40 formerSlasherUntil);
    /// @notice Thrown when a fault is too old, or not over yet; Unix timestamps, seconds.
    error StakeHub_FaultOutOfTime(uint256 faultAt, uint256 earliest, uint256 latest);

    /// @notice Delegators never lose more of what is slashable to one order.
    uint32 public constant MAX_EVENT_PPM = 100_000; // 10 %
    /// @notice Nor more in two unbonding times.
    uint32 public constant MAX_WINDOW_PPM = 250_000; // 25 %
    uint32 public constant MAX_DELEGATION_PER_SELF = 20;
    uint32 public constant MAX_COMMISSION_PPM = 500_000; // 50 %
    /// @notice Most that an announcement changes a commission by.
    uint32 public constant COMMISSION_STEP_PPM = 50_000; // 5 %
    /// @notice Least delegation, in nano: 1 OPG.
    uint64 public constant LEAST_NANO = 1e9;

    IERC20 public immutable token;
    INodeRegistry public immutable nodes;
    /// @notice Gets what a slash takes beyond harmed and reporter.
    address public immutable reserve;
    /// @notice A fault can be slashed for this long, in seconds: so long that what is active then was deposited before it.
    uint32 public immutable slashWindow;
    /// @notice Between the announcement of a commission and its begin, in seconds.
    uint32 public immutable commissionNotice;
    uint32 private immutable _longestDispute;
    address private immutable _deployer;

    Limits public limits;
    /// @notice The address that slashes.
    address public slasher;
    /// @notice The slasher before, which may still slash until {formerSlasherUntil} (Unix timestamp, seconds).
    address public formerSlasher;
    uint40 public formerSlasherUntil;
    mapping(bytes32 evidenceId => bool) public evidenceUsed;
    mapping(uint32 operator => Commission) internal _commissions;
    /// @dev The window that an operator's {Stake-takenNano} is of.
    mapping(uint32 operator => uint256 window) internal _windows;

    constructor(
        IERC20 token_,
        INodeRegistry nodes_,
        ProtocolTimes memory times,
        uint32 epochLength_,
        Limits memory limits_,
        address governance_,
        address guardian_,
        address reserve_
    )
        StakePools(epochLength_, times.stakeActivation, times.unbonding)
        Governed(governance_, guardian_, times.parameterDelay)
    {
        ProtocolTimesLib.check(times);
        // Without one every slash with a remainder would revert.
        if (reserve_ == address(0)) revert StakeHub_NoReserve();
        token = token_;
        nodes = nodes_;
        reserve = reserve_;
        slashWindow = times.stakeActivation < times.unbonding ? times.stakeActivation : times.unbonding;
        commissionNotice = times.stakeActivation;
        _longestDispute = times.longestDispute;
        _deployer = msg.sender;
        _setLimits(limits_);
    }

    /* GOVERNANCE */

    /// @notice Names the slasher: the deployer once, governance from then on. The one before it may end what it began.
    function setSlasher(address slasher_) external {
        if (slasher == address(0)) {
            if (msg.sender != _deployer) revert StakeHub_NotDeployer(msg.sender);
        } else {
            _onlyGovernance();
            if (block.timestamp <= formerSlasherUntil) revert StakeHub_SlasherReplacedTooRecently(formerSlasherUntil);
            (formerSlasher, formerSlasherUntil) = (slasher, uint40(block.timestamp) + _longestDispute);
        }
        // Zero would make the deployer name the next one.
        if (slasher_ == address(0)) revert StakeHub_NoSlasher();
        slasher = slasher_;
        emit SlasherSet(slasher_);
    }

    /// @notice Sets the limits, inside their bounds; governance only.
    function setLimits(Limits calldata limits_) external onlyGovernance {
        _setLimits(limits_);
    }

    function _setLimits(Limits memory l) private {
        _atMost("eventPpm", l.eventPpm, MAX_EVENT_PPM);
        _atMost("windowPpm", l.windowPpm, MAX_WINDOW_PPM);
        _atMost("eventPpm <= windowPpm", l.eventPpm, l.windowPpm);
        _atMost("delegationPerSelf", l.delegationPerSelf, MAX_DELEGATION_PER_SELF);
        _atMost("maxCommissionPpm", l.maxCommissionPpm, MAX_COMMISSION_PPM);
        limits = l;
        emit LimitsSet(l);
    }

    /* DEPOSITS */

    /// @notice Adds to an operator's own bond; anybody may pay. Active from the start of the epoch after the activation time.
    function bond(uint32 operator, uint64 amountNano) external {
        if (amountNano == 0) revert StakeHub_TooLittle(amountNano, 1);
        _deposit(_selfPool(operator), _self(operator), operator, amountNano);
    }

    /// @notice Delegates to an operator. Active from the start of the epoch after the activation time; what waits already
    /// then waits anew. At least {LEAST_NANO}.
    function delegateTo(uint32 operator, uint64 amountNano) external {
        if (amountNano < LEAST_NANO) revert StakeHub_TooLittle(amountNano, LEAST_NANO);
        _deposit(_delegatedPool(operator), msg.sender, operator, amountNano);
    }

    function _deposit(PoolId pool, address holder, uint32 operator, uint64 amountNano) private {
        if (nodes.ownerOf(operator) == address(0)) revert StakeHub_UnknownOperator(operator);
        uint32 epoch = _join(pool, holder, amountNano);
        emit Deposited(pool, holder, msg.sender, amountNano, epoch);
        token.safeTransferFrom(msg.sender, address(this), amountNano * WEI_PER_NANO);
    }

    /// @notice Takes back what does not count yet: the operator's own, for its owner.
    function cancelBond(uint32 operator) external {
        _checkOwner(operator);
        _cancel(_selfPool(operator), _self(operator));
    }

    /// @notice Takes back a delegation that does not count yet.
    function cancelDelegation(uint32 operator) external {
        _cancel(_delegatedPool(operator), msg.sender);
    }

    function _cancel(PoolId pool, address holder) private {
        uint64 amountNano = _cancelJoin(pool, holder);
        emit DepositCancelled(pool, holder, amountNano);
        _pay(msg.sender, amountNano);
    }

    /// @notice Lets everything join that is due. Anybody may call; every other call does it by itself.
    function roll(uint32 operator) external {
        _roll(_selfPool(operator));
        _roll(_delegatedPool(operator));
    }

    /* EXITS */

    /// @notice Takes a part out of the operator's own bond, which can be withdrawn after the unbonding time and is slashable until
    /// then. Owner of the operator only.
    function requestUnbond(uint32 operator, uint64 amountNano) external {
        _checkOwner(operator);
        PoolId pool = _selfPool(operator);
        _roll(pool);
        address holder = _self(operator);
        Position storage position = _settled(pool, holder);
        uint256 shares = StakeMath.toSharesUp(amountNano, _nanoOf(pool), _pools[pool].shares);
        // The last shares are worth a nano less than the bond, by rounding.
        if (shares > position.shares && amountNano <= _nanoOf(pool)) shares = position.shares;
        _exit(pool, holder, shares, 0);
    }

    /// @notice Takes shares out of a delegation.
    /// @param leastNano Reverts when they are worth less, because a slash came in between.
    function undelegate(uint32 operator, uint256 shares, uint64 leastNano) external {
        PoolId pool = _delegatedPool(operator);
        _roll(pool);
        _exit(pool, msg.sender, shares, leastNano);
    }

    function _exit(PoolId pool, address holder, uint256 shares, uint64 leastNano) private {
        (uint64 amountNano, uint256 period) = _leave(pool, holder, shares);
        if (amountNano < leastNano) revert StakeHub_LessThanAsked(amountNano, leastNano);
        emit Left(pool, holder, period, shares, amountNano);
    }

    /// @notice Pays what left the operator's own bond in a period, to its owner; anybody may call.
    function withdrawBond(uint32 operator, uint256 period) external {
        _payOut(_selfPool(operator), _self(operator), period, nodes.ownerOf(operator));
    }

    /// @notice Pays what left a delegation in a period, to its holder; anybody may call.
    function withdraw(uint32 operator, address holder, uint256 period) external {
        _payOut(_delegatedPool(operator), holder, period, holder);
    }

    function _payOut(PoolId pool, address holder, uint256 period, address to) private {
        uint64 amountNano = _withdraw(pool, holder, period);
        emit Withdrawn(pool, holder, period, to, amountNano);
        _pay(to, amountNano);
    }

    /* REWARDS */

    /// @notice Adds to the active stake of an operator and its delegators: in proportion to what each has, less the operator's
    /// commission on the delegators' part. Compounds: no share is made. Anybody may pay.
    ///
    /// Notes:
    /// - Goes to the shares that are active in this epoch; who joins with the next one gets nothing of it.
    /// - The delegators' part is rounded down.
    function reward(uint32 operator, uint64 amountNano) external {
        (PoolId own, PoolId others) = (_selfPool(operator), _delegatedPool(operator));
        _roll(own);
        _roll(others);
        Stake memory stake = _stakes[operator];
        bool none = _pools[own].shares == 0;
        if (amountNano == 0) revert StakeHub_TooLittle(amountNano, 1);
        // Without its own bond an operator answers for nothing, and nobody is paid through it.
        if (none) revert StakeHub_NoActiveStake(operator);
        uint256 sum = uint256(stake.selfNano) + stake.delegatedNano;
        uint64 ofDelegators = _pools[others].shares == 0 ? 0 : uint64((uint256(amountNano) * stake.delegatedNano) / sum);
        uint64 commissionNano = uint64((uint256(ofDelegators) * commissionOf(operator) + PPM - 1) / PPM);
        ofDelegators -= commissionNano;
        uint64 selfNano = amountNano - ofDelegators;
        _setNano(own, stake.selfNano + selfNano);
        _checkpoint(own);
        if (ofDelegators != 0) {
            _setNano(others, stake.delegatedNano + ofDelegators);
            _checkpoint(others);
        }
        emit Rewarded(operator, selfNano - commissionNano, commissionNano, ofDelegators);
        token.safeTransferFrom(msg.sender, address(this), amountNano * WEI_PER_NANO);
    }

    /// @notice Announces a commission, at most {COMMISSION_STEP_PPM} from the one that counts; owner of the operator only. A further
    /// announcement replaces one that does not count yet.
    function announceCommission(uint32 operator, uint32 ppm) external {
        _checkOwner(operator);
        uint32 current = commissionOf(operator);
        if (ppm > limits.maxCommissionPpm) revert StakeHub_CommissionTooHigh(ppm, limits.maxCommissionPpm);
        uint32 change = ppm > current ? ppm - current : current - ppm;
        if (change > COMMISSION_STEP_PPM) revert StakeHub_CommissionChangesTooFast(current, ppm, COMMISSION_STEP_PPM);
        uint40 from = uint40(block.timestamp) + commissionNotice;
        _commissions[operator] = Commission({ppm: current, nextPpm: ppm, nextFrom: from});
        emit CommissionAnnounced(operator, ppm, from);
    }

    /// @return ppm Of what an operator's delegators earn now.
    function commissionOf(uint32 operator) public view returns (uint32 ppm) {
        Commission memory c = _commissions[operator];
        return c.nextFrom != 0 && block.timestamp >= c.nextFrom ? c.nextPpm : c.ppm;
    }

    /* VOTES */

    /// @notice Lets the caller's delegation count as votes, or no longer.
    function setVoting(uint32 operator, bool voting) external {
        _setVoting(_delegatedPool(operator), msg.sender, voting);
    }

    /* SLASHER */

    /// @inheritdoc IStakeHub
    function slash(SlashOrder calldata order) external returns (uint64 takenNano, uint64 paidNano) {
        if (msg.sender != slasher && (msg.sender != formerSlasher || block.timestamp > formerSlasherUntil)) {
            revert StakeHub_NotSlasher(msg.sender, slasher);
        }
        if (evidenceUsed[order.evidenceId]) revert StakeHub_EvidenceUsed(order.evidenceId);
        uint256 earliest = block.timestamp - slashWindow;
        if (order.faultAt < earliest || order.faultAt > block.timestamp) {
            revert StakeHub_FaultOutOfTime(order.faultAt, earliest, block.timestamp);
        }
        evidenceUsed[order.evidenceId] = true;
        (PoolId own, PoolId others) = (_selfPool(order.operator), _delegatedPool(order.operator));
        _roll(own);
        _roll(others);

        uint256 sumNano = slashable(own, order.faultAt);
        uint256 taken = _take(own, order.faultAt, _min(order.amountNano, sumNano), sumNano);
        if (taken < order.amountNano) {
            taken += _takeFromDelegators(order.operator, others, order.faultAt, order.amountNano - taken);
        }
        // All stake is at most the supply, 1e18 nano.
        takenNano = uint64(taken);
        paidNano = uint64(_min(taken, order.harmedNano));
        uint64 reporterNano = uint64(_min(takenNano - paidNano, order.reporterNano));
        emit Slashed(order.operator, order.evidenceId, takenNano, paidNano, reporterNano);
        _pay(order.harmed, paidNano);
        _pay(order.reporter, reporterNano);
        _pay(reserve, takenNano - paidNano - reporterNano);
    }

    /// @dev Delegators lose at most the event's part and what the window leaves.
    function _takeFromDelegators(
        uint32 operator,
        PoolId pool,
        uint256 faultAt,
        uint256 wantNano
    ) private returns (uint256 takenNano) {
        uint256 sumNano = slashable(pool, faultAt);
        Stake storage stake = _turnWindow(operator);
        uint256 takenBefore = uint256(stake.takenNano) + stake.takenBeforeNano;
        takenNano = _take(pool, faultAt, _min(wantNano, _allowance(sumNano, takenBefore)), sumNano);
        stake.takenNano += uint64(takenNano);
    }

    /// @dev Most that one order takes of `sumNano`, after `takenBefore` was taken in this window and the one before.
    function _allowance(uint256 sumNano, uint256 takenBefore) private view returns (uint256) {
        uint256 inWindow = ((sumNano + takenBefore) * limits.windowPpm) / PPM;
        return _min((sumNano * limits.eventPpm) / PPM, inWindow > takenBefore ? inWindow - takenBefore : 0);
    }

    /// @dev Windows are unbonding times; two are counted, so that no span of one unbonding time sees more than the limit.
    function _turnWindow(uint32 operator) private returns (Stake storage stake) {
        stake = _stakes[operator];
        uint256 window = block.timestamp / unbonding;
        uint256 noted = _windows[operator];
        if (window == noted) return stake;
        stake.takenBeforeNano = window == noted + 1 ? stake.takenNano : 0;
        stake.takenNano = 0;
        _windows[operator] = window;
    }

    /* VIEWS */

    /// @inheritdoc IStakeHub
    function effectiveStake(uint32 operator) external view returns (uint64) {
        Stake memory stake = _stakes[operator];
        uint256 counted = _min(stake.delegatedNano, uint256(stake.selfNano) * limits.delegationPerSelf);
        uint256 taken = uint256(stake.takenNano) + stake.takenBeforeNano;
        return uint64(stake.selfNano + _allowance(counted, taken));
    }

    /// @inheritdoc IStakeHub
    function slashableStake(uint32 operator) external view returns (uint64) {
        uint256 earliest = block.timestamp - slashWindow;
        Stake memory stake = _stakes[operator];
        uint256 taken = uint256(stake.takenNano) + stake.takenBeforeNano;
        uint256 delegated = slashable(_delegatedPool(operator), earliest);
        return uint64(slashable(_selfPool(operator), earliest) + _allowance(delegated, taken));
    }

    function getStake(uint32 operator) external view returns (Stake memory) {
        return _stakes[operator];
    }

    function getPool(PoolId pool) external view returns (Pool memory) {
        return _pools[pool];
    }

    /// @notice A position as it was noted last: what has joined since shows with the holder's next call.
    function getPosition(PoolId pool, address holder) external view returns (Position memory) {
        return _positions[pool][holder];
    }

    function getJoin(PoolId pool, uint256 epoch) external view returns (Join memory) {
        return _joins[pool][epoch];
    }

    function getBucket(PoolId pool, uint256 period) external view returns (Bucket memory) {
        return _buckets[pool][period];
    }

    function getLeaving(PoolId pool, address holder, uint256 period) external view returns (Leaving memory) {
        return _leaving[pool][holder][period];
    }

    /* INTERNAL */

    function _selfPool(uint32 operator) private pure returns (PoolId) {
        return PoolId.wrap(uint256(operator) << 1);
    }

    function _delegatedPool(uint32 operator) private pure returns (PoolId) {
        return PoolId.wrap((uint256(operator) << 1) | 1);
    }

    /// @dev Holds the operator's own bond, whoever owns the operator.
    function _self(uint32 operator) private pure returns (address) {
        return address(uint160(operator));
    }

    function _checkOwner(uint32 operator) private view {
        if (nodes.ownerOf(operator) != msg.sender) revert StakeHub_NotOwner(operator, msg.sender);
    }

    function _pay(address to, uint64 amountNano) private {
        if (amountNano != 0) token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    function _atMost(string memory limit, uint32 value, uint32 bound) private pure {
        if (value > bound) revert StakeHub_LimitOutOfBounds(limit, value, bound);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
