// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {ICourt} from "./ICourt.sol";
import {Inclusion} from "./Inclusion.sol";
import {IReceiptVerifier} from "./IReceiptVerifier.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {ReceiptLib} from "./ReceiptLib.sol";
import {Batch, BatchRef, Receipt, Window} from "./SettlementTypes.sol";

/// @title ReceiptVerifier
/// @notice See {IReceiptVerifier}. Owns nothing and can be replaced at will.
contract ReceiptVerifier is IReceiptVerifier {
    using ReceiptLib for Receipt;

    ISettlement public immutable settlement;
    ITeeRegistry public immutable teeRegistry;
    bytes32 public immutable domainSeparator;

    constructor(ISettlement settlement_, ITeeRegistry teeRegistry_) {
        settlement = settlement_;
        teeRegistry = teeRegistry_;
        domainSeparator = settlement_.domainSeparator();
    }

    /// @inheritdoc IReceiptVerifier
    function leafOf(Receipt calldata receipt) external view returns (bytes32) {
        return Messages.leaf(domainSeparator, receipt);
    }

    /// @inheritdoc IReceiptVerifier
    function attestedBy(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Window calldata window,
        bytes calldata signature
    ) external view returns (uint32) {
        if (window.settler != receipt.settler() || window.verifier != receipt.verifier()) return 0;
        if (!Inclusion.isLeaf(domainSeparator, receipt, path, window.root)) return 0;
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator, Messages.windowHash(window));
        (address key, ECDSA.RecoverError err, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err != ECDSA.RecoverError.NoError || teeRegistry.getKey(key).node != window.verifier) return 0;
        return teeRegistry.activeOperator(key);
    }

    /// @inheritdoc IReceiptVerifier
    function isCommitted(
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref
    ) external view returns (bool) {
        return Inclusion.isCommitted(settlement, domainSeparator, receipt.settler(), receipt, path, ref);
    }

    /// @inheritdoc IReceiptVerifier
    function isFinal(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external view returns (bool) {
        return
            receipt.settler() == batch.body.settler &&
            block.timestamp > uint256(batch.commitment.committedAt) + settlement.claimHorizon() &&
            Inclusion.isLeaf(domainSeparator, receipt, path, batch.body.root) &&
            Inclusion.isBatch(settlement, batch) &&
            ICourt(settlement.court()).openClaims(batch.body.settler, batch.body.number) == 0;
    }
}
