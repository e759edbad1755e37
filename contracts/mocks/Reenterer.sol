// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITransferHook} from "./HostileToken.sol";

/// @notice An account that does as it is told, and once more in the middle of a transfer.
contract Reenterer is ITransferHook {
    address private _target;
    bytes private _data;

    /// @notice How often it was called in the middle of a transfer.
    uint256 public calls;

    /// @notice What came of the last call from there.
    bool public succeeded;
    bytes public answer;

    /// @notice Says what to call in the middle of the next transfer.
    function plan(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    /// @notice Calls `target` now; reverts as it does.
    function execute(address target, bytes calldata data) external {
        (bool ok, bytes memory reason) = target.call(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(reason, 32), mload(reason))
        }
    }

    /// @inheritdoc ITransferHook
    function onTransfer() external {
        if (_target == address(0)) return;
        ++calls;
        address target = _target;
        _target = address(0);
        (succeeded, answer) = target.call(_data);
    }
}
