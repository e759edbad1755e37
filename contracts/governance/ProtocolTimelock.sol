// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title ProtocolTimelock
/// @notice OpenZeppelin's timelock with a floor: its delay never falls below the one it began with, so nobody can lower
/// the delay first and change the protocol without notice then.
///
/// TRUST
/// @dev Proposers schedule and cancel; anybody executes what has waited; there is no admin but the timelock itself.
contract ProtocolTimelock is TimelockController {
    /// @notice In seconds.
    uint256 public immutable floor;

    /// @notice Thrown when a delay, in seconds, would fall below the floor.
    error ProtocolTimelock_BelowFloor(uint256 delay, uint256 floor);

    constructor(
        uint256 delay,
        address[] memory proposers,
        address[] memory executors
    ) TimelockController(delay, proposers, executors, address(0)) {
        floor = delay;
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) public override {
        if (newDelay < floor) revert ProtocolTimelock_BelowFloor(newDelay, floor);
        super.updateDelay(newDelay);
    }
}
