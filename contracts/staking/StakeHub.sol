// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../common/Governed.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {IStakeHub, SlashOrder} from "./IStakeHub.sol";
import {StakeBase} from "./StakeBase.sol";
import {StakeMath} from "./StakeMath.sol";
import {Bond, Bucket, Caps, Commission, Join, Limits, LimitsInForce, Pool, Position, Stake} from "./StakeTypes.sol";
import {StakeVotes} from "./StakeVotes.sol";

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
/// @dev token.balanceOf(this) >= active + joining + leaving of all operators. Stake that was deposited after a fault is not hit by
/// its slash; stake that began to leave after it is, until it can be withdrawn. What {effectiveStake} was at a fault, a slash
/// of it can take, in one order or in several.
contract StakeHub is IStakeHub, StakeVotes, Governed {
    using SafeERC20 for IERC20;

    event SlasherSet(address indexed slasher);
    event BondDeposited(uint32 indexed operator, address indexed from, uint64 amountNano, uint32 epoch);
    event BondCancelled(uint32 indexed operator, address indexed to, uint64 amountNano);
    event BondLeft(uint32 indexed operator, uint256 indexed period, uint64 amountNano);
    event BondWithdrawn(uint32 indexed operator, uint256 indexed period, address indexed to, uint64 amountNano);
    event Delegated(uint32 indexed operator, address indexed holder, uint64 amountNano, uint32 epoch);
    event DelegationCancelled(uint32 indexed operator, address indexed holder, uint64 amountNano);
    event Left(
        uint32 indexed operator,
        address indexed holder,
        uint256 indexed period,
        uint256 shares,
        uint64 amountNano
    );
    event Withdrawn(uint32 indexed operator, address indexed holder, uint256 indexed period, uint64 amountNano);
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
    /// @notice Thrown while faults before the last change can still be slashed; a Unix timestamp, seconds.
    error StakeHub_LimitsChangedTooRecently(uint256 until);
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
    /// @dev Parts that answer for a fault, at most: each rounds what can be taken of it down by a nano.
    uint256 private constant MOST_PARTS = 32;

    IERC20 public immutable token;
    INodeRegistry public immutable nodes;
    /// @notice Gets what a slash takes beyond harmed and reporter.
    address public immutable reserve;
    /// @inheritdoc IStakeHub
    /// @dev So long that what is active then was deposited before the fault.
    uint32 public immutable slashWindow;
    /// @notice Between the announcement of a commission and its begin, in seconds.
    uint32 public immutable commissionNotice;
    uint32 private immutable _longestDispute;
    address private immutable _deployer;

    LimitsInForce internal _limits;
    /// @notice The address that slashes.
    address public slasher;
    /// @notice The slasher before, which may still slash until {formerSlasherUntil} (Unix timestamp, seconds).
    address public formerSlasher;
    uint40 public formerSlasherUntil;
    mapping(bytes32 evidenceId => bool) public evidenceUsed;
    mapping(uint32 operator => Commission) internal _commissions;

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
        StakeBase(epochLength_, times.stakeActivation, times.unbonding)
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
        _setLimits(limits_, limits_.eventPpm, limits_.windowPpm);
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

    /// @notice Sets the limits, inside their bounds; governance only. Faults until now are judged by those of now.
    function setLimits(Limits calldata limits_) external onlyGovernance {
        LimitsInForce memory current = _limits;
        uint256 until = uint256(current.since) + slashWindow;
        if (block.timestamp <= until) revert StakeHub_LimitsChangedTooRecently(until);
        _setLimits(limits_, current.eventPpm, current.windowPpm);
    }

    function _setLimits(Limits memory limits_, uint32 formerEventPpm, uint32 formerWindowPpm) private {
        _atMost("eventPpm", limits_.eventPpm, MAX_EVENT_PPM);
        _atMost("windowPpm", limits_.windowPpm, MAX_WINDOW_PPM);
        _atMost("eventPpm <= windowPpm", limits_.eventPpm, limits_.windowPpm);
        _atMost("delegationPerSelf", limits_.delegationPerSelf, MAX_DELEGATION_PER_SELF);
        _atMost("maxCommissionPpm", limits_.maxCommissionPpm, MAX_COMMISSION_PPM);
        _limits = LimitsInForce({
            eventPpm: limits_.eventPpm,
            windowPpm: limits_.windowPpm,
            delegationPerSelf: limits_.delegationPerSelf,
            maxCommissionPpm: limits_.maxCommissionPpm,
            formerEventPpm: formerEventPpm,
            formerWindowPpm: formerWindowPpm,
            since: uint40(block.timestamp)
        });
        emit LimitsSet(limits_);
    }

    /* DEPOSITS */

    /// @notice Adds to an operator's own bond; anybody may pay. Active from the start of the epoch after the activation time.
    function bond(uint32 operator, uint64 amountNano) external {
        if (amountNano == 0) revert StakeHub_TooLittle(amountNano, 1);
        _checkKnown(operator);
        emit BondDeposited(operator, msg.sender, amountNano, _joinBond(operator, amountNano));
        _pull(amountNano);
    }

    /// @notice Delegates to an operator. Active from the start of the epoch after the activation time; what waits already
    /// then waits anew. At least {LEAST_NANO}.
    function delegateTo(uint32 operator, uint64 amountNano) external {
        if (amountNano < LEAST_NANO) revert StakeHub_TooLittle(amountNano, LEAST_NANO);
        // Where somebody delegated before there is an operator.
        if (_pools[operator].lastJoin == 0) _checkKnown(operator);
        emit Delegated(operator, msg.sender, amountNano, _join(operator, msg.sender, amountNano));
        _pull(amountNano);
    }

    /// @notice Takes back all of the operator's own bond that does not count yet, to its owner; owner of the operator only.
    function cancelBond(uint32 operator) external {
        _checkOwner(operator);
        uint64 amountNano = _cancelBond(operator);
        emit BondCancelled(operator, msg.sender, amountNano);
        _pay(msg.sender, amountNano);
    }

    /// @notice Takes back a delegation that does not count yet.
    function cancelDelegation(uint32 operator) external {
        uint64 amountNano = _cancelJoin(operator, msg.sender);
        emit DelegationCancelled(operator, msg.sender, amountNano);
        _pay(msg.sender, amountNano);
    }

    /// @notice Lets everything join that is due, and ends the votes of an operator's former owner. Anybody may call; every
    /// other call does the first by itself.
    function roll(uint32 operator) external {
        _rollBond(operator);
        _roll(operator);
        _checkVoter(operator);
    }

    /* EXITS */

    /// @notice Takes a part out of the operator's own bond, which can be withdrawn after the unbonding time and is slashable until
    /// then. Owner of the operator only.
    function requestUnbond(uint32 operator, uint64 amountNano) external {
        _checkOwner(operator);
        if (amountNano == 0) revert StakeHub_TooLittle(amountNano, 1);
        _rollBond(operator);
        emit BondLeft(operator, _leaveBond(operator, amountNano), amountNano);
    }

    /// @notice Takes shares out of a delegation: all, or as many that {LEAST_NANO} stays.
    /// @param shares The largest number for all of them.
    /// @param leastNano Reverts when they are worth less, because a slash came in between.
    function undelegate(uint32 operator, uint256 shares, uint64 leastNano) external {
        (uint256 left, uint64 amountNano, uint256 period) = _leave(operator, msg.sender, shares);
        if (amountNano < leastNano) revert StakeHub_LessThanAsked(amountNano, leastNano);
        emit Left(operator, msg.sender, period, left, amountNano);
    }

    /// @notice Pays what left the operator's own bond in a period, to its owner; anybody may call.
    function withdrawBond(uint32 operator, uint256 period) external {
        uint64 amountNano = _withdrawBond(operator, period);
        address to = nodes.ownerOf(operator);
        emit BondWithdrawn(operator, period, to, amountNano);
        _pay(to, amountNano);
    }

    /// @notice Pays what left a delegation in a period, to its holder; anybody may call.
    function withdraw(uint32 operator, address holder, uint256 period) external {
        uint64 amountNano = _withdraw(operator, holder, period);
        emit Withdrawn(operator, holder, period, amountNano);
        _pay(holder, amountNano);
    }

    /* REWARDS */

    /// @notice Adds to the active stake of an operator and its delegators: in proportion to what each has, less the operator's
    /// commission on the delegators' part. Compounds: no share is made. Anybody may pay.
    ///
    /// Notes:
    /// - Goes to the shares that are active in this epoch; who joins with the next one gets nothing of it.
    /// - The delegators' part is rounded down. Below {LEAST_NANO} in all they get none: only roundings are left.
    function reward(uint32 operator, uint64 amountNano) external {
        if (amountNano == 0) revert StakeHub_TooLittle(amountNano, 1);
        _rollBond(operator);
        _roll(operator);
        Stake memory stake = _stakes[operator];
        // Without its own bond an operator answers for nothing, and nobody is paid through it.
        if (stake.selfNano == 0) revert StakeHub_NoActiveStake(operator);
        uint256 counted = stake.delegatedNano < LEAST_NANO ? 0 : stake.delegatedNano;
        // Both are at most `amountNano`.
        uint64 ofDelegators = uint64((amountNano * counted) / (stake.selfNano + counted));
        uint64 commissionNano = uint64((uint256(ofDelegators) * commissionOf(operator) + PPM - 1) / PPM);
        ofDelegators -= commissionNano;
        uint64 selfNano = amountNano - ofDelegators;
        emit Rewarded(operator, selfNano - commissionNano, commissionNano, ofDelegators);
        _setBond(operator, stake.selfNano + selfNano);
        if (ofDelegators != 0) _setDelegated(operator, stake.delegatedNano + ofDelegators);
        _pull(amountNano);
    }

    /// @notice Announces a commission, at most {COMMISSION_STEP_PPM} from the one that counts; owner of the operator only. A further
    /// announcement replaces one that does not count yet.
    function announceCommission(uint32 operator, uint32 ppm) external {
        _checkOwner(operator);
        uint32 current = commissionOf(operator);
        uint32 limitPpm = _limits.maxCommissionPpm;
        if (ppm > limitPpm) revert StakeHub_CommissionTooHigh(ppm, limitPpm);
        uint32 change = ppm > current ? ppm - current : current - ppm;
        if (change > COMMISSION_STEP_PPM) revert StakeHub_CommissionChangesTooFast(current, ppm, COMMISSION_STEP_PPM);
        uint40 from = uint40(block.timestamp) + commissionNotice;
        _commissions[operator] = Commission({ppm: current, nextPpm: ppm, nextFrom: from});
        emit CommissionAnnounced(operator, ppm, from);
    }

    /// @return ppm Of what an operator's delegators earn now.
    function commissionOf(uint32 operator) public view returns (uint32 ppm) {
        Commission memory c = _commissions[operator];
        ppm = c.nextFrom != 0 && block.timestamp >= c.nextFrom ? c.nextPpm : c.ppm;
        uint32 limitPpm = _limits.maxCommissionPpm;
        if (ppm > limitPpm) ppm = limitPpm;
    }

    /* VOTES */

    /// @notice Lets the caller's delegation count as votes, or no longer. What joined since counts after the next call.
    function setVoting(uint32 operator, bool voting) external {
        _checkKnown(operator);
        _setVoting(operator, msg.sender, voting);
    }

    /// @notice Lets the operator's own bond count as votes of its owner, or no longer; owner of the operator only. Ends when
    /// the operator is handed over, with the next call that moves the bond, or {roll}, which anybody may call.
    function setBondVoting(uint32 operator, bool voting) external {
        _checkOwner(operator);
        _rollBond(operator);
        _setBondVoter(operator, voting ? msg.sender : address(0));
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
        _rollBond(order.operator);
        _roll(order.operator);

        uint256 taken = _takeBond(order.operator, order.faultAt, order.amountNano);
        if (taken < order.amountNano) {
            taken += _takeFromDelegators(order.operator, order.faultAt, order.amountNano - taken);
        }
        // At most `order.amountNano`.
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
        uint256 faultAt,
        uint256 wantNano
    ) private returns (uint256 takenNano) {
        Caps memory caps = _caps(faultAt);
        uint256 sumRoom = _takeable(operator, faultAt, caps);
        takenNano = _min(wantNano, sumRoom);
        if (takenNano != 0) _take(operator, takenNano, caps, sumRoom);
    }

    /// @dev Limits that a fault is judged by.
    function _caps(uint256 faultAt) private view returns (Caps memory caps) {
        LimitsInForce memory current = _limits;
        return
            faultAt <= current.since
                ? Caps(current.formerEventPpm, current.formerWindowPpm)
                : Caps(current.eventPpm, current.windowPpm);
    }

    /* VIEWS */

    /// @inheritdoc IStakeHub
    function effectiveStake(uint32 operator) external view returns (uint64) {
        Stake memory stake = _stakes[operator];
        if (stake.delegatedNano == 0) return stake.selfNano;
        uint256 counted = _min(stake.delegatedNano, uint256(stake.selfNano) * _limits.delegationPerSelf);
        // In the second in which limits change these are the former ones: a fault of it is judged by them.
        uint256 room = _room(counted, _keptActive(operator), _caps(block.timestamp));
        return uint64(stake.selfNano + (room < MOST_PARTS ? 0 : room - MOST_PARTS));
    }

    /// @inheritdoc IStakeHub
    function slashableStake(uint32 operator) external view returns (uint64) {
        return slashableFor(operator, uint40(block.timestamp - slashWindow));
    }

    /// @inheritdoc IStakeHub
    function slashableFor(uint32 operator, uint40 faultAt) public view returns (uint64) {
        return uint64(_slashableBond(operator, faultAt) + _takeable(operator, faultAt, _caps(faultAt)));
    }

    function limits() external view returns (Limits memory) {
        LimitsInForce memory current = _limits;
        return Limits(current.eventPpm, current.windowPpm, current.delegationPerSelf, current.maxCommissionPpm);
    }

    function getStake(uint32 operator) external view returns (Stake memory) {
        return _stakes[operator];
    }

    function getBond(uint32 operator) external view returns (Bond memory) {
        return _bonds[operator];
    }

    /// @return nano Of the operator's own bond that joins or joined with an epoch.
    function getBondJoin(uint32 operator, uint256 epoch) external view returns (uint256 nano) {
        return _bondJoin(operator, epoch);
    }

    /// @return nano Of the operator's own bond that left in a period and was neither withdrawn nor slashed.
    function getBondBucket(uint32 operator, uint256 period) external view returns (uint256 nano) {
        return _bondBucket(operator, period);
    }

    function getPool(uint32 operator) external view returns (Pool memory) {
        return _pools[operator];
    }

    /// @notice A position, with what has joined turned into shares once the pool is rolled, see {roll}.
    /// @return position With shares that include what has joined.
    /// @return worthNano What these are worth.
    function getPosition(
        uint32 operator,
        address holder
    ) external view returns (Position memory position, uint256 worthNano) {
        position = _positions[operator][holder];
        Pool memory pool = _pools[operator];
        if (position.joiningNano != 0 && position.joinEpoch <= pool.joinedThrough) {
            position.shares += _joinedShares(operator, position);
            position.joiningNano = 0;
        }
        worthNano = StakeMath.toNano(position.shares, _stakes[operator].delegatedNano, pool.shares);
    }

    function getJoin(uint32 operator, uint256 epoch) external view returns (Join memory) {
        return _joins[operator][epoch];
    }

    function getBucket(uint32 operator, uint256 period) external view returns (Bucket memory) {
        return _buckets[operator][period];
    }

    /// @return shares Of the bucket of a period.
    function getLeaving(uint32 operator, address holder, uint256 period) external view returns (uint256 shares) {
        return _leaving[operator][holder][period];
    }

    /* INTERNAL */

    function _ownerOf(uint32 operator) internal view override returns (address) {
        return nodes.ownerOf(operator);
    }

    function _checkKnown(uint32 operator) private view {
        if (nodes.ownerOf(operator) == address(0)) revert StakeHub_UnknownOperator(operator);
    }

    function _checkOwner(uint32 operator) private view {
        if (nodes.ownerOf(operator) != msg.sender) revert StakeHub_NotOwner(operator, msg.sender);
    }

    function _pull(uint64 amountNano) private {
        token.safeTransferFrom(msg.sender, address(this), amountNano * WEI_PER_NANO);
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
