// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingFractional} from "@openzeppelin/contracts/governance/extensions/GovernorCountingFractional.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PPM} from "../common/Nano.sol";
import {Bounds, GovernorBounds} from "./GovernorBounds.sol";
import {ProtocolTimelock} from "./ProtocolTimelock.sol";

/// @notice What a governor begins with.
struct GovernorConfig {
    IERC5805 votes; // voting stake in nano, by timestamp
    ProtocolTimelock timelock; // acts for it
    address guardian; // may cancel; zero: nobody
    uint32 leastTimelockDelay; // seconds, least floor of the timelock
    uint32 votingDelay; // seconds from the proposal to the snapshot
    uint32 votingPeriod; // seconds
    uint32 voteExtension; // seconds that remain at least once the quorum is reached
    uint64 proposalThreshold; // nano, votes that a proposer needs
    uint64 quorumPpm; // of all voting stake
    uint64 quorumFloor; // nano
    Bounds bounds;
}

/// @notice A function that only ever takes trust away, whatever its arguments.
struct Removal {
    address target;
    bytes4 selector;
}

/// @notice What a proposal does, as far as rules differ by it.
enum ProposalKind {
    ANY,
    REMOVAL, // every call is a {Removal}: the floor of the quorum does not count
    GUARDIAN // does nothing but replace the governor's guardian: the guardian cannot cancel it
}

