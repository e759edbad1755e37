// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ICourt} from "./ICourt.sol";
import {Inclusion} from "./Inclusion.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {Batch, Receipt} from "./SettlementTypes.sol";

/// @title Proofs
/// @notice Whether a batch can still be judged, what is under its root, and who signed.
abstract contract Proofs {
    ISettlement public immutable settlement;
    bytes32 public immutable domainSeparator;
    uint32 public immutable claimHorizon;

    constructor(ISettlement settlement_, uint32 claimHorizon_) {
        settlement = settlement_;
        domainSeparator = settlement_.domainSeparator();
        claimHorizon = claimHorizon_;
    }

    function _checkBatch(Batch calldata batch) internal view {
        if (!Inclusion.isBatch(settlement, batch)) {
            revert ICourt.Court_UnknownBatch(batch.body.settler, batch.body.number);
        }
        uint256 claimableUntil = uint256(batch.commitment.committedAt) + claimHorizon;
        if (block.timestamp > claimableUntil) revert ICourt.Court_TooLate(claimableUntil);
    }

    /// @return leaf The receipt's, which is under the root.
    function _checkLeaf(
        Receipt calldata receipt,
        bytes32[] calldata path,
        bytes32 root
    ) internal view returns (bytes32 leaf) {
        leaf = Messages.leaf(domainSeparator, receipt);
        if (!Inclusion.isUnder(leaf, path, root)) revert ICourt.Court_NotCommitted(receipt.requestId);
    }

    /// @return signer Of an EIP-712 struct of the settlement contract's domain; zero when the signature is malformed.
    function _signerOf(bytes32 structHash, bytes calldata signature) internal view returns (address signer) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
        (signer, , ) = ECDSA.tryRecoverCalldata(digest, signature);
    }

    function _isInside(Batch calldata batch, uint64 sequence) internal pure returns (bool) {
        uint64 from = batch.body.firstSequence;
        return sequence >= from && sequence - from < batch.body.count;
    }
}
