// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice A hash at its position, with its path.
struct Placed {
    bytes32 hash;
    uint32 index;
    bytes32[] path;
}

/// @title SortedTree
/// @notice A Merkle tree of hashes in strictly ascending order, so that the absence of one is shown by its two neighbours.
///
/// FORMAT
/// @dev `treeRoot` is keccak256(abi.encode(count, root)). Leaf `i` is keccak256(keccak256(abi.encode(i, hash))), an inner node
/// keccak256(left ‖ right); the depth is the least `d` with 2^d >= count, and positions from `count` on are zero.
library SortedTree {
    error SortedTree_WrongPathLength(uint256 length, uint256 depth);
    error SortedTree_IndexTooHigh(uint256 index, uint256 count);
    /// @notice Thrown when a hash does not lead to the root.
    error SortedTree_NotIncluded(bytes32 hash, uint256 index);

    /// @notice Reverts unless `placed` stands in the tree of that root and count.
    function check(bytes32 treeRoot, uint32 count, Placed calldata placed) internal pure {
        if (placed.index >= count) revert SortedTree_IndexTooHigh(placed.index, count);
        uint256 depth;
        while ((1 << depth) < count) ++depth;
        if (placed.path.length != depth) revert SortedTree_WrongPathLength(placed.path.length, depth);

        bytes32 node = keccak256(abi.encode(keccak256(abi.encode(placed.index, placed.hash))));
        for (uint256 level; level < depth; ++level) {
            bytes32 sibling = placed.path[level];
            node =
                (placed.index >> level) & 1 == 0
                    ? Hashes.efficientKeccak256(node, sibling)
                    : Hashes.efficientKeccak256(sibling, node);
        }
        if (keccak256(abi.encode(count, node)) != treeRoot) {
            revert SortedTree_NotIncluded(placed.hash, placed.index);
        }
    }
}
