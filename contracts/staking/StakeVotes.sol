// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {StakeBonds} from "./StakeBonds.sol";
import {StakePools} from "./StakePools.sol";
import {Trail, TrailLib} from "./Trail.sol";

/// @title StakeVotes
/// @notice Active stake as votes, by timestamps (ERC-6372): a delegation that its holder lets vote is worth its shares at its pool's
/// rate of that second, an operator's own bond its nano, for its owner. Votes cannot be delegated apart from the stake; what
/// joins, leaves or is lost has none.
abstract contract StakeVotes is StakeBonds, StakePools, IERC5805 {
    using TrailLib for Trail;

    /// @notice Thrown when somebody would move votes apart from stake: set a position to vote instead.
    error StakeVotes_NotDelegable();
    /// @notice Thrown for a moment that is not over; Unix timestamps, seconds.
    error StakeVotes_Future(uint256 timepoint, uint48 now_);

    /// @notice ERC-6372: Unix timestamps, seconds.
    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372: Unix timestamps, seconds.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    function getVotes(address holder) external view returns (uint256) {
        return _votesAt(holder, block.timestamp);
    }

    function getPastVotes(address holder, uint256 timepoint) external view returns (uint256) {
        _checkPast(timepoint);
        return _votesAt(holder, timepoint);
    }

    /// @notice Worth of all that voted at a moment, in nano; at least the sum of the votes.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256) {
        _checkPast(timepoint);
        return _totalVotes.valueAt(timepoint);
    }

    function delegates(address holder) external pure returns (address) {
        return holder;
    }

    function delegate(address) external pure {
        revert StakeVotes_NotDelegable();
    }

    function delegateBySig(address, uint256, uint256, uint8, bytes32, bytes32) external pure {
        revert StakeVotes_NotDelegable();
    }

    function _checkPast(uint256 timepoint) private view {
        if (timepoint >= block.timestamp) revert StakeVotes_Future(timepoint, clock());
    }

    /// @dev At most MAX_VOTING_POOLS pools.
    function _votesAt(address holder, uint256 timepoint) private view returns (uint256 votesNano) {
        votesNano = _bondVotes[holder].valueAt(timepoint);
        for (uint256 operators = _votingPools[holder]; operators != 0; operators >>= 32) {
            uint32 operator = uint32(operators);
            uint256 shares = _votingShares[holder][operator].valueAt(timepoint);
            if (shares != 0) votesNano += _worthAt(_rates[operator].valueAt(timepoint), shares);
        }
    }
}
