// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev One tier of one operator: operator * 2 for what the operator itself bonds, operator * 2 + 1 for what others delegate.
type PoolId is uint256;

/// @notice What answers for an operator now. One slot, because settlement reads it with every batch.
struct Stake {
    // 8 + 8 + 8 + 8 = 32 bytes
    uint64 selfNano; // active self-bond
    uint64 delegatedNano; // active delegations
    uint64 takenNano; // from delegators in the window `window`
    uint64 takenBeforeNano; // in the window before
}

/// @notice Shares of one pool. The tokens stand in {Stake}.
struct Pool {
    // 12 + 4 + 4 + 12 = 32 bytes
    uint96 shares; // of everybody
    uint32 era; // raised when a slash took everything; shares of earlier eras are worth nothing
    uint32 joinedThrough; // epochs up to this one have joined
    uint96 votingShares; // of those who vote
}

/// @notice What one holder has in one pool.
struct Position {
    // 12 + 8 + 4 + 4 + 1 = 29 bytes
    uint96 shares; // active, of `era`
    uint64 joiningNano; // not active yet: neither earns, votes nor is slashed
    uint32 joinEpoch; // from whose start the joining part is active
    uint32 era;
    bool voting;
}

/// @notice What joins a pool at the start of one epoch.
struct Join {
    // 8 + 12 + 4 = 24 bytes
    uint64 nano;
    uint96 shares; // that it became; zero until it joined
    uint32 era; // in which it joined
}

/// @notice What left a pool in one period: still slashable until it can be withdrawn.
struct Bucket {
    // 8 + 12 + 4 = 24 bytes
    uint64 nano;
    uint96 shares;
    uint32 era; // raised when a slash took everything
}

/// @notice A holder's part of a bucket.
struct Leaving {
    // 12 + 4 = 16 bytes
    uint96 shares;
    uint32 era;
}

/// @notice An operator's part of what its delegators earn.
struct Commission {
    // 4 + 4 + 5 = 13 bytes
    uint32 ppm;
    uint32 nextPpm;
    uint40 nextFrom; // Unix timestamp, seconds; zero when nothing was announced
}
