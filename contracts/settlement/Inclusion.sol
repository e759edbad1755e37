// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {Batch, BatchRef, Receipt} from "./SettlementTypes.sol";

/// @title Inclusion
/// @notice Is this receipt under that batch, and did the settlement contract commit it?
library Inclusion {
    /// @dev Window path and batch path together.
    uint256 internal constant MAX_PATH = 40;

    /// @dev Between two header hashes that are kept for ever.
    uint256 internal constant MAX_LATER = 255;

    /// @return Whether the settler's chain holds, at `number`, a batch of this root and rest.
    function isHeader(
        ISettlement settlement,
        uint32 settler,
        uint64 number,
        bytes32 prevHash,
        bytes32 root,
        bytes32 restHash,
        bytes32[] calldata later
    ) internal view returns (bool) {
        if (number == 0 || later.length > MAX_LATER) return false;
        bytes32 hash = Messages.headerHash(prevHash, Messages.innerHash(root, restHash));
        for (uint256 i; i < later.length; ++i) hash = Messages.headerHash(hash, later[i]);
        uint256 last = uint256(number) + later.length;
        return last <= type(uint64).max && hash == settlement.headerHash(settler, uint64(last));
    }

    function isBatch(ISettlement settlement, Batch calldata batch) internal view returns (bool) {
        bytes32 restHash = Messages.restHash(Messages.bodyHash(batch.body), batch.commitment);
        return
            isHeader({
                settlement: settlement,
                settler: batch.body.settler,
                number: batch.body.number,
                prevHash: batch.prevHash,
                root: batch.body.root,
                restHash: restHash,
                later: batch.later
            });
    }

    /// @return Whether the receipt is a leaf under `root`.
    function isLeaf(
        bytes32 domainSeparator,
        Receipt calldata receipt,
        bytes32[] calldata path,
        bytes32 root
    ) internal pure returns (bool) {
        return isUnder(Messages.leaf(domainSeparator, receipt), path, root);
    }

    function isUnder(bytes32 leaf, bytes32[] calldata path, bytes32 root) internal pure returns (bool) {
        return path.length <= MAX_PATH && MerkleProof.processProofCalldata(path, leaf) == root;
    }

    function isCommitted(
        ISettlement settlement,
        bytes32 domainSeparator,
        uint32 settler,
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref
    ) internal view returns (bool) {
        if (path.length > MAX_PATH) return false;
        return
            isHeader({
                settlement: settlement,
                settler: settler,
                number: ref.number,
                prevHash: ref.prevHash,
                root: rootOf(domainSeparator, receipt, path),
                restHash: ref.restHash,
                later: ref.later
            });
    }

    function rootOf(
        bytes32 domainSeparator,
        Receipt calldata receipt,
        bytes32[] calldata path
    ) internal pure returns (bytes32) {
        return MerkleProof.processProofCalldata(path, Messages.leaf(domainSeparator, receipt));
    }
}
