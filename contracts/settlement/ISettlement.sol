// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader, Payee, Policy, Release, Settler, Terms, Withdrawal} from "./SettlementTypes.sol";

/// @title ISettlement
/// @notice Deposits, reservations, batches and earnings. Money and proof move in one transaction. Every amount is in nano
/// (1e-9 OPG) unless its name says wei.
interface ISettlement {
    /* EVENTS */

    event CourtSet(address indexed court);
    event PolicyRegistered(uint16 indexed id, Policy policy);
    event PolicyRetired(uint16 indexed id);
    /// @param until Unix timestamp, seconds; the pause ends by itself.
    event Paused(uint40 until);

    event SettlerOpened(uint32 indexed settler, uint32 payee);
    event CommitterSet(uint32 indexed settler, address indexed committer);
    event Reserved(
        uint32 indexed settler,
        uint32 indexed reservation,
        address indexed payer,
        address voucherKey,
        uint16 policy,
        uint64 amountNano
    );
    event ToppedUp(uint32 indexed settler, uint32 indexed reservation, address indexed from, uint64 amountNano);
    /// @notice Emitted when a payer asks to leave. Gateways count the amount as gone from here.
    event ReleaseRequested(uint32 indexed settler, uint32 indexed reservation, uint64 amountNano, uint40 dueAt);
    event ReleaseCancelled(uint32 indexed settler, uint32 indexed reservation);
    event Released(uint32 indexed settler, uint32 indexed reservation, address indexed payer, uint64 amountNano);

    /// @param restHash With the root it gives the batch's inner hash, so headers can be followed from events alone.
    event BatchCommitted(uint32 indexed settler, uint64 indexed number, bytes32 root, bytes32 restHash);
    event FeesCollected(uint32 indexed settler, uint64 amountNano);

    event PayeeRegistered(uint32 indexed payee, address indexed account);
    event WithdrawalRequested(uint32 indexed payee, uint32 indexed id, uint64 amountNano, uint40 dueAt);
    event Withdrawn(uint32 indexed payee, uint32 indexed id, address indexed account, uint64 amountNano);
    event Frozen(uint32 indexed payee, uint64 amountNano);
    event Unfrozen(uint32 indexed payee, uint64 amountNano);
    event Seized(uint32 indexed payee, uint64 amountNano);
    event Restored(uint32 indexed settler, uint32 indexed reservation, uint64 amountNano);

    /* ERRORS */

    error Settlement_NotCourt(address caller, address court);
    error Settlement_NoCourt();
    /// @notice Thrown when the former court may still end claims; Unix timestamp, seconds.
    error Settlement_CourtReplacedTooRecently(uint40 formerCourtUntil);
    error Settlement_NotDeployer(address caller);
    error Settlement_Paused(uint40 until);
    error Settlement_PausedTooRecently(uint40 notBefore);
    error Settlement_BadPolicy(string what, uint256 given, uint256 limit);
    error Settlement_UnknownPolicy(uint16 policy);
    error Settlement_PolicyRetired(uint16 policy, uint40 retiredAt);
    error Settlement_ZeroAmount();
    /// @notice Thrown when the token moved another amount than asked; both in wei.
    error Settlement_TokenMoved(uint256 movedWei, uint256 askedWei);

    error Settlement_NotOperatorOwner(uint32 operator, address caller);
    error Settlement_NotCommitter(uint32 settler, address caller);
    error Settlement_AlreadyOpen(uint32 settler);
    error Settlement_UnknownSettler(uint32 settler);
    error Settlement_UnknownReservation(uint32 settler, uint32 reservation);
    error Settlement_NoVoucherKey();
    error Settlement_WrongTerms(uint32 settler, uint32 reservation, bytes32 given);
    error Settlement_NotPayer(address caller, address payer);
    error Settlement_NoRelease(uint32 settler, uint32 reservation);
    error Settlement_ReleaseNotDue(uint32 settler, uint32 reservation, uint40 dueAt);
    error Settlement_LaneOverflow(uint256 index, uint256 hasNano, uint256 addedNano);

