// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What one account has earned since the beginning.
struct Leaf {
    address account;
    uint96 cumulativeWei; // whole nano
    uint32 index; // position in the tree, from 0
    bytes32 receiptsHash; // of the receipts that it rests on
}

/// @notice What an inner node is the hash of.
struct Node {
    bytes32 left;
    uint96 leftSumWei;
    bytes32 right;
    uint96 rightSumWei;
}

/// @title SumTree
/// @notice A Merkle tree whose every node is a hash and a sum. `src/rewards/tree.ts` builds it.
///
/// FORMAT
/// @dev Leaves stand in ascending order of accounts at the positions 0 to leafCount - 1; the depth is the least `d` with
/// 2^d >= leafCount; positions up to 2^d - 1 are filled with (hash 0, sum 0).
/// leaf   (keccak256(keccak256(abi.encode(LEAF_TYPEHASH, chain id, contract, epoch, leaf))), cumulativeWei)
/// inner  (keccak256(left ‖ leftSum ‖ right ‖ rightSum), leftSum + rightSum): 32 + 12 + 32 + 12 bytes
/// proof  the siblings from the leaf upwards, 32 bytes of hash ‖ 12 bytes of sum each
/// What is hashed last is 32 bytes for a leaf and 88 for a node, so that neither passes for the other.
library SumTree {
    uint256 internal constant MAX_DEPTH = 24;
    uint256 internal constant MAX_LEAVES = 1 << MAX_DEPTH;

    bytes32 internal constant LEAF_TYPEHASH = keccak256(
        "RewardLeaf(uint256 chainId,address rewards,uint32 epoch,address account,uint96 cumulativeWei,uint32 index,bytes32 receiptsHash)"
    );

    /// @notice Thrown when a proof is not 44 bytes for each level.
    error SumTree_WrongProofLength(uint256 bytes_, uint256 levels);
    error SumTree_IndexTooHigh(uint256 index, uint256 count);

    function leafHash(uint32 epoch, Leaf calldata leaf) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(LEAF_TYPEHASH, block.chainid, address(this), epoch, leaf))));
    }

    function nodeHash(Node calldata node) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(node.left, node.leftSumWei, node.right, node.rightSumWei));
    }

    /// @notice Levels between leaf and root, for 1 leaf and more.
    function depthOf(uint32 leafCount) internal pure returns (uint256 depth) {
        while ((1 << depth) < leafCount) ++depth;
    }

    /// @notice Reverts unless `proof` leads from position `index` of the leaves to the root of a tree of that size.
    function checkShape(uint32 leafCount, uint32 index, bytes calldata proof) internal pure {
        if (index >= leafCount) revert SumTree_IndexTooHigh(index, leafCount);
        uint256 levels = proof.length / 44;
        uint256 last = leafCount - 1;
        // As {depthOf}, without its loop.
        bool deep = levels == 0 ? last == 0 : last >> (levels - 1) == 1;
        if (!deep || proof.length % 44 != 0) revert SumTree_WrongProofLength(proof.length, depthOf(leafCount));
    }

    /// @notice The root and the sum that a node leads to.
    /// @dev The sum is not below any sum on the way, so whoever finds it below 2^96 knows that none of them overflowed. Higher
    /// ones were cut in the hash, so an unchecked sum means nothing.
    function climb(
        bytes32 hash,
        uint256 sumWei,
        uint256 position,
        bytes calldata proof
    ) internal pure returns (bytes32 root, uint256 totalWei) {
        root = hash;
        totalWei = sumWei;
        assembly ("memory-safe") {
            // 88 bytes at the free memory pointer, built anew at each level: 12 of the 13 kilogas of a proof of 17 levels are
            // calldata, the hashing in Solidity would cost three more.
            let start := mload(64)
            let both := add(shl(1, start), 44)
            let end := add(proof.offset, proof.length)
            for {
                let cursor := proof.offset
            } lt(cursor, end) {
                cursor := add(cursor, 44)
            } {
                let own := add(start, mul(44, and(position, 1)))
                mstore(own, root)
                mstore(add(own, 32), shl(160, totalWei))
                calldatacopy(sub(both, own), cursor, 44)
                root := keccak256(start, 88)
                totalWei := add(totalWei, shr(160, calldataload(add(cursor, 32))))
                position := shr(1, position)
            }
        }
    }

    /// @notice All that a claim depends on, cut to 24 bytes: 2^96 work for two roots with the same.
    function commitment(
        uint32 epoch,
        uint32 leafCount,
        bytes32 root,
        uint256 totalWei
    ) internal pure returns (bytes24) {
        return bytes24(keccak256(abi.encode(epoch, leafCount, root, totalWei)));
    }
}
