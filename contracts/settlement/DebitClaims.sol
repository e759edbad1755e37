// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimState, DebitClaim, Fault, ICourt} from "./ICourt.sol";
import {Inclusion} from "./Inclusion.sol";
import {Messages} from "./Messages.sol";
import {Penalties} from "./Penalties.sol";
import {ReceiptLib} from "./ReceiptLib.sol";
import {Batch, BatchRef, Receipt, Terms, Voucher} from "./SettlementTypes.sol";

/// @title DebitClaims
/// @notice Debits that have to be proven. See {ICourt}.
///
/// INVARIANTS
/// @dev A debit is claimed once; a claim ends once. Of one debit no more is given back than was debited.
abstract contract DebitClaims is Penalties {
    using ReceiptLib for Receipt;

    uint256 public claimCount;

    mapping(uint256 claim => DebitClaim) internal _claims;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => uint256 claim))) public claimOf;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => uint64 nano))) public shownNano;

    /// @dev What was given back of a debit by {ICourt-refundExcess} before a claim against it was upheld.
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => uint64 nano)))
        internal _returnedNano;

    /// @dev What a payee gave back of a batch, so that it never gives more than the batch credited it.
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 payee => uint64 nano))) internal _takenNano;

    /* DEBITS */

    /// @inheritdoc ICourt
    function claimDebit(
        Batch calldata batch,
        bytes calldata debits,
        bytes32 creditsHash,
        uint256 row
    ) external nonReentrant returns (uint256 claim) {
        _checkBatch(batch);
        (uint32 settler, uint64 number) = (batch.body.settler, batch.body.number);
        (uint32 reservation, uint64 amountNano) = _debitOf(batch.body.rowsHash, debits, creditsHash, row);
        if (claimOf[settler][number][reservation] != 0) revert Court_AlreadyClaimed(settler, number, reservation);

        ++openClaims[settler][number];
        claim = ++claimCount;
        claimOf[settler][number][reservation] = claim;
        _claims[claim] = DebitClaim({
            state: ClaimState.OPEN,
            settler: settler,
            reservation: reservation,
            challenger: msg.sender,
            number: number,
            amountNano: amountNano,
            answerBy: uint40(block.timestamp) + answerTime,
            policy: batch.body.policy,
            missingNano: 0,
            nextRow: 0,
            faultAt: uint40(batch.commitment.committedAt),
            rowsHash: batch.body.rowsHash,
            signersHash: batch.commitment.signersHash
        });
        emit DebitClaimed(
            claim,
            settler,
            reservation,
            number,
            msg.sender,
            amountNano,
            uint40(block.timestamp) + answerTime
        );
        settlement.freeze(_payeeOf(settler), amountNano);
        _takeBond();
    }

    /// @inheritdoc ICourt
    function showDebit(Batch calldata batch, bytes calldata debits, bytes32 creditsHash, uint256 row) external {
        (uint32 settler, uint64 number) = (batch.body.settler, batch.body.number);
        if (!Inclusion.isBatch(settlement, batch)) revert Court_UnknownBatch(settler, number);
        (uint32 reservation, uint64 amountNano) = _debitOf(batch.body.rowsHash, debits, creditsHash, row);
        shownNano[settler][number][reservation] = amountNano;
        emit DebitShown(settler, number, reservation, amountNano);
    }

    /// @inheritdoc ICourt
    function proveDebit(
        uint256 claim,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata voucherSignature,
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref,
        uint64[] calldata later
    ) external nonReentrant {
        DebitClaim memory current = _open(claim);
        if (block.timestamp > current.answerBy) revert Court_AnswerTooLate(claim, current.answerBy);
        uint64 debitedNano = _debitedUpTo(current, later);
        _checkVoucher(current, terms, voucher, voucherSignature, debitedNano);
        if (receipt.settler() != current.settler || receipt.reservation() != current.reservation) {
            revert Court_WrongReceipt(receipt.settler(), receipt.reservation());
        }
        if (receipt.spent() < debitedNano) revert Court_ReceiptTooLow(receipt.spent(), debitedNano);
        if (!Inclusion.isCommitted(settlement, domainSeparator, current.settler, receipt, path, ref)) {
            revert Court_NotCommitted(receipt.requestId);
        }

        _end(claim, current, ClaimState.ANSWERED);
        emit DebitProven(claim, msg.sender);
        // To the settler, whoever sends: else a challenger would copy the answer and get its bond back.
        _payBond(_settlerAccount(current.settler));
    }

    /// @inheritdoc ICourt
    function refundDebit(uint256 claim, bytes calldata signers) external nonReentrant {
        DebitClaim memory current = _open(claim);
        if (block.timestamp <= current.answerBy) revert Court_AnswerStillPossible(claim, current.answerBy);
        _checkSigners(signers, current.signersHash);

        _end(claim, current, ClaimState.UPHELD);
        (uint32 settler, uint32 reservation) = (current.settler, current.reservation);
        uint64 missing = current.amountNano - _returnedNano[settler][current.number][reservation];
        // Never more than is debited now: a former court may have given it back already, and the claim must still end.
        uint64 debitedNano = _debited(settler, reservation);
        if (missing > debitedNano) missing = debitedNano;
        (uint64 seized, uint64 paid) = _collect(bytes32(claim), settler, missing, current.faultAt, signers);
        _schedulePenalty(
            _evidenceId("debit", settler, current.number),
            Fault.DEBIT,
            settler,
            current.challenger,
            current.signersHash,
            current.faultAt
        );
        missing -= seized + paid;
        _claims[claim].missingNano = missing;
        _restore(settler, reservation, seized, paid);
        emit DebitRefunded(claim, seized + paid, missing);
        _payBond(current.challenger);
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

        mapping(uint32 payee => uint64) storage taken = _takenNano[current.settler][current.number];
        uint64 missing = current.missingNano;
        uint256 row = current.nextRow;
        uint256 end = row + rows;
        if (end > credits.length / ROW_BYTES) end = credits.length / ROW_BYTES;
        for (; missing != 0 && row < end; ++row) {
            (uint32 payee, uint64 creditedNano) = _rowAt(credits, row);
            uint64 most = creditedNano - taken[payee];
            uint64 got = _seize(payee, most < missing ? most : missing);
            taken[payee] += got;
            missing -= got;
        }
        uint64 seized = current.missingNano - missing;
        _claims[claim].missingNano = missing;
        _claims[claim].nextRow = uint32(row); // a batch has fewer than 2^32 rows
        _restore(current.settler, current.reservation, seized, 0);
        emit DebitRefunded(claim, seized, missing);
    }

    /* VIEWS */

    /// @inheritdoc ICourt
    function getClaim(uint256 claim) external view returns (DebitClaim memory) {
        return _claims[claim];
    }

    /* INTERNAL */

    /// @dev What is still debited of a debit that was shown or claimed.
    function _stillDebited(
        uint32 settler,
        uint64 number,
        uint32 reservation,
        uint64 amountNano
    ) internal view returns (uint64) {
        DebitClaim storage claim = _claims[claimOf[settler][number][reservation]];
        if (claim.state == ClaimState.UPHELD) return claim.missingNano;
        return amountNano - _returnedNano[settler][number][reservation];
    }

    /// @dev The terms are those that the reservation was opened with.
    function _checkTerms(
        Terms calldata terms,
        uint32 settler,
        uint32 reservation
    ) internal view returns (bytes32 termsHash) {
        termsHash = Messages.termsHash(terms);
        (, , uint192 recorded) = _reservation(settler, reservation);
        if (uint256(termsHash) >> 64 != recorded) revert Court_WrongTerms(termsHash, recorded);
    }

    /// @dev Counts what {ICourt-refundExcess} gave back of a debit.
    function _countReturned(uint32 settler, uint64 number, uint32 reservation, uint64 nano) internal {
        DebitClaim storage claim = _claims[claimOf[settler][number][reservation]];
        if (claim.state == ClaimState.UPHELD) claim.missingNano -= nano;
        else _returnedNano[settler][number][reservation] += nano;
    }

    function _open(uint256 claim) private view returns (DebitClaim memory current) {
        current = _claims[claim];
        if (current.state != ClaimState.OPEN) revert Court_NotOpen(claim, current.state);
    }

    function _end(uint256 claim, DebitClaim memory current, ClaimState state) private {
        _claims[claim].state = state;
        --openClaims[current.settler][current.number];
        settlement.unfreeze(_payeeOf(current.settler), current.amountNano);
    }

    /// @dev What was debited of a claim's reservation up to and with its batch, less what was restored of it (but for excess
    /// of the claimed debit itself): all that is debited now, less the later debits that the answer shows.
    function _debitedUpTo(
        DebitClaim memory current,
        uint64[] calldata later
    ) private view returns (uint64 debitedNano) {
        uint64 number = current.number;
        // What was given back as excess has to be shown all the same: else giving it back would prove the rest.
        debitedNano =
            _debited(current.settler, current.reservation) +
            _returnedNano[current.settler][number][current.reservation];
        for (uint256 i; i < later.length; ++i) {
            if (later[i] <= number) revert Court_NotLater(number, later[i]);
            number = later[i];
            uint64 amountNano = shownNano[current.settler][number][current.reservation];
            if (amountNano == 0) revert Court_NotShown(current.settler, number, current.reservation);
            // What was given back is not among what is debited now.
            debitedNano -= _stillDebited(current.settler, number, current.reservation, amountNano);
        }
    }

    /// @dev A debit row of a committed batch.
    function _debitOf(
        bytes32 rowsHash,
        bytes calldata debits,
        bytes32 creditsHash,
        uint256 row
    ) private pure returns (uint32 reservation, uint64 amountNano) {
        bytes32 given = keccak256(abi.encode(keccak256(debits), creditsHash));
        if (given != rowsHash) revert Court_WrongRows(given, rowsHash);
        if (row >= debits.length / ROW_BYTES) revert Court_NoSuchRow(row);
        return _rowAt(debits, row);
    }

    function _checkVoucher(
        DebitClaim memory current,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata signature,
        uint64 debitedNano
    ) private view {
        if (terms.policy != current.policy) revert Court_WrongPolicy(current.policy, terms.policy);
        bytes32 termsHash = _checkTerms(terms, current.settler, current.reservation);
        if (
            voucher.settler != current.settler ||
            voucher.reservation != current.reservation ||
            voucher.termsHash != termsHash
        ) {
            revert Court_WrongVoucher(voucher.settler, voucher.reservation, voucher.termsHash);
        }
        address recovered = _signerOf(Messages.voucherHash(voucher), signature);
        if (recovered != terms.voucherKey) revert Court_WrongVoucherKey(recovered, terms.voucherKey);
        if (voucher.cumulative < debitedNano) revert Court_VoucherTooLow(voucher.cumulative, debitedNano);
    }

    function _rowAt(bytes calldata rows, uint256 row) private pure returns (uint32 index, uint64 amountNano) {
        uint96 packed = uint96(bytes12(rows[row * ROW_BYTES:(row + 1) * ROW_BYTES]));
        return (uint32(packed >> 64), uint64(packed)); // exactly the bits of the two fields
    }
}
