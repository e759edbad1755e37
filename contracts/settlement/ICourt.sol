// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch, BatchRef, Receipt, Request, Terms, Voucher, Window} from "./SettlementTypes.sol";

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
    // slot 1: 8 + 8 + 5 + 2 = 23 bytes
    uint64 number; // of the batch
    uint64 amountNano; // the debit in doubt
    uint40 answerBy; // Unix timestamp, seconds; the last second for an answer
    uint16 policy; // of the batch
    // slot 2: 8 + 4 + 5 = 17 bytes
    uint64 missingNano; // of an upheld claim: what settler and signers could not give back
    uint32 nextRow; // of an upheld claim: the first credit row that has not been asked for the rest
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
    bytes32 rowsHash; // of the batch
    bytes32 signersHash; // of the batch
}

/// @notice A demand to open one sequence number of a batch.
struct SequenceClaim {
    // slot 0: 1 + 4 + 5 + 20 = 30 bytes
    ClaimState state;
    uint32 settler;
    uint40 answerBy; // Unix timestamp, seconds; the last second for an answer
    address challenger;
    // slot 1: 8 + 8 + 5 = 21 bytes
    uint64 number; // of the batch
    uint64 sequence; // that is in doubt
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
    bytes32 root; // of the batch
}

/// @notice What a batch charged a reservation beyond what it may, as far as somebody showed it.
struct Excess {
    // slot 0: 13 + 13 + 5 = 31 bytes; the sum of fewer than 2^40 prices fits
    uint104 chargedNano; // over all that was shown
    uint104 settledNano; // of that, what {ICourt-refundExcess} has dealt with
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
    bytes32 signersHash; // of the batch
}

/// @notice Kinds of faults; each is punished once a batch.
enum Fault {
    DEBIT, // unproven, or under another policy
    SEQUENCE, // doubled, or out of range
    UNOPENED, // nobody showed the receipt, or a window that an enclave signed over it
    RECEIPT // weaker or dearer than its request, or dearer than the price list
}

/// @notice What a proven fault still has to cost. It waits until payers are refunded.
struct Penalty {
    // slot 0: 20 + 4 + 5 + 1 + 1 = 31 bytes
    address reporter;
    uint32 settler;
    uint40 dueAt; // Unix timestamp, seconds; taken after it
    bool done;
    Fault fault;
    // slot 1: 27 + 5 = 32 bytes
    bytes27 signersHash; // of the batch, its first 27 bytes; of the hash of nothing for a fault of the settler alone
    uint40 faultAt; // Unix timestamp, seconds: when the batch was committed
}

