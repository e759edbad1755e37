// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title MerkleBatch
/// @notice Recomputes the root of a batch from its leaf hashes: a tree over each window, then a tree over the window roots.
/// Pairs are sorted as in OpenZeppelin's `MerkleProof`; an odd node moves up as it is.
library MerkleBatch {
    /// @notice Thrown when the tree is not as long as its window sizes say; in bytes.
    error MerkleBatch_WrongLength(uint256 given, uint256 expected);
    /// @notice Thrown when a window is empty.
    error MerkleBatch_EmptyWindow(uint256 window);

    /// @param tree The number of windows (2 bytes), the number of leaves of each window (2 bytes each), then the leaf
    /// hashes, 32 bytes each, window by window.
    /// @return root The root of the batch.
    /// @return count The number of leaves.
    /// @return sizesHash keccak256 of the window sizes.
    function rootOf(bytes calldata tree) internal pure returns (bytes32 root, uint256 count, bytes32 sizesHash) {
        if (tree.length < 2) revert MerkleBatch_WrongLength(tree.length, 2);
        uint256 windows = uint16(bytes2(tree[:2]));
        uint256 offset = 2 + 2 * windows;
        if (tree.length < offset) revert MerkleBatch_WrongLength(tree.length, offset);
        sizesHash = keccak256(tree[2:offset]);

        bytes32[] memory roots = new bytes32[](windows);
        for (uint256 w; w < windows; ++w) {
            uint256 size = uint16(bytes2(tree[2 + 2 * w:4 + 2 * w]));
            if (size == 0) revert MerkleBatch_EmptyWindow(w);
            if (offset + 32 * size > tree.length) revert MerkleBatch_WrongLength(tree.length, offset + 32 * size);
            bytes32[] memory nodes = new bytes32[](size);
            assembly ("memory-safe") {
                // Copies what was just checked to be there; word by word would cost three times as much a leaf.
                calldatacopy(add(nodes, 32), add(tree.offset, offset), shl(5, size))
            }
            roots[w] = _reduce(nodes);
            offset += 32 * size;
            count += size;
        }
        if (offset != tree.length || windows == 0) revert MerkleBatch_WrongLength(tree.length, offset);
        root = _reduce(roots);
    }

    /// @dev The root over `nodes`, which are overwritten.
    function _reduce(bytes32[] memory nodes) private pure returns (bytes32 root) {
        assembly ("memory-safe") {
            // Level by level in place: the node written is never behind the pair still to be read.
            let base := add(nodes, 32)
            for {
                let n := mload(nodes)
            } gt(n, 1) {
                n := shr(1, add(n, 1))
            } {
                let end := add(base, shl(5, sub(n, and(n, 1))))
                let out := base
                for {
                    let p := base
                } lt(p, end) {
                    p := add(p, 64)
                } {
                    let a := mload(p)
                    let b := mload(add(p, 32))
                    switch lt(a, b)
                    case 1 {
                        mstore(0, a)
                        mstore(32, b)
                    }
                    default {
                        mstore(0, b)
                        mstore(32, a)
                    }
                    mstore(out, keccak256(0, 64))
                    out := add(out, 32)
                }
                if and(n, 1) {
                    mstore(out, mload(end))
                }
            }
            root := mload(base)
        }
    }
}
