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

    /// @notice Whether a commitment begins with the 24 bytes that are kept: 2^96 work for two that begin alike.
    function isOf(ActiveRoot active, bytes32 commitment_) internal pure returns (bool) {
        return (ActiveRoot.unwrap(active) ^ uint256(commitment_)) >> 64 == 0;
    }

    /// @notice With that much more paid, in all less than 2^64: what is paid is funded, and the supply is below 2^60.
    function plus(ActiveRoot active, uint256 amountNano) internal pure returns (ActiveRoot) {
        unchecked {
            return ActiveRoot.wrap(ActiveRoot.unwrap(active) + amountNano);
        }
    }

    /// @notice 0: no root yet.
    function commitment(ActiveRoot active) internal pure returns (bytes24) {
        return bytes24(bytes32(ActiveRoot.unwrap(active)));
    }

    function paidNano(ActiveRoot active) internal pure returns (uint64) {
        return uint64(ActiveRoot.unwrap(active)); // the lowest 8 bytes
    }
}
