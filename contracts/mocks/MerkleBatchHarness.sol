// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleBatch} from "../settlement/MerkleBatch.sol";

/// @notice {MerkleBatch} and OpenZeppelin's proofs, callable.
contract MerkleBatchHarness {
    function rootOf(bytes calldata tree) external pure returns (bytes32 root, uint256 count, bytes32 sizesHash) {
        return MerkleBatch.rootOf(tree);
    }

    function processProof(bytes32[] calldata path, bytes32 leaf) external pure returns (bytes32 root) {
        return MerkleProof.processProofCalldata(path, leaf);
    }
}