/// @title OPGGovernor
/// @notice Stake votes; what passes waits in the {ProtocolTimelock} and is executed by anybody. OpenZeppelin's Governor with
/// less power: settings stay within immutable bounds, the timelock and the source of votes never change, the governor calls
/// nothing else.
///
/// QUORUM
/// @dev Votes for and abstentions must come to max({quorumNumerator} ppm of all voting stake at the snapshot, {quorumFloor}).
/// While less than the floor is staked nothing can pass but removals, which need the fraction alone.
///
/// TRUST
/// @dev The source answers rightly for every past second: votes that come in later never count for an earlier one, and their
/// sum is at most `getPastTotalSupply`. The governor is the timelock's only proposer and canceller; another one would be
/// bound by none of this. The guardian cancels and does nothing else; it cannot keep itself in office.
contract OPGGovernor is
    GovernorBounds,
    GovernorSettings,
    GovernorCountingFractional,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorProposalGuardian,
    GovernorTimelockControl
{
    /// @notice Thrown when the source of votes does not count in Unix seconds.
    error OPGGovernor_WrongClock(uint48 clock, uint256 timestamp);
    /// @notice Thrown when the timelock could become faster than it may, in seconds.
    error OPGGovernor_TimelockTooFast(uint256 floor, uint256 least);
    error OPGGovernor_NoFloor();
    error OPGGovernor_TooManyCalls(uint256 calls, uint256 most);
    /// @notice Thrown by what OpenZeppelin's Governor has and this one does not: another timelock, calls in its own name.
    error OPGGovernor_Never();

    /// @notice Most calls of a proposal.
    uint256 public constant MAX_CALLS = 16;

    /// @notice Least votes for a proposal that does not only remove, in nano.
    uint256 public immutable quorumFloor;

    /// @notice Whether a function only takes trust away; fixed at deployment.
    mapping(address target => mapping(bytes4 selector => bool)) public isRemoval;

    mapping(uint256 proposalId => ProposalKind) private _kinds;

    constructor(
        GovernorConfig memory config,
        Removal[] memory removals
    )
        GovernorBounds(config.bounds)
        Governor("OPG Governor")
        GovernorSettings(config.votingDelay, config.votingPeriod, config.proposalThreshold)
        GovernorVotes(config.votes)
        GovernorVotesQuorumFraction(config.quorumPpm)
        GovernorPreventLateQuorum(config.voteExtension)
        GovernorTimelockControl(config.timelock)
    {
        uint48 votesClock = config.votes.clock();
        if (votesClock != block.timestamp) revert OPGGovernor_WrongClock(votesClock, block.timestamp);
        uint256 floor = config.timelock.floor();
        if (floor < config.leastTimelockDelay) revert OPGGovernor_TimelockTooFast(floor, config.leastTimelockDelay);
        if (config.quorumFloor == 0) revert OPGGovernor_NoFloor();
        quorumFloor = config.quorumFloor;
        _setProposalGuardian(config.guardian);
        for (uint256 i; i < removals.length; ++i) isRemoval[removals[i].target][removals[i].selector] = true;
    }

    /* CLOCK */

    /// @notice Unix timestamp, seconds.
    function clock() public view override(Governor, GovernorVotes) returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @inheritdoc GovernorVotes
    function CLOCK_MODE() public pure override(Governor, GovernorVotes) returns (string memory) {
        return "mode=timestamp";
    }

    /* QUORUM */

    /// @notice Votes that a proposal with a snapshot at `timepoint` needs unless it only removes, in nano.
    function quorum(
        uint256 timepoint
    ) public view override(Governor, GovernorVotesQuorumFraction) returns (uint256 votesNano) {
        return Math.max(removalQuorum(timepoint), quorumFloor);
    }

    /// @notice Votes that a proposal needs when it only removes, in nano. Rounded up.
    function removalQuorum(uint256 timepoint) public view returns (uint256 votesNano) {
        uint256 stakeNano = token().getPastTotalSupply(timepoint);
        return Math.mulDiv(stakeNano, quorumNumerator(timepoint), PPM, Math.Rounding.Ceil);
    }

    /// @notice Votes that a proposal needs, in nano. Known from its snapshot on.
    function proposalQuorum(uint256 proposalId) public view returns (uint256 votesNano) {
        uint256 snapshot = proposalSnapshot(proposalId);
        return proposalKind(proposalId) == ProposalKind.REMOVAL ? removalQuorum(snapshot) : quorum(snapshot);
    }

    /// @notice What {quorumNumerator} is a part of.
    function quorumDenominator() public pure override returns (uint256) {
        return PPM;
    }

    /* PROPOSALS */

    /// @notice What a proposal does; {ProposalKind-ANY} also when there is no such proposal.
    function proposalKind(uint256 proposalId) public view returns (ProposalKind) {
        return _kinds[proposalId];
    }

    /// @inheritdoc Governor
    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(proposalId);
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(
        uint256 proposalId
    ) public view override(Governor, GovernorTimelockControl) returns (bool) {
        return super.proposalNeedsQueuing(proposalId);
    }

    /// @inheritdoc Governor
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256 votesNano) {
        return super.proposalThreshold();
    }

    /// @inheritdoc Governor
    function proposalDeadline(
        uint256 proposalId
    ) public view override(Governor, GovernorPreventLateQuorum) returns (uint256) {
        return super.proposalDeadline(proposalId);
    }

    /* NEVER */

    /// @notice Reverts: every governed contract names its timelock for ever, so another one could only serve to act without
    /// waiting.
    function updateTimelock(TimelockController) public pure override {
        revert OPGGovernor_Never();
    }

    /// @notice Reverts: the governor holds nothing, and calls in its own name could schedule what nobody voted on.
    function relay(address, uint256, bytes calldata) public payable override {
        revert OPGGovernor_Never();
    }

    /* INTERNAL */

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        if (targets.length > MAX_CALLS) revert OPGGovernor_TooManyCalls(targets.length, MAX_CALLS);
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        ProposalKind kind = _kindOf(targets, calldatas);
        if (kind != ProposalKind.ANY) _kinds[proposalId] = kind;
    }

    /// @dev As many calldatas as targets, see {Governor-_propose}.
    function _kindOf(address[] memory targets, bytes[] memory calldatas) private view returns (ProposalKind) {
        if (targets.length == 1 && targets[0] == address(this)) {
            bool replaces = bytes4(calldatas[0]) == this.setProposalGuardian.selector;
            return replaces ? ProposalKind.GUARDIAN : ProposalKind.ANY;
        }
        for (uint256 i; i < targets.length; ++i) {
            bool removes = calldatas[i].length >= 4 && isRemoval[targets[i]][bytes4(calldatas[i])];
            if (!removes) return ProposalKind.ANY;
        }
        return ProposalKind.REMOVAL;
    }

    /// @dev The guardian at any time until execution, but not to stay guardian; the proposer before its vote begins. With no
    /// guardian OpenZeppelin's extension would give the proposer what the guardian has.
    function _validateCancel(
        uint256 proposalId,
        address caller
    ) internal view override(Governor, GovernorProposalGuardian) returns (bool) {
        bool vetoes = caller == proposalGuardian() && proposalKind(proposalId) != ProposalKind.GUARDIAN;
        return vetoes || Governor._validateCancel(proposalId, caller);
    }

    function _quorumReached(
        uint256 proposalId
    ) internal view override(Governor, GovernorCountingFractional) returns (bool) {
        (, uint256 forVotes, uint256 abstainVotes) = proposalVotes(proposalId);
        return forVotes + abstainVotes >= proposalQuorum(proposalId);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _setVotingDelay(uint48 newVotingDelay) internal override {
        _checkWithin("votingDelay", bounds().votingDelay, newVotingDelay);
        super._setVotingDelay(newVotingDelay);
    }

    function _setVotingPeriod(uint32 newVotingPeriod) internal override {
        _checkWithin("votingPeriod", bounds().votingPeriod, newVotingPeriod);
        super._setVotingPeriod(newVotingPeriod);
    }

    function _setProposalThreshold(uint256 newProposalThreshold) internal override {
        _checkWithin("proposalThreshold", bounds().proposalThreshold, newProposalThreshold);
        super._setProposalThreshold(newProposalThreshold);
    }

    function _setLateQuorumVoteExtension(uint48 newVoteExtension) internal override {
        _checkWithin("voteExtension", bounds().voteExtension, newVoteExtension);
        super._setLateQuorumVoteExtension(newVoteExtension);
    }

    /// @dev The bound above alone: OpenZeppelin's, the voting period, could be set below an extension that stands.
    function _maxLateQuorumVoteExtension() internal view override returns (uint256) {
        return bounds().voteExtension.most;
    }

    function _updateQuorumNumerator(uint256 newQuorumNumerator) internal override {
        _checkWithin("quorumPpm", bounds().quorumPpm, newQuorumNumerator);
        super._updateQuorumNumerator(newQuorumNumerator);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
