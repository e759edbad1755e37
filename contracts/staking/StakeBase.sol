// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStakePools} from "./IStakePools.sol";
import {Bond, Stake} from "./StakeTypes.sol";
import {Trail, TrailLib} from "./Trail.sol";

/// @title StakeBase
/// @notice What the books of bonds and of delegations share: times, the stake of each operator, the sum of all votes.
abstract contract StakeBase is IStakePools {
    using TrailLib for Trail;

    /// @notice Length of an epoch, in seconds: stake joins at the start of one.
    uint32 public immutable epochLength;

    /// @notice Length of a period, in seconds: what leaves in one period shares a bucket.
    uint32 public immutable periodLength;

    /// @notice Between a deposit and the start of the epoch in which it is active, at least, in seconds.
    uint32 public immutable stakeActivation;

    /// @notice How long leaving stake stays slashable, in seconds, counted from the end of its period.
    uint32 public immutable unbonding;

    /// @dev Periods in an unbonding time.
    uint256 internal constant PERIODS = 14;

    /// @dev Epochs that a deposit can be ahead, at most: each of them is looked at when a pool is rolled.
    uint256 internal constant MAX_EPOCHS_AHEAD = 64;

    mapping(uint32 operator => Stake) internal _stakes;
    mapping(uint32 operator => Bond) internal _bonds;
    Trail internal _totalVotes;

    constructor(uint32 epochLength_, uint32 stakeActivation_, uint32 unbonding_) {
        // A period is then long enough that at most sixteen are in an unbonding time. The last bound keeps shares inside 96 bits, see {StakeMath-MOST_SHARES_PER_NANO}: in sixteen unbonding times and
        // an epoch delegators keep more than (3/4)^9 of what they have.
        bool ok = unbonding_ >= PERIODS * PERIODS && epochLength_ != 0 && epochLength_ <= unbonding_;
        if (!ok || stakeActivation_ / epochLength_ + 2 > MAX_EPOCHS_AHEAD || stakeActivation_ / 15 > unbonding_) {
            revert StakePools_BadTimes(epochLength_, stakeActivation_, unbonding_);
        }
        epochLength = epochLength_;
        stakeActivation = stakeActivation_;
        unbonding = unbonding_;
        periodLength = uint32(unbonding_ / PERIODS);
    }

    /// @dev The first epoch that begins after the activation time. Fits 32 bits until 2106 with epochs of a second.
    function _joinEpoch() internal view returns (uint32 epoch) {
        return uint32((block.timestamp + stakeActivation) / epochLength + 1);
    }

    /// @dev The last epoch that has begun, of those up to `lastJoin`.
    function _dueEpoch(uint32 lastJoin) internal view returns (uint32 epoch) {
        uint256 current = block.timestamp / epochLength;
        return current < lastJoin ? uint32(current) : lastJoin;
    }

    function _period() internal view returns (uint256) {
        return block.timestamp / periodLength;
    }

    /// @dev Reverts while what left in a period cannot be withdrawn.
    function _checkWaited(uint256 period) internal view {
        // Who asks for a period that is never gets an overflow.
        uint256 from = (period + 1) * periodLength + unbonding;
        if (block.timestamp < from) revert StakePools_NotYet(period, from);
    }

    function _moveTotalVotes(uint256 beforeNano, uint256 afterNano) internal {
        _totalVotes.set(_totalVotes.value + afterNano - beforeNano);
    }
}
