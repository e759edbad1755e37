// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PoolId} from "./StakeTypes.sol";

/// @title IStakePools
/// @notice Events and errors of the books of stake. Amounts are nano; a pool is one tier of one operator.
interface IStakePools {
    /// @notice Emitted when what was deposited for an epoch became active.
    event Joined(PoolId indexed pool, uint32 indexed epoch, uint64 nano, uint96 shares);
    /// @notice Emitted when a slash left nothing: all shares of the era are worth nothing from here on.
    event EraClosed(PoolId indexed pool, uint32 era);
    event VotingSet(PoolId indexed pool, address indexed holder, bool voting);

    /// @notice Thrown when an epoch would be empty, or an unbonding time shorter than its periods; both in seconds.
    error StakePools_BadTimes(uint32 epochLength, uint32 unbonding);
    error StakePools_NothingJoining(PoolId pool, address holder);
    error StakePools_TooMany(PoolId pool, address holder, uint256 shares, uint256 held);
    error StakePools_WorthNothing(PoolId pool, uint256 shares);
    /// @notice Thrown before what left in a period can be withdrawn; `from` is a Unix timestamp, seconds.
    error StakePools_NotYet(PoolId pool, uint256 period, uint256 from);
    error StakePools_NothingLeaving(PoolId pool, address holder, uint256 period);
    error StakePools_VotingStands(PoolId pool, address holder, bool voting);
    error StakePools_TooManyVotingPools(address holder, uint256 limit);
}
