// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A number and its past. The latest stands in the first slot, so that a first write costs one slot and a read of now one.
struct Trail {
    // 6 + 4 + 22 = 32 bytes
    uint48 since; // Unix timestamp, seconds, of the latest; zero when there is none
    uint32 count; // of earlier ones
    uint176 value; // the latest
    mapping(uint256 index => uint256 sinceAndValue) earlier; // 48 and 176 bits
}

/// @title TrailLib
/// @notice Checkpoints by the second; the last write of a second counts. As OpenZeppelin's Checkpoints, with one slot less.
library TrailLib {
    function set(Trail storage trail, uint256 value) internal {
        (uint256 since, uint256 latest) = (trail.since, trail.value);
        if (value == latest) return;
        if (since != block.timestamp && since != 0) {
            uint32 count = trail.count;
            trail.earlier[count] = (since << 176) | latest;
            trail.count = count + 1;
        }
        // Both fit for as long as the callers' bounds hold: see {StakePools-_noteRate}.
        trail.since = uint48(block.timestamp);
        trail.value = uint176(value);
    }

    /// @return value At the end of second `timepoint`, zero before the first one.
    function valueAt(Trail storage trail, uint256 timepoint) internal view returns (uint256 value) {
        if (trail.since <= timepoint) return trail.value;
        uint256 low;
        uint256 high = trail.count;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (trail.earlier[middle] >> 176 > timepoint) high = middle;
            else low = middle + 1;
        }
        return high == 0 ? 0 : uint176(trail.earlier[high - 1]);
    }
}
