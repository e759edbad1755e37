// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Calls back what it was told to, once, in the middle of the call that governance makes to it.
contract GovernedTarget {
    address private _target;
    bytes private _data;

    /// @notice How often {act} ran to its end.
    uint256 public acts;
    bool public succeeded;
    bytes public answer;

    function plan(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    /// @notice Calls back, remembers what came of it and goes on.
    function act() external payable {
        address target = _target;
        _target = address(0);
        if (target != address(0)) (succeeded, answer) = target.call(_data);
        ++acts;
    }
}