    error Settlement_WrongBatchNumber(uint32 settler, uint64 expected, uint64 given);
    error Settlement_DeadlinePassed(uint64 deadline, uint256 now_);
    error Settlement_EmptyBatch();
    error Settlement_WrongDataMode(uint16 policy);
    error Settlement_WrongRoot(bytes32 recomputed, bytes32 given);
    error Settlement_WrongCount(uint256 counted, uint32 given);
    error Settlement_WrongData(bytes32 expected, bytes32 given);
    error Settlement_BadRowLength(uint256 length);
    /// @notice Thrown when rows are not in strictly ascending order of their index, or a credit is to payee 0.
    /// @param lowest What the index would have to be at least.
    error Settlement_RowsUnsorted(uint256 lowest, uint256 index);
    error Settlement_ZeroRow(uint256 index);
    error Settlement_LaneShort(uint256 reservation, uint256 hasNano, uint256 wantsNano);
    error Settlement_UnknownPayee(uint256 payee);
    error Settlement_Unbalanced(uint256 debitsNano, uint256 creditsNano, uint256 feeNano);
    error Settlement_TotalTooHigh(uint256 totalNano);
    /// @notice Thrown when debits that can be in doubt could exceed the settler's effective stake: the level would
    /// be above half of it.
    error Settlement_CoverExceeded(uint32 settler, uint256 levelNano, uint256 halfStakeNano);
    error Settlement_BadSignatureLength(uint256 length);
    error Settlement_QuorumTooSmall(uint256 signers, uint8 quorum);
    error Settlement_TooManySigners(uint256 signers, uint8 limit);
    /// @notice Thrown when a signature is not by a key that counts now, or is of another body than this one.
    error Settlement_SignerNotActive(address key);
    error Settlement_SignerIsSettler(uint32 operator);
    /// @notice Thrown when signers are not in strictly ascending order of their operators.
    error Settlement_SignersNotDistinct(uint32 previous, uint32 operator);
    /// @notice Thrown when the batches that would be overwritten are still inside the claim horizon.
    error Settlement_RingFull(uint32 settler, uint64 number, uint256 notBefore);

    error Settlement_NotPayee(uint32 payee, address caller);
    error Settlement_EarningsShort(uint32 payee, uint64 hasNano, uint64 wantsNano);
    error Settlement_NoWithdrawal(uint32 payee, uint32 id);
    error Settlement_WithdrawalNotDue(uint32 payee, uint32 id, uint40 dueAt);
    error Settlement_EarningsFrozen(uint32 payee, uint256 leftNano, uint64 frozenNano);
    error Settlement_NotFrozen(uint32 payee, uint64 frozenNano, uint64 askedNano);

    /* PAYER */

    /// @notice Deposits and reserves in one step; the caller is the payer and has approved the token.
    ///
    /// Requirements:
    /// - Not paused; `settler` is open; `policy` is registered and not retired; `amountNano` > 0.
    ///
    /// @param voucherKey Signs vouchers for this reservation.
    /// @return reservation The index of the reservation among those of `settler`; never used again.
    function reserve(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano
    ) external returns (uint32 reservation);

    /// @notice Like {reserve}, with an ERC-2612 permit for exactly the amount instead of an approval. A permit that
    /// somebody else already submitted does no harm.
    function reserveWithPermit(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint32 reservation);

    /// @notice Like {reserve}, for `payer`, with its ERC-3009 `ReceiveWithAuthorization`; anybody may relay it. The nonce
    /// of the authorization is `authorizationNonce(...)` of the arguments, so a relay can change none of them.
    function reserveWithAuthorization(
        address payer,
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint32 reservation);

    /// @notice Adds money to a reservation; anybody may.
    function topUp(uint32 settler, uint32 reservation, uint64 amountNano) external;

    /// @notice Starts the release delay for up to `amountNano` of a reservation; payer only. A second request replaces the
    /// first and starts the delay anew. Works while paused.
    function requestRelease(uint32 settler, uint32 reservation, Terms calldata terms, uint64 amountNano) external;

    /// @notice Takes a request back; payer only.
    function cancelRelease(uint32 settler, uint32 reservation, Terms calldata terms) external;

    /// @notice Pays the payer min(asked, what is left) once the delay has passed; anybody may call. Works while paused and
    /// whoever is gone.
    /// @return amountNano What was paid.
    function release(uint32 settler, uint32 reservation, Terms calldata terms) external returns (uint64 amountNano);

    /* SETTLER */

    /// @notice Opens the caller's operator as a settler.
    /// @param payee Where the settler's own earnings go; an account of the caller, because refunds are taken from it.
    /// @param committer Sends the settler's batches, and signs what it asks of verifiers. Zero: nobody yet.
    function openSettler(uint32 operator, uint32 payee, address committer) external;

    /// @notice Replaces the committer at once; owner of the operator only. Zero stops the settler's batches.
    function setCommitter(uint32 settler, address committer) external;

    /// @notice Commits a batch that the quorum has signed; the settler's committer only, so that no quorum can spend a
    /// settler's stake without it.
    ///
    /// Requirements:
    /// - Not paused; the number is the settler's next; the deadline has not passed; at least one receipt.
    /// - Debits and credits are 12-byte rows (u32 index, u64 nano), strictly ascending, none zero; debits = credits + fee;
    ///   each lane holds its debit; each payee is registered.
    /// - Debits that can still be in doubt stay covered by the settler's effective stake: they raise a level that drains at
    ///   half the stake per {coverPeriod} and may not exceed half the stake, so no such period sees more than the whole.
    /// - `signatures` are 64 bytes each (r, then s with the parity in its top bit), by active keys of distinct operators in
    ///   ascending order, none the settler's, at least the policy's quorum, over the EIP-712 BatchBody.
    /// - Under a CALLDATA policy the root recomputed from `tree` is the header's; under an OFFCHAIN policy `tree` is empty.
    ///
    /// Notes:
    /// - The fee is rounded up and waits for {collectFees}. The header hash stays in a ring of {ringSize} and, for every 256th batch, for ever.
    ///
    /// @param tree Window sizes and leaf hashes, see {MerkleBatch-rootOf}.
    function commitBatch(
        BatchHeader calldata header,
        bytes calldata debits,
        bytes calldata credits,
        bytes calldata signatures,
        bytes calldata tree
    ) external;

