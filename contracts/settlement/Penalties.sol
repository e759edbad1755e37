// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {IStakeHub, SlashOrder} from "../staking/IStakeHub.sol";
import {Fault, ICourt, Penalty, SlashTable} from "./ICourt.sol";
import {ISettlement} from "./ISettlement.sol";
import {Proofs} from "./Proofs.sol";

/// @title Penalties
/// @notice What every claim has in common: which batches can be judged, who pays refunds, and what a fault costs. See
/// {ICourt}.
///
/// INVARIANTS
/// @dev A penalty is scheduled once for each settler, batch and kind of fault, and taken once.
abstract contract Penalties is ICourt, Proofs, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev What the table may hold at most; the reporter's part is bounded so that reporting oneself loses money.
    uint32 internal constant MAX_SLASH_PPM = 1_000_000;
    uint32 internal constant MAX_REPORTER_PPM = 100_000; // 10 %

    uint256 internal constant ROW_BYTES = 12;

    /// @dev The hash of no signers: a penalty of the settler alone.
    bytes32 internal constant NO_SIGNERS = keccak256("");

    IERC20 public immutable token;
    IStakeHub public immutable stakeHub;
    uint32 public immutable answerTime;
    uint32 internal immutable _slashWindow;

    /// @inheritdoc ICourt
    uint32 public immutable penaltyDelay;

    /// @inheritdoc ICourt
    uint64 public immutable bondNano;

    uint32 public immutable unprovenDebitPpm;
    uint32 public immutable signerPpm;
    uint32 public immutable sequencePpm;
    uint32 public immutable unopenedPpm;
    uint32 public immutable receiptPpm;
    uint32 public immutable reporterPpm;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 number => uint256 open)) public openClaims;

    mapping(bytes32 evidenceId => Penalty) internal _penalties;

    constructor(
        IERC20 token_,
        ISettlement settlement_,
        IStakeHub stakeHub_,
        ProtocolTimes memory times,
        SlashTable memory table,
        uint64 bondNano_
    ) Proofs(settlement_, times.claimHorizon) {
        ProtocolTimesLib.check(times);
        _checkPpm(table.unprovenDebitPpm, MAX_SLASH_PPM);
        _checkPpm(table.signerPpm, MAX_SLASH_PPM);
        _checkPpm(table.sequencePpm, MAX_SLASH_PPM);
        _checkPpm(table.unopenedPpm, MAX_SLASH_PPM);
        _checkPpm(table.receiptPpm, MAX_SLASH_PPM);
        _checkPpm(table.reporterPpm, MAX_REPORTER_PPM);
        token = token_;
        stakeHub = stakeHub_;
        // Another table than the settlement contract's would leave debits that are neither claimable nor covered.
        _checkSame(times.claimHorizon, settlement_.claimHorizon());
        _checkSame(times.claimHorizon + times.answerTime, settlement_.coverPeriod());
        answerTime = times.answerTime;
        penaltyDelay = times.claimHorizon + times.answerTime;
        _slashWindow = stakeHub_.slashWindow();
        // A claim at the end of the horizon, its end an answer time after the last answer, the penalty that late as well.
        uint256 longest = 2 * (uint256(times.claimHorizon) + 2 * uint256(times.answerTime));
        if (_slashWindow < longest) revert Court_SlashWindowTooShort(_slashWindow, longest);
        unprovenDebitPpm = table.unprovenDebitPpm;
        signerPpm = table.signerPpm;
        sequencePpm = table.sequencePpm;
        unopenedPpm = table.unopenedPpm;
        receiptPpm = table.receiptPpm;
        reporterPpm = table.reporterPpm;
        bondNano = bondNano_;
        // What a slash pays back is pulled by the settlement contract when it restores a reservation.
        token_.approve(address(settlement_), type(uint256).max);
    }

    /// @inheritdoc ICourt
    function punish(bytes32 evidenceId, bytes calldata signers) external nonReentrant {
        Penalty memory due = _penalties[evidenceId];
        if (due.dueAt == 0 || due.done) revert Court_NoPenalty(evidenceId);
        if (block.timestamp <= due.dueAt) revert Court_PenaltyNotDue(evidenceId, due.dueAt);
        _checkSigners(signers, due.signersHash);

        _penalties[evidenceId].done = true;
        uint32 operator = due.settler;
        uint32 ppm = _settlerPpm(due.fault);
        for (uint256 i; ; i += 4) {
            _penalise(evidenceId, due, operator, ppm);
            if (i >= signers.length) break;
            (operator, ppm) = (_signerAt(signers, i), signerPpm);
        }
    }

    /// @inheritdoc ICourt
    function getPenalty(bytes32 evidenceId) external view returns (Penalty memory) {
        return _penalties[evidenceId];
    }

    /* INTERNAL */

    /// @dev Once for each id; the first reporter stands.
    function _schedulePenalty(
        bytes32 evidenceId,
        Fault fault,
        uint32 settler,
        address reporter,
        bytes32 signersHash,
        uint40 faultAt
    ) internal {
        if (_penalties[evidenceId].dueAt != 0) return;
        uint40 dueAt = uint40(block.timestamp) + penaltyDelay;
        _penalties[evidenceId] = Penalty({
            reporter: reporter,
            settler: settler,
            dueAt: dueAt,
            done: false,
            fault: fault,
            signersHash: bytes27(signersHash),
            faultAt: faultAt
        });
        emit PenaltyScheduled(evidenceId, settler, reporter, dueAt);
    }

    /// @dev Takes what a payer is owed: first from the settler's earnings, then from its stake, then from the signers'.
    /// @param refund Names the refund; used once.
    /// @param faultAt When the batch was committed.
    /// @return seizedNano What the settlement contract holds of it.
    /// @return paidNano What this contract holds of it.
    function _collect(
        bytes32 refund,
        uint32 settler,
        uint64 owedNano,
        uint40 faultAt,
        bytes calldata signers
    ) internal returns (uint64 seizedNano, uint64 paidNano) {
        seizedNano = _seize(_payeeOf(settler), owedNano);
        uint64 missing = owedNano - seizedNano;
        // Too late for stake: what waits for this must end all the same.
        if (block.timestamp > uint256(faultAt) + _slashWindow) return (seizedNano, 0);
        uint32 operator = settler;
        for (uint256 i; ; i += 4) {
            paidNano += _refundFrom(refund, operator, missing - paidNano, faultAt);
            if (i >= signers.length || paidNano == missing) break;
            operator = _signerAt(signers, i);
        }
    }

    /// @dev What batches debited of a reservation, less what was restored of it.
    function _debited(uint32 settler, uint32 reservation) internal view returns (uint64) {
        (uint64 balanceNano, uint64 netNano, ) = _reservation(settler, reservation);
        return netNano - balanceNano;
    }

    // One place each for calls that several claims make: the code of a call is long.

    function _reservation(
        uint32 settler,
        uint32 reservation
    ) internal view returns (uint64 balanceNano, uint64 netNano, uint192 termsHash192) {
        return settlement.getReservation(settler, reservation);
    }

    function _restore(uint32 settler, uint32 reservation, uint64 seizedNano, uint64 paidNano) internal {
        settlement.restore(settler, reservation, seizedNano, paidNano);
    }

    function _seize(uint32 payee, uint64 amountNano) internal returns (uint64 seizedNano) {
        return settlement.seize(payee, amountNano);
    }

    /// @dev A court that was replaced ends what it began and opens nothing: nobody looks for claims there.
    function _checkStanding() internal view {
        address court = settlement.court();
        if (court != address(this)) revert Court_Replaced(court);
    }

    function _payeeOf(uint32 settler) internal view returns (uint32) {
        return settlement.getSettler(settler).payee;
    }

    function _settlerAccount(uint32 settler) internal view returns (address) {
        return settlement.getPayee(_payeeOf(settler)).account;
    }

    function _takeBond() internal {
        token.safeTransferFrom(msg.sender, address(this), bondNano * WEI_PER_NANO);
    }

    function _payBond(address to) internal {
        token.safeTransfer(to, bondNano * WEI_PER_NANO);
    }

    /// @dev By the first 27 bytes: penalties keep no more.
    function _checkSigners(bytes calldata signers, bytes32 expected) internal pure {
        if (bytes27(keccak256(signers)) != bytes27(expected)) revert Court_WrongSigners(keccak256(signers), expected);
    }

    function _evidenceId(string memory kind, uint32 settler, uint64 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(kind, settler, number));
    }

    function _refundFrom(bytes32 refund, uint32 operator, uint64 refundNano, uint40 faultAt) private returns (uint64) {
        if (refundNano == 0) return 0;
        return
            _slash(
                SlashOrder({
                    operator: operator,
                    amountNano: refundNano,
                    harmed: address(this),
                    harmedNano: refundNano,
                    reporter: address(0),
                    reporterNano: 0,
                    evidenceId: keccak256(abi.encode(address(this), "refund", refund, operator)),
                    faultAt: faultAt
                })
            );
    }

    function _penalise(bytes32 evidenceId, Penalty memory due, uint32 operator, uint32 ppm) private {
        uint64 penaltyNano = _part(stakeHub.slashableFor(operator, due.faultAt), ppm);
        _slash(
            SlashOrder({
                operator: operator,
                amountNano: penaltyNano,
                harmed: address(0),
                harmedNano: 0,
                reporter: due.reporter,
                reporterNano: _part(penaltyNano, reporterPpm),
                evidenceId: keccak256(abi.encode(address(this), "penalty", evidenceId, operator)),
                faultAt: due.faultAt
            })
        );
    }

    function _slash(SlashOrder memory order) private returns (uint64 paidNano) {
        (, paidNano) = stakeHub.slash(order);
    }

    function _settlerPpm(Fault fault) private view returns (uint32) {
        if (fault == Fault.DEBIT) return unprovenDebitPpm;
        if (fault == Fault.SEQUENCE) return sequencePpm;
        return fault == Fault.UNOPENED ? unopenedPpm : receiptPpm;
    }

    function _signerAt(bytes calldata signers, uint256 offset) private pure returns (uint32) {
        return uint32(bytes4(signers[offset:offset + 4]));
    }

    /// @dev Rounded up: a fault is never free.
    function _part(uint64 amountNano, uint32 ppm) private pure returns (uint64) {
        return uint64((uint256(amountNano) * ppm + PPM - 1) / PPM); // ppm <= PPM, so it is at most the amount
    }

    function _checkSame(uint32 given, uint32 expected) private pure {
        if (given != expected) revert Court_OtherTimes(given, expected);
    }

    function _checkPpm(uint32 ppm, uint32 limitPpm) private pure {
        if (ppm > limitPpm) revert Court_BadTable(ppm, limitPpm);
    }
}
