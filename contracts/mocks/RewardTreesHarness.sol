// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Placed, SortedTree} from "../rewards/SortedTree.sol";
import {Leaf, Node, RootVersion, SumTree} from "../rewards/SumTree.sol";

/// @notice {SumTree} and {SortedTree}, callable.
contract RewardTreesHarness {
    function leafHash(uint32 epoch, Leaf calldata leaf) external view returns (bytes32) {
        return SumTree.leafHash(epoch, leaf);
    }

    function nodeHash(Node calldata node) external pure returns (bytes32) {
        return SumTree.nodeHash(node);
    }

    function depthOf(uint32 leafCount) external pure returns (uint256) {
        return SumTree.depthOf(leafCount);
    }

    function commitment(RootVersion version, bytes32 root, uint256 totalWei) external pure returns (bytes32) {
        return SumTree.commitment(version, root, totalWei);
    }

    /// @notice The root and the sum that a leaf leads to, its shape checked.
    function rootOf(
        uint32 epoch,
        uint32 leafCount,
        Leaf calldata leaf,
        bytes calldata proof
    ) external view returns (bytes32 root, uint256 totalWei) {
        SumTree.checkShape(leafCount, leaf.index, proof);
        return SumTree.climb(SumTree.leafHash(epoch, leaf), leaf.cumulativeWei, leaf.index, proof);
    }

    function plainLeafHash(uint32 epoch, Leaf calldata leaf) public view returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(SumTree.LEAF_TYPEHASH, block.chainid, this, epoch, leaf))));
    }

    function plainCommitment(RootVersion version, bytes32 root, uint256 totalWei) external pure returns (bytes32) {
        return keccak256(abi.encode(version, root, totalWei));
    }

    /// @notice {rootOf} as it reads without assembly.
    function plainRootOf(
        uint32 epoch,
        Leaf calldata leaf,
        bytes calldata proof
    ) external view returns (bytes32 root, uint256 totalWei) {
        root = plainLeafHash(epoch, leaf);
        totalWei = leaf.cumulativeWei;
        for (uint256 level; 44 * level < proof.length; ++level) {
            uint96 sumWei = uint96(bytes12(proof[44 * level:44 * level + 12]));
            bytes32 sibling = bytes32(proof[44 * level + 12:44 * level + 44]);
            root =
                (leaf.index >> level) & 1 == 0
                    ? keccak256(abi.encodePacked(uint96(totalWei), root, sumWei, sibling))
                    : keccak256(abi.encodePacked(sumWei, sibling, uint96(totalWei), root));
            totalWei += sumWei;
        }
    }

    function checkPlaced(bytes32 treeRoot, uint32 count, Placed calldata placed) external pure {
        SortedTree.check(treeRoot, count, placed);
    }
}
