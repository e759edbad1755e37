// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev What a batch reads and writes of its settler, in one word, high bits first: nextSequence u64, batches u32,
/// levelAt u40, levelNano u60, feesNano u60. Zero: not open. One word is one write: a second one costs 5,000 gas a batch.
type SettlerState is uint256;

using SettlerStateLib for SettlerState global;

/// @title SettlerStateLib
/// @notice Fields of a {SettlerState}. 60 bits hold the whole supply of 1e18 nano.
library SettlerStateLib {
    uint256 internal constant MAX_NANO = 2 ** 60 - 1;

    /// @dev The caller keeps level and fees within MAX_NANO.
    function pack(
        uint64 nextSequence_,
        uint32 batches_,
        uint40 levelAt_,
        uint256 levelNano_,
        uint256 feesNano_
    ) internal pure returns (SettlerState) {
        return
            SettlerState.wrap(
                (uint256(nextSequence_) << 192) |
                    (uint256(batches_) << 160) |
                    (uint256(levelAt_) << 120) |
                    (levelNano_ << 60) |
                    feesNano_
            );
    }

    function isOpen(SettlerState state) internal pure returns (bool) {
        return SettlerState.unwrap(state) != 0;
    }

    function nextSequence(SettlerState state) internal pure returns (uint64) {
        return uint64(SettlerState.unwrap(state) >> 192);
    }

    function batches(SettlerState state) internal pure returns (uint32) {
        return uint32(SettlerState.unwrap(state) >> 160);
    }

    /// @dev When the level was true, Unix timestamp, seconds.
    function levelAt(SettlerState state) internal pure returns (uint40) {
        return uint40(SettlerState.unwrap(state) >> 120);
    }

    function levelNano(SettlerState state) internal pure returns (uint64) {
        return uint64((SettlerState.unwrap(state) >> 60) & MAX_NANO);
    }

    function feesNano(SettlerState state) internal pure returns (uint64) {
        return uint64(SettlerState.unwrap(state) & MAX_NANO);
    }

    /// @dev The state with no fees left.
    function withoutFees(SettlerState state) internal pure returns (SettlerState) {
        return SettlerState.wrap(SettlerState.unwrap(state) & ~MAX_NANO);
    }
}
