// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {IStakeHub, SlashOrder} from "../staking/IStakeHub.sol";
import {ClaimState, DebitClaim, ICourt, SlashTable} from "./ICourt.sol";
import {Inclusion} from "./Inclusion.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {ReceiptLib} from "./ReceiptLib.sol";
import {Batch, BatchRef, Receipt, Terms, Voucher} from "./SettlementTypes.sol";

/// @title Court
/// @notice See {ICourt}.
///
/// TRUST
/// @dev Nobody: every verdict follows from what the settlement contract committed and from signatures. It holds bonds only.
///
/// INVARIANTS
/// @dev token.balanceOf(this) = bondNano * 1e9 * open claims. A debit is claimed once; a claim ends once. A payee other than
/// the settler gives back at most what the batch gave it.
contract Court is ICourt, ReentrancyGuardTransient {
    using ReceiptLib for Receipt;
    using SafeERC20 for IERC20;

    /// @dev What the table may hold at most; the reporter's part is bounded so that reporting oneself loses money.
    uint32 internal constant MAX_SLASH_PPM = 1_000_000;
    uint32 internal constant MAX_REPORTER_PPM = 100_000; // 10 %

    uint256 internal constant ROW_BYTES = 12;

    IERC20 public immutable token;
    ISettlement public immutable settlement;
    IStakeHub public immutable stakeHub;
    bytes32 public immutable domainSeparator;
    uint32 public immutable claimHorizon;
    uint32 public immutable answerTime;

    /// @inheritdoc ICourt
    uint64 public immutable bondNano;

    uint32 public immutable unprovenDebitPpm;
    uint32 public immutable signerPpm;
    uint32 public immutable sequencePpm;
    uint32 public immutable reporterPpm;

    uint256 public claimCount;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => uint256 open)) public openClaims;

    mapping(uint256 claim => DebitClaim) internal _claims;
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => bool))) internal _claimed;
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 payee => uint64 nano))) internal _takenBack;

    constructor(
        IERC20 token_,
        ISettlement settlement_,
        IStakeHub stakeHub_,
        ProtocolTimes memory times,
        SlashTable memory table,
        uint64 bondNano_
    ) {
        ProtocolTimesLib.check(times);
        _checkPpm(table.unprovenDebitPpm, MAX_SLASH_PPM);
        _checkPpm(table.signerPpm, MAX_SLASH_PPM);
        _checkPpm(table.sequencePpm, MAX_SLASH_PPM);
        _checkPpm(table.reporterPpm, MAX_REPORTER_PPM);
        token = token_;
        settlement = settlement_;
        stakeHub = stakeHub_;
        domainSeparator = settlement_.domainSeparator();
        claimHorizon = times.claimHorizon;
        answerTime = times.answerTime;
        unprovenDebitPpm = table.unprovenDebitPpm;
        signerPpm = table.signerPpm;
        sequencePpm = table.sequencePpm;
        reporterPpm = table.reporterPpm;
        bondNano = bondNano_;
        // What a slash pays back is pulled by the settlement contract in {refundDebit}.
        token_.approve(address(settlement_), type(uint256).max);
    }

    /* DEBITS */

    /// @inheritdoc ICourt
    function claimDebit(
        Batch calldata batch,
        bytes calldata debits,
        bytes32 creditsHash,
        uint256 row
    ) external nonReentrant returns (uint256 claim) {
        _checkBatch(batch);
        bytes32 rowsHash = keccak256(abi.encode(keccak256(debits), creditsHash));
        if (rowsHash != batch.body.rowsHash) revert Court_WrongRows(rowsHash, batch.body.rowsHash);
        if (row >= debits.length / ROW_BYTES) revert Court_NoSuchRow(row);
        (uint32 settler, uint64 number) = (batch.body.settler, batch.body.number);
        (uint32 reservation, uint64 amountNano) = _rowAt(debits, row);
        if (_claimed[settler][number][reservation]) revert Court_AlreadyClaimed(settler, number, reservation);

        _claimed[settler][number][reservation] = true;
        ++openClaims[settler][number];
        claim = ++claimCount;
        (uint64 balanceNano, uint64 netNano, ) = settlement.getReservation(settler, reservation);
        _claims[claim] = DebitClaim({
            state: ClaimState.OPEN,
            settler: settler,
            reservation: reservation,
            challenger: msg.sender,
            number: number,
            amountNano: amountNano,
            debitedNano: netNano - balanceNano,
            answerBy: uint40(block.timestamp) + answerTime,
            missingNano: 0,
            nextRow: 0,
            rowsHash: rowsHash,
            signersHash: batch.commitment.signersHash
        });
        emit DebitClaimed(
            claim,
            settler,
            reservation,
            number,
            msg.sender,
            netNano - balanceNano,
            uint40(block.timestamp) + answerTime
        );
        settlement.freeze(settlement.getSettler(settler).payee, amountNano);
        token.safeTransferFrom(msg.sender, address(this), bondNano * WEI_PER_NANO);
    }

    /// @inheritdoc ICourt
    function proveDebit(
        uint256 claim,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata voucherSignature,
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref
    ) external nonReentrant {
        DebitClaim memory current = _open(claim);
        if (block.timestamp > current.answerBy) revert Court_AnswerTooLate(claim, current.answerBy);
        _checkVoucher(current, terms, voucher, voucherSignature);
        if (receipt.settler() != current.settler || receipt.reservation() != current.reservation) {
            revert Court_WrongReceipt(receipt.settler(), receipt.reservation());
        }
        if (receipt.spent() < current.debitedNano) revert Court_ReceiptTooLow(receipt.spent(), current.debitedNano);
        if (!Inclusion.isCommitted(settlement, domainSeparator, current.settler, receipt, path, ref)) {
            revert Court_NotCommitted(receipt.requestId);
        }

        _end(claim, current, ClaimState.ANSWERED);
        emit DebitProven(claim, msg.sender);
        token.safeTransfer(msg.sender, bondNano * WEI_PER_NANO);
    }

    /// @inheritdoc ICourt
    function refundDebit(uint256 claim, bytes calldata signers) external nonReentrant {
        DebitClaim memory current = _open(claim);
        if (block.timestamp <= current.answerBy) revert Court_AnswerStillPossible(claim, current.answerBy);
        if (keccak256(signers) != current.signersHash) {
            revert Court_WrongSigners(keccak256(signers), current.signersHash);
        }

        _end(claim, current, ClaimState.UPHELD);
        uint64 seized = settlement.seize(settlement.getSettler(current.settler).payee, current.amountNano);
        uint64 missing = current.amountNano - seized;
        uint64 paid = _slashFor(claim, current.settler, unprovenDebitPpm, missing, current.challenger);
        for (uint256 i; i < signers.length; i += 4) {
            uint32 signer = uint32(bytes4(signers[i:i + 4]));
            paid += _slashFor(claim, signer, signerPpm, missing - paid, current.challenger);
        }
        missing -= paid;
        _claims[claim].missingNano = missing;
        settlement.restore(current.settler, current.reservation, seized, paid);
        emit DebitRefunded(claim, seized + paid, missing);
        token.safeTransfer(current.challenger, bondNano * WEI_PER_NANO);
    }

    /// @inheritdoc ICourt
    function refundFromPayees(
        uint256 claim,
        bytes32 debitsHash,
        bytes calldata credits,
        uint32 rows
    ) external nonReentrant {
        DebitClaim memory current = _claims[claim];
        if (current.missingNano == 0) revert Court_NothingMissing(claim);
        bytes32 rowsHash = keccak256(abi.encode(debitsHash, keccak256(credits)));
        if (rowsHash != current.rowsHash) revert Court_WrongRows(rowsHash, current.rowsHash);

        uint64 missing = current.missingNano;
        uint256 row = current.nextRow;
        uint256 end = row + rows;
        if (end > credits.length / ROW_BYTES) end = credits.length / ROW_BYTES;
        for (; missing != 0 && row < end; ++row) {
            (uint32 payee, uint64 creditedNano) = _rowAt(credits, row);
            missing -= _takeBack(current, payee, creditedNano, missing);
        }
        uint64 seized = current.missingNano - missing;
        _claims[claim].missingNano = missing;
        _claims[claim].nextRow = uint32(row); // a batch has fewer than 2^32 rows
        settlement.restore(current.settler, current.reservation, seized, 0);
        emit DebitRefunded(claim, seized, missing);
    }

    /* SEQUENCES */

    /// @inheritdoc ICourt
    function reportDoubledSequence(
        Receipt calldata first,
        bytes32[] calldata firstPath,
        Batch calldata firstBatch,
        Receipt calldata second,
        bytes32[] calldata secondPath,
        Batch calldata secondBatch
    ) external nonReentrant {
        _checkBatch(firstBatch);
        _checkBatch(secondBatch);
        uint32 settler = firstBatch.body.settler;
        if (secondBatch.body.settler != settler) revert Court_WrongReceipt(secondBatch.body.settler, 0);
        if (first.sequence() != second.sequence()) {
            revert Court_SequencesDiffer(first.sequence(), second.sequence());
        }
        bytes32 leaf = Messages.leaf(domainSeparator, first);
        if (leaf == Messages.leaf(domainSeparator, second)) revert Court_SameReceipt(leaf);
        _checkLeaf(first, firstPath, firstBatch);
        _checkLeaf(second, secondPath, secondBatch);
        _punishSequence(settler, first.sequence());
    }

    /// @inheritdoc ICourt
    function reportOutOfRange(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external nonReentrant {
        _checkBatch(batch);
        _checkLeaf(receipt, path, batch);
        (uint64 from, uint32 count) = (batch.body.firstSequence, batch.body.count);
        uint64 sequence = receipt.sequence();
        bool inside = sequence >= from && sequence - from < count;
        if (inside && receipt.settler() == batch.body.settler) revert Court_InRange(sequence, from, count);
        _punishSequence(batch.body.settler, sequence);
    }

    /* VIEWS */

    /// @inheritdoc ICourt
    function getClaim(uint256 claim) external view returns (DebitClaim memory) {
        return _claims[claim];
    }

    /* INTERNAL */

    function _open(uint256 claim) internal view returns (DebitClaim memory current) {
        current = _claims[claim];
        if (current.state != ClaimState.OPEN) revert Court_NotOpen(claim, current.state);
    }

    function _end(uint256 claim, DebitClaim memory current, ClaimState state) internal {
        _claims[claim].state = state;
        --openClaims[current.settler][current.number];
        settlement.unfreeze(settlement.getSettler(current.settler).payee, current.amountNano);
    }

    /// @dev Takes the refund and a penalty of `ppm` of the operator's stake.
    /// @return paidNano What came of it for the refund; this contract holds it.
    function _slashFor(
        uint256 claim,
        uint32 operator,
        uint32 ppm,
        uint64 refundNano,
        address reporter
    ) internal returns (uint64 paidNano) {
        uint64 penaltyNano = _part(stakeHub.slashableStake(operator), ppm);
        (, paidNano) = stakeHub.slash(
            SlashOrder({
                operator: operator,
                amountNano: refundNano + penaltyNano,
                harmed: address(this),
                harmedNano: refundNano,
                reporter: reporter,
                reporterNano: _part(penaltyNano, reporterPpm),
                evidenceId: keccak256(abi.encode("debit", claim, operator))
            })
        );
    }

    /// @dev Takes up to `missingNano` from a payee: over all claims against a batch no more than the batch gave it.
    function _takeBack(
        DebitClaim memory current,
        uint32 payee,
        uint64 creditedNano,
        uint64 missingNano
    ) internal returns (uint64 takenNano) {
        mapping(uint32 payee => uint64 nano) storage taken = _takenBack[current.settler][current.number];
        uint64 leftNano = creditedNano - taken[payee];
        takenNano = settlement.seize(payee, leftNano < missingNano ? leftNano : missingNano);
        taken[payee] += takenNano;
    }

    function _punishSequence(uint32 settler, uint64 sequence) internal {
        bytes32 evidenceId = keccak256(abi.encode("sequence", settler, sequence));
        emit SequenceFault(settler, sequence, evidenceId, msg.sender);
        uint64 penaltyNano = _part(stakeHub.slashableStake(settler), sequencePpm);
        stakeHub.slash(
            SlashOrder({
                operator: settler,
                amountNano: penaltyNano,
                harmed: address(0),
                harmedNano: 0,
                reporter: msg.sender,
                reporterNano: _part(penaltyNano, reporterPpm),
                evidenceId: evidenceId
            })
        );
    }

    function _checkVoucher(
        DebitClaim memory current,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata signature
    ) internal view {
        bytes32 termsHash = Messages.termsHash(terms);
        (, , uint192 recorded) = settlement.getReservation(current.settler, current.reservation);
        if (uint256(termsHash) >> 64 != recorded) revert Court_WrongTerms(termsHash, recorded);
        if (
            voucher.settler != current.settler ||
            voucher.reservation != current.reservation ||
            voucher.termsHash != termsHash
        ) {
            revert Court_WrongVoucher(voucher.settler, voucher.reservation, voucher.termsHash);
        }
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator, Messages.voucherHash(voucher));
        (address recovered, , ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (recovered != terms.voucherKey) revert Court_WrongVoucherKey(recovered, terms.voucherKey);
        if (voucher.cumulative < current.debitedNano) {
            revert Court_VoucherTooLow(voucher.cumulative, current.debitedNano);
        }
    }

    function _checkBatch(Batch calldata batch) internal view {
        if (!Inclusion.isBatch(settlement, batch)) revert Court_UnknownBatch(batch.body.settler, batch.body.number);
        uint256 claimableUntil = uint256(batch.commitment.committedAt) + claimHorizon;
        if (block.timestamp > claimableUntil) revert Court_TooLate(claimableUntil);
    }

    function _checkLeaf(Receipt calldata receipt, bytes32[] calldata path, Batch calldata batch) internal view {
        if (!Inclusion.isLeaf(domainSeparator, receipt, path, batch.body.root)) {
            revert Court_NotCommitted(receipt.requestId);
        }
    }

    function _rowAt(bytes calldata rows, uint256 row) internal pure returns (uint32 index, uint64 amountNano) {
        uint96 packed = uint96(bytes12(rows[row * ROW_BYTES:(row + 1) * ROW_BYTES]));
        return (uint32(packed >> 64), uint64(packed)); // exactly the bits of the two fields
    }

    /// @dev Rounded up: a fault is never free.
    function _part(uint64 amountNano, uint32 ppm) internal pure returns (uint64) {
        return uint64((uint256(amountNano) * ppm + PPM - 1) / PPM); // ppm <= PPM, so it is at most the amount
    }

    function _checkPpm(uint32 ppm, uint32 limitPpm) internal pure {
        if (ppm > limitPpm) revert Court_BadTable(ppm, limitPpm);
    }
}
