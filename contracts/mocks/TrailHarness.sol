// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Trail, TrailLib} from "../staking/Trail.sol";

/// @notice A {Trail} beside its plain twin.
contract TrailHarness {
    using Checkpoints for Checkpoints.Trace208;
    using TrailLib for Trail;

    Trail private _trail;
    Checkpoints.Trace208 private _twin;

    function set(uint176 value) external {
        _trail.set(value);
        _twin.push(uint48(block.timestamp), value);
    }

    function both(uint48 timepoint) external view returns (uint256 value, uint256 twin) {
        return (_trail.valueAt(timepoint), _twin.upperLookup(timepoint));
    }

    function latest() external view returns (uint256 value, uint256 twin) {
        return (_trail.value, _twin.latest());
    }
}
