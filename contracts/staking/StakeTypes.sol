// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What answers for an operator now. One slot, because settlement reads it with every batch.
struct Stake {
    // 8 + 8 + 8 + 8 = 32 bytes
    uint64 selfNano; // the operator's own active bond
    uint64 delegatedNano; // active delegations
    uint64 lost; // part that delegators lost in the window {Bond-window}, of 1e18
    uint64 lostBefore; // in the window before
}

/// @notice The rest of an operator's own bond. It has one holder, the operator, and needs no shares.
struct Bond {
    // 4 + 4 + 4 + 20 = 32 bytes
    uint32 joinedThrough; // epochs up to this one have joined
    uint32 lastJoin; // no epoch after this one has anything to join
    uint32 window; // that {Stake-lost} is of
    address voter; // the owner for whom the bond counts as votes; zero when for nobody
}

/// @notice Shares of an operator's delegators. The tokens stand in {Stake}.
struct Pool {
    // 12 + 12 + 4 + 4 = 32 bytes
    uint96 shares; // of everybody
    uint96 votingShares; // of those who vote
    uint32 joinedThrough; // epochs up to this one have joined
    uint32 lastJoin; // no epoch after this one has anything to join
}

/// @notice What one holder delegates to one operator.
struct Position {
    // 12 + 8 + 4 + 1 = 25 bytes
    uint96 shares; // active
    uint64 joiningNano; // not active yet: neither earns, votes nor is slashed
    uint32 joinEpoch; // from whose start the joining part is active
    bool voting;
}

/// @notice What joins a pool at the start of one epoch.
struct Join {
    // 8 + 12 = 20 bytes
    uint64 nano;
    uint96 shares; // that it became; zero until it joined
}

/// @notice What left a pool in one period: still slashable until it can be withdrawn.
struct Bucket {
    // 8 + 12 + 8 = 28 bytes
    uint64 nano;
    uint96 shares;
    uint64 lost; // part that those in it lost, of 1e18, with what they had lost when they left
}

/// @notice An operator's part of what its delegators earn.
struct Commission {
    // 4 + 4 + 5 = 13 bytes
    uint32 ppm;
    uint32 nextPpm;
    uint40 nextFrom; // Unix timestamp, seconds; zero when nothing was announced
}

/// @notice What delegators can lose, and how much of their stake counts. Governance moves them inside the bounds.
struct Limits {
    uint32 eventPpm; // of what is slashable of an operator's delegators, for one order
    uint32 windowPpm; // the same, for two unbonding times
    uint32 delegationPerSelf; // nano of delegations that count for each nano of self-bond
    uint32 maxCommissionPpm;
}

/// @notice The limits, and those that a fault is judged by that was before they changed.
struct LimitsInForce {
    // 6 * 4 + 5 = 29 bytes
    uint32 eventPpm;
    uint32 windowPpm;
    uint32 delegationPerSelf;
    uint32 maxCommissionPpm;
    uint32 formerEventPpm;
    uint32 formerWindowPpm;
    uint40 since; // Unix timestamp, seconds; faults of this second and before are judged by the former ones
}

/// @notice What a fault costs delegators at most, see {Limits}.
struct Caps {
    uint256 eventPpm;
    uint256 windowPpm;
}
