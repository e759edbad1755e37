// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title PackedLanes
/// @notice Four amounts of 64 bits in one word. The lane of an index is `index % 4`, lane 0 in the lowest bits; its word is
/// number `index / 4`. Amounts are `uint256` here, because every cast costs gas in the loops over rows.
library PackedLanes {
    /// @dev The largest amount that a lane holds.
    uint256 internal constant MAX = type(uint64).max;

    /// @dev The amount, in nano, of the lane of `index`; at most {MAX}.
    function lane(uint256 word, uint256 index) internal pure returns (uint256) {
        return (word >> ((index & 3) << 6)) & MAX;
    }

    /// @dev `word` with `amount` more in the lane of `index`. The caller has checked that the lane does not overflow.
    function plus(uint256 word, uint256 index, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return word + (amount << ((index & 3) << 6));
        }
    }

    /// @dev `word` with `amount` less in the lane of `index`. The caller has checked that the lane holds as much.
    function minus(uint256 word, uint256 index, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return word - (amount << ((index & 3) << 6));
        }
    }
}