    /// @notice Moves a settler's fees to the earnings of payee 1, the treasury; anybody may call.
    /// @return amountNano What was moved.
    function collectFees(uint32 settler) external returns (uint64 amountNano);

    /* PAYEE */

    /// @notice Opens an earnings account that pays to `account` for ever. Ids run from 1, which is the treasury's.
    function registerPayee(address account) external returns (uint32 payee);

    /// @notice Moves earnings out of the lane; they are paid after the earnings delay. The payee's account only.
    /// @return id Names the withdrawal.
    function requestWithdrawal(uint32 payee, uint64 amountNano) external returns (uint32 id);

    /// @notice Pays a withdrawal that is due, less what the court seized; anybody may call.
    /// @return amountNano What was paid.
    function withdraw(uint32 payee, uint32 id) external returns (uint64 amountNano);

    /* COURT */

    /// @notice Keeps `amountNano` of a payee's earnings, pending ones included, from leaving; the court only.
    function freeze(uint32 payee, uint64 amountNano) external;

    /// @notice Undoes {freeze}; the court only.
    function unfreeze(uint32 payee, uint64 amountNano) external;

    /// @notice Takes up to `amountNano` of a payee's earnings, pending ones last; the court only.
    /// @return takenNano What was taken. It waits for {restore}.
    function seize(uint32 payee, uint64 amountNano) external returns (uint64 takenNano);

    /// @notice Puts money back into a reservation; the court only.
    /// @param seizedNano From what was seized.
    /// @param pulledNano Pulled from the court's own tokens.
    function restore(uint32 settler, uint32 reservation, uint64 seizedNano, uint64 pulledNano) external;

    /* GUARDIAN AND GOVERNANCE */

    /// @notice Stops new deposits and batches for the longest pause; guardian. At most once per pause interval.
    function pause() external;

    /// @notice Registers a policy; governance only.
    function registerPolicy(Policy calldata policy) external returns (uint16 id);

    /// @notice Ends a policy for new reservations; guardian. Standing ones are settled under it.
    function retirePolicy(uint16 id) external;

    /// @notice Names the court: the deployer once, governance from then on. The court before it can end its claims until
    /// {formerCourtUntil}, and open no new ones.
    function setCourt(address court) external;

    /* VIEWS */

    function domainSeparator() external view returns (bytes32);

    function getPolicy(uint16 id) external view returns (Policy memory);

    function policyCount() external view returns (uint16);

    /// @return until Unix timestamp, seconds; paused while it is not past.
    function pausedUntil() external view returns (uint40 until);

    function getSettler(uint32 settler) external view returns (Settler memory);

    /// @return balanceNano What is left of a reservation.
    /// @return netNano Deposits less releases; netNano - balanceNano is what was debited.
    /// @return termsHash192 High 192 bits of the hash of its terms; 0: there is no such reservation.
    function getReservation(
        uint32 settler,
        uint32 reservation
    ) external view returns (uint64 balanceNano, uint64 netNano, uint192 termsHash192);

    function getRelease(uint32 settler, uint32 reservation) external view returns (Release memory);

    function getPayee(uint32 payee) external view returns (Payee memory);

    function payeeCount() external view returns (uint32);

    /// @return earningsNano What lies in the payee's lane.
    function earningsOf(uint32 payee) external view returns (uint64 earningsNano);

    function getWithdrawal(uint32 payee, uint32 id) external view returns (Withdrawal memory);

    /// @return headerHash Of a settler's batch; 0 when the contract does not keep it (any more).
    function headerHash(uint32 settler, uint64 number) external view returns (bytes32 headerHash);

    /// @return ringSize How many header hashes of a settler are kept.
    function ringSize() external view returns (uint64 ringSize);

    /// @notice The ERC-3009 nonce that {reserveWithAuthorization} demands.
    function authorizationNonce(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        bytes32 salt
    ) external pure returns (bytes32 nonce);

    /// @return court Decides claims.
    function court() external view returns (address court);

    /// @return until Unix timestamp, seconds; the last second that the former court can end claims.
    function formerCourtUntil() external view returns (uint40 until);

    function claimHorizon() external view returns (uint32);

    /// @return seconds_ Claim horizon plus answer time: for so long a debit can be in doubt.
    function coverPeriod() external view returns (uint32 seconds_);

    function releaseDelay() external view returns (uint32);

    function earningsDelay() external view returns (uint32);
}
