// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The least and the most that a setting may be; both are allowed. One slot.
struct Range {
    uint64 least;
    uint64 most;
}

/// @notice What governance can set, and within what.
struct Bounds {
    Range votingDelay; // seconds
    Range votingPeriod; // seconds
    Range voteExtension; // seconds
    Range proposalThreshold; // nano
    Range quorumPpm;
}

/// @title GovernorBounds
/// @notice Holds the bounds of a governor's settings as immutables. The first base of a governor, so that the bounds are
/// known when the bases after it set what they begin with.
abstract contract GovernorBounds {
    /// @notice Thrown when a setting would leave its bounds.
    error GovernorBounds_Outside(string setting, uint256 value, uint256 least, uint256 most);
    /// @notice Thrown when no value fits: the least is above the most, zero where something must be, or the most too much.
    error GovernorBounds_Impossible(string setting, uint256 least, uint256 most);

    uint64 private immutable _leastVotingDelay;
    uint64 private immutable _mostVotingDelay;
    uint64 private immutable _leastVotingPeriod;
    uint64 private immutable _mostVotingPeriod;
    uint64 private immutable _leastVoteExtension;
    uint64 private immutable _mostVoteExtension;
    uint64 private immutable _leastProposalThreshold;
    uint64 private immutable _mostProposalThreshold;
    uint64 private immutable _leastQuorumPpm;
    uint64 private immutable _mostQuorumPpm;

    constructor(Bounds memory given) {
        // From one second on, so that nobody votes with what came in the block of the proposal.
        _checkPossible("votingDelay", given.votingDelay, 1, type(uint32).max);
        _checkPossible("votingPeriod", given.votingPeriod, 1, type(uint32).max);
        _checkPossible("voteExtension", given.voteExtension, 0, type(uint32).max);
        _checkPossible("proposalThreshold", given.proposalThreshold, 1, type(uint64).max);
        _checkPossible("quorumPpm", given.quorumPpm, 1, 1_000_000);
        (_leastVotingDelay, _mostVotingDelay) = (given.votingDelay.least, given.votingDelay.most);
        (_leastVotingPeriod, _mostVotingPeriod) = (given.votingPeriod.least, given.votingPeriod.most);
        (_leastVoteExtension, _mostVoteExtension) = (given.voteExtension.least, given.voteExtension.most);
        (_leastProposalThreshold, _mostProposalThreshold) = (
            given.proposalThreshold.least,
            given.proposalThreshold.most
        );
        (_leastQuorumPpm, _mostQuorumPpm) = (given.quorumPpm.least, given.quorumPpm.most);
    }

    /// @notice What governance can set, and within what; fixed for ever.
    function bounds() public view returns (Bounds memory) {
        return
            Bounds({
                votingDelay: Range(_leastVotingDelay, _mostVotingDelay),
                votingPeriod: Range(_leastVotingPeriod, _mostVotingPeriod),
                voteExtension: Range(_leastVoteExtension, _mostVoteExtension),
                proposalThreshold: Range(_leastProposalThreshold, _mostProposalThreshold),
                quorumPpm: Range(_leastQuorumPpm, _mostQuorumPpm)
            });
    }

    function _checkWithin(string memory setting, Range memory range, uint256 value) internal pure {
        if (value >= range.least && value <= range.most) return;
        revert GovernorBounds_Outside(setting, value, range.least, range.most);
    }

    function _checkPossible(string memory setting, Range memory range, uint64 least, uint64 most) private pure {
        if (range.least >= least && range.least <= range.most && range.most <= most) return;
        revert GovernorBounds_Impossible(setting, range.least, range.most);
    }
}
