// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "../common/Governed.sol";
import {PPM} from "../common/Nano.sol";
import {IRewardCalendar, IRewardPolicy, Shares} from "./IRewardPolicy.sol";

/// @title RewardPolicy
/// @notice See {IRewardPolicy}.
///
/// TRUST
/// @dev Governance sets shares within bounds that never change, and only for epochs that have not begun.
///
/// INVARIANTS
/// @dev What {sharesOf} says of an epoch never changes once that epoch began. Of the network fee of a receipt at most
/// MAX_USAGE_PPM comes back in rewards for usage, to whomever, so that who uses the network only to be rewarded loses the rest.
contract RewardPolicy is IRewardPolicy, Governed {
    struct Checkpoint {
        uint32 fromEpoch;
        Shares shares;
    }

    uint256 public constant MAX_USAGE_PPM = 900_000; // 90 %
    uint256 public constant MAX_SPREAD_EPOCHS = 520;
    uint256 public constant MAX_ACCOUNT_CAP_PPM = 200_000; // 20 %
    uint32 internal constant MAX_EPOCH_LENGTH = 365 days;

    /// @inheritdoc IRewardPolicy
    uint40 public immutable genesis;

    /// @inheritdoc IRewardPolicy
    uint32 public immutable epochLength;

    /// @dev In strictly ascending order of epochs, the first from epoch 1.
    Checkpoint[] internal _checkpoints;

    /// @notice The first epoch begins at the next multiple of its length.
    constructor(
        address governance_,
        uint32 parameterDelay_,
        uint32 epochLength_,
        Shares memory shares
    ) Governed(governance_, address(0), parameterDelay_) {
        if (epochLength_ == 0 || epochLength_ > MAX_EPOCH_LENGTH) revert RewardPolicy_BadEpochLength(epochLength_);
        epochLength = epochLength_;
        // The timestamp fits until the year 36812.
        genesis = uint40(((block.timestamp + epochLength_ - 1) / epochLength_) * epochLength_);
        _set(1, shares);
    }

    /* GOVERNANCE */

    /// @inheritdoc IRewardPolicy
    function setShares(Shares calldata shares) external onlyGovernance {
        _set(epochAt(block.timestamp) + 1, shares);
    }

    /* VIEWS */

    /// @inheritdoc IRewardCalendar
    function epochAt(uint256 timestamp) public view returns (uint32) {
        if (timestamp < genesis) return 0;
        // Until the year 2106 also with epochs of a second.
        return uint32((timestamp - genesis) / epochLength + 1);
    }

    /// @inheritdoc IRewardCalendar
    function startOf(uint32 epoch) external view returns (uint256) {
        if (epoch == 0) revert RewardPolicy_NoEpoch(epoch);
        return genesis + (uint256(epoch) - 1) * epochLength;
    }

    /// @inheritdoc IRewardPolicy
    function sharesOf(uint32 epoch) external view returns (Shares memory) {
        if (epoch == 0) revert RewardPolicy_NoEpoch(epoch);
        // The last checkpoint that is not above `epoch` is in [low, high).
        (uint256 low, uint256 high) = (0, _checkpoints.length);
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (_checkpoints[middle].fromEpoch <= epoch) low = middle;
            else high = middle;
        }
        return _checkpoints[low].shares;
    }

    /* INTERNAL */

    function _set(uint32 fromEpoch, Shares memory shares) private {
        _check(shares);
        uint256 count = _checkpoints.length;
        if (count == 0 || _checkpoints[count - 1].fromEpoch != fromEpoch) {
            _checkpoints.push(Checkpoint({fromEpoch: fromEpoch, shares: shares}));
        } else {
            _checkpoints[count - 1].shares = shares;
        }
        emit SharesSet(fromEpoch, shares);
    }

    function _check(Shares memory shares) private pure {
        _within("spreadEpochs", shares.spreadEpochs, 1, MAX_SPREAD_EPOCHS);
        _within("accountCapPpm", shares.accountCapPpm, 1, MAX_ACCOUNT_CAP_PPM);
        uint256 streamsPpm;
        for (uint256 i; i < shares.streamPpm.length; ++i) streamsPpm += shares.streamPpm[i];
        _within("streamPpm", streamsPpm, 0, PPM);
        uint256 usagePpm;
        for (uint256 i; i < shares.feePpm.length; ++i) usagePpm += shares.feePpm[i];
        _within("feePpm", usagePpm, 0, MAX_USAGE_PPM);
    }

    function _within(string memory share, uint256 value, uint256 least, uint256 most) private pure {
        if (value < least) revert RewardPolicy_OutOfBounds(share, value, least);
        if (value > most) revert RewardPolicy_OutOfBounds(share, value, most);
    }
}
