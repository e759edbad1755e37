// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The times table of the protocol, in seconds. Public networks use the values of docs/trust.md, local ones short
/// values of the same relations.
struct ProtocolTimes {
    uint32 claimHorizon; // a batch can be claimed against for this long after its commit
    uint32 answerTime; // for one answer to a claim or one move of a dispute
    uint32 longestDispute; // upper bound of a whole dispute
    uint32 auditTimeout; // by then an audit has reported or is void
    uint32 earningsDelay; // between the request for a withdrawal and its payment
    uint32 releaseDelay; // between a payer's request to leave and the release
    uint32 settleLag; // the latest deadline a batch body may carry, after its signing
    uint32 maxPause; // a pause ends by itself after this
    uint32 pauseInterval; // between the starts of two pauses
    uint32 measurementDelay; // between the proposal of a measurement and its activity
    uint32 stakeActivation; // before that new stake neither earns, votes nor is slashed
    uint32 unbonding; // stake stays slashable for this long after it left
    uint32 parameterDelay; // least delay of the timelock that owns parameters
}

/// @notice Thrown when two entries of the times table stand in the wrong relation.
/// @param relation The relation that must hold, as text.
/// @param left The left side, in seconds.
/// @param right The right side, in seconds.
error ProtocolTimes_BrokenRelation(string relation, uint256 left, uint256 right);

/// @title ProtocolTimesLib
/// @notice The relations between the times. Each contract that takes the table checks all of them in its constructor, so
/// that no pair of contracts can be deployed with tables that contradict each other's assumptions.
library ProtocolTimesLib {
    function check(ProtocolTimes memory t) internal pure {
        _atLeast("claimHorizon >= 1", t.claimHorizon, 1);
        _atLeast("answerTime >= 1", t.answerTime, 1);
        uint256 doubt = uint256(t.claimHorizon) + t.answerTime;
        // From a claim to the penalty that follows it, see Court: an answer, a horizon and an answer until the penalty is due,
        // and as long as an answer for each of the two calls that nobody has to make at once. With the relations of activation
        // and unbonding below, a slash is in time for a fault of the batch's second.
        uint256 dispute = doubt + 3 * uint256(t.answerTime);
        _atLeast("longestDispute >= claimHorizon + 4 * answerTime", t.longestDispute, dispute);
        _atLeast("7 days >= longestDispute", 7 days, t.longestDispute);
        _above("earningsDelay > claimHorizon + answerTime", t.earningsDelay, doubt);
        _atLeast("earningsDelay >= auditTimeout", t.earningsDelay, t.auditTimeout);
        _above("releaseDelay > maxPause + settleLag", t.releaseDelay, uint256(t.maxPause) + t.settleLag);
        _atLeast("1 days >= maxPause", 1 days, t.maxPause);
        _atLeast("pauseInterval >= 7 * maxPause", t.pauseInterval, 7 * uint256(t.maxPause));
        _above("measurementDelay > releaseDelay", t.measurementDelay, t.releaseDelay);
        uint256 horizonAndDispute = uint256(t.claimHorizon) + t.longestDispute;
        _atLeast("stakeActivation >= claimHorizon + longestDispute", t.stakeActivation, horizonAndDispute);
        _atLeast("unbonding >= claimHorizon + longestDispute", t.unbonding, horizonAndDispute);
        _above("parameterDelay > unbonding", t.parameterDelay, t.unbonding);
        _above("parameterDelay > releaseDelay", t.parameterDelay, t.releaseDelay);
        _above("parameterDelay > earningsDelay", t.parameterDelay, t.earningsDelay);
    }

    function _atLeast(string memory relation, uint256 left, uint256 right) private pure {
        if (left < right) revert ProtocolTimes_BrokenRelation(relation, left, right);
    }

    function _above(string memory relation, uint256 left, uint256 right) private pure {
        if (left <= right) revert ProtocolTimes_BrokenRelation(relation, left, right);
    }
}
