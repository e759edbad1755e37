// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch, BatchRef, Receipt, Terms, Voucher} from "./SettlementTypes.sol";

enum ClaimState {
    NONE,
    OPEN,
    ANSWERED, // the settler was right
    UPHELD // nobody answered in time
}

/// @notice A demand to prove one debit.
struct DebitClaim {
    // slot 0: 1 + 4 + 4 + 20 = 29 bytes
    ClaimState state;
    uint32 settler;
    uint32 reservation;
    address challenger;
    // slot 1: 8 + 8 + 8 + 5 = 29 bytes
    uint64 number; // of the batch
    uint64 amountNano; // the debit in doubt
    uint64 debitedNano; // all that was debited of the reservation when the claim was opened
    uint40 answerBy; // Unix timestamp, seconds; the last second for an answer
    // slot 2: 8 + 4 = 12 bytes
    uint64 missingNano; // of an upheld claim: what settler and signers could not give back
    uint32 nextRow; // of an upheld claim: the first credit row that has not been asked for the rest
    bytes32 rowsHash; // of the batch
    bytes32 signersHash; // of the batch
}

/// @notice What a fault costs, in parts per million of the slashable stake. Immutable; the highest values are constants.
struct SlashTable {
    uint32 unprovenDebitPpm; // of the settler, beside the refund
    uint32 signerPpm; // of each verifier that signed a batch with such a debit
    uint32 sequencePpm; // of a settler with a doubled or out-of-range sequence
    uint32 reporterPpm; // of what is slashed beyond the refund, to the reporter
}

/// @title ICourt
/// @notice Decides claims against batches. The only caller of `IStakeHub.slash`.
interface ICourt {
    event DebitClaimed(
        uint256 indexed claim,
        uint32 indexed settler,
        uint32 indexed reservation,
        uint64 number,
        address challenger,
        uint64 debitedNano,
        uint40 answerBy
    );
    event DebitProven(uint256 indexed claim, address indexed by);
    /// @param refundedNano What the payer got back.
    /// @param missingNano What is still missing.
    event DebitRefunded(uint256 indexed claim, uint64 refundedNano, uint64 missingNano);
    event SequenceFault(uint32 indexed settler, uint64 indexed sequence, bytes32 evidenceId, address reporter);

    error Court_BadTable(uint32 ppm, uint32 limitPpm);
    error Court_UnknownBatch(uint32 settler, uint64 number);
    /// @notice Thrown when the batch is beyond the claim horizon; Unix timestamp, seconds.
    error Court_TooLate(uint256 claimableUntil);
    error Court_WrongRows(bytes32 given, bytes32 expected);
    error Court_NoSuchRow(uint256 row);
    error Court_AlreadyClaimed(uint32 settler, uint64 number, uint32 reservation);
    error Court_NotOpen(uint256 claim, ClaimState state);
    error Court_NothingMissing(uint256 claim);
    error Court_AnswerTooLate(uint256 claim, uint40 answerBy);
    error Court_AnswerStillPossible(uint256 claim, uint40 answerBy);
    error Court_WrongTerms(bytes32 given, uint192 recorded);
    error Court_WrongVoucher(uint32 settler, uint32 reservation, bytes32 termsHash);
    error Court_WrongVoucherKey(address recovered, address voucherKey);
    error Court_VoucherTooLow(uint64 cumulativeNano, uint64 debitedNano);
    error Court_WrongReceipt(uint32 settler, uint32 reservation);
    error Court_ReceiptTooLow(uint64 spentNano, uint64 debitedNano);
    error Court_NotCommitted(bytes32 requestId);
    error Court_WrongSigners(bytes32 given, bytes32 expected);
    error Court_SameReceipt(bytes32 leaf);
    error Court_SequencesDiffer(uint64 first, uint64 second);
    error Court_InRange(uint64 sequence, uint64 firstSequence, uint32 count);

    /// @notice Demands proof of a debit, with a bond of {bondNano} that a right answer earns.
    ///
    /// Requirements:
    /// - The batch was committed and is not beyond the claim horizon.
    /// - The row is one of its debits and was not claimed before.
    ///
    /// @param debits The batch's debit rows.
    /// @param creditsHash keccak256 of its credit rows.
    /// @param row Which debit, from 0.
    /// @return claim The new claim's id, from 1.
    function claimDebit(
        Batch calldata batch,
        bytes calldata debits,
        bytes32 creditsHash,
        uint256 row
    ) external returns (uint256 claim);

    /// @notice Answers a claim: shows a voucher that allows, and a committed receipt that shows, at least what had been
    /// debited when the claim was opened. Anybody may; the caller gets the bond.
    /// @param path From the receipt to its batch's root.
    function proveDebit(
        uint256 claim,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata voucherSignature,
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref
    ) external;

    /// @notice Ends a claim that nobody answered: the payer's reservation is refunded, from the settler's earnings, then its
    /// stake, then the signers' stake; settler and signers are slashed; the challenger gets its bond back and the
    /// reporter's part.
    /// @param signers The operators that signed the batch, 4 bytes each.
    function refundDebit(uint256 claim, bytes calldata signers) external;

    /// @notice Takes what is still missing of an upheld claim from the other payees of the batch, each up to its credit over
    /// all claims against the batch.
    /// @param debitsHash keccak256 of the batch's debit rows.
    /// @param credits The batch's credit rows.
    /// @param rows How many rows to ask now; the next call goes on behind them.
    function refundFromPayees(uint256 claim, bytes32 debitsHash, bytes calldata credits, uint32 rows) external;

    /// @notice Shows two different committed receipts of one settler with one sequence. Decided at once.
    function reportDoubledSequence(
        Receipt calldata first,
        bytes32[] calldata firstPath,
        Batch calldata firstBatch,
        Receipt calldata second,
        bytes32[] calldata secondPath,
        Batch calldata secondBatch
    ) external;

    /// @notice Shows a committed receipt that is of another settler than its batch, or whose sequence is outside of it.
    /// Decided at once.
    function reportOutOfRange(Receipt calldata receipt, bytes32[] calldata path, Batch calldata batch) external;

    /// @return open How many claims against a batch are not decided.
    function openClaims(uint32 settler, uint64 number) external view returns (uint256 open);

    function getClaim(uint256 claim) external view returns (DebitClaim memory);

    function bondNano() external view returns (uint64);
}
