// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Excess, Fault, ICourt} from "./ICourt.sol";
import {ReceiptVerdict, SequenceVerdict} from "./ReceiptJudge.sol";
import {SequenceClaims} from "./SequenceClaims.sol";
import {Batch, Receipt, Request, Terms} from "./SettlementTypes.sol";

/// @title Reports
/// @notice Faults that committed receipts show by themselves: decided at once. See {ICourt}.
///
/// INVARIANTS
/// @dev What is given back of a debit is at most the debit. A receipt counts once a batch, with the most that was shown.
abstract contract Reports is SequenceClaims {
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => Excess))) internal _excess;

    /// @dev How much in excess each receipt of a batch was shown to be; the key is its leaf. Of a debit under another policy
    /// the key is its reservation.
    mapping(uint32 settler => mapping(uint64 number => mapping(bytes32 key => uint64 nano))) internal _shownExcess;

    /* SEQUENCES */

    /// @inheritdoc ICourt
    function reportDoubledSequence(
        Receipt calldata,
        bytes32[] calldata,
        Batch calldata,
        Receipt calldata,
        bytes32[] calldata,
        Batch calldata
    ) external {
        _reportSequence();
    }

    /// @inheritdoc ICourt
    function reportOutOfRange(Receipt calldata, bytes32[] calldata, Batch calldata) external {
        _reportSequence();
    }

    /* RECEIPTS */

    /// @inheritdoc ICourt
    function reportRequest(Request calldata, Receipt calldata, bytes32[] calldata, Batch calldata) external {
        _reportReceipt();
    }

    /// @inheritdoc ICourt
    function reportPrice(Receipt calldata, bytes32[] calldata, Batch calldata) external {
        _reportReceipt();
    }

    /// @inheritdoc ICourt
    function reportPolicy(Terms calldata terms, Batch calldata batch, uint32 reservation) external {
        _checkBatch(batch);
        (uint32 settler, uint64 number, uint16 policy) = (batch.body.settler, batch.body.number, batch.body.policy);
        uint64 amountNano = shownNano[settler][number][reservation];
        if (amountNano == 0) revert Court_NotShown(settler, number, reservation);
        _checkTerms(terms, settler, reservation);
        if (terms.policy == policy) revert Court_PolicyAgreed(policy);
        _countExcess(
            ReceiptVerdict({
                settler: settler,
                number: number,
                reservation: reservation,
                excessNano: amountNano,
                leaf: bytes32(uint256(reservation)),
                signersHash: batch.commitment.signersHash,
                faultAt: uint40(batch.commitment.committedAt)
            }),
            "debit",
            Fault.DEBIT
        );
    }

    /// @inheritdoc ICourt
    function refundExcess(
        uint32 settler,
        uint64 number,
        uint32 reservation,
        bytes calldata signers
    ) external nonReentrant {
        Excess memory excess = _excess[settler][number][reservation];
        if (excess.settledNano == excess.chargedNano) revert Court_NothingOwed(settler, number, reservation);
        _checkSigners(signers, excess.signersHash);
        uint64 owed = shownNano[settler][number][reservation];
        if (owed == 0) revert Court_NotShown(settler, number, reservation);
        owed = _stillDebited(settler, number, reservation, owed);
        uint64 debitedNano = _debited(settler, reservation);
        if (owed > debitedNano) owed = debitedNano;
        // Below what is owed, which fits.
        uint104 open = excess.chargedNano - excess.settledNano;
        if (owed > open) owed = uint64(open);

        _excess[settler][number][reservation].settledNano = excess.chargedNano;
        bytes32 refund = keccak256(abi.encode("excess", settler, number, reservation, excess.settledNano));
        (uint64 seized, uint64 paid) = _collect(refund, settler, owed, excess.faultAt, signers);
        _countReturned(settler, number, reservation, seized + paid);
        _restore(settler, reservation, seized, paid);
        emit ExcessRefunded(settler, number, reservation, seized + paid, owed - seized - paid);
    }

    /* VIEWS */

    /// @inheritdoc ICourt
    function getExcess(uint32 settler, uint64 number, uint32 reservation) external view returns (Excess memory) {
        return _excess[settler][number][reservation];
    }

    /* INTERNAL */

    function _reportSequence() private {
        SequenceVerdict memory verdict = abi.decode(_verdict(), (SequenceVerdict));
        (uint32 settler, uint64 number) = (verdict.settler, verdict.number);
        bytes32 evidenceId = _evidenceId("sequence", settler, number);
        if (_penalties[evidenceId].dueAt != 0) revert Court_AlreadyReported(settler, number);
        emit SequenceFault(settler, verdict.sequence, evidenceId, msg.sender);
        _schedulePenalty(evidenceId, Fault.SEQUENCE, settler, msg.sender, NO_SIGNERS, verdict.faultAt);
    }

    function _reportReceipt() private {
        _countExcess(abi.decode(_verdict(), (ReceiptVerdict)), "receipt", Fault.RECEIPT);
    }

    /// @dev Counts what was not shown before, and schedules the penalty of its kind if it is the first.
    function _countExcess(ReceiptVerdict memory verdict, string memory kind, Fault fault) private {
        _checkStanding();
        (uint32 settler, uint64 number, uint64 excessNano) = (verdict.settler, verdict.number, verdict.excessNano);
        bytes32 evidenceId = _evidenceId(kind, settler, number);
        uint64 known = _shownExcess[settler][number][verdict.leaf];
        if (excessNano <= known && _penalties[evidenceId].dueAt != 0) revert Court_AlreadyReported(settler, number);
        if (excessNano > known) {
            _shownExcess[settler][number][verdict.leaf] = excessNano;
            Excess storage excess = _excess[settler][number][verdict.reservation];
            excess.chargedNano += excessNano - known;
            (excess.signersHash, excess.faultAt) = (verdict.signersHash, verdict.faultAt);
        }
        emit ExcessShown(settler, number, verdict.reservation, verdict.leaf, excessNano, msg.sender);
        _schedulePenalty(evidenceId, fault, settler, msg.sender, verdict.signersHash, verdict.faultAt);
    }
}
