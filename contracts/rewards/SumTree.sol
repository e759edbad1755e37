// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Epoch and leaf count of a root in one word: epoch << 32 | leafCount. One word of calldata less a claim.
type RootVersion is uint64;

/// @notice What one account has earned since the beginning.
struct Leaf {
    address account;
    uint96 cumulativeWei; // whole nano
    uint32 index; // position in the tree, from 0
    bytes32 receiptsHash; // of the receipts that it rests on
}

/// @notice What an inner node is the hash of.
struct Node {
    uint96 leftSumWei;
    bytes32 left;
    uint96 rightSumWei;
    bytes32 right;
}

/// @title SumTree
/// @notice A Merkle tree whose every node is a sum and a hash. `src/rewards/tree.ts` builds it.
///
/// FORMAT
/// @dev Leaves stand in ascending order of accounts at the positions 0 to leafCount - 1; the depth is the least `d` with
/// 2^d >= leafCount; positions up to 2^d - 1 are filled with (sum 0, hash 0).
/// leaf   (cumulativeWei, keccak256(keccak256(abi.encode(LEAF_TYPEHASH, chain id, contract, epoch, leaf))))
/// inner  (leftSum + rightSum, keccak256(leftSum ‖ left ‖ rightSum ‖ right)): 12 + 32 + 12 + 32 bytes
/// proof  the siblings from the leaf upwards, 12 bytes of sum ‖ 32 bytes of hash each
/// What is hashed last is 32 bytes for a leaf and 88 for a node, so that neither passes for the other.
///
/// GAS
/// @dev Every claim pays for what is in assembly here. `contracts/mocks/RewardTreesHarness.sol` has it in Solidity, and tests
/// compare the two.
library SumTree {
    uint256 internal constant MAX_DEPTH = 24;
    uint256 internal constant MAX_LEAVES = 1 << MAX_DEPTH;

    bytes32 internal constant LEAF_TYPEHASH = keccak256(
        "RewardLeaf(uint256 chainId,address rewards,uint32 epoch,address account,uint96 cumulativeWei,uint32 index,bytes32 receiptsHash)"
    );

    /// @notice Thrown when a proof is not 44 bytes for each level.
    error SumTree_WrongProofLength(uint256 bytes_, uint256 levels);
    error SumTree_IndexTooHigh(uint256 index, uint256 count);

    /// @dev Dirty upper bits of a field give another hash; who reads the field refuses them.
    function leafHash(uint32 epoch, Leaf calldata leaf) internal view returns (bytes32 hash) {
        bytes32 typeHash = LEAF_TYPEHASH;
        assembly ("memory-safe") {
            let start := mload(64)
            mstore(start, typeHash)
            mstore(add(start, 32), chainid())
            mstore(add(start, 64), address())
            mstore(add(start, 96), and(epoch, 0xffffffff))
            calldatacopy(add(start, 128), leaf, 128)
            mstore(0, keccak256(start, 256))
            hash := keccak256(0, 32)
        }
    }

    function nodeHash(Node calldata node) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(node.leftSumWei, node.left, node.rightSumWei, node.right));
    }

    /// @notice Levels between leaf and root, for 1 leaf and more.
    function depthOf(uint32 leafCount) internal pure returns (uint256 depth) {
        while ((1 << depth) < leafCount) ++depth;
    }

    /// @notice Reverts unless `proof` leads from position `index` of the leaves to the root of a tree of that size.
    function checkShape(uint32 leafCount, uint32 index, bytes calldata proof) internal pure {
        if (index >= leafCount) revert SumTree_IndexTooHigh(index, leafCount);
        unchecked {
            // leafCount <= width < 2 * leafCount: of a lower width the difference wraps around. A shift beyond the word gives 0.
            uint256 width = 1 << (proof.length / 44);
            if (width - leafCount >= leafCount || proof.length % 44 != 0) {
                revert SumTree_WrongProofLength(proof.length, depthOf(leafCount));
            }
        }
    }

    /// @notice The root and the sum that a node leads to.
    /// @dev `position` is below 2^levels. The sum is not below any sum on the way, so whoever finds it below 2^96 knows that none of them overflowed. Higher
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
            // The two children stand at 20 to 107, their sums right-aligned in the words that end where their hashes begin. That
            // is over the free memory pointer and the zero word, which are put back.
            let free := mload(64)
            let cursor := proof.offset
            // A bit above the position, which is 1 when all levels are climbed.
            for {
                position := or(position, shl(div(proof.length, 44), 1))
            } gt(position, 1) {
                position := shr(1, position)
            } {
                let own := mul(44, and(position, 1))
                mstore(own, totalWei)
                mstore(add(own, 32), root)
                calldatacopy(sub(64, own), cursor, 44)
                totalWei := add(totalWei, shr(160, calldataload(cursor)))
                cursor := add(cursor, 44)
                root := keccak256(20, 88)
            }
            mstore(64, free)
            mstore(96, 0)
        }
    }

    function version(uint32 epoch, uint32 leafCount) internal pure returns (RootVersion) {
        return RootVersion.wrap((uint64(epoch) << 32) | leafCount);
    }

    function split(RootVersion version_) internal pure returns (uint32 epoch, uint32 leafCount) {
        uint64 both = RootVersion.unwrap(version_);
        return (uint32(both >> 32), uint32(both)); // the two halves
    }

    /// @notice All that a claim depends on: keccak256(abi.encode(version, root, totalWei)). {ActiveRoot} keeps 24 bytes of it.
    function commitment(RootVersion version_, bytes32 root, uint256 totalWei) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(64)
            mstore(0, and(version_, 0xffffffffffffffff))
            mstore(32, root)
            mstore(64, totalWei)
            hash := keccak256(0, 96)
            mstore(64, free)
        }
    }
}
