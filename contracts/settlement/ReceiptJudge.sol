// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {IModelRegistry} from "../registry/IModelRegistry.sol";
import {ICourt, SequenceClaim} from "./ICourt.sol";
import {Inclusion} from "./Inclusion.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {Proofs} from "./Proofs.sol";
import {ReceiptLib} from "./ReceiptLib.sol";
import {Batch, Receipt, Request, Window} from "./SettlementTypes.sol";

/// @notice A settler's receipts contradict each other or their batch.
struct SequenceVerdict {
    uint32 settler;
    uint64 number; // of the batch
    uint64 sequence;
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
}

/// @notice A receipt is not what it may be.
struct ReceiptVerdict {
    uint32 settler;
    uint64 number; // of the batch
    uint32 reservation;
    uint64 excessNano; // by how much it is too dear; 0 when it is weaker and free
    bytes32 leaf;
    bytes32 signersHash; // of the batch
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
}

/// @title ReceiptJudge
/// @notice Says what receipts show. Has {ICourt} functions of the same names and parameters, as views that give a verdict or
/// revert with the court's errors: the court hands on what it is given, and stays within the size of code that a chain takes.
///
/// TRUST
/// @dev The TEE registry for which keys were an enclave's, the model registry for prices. Owns nothing; the court that
/// created it acts on what it says.
contract ReceiptJudge is Proofs {
    using ReceiptLib for Receipt;

    /// @dev How long after its end a key may still have signed, in seconds: honest verifiers and signers look at the chain
    /// through caches, and their clocks differ from the chain's.
    uint256 internal constant ENDED_GRACE = 300;

    ITeeRegistry public immutable teeRegistry;
    IModelRegistry public immutable modelRegistry;

    constructor(
        ISettlement settlement_,
        uint32 claimHorizon_,
        ITeeRegistry teeRegistry_,
        IModelRegistry modelRegistry_
    ) Proofs(settlement_, claimHorizon_) {
        teeRegistry = teeRegistry_;
        modelRegistry = modelRegistry_;
    }

    /* SEQUENCES */

    /// @notice See {ICourt-reportDoubledSequence}.
    function reportDoubledSequence(
        Receipt calldata first,
        bytes32[] calldata firstPath,
        Batch calldata firstBatch,
        Receipt calldata second,
        bytes32[] calldata secondPath,
        Batch calldata secondBatch
    ) external view returns (SequenceVerdict memory) {
        _checkBatch(firstBatch);
        _checkBatch(secondBatch);
        uint32 settler = firstBatch.body.settler;
        if (secondBatch.body.settler != settler) revert ICourt.Court_WrongReceipt(secondBatch.body.settler, 0);
        bool billedTwice = first.requestId == second.requestId && first.price() != 0 && second.price() != 0;
        if (first.sequence() != second.sequence() && !billedTwice) {
            revert ICourt.Court_SequencesDiffer(first.sequence(), second.sequence());
        }
        bytes32 leaf = _checkLeaf(first, firstPath, firstBatch.body.root);
        if (leaf == _checkLeaf(second, secondPath, secondBatch.body.root)) revert ICourt.Court_SameReceipt(leaf);
        return _sequenceVerdict(firstBatch, first.sequence());
    }

    /// @notice See {ICourt-reportOutOfRange}.
    function reportOutOfRange(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external view returns (SequenceVerdict memory) {
        _checkBatch(batch);
        _checkLeaf(receipt, path, batch.body.root);
        uint64 sequence = receipt.sequence();
        if (_isInside(batch, sequence) && receipt.settler() == batch.body.settler) {
            revert ICourt.Court_InRange(sequence, batch.body.firstSequence, batch.body.count);
        }
        return _sequenceVerdict(batch, sequence);
    }

    /// @notice See {ICourt-openSequence}. The claim is one of the court that asks.
    function openSequence(
        uint256 claim,
        Receipt calldata receipt,
        bytes32[] calldata path,
        Window calldata window,
        bytes32[] calldata windowPath,
        bytes calldata signature
    ) external view {
        SequenceClaim memory current = ICourt(msg.sender).getSequenceClaim(claim);
        if (receipt.settler() != current.settler) {
            revert ICourt.Court_WrongReceipt(receipt.settler(), receipt.reservation());
        }
        if (receipt.sequence() != current.sequence) {
            revert ICourt.Court_WrongSequence(receipt.sequence(), current.sequence);
        }
        bytes32 leaf = _checkLeaf(receipt, path, current.root);
        _checkWindow(receipt, leaf, window, windowPath, signature);
    }

    /* RECEIPTS */

    /// @notice See {ICourt-reportRequest}.
    function reportRequest(
        Request calldata request,
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external view returns (ReceiptVerdict memory) {
        bytes32 requestId = Messages.requestHash(request);
        if (requestId != receipt.requestId) revert ICourt.Court_WrongRequest(requestId, receipt.requestId);
        bool weaker =
            receipt.modelVersion != request.modelVersion ||
                receipt.inputHash != request.inputHash ||
                receipt.mode() < request.minMode ||
                receipt.valueAtRisk() < request.valueAtRisk;
        if (!weaker && receipt.price() <= request.maxPrice) revert ICourt.Court_AsRequested(requestId);
        return _verdict(receipt, path, batch, weaker ? 0 : request.maxPrice);
    }

    /// @notice See {ICourt-reportPrice}.
    function reportPrice(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external view returns (ReceiptVerdict memory) {
        uint256 allowed = _listPrice(receipt);
        if (receipt.price() <= allowed) revert ICourt.Court_PriceAllowed(receipt.price(), allowed);
        return _verdict(receipt, path, batch, uint64(allowed)); // below the price, which fits
    }

    /* INTERNAL */

    /// @dev The receipt is under a window that a key of its verifier signed while it counted.
    function _checkWindow(
        Receipt calldata receipt,
        bytes32 leaf,
        Window calldata window,
        bytes32[] calldata windowPath,
        bytes calldata signature
    ) private view {
        uint32 verifier = receipt.verifier();
        if (
            window.settler != receipt.settler() ||
            window.verifier != verifier ||
            !Inclusion.isUnder(leaf, windowPath, window.root)
        ) {
            revert ICourt.Court_WrongWindow(window.settler, window.verifier, window.root);
        }
        address recovered = _signerOf(Messages.windowHash(window), signature);
        uint256 moment = window.signedAt / 1000;
        moment = moment > ENDED_GRACE ? moment - ENDED_GRACE : 0;
        // Node 0 does not exist: a receipt that names it cannot be opened.
        if (verifier == 0 || teeRegistry.nodeAt(recovered, moment) != verifier) {
            revert ICourt.Court_NotAttested(recovered, verifier);
        }
    }

    function _verdict(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch,
        uint64 allowedNano
    ) private view returns (ReceiptVerdict memory) {
        _checkBatch(batch);
        bytes32 leaf = _checkLeaf(receipt, path, batch.body.root);
        uint32 settler = batch.body.settler;
        uint32 reservation = receipt.reservation();
        // Its reservation would be another settler's; such a receipt is out of range.
        if (receipt.settler() != settler) revert ICourt.Court_WrongReceipt(receipt.settler(), reservation);
        uint64 price = receipt.price();
        return
            ReceiptVerdict({
                settler: settler,
                number: batch.body.number,
                reservation: reservation,
                excessNano: price > allowedNano ? price - allowedNano : 0,
                leaf: leaf,
                signersHash: batch.commitment.signersHash,
                faultAt: uint40(batch.commitment.committedAt)
            });
    }

    function _sequenceVerdict(Batch calldata batch, uint64 sequence) private pure returns (SequenceVerdict memory) {
        return
            SequenceVerdict({
                settler: batch.body.settler,
                number: batch.body.number,
                sequence: sequence,
                faultAt: uint40(batch.commitment.committedAt)
            });
    }

    /// @dev What a receipt may cost: its units by the price list when it was delivered, at least in part, and a worker's
    /// evidence stands behind it; else nothing. A version that is not registered has no prices.
    function _listPrice(Receipt calldata receipt) private view returns (uint256) {
        uint8 status = receipt.status();
        uint256 outputUnits = receipt.outputUnits();
        bool delivered = status == ReceiptLib.OK || status == ReceiptLib.ABORTED;
        if (!delivered || outputUnits == 0 || receipt.evidenceHash == 0) return 0;
        (uint64 inputPriceNano, uint64 outputPriceNano) = modelRegistry.pricesOf(receipt.modelVersion);
        return uint256(receipt.inputUnits()) * inputPriceNano + outputUnits * outputPriceNano;
    }
}
