// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "../common/Governed.sol";
import {PPM} from "../common/Nano.sol";
import {ISettlement} from "./ISettlement.sol";
import {Policy} from "./SettlementTypes.sol";

/// @title Policies
/// @notice Registered policies and the pause. See {ISettlement}.
abstract contract Policies is ISettlement, Governed {
    uint24 internal constant MAX_FEE_PPM = 100_000; // 10 %
    uint16 internal constant MAX_WINDOW_MS = 1_000;
    uint8 internal constant MAX_QUORUM = 32;

    /// @dev Bounds the loop of {pause}.
    uint16 internal constant MAX_POLICIES = 64;

    uint32 internal immutable _maxPause;
    uint32 internal immutable _pauseInterval;

    /// @inheritdoc ISettlement
    uint40 public pausedUntil;
    uint40 internal _pausedAt;

    /// @inheritdoc ISettlement
    uint16 public policyCount;

    mapping(uint256 id => Policy) internal _policies;

    constructor(uint32 maxPause, uint32 pauseInterval, Policy[] memory policies) {
        _maxPause = maxPause;
        _pauseInterval = pauseInterval;
        for (uint256 i; i < policies.length; ++i) _registerPolicy(policies[i]);
    }

    /// @inheritdoc ISettlement
    function pause() external onlyGuardian {
        uint40 notBefore = _pausedAt == 0 ? 0 : _pausedAt + _pauseInterval;
        if (block.timestamp < notBefore) revert Settlement_PausedTooRecently(notBefore);
        uint40 until = uint40(block.timestamp) + _maxPause;
        _pausedAt = uint40(block.timestamp);
        pausedUntil = until;
        for (uint256 id = 1; id <= policyCount; ++id) _policies[id].pausedUntil = until;
        emit Paused(until);
    }

    /// @inheritdoc ISettlement
    function registerPolicy(Policy calldata policy) external onlyGovernance returns (uint16 id) {
        return _registerPolicy(policy);
    }

    /// @inheritdoc ISettlement
    function retirePolicy(uint16 id) external onlyGuardian {
        Policy storage policy = _policies[id];
        if (policy.quorum == 0) revert Settlement_UnknownPolicy(id);
        if (policy.retiredAt != 0) revert Settlement_PolicyRetired(id, policy.retiredAt);
        policy.retiredAt = uint40(block.timestamp);
        emit PolicyRetired(id);
    }

    /// @inheritdoc ISettlement
    function getPolicy(uint16 id) external view returns (Policy memory) {
        return _policies[id];
    }

    function _checkNotPaused(uint40 until) internal view {
        if (block.timestamp <= until) revert Settlement_Paused(until);
    }

    function _registerPolicy(Policy memory policy) private returns (uint16 id) {
        if (policy.feePpm > MAX_FEE_PPM) revert Settlement_BadPolicy("feePpm", policy.feePpm, MAX_FEE_PPM);
        uint256 shares = uint256(policy.feePpm) + policy.workerPpm + policy.verifierPpm + policy.maxRoyaltyPpm;
        if (shares > PPM) revert Settlement_BadPolicy("sum of shares", shares, PPM);
        if (policy.quorum == 0 || policy.quorum > MAX_QUORUM) {
            revert Settlement_BadPolicy("quorum", policy.quorum, MAX_QUORUM);
        }
        if (policy.windowMs == 0 || policy.windowMs > MAX_WINDOW_MS) {
            revert Settlement_BadPolicy("windowMs", policy.windowMs, MAX_WINDOW_MS);
        }
        if (policyCount == MAX_POLICIES) revert Settlement_BadPolicy("number", policyCount + 1, MAX_POLICIES);
        policy.retiredAt = 0;
        policy.pausedUntil = pausedUntil;
        id = ++policyCount;
        _policies[id] = policy;
        emit PolicyRegistered(id, policy);
    }
}