/// @notice What a fault costs, in parts per million of the slashable stake. Immutable; the highest values are constants.
struct SlashTable {
    uint32 unprovenDebitPpm; // of the settler, beside the refunds; once a batch
    uint32 signerPpm; // of each verifier that signed a batch with such a debit or receipt; once a batch and kind
    uint32 sequencePpm; // of a settler with a doubled or out-of-range sequence; once a batch
    uint32 unopenedPpm; // of a settler that does not open a sequence; once a batch
    uint32 receiptPpm; // of a settler with a receipt weaker or dearer than it may be; once a batch
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
        uint64 amountNano,
        uint40 answerBy
    );
    event DebitShown(uint32 indexed settler, uint64 indexed number, uint32 indexed reservation, uint64 amountNano);
    event DebitProven(uint256 indexed claim, address indexed by);
    /// @param refundedNano What the payer got back.
    /// @param missingNano What is still missing.
    event DebitRefunded(uint256 indexed claim, uint64 refundedNano, uint64 missingNano);
    event SequenceClaimed(
        uint256 indexed claim,
        uint32 indexed settler,
        uint64 indexed sequence,
        uint64 number,
        address challenger,
        uint40 answerBy
    );
    event SequenceOpened(uint256 indexed claim, address indexed by);
    event SequenceUnopened(uint256 indexed claim, bytes32 evidenceId);

    /// @param key The receipt's leaf; of a debit under another policy the reservation.
    /// @param chargedNano By how much it is too dear; 0 when it is weaker and free.
    event ExcessShown(
        uint32 indexed settler,
        uint64 indexed number,
        uint32 indexed reservation,
        bytes32 key,
        uint64 chargedNano,
        address reporter
    );
    /// @param refundedNano What the payer got back.
    /// @param missingNano What nobody could give back.
    event ExcessRefunded(
        uint32 indexed settler,
        uint64 indexed number,
        uint32 indexed reservation,
        uint64 refundedNano,
        uint64 missingNano
    );
    event SequenceFault(uint32 indexed settler, uint64 indexed sequence, bytes32 evidenceId, address reporter);

    /// @param dueAt Unix timestamp, seconds.
    event PenaltyScheduled(bytes32 indexed evidenceId, uint32 indexed settler, address reporter, uint40 dueAt);

    error Court_OtherTimes(uint32 coverPeriod, uint32 expected);
    /// @notice Thrown when the stake hub forgets faults before they can be punished; in seconds.
    error Court_SlashWindowTooShort(uint32 slashWindow, uint256 neededSeconds);
    error Court_Replaced(address court);
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
    /// @notice Thrown when the batch was committed under another policy than the payer agreed to.
    error Court_WrongPolicy(uint16 batchPolicy, uint16 termsPolicy);
    error Court_NotShown(uint32 settler, uint64 number, uint32 reservation);
    /// @notice Thrown when batches are not after the claimed one in ascending order.
    error Court_NotLater(uint64 after_, uint64 given);
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
    error Court_AlreadyReported(uint32 settler, uint64 number);
    error Court_NoPenalty(bytes32 evidenceId);
    error Court_PenaltyNotDue(bytes32 evidenceId, uint40 dueAt);
    error Court_InRange(uint64 sequence, uint64 firstSequence, uint32 count);
    error Court_NotInRange(uint64 sequence, uint64 firstSequence, uint32 count);
    error Court_SequenceClaimed(uint32 settler, uint64 sequence);
    error Court_WrongSequence(uint64 given, uint64 expected);
    error Court_WrongWindow(uint32 settler, uint32 verifier, bytes32 root);
    /// @notice Thrown when the window was not signed by an enclave key of its verifier that counted at its time.
    error Court_NotAttested(address recovered, uint32 verifier);
    error Court_WrongRequest(bytes32 given, bytes32 expected);
    error Court_AsRequested(bytes32 requestId);
    error Court_PriceAllowed(uint64 priceNano, uint256 allowedNano);
    error Court_PolicyAgreed(uint16 policy);
    error Court_NothingOwed(uint32 settler, uint64 number, uint32 reservation);

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

    /// @notice Remembers one debit row of a committed batch, for answers that leave it out; anybody may. One at a time,
    /// because the rows of many batches would not fit one transaction.
    function showDebit(Batch calldata batch, bytes calldata debits, bytes32 creditsHash, uint256 row) external;

    /// @notice Answers a claim: shows a voucher that allows, and a committed receipt that shows, at least what is debited of
    /// the reservation, later debits that are shown left out. Anybody may; the settler gets the bond.
    ///
    /// Requirements:
    /// - The batch's policy is the one that the payer agreed to.
    /// - `later` are numbers of batches after the claimed one, ascending, whose debit of this reservation was shown by
    ///   {showDebit}: so whoever signed a batch answers for nothing that came after it.
    ///
    /// @param path From the receipt to its batch's root.
    function proveDebit(
        uint256 claim,
        Terms calldata terms,
        Voucher calldata voucher,
        bytes calldata voucherSignature,
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref,
        uint64[] calldata later
    ) external;

    /// @notice Ends a claim that nobody answered: the payer's reservation is refunded, from the settler's earnings, then its
    /// stake, then the signers' stake; the challenger gets its bond back. The penalty of settler and signers is scheduled,
    /// see {punish}. Stake answers for the second of the batch: whoever left since is asked, whoever came later is not. When
    /// the hub's slash window has passed it ends all the same, without stake.
    /// @param signers The operators that signed the batch, 4 bytes each.
    function refundDebit(uint256 claim, bytes calldata signers) external;

    /// @notice Takes what is still missing of an upheld claim from the other payees of the batch, each up to its credit in
    /// that batch, over all of its claims.
    /// @param debitsHash keccak256 of the batch's debit rows.
    /// @param credits The batch's credit rows.
    /// @param rows How many rows to ask now; the next call goes on behind them.
    function refundFromPayees(uint256 claim, bytes32 debitsHash, bytes calldata credits, uint32 rows) external;

    /// @notice Takes the penalty of a fault, {penaltyDelay} after its verdict: by then every debit that was committed before
    /// it is refunded or beyond doubt. Anybody may call; the reporter gets its part. A part of what answers for the second
    /// of the batch; reverts when the hub's slash window has passed.
    /// @param signers The operators that signed the batch, 4 bytes each; empty for a fault of sequences, opened or not.
    function punish(bytes32 evidenceId, bytes calldata signers) external;

    /// @notice Shows two different committed receipts of one settler with one sequence, or with one request and a price
    /// each. Decided at once; the penalty follows in {punish}, once a batch.
    function reportDoubledSequence(
        Receipt calldata first,
        bytes32[] calldata firstPath,
        Batch calldata firstBatch,
        Receipt calldata second,
        bytes32[] calldata secondPath,
        Batch calldata secondBatch
    ) external;

    /// @notice Shows a committed receipt that is of another settler than its batch, or whose sequence is outside of it.
    /// Decided at once; the penalty follows in {punish}, once a batch.
    function reportOutOfRange(Receipt calldata receipt, bytes32[] calldata path, Batch calldata batch) external;

    /* SEQUENCES THAT NOBODY SHOWED */

    /// @notice Demands to see the receipt of one sequence number, and the window that an enclave signed over it, with a bond
    /// of {bondNano} that a right answer earns.
    ///
    /// Requirements:
    /// - This is the court that stands now.
    /// - The batch was committed and is not beyond the claim horizon; the sequence is one of its own and not claimed before.
    ///
    /// @return claim The new claim's id, from 1; these ids are not those of debits.
    function claimSequence(Batch calldata batch, uint64 sequence) external returns (uint256 claim);

    /// @notice Answers a claim: shows the receipt under the batch's root, and under a window that an enclave key of the
    /// receipt's verifier signed. Anybody may; the settler gets the bond.
    ///
    /// Requirements:
    /// - The key was registered, and neither it nor its image had ended when the window says it was signed, by more than
    ///   what honest clocks and caches differ. A window can stand for receipts of several batches: the two paths are apart.
    ///
    /// @param path From the receipt to the batch's root.
    /// @param windowPath From the receipt to the window's root.
    function openSequence(
        uint256 claim,
        Receipt calldata receipt,
        bytes32[] calldata path,
        Window calldata window,
        bytes32[] calldata windowPath,
        bytes calldata signature
    ) external;

    /// @notice Ends a claim that nobody answered in time; the challenger gets its bond back. The penalty of the settler
    /// alone follows in {punish}, once a batch.
    function endSequence(uint256 claim) external;

    /* RECEIPTS */

    /// @notice Shows a committed receipt that is weaker or dearer than its request, or of another model, input or value at
    /// risk. Decided at once; the money follows in {refundExcess}, the penalty of settler and signers in {punish}.
    /// @param request The receipt names its hash; no signature is needed.
    function reportRequest(
        Request calldata request,
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external;

    /// @notice Shows a committed receipt that costs more than its units come to by its model version's price list, or
    /// anything at all without an answer. Decided at once, like {reportRequest}.
    function reportPrice(Receipt calldata receipt, bytes32[] calldata path, Batch calldata batch) external;

    /// @notice Shows that a batch debited a reservation under another policy than its payer agreed to; the debit was shown by
    /// {showDebit}. Decided at once; all of the debit is in excess.
    function reportPolicy(Terms calldata terms, Batch calldata batch, uint32 reservation) external;

    /// @notice Gives a reservation back what a batch charged it in excess, at most what the batch debited of it, from the
    /// settler's earnings, then its stake, then the signers' stake. The debit was shown by {showDebit}. Anybody may.
    /// @param signers The operators that signed the batch, 4 bytes each.
    function refundExcess(uint32 settler, uint64 number, uint32 reservation, bytes calldata signers) external;

    /// @return open How many claims against a batch are not decided.
    function openClaims(uint32 settler, uint64 number) external view returns (uint256 open);

    function getClaim(uint256 claim) external view returns (DebitClaim memory);

    function getSequenceClaim(uint256 claim) external view returns (SequenceClaim memory);

    /// @return claim That was opened for a sequence of a settler; 0: none.
    function sequenceClaimOf(uint32 settler, uint64 sequence) external view returns (uint256 claim);

    function getExcess(uint32 settler, uint64 number, uint32 reservation) external view returns (Excess memory);

    /// @return claim That was opened against a debit; 0: none.
    function claimOf(uint32 settler, uint64 number, uint32 reservation) external view returns (uint256 claim);

    /// @return nano A debit that was shown, see {showDebit}; 0: none.
    function shownNano(uint32 settler, uint64 number, uint32 reservation) external view returns (uint64 nano);

    /// @return penalty Of a fault: keccak256(abi.encode("debit", "sequence", "unopened" or "receipt", settler,
    /// number)); zeros when there is none.
    function getPenalty(bytes32 evidenceId) external view returns (Penalty memory penalty);

    /// @return seconds_ Claim horizon plus answer time.
    function penaltyDelay() external view returns (uint32 seconds_);

    function bondNano() external view returns (uint64);
}
