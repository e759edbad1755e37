// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {StakePools} from "./StakePools.sol";
import {PoolId} from "./StakeTypes.sol";

/// @title StakeVotes
/// @notice Active stake as votes, by timestamps (ERC-6372): a position that its holder lets vote is worth its shares at its pool's
/// rate of that second, in nano. Votes cannot be delegated apart from the stake; what joins, leaves or is lost has none.
abstract contract StakeVotes is StakePools, IERC5805 {
    using Checkpoints for Checkpoints.Trace208;

    /// @notice Thrown when somebody would move votes apart from stake: set a position to vote instead.
    error StakeVotes_NotDelegable();
    /// @notice Thrown for a moment that is not over; Unix timestamps, seconds.
    error StakeVotes_Future(uint256 timepoint, uint48 now_);

    /// @notice ERC-6372: Unix timestamps, seconds.
    function clock() public view returns (uint48) {
        return _now();
    }

    /// @notice ERC-6372: Unix timestamps, seconds.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    function getVotes(address holder) external view returns (uint256) {
        return _votesAt(holder, _now());
    }

    function getPastVotes(address holder, uint256 timepoint) external view returns (uint256) {
        return _votesAt(holder, _past(timepoint));
    }

    /// @notice Worth of all positions that voted at a moment, in nano; at least the sum of their votes.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256) {
        return _totalVotes.upperLookupRecent(_past(timepoint));
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

    function _past(uint256 timepoint) private view returns (uint48) {
        uint48 now_ = _now();
        if (timepoint >= now_) revert StakeVotes_Future(timepoint, now_);
        return uint48(timepoint);
    }

    /// @dev At most MAX_VOTING_POOLS places.
    function _votesAt(address holder, uint48 timepoint) private view returns (uint256 votesNano) {
        uint256[] storage places = _votingPlaces[holder];
        for (uint256 i; i < places.length; ++i) {
            PoolId pool = PoolId.wrap(places[i] >> 32);
            uint32 era = uint32(places[i]);
            uint256 shares = _votingShares[holder][pool][era].upperLookupRecent(timepoint);
            if (shares != 0) votesNano += _worthAt(_rates[pool][era].upperLookupRecent(timepoint), shares);
        }
    }
}
