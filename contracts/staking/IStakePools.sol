// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IStakePools
/// @notice Events and errors of the books of stake. Amounts are nano.
interface IStakePools {
    /// @notice Emitted when what was deposited for the operator's own bond became active.
    event BondJoined(uint32 indexed operator, uint64 amountNano);
    /// @notice Emitted when what was delegated for an epoch became active.
    event Joined(uint32 indexed operator, uint32 indexed epoch, uint64 amountNano, uint96 shares);
    event VotingSet(uint32 indexed operator, address indexed holder, bool voting);
    /// @notice Emitted when an operator's own bond counts for its owner, or no longer.
    event BondVotingSet(uint32 indexed operator, address indexed voter, bool voting);

    /// @notice Thrown when an epoch is too short for the activation time, the activation time too long for the unbonding
    /// time, or that shorter than its periods; all in seconds.
    error StakePools_BadTimes(uint32 epochLength, uint32 stakeActivation, uint32 unbonding);
    error StakePools_NothingJoining(uint32 operator, address holder);
    error StakePools_NotThatMuch(uint32 operator, uint256 asked, uint256 held);
    /// @notice Thrown when too little would stay; leave with all of it instead.
    error StakePools_TooLittleStays(uint32 operator, uint256 staysNano, uint64 leastNano);
    error StakePools_WorthNothing(uint32 operator, uint256 shares);
    /// @notice Thrown when slashes left next to nothing of a pool that somebody would delegate to.
    error StakePools_WornOut(uint32 operator);
    /// @notice Thrown before what left in a period can be withdrawn; `from` is a Unix timestamp, seconds.
    error StakePools_NotYet(uint256 period, uint256 from);
    error StakePools_NothingLeaving(uint32 operator, address holder, uint256 period);
    error StakePools_TooManyVotingPools(address holder, uint256 limit);
}
