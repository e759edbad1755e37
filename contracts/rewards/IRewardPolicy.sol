// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice How much of what is there an epoch gives, and to whom. Parts per million; what is not given stays for later.
struct Shares {
    // slot 0
    uint16 spreadEpochs; // an epoch gives at most what is unpromised, divided by this
    uint32 accountCapPpm; // most of the contributors' stream that one account gets
    // slot 1: of what the epoch gives
    uint32[6] streamPpm; // stakers, workers, verifiers, publishers, contributors, keepers
    // slot 2: of the network fee that a receipt paid, at most
    uint32[5] feePpm; // workers, verifiers, publishers, contributors, keepers
}

/// @title IRewardCalendar
/// @notice Epochs of rewards, numbered from 1: epoch `e` is the seconds from startOf(e) to startOf(e + 1) - 1.
interface IRewardCalendar {
    /// @notice Thrown for epoch 0.
    error RewardPolicy_NoEpoch(uint32 epoch);

    /// @return epoch The one that a Unix timestamp falls into; 0 before the first.
    function epochAt(uint256 timestamp) external view returns (uint32 epoch);

    /// @return timestamp The first second of an epoch, a Unix timestamp.
    function startOf(uint32 epoch) external view returns (uint256 timestamp);
}

/// @title IRewardPolicy
/// @notice What the calculation of rewards is governed by. It moves nothing: who computes and signs a root reads it.
interface IRewardPolicy is IRewardCalendar {
    /// @param fromEpoch The first epoch that they hold for.
    event SharesSet(uint32 indexed fromEpoch, Shares shares);

    error RewardPolicy_BadEpochLength(uint32 seconds_);
    error RewardPolicy_OutOfBounds(string share, uint256 value, uint256 bound);

    /// @notice Sets the shares of the epochs that begin after this; governance only. A second time in the same epoch replaces
    /// the first.
    ///
    /// Requirements:
    /// - `spreadEpochs` is 1 to MAX_SPREAD_EPOCHS, `accountCapPpm` 1 to MAX_ACCOUNT_CAP_PPM.
    /// - The sum of `streamPpm` is at most 1,000,000, that of `feePpm` at most MAX_USAGE_PPM.
    function setShares(Shares calldata shares) external;

    /// @notice The shares of an epoch, whether past or to come; of one to come as long as nothing is set before it begins.
    function sharesOf(uint32 epoch) external view returns (Shares memory shares);

    /// @notice Unix timestamp, seconds: the first second of epoch 1, a multiple of {epochLength}.
    function genesis() external view returns (uint40);

    /// @notice In seconds.
    function epochLength() external view returns (uint32);
}
