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
import {ClaimState, DebitClaim, ICourt, Penalty, SlashTable} from "./ICourt.sol";
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
/// @dev token.balanceOf(this) = bondNano * 1e9 * open claims. A debit is claimed once; a claim ends once. Harmed payers come
/// first: a penalty is taken when every debit that was committed before the verdict is either refunded or beyond doubt,
/// and once a batch, so that penalties never eat what refunds need.
contract Court is ICourt, ReentrancyGuardTransient {
    using ReceiptLib for Receipt;
    using SafeERC20 for IERC20;

    /// @dev What the table may hold at most; the reporter's part is bounded so that reporting oneself loses money.
    uint32 internal constant MAX_SLASH_PPM = 1_000_000;
    uint32 internal constant MAX_REPORTER_PPM = 100_000; // 10 %

    uint256 internal constant ROW_BYTES = 12;

    /// @dev The hash of no signers: a penalty of the settler alone.
    bytes32 internal constant NO_SIGNERS = keccak256("");

    IERC20 public immutable token;
    ISettlement public immutable settlement;
    IStakeHub public immutable stakeHub;
    bytes32 public immutable domainSeparator;
    uint32 public immutable claimHorizon;
    uint32 public immutable answerTime;

    /// @inheritdoc ICourt
    uint32 public immutable penaltyDelay;

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

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => uint256 claim))) public claimOf;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 reservation => uint64 nano))) public shownNano;

    /// @dev What a payee gave back of a batch, so that it never gives more than the batch credited it.
    mapping(uint32 settler => mapping(uint64 number => mapping(uint32 payee => uint64 nano))) internal _takenNano;

    mapping(bytes32 evidenceId => Penalty) internal _penalties;

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
        // Another table than the settlement contract's would leave debits that are neither claimable nor covered.
        _checkSame(times.claimHorizon, settlement_.claimHorizon());
        _checkSame(times.claimHorizon + times.answerTime, settlement_.coverPeriod());
        claimHorizon = times.claimHorizon;
        answerTime = times.answerTime;
        penaltyDelay = times.claimHorizon + times.answerTime;
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
        settlement.freeze(settlement.getSettler(settler).payee, amountNano);
        token.safeTransferFrom(msg.sender, address(this), bondNano * WEI_PER_NANO);
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
        token.safeTransfer(_settlerAccount(current.settler), bondNano * WEI_PER_NANO);
    }

    /// @inheritdoc ICourt
    function refundDebit(uint256 claim, bytes calldata signers) external nonReentrant {
        DebitClaim memory current = _open(claim);
        if (block.timestamp <= current.answerBy) revert Court_AnswerStillPossible(claim, current.answerBy);
        if (keccak256(signers) != current.signersHash) {
            revert Court_WrongSigners(keccak256(signers), current.signersHash);
        }

        _end(claim, current, ClaimState.UPHELD);
        // Never more than is debited now: a former court may have given it back already, and the claim must still end.
        uint64 missing = _debited(current);
        if (missing > current.amountNano) missing = current.amountNano;
        uint64 seized = settlement.seize(settlement.getSettler(current.settler).payee, missing);
        missing -= seized;
        uint64 paid = _slashFor(claim, current.settler, missing);
        for (uint256 i; i < signers.length && paid < missing; i += 4) {
            paid += _slashFor(claim, _signerAt(signers, i), missing - paid);
        }
        _schedulePenalty(
            keccak256(abi.encode("debit", current.settler, current.number)),
            current.settler,
            current.challenger,
            current.signersHash
        );
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

        mapping(uint32 payee => uint64) storage taken = _takenNano[current.settler][current.number];
        uint64 missing = current.missingNano;
        uint256 row = current.nextRow;
        uint256 end = row + rows;
        if (end > credits.length / ROW_BYTES) end = credits.length / ROW_BYTES;
        for (; missing != 0 && row < end; ++row) {
            (uint32 payee, uint64 creditedNano) = _rowAt(credits, row);
            uint64 most = creditedNano - taken[payee];
            uint64 got = settlement.seize(payee, most < missing ? most : missing);
            taken[payee] += got;
            missing -= got;
        }
        uint64 seized = current.missingNano - missing;
        _claims[claim].missingNano = missing;
        _claims[claim].nextRow = uint32(row); // a batch has fewer than 2^32 rows
        settlement.restore(current.settler, current.reservation, seized, 0);
        emit DebitRefunded(claim, seized, missing);
    }

    /* PENALTIES */

    /// @inheritdoc ICourt
    function punish(bytes32 evidenceId, bytes calldata signers) external nonReentrant {
        Penalty memory due = _penalties[evidenceId];
        if (due.dueAt == 0 || due.done) revert Court_NoPenalty(evidenceId);
        if (block.timestamp <= due.dueAt) revert Court_PenaltyNotDue(evidenceId, due.dueAt);
        if (keccak256(signers) != due.signersHash) revert Court_WrongSigners(keccak256(signers), due.signersHash);

        _penalties[evidenceId].done = true;
        bool debit = due.signersHash != NO_SIGNERS;
        _penalise(evidenceId, due.settler, debit ? unprovenDebitPpm : sequencePpm, due.reporter);
        for (uint256 i; i < signers.length; i += 4) {
            _penalise(evidenceId, _signerAt(signers, i), signerPpm, due.reporter);
        }
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
        bool billedTwice = first.requestId == second.requestId && first.price() != 0 && second.price() != 0;
        if (first.sequence() != second.sequence() && !billedTwice) {
            revert Court_SequencesDiffer(first.sequence(), second.sequence());
        }
        bytes32 leaf = Messages.leaf(domainSeparator, first);
        if (leaf == Messages.leaf(domainSeparator, second)) revert Court_SameReceipt(leaf);
        _checkLeaf(first, firstPath, firstBatch);
        _checkLeaf(second, secondPath, secondBatch);
        _reportSequence(settler, firstBatch.body.number, first.sequence());
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
        _reportSequence(batch.body.settler, batch.body.number, sequence);
    }

    /* VIEWS */

    /// @inheritdoc ICourt
    function getClaim(uint256 claim) external view returns (DebitClaim memory) {
        return _claims[claim];
    }

    /// @inheritdoc ICourt
    function getPenalty(bytes32 evidenceId) external view returns (Penalty memory) {
        return _penalties[evidenceId];
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

    /// @dev Takes a refund from an operator's stake; the penalty follows in {punish}.
    /// @return paidNano What came of it; this contract holds it.
    function _slashFor(uint256 claim, uint32 operator, uint64 refundNano) internal returns (uint64 paidNano) {
        if (refundNano == 0) return 0;
        (, paidNano) = stakeHub.slash(
            SlashOrder({
                operator: operator,
                amountNano: refundNano,
                harmed: address(this),
                harmedNano: refundNano,
                reporter: address(0),
                reporterNano: 0,
                evidenceId: keccak256(abi.encode(address(this), "refund", claim, operator)),
                faultAt: uint40(block.timestamp)
            })
        );
    }

    function _penalise(bytes32 evidenceId, uint32 operator, uint32 ppm, address reporter) internal {
        uint64 penaltyNano = _part(stakeHub.slashableStake(operator), ppm);
        stakeHub.slash(
            SlashOrder({
                operator: operator,
                amountNano: penaltyNano,
                harmed: address(0),
                harmedNano: 0,
                reporter: reporter,
                reporterNano: _part(penaltyNano, reporterPpm),
                evidenceId: keccak256(abi.encode(address(this), "penalty", evidenceId, operator)),
                faultAt: uint40(block.timestamp)
            })
        );
    }

    /// @dev Once for each id; the first reporter stands.
    function _schedulePenalty(bytes32 evidenceId, uint32 settler, address reporter, bytes32 signersHash) internal {
        if (_penalties[evidenceId].dueAt != 0) return;
        uint40 dueAt = uint40(block.timestamp) + penaltyDelay;
        _penalties[evidenceId] = Penalty({
            reporter: reporter,
            settler: settler,
            dueAt: dueAt,
            done: false,
            signersHash: signersHash
        });
        emit PenaltyScheduled(evidenceId, settler, reporter, dueAt);
    }

    function _reportSequence(uint32 settler, uint64 number, uint64 sequence) internal {
        bytes32 evidenceId = keccak256(abi.encode("sequence", settler, number));
        if (_penalties[evidenceId].dueAt != 0) revert Court_AlreadyReported(settler, number);
        emit SequenceFault(settler, sequence, evidenceId, msg.sender);
        _schedulePenalty(evidenceId, settler, msg.sender, NO_SIGNERS);
    }

    /// @dev What batches debited of a claim's reservation, less what was restored of it.
    function _debited(DebitClaim memory current) internal view returns (uint64) {
        (uint64 balanceNano, uint64 netNano, ) = settlement.getReservation(current.settler, current.reservation);
        return netNano - balanceNano;
    }

    /// @dev What was debited of a claim's reservation up to and with its batch, less what was restored of it: all that is
    /// debited now, less the later debits that the answer shows.
    function _debitedUpTo(
        DebitClaim memory current,
        uint64[] calldata later
    ) internal view returns (uint64 debitedNano) {
        debitedNano = _debited(current);
        uint64 number = current.number;
        for (uint256 i; i < later.length; ++i) {
            if (later[i] <= number) revert Court_NotLater(number, later[i]);
            number = later[i];
            uint64 amountNano = shownNano[current.settler][number][current.reservation];
            if (amountNano == 0) revert Court_NotShown(current.settler, number, current.reservation);
            DebitClaim storage other = _claims[claimOf[current.settler][number][current.reservation]];
            // What was given back is not among what is debited now.
            debitedNano -= other.state == ClaimState.UPHELD ? other.missingNano : amountNano;
        }
    }

    /// @dev A debit row of a committed batch.
    function _debitOf(
        bytes32 rowsHash,
        bytes calldata debits,
        bytes32 creditsHash,
        uint256 row
    ) internal pure returns (uint32 reservation, uint64 amountNano) {
        bytes32 given = keccak256(abi.encode(keccak256(debits), creditsHash));
        if (given != rowsHash) revert Court_WrongRows(given, rowsHash);
        if (row >= debits.length / ROW_BYTES) revert Court_NoSuchRow(row);
        return _rowAt(debits, row);
    }

    function _settlerAccount(uint32 settler) internal view returns (address) {
        return settlement.getPayee(settlement.getSettler(settler).payee).account;
    }

    function _signerAt(bytes calldata signers, uint256 offset) internal pure returns (uint32) {
        return uint32(bytes4(signers[offset:offset + 4]));
    }

    function _checkVoucher(
        DebitClaim memory current,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata signature,
        uint64 debitedNano
    ) internal view {
        if (terms.policy != current.policy) revert Court_WrongPolicy(current.policy, terms.policy);
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
        if (voucher.cumulative < debitedNano) revert Court_VoucherTooLow(voucher.cumulative, debitedNano);
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

    function _checkSame(uint32 given, uint32 expected) internal pure {
        if (given != expected) revert Court_OtherTimes(given, expected);
    }

    function _checkPpm(uint32 ppm, uint32 limitPpm) internal pure {
        if (ppm > limitPpm) revert Court_BadTable(ppm, limitPpm);
    }
}
