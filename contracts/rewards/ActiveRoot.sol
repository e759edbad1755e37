// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The root that is paid and what was paid under all roots, in one word: 24 bytes of commitment and 8 of nano.
type ActiveRoot is uint256;

using ActiveRootLib for ActiveRoot global;

/// @title ActiveRootLib
/// @notice As a struct it would cost 300 gas more a claim.
library ActiveRootLib {
    function pack(bytes24 commitment_, uint64 paidNano_) internal pure returns (ActiveRoot) {
        return ActiveRoot.wrap(uint256(bytes32(commitment_)) | paidNano_);
    }

    /// @notice 0: no root yet.
    function commitment(ActiveRoot active) internal pure returns (bytes24) {
        return bytes24(bytes32(ActiveRoot.unwrap(active)));
    }

    function paidNano(ActiveRoot active) internal pure returns (uint64) {
        return uint64(ActiveRoot.unwrap(active)); // the lowest 8 bytes
    }
}
