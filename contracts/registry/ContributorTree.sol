// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice One entry of a dataset's contributors file: 20 + 32 + 4 bytes there.
struct Contributor {
    address account; // is paid
    bytes32 source; // where the contribution comes from; entries of one source weigh less each
    uint32 quality; // from 1
}

/// @title ContributorTree
/// @notice The Merkle tree of the entries of a contributors file, in the order of the file.
///
/// FORMAT
/// @dev Leaf `i` is keccak256(keccak256(abi.encode(i, account, source, quality))), an inner node keccak256(left ‖ right); the
/// depth is the least `d` with 2^d >= count, and positions from `count` on are zero.
library ContributorTree {
    /// @notice Whether an entry stands at that position of the tree. A path of another length than the depth leads nowhere.
    function includes(
        bytes32 root,
        uint32 count,
        uint32 index,
        Contributor calldata entry,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        uint256 depth;
        while ((1 << depth) < count) ++depth;
        if (index >= count || path.length != depth) return false;
        bytes32 node = keccak256(abi.encode(keccak256(abi.encode(index, entry))));
        for (uint256 level; level < depth; ++level) {
            node =
                (index >> level) & 1 == 0
                    ? Hashes.efficientKeccak256(node, path[level])
                    : Hashes.efficientKeccak256(path[level], node);
        }
        return node == root;
    }
}
