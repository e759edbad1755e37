// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ScheduleLens} from "../vesting/ScheduleLens.sol";

/// @notice Answers as another lens does, but says that it is of `vault`, and shows `extraWei` more at every timestamp.
contract LyingLens {
    ScheduleLens public immutable real;
    address public immutable vault;
    uint256 public immutable extraWei;

    constructor(ScheduleLens real_, address vault_, uint256 extraWei_) {
        real = real_;
        vault = vault_;
        extraWei = extraWei_;
    }

    function unlockedAt(uint256 timestamp) external view returns (uint256) {
        return real.unlockedAt(timestamp) + extraWei;
    }

    fallback(bytes calldata data) external returns (bytes memory) {
        (bool success, bytes memory answer) = address(real).staticcall(data);
        require(success);
        return answer;
    }
}
